/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get-feature and set-feature. */
#include "config.h"

#include <errno.h>
#include <libnvme.h>
#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define SEL_CURRENT   0
#define SEL_DEFAULT   1
#define SEL_SUPPORTED 3
#define SEL_CHANGED   8 /* no selection of the controller's: those that are not as by default */
#define DATA_MAX      65536

struct get_settings {
	bool fid_given, raw;
	uint8_t fid, sel, uuid;
	uint32_t length, cdw11;
};

static const struct value get_values[] = {
	OPTIONAL(struct get_settings, fid, 'f', "feature-id", UINT8_MAX,
		 "feature identifier (if not given, all that the controller has)"),
	NUMBER(struct get_settings, sel, 's', "sel", SEL_CHANGED,
	       "0 the current value, 1 the default, 2 the saved one, 3 what is supported, 8 the current "
	       "value where it is not the default"),
	NUMBER(struct get_settings, length, 'l', "data-len", DATA_MAX,
	       "bytes of data (else what the feature has)"),
	SWITCH(struct get_settings, raw, 'b', "raw-binary", "the data as it is"),
	NUMBER(struct get_settings, cdw11, 'c', "cdw11", UINT32_MAX, "command dword 11"),
	NUMBER(struct get_settings, uuid, 'U', "uuid-index", 0x7f, "UUID index"),
	VALUES_END,
};

/* As nvme-cli has numbers that are to have a width: 0x and digits, or as many zeroes. */
static void print_padded(int digits, uint32_t value)
{
	printf(value ? "0x%0*x" : "%0*x", digits, value);
}

static void print_supported(uint32_t value)
{
	if (value & 1)
		printf("  Feature is saveable\n");
	if (value & 2)
		printf("  Feature is per-namespace\n");
	if (value & 4)
		printf("  Feature is changeable\n");
}

static void print_feature_value(const struct tool *tool, const struct get_settings *s, uint8_t fid,
				uint32_t value, const uint8_t *data, size_t len)
{
	static const char *const selects[] = {"Current", "Default", "Saved",
					      "Supported capabilities",
					      [SEL_CHANGED] = "Changed"};

	printf("get-feature:");
	print_padded(2, fid);
	printf(" (%s), %s value:", print_feature_name(fid),
	       selects[s->sel]);
	print_padded(8, value);
	putchar('\n');
	if (s->sel == SEL_SUPPORTED) {
		if (tool->human)
			print_supported(value);
	} else if (tool->human) {
		print_feature(stdout, fid, value, data);
	} else {
		field_dump(stdout, data, len);
	}
}

#define PASSED_OVER (-1)

/* One selection of a feature. What is not there is passed over where all features are asked for. */
static int fetch(struct tool *tool, const struct get_settings *s, uint8_t fid, uint8_t sel, bool all, uint8_t *data,
		 size_t len, uint32_t *value)
{
	struct vfnc_completion cpl = {0};
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_get_features,
		.nsid = tool->nsid,
		.cdw10 = (uint32_t)sel << 8 | fid,
		.cdw11 = s->cdw11,
		.cdw14 = s->uuid,
	};
	int ret, code = EXIT_OK;

	/* The daemon has room for the longer of the two host identifiers, whichever is asked for. */
	if (fid == NVME_FEAT_FID_HOST_ID && len && len < 16)
		len = 16;
	if (all) {
		cmd.length = len;
		cmd.data_in = len ? data : NULL;
		ret = vfnc_admin(tool->dev, &cmd, &cpl);
		if (ret == -EPERM || (ret == 0 && !vfnc_ok(&cpl)))
			return PASSED_OVER;
		if (ret < 0)
			code = report_daemon(tool);
	} else {
		code = command_admin_read(tool, &cmd, data, len, &cpl);
	}
	*value = cpl.dw0;
	return code;
}

/* Whether the feature is not as it was made; one without a default counts as such. */
static bool is_changed(struct tool *tool, const struct get_settings *s, uint8_t fid, const uint8_t *data, size_t len,
		       uint32_t value)
{
	static uint8_t before[DATA_MAX];
	uint32_t was = 0;

	memset(before, 0, sizeof(before));
	return fetch(tool, s, fid, SEL_DEFAULT, true, before, len, &was) != EXIT_OK || was != value ||
	       memcmp(before, data, len) != 0;
}

static int get_one(struct tool *tool, const struct get_settings *s, uint8_t fid, bool all)
{
	uint8_t *data = calloc(1, DATA_MAX), sel = s->sel == SEL_CHANGED ? SEL_CURRENT : s->sel;
	size_t len = s->length;
	uint32_t value = 0;
	int code;

	if (!data)
		return report(tool, EXIT_FILE, "no memory");
	if (!len && sel != SEL_SUPPORTED)
		len = print_feature_size(fid, s->cdw11, false);
	code = fetch(tool, s, fid, sel, all, data, len, &value);
	if (code == EXIT_OK && s->sel == SEL_CHANGED && !is_changed(tool, s, fid, data, len, value))
		code = PASSED_OVER;
	if (code == EXIT_OK && s->raw && len)
		code = file_write(tool, NULL, data, len);
	else if (code == EXIT_OK)
		print_feature_value(tool, s, fid, value, data, len);
	free(data);
	return code == PASSED_OVER ? EXIT_OK : code;
}

