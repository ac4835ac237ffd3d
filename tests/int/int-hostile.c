/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that mean no good, or know no better: they are refused or cut off, and nobody else notices. */
#include "blocks.h"
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/frame.h"

/* So often, or for so long if that is more. */
#define HOSTILE_TIMES (env.sim_control ? 1000 : 200)
#define HOSTILE_MS    (env.longer ? 10000 : 0)

/* ---- the others ------------------------------------------------------------------------------ */

/* A decent session, looked at before and after whatever the hostile ones do. */
struct decent {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	size_t bs;
	struct ledger before;
};

static void decent_check(struct decent *d)
{
	static uint32_t generation;
	size_t half = 8 * d->bs;

	generation++;
	blocks_fill(d->buf->vaddr, d->bs, 8, 5, generation, 2000);
	memset((char *)d->buf->vaddr + half, 0, half);
	OK(d->conn, vfnc_write(d->queue, 1, 2000, 8, d->buf, 0, half, NULL));
	OK(d->conn, vfnc_read(d->queue, 1, 2000, 8, d->buf, half, half, NULL));
	CHECK(memcmp(d->buf->vaddr, (char *)d->buf->vaddr + half, half) == 0,
	      "a decent session reads something else than it has written");
}

static void decent_open(struct decent *d)
{
	d->dev = int_open_new();
	d->conn = vfnc_device_connection(d->dev);
	d->queue = int_queue(d->dev, 16);
	d->buf = int_buffer(d->dev, 65536);
	d->bs = int_namespace(d->dev, 1).block_size;
	decent_check(d);
	ledger_take(&d->before);
}

static void decent_close(struct decent *d)
{
	decent_check(d);
	/* What waited to be read was megabytes; the allocator may keep them. */
	ledger_await(&d->before, 16384);
	vfnc_disconnect(d->conn);
}

/* ---- packets --------------------------------------------------------------------------------- */

static void fill_random(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)int_random(256);
}

/* Takes what has come without waiting. False when the daemon has ended the connection. */
static bool drain(int fd)
{
	static uint8_t buf[FRAME_MAX];
	struct fdset fds = FDSET_INIT;
	ssize_t n;

	while ((n = frame_recv(fd, buf, sizeof(buf), &fds, MSG_DONTWAIT)) > 0)
		fdset_close(&fds);
	return n == -EAGAIN;
}

static void hostile_garbage(void)
{
	static uint8_t packet[FRAME_MAX];
	struct decent d;
	uint64_t until;

	decent_open(&d);
	until = int_now_ms() + HOSTILE_MS;
	for (int i = 0; i < HOSTILE_TIMES || int_now_ms() < until; i++) {
		int fd = i % 2 ? raw_hello() : raw_connect();
		size_t len = 1 + int_random(int_random(4) ? 64 : sizeof(packet));

		fill_random(packet, len);
		for (int k = 0; k < 5 && raw_send(fd, packet, len, NULL); k++)
			fill_random(packet, len < 64 ? len : 64);
		if (i % 10 == 0) {
			shutdown(fd, SHUT_WR);
			raw_cut_off(fd);
			decent_check(&d);
		}
		close(fd);
	}
	decent_close(&d);
}

