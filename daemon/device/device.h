/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device - a PCI function that the daemon owns
 *
 * Devices are claimed at start and later, each on its own worker thread; one that cannot be claimed stays in
 * the list with the reason. A device leaves the list by device_retire() alone. Loop thread only, unless said otherwise.
 */
#ifndef VFND_DAEMON_DEVICE_DEVICE_H
#define VFND_DAEMON_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <vfn/vfio.h>

#include "daemon/config.h"
#include "daemon/data/tally.h"
#include "daemon/data/trace.h"
#include "daemon/device/worker.h"
#include "daemon/session.h"

struct device;
struct device_class;
struct event;
struct event_base;
struct state_device;

enum device_state {
	DEVICE_CLAIMING,
	DEVICE_READY,
	DEVICE_FAILED,
	DEVICE_RESETTING,
	DEVICE_DISABLED, /* by request: it is ours, and does nothing until it is enabled */
};

/* What is told of a device; strings without padding. */
struct device_identity {
	const char *transport;
	uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_id;
	uint32_t class_code;
	uint64_t bar_size[6];
	unsigned int vectors;
	char model[41], serial[21], firmware[9];
};

struct device_stats {
	uint64_t submitted, completed, failed, timed_out, aborts, outstanding;
	uint64_t bytes_read, bytes_written;
	uint64_t interrupts, events, resets;
	uint64_t refused; /* commands that were requests */
	uint64_t queue_pairs, buffers, buffer_bytes, quarantined_bytes;
};

/* What all devices share. */
struct devices {
	struct event_base *base;
	const struct config *config;
	TAILQ_HEAD(, device) list;
	void (*settled)(void *arg); /* no device is being claimed or retired any more */
	void (*drained)(void *arg); /* an opening is gone, or a device was released */
	void *arg;
};

struct device {
	TAILQ_ENTRY(device) link;
	struct devices *devices;
	char *address;
	struct device_settings settings; /* that it was claimed with */
	const struct device_class *class;
	enum device_state state;
	char reason[256];
	struct worker *worker;
	struct opening_list openings; /* ended ones that are not yet gone, too */
	struct device_identity id;
	struct device_stats stats;
	struct tally ended;    /* what sessions did that are no more */
	uint64_t last_opening; /* counts them */
	struct trace_list traces;    /* who is told of the commands that the loop completes */
	struct job job;              /* claim and release, one at a time */
	bool closing;  /* stop() was called; released, when nothing is left of it */
	bool disabled, releasing;
	bool released; /* closed, or never open */
	bool unwanted; /* device_release() while it was being claimed */
	bool retiring; /* takes nothing new, and leaves the list once it is released */
	bool again;    /* and is claimed once more then */
	struct event *drain; /* retiring: looks whether it can go on */
	uint64_t drain_until; /* that it waits for others, milliseconds of CLOCK_MONOTONIC */
	bool told;     /* retiring: the sessions have lost it */
	char why[256]; /* retiring */
	void (*gone)(void *arg);
	void *gone_arg;
	void (*claimed)(void *arg, int error, const char *text); /* by request */
	void *claimed_arg;
	struct vfio_pci_device *pci; /* valid while ready, resetting or disabled */
	void *driver;                /* the class's own */
};

#define DEVICES_MAX 256 /* each has a thread, and a place in what lists them */

void devices_init(struct devices *devices, struct event_base *base, const struct config *config);

/*
 * Begin to claim a device, with what the configuration says of it; what happens is told by `state` and the log.
 * One that has failed is tried again, one that is being retired is claimed once it is gone. 0, or -errno:
 * -EEXIST it is there already, -ENOSPC there are as many as may be.
 */
int device_claim(struct devices *devices, const char *address);

/*
 * Take a device out at run time. At once it takes no new sessions, commands, buffers and queues; commands that
 * are outstanding have the configured time of a shutdown to end. Then its sessions are told and lose it, what they
 * have is given back as at their end, and the device is released and leaves the list. `gone` (may be NULL)
 * is called after that, with the device no longer there. -EALREADY it is being retired.
 */
int device_retire(struct device *device, const char *reason, void (*gone)(void *arg), void *arg);

/*
 * Tell how the claim of a device that was just begun has ended: 0, or -errno with the reason; -ECANCELED where the
 * daemon ends before. One can wait for each.
 */
void device_await(struct device *device, void (*claimed)(void *arg, int error, const char *text), void *arg);

/* What is new may begin on it; else -EAGAIN, -ESHUTDOWN it is disabled, or -ENODEV for good. */
int device_usable(const struct device *device);

/* NULL address: the only device there is. NULL where there is none, or several. */
struct device *device_find(struct devices *devices, const char *address);
/* Why it found none where no address was given: in words, with what to do. */
const char *device_which(const struct devices *devices);

/* Still claiming, or retiring */
bool devices_unsettled(const struct devices *devices);

unsigned int device_sessions(const struct device *device);

/* Add what all its sessions did, those that have ended included; with or without latencies. */
void device_tally(const struct device *device, struct tally *to, bool latency);

/* An event of the loop that is added already; NULL: no memory. */
struct event *device_watch(const struct device *device, int fd, short what, void (*fn)(int fd, short what, void *arg),
			   void *arg);

/*
 * The device is lost (unplugged, its server gone, dead after a reset): every session that has it open is told
 * and loses it; it stays in the list as failed.
 */
void device_lost(struct device *device, const char *reason) __attribute__((nonnull));

/* A command or job of the device has ended: one that is being retired looks whether it can go on. */
void device_step(struct device *device);

/* The daemon ends: tell those who have subscribed to events, or trace, before their sessions end. */
void device_tell_gone(struct device *device, const char *reason);

/* An opening of the device is gone for good. */
void device_opening_gone(struct device *device);

/* Give the device back to the system; what sessions have on it ends. Calls devices->drained. */
void device_release(struct device *device);

/* Every device is released, and nothing under way. */
bool devices_drained(const struct devices *devices);

/* At the end: workers are stopped and all is freed. */
void devices_free(struct devices *devices);

/* The name of the state for the log: "ready", ... */
const char *device_state_name(const struct device *device);

/* For take-over: make a device of what is saved; it is ready then. 0 or -errno. */
int device_restore(struct devices *devices, const struct state_device *saved, struct device **out);

#endif
