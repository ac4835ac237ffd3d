/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "nsmgmt.h"

#include <stdio.h>
#include <string.h>

#define AT_NSID	 4
#define AT_CDW10 40
#define AT_CDW11 44

/* ASCII fields are padded with blanks and have no NUL. */
static void identify_text(char *at, size_t room, const char *text)
{
	size_t n = strlen(text);

	memset(at, ' ', room);
	memcpy(at, text, n < room ? n : room);
}

/* A number of 16 bytes. */
static void identify_bytes(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void identify_ctrl(struct ctrl *c, struct nvme_id_ctrl *id)
{
	memset(id, 0, sizeof(*id));
	id->vid = PCI_SIM_VENDOR;
	id->ssvid = PCI_SIM_VENDOR;
	identify_text(id->sn, sizeof(id->sn), c->opts.serial);
	identify_text(id->mn, sizeof(id->mn), c->opts.model);
	memcpy(id->fr, firmware_revision(&c->firmware), sizeof(id->fr));
	id->rab = 6;
	id->ieee[0] = 0x00;
	id->ieee[1] = 0x54;
	id->ieee[2] = 0x52;
	id->mdts = c->opts.mdts;
	id->cntlid = CTRL_ID;
	id->ver = ctrl_version(c);
	id->rtd3r = 1000000;
	id->rtd3e = 1000000;
	id->oaes = NVME_CTRL_OAES_NA | NVME_CTRL_OAES_FA;
	id->ctratt = NVME_CTRL_CTRATT_128_ID;
	id->cntrltype = NVME_CTRL_CNTRLTYPE_IO;
	id->oacs = NVME_CTRL_OACS_SECURITY | NVME_CTRL_OACS_FORMAT | NVME_CTRL_OACS_FW |
		   NVME_CTRL_OACS_NS_MGMT | NVME_CTRL_OACS_SELF_TEST | NVME_CTRL_OACS_DBBUF_CFG;
	if (c->virt.n)
		id->oacs |= NVME_CTRL_OACS_VIRT_MGMT;
	id->acl = CTRL_ACL;
	id->aerl = CTRL_AERL;
	id->frmw = NVME_CTRL_FRMW_1ST_RO | FIRMWARE_SLOTS << 1 | NVME_CTRL_FRMW_FW_ACT_NO_RESET;
	id->mtfa = 1; /* 100 ms */
	id->fwug = FIRMWARE_UNIT / 4096;
	id->edstt = (c->opts.extended_test_ms + 59999) / 60000;
	id->dsto = 1; /* one test at a time */
	id->sanicap = NVME_CTRL_SANICAP_CES | NVME_CTRL_SANICAP_BES | NVME_CTRL_SANICAP_OWS |
		      1u << 30; /* NODMMAS: no modification of media after completion */
	id->fna = NVME_CTRL_FNA_CRYPTO_ERASE;
	identify_bytes(id->tnvmcap, c->opts.capacity);
	identify_bytes(id->unvmcap, nsmgmt_unallocated(c));
	id->lpa = NVME_CTRL_LPA_CMD_EFFECTS | NVME_CTRL_LPA_EXTENDED;
	if (ctrl_version(c) >= 0x00020000)
		id->lpa |= NVME_CTRL_LPA_LI0_LI5_LI12_LI13;
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
	id->oncs = NVME_CTRL_ONCS_COMPARE | NVME_CTRL_ONCS_DSM | NVME_CTRL_ONCS_WRITE_ZEROES |
		   NVME_CTRL_ONCS_SAVE_FEATURES | NVME_CTRL_ONCS_VERIFY;
	id->vwc = NVME_CTRL_VWC_PRESENT | 3 << 1; /* Flush takes NSID FFFFFFFFh */
	id->sgls = c->opts.sgls;
	id->psd[0].mp = 2500;
	snprintf(id->subnqn, sizeof(id->subnqn), "nqn.2024-01.org.vfnd:sim:%s", c->opts.serial);
}

/* What all namespaces have in common. */
static void identify_common(const struct ctrl *c, struct nvme_id_ns *id)
{
	memset(id, 0, sizeof(*id));
	id->nlbaf = c->nlbaf - 1;
	for (unsigned int i = 0; i < c->nlbaf; i++) {
		id->lbaf[i].ds = c->lbaf[i].shift;
		id->lbaf[i].ms = c->lbaf[i].metadata;
	}
	id->mc = NVME_NS_MC_EXTENDED | NVME_NS_MC_SEPARATE;
	if (c->opts.format.null)
		return;
	id->dpc = NVME_NS_DPC_PI_TYPE1 | NVME_NS_DPC_PI_TYPE2 | NVME_NS_DPC_PI_TYPE3 |
		  NVME_NS_DPC_PI_FIRST | NVME_NS_DPC_PI_LAST;
	/* Deallocated blocks read as zeroes; their PI is all ones. */
	id->dlfeat = NVME_NS_DLFEAT_RB_ALL_0S | NVME_NS_DLFEAT_WRITE_ZEROES;
}

/* Percent of a format that are still to be done. */
static uint8_t identify_format_left(const struct ns *ns)
{
	uint64_t now = ctrl_now(), all = ns->format_until - ns->format_from;

	if (!ns->formatting || now >= ns->format_until)
		return 0;
	return (ns->format_until - now) * 100 / all;
}

static void identify_ns(const struct ctrl *c, const struct ns *ns, struct nvme_id_ns *id)
{
	identify_common(c, id);
	id->nsze = id->ncap = id->nuse = ns->blocks;
	id->flbas = ns->format.lbaf | (ns->format.extended ? NVME_NS_FLBAS_META_EXT : 0);
	id->dps = ns->format.pi | (ns->format.pi_first ? NVME_NS_DPS_PI_FIRST : 0);
	id->nmic = ns->nmic;
	id->fpi = 0x80 | identify_format_left(ns);
	identify_bytes(id->nvmcap, ns->bytes);
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

static void identify_descs(const struct ctrl *c, const struct ns *ns, uint8_t *buf)
{
	static const uint8_t csi = NVME_CSI_NVM;
	uint8_t *at = buf;

	memset(buf, 0, NVME_IDENTIFY_DATA_SIZE);
	at = identify_desc(at, NVME_NIDT_EUI64, NVME_NIDT_EUI64_LEN, ns->eui64);
	at = identify_desc(at, NVME_NIDT_NGUID, NVME_NIDT_NGUID_LEN, ns->nguid);
	at = identify_desc(at, NVME_NIDT_UUID, NVME_NIDT_UUID_LEN, ns->uuid);
	if (ctrl_version(c) >= 0x00020000)
		identify_desc(at, NVME_NIDT_CSI, NVME_NIDT_CSI_LEN, &csi);
}

/* Namespaces above the command's NSID: active ones, or all that exist. */
static void identify_list(struct ctrl *c, struct cmd *cmd, bool all)
{
	uint32_t *list = (uint32_t *)c->bounce;
	unsigned int n = 0;

	if (cmd->sqe.nsid >= 0xfffffffe) {
		cmd_fail(cmd, NVME_SC_INVALID_NS, AT_NSID, 0);
		return;
	}
	memset(list, 0, NVME_IDENTIFY_DATA_SIZE);
	for (unsigned int i = 0; i < c->nns && n < NVME_ID_NS_LIST_MAX; i++) {
		if (i + 1 > cmd->sqe.nsid && (all ? c->ns[i].exists : c->ns[i].attached))
			list[n++] = i + 1;
	}
}

/* What the NVM command set has beside Identify Namespace: nothing that is not zero. */
static void identify_nvm_ns(struct nvme_nvm_id_ns *id)
{
	memset(id, 0, sizeof(*id));
}

static void identify_independent(const struct ns *ns, struct nvme_id_independent_id_ns *id)
{
	memset(id, 0, sizeof(*id));
	id->nmic = ns->nmic;
	id->fpi = 0x80 | identify_format_left(ns);
	id->nstat = !ns->formatting; /* ready */
}

/* Of one namespace; one that is not active has zeroes, but no list of descriptors. */
static void identify_one(struct ctrl *c, struct cmd *cmd, uint8_t cns)
{
	bool allocated = cns == NVME_IDENTIFY_CNS_ALLOCATED_NS;
	struct ns *ns = allocated ? ctrl_allocated(c, cmd->sqe.nsid) : ctrl_ns(c, cmd->sqe.nsid);

	memset(c->bounce, 0, NVME_IDENTIFY_DATA_SIZE);
	if (cns == NVME_IDENTIFY_CNS_NS && cmd->sqe.nsid == NVME_NSID_ALL) {
		identify_common(c, (struct nvme_id_ns *)c->bounce);
		return;
	}
	if (!ns &&
	    (!cmd->sqe.nsid || cmd->sqe.nsid > c->nns || cns == NVME_IDENTIFY_CNS_NS_DESC_LIST)) {
		cmd_no_ns(c, cmd);
	} else if (ns && (allocated || cns == NVME_IDENTIFY_CNS_NS)) {
		identify_ns(c, ns, (struct nvme_id_ns *)c->bounce);
	} else if (ns && cns == NVME_IDENTIFY_CNS_NS_DESC_LIST) {
		identify_descs(c, ns, c->bounce);
	} else if (ns && cns == NVME_IDENTIFY_CNS_CSI_NS) {
		identify_nvm_ns((struct nvme_nvm_id_ns *)c->bounce);
	} else if (ns) {
		identify_independent(ns, (struct nvme_id_independent_id_ns *)c->bounce);
	}
}

/* Controllers from CNTID on: those that a namespace is attached to, this one at most, or all. */
static void identify_controllers(struct ctrl *c, struct cmd *cmd, bool all)
{
	struct nvme_ctrl_list *list = (struct nvme_ctrl_list *)c->bounce;
	struct ns *ns = ctrl_allocated(c, cmd->sqe.nsid);

	if (!all && !ns) {
		cmd_no_ns(c, cmd);
		return;
	}
	memset(list, 0, NVME_IDENTIFY_DATA_SIZE);
	for (unsigned int id = CTRL_ID; id <= CTRL_ID + (all ? c->virt.n : 0); id++) {
		if (id >= cmd->sqe.cdw10 >> 16 && (all || ns->attached))
			list->identifier[list->num++] = id;
	}
}

/* I/O command sets that can be enabled together: the NVM command set. */
static void identify_iocs(struct ctrl *c, struct cmd *cmd)
{
	struct nvme_id_iocs *id = (struct nvme_id_iocs *)c->bounce;
	uint16_t cntid = cmd->sqe.cdw10 >> 16;

	if (cntid != 0xffff && cntid != CTRL_ID) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10 + 2, 0);
		return;
	}
	memset(id, 0, sizeof(*id));
	id->iocsc[0] = 1u << NVME_CSI_NVM;
}

