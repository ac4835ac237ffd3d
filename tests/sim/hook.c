/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "hook.h"
#include "cmd.h"
#include "queue.h"

static struct fault_cmd hook_cmd(const struct cmd *cmd)
{
	struct fault_cmd fc = {
		.io = cmd->sqid != 0, .opcode = cmd->sqe.opcode, .nsid = cmd->sqe.nsid};

	if (!fc.io)
		return fc;
	switch (fc.opcode) {
	case nvme_cmd_read:
	case nvme_cmd_write:
	case nvme_cmd_compare:
	case nvme_cmd_write_zeroes:
	case nvme_cmd_verify:
		fc.slba = (uint64_t)cmd->sqe.cdw11 << 32 | cmd->sqe.cdw10;
		fc.blocks = (cmd->sqe.cdw12 & 0xffff) + 1;
		break;
	default:
		break;
	}
	return fc;
}

static enum hook hook_hold(struct ctrl *c, const struct cmd *cmd, enum held_why why, uint64_t when)
{
	if (!queue_hold(c, cmd, why, when))
		ctrl_fatal(c, "no memory to keep a command");
	return HOOK_TAKEN;
}

enum hook hook_before(struct ctrl *c, struct cmd *cmd)
{
	struct fault_cmd fc = hook_cmd(cmd);
	struct fault f;

	switch (fault_before(&c->faults, &fc, &f)) {
	case FAULT_DELAY:
		return hook_hold(c, cmd, HELD_DELAYED, ctrl_now() + f.ms * 1000000ull);
	case FAULT_STATUS:
		cmd->status = f.status;
		return HOOK_SKIP;
	case FAULT_FATAL:
		ctrl_fatal(c, "a fault has been asked for");
		return HOOK_TAKEN;
	case FAULT_ONES:
		ctrl_lose(c, CTRL_ONES);
		return HOOK_TAKEN;
	case FAULT_LINK:
		ctrl_lose(c, CTRL_LINK_DOWN);
		return HOOK_TAKEN;
	case FAULT_CORRUPT:
		cmd->corrupt = true;
		cmd->corrupt_at = f.value;
		return HOOK_GO;
	default:
		return HOOK_GO;
	}
}

enum hook hook_after(struct ctrl *c, struct cmd *cmd)
{
	struct fault_cmd fc = hook_cmd(cmd);
	struct fault f;

	switch (fault_after(&c->faults, &fc, &f)) {
	case FAULT_DROP:
		return hook_hold(c, cmd, f.stuck ? HELD_STUCK : HELD_DROPPED, 0);
	case FAULT_TWICE:
		return HOOK_TWICE;
	case FAULT_CID:
		cmd->sqe.cid = f.has_value ? f.value : cmd->sqe.cid ^ 0x8000;
		return HOOK_GO;
	case FAULT_EVENT:
		aer_raise(c, f.event[0], f.event[1], f.event[2]);
		return HOOK_GO;
	default:
		return HOOK_GO;
	}
}
