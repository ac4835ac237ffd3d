/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Served queues of sessions. Made in steps: memory (worker), a pair of the controller's queues, the
 * engine; taken down in the opposite order. The loop has all of it but what the engine needs for
 * commands (struct served), which it changes by calls to the driver.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/event.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/data/check.h"
#include "daemon/device/tracer.h"
#include "daemon/device/wake.h"

#define SERVED_DEFAULT	  128u /* entries */
#define SERVED_MAX_WEIGHT 16u

#define served_of_job(j) container_of(j, struct queue, job)->served

static unsigned int served_patience(const struct nvme_served *s)
{
	return s->nd->dev->devices->config->abort_timeout_ms;
}

/* ---- memory ------------------------------------------------------------------------------ */

static void served_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void served_free_memory(struct nvme_served *s)
{
	if (s->memory) {
		/* The client may keep it mapped; what was counted is given back all the same. */
		madvise(s->memory, s->size, MADV_REMOVE);
		munmap(s->memory, s->size);
	}
	s->memory = NULL;
	served_close(&s->fd);
	served_close(&s->kick_fd);
	served_close(&s->client_fd);
	served_close(&s->data.wake_fd);
}

static int served_make_memory(struct nvme_served *s)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t entries = s->queue->entries;
	int pair[2], ret;
	void *mem;

	s->fd = memory_memfd("vfnd-queue", s->size, 0);
	if (s->fd < 0)
		return -errno;
	mem = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (mem == MAP_FAILED)
		return -errno;
	s->memory = mem;
	s->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->kick_fd < 0)
		return -errno;
	ret = wake_open(pair);
	if (ret < 0)
		return ret;
	s->data.wake_fd = pair[0];
	s->client_fd = pair[1];
	s->data.control = mem;
	s->data.sqes = (uint8_t *)mem + served_sq_offset(page);
	s->data.cqes = (uint64_t *)((uint8_t *)mem + served_cq_offset(entries, page));
	s->data.entries = entries;
	*s->data.control = (struct served_control){
		.magic = SERVED_MAGIC,
		.version = SERVED_VERSION,
		.entries = entries,
		.sq_offset = served_sq_offset(page),
		.cq_offset = served_cq_offset(entries, page),
		.cq_wake = SERVED_AWAKE,
	};
	return 0;
}

static void served_memory_run(struct job *job)
{
	int ret = served_make_memory(served_of_job(job));

	vfn_error_set("%s", "");
	if (ret < 0)
		job_fail(job, ret);
}

/* ---- going ------------------------------------------------------------------------------- */

static void served_remove(struct data_engine *engine, void *arg)
{
	data_engine_remove(engine, arg);
}

static void served_finish(struct nvme_served *s)
{
	struct queue *q = s->queue;

	if (s->attached) {
		data_driver_call(s->nd->driver, served_remove, &s->data);
		tally_merge(&s->nd->served_gone, &s->data.stats, false);
		q->opening->nserved--;
	}
	data_driver_unwatch(&s->watch);
	data_driver_forget(s->nd->driver, &s->drained);
	if (s->patience)
		event_free(s->patience);
	served_free_memory(s);
	quota_release(q->opening->user, QUOTA_BUFFER_BYTES, s->size);
	nvme_tally_end(q);
	q->served = NULL;
	free(s);
	nvme_queue_free(q);
}

static void served_fail(struct nvme_served *s, int error, const char *text)
{
	s->queue->error = error;
	snprintf(s->queue->text, sizeof(s->queue->text), "%s", text);
	served_finish(s);
}

void nvme_served_unpaired(struct nvme_served *s)
{
	if (!s->queue->error && s->queue->made)
		s->queue->error = -ENOMEM;
	if (s->queue->error && !s->queue->text[0])
		snprintf(s->queue->text, sizeof(s->queue->text), "out of memory or descriptors");
	served_finish(s);
}

/* Nothing of it is in flight: the pair goes on without it, or goes if it was the last one
 * meanwhile. */
static void served_idle(struct nvme_served *s)
{
	s->idle = true;
	if (!s->pair || nvme_pair_put(s))
		return;
	nvme_pair_leave(s);
	served_finish(s);
}

static void served_drained(struct data_msg *msg)
{
	served_idle(container_of(msg, struct nvme_served, drained));
}

/* On the engine. */
static void served_is_drained(struct served *data)
{
	struct nvme_served *s = data->owner;

	data_driver_notify(s->nd->driver, &s->drained);
}

struct served_left {
	struct served *data;
	struct nvme_rq *rqs[64];
	unsigned int n, most;
};

/* Those that no Abort names yet: one is going to now. */
static void served_name_commands(struct data_engine *engine, void *arg)
{
	struct served_left *left = arg;

	left->n = data_pair_name(left->data, left->rqs, left->most);
}

