/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io - reads and writes that go on until everything is moved
 */
#ifndef VFN_SUPPORT_IO_H
#define VFN_SUPPORT_IO_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Read up to `count` bytes, until that many are there or the end of the file. The number of bytes
 * read, or -1 with the errno of open(2) or read(2).
 */
ssize_t readmaxfd(int fd, void *buf, size_t count);
ssize_t readmax(const char *path, void *buf, size_t count);

/*
 * Write all `count` bytes. `count`, or -1 with the errno of open(2) or write(2); some bytes may
 * have been written then. The file must exist.
 */
ssize_t writeallfd(int fd, const void *buf, size_t count);
ssize_t writeall(const char *path, const void *buf, size_t count);

#ifdef __cplusplus
}
#endif

#endif
