/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection: hello, errors, a daemon that misbehaves or vanishes. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "client/private.h"
#include "fake.h"
#include "vfn/client.h"

static struct fake fake;
static struct vfnc *conn;
static int fds_before;

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
	fds_before = open_fds();
}

static void begin(bool (*hook)(struct fake *f, const Vfnd__Request *req))
{
	ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, hook), &conn), 0);
}

static void end(void)
{
	vfnc_disconnect(conn);
	fake_stop(&fake);
	ck_assert_int_eq(open_fds(), fds_before);
}

START_TEST(test_hello)
{
	struct vfnc_limits limits;

	begin(NULL);
	vfnc_limits(conn, &limits);
	ck_assert_uint_eq(limits.max_message, FRAME_MAX);
	ck_assert_uint_eq(limits.max_inline, FAKE_INLINE);
	ck_assert_uint_eq(limits.max_outstanding, FAKE_OUTSTANDING);
	ck_assert_uint_eq(vfnc_session(conn), 42);
	ck_assert_str_eq(vfnc_daemon(conn), "fake 1");
	ck_assert_str_eq(vfnc_error(conn), "");
	ck_assert(vfnc_has_feature(conn, "second"));
	ck_assert(!vfnc_has_feature(conn, "third"));
	ck_assert(!(fcntl(vfnc_fd(conn), F_GETFL) & O_NONBLOCK));
	ck_assert_int_eq(vfnc_set_timeout(conn, 0), -EINVAL);
	ck_assert_int_eq(vfnc_set_timeout(conn, -2), -EINVAL);
	ck_assert_int_eq(vfnc_set_timeout(conn, -1), 0);
	end();
}
END_TEST

static bool bad_version(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__HelloAnswer a = VFND__HELLO_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	ck_assert_int_eq(req->op_case, VFND__REQUEST__OP_HELLO);
	ck_assert_uint_eq(req->hello->version, 1);
	ck_assert_str_eq(req->hello->program, "test-conn");
	a.version = 2;
	a.max_message = FRAME_MAX;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_HELLO;
	answer.hello = &a;
	fake_send(f, &answer, NULL);
	return true;
}

static bool small_messages(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__HelloAnswer a = VFND__HELLO_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	a.version = 1;
	a.max_message = 100;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_HELLO;
	answer.hello = &a;
	fake_send(f, &answer, NULL);
	return true;
}

static bool refuse(struct fake *f, const Vfnd__Request *req)
{
	fake_error(f, req->id, EACCES, "not you", "hello");
	return true;
}

static bool hang_up(struct fake *f, const Vfnd__Request *req)
{
	shutdown(f->sock, SHUT_RDWR);
	return true;
}

static bool last_word(struct fake *f, const Vfnd__Request *req)
{
	fake_error(f, 0, EPROTO, "too many sessions", "");
	return hang_up(f, req);
}

static void refused(bool (*hook)(struct fake *f, const Vfnd__Request *req), int code,
		    const char *text)
{
	int fd = fake_start(&fake, hook);

	conn = (struct vfnc *)&fake;
	ck_assert_int_eq(vfnc_connect_fd(fd, &conn), code);
	ck_assert_ptr_null(conn);
	ck_assert_ptr_nonnull(strstr(vfnc_error(NULL), text));
	fake_stop(&fake);
	ck_assert_int_eq(open_fds(), fds_before);
}

START_TEST(test_hello_refused)
{
	refused(bad_version, -EPROTO, "protocol version 2");
	refused(small_messages, -EPROTO, "100 bytes");
	refused(refuse, -EACCES, "not you (hello)");
	refused(hang_up, -ECONNRESET, "closed the connection");
	refused(last_word, -EPROTO, "too many sessions");
}
END_TEST

START_TEST(test_no_daemon)
{
	char path[64], path_long[200];
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int s;

	ck_assert_int_eq(vfnc_connect("/nonexistent/vfnd.sock", &conn), -ENOENT);
	ck_assert_ptr_null(conn);
	ck_assert_ptr_nonnull(strstr(vfnc_error(NULL), "/nonexistent/vfnd.sock"));
	ck_assert_ptr_nonnull(strstr(vfnc_error(NULL), "is vfnd running"));
	setenv("VFND_SOCKET", "/nonexistent/other.sock", 1);
	ck_assert_int_eq(vfnc_connect(NULL, &conn), -ENOENT);
	ck_assert_ptr_nonnull(strstr(vfnc_error(NULL), "/nonexistent/other.sock"));
	memset(path_long, 'x', sizeof(path_long) - 1);
	path_long[sizeof(path_long) - 1] = 0;
	ck_assert_int_eq(vfnc_connect(path_long, &conn), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "/tmp/vfnd-test-conn.%d", getpid());
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	/* left behind by a daemon that is gone; of another program */
	s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(s);
	ck_assert_int_eq(vfnc_connect(path, &conn), -ECONNREFUSED);
	unlink(path);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(s, 1), 0);
	ck_assert_int_eq(vfnc_connect(path, &conn), -EPROTOTYPE);
	close(s);
	unlink(path);
	ck_assert_int_eq(open_fds(), fds_before);
}
END_TEST

