/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "coalesce.h"

#include <string.h>

#define AT_NSID	 4
#define AT_CDW10 40
#define AT_CDW11 44

/* What Get Features tells with SEL = 3 (NVMe base 1.4, 5.14.1). */
#define CAN_SAVE   1u
#define CAN_PER_NS 2u
#define CAN_CHANGE 4u

/* Bits that a host may set beyond those are refused, not dropped: it would believe they took. */
struct feature {
	uint8_t fid;
	uint8_t can;
	uint32_t initial;
	uint32_t valid;
};

static const struct feature features[] = {
	{NVME_FEAT_FID_ARBITRATION, CAN_SAVE | CAN_CHANGE, 7, 0xffffff07},
	{NVME_FEAT_FID_POWER_MGMT, CAN_CHANGE, 0, 0xff},
	{NVME_FEAT_FID_TEMP_THRESH, CAN_CHANGE, 0, 0x3fffff},
	{NVME_FEAT_FID_ERR_RECOVERY, CAN_PER_NS | CAN_CHANGE, 0, 0xffff},
	{NVME_FEAT_FID_VOLATILE_WC, CAN_SAVE | CAN_CHANGE, 1, 1},
	{NVME_FEAT_FID_NUM_QUEUES, CAN_CHANGE, 0, UINT32_MAX},
	{NVME_FEAT_FID_IRQ_COALESCE, CAN_SAVE | CAN_CHANGE, 0, 0xffff},
	{NVME_FEAT_FID_IRQ_CONFIG, CAN_CHANGE, 0, 0x1ffff},
	{NVME_FEAT_FID_WRITE_ATOMIC, CAN_SAVE | CAN_CHANGE, 0, 1},
	{NVME_FEAT_FID_ASYNC_EVENT, CAN_SAVE | CAN_CHANGE, 0, 0x3ff},
	{NVME_FEAT_FID_HOST_ID, CAN_CHANGE, 0, 1},
	{NVME_FEAT_FID_HOST_MEM_BUF, CAN_CHANGE, 0, 3},
	{NVME_FEAT_FID_IOCS_PROFILE, CAN_CHANGE, 0, 0x1ff},
};

#define FEATURES (sizeof(features) / sizeof(features[0]))
_Static_assert(FEATURES <= FEATURE_SLOTS, "more features than slots");

static int features_find(uint8_t fid)
{
	for (unsigned int i = 0; i < FEATURES; i++) {
		if (features[i].fid == fid)
			return i;
	}
	return -1;
}

/* The same, but not those that this controller was made without. */
static int features_there(const struct ctrl *c, uint8_t fid)
{
	if (fid == NVME_FEAT_FID_HOST_MEM_BUF && !c->opts.hmb_preferred)
		return -1;
	if (fid == NVME_FEAT_FID_IOCS_PROFILE && c->opts.cmb_old)
		return -1;
	return features_find(fid);
}

uint32_t features_effects(const struct ctrl *c, uint8_t fid)
{
	int i = features_there(c, fid);
	uint32_t scope = NVME_FID_SUPPORTED_EFFECTS_SCOPE_CTRL;

	if (i < 0)
		return 0;
	if (features[i].can & CAN_PER_NS)
		scope = NVME_FID_SUPPORTED_EFFECTS_SCOPE_NS;
	return NVME_FID_SUPPORTED_EFFECTS_FSUPP | scope << NVME_FID_SUPPORTED_EFFECTS_SCOPE_SHIFT;
}

static uint32_t features_value(const struct ctrl *c, uint8_t fid)
{
	return c->feat.value[features_find(fid)].current;
}

uint32_t features_event_config(const struct ctrl *c)
{
	return features_value(c, NVME_FEAT_FID_ASYNC_EVENT);
}

uint32_t features_arbitration(const struct ctrl *c)
{
	return features_value(c, NVME_FEAT_FID_ARBITRATION);
}

uint32_t features_coalescing(const struct ctrl *c)
{
	return features_value(c, NVME_FEAT_FID_IRQ_COALESCE);
}

bool features_write_cache(const struct ctrl *c)
{
	return features_value(c, NVME_FEAT_FID_VOLATILE_WC) & 1;
}

void features_reset(struct ctrl *c, bool keep)
{
	struct features *f = &c->feat;

	for (unsigned int i = 0; i < FEATURES; i++) {
		if (!keep)
			f->value[i].saved = features[i].initial;
		f->value[i].current = f->value[i].saved;
	}
	for (unsigned int i = 0; i < 9; i++) {
		/* Sensors that do not exist have no thresholds; the composite one warns at WCTEMP.
		 */
		f->threshold[0][i] = i ? 0xffff : CTRL_WCTEMP;
		f->threshold[1][i] = 0;
	}
	memset(f->tler, 0, sizeof(f->tler));
	memset(f->no_coalesce, 0, sizeof(f->no_coalesce));
	memset(f->hostid, 0, sizeof(f->hostid));
	f->nsq = f->ncq = virt_pairs(c);
}

