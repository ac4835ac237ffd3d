/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * class - the operations of a device class
 *
 * A class is one table of functions and a row in class.c. Functions are called on the loop thread unless
 * marked WORKER.
 */
#ifndef VFND_DAEMON_DEVICE_CLASS_H
#define VFND_DAEMON_DEVICE_CLASS_H

#include "daemon/data/driver.h"
#include "daemon/device/command.h"
#include "daemon/device/device.h"
#include "daemon/device/interrupt.h"
#include "daemon/device/opening.h"

struct state_device;
struct state_queue;

/* Base class 01h and subclass 08h (PCI Code and ID Assignment): controllers of non-volatile memory. */
#define CLASS_CODE_NVME 0x0108u

/* A named register of BAR 0. */
struct device_register {
	const char *name;
	uint32_t offset;
	uint32_t width; /* bytes */
};

struct device_namespace {
	uint32_t nsid;
	uint64_t blocks;
	uint32_t block_size; /* bytes */
	uint32_t metadata_size;
};

/* What a class tells of a controller beyond the device's identity. */
struct device_details {
	uint64_t cap;
	uint32_t vs;
	uint32_t page_size;
	uint64_t max_transfer;
	uint32_t max_queue_entries;
	uint32_t queue_pairs, queue_pairs_free;
	uint32_t sgls; /* Identify Controller, SGLS */
	uint32_t namespaces;
	const struct device_namespace *active;
	size_t nactive;
};

/* What was done for served queues, those that are gone included. */
struct device_serving {
	struct tally stats;
	uint64_t queues, outstanding;	/* that there are */
	struct data_driver_stats driver; /* who serves them */
};

struct queue;

enum queue_mode {
	QUEUE_REQUEST, /* commands are requests */
	QUEUE_SERVED,  /* the client queues them in shared memory, and the daemon forwards them */
	QUEUE_DIRECT,  /* the client has a queue pair of the controller */
	QUEUE_RAW,     /* an identifier: the client makes the queues itself, by raw commands */
};

/* Whose commands go first; numbers as in the protocol. */
enum queue_priority {
	QUEUE_PRIORITY_NONE, /* of a queue: nobody looks at it */
	QUEUE_PRIORITY_URGENT,
	QUEUE_PRIORITY_HIGH,
	QUEUE_PRIORITY_MEDIUM,
	QUEUE_PRIORITY_LOW,
};

/* What is asked for. */
struct queue_spec {
	enum queue_mode mode;
	enum queue_priority priority; /* not NONE */
	unsigned int entries; /* 0: as many as useful */
	unsigned int weight;  /* of a served queue: bursts at a time, 1 to 16; 0: 1 */
};

#define QUEUE_SHARE_FDS 10

/* What the client of a queue gets with it. */
struct queue_share {
	int fds[QUEUE_SHARE_FDS]; /* the caller's */
	unsigned int nfds;
	uint64_t size; /* of a served queue's memory */
	/* Of a direct queue: where in their descriptors things are, as proto/vfnd.proto says. */
	struct queue_share_direct {
		uint64_t cq_at, cq_iova, sq_at, sq_iova, pages_at, pages_iova;
		uint64_t doorbell_at, doorbell_size, shadow_at, shadow_size, event_at;
		uint32_t sq_doorbell, cq_doorbell, sq_shadow, cq_shadow;
		bool interrupt, kick;
	} direct;
};

typedef void (*class_queue_done)(void *arg, int error, const char *text, struct queue *queue);
/* How a session may have a device reset; numbers as in the protocol. */
enum reset_kind {
	RESET_CONTROLLER,
	RESET_SUBSYSTEM,
	RESET_FUNCTION,
	RESET_SHUTDOWN,
	RESET_ABRUPT,
	RESET_HOT, /* of the bus or slot */
};

struct reset_result {
	uint32_t csts; /* before CC.EN was cleared */
	unsigned int commands, queues; /* that it ended, of all sessions */
};

/* How a controller is to be enabled; all zero: as the daemon has it. */
struct enable_spec {
	uint32_t cc_mask, cc_value; /* bits of CC that are chosen, but CC.EN and CC.SHN */
	unsigned int admin_sq, admin_cq; /* entries; 0: 64 */
};

struct enable_result {
	uint32_t cc, csts, aqa;
};

typedef void (*class_enable_done)(void *arg, int error, const char *text, const struct enable_result *result);
typedef void (*class_reset_done)(void *arg, int error, const char *text, const struct reset_result *result);
typedef void (*class_done)(void *arg, int error, const char *text);

struct device_class {
	const char *name;

	/* Make the class's own part. 0 or -errno. */
	int (*create)(struct device *dev);
	void (*destroy)(struct device *dev);

	/* WORKER: open the device and bring it up. 0, or -errno with job_fail(). */
	int (*claim)(struct device *dev, struct job *job);
	/* Claimed: take the interrupts over. 0 or -errno, then release() follows. */
	int (*start)(struct device *dev);
	/* Apply settings that may change while it runs: poll-spin-us. 0; -ENOTSUP it does not. */
	int (*retune)(struct device *dev, const struct device_settings *settings);
	/* The device is to be given up: do not use it any more, nor its interrupts. */
	void (*stop)(struct device *dev);
	/* WORKER, after stop(): have it let go of all memory, if it still can. */
	void (*disable)(struct device *dev);
	/* After disable(): commands and queues end, with the reason. */
	void (*disabled)(struct device *dev, const char *reason);
	/* WORKER, no opening is left: close the device. */
	void (*release)(struct device *dev);

