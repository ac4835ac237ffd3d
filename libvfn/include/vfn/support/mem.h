/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mem - memory: pages that a device can use, and allocations that cannot fail
 *
 * Pages come from pgmap(). They are backed by a memfd, one for each call, so that they can be
 * shared with another process (a vfio-user server, a client, a successor); pgmap_fd() finds the
 * memfd of an address. All pgmap functions are thread safe.
 */
#ifndef VFN_SUPPORT_MEM_H
#define VFN_SUPPORT_MEM_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <vfn/support/compiler.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The system's page size in bytes, and its logarithm. Set before main() runs. */
extern size_t __VFN_PAGESIZE;
extern int __VFN_PAGESHIFT;

/*
 * Map `size` bytes of zeroed memory, rounded up to whole pages, at a page boundary, and put its
 * address into *mem. The number of bytes mapped, or -1 with EINVAL (size 0), EOVERFLOW, or the
 * errno of memfd_create(2), ftruncate(2) or mmap(2).
 */
ssize_t pgmap(void **mem, size_t size);

/* Map memory for `n` objects of `size` bytes, as pgmap() does. Returns the same. */
ssize_t pgmapn(void **mem, unsigned int n, size_t size);

/*
 * Unmap memory of one pgmap call: `size` is what that call was given, or returned. Unmap it from
 * every IOMMU context first. 0, or -1 with EINVAL when it is no such memory.
 */
int pgunmap(void *mem, size_t size);

/*
 * The memfd behind [vaddr, vaddr + len), and in *offset (may be NULL) where in it `vaddr` lies.
 * The descriptor stays the library's own: it must not be closed, and lives until pgunmap(). -1
 * with ENOENT when that range does not lie within the memory of one pgmap call.
 */
int pgmap_fd(const void *vaddr, size_t len, off_t *offset);

/*
 * Map `len` bytes at `offset` (multiples of the page size) of an existing memfd, shared, and treat
 * them like pgmap memory. The library owns `fd` from then on, and closes it in pgunmap(). NULL
 * with EINVAL or the errno of fstat(2) or mmap(2); EOVERFLOW when the file is shorter than that.
 * The caller still owns `fd` then.
 */
void *pgmap_from_fd(int fd, size_t len, off_t offset);

/*
 * Treat memory that is mapped already, at `vaddr`, like pgmap memory, as pgmap_from_fd() does. 0,
 * or -1 with EINVAL or ENOMEM.
 */
int pgmap_adopt(void *vaddr, int fd, size_t len, off_t offset);

/*
 * Allocations that end the program, with a message, when there is no memory. zmalloc() and
 * zmallocn() give zeroed memory; the n forms are for `n` objects and check the multiplication. It
 * is given to free(3). Returns the memory; NULL for a size of 0.
 */
void *xmalloc(size_t size);
void *zmalloc(size_t size);
void *mallocn(unsigned int n, size_t size);
void *zmallocn(unsigned int n, size_t size);
void *reallocn(void *mem, unsigned int n, size_t size);

#ifdef __cplusplus
}
#endif

/*
 * Allocations of objects of a type that end the program when there is no memory; zeroed where the
 * name begins with z. new_t(type) is one, new_t(type, n) an array, and the others arrays of `n`. Each
 * gives a pointer to the type.
 */
#define __vfn_new_t(alloc, type, n, ...) ((type *)alloc(n, sizeof(type)))
#define new_t(...)			 __vfn_new_t(mallocn, __VA_ARGS__, 1, 0)
#define znew_t(...)			 __vfn_new_t(zmallocn, __VA_ARGS__, 1, 0)
#define newn_t(n, type)	       ((type *)mallocn(n, sizeof(type)))
#define znewn_t(n, type)       ((type *)zmallocn(n, sizeof(type)))
#define renewn_t(mem, n, type) ((type *)reallocn(mem, n, sizeof(type)))
#define new_t_n(type, n)       newn_t(n, type)
#define znew_t_n(type, n)      znewn_t(n, type)

#endif
