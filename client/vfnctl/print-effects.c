/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands Supported and Effects log page: NVM Express Base Specification. */
#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static void print_human(FILE *out, uint32_t e)
{
	static const char *const restrictions[8] = {
		"No command restriction",
		"No other command for same namespace",
		"No other command for any namespace",
		"Reserved CSE",
		"Reserved CSE",
		"Reserved CSE",
		"Reserved CSE",
		"Reserved CSE",
	};
	static const struct {
		const char *name;
		unsigned int bit;
	} flags[] = {{"CSUPP", 0}, {"LBCC", 1}, {"NCC", 2}, {"NIC", 3}, {"CCC", 4}, {"USS", 19}};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		fprintf(out, "  %s%c", flags[i].name, e >> flags[i].bit & 1 ? '+' : '-');
	fprintf(out, "  %s", restrictions[e >> 16 & 7]);
}

static void print_commands(FILE *out, const uint8_t *effects, bool admin, bool human)
{
	for (int i = 0; i < 256; i++) {
		uint32_t e = (uint32_t)field_number(effects + 4 * i, 4);

		if (!(e & 1))
			continue;
		fprintf(out, admin ? "ACS%-6d[%-32s] %08x" : "IOCS%-5d[%-32s] %08x", i,
			print_opcode(admin, (uint8_t)i), e);
		if (human)
			print_human(out, e);
		fputc('\n', out);
	}
}

static struct json_object *json_commands(const uint8_t *effects, bool admin)
{
	struct json_object *obj = json_object_new_object();

	for (int i = 0; i < 256; i++) {
		uint32_t e = (uint32_t)field_number(effects + 4 * i, 4);
		char name[64];

		if (!(e & 1))
			continue;
		snprintf(name, sizeof(name), "%s_%d (%s)", admin ? "ACS" : "IOCS", i,
			 print_opcode(admin, (uint8_t)i));
		json_object_object_add(obj, name, json_object_new_uint64(e));
	}
	return obj;
}

static const char *set_name(uint8_t csi)
{
	switch (csi) {
	case NVME_CSI_NVM:
		return "NVM Command Set Log Page";
	case NVME_CSI_ZNS:
		return "ZNS Command Set Log Page";
	default:
		return "Unknown Command Set Log Page";
	}
}

void print_effects(FILE *out, const struct print_effects *sets, size_t n, enum format format,
		   bool human)
{
	struct json_object *root = format == FORMAT_JSON ? json_object_new_array() : NULL;

	for (; n--; sets++) {
		const struct nvme_cmd_effects_log *log = (const void *)sets->data;

		if (format == FORMAT_BINARY) {
			fwrite(log, sizeof(*log), 1, out);
		} else if (root) {
			struct json_object *obj = json_object_new_object();

			json_object_object_add(obj, "command_set_identifier",
					       json_object_new_int(sets->csi));
			json_object_object_add(obj, "admin_cmd_set",
					       json_commands((const uint8_t *)log->acs, true));
			json_object_object_add(obj, "io_cmd_set",
					       json_commands((const uint8_t *)log->iocs, false));
			json_object_array_add(root, obj);
		} else {
			fprintf(out, "%s\n", set_name(sets->csi));
			for (int i = 0; i < 80; i++)
				fputc('-', out);
			fprintf(out, "\nAdmin Commands\n");
			print_commands(out, (const uint8_t *)log->acs, true, human);
			fprintf(out, "\nI/O Commands\n");
			print_commands(out, (const uint8_t *)log->iocs, false, human);
			fputc('\n', out);
		}
	}
	if (root)
		field_json_print(out, root);
}
