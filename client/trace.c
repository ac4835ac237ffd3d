/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reader of a trace's memory (proto/trace.h). */
#include "client/private.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/trace.h"

#define WORDS (sizeof(struct trace_entry) / 8)

static_assert(VFNC_TRACE_REFUSED == TRACE_REFUSED && VFNC_TRACE_SERVED == TRACE_SERVED &&
	      VFNC_TRACE_RAW == TRACE_RAW && VFNC_TRACE_DAEMON == TRACE_DAEMON &&
	      VFNC_TRACE_TIMED_OUT == TRACE_TIMED_OUT && VFNC_TRACE_LATE == TRACE_LATE, "flags are the ring's");

struct lane {
	const uint64_t *head;
	const uint8_t *entries;
	uint64_t next;	    /* entries that were read or lost */
	uint64_t lost;	    /* before `entry`, not told yet */
	bool has;	    /* `entry` */
	uint64_t entry[WORDS];
};

struct vfnc_trace {
	struct vfnc_device *device;
	TAILQ_ENTRY(vfnc_trace) link;
	uint64_t handle;
	const struct trace_control *control;
	uint64_t size;
	uint32_t entries, entry_size;
	struct lane lane[TRACE_LANES];
	uint64_t lost; /* that were told */
	int wake_fd;
	bool ended;
};

/* ---- the memory -------------------------------------------------------------------------- */

