/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notice - what a function, or its server, says of itself
 *
 * The kernel asks for it back, it has reported an error, or its server has gone: then the device is lost, or its class
 * recovers it. The same for all classes.
 */
#ifndef VFND_DAEMON_DEVICE_NOTICE_H
#define VFND_DAEMON_DEVICE_NOTICE_H

struct device;
struct event;
struct vfio_device;

enum notice {
	NOTICE_RELEASE, /* the kernel wants the device back */
	NOTICE_ERROR,	/* PCI Express error */
	NOTICES,
};

/* Begins as NOTICES_INIT, and is that again after notices_close(). */
struct notices {
	int fd[NOTICES]; /* eventfds; -1: the device has no such interrupt */
	struct event *event[NOTICES];
	struct event *lost; /* the server's socket has hung up */
};

#define NOTICES_INIT ((struct notices){.fd = {-1, -1}})

/* WORKER: have the device signal them. That it lacks one is normal. 0, or -1 with errno. */
int notices_make(struct notices *notices, struct vfio_device *vdev);

/*
 * On the loop: look at them, and at the server's socket, until notices_ignore(). 0 or -ENOMEM: then some may be looked
 * at already.
 */
int notices_watch(struct notices *notices, struct device *device);
void notices_ignore(struct notices *notices);

/* The device is closed, and nobody looks at them. */
void notices_close(struct notices *notices);

#endif
