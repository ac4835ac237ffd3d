/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands with a callback: called once each, from one place, also when the daemon goes. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "fake.h"
#include "vfn/client.h"

#define CHAIN   1000
#define THREADS 4

static struct fake fake;
static struct vfnc *conn;
static struct vfnc_device *dev;
static struct vfnc_queue *queue;

/* What callbacks have seen, in their order. */
static struct seen {
	void *opaque;
	uint64_t ticket;
	int error;
	uint32_t dw0;
} seen[64];
static unsigned int n_seen;

static const struct vfnc_cmd flush = {.opcode = 0, .nsid = 1};

static void note(void *opaque, uint64_t ticket, int error, const struct vfnc_completion *completion)
{
	ck_assert_uint_lt(n_seen, 64);
	ck_assert_int_eq(error == 0, completion != NULL);
	seen[n_seen++] = (struct seen){opaque, ticket, error, completion ? completion->dw0 : 0};
}

static void begin(bool (*hook)(struct fake *f, const Vfnd__Request *req))
{
	n_seen = 0;
	memset(&fake, 0, sizeof(fake));
	ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, hook), &conn), 0);
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
	ck_assert_int_eq(vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 9}, &queue), 0);
}

static void end(void)
{
	vfnc_disconnect(conn);
	fake_stop(&fake);
}

/* As a program's loop does. */
static int turn(unsigned int most)
{
	struct pollfd p = {.fd = vfnc_fd(conn), .events = POLLIN};

	if (!vfnc_ready(conn))
		ck_assert_int_eq(poll(&p, 1, 20000), 1);
	return vfnc_process(conn, most);
}

/* Keeps commands until there are four, and completes the last one first. */
static bool four_backwards(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_IO && req->op_case != VFND__REQUEST__OP_ADMIN)
		return false;
	f->held[f->n_held++] = req->id;
	if (f->n_held == 4)
		while (f->n_held)
			f->n_held--, fake_completion(f, f->held[f->n_held], (uint32_t)f->n_held, 0);
	return true;
}

START_TEST(test_called)
{
	uint64_t tickets[4];
	struct vfnc_completion cpl;
	int n = 0;

	begin(four_backwards);
	ck_assert(!vfnc_ready(conn));
	ck_assert_int_eq(vfnc_process(conn, 0), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(vfnc_start(queue, &flush, note, &tickets[i], &tickets[i]), 0);
	ck_assert_int_eq(vfnc_process(conn, 0), 0);
	ck_assert_uint_eq(vfnc_outstanding(conn), 3);
	/* It is no ticket to be waited for. */
	ck_assert_int_eq(vfnc_wait(conn, tickets[0], &cpl, 0), -ENOENT);
	ck_assert_int_eq(vfnc_wait_any(conn, &(uint64_t){0}, &cpl, 0), -ENOENT);
	ck_assert_int_eq(vfnc_start_admin(dev, &flush, note, &tickets[3], &tickets[3]), 0);
	while (n < 4) {
		int ret = turn(0);

		ck_assert_int_ge(ret, 0);
		n += ret;
	}
	ck_assert_uint_eq(n_seen, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_ptr_eq(seen[i].opaque, &tickets[3 - i]);
		ck_assert_uint_eq(seen[i].ticket, tickets[3 - i]);
		ck_assert_uint_eq(seen[i].dw0, (uint32_t)(3 - i));
		ck_assert_int_eq(seen[i].error, 0);
	}
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	ck_assert_int_eq(vfnc_process(conn, 0), 0);
	/* A ticket may be of no interest. */
	ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, NULL), 0);
	end();
	/* Nobody is told of what was outstanding when the connection is freed. */
	ck_assert_uint_eq(n_seen, 4);
}
END_TEST

START_TEST(test_most)
{
	begin(four_backwards);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, NULL), 0);
	/* What comes during another call does not make the socket readable, and is not told there. */
	ck_assert_int_eq(vfnc_register_read(dev, "vs", &(uint64_t){0}), 0);
	ck_assert_uint_eq(n_seen, 0);
	ck_assert(vfnc_ready(conn));
	ck_assert_int_eq(vfnc_process(conn, 3), 3);
	ck_assert(vfnc_ready(conn));
	ck_assert_int_eq(vfnc_process(conn, 3), 1);
	ck_assert(!vfnc_ready(conn));
	ck_assert_uint_eq(n_seen, 4);
	end();
}
END_TEST

static void again(void *opaque, uint64_t ticket, int error, const struct vfnc_completion *completion)
{
	unsigned int *left = opaque;

	ck_assert_int_eq(error, 0);
	/* A call that waits, and the one that must not be made. */
	ck_assert_int_eq(vfnc_register_read(dev, "vs", &(uint64_t){0}), 0);
	ck_assert_int_eq(vfnc_process(conn, 0), -EBUSY);
	if (--*left)
		ck_assert_int_eq(vfnc_start(queue, &flush, again, left, NULL), 0);
}