/* A sound request with some bits turned. */
static void hostile_mutations(void)
{
	Vfnd__QueueCreateRequest create = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__OpenRequest open = VFND__OPEN_REQUEST__INIT;
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	Vfnd__CommandRequest command = VFND__COMMAND_REQUEST__INIT;
	uint8_t sound[4][512], packet[512], data[64] = {0};
	size_t length[4];
	struct decent d;
	uint64_t until;
	int fd = -1;

	for (int i = 0; i < 4; i++) {
		Vfnd__Request request = VFND__REQUEST__INIT;

		request.id = (uint64_t)i + 1;
		switch (i) {
		case 0:
			request.op_case = VFND__REQUEST__OP_HELLO;
			request.hello = &hello;
			hello.version = 1;
			hello.program = (char *)"mutant";
			break;
		case 1:
			request.op_case = VFND__REQUEST__OP_OPEN;
			request.open = &open;
			open.address = (char *)env.device2;
			break;
		case 2:
			request.op_case = VFND__REQUEST__OP_QUEUE_CREATE;
			request.queue_create = &create;
			create.device = 4711;
			create.entries = 16;
			break;
		default:
			request.op_case = VFND__REQUEST__OP_IO;
			request.io = &command;
			command.queue = 4711;
			command.opcode = 2;
			command.data = (ProtobufCBinaryData){sizeof(data), data};
			break;
		}
		length[i] = (size_t)frame_pack(&request.base, sound[i], sizeof(sound[i]));
		CHECK(length[i] <= sizeof(sound[i]), "a request is too long");
	}
	decent_open(&d);
	until = int_now_ms() + HOSTILE_MS;
	for (int i = 0; i < 4 * HOSTILE_TIMES || int_now_ms() < until; i++) {
		unsigned int which = (unsigned int)int_random(4);
		size_t len = length[which];

		if (fd < 0)
			fd = i % 3 ? raw_hello() : raw_connect();
		memcpy(packet, sound[which], len);
		for (uint64_t k = 1 + int_random(4); k > 0; k--)
			packet[int_random(len)] ^= (uint8_t)(1u << int_random(8));
		if (int_random(8) == 0)
			len = 1 + int_random(len);
		if (!raw_send(fd, packet, len, NULL) || !drain(fd) || int_random(32) == 0) {
			close(fd);
			fd = -1;
		}
		if (i % 100 == 0)
			decent_check(&d);
	}
	if (fd >= 0)
		close(fd);
	decent_close(&d);
}

/* ---- the protocol's order ------------------------------------------------------------------ */

static void hostile_order(void)
{
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	Vfnd__ListRequest list = VFND__LIST_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	static uint8_t longer[FRAME_MAX + 1000];
	struct decent d;
	int fd;

	decent_open(&d);
	/* not hello first */
	request.id = 1;
	request.op_case = VFND__REQUEST__OP_LIST;
	request.list = &list;
	fd = raw_connect();
	CHECK(raw_request(fd, &request, NULL), "cut off before anything was said");
	raw_cut_off(fd);
	close(fd);
	/* an id of 0 */
	fd = raw_hello();
	request.id = 0;
	CHECK(raw_request(fd, &request, NULL), "cut off after hello");
	raw_cut_off(fd);
	close(fd);
	/* a version that does not exist, and hello twice: refused, and the session goes on */
	fd = raw_connect();
	request = (Vfnd__Request)VFND__REQUEST__INIT;
	request.op_case = VFND__REQUEST__OP_HELLO;
	request.hello = &hello;
	raw_refused(fd, &request, EPROTONOSUPPORT, "hello.version");
	close(fd);
	fd = raw_hello();
	hello.version = 1;
	raw_refused(fd, &request, EALREADY, "hello");
	/* no operation, or one that does not exist yet */
	request = (Vfnd__Request)VFND__REQUEST__INIT;
	raw_refused(fd, &request, EOPNOTSUPP, NULL);
	raw_free(raw_call(fd, &(Vfnd__Request){.base = request.base, .op_case =
					       VFND__REQUEST__OP_LIST, .list = &list}));
	/* longer than a packet may be */
	CHECK(send(fd, longer, sizeof(longer), MSG_NOSIGNAL) == (ssize_t)sizeof(longer), "send: %s",
	      strerror(errno));
	raw_cut_off(fd);
	close(fd);
	decent_close(&d);
}

/* ---- descriptors --------------------------------------------------------------------------- */

