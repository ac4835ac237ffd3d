/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buffer - memory that a client and a device share
 *
 * A sealed memfd (F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL), mapped for DMA. The client can write to it
 * at any time and punch holes into it, so the daemon never looks inside. Loop thread only; making
 * and unmapping run on the device's worker.
 */
#ifndef VFND_DAEMON_DEVICE_BUFFER_H
#define VFND_DAEMON_DEVICE_BUFFER_H

#include <stdint.h>
#include <sys/queue.h>

#include "daemon/data/map.h"
#include "daemon/device/opening.h"
#include "daemon/device/worker.h"
#include "daemon/lease.h"

struct buffer {
	struct lease lease;
	LIST_ENTRY(buffer) link;
	struct opening *opening;
	int fd;
	void *vaddr;
	uint64_t size; /* bytes, whole pages */
	uint64_t iova;
	unsigned int busy; /* commands of requests that use it */
	struct data_buffer data; /* what served queues know of it */
	bool mapped; /* it is in the opening's map */
	bool freeing;
	struct job job;
	void (*done)(void *arg, int error, const char *text, struct buffer *buffer);
	void *arg;
};

typedef void (*buffer_done)(void *arg, int error, const char *text, struct buffer *buffer);

/*
 * Make a buffer of at least `size` bytes; `done` gets it, or -errno with a text. 0 when `done` will be called;
 * otherwise -EINVAL (size), -EDQUOT or -ENOMEM, and it will not.
 */
int buffer_alloc(struct opening *opening, uint64_t size, buffer_done done, void *arg);

/* Unmap and free; -EBUSY while commands use it. `done` (NULL: none) is called with buffer NULL. */
int buffer_free(struct buffer *buffer, buffer_done done, void *arg);

struct buffer *buffer_find(struct session *session, uint64_t handle);

/* Any thread: a memfd of `size` bytes that are there, sealed against resizing. Or -1 with errno. */
int buffer_memfd(const char *name, uint64_t size);

/* A buffer as it was before a take-over; the device has its mapping already. Owns `fd` on success. */
int buffer_restore(struct opening *opening, uint64_t handle, int fd, uint64_t size, uint64_t iova);

#endif
