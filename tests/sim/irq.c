/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "irq.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int irq_init(struct irq *q, struct pci *pci, unsigned int nvec, enum irq_have have)
{
	memset(q, 0, sizeof(*q));
	q->vec = calloc(nvec, sizeof(*q->vec));
	if (!q->vec)
		return -ENOMEM;
	q->pci = pci;
	q->nvec = nvec;
	q->have = have;
	for (unsigned int i = 0; i < nvec; i++)
		q->vec[i].fd = -1;
	q->intx_fd = q->intx_unmask_fd = q->err_fd = q->req_fd = -1;
	irq_reset(q);
	return 0;
}

/* Puts `fd` (or -1) where `slot` is, closing what was there. */
static void irq_replace(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

/* Takes an eventfd; one that is full must not stop the device. */
static int irq_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	if (taken >= 0)
		(void)fcntl(taken, F_SETFL, O_NONBLOCK);
	return taken;
}

static void irq_vector_fd(struct irq *q, unsigned int v, int fd)
{
	q->nfds -= q->vec[v].fd >= 0;
	irq_replace(&q->vec[v].fd, fd);
	q->nfds += fd >= 0;
	if (fd >= 0)
		q->vec[v].entry[3] &= ~PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void irq_forget(struct irq *q)
{
	for (unsigned int i = 0; i < q->nvec; i++)
		irq_vector_fd(q, i, -1);
	irq_replace(&q->intx_fd, -1);
	irq_replace(&q->intx_unmask_fd, -1);
	irq_replace(&q->err_fd, -1);
	irq_replace(&q->req_fd, -1);
	irq_reset(q);
}

void irq_fini(struct irq *q)
{
	if (q->vec)
		irq_forget(q);
	free(q->vec);
	q->vec = NULL;
}

void irq_reset(struct irq *q)
{
	for (unsigned int i = 0; i < q->nvec; i++) {
		struct irq_vector *v = &q->vec[i];

		v->pending = false;
		v->waiting = 0;
		v->due = UINT64_MAX;
		memset(v->entry, 0, sizeof(v->entry));
		v->entry[3] = v->fd < 0 ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0;
	}
	q->due = UINT64_MAX;
	q->intx_level = false;
	q->intx_masked = false;
	pci_set_intx_status(q->pci, false);
}

static unsigned int irq_count(const struct irq *q, uint32_t index)
{
	if (q->have == IRQ_NONE)
		return 0;
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return q->have == IRQ_MSIX ? q->nvec : 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return 0;
	default:
		return 1;
	}
}

