/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/tracer.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include <vfn/support.h>

#include "daemon/device/buffer.h"
#include "daemon/device/class.h"
#include "daemon/device/device.h"
#include "daemon/device/queue.h"
#include "daemon/device/wake.h"

/* Milliseconds between two looks, and at most while there is nothing new. */
#define TRACER_LOOK	 10
#define TRACER_LOOK_IDLE 80
/* Milliseconds that a client has to read what is left, when its device is gone. */
#define TRACER_LINGER 2000

/* Those that only wait for that. */
static struct tracer_list tracers_left;

/* A descriptor by which nobody can write, nor open it once more: what somebody changes there counts for us. */
static int tracer_read_only(int fd)
{
	char path[64];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	if (ro < 0)
		return -errno;
	if (fchmod(fd, 0) < 0) {
		int error = errno;

		close(ro);
		return -error;
	}
	return ro;
}

/* The memory, and a descriptor of it to be given away. */
static int tracer_map(struct tracer *t, int *out)
{
	int fd = memory_memfd("vfnd-trace", t->size, 0), ret;
	void *mem;

	if (fd < 0)
		return -errno;
	mem = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ret = mem == MAP_FAILED ? -errno : tracer_read_only(fd);
	close(fd);
	if (mem == MAP_FAILED)
		return ret;
	t->memory = mem;
	if (ret < 0)
		return ret;
	*out = ret;
	return 0;
}

/* As much as there is: what a client that sleeps is told is that it should look. */
static void tracer_look(evutil_socket_t fd, short what, void *arg)
{
	struct tracer *t = arg;
	struct timeval tv = {0};
	bool moved = false;

	for (unsigned int i = 0; i < TRACE_LANES; i++) {
		uint64_t head = atomic_load_explicit(&t->trace.lane[i].head, memory_order_relaxed);

		moved |= head != t->told[i];
		t->told[i] = head;
	}
	/* Full, it has been woken already; gone, nobody waits. */
	if (moved)
		(void)!send(t->wake_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	t->ms = moved ? TRACER_LOOK : t->ms * 2 < TRACER_LOOK_IDLE ? t->ms * 2 : TRACER_LOOK_IDLE;
	tv.tv_usec = t->ms * 1000;
	evtimer_add(t->timer, &tv);
}

static unsigned int tracer_count(const struct opening *o)
{
	const struct tracer *t;
	unsigned int n = 0;

	LIST_FOREACH (t, &o->tracers, link)
		n++;
	return n;
}

static void tracer_discard(struct tracer *t, bool empty)
{
	if (t->timer)
		event_free(t->timer);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	if (t->memory) {
		/* The client may keep it mapped; what was counted is given back all the same. */
		if (empty)
			madvise(t->memory, t->size, MADV_REMOVE);
		munmap(t->memory, t->size);
	}
	quota_release(t->user, QUOTA_BUFFER_BYTES, t->size);
	quota_put(t->user);
	free(t);
}

/* All that can fail before anybody writes to it. */
static int tracer_prepare(struct tracer *t, unsigned int entries, int fds[2])
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int ret = tracer_map(t, &fds[0]), pair[2];

	if (ret < 0)
		return ret;
	trace_init(&t->trace, t->memory, entries, page);
	ret = wake_open(pair);
	if (ret < 0)
		return ret;
	t->wake_fd = pair[0];
	fds[1] = pair[1];
	t->timer = evtimer_new(t->opening->device->devices->base, tracer_look, t);
	if (!t->timer)
		return -ENOMEM;
	return 0;
}

static int tracer_start(struct tracer *t)
{
	struct timeval tv = {.tv_usec = TRACER_LOOK * 1000};
	struct device *dev = t->opening->device;
	int ret = trace_list_add(&dev->traces, &t->trace);

	if (ret < 0)
		return ret;
	ret = lease_add(session_leases(t->opening->session), &t->lease, LEASE_TRACE);
	if (ret < 0) {
		trace_list_remove(&dev->traces, &t->trace);
		return ret;
	}
	LIST_INSERT_HEAD(&t->opening->tracers, t, link);
	t->ms = TRACER_LOOK;
	evtimer_add(t->timer, &tv);
	if (dev->class->trace_add)
		dev->class->trace_add(dev, &t->trace);
	return 0;
}

