/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvfnclient - what devices, sessions and queues did so far
 *
 * A part of <vfn/client.h>, which includes it. Threads and lifetimes are as said there. Functions return 0, or a
 * negative errno, and vfnc_error() tells more. Everybody who may connect may see these numbers, those of others, too;
 * what commands were about is in none of them.
 */
#ifndef VFN_CLIENT_STATS_H
#define VFN_CLIENT_STATS_H

#include "vfn/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- statistics ---------------------------------------------------------------------------- */

struct vfnc_statistics {
	/* the daemon */
	uint64_t sessions;
	uint64_t sessions_total;
	uint64_t requests;
	uint64_t refused; /* requests answered with an error */
	uint64_t leases;
	uint64_t fds; /* open file descriptors */
	uint64_t uptime_ns;
	/* the device; commands that were requests */
	uint64_t submitted;
	uint64_t completed;
	uint64_t failed; /* completed with a status other than success */
	uint64_t timed_out;
	uint64_t aborts;
	uint64_t outstanding;
	uint64_t bytes_read;
	uint64_t bytes_written;
	uint64_t interrupts;
	uint64_t events;
	uint64_t resets;
	uint64_t queue_pairs; /* that exist */
	uint64_t buffers;
	uint64_t buffer_bytes;
	uint64_t mappings; /* IOVA mappings, the daemon's own included */
	uint64_t quarantined_bytes;
	/* this session */
	uint64_t session_submitted;
	uint64_t session_completed;
	uint64_t session_outstanding;
	/* served queues of the device, those that are gone included; counted anew after a take-over */
	uint64_t served_queues; /* that exist */
	uint64_t served_completed; /* refused ones included */
	uint64_t served_failed; /* with another status than success, refused ones included */
	uint64_t served_refused; /* by a check: the controller has not seen them */
	uint64_t served_bytes_read;
	uint64_t served_bytes_written;
	uint64_t served_outstanding; /* with the controller */
	uint64_t served_kicks; /* by clients, that woke a queue */
	uint64_t served_wakes; /* of clients that slept */
	uint64_t served_rounds; /* of who serves them */
	uint64_t served_sleeps; /* of who serves them */
	/* and why commands were refused */
	uint64_t refused_opcode; /* no length can be told */
	uint64_t refused_field; /* PSDT, FUSE, size */
	uint64_t refused_memory; /* outside of the session's buffers */
	uint64_t refused_fused; /* half of a pair */
	uint64_t refused_namespace; /* not active */
	uint64_t refused_sgl; /* segments and descriptors */
	uint64_t refused_prp; /* offsets */
	uint64_t rsvd[16];
};

/* Ask for counters, into *stats. `dev` NULL: of the daemon alone. */
int vfnc_statistics(struct vfnc *conn, const struct vfnc_device *dev,
		    struct vfnc_statistics *stats);

/* ---- of sessions and queues ---------------------------------------------------------- */

/* So many commands took no longer than `bound_ns`, and longer than the bound before. */
struct vfnc_latency_bucket {
	uint64_t bound_ns;
	uint64_t count;
};

/*
 * How long commands took, nanoseconds, from their submission to the controller until the daemon saw their completion.
 * Buckets are those that are not empty, by rising bound; the width of one is at most a 32nd of its bound, or 8 ns
 * (where the machine's counter is that fine).
 */
struct vfnc_latency {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t max_ns; /* exactly */
	uint32_t n_buckets;
	uint32_t rsvd;
	const struct vfnc_latency_bucket *buckets;
};

struct vfnc_status_count {
	uint16_t status; /* SC 7:0, SCT 10:8; 0: statuses that there was no room to tell apart */
	uint16_t rsvd[3];
	uint64_t count;
};

/* What a row is about. The daemon may come to have others: ignore them. */
enum vfnc_tally_kind {
	VFNC_TALLY_DEVICE = 0,	/* all of the device: those that follow, together */
	VFNC_TALLY_ENDED = 1,	/* sessions that have ended */
	VFNC_TALLY_SESSION = 2, /* all of a session on this device: its queues, together */
	VFNC_TALLY_QUEUE = 3,
	VFNC_TALLY_ADMIN = 4,	/* requests of a session on the admin queue */
	VFNC_TALLY_DELETED = 5, /* queues of a session that are no more */
};

