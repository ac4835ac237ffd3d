/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "io.h"
#include "pi.h"
#include "sgl.h"

#include <errno.h>
#include <string.h>

#define IO_IOV 256

/* Bits 7:6 of a command's flags. */
#define PSDT(sqe)     ((sqe)->flags >> 6)
#define PSDT_PRP      0
#define PSDT_SGL      1 /* metadata contiguous */
#define PSDT_SGL_SGL  2
#define PSDT_RESERVED 3

static inline struct ns *io_find_ns(struct ctrl *c, struct cmd *cmd)
{
	struct ns *ns = ctrl_ns(c, cmd->sqe.nsid);

	if (!ns)
		cmd_no_ns(c, cmd);
	else if (ns->formatting)
		cmd->status = NVME_SC_FORMAT_IN_PROGRESS;
	return cmd->status ? NULL : ns;
}

struct ns *io_ns(struct ctrl *c, struct cmd *cmd)
{
	return io_find_ns(c, cmd);
}

static inline bool io_locate(struct ctrl *c, struct cmd *cmd, struct io *io)
{
	io->ns = io_find_ns(c, cmd);
	io->slba = (uint64_t)cmd->sqe.cdw11 << 32 | cmd->sqe.cdw10;
	io->blocks = (cmd->sqe.cdw12 & 0xffff) + 1;
	if (!io->ns)
		return false;
	if (io->slba >= io->ns->blocks || io->blocks > io->ns->blocks - io->slba) {
		cmd_fail(cmd, NVME_SC_LBA_RANGE, AT_CDW10, 0);
		return false;
	}
	io->data = (struct extent){.off = ns_data_at(io->ns, io->slba),
				   .len = io->blocks * ns_block(io->ns)};
	io->meta = (struct extent){.len = io->blocks * ns_metadata(io->ns)};
	if (io->meta.len)
		io->meta.off = ns_metadata_at(io->ns, io->slba);
	if (io->ns->format.pi) {
		if (!pi_allowed(cmd, io))
			return false;
		if (pi_is_stripped(cmd, io->ns)) {
			io->data.len = (uint64_t)io->blocks << io->ns->format.shift;
			io->meta.len = 0;
		}
	}
	return true;
}

bool io_range(struct ctrl *c, struct cmd *cmd, struct io *io)
{
	return io_locate(c, cmd, io);
}

/* The pieces that the command's own descriptor, or list, names for its data. */
static inline uint16_t io_data(struct ctrl *c, const struct cmd *cmd, struct extent *data,
			       bool to_host)
{
	struct sgl sgl = {
		.sgls = c->opts.sgls, .to_host = to_host, .segs = &c->segs, .room = &c->segs_room};
	uint16_t status;

	if (PSDT(&cmd->sqe) == PSDT_PRP)
		status = prp_walk(&c->dma, c->page, cmd->sqe.prp1, cmd->sqe.prp2, data->len,
				  c->segs, c->segs_room, &data->n);
	else
		status = sgl_walk(&c->dma, &sgl, &cmd->sqe.prp1, data->len, &data->n);
	data->segs = c->segs;
	return status ? status : cmb_check(&c->dma, data->segs, data->n);
}

static uint16_t io_meta_contiguous(struct ctrl *c, const struct cmd *cmd, struct extent *meta)
{
	bool bytes =
		PSDT(&cmd->sqe) == PSDT_SGL && (c->opts.sgls & NVME_CTRL_SGLS_MPTR_BYTE_ALIGNED);

	if (!bytes && cmd->sqe.mptr & 3)
		return NVME_SC_INVALID_FIELD;
	c->meta_segs[0] = (struct prp_seg){cmd->sqe.mptr, meta->len};
	meta->n = 1;
	return 0;
}

/* The same for the metadata that are transferred apart. */
static uint16_t io_meta(struct ctrl *c, const struct cmd *cmd, struct extent *meta, bool to_host)
{
	struct sgl sgl = {.sgls = c->opts.sgls,
			  .to_host = to_host,
			  .metadata = true,
			  .segs = &c->meta_segs,
			  .room = &c->meta_segs_room};
	uint8_t first[16];
	uint16_t status;

	if (PSDT(&cmd->sqe) != PSDT_SGL_SGL) {
		status = io_meta_contiguous(c, cmd, meta);
	} else {
		if (cmd->sqe.mptr & 7)
			return NVME_SC_SGL_INVALID_LAST;
		if (dma_read(&c->dma, cmd->sqe.mptr, first, sizeof(first)))
			return NVME_SC_DATA_XFER_ERROR;
		status = sgl_walk(&c->dma, &sgl, first, meta->len, &meta->n);
	}
	meta->segs = c->meta_segs;
	return status ? status : cmb_check(&c->dma, meta->segs, meta->n);
}

