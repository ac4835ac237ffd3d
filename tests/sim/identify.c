/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"

#include <stdio.h>
#include <string.h>

#define AT_NSID	 4
#define AT_CDW10 40

/* ASCII fields are padded with blanks and have no NUL. */
static void identify_text(char *at, size_t room, const char *text)
{
	size_t n = strlen(text);

	memset(at, ' ', room);
	memcpy(at, text, n < room ? n : room);
}

static void identify_ctrl(struct ctrl *c, struct nvme_id_ctrl *id)
{
	memset(id, 0, sizeof(*id));
	id->vid = PCI_SIM_VENDOR;
	id->ssvid = PCI_SIM_VENDOR;
	identify_text(id->sn, sizeof(id->sn), c->opts.serial);
	identify_text(id->mn, sizeof(id->mn), c->opts.model);
	identify_text(id->fr, sizeof(id->fr), PACKAGE_VERSION);
	id->rab = 6;
	id->ieee[0] = 0x00;
	id->ieee[1] = 0x54;
	id->ieee[2] = 0x52;
	id->mdts = c->opts.mdts;
	id->cntlid = 1;
	id->ver = c->opts.cmb_old ? 0x00010300 : 0x00010400;
	id->rtd3r = 1000000;
	id->rtd3e = 1000000;
	id->oaes = NVME_CTRL_OAES_NA;
	id->ctratt = NVME_CTRL_CTRATT_128_ID;
	id->cntrltype = NVME_CTRL_CNTRLTYPE_IO;
	id->oacs = NVME_CTRL_OACS_DBBUF_CFG;
	id->acl = CTRL_ACL;
	id->aerl = CTRL_AERL;
	id->frmw = NVME_CTRL_FRMW_1ST_RO | 1 << 1;
	id->lpa = NVME_CTRL_LPA_CMD_EFFECTS | NVME_CTRL_LPA_EXTENDED;
	id->elpe = CTRL_ELPE;
	if (c->opts.hmb_preferred) {
		id->hmpre = c->opts.hmb_preferred;
		id->hmmin = c->opts.hmb_min;
		id->hmminds = HMB_MIN_ENTRY;
		id->hmmaxd = HMB_MAX_ENTRIES;
	}
	id->wctemp = CTRL_WCTEMP;
	id->cctemp = CTRL_CCTEMP;
	id->sqes = 0x66;
	id->cqes = 0x44;
	id->nn = c->nns;
	id->oncs =
		NVME_CTRL_ONCS_COMPARE | NVME_CTRL_ONCS_WRITE_ZEROES | NVME_CTRL_ONCS_SAVE_FEATURES;
	id->vwc = NVME_CTRL_VWC_PRESENT | 3 << 1; /* Flush takes NSID FFFFFFFFh */
	id->sgls = c->opts.sgls;
	id->psd[0].mp = 2500;
	snprintf(id->subnqn, sizeof(id->subnqn), "nqn.2024-01.org.vfnd:sim:%s", c->opts.serial);
}

static void identify_ns(const struct ns *ns, struct nvme_id_ns *id)
{
	memset(id, 0, sizeof(*id));
	id->nsze = id->ncap = id->nuse = ns->blocks;
	id->dlfeat = !ns->format.null; /* blocks never written read as zeroes */
	id->lbaf[0].ds = ns->format.shift;
	id->lbaf[0].ms = ns->format.metadata;
	if (ns->format.extended)
		id->flbas = NVME_NS_FLBAS_META_EXT;
	if (ns->format.metadata)
		id->mc = ns->format.extended ? NVME_NS_MC_EXTENDED : NVME_NS_MC_SEPARATE;
	memcpy(id->nguid, ns->nguid, sizeof(id->nguid));
	memcpy(id->eui64, ns->eui64, sizeof(id->eui64));
}

static uint8_t *identify_desc(uint8_t *at, uint8_t type, uint8_t len, const uint8_t *id)
{
	at[0] = type;
	at[1] = len;
	memcpy(at + 4, id, len);
	return at + 4 + len;
}

static void identify_descs(const struct ns *ns, uint8_t *buf)
{
	uint8_t *at = buf;

	memset(buf, 0, NVME_IDENTIFY_DATA_SIZE);
	at = identify_desc(at, NVME_NIDT_EUI64, NVME_NIDT_EUI64_LEN, ns->eui64);
	at = identify_desc(at, NVME_NIDT_NGUID, NVME_NIDT_NGUID_LEN, ns->nguid);
	identify_desc(at, NVME_NIDT_UUID, NVME_NIDT_UUID_LEN, ns->uuid);
}

static void identify_list(struct ctrl *c, uint32_t above, uint32_t *list)
{
	unsigned int n = 0;

	memset(list, 0, NVME_IDENTIFY_DATA_SIZE);
	for (unsigned int i = 0; i < c->nns && n < NVME_ID_NS_LIST_MAX; i++) {
		if (c->ns[i].nsid > above)
			list[n++] = c->ns[i].nsid;
	}
}

void identify_exec(struct ctrl *c, struct cmd *cmd)
{
	uint8_t cns = cmd->sqe.cdw10;
	struct ns *ns = ctrl_ns(c, cmd->sqe.nsid);

	switch (cns) {
	case NVME_IDENTIFY_CNS_NS:
	case NVME_IDENTIFY_CNS_NS_DESC_LIST:
		if (!ns) {
			cmd_fail(cmd, NVME_SC_INVALID_NS, AT_NSID, 0);
			return;
		}
		if (cns == NVME_IDENTIFY_CNS_NS)
			identify_ns(ns, (struct nvme_id_ns *)c->bounce);
		else
			identify_descs(ns, c->bounce);
		break;
	case NVME_IDENTIFY_CNS_CTRL:
		identify_ctrl(c, (struct nvme_id_ctrl *)c->bounce);
		break;
	case NVME_IDENTIFY_CNS_NS_ACTIVE_LIST:
		if (cmd->sqe.nsid >= 0xfffffffe) {
			cmd_fail(cmd, NVME_SC_INVALID_NS, AT_NSID, 0);
			return;
		}
		identify_list(c, cmd->sqe.nsid, (uint32_t *)c->bounce);
		break;
	default:
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	(void)admin_send(c, cmd, c->bounce, NVME_IDENTIFY_DATA_SIZE);
}
