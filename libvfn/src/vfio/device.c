/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/trace.h>
#include "iommu/context.h"
#include "support/fail.h"
#include "vfio/transport.h"

struct vfio_device_state *vfio_state(const struct vfio_device *dev)
{
	if (!dev->state)
		vfn_fail(ENODEV, "the device is not open");
	return dev->state;
}

int vfio_device_open(struct vfio_device *dev, const char *name, const char *vf_token,
		     const struct vfio_takeover *from)
{
	const struct vfio_transport *t;
	struct vfio_device_state *state;
	const char *address;
	char how[sizeof(from->transport)];
	int err;

	/* A device that is handed on stays with its transport, whatever would be chosen today. */
	if (from) {
		memcpy(how, from->transport, sizeof(how));
		how[sizeof(how) - 1] = 0;
	}
	t = from ? vfio_transport_named(how, name, &address) : vfio_transport_find(name, &address);
	if (!t)
		return -1;
	state = calloc(1, sizeof(*state));
	if (!state || !(state->address = strdup(address))) {
		free(state);
		return vfn_fail(ENOMEM, "out of memory for %s", name);
	}
	state->transport = t;
	snprintf(state->vf_token, sizeof(state->vf_token), "%s", vf_token);
	state->imported = from;
	pthread_rwlock_init(&state->lock, NULL);
	pthread_mutex_init(&state->irq_lock, NULL);
	dev->state = state;
	dev->fd = -1;
	if (dev->ctx) {
		dev->ctx = iommu_ctx_ref_if(dev->ctx);
		if (!dev->ctx)
			vfn_fail(EINVAL, "%s: dev.ctx is not NULL, and no IOMMU context either",
				 name);
	} else {
		dev->ctx = t->own_context ? iommu_ctx_new() : iommu_get_context(NULL);
	}
	if (!dev->ctx)
		goto fail_state;
	if (t->open(dev, address, from))
		goto fail_ctx;
	if (vfio_regions_init(dev) || vfio_irq_init(dev) || vfio_config_init(dev))
		goto fail_open;
	trace_guard(VFIO_OPEN)
	{
		trace_emit("%s by %s\n", name, t->name);
	}
	return 0;

fail_open:
	err = errno;
	vfio_regions_close(dev);
	t->close(dev, from);
	errno = err;
fail_ctx:
	err = errno;
	iommu_put_context(dev->ctx);
	errno = err;
fail_state:
	dev->ctx = NULL;
	dev->fd = -1;
	dev->state = NULL;
	err = errno;
	pthread_rwlock_destroy(&state->lock);
	pthread_mutex_destroy(&state->irq_lock);
	free(state->address);
	free(state);
	errno = err;
	return -1;
}

void vfio_device_close(struct vfio_device *dev, bool keep)
{
	struct vfio_device_state *state = dev->state;

	if (!state)
		return;
	vfio_regions_close(dev);
	state->transport->close(dev, keep);
	iommu_put_context(dev->ctx);
	pthread_rwlock_destroy(&state->lock);
	pthread_mutex_destroy(&state->irq_lock);
	free(state->address);
	free(state);
	dev->state = NULL;
	dev->ctx = NULL;
	dev->fd = -1;
}

int vfio_reset(struct vfio_device *dev)
{
	struct vfio_device_state *state = vfio_state(dev);

	if (!state)
		return -1;
	if (!(dev->device_info.flags & VFIO_DEVICE_FLAGS_RESET))
		return vfn_fail(ENOTSUP, "%s has no way of being reset", state->address);
	return state->transport->reset(dev);
}

int vfio_hot_reset(struct vfio_device *dev)
{
	struct vfio_device_state *state = vfio_state(dev);

	if (!state)
		return -1;
	if (!state->transport->hot_reset)
		return vfn_fail(ENOTSUP, "%s: there is no hot reset by %s", state->address,
				state->transport->name);
	return state->transport->hot_reset(dev);
}

int vfio_device_fd_event(struct vfio_device *dev)
{
	struct vfio_device_state *state = dev->state;

	return state && state->transport->fd_event ? state->transport->fd_event(dev) : -1;
}

const char *vfio_transport_name(const struct vfio_device *dev)
{
	return dev->state ? dev->state->transport->name : "";
}

bool vfio_doorbell_by_message(const struct vfio_device *dev)
{
	return dev->state && dev->state->transport->doorbell_by_message;
}
