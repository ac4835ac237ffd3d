/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes that a command transfers, for every opcode. The expectations are written down from NVM Express Base
 * 2.0 and NVM Command Set 1.0, not from what is tested.
 */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/device/nvme.h"
#include "random.h"

static struct nvme_device nd;
static uint64_t len, meta;
static char text[160];

static int length(bool admin, const union nvme_cmd *sqe)
{
	len = meta = UINT64_MAX;
	memset(text, 0, sizeof(text));
	return nvme_data_length(&nd, admin, sqe, &len, &meta, text, sizeof(text));
}

/* Namespaces 1: 512, 2: 4096, 3: 512 + 8 extended, 5: 4096 + 64 apart, 6: 2 MiB blocks */
static void setup(void)
{
	static const struct {
		uint32_t nsid, shift, metadata;
		bool extended;
	} rows[] = {{1, 9, 0, false}, {2, 12, 0, false}, {3, 9, 8, true}, {5, 12, 64, false},
		    {6, 21, 0, true}};

	memset(&nd, 0, sizeof(nd));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		nd.ns[i].nsid = rows[i].nsid;
		nd.ns[i].blocks = 1 << 20;
		nd.ns[i].block_size = 1u << rows[i].shift;
		nd.ns[i].metadata_size = rows[i].metadata;
		nd.formats.of[i] = (struct data_format){
			.nsid = rows[i].nsid,
			.shift = (uint8_t)rows[i].shift,
			.extended = rows[i].extended,
			.metadata = (uint16_t)rows[i].metadata,
		};
	}
	nd.nns = nd.formats.n = sizeof(rows) / sizeof(rows[0]);
}

enum { REFUSED = -1, OWN = -2 }; /* OWN: refused with a hint at what to use instead */

struct row {
	uint8_t opcode;
	uint32_t cdw10, cdw11, cdw12;
	int64_t length;
};

static const struct row admin_rows[] = {
	{0x00, 0, 0, 0, OWN}, /* Delete I/O SQ */
	{0x01, 0, 0, 0, OWN}, /* Create I/O SQ */
	{0x04, 0, 0, 0, OWN}, /* Delete I/O CQ */
	{0x05, 0, 0, 0, OWN}, /* Create I/O CQ */
	{0x08, 0, 0, 0, OWN}, /* Abort */
	{0x0c, 0, 0, 0, OWN}, /* Asynchronous Event Request */
	{0x7c, 0, 0, 0, OWN}, /* Doorbell Buffer Config */
	/* Get Log Page: NUMDL in CDW10 31:16, NUMDU in CDW11 15:0 */
	{0x02, 0x00000002, 0, 0, 4},
	{0x02, 0x007f0002, 0, 0, 512},
	{0x02, 0x03ff00ff, 0xabcd0000, 0, 4096},
	{0x02, 0xffff0000, 0x0000ffff, 0, 0x400000000},
	{0x02, 0x00000000, 0x00000001, 0, 0x40004},
	/* Identify, whatever the CNS */
	{0x06, 0, 0, 0, 4096},
	{0x06, 0xff, 0, 0, 4096},
	/* Firmware: Commit has none; Image Download NUMD, 0's based, 32 bits */
	{0x10, 0, 0, 0, 0},
	{0x11, 0, 0, 0, 4},
	{0x11, 1023, 0, 0, 4096},
	{0x11, 0xffffffff, 0, 0, 0x400000000},
	/* Namespace Management: create, delete; Namespace Attachment */
	{0x0d, 0, 0, 0, 4096},
	{0x0d, 1, 0, 0, 0},
	{0x15, 0, 0, 0, 4096},
	{0x15, 1, 0, 0, 4096},
	/* Directive Send and Receive: NUMD */
	{0x19, 127, 0, 0, 512},
	{0x1a, 0, 0, 0, 4},
	/* Security Send: TL; Security Receive: AL */
	{0x81, 0, 512, 0, 512},
	{0x82, 0, 0, 0, 0},
	{0x82, 0, 0xffffffff, 0, 0xffffffff},
	/* Get LBA Status: MNDW */
	{0x86, 0, 0, 1023, 4096},
	/* Without data */
	{0x14, 1, 0, 0, 0}, /* Device Self-test */
	{0x18, 0, 0, 0, 0}, /* Keep Alive */
	{0x1c, 0, 0, 0, 0}, /* Virtualization Management */
	{0x20, 0, 0, 0, 0}, /* Capacity Management */
	{0x24, 0, 0, 0, 0}, /* Lockdown */
	{0x80, 0, 0, 0, 0}, /* Format NVM */
	{0x84, 0, 0, 0, 0}, /* Sanitize */
	/* Without a length that could be told */
	{0x1d, 0, 0, 0, REFUSED}, /* NVMe-MI Send */
	{0x1e, 0, 0, 0, REFUSED}, /* NVMe-MI Receive */
	{0x7f, 0, 0, 0, REFUSED}, /* Fabrics */
	{0xc1, 0, 0, 0, REFUSED}, /* of the vendor */
	{0xff, 0, 0, 0, REFUSED},
};

