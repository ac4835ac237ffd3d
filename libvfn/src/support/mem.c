/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vfn/support/align.h>
#include <vfn/support/mem.h>
#include "support/fail.h"
#include "support/skiplist.h"

size_t __VFN_PAGESIZE = 4096;
int __VFN_PAGESHIFT = 12;

/* What one pgmap call made; the value of its interval of addresses in the registry. */
struct pgmap_area {
	int fd;
	off_t offset;
};

static struct skiplist pgmap_areas;
static pthread_mutex_t pgmap_lock = PTHREAD_MUTEX_INITIALIZER;

static void __attribute__((constructor)) mem_init(void)
{
	__VFN_PAGESIZE = (size_t)sysconf(_SC_PAGESIZE);
	__VFN_PAGESHIFT = __builtin_ctzl(__VFN_PAGESIZE);
	skiplist_init(&pgmap_areas);
}

int pgmap_adopt(void *vaddr, int fd, size_t len, off_t offset)
{
	uint64_t start = (uint64_t)(uintptr_t)vaddr;
	struct pgmap_area *area;
	int rc;

	if (!len || fd < 0 || offset < 0 || !ALIGNED(start | (uint64_t)len, __VFN_PAGESIZE))
		return vfn_fail(EINVAL, "pgmap: address, length and offset must be whole pages");
	area = malloc(sizeof(*area));
	if (!area)
		return vfn_fail(ENOMEM, "pgmap: out of memory");
	*area = (struct pgmap_area){.fd = fd, .offset = offset};
	pthread_mutex_lock(&pgmap_lock);
	rc = skiplist_insert(&pgmap_areas, start, start + len - 1, area);
	pthread_mutex_unlock(&pgmap_lock);
	if (rc) {
		rc = errno == EEXIST ? EINVAL : errno;
		free(area);
		return vfn_fail(rc, "pgmap: %p is registered already, or memory is short", vaddr);
	}
	return 0;
}

void *pgmap_from_fd(int fd, size_t len, off_t offset)
{
	struct stat st;
	void *mem;

	if (!len || offset < 0 || !ALIGNED(len | (size_t)offset, __VFN_PAGESIZE)) {
		vfn_fail(EINVAL, "pgmap: length and offset must be whole pages");
		return NULL;
	}
	if (fstat(fd, &st)) {
		vfn_fail(errno, "pgmap: fstat: %s", strerror(errno));
		return NULL;
	}
	if (st.st_size < offset || (uint64_t)(st.st_size - offset) < len) {
		vfn_fail(EOVERFLOW, "pgmap: the file has %lld bytes, %zu at %lld were asked for",
			 (long long)st.st_size, len, (long long)offset);
		return NULL;
	}
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (mem == MAP_FAILED) {
		vfn_fail(errno, "pgmap: mmap of %zu bytes: %s", len, strerror(errno));
		return NULL;
	}
	if (pgmap_adopt(mem, fd, len, offset)) {
		int err = errno;

		munmap(mem, len);
		errno = err;
		return NULL;
	}
	return mem;
}

ssize_t pgmap(void **mem, size_t size)
{
	size_t len = ALIGN_UP(size, __VFN_PAGESIZE);
	int fd, err;

	if (!size)
		return vfn_fail(EINVAL, "pgmap: size is 0");
	if (len < size || len > (size_t)1 << 46)
		return vfn_fail(EOVERFLOW, "pgmap: %zu bytes are too many", size);
	fd = memfd_create("vfn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return vfn_fail(errno, "pgmap: memfd_create: %s", strerror(errno));
	/* Sealed against resizing, so that whoever shares it cannot take pages away under us. */
	if (ftruncate(fd, (off_t)len) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = errno;
		close(fd);
		return vfn_fail(err, "pgmap: memfd of %zu bytes: %s", len, strerror(err));
	}
	*mem = pgmap_from_fd(fd, len, 0);
	if (!*mem) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return (ssize_t)len;
}

ssize_t pgmapn(void **mem, unsigned int n, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow((size_t)n, size, &len))
		return vfn_fail(EOVERFLOW, "pgmap: %u times %zu bytes are too many", n, size);
	return pgmap(mem, len);
}

int pgunmap(void *mem, size_t size)
{
	uint64_t start = (uint64_t)(uintptr_t)mem;
	struct pgmap_area *area = NULL;
	struct skiplist_node *node;
	size_t len = ALIGN_UP(size, __VFN_PAGESIZE);

	pthread_mutex_lock(&pgmap_lock);
	node = skiplist_find(&pgmap_areas, start);
	if (node && node->start == start && node->last - start + 1 == len)
		area = skiplist_remove(&pgmap_areas, start);
	pthread_mutex_unlock(&pgmap_lock);
	if (!area)
		return vfn_fail(EINVAL, "pgunmap: %p with %zu bytes is not memory of pgmap", mem,
				size);
	munmap(mem, len);
	close(area->fd);
	free(area);
	return 0;
}

int pgmap_fd(const void *vaddr, size_t len, off_t *offset)
{
	uint64_t start = (uint64_t)(uintptr_t)vaddr;
	struct skiplist_node *node;
	int fd = -1;

	pthread_mutex_lock(&pgmap_lock);
	node = skiplist_find(&pgmap_areas, start);
	if (node && len <= node->last - start + 1) {
		struct pgmap_area *area = node->value;

		fd = area->fd;
		if (offset)
			*offset = area->offset + (off_t)(start - node->start);
	}
	pthread_mutex_unlock(&pgmap_lock);
	return fd < 0 ? vfn_fail(ENOENT, "%p is not memory of pgmap", vaddr) : fd;
}

static void __attribute__((noreturn)) mem_out(size_t size)
{
	fprintf(stderr, "libvfn: out of memory (%zu bytes)\n", size);
	abort();
}

void *xmalloc(size_t size)
{
	void *mem = size ? malloc(size) : NULL;

	if (size && !mem)
		mem_out(size);
	return mem;
}

void *zmalloc(size_t size)
{
	void *mem = size ? calloc(1, size) : NULL;

	if (size && !mem)
		mem_out(size);
	return mem;
}

static size_t mem_mul(unsigned int n, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow((size_t)n, size, &len))
		mem_out(SIZE_MAX);
	return len;
}

void *mallocn(unsigned int n, size_t size)
{
	return xmalloc(mem_mul(n, size));
}

void *zmallocn(unsigned int n, size_t size)
{
	return zmalloc(mem_mul(n, size));
}

void *reallocn(void *mem, unsigned int n, size_t size)
{
	size_t len = mem_mul(n, size);

	if (!len) {
		free(mem);
		return NULL;
	}
	mem = realloc(mem, len);
	if (!mem)
		mem_out(len);
	return mem;
}