/* The entry of number next + 1. False: it is not there any more, or not yet. */
static bool lane_copy(const struct vfnc_trace *t, struct lane *l)
{
	const uint64_t *from = (const uint64_t *)(l->entries + (l->next & (t->entries - 1)) * t->entry_size);

	if (le64toh(__atomic_load_n(&from[0], __ATOMIC_ACQUIRE)) != l->next + 1)
		return false;
	for (unsigned int i = 1; i < WORDS; i++)
		l->entry[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	return le64toh(__atomic_load_n(&from[0], __ATOMIC_RELAXED)) == l->next + 1;
}

static bool lane_take(const struct vfnc_trace *t, struct lane *l)
{
	while (!l->has) {
		uint64_t head = le64toh(__atomic_load_n(l->head, __ATOMIC_ACQUIRE));

		/* emptied memory counts nothing */
		if (head <= l->next)
			return false;
		if (head - l->next > t->entries) {
			l->lost += head - t->entries - l->next;
			l->next = head - t->entries;
		}
		l->has = lane_copy(t, l);
		l->lost += !l->has; /* it is being overwritten */
		l->next++;
	}
	return true;
}

static void entry_fill(struct vfnc_trace_entry *to, const uint64_t *words)
{
	const struct trace_entry *e = (const struct trace_entry *)words;
	uint64_t result = le64toh(e->result);

	memset(to, 0, sizeof(*to));
	to->submitted = le64toh(e->submitted);
	to->completed = le64toh(e->completed);
	to->session = le64toh(e->session);
	to->length = le64toh(e->length);
	to->dw0 = (uint32_t)result;
	to->dw1 = (uint32_t)(result >> 32);
	to->flags = le16toh(e->flags);
	to->error = le32toh(e->error);
	to->status = le16toh(e->status);
	to->qid = le16toh(e->qid);
	to->cid = le16toh(e->cid);
	to->served = le16toh(e->number_of_queue);
	memcpy(to->sqe, e->sqe, sizeof(to->sqe));
}

static uint64_t lane_time(const struct lane *l)
{
	return le64toh(((const struct trace_entry *)l->entry)->completed);
}

static bool take(struct vfnc_trace *t, struct vfnc_trace_entry *entry)
{
	struct lane *best = NULL;

	for (unsigned int i = 0; i < TRACE_LANES; i++) {
		struct lane *l = &t->lane[i];

		if (lane_take(t, l) && (!best || lane_time(l) < lane_time(best)))
			best = l;
	}
	if (!best)
		return false;
	entry_fill(entry, best->entry);
	entry->lost = best->lost;
	t->lost += best->lost;
	best->lost = 0;
	best->has = false;
	return true;
}

/* ---- making it --------------------------------------------------------------------------- */

void cl_trace_free(struct vfnc_trace *t)
{
	if (t->control)
		munmap((void *)t->control, t->size);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	if (t->device)
		TAILQ_REMOVE(&t->device->traces, t, link);
	free(t);
}

/* Where the daemon says that the lanes are. */
static int trace_check(struct vfnc *conn, struct vfnc_trace *t)
{
	const struct trace_control *c = t->control;
	uint64_t offset = le64toh(c->offset), lane;

	t->entries = le32toh(c->entries);
	t->entry_size = le32toh(c->entry_size);
	lane = (uint64_t)t->entries * t->entry_size;
	if (le32toh(c->magic) != TRACE_MAGIC || le32toh(c->version) != TRACE_VERSION ||
	    le32toh(c->lanes) != TRACE_LANES || !t->entries || (t->entries & (t->entries - 1)) ||
	    t->entry_size < sizeof(struct trace_entry) || t->entry_size % 8 || offset % 8 ||
	    offset < sizeof(*c) || offset > t->size || lane > (t->size - offset) / TRACE_LANES)
		return cl_fail(conn, -EPROTO, "the daemon's trace has another layout (version %u)",
			       le32toh(c->version));
	for (unsigned int i = 0; i < TRACE_LANES; i++)
		t->lane[i] = (struct lane){
			.head = &c->head[i].count,
			.entries = (const uint8_t *)c + offset + i * lane,
		};
	return 0;
}

static int trace_take(struct vfnc *conn, struct vfnc_trace *t, struct fdset *fds)
{
	int fd = fdset_take(fds, 0), ret = 0;
	void *mem;

	t->wake_fd = fdset_take(fds, 1);
	if (fd < 0 || t->wake_fd < 0)
		ret = cl_fail(conn, -EPROTO, "the daemon sent no memory with the trace");
	if (ret == 0)
		ret = cl_memfd_check(conn, "trace", fd, t->size, sizeof(struct trace_control));
	if (ret == 0) {
		mem = mmap(NULL, t->size, PROT_READ, MAP_SHARED, fd, 0);
		if (mem == MAP_FAILED)
			ret = cl_fail(conn, -errno, "cannot map the trace: %s", strerror(errno));
		else
			t->control = mem;
	}
	if (fd >= 0)
		close(fd);
	return ret < 0 ? ret : trace_check(conn, t);
}

static int trace_request(struct vfnc *conn, const struct vfnc_trace_filter *f, Vfnd__TraceOpenRequest *op,
			 uint32_t statuses[VFNC_TRACE_STATUSES])
{
	if (f->n_statuses > VFNC_TRACE_STATUSES)
		return cl_fail(conn, -EINVAL, "at most %u statuses can be named", VFNC_TRACE_STATUSES);
	for (uint32_t i = 0; i < f->n_statuses; i++)
		statuses[i] = f->statuses[i];
	op->scope = (Vfnd__TraceScope)f->scope;
	op->session = f->session;
	op->opcodes.data = (uint8_t *)f->opcodes;
	op->opcodes.len = f->opcodes ? f->n_opcodes : 0;
	op->no_admin = f->no_admin;
	op->no_io = f->no_io;
	op->has_queue = f->has_queue;
	op->queue = f->queue;
	op->failed = f->failed;
	op->statuses = statuses;
	op->n_statuses = f->n_statuses;
	op->entries = f->entries;
	return 0;
}

int vfnc_trace_open(struct vfnc_device *dev, const struct vfnc_trace_filter *filter, struct vfnc_trace **tracep)
{
	static const struct vfnc_trace_filter none;
	Vfnd__TraceOpenRequest op = VFND__TRACE_OPEN_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	uint32_t statuses[VFNC_TRACE_STATUSES];
	struct vfnc *conn = dev->conn;
	struct vfnc_trace *t;
	struct cl_call *call;
	int ret = trace_request(conn, filter ? filter : &none, &op, statuses);

	*tracep = NULL;
	if (ret < 0)
		return ret;
	if (!vfnc_has_feature(conn, "trace"))
		return cl_fail(conn, -ENOTSUP, "this daemon has no traces");
	t = calloc(1, sizeof(*t));
	if (!t)
		return cl_fail(conn, -ENOMEM, "no memory");
	t->wake_fd = -1;
	op.device = dev->handle;
	req.op_case = VFND__REQUEST__OP_TRACE_OPEN;
	req.trace_open = &op;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_TRACE_OPEN, &call);
	if (ret < 0) {
		free(t);
		return ret;
	}
	t->handle = call->answer->trace_open->trace;
	t->size = call->answer->trace_open->size;
	ret = trace_take(conn, t, &call->fds);
	if (ret < 0) {
		cl_rpc_abandon(conn, call);
		cl_trace_free(t);
		return ret;
	}
	cl_rpc_free(conn, call);
	t->device = dev;
	TAILQ_INSERT_TAIL(&dev->traces, t, link);
	*tracep = t;
	return 0;
}