/* More descriptors than a packet may have, past the library's own check. */
static void send_many_fds(int sock, const uint8_t *buf, size_t len, int fd, int n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(253 * sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			     .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t sent;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	for (int i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	CHECK(sent == (ssize_t)len, "sendmsg: %s", strerror(errno));
}

static void hostile_descriptors(void)
{
	Vfnd__ListRequest list = VFND__LIST_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fd;
	struct fdset fds = FDSET_INIT;
	Vfnd__Answer *answer;
	uint8_t buf[64];
	struct decent d;
	ssize_t len;

	CHECK(null >= 0, "/dev/null: %s", strerror(errno));
	decent_open(&d);
	request.id = 1;
	request.op_case = VFND__REQUEST__OP_LIST;
	request.list = &list;
	len = frame_pack(&request.base, buf, sizeof(buf));
	for (int i = 0; i < FDSET_MAX; i++)
		CHECK(fdset_add_dup(&fds, null) == 0, "no descriptor");
	fd = raw_hello();
	for (int i = 0; i < 50; i++) {
		CHECK(raw_request(fd, &request, &fds), "cut off for surplus descriptors");
		answer = raw_receive(fd);
		CHECK(answer && answer->body_case == VFND__ANSWER__BODY_ERROR &&
		      answer->error->code == EINVAL, "surplus descriptors were taken");
		raw_free(answer);
	}
	for (int n = FDSET_MAX + 1; n <= 253; n += 59) {
		int other = raw_hello();

		send_many_fds(other, buf, (size_t)len, null, n);
		raw_cut_off(other);
		close(other);
	}
	fdset_close(&fds);
	close(fd);
	close(null);
	decent_close(&d);
}

/* ---- too much of everything ------------------------------------------------------------------ */

/* Asks and asks, and never reads an answer. */
static void hostile_slow_reader(void)
{
	Vfnd__ConfigReadRequest config = VFND__CONFIG_READ_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct decent d;
	uint8_t buf[64];
	ssize_t len;
	int fd;

	decent_open(&d);
	fd = raw_hello();
	config.device = raw_open(fd, env.device);
	config.length = 256;
	request.id = 99;
	request.op_case = VFND__REQUEST__OP_CONFIG_READ;
	request.config_read = &config;
	len = frame_pack(&request.base, buf, sizeof(buf));
	for (unsigned int n = 0;; n++) {
		int ret = frame_send(fd, buf, (size_t)len, NULL, MSG_DONTWAIT);

		if (ret == -EPIPE || ret == -ECONNRESET) {
			int_note("cut off after %u requests", n);
			break;
		}
		CHECK(ret == 0 || ret == -EAGAIN, "send: %s", strerror(-ret));
		CHECK(int_now_ms() < deadline, "not cut off after %u requests", n);
		if (ret == -EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			poll(&p, 1, 100);
		}
		if (n % 1000 == 0)
			decent_check(&d);
	}
	close(fd);
	decent_close(&d);
}

/* As many buffers as it gets; then everything goes at once. */
static void hostile_handles(void)
{
	Vfnd__BufferAllocRequest alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	unsigned int made = 0, refused = 0, most = env.sim_control || env.longer ? 3000 : 500;
	struct decent d;
	int fd;

	decent_open(&d);
	fd = raw_hello();
	alloc.device = raw_open(fd, env.device);
	alloc.size = 4096;
	request.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	request.buffer_alloc = &alloc;
	while (made + refused < most && refused < 50) {
		Vfnd__Answer *answer = raw_call(fd, &request);

		made += answer->body_case == VFND__ANSWER__BODY_BUFFER_ALLOC;
		refused += answer->body_case == VFND__ANSWER__BODY_ERROR;
		raw_free(answer);
	}
	int_note("%u buffers, then %u were refused", made, refused);
	CHECK(made > 100, "only %u buffers were to be had", made);
	decent_check(&d);
	alloc.size = UINT64_MAX;
	raw_refused(fd, &request, EINVAL, "buffer_alloc.size");
	alloc.size = UINT64_C(1) << 50;
	raw_refused(fd, &request, EDQUOT, "buffer_alloc.size");
	close(fd);
	decent_close(&d);
}

static void hostile_open_close(void)
{
	struct vfnc_subscription *sub;
	struct vfnc_device *dev;
	struct vfnc *conn;
	struct decent d;
	uint64_t until;

	decent_open(&d);
	conn = int_connect();
	until = int_now_ms() + HOSTILE_MS;
	for (int i = 0; i < HOSTILE_TIMES || int_now_ms() < until; i++) {
		dev = int_open(conn, NULL);
		OK(conn, vfnc_subscribe(dev, &sub));
		OK(conn, vfnc_close(dev));
	}
	vfnc_disconnect(conn);
	decent_close(&d);
}

/* Connections by the hundred: that stay and say nothing, and that go at once. */
static void hostile_flood(void)
{
	enum { N = 400 };
	int fd[N];
	struct decent d;
	uint64_t until;

	decent_open(&d);
	for (int i = 0; i < N; i++)
		fd[i] = raw_connect();
	decent_check(&d);
	for (int i = 0; i < N; i++)
		close(fd[i]);
	until = int_now_ms() + HOSTILE_MS;
	for (int i = 0; i < HOSTILE_TIMES || int_now_ms() < until; i++)
		close(raw_connect());
	/* Asked, and gone before the answer. */
	until = int_now_ms() + HOSTILE_MS;
	for (int i = 0; i < HOSTILE_TIMES / 4 || int_now_ms() < until; i++) {
		Vfnd__OpenRequest open = VFND__OPEN_REQUEST__INIT;
		Vfnd__Request request = VFND__REQUEST__INIT;
		int gone = raw_hello();

		open.address = (char *)env.device;
		request.id = 7;
		request.op_case = VFND__REQUEST__OP_OPEN;
		request.open = &open;
		raw_request(gone, &request, NULL);
		close(gone);
	}
	decent_close(&d);
}

/* More commands at once than a session may have: those beyond are refused, the others are done. */
static void hostile_many_commands(void)
{
	Vfnd__CommandRequest command = VFND__COMMAND_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	struct vfnc_limits limits;
	unsigned int done = 0, refused = 0, extra = 100;
	struct decent d;
	int fd;

	decent_open(&d);
	vfnc_limits(d.conn, &limits);
	fd = raw_hello();
	command.device = raw_open(fd, env.device);
	command.opcode = 0x0a; /* Get Features: Arbitration, which transfers nothing */
	command.cdw10 = 0x01;
	request.op_case = VFND__REQUEST__OP_ADMIN;
	request.admin = &command;
	sim_tell(env.sim_control, "delay admin 10 0 300");
	for (unsigned int i = 0; i < limits.max_outstanding + extra; i++) {
		request.id = 1000 + i;
		CHECK(raw_request(fd, &request, NULL), "cut off after %u commands", i);
	}
	for (unsigned int i = 0; i < limits.max_outstanding + extra; i++) {
		Vfnd__Answer *answer = raw_receive(fd);

		if (i == 0)
			sim_tell(env.sim_control, "clear");
		CHECK(answer, "cut off");
		done += answer->body_case == VFND__ANSWER__BODY_COMMAND;
		refused += answer->body_case == VFND__ANSWER__BODY_ERROR &&
			   answer->error->code == EAGAIN;
		raw_free(answer);
	}
	CHECK(done == limits.max_outstanding && refused == extra,
	      "%u commands were done, %u refused", done, refused);
	close(fd);
	decent_close(&d);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("garbage", hostile_garbage),
		INT_CASE("almost sound requests", hostile_mutations),
		INT_CASE("requests out of order", hostile_order),
		INT_CASE("surplus descriptors", hostile_descriptors),
		INT_CASE("a client that does not read", hostile_slow_reader),
		INT_CASE("as many buffers as there are", hostile_handles),
		INT_CASE("opened and closed again and again", hostile_open_close),
		INT_CASE("connections by the hundred", hostile_flood),
		INT_CASE("more commands than a session may have", hostile_many_commands, .faults = true),
		{0},
	};

	return int_main("hostile", cases);
}
