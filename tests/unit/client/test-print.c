/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoders of vfnctl: numbers, dumps, and structures whose every bit is set. */
#include "config.h"

#include "unit.h"

#include <libnvme.h>
#include <string.h>

#include "canned.h"
#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static char *text;
static size_t text_size;

static FILE *begin(void)
{
	FILE *f = open_memstream(&text, &text_size);

	ck_assert_ptr_nonnull(f);
	return f;
}

static void end(FILE *f)
{
	ck_assert_int_eq(fclose(f), 0);
}

static bool has(const char *what)
{
	return strstr(text, what) != NULL;
}

START_TEST(test_numbers)
{
	uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8};
	char decimal[FIELD_U128_SIZE];

	ck_assert_uint_eq(field_number(bytes, 1), 1);
	ck_assert_uint_eq(field_number(bytes, 3), 0x030201);
	ck_assert_uint_eq(field_number(bytes, 8), 0x0807060504030201);
	ck_assert_uint_eq(field_part(0xabcd, 15, 12), 0xa);
	ck_assert_uint_eq(field_part(UINT64_MAX, 63, 0), UINT64_MAX);
	ck_assert_uint_eq(field_part(UINT64_MAX, 63, 63), 1);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_str_eq(field_u128(bytes, decimal), "0");
	bytes[8] = 1;
	ck_assert_str_eq(field_u128(bytes, decimal), "18446744073709551616");
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_str_eq(field_u128(bytes, decimal), "340282366920938463463374607431768211455");
}
END_TEST

START_TEST(test_bits)
{
	static const char *const names[] = {"none", "one", "two", "three"};
	static const struct field_bits bits[] = {RESERVED(7, 4), NAMES(3, 2, names),
						 BITS(1, 1, "off", "on"), FLAG(0, "Thing"),
						 BITS_END};
	FILE *f = begin();

	field_print_bits(f, bits, 0x0a);
	field_print_bits(f, bits, 0x51);
	end(f);
	ck_assert_str_eq(text, "  [3:2] : 0x2\ttwo\n  [1:1] : 0x1\ton\n  [0:0] : 0\tThing Not "
			       "Supported\n  [7:4] : 0x5\tReserved\n  [3:2] : 0\tnone\n  [1:1] : "
			       "0\toff\n  [0:0] : 0x1\tThing Supported\n");
	free(text);
}
END_TEST

START_TEST(test_dump)
{
	uint8_t data[18];
	FILE *f = begin();

	for (int i = 0; i < 18; i++)
		data[i] = (uint8_t)(0x78 + i);
	field_dump(f, data, 0);
	field_dump(f, data, sizeof(data));
	end(f);
	ck_assert_str_eq(text,
			 "       0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n"
			 "0000: 78 79 7a 7b 7c 7d 7e 7f 80 81 82 83 84 85 86 87 \"xyz{|}~.........\"\n"
			 "0010: 88 89                                            \"..\"\n");
	free(text);
}
END_TEST

static void print_logs(FILE *f, const uint8_t data[4096], enum format format)
{
	struct print_effects sets[] = {{.csi = data[0], .data = data}, {.csi = 2, .data = data}};

	print_error_log(f, data, 64, "x", format);
	print_fw_log(f, data, "x", format);
	print_changed_ns(f, data, "x", format);
	print_self_test_log(f, data, NVME_LOG_ST_MAX_RESULTS, "x", format, true);
	print_sanitize_log(f, data, "x", format, true);
	print_effects(f, sets, 2, format, true);
	print_ns_list(f, data, format);
	print_secondary(f, data, UINT32_MAX, format);
	print_descs(f, data, 1, format);
	print_nvm_id_ns(f, data, data, 1, format, true);
	for (int fid = 0; fid < 256; fid++) {
		ck_assert_uint_le(print_feature_size((uint8_t)fid, UINT32_MAX, true), 4096);
		print_feature(f, (uint8_t)fid, data[0] * 0x01010101u, data);
	}
}

