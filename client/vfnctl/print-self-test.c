/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device Self-test log page: NVM Express Base Specification. */
#include <inttypes.h>
#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define GET(r, member) field_number((const uint8_t *)&(r)->member, sizeof((r)->member))

/* Valid Diagnostic Information */
enum {
	VALID_NSID = 1,
	VALID_FLBA = 2,
	VALID_SCT = 4,
	VALID_SC = 8,
};

static const char *const results[16] = {
	"Operation completed without error",
	"Operation was aborted by a Device Self-test command",
	"Operation was aborted by a Controller Level Reset",
	"Operation was aborted due to a removal of a namespace from the namespace inventory",
	"Operation was aborted due to the processing of a Format NVM command",
	"A fatal error or unknown test error occurred while the controller was executing the device "
	"self-test operation and the operation did not complete",
	"Operation completed with a segment that failed and the segment that failed is not known",
	"Operation completed with one or more failed segments and the first segment that failed is "
	"indicated in the SegmentNumber field",
	"Operation was aborted for unknown reason",
	"Operation was aborted due to a sanitize operation",
	"Reserved",
	"Reserved",
	"Reserved",
	"Reserved",
	"Reserved",
	"Entry not used (does not contain a result)",
};

static const char *code_name(unsigned int code)
{
	switch (code) {
	case 1:
		return "Short device self-test operation";
	case 2:
		return "Extended device self-test operation";
	case 0xe:
		return "Vendor specific";
	default:
		return "Reserved";
	}
}

static void print_result(FILE *out, const struct nvme_st_result *r, bool verbose)
{
	unsigned int result = r->dsts & 0xf, code = r->dsts >> 4;

	fprintf(out, "  Operation Result             : %#x", result);
	fprintf(out, verbose ? " %s\n" : "\n", results[result]);
	if (result == 0xf)
		return;
	fprintf(out, "  Self Test Code               : %x", code);
	fprintf(out, verbose ? " %s\n" : "\n", code_name(code));
	if (result == 7)
		fprintf(out, "  Segment Number               : %#x\n", r->seg);
	fprintf(out, "  Valid Diagnostic Information : %#x\n", r->vdi);
	fprintf(out, "  Power on hours (POH)         : %#" PRIx64 "\n", GET(r, poh));
	if (r->vdi & VALID_NSID)
		fprintf(out, "  Namespace Identifier         : %#x\n", (unsigned int)GET(r, nsid));
	if (r->vdi & VALID_FLBA)
		fprintf(out, "  Failing LBA                  : %#" PRIx64 "\n", GET(r, flba));
	if (r->vdi & VALID_SCT)
		fprintf(out, "  Status Code Type             : %#x\n", r->sct);
	if (r->vdi & VALID_SC) {
		fprintf(out, "  Status Code                  : %#x", r->sc);
		if (verbose)
			fprintf(out, " %s",
				nvme_status_to_string((r->sct & 7) << 8 | r->sc, false));
		fputc('\n', out);
	}
	fprintf(out, "  Vendor Specific              : %#x %#x\n", r->vs[0], r->vs[1]);
}

static void add(struct json_object *obj, const char *name, uint64_t value)
{
	json_object_object_add(obj, name, json_object_new_uint64(value));
}

static struct json_object *json_result(const struct nvme_st_result *r)
{
	struct json_object *obj = json_object_new_object();

	add(obj, "Self test result", r->dsts & 0xf);
	if ((r->dsts & 0xf) == 0xf)
		return obj;
	add(obj, "Self test code", r->dsts >> 4);
	add(obj, "Segment number", r->seg);
	add(obj, "Valid Diagnostic Information", r->vdi);
	add(obj, "Power on hours", GET(r, poh));
	if (r->vdi & VALID_NSID) /* nvme-cli has it signed: -1 for all */
		json_object_object_add(obj, "Namespace Identifier",
				       json_object_new_int((int32_t)GET(r, nsid)));
	if (r->vdi & VALID_FLBA)
		add(obj, "Failing LBA", GET(r, flba));
	if (r->vdi & VALID_SCT)
		add(obj, "Status Code Type", r->sct);
	if (r->vdi & VALID_SC)
		add(obj, "Status Code", r->sc);
	add(obj, "Vendor Specific", field_number(r->vs, 2));
	return obj;
}

void print_self_test_log(FILE *out, const void *data, unsigned int n, const char *device,
			 enum format format, bool verbose)
{
	const struct nvme_self_test_log *log = data;
	struct json_object *root, *list;

	if (format == FORMAT_BINARY) {
		fwrite(data, sizeof(*log), 1, out);
		return;
	}
	if (format == FORMAT_JSON) {
		root = json_object_new_object();
		list = json_object_new_array();
		add(root, "Current Device Self-Test Operation", log->current_operation);
		add(root, "Current Device Self-Test Completion", log->completion);
		for (unsigned int i = 0; i < n; i++)
			json_object_array_add(list, json_result(&log->result[i]));
		json_object_object_add(root, "List of Valid Reports", list);
		field_json_print(out, root);
		return;
	}
	fprintf(out, "Device Self Test Log for NVME device:%s\n", device);
	fprintf(out, "Current operation  : %#x\n", log->current_operation);
	fprintf(out, "Current Completion : %u%%\n", log->completion);
	for (unsigned int i = 0; i < n; i++) {
		fprintf(out, "Self Test Result[%u]:\n", i);
		print_result(out, &log->result[i], verbose);
	}
}
