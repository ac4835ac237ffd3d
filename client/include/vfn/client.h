/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvfnclient - share PCI devices through vfnd
 *
 *     struct vfnc *conn;
 *     struct vfnc_device *dev;
 *
 *     if (vfnc_connect(NULL, &conn) < 0)
 *         errx(1, "%s", vfnc_error(NULL));
 *     if (vfnc_open(conn, NULL, &dev) < 0)
 *         errx(1, "%s", vfnc_error(conn));
 *     ...
 *     vfnc_disconnect(conn);
 *
 * Results. Functions return 0 or a count, or a negative errno. vfnc_error() then gives the reason
 * in words, most often the daemon's own. Every function may fail with these besides its own:
 *   -ECONNRESET, -EPIPE  the daemon has ended the connection; what was held is given back already
 *   -EPROTO     the daemon's answer makes no sense; the connection cannot be used any more
 *   -ETIMEDOUT  no answer within the connection's limit (vfnc_set_timeout()). The request may still
 *               be carried out; what it would have brought is given back when its answer comes.
 *   -ENOMEM     no memory here or in the daemon
 *   -EINVAL     an argument is out of range
 *   -EACCES, -EPERM  the daemon does not allow it to this user
 *   -EAGAIN     the device is being brought up or reset; try again
 *   -ESHUTDOWN  it was disabled (vfnc_disable()): vfnc_enable() brings it back
 * A failed NVMe command is not an error: the call returns 0 and the completion's status tells.
 *
 * Threads. A connection and all that was got from it belong to one thread at a time: calls on one
 * connection must not overlap. Different connections are independent of each other. No function
 * raises SIGPIPE, installs signal handlers or starts threads. After fork() only one of both
 * processes may go on with a connection.
 *
 * Lifetimes. Objects are made and freed by the library. Freeing a device frees its buffers, queues,
 * traces and subscriptions; disconnecting frees everything. When the connection is lost the objects remain
 * (a buffer's memory stays readable) until they are freed, which then succeeds at once.
 *
 * Structures that the library fills and hands out may grow at their end. Structures that the caller
 * fills must be zeroed first; their reserved members stay zero.
 */
#ifndef VFN_CLIENT_H
#define VFN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the daemon listens when neither the caller nor $VFND_SOCKET says otherwise. */
#define VFNC_DEFAULT_SOCKET "/run/vfnd/vfnd.sock"

/* Limit for an answer, milliseconds, of a new connection. */
#define VFNC_DEFAULT_TIMEOUT 60000

/* Events that a connection keeps until they are asked for; then the oldest are dropped. */
#define VFNC_EVENTS_MAX 256

/* ---- connection ---------------------------------------------------------------------------- */

struct vfnc; /* a connection: one session of the daemon */

/*
 * Connect to the daemon at `path` (NULL: $VFND_SOCKET, else VFNC_DEFAULT_SOCKET) and say hello.
 * On success *conn is the connection, else NULL and vfnc_error(NULL) tells why. -ENOENT and
 * -ECONNREFUSED: no daemon there; -EACCES: the socket's permissions; -ENAMETOOLONG.
 */
int vfnc_connect(const char *path, struct vfnc **conn);

/*
 * Say hello on a connected SOCK_SEQPACKET unix socket that the caller has. The library owns `fd`
 * from now on, also when this fails. With O_NONBLOCK it works as well, at two more system calls an answer.
 */
int vfnc_connect_fd(int fd, struct vfnc **conn);

/* End the session. The daemon gives back all it held. NULL is ignored. */
void vfnc_disconnect(struct vfnc *conn);

/*
 * Why the last call on `conn` that failed did so, in words; "" when none has failed. NULL: of the
 * last vfnc_connect() in this thread. Valid until the next call on the connection.
 */
const char *vfnc_error(const struct vfnc *conn);

/*
 * The socket, for poll(2) and the like; it is readable when something has come. What has come
 * during other calls is kept in the library, not in the socket: before sleeping take what is there
 * with vfnc_event_wait() and vfnc_wait_any() with timeout 0, until they return -ETIMEDOUT.
 */
int vfnc_fd(const struct vfnc *conn);

/*
 * The longest wait for an answer, milliseconds (more than 0; -1: without limit). Commands are given
 * their own time limit besides, see struct vfnc_cmd.
 */
int vfnc_set_timeout(struct vfnc *conn, int timeout_ms);

struct vfnc_limits {
	uint32_t max_message;     /* bytes of a packet */
	uint32_t max_inline;      /* bytes of inline data of a command */
	uint32_t max_outstanding; /* commands of this session at the same time */
};

/* The session's number, as in the daemon's log. */
uint64_t vfnc_session(const struct vfnc *conn);

/* What the daemon calls itself, as "vfnd 0.1.0". Valid as long as the connection. */
const char *vfnc_daemon(const struct vfnc *conn);

/* Whether the daemon offers the feature of this name (doc/protocol.md lists them). */
bool vfnc_has_feature(const struct vfnc *conn, const char *feature);

/* Put what the daemon said of its limits into *limits. */
void vfnc_limits(const struct vfnc *conn, struct vfnc_limits *limits);

/* ---- devices ------------------------------------------------------------------------------- */

struct vfnc_device; /* a device that the session has open */

enum vfnc_device_state {
	VFNC_DEVICE_UNKNOWN = 0,
	VFNC_DEVICE_CLAIMING = 1, /* being opened and brought up */
	VFNC_DEVICE_READY = 2,
	VFNC_DEVICE_FAILED = 3, /* could not be claimed, or was lost; `reason` says why */
	VFNC_DEVICE_RESETTING = 4,
	VFNC_DEVICE_RELEASING = 5, /* what is outstanding ends; then the daemon gives it back */
	VFNC_DEVICE_DISABLED = 6, /* by vfnc_disable(), until vfnc_enable() */
};

/* Strings are never NULL. */
struct vfnc_device_entry {
	const char *address;    /* "0000:01:00.0" or "vfio-user:/path" */
	const char *class_name; /* "nvme", "pci" */
	const char *transport;  /* "type1", "iommufd", "vfio-user" */
	enum vfnc_device_state state;
	const char *reason;
	uint32_t vendor_id;
	uint32_t device_id;
	const char *model; /* without padding; "" where the class has none */
	const char *serial;
	const char *firmware;
	uint32_t sessions; /* that have it open */
};

/*
 * The daemon's devices. Returns their number; *entries is an array of so many, one block to be
 * given to free(3) (NULL for none).
 */
int vfnc_list(struct vfnc *conn, struct vfnc_device_entry **entries);

/*
 * Open a device by its address. NULL or "": the only one there is. -ENOENT: the daemon has no such
 * device; -EINVAL: no address, and not exactly one device; -ENODEV: it could not be claimed or was
 * lost; -EALREADY: this connection has it open.
 */
int vfnc_open(struct vfnc *conn, const char *address, struct vfnc_device **dev);

/*
 * Give back the device and all that is held on it; `dev`, its buffers, queues and subscriptions are
 * gone afterwards. Tickets of its commands stay good. On failure (-ETIMEDOUT) nothing is freed.
 * NULL is ignored.
 */
int vfnc_close(struct vfnc_device *dev);

/* The address that it was opened by; valid as long as the device. */
const char *vfnc_device_address(const struct vfnc_device *dev);

/* The connection that it belongs to. */
struct vfnc *vfnc_device_connection(const struct vfnc_device *dev);

struct vfnc_namespace {
	uint32_t nsid;
	uint64_t blocks;
	uint32_t block_size;    /* bytes, without metadata */
	uint32_t metadata_size; /* bytes a block */
};

struct vfnc_iova_range {
	uint64_t first;
	uint64_t last;
};

struct vfnc_device_info {
	struct vfnc_device_entry device;
	uint32_t subsystem_vendor_id;
	uint32_t subsystem_id;
	uint32_t class_code;
	uint32_t vectors;     /* MSI-X vectors in use */
	uint64_t bar_size[6]; /* bytes; 0: not there */
	/* class nvme, else zero */
	uint64_t cap;
	uint32_t vs;
	uint32_t page_size;         /* bytes, CC.MPS */
	uint64_t max_transfer;      /* bytes a command */
	uint32_t max_queue_entries; /* slots */
	uint32_t queue_pairs;       /* that all sessions together may have */
	uint32_t queue_pairs_free;
	uint32_t sgls; /* Identify Controller: SGL support */
	uint32_t namespaces; /* NN of Identify Controller */
	uint32_t n_active;
	uint32_t n_iova;
	const struct vfnc_namespace *active; /* n_active of them, by rising nsid */
	const struct vfnc_iova_range *iova;  /* n_iova of them */
};

/* Ask what the daemon knows of the device. On success *info is one block to be given to free(3). */
int vfnc_device_info(struct vfnc_device *dev, struct vfnc_device_info **info);

/* What vfnc_device_info() tells of one namespace. -ENOENT: it is not active. */
int vfnc_namespace(struct vfnc_device *dev, uint32_t nsid, struct vfnc_namespace *ns);

/* ---- registers and configuration space ----------------------------------------------------- */

/* Read a register by its name in the specification: "cap", "vs", "csts", ... -ENOENT: none has it. */
int vfnc_register_read(struct vfnc_device *dev, const char *name, uint64_t *value);

/* Read `width` (4 or 8) bytes at `offset`, a multiple of it, of BAR 0; *value in host byte order. */
int vfnc_register_read_at(struct vfnc_device *dev, uint64_t offset, unsigned int width,
			  uint64_t *value);

/*
 * Read PCI configuration space, bytes as they are there. Returns how many were read: fewer than
 * `len` where configuration space ends. `offset` + `len` is at most 4096.
 */
int vfnc_config_read(struct vfnc_device *dev, uint32_t offset, void *buf, uint32_t len);

/* ---- buffers ------------------------------------------------------------------------------- */

/* Memory that the device reaches at `iova`. Made by the library; to be read only. */
struct vfnc_buffer {
	void *vaddr;   /* where it is in this process; zeroed when new */
	uint64_t iova; /* where the device finds it */
	size_t size;   /* bytes, whole pages */
	int fd;        /* the memfd; may be mapped again, must not be closed */
	struct vfnc_device *device;
	uint64_t offset; /* in the memfd, where it begins */
};

/* Allocate `size` bytes, rounded up to whole pages. -EDQUOT: more than this user may have. */
int vfnc_buffer_alloc(struct vfnc_device *dev, size_t size, struct vfnc_buffer **buf);

/*
 * Free a buffer: it is unmapped here and gone. NULL is ignored. While the connection has direct queues on the device it
 * counts for the user all the same, until they are deleted, as their commands may name it. 0, or -EBUSY: commands that
 * use it are outstanding; it stays as it is.
 */
int vfnc_buffer_free(struct vfnc_buffer *buf);

/* ---- queues -------------------------------------------------------------------------------- */

struct nvme_ctrl;
struct nvme_cq;
struct nvme_sq;

enum vfnc_queue_mode {
	/* A queue pair of the controller; commands are requests: vfnc_io(), vfnc_submit(). */
	VFNC_QUEUE_REQUEST = 0,
	/*
	 * A queue in memory that is shared with the daemon, which checks each command and forwards it.
	 * Commands are NVMe's own, and go through `sq` and `cq` with the functions of <vfn/nvme.h>.
	 */
	VFNC_QUEUE_SERVED = 1,
	/*
	 * A queue pair of the controller itself, used as a served queue is. Nobody checks its commands: they reach
	 * all memory that is mapped for the device, so the daemon's configuration has to allow it. A
	 * buffer must not be freed before the commands that use it are complete.
	 */
	VFNC_QUEUE_DIRECT = 2,
	/* Of vfnc_raw_queue(): an identifier for queues that the session makes by raw commands. */
	VFNC_QUEUE_RAW = 3,
};

/*
 * Whose commands go first. Served queues have it of the daemon, however the controller is: beside busy queues of
 * a higher class a queue has half of its share for each class between the two, and its turn in any case. The
 * controller goes by it where it can, and the daemon's configuration says so (arbitration, vfnd.conf(5)).
 */
enum vfnc_priority {
	VFNC_PRIORITY_NONE = 0,	  /* asked for: medium. Of a queue that there is: nobody looks at it */
	VFNC_PRIORITY_URGENT = 1, /* needs raw = yes in the device's section of vfnd.conf(5), or a direct queue */
	VFNC_PRIORITY_HIGH = 2,
	VFNC_PRIORITY_MEDIUM = 3,
	VFNC_PRIORITY_LOW = 4,
};

/* What is wanted; zero what is not used. */
struct vfnc_queue_opts {
	enum vfnc_queue_mode mode;
	uint32_t entries; /* slots, 2 or more; 0: 128 for a served queue, else 64, or what there is */
	uint16_t weight;  /* served: its share among busy queues, 1 to 16; 0: 1 */
	uint8_t priority; /* enum vfnc_priority */
	uint8_t rsvd;
	uint32_t spin_us; /* served, direct: how long vfnc_queue_wait() looks before it sleeps */
};

/*
 * A submission and a completion queue for I/O commands. Made by the library; to be read only. `sq`
 * and `cq` (NULL for a queue of requests) may be used by one thread at a time, which need not be
 * the connection's.
 */
struct vfnc_queue {
	uint32_t qid;     /* the controller's identifier; of a served queue its number in completions */
	uint32_t entries; /* slots; one less can be outstanding */
	struct vfnc_device *device;
	enum vfnc_queue_mode mode;
	uint8_t priority;   /* enum vfnc_priority: what counts */
	bool by_controller; /* and with the controller, too, not with the daemon alone */
	uint8_t rsvd[2];
	struct nvme_sq *sq;
	struct nvme_cq *cq;
};

/*
 * Create a queue; `opts` NULL: all zero. -EBUSY or -ENOSPC: all queue pairs of the controller are
 * in use; -EDQUOT: as many queues, or as much memory, as this user may have; -EINVAL: more slots
 * than are possible, or no such priority; -EIO: the controller refused; -ENOTSUP: the daemon has no such queues;
 * -EPERM: it is configured not to give direct queues, or urgent ones; -EOPNOTSUPP: the device cannot have them;
 * -EEXIST: queues that the daemon has let go of (see vfnc_queue_wait()) are to be deleted first.
 */
int vfnc_queue_create(struct vfnc_device *dev, const struct vfnc_queue_opts *opts,
		      struct vfnc_queue **queue);

/*
 * The controller that served and direct queues are queues of, for nvme_rq_map_prp(), nvme_rq_mapv() and
 * nvme_rq_from_cqe(): the device's buffers are what can be mapped. It is no more than that:
 * nothing else of <vfn/nvme.h> works on it. NULL: no memory, or the connection is lost (vfnc_error() tells).
 */
struct nvme_ctrl *vfnc_device_ctrl(struct vfnc_device *dev);

/*
 * Wait for a completion in a served or direct queue: spin for the time that it was made with, then sleep. 1:
 * there is one; 0: none came within `timeout_ms` (-1: no limit); -EINTR; -EINVAL: a queue of
 * requests; -ECONNRESET: the daemon has let go of the queue. By the queue's thread.
 */
int vfnc_queue_wait(struct vfnc_queue *queue, int timeout_ms);

/*
 * The same for those who wait for several things: vfnc_queue_fd() (not to be read) becomes readable when there is a
 * completion, if vfnc_queue_arm() was called after the last look and has given 0; 1: there is one
 * already. vfnc_queue_disarm() before the next look: it makes the descriptor unreadable again.
 */
int vfnc_queue_fd(const struct vfnc_queue *queue);
int vfnc_queue_arm(struct vfnc_queue *queue);
void vfnc_queue_disarm(struct vfnc_queue *queue);

/*
 * Delete a queue. Outstanding commands end with the status that the controller gives them; those of a
 * served or direct queue are not told any more. NULL is ignored.
 */
int vfnc_queue_delete(struct vfnc_queue *queue);

/* ---- commands ------------------------------------------------------------------------------ */

/*
 * One NVMe command; zero what is not used. Command identifier and pointers are the daemon's.
 *
 * Data is none, or `length` bytes at `offset` of `buffer`, or inline: `length` bytes sent from
 * `data_out` or received at `data_in`. Inline data is for what is small (vfnc_limits.max_inline)
 * and is copied. Metadata in a separate buffer is `meta_length` bytes at `meta_offset` of
 * `meta_buffer`.
 */
struct vfnc_cmd {
	uint8_t opcode;
	uint8_t flags; /* FUSE and PSDT; must be 0 */
	uint16_t rsvd;
	uint32_t nsid;
	uint32_t cdw2;
	uint32_t cdw3;
	uint32_t cdw10;
	uint32_t cdw11;
	uint32_t cdw12;
	uint32_t cdw13;
	uint32_t cdw14;
	uint32_t cdw15;
	uint32_t timeout_ms; /* then it is aborted; 0: the daemon's default */
	uint32_t rsvd2;

	const struct vfnc_buffer *buffer;
	const void *data_out;
	void *data_in;
	uint64_t offset;
	uint64_t length;

	const struct vfnc_buffer *meta_buffer;
	uint64_t meta_offset;
	uint64_t meta_length;

	uint64_t rsvd3[4];
};

/* A completion queue entry, and what the daemon has to say about it. Filled by the library. */
struct vfnc_completion {
	uint32_t dw0; /* command specific result */
	uint32_t dw1;
	uint16_t sqhd;
	uint16_t sqid;
	uint16_t cid;
	uint16_t status; /* without the phase bit: SC 7:0, SCT 10:8, CRD 12:11, M 13, DNR 14 */
	uint32_t length; /* bytes put into data_in */
	bool timed_out;  /* its time limit passed and it was aborted */
	uint8_t rsvd[3];
	uint64_t rsvd2[2];
};

/* Whether the command succeeded: status code and status code type are 0. */
static inline bool vfnc_ok(const struct vfnc_completion *completion)
{
	return (completion->status & 0x7ff) == 0;
}

/*
 * Send an admin command, or an I/O command on a queue, and wait until it is complete. `completion`
 * may be NULL where only success counts: then a failed command is -EIO.
 *   -EMSGSIZE  inline data longer than vfnc_limits.max_inline: use a buffer
 *   -EAGAIN    as many commands outstanding as are allowed (session or queue)
 *   -ERANGE    offset and length are not inside the buffer
 *   -EINVAL    `length` is less than the command transfers
 *   -EPERM     the daemon does not send such commands
 *   -ECANCELED the controller was reset before the command was complete
 */
int vfnc_admin(struct vfnc_device *dev, const struct vfnc_cmd *cmd,
	       struct vfnc_completion *completion);
int vfnc_io(struct vfnc_queue *queue, const struct vfnc_cmd *cmd,
	    struct vfnc_completion *completion);

/*
 * Send a command and do not wait. *ticket, never 0, names it until its completion was taken by one
 * of the functions below, or vfnc_forget(). `data_out` is copied; `data_in` must stay until then.
 * Errors as of vfnc_admin(); nothing was sent then.
 */
int vfnc_submit_admin(struct vfnc_device *dev, const struct vfnc_cmd *cmd, uint64_t *ticket);
int vfnc_submit(struct vfnc_queue *queue, const struct vfnc_cmd *cmd, uint64_t *ticket);

/*
 * Take a command's completion; those of others are kept. `timeout_ms` -1: wait without limit; 0: do
 * not wait. 0: complete, the ticket is gone. A negative errno other than these: the daemon could
 * not carry it out, the ticket is gone too.
 *   -ETIMEDOUT not complete; the ticket stays
 *   -EINTR     a signal handler ran; the ticket stays
 *   -ENOENT    no such ticket
 */
int vfnc_wait(struct vfnc *conn, uint64_t ticket, struct vfnc_completion *completion,
	      int timeout_ms);

/*
 * Take the completion of whichever command is complete first; *ticket tells which. -ENOENT: none is
 * outstanding. Where the result is another error, *ticket is the failed command's, or 0 when the
 * error is not about one command.
 */
int vfnc_wait_any(struct vfnc *conn, uint64_t *ticket, struct vfnc_completion *completion,
		  int timeout_ms);

/* Give up a ticket. The command goes on; its completion and inline data are dropped. -ENOENT. */
int vfnc_forget(struct vfnc *conn, uint64_t ticket);

/*
 * Have a command, submitted or started, end soon; do not wait. It is aborted, and what became of it is told as
 * always: most often a status of "Command Abort Requested", or success where it was faster; -ECANCELED where
 * the controller had not got it yet. A controller need not abort a command: then it ends as it would have.
 *   -ENOENT      no such ticket, or complete already
 *   -EOPNOTSUPP  the daemon is too old for that
 */
int vfnc_cancel(struct vfnc *conn, uint64_t ticket);

/* Commands submitted whose completion has not been taken, those with a callback among them. */
unsigned int vfnc_outstanding(const struct vfnc *conn);

/* ---- commands that everybody needs ---------------------------------------------------------
 *
 * Each sends one command and waits. `completion` as for vfnc_admin(). Structures are handed over as
 * the controller gave them, little-endian; <libnvme.h> has types for them.
 */

/* Send Identify Controller (CNS 1): 4096 bytes to `data`. */
int vfnc_identify_ctrl(struct vfnc_device *dev, void *data, struct vfnc_completion *completion);

/* Send Identify Namespace (CNS 0): 4096 bytes to `data`. */
int vfnc_identify_ns(struct vfnc_device *dev, uint32_t nsid, void *data,
		     struct vfnc_completion *completion);

/* Get SMART / Health Information (log page 2): 512 bytes. `nsid` 0xffffffff: of the controller. */
int vfnc_smart_log(struct vfnc_device *dev, uint32_t nsid, void *data,
		   struct vfnc_completion *completion);

/* Get the first `len` (multiple of 4) bytes of a log page. */
int vfnc_get_log(struct vfnc_device *dev, uint32_t nsid, uint8_t log_page, void *data, uint32_t len,
		 struct vfnc_completion *completion);

/*
 * Read or write `nlb` (1 to 65536) blocks from `slba` on; their data is the `length` bytes at
 * `offset` of `buf`: nlb times the block size, with the metadata where it is part of the block.
 */
int vfnc_read(struct vfnc_queue *queue, uint32_t nsid, uint64_t slba, uint32_t nlb,
	      const struct vfnc_buffer *buf, uint64_t offset, uint64_t length,
	      struct vfnc_completion *completion);
int vfnc_write(struct vfnc_queue *queue, uint32_t nsid, uint64_t slba, uint32_t nlb,
	       const struct vfnc_buffer *buf, uint64_t offset, uint64_t length,
	       struct vfnc_completion *completion);

/* Send Flush: what was written is on the medium when it is complete. */
int vfnc_flush(struct vfnc_queue *queue, uint32_t nsid, struct vfnc_completion *completion);

/* ---- events -------------------------------------------------------------------------------- */

struct vfnc_subscription;

enum vfnc_event_kind {
	VFNC_EVENT_ASYNC = 1, /* the controller completed an Asynchronous Event Request */
	VFNC_EVENT_GONE = 2,  /* the device is gone; `reason` */
	VFNC_EVENT_RESET = 3, /* the controller was reset: queues and commands are gone; `reason` */
	/* A completion in a queue of the session's own that no command waits for (any more): `log` has its 16 bytes */
	VFNC_EVENT_COMPLETION = 4,
	VFNC_EVENT_DISABLED = 5, /* by vfnc_disable(): as VFNC_EVENT_RESET */
	VFNC_EVENT_ENABLED = 6,  /* by vfnc_enable(): `dw0` is the register CC */
	VFNC_EVENT_GAP = 7,      /* the daemon dropped `lost` events up to `sequence`, as this side did not read */
};

#define VFNC_EVENT_LOG_MAX 4096

struct vfnc_event {
	struct vfnc_device *device;
	struct vfnc_subscription *subscription;
	uint64_t sequence; /* counts from 1 in the subscription */
	uint64_t lost;     /* events lost before this one */
	enum vfnc_event_kind kind;
	/* VFNC_EVENT_ASYNC: completion's dword 0 and its parts, the log page it names */
	uint32_t dw0;
	uint32_t type;
	uint32_t info;
	uint32_t log_page;
	uint32_t log_length; /* bytes in `log`; 0 where it could not be read */
	char reason[256];
	uint8_t log[VFNC_EVENT_LOG_MAX];
};

/* Ask for the device's events to be sent to this session from now on. -EALREADY: they are. */
int vfnc_subscribe(struct vfnc_device *dev, struct vfnc_subscription **sub);

/* End a subscription. Events that were kept for it are dropped. NULL is ignored. */
int vfnc_unsubscribe(struct vfnc_subscription *sub);

/*
 * Take the next event of any subscription. `timeout_ms` -1: wait without limit; 0: do not wait.
 *   -ETIMEDOUT none came
 *   -EINTR     a signal handler ran
 */
int vfnc_event_wait(struct vfnc *conn, struct vfnc_event *event, int timeout_ms);

#ifdef __cplusplus
}
#endif
#include "vfn/client-async.h"
#include <vfn/client-buffer.h>
#include <vfn/client-pci.h>
#include <vfn/client-raw.h>
#include <vfn/client-stats.h>
#include <vfn/client-trace.h>
#include <vfn/client-control.h>

#endif
