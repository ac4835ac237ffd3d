/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rig-driver - clients and a controller that are threads, for the test of drivers
 *
 * A client submits, sleeps and comes back at random, as client/served.c does it. The controller
 * completes in any order, after a while. What goes wrong is in `failure`.
 */
#ifndef VFND_TESTS_RIG_DRIVER_H
#define VFND_TESTS_RIG_DRIVER_H

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>

#include <event2/event.h>

#include "daemon/data/driver.h"
#include "random.h"
#include "rig-data.h"

#define PAIRS	2
#define CLIENTS 4
#define ENTRIES 16
/* A wait that takes longer is a wake-up that was lost. */
#define LOST_MS 5000

/* The controller is no part of the program that the thread sanitizer looks at: as in a machine, it
 * sees memory alone. */
#define HARDWARE __attribute__((noinline, no_sanitize("thread")))

struct party {
	struct rig_client c;
	struct rig_pair *pair;
	struct data_watch watch;
	pthread_t thread;
	unsigned int index;
	int kick_fd;
	uint64_t random;
	bool busy[ENTRIES - 1]; /* by identifier */
	unsigned int nbusy;
	uint32_t told_head;
	uint64_t pushed, popped;
	uint64_t sleeps; /* in poll() */
	uint64_t arms;	 /* of its wake index */
	uint64_t woken;	 /* bytes in its wake socket */
	uint64_t kicks;	 /* that it sent */
	bool never_sleeps;
	atomic_ullong daemon_arms; /* how often the daemon set its event indices */
	uint64_t fetched;	   /* the controller's */
};

struct device_pair {
	struct rig_pair rig;
	int irq_fd;
	struct data_watch watch;
	struct event *event;
	struct {
		uint16_t cid;
	} taken[256];
	unsigned int ntaken;
};

static struct event_base *base;
static struct data_driver *driver;
static struct device_pair devices[PAIRS];
static struct party parties[CLIENTS];
static atomic_bool device_stops;
static atomic_uint running;
static int done_fd;
static _Atomic(const char *) failure;
static uint64_t sleeps_wanted;

static void fails(const char *what)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&failure, &none, what);
}

static bool longer(void)
{
	const char *value = getenv("LONG");

	return value && *value == '1';
}

static void dawdle(unsigned int us)
{
	struct timespec ts = {.tv_nsec = us * 1000l};

	nanosleep(&ts, NULL);
}

/* Kicks are counted against this: the index is passed once each time that it is set. */
bool __real_served_arm(struct served *q);
bool __wrap_served_arm(struct served *q);

bool __wrap_served_arm(struct served *q)
{
	struct party *p = q->owner;

	if (p)
		atomic_fetch_add(&p->daemon_arms, 1);
	return __real_served_arm(q);
}

/* ---- the controller ---------------------------------------------------------------------- */

HARDWARE static void device_fetch(struct device_pair *d)
{
	struct rig_pair *r = &d->rig;
	unsigned int tail = __atomic_load_n((uint32_t *)&r->doorbells[0], __ATOMIC_ACQUIRE);

	while (r->sq_head != tail) {
		union nvme_cmd *cmd = (union nvme_cmd *)r->sq.vaddr + r->sq_head;
		struct party *p = &parties[le32_to_cpu(cmd->rw.reftag)];

		if (le64_to_cpu(cmd->rw.slba) != p->fetched)
			fails("a queue's commands are out of order");
		p->fetched++;
		d->taken[d->ntaken++].cid = cmd->cid;
		r->sq_head = (r->sq_head + 1) % r->qsize;
	}
}

HARDWARE static void device_complete(struct device_pair *d, unsigned int at)
{
	struct rig_pair *r = &d->rig;
	struct nvme_cqe *cqe = (struct nvme_cqe *)r->cq.vaddr + r->cq_tail;

	cqe->sqhd = cpu_to_le16((uint16_t)r->sq_head);
	cqe->sqid = cpu_to_le16(1);
	cqe->cid = d->taken[at].cid;
	__atomic_store_n((uint16_t *)&cqe->sfp, (uint16_t)r->phase, __ATOMIC_RELEASE);
	r->cq_tail = (r->cq_tail + 1) % r->qsize;
	r->phase ^= !r->cq_tail;
	d->taken[at] = d->taken[--d->ntaken];
}

static void *device_thread(void *arg)
{
	uint64_t random = 4711;

	(void)arg;
	while (!atomic_load(&device_stops)) {
		bool any = false;

		for (unsigned int i = 0; i < PAIRS; i++) {
			struct device_pair *d = &devices[i];
			unsigned int n;

			device_fetch(d);
			n = random_below(&random, d->ntaken + 2);
			n = n > d->ntaken ? d->ntaken : n;
			for (unsigned int k = n; k; k--)
				device_complete(d, random_below(&random, d->ntaken));
			if (n) {
				eventfd_write(d->irq_fd, 1);
				any = true;
			}
		}
		if (random_below(&random, 512) == 0)
			dawdle(random_below(&random, 100));
		else if (!any)
			sched_yield();
	}
	return NULL;
}

