/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq - interrupts as VFIO hands them out (an eventfd a vector), with PCI's masks before them
 *
 * A vector reaches the client when it has an eventfd and neither its own mask nor the function's is
 * set; else its pending bit waits for that. As a kernel does, giving a vector an eventfd unmasks
 * it: many clients never look at the MSI-X table. INTx is a level that masks itself each time it
 * fires.
 */
#ifndef SIM_IRQ_H
#define SIM_IRQ_H

#include "pci.h"
#include "spec.h"

#include <linux/vfio.h>

enum irq_have {
	IRQ_MSIX, /* and INTx */
	IRQ_INTX,
	IRQ_NONE,
};

struct irq_vector {
	int fd;
	uint32_t entry[4]; /* the table's: address low, high, data, control */
	bool pending;
	uint32_t waiting; /* completions that have had no interrupt yet: coalesce.h */
	uint64_t due;	  /* when they get one, monotonic ns; UINT64_MAX: there are none */
};

struct irq {
	struct pci *pci;
	unsigned int nvec;
	struct irq_vector *vec;
	unsigned int nfds; /* vectors that have an eventfd */
	int intx_fd;
	int intx_unmask_fd; /* written by the client's hypervisor in place of an unmask; or -1 */
	bool intx_masked;
	bool intx_level;
	int err_fd;
	int req_fd;
	uint64_t due;	 /* the earliest of the vectors' */
	uint64_t late;	 /* interrupts that came by the time, for less than the threshold */
	uint64_t raised; /* interrupts that went out */
	enum irq_have have;
};

/* 0 or -ENOMEM. `have`: what clients find that they could have. */
int irq_init(struct irq *q, struct pci *pci, unsigned int nvec, enum irq_have have);
void irq_fini(struct irq *q);

/* Closes every eventfd and resets the table: a client has gone. */
void irq_forget(struct irq *q);

/* What a reset of the function does: pending bits and, where no eventfd is, masks. */
void irq_reset(struct irq *q);

/* Number and flags of interrupts of a VFIO index: 0, or -EINVAL. */
int irq_info(const struct irq *q, struct vfio_irq_info *info);

/*
 * VFIO's "set interrupts" (linux/vfio.h) with `len` bytes of data behind `set` and eventfds in
 * `fds`. Those taken are replaced by -1. 0 or -EINVAL, then nothing has changed.
 */
int irq_set(struct irq *q, const struct vfio_irq_set *set, size_t len, int *fds, unsigned int nfds);

/* The client may get vectors other than 0. */
bool irq_uses_msix(const struct irq *q);

/* A completion queue with interrupt vector `vector` has news; nothing happens in INTx mode. */
void irq_raise(struct irq *q, unsigned int vector);

/* The wanted state of INTx; fires if it is on, allowed and not masked. */
void irq_intx(struct irq *q, bool level);

/* The unmask eventfd was written: reads it, unmasks. */
void irq_intx_unmask(struct irq *q);

/* Masks may have been lifted through configuration space. */
void irq_recheck(struct irq *q);

/* The function has an error that its driver is told of, or is to be released by it (VFIO). */
void irq_error(struct irq *q);
void irq_request(struct irq *q);

/* Access to table and pending bits at an offset of BAR0; width 4 or 8. 0 or -EINVAL. */
int irq_table_read(const struct irq *q, uint64_t off, void *buf, unsigned int len);
int irq_table_write(struct irq *q, uint64_t off, const void *buf, unsigned int len);

#endif