int irq_info(const struct irq *q, struct vfio_irq_info *info)
{
	if (info->argsz < sizeof(*info) || info->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info->argsz = sizeof(*info);
	info->count = irq_count(q, info->index);
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	if (info->index == VFIO_PCI_INTX_IRQ_INDEX)
		info->flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	return 0;
}

static void irq_fire(struct irq *q, int fd)
{
	uint64_t one = 1;

	/* A full eventfd has woken its reader already; a broken one is the client's loss. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one))
		q->raised++;
}

bool irq_uses_msix(const struct irq *q)
{
	return q->nfds || pci_msix_enabled(q->pci);
}

static bool irq_blocked(const struct irq *q, const struct irq_vector *v)
{
	return v->fd < 0 || (v->entry[3] & PCI_MSIX_ENTRY_CTRL_MASKBIT) || pci_msix_masked(q->pci);
}

void irq_raise(struct irq *q, unsigned int vector)
{
	struct irq_vector *v = &q->vec[vector];

	if (!irq_uses_msix(q))
		return;
	v->pending = irq_blocked(q, v);
	if (!v->pending)
		irq_fire(q, v->fd);
}

static void irq_vector_recheck(struct irq *q, unsigned int vector)
{
	if (q->vec[vector].pending)
		irq_raise(q, vector);
}

void irq_intx(struct irq *q, bool level)
{
	q->intx_level = level;
	level = level && !irq_uses_msix(q);
	pci_set_intx_status(q->pci, level);
	if (!level || q->intx_masked || q->intx_fd < 0 || pci_intx_disabled(q->pci))
		return;
	q->intx_masked = true;
	irq_fire(q, q->intx_fd);
}

void irq_intx_unmask(struct irq *q)
{
	uint64_t n;

	if (read(q->intx_unmask_fd, &n, sizeof(n)) != sizeof(n))
		return;
	q->intx_masked = false;
	irq_intx(q, q->intx_level);
}

void irq_recheck(struct irq *q)
{
	for (unsigned int i = 0; i < q->nvec; i++)
		irq_vector_recheck(q, i);
	irq_intx(q, q->intx_level);
}

static void irq_mask_one(struct irq *q, uint32_t index, unsigned int v, bool mask)
{
	if (index == VFIO_PCI_MSIX_IRQ_INDEX) {
		if (mask) {
			q->vec[v].entry[3] |= PCI_MSIX_ENTRY_CTRL_MASKBIT;
		} else {
			q->vec[v].entry[3] &= ~PCI_MSIX_ENTRY_CTRL_MASKBIT;
			irq_vector_recheck(q, v);
		}
	} else if (index == VFIO_PCI_INTX_IRQ_INDEX) {
		q->intx_masked = mask;
		if (!mask)
			irq_intx(q, q->intx_level);
	}
}

static int *irq_slot(struct irq *q, uint32_t index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return &q->intx_fd;
	case VFIO_PCI_ERR_IRQ_INDEX:
		return &q->err_fd;
	default:
		return &q->req_fd;
	}
}

static void irq_trigger_one(struct irq *q, uint32_t index, unsigned int v)
{
	irq_fire(q, index == VFIO_PCI_MSIX_IRQ_INDEX ? q->vec[v].fd : *irq_slot(q, index));
}

/* Gives vectors [start, start + count) their eventfds, or none. */
static void irq_assign(struct irq *q, const struct vfio_irq_set *set, int *fds, unsigned int nfds)
{
	for (unsigned int i = 0; i < set->count; i++) {
		int fd = nfds ? irq_take(&fds[i]) : -1;

		if (set->index == VFIO_PCI_MSIX_IRQ_INDEX) {
			irq_vector_fd(q, set->start + i, fd);
			irq_vector_recheck(q, set->start + i);
			continue;
		}
		irq_replace(irq_slot(q, set->index), fd);
		if (set->index == VFIO_PCI_INTX_IRQ_INDEX) {
			q->intx_masked = false;
			irq_intx(q, q->intx_level);
		}
	}
}

static void irq_disable_all(struct irq *q, uint32_t index)
{
	if (index == VFIO_PCI_MSIX_IRQ_INDEX) {
		for (unsigned int i = 0; i < q->nvec; i++) {
			irq_vector_fd(q, i, -1);
			q->vec[i].pending = false;
		}
	} else if (index != VFIO_PCI_MSI_IRQ_INDEX) {
		irq_replace(irq_slot(q, index), -1);
		if (index == VFIO_PCI_INTX_IRQ_INDEX) {
			irq_replace(&q->intx_unmask_fd, -1);
			q->intx_masked = false;
		}
	}
}

int irq_set(struct irq *q, const struct vfio_irq_set *set, size_t len, int *fds, unsigned int nfds)
{
	uint32_t type = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	bool mask = action == VFIO_IRQ_SET_ACTION_MASK;
	unsigned int max;

	if (set->argsz < sizeof(*set) || set->index >= VFIO_PCI_NUM_IRQS ||
	    (set->flags & ~(VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK)) ||
	    !action || (action & (action - 1)) || !type || (type & (type - 1)))
		return -EINVAL;
	max = irq_count(q, set->index);
	if (set->start > max || set->count > max - set->start)
		return -EINVAL;
	if (type != VFIO_IRQ_SET_DATA_EVENTFD && nfds)
		return -EINVAL;
	if (type == VFIO_IRQ_SET_DATA_BOOL && len < set->count)
		return -EINVAL;
	if (type == VFIO_IRQ_SET_DATA_EVENTFD && nfds && nfds != set->count)
		return -EINVAL;

	if (type == VFIO_IRQ_SET_DATA_EVENTFD) {
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER) {
			irq_assign(q, set, fds, nfds);
			return 0;
		}
		if (mask || set->index != VFIO_PCI_INTX_IRQ_INDEX || set->count != 1)
			return -EINVAL;
		irq_replace(&q->intx_unmask_fd, nfds ? irq_take(fds) : -1);
		return 0;
	}
	if (action == VFIO_IRQ_SET_ACTION_TRIGGER && type == VFIO_IRQ_SET_DATA_NONE &&
	    !set->count) {
		irq_disable_all(q, set->index);
		return 0;
	}
	for (unsigned int i = 0; i < set->count; i++) {
		if (type == VFIO_IRQ_SET_DATA_BOOL && !set->data[i])
			continue;
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			irq_trigger_one(q, set->index, set->start + i);
		else
			irq_mask_one(q, set->index, set->start + i, mask);
	}
	return 0;
}

static bool irq_in_table(const struct irq *q, uint64_t off, unsigned int len)
{
	return off >= q->pci->msix_at &&
	       off + len <= q->pci->msix_at + q->nvec * PCI_MSIX_ENTRY_SIZE;
}

int irq_table_read(const struct irq *q, uint64_t off, void *buf, unsigned int len)
{
	uint32_t out[2] = {0};

	if ((len != 4 && len != 8) || off % len)
		return -EINVAL;
	for (unsigned int i = 0; i < len / 4; i++, off += 4) {
		if (irq_in_table(q, off, 4)) {
			unsigned int word = (off - q->pci->msix_at) / 4;

			out[i] = q->vec[word / 4].entry[word % 4];
		} else if (off >= q->pci->msix_at + SIM_BAR_PBA) {
			uint64_t first = (off - q->pci->msix_at - SIM_BAR_PBA) * 8;

			for (unsigned int b = 0; b < 32 && first + b < q->nvec; b++)
				out[i] |= (uint32_t)q->vec[first + b].pending << b;
		}
	}
	memcpy(buf, out, len);
	return 0;
}

int irq_table_write(struct irq *q, uint64_t off, const void *buf, unsigned int len)
{
	uint32_t in[2];

	if ((len != 4 && len != 8) || off % len)
		return -EINVAL;
	memcpy(in, buf, len);
	for (unsigned int i = 0; i < len / 4; i++, off += 4) {
		unsigned int word;

		if (!irq_in_table(q, off, 4))
			continue;
		word = (off - q->pci->msix_at) / 4;
		if (word % 4 == 3)
			in[i] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
		q->vec[word / 4].entry[word % 4] = in[i];
		if (word % 4 == 3)
			irq_vector_recheck(q, word / 4);
	}
	return 0;
}

static void irq_signal(struct irq *q, int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one))
		q->raised++;
}

void irq_error(struct irq *q)
{
	irq_signal(q, q->err_fd);
}

void irq_request(struct irq *q)
{
	irq_signal(q, q->req_fd);
}
