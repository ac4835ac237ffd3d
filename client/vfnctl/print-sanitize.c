/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sanitize Status log page: NVM Express Base Specification. */
#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define GET(member) field_number((const uint8_t *)&log->member, sizeof(log->member))

static const struct field times[] = {
#define T(label, member) {.name = label, .offset = offsetof(struct nvme_sanitize_log_page, member)}
	T("Overwrite                   ", eto),
	T("Block Erase                 ", etbe),
	T("Crypto Erase                ", etce),
	T("Overwrite (No-Deallocate)   ", etond),
	T("Block Erase (No-Deallocate) ", etbend),
	T("Crypto Erase (No-Deallocate)", etcend),
#undef T
};
static const char *const json_times[] = {
	"time_over_write",	      "time_block_erase",	     "time_crypto_erase",
	"time_over_write_no_dealloc", "time_block_erase_no_dealloc", "time_crypto_erase_no_dealloc",
};
#define N_TIMES (sizeof(times) / sizeof(times[0]))

const char *print_sanitize_status(unsigned int sstat)
{
	static const char *const names[8] = {
		"NVM Subsystem has never been sanitized.",
		"Most Recent Sanitize Command Completed Successfully.",
		"Sanitize in Progress.",
		"Most Recent Sanitize Command Failed.",
		("Most Recent Sanitize Command (No-Deallocate After Sanitize) Completed "
		 "Successfully."),
		"Unknown",
		"Unknown",
		"Unknown",
	};

	return names[sstat & 7];
}

static void print_human(FILE *out, unsigned int sstat)
{
	fprintf(out, "\t[2:0]\t%s\n", print_sanitize_status(sstat));
	fprintf(out,
		"\t[7:3]\tNumber of completed passes if most recent operation was overwrite:\t%u\n",
		sstat >> 3 & 0x1f);
	fprintf(out, sstat & 0x100
			     ? "\t  [8]\tGlobal Data Erased set: no NS LB in the NVM subsystem has been "
			       "written to and no PMR in the NVM subsystem has been enabled\n"
			     : "\t  [8]\tGlobal Data Erased cleared: a NS LB in the NVM subsystem has "
			       "been written to or a PMR in the NVM subsystem has been enabled\n");
}

static void print_text(FILE *out, const struct nvme_sanitize_log_page *log, bool human)
{
	unsigned int sprog = (unsigned int)GET(sprog), sstat = (unsigned int)GET(sstat);

	fprintf(out, "Sanitize Progress                      (SPROG) :  %u", sprog);
	if (human && (sstat & 7) == 2)
		fprintf(out, "\t(%f%%)", sprog * 100.0 / 65536);
	fprintf(out, "\nSanitize Status                        (SSTAT) :  %#x\n", sstat & 7);
	if (human)
		print_human(out, sstat);
	fprintf(out, "Sanitize Command Dword 10 Information (SCDW10) :  %#x\n",
		(unsigned int)GET(scdw10));
	for (size_t i = 0; i < N_TIMES; i++) {
		uint32_t t = (uint32_t)field_number((const uint8_t *)log + times[i].offset, 4);

		fprintf(out, "Estimated Time For %s:  %u%s\n", times[i].name, t,
			t == UINT32_MAX ? " (No time period reported)" : "");
	}
}

static void print_json(FILE *out, const struct nvme_sanitize_log_page *log, const char *device)
{
	struct json_object *root = json_object_new_object(), *obj = json_object_new_object(),
			   *status = json_object_new_object();
	unsigned int sstat = (unsigned int)GET(sstat);
	char text[128];

	json_object_object_add(obj, "sprog", json_object_new_uint64(GET(sprog)));
	json_object_object_add(status, "global_erased", json_object_new_int((int)(sstat >> 8 & 1)));
	json_object_object_add(status, "no_cmplted_passes",
			       json_object_new_int((int)(sstat >> 3 & 0x1f)));
	snprintf(text, sizeof(text), "(%u) %s", sstat & 7, print_sanitize_status(sstat));
	json_object_object_add(status, "status", json_object_new_string(text));
	json_object_object_add(obj, "sstat", status);
	json_object_object_add(obj, "cdw10_info", json_object_new_uint64(GET(scdw10)));
	for (size_t i = 0; i < N_TIMES; i++) /* signed as nvme-cli has them: -1 is not reported */
		json_object_object_add(
			obj, json_times[i],
			json_object_new_int((int32_t)field_number(
				(const uint8_t *)log + times[i].offset, 4)));
	json_object_object_add(root, device, obj);
	field_json_print(out, root);
}

void print_sanitize_log(FILE *out, const void *data, const char *device, enum format format,
			bool human)
{
	if (format == FORMAT_BINARY)
		fwrite(data, sizeof(struct nvme_sanitize_log_page), 1, out);
	else if (format == FORMAT_JSON)
		print_json(out, data, device);
	else
		print_text(out, data, human);
}
