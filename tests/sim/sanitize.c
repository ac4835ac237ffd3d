/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "sanitize.h"

#include <string.h>

#define AT_CDW10 40

#define SANITIZE_ACTION	      7u
#define SANITIZE_UNRESTRICTED (1u << 3) /* AUSE */
#define SANITIZE_INVERT	      (1u << 8) /* OIPBP */
#define SANITIZE_NO_DEALLOC   (1u << 9) /* NDAS */

#define SANITIZE_UNKNOWN UINT32_MAX /* of an estimated time */

static unsigned int sanitize_passes(uint32_t dw10)
{
	unsigned int n = dw10 >> 4 & 0xf;

	if ((dw10 & SANITIZE_ACTION) != NVME_SANITIZE_SANACT_START_OVERWRITE)
		return 1;
	return n ? n : 16;
}

/* Fills all of a medium with a dword, or with noise, as one whose key is lost. */
static int sanitize_fill(struct ctrl *c, struct ns *ns, uint32_t pattern, bool noise)
{
	uint32_t *words = (uint32_t *)c->bounce, x = 0x9e3779b9;
	int err = 0;

	for (uint64_t off = 0; off < ns->bytes && !err;) {
		uint64_t left = ns->bytes - off;
		struct iovec iov = {c->bounce, left < CTRL_BOUNCE ? left : CTRL_BOUNCE};

		for (size_t i = 0; i < CTRL_BOUNCE / 4; i++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			words[i] = noise ? x : pattern;
		}
		err = ns_writev(ns, off, &iov, 1);
		off += iov.iov_len;
	}
	return err;
}

/* Does to one medium what the command has asked for. */
static int sanitize_medium(struct ctrl *c, struct ns *ns)
{
	const struct sanitize *s = &c->sanitize;
	bool keep = s->dw10 & SANITIZE_NO_DEALLOC;
	uint32_t pattern = s->dw11;

	switch (s->dw10 & SANITIZE_ACTION) {
	case NVME_SANITIZE_SANACT_START_OVERWRITE:
		/* With inversion each pass has the former one's complement, and the last the
		 * pattern. */
		return keep ? sanitize_fill(c, ns, pattern, false)
			    : ns_deallocate(ns, 0, ns->bytes);
	case NVME_SANITIZE_SANACT_START_CRYPTO_ERASE:
		return keep ? sanitize_fill(c, ns, 0, true) : ns_deallocate(ns, 0, ns->bytes);
	default:
		return ns_deallocate(ns, 0, ns->bytes);
	}
}

static void sanitize_done(struct ctrl *c)
{
	struct sanitize *s = &c->sanitize;
	bool failed = s->fail;

	s->fail = false;
	for (unsigned int i = 0; i < c->nns && !failed; i++) {
		if (c->ns[i].exists && (sanitize_medium(c, &c->ns[i]) || ns_flush(&c->ns[i])))
			failed = true;
	}
	s->refusal = failed ? NVME_SC_SANITIZE_FAILED : 0;
	s->status = failed ? NVME_SANITIZE_SSTAT_STATUS_COMPLETED_FAILED
			   : NVME_SANITIZE_SSTAT_STATUS_COMPLETE_SUCCESS;
	if (!failed) {
		s->written = false;
		if ((s->dw10 & SANITIZE_ACTION) == NVME_SANITIZE_SANACT_START_OVERWRITE)
			s->passes = sanitize_passes(s->dw10);
	}
	aer_raise(c, NVME_AER_CSS, NVME_AER_CSS_NVM_SANITIZE_COMPLETED, NVME_LOG_LID_SANITIZE);
}

