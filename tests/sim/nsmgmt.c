/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "nsmgmt.h"
#include "cmd.h"
#include "format.h"

#include <string.h>

#define AT_NSID	 4
#define AT_PRP1	 24
#define AT_CDW10 40
#define AT_CDW11 44

enum {
	NSMGMT_CREATE,
	NSMGMT_DELETE,
};

enum {
	NSMGMT_ATTACH,
	NSMGMT_DETACH,
};

uint64_t nsmgmt_unallocated(const struct ctrl *c)
{
	uint64_t left = c->opts.capacity;

	for (unsigned int i = 0; i < c->nns; i++)
		left -= c->ns[i].bytes;
	return left;
}

/* What the host may set, and what of it can be had. */
static bool nsmgmt_check(const struct ctrl *c, struct cmd *cmd, const struct nvme_id_ns *want,
			 struct ns_format *format)
{
	unsigned int lbaf = (want->flbas & 0xf) | (want->flbas >> 5 & 3) << 4;
	uint16_t status = 0;

	if (!want->nsze || want->ncap > want->nsze || want->nmic > 1 || (want->dps & ~0xfu) ||
	    (want->dps & NVME_NS_DPS_PI_MASK) > NVME_NS_DPS_PI_TYPE3 || want->anagrpid ||
	    want->nvmsetid || want->endgid)
		status = NVME_SC_INVALID_FIELD;
	else if (!format_make(c, lbaf, want->flbas & NVME_NS_FLBAS_META_EXT, want->dps, format))
		status = SIM_SCT_SPECIFIC | NVME_SC_INVALID_FORMAT;
	else if (want->ncap < want->nsze)
		status = SIM_SCT_SPECIFIC | NVME_SC_THIN_PROV_NOT_SUPP;
	if (status)
		cmd_fail(cmd, status, AT_PRP1, 0);
	return !status;
}

static struct ns *nsmgmt_free_slot(struct ctrl *c)
{
	for (unsigned int i = 0; i < c->nns; i++) {
		if (!c->ns[i].exists)
			return &c->ns[i];
	}
	return NULL;
}

static void nsmgmt_create(struct ctrl *c, struct cmd *cmd)
{
	struct nvme_id_ns want;
	struct ns_format format;
	uint64_t block;
	struct ns *ns;

	if (cmd->sqe.nsid) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_NSID, 0);
		return;
	}
	if (cmd->sqe.cdw11 >> 24 != NVME_CSI_NVM) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_IOCS_NOT_SUPPORTED, AT_CDW11 + 3, 0);
		return;
	}
	if (!admin_fetch(c, cmd, &want, sizeof(want)) || !nsmgmt_check(c, cmd, &want, &format))
		return;
	block = (1ull << format.shift) + format.metadata;
	if (want.nsze > nsmgmt_unallocated(c) / block) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_NS_INSUFFICIENT_CAP, AT_PRP1, 0);
		/* What would be needed; a size that no number of bytes is, is the largest. */
		cmd->info = want.nsze > UINT64_MAX / block ? UINT64_MAX : want.nsze * block;
		return;
	}
	ns = nsmgmt_free_slot(c);
	if (!ns) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_NS_ID_UNAVAILABLE, AT_CDW10, 0);
		return;
	}
	if (ns_create(ns, ns - c->ns + 1, &format, want.nsze, c->opts.serial, ++c->generation)) {
		cmd->status = NVME_SC_INTERNAL;
		return;
	}
	ns->nmic = want.nmic;
	cmd->dw0 = ns->nsid;
}

static void nsmgmt_gone(struct ctrl *c, struct ns *ns)
{
	bool told = ns->attached;

	ns->attached = false;
	if (c->selftest.nsid == ns->nsid)
		selftest_end(c, NVME_ST_RESULT_NS_REMOVED);
	if (told)
		log_ns_changed(c, ns->nsid);
}

static void nsmgmt_delete(struct ctrl *c, struct cmd *cmd)
{
	bool all = cmd->sqe.nsid == NVME_NSID_ALL;

	if (!all && !ctrl_allocated(c, cmd->sqe.nsid)) {
		cmd_no_ns(c, cmd);
		return;
	}
	for (unsigned int i = 0; i < c->nns; i++) {
		if ((all || cmd->sqe.nsid == i + 1) && c->ns[i].formatting) {
			cmd->status = NVME_SC_FORMAT_IN_PROGRESS;
			return;
		}
	}
	for (unsigned int i = 0; i < c->nns; i++) {
		if (!c->ns[i].exists || (!all && cmd->sqe.nsid != i + 1))
			continue;
		nsmgmt_gone(c, &c->ns[i]);
		ns_close(&c->ns[i]);
	}
}

void nsmgmt_exec(struct ctrl *c, struct cmd *cmd)
{
	switch (cmd->sqe.cdw10 & 0xf) {
	case NSMGMT_CREATE:
		nsmgmt_create(c, cmd);
		break;
	case NSMGMT_DELETE:
		nsmgmt_delete(c, cmd);
		break;
	default:
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		break;
	}
}

/* The command's list is of one controller, this one: there is no other. */
static bool nsmgmt_controllers(struct ctrl *c, struct cmd *cmd)
{
	struct nvme_ctrl_list *list = (struct nvme_ctrl_list *)c->bounce;

	if (!admin_fetch(c, cmd, list, sizeof(*list)))
		return false;
	if (list->num == 1 && list->identifier[0] == CTRL_ID)
		return true;
	cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_CTRL_LIST_INVALID, AT_PRP1, 0);
	return false;
}

void nsmgmt_attach(struct ctrl *c, struct cmd *cmd)
{
	unsigned int sel = cmd->sqe.cdw10 & 0xf;
	struct ns *ns = ctrl_allocated(c, cmd->sqe.nsid);

	if (sel > NSMGMT_DETACH) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (!ns) {
		cmd_no_ns(c, cmd);
		return;
	}
	if (!nsmgmt_controllers(c, cmd))
		return;
	if (sel == NSMGMT_ATTACH && ns->attached) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_NS_ALREADY_ATTACHED, AT_NSID, 0);
	} else if (sel == NSMGMT_DETACH && !ns->attached) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_NS_NOT_ATTACHED, AT_NSID, 0);
	} else if (ns->formatting) {
		cmd->status = NVME_SC_FORMAT_IN_PROGRESS;
	} else if (sel == NSMGMT_ATTACH) {
		ns->attached = true;
		log_ns_changed(c, ns->nsid);
	} else {
		nsmgmt_gone(c, ns);
	}
}
