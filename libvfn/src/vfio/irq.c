/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "support/fail.h"
#include "vfio/transport.h"

static const char *irq_name(unsigned int index)
{
	static const char *const names[VFIO_IRQS] = {"INTx", "MSI", "MSI-X", "error", "request"};

	return index < VFIO_IRQS ? names[index] : "unknown";
}

int vfio_get_irq_info(struct vfio_device *dev, unsigned int irq_index, struct vfio_irq_info *info)
{
	struct vfio_device_state *state = vfio_state(dev);

	if (!state)
		return -1;
	*info = (struct vfio_irq_info){.argsz = sizeof(*info), .index = irq_index};
	if (irq_index >= dev->device_info.num_irqs)
		return 0;
	return state->transport->irq_info(dev, info);
}

int vfio_irq_init(struct vfio_device *dev)
{
	static const unsigned int order[] = {VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
					     VFIO_PCI_INTX_IRQ_INDEX};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (vfio_get_irq_info(dev, order[i], &dev->irq_info))
			return -1;
		if (dev->irq_info.count && (dev->irq_info.flags & VFIO_IRQ_INFO_EVENTFD))
			return 0;
	}
	/* A device without interrupts is polled; setting some will fail. */
	dev->irq_info = (struct vfio_irq_info){.argsz = sizeof(dev->irq_info)};
	return 0;
}

/* The function first, then who hears of it: it must not signal what is not there. */
static int irq_off(struct vfio_device *dev, unsigned int irq_index)
{
	if (vfio_config_irq(dev, irq_index, 0))
		return -1;
	return dev->state->transport->irq_set(dev, irq_index, 0, NULL, 0);
}

/* `set` vectors are set up already, from 0 on. */
static int irq_on(struct vfio_device *dev, const struct vfio_irq_info *info, unsigned int start,
		  const int *eventfds, unsigned int n, unsigned int set)
{
	const struct vfio_transport *t = dev->state->transport;

	if (t->irq_set(dev, info->index, start, eventfds, n) ||
	    vfio_config_irq(dev, info->index, start + n > set ? start + n : set))
		return -1;
	/* Vectors of MSI and MSI-X that a server can mask are masked until they are wanted. */
	if (t->msi_by_config && (info->flags & VFIO_IRQ_INFO_MASKABLE))
		return t->irq_unmask(dev, info->index, start, n);
	return 0;
}

/* `only`: no other vectors of the kind than these stay. */
static int irq_set(struct vfio_device *dev, unsigned int irq_index, unsigned int start, const int *eventfds, int count,
		   bool only)
{
	struct vfio_device_state *state = vfio_state(dev);
	struct vfio_irq_info info;
	unsigned int n = (unsigned int)count;
	unsigned int *set;
	int rc = 0;

	if (!state || vfio_get_irq_info(dev, irq_index, &info))
		return -1;
	if (!info.count || irq_index >= VFIO_IRQS)
		return vfn_fail(ENOTSUP, "%s has no %s interrupt", state->address,
				irq_name(irq_index));
	if (count < 0 || start > info.count || n > info.count - start || (n && !eventfds))
		return vfn_fail(EINVAL, "%s has %u %s vectors, %u to %u were asked for",
				state->address, info.count, irq_name(irq_index), start,
				start + n - 1);

	pthread_mutex_lock(&state->irq_lock);
	set = &state->irq_vectors[irq_index];
	/* The kernel does not enlarge a set of MSI vectors everywhere: it is set up afresh. */
	if (!n || (!start && *set && (n > *set || (only && n < *set)))) {
		rc = irq_off(dev, irq_index);
		if (!rc)
			*set = 0;
	}
	if (!rc && n)
		rc = irq_on(dev, &info, start, eventfds, n, *set);
	if (!rc && start + n > *set)
		*set = start + n;
	pthread_mutex_unlock(&state->irq_lock);
	return rc;
}

int vfio_set_irq_index(struct vfio_device *dev, unsigned int irq_index, unsigned int start,
		       const int *eventfds, int count)
{
	return irq_set(dev, irq_index, start, eventfds, count, false);
}

int vfio_unmask_irq(struct vfio_device *dev, unsigned int irq_index)
{
	struct vfio_device_state *state = vfio_state(dev);
	unsigned int n;

	if (!state)
		return -1;
	pthread_mutex_lock(&state->irq_lock);
	n = irq_index < VFIO_IRQS ? state->irq_vectors[irq_index] : 0;
	pthread_mutex_unlock(&state->irq_lock);
	if (!n)
		return vfn_fail(EINVAL, "%s: no %s vectors are set up", state->address,
				irq_name(irq_index));
	return state->transport->irq_unmask(dev, irq_index, 0, n);
}

int vfio_set_irq(struct vfio_device *dev, int *eventfds, int count)
{
	if (!vfio_state(dev))
		return -1;
	if (!dev->irq_info.count)
		return vfn_fail(ENOTSUP, "%s has no interrupts", dev->state->address);
	return irq_set(dev, dev->irq_info.index, 0, eventfds, count, true);
}

int vfio_disable_irq(struct vfio_device *dev)
{
	return vfio_set_irq(dev, NULL, 0);
}
