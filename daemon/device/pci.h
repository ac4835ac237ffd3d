/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci - the class of PCI devices that the daemon does not drive: what its files share
 *
 * pci.c        claim and release, what is told of a device, BARs
 * pci-irq.c    interrupt vectors of sessions
 * pci-reset.c  resets
 *
 * Sessions have the device's BARs, configuration space, interrupts and memory that it reaches; what the device
 * makes of these is theirs to know.
 */
#ifndef VFND_DAEMON_DEVICE_PCI_H
#define VFND_DAEMON_DEVICE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfn/vfio.h>

#include "daemon/device/class.h"
#include "daemon/device/device.h"
#include "daemon/device/interrupt.h"
#include "daemon/device/notice.h"
#include "daemon/device/opening.h"

#define PCI_MAX_VECTORS 256

extern const struct device_class pci_class;

struct pci_device {
	struct device *dev;
	struct vfio_pci_device pci;
	unsigned int nvectors; /* that sessions can have */
	struct interrupt *owner[PCI_MAX_VECTORS];
	int idle_fd; /* what vectors signal that nobody has; nobody reads it */
	struct notices notices;

	struct job job; /* reset */
	int fds[PCI_MAX_VECTORS]; /* what vectors signal after it */
	char why[200];
	class_reset_done reset_done;
	void *reset_arg;
};

static inline struct pci_device *pci_of(const struct device *dev)
{
	return dev->driver;
}

/* pci-irq.c */
/* WORKER: all vectors signal what nobody reads. 0 or -1, errno. */
int pci_irq_open(struct pci_device *pd);
void pci_irq_close(struct pci_device *pd);
/* What each vector signals now, into pd->fds. */
void pci_irq_list(struct pci_device *pd);
int pci_irq_create(struct opening *opening, unsigned int vector, interrupt_done done, void *arg, char *text,
		   size_t size);
int pci_irq_mask(struct interrupt *interrupt, bool mask, interrupt_done done, void *arg);
int pci_irq_free(struct interrupt *interrupt, interrupt_done done, void *arg);
void pci_forget(struct opening *opening);
/* The opening ends: its vectors go. */
void pci_irq_quiesce(struct opening *opening);

/* pci-reset.c */
int pci_reset_by(struct opening *opening, enum reset_kind kind, bool stay, class_reset_done done, void *arg,
		 char *text, size_t size);
void pci_recover(struct device *dev, const char *why);
void pci_disable(struct device *dev); /* WORKER */
void pci_disabled(struct device *dev, const char *why);

#endif
