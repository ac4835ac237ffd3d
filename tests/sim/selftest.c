/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "selftest.h"

#include <string.h>

#define AT_CDW10 40

#define SELFTEST_RESULTS (sizeof(((struct selftest *)NULL)->result) / sizeof(struct nvme_st_result))

void selftest_init(struct selftest *t)
{
	memset(t, 0, sizeof(*t));
	for (unsigned int i = 0; i < SELFTEST_RESULTS; i++)
		t->result[i].dsts = NVME_ST_RESULT_NOT_USED;
}

void selftest_end(struct ctrl *c, uint8_t result)
{
	struct selftest *t = &c->selftest;
	struct nvme_st_result *r = &t->result[0];

	if (!t->running)
		return;
	memmove(r + 1, r, (SELFTEST_RESULTS - 1) * sizeof(*r));
	memset(r, 0, sizeof(*r));
	r->dsts = t->running << NVME_ST_CODE_SHIFT | result;
	r->poh = (ctrl_now() - c->born) / 3600000000000ull;
	if (result == NVME_ST_RESULT_KNOWN_SEG_FAIL)
		r->seg = t->segment;
	if (t->nsid) {
		r->vdi = NVME_ST_VALID_DIAG_INFO_NSID;
		r->nsid = t->nsid;
	}
	t->running = 0;
}

void selftest_reset(struct ctrl *c)
{
	if (c->selftest.running == NVME_ST_CODE_SHORT)
		selftest_end(c, NVME_ST_RESULT_CLR);
}

uint64_t selftest_update(struct ctrl *c, uint64_t now)
{
	struct selftest *t = &c->selftest;

	if (t->running && now >= t->until)
		selftest_end(c, t->fail);
	return t->running ? t->until : UINT64_MAX;
}

void selftest_exec(struct ctrl *c, struct cmd *cmd)
{
	struct selftest *t = &c->selftest;
	uint8_t code = cmd->sqe.cdw10 & 0xf;
	uint64_t now = ctrl_now();

	(void)selftest_update(c, now);
	if (cmd->sqe.nsid && cmd->sqe.nsid != NVME_NSID_ALL && !ctrl_ns(c, cmd->sqe.nsid)) {
		cmd_no_ns(c, cmd);
		return;
	}
	if (code == NVME_ST_CODE_ABORT) {
		selftest_end(c, NVME_ST_RESULT_ABORTED);
		return;
	}
	if (code != NVME_ST_CODE_SHORT && code != NVME_ST_CODE_EXTENDED) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (t->running) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_SELF_TEST_IN_PROGRESS, AT_CDW10, 0);
		return;
	}
	t->running = code;
	t->nsid = cmd->sqe.nsid;
	t->from = now;
	t->until = now + 1000000ull * (code == NVME_ST_CODE_SHORT ? c->opts.short_test_ms
								  : c->opts.extended_test_ms);
	ctrl_work_at(c, t->until);
}

size_t selftest_log(struct ctrl *c, uint8_t *buf)
{
	struct nvme_self_test_log *log = (struct nvme_self_test_log *)buf;
	struct selftest *t = &c->selftest;
	uint64_t now = ctrl_now();

	(void)selftest_update(c, now);
	memset(log, 0, sizeof(*log));
	log->current_operation = t->running;
	if (t->running)
		log->completion = (now - t->from) * 100 / (t->until - t->from);
	memcpy(log->result, t->result, sizeof(t->result));
	return sizeof(*log);
}
