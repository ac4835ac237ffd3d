/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/notice.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/vfio.h>

#include "daemon/device/class.h"
#include "daemon/device/device.h"

_Static_assert(NOTICES == 2, "NOTICES_INIT names each");

static const unsigned int notices_irq[NOTICES] = {
	[NOTICE_RELEASE] = VFIO_PCI_REQ_IRQ_INDEX,
	[NOTICE_ERROR] = VFIO_PCI_ERR_IRQ_INDEX,
};

int notices_make(struct notices *n, struct vfio_device *vdev)
{
	for (int i = 0; i < NOTICES; i++) {
		struct vfio_irq_info info;

		if (vfio_get_irq_info(vdev, notices_irq[i], &info) < 0 || !info.count)
			continue;
		n->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (n->fd[i] < 0 || vfio_set_irq_index(vdev, notices_irq[i], 0, &n->fd[i], 1) < 0)
			return -1;
	}
	return 0;
}

static void notices_peer_lost(evutil_socket_t fd, short what, void *arg)
{
	device_lost(arg, "the server of the device has gone");
}

static void notices_release_asked(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t n;

	if (eventfd_read(fd, &n) == 0)
		device_lost(arg, "the kernel asked for the device: its driver is being unbound");
}

static void notices_error_seen(evutil_socket_t fd, short what, void *arg)
{
	struct device *dev = arg;
	eventfd_t n;

	if (eventfd_read(fd, &n) == 0)
		dev->class->recover(dev, "the kernel reported a PCI Express error of the device");
}

int notices_watch(struct notices *n, struct device *dev)
{
	static const event_callback_fn seen[NOTICES] = {
		[NOTICE_RELEASE] = notices_release_asked,
		[NOTICE_ERROR] = notices_error_seen,
	};
	int hangup = vfio_device_fd_event(&dev->pci->dev);

	/* Answers on that socket are the worker's: only the end of it is of interest here. */
	if (hangup >= 0) {
		n->lost = device_watch(dev, hangup, EV_CLOSED, notices_peer_lost, dev);
		if (!n->lost)
			return -ENOMEM;
	}
	for (int i = 0; i < NOTICES; i++) {
		if (n->fd[i] < 0)
			continue;
		n->event[i] = device_watch(dev, n->fd[i], EV_READ | EV_PERSIST, seen[i], dev);
		if (!n->event[i])
			return -ENOMEM;
	}
	return 0;
}

void notices_ignore(struct notices *n)
{
	if (n->lost)
		event_free(n->lost);
	n->lost = NULL;
	for (int i = 0; i < NOTICES; i++) {
		if (n->event[i])
			event_free(n->event[i]);
		n->event[i] = NULL;
	}
}

void notices_close(struct notices *n)
{
	for (int i = 0; i < NOTICES; i++) {
		if (n->fd[i] >= 0)
			close(n->fd[i]);
		n->fd[i] = -1;
	}
}
