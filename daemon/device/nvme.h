/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nvme - the class of NVMe controllers: what its files share
 *
 * nvme.c          the class's table and what is told of a controller
 * nvme-claim.c    bring-up and release, on the worker; interrupts
 * nvme-submit.c   commands of sessions: checked and given memory
 * nvme-command.c  commands: sent, completed, timed out, aborted
 * nvme-arbitrate.c whose commands the controller takes first
 * nvme-coalesce.c interrupts for several completions
 * nvme-length.c   how many bytes a command transfers
 * nvme-queue.c    queue pairs: made and deleted
 * nvme-served.c   served queues of sessions
 * nvme-direct.c   direct queues of sessions
 * nvme-engine.c   what serves them: buffers, pauses, resets
 * nvme-pair.c     the queue pairs that served queues are forwarded to
 * nvme-event.c    asynchronous events
 * nvme-ns.c       namespaces and their formats
 * nvme-recover.c  reset of a controller that does not answer
 * nvme-reset.c    resets by request: what makes them of their kind
 * nvme-enable.c   controllers that are disabled by request, and enabled in a way that was chosen
 * nvme-raw.c      commands as sessions give them, and queue identifiers for these
 * nvme-trace.c    commands for those who trace the device
 * nvme-write.c    writes of sessions to registers and doorbells
 * nvme-tally.c    what queues and their interrupts have counted
 *
 * The loop thread owns the admin queue and all others from start() to stop(); before and after, and while the
 * device is being reset, the worker does.
 */
#ifndef VFND_DAEMON_DEVICE_NVME_H
#define VFND_DAEMON_DEVICE_NVME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include <vfn/nvme.h>

#include "daemon/data/driver.h"
#include "daemon/device/buffer.h"
#include "daemon/device/class.h"
#include "daemon/device/command.h"
#include "daemon/device/device.h"
#include "daemon/device/notice.h"
#include "daemon/device/nvme-enable.h"
#include "daemon/device/opening.h"
#include "daemon/device/subscription.h"

#define NVME_SLOTS          256 /* of inline payload, COMMAND_INLINE_MAX bytes each */
#define NVME_SLOTS_SIZE     ((size_t)NVME_SLOTS * COMMAND_INLINE_MAX)
#define NVME_SLOTS_RESERVED 8   /* of them only for the daemon */
#define NVME_SESSION_SLOTS  128 /* for one opening */
#define NVME_ADMIN_RESERVED 8   /* places in the admin queue only for the daemon, where there are enough */
#define NVME_LIST_PAGES     512 /* most pages of one command's data: what one list page holds */
#define NVME_MAX_AERS       4
#define NVME_MAX_NAMESPACES DATA_MAX_NAMESPACES
#define NVME_MAX_VECTORS    256

extern const struct device_class nvme_class;

struct nvme_device;
struct nvme_pair;
struct nvme_served;
struct nvme_direct;

struct nvme_vector {
	struct nvme_device *nd;
	int fd; /* eventfd, the daemon's alone */
	uint64_t count; /* of interrupts */
	unsigned int index;
	struct event *event;
	bool coalesced; /* as far as is known; nvme-coalesce.c */
	bool asked;	/* that is being changed */
	unsigned int streak, low; /* interrupts in a row that found enough outstanding; or too little */
	bool given; /* to a direct queue: another eventfd, which is not ours to read, is signalled */
};

struct nvme_device {
	struct device *dev;
	struct nvme_ctrl ctrl;
	uint64_t cap;
	uint32_t vs;
	unsigned int page_size;
	uint64_t max_transfer;     /* bytes; the controller's MDTS, or what PRPs are built for */
	unsigned int nvectors; /* 0: the device has no interrupts */
	unsigned int poll_vector; /* of all pairs of a polling driver, which alone looks at it; 0: there is none */
	struct nvme_vector *vectors;
	struct event *look;    /* of a device without interrupts: looks for completions */
	unsigned int look_ms;  /* the time until then */
	struct notices notices;

	unsigned int nqueues;     /* queue pairs that the controller granted */
	struct queue **queues;    /* by queue identifier, 1 to nqueues */

	uint8_t *slots;
	uint64_t slots_iova;
	unsigned int nfree;
	uint16_t free_slots[NVME_SLOTS];

