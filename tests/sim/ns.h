/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ns - namespaces: memory, a file, or nothing
 */
#ifndef SIM_NS_H
#define SIM_NS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* What the namespaces of one controller have in common. */
struct ns_format {
	unsigned int shift;    /* of the logical block size */
	unsigned int metadata; /* bytes a block */
	bool extended;	       /* they follow the block's data, and are transferred with them */
	bool null;	       /* holds nothing: no data is moved */
	uint8_t pi;	       /* type of protection information, 1 to 3; 0: none */
	bool pi_first;	       /* it is the first of the metadata, else the last */
	uint8_t lbaf;	       /* its number among the controller's LBA formats */
};

/*
 * The medium holds block after block: with their metadata where that is extended, else with all
 * metadata behind the last block.
 */
struct ns {
	uint32_t nsid;
	bool exists;   /* its identifier is allocated */
	bool attached; /* to the controller, which makes it an active one */
	bool formatting;
	uint64_t format_from, format_until; /* monotonic ns */
	uint8_t nmic;
	struct ns_format format;
	uint64_t blocks;
	uint64_t bytes; /* that they take, with their metadata */
	uint8_t *mem;	/* or NULL */
	int fd;		/* of the file, or -1 */
	uint8_t nguid[16];
	uint8_t eui64[8];
	uint8_t uuid[16];
};

/*
 * Opens what `--ns` says: a size with an optional K, M, G or T, or the path of a file or block
 * device. With format->null it is a size, and nothing is kept: a read leaves the host's memory as
 * it is, a write goes nowhere, a compare finds no difference. Identifiers are made from `serial`
 * and `nsid`, so they stay the same. 0 or -errno, with an explanation in `why`, which has room for
 * `room` bytes.
 */
int ns_open(struct ns *ns, uint32_t nsid, const struct ns_format *format, const char *spec,
	    const char *serial, char *why, size_t room);
void ns_close(struct ns *ns);

/*
 * Makes one of `blocks` blocks, in memory or, with format->null, of nothing, that is not attached.
 * `generation` sets its identifiers apart from those of namespaces that had the same `nsid` before.
 * 0 or -ENOMEM.
 */
int ns_create(struct ns *ns, uint32_t nsid, const struct ns_format *format, uint64_t blocks,
	      const char *serial, uint32_t generation);

/* Gives it another format, and as many blocks as there is room for; all is deallocated: 0 or -EIO.
 */
int ns_reformat(struct ns *ns, const struct ns_format *format);

/* Bytes of a block as they are transferred, and where on the medium `lba` begins. */
static inline uint64_t ns_block(const struct ns *ns)
{
	return (1ull << ns->format.shift) + (ns->format.extended ? ns->format.metadata : 0);
}

static inline uint64_t ns_data_at(const struct ns *ns, uint64_t lba)
{
	return lba * ns_block(ns);
}

/* The same for metadata that is transferred apart; 0 bytes where there is none. */
static inline uint64_t ns_metadata(const struct ns *ns)
{
	return ns->format.extended ? 0 : ns->format.metadata;
}

static inline uint64_t ns_metadata_at(const struct ns *ns, uint64_t lba)
{
	return (ns->blocks << ns->format.shift) + lba * ns->format.metadata;
}

/*
 * Moves data between the namespace at byte `off` and client memory. 0; -EFAULT when the memory is
 * bad; -EIO when the medium is. Bounds are the caller's.
 */
int ns_readv(struct ns *ns, uint64_t off, const struct iovec *iov, int n);
int ns_writev(struct ns *ns, uint64_t off, const struct iovec *iov, int n);

/* 0 or -EIO. What is deallocated reads as zeroes, and takes no room where that can be had. */
int ns_flush(struct ns *ns);
int ns_zero(struct ns *ns, uint64_t off, uint64_t len);
int ns_deallocate(struct ns *ns, uint64_t off, uint64_t len);

/* Parses "64M" and the like: 0, or -EINVAL. */
int ns_parse_size(const char *text, uint64_t *bytes);

#endif
