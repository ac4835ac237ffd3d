/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vfn/support/align.h>
#include <vfn/support/mem.h>
#include <vfn/support/mmio.h>
#include "support/fail.h"
#include "vfio/transport.h"

/* Largest answer about a region that is believed. */
#define REGION_INFO_MAX 4096

/* The mappable areas of a region, from its capabilities. `len` bytes of `info` are there. */
static void region_areas(struct vfio_region_state *r, const struct vfio_region_info *info,
			 size_t len)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	const struct vfio_info_cap_header *cap;
	size_t at = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	r->nareas = 0;
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP))
		return;
	/* Each step goes forward, so that a chain that bites its tail ends. */
	for (size_t next; at >= sizeof(*info) && at + sizeof(*cap) <= len; at = next) {
		cap = (const void *)((const char *)info + at);
		next = cap->next > at ? cap->next : 0;
		if (at % 8 || cap->id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		if (at + sizeof(*sparse) > len)
			return;
		sparse = (const void *)cap;
		for (uint32_t i = 0; i < sparse->nr_areas && r->nareas < VFIO_REGION_AREAS; i++) {
			if (at + sizeof(*sparse) + (i + 1) * sizeof(sparse->areas[0]) > len)
				return;
			r->areas[r->nareas++] = sparse->areas[i];
		}
		return;
	}
	r->nareas = 1;
	r->areas[0] = (struct vfio_region_sparse_mmap_area){.offset = 0, .size = info->size};
}

static void region_fds_close(struct vfio_region_fds *fds)
{
	int err = errno;

	while (fds->n)
		close(fds->fd[--fds->n]);
	errno = err;
}

static int region_learn(struct vfio_device *dev, unsigned int index)
{
	struct vfio_device_state *state = dev->state;
	struct vfio_region_state *r = &state->regions[index];
	union {
		struct vfio_region_info info;
		char bytes[REGION_INFO_MAX];
	} u;
	size_t len = sizeof(u.info);

	/* Once for the size of the answer, and once for all of it. */
	for (int i = 0; i < 2; i++) {
		memset(&u, 0, sizeof(u));
		u.info.argsz = (uint32_t)len;
		u.info.index = index;
		region_fds_close(&r->fds);
		if (state->transport->region_info(dev, &u.info, &r->fds)) {
			/* Devices without a region of some index (VGA, ROM) say so by EINVAL. */
			return errno == EINVAL ? 0 : -1;
		}
		if (u.info.argsz <= len || u.info.argsz > sizeof(u))
			break;
		len = u.info.argsz;
	}
	region_areas(r, &u.info, len);
	r->info = u.info;
	r->info.argsz = sizeof(r->info);
	r->info.index = index;
	r->info.cap_offset = 0;
	return 0;
}

int vfio_regions_init(struct vfio_device *dev)
{
	for (unsigned int i = 0; i < VFIO_REGIONS && i < dev->device_info.num_regions; i++) {
		if (region_learn(dev, i))
			return -1;
	}
	return 0;
}

/* Mapped are whole pages, though a mapping may begin within its first one. */
static void mapping_end(const struct vfio_region_mapping *m)
{
	size_t into = (uintptr_t)m->mem & (__VFN_PAGESIZE - 1);

	munmap((char *)m->mem - into, m->len + into);
}

void vfio_regions_close(struct vfio_device *dev)
{
	struct vfio_device_state *state = dev->state;
	struct vfio_region_mapping *m;

	while ((m = state->mappings)) {
		state->mappings = m->next;
		mapping_end(m);
		free(m);
	}
	for (int i = 0; i < VFIO_REGIONS; i++)
		region_fds_close(&state->regions[i].fds);
}

int vfio_get_region_info(struct vfio_device *dev, unsigned int region,
			 struct vfio_region_info *info)
{
	struct vfio_device_state *state = vfio_state(dev);

	if (!state)
		return -1;
	if (region >= VFIO_REGIONS || !state->regions[region].info.argsz)
		return vfn_fail(EINVAL, "%s has no region %u", state->address, region);
	*info = state->regions[region].info;
	return 0;
}