/* Below under or above over threshold: the warning of SMART's temperature bit. */
static void features_check_temperature(struct ctrl *c)
{
	const struct features *f = &c->feat;
	bool warn =
		CTRL_TEMPERATURE >= f->threshold[0][0] || CTRL_TEMPERATURE <= f->threshold[1][0];

	if (warn)
		aer_smart(c, c->critical_warning | NVME_SMART_CRIT_TEMPERATURE);
	else
		aer_smart(c, c->critical_warning & ~NVME_SMART_CRIT_TEMPERATURE);
}

static void features_set_threshold(struct ctrl *c, struct cmd *cmd)
{
	uint32_t v = cmd->sqe.cdw11;
	unsigned int sensor = v >> 16 & 0xf, side = v >> 20 & 3;

	if ((sensor > 8 && sensor != 0xf) || side > 1) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11 + 2, 0);
		return;
	}
	for (unsigned int i = 0; i < 9; i++) {
		if (i == sensor || sensor == 0xf)
			c->feat.threshold[side][i] = v & 0xffff;
	}
	features_check_temperature(c);
}

static void features_set_queues(struct ctrl *c, struct cmd *cmd)
{
	uint32_t nsq = cmd->sqe.cdw11 & 0xffff, ncq = cmd->sqe.cdw11 >> 16;
	uint32_t max = virt_pairs(c) - 1;

	if (nsq == 0xffff || ncq == 0xffff) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		return;
	}
	if (c->nsq > 1 || c->ncq > 1) {
		cmd_fail(cmd, NVME_SC_CMD_SEQ_ERROR, AT_CDW10, 0);
		return;
	}
	nsq = nsq > max ? max : nsq;
	ncq = ncq > max ? max : ncq;
	c->feat.nsq = nsq + 1;
	c->feat.ncq = ncq + 1;
	cmd->dw0 = nsq | ncq << 16;
}

static void features_set_hostid(struct ctrl *c, struct cmd *cmd)
{
	uint8_t id[16] = {0};

	/* 64-bit and 128-bit identifiers; the latter only with EXHID. */
	if (!admin_fetch(c, cmd, id, cmd->sqe.cdw11 & 1 ? 16 : 8))
		return;
	memcpy(c->feat.hostid, id, sizeof(id));
}

/* Those that need more than a dword kept. */
static void features_set_special(struct ctrl *c, struct cmd *cmd, struct feature_value *val)
{
	uint32_t v = cmd->sqe.cdw11;
	struct ns *ns;

	switch (cmd->sqe.cdw10 & 0xff) {
	case NVME_FEAT_FID_TEMP_THRESH:
		features_set_threshold(c, cmd);
		return;
	case NVME_FEAT_FID_NUM_QUEUES:
		features_set_queues(c, cmd);
		return;
	case NVME_FEAT_FID_HOST_ID:
		features_set_hostid(c, cmd);
		break;
	case NVME_FEAT_FID_HOST_MEM_BUF:
		hmb_set(c, cmd);
		return;
	case NVME_FEAT_FID_POWER_MGMT:
		if (v & 0x1f) /* power state 0 is the only one */
			cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		break;
	case NVME_FEAT_FID_IOCS_PROFILE:
		if (v) /* the first combination is the only one */
			cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_IOCS_COMBINATION_REJECTED,
				 AT_CDW11, 0);
		break;
	case NVME_FEAT_FID_IRQ_CONFIG:
		if ((v & 0xffff) >= virt_vectors(c)) {
			cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
			return;
		}
		c->feat.no_coalesce[v & 0xffff] = v >> 16 & 1;
		coalesce_flush(c);
		return;
	case NVME_FEAT_FID_ERR_RECOVERY:
		ns = ctrl_ns(c, cmd->sqe.nsid);
		if (!ns && cmd->sqe.nsid != NVME_NSID_ALL) {
			cmd_no_ns(c, cmd);
			return;
		}
		for (unsigned int i = 0; i < c->nns; i++) {
			if (!ns || ns == &c->ns[i])
				c->feat.tler[i] = v;
		}
		return;
	default:
		break;
	}
	if (!cmd->status)
		val->current = v;
	if (!cmd->status && (cmd->sqe.cdw10 & 0xff) == NVME_FEAT_FID_IRQ_COALESCE)
		coalesce_flush(c);
	if (!cmd->status && (cmd->sqe.cdw10 & 0xff) == NVME_FEAT_FID_ARBITRATION)
		arbiter_update(c);
}

