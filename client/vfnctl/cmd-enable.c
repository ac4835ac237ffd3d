/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disable, shutdown, enable: controllers that are left off, and brought up as one likes. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "client/vfnctl/kinds.h"
#include "client/vfnctl/vfnctl.h"

struct off_settings {
	enum vfnc_reset_kind kind;
	bool abrupt;
};

static error_t off_option(int key, const char *arg, struct argp_state *state, void *settings)
{
	struct off_settings *s = settings;

	if (key != 'k')
		return ARGP_ERR_UNKNOWN;
	return kinds_parse(state, arg, &s->kind);
}

static int off(struct tool *tool, enum vfnc_reset_kind kind)
{
	struct vfnc_reset_result r;

	if (vfnc_disable(tool->dev, kind, &r) < 0)
		return report_daemon(tool);
	printf("disabled: CSTS was %#x, %u commands ended, %u queues are gone\n", r.csts, r.commands, r.queues);
	return EXIT_OK;
}

static int run_disable(struct tool *tool, void *settings)
{
	return off(tool, ((const struct off_settings *)settings)->kind);
}

static int run_shutdown(struct tool *tool, void *settings)
{
	const struct off_settings *s = settings;

	return off(tool, s->abrupt ? VFNC_RESET_ABRUPT : VFNC_RESET_SHUTDOWN);
}

/* ---- enable ------------------------------------------------------------------------------ */

struct on_settings {
	uint32_t cc, cc_mask, css, mps, ams, iosqes, iocqes, admin, admin_cq;
	bool cc_given, cc_mask_given, css_given, mps_given, ams_given, iosqes_given, iocqes_given;
};

static const struct value on_values[] = {
	OPTIONAL(struct on_settings, cc, VALUE_LONG, "cc", UINT32_MAX,
		 "the register CC, but for EN and SHN, or the bits of it that --cc-mask has"),
	OPTIONAL(struct on_settings, cc_mask, VALUE_LONG + 1, "cc-mask", UINT32_MAX, "which bits of CC are chosen"),
	OPTIONAL(struct on_settings, css, VALUE_LONG + 2, "css", 7, "I/O command set selected (CC.CSS)"),
	OPTIONAL(struct on_settings, mps, VALUE_LONG + 3, "mps", 15, "memory page size 2^(12 + NUM) (CC.MPS)"),
	OPTIONAL(struct on_settings, ams, VALUE_LONG + 4, "ams", 7, "arbitration mechanism selected (CC.AMS)"),
	OPTIONAL(struct on_settings, iosqes, VALUE_LONG + 5, "iosqes", 15,
		 "I/O submission queue entries have 2^NUM bytes (CC.IOSQES)"),
	OPTIONAL(struct on_settings, iocqes, VALUE_LONG + 6, "iocqes", 15,
		 "I/O completion queue entries have 2^NUM bytes (CC.IOCQES)"),
	NUMBER(struct on_settings, admin, VALUE_LONG + 7, "admin-depth", 4096,
	       "entries of the admin queues, 2 to 4096; 64 if not given"),
	NUMBER(struct on_settings, admin_cq, VALUE_LONG + 8, "admin-cq-depth", 4096,
	       "entries of the admin completion queue, where it is to have others"),
	VALUES_END,
};

static void choose(struct vfnc_enable_opts *opts, bool given, uint32_t mask, unsigned int shift, uint32_t value)
{
	if (!given)
		return;
	opts->cc_mask |= mask;
	opts->cc_value = (opts->cc_value & ~mask) | value << shift;
}

static int run_enable(struct tool *tool, void *settings)
{
	const struct on_settings *s = settings;
	struct vfnc_enable_opts opts = {
		.admin_sq_entries = s->admin,
		.admin_cq_entries = s->admin_cq ? s->admin_cq : s->admin,
	};
	struct vfnc_enable_result r;

	if (s->cc_mask_given && !s->cc_given)
		return report(tool, EXIT_USAGE, "--cc-mask goes with --cc");
	if (s->cc_given) {
		/* EN and SHN come of the command itself */
		opts.cc_mask = s->cc_mask_given ? s->cc_mask : ~0xc001u;
		opts.cc_value = s->cc & opts.cc_mask;
	}
	choose(&opts, s->css_given, VFNC_CC_CSS_MASK, VFNC_CC_CSS, s->css);
	choose(&opts, s->mps_given, VFNC_CC_MPS_MASK, VFNC_CC_MPS, s->mps);
	choose(&opts, s->ams_given, VFNC_CC_AMS_MASK, VFNC_CC_AMS, s->ams);
	choose(&opts, s->iosqes_given, VFNC_CC_IOSQES_MASK, VFNC_CC_IOSQES, s->iosqes);
	choose(&opts, s->iocqes_given, VFNC_CC_IOCQES_MASK, VFNC_CC_IOCQES, s->iocqes);
	if (vfnc_enable(tool->dev, &opts, &r) < 0)
		return report_daemon(tool);
	printf("enabled: CC %#x, CSTS %#x, admin queues of %u and %u entries\n", r.cc, r.csts, (r.aqa & 0xfff) + 1,
	       (r.aqa >> 16 & 0xfff) + 1);
	return EXIT_OK;
}

const struct command cmd_disable = {
	.name = "disable",
	.summary = "disable a controller, and leave it so",
	.doc = "Disable a controller by a reset of a kind, and leave it disabled until `vfnctl enable'. All sessions "
	       "lose their queues, and are told; they keep the device and their buffers, and can read registers.",
	.groups = OPT_DEVICE,
	.options = kinds_options,
	.option = off_option,
	.settings_size = sizeof(struct off_settings),
	.run = run_disable,
};

static const struct value shutdown_values[] = {
	SWITCH(struct off_settings, abrupt, 'a', "abrupt", "an abrupt shutdown in place of a normal one"),
	VALUES_END,
};

const struct command cmd_shutdown = {
	.name = "shutdown",
	.summary = "shut a controller down, and leave it so",
	.doc = "Notify a controller of a shutdown (CC.SHN), wait until it has shut down (CSTS.SHST), disable it and "
	       "leave it so until `vfnctl enable'. CSTS is shown as it was before.",
	.groups = OPT_DEVICE,
	.values = shutdown_values,
	.settings_size = sizeof(struct off_settings),
	.run = run_shutdown,
};

const struct command cmd_enable = {
	.name = "enable",
	.summary = "enable a controller that was disabled",
	.doc = "Enable a controller after `vfnctl disable' or `vfnctl shutdown'. Fields of CC that are given need "
	       "`raw = yes' in the device's section of vfnd.conf; they hold until the next reset. A controller that "
	       "does not get ready with them is disabled again.",
	.groups = OPT_DEVICE,
	.values = on_values,
	.settings_size = sizeof(struct on_settings),
	.run = run_enable,
};
