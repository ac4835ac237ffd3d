/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libnvme.h>
#include <string.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/progress.h"

#define WARNING_SECONDS 10

struct settings {
	uint8_t lbaf, ses, pi, pil, ms;
	bool lbaf_given, pi_given, pil_given, ms_given, force, reset;
	uint64_t block_size;
	uint32_t timeout;
};

static const struct settings defaults = {.timeout = 600000};

static const struct value values[] = {
	OPTIONAL(struct settings, lbaf, 'l', "lbaf", 63, "LBA format (else the one in use)"),
	NUMBER(struct settings, block_size, 'b', "block-size", UINT32_MAX,
	       "bytes of a block, in place of --lbaf: a format without metadata"),
	NUMBER(struct settings, ses, 's', "ses", 2,
	       "0 no secure erase, 1 of user data, 2 cryptographic erase"),
	OPTIONAL(struct settings, pi, 'i', "pi", 3, "protection information: 0 none, or its type"),
	OPTIONAL(struct settings, pil, 'p', "pil", 1,
		 "protection information in the metadata's 0 last, 1 first bytes"),
	OPTIONAL(struct settings, ms, 'm', "ms", 1,
		 "metadata 0 in a buffer of its own, 1 with the data"),
	NUMBER(struct settings, timeout, 't', "timeout", UINT32_MAX,
	       "milliseconds that it may take, 600000 if not given"),
	SWITCH(struct settings, reset, 'r', "reset", "reset the controller once it is formatted"),
	SWITCH(struct settings, force, VALUE_LONG, "force", "do not warn and wait before"),
	VALUES_END,
};

struct watch {
	uint32_t nsid;
	bool has_fpi; /* the namespace tells its progress */
	uint64_t ticket;
	struct nvme_id_ns ns;
};

/*
 * Whether a format of one namespace is one of all (FNA bit 0), or a secure erase is (bit 1): then that
 * is what is said and sent.
 */
static int reach(struct tool *tool, const struct settings *s, struct watch *w)
{
	struct nvme_id_ctrl id;
	int code = command_identify(tool, NVME_IDENTIFY_CNS_CTRL, 0, 0, 0, &id);

	if (code == EXIT_OK && (id.fna & (s->ses ? 3 : 1)))
		w->nsid = NVME_NSID_ALL;
	return code;
}

/* The format in use and its settings are kept where nothing else is asked for. */
static int choose(struct tool *tool, struct settings *s, const struct nvme_id_ns *ns)
{
	unsigned int used = (ns->flbas & 0xf) | (ns->nlbaf > 15 ? (ns->flbas >> 5 & 3u) << 4 : 0);
	unsigned int n = ns->nlbaf + ns->nulbaf < 63 ? ns->nlbaf + ns->nulbaf + 1u : 64;

	if (!s->pi_given)
		s->pi = ns->dps & 7;
	if (!s->pil_given)
		s->pil = ns->dps >> 3 & 1;
	if (!s->ms_given)
		s->ms = ns->flbas >> 4 & 1;
	if (!s->lbaf_given)
		s->lbaf = (uint8_t)used;
	if (!s->block_size)
		return EXIT_OK;
	if (s->lbaf_given)
		return report(tool, EXIT_USAGE, "--block-size and --lbaf exclude each other");
	for (unsigned int i = 0; i < n; i++)
		if (ns->lbaf[i].ds < 32 && UINT64_C(1) << ns->lbaf[i].ds == s->block_size &&
		    !ns->lbaf[i].ms) {
			s->lbaf = (uint8_t)i;
			return EXIT_OK;
		}
	return report(tool, EXIT_USAGE,
		      "--block-size: there is no format with blocks of %u bytes and no metadata: "
		      "`vfnctl id-ns -H' shows those that there are",
		      (unsigned int)s->block_size);
}

