/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"

static int sv[2];
static uint8_t buf[FRAME_MAX];
static unsigned received;

/* In the C library's place, to count the calls. */
ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	received++;
	return syscall(SYS_recvmsg, fd, msg, flags);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

static void teardown(void)
{
	close(sv[0]);
	close(sv[1]);
}

/* Sends `n` copies of fd 0 by hand: frame_send() itself refuses more than FDSET_MAX. */
static void send_fds(const void *data, size_t len, int n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * 64)];
	} control = {0};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memset(CMSG_DATA(c), 0, sizeof(int) * (size_t)n);
	ck_assert_int_eq(sendmsg(sv[0], &msg, 0), (ssize_t)len);
}

START_TEST(test_roundtrip)
{
	struct fdset out = FDSET_INIT, in = FDSET_INIT;
	int before = open_fds(), fd;

	ck_assert_int_eq(fdset_add_dup(&out, 0), 0);
	ck_assert_int_eq(fdset_add_dup(&out, 1), 0);
	ck_assert_int_eq(frame_send(sv[0], "hello", 5, &out, 0), 0);
	fdset_close(&out);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	ck_assert_int_eq(in.n, 2);
	fd = fdset_take(&in, 1);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(fdset_take(&in, 1), -ENOENT);
	ck_assert_int_eq(fdset_take(&in, 2), -ENOENT);
	ck_assert_int_eq(fdset_take(&in, -1), -ENOENT);
	close(fd);
	fdset_close(&in);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(test_too_long)
{
	struct fdset in = FDSET_INIT;
	int before = open_fds();

	/* A packet that is longer than the buffer goes whole, its descriptors with it. */
	send_fds("0123456789", 10, 3);
	ck_assert_int_eq(frame_recv(sv[1], buf, 4, &in, 0), -EMSGSIZE);
	ck_assert_int_eq(in.n, 0);
	ck_assert_int_eq(open_fds(), before);
	ck_assert_int_eq(frame_recv(sv[1], buf, 4, &in, MSG_DONTWAIT), -EAGAIN);
	ck_assert_int_eq(frame_send(sv[0], buf, FRAME_MAX + 1, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(frame_send(sv[0], buf, 0, NULL, 0), -EMSGSIZE);
}
END_TEST

START_TEST(test_too_many_fds)
{
	struct fdset in = FDSET_INIT;
	int before = open_fds();

	send_fds("x", 1, FDSET_MAX);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), 1);
	ck_assert_int_eq(in.n, FDSET_MAX);
	fdset_close(&in);
	send_fds("x", 1, FDSET_MAX + 1);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), -ETOOMANYREFS);
	ck_assert_int_eq(in.n, 0);
	send_fds("x", 1, 60);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), -ETOOMANYREFS);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(test_no_room_for_fds)
{
	struct rlimit old, low;
	struct fdset in = FDSET_INIT;
	int before = open_fds(), top = dup(0);

	close(top);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)top + 1;
	send_fds("x", 1, 4);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), -ETOOMANYREFS);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(test_end_and_empty)
{
	struct fdset in = FDSET_INIT;
	int before = open_fds();

	ck_assert_int_eq(send(sv[0], "", 0, 0), 0);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), 0);
	ck_assert_int_eq(in.n, 0);
	shutdown(sv[0], SHUT_RDWR);
	ck_assert_int_eq(frame_recv(sv[1], buf, sizeof(buf), &in, 0), 0);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(test_set_full)
{
	struct fdset set = FDSET_INIT;
	int before = open_fds();

	for (int i = 0; i < FDSET_MAX; i++)
		ck_assert_int_eq(fdset_add_dup(&set, 0), 0);
	ck_assert_int_eq(fdset_add_dup(&set, 0), -EMFILE);
	ck_assert_int_eq(fdset_add(&set, 0), -EMFILE);
	fdset_close(&set);
	ck_assert_int_eq(set.n, 0);
	ck_assert_int_eq(fdset_add_dup(&set, 9999), -EBADF);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

static size_t pack_sample(uint8_t *out, size_t cap)
{
	Vfnd__CommandRequest cmd = VFND__COMMAND_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	uint8_t payload[300];
	ssize_t n;

	memset(payload, 0xa5, sizeof(payload));
	cmd.opcode = 0x81;
	cmd.data.data = payload;
	cmd.data.len = sizeof(payload);
	req.id = 77;
	req.op_case = VFND__REQUEST__OP_ADMIN;
	req.admin = &cmd;
	n = frame_pack(&req.base, out, cap);
	return n < 0 ? 0 : (size_t)n;
}

/* Every truncation of a message either is refused or is a message; none reads outside (sanitizer). */
START_TEST(test_truncated_protobuf)
{
	static uint8_t whole[FRAME_MAX];
	size_t len = pack_sample(whole, sizeof(whole));
	unsigned refused = 0;

	ck_assert_uint_gt(len, 300);
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		Vfnd__Request *req;

		memcpy(cut, whole, n);
		req = vfnd__request__unpack(NULL, n, cut);
		refused += !req;
		if (req)
			vfnd__request__free_unpacked(req, NULL);
		free(cut);
	}
	/* whole only where a field ends: nothing, and after the id */
	ck_assert_uint_eq(refused, len - 2);
}
END_TEST

START_TEST(test_pack_limit)
{
	size_t len = pack_sample(buf, sizeof(buf));

	ck_assert_uint_gt(len, 0);
	ck_assert_uint_eq(pack_sample(buf, len), len);
	ck_assert_uint_eq(pack_sample(buf, len - 1), 0);
}
END_TEST

/* Every packet that waits is taken, empty ones too, with what came with it, and no call is wasted. */
START_TEST(test_close)
{
	int pipefd[2], saved = dup(0), before;
	char c;

	ck_assert_int_eq(pipe2(pipefd, O_NONBLOCK), 0);
	/* What is sent is descriptor 0. */
	ck_assert_int_eq(dup2(pipefd[1], 0), 0);
	close(pipefd[1]);
	before = open_fds();
	send_fds("", 0, 60);
	send_fds("x", 1, 1);
	ck_assert_int_eq(send(sv[0], "", 0, 0), 0);
	send_fds("xyz", 3, 3);
	ck_assert_int_eq(dup2(saved, 0), 0);
	ck_assert_int_eq(read(pipefd[0], &c, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	received = 0;
	errno = 7;
	frame_close(sv[1]);
	ck_assert_int_eq(errno, 7);
	ck_assert_uint_eq(received, 5);
	/* The pipe's end: nobody has the other one any more. */
	ck_assert_int_eq(read(pipefd[0], &c, 1), 0);
	ck_assert_int_eq(open_fds(), before - 1);
	ck_assert_int_eq(send(sv[0], "x", 1, MSG_NOSIGNAL), -1);
	close(pipefd[0]);
	close(saved);
	sv[1] = dup(0);
}
END_TEST

UNIT_MAIN("frame", {
	tcase_add_test(tc, test_close);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_roundtrip);
	tcase_add_test(tc, test_too_long);
	tcase_add_test(tc, test_too_many_fds);
	tcase_add_test(tc, test_no_room_for_fds);
	tcase_add_test(tc, test_end_and_empty);
	tcase_add_test(tc, test_set_full);
	tcase_add_test(tc, test_truncated_protobuf);
	tcase_add_test(tc, test_pack_limit);
})
