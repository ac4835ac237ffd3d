/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that do not want to be closed: sockets that are to linger, and files of a file system in user space,
 * whose server is asked at each close(2). Wherever a client can hand them to the daemon, it goes on for the others.
 */
#include "int.h"
#include "raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "proto/frame.h"

/* What a decent client needs at most for a round trip while others attack. */
#define UNCLOSABLE_PROMPT_MS 3000

static void prompt(const char *what)
{
	uint64_t before = int_now_ms();

	close(raw_hello());
	CHECK(int_now_ms() - before < UNCLOSABLE_PROMPT_MS, "%s blocked the daemon for %llu ms", what,
	      (unsigned long long)(int_now_ms() - before));
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* A socket whose last close(2) waits for a peer that does not read. */
static int lingering_socket(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct linger linger = {1, 20};
	socklen_t len = sizeof(sa);
	static char stuff[65536];
	int l = socket(AF_INET, SOCK_STREAM, 0), s = socket(AF_INET, SOCK_STREAM, 0), peer;

	CHECK(l >= 0 && s >= 0 && bind(l, (struct sockaddr *)&sa, len) == 0 && listen(l, 1) == 0 &&
	      getsockname(l, (struct sockaddr *)&sa, &len) == 0 &&
	      connect(s, (struct sockaddr *)&sa, len) == 0, "no TCP: %s", strerror(errno));
	peer = accept(l, NULL, NULL);
	close(l);
	CHECK(peer >= 0 && setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0,
	      "SO_LINGER: %s", strerror(errno));
	while (send(s, stuff, sizeof(stuff), MSG_DONTWAIT) > 0)
		;
	return s;
}

/* With a request that has no use for it. */
static void send_list(int fd, uint64_t id, int what)
{
	Vfnd__ListRequest list = VFND__LIST_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	struct fdset fds = FDSET_INIT;

	request.id = id;
	request.op_case = VFND__REQUEST__OP_LIST;
	request.list = &list;
	fdset_add(&fds, what);
	CHECK(raw_request(fd, &request, &fds), "cut off");
}

/* As memory for a buffer. */
static void send_own(int fd, uint64_t device, uint64_t size, int what)
{
	Vfnd__BufferAllocRequest alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	struct fdset fds = FDSET_INIT;

	alloc.device = device;
	alloc.size = size;
	alloc.own = true;
	request.id = 7000;
	request.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	request.buffer_alloc = &alloc;
	fdset_add(&fds, what);
	CHECK(raw_request(fd, &request, &fds), "cut off");
}

static void own_refused(int fd)
{
	Vfnd__Answer *answer = raw_receive(fd);

	CHECK(answer && answer->body_case == VFND__ANSWER__BODY_ERROR, "it was taken for a memfd");
	raw_free(answer);
}

static void unclosable_unasked(void)
{
	int fd = raw_hello(), other = raw_connect(), s = lingering_socket();

	send_list(fd, 1, s);
	/* Ours goes now; linger is left on, as the daemon's is the last one. */
	close(s);
	prompt("a descriptor that nobody asked for");
	/* The first packet ends the session, the descriptors are in those behind it. */
	CHECK(kill(env.daemon, SIGSTOP) == 0, "SIGSTOP: %s", strerror(errno));
	CHECK(raw_send(other, "\377", 1, NULL), "cut off");
	for (uint64_t id = 1; id < 4; id++) {
		s = lingering_socket();
		send_list(other, id, s);
		close(s);
	}
	CHECK(kill(env.daemon, SIGCONT) == 0, "SIGCONT: %s", strerror(errno));
	prompt("a descriptor in a packet that was never read");
	close(fd);
	close(other);
}

static void unclosable_own(void)
{
	int fd = raw_hello(), s = lingering_socket();
	uint64_t device = raw_open(fd, env.device);

	send_own(fd, device, 4096, s);
	close(s);
	own_refused(fd);
	prompt("a socket for a buffer's memory");
	s = lingering_socket();
	send_own(fd, device, 1, s);
	close(s);
	own_refused(fd);
	prompt("a socket for a buffer of a bad size");
	close(fd);
}

/* Sent to where the daemon wakes a client, which it never reads. */
static void wake_it(int fd, Vfnd__Request *request, int which, const char *what)
{
	static uint8_t packet[FRAME_MAX];
	struct fdset fds = FDSET_INIT, one = FDSET_INIT;
	int wake, s = lingering_socket();

	request->id = 8000;
	CHECK(raw_request(fd, request, NULL), "cut off");
	CHECK(frame_recv(fd, packet, sizeof(packet), &fds, 0) > 0 && fds.n > which, "no %s", what);
	wake = fdset_take(&fds, which);
	fdset_close(&fds);
	fdset_add(&one, s);
	/* Where it is refused it is ours to close. */
	if (frame_send(wake, "", 1, &one, MSG_DONTWAIT) < 0)
		fdset_close_one(s);
	else
		close(s);
	close(wake);
	close(fd);
	prompt(what);
}

static void unclosable_wake(void)
{
	Vfnd__TraceOpenRequest trace = VFND__TRACE_OPEN_REQUEST__INIT;
	Vfnd__QueueCreateRequest queue = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	int fd = raw_hello();

	trace.device = raw_open(fd, env.device);
	request.op_case = VFND__REQUEST__OP_TRACE_OPEN;
	request.trace_open = &trace;
	wake_it(fd, &request, 1, "a trace");
	fd = raw_hello();
	queue.device = raw_open(fd, env.device);
	queue.entries = 16;
	queue.mode = VFND__QUEUE_MODE__QUEUE_MODE_SERVED;
	request.op_case = VFND__REQUEST__OP_QUEUE_CREATE;
	request.queue_create = &queue;
	wake_it(fd, &request, 2, "a served queue");
	fd = raw_hello();
	queue.device = raw_open(fd, env.device);
	queue.mode = VFND__QUEUE_MODE__QUEUE_MODE_DIRECT;
	wake_it(fd, &request, 3, "a direct queue");
}

/* ---- a file system in user space --------------------------------------------------------------- */

struct slow_fs {
	int dev; /* the kernel's end */
	int poke;
};

static void slow_answer(int dev, const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	uint8_t buf[256];
	struct fuse_out_header *out = (struct fuse_out_header *)buf;

	*out = (struct fuse_out_header){.len = (uint32_t)(sizeof(*out) + len), .error = error, .unique = in->unique};
	if (len)
		memcpy(out + 1, data, len);
	CHECK(write(dev, buf, out->len) == (ssize_t)out->len, "FUSE: %s", strerror(errno));
}

/* Of one file; it answers all but FUSE_FLUSH, for which it only says that it has come. */
static void slow_serve(void *arg)
{
	static uint8_t buf[1 << 20];
	struct fuse_in_header *in = (struct fuse_in_header *)buf;
	struct slow_fs *fs = arg;

	for (;;) {
		struct fuse_init_out init = {.major = 7, .minor = 31, .max_write = 4096};
		struct fuse_attr_out attr = {.attr = {.ino = 1, .mode = S_IFREG | 0666, .nlink = 1}};
		struct fuse_open_out open = {.fh = 1};

		if (read(fs->dev, buf, sizeof(buf)) < (ssize_t)sizeof(*in))
			return;
		switch (in->opcode) {
		case FUSE_INIT:
			slow_answer(fs->dev, in, 0, &init, sizeof(init));
			break;
		case FUSE_OPEN:
			slow_answer(fs->dev, in, 0, &open, sizeof(open));
			break;
		case FUSE_GETATTR:
			slow_answer(fs->dev, in, 0, &attr, sizeof(attr));
			break;
		case FUSE_FLUSH:
			int_poke(fs->poke);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
		case FUSE_RELEASE:
			break;
		default:
			slow_answer(fs->dev, in, -ENOSYS, NULL, 0);
			break;
		}
	}
}

static const char *unclosable_no_fuse(void)
{
	if (geteuid() != 0)
		return "only root can mount";
	return access("/dev/fuse", R_OK | W_OK) < 0 ? "there is no FUSE" : NULL;
}

static void unclosable_file(void)
{
	char name[] = "/tmp/vfnd-test.slow.XXXXXX", options[128];
	int fd, file = mkstemp(name), poke[2];
	struct ledger before;
	struct slow_fs fs;
	uint64_t device;
	pid_t pid;

	ledger_take(&before);
	fd = raw_hello();
	device = raw_open(fd, env.device);
	CHECK(file >= 0 && pipe2(poke, O_CLOEXEC) == 0, "%s", strerror(errno));
	close(file);
	fs.dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	fs.poke = poke[1];
	CHECK(fs.dev >= 0, "/dev/fuse: %s", strerror(errno));
	snprintf(options, sizeof(options), "fd=%d,rootmode=100666,user_id=0,group_id=0", fs.dev);
	/* Nobody else sees it, and it goes with us. */
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	      "no mounts of our own: %s", strerror(errno));
	CHECK(mount("slow", name, "fuse.slow", MS_NOSUID | MS_NODEV, options) == 0, "mount: %s", strerror(errno));
	pid = int_spawn(slow_serve, &fs);
	close(fs.dev);
	file = open(name, O_RDWR | O_CLOEXEC);
	CHECK(file >= 0, "%s: %s", name, strerror(errno));
	send_list(fd, 1, file);
	int_await_poke(poke[0], INT_SOON_MS);
	prompt("a file that nobody asked for");
	send_own(fd, device, 4096, file);
	prompt("a file for a buffer's memory");
	/* Its files are closed then, by whomever. */
	CHECK(kill(pid, SIGKILL) == 0, "kill: %s", strerror(errno));
	int_reap_killed(pid);
	close(file);
	close(fd);
	umount2(name, MNT_DETACH);
	unlink(name);
	ledger_await(&before, 4096);
	prompt("what is over");
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("sockets that nobody asked for", unclosable_unasked),
		INT_CASE("sockets for a buffer's memory", unclosable_own),
		INT_CASE("sockets that are sent where nobody reads", unclosable_wake),
		INT_CASE("files that ask a process when they are closed", unclosable_file,
			 .missing = unclosable_no_fuse),
		{0},
	};

	return int_main("unclosable", cases);
}
