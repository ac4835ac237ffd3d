/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"
#include "firmware.h"

#include <stdlib.h>
#include <string.h>

#define AT_CDW10 40
#define AT_CDW11 44

/* Commit Action (NVMe base 2.0, 5.12). */
enum {
	COMMIT_STORE,
	COMMIT_STORE_AND_RESET,
	COMMIT_RESET,
	COMMIT_NOW,
};

static void firmware_set_revision(struct firmware_image *image, const char *text, size_t n)
{
	memset(image->revision, ' ', sizeof(image->revision));
	memcpy(image->revision, text, n < sizeof(image->revision) ? n : sizeof(image->revision));
	image->valid = true;
}

void firmware_init(struct firmware *f)
{
	memset(f, 0, sizeof(*f));
	firmware_set_revision(&f->slot[1], PACKAGE_VERSION, strlen(PACKAGE_VERSION));
	f->active = 1;
}

static void firmware_forget(struct firmware *f)
{
	free(f->image);
	free(f->have);
	f->image = NULL;
	f->have = NULL;
	f->end = f->bytes = 0;
}

void firmware_fini(struct firmware *f)
{
	firmware_forget(f);
}

const char *firmware_revision(const struct firmware *f)
{
	return f->slot[f->active].revision;
}

static bool firmware_has(const struct firmware *f, size_t dword)
{
	return f->have[dword / 64] >> dword % 64 & 1;
}

void firmware_download(struct ctrl *c, struct cmd *cmd)
{
	struct firmware *f = &c->firmware;
	uint64_t len = ((uint64_t)cmd->sqe.cdw10 + 1) * 4, off = cmd->sqe.cdw11 * 4ull;

	if (len > ctrl_mdts(c) || off + len > FIRMWARE_MAX) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (off % FIRMWARE_UNIT) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		return;
	}
	if (!f->image) {
		f->image = calloc(1, FIRMWARE_MAX);
		f->have = calloc(FIRMWARE_MAX / 4 / 64, sizeof(f->have[0]));
		if (!f->image || !f->have) {
			firmware_forget(f);
			cmd->status = NVME_SC_INTERNAL;
			return;
		}
	}
	for (size_t i = off / 4; i < (off + len) / 4; i++) {
		if (firmware_has(f, i)) {
			cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_OVERLAPPING_RANGE, AT_CDW11, 0);
			return;
		}
	}
	if (!admin_fetch(c, cmd, f->image + off, len))
		return;
	for (size_t i = off / 4; i < (off + len) / 4; i++)
		f->have[i / 64] |= 1ull << i % 64;
	f->bytes += len;
	if (off + len > f->end)
		f->end = off + len;
}

/* The image that was downloaded, if it is one, and without a gap. */
static bool firmware_parse(const struct firmware *f, struct firmware_image *image)
{
	static const char magic[] = "vfnd-sim firmware ";
	static const char *const resets[] = {
		[FIRMWARE_CONTROLLER] = "controller-reset",
		[FIRMWARE_SUBSYSTEM] = "subsystem-reset",
		[FIRMWARE_CONVENTIONAL] = "conventional-reset",
		[FIRMWARE_NEVER] = "prohibited",
		[FIRMWARE_TIME] = "time",
	};
	char line[80], *save = NULL, *revision, *word;
	size_t n = f->end < sizeof(line) ? f->end : sizeof(line);

	memset(image, 0, sizeof(*image));
	if (!f->image || f->bytes != f->end || !memchr(f->image, '\n', n))
		return false;
	memcpy(line, f->image, n);
	*(char *)memchr(line, '\n', n) = 0;
	if (strncmp(line, magic, strlen(magic)))
		return false;
	revision = strtok_r(line + strlen(magic), " ", &save);
	word = strtok_r(NULL, " ", &save);
	if (!revision || strlen(revision) > sizeof(image->revision) || strtok_r(NULL, " ", &save))
		return false;
	firmware_set_revision(image, revision, strlen(revision));
	for (unsigned int i = FIRMWARE_CONTROLLER; word && i <= FIRMWARE_TIME; i++) {
		if (!strcmp(word, resets[i])) {
			image->reset = i;
			return true;
		}
	}
	return !word;
}