static const struct row io_rows[] = {
	{0x00, 0, 0, 0, 0}, /* Flush */
	{0x04, 0, 0, 0xffff, 0}, /* Write Uncorrectable */
	{0x08, 0, 0, 0xffff, 0}, /* Write Zeroes */
	{0x0c, 0, 0, 0xffff, 0}, /* Verify */
	/* Dataset Management: NR in CDW10 7:0, 16 bytes each */
	{0x09, 0, 0, 0, 16},
	{0x09, 0xffffffff, 0, 0, 4096},
	/* Reservations */
	{0x0d, 0, 0, 0, 16},
	{0x0e, 0, 0, 0, 4},
	{0x0e, 1023, 0, 0, 4096},
	{0x11, 0, 0, 0, 16},
	{0x15, 0, 0, 0, 8},
	/* Copy: NR in CDW12 7:0, descriptor format in 11:8: 32 or 40 bytes each */
	{0x19, 0, 0, 0x000, 32},
	{0x19, 0, 0, 0x0ff, 8192},
	{0x19, 0, 0, 0x100, 40},
	{0x19, 0, 0, 0x1ff, 10240},
	{0x19, 0, 0, 0x2ff, 8192},
	{0x19, 0, 0, 0x3ff, 10240},
	{0x19, 0, 0, 0x400, REFUSED},
	{0x19, 0, 0, 0xf00, REFUSED},
	{0x12, 0, 0, 0, REFUSED}, /* I/O Management Receive */
	{0x1d, 0, 0, 0, REFUSED}, /* I/O Management Send */
	{0x79, 0, 0, 0, REFUSED}, /* Zone Management Send */
	{0x7a, 0, 0, 0, REFUSED}, /* Zone Management Receive */
	{0x7d, 0, 0, 0, REFUSED}, /* Zone Append */
	{0x80, 0, 0, 0, 0}, /* of the vendor, no data by its bits 1:0 */
	{0x83, 0, 0, 0, REFUSED},
};

static void check_row(bool admin, const struct row *row)
{
	union nvme_cmd sqe = {
		.opcode = row->opcode,
		.nsid = cpu_to_le32(1),
		.cdw10 = cpu_to_le32(row->cdw10),
		.cdw11 = cpu_to_le32(row->cdw11),
		.cdw12 = cpu_to_le32(row->cdw12),
	};
	int ret = length(admin, &sqe);

	if (row->length < 0) {
		ck_assert_msg(ret == -EPERM, "%02x is not refused: %d", row->opcode, ret);
		ck_assert_uint_gt(strlen(text), 10);
		/* The opcode is named where there is nothing better to say. */
		ck_assert_int_eq(strstr(text, "cannot be told") == NULL, row->length == OWN);
		return;
	}
	ck_assert_msg(ret == 0, "%02x: %d, %s", row->opcode, ret, text);
	ck_assert_msg(len == (uint64_t)row->length, "%02x %x %x %x: %llu bytes, not %lld", row->opcode,
		      row->cdw10, row->cdw11, row->cdw12, (unsigned long long)len,
		      (long long)row->length);
	ck_assert_uint_eq(meta, 0);
}

START_TEST(test_admin)
{
	check_row(true, &admin_rows[_i]);
}
END_TEST

START_TEST(test_io)
{
	check_row(false, &io_rows[_i]);
}
END_TEST

static bool is_known(bool admin, unsigned int opcode)
{
	const struct row *rows = admin ? admin_rows : io_rows;
	size_t n = admin ? sizeof(admin_rows) / sizeof(*rows) : sizeof(io_rows) / sizeof(*rows);

	for (size_t i = 0; i < n; i++)
		if (rows[i].opcode == opcode)
			return true;
	/* In tests of their own */
	return admin ? opcode == 0x09 || opcode == 0x0a : opcode == 1 || opcode == 2 || opcode == 5;
}

