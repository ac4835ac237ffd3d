/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep - memory that a session has given back, and that its direct queues may name yet
 *
 * The daemon does not see the commands of direct queues. So what such a session frees stays mapped, and charged, until
 * the controller has let go of its last one: then no command is left that could reach whoever gets the address next.
 * Those of its devices count that share an IOMMU context. Loop thread only.
 */
#ifndef VFND_DAEMON_DEVICE_KEEP_H
#define VFND_DAEMON_DEVICE_KEEP_H

#include <stdbool.h>
#include <sys/queue.h>

struct opening;

struct keep {
	LIST_ENTRY(keep) link;
	/* Unmap and free it: once, and after it was taken from the list. */
	void (*over)(struct keep *keep);
};

LIST_HEAD(keep_list, keep);

/* Direct queues of the opening's session may reach what is mapped for it. */
bool keep_needed(const struct opening *opening);

/* Keep it as long as that is so. */
void keep_add(struct opening *opening, struct keep *keep, void (*over)(struct keep *keep));

/* The controller knows one direct queue of the opening more, or less: then what is kept may be over. */
void keep_begin(struct opening *opening);
void keep_end(struct opening *opening);

#endif
