/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error Information log page: NVM Express Base Specification. */
#include <inttypes.h>
#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define AT(entry, member) ((const uint8_t *)&(entry)->member)
#define GET(entry, member) field_number(AT(entry, member), sizeof((entry)->member))

static const char *transport(uint8_t type)
{
	switch (type) {
	case 0:
		return "The transport type is not indicated or the error is not transport related.";
	case 1:
		return "RDMA Transport error.";
	case 2:
		return "Fibre Channel Transport error.";
	case 3:
		return "TCP Transport error.";
	case 254:
		return "Intra-host Transport error.";
	default:
		return "Reserved";
	}
}

static void print_text(FILE *out, const struct nvme_error_log_page *log, unsigned int n,
		       const char *device)
{
	fprintf(out, "Error Log Entries for device:%s entries:%u\n.................\n", device, n);
	for (unsigned int i = 0; i < n; i++, log++) {
		unsigned int status = (unsigned int)GET(log, status_field);

		fprintf(out, " Entry[%2u]   \n.................\n", i);
		fprintf(out, "error_count\t: %" PRIu64 "\n", GET(log, error_count));
		fprintf(out, "sqid\t\t: %u\n", (unsigned int)GET(log, sqid));
		fprintf(out, "cmdid\t\t: %#x\n", (unsigned int)GET(log, cmdid));
		fprintf(out, "status_field\t: %#x(%s)\n", status >> 1,
			nvme_status_to_string((int)(status >> 1), false));
		fprintf(out, "phase_tag\t: %#x\n", status & 1);
		fprintf(out, "parm_err_loc\t: %#x\n", (unsigned int)GET(log, parm_error_location));
		fprintf(out, "lba\t\t: %#" PRIx64 "\n", GET(log, lba));
		fprintf(out, "nsid\t\t: %#x\n", (unsigned int)GET(log, nsid));
		fprintf(out, "vs\t\t: %u\n", log->vs);
		fprintf(out, "trtype\t\t: %s\n", transport(log->trtype));
		fprintf(out, "cs\t\t: %#" PRIx64 "\n", GET(log, cs));
		fprintf(out, "trtype_spec_info: %#x\n", (unsigned int)GET(log, trtype_spec_info));
		fprintf(out, ".................\n");
	}
}

static void add(struct json_object *obj, const char *name, uint64_t value)
{
	json_object_object_add(obj, name, json_object_new_uint64(value));
}

static void print_json(FILE *out, const struct nvme_error_log_page *log, unsigned int n)
{
	struct json_object *root = json_object_new_object(), *errors = json_object_new_array();

	for (; n--; log++) {
		struct json_object *obj = json_object_new_object();

		add(obj, "error_count", GET(log, error_count));
		add(obj, "sqid", GET(log, sqid));
		add(obj, "cmdid", GET(log, cmdid));
		add(obj, "status_field", GET(log, status_field) >> 1);
		add(obj, "phase_tag", GET(log, status_field) & 1);
		add(obj, "parm_error_location", GET(log, parm_error_location));
		add(obj, "lba", GET(log, lba));
		/* signed, as nvme-cli has it: -1 for all namespaces */
		json_object_object_add(obj, "nsid", json_object_new_int((int32_t)GET(log, nsid)));
		add(obj, "vs", log->vs);
		add(obj, "trtype", log->trtype);
		add(obj, "cs", GET(log, cs));
		add(obj, "trtype_spec_info", GET(log, trtype_spec_info));
		json_object_array_add(errors, obj);
	}
	json_object_object_add(root, "errors", errors);
	field_json_print(out, root);
}

void print_error_log(FILE *out, const void *data, unsigned int n, const char *device,
		     enum format format)
{
	if (format == FORMAT_BINARY)
		fwrite(data, sizeof(struct nvme_error_log_page), n, out);
	else if (format == FORMAT_JSON)
		print_json(out, data, n);
	else
		print_text(out, data, n, device);
}
