/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "format.h"
#include "nsmgmt.h"
#include "prp.h"
#include "queue.h"

#include <string.h>

/* Byte offsets in a command, for the error log. */
#define AT_PRP1	 24
#define AT_PRP2	 32
#define AT_CDW10 40
#define AT_CDW11 44

static bool admin_move(struct ctrl *c, struct cmd *cmd, uint8_t *buf, size_t len, bool to_host)
{
	unsigned int n;
	uint16_t status = prp_walk(&c->dma, c->page, cmd->sqe.prp1, cmd->sqe.prp2, len, c->segs,
				   c->segs_room, &n);

	if (!status)
		status = cmb_check(&c->dma, c->segs, n);
	if (status) {
		cmd_fail(cmd, status, AT_PRP1, 0);
		return false;
	}
	for (unsigned int i = 0; i < n; i++) {
		size_t part = c->segs[i].len;
		int err = to_host ? dma_write(&c->dma, c->segs[i].iova, buf, part)
				  : dma_read(&c->dma, c->segs[i].iova, buf, part);

		if (err) {
			cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP1, 0);
			return false;
		}
		buf += part;
	}
	return true;
}

/* A fault: one bit is another. */
static void admin_corrupt(const struct cmd *cmd, uint8_t *buf, size_t len)
{
	if (cmd->corrupt && len)
		buf[cmd->corrupt_at % len] ^= 1;
}

bool admin_send(struct ctrl *c, struct cmd *cmd, void *buf, size_t len)
{
	admin_corrupt(cmd, buf, len);
	return admin_move(c, cmd, buf, len, true);
}

bool admin_fetch(struct ctrl *c, struct cmd *cmd, void *buf, size_t len)
{
	if (!admin_move(c, cmd, buf, len, false))
		return false;
	admin_corrupt(cmd, buf, len);
	return true;
}

/* What Create I/O Submission and Completion Queue have in common. */
static bool admin_queue_shape(struct ctrl *c, struct cmd *cmd, bool pc, uint32_t esize,
			      uint32_t want_esize, size_t entry, bool write)
{
	uint32_t size = (cmd->sqe.cdw10 >> 16) + 1;

	if (size < 2 || size > SIM_MQES + 1 || esize != want_esize) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_QUEUE_SIZE, AT_CDW10 + 2, 0);
		return false;
	}
	if (!pc) { /* CAP.CQR: queues are physically contiguous */
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		return false;
	}
	if (cmd->sqe.prp1 & (c->page - 1)) {
		cmd_fail(cmd, NVME_SC_PRP_INVALID_OFFSET, AT_PRP1, 0);
		return false;
	}
	if (cmb_check(&c->dma, &(struct prp_seg){cmd->sqe.prp1, size * entry}, 1)) {
		cmd_fail(cmd, NVME_SC_CMB_INVALID_USE, AT_PRP1, 0);
		return false;
	}
	if (!dma_covered(&c->dma, cmd->sqe.prp1, size * entry, write)) {
		cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP1, 0);
		return false;
	}
	return true;
}

static void admin_create_cq(struct ctrl *c, struct cmd *cmd)
{
	uint16_t qid = cmd->sqe.cdw10, vector = cmd->sqe.cdw11 >> 16;
	bool pc = cmd->sqe.cdw11 & 1, ien = cmd->sqe.cdw11 & 2;

	if (!qid || qid > c->feat.ncq || c->cq[qid].live) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_QID_INVALID, AT_CDW10, 0);
		return;
	}
	if (!admin_queue_shape(c, cmd, pc, NVME_CC_IOCQES(c->cc), 4, sizeof(struct sim_cqe), true))
		return;
	/* Without MSI-X only vector 0 exists. */
	if (vector >= virt_vectors(c) || (ien && vector && !irq_uses_msix(&c->irq))) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_VECTOR, AT_CDW11 + 2, 0);
		return;
	}
	queue_add_cq(c, qid, (cmd->sqe.cdw10 >> 16) + 1, cmd->sqe.prp1, ien, vector);
}

static void admin_create_sq(struct ctrl *c, struct cmd *cmd)
{
	uint16_t qid = cmd->sqe.cdw10, cqid = cmd->sqe.cdw11 >> 16;
	bool pc = cmd->sqe.cdw11 & 1;

	if (!qid || qid > c->feat.nsq || c->sq[qid].live) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_QID_INVALID, AT_CDW10, 0);
		return;
	}
	if (!cqid || cqid > c->feat.ncq) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_QID_INVALID, AT_CDW11 + 2, 0);
		return;
	}
	if (!c->cq[cqid].live) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_CQ_INVALID, AT_CDW11 + 2, 0);
		return;
	}
	if (!admin_queue_shape(c, cmd, pc, NVME_CC_IOSQES(c->cc), 6, sizeof(struct sim_sqe), false))
		return;
	/* QPRIO, which means nothing as long as arbitration is round robin */
	queue_add_sq(c, qid, cqid, (cmd->sqe.cdw10 >> 16) + 1, cmd->sqe.prp1, cmd->sqe.cdw11 >> 1 & 3);
}

static void admin_delete_sq(struct ctrl *c, struct cmd *cmd)
{
	uint16_t qid = cmd->sqe.cdw10;

	if (!qid || qid > c->opts.queues || !c->sq[qid].live)
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_QID_INVALID, AT_CDW10, 0);
	else
		queue_del_sq(c, qid);
}

static void admin_delete_cq(struct ctrl *c, struct cmd *cmd)
{
	uint16_t qid = cmd->sqe.cdw10;

	if (!qid || qid > c->opts.queues || !c->cq[qid].live)
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_QID_INVALID, AT_CDW10, 0);
	else if (c->cq[qid].users)
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_QUEUE, AT_CDW10, 0);
	else
		queue_del_cq(c, qid);
}