	struct command_list internal; /* the daemon's own commands that are sent */
	struct command_list pending;  /* waiting for a place in the admin queue */
	struct command_list held;     /* I/O waiting for a barrier */
	struct command *barrier;      /* changes formats: no I/O runs beside it */
	bool refreshing;              /* after it: namespaces are identified again */
	unsigned int admin_sent, admin_places, admin_reserved;
	unsigned int io_sent;
	unsigned int aborts, max_aborts;
	uint64_t strays; /* completions of commands that were not outstanding */
	bool owned; /* the loop may use the queues */
	bool wrr, wrr_refused; /* the controller arbitrates by queues' classes; it cannot, though it is configured */
	bool coalesces; /* the controller can have interrupts for several completions */
	struct data_driver *driver; /* of served queues; NULL before start() and after stop() */
	LIST_HEAD(, nvme_pair) pairs;
	struct tally served_gone; /* what queues have counted that are gone */
	struct data_msg quiet;  /* nothing is forwarded, and nothing in flight */
	bool served_paused;     /* asked for, and */
	bool served_quiet;      /* reached */

	unsigned int aers; /* to keep outstanding */
	uint32_t aec;      /* events that are reported, of feature 0Bh */
	uint32_t nn; /* NN of Identify Controller */
	unsigned int nns;
	struct device_namespace ns[NVME_MAX_NAMESPACES];
	struct data_formats formats; /* of the same, in the same order */
	struct { /* what was found so far: clients see all of the old ones until all are known */
		unsigned int nns;
		struct device_namespace ns[NVME_MAX_NAMESPACES];
		struct data_formats formats;
	} fresh;
	bool refresh_sent;  /* one is under way */
	bool refresh_again; /* and what it finds may be old already */
	unsigned int refresh_at;
	uint32_t refresh_list[NVME_MAX_NAMESPACES];

	struct job job; /* recovery */
	char why[200];
	bool fatal;     /* CSTS.CFS was set when it was reset */
	enum reset_kind kind;
	struct reset_result taken;
	char short_of[160]; /* why it was not of that kind; else empty */
	bool stay; /* and is not to be enabled again */
	class_reset_done reset_done; /* who asked for it */
	void *reset_arg;
	struct enable_spec spec;   /* how it is to be enabled next; all zero but by request */
	class_enable_done enable_done; /* who asked for that */
	void *enable_arg;
	struct enable_result enabled;
	int enable_error;
	int mps; /* CC.MPS as the daemon has it */
	struct job alive; /* whether it is alive */
	bool asked_alive;
	const char *not_alive;
};

enum command_phase {
	COMMAND_NEW,
	COMMAND_PENDING, /* in nd->pending or nd->held, or nd->barrier that waits */
	COMMAND_SENT,
	COMMAND_ABORTING,
	COMMAND_GIVEN_UP, /* `done` was called; the controller may still be at it */
};

struct command {
	TAILQ_ENTRY(command) link;    /* in opening->commands, or nd->internal */
	TAILQ_ENTRY(command) waiting; /* in nd->pending, nd->held or opening->limited */
	struct nvme_device *nd;
	struct opening *opening; /* NULL: the daemon's own */
	struct queue *queue;     /* NULL: admin queue */
	union nvme_cmd sqe;
	struct nvme_rq *rq;
	struct buffer *data, *meta;
	int slot;        /* -1: none */
	uint64_t iova, length; /* of the data */
	uint64_t submitted;    /* ticks; 0: it was not sent */
	uint64_t meta_length;
	bool out;        /* inline data goes to the controller */
	uint64_t least;  /* bytes that the command transfers */
	struct event timer;
	unsigned int timeout_ms;
	enum command_phase phase;
	bool timed_out;
	bool cancelled; /* at its session's wish */
	uint64_t id;    /* the session's */
	bool told; /* `done` was called */
	bool waits; /* on `waiting` */
	bool limited; /* in opening->limited by that */
	/* Of an Abort: the tracker of what it names (NULL: gone with its queue), and the queue (NULL: admin). */
	struct nvme_rq *names;
	struct queue *names_queue;
	bool raw;      /* as the session gave it */
	bool keep_cid; /* its identifier, too: it is in `sqe`, and the tracker's is not used */
	struct command *named; /* what the controller still had of it at the end of the Abort */
	unsigned int abort_tries; /* of a command that is cancelled */
	command_done done;
	void *arg;
};

