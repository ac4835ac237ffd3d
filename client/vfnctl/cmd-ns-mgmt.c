/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create-ns, delete-ns, attach-ns and detach-ns. */
#include "config.h"

#include <endian.h>
#include <libnvme.h>
#include <stdlib.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/list.h"

#define TIMEOUT_MS 120000
#define LBSTM      384 /* Namespace Management, create: logical block storage tag mask */

struct create_settings {
	uint64_t nsze, ncap, block_size, lbstm;
	bool nsze_given, ncap_given, flbas_given;
	uint8_t flbas, dps, nmic, csi;
	uint32_t anagrpid, timeout;
	uint16_t nvmsetid;
	const char *nsze_si, *ncap_si;
};

static const struct create_settings create_defaults = {.timeout = TIMEOUT_MS};

static const struct value create_values[] = {
	OPTIONAL(struct create_settings, nsze, 's', "nsze", UINT64_MAX, "its size, in blocks"),
	OPTIONAL(struct create_settings, ncap, 'c', "ncap", UINT64_MAX,
		 "its capacity, in blocks (else as its size)"),
	OPTIONAL(struct create_settings, flbas, 'f', "flbas", UINT8_MAX,
		 "LBA format, and bit 4: metadata with the data"),
	NUMBER(struct create_settings, block_size, 'b', "block-size", UINT32_MAX,
	       "bytes of a block, in place of --flbas: a format without metadata"),
	NUMBER(struct create_settings, dps, 'd', "dps", UINT8_MAX, "protection information"),
	NUMBER(struct create_settings, nmic, 'm', "nmic", UINT8_MAX, "1: controllers may share it"),
	NUMBER(struct create_settings, anagrpid, 'a', "anagrp-id", UINT32_MAX, "ANA group"),
	NUMBER(struct create_settings, nvmsetid, 'i', "nvmset-id", UINT16_MAX, "NVM set"),
	NUMBER(struct create_settings, csi, 'y', "csi", UINT8_MAX, "command set"),
	NUMBER(struct create_settings, lbstm, 'l', "lbstm", UINT64_MAX, "storage tag mask"),
	STRING(struct create_settings, nsze_si, 'S', "nsze-si", "SIZE",
	     "its size, in bytes: 1G, 1Gi, ..."),
	STRING(struct create_settings, ncap_si, 'C', "ncap-si", "SIZE", "its capacity, in bytes"),
	NUMBER(struct create_settings, timeout, 't', "timeout", UINT32_MAX,
	       "milliseconds that it may take, 120000 if not given"),
	VALUES_END,
};

/* The format by its block size, or the block size by the format. */
static int create_format(struct tool *tool, struct create_settings *s, unsigned int *shift)
{
	struct nvme_id_ns ns;
	unsigned int n, f;
	int code;

	*shift = 0;
	if (s->flbas_given && !s->nsze_si && !s->ncap_si)
		return EXIT_OK;
	code = command_identify(tool, NVME_IDENTIFY_CNS_NS, NVME_NSID_ALL, 0, 0, &ns);
	if (code)
		return code;
	n = ns.nlbaf + ns.nulbaf < 63 ? ns.nlbaf + ns.nulbaf + 1u : 64;
	if (s->flbas_given) {
		f = (s->flbas & 0xf) | (s->flbas >> 5 & 3u) << 4;
		*shift = f < n ? ns.lbaf[f].ds : 0;
		return *shift >= 9 && *shift < 32
			       ? EXIT_OK
			       : report(tool, EXIT_USAGE, "--flbas: there is no format %u", f);
	}
	for (f = 0; f < n; f++)
		if (ns.lbaf[f].ds < 32 && UINT64_C(1) << ns.lbaf[f].ds == s->block_size &&
		    !ns.lbaf[f].ms)
			break;
	if (f == n)
		return report(tool, EXIT_USAGE,
			      "--block-size: there is no format with blocks of %u bytes and no "
			      "metadata: `vfnctl id-ns -n 0xffffffff' shows those that there are",
			      (unsigned int)s->block_size);
	s->flbas = (uint8_t)((f & 0xf) | f >> 4 << 5);
	*shift = ns.lbaf[f].ds;
	return EXIT_OK;
}

static int create_size(struct tool *tool, const char *name, const char *text, unsigned int shift,
		       uint64_t *blocks)
{
	uint64_t bytes;
	int code = list_size(tool, name, text, &bytes);

	*blocks = bytes >> shift;
	if (code == EXIT_OK && !*blocks)
		return report(tool, EXIT_USAGE, "%s: '%s' is less than a block", name, text);
	return code;
}

static int create_check(struct tool *tool, struct create_settings *s)
{
	unsigned int shift;
	int code;

	if (!s->nsze_given == !s->nsze_si)
		return report(tool, EXIT_USAGE, "--nsze or --nsze-si is needed, not both");
	if (s->ncap_given && s->ncap_si)
		return report(tool, EXIT_USAGE, "--ncap and --ncap-si exclude each other");
	if (s->flbas_given == (s->block_size != 0))
		return report(tool, EXIT_USAGE, "--flbas or --block-size is needed, not both");
	code = create_format(tool, s, &shift);
	if (code == EXIT_OK && s->nsze_si)
		code = create_size(tool, "--nsze-si", s->nsze_si, shift, &s->nsze);
	if (code == EXIT_OK && s->ncap_si)
		code = create_size(tool, "--ncap-si", s->ncap_si, shift, &s->ncap);
	if (!s->ncap_given && !s->ncap_si)
		s->ncap = s->nsze;
	return code;
}

