/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dma - the client's memory, by IOVA
 *
 * A range comes with a file that is mapped here, with a file that is only read and written, or with
 * none: then every access is a message to the client, sent through `struct dma_remote`. Files are
 * mapped whole, since the kernel lets a process have 65,530 mappings, and clients may want many
 * more ranges.
 *
 * Clients may truncate what they gave. A SIGBUS in a mapped range puts a zero page there, and the
 * access that hit it fails with -EFAULT. One table at a time is guarded: dma_init() registers it.
 * One thread uses a table.
 */
#ifndef SIM_DMA_H
#define SIM_DMA_H

#define DMA_MAX_RANGES (1 << 21)

#include "spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file as it is mapped here, for one kind of access. */
struct dma_file {
	struct dma_file *next, **link;
	dev_t dev;
	ino_t ino;
	int prot;
	uint8_t *vaddr;
	uint64_t offset; /* of vaddr, in the file */
	size_t size;
	size_t pagesz;	    /* what a lost page is replaced by */
	size_t users;	    /* ranges */
	bool known;	    /* to be found for further ranges */
	volatile bool lost; /* some page was */
};

struct dma_range {
	uint64_t iova;
	uint64_t size;
	uint64_t offset;
	uint32_t flags; /* VFU_MAP_* */
	uint8_t *vaddr; /* NULL: not mapped here */
	int fd;		/* only where vaddr is NULL; -1: by message */
	bool has_file;
	dev_t dev;
	ino_t ino;
	struct dma_file *file; /* where vaddr is not NULL */
};

/* How memory without a file is reached. Both return 0 or -errno; `len` has no limit. */
struct dma_remote {
	int (*read)(void *arg, uint64_t iova, void *buf, size_t len);
	int (*write)(void *arg, uint64_t iova, const void *buf, size_t len);
};

struct dma {
	void *ranges; /* tsearch(3)'s, by iova */
	size_t n;
	struct dma_range *hit;	/* the one found last, or NULL */
	void *known;		/* files, tsearch(3)'s */
	struct dma_file *files; /* all that are mapped */
	uint64_t bytes;		/* sum of sizes */
	struct dma_range own;	/* memory of the device's own; size 0: none */
	unsigned int gen; /* changes with every map and unmap: pointers taken before are void */
	volatile bool faulted; /* a page was lost under an access */
	uint64_t faults;
	const struct dma_remote *remote;
	void *remote_arg;
};

void dma_init(struct dma *d);
void dma_fini(struct dma *d);

/*
 * Adds a range. `fd` (or -1) is taken over in every case. 0, or -EINVAL (empty, wrapping, no access
 * wanted, unknown flags, an overlap), -ENOSPC (too many), or what mmap() says. The same range of
 * the same file again is fine.
 */
int dma_add(struct dma *d, uint64_t iova, uint64_t size, uint64_t offset, uint32_t flags, int fd);

/* Removes exactly this range: 0 or -ENOENT. */
int dma_remove(struct dma *d, uint64_t iova, uint64_t size);
void dma_remove_all(struct dma *d);

/*
 * At [iova, iova + size) the device finds `mem` of its own, whatever the client has mapped there.
 * `size` 0: nowhere.
 */
void dma_own(struct dma *d, uint64_t iova, uint64_t size, uint8_t *mem);

/* How many bytes of [iova, iova + len) are the device's own. */
uint64_t dma_own_part(const struct dma *d, uint64_t iova, uint64_t len);

/*
 * The memory of [iova, iova + *len), as far as it is contiguous here; *len shrinks to that. NULL:
 * nothing is mapped there, not for that direction, or it is not mapped in this process. Whoever
 * touches it looks at dma_check() after.
 */
void *dma_ptr(struct dma *d, uint64_t iova, size_t *len, bool write);

/* dma_covered() of what is not all in the range found last. */
bool dma_covered_slow(struct dma *d, uint64_t iova, uint64_t len, bool write);

/* True when the device may access all of the range, however it is reached. */
static inline bool dma_covered(struct dma *d, uint64_t iova, uint64_t len, bool write)
{
	const struct dma_range *r = d->hit;

	if (r && iova >= r->iova && len <= r->size && iova - r->iova <= r->size - len)
		return r->flags & (write ? VFU_MAP_WRITE : VFU_MAP_READ);
	return dma_covered_slow(d, iova, len, write);
}

/* Forgets a lost page: -EFAULT. */
int dma_check_lost(struct dma *d);

/* 0, or -EFAULT when a page was lost since the last call. */
static inline int dma_check(struct dma *d)
{
	return d->faulted ? dma_check_lost(d) : 0;
}

/* Device reads from, writes to the client. 0, or -EFAULT, or what the client answered. */
int dma_read(struct dma *d, uint64_t iova, void *buf, size_t len);
int dma_write(struct dma *d, uint64_t iova, const void *buf, size_t len);

#endif