static int region_check(struct vfio_device *dev, unsigned int region, size_t len, uint64_t offset)
{
	struct vfio_region_info info;

	if (vfio_get_region_info(dev, region, &info))
		return -1;
	if (offset > info.size || len > info.size - offset)
		return vfn_fail(EINVAL, "%zu bytes at 0x%llx are beyond region %u of %llu bytes",
				len, (unsigned long long)offset, region,
				(unsigned long long)info.size);
	return 0;
}

/* How wide the next access is: as the alignment of the register and what is left allow. */
static size_t mmio_width(uintptr_t reg, size_t len)
{
	size_t width = 8;

	while (width > len || (reg & (width - 1)))
		width /= 2;
	return width;
}

void vfio_mmio_read(const volatile void *reg, void *buf, size_t len)
{
	const volatile char *p = reg;
	char *out = buf;

	while (len) {
		size_t width = mmio_width((uintptr_t)p, len);
		uint64_t v64;
		uint32_t v32;
		uint16_t v16;

		switch (width) {
		case 8:
			v64 = *(const volatile uint64_t *)p;
			memcpy(out, &v64, 8);
			break;
		case 4:
			v32 = *(const volatile uint32_t *)p;
			memcpy(out, &v32, 4);
			break;
		case 2:
			v16 = *(const volatile uint16_t *)p;
			memcpy(out, &v16, 2);
			break;
		default:
			*out = *p;
		}
		p += width;
		out += width;
		len -= width;
	}
}

void vfio_mmio_write(volatile void *reg, const void *buf, size_t len)
{
	volatile char *p = reg;
	const char *in = buf;

	while (len) {
		size_t width = mmio_width((uintptr_t)p, len);
		uint64_t v64;
		uint32_t v32;
		uint16_t v16;

		switch (width) {
		case 8:
			memcpy(&v64, in, 8);
			*(volatile uint64_t *)p = v64;
			break;
		case 4:
			memcpy(&v32, in, 4);
			*(volatile uint32_t *)p = v32;
			break;
		case 2:
			memcpy(&v16, in, 2);
			*(volatile uint16_t *)p = v16;
			break;
		default:
			*p = *in;
		}
		p += width;
		in += width;
		len -= width;
	}
}

/* Where the range is mapped with `prot`, or NULL; lock is held for reading. */
static char *region_mapped(struct vfio_device_state *state, unsigned int region, size_t len,
			   uint64_t offset, int prot)
{
	/*
	 * Over vfio-user a page that is mapped is plain memory: the server answers for registers.
	 */
	if (state->transport->doorbell_by_message)
		return NULL;
	for (struct vfio_region_mapping *m = state->mappings; m; m = m->next) {
		if (m->region == region && (m->prot & prot) && offset >= m->offset &&
		    len <= m->len && offset - m->offset <= m->len - len)
			return (char *)m->mem + (offset - m->offset);
	}
	return NULL;
}

int vfio_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
		     uint64_t offset)
{
	struct vfio_device_state *state = dev->state;
	char *mem;

	if (region_check(dev, region, len, offset))
		return -1;
	pthread_rwlock_rdlock(&state->lock);
	mem = region_mapped(state, region, len, offset, PROT_READ);
	if (mem)
		vfio_mmio_read(mem, buf, len);
	pthread_rwlock_unlock(&state->lock);
	return mem || !len ? 0 : state->transport->region_read(dev, region, buf, len, offset);
}

int vfio_region_write(struct vfio_device *dev, unsigned int region, const void *buf, size_t len,
		      uint64_t offset)
{
	struct vfio_device_state *state = dev->state;
	char *mem;

	if (region_check(dev, region, len, offset))
		return -1;
	pthread_rwlock_rdlock(&state->lock);
	mem = region_mapped(state, region, len, offset, PROT_WRITE);
	if (mem)
		vfio_mmio_write(mem, buf, len);
	pthread_rwlock_unlock(&state->lock);
	return mem || !len ? 0 : state->transport->region_write(dev, region, buf, len, offset);
}

