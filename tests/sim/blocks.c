/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "io.h"
#include "pi.h"

#include <string.h>

#define BLOCKS_DSM_DEALLOCATE 4u /* CDW11 */

static int blocks_clear(struct io *io, bool deallocate)
{
	int (*clear)(struct ns * ns, uint64_t off, uint64_t len) =
		deallocate ? ns_deallocate : ns_zero;
	int err = clear(io->ns, io->data.off, io->data.len);

	return err || !io->meta.len ? err : clear(io->ns, io->meta.off, io->meta.len);
}

void blocks_write_zeroes(struct ctrl *c, struct cmd *cmd)
{
	struct io io;
	int err;

	if (!io_range(c, cmd, &io))
		return;
	if (io.ns->format.pi && !(cmd->sqe.cdw12 & IO_DEAC)) {
		pi_write_zeroes(c, cmd, &io);
		err = 0;
	} else {
		err = blocks_clear(&io, cmd->sqe.cdw12 & IO_DEAC);
	}
	if (!err && !cmd->status && ((cmd->sqe.cdw12 & IO_FUA) || !features_write_cache(c)))
		err = ns_flush(io.ns);
	io_failed(cmd, err, true);
	c->sanitize.written = true;
	c->stats.writes++;
}

/* A range of Dataset Management, as one of a command that has it in its dwords 10 to 12. */
static bool blocks_dsm_range(struct ctrl *c, struct cmd *cmd, const struct nvme_dsm_range *range,
			     struct io *io)
{
	struct ns *ns = ctrl_ns(c, cmd->sqe.nsid);
	uint64_t meta = range->nlb * ns_metadata(ns);

	if (range->slba > ns->blocks || range->nlb > ns->blocks - range->slba) {
		cmd_fail(cmd, NVME_SC_LBA_RANGE, AT_PRP1, 0);
		return false;
	}
	*io = (struct io){
		.ns = ns,
		.slba = range->slba,
		.data = {.off = ns_data_at(ns, range->slba), .len = range->nlb * ns_block(ns)},
		.meta = {.off = meta ? ns_metadata_at(ns, range->slba) : 0, .len = meta},
	};
	return true;
}

void blocks_dsm(struct ctrl *c, struct cmd *cmd)
{
	struct nvme_dsm_range range[256];
	unsigned int n = (cmd->sqe.cdw10 & 0xff) + 1;
	struct io io;
	int err = 0;

	if (!io_ns(c, cmd))
		return;
	if (!io_fetch(c, cmd, range, n * sizeof(range[0])))
		return;
	/* All are looked at first, so that a bad one changes nothing. */
	for (unsigned int i = 0; i < n; i++) {
		if (!blocks_dsm_range(c, cmd, &range[i], &io))
			return;
	}
	if (!(cmd->sqe.cdw11 & BLOCKS_DSM_DEALLOCATE))
		return;
	for (unsigned int i = 0; i < n && !err; i++) {
		(void)blocks_dsm_range(c, cmd, &range[i], &io);
		err = blocks_clear(&io, true);
	}
	io_failed(cmd, err, true);
}

static int blocks_read_extent(struct ctrl *c, struct ns *ns, const struct extent *x)
{
	uint64_t off = x->off, left = x->len;

	while (left) {
		struct iovec iov = {c->bounce, left < CTRL_BOUNCE ? left : CTRL_BOUNCE};
		int err = ns_readv(ns, off, &iov, 1);

		if (err)
			return err;
		off += iov.iov_len;
		left -= iov.iov_len;
	}
	return 0;
}

void blocks_verify(struct ctrl *c, struct cmd *cmd)
{
	struct io io;
	int err;

	if (!io_range(c, cmd, &io))
		return;
	if (io.ns->format.pi) {
		pi_verify(c, cmd, &io);
		return;
	}
	err = blocks_read_extent(c, io.ns, &io.data);
	if (!err)
		err = blocks_read_extent(c, io.ns, &io.meta);
	io_failed(cmd, err, false);
}
