/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io - the commands of the NVM command set: what several of them are made of
 */
#ifndef SIM_IO_H
#define SIM_IO_H

#include "cmd.h"

/* Byte offsets in a command, for the error log. */
#define AT_NSID	 4
#define AT_MPTR	 16
#define AT_PRP1	 24
#define AT_CDW10 40
#define AT_CDW12 48

/* Bits of dword 12. */
#define IO_FUA	 (1u << 30)
#define IO_DEAC	 (1u << 25) /* of Write Zeroes */
#define IO_PRACT (1u << 29)

/* Some bytes on the medium, and the pieces of the host's memory for them. */
struct extent {
	uint64_t off;
	uint64_t len;
	const struct prp_seg *segs;
	unsigned int n;
};

struct io {
	struct ns *ns;
	uint64_t slba;
	uint32_t blocks;
	struct extent data;
	struct extent meta; /* what is transferred apart */
};

/* The namespace that a command names, where commands may be carried out on it; NULL: it has failed.
 */
struct ns *io_ns(struct ctrl *c, struct cmd *cmd);

/* Namespace and LBA range of a command, and where they are on the medium; false: it has failed. */
bool io_range(struct ctrl *c, struct cmd *cmd, struct io *io);

/* Moves `len` bytes that the command's data pointer names into `buf`; false: it has failed. */
bool io_fetch(struct ctrl *c, struct cmd *cmd, void *buf, size_t len);

/* A fault: one bit of a command's data is another where it has arrived. 0, -EIO or -EFAULT. */
int io_corrupt(struct ctrl *c, const struct cmd *cmd, const struct io *io, bool to_host);

/* The status for a negative errno of a medium (-EIO) or of the host's memory; 0 is none. */
void io_failed(struct cmd *cmd, int err, bool write);

/* Commands on blocks that transfer none: blocks.c. */
void blocks_write_zeroes(struct ctrl *c, struct cmd *cmd);
void blocks_dsm(struct ctrl *c, struct cmd *cmd);
void blocks_verify(struct ctrl *c, struct cmd *cmd);

#endif
