/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buffer - memory that a client and a device share
 *
 * A part of a sealed memfd (daemon/device/memory.h), mapped for DMA on one device. The client can write to it at any
 * time and punch holes into it, so the daemon never looks inside but for lists of served queues' commands, which it
 * reads once. Several buffers, of one session on several devices, can have the same memory, each with an
 * IOVA and a life of its own. Loop thread only; making and unmapping run on the device's worker.
 */
#ifndef VFND_DAEMON_DEVICE_BUFFER_H
#define VFND_DAEMON_DEVICE_BUFFER_H

#include <stdint.h>
#include <sys/queue.h>

#include "daemon/data/map.h"
#include "daemon/device/keep.h"
#include "daemon/device/memory.h"
#include "daemon/device/opening.h"
#include "daemon/device/worker.h"
#include "daemon/lease.h"

struct state_buffer;

/* Where in the device's address space it is put; numbers as in the protocol. */
enum buffer_place {
	BUFFER_LOWEST,	/* from the bottom up */
	BUFFER_HIGHEST, /* from the top down */
	BUFFER_FIXED,	/* at an IOVA that the client chooses */
};

struct buffer_spec {
	uint64_t size;	    /* bytes */
	uint64_t page_size; /* of huge pages; 0: ordinary ones */
	enum buffer_place place;
	uint64_t iova;	 /* BUFFER_FIXED */
	int fd;		 /* a client's own memfd, or -1 */
	uint64_t offset; /* in that */
};

typedef void (*buffer_done)(void *arg, int error, const char *text, struct buffer *buffer);

struct buffer {
	struct lease lease;
	LIST_ENTRY(buffer) link;
	struct opening *opening;
	struct memory *memory;
	void *vaddr;   /* a mapping of this buffer's own */
	uint64_t size; /* bytes, whole pages */
	uint64_t iova;
	enum buffer_place place;
	unsigned int busy; /* commands of requests that use it */
	struct data_buffer data; /* what served queues know of it */
	bool mapped; /* it is in the opening's map */
	bool freeing;
	struct keep keep; /* freed, while direct queues may name it */
	struct job job;
	buffer_done done;
	void *arg;
};

/*
 * Make a buffer of at least `size` bytes, or of a client's memfd exactly; `done` gets it, or -errno with a text. 0 when
 * `done` will be called, and spec->fd is taken; otherwise -EINVAL (sizes), -EDQUOT or -ENOMEM, and it is not.
 */
int buffer_alloc(struct opening *opening, const struct buffer_spec *spec, buffer_done done, void *arg);

/*
 * Make another buffer of the memory that `other` has, which belongs to the same session; of the spec place and IOVA
 * count. As buffer_alloc(); -EALREADY: it is on that device already.
 */
int buffer_attach(struct opening *opening, const struct buffer *other, const struct buffer_spec *spec,
		  buffer_done done, void *arg);

/*
 * Unmap and free; -EBUSY while commands use it. `done` (NULL: none) is called with buffer NULL. While direct queues of
 * the session may name it the handle alone goes now, and `done` is called; the rest follows when it can.
 */
int buffer_free(struct buffer *buffer, buffer_done done, void *arg);

/*
 * The same for all buffers of the session that have its memory, if all of them can be freed now; `done` is called for
 * each. How many; or -EBUSY, and all are as they were.
 */
int buffer_free_everywhere(struct buffer *buffer, buffer_done done, void *arg);

struct buffer *buffer_find(struct session *session, uint64_t handle);

void buffer_save(const struct buffer *buffer, struct state_buffer *saved);
/* A buffer as it was before a take-over; the device has its mapping already. Owns saved->fd on success. */
int buffer_restore(struct opening *opening, const struct state_buffer *saved);

#endif