/* A controller may say anything: nothing is read outside, nothing is shifted too far. */
START_TEST(test_any_bytes)
{
	static const uint8_t patterns[] = {0x00, 0xff, 0x55, 0xaa, 0x80, 0x7f};
	static uint8_t data[4096];

	for (size_t i = 0; i < sizeof(patterns); i++) {
		uint64_t values[PRINT_REGISTERS];

		memset(data, patterns[i], sizeof(data));
		memset(values, patterns[i], sizeof(values));
		for (int format = FORMAT_NORMAL; format <= FORMAT_BINARY; format++) {
			FILE *f = begin();

			print_id_ctrl(f, data, (enum format)format, true, true);
			print_id_ns(f, data, 1, (enum format)format, true, true);
			print_smart(f, data, "x", 1, (enum format)format, true);
			print_regs(f, values, (enum format)format, true);
			print_logs(f, data, (enum format)format);
			end(f);
			ck_assert_uint_gt(text_size, 1000);
			free(text);
		}
	}
}
END_TEST

START_TEST(test_all_set)
{
	static uint8_t data[4096];
	FILE *f = begin();

	memset(data, 0xff, sizeof(data));
	print_id_ctrl(f, data, FORMAT_NORMAL, true, false);
	print_id_ns(f, data, 9, FORMAT_NORMAL, true, false);
	end(f);
	ck_assert(has("vid       : 0xffff\n"));
	ck_assert(has("ieee      : ffffff\n"));
	ck_assert(has("fguid     : ffffffff-ffff-ffff-ffff-ffffffffffff\n"));
	ck_assert(has("  [2:2] : 0x1\tSR-IOV\n"));
	ck_assert(has("  [1:0] : 0xff\tAdministrative Controller\n"));
	ck_assert(has(" [15:0] : 65262°C (65535 Kelvin)\tWarning Composite"));
	ck_assert(has("[127:0] : 340282366920938463463374607431768211455\n"));
	ck_assert(has("Max SQ Entry Size (32768)"));
	ck_assert(has("ps     31 : mp:6.5535W non-operational"));
	ck_assert(!has("ps     32"));
	ck_assert(has("NVME Identify Namespace 9:\n"));
	ck_assert(has("Metadata Transferred at End of Data LBA"));
	ck_assert(has("LBA Format 63 :"));
	ck_assert(!has("LBA Format 64 :"));
	free(text);
}
END_TEST

START_TEST(test_smart_units)
{
	struct nvme_smart_log log;
	FILE *f = begin();

	memset(&log, 0, sizeof(log));
	log.data_units_read[0] = 1;
	memset(log.data_units_written, 0xff, 16);
	print_smart(f, &log, "dev", 5, FORMAT_NORMAL, false);
	end(f);
	ck_assert(has("Smart Log for NVME device:dev namespace-id:5\n"));
	ck_assert(has("Data Units Read\t\t\t\t: 1 (512.00 kB)\n"));
	ck_assert(has(": 340282366920938463463374607431768211455 (174"));
	ck_assert(has(" YB)\n"));
	ck_assert(has("temperature\t\t\t\t: -273°C (0 Kelvin)\n"));
	ck_assert(!has("Temperature Sensor"));
	free(text);
}
END_TEST

START_TEST(test_opcodes)
{
	ck_assert_str_eq(print_opcode(true, 6), "Identify");
	ck_assert_str_eq(print_opcode(false, 2), "Read");
	ck_assert_str_eq(print_opcode(true, 2), "Get Log Page");
	ck_assert_str_eq(print_opcode(true, 0xc1), "Unknown");
	ck_assert_str_eq(print_opcode(false, 0xc1), "Unknown");
}
END_TEST