/* The identifier under which the controller knows the command, which is sent. */
static inline uint16_t nvme_cid_of(const struct command *cmd)
{
	return cmd->keep_cid ? cmd->sqe.cid : cmd->rq->cid;
}

enum queue_phase {
	QUEUE_MAKING,  /* memory, Create CQ, Create SQ */
	QUEUE_LIVE,
	QUEUE_DELETING,
};

struct queue {
	struct lease lease;
	LIST_ENTRY(queue) link; /* in opening->queues, but for a pair */
	struct opening *opening;
	enum queue_mode mode;
	enum queue_priority priority; /* what it is of; what counts: queue_priority() */
	struct nvme_served *served; /* a served queue's own */
	struct nvme_direct *direct; /* a direct queue's own */
	struct nvme_pair *pair;     /* the controller's side of served queues: it has no lease and no quota */
	struct nvme_device *nd;
	uint16_t qid;
	unsigned int entries;
	uint64_t number;     /* among all queues that the opening has had */
	struct tally *tally; /* NULL: of a pair. A served queue's is in it */
	uint64_t interrupts; /* that its vector had before, where it is tallied */
	bool tallied;
	unsigned int sent; /* commands outstanding */
	unsigned int peak; /* the most of them since nvme_coalesce_look() */
	unsigned int vector; /* of its interrupts */
	unsigned int limited; /* and waiting for the session's limit */
	enum queue_phase phase;
	bool has_memory, has_cq, has_sq; /* made so far; of raw ones: perhaps */
	bool named; /* without SQ, and only waits for the Aborts that name its commands */
	unsigned int kept; /* commands outstanding with identifiers of the session's */
	uint16_t cqid;     /* of a raw submission queue */
	bool counted;      /* a raw one that the controller may know, in the memory of any buffer */
	bool waits;        /* a raw completion queue's deletion, for that of a submission queue */
	struct job job;
	union nvme_cmd create_cq, create_sq;
	int error; /* why it was not made */
	char text[256];
	class_queue_done made;
	void *made_arg;
	class_done deleted;
	void *deleted_arg;
};

/* Little-endian fields of a data structure that the controller has filled, at any alignment. */
static inline uint16_t nvme_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t nvme_get32(const uint8_t *p)
{
	return (uint32_t)nvme_get16(p) | (uint32_t)nvme_get16(p + 2) << 16;
}

static inline uint64_t nvme_get64(const uint8_t *p)
{
	return nvme_get32(p) | (uint64_t)nvme_get32(p + 4) << 32;
}

static inline struct nvme_device *nvme_of(const struct device *dev)
{
	return dev->driver;
}

/* nvme-claim.c */
int nvme_claim(struct device *dev, struct job *job);
int nvme_start(struct device *dev);
/* nvme_start() after a take-over. */
int nvme_restart(struct device *dev, const uint16_t *aer_cids, unsigned int naers);
void nvme_stop(struct device *dev);
void nvme_release(struct device *dev);
/* Without interrupts: look for a completion of what was just sent. */
void nvme_look_soon(struct nvme_device *nd);
/* The interrupt vector of a queue pair, and of one for served queues; -1: there is none. */
int nvme_vector_of(const struct nvme_device *nd, unsigned int qid, bool pair);
/* WORKER: Identify, events and namespaces of a controller that was just enabled. 0 or -1, errno. */
int nvme_setup(struct nvme_device *nd);
/*
 * The loop owns the queues from now on, or again: a line masks itself with each interrupt, and nobody has unmasked it
 * meanwhile. One that came is in the eventfd.
 */
void nvme_interrupt_unmask(struct nvme_device *nd);
int nvme_vectors_open(struct nvme_device *nd);
void nvme_vectors_close(struct nvme_device *nd);
void nvme_slots_reset(struct nvme_device *nd);

/* nvme-submit.c */
int nvme_submit(struct opening *opening, struct queue *queue, const struct command_spec *spec,
		command_done done, void *arg, char *text, size_t size);