START_TEST(test_resubmit)
{
	unsigned int left = CHAIN, turns = 0;

	begin(NULL);
	ck_assert_int_eq(vfnc_start(queue, &flush, again, &left, NULL), 0);
	while (left) {
		ck_assert_int_le(turn(0), 1);
		turns++;
	}
	/* What a callback starts is not waited for in the same turn: others are served. */
	ck_assert_uint_ge(turns, CHAIN);
	end();
}
END_TEST

static void lets_go(void *opaque, uint64_t ticket, int error, const struct vfnc_completion *completion)
{
	note(opaque, ticket, error, completion);
	if (queue)
		ck_assert_int_eq(vfnc_queue_delete(queue), 0);
	queue = NULL;
}

START_TEST(test_queue_freed)
{
	begin(four_backwards);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(vfnc_start(queue, &flush, lets_go, NULL, NULL), 0);
	while (n_seen < 4)
		ck_assert_int_ge(turn(0), 0);
	end();
}
END_TEST

START_TEST(test_forget)
{
	uint64_t tickets[4];

	begin(four_backwards);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, &tickets[i]), 0);
		if (i == 1)
			ck_assert_int_eq(vfnc_forget(conn, tickets[1]), 0);
	}
	ck_assert_int_eq(vfnc_forget(conn, tickets[1]), -ENOENT);
	ck_assert_uint_eq(vfnc_outstanding(conn), 3);
	ck_assert_int_eq(vfnc_register_read(dev, "vs", &(uint64_t){0}), 0);
	/* Also one that is complete and not told. */
	ck_assert_int_eq(vfnc_forget(conn, tickets[2]), 0);
	while (n_seen < 2)
		ck_assert_int_ge(turn(0), 0);
	ck_assert_uint_eq(seen[0].ticket, tickets[3]);
	ck_assert_uint_eq(seen[1].ticket, tickets[0]);
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	end();
}
END_TEST

static bool refuse(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_IO)
		return false;
	fake_error(f, req->id, ECANCELED, "the controller was reset", "");
	return true;
}

START_TEST(test_refused)
{
	struct vfnc_cmd bad = {.opcode = 2, .length = 10};
	uint64_t ticket = 1;

	begin(refuse);
	ck_assert_int_eq(vfnc_start(queue, &flush, NULL, NULL, &ticket), -EINVAL);
	ck_assert_uint_eq(ticket, 0);
	ck_assert_int_eq(vfnc_start(queue, &bad, note, NULL, NULL), -EINVAL);
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, NULL), 0);
	ck_assert_int_eq(turn(0), 1);
	ck_assert_int_eq(seen[0].error, -ECANCELED);
	ck_assert_str_eq(vfnc_error(conn), "the controller was reset");
	end();
}
END_TEST

/* Completes one of the first two commands, and goes at the fifth. */
static bool goes(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_IO)
		return false;
	if (++f->n_held == 2)
		fake_completion(f, req->id, 7, 0);
	if (f->n_held == 5)
		shutdown(f->sock, SHUT_RDWR);
	return true;
}

static void once_more(void *opaque, uint64_t ticket, int error, const struct vfnc_completion *completion)
{
	note(opaque, ticket, error, completion);
	if (error == -ECONNRESET)
		ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, NULL), -ECONNRESET);
}

START_TEST(test_lost)
{
	uint64_t tickets[5];
	unsigned int told[5] = {0};
	int ret;

	begin(goes);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(vfnc_start(queue, &flush, once_more, NULL, &tickets[i]), 0);
	do
		ret = turn(0);
	while (ret >= 0);
	ck_assert_int_eq(ret, -ECONNRESET);
	ck_assert_ptr_nonnull(strstr(vfnc_error(conn), "closed"));
	ck_assert_uint_eq(n_seen, 5);
	for (unsigned int i = 0; i < 5; i++)
		for (unsigned int k = 0; k < 5; k++)
			if (seen[i].ticket == tickets[k]) {
				told[k]++;
				ck_assert_int_eq(seen[i].error, k == 1 ? 0 : -ECONNRESET);
			}
	for (unsigned int k = 0; k < 5; k++)
		ck_assert_uint_eq(told[k], 1);
	/* What had come before is told before. */
	ck_assert_uint_eq(seen[0].ticket, tickets[1]);
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	ck_assert_int_eq(vfnc_process(conn, 0), -ECONNRESET);
	end();
}
END_TEST

/* Completes a command when it is cancelled. */
static bool cancels(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case == VFND__REQUEST__OP_IO) {
		f->held[f->n_held++] = req->id;
		return true;
	}
	if (req->op_case != VFND__REQUEST__OP_CANCEL)
		return false;
	fake_completion(f, req->cancel->request, 0, 7);
	/* The answer to the request itself is of no interest, whatever it is. */
	if (f->held[0] == req->cancel->request)
		fake_done(f, req->id);
	else
		fake_error(f, req->id, ENOENT, "too late", "cancel.request");
	return true;
}

