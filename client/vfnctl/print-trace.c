/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that were traced: a line each, also in JSON, so that a reader can take them as they come. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <json-c/json.h>
#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static uint32_t dword(const struct vfnc_trace_entry *e, unsigned int n)
{
	return (uint32_t)field_number(&e->sqe[4 * n], 4);
}

static const char *opcode_name(const struct vfnc_trace_entry *e)
{
	return print_opcode(e->qid == 0, e->sqe[0]);
}

static void print_flags(FILE *out, const struct vfnc_trace_entry *e)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{VFNC_TRACE_REFUSED, "refused"},
		{VFNC_TRACE_RAW, "raw"},
		{VFNC_TRACE_TIMED_OUT, "timed out"},
		{VFNC_TRACE_LATE, "late"},
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (e->flags & flags[i].flag)
			fprintf(out, " [%s]", flags[i].name);
}

static void print_text(FILE *out, const struct vfnc_trace_entry *e, const char *device)
{
	const char *status = nvme_status_to_string(e->status, false);

	if (e->lost)
		fprintf(out, "%" PRIu64 " commands lost\n", e->lost);
	if (device)
		fprintf(out, "%s ", device);
	fprintf(out, "%" PRIu64 ".%06" PRIu64 " ", e->completed / 1000000000, e->completed / 1000 % 1000000);
	if (e->submitted)
		fprintf(out, "%8.1f us ", (double)(e->completed - e->submitted) / 1000);
	else
		fprintf(out, "%8s    ", "-");
	if (e->flags & VFNC_TRACE_DAEMON)
		fprintf(out, "daemon");
	else
		fprintf(out, "session %" PRIu64, e->session);
	fprintf(out, e->qid ? " queue %u" : " admin", e->qid);
	if (e->served)
		fprintf(out, " served %u", e->served);
	fprintf(out, " cid %u: %s (%02xh) nsid %#x", e->cid, opcode_name(e), e->sqe[0], dword(e, 1));
	for (unsigned int i = 10; i < 16; i++)
		fprintf(out, "%s%08x", i == 10 ? " cdw10 " : " ", dword(e, i));
	if (e->error)
		fprintf(out, ": %s", strerror((int)e->error));
	else
		/* its name; what that means stands behind it */
		fprintf(out, ": %.*s (%#x)", (int)strcspn(status, ":"), status, e->status);
	print_flags(out, e);
	fputc('\n', out);
}

static void add(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *obj, const char *key, const char *text)
{
	json_object_object_add(obj, key, json_object_new_string(text));
}

static void add_flag(struct json_object *obj, const char *key, const struct vfnc_trace_entry *e, uint32_t flag)
{
	json_object_object_add(obj, key, json_object_new_boolean(!!(e->flags & flag)));
}

static void print_json(FILE *out, const struct vfnc_trace_entry *e, const char *device)
{
	struct json_object *obj = json_object_new_object();
	char sqe[2 * sizeof(e->sqe) + 1], key[8];

	if (device)
		add_text(obj, "device", device);
	add(obj, "lost", e->lost);
	add(obj, "submitted_ns", e->submitted);
	add(obj, "completed_ns", e->completed);
	if (e->submitted)
		add(obj, "latency_ns", e->completed - e->submitted);
	add(obj, "session", e->session);
	add(obj, "queue", e->qid);
	add(obj, "served_queue", e->served);
	add(obj, "cid", e->cid);
	add(obj, "opcode", e->sqe[0]);
	add_text(obj, "opcode_name", opcode_name(e));
	add(obj, "nsid", dword(e, 1));
	for (unsigned int i = 10; i < 16; i++) {
		snprintf(key, sizeof(key), "cdw%u", i);
		add(obj, key, dword(e, i));
	}
	for (size_t i = 0; i < sizeof(e->sqe); i++)
		sprintf(sqe + 2 * i, "%02x", e->sqe[i]);
	add_text(obj, "sqe", sqe);
	add(obj, "length", e->length);
	if (e->error) {
		add(obj, "error", e->error);
		add_text(obj, "error_text", strerror((int)e->error));
	} else {
		add(obj, "status", e->status);
		add_text(obj, "status_text", nvme_status_to_string(e->status, false));
		add(obj, "dw0", e->dw0);
		add(obj, "dw1", e->dw1);
	}
	add_flag(obj, "refused", e, VFNC_TRACE_REFUSED);
	add_flag(obj, "served", e, VFNC_TRACE_SERVED);
	add_flag(obj, "raw", e, VFNC_TRACE_RAW);
	add_flag(obj, "daemon", e, VFNC_TRACE_DAEMON);
	add_flag(obj, "timed_out", e, VFNC_TRACE_TIMED_OUT);
	add_flag(obj, "late", e, VFNC_TRACE_LATE);
	fprintf(out, "%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
									JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
}

void print_trace(FILE *out, const struct vfnc_trace_entry *e, const char *device, enum format format)
{
	if (format == FORMAT_JSON)
		print_json(out, e, device);
	else
		print_text(out, e, device);
}