/* The queue (NULL: admin) takes commands. 0, or -errno with a text. */
int nvme_check_queue(const struct nvme_device *nd, const struct queue *queue, char *text, size_t size);
/* Send a new command, or keep it until it can be, and count it. -errno with a text: it is freed. */
int nvme_submit_command(struct command *cmd, unsigned int timeout_ms, char *text, size_t size);

/* Admin commands that several files name (NVMe Base 2.0, figure 138). */
#define NVME_OPCODE_DELETE_SQ    0x00
#define NVME_OPCODE_CREATE_SQ    0x01
#define NVME_OPCODE_DELETE_CQ    0x04
#define NVME_OPCODE_CREATE_CQ    0x05
#define NVME_OPCODE_ABORT        0x08
#define NVME_OPCODE_SET_FEATURES 0x09
#define NVME_OPCODE_AER          0x0c
#define NVME_OPCODE_DBBUF        0x7c

#define NVME_FEATURE_ASYNC_EVENTS 0x0b

/* nvme-command.c */
/* NULL without memory. `opening` NULL: the daemon's own; `queue` NULL: for the admin queue. */
struct command *nvme_command_new(struct nvme_device *nd, struct opening *opening, struct queue *queue,
				 const union nvme_cmd *sqe, command_done done, void *arg);
/* One that is not with the controller (any more); `done` is not called. May end an opening. */
void nvme_command_free(struct command *cmd);
/* A place for inline payload, or -1. */
int nvme_slot_take(struct nvme_device *nd, struct opening *opening);
uint8_t *nvme_slot_memory(struct command *cmd);
/* 0: no timeout */
void nvme_timer_set(struct command *cmd, unsigned int ms);
/* Send it, or keep it until it can be. -errno: it was not sent, and is the caller's to free. */
int nvme_send_or_wait(struct command *cmd);
/*
 * A command of the daemon itself on the admin queue; `length` bytes of a slot are read (0: none).
 * timeout_ms 0: none. 0; or -EAGAIN without a slot, -ENOMEM, -ENODEV while the loop does not own the
 * queues: `done` is not called then.
 */
int nvme_internal(struct nvme_device *nd, const union nvme_cmd *sqe, uint32_t length,
		  unsigned int timeout_ms, command_done done, void *arg);
/* A command that the controller has already, under the identifier `cid`. 0 or -errno. */
int nvme_adopt(struct nvme_device *nd, const union nvme_cmd *sqe, uint16_t cid, command_done done,
	       void *arg);
/* Take completions of the admin queue (qid 0) or of a queue pair. */
void nvme_reap(struct nvme_device *nd, unsigned int qid);
/* Send what waits for a place, or for the end of a barrier. */
void nvme_send_waiting(struct nvme_device *nd);
/* One that waited for its session's limit: with what namespaces are now. */
void nvme_send_limited(struct command *cmd);
/* Take the command's completion, or -errno with a text, to whoever waits for it; frees it. */
void nvme_finish(struct command *cmd, const struct nvme_cqe *cqe, int error, const char *text);
/* All of the queue's commands end, as the controller has forgotten them. */
void nvme_queue_flush(struct queue *queue);
/* Every command of the device ends with the error; the controller is disabled. */
void nvme_fail_all(struct nvme_device *nd, int error, const char *text);

/* nvme-limit.c */
/* The I/O command has to wait for its session's limit. */
bool nvme_limit_holds(const struct command *cmd);
/* It does. 0; -EAGAIN: its queue would be full; -ENOMEM. */
int nvme_limit_wait(struct command *cmd);
/* It waits no longer. */
void nvme_limit_leave(struct command *cmd);
/* It goes. */
void nvme_limit_charge(struct command *cmd);

/* nvme-abort.c */
/* How many more Aborts the controller takes. */
unsigned int nvme_abort_places(const struct nvme_device *nd);
/*
 * Send an Abort for a tracker of the queue (NULL: admin), which is nobody else's before that has ended; it is for
 * whoever ends the command to see to that. -EAGAIN: as many are under way as there may be; or as nvme_internal().
 */
int nvme_abort_send(struct nvme_device *nd, struct queue *queue, struct nvme_rq *rq, uint16_t cid);
/* Ask the controller to abort it. */
void nvme_abort(struct command *cmd);

