/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "pi.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PI_PRCHK_REF   (1u << 26)
#define PI_PRCHK_APP   (1u << 27)
#define PI_PRCHK_GUARD (1u << 28)
#define PI_PRCHK       (7u << 26)

#define PI_BLOCK_MAX (4096 + 64)

struct pi_tuple {
	uint16_t guard;
	uint16_t app;
	uint32_t ref;
} __attribute__((packed));
static_assert(sizeof(struct pi_tuple) == PI_SIZE, "PI");

/* Goes through a command's memory, piece by piece. */
struct pi_cursor {
	const struct extent *x;
	unsigned int i;
	uint64_t off;
};

/* CRC-16 of T10, polynomial 8BB7h. */
static uint16_t pi_crc(const uint8_t *p, size_t n)
{
	static uint16_t table[256];
	uint16_t crc = 0;

	if (!table[1]) {
		for (unsigned int i = 0; i < 256; i++) {
			uint16_t v = i << 8;

			for (unsigned int b = 0; b < 8; b++)
				v = v & 0x8000 ? v << 1 ^ 0x8bb7 : v << 1;
			table[i] = v;
		}
	}
	while (n--)
		crc = crc << 8 ^ table[(crc >> 8 ^ *p++) & 0xff];
	return crc;
}

static size_t pi_data_size(const struct ns *ns)
{
	return (size_t)1 << ns->format.shift;
}

/* Where in a block, data and metadata behind each other, the PI is. */
static size_t pi_at(const struct ns *ns)
{
	return pi_data_size(ns) + (ns->format.pi_first ? 0 : ns->format.metadata - PI_SIZE);
}

static void pi_invert(const struct ns *ns, uint8_t *block)
{
	for (unsigned int i = 0; i < PI_SIZE; i++)
		block[pi_at(ns) + i] ^= 0xff;
}

static int pi_move_block(struct ns *ns, uint64_t lba, uint8_t *block, bool write)
{
	int (*move)(struct ns * ns, uint64_t off, const struct iovec *iov, int n) =
		write ? ns_writev : ns_readv;
	struct iovec iov = {block, ns_block(ns)};
	int err = move(ns, ns_data_at(ns, lba), &iov, 1);

	if (!err && !ns->format.extended) {
		iov = (struct iovec){block + pi_data_size(ns), ns->format.metadata};
		err = move(ns, ns_metadata_at(ns, lba), &iov, 1);
	}
	return err;
}

static int pi_load(struct ns *ns, uint64_t lba, uint8_t *block)
{
	int err = pi_move_block(ns, lba, block, false);

	pi_invert(ns, block);
	return err;
}

static int pi_store(struct ns *ns, uint64_t lba, uint8_t *block)
{
	pi_invert(ns, block);
	return pi_move_block(ns, lba, block, true);
}

/* Moves `len` bytes between `buf` and the host's memory where the cursor is. */
static int pi_copy(struct ctrl *c, struct pi_cursor *at, uint8_t *buf, size_t len, bool to_host)
{
	int err = 0;

	while (len && !err) {
		const struct prp_seg *seg = &at->x->segs[at->i];
		uint64_t part = seg->len - at->off;

		if (part > len)
			part = len;
		if (seg->iova == SEG_DISCARD)
			err = 0;
		else if (to_host)
			err = dma_write(&c->dma, seg->iova + at->off, buf, part);
		else
			err = dma_read(&c->dma, seg->iova + at->off, buf, part);
		buf += part;
		len -= part;
		at->off += part;
		if (at->off == seg->len) {
			at->i++;
			at->off = 0;
		}
	}
	return err ? -EFAULT : 0;
}

/* One block, data and metadata, as the command transfers it. */
static int pi_copy_block(struct ctrl *c, const struct cmd *cmd, const struct ns *ns,
			 struct pi_cursor *data, struct pi_cursor *meta, uint8_t *block,
			 bool to_host)
{
	int err = pi_copy(c, data, block, pi_data_size(ns), to_host);

	if (err || pi_is_stripped(cmd, ns))
		return err;
	return pi_copy(c, ns->format.extended ? data : meta, block + pi_data_size(ns),
		       ns->format.metadata, to_host);
}