/* Everything the device would access is checked first, so that a bad list moves nothing. */
static inline bool io_reachable(struct ctrl *c, const struct extent *x, bool to_host)
{
	for (unsigned int i = 0; i < x->n; i++) {
		if (x->segs[i].iova != SEG_DISCARD &&
		    !dma_covered(&c->dma, x->segs[i].iova, x->segs[i].len, to_host))
			return false;
	}
	return true;
}

/* Where the command's data and metadata are. */
static inline bool io_find(struct ctrl *c, struct cmd *cmd, struct io *io, bool to_host)
{
	uint16_t status;

	if (io->data.len > ctrl_mdts(c)) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW12, 0);
		return false;
	}
	status = io_data(c, cmd, &io->data, to_host);
	if (!status && !io_reachable(c, &io->data, to_host))
		status = NVME_SC_DATA_XFER_ERROR;
	if (status) {
		cmd_fail(cmd, status, AT_PRP1, 0);
		return false;
	}
	if (!io->meta.len)
		return true;
	status = io_meta(c, cmd, &io->meta, to_host);
	if (!status && !io_reachable(c, &io->meta, to_host))
		status = NVME_SC_DATA_XFER_ERROR;
	if (status)
		cmd_fail(cmd, status, AT_MPTR, 0);
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
static int io_move(struct ctrl *c, struct ns *ns, const struct extent *x, bool to_host)
{
	struct iovec iov[IO_IOV];
	uint64_t off = x->off;
	int n = 0, err = 0;

	for (unsigned int i = 0; i < x->n && !err; i++) {
		uint64_t iova = x->segs[i].iova, left = x->segs[i].len;

		if (iova == SEG_DISCARD) {
			err = io_flush_iov(ns, &off, iov, &n, to_host);
			off += left;
			continue;
		}

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

bool io_fetch(struct ctrl *c, struct cmd *cmd, void *buf, size_t len)
{
	struct extent x = {.len = len};
	uint8_t *at = buf;
	uint16_t status = io_data(c, cmd, &x, false);

	for (unsigned int i = 0; i < x.n && !status; i++) {
		if (dma_read(&c->dma, x.segs[i].iova, at, x.segs[i].len))
			status = NVME_SC_DATA_XFER_ERROR;
		at += x.segs[i].len;
	}
	if (status)
		cmd_fail(cmd, status, AT_PRP1, 0);
	return !status;
}

void io_failed(struct cmd *cmd, int err, bool write)
{
	if (err == -EIO)
		cmd->status = SIM_SCT_MEDIA | (write ? NVME_SC_WRITE_FAULT : NVME_SC_READ_ERROR);
	else if (err)
		cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP1, 0);
}

int io_corrupt(struct ctrl *c, const struct cmd *cmd, const struct io *io, bool to_host)
{
	uint64_t at = cmd->corrupt_at % io->data.len;
	struct iovec iov = {c->bounce, 1};
	int err;

	if (!to_host) {
		err = ns_readv(io->ns, io->data.off + at, &iov, 1);
		c->bounce[0] ^= 1;
		return err ? err : ns_writev(io->ns, io->data.off + at, &iov, 1);
	}
	for (unsigned int i = 0; i < io->data.n; i++) {
		const struct prp_seg *seg = &io->data.segs[i];

		if (at >= seg->len) {
			at -= seg->len;
			continue;
		}
		if (seg->iova == SEG_DISCARD)
			return 0;
		err = dma_read(&c->dma, seg->iova + at, c->bounce, 1);
		c->bounce[0] ^= 1;
		return err ? err : dma_write(&c->dma, seg->iova + at, c->bounce, 1);
	}
	return 0;
}

static int io_move_all(struct ctrl *c, const struct cmd *cmd, const struct io *io, bool to_host)
{
	int err;

	if (io->ns->format.null)
		return 0;
	err = io_move(c, io->ns, &io->data, to_host);
	if (!err && io->meta.len)
		err = io_move(c, io->ns, &io->meta, to_host);
	if (!err && cmd->corrupt)
		err = io_corrupt(c, cmd, io, to_host);
	return err;
}

static void io_read(struct ctrl *c, struct cmd *cmd)
{
	struct io io;

	if (!io_locate(c, cmd, &io) || !io_find(c, cmd, &io, true))
		return;
	if (io.ns->format.pi)
		pi_read(c, cmd, &io);
	else
		io_failed(cmd, io_move_all(c, cmd, &io, true), false);
	c->stats.reads++;
	c->stats.read_512 += io.data.len >> 9;
}

static void io_write(struct ctrl *c, struct cmd *cmd)
{
	struct io io;
	int err = 0;

	if (!io_locate(c, cmd, &io) || !io_find(c, cmd, &io, false))
		return;
	if (io.ns->format.pi)
		pi_write(c, cmd, &io);
	else
		err = io_move_all(c, cmd, &io, false);
	if (!err && !cmd->status && ((cmd->sqe.cdw12 & IO_FUA) || !features_write_cache(c)))
		err = ns_flush(io.ns);
	io_failed(cmd, err, true);
	c->sanitize.written = true;
	c->stats.writes++;
	c->stats.write_512 += io.data.len >> 9;
}

static void io_compare_extent(struct ctrl *c, struct cmd *cmd, struct ns *ns,
			      const struct extent *x)
{
	const size_t half = CTRL_BOUNCE / 2;
	uint64_t off = x->off;

	for (unsigned int i = 0; i < x->n && !cmd->status && !ns->format.null; i++) {
		uint64_t iova = x->segs[i].iova, left = x->segs[i].len;

		while (left && !cmd->status) {
			size_t part = left < half ? left : half;
			struct iovec iov = {c->bounce, part};
			int err = dma_read(&c->dma, iova, c->bounce + half, part);

			if (!err)
				err = ns_readv(ns, off, &iov, 1);
			if (err)
				io_failed(cmd, err, false);
			else if (memcmp(c->bounce, c->bounce + half, part))
				cmd_fail(cmd, SIM_SCT_MEDIA | NVME_SC_COMPARE_FAILED, AT_PRP1, 0);
			off += part;
			iova += part;
			left -= part;
		}
	}
}

static void io_compare(struct ctrl *c, struct cmd *cmd)
{
	struct io io;

	if (!io_locate(c, cmd, &io) || !io_find(c, cmd, &io, false))
		return;
	if (io.ns->format.pi) {
		pi_compare(c, cmd, &io);
	} else {
		io_compare_extent(c, cmd, io.ns, &io.data);
		io_compare_extent(c, cmd, io.ns, &io.meta);
	}
	c->stats.reads++;
	c->stats.read_512 += io.data.len >> 9;
}

static void io_flush(struct ctrl *c, struct cmd *cmd)
{
	struct ns *ns = NULL;

	if (cmd->sqe.nsid != NVME_NSID_ALL && !(ns = io_find_ns(c, cmd)))
		return;
	for (unsigned int i = 0; i < c->nns && !cmd->status; i++) {
		if (c->ns[i].attached && (!ns || ns == &c->ns[i]))
			io_failed(cmd, ns_flush(&c->ns[i]), true);
	}
}

/* No fused commands, and SGLs as Identify Controller has them. */
static bool io_flags_ok(const struct ctrl *c, const struct sim_sqe *sqe)
{
	if (sqe->flags & 3 || PSDT(sqe) == PSDT_RESERVED || !c->opts.sgls)
		return false;
	return PSDT(sqe) != PSDT_SGL_SGL || (c->opts.sgls & NVME_CTRL_SGLS_MPTR_SGL);
}

uint32_t io_effects(uint8_t opcode)
{
	switch (opcode) {
	case nvme_cmd_flush:
	case nvme_cmd_read:
	case nvme_cmd_compare:
	case nvme_cmd_verify:
		return NVME_CMD_EFFECTS_CSUPP;
	case nvme_cmd_write:
	case nvme_cmd_write_zeroes:
	case nvme_cmd_dsm:
		return NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC;
	default:
		return 0;
	}
}

void io_exec(struct ctrl *c, struct cmd *cmd)
{
	if ((cmd->sqe.flags & 0xc3) && !io_flags_ok(c, &cmd->sqe)) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, 1, 0);
		return;
	}
	if (c->hmb.enabled)
		hmb_look(c);
	if ((cmd->status = c->sanitize.refusal) != 0)
		return;
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
		blocks_write_zeroes(c, cmd);
		break;
	case nvme_cmd_dsm:
		blocks_dsm(c, cmd);
		break;
	case nvme_cmd_verify:
		blocks_verify(c, cmd);
		break;
	default:
		cmd_fail(cmd, NVME_SC_INVALID_OPCODE, 0, 0);
		break;
	}
}
