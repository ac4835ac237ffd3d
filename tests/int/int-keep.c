/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is freed beside direct queues stays mapped until the last of them is deleted: their commands, which the daemon
 * does not see, reach nobody who got the address after.
 */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfn/nvme.h>

#define LENGTH ((size_t)4096)
#define SIZE   ((size_t)65536)
#define LBA    5000

static struct client owner;
static struct vfnc_device *other; /* another session's */
static struct vfnc *other_conn;
static struct vfnc_queue *second; /* of the owner's */
static struct ledger before;

static void keep_begin(void)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_DIRECT, .entries = 16};

	ledger_settle();
	other = int_open_new();
	other_conn = vfnc_device_connection(other);
	ledger_take(&before);
	client_open(&owner, NULL, VFNC_QUEUE_DIRECT, 16, LENGTH);
	OK(owner.conn, vfnc_queue_create(owner.dev, &opts, &second));
}

static void keep_done(void)
{
	client_close(&owner);
	ledger_await(&before, 8192);
	vfnc_disconnect(other_conn);
}

/* The other session has a buffer just there, if it can: 0 or -errno. */
static int keep_try(uint64_t iova)
{
	struct vfnc_buffer_opts opts = {.place = VFNC_IOVA_FIXED, .iova = iova};
	struct vfnc_buffer *buf;
	int ret = vfnc_buffer_alloc_with(other, LENGTH, &opts, &buf);

	if (ret == 0)
		OK(other_conn, vfnc_buffer_free(buf));
	return ret;
}

static void keep_taken(uint64_t iova, const char *what)
{
	int ret = keep_try(iova);

	CHECK(ret == -EADDRINUSE, "%s: another session gets the address: %d (%s)", what, ret, vfnc_error(other_conn));
}

/* What is freed when a queue is deleted follows at once, but not with the answer. */
static void keep_gone(uint64_t iova, const char *what)
{
	uint64_t until = int_now_ms() + INT_SOON_MS;
	int ret;

	while ((ret = keep_try(iova)) == -EADDRINUSE && int_now_ms() < until)
		int_pause();
	CHECK(ret == 0, "%s: nobody gets the address any more: %d (%s)", what, ret, vfnc_error(other_conn));
}

/* The other session has all that is free above, so that the next lowest would be what was freed. */
static void buffer(void)
{
	struct vfnc_buffer *buf, *next;
	uint64_t iova;
	char *data;

	keep_begin();
	buf = int_buffer(owner.dev, SIZE);
	iova = buf->iova;
	OK(owner.conn, vfnc_buffer_free(buf));
	keep_taken(iova, "freed");
	next = int_buffer(other, SIZE);
	CHECK(next->iova >= iova + SIZE || next->iova + SIZE <= iova, "the freed address is used again");
	data = next->vaddr;
	memset(data, 0x77, SIZE);

	/* A command that is late finds memory there, and not the other's. */
	client_rw(&owner, false, LBA, LENGTH, iova - owner.buf->iova);
	for (size_t i = 0; i < SIZE; i++)
		CHECK(data[i] == 0x77, "a late command has reached another session");
	OK(other_conn, vfnc_buffer_free(next));

	OK(owner.conn, vfnc_queue_delete(owner.queue));
	keep_taken(iova, "one of two queues deleted");
	OK(owner.conn, vfnc_queue_delete(second));
	keep_gone(iova, "both deleted");

	/* Without direct queues it goes at once. */
	buf = int_buffer(owner.dev, SIZE);
	iova = buf->iova;
	OK(owner.conn, vfnc_buffer_free(buf));
	CHECK(keep_try(iova) == 0, "the address is not free: %s", vfnc_error(other_conn));
	keep_done();
}

/* A queue's own memory, too. */
static void queue(void)
{
	uint64_t parts[3];

	keep_begin();
	parts[0] = owner.queue->cq->iova;
	parts[1] = owner.queue->sq->iova;
	parts[2] = owner.queue->sq->pages.iova;
	for (int i = 0; i < 3; i++)
		keep_taken(parts[i], "in use");
	OK(owner.conn, vfnc_queue_delete(owner.queue));
	for (int i = 0; i < 3; i++)
		keep_taken(parts[i], "another is there");
	owner.queue = second;
	client_rw(&owner, false, LBA, LENGTH, parts[2] - owner.buf->iova);
	OK(owner.conn, vfnc_queue_delete(second));
	for (int i = 0; i < 3; i++)
		keep_gone(parts[i], "none is there");
	keep_done();
}

/* What a session of others does is nothing to it, nor what direct queues are made later, after the last has gone. */
static void others(void)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_DIRECT, .entries = 4};
	struct vfnc_buffer *buf;
	struct client third;
	uint64_t iova;

	keep_begin();
	client_open(&third, NULL, VFNC_QUEUE_REQUEST, 4, LENGTH);
	buf = int_buffer(third.dev, SIZE);
	iova = buf->iova;
	OK(third.conn, vfnc_buffer_free(buf));
	CHECK(keep_try(iova) == 0, "another's direct queues hold it: %s", vfnc_error(other_conn));
	OK(third.conn, vfnc_queue_delete(third.queue));
	client_close(&third);

	buf = int_buffer(owner.dev, SIZE);
	iova = buf->iova;
	OK(owner.conn, vfnc_buffer_free(buf));
	OK(owner.conn, vfnc_queue_delete(owner.queue));
	OK(owner.conn, vfnc_queue_delete(second));
	OK(owner.conn, vfnc_queue_create(owner.dev, &opts, &second));
	keep_gone(iova, "a new queue");
	keep_done();
}