int tracer_create(struct opening *o, const struct trace_filter *filter, unsigned int entries, int fds[2],
		  struct tracer **out)
{
	unsigned int count = TRACE_MIN_ENTRIES;
	struct tracer *t;
	int ret;

	fds[0] = fds[1] = -1;
	if (entries > TRACE_MAX_ENTRIES)
		return -EINVAL;
	if (tracer_count(o) >= TRACER_OPENING_MAX)
		return -EMFILE;
	while (count < (entries ? entries : TRACE_DEFAULT_ENTRIES))
		count *= 2;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->opening = o;
	t->wake_fd = -1;
	t->trace.filter = *filter;
	t->size = trace_size(count, (uint64_t)sysconf(_SC_PAGESIZE));
	if (quota_charge(o->user, QUOTA_BUFFER_BYTES, t->size) < 0) {
		free(t);
		return -EDQUOT;
	}
	t->user = quota_ref(o->user);
	ret = tracer_prepare(t, count, fds);
	if (ret == 0)
		ret = tracer_start(t);
	if (ret == 0) {
		*out = t;
		return 0;
	}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	tracer_discard(t, true);
	return ret;
}

/* Nobody writes to it any more. */
static void tracer_stop(struct tracer *t, uint32_t error)
{
	struct device *dev = t->opening->device;

	lease_remove(&t->lease);
	LIST_REMOVE(t, link);
	trace_list_remove(&dev->traces, &t->trace);
	if (dev->class->trace_remove)
		dev->class->trace_remove(dev, &t->trace);
	trace_end(&t->trace, error);
	close(t->wake_fd);
	t->wake_fd = -1;
}

void tracer_free(struct tracer *t)
{
	tracer_stop(t, ECANCELED);
	tracer_discard(t, true);
}

static void tracer_left(evutil_socket_t fd, short what, void *arg)
{
	struct tracer *t = arg;

	LIST_REMOVE(t, link);
	tracer_discard(t, true);
}

/* The last entries tell what became of the device's last commands. */
static void tracer_linger(struct tracer *t)
{
	struct timeval tv = {.tv_sec = TRACER_LINGER / 1000};
	struct event_base *base = t->opening->device->devices->base;

	tracer_stop(t, ENODEV);
	LIST_INSERT_HEAD(&tracers_left, t, link);
	evtimer_del(t->timer);
	evtimer_assign(t->timer, base, tracer_left, t);
	evtimer_add(t->timer, &tv);
}

void tracer_gone(struct opening *o)
{
	struct tracer *t;

	while ((t = LIST_FIRST(&o->tracers)))
		tracer_linger(t);
}

void tracers_discard(void)
{
	struct tracer *t;

	/* Nothing is counted any more: who has not read all of it yet can do so. */
	while ((t = LIST_FIRST(&tracers_left))) {
		LIST_REMOVE(t, link);
		tracer_discard(t, false);
	}
}

struct tracer *tracer_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_TRACE);

	return lease ? container_of(lease, struct tracer, lease) : NULL;
}

void tracer_end_all(struct opening *o)
{
	bool gone = device_usable(o->device) == -ENODEV && session_alive(o->session);
	struct tracer *t;

	if (gone)
		tracer_gone(o);
	while ((t = LIST_FIRST(&o->tracers)))
		tracer_free(t);
}

struct trace_owner tracer_owner(const struct opening *o)
{
	struct trace_owner owner = {0};

	if (o) {
		owner.session = o->session_number;
		owner.user = o->user;
	}
	return owner;
}

void tracer_refused(struct opening *o, const struct queue *q, const union nvme_cmd *sqe, bool raw, int error)
{
	struct trace_owner owner = tracer_owner(o);
	struct trace_entry entry = {
		.qid = htole16(q ? queue_qid(q) : 0),
		.cid = htole16(sqe->cid),
		.flags = htole16(TRACE_REFUSED | (raw ? TRACE_RAW : 0)),
		.error = htole32((uint32_t)-error),
	};

	if (!o->device->traces.n)
		return;
	memcpy(entry.sqe, sqe, sizeof(entry.sqe));
	trace_put(&o->device->traces, TRACE_LANE_LOOP, &owner, &entry, 0);
}