int vfio_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
		       uint32_t value)
{
	struct vfio_device_state *state = dev->state;
	leint32_t le = cpu_to_le32(value);
	char *mem;

	if (region_check(dev, region, 4, offset))
		return -1;
	if (state->transport->doorbell_by_message)
		return state->transport->region_post32(dev, region, offset, le);
	pthread_rwlock_rdlock(&state->lock);
	mem = region_mapped(state, region, 4, offset, PROT_WRITE);
	if (mem)
		vfio_mmio_write(mem, &le, 4);
	pthread_rwlock_unlock(&state->lock);
	return mem ? 0 : state->transport->region_post32(dev, region, offset, le);
}

int vfio_region_fd(struct vfio_device *dev, unsigned int region, size_t len, uint64_t offset,
		   uint64_t *at)
{
	uint64_t start = ALIGN_DOWN(offset, __VFN_PAGESIZE);
	struct vfio_region_state *r;
	int area = -1;

	if (region_check(dev, region, len, offset))
		return -1;
	r = &dev->state->regions[region];
	for (int i = 0; i < r->nareas; i++) {
		const struct vfio_region_sparse_mmap_area *a = &r->areas[i];

		if (start >= a->offset && offset - a->offset <= a->size &&
		    len <= a->size - (offset - a->offset))
			area = i;
	}
	if (area < 0)
		return vfn_fail(ENOTSUP, "%zu bytes at 0x%llx of region %u of %s cannot be mapped",
				len, (unsigned long long)offset, region, dev->state->address);
	*at = r->info.offset + start;
	return r->fds.n ? r->fds.fd[r->fds.n == r->nareas ? area : 0] : dev->fd;
}

void *vfio_region_map(struct vfio_device *dev, unsigned int region, size_t len, uint64_t offset,
		      int prot)
{
	struct vfio_device_state *state = dev->state;
	struct vfio_region_mapping *m;
	uint64_t start = ALIGN_DOWN(offset, __VFN_PAGESIZE), at;
	char *mem;
	int fd;

	if (!len) {
		vfn_fail(EINVAL, "a mapping of region %u must not be empty", region);
		return NULL;
	}
	fd = vfio_region_fd(dev, region, len, offset, &at);
	if (fd < 0)
		return NULL;
	m = malloc(sizeof(*m));
	if (!m) {
		vfn_fail(ENOMEM, "out of memory for a mapping");
		return NULL;
	}
	*m = (struct vfio_region_mapping){
		.region = region, .len = len, .offset = offset, .prot = prot};
	mem = mmap(NULL, len + (offset - start), prot, MAP_SHARED, fd, (off_t)at);
	if (mem == MAP_FAILED) {
		vfn_fail(errno, "mmap of %zu bytes at 0x%llx of region %u of %s: %s", len,
			 (unsigned long long)offset, region, state->address, strerror(errno));
		free(m);
		return NULL;
	}
	m->mem = mem + (offset - start);
	pthread_rwlock_wrlock(&state->lock);
	m->next = state->mappings;
	state->mappings = m;
	pthread_rwlock_unlock(&state->lock);
	return m->mem;
}

void vfio_region_unmap(struct vfio_device *dev, unsigned int region, void *mem, size_t len,
		       uint64_t offset)
{
	struct vfio_device_state *state = dev->state;
	struct vfio_region_mapping *m = NULL, **p;

	/* Mappings that are not known any more went with the device. */
	if (!state)
		return;
	pthread_rwlock_wrlock(&state->lock);
	for (p = &state->mappings; *p; p = &(*p)->next) {
		if ((*p)->region == region && (*p)->mem == mem && (*p)->len == len &&
		    (*p)->offset == offset) {
			m = *p;
			*p = m->next;
			break;
		}
	}
	pthread_rwlock_unlock(&state->lock);
	if (m) {
		mapping_end(m);
		free(m);
	}
}
