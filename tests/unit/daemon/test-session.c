/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/state/state.h"
#include "host.h"
#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"

static struct session *session;
static int client = -1;
static uint8_t buf[FRAME_MAX];

/* What the sessions' packet function saw, and does. */
static unsigned int packets, packet_fds;
static struct session *senders[4096];
static bool end_inside, take_fd;
static int taken;

static void on_packet(struct session *s, const uint8_t *data, size_t len, struct fdset *fds)
{
	senders[packets++ % 4096] = s;
	packet_fds += (unsigned int)fds->n;
	if (take_fd)
		taken = fdset_take(fds, 0);
	if (end_inside)
		session_end(s, "from inside");
}

static void setup(void)
{
	host_start();
	host.session.packet = on_packet;
	ck_assert_int_eq(host_connect(&session, &client), 0);
}

static void teardown(void)
{
	if (client >= 0)
		close(client);
	host_turn();
	host_stop();
}

/* Through a socket by hand: frame_send() refuses what these tests are about. */
static void send_raw(int sock, size_t len, int nfds)
{
	static uint8_t data[2 * FRAME_MAX];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * 64)];
	} control = {0};
	struct iovec iov = {data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
	}
	ck_assert_int_eq(sendmsg(sock, &msg, MSG_NOSIGNAL), (ssize_t)len);
}

/* A message with a text of `n` bytes that begins with a number */
static int send_message(struct session *s, uint32_t number, size_t n, struct fdset *fds)
{
	static char text[FRAME_MAX + 1];
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__Error error = VFND__ERROR__INIT;

	memset(text, 't', n);
	text[n] = '\0';
	error.text = text;
	answer.id = number;
	answer.body_case = VFND__ANSWER__BODY_ERROR;
	answer.error = &error;
	return session_send(s, &answer.base, fds);
}

static void expect_message(uint32_t number, int nfds)
{
	struct fdset fds = FDSET_INIT;
	ssize_t n = frame_recv(client, buf, sizeof(buf), &fds, 0);
	Vfnd__Answer *answer;

	ck_assert_int_gt(n, 0);
	answer = vfnd__answer__unpack(NULL, (size_t)n, buf);
	ck_assert_uint_eq(answer->id, number);
	ck_assert_int_eq(fds.n, nfds);
	fdset_close(&fds);
	vfnd__answer__free_unpacked(answer, NULL);
}

static void expect_end(void)
{
	ck_assert_uint_eq(host.ended, 1);
	while (recv(client, buf, sizeof(buf), 0) > 0)
		;
	ck_assert_int_eq(recv(client, buf, sizeof(buf), 0), 0);
}

START_TEST(test_packets)
{
	int before = host_fds();

	send_raw(client, 10, 0);
	send_raw(client, FRAME_MAX, FDSET_MAX);
	host_turn();
	ck_assert_uint_eq(packets, 2);
	ck_assert_uint_eq(packet_fds, FDSET_MAX);
	ck_assert_int_eq(host_fds(), before);
	take_fd = true;
	send_raw(client, 1, 2);
	host_turn();
	ck_assert_int_ge(taken, 0);
	ck_assert_int_eq(host_fds(), before + 1);
	close(taken);
	ck_assert(session_alive(session));
	ck_assert_int_eq(session_cred(session)->pid, getpid());
	ck_assert_uint_eq(session_cred(session)->uid, getuid());
}
END_TEST

START_TEST(test_too_long)
{
	send_raw(client, FRAME_MAX + 1, 1);
	host_turn();
	ck_assert_uint_eq(packets, 0);
	expect_end();
}
END_TEST

START_TEST(test_too_many_descriptors)
{
	int before = host_fds();

	send_raw(client, 1, FDSET_MAX + 1);
	host_turn();
	ck_assert_uint_eq(packets, 0);
	expect_end();
	ck_assert_int_eq(host_fds(), before - 1);
}
END_TEST

START_TEST(test_empty_packet)
{
	send_raw(client, 0, 0);
	host_turn();
	expect_end();
}
END_TEST