START_TEST(test_cancel)
{
	struct vfnc_completion cpl;
	uint64_t tickets[3];

	begin(cancels);
	ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, &tickets[0]), 0);
	ck_assert_int_eq(vfnc_submit(queue, &flush, &tickets[1]), 0);
	ck_assert_int_eq(vfnc_start(queue, &flush, note, NULL, &tickets[2]), 0);
	ck_assert_int_eq(vfnc_cancel(conn, tickets[2] + 1), -ENOENT);
	ck_assert_int_eq(vfnc_cancel(conn, tickets[1]), 0);
	ck_assert_int_eq(vfnc_wait(conn, tickets[1], &cpl, 20000), 0);
	ck_assert_uint_eq(cpl.status, 7);
	ck_assert_int_eq(vfnc_cancel(conn, tickets[1]), -ENOENT);
	ck_assert_int_eq(vfnc_cancel(conn, tickets[0]), 0);
	while (n_seen < 1)
		ck_assert_int_ge(turn(0), 0);
	ck_assert_uint_eq(seen[0].ticket, tickets[0]);
	/* Forgotten, then it is nobody's. */
	ck_assert_int_eq(vfnc_forget(conn, tickets[2]), 0);
	ck_assert_int_eq(vfnc_cancel(conn, tickets[2]), -ENOENT);
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	end();
}
END_TEST

static void event_seen(void *opaque, const struct vfnc_event *event)
{
	unsigned int *n = opaque;

	ck_assert_int_eq(event->kind, *n == 1 ? VFNC_EVENT_GONE : VFNC_EVENT_ASYNC);
	ck_assert_ptr_eq(event->device, dev);
	++*n;
}

START_TEST(test_events)
{
	struct vfnc_subscription *sub;
	struct vfnc_event event;
	unsigned int n = 0;

	begin(NULL);
	ck_assert_int_eq(vfnc_subscribe(dev, &sub), 0);
	/* Without a function they are kept. */
	fake_event(&fake);
	ck_assert_int_eq(vfnc_register_read(dev, "vs", &(uint64_t){0}), 0);
	ck_assert(!vfnc_ready(conn));
	ck_assert_int_eq(vfnc_process(conn, 0), 0);
	vfnc_set_event_function(conn, event_seen, &n);
	ck_assert(vfnc_ready(conn));
	ck_assert_int_eq(vfnc_process(conn, 0), 1);
	fake_gone(&fake, "it was pulled out");
	ck_assert_int_eq(turn(0), 1);
	ck_assert_uint_eq(n, 2);
	vfnc_set_event_function(conn, NULL, NULL);
	fake_event(&fake);
	ck_assert_int_eq(vfnc_event_wait(conn, &event, 20000), 0);
	ck_assert_uint_eq(n, 2);
	end();
}
END_TEST

/* ---- threads: connections are independent, and one is used by many under the caller's lock ---- */

struct worker {
	pthread_t thread;
	struct fake fake;
	struct vfnc *conn;
	struct vfnc_queue *queue;
	pthread_mutex_t *lock; /* of a shared connection */
	unsigned int started, over;
};

static void over(void *opaque, uint64_t ticket, int error, const struct vfnc_completion *completion)
{
	struct worker *w = opaque;

	w->over++;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int done = 0;

	while (done < 200) {
		struct pollfd p = {.fd = vfnc_fd(w->conn), .events = POLLIN};

		if (w->lock)
			pthread_mutex_lock(w->lock);
		if (w->started < 200 && vfnc_start(w->queue, &flush, over, w, NULL) == 0)
			w->started++;
		vfnc_process(w->conn, 0);
		done = w->over;
		if (w->lock)
			pthread_mutex_unlock(w->lock);
		if (done < w->started)
			poll(&p, 1, 1);
	}
	return NULL;
}

START_TEST(test_threads)
{
	static struct worker workers[2 * THREADS];
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	begin(NULL);
	memset(workers, 0, sizeof(workers));
	for (unsigned int i = 0; i < 2 * THREADS; i++) {
		struct worker *w = &workers[i];
		struct vfnc_device *own;

		w->conn = conn;
		w->queue = queue;
		if (i < THREADS) {
			w->lock = &lock;
			continue;
		}
		ck_assert_int_eq(vfnc_connect_fd(fake_start(&w->fake, NULL), &w->conn), 0);
		ck_assert_int_eq(vfnc_open(w->conn, NULL, &own), 0);
		ck_assert_int_eq(vfnc_queue_create(own, &(struct vfnc_queue_opts){.entries = 8},
						   &w->queue), 0);
	}
	for (unsigned int i = 0; i < 2 * THREADS; i++)
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (unsigned int i = 0; i < 2 * THREADS; i++) {
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
		ck_assert_uint_eq(workers[i].started, 200);
		ck_assert_uint_eq(workers[i].over, 200);
		if (i >= THREADS) {
			vfnc_disconnect(workers[i].conn);
			fake_stop(&workers[i].fake);
		}
	}
	end();
}
END_TEST

UNIT_MAIN("async", {
	tcase_add_test(tc, test_called);
	tcase_add_test(tc, test_most);
	tcase_add_test(tc, test_resubmit);
	tcase_add_test(tc, test_queue_freed);
	tcase_add_test(tc, test_forget);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_lost);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_cancel);
	tcase_add_test(tc, test_threads);
})