static struct pi_tuple pi_get(const struct ns *ns, const uint8_t *block)
{
	struct pi_tuple t;

	memcpy(&t, block + pi_at(ns), sizeof(t));
	return (struct pi_tuple){be16toh(t.guard), be16toh(t.app), be32toh(t.ref)};
}

/* The guard covers the data, and the metadata before the PI. */
static uint16_t pi_guard(const struct ns *ns, const uint8_t *block)
{
	return pi_crc(block, pi_at(ns));
}

/* The reference tag of the command's `i`-th block. */
static uint32_t pi_ref(const struct cmd *cmd, const struct ns *ns, uint32_t i)
{
	return cmd->sqe.cdw14 + (ns->format.pi == NVME_NS_DPS_PI_TYPE3 ? 0 : i);
}

static void pi_make(const struct cmd *cmd, const struct ns *ns, uint32_t i, uint8_t *block)
{
	struct pi_tuple t = {
		.guard = htobe16(pi_guard(ns, block)),
		.app = htobe16(cmd->sqe.cdw15 & 0xffff),
		.ref = htobe32(pi_ref(cmd, ns, i)),
	};

	memcpy(block + pi_at(ns), &t, sizeof(t));
}

/* Checks what the command wants checked; false: it has failed. */
static bool pi_check(struct cmd *cmd, const struct ns *ns, uint32_t i, const uint8_t *block)
{
	struct pi_tuple t = pi_get(ns, block);
	uint16_t mask = cmd->sqe.cdw15 >> 16;
	bool type3 = ns->format.pi == NVME_NS_DPS_PI_TYPE3;
	uint32_t want = cmd->sqe.cdw12;

	if (t.app == 0xffff && (!type3 || t.ref == UINT32_MAX))
		return true;
	if ((want & PI_PRCHK_GUARD) && t.guard != pi_guard(ns, block))
		cmd->status = SIM_SCT_MEDIA | NVME_SC_GUARD_CHECK;
	else if ((want & PI_PRCHK_APP) && ((t.app ^ cmd->sqe.cdw15) & mask))
		cmd->status = SIM_SCT_MEDIA | NVME_SC_APPTAG_CHECK;
	else if ((want & PI_PRCHK_REF) && t.ref != pi_ref(cmd, ns, i))
		cmd->status = SIM_SCT_MEDIA | NVME_SC_REFTAG_CHECK;
	return !cmd->status;
}

bool pi_allowed(struct cmd *cmd, const struct io *io)
{
	uint32_t v = cmd->sqe.cdw12;
	bool bad = false;

	if ((v & PI_PRCHK_REF) && io->ns->format.pi == NVME_NS_DPS_PI_TYPE1)
		bad = cmd->sqe.cdw14 != (uint32_t)io->slba;
	else if ((v & PI_PRCHK_REF) && io->ns->format.pi == NVME_NS_DPS_PI_TYPE3)
		bad = true;
	/* Nothing is transferred, or only to be compared, so that there is nothing to make. */
	if (cmd->sqe.opcode == nvme_cmd_compare || cmd->sqe.opcode == nvme_cmd_verify)
		bad |= v & IO_PRACT;
	if (cmd->sqe.opcode == nvme_cmd_write_zeroes)
		bad |= (v & PI_PRCHK) != 0;
	if (bad)
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_PI, AT_CDW12 + 3, 2);
	return !bad;
}

void pi_read(struct ctrl *c, struct cmd *cmd, const struct io *io)
{
	struct pi_cursor data = {.x = &io->data}, meta = {.x = &io->meta};
	uint8_t block[PI_BLOCK_MAX];

	for (uint32_t i = 0; i < io->blocks && !cmd->status; i++) {
		int err = pi_load(io->ns, io->slba + i, block);

		if (!err && !pi_check(cmd, io->ns, i, block))
			return;
		if (!err)
			err = pi_copy_block(c, cmd, io->ns, &data, &meta, block, true);
		io_failed(cmd, err, false);
	}
	if (!cmd->status && cmd->corrupt)
		io_failed(cmd, io_corrupt(c, cmd, io, true), false);
}