	void (*details)(struct device *dev, struct device_details *details);
	/* Bring dev->stats up to date. NULL: it always is. */
	void (*counted)(struct device *dev);
	/* NULL where there are no served queues. */
	void (*serving)(struct device *dev, struct device_serving *serving);
	const struct device_register *registers; /* ends with a name of NULL */
	/* May be called on the loop: it takes no longer than the access itself. */
	bool (*registers_fast)(struct device *dev);
	/* WORKER, or loop where fast. 0 or -errno. */
	int (*register_read)(struct device *dev, uint32_t offset, uint32_t width, uint64_t *value);

	/* May the session write there? 0 or -EPERM, with a text. */
	int (*bar_write_check)(struct opening *opening, unsigned int bar, uint64_t offset, size_t length,
			       char *text, size_t size);
	/*
	 * What another process maps to reach a part of a BAR: a descriptor, which stays the device's, and where in it
	 * the page begins. -EOPNOTSUPP, -EINVAL with a text. NULL: sessions of this class cannot have it.
	 */
	int (*bar_share)(struct opening *opening, unsigned int bar, uint64_t offset, size_t length, uint64_t *at,
			 char *text, size_t size);
	/* Where in BAR 0 a doorbell is. 0; -EINVAL there is none, -EPERM it is not the session's, with a text. */
	int (*doorbell_find)(struct opening *opening, uint32_t qid, bool completion, uint64_t *offset,
			     char *text, size_t size);
	/* WORKER: ring it. 0 or -errno. */
	int (*doorbell_ring)(struct device *dev, uint64_t offset, uint32_t value);
	/* WORKER, after a write to a BAR or configuration space: mend what it does to others. NULL: nothing. */
	void (*written)(struct device *dev);
	/* WORKER, after a write or a doorbell: the device is not as the daemon left it; why, or NULL. */
	const char *(*upset)(struct device *dev);
	/* On the loop, after that: bring it back. */
	void (*recover)(struct device *dev, const char *why);

	/* Ask for a queue; `done` is told, possibly before this returns. */
	void (*queue_create)(struct opening *opening, const struct queue_spec *spec,
			     class_queue_done done, void *arg);
	/* Fill *share, which is all zero, once. -EINVAL for a queue of requests; 0 or -errno. */
	int (*queue_share)(struct queue *queue, struct queue_share *share);
	/* A queue in use is let go: it takes no more commands, its outstanding ones end. */
	void (*queue_delete)(struct queue *queue, class_done done, void *arg);

	/* The device reaches a buffer, or is about not to. 0; -ENOMEM, -EEXIST; -EBUSY commands use it. */
	int (*buffer_add)(struct opening *opening, struct data_buffer *buffer);
	int (*buffer_remove)(struct opening *opening, struct data_buffer *buffer);

	/*
	 * NULL where vectors are the class's own. A vector for the session: 0, `done` will be called; -EINVAL,
	 * -EOPNOTSUPP, -EBUSY somebody has it, with a text; -ENOMEM or another -errno.
	 */
	int (*interrupt_create)(struct opening *opening, unsigned int vector, interrupt_done done, void *arg,
				char *text, size_t size);
	/* 0, `done` will be called; -EAGAIN: something about it is under way. */
	int (*interrupt_mask)(struct interrupt *interrupt, bool mask, interrupt_done done, void *arg);
	/* The same; `done` may be NULL. */
	int (*interrupt_free)(struct interrupt *interrupt, interrupt_done done, void *arg);

	/* As command_submit(). */
	int (*submit)(struct opening *opening, struct queue *queue, const struct command_spec *spec,
		      command_done done, void *arg, char *text, size_t size);

	/* The opening's command of this id shall end soon; false when there is none. NULL: no commands. */
	bool (*cancel)(struct opening *opening, uint64_t id);
	/* The same for a command that is not checked. */
	int (*submit_raw)(struct opening *opening, struct queue *queue, const struct raw_spec *spec,
			  command_done done, void *arg, char *text, size_t size);
	/* Set a queue identifier aside; `done` is told before this returns. */
	void (*raw_queue)(struct opening *opening, class_queue_done done, void *arg);

	/*
	 * Reset the device, and bring it up again, or with `stay` leave it disabled. 0, `done` will be called; or
	 * -ENOTSUP, -EBUSY, with a text.
	 */
	int (*reset)(struct opening *opening, enum reset_kind kind, bool stay, class_reset_done done, void *arg,
		     char *text, size_t size);
	/* Enable one that was left disabled. 0, `done` will be called; or -EINVAL with a text. NULL: none is. */
	int (*enable)(struct opening *opening, const struct enable_spec *spec, class_enable_done done, void *arg,
		      char *text, size_t size);

	/* A request for a command was refused; count it. NULL queue: admin. */
	void (*refused)(struct opening *opening, struct queue *queue);

	/* An opening ends: its queues' handles are void (lease_remove()). */
	void (*forget)(struct opening *opening);
	/* An opening ends: delete its queues, abort its commands. Called again on progress. */
	void (*quiesce)(struct opening *opening);

	/* What the loop does not complete is traced, too, and no longer. NULL: there is nothing else. */
	void (*trace_add)(struct device *dev, struct trace *trace);
	void (*trace_remove)(struct device *dev, struct trace *trace);

	/* Take-over of an idle device. */
	int (*save)(struct device *dev, struct state_device *saved);
	int (*restore)(struct device *dev, const struct state_device *saved);
	int (*queue_save)(struct queue *queue, struct state_queue *saved);
	int (*queue_restore)(struct opening *opening, const struct state_queue *saved);
};

/* The table of classes; ends with NULL. The first is the one for devices of which nobody says what they are. */
extern const struct device_class *const device_classes[];

#endif
