/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "prp.h"

#include <errno.h>
#include <string.h>

#define AT_NSID	 4
#define AT_PRP1	 24
#define AT_CDW10 40
#define AT_CDW12 48

#define IO_IOV 256

#define IO_FUA (1u << 30)

struct io {
	struct ns *ns;
	uint64_t slba;
	uint32_t blocks;
	uint64_t len;
};

/* Namespace and LBA range. */
static bool io_range(struct ctrl *c, struct cmd *cmd, struct io *io)
{
	io->ns = ctrl_ns(c, cmd->sqe.nsid);
	io->slba = (uint64_t)cmd->sqe.cdw11 << 32 | cmd->sqe.cdw10;
	io->blocks = (cmd->sqe.cdw12 & 0xffff) + 1;
	if (!io->ns) {
		cmd_fail(cmd, NVME_SC_INVALID_NS, AT_NSID, 0);
		return false;
	}
	if (io->slba >= io->ns->blocks || io->blocks > io->ns->blocks - io->slba) {
		cmd_fail(cmd, NVME_SC_LBA_RANGE, AT_CDW10, 0);
		return false;
	}
	io->len = (uint64_t)io->blocks << io->ns->shift;
	return true;
}

static bool io_prps(struct ctrl *c, struct cmd *cmd, const struct io *io, unsigned int *n)
{
	uint16_t status;

	if (c->opts.mdts && io->len > 4096ull << c->opts.mdts) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW12, 0);
		return false;
	}
	status = prp_walk(&c->dma, c->page, cmd->sqe.prp1, cmd->sqe.prp2, io->len, c->segs,
			  c->segs_room, n);
	if (!status)
		status = cmb_check(&c->dma, c->segs, *n);
	if (status)
		cmd_fail(cmd, status, AT_PRP1, 0);
	return !status;
}

/* Data of a range that is not mapped here goes through the bounce buffer. */
static int io_bounce(struct ctrl *c, struct ns *ns, uint64_t off, uint64_t iova, size_t *len,
		     bool to_host)
{
	struct iovec iov = {c->bounce, *len < CTRL_BOUNCE ? *len : CTRL_BOUNCE};
	int err;

	*len = iov.iov_len;
	if (to_host) {
		err = ns_readv(ns, off, &iov, 1);
		return err ? err : dma_write(&c->dma, iova, c->bounce, *len);
	}
	err = dma_read(&c->dma, iova, c->bounce, *len);
	return err ? err : ns_writev(ns, off, &iov, 1);
}

static int io_flush_iov(struct ns *ns, uint64_t *off, struct iovec *iov, int *n, bool to_host)
{
	int err = 0;

	if (*n)
		err = to_host ? ns_readv(ns, *off, iov, *n) : ns_writev(ns, *off, iov, *n);
	for (int i = 0; i < *n; i++)
		*off += iov[i].iov_len;
	*n = 0;
	return err;
}

/* Moves the data: whole pieces of mapped memory together, the rest one by one. */
static int io_move(struct ctrl *c, struct ns *ns, uint64_t off, unsigned int nsegs, bool to_host)
{
	struct iovec iov[IO_IOV];
	int n = 0, err = 0;

	if (ns->null)
		return 0;
	for (unsigned int i = 0; i < nsegs && !err; i++) {
		uint64_t iova = c->segs[i].iova, left = c->segs[i].len;

		while (left && !err) {
			size_t part = left;
			void *mem = dma_ptr(&c->dma, iova, &part, to_host);

			if (mem) {
				iov[n++] = (struct iovec){mem, part};
				if (n == IO_IOV)
					err = io_flush_iov(ns, &off, iov, &n, to_host);
			} else {
				err = io_flush_iov(ns, &off, iov, &n, to_host);
				if (!err)
					err = io_bounce(c, ns, off, iova, &part, to_host);
				off += part;
			}
			iova += part;
			left -= part;
		}
	}
	if (!err)
		err = io_flush_iov(ns, &off, iov, &n, to_host);
	/* The flag of a lost page must not be left for the next command. */
	return dma_check(&c->dma) ? -EFAULT : err;
}

static void io_failed(struct cmd *cmd, int err, bool write)
{
	if (err == -EIO)
		cmd->status = SIM_SCT_MEDIA | (write ? NVME_SC_WRITE_FAULT : NVME_SC_READ_ERROR);
	else if (err)
		cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP1, 0);
}

