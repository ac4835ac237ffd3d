/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"

#include <string.h>

#define AT_NSID	 4
#define AT_CDW10 40
#define AT_CDW12 48
#define AT_CDW14 56

void log_error(struct ctrl *c, const struct cmd *cmd)
{
	struct nvme_error_log_page *e = &c->errlog[c->errlog_count % (CTRL_ELPE + 1)];

	memset(e, 0, sizeof(*e));
	c->errlog_count++;
	c->stats.errors++;
	e->error_count = c->errlog_count;
	e->sqid = cmd->sqid;
	e->cmdid = cmd->sqe.cid;
	e->status_field = cmd->status << 1;
	e->parm_error_location = cmd->where;
	e->nsid = cmd->sqe.nsid;
	e->cs = cmd->info;
	if (cmd->sqid)
		e->lba = (uint64_t)cmd->sqe.cdw11 << 32 | cmd->sqe.cdw10;
}

static size_t log_errors(struct ctrl *c, uint8_t *buf)
{
	struct nvme_error_log_page *out = (struct nvme_error_log_page *)buf;
	uint64_t n = c->errlog_count < CTRL_ELPE + 1 ? c->errlog_count : CTRL_ELPE + 1;

	memset(buf, 0, sizeof(c->errlog));
	for (uint64_t i = 0; i < n; i++)
		out[i] = c->errlog[(c->errlog_count - 1 - i) % (CTRL_ELPE + 1)];
	/* Nothing may tell of the data that goes. */
	for (uint64_t i = 0; i < n && c->sanitize.refusal; i++)
		out[i].lba = 0;
	return sizeof(c->errlog);
}

static void log_count(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, sizeof(v));
}

static size_t log_smart(struct ctrl *c, uint8_t *buf)
{
	struct nvme_smart_log *log = (struct nvme_smart_log *)buf;
	uint64_t hours = (ctrl_now() - c->born) / 3600000000000ull;

	memset(log, 0, sizeof(*log));
	log->critical_warning = c->critical_warning;
	log->temperature[0] = CTRL_TEMPERATURE & 0xff;
	log->temperature[1] = CTRL_TEMPERATURE >> 8;
	log->avail_spare = c->critical_warning & NVME_SMART_CRIT_SPARE ? 5 : 100;
	log->spare_thresh = 10;
	/* Units of a thousand 512-byte blocks, rounded up. */
	log_count(log->data_units_read, (c->stats.read_512 + 999) / 1000);
	log_count(log->data_units_written, (c->stats.write_512 + 999) / 1000);
	log_count(log->host_reads, c->stats.reads);
	log_count(log->host_writes, c->stats.writes);
	log_count(log->power_cycles, 1);
	log_count(log->power_on_hours, hours);
	log_count(log->unsafe_shutdowns, c->stats.unsafe);
	log_count(log->num_err_log_entries, c->errlog_count);
	return sizeof(*log);
}

static size_t log_effects(const struct ctrl *c, uint8_t *buf)
{
	struct nvme_cmd_effects_log *log = (struct nvme_cmd_effects_log *)buf;

	memset(log, 0, sizeof(*log));
	for (unsigned int op = 0; op < 256; op++) {
		log->acs[op] = admin_effects(c, op);
		log->iocs[op] = io_effects(op);
	}
	return sizeof(*log);
}

static size_t log_feature_effects(const struct ctrl *c, uint8_t *buf)
{
	struct nvme_fid_supported_effects_log *log = (void *)buf;

	for (unsigned int fid = 0; fid < 256; fid++)
		log->fid_support[fid] = features_effects(c, fid);
	return sizeof(*log);
}

/* What was changed is told once, until a read that retains the event. */
static size_t log_changed_ns(const struct ctrl *c, uint8_t *buf)
{
	memset(buf, 0, sizeof(struct nvme_ns_list));
	memcpy(buf, c->changed, c->nchanged * sizeof(c->changed[0]));
	return sizeof(struct nvme_ns_list);
}

void log_ns_changed(struct ctrl *c, uint32_t nsid)
{
	unsigned int at = 0;

	while (at < c->nchanged && c->changed[at] < nsid)
		at++;
	if (at == c->nchanged || c->changed[at] != nsid) {
		memmove(&c->changed[at + 1], &c->changed[at],
			(c->nchanged - at) * sizeof(c->changed[0]));
		c->changed[at] = nsid;
		c->nchanged++;
	}
	if (features_event_config(c) & NVME_CTRL_OAES_NA)
		aer_raise(c, NVME_AER_NOTICE, NVME_AER_NOTICE_NS_CHANGED, NVME_LOG_LID_CHANGED_NS);
}