static void admin_abort(struct ctrl *c, struct cmd *cmd)
{
	uint16_t sqid = cmd->sqe.cdw10, cid = cmd->sqe.cdw10 >> 16;
	struct held *h;

	cmd->dw0 = 1; /* not aborted */
	if (sqid > c->opts.queues || !c->sq[sqid].live)
		return;
	TAILQ_FOREACH (h, &c->held, link) {
		if (h->cmd.sqid != sqid || h->cmd.sqe.cid != cid)
			continue;
		if (h->why == HELD_STUCK || h->why == HELD_DONE || h->why == HELD_FORMAT)
			return;
		queue_finish(c, h, NVME_SC_ABORT_REQ, 0);
		cmd->dw0 = 0;
		return;
	}
}

static void admin_dbbuf(struct ctrl *c, struct cmd *cmd)
{
	uint64_t shadow = cmd->sqe.prp1, event = cmd->sqe.prp2;
	size_t a = c->page, b = c->page;

	if (!shadow || (shadow & (c->page - 1))) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_PRP1, 0);
	} else if (!event || (event & (c->page - 1))) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_PRP2, 0);
	} else if (!dma_ptr(&c->dma, shadow, &a, true) || a < c->page) {
		cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP1, 0);
	} else if (!dma_ptr(&c->dma, event, &b, true) || b < c->page) {
		cmd_fail(cmd, NVME_SC_DATA_XFER_ERROR, AT_PRP2, 0);
	} else {
		queue_dbbuf(c, shadow, event);
	}
}

static void admin_event(struct ctrl *c, struct cmd *cmd)
{
	cmd->kept = !aer_request(c, cmd);
}

#define SUPPORTED NVME_CMD_EFFECTS_CSUPP
#define CONTENTS  (NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC)

/* No other command may be outstanding on the namespace, or on any (CSE). */
#define ALONE_ON_NS (1u << 16)
#define ALONE	    (2u << 16)

static const struct admin_row {
	void (*fn)(struct ctrl *c, struct cmd *cmd);
	uint32_t effects;
	bool despite_sanitize; /* NVMe base 2.0, 8.21: Admin Commands Allowed */
} admin_rows[256] = {
	[nvme_admin_delete_sq] = {admin_delete_sq, SUPPORTED, true},
	[nvme_admin_create_sq] = {admin_create_sq, SUPPORTED, true},
	[nvme_admin_get_log_page] = {log_exec, SUPPORTED, true},
	[nvme_admin_delete_cq] = {admin_delete_cq, SUPPORTED, true},
	[nvme_admin_create_cq] = {admin_create_cq, SUPPORTED, true},
	[nvme_admin_identify] = {identify_exec, SUPPORTED, true},
	[nvme_admin_abort_cmd] = {admin_abort, SUPPORTED, true},
	[nvme_admin_set_features] = {features_set, SUPPORTED, true},
	[nvme_admin_get_features] = {features_get, SUPPORTED, true},
	[nvme_admin_async_event] = {admin_event, SUPPORTED, true},
	[nvme_admin_ns_mgmt] = {nsmgmt_exec, SUPPORTED | NVME_CMD_EFFECTS_NIC, false},
	[nvme_admin_fw_commit] = {firmware_commit, SUPPORTED | NVME_CMD_EFFECTS_CCC, false},
	[nvme_admin_fw_download] = {firmware_download, SUPPORTED, false},
	[nvme_admin_dev_self_test] = {selftest_exec, SUPPORTED, false},
	[nvme_admin_ns_attach] = {nsmgmt_attach, SUPPORTED | NVME_CMD_EFFECTS_NIC, false},
	[nvme_admin_virtual_mgmt] = {virt_exec, SUPPORTED, false},
	[nvme_admin_dbbuf] = {admin_dbbuf, SUPPORTED, true},
	[nvme_admin_format_nvm] = {format_exec, CONTENTS | NVME_CMD_EFFECTS_NCC | ALONE_ON_NS,
				   false},
	[nvme_admin_security_send] = {security_send, SUPPORTED, false},
	[nvme_admin_security_recv] = {security_receive, SUPPORTED, false},
	[nvme_admin_sanitize_nvm] = {sanitize_exec, CONTENTS | ALONE, false},
};

uint32_t admin_effects(const struct ctrl *c, uint8_t opcode)
{
	if (opcode == nvme_admin_virtual_mgmt && !c->virt.n)
		return 0;
	return admin_rows[opcode].effects;
}

static uint16_t admin_refused(struct ctrl *c, const struct admin_row *row, uint8_t opcode)
{
	uint16_t status = row->despite_sanitize ? 0 : c->sanitize.refusal;

	/* One that failed may be followed by another. */
	return opcode == nvme_admin_sanitize_nvm && status == NVME_SC_SANITIZE_FAILED ? 0 : status;
}

bool admin_exec(struct ctrl *c, struct cmd *cmd)
{
	const struct admin_row *row = &admin_rows[cmd->sqe.opcode];

	if (cmd->sqe.flags & 0xc3) { /* no fused commands, and PRPs alone for admin commands */
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, 1, 0);
		return true;
	}
	if (c->hmb.enabled)
		hmb_look(c);
	if (!row->fn)
		cmd_fail(cmd, NVME_SC_INVALID_OPCODE, 0, 0);
	else if ((cmd->status = admin_refused(c, row, cmd->sqe.opcode)) == 0)
		row->fn(c, cmd);
	return !cmd->kept;
}