/* All others: bits 1:0 of the opcode tell the direction, and with a direction there is a length. */
START_TEST(test_every_other_opcode)
{
	for (int admin = 0; admin < 2; admin++)
		for (unsigned int opcode = 0; opcode < 256; opcode++) {
			union nvme_cmd sqe = {.opcode = (uint8_t)opcode, .nsid = cpu_to_le32(1)};
			int ret;

			if (is_known(admin, opcode))
				continue;
			ret = length(admin, &sqe);
			if (opcode & 3) {
				char name[8];

				snprintf(name, sizeof(name), "%02xh", opcode);
				ck_assert_msg(ret == -EPERM, "%s: %d", name, ret);
				ck_assert_ptr_nonnull(strstr(text, name));
			} else {
				ck_assert_msg(ret == 0 && len == 0 && meta == 0, "%02x: %d", opcode, ret);
			}
		}
}
END_TEST

/* Features with data (Base 2.0, figure "Feature Identifiers"; NVM Command Set 1.0): get, set; -1 refused. */
static const struct {
	uint32_t fid, cdw11;
	int64_t get, set;
} features[] = {
	{0x01, 0, 0, 0}, /* Arbitration */
	{0x02, 0, 0, 0}, /* Power Management */
	{0x03, 0, 4096, 64}, /* LBA Range Type: NUM */
	{0x03, 63, 4096, 4096},
	{0x03, 0xffffffc0, 4096, 64},
	{0x04, 0, 0, 0}, /* Temperature Threshold */
	{0x05, 0, 0, 0}, /* Error Recovery */
	{0x06, 0, 0, 0}, /* Volatile Write Cache */
	{0x07, 0, 0, -1}, /* Number of Queues */
	{0x08, 0, 0, 0}, /* Interrupt Coalescing */
	{0x09, 0, 0, 0}, /* Interrupt Vector Configuration */
	{0x0a, 0, 0, 0}, /* Write Atomicity */
	{0x0b, 0, 0, -1}, /* Asynchronous Event Configuration */
	{0x0c, 0, 256, 256}, /* Autonomous Power State Transition */
	{0x0d, 0, 4096, -1}, /* Host Memory Buffer */
	{0x0e, 0, 8, 8}, /* Timestamp */
	{0x0f, 0, 0, -1}, /* Keep Alive Timer */
	{0x10, 0, 0, 0}, /* Host Controlled Thermal Management */
	{0x11, 0, 0, 0}, /* Non-Operational Power State */
	{0x12, 0, 0, 0}, /* Read Recovery Level */
	{0x13, 0, 512, 512}, /* Predictable Latency Mode Config */
	{0x14, 0, 0, 0}, /* Predictable Latency Mode Window */
	{0x15, 0, 0, 0}, /* LBA Status Information */
	{0x16, 0, 512, 512}, /* Host Behavior Support */
	{0x17, 0, 0, 0}, /* Sanitize Config */
	{0x18, 0, 0, 0}, /* Endurance Group Event Configuration */
	{0x7d, 0, 4096, 4096}, /* Enhanced Controller Metadata */
	{0x7e, 0, 4096, 4096}, /* Controller Metadata */
	{0x7f, 0, 4096, 4096}, /* Namespace Metadata */
	{0x80, 0, 0, 0}, /* Software Progress Marker */
	{0x81, 0, 16, 8}, /* Host Identifier: EXHID; read, it never needs more than 16 */
	{0x81, 1, 16, 16},
	{0x82, 0, 0, 0}, /* Reservation Notification Mask */
	{0x83, 0, 0, 0}, /* Reservation Persistence */
	{0x84, 0, 0, 0}, /* Namespace Write Protection */
	{0xc0, 0, -1, -1}, /* the vendor's: who knows */
	{0xff, 0, -1, -1},
	{0x70, 0, -1, -1}, /* reserved, as of now */
};