void features_set(struct ctrl *c, struct cmd *cmd)
{
	int i = features_there(c, cmd->sqe.cdw10 & 0xff);
	bool save = cmd->sqe.cdw10 >> 31;
	uint8_t before = c->critical_warning & features_event_config(c);
	struct feature_value *val;

	if (i < 0) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (save && !(features[i].can & CAN_SAVE)) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_FEATURE_NOT_SAVEABLE, AT_CDW10 + 3, 7);
		return;
	}
	if (cmd->sqe.nsid && !(features[i].can & CAN_PER_NS) && cmd->sqe.nsid != NVME_NSID_ALL) {
		if (ctrl_ns(c, cmd->sqe.nsid))
			cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_FEATURE_NOT_PER_NS, AT_NSID, 0);
		else
			cmd_no_ns(c, cmd);
		return;
	}
	if (cmd->sqe.cdw11 & ~features[i].valid) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		return;
	}
	val = &c->feat.value[i];
	features_set_special(c, cmd, val);
	if (!cmd->status && save)
		val->saved = val->current;
	/* A warning that is there already is told to a host that begins to ask for it. */
	if (!cmd->status && features[i].fid == NVME_FEAT_FID_ASYNC_EVENT &&
	    (c->critical_warning & features_event_config(c) & ~before)) {
		uint8_t bits = c->critical_warning;

		c->critical_warning = before;
		aer_smart(c, bits);
	}
}

static uint32_t features_threshold(const struct ctrl *c, struct cmd *cmd, bool initial)
{
	unsigned int sensor = cmd->sqe.cdw11 >> 16 & 0xf, side = cmd->sqe.cdw11 >> 20 & 3;

	if (sensor > 8 || side > 1) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11 + 2, 0);
		return 0;
	}
	if (initial)
		return side ? 0 : sensor ? 0xffff : CTRL_WCTEMP;
	return c->feat.threshold[side][sensor];
}

static uint32_t features_current(struct ctrl *c, struct cmd *cmd, const struct feature_value *val,
				 bool initial)
{
	uint32_t v = cmd->sqe.cdw11 & 0xffff;
	struct ns *ns;

	switch (cmd->sqe.cdw10 & 0xff) {
	case NVME_FEAT_FID_TEMP_THRESH:
		return features_threshold(c, cmd, initial);
	case NVME_FEAT_FID_NUM_QUEUES:
		if (initial)
			return (virt_pairs(c) - 1) | (virt_pairs(c) - 1) << 16;
		return (c->feat.nsq - 1u) | (c->feat.ncq - 1u) << 16;
	case NVME_FEAT_FID_IRQ_CONFIG:
		if (v >= virt_vectors(c))
			cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		else
			return v | (initial ? 0 : (uint32_t)c->feat.no_coalesce[v] << 16);
		return 0;
	case NVME_FEAT_FID_ERR_RECOVERY:
		ns = ctrl_ns(c, cmd->sqe.nsid);
		if (!ns)
			cmd_no_ns(c, cmd);
		return ns && !initial ? c->feat.tler[ns - c->ns] : 0;
	case NVME_FEAT_FID_HOST_ID:
		if (initial)
			memset(c->bounce, 0, 16);
		else
			memcpy(c->bounce, c->feat.hostid, 16);
		(void)admin_send(c, cmd, c->bounce, cmd->sqe.cdw11 & 1 ? 16 : 8);
		return cmd->sqe.cdw11 & 1;
	default:
		return val->current;
	}
}

void features_get(struct ctrl *c, struct cmd *cmd)
{
	int i = features_there(c, cmd->sqe.cdw10 & 0xff);
	unsigned int sel = cmd->sqe.cdw10 >> 8 & 7;

	if (i < 0 || sel > NVME_GET_FEATURES_SEL_SUPPORTED) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	switch (sel) {
	case NVME_GET_FEATURES_SEL_SUPPORTED:
		cmd->dw0 = features[i].can;
		break;
	case NVME_GET_FEATURES_SEL_CURRENT:
		if (features[i].fid == NVME_FEAT_FID_HOST_MEM_BUF) {
			hmb_get(c, cmd);
			break;
		}
		cmd->dw0 = features_current(c, cmd, &c->feat.value[i], false);
		break;
	default: {
		struct feature_value v = {.current = features[i].initial};

		/* A feature that cannot be saved tells its default in place of the saved value. */
		if (sel == NVME_GET_FEATURES_SEL_SAVED && (features[i].can & CAN_SAVE))
			v.current = c->feat.value[i].saved;
		cmd->dw0 = features_current(c, cmd, &v, true);
		break;
	}
	}
}