START_TEST(test_by_path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/vfnd-test-conn.%d", getpid());
	ck_assert_int_eq(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(s, 1), 0);
	pid = fork();
	if (pid == 0) {
		memset(&fake, 0, sizeof(fake));
		fake_serve(&fake, accept(s, NULL, NULL));
		_exit(0);
	}
	ck_assert_int_eq(vfnc_connect(addr.sun_path, &conn), 0);
	ck_assert_uint_eq(vfnc_session(conn), 42);
	vfnc_disconnect(conn);
	close(s);
	unlink(addr.sun_path);
	ck_assert_int_eq(open_fds(), fds_before);
}
END_TEST

static bool error_answer(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_OPEN)
		return false;
	fake_error(f, req->id, f->last_handle ? ENODEV : EAGAIN, f->last_handle ? "" : "not yet",
		   "open.address");
	f->last_handle++;
	return true;
}

START_TEST(test_error_answer)
{
	struct vfnc_device *dev = (void *)&fake;

	begin(error_answer);
	ck_assert_int_eq(vfnc_open(conn, "x", &dev), -EAGAIN);
	ck_assert_ptr_null(dev);
	ck_assert_str_eq(vfnc_error(conn), "not yet (open.address)");
	/* without a text the errno speaks */
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), -ENODEV);
	ck_assert_str_eq(vfnc_error(conn), "No such device (open.address)");
	/* and the connection is as good as before */
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), -ENODEV);
	end();
}
END_TEST

static int variant;

static bool bad_answer(struct fake *f, const Vfnd__Request *req)
{
	static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff, 0x01, 0x02};
	static uint8_t big[FRAME_MAX + 1];
	Vfnd__Answer empty = VFND__ANSWER__INIT;

	if (req->op_case != VFND__REQUEST__OP_LIST)
		return false;
	switch (variant) {
	case 0:
		fake_send_raw(f, garbage, sizeof(garbage));
		break;
	case 1:
		fake_send_raw(f, big, sizeof(big));
		break;
	case 2: /* a body of another request */
		fake_done(f, req->id);
		break;
	case 3: /* an id that nobody has */
		fake_done(f, req->id + 1);
		break;
	case 4:
		fake_error(f, req->id, 0, "success?", "");
		break;
	case 5:
		fake_error(f, req->id, -5, "negative", "");
		break;
	case 6: /* no body */
		empty.id = req->id;
		fake_send(f, &empty, NULL);
		break;
	case 7: /* the id and then half of a field */
		fake_send_raw(f, (uint8_t[]){0x08, (uint8_t)req->id, 0x22, 0x10, 0x0a}, 5);
		break;
	default:
		break;
	}
	return true;
}

START_TEST(test_bad_answers)
{
	struct vfnc_device_entry *entries;

	for (variant = 0; variant < 8; variant++) {
		begin(bad_answer);
		ck_assert_msg(vfnc_list(conn, &entries) == -EPROTO, "variant %d: %s", variant,
			      vfnc_error(conn));
		ck_assert_str_ne(vfnc_error(conn), "");
		/* dead, and stays it, with the reason */
		ck_assert_int_eq(vfnc_list(conn, &entries), -EPROTO);
		ck_assert_str_ne(vfnc_error(conn), "");
		end();
	}
}
END_TEST

/* Descriptors that nobody asked for are closed and change nothing. */
static bool surplus_fds(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__ListAnswer list = VFND__LIST_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;

	if (req->op_case != VFND__REQUEST__OP_LIST)
		return false;
	for (int i = 0; i < 3; i++)
		fdset_add_dup(&fds, 0);
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_LIST;
	answer.list = &list;
	fake_send(f, &answer, &fds);
	fdset_close(&fds);
	return true;
}

START_TEST(test_surplus_fds)
{
	struct vfnc_device_entry *entries;
	struct vfnc_statistics stats;
	int before;

	begin(surplus_fds);
	before = open_fds();
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(vfnc_list(conn, &entries), 0);
		ck_assert_ptr_null(entries);
	}
	/* the fake has closed its own when it answers the next request */
	ck_assert_int_eq(vfnc_statistics(conn, NULL, &stats), 0);
	ck_assert_int_eq(open_fds(), before);
	end();
}
END_TEST

/* A newer daemon may send what this client has never heard of. */
static bool unknown_message(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case == VFND__REQUEST__OP_LIST)
		fake_send_raw(f, (uint8_t[]){0xa2, 0x06, 0x02, 'h', 'i'}, 5); /* field 100 */
	return false;
}

START_TEST(test_unknown_message)
{
	struct vfnc_device_entry *entries;

	begin(unknown_message);
	ck_assert_int_eq(vfnc_list(conn, &entries), 2);
	free(entries);
	end();
}
END_TEST

