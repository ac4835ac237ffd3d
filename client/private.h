/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * private - what the files of libvfnclient share
 *
 * rpc.c moves messages and knows nothing of devices but the release of handles that come too late;
 * event.c keeps events; the others turn one public call into one request each. Everything belongs
 * to the connection and so to one thread.
 */
#ifndef VFN_CLIENT_PRIVATE_H
#define VFN_CLIENT_PRIVATE_H

#include "config.h"

#include <sys/queue.h>

#include "client/pool.h"
#include "proto/fdset.h"
#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"
#include "vfn/client.h"

#define CL_BUCKETS    256
#define CL_ERROR_SIZE 512

/* A request that was sent and whose answer has not been handed to the caller. */
struct cl_call {
	uint64_t id;
	enum {
		CL_WAITING,
		CL_DONE,      /* answer is there */
		CL_ABANDONED, /* nobody waits any more; the answer's handle is given back */
	} state;
	Vfnd__Answer__BodyCase expected;
	Vfnd__Answer *answer;
	struct fdset fds; /* that came with the answer */
	LIST_ENTRY(cl_call) hash;
	/* commands only */
	bool command;
	bool ticket; /* submitted: its completion is taken by vfnc_wait() and its kind */
	struct vfnc_queue *queue; /* NULL: admin, or the queue is gone */
	void *data_in;
	uint64_t length;
	uint64_t awaited; /* bytes of its answer, at most */
	TAILQ_ENTRY(cl_call) done;
	vfnc_command_fn fn; /* of a command with a callback; then it is no ticket */
	void *opaque;
};

struct cl_event {
	Vfnd__Answer *message;
	TAILQ_ENTRY(cl_event) link;
};

/* Bytes of answers that may be on their way before they are looked for: sockets and the daemon hold more. */
#define CL_AWAITED_MAX (128u * 1024)
#define CL_ANSWER_MAX  640 /* an answer to a command, without its data */

/* A socket that can be waited for in one call does so for this long: what it is told once, by SO_RCVTIMEO. */
#define CL_WAIT_MS 1000

struct vfnc {
	int fd;
	bool waits; /* the socket itself waits, for CL_WAIT_MS; else it is polled */
	int dead; /* 0, or the negative errno that every call gets from now on */
	int timeout_ms;
	uint64_t last_id;
	uint64_t session;
	struct vfnc_limits limits;
	char *daemon;
	char **features;
	size_t n_features;
	unsigned int inflight; /* commands without an answer */
	unsigned int tickets;  /* submitted, completion not taken */
	unsigned int started;  /* with a callback that has not been called */
	uint64_t awaited; /* bytes that the commands under way may be answered with */
	unsigned int n_events;
	struct cl_pool pool; /* of calls and answers */
	LIST_HEAD(, cl_call) calls[CL_BUCKETS];
	TAILQ_HEAD(, cl_call) done; /* tickets that are complete, in the order they came */
	TAILQ_HEAD(, cl_call) due;  /* the same of commands with a callback */
	bool processing;            /* callbacks are being made */
	vfnc_event_fn event_fn;
	void *event_opaque;
	TAILQ_HEAD(, cl_event) events;
	TAILQ_HEAD(, vfnc_device) devices;
	char error[CL_ERROR_SIZE];
	char why_dead[CL_ERROR_SIZE];
	const struct fdset *tx_fds; /* that go with the request that is being sent, or NULL */
	uint8_t tx[FRAME_MAX];
	uint8_t rx[FRAME_MAX];
};

/* What buffers on several devices share. */
struct cl_memory {
	unsigned int refs;
	void *vaddr;
	size_t size;
	int fd;
};

struct cl_buffer {
	struct vfnc_buffer pub;
	struct cl_memory *memory;
	uint64_t handle;
	TAILQ_ENTRY(cl_buffer) link;
};

struct cl_queue {
	struct vfnc_queue pub;
	uint64_t handle;
	unsigned int inflight;
	TAILQ_ENTRY(cl_queue) link;
	struct cl_served *served; /* a served queue's own */
	struct cl_direct *direct; /* a direct queue's own */
	uint64_t spin_ticks;      /* of vfnc_queue_wait() */
};

