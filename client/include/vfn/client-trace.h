/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/client-trace.h - the commands of a device as they complete, those of other sessions included
 *
 * Included by <vfn/client.h>, whose rules for results, threads and lifetimes hold. The daemon writes an entry for each
 * command that matches a filter into a ring in memory that this process can only read. It waits for nobody: who reads
 * too slowly loses the oldest entries, and is told how many.
 *
 * What the daemon does not see is not traced: commands of direct queues, commands of queues that a session has made
 * by raw commands, and those by which the daemon itself brings a controller up.
 */
#ifndef VFN_CLIENT_TRACE_H
#define VFN_CLIENT_TRACE_H

#include <vfn/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfnc_trace;

/* Whose commands. */
enum vfnc_trace_scope {
	VFNC_TRACE_SESSION = 0, /* this session's */
	VFNC_TRACE_USER = 1,	/* those of all sessions of this session's user */
	/* Those of all sessions, and the daemon's own; needs `raw = yes` in the device's section of vfnd.conf. */
	VFNC_TRACE_ALL = 2,
};

#define VFNC_TRACE_STATUSES 16

/* What to trace; all of it has to hold. Zero what is not used. */
struct vfnc_trace_filter {
	enum vfnc_trace_scope scope;
	uint64_t session;	/* of the session of this number (vfnc_session()); 0: any */
	const uint8_t *opcodes; /* one of these; NULL: any */
	uint32_t n_opcodes;
	bool no_admin; /* no commands of the admin queue */
	bool no_io;    /* only these */
	bool has_queue;
	uint16_t queue; /* of this queue alone: the controller's identifier, or a served queue's number */
	bool failed; /* refused, not completed, or completed with another status than success */
	uint32_t n_statuses;
	/* One of these: status code in bits 7:0, its type in bits 10:8. */
	uint16_t statuses[VFNC_TRACE_STATUSES];
	uint32_t entries; /* that the ring has room for, up to 16384 (rounded up); 0: as many as useful */
	uint32_t rsvd[8];
};

#define VFNC_TRACE_REFUSED   (1u << 0) /* by a check of the daemon's: the controller has not seen it */
#define VFNC_TRACE_SERVED    (1u << 1) /* of a served queue */
#define VFNC_TRACE_RAW	     (1u << 2) /* sent as its session gave it */
#define VFNC_TRACE_DAEMON    (1u << 3) /* the daemon's own */
#define VFNC_TRACE_TIMED_OUT (1u << 4) /* its time limit passed */
/* The completion of a command that was given up before, of which there was an entry then. */
#define VFNC_TRACE_LATE	     (1u << 5)

/* What became of a command. */
struct vfnc_trace_entry {
	uint64_t lost;	    /* entries lost before this one */
	uint64_t submitted; /* ns of CLOCK_MONOTONIC; 0: the controller has not got it */
	uint64_t completed;
	uint64_t session; /* its number; 0: the daemon's own */
	uint64_t length;  /* bytes of data that it transfers, as far as the daemon knows */
	uint32_t dw0, dw1; /* of the completion */
	uint32_t flags;	   /* VFNC_TRACE_REFUSED and the like */
	uint32_t error;	   /* an errno, why there is no completion; 0: `status` counts */
	uint16_t status;   /* as in struct vfnc_completion */
	uint16_t qid;	   /* the controller's queue; 0: the admin queue */
	uint16_t cid;	   /* the client's identifier in a served queue, else the controller's */
	uint16_t served;   /* number of the served queue, as in its client's completions; else 0 */
	/* The command as the controller has got it; if it was refused, as its client gave it. */
	uint8_t sqe[64];
	uint64_t rsvd[8];
};

/*
 * Trace commands of the device that complete from now on, of a served queue those that are submitted from now on. NULL
 * `filter`: all commands of this session. *trace is freed with the device, or by vfnc_trace_close(). 0, or
 *   -EPERM   the scope is more than this session may see
 *   -EMFILE  the session has as many traces of the device as it may (4)
 *   -ENOSPC  the device has as many as there can be (16)
 *   -EDQUOT  the ring would be more memory than the user may have (buffer-bytes)
 *   -ENOTSUP the daemon has no traces
 */
int vfnc_trace_open(struct vfnc_device *dev, const struct vfnc_trace_filter *filter, struct vfnc_trace **trace);

/*
 * Take the next entry, into *entry. Requests and served queues have a ring each; from these entries come in the order
 * of their completion, as far as both are there. `timeout_ms` -1: wait without limit; 0: do not wait. 0, or
 *   -ETIMEDOUT  none came
 *   -EINTR      a signal handler ran
 *   -ENODEV     the device is gone, and all was read
 *   -ECANCELED  the daemon has ended the trace
 *   -ECONNRESET the trace has ended with the daemon; where that has replaced itself by a new program image, the
 *               connection goes on and the trace can be opened again
 */
int vfnc_trace_read(struct vfnc_trace *trace, struct vfnc_trace_entry *entry, int timeout_ms);

/* A descriptor for poll(2), readable when there may be entries; vfnc_trace_read() with timeout 0 takes all then. */
int vfnc_trace_fd(const struct vfnc_trace *trace);

/* How many entries this trace has lost so far, those after the last entry read included. */
uint64_t vfnc_trace_lost(const struct vfnc_trace *trace);

/* End the trace. 0, or a negative errno and it is as it was. NULL is ignored. */
int vfnc_trace_close(struct vfnc_trace *trace);

#ifdef __cplusplus
}
#endif

#endif