static const struct log_row {
	uint8_t lid;
	bool since_2;	       /* of NVMe 2.0 */
	bool despite_sanitize; /* NVMe base 2.0, 8.21: Admin Commands Allowed */
} log_rows[] = {
	{NVME_LOG_LID_SUPPORTED_LOG_PAGES, true, false},
	{NVME_LOG_LID_ERROR, false, true},
	{NVME_LOG_LID_SMART, false, true},
	{NVME_LOG_LID_FW_SLOT, false, false},
	{NVME_LOG_LID_CHANGED_NS, false, true},
	{NVME_LOG_LID_CMD_EFFECTS, false, false},
	{NVME_LOG_LID_DEVICE_SELF_TEST, false, false},
	{NVME_LOG_LID_FID_SUPPORTED_EFFECTS, true, false},
	{NVME_LOG_LID_SANITIZE, false, true},
};

static const struct log_row *log_find(const struct ctrl *c, uint8_t lid)
{
	for (unsigned int i = 0; i < sizeof(log_rows) / sizeof(log_rows[0]); i++) {
		const struct log_row *row = &log_rows[i];

		if (row->lid == lid)
			return row->since_2 && ctrl_version(c) < 0x00020000 ? NULL : row;
	}
	return NULL;
}

static size_t log_supported(const struct ctrl *c, uint8_t *buf)
{
	struct nvme_supported_log_pages *log = (void *)buf;

	for (unsigned int lid = 0; lid < 256; lid++)
		log->lid_support[lid] = log_find(c, lid) != NULL;
	return sizeof(*log);
}

/* Puts a whole log into the bounce buffer; its size, or 0 and the command has failed. */
static size_t log_read(struct ctrl *c, struct cmd *cmd, uint8_t lid)
{
	switch (lid) {
	case NVME_LOG_LID_SUPPORTED_LOG_PAGES:
		return log_supported(c, c->bounce);
	case NVME_LOG_LID_ERROR:
		return log_errors(c, c->bounce);
	case NVME_LOG_LID_SMART:
		/* One log for the whole controller (LPA bit 0 is clear). */
		if (!cmd->sqe.nsid || cmd->sqe.nsid == NVME_NSID_ALL)
			return log_smart(c, c->bounce);
		cmd_fail(cmd, cmd->sqe.nsid <= c->nns ? NVME_SC_INVALID_FIELD : NVME_SC_INVALID_NS,
			 AT_NSID, 0);
		return 0;
	case NVME_LOG_LID_FW_SLOT:
		return firmware_log(&c->firmware, c->bounce);
	case NVME_LOG_LID_CHANGED_NS:
		return log_changed_ns(c, c->bounce);
	case NVME_LOG_LID_CMD_EFFECTS:
		if (!(cmd->sqe.cdw14 >> 24)) /* CSI: the NVM command set */
			return log_effects(c, c->bounce);
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW14 + 3, 0);
		return 0;
	case NVME_LOG_LID_DEVICE_SELF_TEST:
		return selftest_log(c, c->bounce);
	case NVME_LOG_LID_SANITIZE:
		return sanitize_log(c, c->bounce);
	case NVME_LOG_LID_FID_SUPPORTED_EFFECTS:
		return log_feature_effects(c, c->bounce);
	default:
		return 0;
	}
}

void log_exec(struct ctrl *c, struct cmd *cmd)
{
	uint8_t lid = cmd->sqe.cdw10;
	bool retain = cmd->sqe.cdw10 >> 15 & 1;
	uint64_t dwords = (cmd->sqe.cdw10 >> 16 | (uint64_t)(cmd->sqe.cdw11 & 0xffff) << 16) + 1;
	uint64_t off = cmd->sqe.cdw12 | (uint64_t)cmd->sqe.cdw13 << 32;
	uint64_t len = dwords * 4;
	const struct log_row *row = log_find(c, lid);
	size_t size;

	if (!row) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_LOG_PAGE, AT_CDW10, 0);
		return;
	}
	if (len > ctrl_mdts(c) || len > CTRL_BOUNCE) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10 + 2, 0);
		return;
	}
	if (!row->despite_sanitize)
		cmd->status = c->sanitize.refusal;
	size = cmd->status ? 0 : log_read(c, cmd, lid);
	if (cmd->status)
		return;
	if ((off & 3) || off > size) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW12, 0);
		return;
	}
	/* What lies behind the end of a log reads as zeroes. */
	if (off + len > size) {
		memmove(c->bounce, c->bounce + off, size - off);
		memset(c->bounce + (size - off), 0, len - (size - off));
	} else if (off) {
		memmove(c->bounce, c->bounce + off, len);
	}
	if (!admin_send(c, cmd, c->bounce, len) || retain)
		return;
	if (lid == NVME_LOG_LID_CHANGED_NS)
		c->nchanged = 0;
	aer_log_read(c, lid);
}
