/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-trace - a trace as the fake daemon has it
 */
#ifndef VFND_TESTS_FAKE_TRACE_H
#define VFND_TESTS_FAKE_TRACE_H

#include "fake.h"
#include "proto/trace.h"

#define FAKE_TRACE_ENTRIES 64u

struct fake_trace {
	struct trace_control *control; /* NULL: there is none */
	size_t size;
	int fd, wake_fd, client_fd;
	uint64_t count[TRACE_LANES];
};

/* Its memory, as a good daemon makes it, and the socket. */
void fake_trace_make(struct fake_trace *t);
/* Answer with it; the client has the descriptors then. */
void fake_trace_send(struct fake *f, uint64_t id, struct fake_trace *t);
/* Write an entry under the next number, and wake the client. */
void fake_trace_put(struct fake_trace *t, enum trace_lane lane, const struct trace_entry *entry);
/* A lane's next number, without an entry: it was overwritten. */
void fake_trace_skip(struct fake_trace *t, enum trace_lane lane, uint64_t n);
void fake_trace_end(struct fake_trace *t, uint32_t error);
void fake_trace_free(struct fake_trace *t);

/* A trace with one of each kind, and then the device is gone. */
void fake_trace(struct fake *f, uint64_t id);

#endif
