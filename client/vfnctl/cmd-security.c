/* SPDX-License-Identifier: GPL-2.0-or-later */
/* security-send and security-recv. */
#include "config.h"

#include <libnvme.h>
#include <stdlib.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/fields.h"

#define LENGTH_MAX (UINT32_C(16) << 20)

struct settings {
	const char *file;
	uint8_t nssf, secp;
	uint16_t spsp;
	uint32_t length, size;
	bool raw;
};

static uint32_t protocol(const struct settings *s)
{
	return (uint32_t)s->secp << 24 | (uint32_t)s->spsp << 8 | s->nssf;
}

#define PROTOCOL_VALUES                                                                            \
	NUMBER(struct settings, nssf, 'N', "nssf", UINT8_MAX, "NVMe security specific field"),     \
		NUMBER(struct settings, secp, 'p', "secp", UINT8_MAX, "security protocol"),        \
		NUMBER(struct settings, spsp, 's', "spsp", UINT16_MAX, "specific to the protocol")

static const struct value send_values[] = {
	PROTOCOL_VALUES,
	STRING(struct settings, file, 'f', "file", "FILE", "the data (else standard input)"),
	NEEDED(struct settings, length, 't', "tl", LENGTH_MAX, "transfer length, bytes"),
	VALUES_END,
};

static int run_send(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_security_send,
		.nsid = tool->nsid,
		.cdw10 = protocol(s),
		.cdw11 = s->length,
	};
	uint8_t *data;
	int code;

	if (!s->length)
		return report(tool, EXIT_USAGE, "--tl: there is nothing to send");
	data = calloc(1, s->length);
	if (!data)
		return report(tool, EXIT_FILE, "no memory");
	code = file_read(tool, s->file, data, s->length);
	if (code == EXIT_OK)
		code = command_admin_write(tool, &cmd, data, s->length, NULL);
	if (code == EXIT_OK)
		printf("NVME Security Send Command Success\n");
	free(data);
	return code;
}

const struct command cmd_security_send = {
	.name = "security-send",
	.summary = "send data of a security protocol",
	.doc = "Send Security Send. What the file has less than --tl is filled up with zeroes.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = send_values,
	.settings_size = sizeof(struct settings),
	.run = run_send,
};

static const struct value recv_values[] = {
	PROTOCOL_VALUES,
	NUMBER(struct settings, size, 'x', "size", LENGTH_MAX, "bytes to be shown (else --al)"),
	NUMBER(struct settings, length, 't', "al", LENGTH_MAX, "allocation length (else --size)"),
	SWITCH(struct settings, raw, 'b', "raw-binary", "the data as it is"),
	VALUES_END,
};

static int run_recv(struct tool *tool, void *settings)
{
	const struct settings *s = settings;
	uint32_t al = s->length ? s->length : s->size;
	uint32_t size = s->size ? s->size : al;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_security_recv,
		.nsid = tool->nsid,
		.cdw10 = protocol(s),
		.cdw11 = al,
	};
	uint8_t *data;
	int code;

	if (!al)
		return report(tool, EXIT_USAGE, "--size or --al is needed: how many bytes");
	if (al > size)
		return report(tool, EXIT_USAGE, "--al: more than the %u bytes of --size", size);
	data = calloc(1, size);
	if (!data)
		return report(tool, EXIT_FILE, "no memory");
	code = command_admin_read(tool, &cmd, data, size, NULL);
	if (code == EXIT_OK && s->raw) {
		code = file_write(tool, NULL, data, size);
	} else if (code == EXIT_OK) {
		printf("NVME Security Receive Command Success\n");
		field_dump(stdout, data, size);
	}
	free(data);
	return code;
}

const struct command cmd_security_recv = {
	.name = "security-recv",
	.summary = "receive data of a security protocol",
	.doc = "Send Security Receive and dump what comes back.",
	.groups = OPT_DEVICE | OPT_NSID,
	.values = recv_values,
	.settings_size = sizeof(struct settings),
	.run = run_recv,
};