struct cl_interrupt {
	struct vfnc_interrupt pub;
	uint64_t handle;
	TAILQ_ENTRY(cl_interrupt) link;
};

struct vfnc_subscription {
	struct vfnc_device *device;
	uint64_t handle;
	uint64_t last_sequence;
	TAILQ_ENTRY(vfnc_subscription) link;
};

struct vfnc_device {
	struct vfnc *conn;
	uint64_t handle;
	char *address;
	TAILQ_HEAD(, cl_buffer) buffers;
	TAILQ_HEAD(, cl_queue) queues;
	TAILQ_HEAD(, cl_interrupt) interrupts;
	TAILQ_HEAD(, vfnc_subscription) subs;
	TAILQ_HEAD(, vfnc_trace) traces;
	TAILQ_ENTRY(vfnc_device) link;
	struct cl_shell *shell; /* for served queues; NULL before the first one */
};

/* ---- conn.c ---- */

/* Keep the reason of a failure. Returns `code`. */
int cl_fail(struct vfnc *conn, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- rpc.c ---- */

/* A point of CLOCK_MONOTONIC in ms, for the functions below; -1 (never) stays -1. */
int64_t cl_deadline(int64_t timeout_ms);
/* Until then, for poll(2): an hour at most. */
int cl_left(int64_t deadline);

/*
 * Give the request an id and send it. `req` is the caller's. The call is freed by cl_rpc_free() or
 * by cl_rpc_abandon().
 */
int cl_rpc_start(struct vfnc *conn, Vfnd__Request *req, Vfnd__Answer__BodyCase expected,
		 struct cl_call **call);

/* Receive and sort in one message. 0, -ETIMEDOUT, -EINTR where `interruptible`, or conn->dead. */
int cl_rpc_pump(struct vfnc *conn, int64_t deadline, bool interruptible);

/* Everything that is there. 0 or conn->dead. */
int cl_rpc_drain(struct vfnc *conn);

/* Until the call is done. As cl_rpc_pump(). */
int cl_rpc_wait(struct vfnc *conn, struct cl_call *call, int64_t deadline, bool interruptible);

/* 0 when a call that is done has the expected body, else the daemon's error, kept for vfnc_error(). */
int cl_rpc_result(struct vfnc *conn, const struct cl_call *call);

/*
 * Start, wait for as long as the connection allows and look at the result. On success *call holds
 * the answer and is the caller's to free; on failure nothing is left.
 */
int cl_rpc_call(struct vfnc *conn, Vfnd__Request *req, Vfnd__Answer__BodyCase expected,
		struct cl_call **call);

/* The same with a descriptor, which stays the caller's. */
int cl_rpc_call_fd(struct vfnc *conn, Vfnd__Request *req, Vfnd__Answer__BodyCase expected, int fd,
		   struct cl_call **call);

/* A request whose answer is `done`, waited for. 0 or -errno. */
int cl_rpc_done(struct vfnc *conn, Vfnd__Request *req);

/*
 * The same for one that ends an object. Success is also that the handle or the
 * whole session has gone meanwhile: the caller can free its side.
 */
int cl_rpc_end(struct vfnc *conn, Vfnd__Request *req);

/* An answer, or an event, that was received. */
void cl_answer_free(struct vfnc *conn, Vfnd__Answer *answer);

struct cl_call *cl_rpc_find(struct vfnc *conn, uint64_t id);
void cl_rpc_free(struct vfnc *conn, struct cl_call *call);

/* Nobody wants the answer: what it brings is given back when it comes. */
void cl_rpc_abandon(struct vfnc *conn, struct cl_call *call);

/* Give back what a good but useless answer brought, without waiting. */
void cl_rpc_give_back(struct vfnc *conn, const Vfnd__Answer *answer);

/* The connection is of no use any more. Returns `code`. */
int cl_rpc_kill(struct vfnc *conn, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- device.c, buffer.c, queue.c, event.c: the local side of objects ---- */

void cl_device_free(struct vfnc_device *dev);
void cl_buffer_free(struct vfnc_buffer *buf);
void cl_queue_free(struct vfnc_queue *queue);
void cl_interrupt_free(struct vfnc_interrupt *interrupt); /* pci.c */
void cl_subscription_free(struct vfnc_subscription *sub);
void cl_trace_free(struct vfnc_trace *trace);

/* ---- served.c: the shared side of queues, and where data are looked up ---- */

/* What a new buffer is, for the lookup. 0 or -errno. */
int cl_shell_add(struct vfnc_device *dev, const struct vfnc_buffer *buf);
void cl_shell_remove(struct vfnc_device *dev, const struct vfnc_buffer *buf);
void cl_shell_free(struct vfnc_device *dev);
/* The controller's pages have so many bytes since it was enabled last. 0, or -EEXIST there are queues of before. */
int cl_shell_page(struct vfnc_device *dev, uint32_t page_size);

/* Take the memory and the descriptors that came with the answer. 0 or -errno, and nothing is left. */
int cl_served_take(struct cl_queue *queue, const Vfnd__QueueCreateAnswer *answer, struct fdset *fds);
void cl_served_free(struct cl_queue *queue);

/* ---- wait.c, direct.c ---- */

/* As cl_served_take(). */
int cl_direct_take(struct cl_queue *queue, const Vfnd__QueueCreateAnswer *answer, struct fdset *fds);
void cl_direct_free(struct cl_queue *queue);

/* As the vfnc_ functions; the descriptors to sleep on, of which the last hangs up when the queue is gone. */
int cl_served_arm(struct cl_queue *queue);
void cl_served_disarm(struct cl_queue *queue);
/* Awake again without having slept. */
void cl_served_awake(struct cl_queue *queue);
/* After a sleep: take the byte that ended it. */
void cl_served_woken(struct cl_queue *queue);
int cl_served_fds(const struct cl_queue *queue, int fds[2]);
int cl_direct_arm(struct cl_queue *queue);
void cl_direct_disarm(struct cl_queue *queue);
int cl_direct_fds(const struct cl_queue *queue, int fds[2]);
int cl_direct_fd(const struct cl_queue *queue);

/* The memory that its commands' lists are in, or NULL: to be freed after it. */
struct vfnc_buffer *cl_served_lists(const struct cl_queue *queue);

uint64_t cl_buffer_handle(const struct vfnc_buffer *buf);

/* The daemon's memory cannot be resized, has `size` bytes, and at least `asked`. 0, -EPROTO or -errno. */
int cl_memfd_check(struct vfnc *conn, const char *what, int fd, uint64_t size, uint64_t asked);

/* Keeps `message`, an event; it is the function's now. */
void cl_event_put(struct vfnc *conn, Vfnd__Answer *message);
void cl_event_drop(struct vfnc *conn, struct cl_event *event);

/* The oldest event that is kept; false when there is none. */
bool cl_event_take(struct vfnc *conn, struct vfnc_event *event);

/* ---- command.c ---- */

/* Send a command; `pub` NULL: an admin command. On success *callp is the call. 0 or -errno. */
int cl_command_start(struct vfnc_device *dev, struct vfnc_queue *pub, const struct vfnc_cmd *cmd,
		     struct cl_call **callp);

/* Take the completion of a call that is done, and free the call. 0 or -errno. */
int cl_command_finish(struct vfnc *conn, struct cl_call *call, struct vfnc_completion *cpl);

/* Send a request that is answered by a completion; `queue` NULL: admin. */
int cl_request_start(struct vfnc_device *dev, struct vfnc_queue *queue, Vfnd__Request *req,
		     struct cl_call **call);
/* Wait for it, and free it. */
int cl_request_wait(struct vfnc *conn, struct cl_call *call, uint32_t timeout_ms,
		    struct vfnc_completion *completion);
/* Nobody waits yet: the ticket. */
uint64_t cl_request_ticket(struct vfnc *conn, struct cl_call *call);

/* ---- info.c ---- */

/* Add space for `s`, copy it there later: strings of an answer in one block with their structure. */
size_t cl_device_entry_size(const Vfnd__Device *d);
char *cl_device_entry_fill(struct vfnc_device_entry *e, const Vfnd__Device *d, char *strings);

#endif