uint64_t sanitize_update(struct ctrl *c, uint64_t now)
{
	struct sanitize *s = &c->sanitize;

	if (s->status != NVME_SANITIZE_SSTAT_STATUS_IN_PROGESS)
		return UINT64_MAX;
	if (now < s->until) {
		if ((s->dw10 & SANITIZE_ACTION) == NVME_SANITIZE_SANACT_START_OVERWRITE)
			s->passes =
				sanitize_passes(s->dw10) * (now - s->from) / (s->until - s->from);
		return s->until;
	}
	sanitize_done(c);
	return UINT64_MAX;
}

static void sanitize_start(struct ctrl *c, struct cmd *cmd)
{
	struct sanitize *s = &c->sanitize;
	uint64_t now = ctrl_now();

	selftest_end(c, NVME_ST_RESULT_ABORTED_SANITIZE);
	s->status = NVME_SANITIZE_SSTAT_STATUS_IN_PROGESS;
	s->refusal = NVME_SC_SANITIZE_IN_PROGRESS;
	s->passes = 0;
	s->dw10 = cmd->sqe.cdw10;
	s->dw11 = cmd->sqe.cdw11;
	s->from = now;
	s->until = now + c->opts.sanitize_ms * 1000000ull * sanitize_passes(s->dw10);
	ctrl_work_at(c, s->until);
}

void sanitize_exec(struct ctrl *c, struct cmd *cmd)
{
	struct sanitize *s = &c->sanitize;
	uint32_t dw10 = cmd->sqe.cdw10;
	bool restricted = s->refusal && !(s->dw10 & SANITIZE_UNRESTRICTED);

	switch (dw10 & SANITIZE_ACTION) {
	case NVME_SANITIZE_SANACT_EXIT_FAILURE:
		/* Out of unrestricted failure mode; the restricted one ends with a success alone.
		 */
		if (restricted)
			cmd_fail(cmd, NVME_SC_SANITIZE_FAILED, AT_CDW10, 0);
		else
			s->refusal = 0;
		return;
	case NVME_SANITIZE_SANACT_START_BLOCK_ERASE:
	case NVME_SANITIZE_SANACT_START_OVERWRITE:
	case NVME_SANITIZE_SANACT_START_CRYPTO_ERASE:
		break;
	default:
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (restricted && (dw10 & SANITIZE_UNRESTRICTED)) {
		cmd_fail(cmd, NVME_SC_SANITIZE_FAILED, AT_CDW10, 3);
		return;
	}
	for (unsigned int i = 0; i < c->nns; i++) {
		if (c->ns[i].formatting) {
			cmd->status = NVME_SC_FORMAT_IN_PROGRESS;
			return;
		}
	}
	if (c->firmware.next) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_FW_NEEDS_RESET, AT_CDW10, 0);
		return;
	}
	sanitize_start(c, cmd);
}

static uint32_t sanitize_seconds(const struct ctrl *c, unsigned int passes)
{
	return ((uint64_t)c->opts.sanitize_ms * passes + 999) / 1000;
}

size_t sanitize_log(struct ctrl *c, uint8_t *buf)
{
	struct nvme_sanitize_log_page *log = (struct nvme_sanitize_log_page *)buf;
	struct sanitize *s = &c->sanitize;
	uint64_t now = ctrl_now();

	(void)sanitize_update(c, now);
	memset(log, 0, sizeof(*log));
	log->sprog = 0xffff;
	if (s->status == NVME_SANITIZE_SSTAT_STATUS_IN_PROGESS)
		log->sprog = (now - s->from) * 65535 / (s->until - s->from);
	log->sstat = s->status | s->passes << NVME_SANITIZE_SSTAT_COMPLETED_PASSES_SHIFT;
	if (!s->written)
		log->sstat |= NVME_SANITIZE_SSTAT_GLOBAL_DATA_ERASED;
	log->scdw10 = s->dw10;
	log->eto = sanitize_seconds(c, 16);
	log->etbe = log->etce = sanitize_seconds(c, 1);
	log->etond = log->eto;
	log->etbend = log->etcend = SANITIZE_UNKNOWN;
	return sizeof(*log);
}
