/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"

#include <string.h>

#define AT_NSID	 4
#define AT_CDW10 40
#define AT_CDW12 48

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

static size_t log_firmware(uint8_t *buf)
{
	struct nvme_firmware_slot *log = (struct nvme_firmware_slot *)buf;
	size_t n = strlen(PACKAGE_VERSION);

	memset(log, 0, sizeof(*log));
	log->afi = 1;
	memset(log->frs[0], ' ', sizeof(log->frs[0]));
	memcpy(log->frs[0], PACKAGE_VERSION, n < 8 ? n : 8);
	return sizeof(*log);
}

static size_t log_effects(uint8_t *buf)
{
	static const uint8_t admin[] = {
		nvme_admin_delete_sq,	nvme_admin_create_sq,	 nvme_admin_get_log_page,
		nvme_admin_delete_cq,	nvme_admin_create_cq,	 nvme_admin_identify,
		nvme_admin_abort_cmd,	nvme_admin_set_features, nvme_admin_get_features,
		nvme_admin_async_event, nvme_admin_dbbuf,
	};
	struct nvme_cmd_effects_log *log = (struct nvme_cmd_effects_log *)buf;

	memset(log, 0, sizeof(*log));
	for (unsigned int i = 0; i < sizeof(admin); i++)
		log->acs[admin[i]] = NVME_CMD_EFFECTS_CSUPP;
	log->iocs[nvme_cmd_flush] = NVME_CMD_EFFECTS_CSUPP;
	log->iocs[nvme_cmd_read] = NVME_CMD_EFFECTS_CSUPP;
	log->iocs[nvme_cmd_compare] = NVME_CMD_EFFECTS_CSUPP;
	log->iocs[nvme_cmd_write] = NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC;
	log->iocs[nvme_cmd_write_zeroes] = NVME_CMD_EFFECTS_CSUPP | NVME_CMD_EFFECTS_LBCC;
	return sizeof(*log);
}

void log_exec(struct ctrl *c, struct cmd *cmd)
{
	uint8_t lid = cmd->sqe.cdw10;
	bool retain = cmd->sqe.cdw10 >> 15 & 1;
	uint64_t dwords = (cmd->sqe.cdw10 >> 16 | (uint64_t)(cmd->sqe.cdw11 & 0xffff) << 16) + 1;
	uint64_t off = cmd->sqe.cdw12 | (uint64_t)cmd->sqe.cdw13 << 32;
	uint64_t len = dwords * 4;
	uint64_t most = c->opts.mdts ? 4096ull << c->opts.mdts : CTRL_NO_MDTS;
	size_t size;

	if (len > most || len > CTRL_BOUNCE) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10 + 2, 0);
		return;
	}
	switch (lid) {
	case NVME_LOG_LID_ERROR:
		size = log_errors(c, c->bounce);
		break;
	case NVME_LOG_LID_SMART:
		/* One log for the whole controller (LPA bit 0 is clear). */
		if (cmd->sqe.nsid && cmd->sqe.nsid != NVME_NSID_ALL) {
			cmd_fail(cmd,
				 ctrl_ns(c, cmd->sqe.nsid) ? NVME_SC_INVALID_FIELD
							   : NVME_SC_INVALID_NS,
				 AT_NSID, 0);
			return;
		}
		size = log_smart(c, c->bounce);
		break;
	case NVME_LOG_LID_FW_SLOT:
		size = log_firmware(c->bounce);
		break;
	case NVME_LOG_LID_CHANGED_NS:
		size = sizeof(struct nvme_ns_list);
		memset(c->bounce, 0, size);
		break;
	case NVME_LOG_LID_CMD_EFFECTS:
		size = log_effects(c->bounce);
		break;
	default:
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_LOG_PAGE, AT_CDW10, 0);
		return;
	}
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
	if (admin_send(c, cmd, c->bounce, len) && !retain)
		aer_log_read(c, lid);
}