static int run_get(struct tool *tool, void *settings)
{
	const struct get_settings *s = settings;
	int code = EXIT_OK;

	if (s->sel > SEL_SUPPORTED && s->sel != SEL_CHANGED)
		return report(tool, EXIT_USAGE, "--sel: 0 to 3, or 8, not %u", s->sel);
	if (s->fid_given)
		return get_one(tool, s, s->fid, false);
	for (unsigned int fid = 1; fid <= UINT8_MAX && code == EXIT_OK; fid++)
		code = get_one(tool, s, (uint8_t)fid, true);
	return code;
}

const struct command cmd_get_feature = {
	.name = "get-feature",
	.summary = "what a feature is set to",
	.doc = "Send Get Features and show the value and the data that come back; with "
	       "--human-readable what they mean.",
	.groups = OPT_DEVICE | OPT_NSID | OPT_HUMAN,
	.values = get_values,
	.settings_size = sizeof(struct get_settings),
	.run = run_get,
};

struct set_settings {
	uint8_t fid, uuid;
	bool save, length_given, value_given;
	uint32_t cdw12, length;
	uint64_t value;
	const char *file;
};

static const struct value set_values[] = {
	NEEDED(struct set_settings, fid, 'f', "feature-id", UINT8_MAX, "feature identifier"),
	OPTIONAL(struct set_settings, value, 'v', "value", UINT64_MAX,
		 "its new value: command dword 11, and 12 where it is longer than 32 bits"),
	NUMBER(struct set_settings, cdw12, 'c', "cdw12", UINT32_MAX, "command dword 12"),
	OPTIONAL(struct set_settings, length, 'l', "data-len", DATA_MAX,
		 "bytes of data (else what the feature has)"),
	STRING(struct set_settings, file, 'd', "data", "FILE", "data's file (else standard input)"),
	SWITCH(struct set_settings, save, 's', "save", "keep it over power cycles and resets"),
	NUMBER(struct set_settings, uuid, 'U', "uuid-index", 0x7f, "UUID index"),
	VALUES_END,
};

/* The timestamp may be given as a value rather than as a file. */
static int set_data(struct tool *tool, const struct set_settings *s, uint8_t *data, size_t len)
{
	if (s->fid == NVME_FEAT_FID_TIMESTAMP && !s->file && s->value_given) {
		for (int i = 0; i < 6; i++)
			data[i] = (uint8_t)(s->value >> 8 * i);
		return EXIT_OK;
	}
	return len ? file_read(tool, s->file, data, len) : EXIT_OK;
}

static int run_set(struct tool *tool, void *settings)
{
	const struct set_settings *s = settings;
	bool timestamp = s->fid == NVME_FEAT_FID_TIMESTAMP;
	uint32_t value = timestamp ? 0 : (uint32_t)s->value;
	uint32_t cdw12 = s->cdw12 | (timestamp ? 0 : (uint32_t)(s->value >> 32));
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_set_features,
		.nsid = tool->nsid,
		.cdw10 = (uint32_t)s->save << 31 | s->fid,
		.cdw11 = value,
		.cdw12 = cdw12,
		.cdw14 = s->uuid,
	};
	size_t len = s->length_given ? s->length : print_feature_size(s->fid, value, true);
	uint8_t *data;
	int code;

	if (!s->value_given && !len)
		return report(tool, EXIT_USAGE, "--value is needed: this feature has no data");
	data = calloc(1, len + 8);
	if (!data)
		return report(tool, EXIT_FILE, "no memory");
	code = set_data(tool, s, data, len);
	if (code == EXIT_OK)
		code = command_admin_write(tool, &cmd, data, len, NULL);
	if (code == EXIT_OK) {
		printf("set-feature:");
		print_padded(2, s->fid);
		printf(" (%s), value:", print_feature_name(s->fid));
		print_padded(8, value);
		printf(", cdw12:");
		print_padded(8, cdw12);
		printf(", save:%#x\n", s->save);
		field_dump(stdout, data, len);
	}
	free(data);
	return code;
}

const struct command cmd_set_feature = {
	.name = "set-feature",
	.summary = "set a feature",
	.doc = "Send Set Features. Features that have data take it from a file or standard input; the "
	       "timestamp may be given as --value, too. Number of Queues, the asynchronous event "
	       "configuration, the keep-alive timer and the host memory buffer are the daemon's own.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = set_values,
	.settings_size = sizeof(struct set_settings),
	.run = run_set,
};