/* Those that an I/O command set has of its own, and those of NVMe 2.0. */
static void identify_exec_2(struct ctrl *c, struct cmd *cmd, uint8_t cns)
{
	bool with_csi = cns == NVME_IDENTIFY_CNS_CSI_NS || cns == NVME_IDENTIFY_CNS_CSI_CTRL ||
			cns == NVME_IDENTIFY_CNS_CSI_NS_ACTIVE_LIST ||
			cns == NVME_IDENTIFY_CNS_CSI_ALLOCATED_NS_LIST;

	if (ctrl_version(c) < 0x00020000) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (with_csi && cmd->sqe.cdw11 >> 24 != NVME_CSI_NVM) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_IOCS, AT_CDW11 + 3, 0);
		return;
	}
	switch (cns) {
	case NVME_IDENTIFY_CNS_CSI_NS:
	case NVME_IDENTIFY_CNS_CSI_INDEPENDENT_ID_NS:
		identify_one(c, cmd, cns);
		break;
	case NVME_IDENTIFY_CNS_CSI_CTRL: /* Verify and others have no limits of their own */
		memset(c->bounce, 0, NVME_IDENTIFY_DATA_SIZE);
		break;
	case NVME_IDENTIFY_CNS_CSI_NS_ACTIVE_LIST:
		identify_list(c, cmd, false);
		break;
	case NVME_IDENTIFY_CNS_CSI_ALLOCATED_NS_LIST:
		identify_list(c, cmd, true);
		break;
	case NVME_IDENTIFY_CNS_COMMAND_SET_STRUCTURE:
		identify_iocs(c, cmd);
		break;
	default:
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		break;
	}
}