static int run_create(struct tool *tool, void *settings)
{
	struct create_settings *s = settings;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_ns_mgmt,
		.cdw10 = NVME_NS_MGMT_SEL_CREATE,
		.cdw11 = (uint32_t)s->csi << 24,
		.timeout_ms = s->timeout,
	};
	union {
		struct nvme_id_ns ns;
		uint8_t bytes[NVME_IDENTIFY_DATA_SIZE];
	} u = {.bytes = {0}};
	struct vfnc_completion cpl;
	int code = create_check(tool, s);

	if (code)
		return code;
	u.ns.nsze = htole64(s->nsze);
	u.ns.ncap = htole64(s->ncap);
	u.ns.flbas = s->flbas;
	u.ns.dps = s->dps;
	u.ns.nmic = s->nmic;
	u.ns.anagrpid = htole32(s->anagrpid);
	u.ns.nvmsetid = htole16(s->nvmsetid);
	for (int i = 0; i < 8; i++)
		u.bytes[LBSTM + i] = (uint8_t)(s->lbstm >> 8 * i);
	code = command_admin_write(tool, &cmd, &u, sizeof(u), &cpl);
	if (code == EXIT_OK)
		printf("create-ns: Success, created nsid:%u\n", cpl.dw0);
	return code;
}

const struct command cmd_create_ns = {
	.name = "create-ns",
	.summary = "create a namespace",
	.doc = "Send Namespace Management to create a namespace. No controller is attached to it yet: "
	       "vfnctl attach-ns does that.",
	.groups = OPT_DEVICE,
	.values = create_values,
	.defaults = &create_defaults,
	.settings_size = sizeof(struct create_settings),
	.run = run_create,
};

struct delete_settings {
	uint32_t timeout;
};

static const struct delete_settings delete_defaults = {.timeout = TIMEOUT_MS};

static const struct value delete_values[] = {
	NUMBER(struct delete_settings, timeout, 't', "timeout", UINT32_MAX,
	       "milliseconds that it may take, 120000 if not given"),
	VALUES_END,
};

static int run_delete(struct tool *tool, void *settings)
{
	const struct delete_settings *s = settings;
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_ns_mgmt,
		.nsid = tool->nsid,
		.cdw10 = NVME_NS_MGMT_SEL_DELETE,
		.timeout_ms = s->timeout,
	};
	int code = command_admin(tool, &cmd, NULL);

	if (code == EXIT_OK)
		printf("delete-ns: Success, deleted nsid:%u\n", tool->nsid);
	return code;
}

const struct command cmd_delete_ns = {
	.name = "delete-ns",
	.summary = "delete a namespace: its data is lost",
	.doc = "Send Namespace Management to delete a namespace, 0xffffffff for all of them. There is no "
	       "warning before.",
	.groups = OPT_DEVICE | OPT_NSID | OPT_NSID_NEEDED,
	.values = delete_values,
	.defaults = &delete_defaults,
	.settings_size = sizeof(struct delete_settings),
	.run = run_delete,
};

struct attach_settings {
	const char *controllers;
};

static const struct value attach_values[] = {
	STRING(struct attach_settings, controllers, 'c', "controllers", "LIST",
	     "controller identifiers with commas between them (else this controller)"),
	VALUES_END,
};

static int attach_list(struct tool *tool, const struct attach_settings *s,
		       struct nvme_ctrl_list *list)
{
	uint64_t ids[NVME_ID_CTRL_LIST_MAX];
	struct nvme_id_ctrl id;
	int n = 1, code;

	if (s->controllers) {
		n = list_parse(tool, "--controllers", s->controllers, UINT16_MAX, ids,
			       NVME_ID_CTRL_LIST_MAX);
		if (n < 0)
			return EXIT_USAGE;
	} else {
		code = command_identify(tool, NVME_IDENTIFY_CNS_CTRL, 0, 0, 0, &id);
		if (code)
			return code;
		ids[0] = le16toh(id.cntlid);
	}
	list->num = htole16((uint16_t)n);
	for (int i = 0; i < n; i++)
		list->identifier[i] = htole16((uint16_t)ids[i]);
	return EXIT_OK;
}

static int attach(struct tool *tool, const struct attach_settings *s, uint32_t select)
{
	struct nvme_ctrl_list list = {0};
	struct vfnc_cmd cmd = {
		.opcode = nvme_admin_ns_attach,
		.nsid = tool->nsid,
		.cdw10 = select,
		.timeout_ms = TIMEOUT_MS,
	};
	int code = attach_list(tool, s, &list);

	if (code == EXIT_OK)
		code = command_admin_write(tool, &cmd, &list, sizeof(list), NULL);
	if (code == EXIT_OK)
		printf("%s: Success, nsid:%u\n", tool->name, tool->nsid);
	return code;
}

static int run_attach(struct tool *tool, void *settings)
{
	return attach(tool, settings, NVME_NS_ATTACH_SEL_CTRL_ATTACH);
}

static int run_detach(struct tool *tool, void *settings)
{
	return attach(tool, settings, NVME_NS_ATTACH_SEL_CTRL_DEATTACH);
}

const struct command cmd_attach_ns = {
	.name = "attach-ns",
	.summary = "attach a namespace to controllers",
	.doc = "Send Namespace Attachment: the namespace becomes active on the controllers.",
	.groups = OPT_DEVICE | OPT_NSID | OPT_NSID_NEEDED,
	.values = attach_values,
	.settings_size = sizeof(struct attach_settings),
	.run = run_attach,
};

const struct command cmd_detach_ns = {
	.name = "detach-ns",
	.summary = "detach a namespace from controllers",
	.doc = "Send Namespace Attachment to detach a namespace: it is not active on these controllers "
	       "any more, and keeps its data.",
	.groups = OPT_DEVICE | OPT_NSID | OPT_NSID_NEEDED,
	.values = attach_values,
	.settings_size = sizeof(struct attach_settings),
	.run = run_detach,
};