/* Time to think again; false: somebody did. */
static bool warn(struct tool *tool, uint32_t nsid)
{
	fprintf(stderr, "You are about to format %s, namespace %#x%s.\n",
		vfnc_device_address(tool->dev), nsid,
		nsid == NVME_NSID_ALL ? "(ALL namespaces of controller)" : "");
	fprintf(stderr,
		"WARNING: Format may irrevocably delete this device's data.\n"
		"You have %d seconds to press Ctrl-C to cancel this operation.\n\n"
		"Use the force [--force] option to suppress this warning.\n",
		WARNING_SECONDS);
	for (int i = WARNING_SECONDS; i > 0; i--) {
		progress_show("%d seconds", i);
		if (!progress_sleep(1000))
			return false;
	}
	progress_clear();
	fprintf(stderr, "Sending format operation ... \n");
	return true;
}

/* Progress as Identify Namespace has it, asked for without waiting. */
static void tick(struct tool *tool, void *arg, unsigned int seconds)
{
	struct watch *w = arg;
	struct vfnc_completion cpl;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_identify,
		.nsid = w->nsid,
		.data_in = &w->ns,
		.length = sizeof(w->ns),
	};

	if (w->ticket && vfnc_wait(tool->conn, w->ticket, &cpl, 0) == 0)
		w->ticket = 0;
	if (w->has_fpi && !w->ticket && vfnc_submit_admin(tool->dev, &cmd, &w->ticket) < 0)
		w->ticket = 0;
	if (w->has_fpi)
		progress_show("formatting: %u%%, %u s", 100 - (w->ns.fpi & 0x7fu), seconds);
	else
		progress_show("formatting: %u s", seconds);
}

static int format(struct tool *tool, const struct settings *s, struct watch *w)
{
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_format_nvm,
		.nsid = w->nsid,
		.timeout_ms = s->timeout,
		.cdw10 = (s->lbaf & 0xfu) | (uint32_t)s->ms << 4 | (uint32_t)s->pi << 5 |
			 (uint32_t)s->pil << 8 | (uint32_t)s->ses << 9 | (s->lbaf >> 4 & 3u) << 12,
	};
	struct vfnc_completion cpl;
	int code;

	if (!s->force && !warn(tool, w->nsid)) {
		progress_clear();
		return report(tool, EXIT_SIGINT, "cancelled: nothing was sent");
	}
	code = progress_command(tool, &cmd, &cpl, tick, w);
	if (w->ticket)
		vfnc_forget(tool->conn, w->ticket);
	if (code == EXIT_SIGINT)
		return report(tool, code,
			      "interrupted: the controller may go on formatting; `vfnctl id-ns' shows "
			      "it (fpi), and what came of it");
	return code;
}

static int run(struct tool *tool, void *settings)
{
	struct settings *s = settings;
	struct watch w = {0};
	int code = report_nsid(tool, &w.nsid);

	if (code == EXIT_OK)
		code = command_identify(tool, NVME_IDENTIFY_CNS_NS, w.nsid, 0, 0, &w.ns);
	if (code == EXIT_OK)
		code = choose(tool, s, &w.ns);
	if (code == EXIT_OK)
		code = reach(tool, s, &w);
	if (code)
		return code;
	w.has_fpi = w.nsid != NVME_NSID_ALL && w.ns.fpi >> 7;
	progress_begin();
	code = format(tool, s, &w);
	progress_end();
	if (code == EXIT_OK)
		printf("Success formatting namespace:%x\n", w.nsid);
	if (code == EXIT_OK && s->reset && vfnc_reset(tool->dev, VFNC_RESET_CONTROLLER, NULL) < 0)
		code = report_daemon(tool);
	return code;
}

const struct command cmd_format = {
	.name = "format",
	.summary = "format a namespace: its data is lost",
	.doc = "Send Format NVM, after a warning that leaves ten seconds to think again. What is not "
	       "given stays as it is. On a terminal its progress is shown. Interrupted before it was "
	       "sent, nothing happens; after that the controller may go on. Without --namespace-id: "
	       "the only active namespace.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = values,
	.defaults = &defaults,
	.settings_size = sizeof(struct settings),
	.run = run,
};