/* All blocks are checked before the first one is written. */
static bool pi_check_host(struct ctrl *c, struct cmd *cmd, const struct io *io)
{
	struct pi_cursor data = {.x = &io->data}, meta = {.x = &io->meta};
	uint8_t block[PI_BLOCK_MAX];

	if ((cmd->sqe.cdw12 & IO_PRACT) || !(cmd->sqe.cdw12 & PI_PRCHK))
		return true;
	for (uint32_t i = 0; i < io->blocks && !cmd->status; i++) {
		int err = pi_copy_block(c, cmd, io->ns, &data, &meta, block, false);

		if (!err)
			(void)pi_check(cmd, io->ns, i, block);
		io_failed(cmd, err, true);
	}
	return !cmd->status;
}

void pi_write(struct ctrl *c, struct cmd *cmd, const struct io *io)
{
	struct pi_cursor data = {.x = &io->data}, meta = {.x = &io->meta};
	uint8_t block[PI_BLOCK_MAX];

	if (!pi_check_host(c, cmd, io))
		return;
	for (uint32_t i = 0; i < io->blocks && !cmd->status; i++) {
		int err = pi_copy_block(c, cmd, io->ns, &data, &meta, block, false);

		if (!err && (cmd->sqe.cdw12 & IO_PRACT))
			pi_make(cmd, io->ns, i, block);
		if (!err)
			err = pi_store(io->ns, io->slba + i, block);
		io_failed(cmd, err, true);
	}
	if (!cmd->status && cmd->corrupt)
		io_failed(cmd, io_corrupt(c, cmd, io, false), true);
}

/* The PI of either side is checked, and not compared. */
void pi_compare(struct ctrl *c, struct cmd *cmd, const struct io *io)
{
	struct pi_cursor data = {.x = &io->data}, meta = {.x = &io->meta};
	uint8_t host[PI_BLOCK_MAX], block[PI_BLOCK_MAX];
	size_t at = pi_at(io->ns), size = pi_data_size(io->ns) + io->ns->format.metadata;

	for (uint32_t i = 0; i < io->blocks && !cmd->status; i++) {
		int err = pi_load(io->ns, io->slba + i, block);

		if (!err)
			err = pi_copy_block(c, cmd, io->ns, &data, &meta, host, false);
		if (err)
			io_failed(cmd, err, false);
		else if (pi_check(cmd, io->ns, i, block) && pi_check(cmd, io->ns, i, host) &&
			 (memcmp(host, block, at) ||
			  memcmp(host + at + PI_SIZE, block + at + PI_SIZE, size - at - PI_SIZE)))
			cmd_fail(cmd, SIM_SCT_MEDIA | NVME_SC_COMPARE_FAILED, AT_PRP1, 0);
	}
}

void pi_verify(struct ctrl *c, struct cmd *cmd, const struct io *io)
{
	uint8_t block[PI_BLOCK_MAX];

	for (uint32_t i = 0; i < io->blocks && !cmd->status; i++) {
		int err = pi_load(io->ns, io->slba + i, block);

		if (!err)
			(void)pi_check(cmd, io->ns, i, block);
		io_failed(cmd, err, false);
	}
}

void pi_write_zeroes(struct ctrl *c, struct cmd *cmd, const struct io *io)
{
	uint8_t block[PI_BLOCK_MAX];

	for (uint32_t i = 0; i < io->blocks && !cmd->status; i++) {
		memset(block, 0, sizeof(block));
		if (cmd->sqe.cdw12 & IO_PRACT)
			pi_make(cmd, io->ns, i, block);
		io_failed(cmd, pi_store(io->ns, io->slba + i, block), true);
	}
}