/* Every kind that has fields, with the bits that these are made of. */
START_TEST(test_caps)
{
	static const struct vfnc_capability caps[] = {
		{.id = 0x01, .offset = 0x40},
		{.id = 0x11, .offset = 0x50},
		{.id = 0x10, .offset = 0x60},
		{.id = 0x05, .offset = 0xa0},
		{.id = 0x77, .offset = 0xf0},
		{.id = 0x03, .offset = 0x100, .version = 1, .extended = true},
		{.id = 0x10, .offset = 0x120, .version = 1, .extended = true},
		{.id = 0x0f, .offset = 0x160, .version = 1, .extended = true},
		{.id = 0x0b, .offset = 0x170, .version = 1, .extended = true},
		{.id = 0x01, .offset = 0xffc, .version = 2, .extended = true},
	};
	static uint8_t space[4096];
	FILE *f = begin();

	memcpy(space + 0x42, "\x03\x00\x08\x00", 4);			     /* version 3, no soft reset */
	memcpy(space + 0x52, "\x40\x80\x04\x20\x00\x00\x05\x30", 8);	     /* 65, enabled, BAR 4 and 5 */
	memcpy(space + 0x62, "\x02\x00\x02\x80\x00\x10\x20\x28\x04\x00", 10); /* payloads, FLR, fatal error */
	memcpy(space + 0x6c, "\x43\x00\x00\x00\x00\x00\x42\x00", 8);	     /* links: 4 of 8 GT/s, 4 of 5 GT/s */
	memcpy(space + 0xa2, "\x9a\x01", 2);				     /* 32 vectors, 2 enabled, 64 bit, masks */
	memcpy(space + 0x104, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	memcpy(space + 0x128, "\x01\x00\x00\x00\x07\x00\x08\x00\x03\x00\x00\x00\x10\x00\x02\x00", 16);
	memcpy(space + 0x164, "\x20\x00\x00\x80", 4);
	memcpy(space + 0x174, "\x34\x12\x01\x02", 4);
	print_caps(f, space, sizeof(space), caps, 10, FORMAT_NORMAL);
	end(f);
	for (const char *const *line = (const char *const[]){
		     "[40]  Power Management (0x1)\n", "version                 : 3\n",
		     "no soft reset           : yes\n", "[50]  MSI-X (0x11)\n", "vectors                 : 65\n",
		     "table BAR               : 4\n", "table offset            : 0x2000\n",
		     "pending BAR             : 5\n", "pending offset          : 0x3000\n",
		     "[60]  PCI Express (0x10)\n", "type                    : endpoint\n",
		     "largest payload         : 512\n", "payload                 : 256\n",
		     "read request            : 512\n", "function level reset    : yes\n",
		     "fatal error             : yes\n", "fastest link            : 8 GT/s\n",
		     "widest link             : 4\n", "link                    : 5 GT/s\n",
		     "link width              : 4\n", "vectors                 : 32\n",
		     "vectors enabled         : 2\n", "mask bits               : yes\n",
		     "[f0]  unknown (0x77)\n", "[100] Device Serial Number (0x3), version 1\n",
		     "serial number           : 01-02-03-04-05-06-07-08\n", "total functions         : 8\n",
		     "functions               : 3\n", "stride                  : 2\n",
		     "invalidate queue depth  : 32\n", "page aligned request    : yes\n",
		     "[ffc] Advanced Error Reporting (0x1), version 2\n", NULL};
	     *line; line++)
		ck_assert_msg(has(*line), "no %s in:\n%s", *line, text);
	free(text);
	f = begin();
	print_caps(f, space, sizeof(space), caps, 10, FORMAT_JSON);
	end(f);
	ck_assert(has("\"name\":\"MSI-X\"") && has("\"table_offset\":8192") && has("\"extended\":true"));
	ck_assert(has("\"id\":11,") && has("\"structure_id\":4660"));
	free(text);
}
END_TEST

UNIT_MAIN("vfnctl-print", {
	tcase_add_test(tc, test_numbers);
	tcase_add_test(tc, test_bits);
	tcase_add_test(tc, test_dump);
	tcase_add_test(tc, test_any_bytes);
	tcase_add_test(tc, test_all_set);
	tcase_add_test(tc, test_smart_units);
	tcase_add_test(tc, test_opcodes);
	tcase_add_test(tc, test_caps);
})
