/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory - what buffers are made of: a memfd of the daemon's, of ordinary or huge pages, or one that a client brings
 *
 * Several buffers share it where a session has it on several devices. Its bytes are charged to the user once. Loop
 * thread only, unless marked WORKER.
 */
#ifndef VFND_DAEMON_DEVICE_MEMORY_H
#define VFND_DAEMON_DEVICE_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quota_user;

struct memory {
	unsigned int refs;  /* buffers that have it */
	atomic_uint mapped; /* of these, that devices reach or may reach yet */
	struct quota_user *user;
	uint64_t number; /* no other memory has it, nor had */
	int fd;
	uint64_t offset;    /* in fd, from where on it is used */
	uint64_t size;      /* bytes, whole pages */
	uint64_t page_size; /* bytes; huge pages where more than the processor's */
	bool foreign;       /* a client's memfd */
};

/*
 * Memory of `size` bytes, rounded up to whole pages of `page_size` (0: the processor's), with one reference and
 * without a descriptor; NULL with EINVAL (sizes), EDQUOT or ENOMEM.
 */
struct memory *memory_new(struct quota_user *user, uint64_t size, uint64_t page_size);
struct memory *memory_ref(struct memory *memory);
/* The last reference closes it. */
void memory_put(struct memory *memory);

/* Of a take-over: the numbers up to this one are used. */
void memory_number_used(uint64_t number);

/*
 * WORKER: make its memfd. 0, or -errno with a text: -ENOMEM no such pages are free; -ENOTSUP there are none of the
 * size.
 */
int memory_make(struct memory *memory, char *text, size_t size);

/*
 * WORKER: look whether the client's memfd in it can be given to a device and stays what it is, and have all pages of
 * the part that is used. 0, or -errno with a text: -EINVAL no memfd, or the part is none of whole pages within it;
 * -EPERM its seals; -EACCES it is not open for both; -ENOMEM.
 */
int memory_check(struct memory *memory, char *text, size_t size);

/* Any thread: a buffer's pages may be gone, and cannot be had again, when they are looked at. */
bool memory_lossy(const struct memory *memory);

/* WORKER: one device less reaches it; after the last one what the daemon has made is emptied. */
void memory_unmapped(struct memory *memory);

/* Any thread: a memfd of `size` bytes that are there, sealed against resizing. Or -1 with errno. */
int memory_memfd(const char *name, uint64_t size, unsigned int flags);

#endif