/* Who holds a reference may go on with the shell of a session that has ended. */
START_TEST(test_references)
{
	struct fdset fds = FDSET_INIT;
	int before;

	session_ref(session);
	ck_assert_int_eq(session_begin(session), 0);
	close(client);
	client = -1;
	host_turn();
	ck_assert_uint_eq(host.ended, 1);
	ck_assert_ptr_eq(host.last_ended, session);
	ck_assert(!session_alive(session));
	session_end(session, "again");
	ck_assert_uint_eq(host.ended, 1);
	before = host_fds();
	ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
	ck_assert_int_eq(send_message(session, 1, 10, &fds), -EPIPE);
	ck_assert_int_eq(host_fds(), before);
	session_pause(session, true);
	session_pause(session, false);
	ck_assert_uint_eq(host.idle, 0);
	session_unref(session);
	session_finish(session);
	ck_assert_uint_eq(host.idle, 1);
}
END_TEST

START_TEST(test_end_inside_a_packet)
{
	end_inside = true;
	for (int i = 0; i < 5; i++)
		send_raw(client, 1, 1);
	host_turn();
	ck_assert_uint_eq(packets, 1);
	expect_end();
}
END_TEST

/* A client that does not read: nothing is lost, in the order in which it was sent. */
START_TEST(test_slow_client)
{
	uint32_t sent = 0, got = 0;
	int before = host_fds();

	while (session_unsent(session) < 1 << 20) {
		struct fdset fds = FDSET_INIT;

		if (sent % 16 == 0)
			ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
		ck_assert_int_eq(send_message(session, ++sent, 5000, &fds), 0);
	}
	ck_assert_uint_eq(quota_used(session_user(session), QUOTA_SEND_BYTES),
			  session_unsent(session) + 8192 * (uint64_t)(host_fds() - before));
	while (got < sent) {
		expect_message(got + 1, got % 16 == 0);
		got++;
		event_base_loop(host.base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(session_unsent(session), 0);
	ck_assert_uint_eq(quota_used(session_user(session), QUOTA_SEND_BYTES), 0);
	ck_assert(session_alive(session));
	ck_assert_int_eq(host_fds(), before);
}
END_TEST

START_TEST(test_client_that_never_reads)
{
	struct quota_user *user = quota_ref(session_user(session));
	int ret, before = host_fds();

	host.config.session_send_bytes = 100000;
	do {
		struct fdset fds = FDSET_INIT;

		ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
		ret = send_message(session, 1, 1000, &fds);
		ck_assert_uint_le(session_unsent(session), 100000);
	} while (ret == 0);
	ck_assert_int_eq(ret, -EDQUOT);
	/* It ends from the loop: whoever sends may be in the middle of walking what it holds. */
	ck_assert_uint_eq(host.ended, 0);
	ck_assert_int_eq(send_message(session, 1, 1, NULL), -EPIPE);
	host_turn();
	expect_end();
	ck_assert_uint_eq(quota_used(user, QUOTA_SEND_BYTES), 0);
	ck_assert_uint_eq(quota_used(user, QUOTA_SESSIONS), 0);
	quota_put(user);
	ck_assert_int_eq(host_fds(), before - 1);
}
END_TEST

static unsigned int rooms;

static void on_room(struct session *s)
{
	ck_assert_uint_eq(session_unsent(s), 0);
	rooms++;
}

static int send_event(uint32_t number, bool last)
{
	static char text[1001];
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__Error error = VFND__ERROR__INIT;

	memset(text, 'e', 1000);
	error.text = text;
	answer.id = number;
	answer.body_case = VFND__ANSWER__BODY_ERROR;
	answer.error = &error;
	return session_send_event(session, &answer.base, last);
}

/* Events that have no room are lost, and nothing else: the session goes on, and answers have room. */
START_TEST(test_events_without_room)
{
	uint32_t sent = 0, got = 0;

	host.config.session_send_bytes = 100000;
	host.session.room = on_room;
	while (send_event(sent + 1, false) == 0)
		sent++;
	ck_assert_uint_le(session_unsent(session), 25000);
	ck_assert_uint_gt(session_unsent(session), 20000);
	ck_assert_int_eq(send_event(sent + 1, false), -ENOBUFS);
	ck_assert_int_eq(send_message(session, ++sent, 1000, NULL), 0);
	/* the last one of all has the room of an answer */
	ck_assert_int_eq(send_event(++sent, true), 0);
	ck_assert_uint_eq(rooms, 0);
	while (got < sent) {
		expect_message(++got, 0);
		event_base_loop(host.base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(rooms, 1);
	ck_assert_int_eq(send_event(++sent, false), 0);
	expect_message(sent, 0);
	host_turn();
	ck_assert_uint_eq(rooms, 1);
	ck_assert(session_alive(session));
	/* the user's other sessions have used up what there is: the same */
	host.config.limits[QUOTA_SEND_BYTES] = 0;
	while (send_event(++sent, false) == 0)
		;
	for (sent--, got = sent; recv(client, buf, sizeof(buf), MSG_DONTWAIT) > 0; got++)
		;
	host_turn();
	ck_assert_uint_eq(rooms, 2);
	session_ref(session);
	session_end(session, "a test");
	ck_assert_int_eq(send_event(1, true), -EPIPE);
	session_unref(session);
}
END_TEST

/* It is cut off, too, while the daemon takes no requests. */
START_TEST(test_paused_client_that_never_reads)
{
	host.config.session_send_bytes = 0;
	session_pause(session, true);
	while (send_message(session, 1, 1000, NULL) == 0)
		;
	host_turn();
	expect_end();
}
END_TEST

/* Descriptors are open files of the daemon's, of which all users together have so many: they count, too. */
START_TEST(test_descriptors_that_nobody_reads)
{
	struct quota_user *user = quota_ref(session_user(session));
	int ret, before = host_fds();

	host.config.limits[QUOTA_SEND_BYTES] = 1 << 20;
	do {
		struct fdset fds = FDSET_INIT;

		ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
		ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
		ret = send_message(session, 1, 10, &fds);
		ck_assert_int_le(host_fds(), before + 128);
	} while (ret == 0);
	ck_assert_int_eq(ret, -EDQUOT);
	host_turn();
	expect_end();
	ck_assert_uint_eq(quota_used(user, QUOTA_SEND_BYTES), 0);
	quota_put(user);
}
END_TEST

/* What waits to be read is the user's, in all of the user's sessions. */
START_TEST(test_send_quota_of_the_user)
{
	struct session *other;
	int other_client;

	host.config.limits[QUOTA_SEND_BYTES] = 200000;
	ck_assert_int_eq(host_connect(&other, &other_client), 0);
	while (session_unsent(session) < 150000)
		ck_assert_int_eq(send_message(session, 1, 10000, NULL), 0);
	while (send_message(other, 1, 10000, NULL) == 0)
		ck_assert_uint_le(session_unsent(other), 50000);
	host_turn();
	ck_assert_uint_eq(host.ended, 1);
	ck_assert_ptr_eq(host.last_ended, other);
	ck_assert(session_alive(session));
	close(other_client);
}
END_TEST

START_TEST(test_message_that_does_not_fit)
{
	struct fdset fds = FDSET_INIT;
	int before = host_fds();

	ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
	ck_assert_int_eq(send_message(session, 1, FRAME_MAX, &fds), -EMSGSIZE);
	ck_assert_int_eq(host_fds(), before);
	ck_assert_int_eq(send_message(session, 2, 10, NULL), 0);
	expect_message(2, 0);
	ck_assert(session_alive(session));
}
END_TEST

START_TEST(test_session_quota)
{
	struct session *second, *third;
	int clients[2], before;

	host.config.limits[QUOTA_SESSIONS] = 2;
	ck_assert_int_eq(host_connect(&second, &clients[0]), 0);
	before = host_fds();
	ck_assert_int_eq(host_connect(&third, &clients[1]), -EDQUOT);
	ck_assert_int_eq(host_fds(), before);
	ck_assert_uint_eq(host.ended, 0);
	close(clients[0]);
	host_turn();
	ck_assert_int_eq(host_connect(&third, &clients[1]), 0);
	close(clients[1]);
}
END_TEST

START_TEST(test_requests_under_way)
{
	struct session *other;
	int other_client;

	host.config.session_commands = 3;
	host.config.limits[QUOTA_COMMANDS] = 5;
	ck_assert_int_eq(host_connect(&other, &other_client), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(session_begin(session), 0);
	ck_assert_int_eq(session_begin(session), -EAGAIN);
	ck_assert_uint_eq(session_busy(session), 3);
	ck_assert_int_eq(session_begin(other), 0);
	ck_assert_int_eq(session_begin(other), 0);
	ck_assert_int_eq(session_begin(other), -EDQUOT);
	ck_assert_uint_eq(session_busy(other), 2);
	session_finish(session);
	ck_assert_int_eq(session_begin(other), 0);
	session_finish(session);
	ck_assert_uint_eq(host.idle, 0);
	session_finish(session);
	ck_assert_uint_eq(host.idle, 1);
	/* The other's end does not end what it has under way. */
	close(other_client);
	host_turn();
	ck_assert_uint_eq(session_busy(other), 3);
	for (int i = 0; i < 3; i++)
		session_finish(other);
	ck_assert_uint_eq(host.idle, 2);
	ck_assert_uint_eq(quota_used(session_user(session), QUOTA_COMMANDS), 0);
}
END_TEST

START_TEST(test_pause)
{
	session_pause(session, true);
	send_raw(client, 1, 0);
	host_turn();
	ck_assert_uint_eq(packets, 0);
	/* Answers go on. */
	ck_assert_int_eq(send_message(session, 1, 1, NULL), 0);
	expect_message(1, 0);
	session_pause(session, false);
	host_turn();
	ck_assert_uint_eq(packets, 1);
}
END_TEST

/* One that sends without end does not keep the others waiting. */
START_TEST(test_fairness)
{
	struct session *other;
	int other_client;
	unsigned int i = 0;

	ck_assert_int_eq(host_connect(&other, &other_client), 0);
	for (int n = 0; n < 100; n++)
		send_raw(client, 1, 0);
	send_raw(other_client, 1, 0);
	while (packets < 101)
		host_turn();
	while (senders[i] != other)
		i++;
	ck_assert_uint_lt(i, 40);
	close(other_client);
}
END_TEST

START_TEST(test_greet)
{
	struct state_session saved;

	ck_assert_uint_eq(session_version(session), 0);
	session_greet(session, 1, "a\nb\033[1m\x7f and a name that is longer than anybody will ever need, surely");
	ck_assert_uint_eq(session_version(session), 1);
	session_save(session, &saved);
	ck_assert_int_eq(strncmp(saved.program, "a?b?[1m? and", 12), 0);
	ck_assert_uint_eq(strlen(saved.program), sizeof(saved.program) - 1);
}
END_TEST

/* A new image of the daemon goes on with the same connection. */
START_TEST(test_take_over)
{
	struct state_session saved;
	struct session *after;
	int pair[2];

	session_greet(session, 1, "program");
	session_stats(session)->submitted = 7;
	session_leases(session)->last = 41;
	session_save(session, &saved);
	session_end(session, "executed anew");
	/* The end of a session shuts its socket down, which execve(2) does not: another one stands for it. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	close(client);
	saved.fd = pair[0];
	client = pair[1];
	ck_assert_int_eq(session_restore(&host.session, &saved, &after), 0);
	ck_assert_uint_eq(session_number(after), saved.number);
	ck_assert_uint_eq(session_version(after), 1);
	ck_assert_uint_eq(session_stats(after)->submitted, 7);
	ck_assert_uint_eq(session_leases(after)->last, 41);
	ck_assert(fcntl(saved.fd, F_GETFD) & FD_CLOEXEC);
	send_raw(client, 1, 0);
	host_turn();
	ck_assert_uint_eq(packets, 1);
	ck_assert_ptr_eq(senders[0], after);
	saved.fd = -1;
	ck_assert_int_lt(session_restore(&host.session, &saved, &after), 0);
}
END_TEST

UNIT_MAIN("session", tcase_add_checked_fixture(tc, setup, teardown); tcase_add_test(tc, test_packets);
	  tcase_add_test(tc, test_too_long); tcase_add_test(tc, test_too_many_descriptors);
	  tcase_add_test(tc, test_empty_packet); tcase_add_test(tc, test_references);
	  tcase_add_test(tc, test_end_inside_a_packet); tcase_add_test(tc, test_slow_client);
	  tcase_add_test(tc, test_client_that_never_reads);
	  tcase_add_test(tc, test_paused_client_that_never_reads);
	  tcase_add_test(tc, test_events_without_room);
	  tcase_add_test(tc, test_descriptors_that_nobody_reads);
	  tcase_add_test(tc, test_send_quota_of_the_user);
	  tcase_add_test(tc, test_message_that_does_not_fit); tcase_add_test(tc, test_session_quota);
	  tcase_add_test(tc, test_requests_under_way); tcase_add_test(tc, test_pause);
	  tcase_add_test(tc, test_fairness); tcase_add_test(tc, test_greet);
	  tcase_add_test(tc, test_take_over))
