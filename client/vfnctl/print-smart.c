/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMART / Health Information log page: NVM Express Base Specification. */
#include <libnvme.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

struct row {
	const char *text; /* with the tabs before the colon; NULL: JSON only */
	const char *json;
	uint16_t offset;
	uint8_t size; /* 16: a counter of 128 bits */
};

#define R(text, json, name)                                                                        \
	{                                                                                          \
		text, json, offsetof(struct nvme_smart_log, name),                                 \
			sizeof(((struct nvme_smart_log *)0)->name)                                 \
	}

static const struct row counters[] = {
	R("host_read_commands\t\t\t", "host_read_commands", host_reads),
	R("host_write_commands\t\t\t", "host_write_commands", host_writes),
	R("controller_busy_time\t\t\t", "controller_busy_time", ctrl_busy_time),
	R("power_cycles\t\t\t\t", "power_cycles", power_cycles),
	R("power_on_hours\t\t\t\t", "power_on_hours", power_on_hours),
	R("unsafe_shutdowns\t\t\t", "unsafe_shutdowns", unsafe_shutdowns),
	R("media_errors\t\t\t\t", "media_errors", media_errors),
	R("num_err_log_entries\t\t\t", "num_err_log_entries", num_err_log_entries),
	R("Warning Temperature Time\t\t", "warning_temp_time", warning_temp_time),
	R("Critical Composite Temperature Time\t", "critical_comp_time", critical_comp_time),
};
static const struct row thermal[] = {
	R("Thermal Management T1 Trans Count\t", "thm_temp1_trans_count", thm_temp1_trans_count),
	R("Thermal Management T2 Trans Count\t", "thm_temp2_trans_count", thm_temp2_trans_count),
	R("Thermal Management T1 Total Time\t", "thm_temp1_total_time", thm_temp1_total_time),
	R("Thermal Management T2 Total Time\t", "thm_temp2_total_time", thm_temp2_total_time),
};

static void print_rows(FILE *out, const struct row *r, size_t n, const uint8_t *data)
{
	char text[FIELD_U128_SIZE];

	for (; n--; r++) {
		if (r->size == 16)
			fprintf(out, "%s: %s\n", r->text, field_u128(data + r->offset, text));
		else
			fprintf(out, "%s: %u\n", r->text,
				(unsigned int)field_number(data + r->offset, r->size));
	}
}

static void json_number(struct json_object *obj, const char *name, uint64_t value)
{
	json_object_object_add(obj, name, json_object_new_uint64(value));
}

static void json_u128(struct json_object *obj, const char *name, const uint8_t *at)
{
	char text[FIELD_U128_SIZE];

	json_object_object_add(obj, name, json_object_new_string(field_u128(at, text)));
}

static void json_rows(struct json_object *obj, const struct row *r, size_t n, const uint8_t *data)
{
	for (; n--; r++)
		if (r->size == 16)
			json_u128(obj, r->json, data + r->offset);
		else
			json_number(obj, r->json, field_number(data + r->offset, r->size));
}

/* Thousands of 512 bytes, as a size with a decimal unit. */
static void print_units(FILE *out, const char *name, const uint8_t *at)
{
	static const char units[] = {0, 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'};
	char text[FIELD_U128_SIZE];
	long double bytes = 0;
	int unit = 0;

	for (int i = 15; i >= 0; i--)
		bytes = bytes * 256 + at[i];
	bytes *= 512000;
	while (bytes >= 1000 && unit < 8) {
		bytes /= 1000;
		unit++;
	}
	fprintf(out, "%s: %s (%.2Lf ", name, field_u128(at, text), bytes);
	if (unit)
		fputc(units[unit], out);
	fputs("B)\n", out);
}

static void print_warning(FILE *out, uint8_t warning)
{
	static const char *const bits[] = {
		"Available Spare[0]             ", "Temp. Threshold[1]             ",
		"NVM subsystem Reliability[2]   ", "Read-only[3]                   ",
		"Volatile mem. backup failed[4] ", "Persistent Mem. RO[5]          "};

	for (int i = 0; i < 6; i++)
		fprintf(out, "      %s: %d\n", bits[i], warning >> i & 1);
}

static void print_text(FILE *out, const struct nvme_smart_log *log, const char *device,
		       uint32_t nsid, bool human)
{
	const uint8_t *data = (const uint8_t *)log;
	int kelvin = (int)field_number(log->temperature, 2);

	fprintf(out, "Smart Log for NVME device:%s namespace-id:%x\n", device, nsid);
	fprintf(out, "critical_warning\t\t\t: %#x\n", log->critical_warning);
	if (human)
		print_warning(out, log->critical_warning);
	fprintf(out, "temperature\t\t\t\t: %d°C (%d Kelvin)\n", kelvin - 273, kelvin);
	fprintf(out, "available_spare\t\t\t\t: %u%%\n", log->avail_spare);
	fprintf(out, "available_spare_threshold\t\t: %u%%\n", log->spare_thresh);
	fprintf(out, "percentage_used\t\t\t\t: %u%%\n", log->percent_used);
	fprintf(out, "endurance group critical warning summary: %#x\n", log->endu_grp_crit_warn_sumry);
	print_units(out, "Data Units Read\t\t\t\t", log->data_units_read);
	print_units(out, "Data Units Written\t\t\t", log->data_units_written);
	print_rows(out, counters, sizeof(counters) / sizeof(counters[0]), data);
	for (int i = 0; i < 8; i++) {
		int t = (int)field_number((const uint8_t *)&log->temp_sensor[i], 2);

		if (t)
			fprintf(out, "Temperature Sensor %d           : %d°C (%d Kelvin)\n", i + 1,
				t - 273, t);
	}
	print_rows(out, thermal, sizeof(thermal) / sizeof(thermal[0]), data);
}

static void print_json(FILE *out, const struct nvme_smart_log *log)
{
	struct json_object *obj = json_object_new_object();
	const uint8_t *data = (const uint8_t *)log;

	json_number(obj, "critical_warning", log->critical_warning);
	json_number(obj, "temperature", field_number(log->temperature, 2));
	json_number(obj, "avail_spare", log->avail_spare);
	json_number(obj, "spare_thresh", log->spare_thresh);
	json_number(obj, "percent_used", log->percent_used);
	json_number(obj, "endurance_grp_critical_warning_summary", log->endu_grp_crit_warn_sumry);
	json_u128(obj, "data_units_read", log->data_units_read);
	json_u128(obj, "data_units_written", log->data_units_written);
	json_rows(obj, counters, sizeof(counters) / sizeof(counters[0]), data);
	for (int i = 0; i < 8; i++) {
		uint64_t t = field_number((const uint8_t *)&log->temp_sensor[i], 2);
		char name[32];

		snprintf(name, sizeof(name), "temperature_sensor_%d", i + 1);
		if (t)
			json_number(obj, name, t);
	}
	json_rows(obj, thermal, sizeof(thermal) / sizeof(thermal[0]), data);
	field_json_print(out, obj);
}

void print_smart(FILE *out, const void *data, const char *device, uint32_t nsid,
		 enum format format, bool human)
{
	if (format == FORMAT_BINARY)
		fwrite(data, sizeof(struct nvme_smart_log), 1, out);
	else if (format == FORMAT_JSON)
		print_json(out, data);
	else
		print_text(out, data, device, nsid, human);
}
