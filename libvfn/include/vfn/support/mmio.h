/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mmio - accesses to device registers that are mapped
 *
 * Values are little-endian, as PCI devices have them: convert with le32_to_cpu() and the like.
 * Each read and write is one access of its width; the lh and hl forms make two 32-bit accesses
 * instead, low or high half first, for devices that take no 64-bit ones.
 */
#ifndef VFN_SUPPORT_MMIO_H
#define VFN_SUPPORT_MMIO_H

#include <vfn/support/barrier.h>
#include <vfn/support/endian.h>

static inline leint32_t mmio_read32(const volatile void *addr)
{
	return LOAD_PTR((const volatile leint32_t *)addr);
}

static inline leint64_t mmio_read64(const volatile void *addr)
{
	return LOAD_PTR((const volatile leint64_t *)addr);
}

static inline void mmio_write32(volatile void *addr, leint32_t v)
{
	STORE_PTR((volatile leint32_t *)addr, v);
}

static inline void mmio_write64(volatile void *addr, leint64_t v)
{
	STORE_PTR((volatile leint64_t *)addr, v);
}

static inline leint64_t __vfn_mmio_join(leint32_t lo, leint32_t hi)
{
	return cpu_to_le64((uint64_t)le32_to_cpu(hi) << 32 | le32_to_cpu(lo));
}

static inline leint64_t mmio_lh_read64(const volatile void *addr)
{
	leint32_t lo = mmio_read32(addr);
	leint32_t hi = mmio_read32((const volatile char *)addr + 4);

	return __vfn_mmio_join(lo, hi);
}

static inline leint64_t mmio_hl_read64(const volatile void *addr)
{
	leint32_t hi = mmio_read32((const volatile char *)addr + 4);
	leint32_t lo = mmio_read32(addr);

	return __vfn_mmio_join(lo, hi);
}

static inline void mmio_lh_write64(volatile void *addr, leint64_t v)
{
	mmio_write32(addr, cpu_to_le32((uint32_t)le64_to_cpu(v)));
	mmio_write32((volatile char *)addr + 4, cpu_to_le32((uint32_t)(le64_to_cpu(v) >> 32)));
}

static inline void mmio_hl_write64(volatile void *addr, leint64_t v)
{
	mmio_write32((volatile char *)addr + 4, cpu_to_le32((uint32_t)(le64_to_cpu(v) >> 32)));
	mmio_write32(addr, cpu_to_le32((uint32_t)le64_to_cpu(v)));
}

#endif