static bool dies(struct fake *f, const Vfnd__Request *req)
{
	return req->op_case == VFND__REQUEST__OP_LIST && hang_up(f, req);
}

START_TEST(test_daemon_dies)
{
	struct vfnc_device_entry *entries;
	struct vfnc_subscription *sub;
	struct vfnc_device *dev;
	struct vfnc_buffer *buf;
	struct vfnc_queue *queue;

	begin(dies);
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 4096, &buf), 0);
	ck_assert_int_eq(vfnc_queue_create(dev, NULL, &queue), 0);
	ck_assert_int_eq(vfnc_subscribe(dev, &sub), 0);
	strcpy(buf->vaddr, "still mine");
	ck_assert_int_eq(vfnc_list(conn, &entries), -ECONNRESET);
	ck_assert_ptr_nonnull(strstr(vfnc_error(conn), "closed the connection"));
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), -ECONNRESET);
	ck_assert_ptr_null(dev);
	ck_assert_str_eq(buf->vaddr, "still mine");
	/* what was held is given back already */
	dev = buf->device;
	ck_assert_int_eq(vfnc_buffer_free(buf), 0);
	ck_assert_int_eq(vfnc_queue_delete(queue), 0);
	ck_assert_int_eq(vfnc_unsubscribe(sub), 0);
	ck_assert_int_eq(vfnc_close(dev), 0);
	end();
}
END_TEST

START_TEST(test_peer_gone_before_sending)
{
	struct vfnc_device_entry *entries;

	begin(NULL);
	shutdown(fake.sock, SHUT_RDWR);
	fake_stop(&fake);
	/* no SIGPIPE: check would report it */
	ck_assert_int_eq(vfnc_list(conn, &entries), -ECONNRESET);
	ck_assert_int_eq(vfnc_list(conn, &entries), -ECONNRESET);
	vfnc_disconnect(conn);
	ck_assert_int_eq(open_fds(), fds_before);
}
END_TEST

/* Answers the open that timed out when the next request comes. */
static bool late(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__Request old = VFND__REQUEST__INIT;
	Vfnd__OpenRequest op = VFND__OPEN_REQUEST__INIT;

	if (req->op_case == VFND__REQUEST__OP_OPEN && !f->held[0]) {
		f->held[0] = req->id;
		return true;
	}
	if (req->op_case == VFND__REQUEST__OP_LIST && f->n_held++ == 0) {
		old.id = f->held[0];
		old.op_case = VFND__REQUEST__OP_OPEN;
		old.open = &op;
		fake_answer(f, &old);
	}
	return false;
}

START_TEST(test_late_answer)
{
	struct vfnc_device_entry *entries;
	struct vfnc_device *dev;
	struct timespec a, b;

	begin(late);
	ck_assert_int_eq(vfnc_set_timeout(conn, 50), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ck_assert_int_lt((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, 5000);
	ck_assert_int_eq(vfnc_set_timeout(conn, 10000), 0);
	ck_assert_int_eq(vfnc_list(conn, &entries), 2);
	free(entries);
	ck_assert_int_eq(vfnc_list(conn, &entries), 2);
	free(entries);
	end();
	/* the device that came late was given back */
	ck_assert_int_eq(fake.count[VFND__REQUEST__OP_CLOSE], 1);
}
END_TEST

/* Longer than the socket itself waits. */
static bool slow(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case == VFND__REQUEST__OP_LIST)
		usleep((CL_WAIT_MS + 200) * 1000);
	return false;
}

START_TEST(test_slow_answer)
{
	static const int limits[] = {-1, 10000};
	struct vfnc_device_entry *entries;

	begin(slow);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(vfnc_set_timeout(conn, limits[i]), 0);
		ck_assert_int_eq(vfnc_list(conn, &entries), 2);
		free(entries);
	}
	end();
}
END_TEST

/* A socket of which the caller has made that sure is polled, and left as it is. */
START_TEST(test_nonblocking)
{
	struct vfnc_device_entry *entries;
	int fd = fake_start(&fake, NULL);

	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(vfnc_connect_fd(fd, &conn), 0);
	ck_assert(fcntl(vfnc_fd(conn), F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(vfnc_list(conn, &entries), 2);
	free(entries);
	end();
}
END_TEST

UNIT_MAIN("client-conn", {
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_hello);
	tcase_add_test(tc, test_hello_refused);
	tcase_add_test(tc, test_no_daemon);
	tcase_add_test(tc, test_by_path);
	tcase_add_test(tc, test_error_answer);
	tcase_add_test(tc, test_bad_answers);
	tcase_add_test(tc, test_surplus_fds);
	tcase_add_test(tc, test_unknown_message);
	tcase_add_test(tc, test_daemon_dies);
	tcase_add_test(tc, test_peer_gone_before_sending);
	tcase_add_test(tc, test_late_answer);
	tcase_add_test(tc, test_slow_answer);
	tcase_add_test(tc, test_nonblocking);
})
