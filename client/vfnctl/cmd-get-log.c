/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libnvme.h>
#include <stdlib.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/fields.h"

/* More than any log page that is known; a mistyped length is told rather than tried. */
#define LENGTH_MAX (UINT32_C(64) << 20)

struct settings {
	struct command_log log;
	uint32_t length, aen;
	bool id_given, aen_given, raw;
	uint8_t id;
};

static const struct value values[] = {
	OPTIONAL(struct settings, id, 'i', "log-id", UINT8_MAX, "log page identifier"),
	NUMBER(struct settings, length, 'l', "log-len", LENGTH_MAX, "how many bytes"),
	OPTIONAL(struct settings, aen, 'a', "aen", UINT32_MAX,
		 "the result of an asynchronous event: the log page that it names"),
	NUMBER(struct settings, log.offset, 'o', "lpo", UINT64_MAX, "offset of the first byte"),
	NUMBER(struct settings, log.lsp, 's', "lsp", 0x7f, "log specific field"),
	NUMBER(struct settings, log.lsi, 'S', "lsi", UINT16_MAX, "log specific identifier"),
	SWITCH(struct settings, log.rae, 'r', "rae", "leave the event that it belongs to"),
	NUMBER(struct settings, log.uuid, 'U', "uuid-index", 0x7f, "UUID index"),
	NUMBER(struct settings, log.csi, 'y', "csi", UINT8_MAX, "command set"),
	SWITCH(struct settings, log.ot, 'O', "ot", "the offset is an index"),
	SWITCH(struct settings, raw, 'b', "raw-binary", "the bytes as they are"),
	VALUES_END,
};

static int run(struct tool *tool, void *settings)
{
	struct settings *s = settings;
	uint8_t *data;
	int code;

	if (s->aen_given) {
		s->id = (uint8_t)(s->aen >> 16);
		s->length = s->length ? s->length : 4096;
	} else if (!s->id_given) {
		return report(tool, EXIT_USAGE, "--log-id is needed, or --aen");
	}
	if (!s->length)
		return report(tool, EXIT_USAGE, "--log-len is needed: how many bytes");
	if (s->log.offset % 4 && !s->log.ot)
		return report(tool, EXIT_USAGE, "--lpo: a log page's offset is a multiple of 4");
	data = malloc(s->length);
	if (!data)
		return report(tool, EXIT_FILE, "no memory");
	s->log.lid = s->id;
	s->log.nsid = tool->nsid_given ? tool->nsid : NVME_NSID_ALL;
	code = command_log(tool, &s->log, data, s->length);
	if (code == EXIT_OK && s->raw) {
		code = file_write(tool, NULL, data, s->length);
	} else if (code == EXIT_OK) {
		printf("Device:%s log-id:%u namespace-id:%#x\n", vfnc_device_address(tool->dev),
		       s->log.lid, s->log.nsid);
		field_dump(stdout, data, s->length);
	}
	free(data);
	return code;
}

const struct command cmd_get_log = {
	.name = "get-log",
	.summary = "any log page",
	.doc = "Read a log page and dump it. What is longer than the controller can transfer at once is "
	       "read in parts; the event that the page belongs to is left until the last one. Without "
	       "--namespace-id: of the controller.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run,
};
