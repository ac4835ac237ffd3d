/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "dma.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DMA_MAX_RANGES 65535

/* The table that SIGBUS is looked up in; accesses are made by the thread that also changes it. */
static struct dma *dma_guarded;

static void dma_sigbus(int sig, siginfo_t *info, void *uctx)
{
	struct dma *d = dma_guarded;
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;

	for (size_t i = 0; d && i < d->n; i++) {
		struct dma_range *r = &d->ranges[i];
		uintptr_t base = (uintptr_t)r->vaddr;
		uintptr_t page;

		if (!base || at < base || at - base >= r->size)
			continue;
		page = at & ~((uintptr_t)r->pagesz - 1);
		if (mmap((void *)page, r->pagesz, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		d->faulted = true;
		d->faults++;
		errno = saved;
		return;
	}
	/* Not the client's doing: die of it as if nobody had listened. */
	signal(SIGBUS, SIG_DFL);
	raise(SIGBUS);
}

void dma_init(struct dma *d)
{
	struct sigaction sa = {.sa_sigaction = dma_sigbus, .sa_flags = SA_SIGINFO};

	memset(d, 0, sizeof(*d));
	dma_guarded = d;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
}

void dma_fini(struct dma *d)
{
	dma_remove_all(d);
	free(d->ranges);
	d->ranges = NULL;
	d->room = 0;
	if (dma_guarded == d)
		dma_guarded = NULL;
}

/* Index of the first range that ends behind `iova`. */
static size_t dma_lower(const struct dma *d, uint64_t iova)
{
	size_t lo = 0, hi = d->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct dma_range *r = &d->ranges[mid];

		if (r->iova + (r->size - 1) < iova)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct dma_range *dma_find(struct dma *d, uint64_t iova)
{
	struct dma_range *r = &d->own;
	size_t i;

	if (r->size && iova >= r->iova && iova - r->iova < r->size)
		return r;

	if (d->hit < d->n) {
		r = &d->ranges[d->hit];
		if (iova >= r->iova && iova - r->iova < r->size)
			return r;
	}
	i = dma_lower(d, iova);
	if (i == d->n || d->ranges[i].iova > iova)
		return NULL;
	d->hit = i;
	return &d->ranges[i];
}

/* The bytes from `iova` on that belong to the range. */
static uint64_t dma_left(const struct dma *d, const struct dma_range *r, uint64_t iova)
{
	uint64_t left = r->size - (iova - r->iova);

	if (r != &d->own && d->own.size && d->own.iova > iova && d->own.iova - iova < left)
		left = d->own.iova - iova;
	return left;
}

void dma_own(struct dma *d, uint64_t iova, uint64_t size, uint8_t *mem)
{
	if (d->own.size == size && (!size || d->own.iova == iova))
		return;
	d->own = (struct dma_range){.iova = iova,
				    .size = size,
				    .flags = VFU_MAP_READ | VFU_MAP_WRITE,
				    .vaddr = mem,
				    .fd = -1};
	d->gen++;
}

uint64_t dma_own_part(const struct dma *d, uint64_t iova, uint64_t len)
{
	const struct dma_range *own = &d->own;
	uint64_t start = iova > own->iova ? iova : own->iova, last, mine;

	if (!own->size || !len)
		return 0;
	last = iova + (len - 1);
	mine = own->iova + (own->size - 1);
	if (mine < last)
		last = mine;
	return start <= last ? last - start + 1 : 0;
}

static void dma_release(struct dma *d, struct dma_range *r)
{
	if (r->vaddr)
		munmap(r->vaddr, r->size);
	if (r->fd >= 0)
		close(r->fd);
	d->bytes -= r->size;
}

static size_t dma_page_size(int fd)
{
	struct statfs fs;

	/* Part of a huge page cannot be replaced alone. */
	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return fs.f_bsize;
	return sysconf(_SC_PAGESIZE);
}

/* Fills `r` from its file; takes `fd`. */
static int dma_open(struct dma_range *r, int fd)
{
	struct stat st;
	int prot = 0, err;
	void *mem;

	r->fd = -1;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	r->has_file = true;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	if ((r->flags & VFU_MAP_FILEIO) && !(r->flags & VFU_MAP_MMAP)) {
		r->fd = fd;
		return 0;
	}
	r->pagesz = dma_page_size(fd);
	if (r->flags & VFU_MAP_READ)
		prot |= PROT_READ;
	if (r->flags & VFU_MAP_WRITE)
		prot |= PROT_WRITE;
	mem = mmap(NULL, r->size, prot, MAP_SHARED, fd, r->offset);
	err = mem == MAP_FAILED ? -errno : 0;
	close(fd);
	if (!err)
		r->vaddr = mem;
	return err;
}

static bool dma_same(const struct dma_range *r, const struct dma_range *want, int fd)
{
	struct stat st;

	if (r->iova != want->iova || r->size != want->size || r->flags != want->flags)
		return false;
	if (fd < 0)
		return !r->has_file;
	return r->has_file && r->offset == want->offset && !fstat(fd, &st) && r->dev == st.st_dev &&
	       r->ino == st.st_ino;
}

int dma_add(struct dma *d, uint64_t iova, uint64_t size, uint64_t offset, uint32_t flags, int fd)
{
	struct dma_range r = {.iova = iova, .size = size, .offset = offset, .flags = flags};
	uint32_t known = VFU_MAP_READ | VFU_MAP_WRITE | VFU_MAP_MMAP | VFU_MAP_FILEIO;
	int err = -EINVAL;
	size_t at;

	if (!size || iova + (size - 1) < iova || size > SIZE_MAX / 2 || (flags & ~known) ||
	    !(flags & (VFU_MAP_READ | VFU_MAP_WRITE)))
		goto drop;
	at = dma_lower(d, iova);
	if (at < d->n && d->ranges[at].iova <= iova + (size - 1)) {
		if (dma_same(&d->ranges[at], &r, fd))
			err = 0;
		goto drop;
	}
	err = -ENOSPC;
	if (d->n == DMA_MAX_RANGES)
		goto drop;
	if (d->n == d->room) {
		size_t room = d->room ? d->room * 2 : 64;
		void *p = realloc(d->ranges, room * sizeof(*d->ranges));

		err = -ENOMEM;
		if (!p)
			goto drop;
		d->ranges = p;
		d->room = room;
	}
	err = dma_open(&r, fd);
	if (err)
		return err;
	memmove(&d->ranges[at + 1], &d->ranges[at], (d->n - at) * sizeof(r));
	d->ranges[at] = r;
	d->n++;
	d->bytes += size;
	d->gen++;
	return 0;
drop:
	if (fd >= 0)
		close(fd);
	return err;
}

int dma_remove(struct dma *d, uint64_t iova, uint64_t size)
{
	size_t at = dma_lower(d, iova);

	if (at == d->n || d->ranges[at].iova != iova || d->ranges[at].size != size)
		return -ENOENT;
	dma_release(d, &d->ranges[at]);
	d->n--;
	memmove(&d->ranges[at], &d->ranges[at + 1], (d->n - at) * sizeof(*d->ranges));
	d->gen++;
	return 0;
}

void dma_remove_all(struct dma *d)
{
	for (size_t i = 0; i < d->n; i++)
		dma_release(d, &d->ranges[i]);
	d->n = 0;
	d->gen++;
}

void *dma_ptr(struct dma *d, uint64_t iova, size_t *len, bool write)
{
	struct dma_range *r = dma_find(d, iova);
	uint64_t left;

	if (!r || !r->vaddr || !(r->flags & (write ? VFU_MAP_WRITE : VFU_MAP_READ)))
		return NULL;
	left = dma_left(d, r, iova);
	if (left < *len)
		*len = left;
	return r->vaddr + (iova - r->iova);
}

bool dma_covered_slow(struct dma *d, uint64_t iova, uint64_t len, bool write)
{
	while (len) {
		struct dma_range *r = dma_find(d, iova);
		uint64_t left;

		if (!r || !(r->flags & (write ? VFU_MAP_WRITE : VFU_MAP_READ)))
			return false;
		left = dma_left(d, r, iova);
		if (left >= len)
			return true;
		len -= left;
		iova += left;
	}
	return true;
}

int dma_check_lost(struct dma *d)
{
	d->faulted = false;
	return -EFAULT;
}

static int dma_file(struct dma_range *r, uint64_t off, void *buf, size_t len, bool write)
{
	while (len) {
		ssize_t n = write ? pwrite(r->fd, buf, len, off) : pread(r->fd, buf, len, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EFAULT;
		buf = (uint8_t *)buf + n;
		off += n;
		len -= n;
	}
	return 0;
}

static int dma_copy(struct dma *d, uint64_t iova, uint8_t *buf, size_t len, bool write)
{
	while (len) {
		struct dma_range *r = dma_find(d, iova);
		size_t n = len;
		uint64_t off;
		int err = 0;

		if (!r || !(r->flags & (write ? VFU_MAP_WRITE : VFU_MAP_READ)))
			return -EFAULT;
		off = iova - r->iova;
		if (n > dma_left(d, r, iova))
			n = dma_left(d, r, iova);
		if (r->vaddr && write)
			memcpy(r->vaddr + off, buf, n);
		else if (r->vaddr)
			memcpy(buf, r->vaddr + off, n);
		else if (r->fd >= 0)
			err = dma_file(r, r->offset + off, buf, n, write);
		else if (!d->remote)
			err = -EFAULT;
		else if (write)
			err = d->remote->write(d->remote_arg, iova, buf, n);
		else
			err = d->remote->read(d->remote_arg, iova, buf, n);
		if (err)
			return err;
		iova += n;
		buf += n;
		len -= n;
	}
	return dma_check(d);
}

int dma_read(struct dma *d, uint64_t iova, void *buf, size_t len)
{
	return dma_copy(d, iova, buf, len, false);
}

int dma_write(struct dma *d, uint64_t iova, const void *buf, size_t len)
{
	/* dma_copy() only reads from it when it writes to the client. */
	return dma_copy(d, iova, (uint8_t *)(uintptr_t)buf, len, true);
}
