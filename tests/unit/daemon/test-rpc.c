/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client may send, with no device behind: each thing wrong gets its error, or the door. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/device/class.h"
#include "daemon/rpc/rpc.h"
#include "host.h"
#include "proto/frame.h"
#include "random.h"

static struct session *session;
static int client = -1;
static uint8_t buf[FRAME_MAX];

static void setup(void)
{
	host_start();
	ck_assert_int_eq(host_connect(&session, &client), 0);
}

static void teardown(void)
{
	close(client);
	host_turn();
	host_stop();
}

static void send_bytes(const void *data, size_t len)
{
	ck_assert_int_eq(frame_send(client, data, len, NULL, 0), 0);
	host_turn();
}

static void send_request(const Vfnd__Request *request)
{
	ssize_t len = frame_pack(&request->base, buf, sizeof(buf));

	ck_assert_int_gt(len, 0);
	send_bytes(buf, (size_t)len);
}

static size_t sample(const char *name, uint64_t id, uint8_t *to)
{
	for (size_t i = 0; i < sample_count(); i++)
		if (strcmp(sample_name(i), name) == 0)
			return sample_pack(i, id, to);
	ck_abort_msg("no sample %s", name);
	return 0;
}

static void send_sample(const char *name, uint64_t id)
{
	uint8_t packet[SAMPLE_MAX];

	send_bytes(packet, sample(name, id, packet));
}

/* To be freed with vfnd__answer__free_unpacked() */
static Vfnd__Answer *receive(void)
{
	struct fdset fds = FDSET_INIT;
	ssize_t n = frame_recv(client, buf, sizeof(buf), &fds, 0);
	Vfnd__Answer *answer;

	ck_assert_msg(n > 0, "no answer: %d", (int)n);
	ck_assert_int_eq(fds.n, 0);
	answer = vfnd__answer__unpack(NULL, (size_t)n, buf);
	ck_assert_ptr_nonnull(answer);
	return answer;
}

static void expect(uint64_t id, Vfnd__Answer__BodyCase what)
{
	Vfnd__Answer *answer = receive();

	ck_assert_uint_eq(answer->id, id);
	ck_assert_int_eq(answer->body_case, what);
	vfnd__answer__free_unpacked(answer, NULL);
}

static void expect_error(uint64_t id, int code, const char *field)
{
	Vfnd__Answer *answer = receive();

	ck_assert_uint_eq(answer->id, id);
	ck_assert_int_eq(answer->body_case, VFND__ANSWER__BODY_ERROR);
	ck_assert_msg(answer->error->code == code, "%d: %s", answer->error->code, answer->error->text);
	ck_assert_uint_gt(strlen(answer->error->text), 5);
	ck_assert_str_eq(answer->error->field, field);
	vfnd__answer__free_unpacked(answer, NULL);
}

static void expect_end(void)
{
	struct fdset fds = FDSET_INIT;

	ck_assert_int_eq(frame_recv(client, buf, sizeof(buf), &fds, 0), 0);
	ck_assert_uint_eq(host.ended, 1);
}

static void expect_alive(void)
{
	ck_assert_uint_eq(host.ended, 0);
	send_sample("list", 77);
	expect(77, VFND__ANSWER__BODY_LIST);
}

static void greet(void)
{
	send_sample("hello", 1);
	expect(1, VFND__ANSWER__BODY_HELLO);
}

START_TEST(test_garbage)
{
	memset(buf, 0xff, 100);
	send_bytes(buf, 100);
	expect_error(0, EPROTO, "");
	expect_end();
	ck_assert_uint_eq(rpc_host.requests, 1);
	ck_assert_uint_eq(rpc_host.refused, 1);
}
END_TEST

START_TEST(test_id_0)
{
	greet();
	send_sample("list", 0);
	expect_error(0, EPROTO, "");
	expect_end();
}
END_TEST

START_TEST(test_no_hello)
{
	send_sample("list", 5);
	expect_error(5, EPROTO, "");
	expect_end();
}
END_TEST

START_TEST(test_hello)
{
	Vfnd__Request r = VFND__REQUEST__INIT;
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	Vfnd__Answer *answer;

	r.id = 9;
	r.op_case = VFND__REQUEST__OP_HELLO;
	r.hello = &hello;
	send_request(&r);
	expect_error(9, EPROTONOSUPPORT, "hello.version");
	hello.version = UINT32_MAX;
	hello.program = (char *)"a\nb\x7f";
	send_request(&r);
	answer = receive();
	ck_assert_int_eq(answer->body_case, VFND__ANSWER__BODY_HELLO);
	ck_assert_uint_eq(answer->hello->version, FRAME_VERSION);
	ck_assert_uint_eq(answer->hello->max_message, FRAME_MAX);
	ck_assert_uint_eq(answer->hello->max_outstanding, host.config.session_commands);
	ck_assert_uint_gt(answer->hello->max_inline, 0);
	ck_assert_uint_eq(answer->hello->session, session_number(session));
	vfnd__answer__free_unpacked(answer, NULL);
	send_request(&r);
	expect_error(9, EALREADY, "hello");
	expect_alive();
}
END_TEST