/* Others use the pair, so that it cannot be deleted: ask for what is left one by one, and in the
 * end reset. */
static void served_impatient(evutil_socket_t fd, short what, void *arg)
{
	struct nvme_served *s = arg;
	struct nvme_device *nd = s->nd;
	struct served_left left = {.data = &s->data, .most = nvme_abort_places(nd)};
	struct timeval tv = {.tv_usec = 50000};

	if (s->idle || nd->dev->state != DEVICE_READY)
		return;
	if (++s->ticks * 50 > 3 * served_patience(s)) {
		nvme_recover(nd, "commands of a served queue do not end");
		return;
	}
	if (left.most > 64)
		left.most = 64;
	data_driver_call(nd->driver, served_name_commands, &left);
	for (unsigned int i = 0; i < left.n; i++)
		if (nvme_abort_send(nd, s->pair->queue, left.rqs[i], left.rqs[i]->cid) < 0)
			nvme_pair_unname(s->pair, left.rqs[i]);
	evtimer_add(s->patience, &tv);
}

static void served_stop(struct data_engine *engine, void *arg)
{
	data_engine_stop(engine, arg);
}

void nvme_served_delete(struct queue *q)
{
	struct nvme_served *s = q->served;
	struct timeval tv = {.tv_usec = 50000};

	q->phase = QUEUE_DELETING;
	if (s->attached)
		data_driver_call(s->nd->driver, served_stop, &s->data);
	/* It may be deleted with the pair; else it leaves when it is drained. */
	if (nvme_pair_put(s))
		return;
	if (!s->attached) {
		served_idle(s);
		return;
	}
	s->patience = evtimer_new(s->nd->dev->devices->base, served_impatient, s);
	if (s->patience)
		evtimer_add(s->patience, &tv);
}

/* ---- coming ------------------------------------------------------------------------------ */

struct served_add {
	struct served *data;
	int ret;
};

static void served_add(struct data_engine *engine, void *arg)
{
	struct served_add *add = arg;

	add->ret = data_engine_add(engine, add->data);
}

static bool served_number_used(const struct opening *o, unsigned int number)
{
	const struct queue *q;

	LIST_FOREACH (q, &o->queues, link)
		if (q->served && q->served->attached && q->served->data.qid == number)
			return true;
	return false;
}

/*
 * The number of a queue in its completions, for its client to tell them apart: beyond those of the
 * controller's queues. It is looked for from the last one on, for a client may have thousands. 0: all are used.
 */
static uint16_t served_number(const struct queue *q)
{
	unsigned int most = UINT16_MAX - q->nd->nqueues, number;
	struct opening *o = q->opening;

	if (o->nserved >= most)
		return 0;
	do {
		number = q->nd->nqueues + 1 + o->last_number % most;
		o->last_number++;
	} while (served_number_used(o, number));
	return (uint16_t)number;
}

static int served_attach(struct nvme_served *s)
{
	struct served_add add = {.data = &s->data};
	struct queue *q = s->queue;
	int ret;

	s->data.pair = &s->pair->data;
	s->data.map = &q->opening->map;
	s->data.limit = data_limit_set(&q->opening->limit) ? &q->opening->limit : NULL;
	s->data.whose = tracer_owner(q->opening);
	s->data.qid = served_number(q);
	if (!s->data.qid)
		return -EMFILE;
	s->data.window = s->weight * SERVED_BURST;
	s->data.priority = (enum served_priority)(q->priority - QUEUE_PRIORITY_URGENT);
	s->data.drained = served_is_drained;
	s->data.owner = s;
	s->data.control->qid = s->data.qid;
	s->drained.done = served_drained;
	data_driver_call(s->nd->driver, served_add, &add);
	if (add.ret < 0)
		return add.ret;
	s->attached = true;
	q->opening->nserved++;
	q->vector = s->pair->queue->vector;
	nvme_tally_begin(q);
	s->watch.fd = s->kick_fd;
	s->watch.served = &s->data;
	ret = data_driver_watch(s->nd->driver, &s->watch);
	if (ret == 0)
		ret = lease_add(session_leases(q->opening->session), &q->lease, LEASE_QUEUE);
	return ret;
}

void nvme_served_paired(struct nvme_served *s, int error, const char *text)
{
	struct queue *q = s->queue;
	class_queue_done made = q->made;

	if (error < 0) {
		served_fail(s, error, text);
		return;
	}
	if (q->opening->ending) {
		nvme_served_delete(q);
		return;
	}
	error = served_attach(s);
	if (error < 0) {
		q->error = error;
		snprintf(q->text, sizeof(q->text), "out of memory or descriptors");
		nvme_served_delete(q);
		return;
	}
	q->phase = QUEUE_LIVE;
	q->made = NULL;
	made(q->made_arg, 0, NULL, q);
}