START_TEST(test_features)
{
	union nvme_cmd sqe = {.cdw11 = cpu_to_le32(features[_i].cdw11)};

	for (int set = 0; set < 2; set++) {
		int64_t want = set ? features[_i].set : features[_i].get;
		int ret;

		/* SEL and SV, in the upper bits, change nothing. */
		sqe.cdw10 = cpu_to_le32(features[_i].fid | (set ? 0x80000000 : 0x100));
		sqe.opcode = set ? 0x09 : 0x0a;
		ret = length(true, &sqe);
		ck_assert_msg(ret == (want < 0 ? -EPERM : 0), "feature %02x, %s: %d", features[_i].fid,
			      set ? "set" : "get", ret);
		if (want < 0)
			ck_assert_uint_gt(strlen(text), 10);
		else
			ck_assert_msg(len == (uint64_t)want, "feature %02x, %s: %llu, not %lld",
				      features[_i].fid, set ? "set" : "get", (unsigned long long)len,
				      (long long)want);
		ck_assert_uint_eq(meta, 0);
	}
}
END_TEST

static void check_blocks(uint32_t nsid, uint32_t nlb, uint64_t want, uint64_t want_meta)
{
	static const uint8_t opcodes[] = {0x01, 0x02, 0x05}; /* Write, Read, Compare */

	for (size_t i = 0; i < sizeof(opcodes); i++) {
		union nvme_cmd sqe = {.opcode = opcodes[i],
				      .nsid = cpu_to_le32(nsid),
				      /* LR, FUA and PRINFO are beside it. */
				      .cdw12 = cpu_to_le32(0xc0000000 | nlb)};

		ck_assert_int_eq(length(false, &sqe), 0);
		ck_assert_uint_eq(len, want);
		ck_assert_uint_eq(meta, want_meta);
	}
}

START_TEST(test_blocks)
{
	check_blocks(1, 0, 512, 0);
	check_blocks(1, 7, 4096, 0);
	check_blocks(1, 0xffff, 512 * 65536, 0);
	check_blocks(2, 0, 4096, 0);
	check_blocks(2, 0xffff, 4096 * 65536, 0);
	check_blocks(3, 0, 520, 0);
	check_blocks(3, 0xffff, 520 * 65536, 0);
	check_blocks(5, 0, 4096, 64);
	check_blocks(5, 99, 409600, 6400);
	check_blocks(5, 0xffff, 4096 * 65536, 64 * 65536);
	check_blocks(6, 0xffff, UINT64_C(65536) << 21, 0); /* 128 GiB: not in 32 bits */
}
END_TEST

/* Of a namespace that is not there the format is unknown: the command goes without pointers. */
START_TEST(test_unknown_namespaces)
{
	static const uint32_t ids[] = {0, 4, 7, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		union nvme_cmd sqe = {.opcode = 0x02, .nsid = cpu_to_le32(ids[i])};

		ck_assert_int_eq(length(false, &sqe), 1);
		ck_assert_uint_eq(len, 0);
		ck_assert_uint_eq(meta, 0);
	}
	nd.nns = nd.formats.n = 0;
	ck_assert_int_eq(length(false, &(union nvme_cmd){.opcode = 1, .nsid = cpu_to_le32(1)}), 1);
}
END_TEST

/* Whatever the command's bits: an answer that is one of the documented ones. */
START_TEST(test_random_commands)
{
	uint64_t seed = 0x1e4, word;

	for (int n = 0; n < 200000; n++) {
		union nvme_cmd sqe;
		int ret;

		for (size_t i = 0; i < sizeof(sqe); i += 8) {
			word = random_next(&seed);
			memcpy((char *)&sqe + i, &word, 8);
		}
		if (n & 1)
			sqe.nsid = cpu_to_le32(random_below(&seed, 8));
		ret = length(random_below(&seed, 2), &sqe);
		ck_assert(ret == 0 || ret == 1 || ret == -EPERM);
		ck_assert_uint_ne(len, UINT64_MAX);
		ck_assert_uint_ne(meta, UINT64_MAX);
		if (ret < 0)
			ck_assert_uint_gt(strlen(text), 10);
	}
}
END_TEST

#define ROWS(a) (int)(sizeof(a) / sizeof((a)[0]))

UNIT_MAIN("length", tcase_add_checked_fixture(tc, setup, NULL);
	  tcase_add_loop_test(tc, test_admin, 0, ROWS(admin_rows));
	  tcase_add_loop_test(tc, test_io, 0, ROWS(io_rows));
	  tcase_add_test(tc, test_every_other_opcode);
	  tcase_add_loop_test(tc, test_features, 0, ROWS(features)); tcase_add_test(tc, test_blocks);
	  tcase_add_test(tc, test_unknown_namespaces); tcase_add_test(tc, test_random_commands))
