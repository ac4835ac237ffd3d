/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "daemon/quota.h"
#include "proto/fdset.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

/* Against shrinking, or the device would reach pages that are no longer its; and that stays so. */
#define MEMORY_SEALS    (F_SEAL_SHRINK | F_SEAL_SEAL)
#define MEMORY_UNSEALED (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static uint64_t memory_numbers;

static uint64_t memory_processor_page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

struct memory *memory_new(struct quota_user *user, uint64_t size, uint64_t page_size)
{
	uint64_t page = page_size ? page_size : memory_processor_page();
	struct memory *m;

	if (page & (page - 1) || page < memory_processor_page() || page > INT64_MAX / 2 || size == 0 ||
	    size > INT64_MAX - page) {
		errno = EINVAL;
		return NULL;
	}
	size = (size + page - 1) / page * page;
	if (quota_charge(user, QUOTA_BUFFER_BYTES, size) < 0) {
		errno = EDQUOT;
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		quota_release(user, QUOTA_BUFFER_BYTES, size);
		errno = ENOMEM;
		return NULL;
	}
	m->refs = 1;
	m->user = quota_ref(user);
	m->number = ++memory_numbers;
	m->fd = -1;
	m->size = size;
	m->page_size = page;
	return m;
}

struct memory *memory_ref(struct memory *m)
{
	m->refs++;
	return m;
}

void memory_put(struct memory *m)
{
	if (!m || --m->refs > 0)
		return;
	if (m->fd >= 0)
		fdset_drop_one(m->fd);
	quota_release(m->user, QUOTA_BUFFER_BYTES, m->size);
	quota_put(m->user);
	free(m);
}

void memory_number_used(uint64_t number)
{
	if (number > memory_numbers)
		memory_numbers = number;
}

int memory_memfd(const char *name, uint64_t size, unsigned int flags)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	int saved;

	if (fd < 0)
		return -1;
	/* Reserved now: a page that is missing later would be a SIGBUS, or a failed DMA. */
	if (ftruncate(fd, (off_t)size) == 0 && fallocate(fd, 0, 0, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* As fallocate(2) and memfd_create(2) say it of huge pages, and as it is meant. */
static int memory_huge_fail(const struct memory *m, int error, char *text, size_t size)
{
	unsigned long long pages = m->size / m->page_size, kib = m->page_size / 1024;

	if (error == ENOSPC || error == ENOMEM) {
		snprintf(text, size, "no %llu huge pages of %llu KiB are free: see /proc/sys/vm/nr_hugepages "
			 "and /sys/kernel/mm/hugepages/hugepages-%llukB", pages, kib, kib);
		return -ENOMEM;
	}
	if (error == ENODEV || error == EINVAL || error == ENOSYS) {
		snprintf(text, size, "the kernel has no huge pages of %llu KiB: /sys/kernel/mm/hugepages "
			 "lists those that it has", kib);
		return -ENOTSUP;
	}
	snprintf(text, size, "%s", strerror(error));
	return -error;
}

int memory_make(struct memory *m, char *text, size_t size)
{
	unsigned int flags = 0;

	if (memory_lossy(m))
		flags = MFD_HUGETLB | (unsigned int)__builtin_ctzll(m->page_size) << MFD_HUGE_SHIFT;
	m->fd = memory_memfd("vfnd-buffer", m->size, flags);
	if (m->fd >= 0)
		return 0;
	if (flags)
		return memory_huge_fail(m, errno, text, size);
	snprintf(text, size, "%s", strerror(errno));
	return errno == ENOSPC ? -ENOMEM : -errno;
}

__attribute__((format(printf, 4, 5))) static int memory_refuse(char *text, size_t size, int code,
							       const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, size, format, ap);
	va_end(ap);
	return code;
}

static int memory_check_seals(int fd, char *text, size_t size)
{
	/* First of all: whatever is no memfd answers this at once, and without being asked itself. */
	int seals = fcntl(fd, F_GET_SEALS), flags;

	if (seals < 0)
		return memory_refuse(text, size, -EINVAL, "the descriptor is no memfd");
	if ((seals & MEMORY_SEALS) != MEMORY_SEALS)
		return memory_refuse(text, size, -EPERM, "the memfd needs the seals F_SEAL_SHRINK and F_SEAL_SEAL (it "
				     "has 0x%x): its memory could go while the device uses it", (unsigned int)seals);
	if (seals & MEMORY_UNSEALED)
		return memory_refuse(text, size, -EPERM, "the memfd is sealed against writing (0x%x)",
				     (unsigned int)seals);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR)
		return memory_refuse(text, size, -EACCES, "the memfd is not open for reading and writing");
	return 0;
}

int memory_check(struct memory *m, char *text, size_t size)
{
	int ret = memory_check_seals(m->fd, text, size);
	struct statfs fs;
	struct stat st;

	if (ret < 0)
		return ret;
	if (fstat(m->fd, &st) < 0 || fstatfs(m->fd, &fs) < 0)
		return memory_refuse(text, size, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return memory_refuse(text, size, -EINVAL, "the descriptor is no regular memfd");
	m->page_size = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : memory_processor_page();
	if (m->offset % m->page_size || m->size % m->page_size)
		return memory_refuse(text, size, -EINVAL, "offset %llu and size %llu are not multiples of the memfd's "
				     "pages of %llu bytes", (unsigned long long)m->offset,
				     (unsigned long long)m->size, (unsigned long long)m->page_size);
	if (m->offset > (uint64_t)st.st_size || m->size > (uint64_t)st.st_size - m->offset)
		return memory_refuse(text, size, -EINVAL, "%llu bytes at %llu are not inside the memfd's %llu",
				     (unsigned long long)m->size, (unsigned long long)m->offset,
				     (unsigned long long)st.st_size);
	/* What the client has left out is there then, or it is told now. */
	if (fallocate(m->fd, 0, (off_t)m->offset, (off_t)m->size) < 0) {
		if (memory_lossy(m))
			return memory_huge_fail(m, errno, text, size);
		return memory_refuse(text, size, errno == ENOSPC ? -ENOMEM : -errno, "%s", strerror(errno));
	}
	return 0;
}

/*
 * A hole that was punched into huge pages is filled by another huge page, if there is one: else whoever looks gets a
 * SIGBUS. Ordinary pages are made anew.
 */
bool memory_lossy(const struct memory *m)
{
	return m->page_size > memory_processor_page();
}

void memory_unmapped(struct memory *m)
{
	/* The client may keep its descriptor; the memory that was counted is given back all the same. */
	if (atomic_fetch_sub(&m->mapped, 1) == 1 && !m->foreign && m->fd >= 0)
		fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)m->size);
}