/* Everything the device would access is checked first, so that a bad list moves nothing. */
static bool io_reachable(struct ctrl *c, struct cmd *cmd, unsigned int nsegs, bool to_host)
{
	for (unsigned int i = 0; i < nsegs; i++) {
		if (!dma_covered(&c->dma, c->segs[i].iova, c->segs[i].len, to_host)) {
			cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP1, 0);
			return false;
		}
	}
	return true;
}

static void io_read(struct ctrl *c, struct cmd *cmd)
{
	struct io io;
	unsigned int n;

	if (!io_range(c, cmd, &io) || !io_prps(c, cmd, &io, &n) || !io_reachable(c, cmd, n, true))
		return;
	io_failed(cmd, io_move(c, io.ns, io.slba << io.ns->shift, n, true), false);
	c->stats.reads++;
	c->stats.read_512 += io.len >> 9;
}

static void io_write(struct ctrl *c, struct cmd *cmd)
{
	struct io io;
	unsigned int n;
	int err;

	if (!io_range(c, cmd, &io) || !io_prps(c, cmd, &io, &n) || !io_reachable(c, cmd, n, false))
		return;
	err = io_move(c, io.ns, io.slba << io.ns->shift, n, false);
	if (!err && ((cmd->sqe.cdw12 & IO_FUA) || !features_write_cache(c)))
		err = ns_flush(io.ns);
	io_failed(cmd, err, true);
	c->stats.writes++;
	c->stats.write_512 += io.len >> 9;
}

static void io_compare(struct ctrl *c, struct cmd *cmd)
{
	const size_t half = CTRL_BOUNCE / 2;
	struct io io;
	unsigned int n;
	uint64_t off;

	if (!io_range(c, cmd, &io) || !io_prps(c, cmd, &io, &n) || !io_reachable(c, cmd, n, false))
		return;
	off = io.slba << io.ns->shift;
	for (unsigned int i = 0; i < n && !cmd->status && !io.ns->null; i++) {
		uint64_t iova = c->segs[i].iova, left = c->segs[i].len;

		while (left && !cmd->status) {
			size_t part = left < half ? left : half;
			struct iovec iov = {c->bounce, part};
			int err = dma_read(&c->dma, iova, c->bounce + half, part);

			if (!err)
				err = ns_readv(io.ns, off, &iov, 1);
			if (err)
				io_failed(cmd, err, false);
			else if (memcmp(c->bounce, c->bounce + half, part))
				cmd_fail(cmd, SIM_SCT_MEDIA | NVME_SC_COMPARE_FAILED, AT_PRP1, 0);
			off += part;
			iova += part;
			left -= part;
		}
	}
	c->stats.reads++;
	c->stats.read_512 += io.len >> 9;
}

static void io_write_zeroes(struct ctrl *c, struct cmd *cmd)
{
	struct io io;
	int err;

	if (!io_range(c, cmd, &io))
		return;
	err = ns_zero(io.ns, io.slba << io.ns->shift, io.len);
	if (!err && ((cmd->sqe.cdw12 & IO_FUA) || !features_write_cache(c)))
		err = ns_flush(io.ns);
	io_failed(cmd, err, true);
	c->stats.writes++;
}

static void io_flush(struct ctrl *c, struct cmd *cmd)
{
	struct ns *ns = ctrl_ns(c, cmd->sqe.nsid);

	if (!ns && cmd->sqe.nsid != NVME_NSID_ALL) {
		cmd_fail(cmd, NVME_SC_INVALID_NS, AT_NSID, 0);
		return;
	}
	for (unsigned int i = 0; i < c->nns && !cmd->status; i++) {
		if (!ns || ns == &c->ns[i])
			io_failed(cmd, ns_flush(&c->ns[i]), true);
	}
}

void io_exec(struct ctrl *c, struct cmd *cmd)
{
	if (cmd->sqe.flags & 0xc3) { /* no fused commands, no SGLs */
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, 1, 0);
		return;
	}
	if (c->hmb.enabled)
		hmb_look(c);
	switch (cmd->sqe.opcode) {
	case nvme_cmd_flush:
		io_flush(c, cmd);
		break;
	case nvme_cmd_write:
		io_write(c, cmd);
		break;
	case nvme_cmd_read:
		io_read(c, cmd);
		break;
	case nvme_cmd_compare:
		io_compare(c, cmd);
		break;
	case nvme_cmd_write_zeroes:
		io_write_zeroes(c, cmd);
		break;
	default:
		cmd_fail(cmd, NVME_SC_INVALID_OPCODE, 0, 0);
		break;
	}
}
