/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interrupt - a vector of a device that a session has: an eventfd that the device signals
 *
 * The eventfd is the client's to read. The daemon never does: what it needs to know while the vector is masked
 * arrives in another. Loop thread only.
 */
#ifndef VFND_DAEMON_DEVICE_INTERRUPT_H
#define VFND_DAEMON_DEVICE_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/device/opening.h"
#include "daemon/device/worker.h"
#include "daemon/lease.h"

struct interrupt;

/* `missed`: how many came while it was masked. `interrupt` NULL where it is gone, or there was an error. */
typedef void (*interrupt_done)(void *arg, int error, const char *text, struct interrupt *interrupt, uint64_t missed);

struct interrupt {
	struct lease lease;
	LIST_ENTRY(interrupt) link;
	struct opening *opening;
	unsigned int vector;
	unsigned int index; /* VFIO_PCI_INTX_IRQ_INDEX, _MSI_ or _MSIX_ */
	bool automasked;    /* it masks itself each time that it comes */
	int fd;		    /* the client's */
	int parked_fd;	    /* what the device signals in its place while it is masked */
	bool masked, want_masked, freeing;
	bool busy; /* a job is about it */
	uint64_t missed;
	struct job job;
	interrupt_done done;
	void *arg;
};

/* Of the session, by its handle; or NULL. */
struct interrupt *interrupt_find(struct session *session, uint64_t handle);

#endif