START_TEST(test_unknown_request)
{
	static const uint8_t unknown[] = {0x08, 7, 0xfa, 0x3f, 1, 0}; /* id 7; field 1023 */
	static const uint8_t nothing[] = {0x08, 8};                   /* id 8 */

	greet();
	send_bytes(unknown, sizeof(unknown));
	expect_error(7, EOPNOTSUPP, "");
	send_bytes(nothing, sizeof(nothing));
	expect_error(8, EOPNOTSUPP, "");
	expect_alive();
}
END_TEST

START_TEST(test_unknown_request_first)
{
	static const uint8_t unknown[] = {0x08, 7, 0xfa, 0x3f, 1, 0};

	send_bytes(unknown, sizeof(unknown));
	expect_error(7, EPROTO, "");
	expect_end();
}
END_TEST

/* More descriptors than a request takes; those that come are closed. */
START_TEST(test_surplus_descriptors)
{
	int before;

	greet();
	before = host_fds();
	for (size_t i = 0; i < sample_count(); i++) {
		struct fdset fds = FDSET_INIT;
		uint8_t packet[SAMPLE_MAX];
		size_t len = sample_pack(i, 40 + i, packet);

		for (int n = 0; n <= rpc_table[i].max_fds; n++)
			ck_assert_int_eq(fdset_add_dup(&fds, 0), 0);
		ck_assert_int_eq(frame_send(client, packet, len, &fds, 0), 0);
		fdset_close(&fds);
		host_turn();
		expect_error(40 + i, EINVAL, sample_name(i));
	}
	ck_assert_int_eq(host_fds(), before);
	expect_alive();
}
END_TEST

/* What a session does not hold it cannot name. */
START_TEST(test_unknown_handles)
{
	static const struct {
		const char *request, *field;
	} rows[] = {
		{"open", "open.address"},	       {"close", "close.device"},
		{"device_info", "device_info.device"}, {"register_read", "register_read.device"},
		{"config_read", "config_read.device"}, {"buffer_alloc", "buffer_alloc.device"},
		{"buffer_free", "buffer_free.buffer"}, {"queue_create", "queue_create.device"},
		{"queue_delete", "queue_delete.queue"}, {"admin", "admin.device"},
		{"io", "io.queue"},		       {"subscribe", "subscribe.device"},
		{"unsubscribe", "unsubscribe.subscription"}, {"statistics", "statistics.device"},
		{"cancel", "cancel.request"},
		{"bar_read", "bar_read.device"},       {"bar_write", "bar_write.device"},
		{"config_write", "config_write.device"}, {"doorbell", "doorbell.device"},
		{"raw_command", "raw_command.device"}, {"raw_queue", "raw_queue.device"},
		{"reset", "reset.device"}, {"disable", "disable.device"}, {"enable", "enable.device"},
		{"release", "release.address"},
		{"buffer_attach", "buffer_attach.device"}, {"bar_map", "bar_map.device"},
		{"interrupt_create", "interrupt_create.device"}, {"interrupt_mask", "interrupt_mask.interrupt"},
		{"interrupt_free", "interrupt_free.interrupt"},
		{"trace_open", "trace_open.device"}, {"trace_close", "trace_close.trace"},
		{"tally", "tally.address"},
	};

	greet();
	/* hello, list and claim are the others. */
	ck_assert_uint_eq(sizeof(rows) / sizeof(rows[0]) + 3, sample_count());
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		send_sample(rows[i].request, i + 1);
		/* A device has an address, not a handle. */
		expect_error(i + 1, strstr(rows[i].field, ".address") ? ENODEV : ENOENT, rows[i].field);
	}
	expect_alive();
	ck_assert_uint_eq(session_busy(session), 0);
}
END_TEST

START_TEST(test_open_nothing)
{
	Vfnd__Request r = VFND__REQUEST__INIT;
	Vfnd__OpenRequest open = VFND__OPEN_REQUEST__INIT;

	greet();
	r.id = 2;
	r.op_case = VFND__REQUEST__OP_OPEN;
	r.open = &open;
	send_request(&r);
	expect_error(2, EINVAL, "open.address");
}
END_TEST