void identify_exec(struct ctrl *c, struct cmd *cmd)
{
	uint8_t cns = cmd->sqe.cdw10;

	switch (cns) {
	case NVME_IDENTIFY_CNS_NS:
	case NVME_IDENTIFY_CNS_NS_DESC_LIST:
	case NVME_IDENTIFY_CNS_ALLOCATED_NS:
		identify_one(c, cmd, cns);
		break;
	case NVME_IDENTIFY_CNS_ALLOCATED_NS_LIST:
		identify_list(c, cmd, true);
		break;
	case NVME_IDENTIFY_CNS_NS_CTRL_LIST:
	case NVME_IDENTIFY_CNS_CTRL_LIST:
		identify_controllers(c, cmd, cns == NVME_IDENTIFY_CNS_CTRL_LIST);
		break;
	case NVME_IDENTIFY_CNS_PRIMARY_CTRL_CAP:
	case NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST:
		virt_identify(c, cmd);
		break;
	case NVME_IDENTIFY_CNS_CTRL:
		identify_ctrl(c, (struct nvme_id_ctrl *)c->bounce);
		break;
	case NVME_IDENTIFY_CNS_NS_ACTIVE_LIST:
		identify_list(c, cmd, false);
		break;
	default:
		identify_exec_2(c, cmd, cns);
		break;
	}
	if (!cmd->status)
		(void)admin_send(c, cmd, c->bounce, NVME_IDENTIFY_DATA_SIZE);
}