/* For device_class.cancel. */
bool nvme_cancel(struct opening *opening, uint64_t id);
/* The command has completed: whether its tracker is not to be released, but will be by its Abort. */
bool nvme_abort_keeps(struct command *cmd);
/* The command has completed, which may be an Abort. */
void nvme_abort_ended(struct command *cmd);
/* There is one for a command of the queue, which need not have that any more. */
bool nvme_abort_left(const struct queue *queue);
/* The queue's trackers are going. */
void nvme_abort_drop(struct queue *queue);

/*
 * nvme-length.c: 0 with the bytes that the command transfers; 1 when it must go without data pointers;
 * -EPERM with a text when the length cannot be told or the command is the daemon's own.
 */
int nvme_data_length(const struct nvme_device *nd, bool admin, const union nvme_cmd *sqe,
		     uint64_t *length, uint64_t *meta_length, char *text, size_t size);

/* nvme-queue.c */
/* A queue that is being made, charged to the user. `qid` 0: not of the controller. NULL with EDQUOT or ENOMEM. */
struct queue *nvme_queue_new(struct opening *opening, uint16_t qid, unsigned int entries);
/* Undo it; `made` and `deleted` are told. */
void nvme_queue_free(struct queue *queue);
void nvme_queue_create(struct opening *opening, const struct queue_spec *spec, class_queue_done done,
		       void *arg);
/* A queue pair for `pair`, which `opening` answers for. -ENOSPC all are in use; -ENOMEM; else `done` is told. */
int nvme_queue_create_pair(struct opening *opening, struct nvme_pair *pair, unsigned int entries,
			   class_queue_done done, void *arg, struct queue **out);
/* LIVE or not: take it down, on the part of `opening`. */
void nvme_queue_delete_pair(struct queue *queue, struct opening *opening, class_done done, void *arg);
void nvme_queue_delete(struct queue *queue, class_done done, void *arg);
void nvme_quiesce(struct opening *opening);
void nvme_forget(struct opening *opening);
/* No Abort names a command of it any more. */
void nvme_queue_unnamed(struct queue *queue);
/* The controller knows no queues any more: the worker is given their memory to discard. */
void nvme_queues_gone(struct nvme_device *nd);

/* nvme-served.c */
void nvme_served_create(struct opening *opening, const struct queue_spec *spec, class_queue_done done,
			void *arg);
void nvme_served_delete(struct queue *queue);
int nvme_served_share(struct queue *queue, struct queue_share *share);
/* The pair of a served queue that waited for one: `error` 0, or it is gone. */
void nvme_served_paired(struct nvme_served *served, int error, const char *text);
/* Its pair is gone. */
void nvme_served_unpaired(struct nvme_served *served);

/* nvme-direct.c */
/* Whether `nd` may and can have direct queues now: 0, or -EPERM, -EOPNOTSUPP, -EAGAIN with the reason. */
int nvme_direct_allowed(const struct nvme_device *nd, const char **text);
/* Make the queue, whose vector is chosen, a direct one, and charge its memory to the user. 0, -EDQUOT or -ENOMEM. */
int nvme_direct_new(struct queue *queue);
/* WORKER: its memory, and what the client gets. 0, or -1 with errno and the reason. */
int nvme_direct_prepare(struct queue *queue);
/* The controller has it. 0 or -ENOMEM. */
int nvme_direct_start(struct queue *queue);
/* The controller has it no more, before it is discarded. */
void nvme_direct_over(struct queue *queue);
/* WORKER: its interrupts are ours again. */
void nvme_direct_discard(struct queue *queue);
void nvme_direct_free(struct queue *queue);
/* There may be completions, and its interrupts are others', too. */
void nvme_direct_wake(struct queue *queue);
int nvme_direct_share(struct queue *queue, struct queue_share *share);
bool nvme_direct_any(const struct nvme_device *nd);
/* The admin command, which is a barrier, changes namespaces or their data under a direct queue that there is. */
bool nvme_direct_excludes(const struct nvme_device *nd, const union nvme_cmd *sqe);
/* Whose queue that is, as a reason. */
void nvme_direct_who(const struct nvme_device *nd, char *text, size_t size);

