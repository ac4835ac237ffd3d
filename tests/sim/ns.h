/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ns - namespaces: memory, a file, or nothing
 */
#ifndef SIM_NS_H
#define SIM_NS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct ns {
	uint32_t nsid;
	unsigned int shift; /* of the logical block size */
	uint64_t blocks;
	bool null;    /* holds nothing: no data is moved */
	uint8_t *mem; /* or NULL */
	int fd;	      /* of the file, or -1 */
	uint8_t nguid[16];
	uint8_t eui64[8];
	uint8_t uuid[16];
};

/*
 * Opens what `--ns` says: a size with an optional K, M, G or T, or the path of a file or block
 * device. With `null` it is a size, and nothing is kept: a read leaves the host's memory as it is,
 * a write goes nowhere, a compare finds no difference. Identifiers are made from `serial` and
 * `nsid`, so they stay the same. 0 or -errno, with an explanation in `why`, which has room for
 * `room` bytes.
 */
int ns_open(struct ns *ns, uint32_t nsid, unsigned int shift, const char *spec, const char *serial,
	    bool null, char *why, size_t room);
void ns_close(struct ns *ns);

/*
 * Moves data between the namespace at byte `off` and client memory. 0; -EFAULT when the memory is
 * bad; -EIO when the medium is. Bounds are the caller's.
 */
int ns_readv(struct ns *ns, uint64_t off, const struct iovec *iov, int n);
int ns_writev(struct ns *ns, uint64_t off, const struct iovec *iov, int n);

/* 0 or -EIO. */
int ns_flush(struct ns *ns);
int ns_zero(struct ns *ns, uint64_t off, uint64_t len);

/* Parses "64M" and the like: 0, or -EINVAL. */
int ns_parse_size(const char *text, uint64_t *bytes);

#endif