/*
 * What somebody did so far. `outstanding` is what of `submitted` is neither completed nor lost. A direct queue, and one
 * of vfnc_raw_queue(), is its client's alone: the daemon sees that it is there, and counts nothing.
 */
struct vfnc_tally {
	enum vfnc_tally_kind kind;
	uint32_t pid; /* of a session; 0: it has ended, and waits for the controller */
	uint32_t uid;
	uint32_t qid;	    /* as its client knows it */
	uint64_t session;   /* its number, vfnc_session(); 0: all */
	uint64_t queue;	    /* its number among those of its session, from 1 on */
	const char *program; /* of a session, as it calls itself; never NULL */
	enum vfnc_queue_mode mode;
	uint32_t pair;	   /* the controller's queue pair that it is or is forwarded to; 0: none */
	uint32_t entries;  /* slots */
	uint32_t sessions; /* of a device: that there are */
	uint32_t queues;   /* of a device: queue pairs; of a session: queues; that there are */
	uint32_t n_errors;
	const struct vfnc_status_count *errors; /* n_errors of them: of `failed`, by status */
	struct vfnc_latency latency;		/* empty where it was not asked for */
	uint64_t submitted;
	uint64_t completed; /* refused ones of served queues included */
	uint64_t failed;    /* of these, with another status than success */
	uint64_t lost;	    /* requests that ended without a completion */
	uint64_t outstanding;
	uint64_t refused; /* by a check. Of requests these are in no other number */
	uint64_t bytes_read;
	uint64_t bytes_written;
	/*
	 * Of a device all; of a queue those of its vector since the queue is there; else the sum over queues, where
	 * queues that share a vector count the same ones each.
	 */
	uint64_t interrupts;
	uint64_t kicks; /* of served queues, by clients */
	uint64_t wakes; /* of served queues, of clients */
	/* why commands of served queues were refused, as in struct vfnc_statistics */
	uint64_t refused_opcode;
	uint64_t refused_field;
	uint64_t refused_memory;
	uint64_t refused_fused;
	uint64_t refused_namespace;
	uint64_t refused_sgl;
	uint64_t refused_prp;
	uint64_t requests;	   /* of a session: all that it sent, about any device */
	uint64_t requests_refused; /* and that were answered with an error */
	uint64_t events;	   /* of a device */
	uint64_t resets;
	uint64_t buffer_bytes;
	uint8_t priority;   /* of a queue: enum vfnc_priority */
	bool by_controller; /* it counts with the controller, too */
	uint8_t rsvd2[6];
	uint64_t rsvd[7];
};

/* What is wanted; zero what is not used. */
struct vfnc_tally_opts {
	bool sessions;	  /* a row for each session */
	bool queues;	  /* a row for each queue */
	bool latency;	  /* with struct vfnc_latency filled */
	bool rsvd[5];
	uint64_t session; /* only what is of this one; 0: of all */
	uint64_t queue;	  /* with `session`: only that queue; 0: all */
	uint64_t rsvd2[4];
};

/*
 * Ask what the device `address` (NULL: the only one there is) has done; it need not be open. `opts` NULL: a row for the
 * device alone. On success *tallies is an array, one block to be given to free(3): the device, what sessions that have
 * ended did, then each session before its queues, and the latest first. With `session` there are only its rows. Numbers
 * of one call are of one moment as long as they fit a message, some hundred rows; beyond that, sessions that end
 * meanwhile may be missing or counted twice. Returns how many rows there are, or
 *   -ENODEV      the daemon has no such device
 *   -EINVAL      no address, and not exactly one device; a queue without its session
 *   -EOPNOTSUPP  the daemon is too old for that
 */
int vfnc_tallies(struct vfnc *conn, const char *address, const struct vfnc_tally_opts *opts,
		 struct vfnc_tally **tallies);

/*
 * The time, nanoseconds, that `percent` of all commands did not exceed, as near as buckets tell, and never more than
 * the longest. Returns 0 when there are none. May be called by any thread.
 */
uint64_t vfnc_latency_percentile(const struct vfnc_latency *latency, double percent);

#ifdef __cplusplus
}
#endif

#endif
