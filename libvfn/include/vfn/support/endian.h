/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * endian - byte order conversion
 *
 * The lower-case forms are functions; the upper-case ones are constant expressions, for static
 * initialisers and case labels. leintN_t and beintN_t document the byte order of a value; they are
 * plain integers to the compiler. To sparse, which defines __CHECKER__, each is a type of its own that
 * only these conversions lead to and from.
 */
#ifndef VFN_SUPPORT_ENDIAN_H
#define VFN_SUPPORT_ENDIAN_H

#include <stdint.h>

#ifdef __CHECKER__
#define __vfn_bitwise __attribute__((bitwise))
#define __vfn_force   __attribute__((force))
#else
#define __vfn_bitwise
#define __vfn_force
#endif

typedef uint16_t __vfn_bitwise leint16_t;
typedef uint32_t __vfn_bitwise leint32_t;
typedef uint64_t __vfn_bitwise leint64_t;
typedef uint16_t __vfn_bitwise beint16_t;
typedef uint32_t __vfn_bitwise beint32_t;
typedef uint64_t __vfn_bitwise beint64_t;

#define BSWAP16(v) ((uint16_t)((((uint16_t)(v)&0x00ffu) << 8) | (((uint16_t)(v)&0xff00u) >> 8)))
#define BSWAP32(v)                                                                                 \
	((uint32_t)((((uint32_t)(v)&0x000000ffu) << 24) | (((uint32_t)(v)&0x0000ff00u) << 8) |     \
		    (((uint32_t)(v)&0x00ff0000u) >> 8) | (((uint32_t)(v)&0xff000000u) >> 24)))
#define BSWAP64(v)                                                                                 \
	((uint64_t)(((uint64_t)BSWAP32((uint64_t)(v)&0xffffffffu) << 32) |                         \
		    (uint64_t)BSWAP32((uint64_t)(v) >> 32)))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CPU_TO_LE16(v) ((leint16_t __vfn_force)(uint16_t)(v))
#define LE16_TO_CPU(v) ((uint16_t __vfn_force)(v))
#define CPU_TO_LE32(v) ((leint32_t __vfn_force)(uint32_t)(v))
#define LE32_TO_CPU(v) ((uint32_t __vfn_force)(v))
#define CPU_TO_LE64(v) ((leint64_t __vfn_force)(uint64_t)(v))
#define LE64_TO_CPU(v) ((uint64_t __vfn_force)(v))
#define CPU_TO_BE16(v) ((beint16_t __vfn_force)BSWAP16(v))
#define BE16_TO_CPU(v) BSWAP16((uint16_t __vfn_force)(v))
#define CPU_TO_BE32(v) ((beint32_t __vfn_force)BSWAP32(v))
#define BE32_TO_CPU(v) BSWAP32((uint32_t __vfn_force)(v))
#define CPU_TO_BE64(v) ((beint64_t __vfn_force)BSWAP64(v))
#define BE64_TO_CPU(v) BSWAP64((uint64_t __vfn_force)(v))
#else
#define CPU_TO_LE16(v) ((leint16_t __vfn_force)BSWAP16(v))
#define LE16_TO_CPU(v) BSWAP16((uint16_t __vfn_force)(v))
#define CPU_TO_LE32(v) ((leint32_t __vfn_force)BSWAP32(v))
#define LE32_TO_CPU(v) BSWAP32((uint32_t __vfn_force)(v))
#define CPU_TO_LE64(v) ((leint64_t __vfn_force)BSWAP64(v))
#define LE64_TO_CPU(v) BSWAP64((uint64_t __vfn_force)(v))
#define CPU_TO_BE16(v) ((beint16_t __vfn_force)(uint16_t)(v))
#define BE16_TO_CPU(v) ((uint16_t __vfn_force)(v))
#define CPU_TO_BE32(v) ((beint32_t __vfn_force)(uint32_t)(v))
#define BE32_TO_CPU(v) ((uint32_t __vfn_force)(v))
#define CPU_TO_BE64(v) ((beint64_t __vfn_force)(uint64_t)(v))
#define BE64_TO_CPU(v) ((uint64_t __vfn_force)(v))
#endif

static inline leint16_t cpu_to_le16(uint16_t v)
{
	return CPU_TO_LE16(v);
}

static inline uint16_t le16_to_cpu(leint16_t v)
{
	return LE16_TO_CPU(v);
}

static inline leint32_t cpu_to_le32(uint32_t v)
{
	return CPU_TO_LE32(v);
}

static inline uint32_t le32_to_cpu(leint32_t v)
{
	return LE32_TO_CPU(v);
}

static inline leint64_t cpu_to_le64(uint64_t v)
{
	return CPU_TO_LE64(v);
}

static inline uint64_t le64_to_cpu(leint64_t v)
{
	return LE64_TO_CPU(v);
}

static inline beint16_t cpu_to_be16(uint16_t v)
{
	return CPU_TO_BE16(v);
}

static inline uint16_t be16_to_cpu(beint16_t v)
{
	return BE16_TO_CPU(v);
}

static inline beint32_t cpu_to_be32(uint32_t v)
{
	return CPU_TO_BE32(v);
}

static inline uint32_t be32_to_cpu(beint32_t v)
{
	return BE32_TO_CPU(v);
}

static inline beint64_t cpu_to_be64(uint64_t v)
{
	return CPU_TO_BE64(v);
}

static inline uint64_t be64_to_cpu(beint64_t v)
{
	return BE64_TO_CPU(v);
}

/* The 48-bit big-endian number in the 6 bytes at `p` (any alignment). */
static inline uint64_t get_unaligned_be48(const void *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint64_t)b[0] << 40 | (uint64_t)b[1] << 32 | (uint64_t)b[2] << 24 |
	       (uint64_t)b[3] << 16 | (uint64_t)b[4] << 8 | (uint64_t)b[5];
}

/* Write the low 48 bits of `v` as 6 big-endian bytes to `p` (any alignment). */
static inline void put_unaligned_be48(uint64_t v, void *p)
{
	uint8_t *b = (uint8_t *)p;

	for (int i = 0; i < 6; i++)
		b[i] = (uint8_t)(v >> (40 - 8 * i));
}

#endif