int vfnc_trace_close(struct vfnc_trace *t)
{
	Vfnd__TraceCloseRequest op = VFND__TRACE_CLOSE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret;

	if (!t)
		return 0;
	op.trace = t->handle;
	req.op_case = VFND__REQUEST__OP_TRACE_CLOSE;
	req.trace_close = &op;
	ret = cl_rpc_end(t->device->conn, &req);
	if (ret == 0)
		cl_trace_free(t);
	return ret;
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Why nothing more comes. */
static int trace_over(struct vfnc_trace *t)
{
	struct vfnc *conn = t->device->conn;
	uint32_t error = le32toh(__atomic_load_n(&t->control->ended, __ATOMIC_ACQUIRE));

	switch (error) {
	case ENODEV:
		return cl_fail(conn, -ENODEV, "the device is gone");
	case 0:
		return cl_fail(conn, -ECONNRESET, "the trace has ended with the daemon: open it again");
	default:
		return cl_fail(conn, -ECANCELED, "the daemon has ended the trace");
	}
}

/* Until the daemon says that there may be more, or that there is no more. 0, or -errno. */
static int trace_sleep(struct vfnc_trace *t, int64_t deadline)
{
	struct pollfd pfd = {.fd = t->wake_fd, .events = POLLIN};
	struct vfnc *conn = t->device->conn;
	char byte;
	ssize_t n;
	int left;

	for (;;) {
		left = cl_left(deadline);
		switch (poll(&pfd, 1, left)) {
		case -1:
			return cl_fail(conn, -errno, "interrupted: %s", strerror(errno));
		case 0:
			if (cl_left(deadline) == 0)
				return cl_fail(conn, -ETIMEDOUT, "no command was completed in time");
			continue;
		default:
			break;
		}
		while ((n = recv(t->wake_fd, &byte, 1, MSG_DONTWAIT)) > 0)
			;
		t->ended = n == 0 || errno != EAGAIN;
		return 0;
	}
}

int vfnc_trace_read(struct vfnc_trace *t, struct vfnc_trace_entry *entry, int timeout_ms)
{
	int64_t deadline = cl_deadline(timeout_ms);

	while (!take(t, entry)) {
		int ret;

		if (t->ended)
			return trace_over(t);
		ret = trace_sleep(t, deadline);
		/* What came meanwhile is better than nothing. */
		if (ret < 0)
			return ret == -ETIMEDOUT && take(t, entry) ? 0 : ret;
	}
	return 0;
}

int vfnc_trace_fd(const struct vfnc_trace *t)
{
	return t->wake_fd;
}

uint64_t vfnc_trace_lost(const struct vfnc_trace *t)
{
	uint64_t lost = t->lost;

	for (unsigned int i = 0; i < TRACE_LANES; i++)
		lost += t->lane[i].lost;
	return lost;
}