/* nvme-engine.c */
int nvme_served_buffer_add(struct opening *opening, struct data_buffer *buffer);
int nvme_served_buffer_remove(struct opening *opening, struct data_buffer *buffer);
int nvme_served_start(struct nvme_device *nd);
void nvme_serving(struct device *dev, struct device_serving *serving);
void nvme_served_trace_add(struct device *dev, struct trace *trace);
void nvme_served_trace_remove(struct device *dev, struct trace *trace);
int nvme_served_retune(struct device *dev, const struct device_settings *settings);
void nvme_served_stop(struct nvme_device *nd);
/* Forward nothing; true when nothing is in flight. Else nvme_send_waiting() is called when that is so. */
bool nvme_served_pause(struct nvme_device *nd);
/* With the namespaces that there are now. Harmless when it is not paused. */
void nvme_served_resume(struct nvme_device *nd);
/* Leave the queues alone: they are the worker's. */
void nvme_served_halt(struct nvme_device *nd);
/* The controller has forgotten all queues: what was in flight ends, and the engine knows no pair any more. */
void nvme_served_fail(struct nvme_device *nd);
/*
 * After that, and after nvme_queues_gone(), which holds the openings that answer for the pairs: served queues are gone.
 */
void nvme_served_gone(struct nvme_device *nd);
/* There are served queues. */
bool nvme_served_any(const struct nvme_device *nd);

/* nvme-pair.c */
struct nvme_pair {
	LIST_ENTRY(nvme_pair) link;
	struct nvme_device *nd;
	struct queue *queue; /* the controller's; NULL when it could not be made */
	struct data_pair data;
	struct data_watch irq; /* of a polling driver */
	LIST_HEAD(, nvme_served) users;
	unsigned int nusers;
	enum queue_priority priority; /* of its users, where the controller arbitrates by that */
	enum { PAIR_MAKING, PAIR_LIVE, PAIR_DELETING } state;
	bool attached; /* to the engine */
};

/* Find or make a pair for the served queue, which is told by nvme_served_paired(). */
void nvme_pair_get(struct nvme_served *served, unsigned int entries);
/* Its queue takes no more commands and is to go: true when the whole pair is deleted, which ends its commands. */
bool nvme_pair_put(struct nvme_served *served);
/* The queue has nothing in flight on the pair any more. */
void nvme_pair_leave(struct nvme_served *served);
/* An Abort that names the tracker has ended. */
void nvme_pair_unname(struct nvme_pair *pair, struct nvme_rq *rq);
/* Delete I/O Submission Queue has completed. */
void nvme_pair_sq_gone(struct nvme_pair *pair);
/* After a reset: the engine knows it no more. */
void nvme_pair_gone(struct nvme_pair *pair);

/* What the two files share. */
struct nvme_served {
	struct queue *queue;
	struct nvme_device *nd;
	struct nvme_pair *pair;
	LIST_ENTRY(nvme_served) link; /* in pair->users */
	struct served data;
	struct data_watch watch;
	struct data_msg drained;
	struct event *patience; /* for commands that do not end */
	int fd, kick_fd, client_fd; /* memory; eventfd; the client's end of data.wake_fd */
	void *memory;
	uint64_t size;
	unsigned int weight;
	unsigned int ticks; /* of `patience` */
	bool attached; /* to the engine */
	bool idle;     /* nothing of it is in flight any more */
};

/* nvme-event.c */
void nvme_events_start(struct nvme_device *nd);
/* The event requests that are outstanding already, after a take-over. 0 or -errno. */
int nvme_events_resume(struct nvme_device *nd, const uint16_t *cids, unsigned int n);
/* A session has set feature 0Bh to that: what others are told of goes on. */
void nvme_events_configured(struct nvme_device *nd, uint32_t value);

/* nvme-ns.c */
int nvme_ns_identify(struct nvme_device *nd); /* WORKER; 0 or -1, errno */
/* On the loop: hold I/O, identify all again, then nvme_send_waiting(). One at a time. */
void nvme_ns_refresh(struct nvme_device *nd);
/* They were identified by the worker; what the loop was at has come to nothing. */
void nvme_ns_fresh(struct nvme_device *nd);