/* ---- a client ---------------------------------------------------------------------------- */

/* As libvfn tells the daemon, which is not made for the thread sanitizer: with that, the same. */
static bool client_tell(uint32_t *word, uint32_t *event, uint32_t value, uint32_t old)
{
#ifdef __SANITIZE_THREAD__
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __nvme_dbbuf_need_event(__atomic_load_n(event, __ATOMIC_ACQUIRE), value, old);
#else
	struct nvme_dbbuf db = {.doorbell = word, .eventidx = event};

	return __nvme_dbbuf_update(&db, value, old);
#endif
}

static void client_kick(struct party *p)
{
	p->kicks++;
	eventfd_write(p->kick_fd, 1);
}

static void client_submit(struct party *p, unsigned int n)
{
	uint32_t old = p->c.tail;

	while (n-- && p->nbusy < ENTRIES - 1) {
		union nvme_cmd cmd;
		uint16_t cid = 0;

		while (p->busy[cid])
			cid++;
		p->busy[cid] = true;
		p->nbusy++;
		cmd = rig_read(cid, p->pushed++, 1, p->c.buffer.iova);
		cmd.rw.reftag = cpu_to_le32(p->index);
		rig_push(&p->c, &cmd);
	}
	if (p->c.tail != old &&
	    client_tell(&p->c.control->sq_tail, &p->c.control->sq_event, p->c.tail, old))
		client_kick(p);
}

static void client_tell_head(struct party *p)
{
	if (p->c.head != p->told_head &&
	    client_tell(&p->c.control->cq_head, &p->c.control->cq_event, p->c.head, p->told_head))
		client_kick(p);
	p->told_head = p->c.head;
}

static const uint64_t *client_entry(const struct party *p)
{
	return (const uint64_t *)((uint8_t *)p->c.shared + served_cq_offset(ENTRIES, RIG_PAGE)) +
	       (size_t)2 * p->c.head;
}

static bool client_ready(const struct party *p)
{
	uint64_t last = le64toh(__atomic_load_n(client_entry(p) + 1, __ATOMIC_ACQUIRE));

	return (last >> 48 & 1) == p->c.phase;
}

static void client_reap(struct party *p)
{
	while (client_ready(p)) {
		uint64_t last = le64toh(client_entry(p)[1]);
		unsigned int cid = last >> 32 & 0xffff;

		if (cid >= ENTRIES - 1 || !p->busy[cid] || last >> 49) {
			fails("a completion is nobody's, or says that the command failed");
			return;
		}
		p->busy[cid] = false;
		p->nbusy--;
		p->popped++;
		p->c.head = (p->c.head + 1) % ENTRIES;
		p->c.phase ^= !p->c.head;
	}
	/* Now and then later: completions that the daemon has to wait for. */
	if (random_below(&p->random, 4))
		client_tell_head(p);
}

/* As vfnc_queue_wait(). */
static void client_sleep(struct party *p)
{
	struct pollfd pfd = {.fd = p->c.wake_fd, .events = POLLIN};
	char bytes[16];

	client_tell_head(p);
	for (;;) {
		__atomic_store_n(&p->c.control->cq_wake, htole32(p->c.head), __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		p->arms++;
		if (client_ready(p))
			break;
		p->sleeps++;
		if (poll(&pfd, 1, LOST_MS) != 1) {
			fails("a client has slept for too long");
			break;
		}
		__atomic_store_n(&p->c.control->cq_wake, SERVED_AWAKE, __ATOMIC_RELEASE);
		while (recv(p->c.wake_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			p->woken++;
	}
	__atomic_store_n(&p->c.control->cq_wake, SERVED_AWAKE, __ATOMIC_RELEASE);
}

static void client_spin(struct party *p)
{
	time_t begin = time(NULL);

	client_tell_head(p);
	while (!client_ready(p)) {
		sched_yield();
		if (time(NULL) - begin > LOST_MS / 1000) {
			fails("a command was never completed");
			return;
		}
	}
}

static void *client_thread(void *arg)
{
	struct party *p = arg;

	while (!atomic_load(&failure) &&
	       (p->never_sleeps ? p->popped < sleeps_wanted : p->sleeps < sleeps_wanted)) {
		client_submit(p, random_below(&p->random, 4) ? 1 + random_below(&p->random, 4)
							     : ENTRIES);
		if (p->never_sleeps || random_below(&p->random, 8) == 0)
			client_spin(p);
		else
			client_sleep(p);
		client_reap(p);
		/* Long enough for the daemon to go to sleep. */
		if (random_below(&p->random, 64) == 0) {
			client_tell_head(p);
			dawdle(random_below(&p->random, 200));
		}
	}
	while (p->nbusy && !atomic_load(&failure)) {
		client_spin(p);
		client_reap(p);
	}
	client_tell_head(p);
	if (atomic_fetch_sub(&running, 1) == 1)
		eventfd_write(done_fd, 1);
	return NULL;
}

#endif
