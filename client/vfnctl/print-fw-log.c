/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firmware Slot Information log page: NVM Express Base Specification. */
#include <inttypes.h>
#include <libnvme.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define SLOTS 7

/* The revision as characters; what is not printable or a space is a dot, as nvme-cli has it. */
static void revision(const char *frs, char text[9])
{
	for (int i = 0; i < 8; i++)
		text[i] = (char)(frs[i] > ' ' && frs[i] < 0x7f ? frs[i] : '.');
	text[8] = 0;
}

static void print_text(FILE *out, const struct nvme_firmware_slot *log, const char *device)
{
	char text[9];

	fprintf(out, "Firmware Log for device:%s\n", device);
	fprintf(out, "afi  : %#x\n", log->afi);
	for (int i = 0; i < SLOTS; i++) {
		uint64_t value = field_number((const uint8_t *)log->frs[i], 8);

		if (!value)
			continue;
		revision(log->frs[i], text);
		fprintf(out, "frs%d : %#016" PRIx64 " (%s)\n", i + 1, value, text);
	}
}

static void print_json(FILE *out, const struct nvme_firmware_slot *log, const char *device)
{
	struct json_object *root = json_object_new_object(), *obj = json_object_new_object();

	json_object_object_add(obj, "Active Firmware Slot (afi)", json_object_new_int(log->afi));
	for (int i = 0; i < SLOTS; i++) {
		uint64_t value = field_number((const uint8_t *)log->frs[i], 8);
		char name[32], text[9], both[48];

		if (!value)
			continue;
		revision(log->frs[i], text);
		snprintf(name, sizeof(name), "Firmware Rev Slot %d", i + 1);
		snprintf(both, sizeof(both), "%" PRIu64 " (%s)", value, text);
		json_object_object_add(obj, name, json_object_new_string(both));
	}
	json_object_object_add(root, device, obj);
	field_json_print(out, root);
}

void print_fw_log(FILE *out, const void *data, const char *device, enum format format)
{
	if (format == FORMAT_BINARY)
		fwrite(data, sizeof(struct nvme_firmware_slot), 1, out);
	else if (format == FORMAT_JSON)
		print_json(out, data, device);
	else
		print_text(out, data, device);
}