/* nvme-recover.c */
void nvme_recover(struct nvme_device *nd, const char *why);
int nvme_reset_by(struct opening *opening, enum reset_kind kind, bool stay, class_reset_done done, void *arg,
		  char *text, size_t size);
/* nvme-reset.c: WORKER: what comes before the controller is disabled. */
void nvme_reset_prepare(struct nvme_device *nd);

/* nvme-recover.c, nvme-write.c */
/* The controller is disabled: bring it up; what comes of it is told. */
void nvme_recover_enable(struct nvme_device *nd);
/* The reset is over: each session is told what it took, by an event of this kind, and who asked for it that it is. */
void nvme_recover_over(struct nvme_device *nd, enum device_event_kind kind);
/* Whoever asked for the reset is told, once. */
void nvme_recover_told(struct nvme_device *nd, int error, const char *text);
/* A command is late: recover a controller that is not enabled and ready any more, or in fatal status. */
void nvme_ask_alive(struct nvme_device *nd);
void nvme_disable(struct device *dev); /* WORKER */
void nvme_disabled(struct device *dev, const char *why);

/* nvme-raw.c */
int nvme_submit_raw(struct opening *opening, struct queue *queue, const struct raw_spec *spec,
		    command_done done, void *arg, char *text, size_t size);
/* The command has waited: whose queues and commands it names may have changed. 0 or -EPERM, with a text. */
int nvme_raw_recheck(const struct command *cmd, char *text, size_t size);
void nvme_raw_queue_create(struct opening *opening, class_queue_done done, void *arg);
/* The command whose identifier is the session's, or NULL. */
struct command *nvme_raw_find(struct nvme_device *nd, unsigned int qid, uint16_t cid);
/* A raw command has completed, before its session is told. */
void nvme_raw_completed(struct command *cmd, const struct nvme_cqe *cqe);
/* A completion that nobody waits for (any more): an event of the session's. */
void nvme_raw_stray(struct opening *opening, const struct nvme_cqe *cqe);
/* Submission queues of the session's making use that completion queue; one whose deletion waited for the last. */
bool nvme_raw_cq_used(const struct queue *cq);
struct queue *nvme_raw_cq_waiting(struct opening *opening);

/* nvme-trace.c: what became of it, for those who trace; `cqe` NULL: `error`, -errno. */
void nvme_trace(const struct command *cmd, const struct nvme_cqe *cqe, int error);

/* nvme-write.c: as struct device_class says */
int nvme_bar_write_check(struct opening *opening, unsigned int bar, uint64_t offset, size_t length,
			 char *text, size_t size);
int nvme_doorbell_find(struct opening *opening, uint32_t qid, bool completion, uint64_t *offset,
		       char *text, size_t size);
int nvme_doorbell_ring(struct device *dev, uint64_t offset, uint32_t value);
void nvme_written(struct device *dev);
const char *nvme_upset(struct device *dev);
void nvme_recover_from(struct device *dev, const char *why);

/* nvme-tally.c */
/* Where a command of a session is counted. */
static inline struct tally *nvme_tally_of(const struct command *cmd)
{
	return cmd->queue ? cmd->queue->tally : cmd->opening->admin;
}
/* A command of a session has completed, before its session is told. */
void nvme_tally_done(const struct command *cmd, const struct nvme_cqe *cqe, bool ok);
/* A queue that is live from now on, with the vector that it has. */
void nvme_tally_begin(struct queue *queue);
/* It is going: what it has counted is among that of the opening's queues that are gone. Harmless when that was so. */
void nvme_tally_end(struct queue *queue);
/* For device_class.refused and .counted. */
void nvme_tally_refused(struct opening *opening, struct queue *queue);
void nvme_tally_interrupts(struct device *dev);
/* Before a take-over, after which the loop has all vectors. */
void nvme_tally_hand_over(struct nvme_device *nd);

/* nvme-state.c */
int nvme_save(struct device *dev, struct state_device *saved);
int nvme_restore(struct device *dev, const struct state_device *saved);
int nvme_queue_save_state(struct queue *queue, struct state_queue *saved);
int nvme_queue_restore_state(struct opening *opening, const struct state_queue *saved);

#endif
