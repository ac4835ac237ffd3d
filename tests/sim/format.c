/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "format.h"
#include "pi.h"
#include "queue.h"

#include <string.h>

#define AT_CDW10 40

/* The usual ones; one that the options ask for beside them is added. */
static const struct lbaf format_usual[] = {
	{9, 0}, {9, 8}, {9, 16}, {9, 64}, {12, 0}, {12, 8}, {12, 16}, {12, 64},
};

static unsigned int format_find(const struct ctrl *c, const struct ns_format *format)
{
	unsigned int i = 0;

	while (i < c->nlbaf &&
	       (c->lbaf[i].shift != format->shift || c->lbaf[i].metadata != format->metadata))
		i++;
	return i;
}

void format_init(struct ctrl *c)
{
	struct ns_format *first = &c->opts.format;

	c->nlbaf = sizeof(format_usual) / sizeof(format_usual[0]);
	memcpy(c->lbaf, format_usual, sizeof(format_usual));
	first->lbaf = format_find(c, first);
	if (first->lbaf == c->nlbaf)
		c->lbaf[c->nlbaf++] = (struct lbaf){first->shift, first->metadata};
}

bool format_make(const struct ctrl *c, unsigned int lbaf, bool extended, unsigned int dps,
		 struct ns_format *format)
{
	unsigned int pi = dps & NVME_NS_DPS_PI_MASK;

	/* What keeps nothing cannot keep it. */
	if (lbaf >= c->nlbaf || (pi && (c->lbaf[lbaf].metadata < PI_SIZE || c->opts.format.null)))
		return false;
	*format = (struct ns_format){
		.shift = c->lbaf[lbaf].shift,
		.metadata = c->lbaf[lbaf].metadata,
		.extended = extended && c->lbaf[lbaf].metadata,
		.null = c->opts.format.null,
		.pi = pi,
		.pi_first = pi && (dps & NVME_NS_DPS_PI_FIRST),
		.lbaf = lbaf,
	};
	return true;
}

/* The format that the command asks for; false: it has failed. */
static bool format_wanted(const struct ctrl *c, struct cmd *cmd, struct ns_format *format)
{
	uint32_t v = cmd->sqe.cdw10;
	unsigned int ses = v >> 9 & 7, pi = v >> 5 & 7;
	unsigned int lbaf = (v & 0xf) | (ctrl_version(c) >= 0x00020000 ? v >> 12 & 3 : 0) << 4;

	if (ses > NVME_FORMAT_SES_CRYPTO_ERASE || pi > NVME_NS_DPS_PI_TYPE3) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, pi > NVME_NS_DPS_PI_TYPE3 ? 5 : 0);
		return false;
	}
	if (format_make(c, lbaf, v & 1u << 4, pi | (v >> 8 & 1) << 3, format))
		return true;
	cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_FORMAT, AT_CDW10, 0);
	return false;
}

/* Calls for each namespace that the command names. */
static void format_each(struct ctrl *c, struct cmd *cmd,
			void (*fn)(struct ctrl *c, struct cmd *cmd, struct ns *ns))
{
	for (unsigned int i = 0; i < c->nns; i++) {
		struct ns *ns = &c->ns[i];

		if (ns->attached && (cmd->sqe.nsid == NVME_NSID_ALL || cmd->sqe.nsid == i + 1))
			fn(c, cmd, ns);
	}
}

static void format_busy(struct ctrl *c, struct cmd *cmd, struct ns *ns)
{
	if (ns->formatting)
		cmd->status = NVME_SC_FORMAT_IN_PROGRESS;
}

static void format_begin(struct ctrl *c, struct cmd *cmd, struct ns *ns)
{
	ns->formatting = true;
	ns->format_from = ctrl_now();
	ns->format_until = ns->format_from + c->opts.format_ms * 1000000ull;
}

static void format_end(struct ctrl *c, struct cmd *cmd, struct ns *ns)
{
	struct cmd scratch = *cmd;
	struct ns_format format;

	ns->formatting = false;
	if (!format_wanted(c, &scratch, &format))
		return;
	if (ns_reformat(ns, &format) < 0)
		cmd->status = SIM_SCT_MEDIA | NVME_SC_WRITE_FAULT;
	log_ns_changed(c, ns->nsid);
}

void format_finish(struct ctrl *c, struct cmd *cmd)
{
	format_each(c, cmd, format_end);
}

void format_exec(struct ctrl *c, struct cmd *cmd)
{
	struct ns_format format;

	if (cmd->sqe.nsid != NVME_NSID_ALL && !ctrl_ns(c, cmd->sqe.nsid)) {
		cmd_no_ns(c, cmd);
		return;
	}
	if (!format_wanted(c, cmd, &format))
		return;
	format_each(c, cmd, format_busy);
	if (cmd->status)
		return;
	selftest_end(c, NVME_ST_RESULT_ABORTED_FORMAT);
	format_each(c, cmd, format_begin);
	if (!c->opts.format_ms) {
		format_finish(c, cmd);
		return;
	}
	cmd->kept = true;
	if (!queue_hold(c, cmd, HELD_FORMAT, ctrl_now() + c->opts.format_ms * 1000000ull))
		ctrl_fatal(c, "no memory to keep a command");
}
