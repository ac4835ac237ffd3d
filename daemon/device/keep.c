/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/keep.h"

#include <stddef.h>

#include <vfn/vfio.h>

#include "daemon/device/device.h"
#include "daemon/device/opening.h"

/*
 * The openings of the same session on devices of the same context, itself included; ended ones, which their session
 * knows no more, too. `o` NULL: the first.
 */
static struct opening *keep_next(const struct opening *of, const struct opening *o)
{
	const struct iommu_ctx *ctx = of->device->pci->dev.ctx;
	struct device *dev = o ? o->device : TAILQ_FIRST(&of->device->devices->list);
	struct opening *next = o ? LIST_NEXT(o, in_device) : NULL;

	if (!o && dev)
		next = LIST_FIRST(&dev->openings);
	while (dev) {
		for (; next; next = LIST_NEXT(next, in_device))
			if (next->session_number == of->session_number && dev->pci->dev.ctx == ctx)
				return next;
		dev = TAILQ_NEXT(dev, link);
		next = dev ? LIST_FIRST(&dev->openings) : NULL;
	}
	return NULL;
}

bool keep_needed(const struct opening *of)
{
	const struct opening *o = NULL;

	while ((o = keep_next(of, o)))
		if (o->ndirect)
			return true;
	return false;
}

void keep_add(struct opening *o, struct keep *keep, void (*over)(struct keep *keep))
{
	keep->over = over;
	LIST_INSERT_HEAD(&o->kept, keep, link);
}

void keep_begin(struct opening *o)
{
	o->ndirect++;
}

/* An opening that ends waits for nothing else, maybe. */
static struct opening *keep_waiting(const struct opening *of)
{
	struct opening *o = NULL;

	while ((o = keep_next(of, o)))
		if (o->waits)
			return o;
	return NULL;
}

void keep_end(struct opening *of)
{
	struct opening *o = NULL;
	struct keep *keep;

	of->ndirect--;
	if (keep_needed(of))
		return;
	while ((o = keep_next(of, o))) {
		while ((keep = LIST_FIRST(&o->kept))) {
			LIST_REMOVE(keep, link);
			keep->over(keep);
		}
	}
	while ((o = keep_waiting(of))) {
		o->waits = false;
		opening_step(o);
	}
}