static void served_memory_done(struct job *job)
{
	struct nvme_served *s = served_of_job(job);
	struct opening *o = s->queue->opening;

	if (job->error < 0)
		served_fail(s, job->error, job->text);
	else if (o->ending || s->nd->dev->state != DEVICE_READY)
		served_fail(s, -ECANCELED, "the device was closed or reset meanwhile");
	else
		nvme_pair_get(s, s->queue->entries);
	opening_release(o);
}

void nvme_served_create(struct opening *o, const struct queue_spec *spec, class_queue_done done,
			void *arg)
{
	unsigned int entries = spec->entries ? spec->entries : SERVED_DEFAULT;
	unsigned int weight = spec->weight ? spec->weight : 1;
	uint64_t size = served_size(entries, (uint64_t)sysconf(_SC_PAGESIZE));
	struct nvme_served *s;
	struct queue *q;
	char text[128];

	if (entries < 2 || entries > SERVED_MAX_ENTRIES || weight > SERVED_MAX_WEIGHT) {
		snprintf(text, sizeof(text), "2 to %u entries and a weight of 1 to %u are possible",
			 SERVED_MAX_ENTRIES, SERVED_MAX_WEIGHT);
		done(arg, -EINVAL, text, NULL);
		return;
	}
	if (quota_charge(o->user, QUOTA_BUFFER_BYTES, size) < 0) {
		done(arg, -EDQUOT,
		     "the user has as much memory as the configuration allows (buffer-bytes)",
		     NULL);
		return;
	}
	s = calloc(1, sizeof(*s));
	q = s ? nvme_queue_new(o, 0, entries) : NULL;
	if (!q) {
		bool quota = s && errno == EDQUOT;

		free(s);
		quota_release(o->user, QUOTA_BUFFER_BYTES, size);
		done(arg, quota ? -EDQUOT : -ENOMEM,
		     quota ? "the user has as many queues as the configuration allows (queues)"
			   : "out of memory",
		     NULL);
		return;
	}
	s->queue = q;
	s->nd = nvme_of(o->device);
	s->fd = s->kick_fd = s->client_fd = s->data.wake_fd = -1;
	s->size = size;
	s->weight = weight;
	q->mode = QUEUE_SERVED;
	q->priority = spec->priority;
	q->served = s;
	q->tally = &s->data.stats;
	q->made = done;
	q->made_arg = arg;
	q->job.run = served_memory_run;
	q->job.done = served_memory_done;
	opening_post(o, &q->job);
}

int nvme_served_share(struct queue *q, struct queue_share *share)
{
	struct nvme_served *s = q->served;
	int *fds = share->fds;

	fds[0] = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	fds[1] = fcntl(s->kick_fd, F_DUPFD_CLOEXEC, 0);
	if (fds[0] < 0 || fds[1] < 0) {
		int error = errno;

		served_close(&fds[0]);
		served_close(&fds[1]);
		return -error;
	}
	fds[2] = s->client_fd;
	s->client_fd = -1;
	share->nfds = 3;
	share->size = s->size;
	return 0;
}

static void served_all_gone(struct data_engine *engine, void *arg)
{
	data_engine_fail(engine, DATA_ABORTED_SQ_DELETED);
	while (engine->npairs)
		data_engine_remove_pair(engine, engine->pairs[0]);
	engine->halted = false;
}

void nvme_served_fail(struct nvme_device *nd)
{
	struct nvme_pair *pair;

	if (!nd->driver)
		return;
	data_driver_call(nd->driver, served_all_gone, NULL);
	LIST_FOREACH (pair, &nd->pairs, link)
		nvme_pair_gone(pair);
}

void nvme_served_gone(struct nvme_device *nd)
{
	struct opening *o, *next_o;
	struct queue *q, *next_q;

	for (o = LIST_FIRST(&nd->dev->openings); o; o = next_o) {
		opening_hold(o);
		for (q = LIST_FIRST(&o->queues); q; q = next_q) {
			next_q = LIST_NEXT(q, link);
			/* Those on their way are ended by the job or the pair that they wait for.
			 */
			if (!q->served || !q->served->attached)
				continue;
			q->phase = QUEUE_DELETING;
			lease_remove(&q->lease);
			if (q->served->pair)
				nvme_pair_leave(q->served);
			served_finish(q->served);
		}
		next_o = LIST_NEXT(o, in_device);
		opening_release(o);
	}
}

bool nvme_served_any(const struct nvme_device *nd)
{
	return !LIST_EMPTY(&nd->pairs);
}