START_TEST(test_statistics)
{
	static const uint8_t request[] = {0x08, 3, 0x8a, 0x01, 0};
	Vfnd__Answer *answer;

	greet();
	send_bytes(request, sizeof(request));
	answer = receive();
	ck_assert_int_eq(answer->body_case, VFND__ANSWER__BODY_STATISTICS);
	ck_assert_uint_eq(answer->statistics->sessions, 1);
	ck_assert_uint_eq(answer->statistics->requests, 2);
	ck_assert_uint_eq(answer->statistics->refused, 0);
	ck_assert_uint_eq(answer->statistics->leases, 0);
	ck_assert_uint_eq(answer->statistics->fds, (uint64_t)host_fds());
	vfnd__answer__free_unpacked(answer, NULL);
}
END_TEST

/* An answer that is longer than a packet becomes an error: nobody waits for what never comes. */
START_TEST(test_answer_that_does_not_fit)
{
	static const struct device_class class = {.name = "test"};
	static struct device devices[256];
	static char address[512];

	greet();
	memset(address, 'a', sizeof(address) - 1);
	for (size_t i = 0; i < 256; i++) {
		struct device *dev = &devices[i];

		dev->class = &class;
		dev->state = DEVICE_FAILED;
		dev->address = address;
		memset(dev->reason, 'r', sizeof(dev->reason) - 1);
		TAILQ_INSERT_TAIL(&host.devices.list, dev, link);
	}
	send_sample("list", 4);
	expect_error(4, EMSGSIZE, "");
	TAILQ_INIT(&host.devices.list);
	expect_alive();
}
END_TEST

/* A connection of its own for each packet that may end it. */
static void fresh(void)
{
	if (client >= 0)
		close(client);
	host_turn();
	ck_assert_int_eq(host_connect(&session, &client), 0);
	session_greet(session, 1, "fuzz");
}

static void drain(void)
{
	while (recv(client, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

START_TEST(test_truncated)
{
	for (size_t i = 0; i < sample_count(); i++) {
		uint8_t packet[SAMPLE_MAX];
		size_t len = sample_pack(i, 6, packet);

		for (size_t n = 1; n < len; n++) {
			Vfnd__Answer *answer;

			fresh();
			send_bytes(packet, n);
			answer = receive();
			/* What is cut between two fields is a shorter message. */
			ck_assert(answer->id == 6 || (answer->body_case == VFND__ANSWER__BODY_ERROR &&
						      answer->error->code == EPROTO));
			vfnd__answer__free_unpacked(answer, NULL);
		}
	}
}
END_TEST

START_TEST(test_mutations)
{
	uint64_t seed = 0x5eed;
	unsigned int ends = 0;

	fresh();
	for (int round = 0; round < 100000; round++) {
		struct fdset fds = FDSET_INIT;
		uint8_t packet[SAMPLE_MAX], *exact;
		size_t len = sample_pack(random_below(&seed, (uint32_t)sample_count()),
					 1 + (uint64_t)round, packet);
		unsigned int ended = host.ended;

		for (uint32_t n = random_below(&seed, 6); n > 0; n--)
			packet[random_below(&seed, (uint32_t)len)] ^= (uint8_t)random_next(&seed);
		if (random_below(&seed, 8) == 0)
			len = 1 + random_below(&seed, (uint32_t)len);
		/* In memory of just that size the sanitizer sees a step too far. */
		exact = malloc(len);
		memcpy(exact, packet, len);
		session_ref(session);
		rpc_packet(session, exact, len, &fds);
		session_unref(session);
		free(exact);
		drain();
		if (host.ended != ended) {
			ends++;
			fresh();
		}
	}
	ck_assert_uint_gt(ends, 1000);
	ck_assert_uint_lt(ends, 90000);
	ck_assert_uint_eq(rpc_host.requests, 100000);
}
END_TEST

UNIT_MAIN("rpc", tcase_add_checked_fixture(tc, setup, teardown); tcase_add_test(tc, test_garbage);
	  tcase_add_test(tc, test_id_0); tcase_add_test(tc, test_no_hello);
	  tcase_add_test(tc, test_hello); tcase_add_test(tc, test_unknown_request);
	  tcase_add_test(tc, test_unknown_request_first);
	  tcase_add_test(tc, test_surplus_descriptors); tcase_add_test(tc, test_unknown_handles);
	  tcase_add_test(tc, test_open_nothing); tcase_add_test(tc, test_statistics);
	  tcase_add_test(tc, test_answer_that_does_not_fit); tcase_add_test(tc, test_truncated);
	  tcase_add_test(tc, test_mutations))