/* What Firmware Commit says of an image that is to run, now or after a reset; 0: it will. */
static uint16_t firmware_needs(const struct firmware_image *image, bool now)
{
	switch (image->reset) {
	case FIRMWARE_NEVER:
		return SIM_SCT_SPECIFIC | NVME_SC_FW_ACTIVATE_PROHIBITED;
	case FIRMWARE_CONVENTIONAL:
		return SIM_SCT_SPECIFIC | NVME_SC_FW_NEEDS_CONV_RESET;
	case FIRMWARE_SUBSYSTEM:
		return SIM_SCT_SPECIFIC | NVME_SC_FW_NEEDS_SUBSYS_RESET;
	case FIRMWARE_CONTROLLER:
		return now ? SIM_SCT_SPECIFIC | NVME_SC_FW_NEEDS_RESET : 0;
	case FIRMWARE_TIME:
		return now ? SIM_SCT_SPECIFIC | NVME_SC_FW_NEEDS_MAX_TIME : 0;
	default:
		return 0;
	}
}

static unsigned int firmware_choose(const struct firmware *f)
{
	for (unsigned int i = 2; i <= FIRMWARE_SLOTS; i++) {
		if (!f->slot[i].valid)
			return i;
	}
	return f->active == 2 ? 3 : 2;
}

static void firmware_activate(struct ctrl *c, struct cmd *cmd, unsigned int slot, bool now)
{
	struct firmware *f = &c->firmware;

	cmd->status = firmware_needs(&f->slot[slot], now);
	if (f->slot[slot].reset == FIRMWARE_NEVER) {
		cmd->status |= NVME_SC_DNR;
		return;
	}
	/* "Takes too long": the host asks for activation at a reset, by another command. */
	if (cmd->status && f->slot[slot].reset == FIRMWARE_TIME)
		return;
	if (!now || cmd->status) {
		f->next = slot;
		return;
	}
	f->active = slot;
	f->next = 0;
	if (features_event_config(c) & NVME_CTRL_OAES_FA)
		aer_raise(c, NVME_AER_NOTICE, NVME_AER_NOTICE_FW_ACT_STARTING,
			  NVME_LOG_LID_FW_SLOT);
}

void firmware_commit(struct ctrl *c, struct cmd *cmd)
{
	unsigned int slot = cmd->sqe.cdw10 & 7, action = cmd->sqe.cdw10 >> 3 & 7;
	struct firmware *f = &c->firmware;
	struct firmware_image image;
	bool store = action <= COMMIT_STORE_AND_RESET || (action == COMMIT_NOW && f->image);

	if (action > COMMIT_NOW) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 3);
		return;
	}
	if (!slot && store)
		slot = firmware_choose(f);
	if (!slot || slot > FIRMWARE_SLOTS || (slot == 1 && store)) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_FIRMWARE_SLOT, AT_CDW10, 0);
		return;
	}
	if (store) {
		bool good = firmware_parse(f, &image);

		firmware_forget(f);
		if (!good) {
			cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_FIRMWARE_IMAGE, AT_CDW10, 0);
			return;
		}
		f->slot[slot] = image;
	} else if (!f->slot[slot].valid) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_FIRMWARE_IMAGE, AT_CDW10, 0);
		return;
	}
	if (action != COMMIT_STORE)
		firmware_activate(c, cmd, slot, action == COMMIT_NOW);
}

void firmware_reset(struct firmware *f, enum firmware_reset how)
{
	enum firmware_reset needs = f->slot[f->next].reset;

	firmware_forget(f);
	if (!f->next || (needs <= FIRMWARE_SUBSYSTEM && needs > how))
		return;
	f->active = f->next;
	f->next = 0;
}

size_t firmware_log(const struct firmware *f, uint8_t *buf)
{
	struct nvme_firmware_slot *log = (struct nvme_firmware_slot *)buf;

	memset(log, 0, sizeof(*log));
	log->afi = f->active | f->next << 4;
	for (unsigned int i = 1; i <= FIRMWARE_SLOTS; i++) {
		if (f->slot[i].valid)
			memcpy(log->frs[i - 1], f->slot[i].revision, sizeof(log->frs[0]));
	}
	return sizeof(*log);
}