/* A session's end, with the device's or its client's, gives it back; and so does a reset. */
static void ends(void)
{
	struct vfnc_reset_result result;
	struct vfnc_buffer *buf;
	uint64_t iova;

	keep_begin();
	for (int i = 0; i < 20; i++)
		OK(owner.conn, vfnc_buffer_free(int_buffer(owner.dev, SIZE)));
	keep_done();

	keep_begin();
	buf = int_buffer(owner.dev, SIZE);
	iova = buf->iova;
	OK(owner.conn, vfnc_buffer_free(buf));
	OK(other_conn, vfnc_reset(other, VFNC_RESET_CONTROLLER, &result));
	keep_gone(iova, "after a reset");
	keep_done();
}

static void killed_client(void *arg)
{
	int *pipe = arg;

	client_open(&owner, NULL, VFNC_QUEUE_DIRECT, 64, 64 * LENGTH);
	for (unsigned int i = 0; i < 63; i++)
		client_post(&owner, false, i, LENGTH, i * LENGTH);
	nvme_sq_update_tail(owner.queue->sq);
	OK(owner.conn, vfnc_buffer_free(owner.buf));
	for (int i = 0; i < 20; i++)
		OK(owner.conn, vfnc_buffer_free(int_buffer(owner.dev, SIZE)));
	int_poke(*pipe);
	for (;;)
		pause();
}

static void killed(void)
{
	int ready[2];
	pid_t pid;

	CHECK(pipe(ready) == 0, "no pipe");
	ledger_settle();
	ledger_take(&before);
	for (int i = 0; i < (env.longer ? 50 : 5); i++) {
		pid = int_spawn(killed_client, &ready[1]);
		int_await_poke(ready[0], INT_SOON_MS);
		CHECK(kill(pid, SIGKILL) == 0, "kill: %s", strerror(errno));
		int_reap_killed(pid);
		/* Where there is a limit the next one has room when this one's end is over. */
		if (getenv("KEEP_LIMITS"))
			ledger_await(&before, 8192);
	}
	ledger_await(&before, 8192);
}

/* All buffers of a memory go, each when its device's queues let it. */
static void everywhere(void)
{
	struct vfnc_buffer *buf, *attached;
	struct vfnc_device *dev2;
	uint64_t iova;

	keep_begin();
	dev2 = int_open(owner.conn, env.device2);
	buf = int_buffer(owner.dev, SIZE);
	iova = buf->iova;
	OK(owner.conn, vfnc_buffer_attach(dev2, buf, NULL, &attached));
	OK(owner.conn, vfnc_buffer_free_everywhere(buf));
	keep_taken(iova, "freed on two devices");
	OK(owner.conn, vfnc_queue_delete(owner.queue));
	OK(owner.conn, vfnc_queue_delete(second));
	keep_gone(iova, "both deleted");
	keep_done();
}

/* ---- with limits ---------------------------------------------------------------------------- */

static const char *no_limits(void)
{
	return getenv("KEEP_LIMITS") ? NULL : "a daemon with limits";
}

/* What is kept counts: nobody has it hold memory without end. */
static void charged(void)
{
	struct vfnc_buffer *buf;
	int n = 0, ret;

	keep_begin();
	while ((ret = vfnc_buffer_alloc(owner.dev, LENGTH, &buf)) == 0) {
		OK(owner.conn, vfnc_buffer_free(buf));
		CHECK(++n < 1000, "it goes on for ever");
	}
	CHECK(ret == -EDQUOT && int_contains(vfnc_error(owner.conn), "counts until they are deleted"),
	      "what is freed: %d (%s)", ret, vfnc_error(owner.conn));
	OK(owner.conn, vfnc_queue_delete(owner.queue));
	FAILS(owner.conn, EDQUOT, vfnc_buffer_alloc(owner.dev, LENGTH, &buf));
	OK(owner.conn, vfnc_queue_delete(second));
	for (int i = 0; (ret = vfnc_buffer_alloc(owner.dev, LENGTH, &buf)) == -EDQUOT && i < 2000; i++)
		int_pause();
	OK(owner.conn, ret);
	keep_done();
}

static void too_much(void)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_DIRECT, .entries = 1024};
	struct vfnc_queue *large;

	keep_begin();
	FAILS_SAYING(owner.conn, EDQUOT, "buffer-bytes", vfnc_queue_create(owner.dev, &opts, &large));
	client_rw(&owner, false, LBA, LENGTH, 0);
	keep_done();
}

static const struct int_case cases[] = {
	INT_CASE("a freed buffer is nobody else's until the last direct queue is deleted", buffer),
	INT_CASE("the memory of one of several direct queues is, too", queue),
	INT_CASE("sessions of others and later queues have nothing of it", others),
	INT_CASE("the end of a session, and a reset, give back what was kept", ends, .limit = 120),
	INT_CASE("so does the end of a client that is killed", killed, .limit = 120),
	INT_CASE("buffers on several devices", everywhere),
	INT_CASE("what is kept counts for its user", charged, .missing = no_limits),
	INT_CASE("a direct queue that is too much for the user", too_much, .missing = no_limits),
	{0},
};

int main(void)
{
	return int_main("keep", cases);
}
