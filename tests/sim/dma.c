/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "dma.h"

#include <errno.h>
#include <linux/magic.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The table that SIGBUS is looked up in; accesses are made by the thread that also changes it. */
static struct dma *dma_guarded;

static void dma_sigbus(int sig, siginfo_t *info, void *uctx)
{
	struct dma *d = dma_guarded;
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;

	for (struct dma_file *f = d ? d->files : NULL; f; f = f->next) {
		uintptr_t base = (uintptr_t)f->vaddr;
		uintptr_t page;

		if (at < base || at - base >= f->size)
			continue;
		page = at & ~((uintptr_t)f->pagesz - 1);
		if (mmap((void *)page, f->pagesz, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			break;
		f->lost = true;
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
	if (dma_guarded == d)
		dma_guarded = NULL;
}

/* Ranges that overlap are equal: those of a table do not, and one to find has something of the
 * found. */
static int dma_compare(const void *one, const void *other)
{
	const struct dma_range *a = one, *b = other;

	if (a->iova + (a->size - 1) < b->iova)
		return -1;
	return a->iova > b->iova + (b->size - 1);
}

/* A range that has one of these bytes, or NULL. */
static struct dma_range *dma_overlap(const struct dma *d, uint64_t iova, uint64_t size)
{
	const struct dma_range key = {.iova = iova, .size = size};
	struct dma_range **node = tfind(&key, &d->ranges, dma_compare);

	return node ? *node : NULL;
}

static struct dma_range *dma_find(struct dma *d, uint64_t iova)
{
	struct dma_range *r = &d->own;

	if (r->size && iova >= r->iova && iova - r->iova < r->size)
		return r;

	r = d->hit;
	if (r && iova >= r->iova && iova - r->iova < r->size)
		return r;
	r = dma_overlap(d, iova, 1);
	if (r)
		d->hit = r;
	return r;
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

static size_t dma_page_size(int fd)
{
	struct statfs fs;

	/* Part of a huge page cannot be replaced alone. */
	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return fs.f_bsize;
	return sysconf(_SC_PAGESIZE);
}

static int dma_file_compare(const void *one, const void *other)
{
	const struct dma_file *a = one, *b = other;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	return a->prot < b->prot ? -1 : a->prot > b->prot;
}

/* Later ranges get a mapping of their own. */
static void dma_file_forget(struct dma *d, struct dma_file *f)
{
	if (f->known)
		tdelete(f, &d->known, dma_file_compare);
	f->known = false;
}

static void dma_file_put(struct dma *d, struct dma_file *f)
{
	if (--f->users)
		return;
	dma_file_forget(d, f);
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	munmap(f->vaddr, f->size);
	free(f);
}

/* A mapping that has the range, with one user more; NULL with errno. */
static struct dma_file *dma_file_get(struct dma *d, const struct dma_range *r, int prot, int fd,
				     uint64_t file_size)
{
	struct dma_file key = {.dev = r->dev, .ino = r->ino, .prot = prot}, *f, **node;
	uint64_t end = r->offset + r->size;

	node = tfind(&key, &d->known, dma_file_compare);
	f = node ? *node : NULL;
	if (f && !f->lost && r->offset >= f->offset && end <= f->offset + f->size) {
		f->users++;
		return f;
	}
	if (f)
		dma_file_forget(d, f);

	f = malloc(sizeof(*f));
	if (!f)
		return NULL;
	*f = key;
	f->pagesz = dma_page_size(fd);
	f->users = 1;
	/* All of it, or what is asked for where that cannot be had. */
	f->size = file_size > end ? file_size : end;
	f->size = (f->size + f->pagesz - 1) & ~(f->pagesz - 1);
	errno = EINVAL;
	f->vaddr =
		r->offset % f->pagesz ? MAP_FAILED : mmap(NULL, f->size, prot, MAP_SHARED, fd, 0);
	if (f->vaddr == MAP_FAILED) {
		f->offset = r->offset;
		f->size = r->size;
		f->vaddr = mmap(NULL, f->size, prot, MAP_SHARED, fd, (off_t)f->offset);
	}
	if (f->vaddr == MAP_FAILED) {
		free(f);
		return NULL;
	}
	/* Without room for the node it is not found again, no more. */
	f->known = tsearch(f, &d->known, dma_file_compare);
	f->link = &d->files;
	f->next = d->files;
	if (f->next)
		f->next->link = &f->next;
	d->files = f;
	return f;
}

static void dma_release(struct dma *d, struct dma_range *r)
{
	if (d->hit == r)
		d->hit = NULL;
	if (r->file)
		dma_file_put(d, r->file);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/* Fills `r` from its file; takes `fd`. */
static int dma_open(struct dma *d, struct dma_range *r, int fd)
{
	struct stat st;
	int prot = 0, err = 0;

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
	if (r->flags & VFU_MAP_READ)
		prot |= PROT_READ;
	if (r->flags & VFU_MAP_WRITE)
		prot |= PROT_WRITE;
	if (r->offset + r->size < r->offset)
		err = -EINVAL;
	else
		r->file = dma_file_get(d, r, prot, fd, st.st_size > 0 ? (uint64_t)st.st_size : 0);
	if (r->file)
		r->vaddr = r->file->vaddr + (r->offset - r->file->offset);
	else if (!err)
		err = -errno;
	close(fd);
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
	uint32_t known = VFU_MAP_READ | VFU_MAP_WRITE | VFU_MAP_MMAP | VFU_MAP_FILEIO;
	const struct dma_range want = {
		.iova = iova, .size = size, .offset = offset, .flags = flags};
	struct dma_range *r;
	int err = -EINVAL;

	if (!size || iova + (size - 1) < iova || size > SIZE_MAX / 2 || (flags & ~known) ||
	    !(flags & (VFU_MAP_READ | VFU_MAP_WRITE)))
		goto drop;
	r = dma_overlap(d, iova, size);
	if (r) {
		if (dma_same(r, &want, fd))
			err = 0;
		goto drop;
	}
	err = -ENOSPC;
	if (d->n == DMA_MAX_RANGES)
		goto drop;
	err = -ENOMEM;
	r = malloc(sizeof(*r));
	if (!r)
		goto drop;
	*r = want;
	err = dma_open(d, r, fd);
	if (!err && !tsearch(r, &d->ranges, dma_compare))
		err = -ENOMEM;
	if (err) {
		dma_release(d, r);
		return err;
	}
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
	struct dma_range *r;

	if (!size || iova + (size - 1) < iova)
		return -ENOENT;
	r = dma_overlap(d, iova, size);
	if (!r || r->iova != iova || r->size != size)
		return -ENOENT;
	tdelete(r, &d->ranges, dma_compare);
	dma_release(d, r);
	d->n--;
	d->bytes -= size;
	d->gen++;
	return 0;
}

void dma_remove_all(struct dma *d)
{
	/* A node begins with the pointer to what is in it: tsearch(3). */
	while (d->ranges) {
		const struct dma_range *r = *(struct dma_range **)d->ranges;

		dma_remove(d, r->iova, r->size);
	}
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
