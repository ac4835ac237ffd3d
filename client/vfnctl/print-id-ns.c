/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identify Namespace: NVM Command Set Specification, "Identify Namespace data structure". */
#include <libnvme.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static const struct field_bits nsfeat[] = {
	RESERVED(7, 5),
	BITS(4, 4, "NPWG, NPWA, NPDG, NPDA, and NOWS are Not Supported",
	     "NPWG, NPWA, NPDG, NPDA, and NOWS are Supported"),
	BITS(3, 3, "NGUID and EUI64 fields if non-zero, Reused",
	     "NGUID and EUI64 fields if non-zero, Never Reused"),
	FLAG(2, "Deallocated or Unwritten Logical Block error"),
	BITS(1, 1, "Namespace uses AWUN, AWUPF, and ACWU",
	     "Namespace uses NAWUN, NAWUPF, and NACWU"),
	FLAG(0, "Thin Provisioning"),
	BITS_END,
};

static const struct field_bits flbas[] = {
	RESERVED(7, 7),
	BITS(6, 5, "Most significant 2 bits of Current LBA Format Selected", NULL),
	BITS(4, 4, "Metadata Transferred in Separate Contiguous Buffer",
	     "Metadata Transferred at End of Data LBA"),
	BITS(3, 0, "Least significant 4 bits of Current LBA Format Selected", NULL),
	BITS_END,
};

static const struct field_bits mc[] = {
	RESERVED(7, 2),
	FLAG(1, "Metadata Pointer"),
	FLAG(0, "Metadata as Part of Extended Data LBA"),
	BITS_END,
};

static const struct field_bits dpc[] = {
	RESERVED(7, 5),
	FLAG(4, "Protection Information Transferred as Last 8 Bytes of Metadata"),
	FLAG(3, "Protection Information Transferred as First 8 Bytes of Metadata"),
	FLAG(2, "Protection Information Type 3"),
	FLAG(1, "Protection Information Type 2"),
	FLAG(0, "Protection Information Type 1"),
	BITS_END,
};

#define PI(what) "Protection Information " what
static const char *const pi_names[] = {
	PI("Disabled"),		PI("Type 1 Enabled"),	PI("Type 2 Enabled"),
	PI("Type 3 Enabled"),	PI("Reserved Enabled"), PI("Reserved Enabled"),
	PI("Reserved Enabled"), PI("Reserved Enabled"),
};

static const struct field_bits dps[] = {
	RESERVED(7, 4),
	BITS(3, 3, "Protection Information is Transferred as Last 8 Bytes of Metadata",
	     "Protection Information is Transferred as First 8 Bytes of Metadata"),
	NAMES(2, 0, pi_names),
	BITS_END,
};

static const struct field_bits nmic[] = {
	RESERVED(7, 1),
	BITS(0, 0, "Namespace Multipath Not Capable", "Namespace Multipath Capable"),
	BITS_END,
};

static const struct field_bits rescap[] = {
	BITS(7, 7, "Ignore Existing Key - Used as defined in revision 1.2.1 or earlier",
	     "Ignore Existing Key - Used as defined in revision 1.3 or later"),
	FLAG(6, "Exclusive Access - All Registrants"),
	FLAG(5, "Write Exclusive - All Registrants"),
	FLAG(4, "Exclusive Access - Registrants Only"),
	FLAG(3, "Write Exclusive - Registrants Only"),
	FLAG(2, "Exclusive Access"),
	FLAG(1, "Write Exclusive"),
	FLAG(0, "Persist Through Power Loss"),
	BITS_END,
};

static void fpi(FILE *out, const uint8_t *at)
{
	unsigned int left = *at & 0x7f;

	fprintf(out, "  [7:7] : %#x\tFormat Progress Indicator %sSupported\n", *at >> 7,
		*at >> 7 ? "" : "Not ");
	if (*at >> 7 || left)
		fprintf(out, "  [6:0] : %#x\tFormat Progress Indicator (Remaining %d%%)\n", left,
			left);
}

#define UNWRITTEN(what) "Bytes Read From a Deallocated Logical Block and its Metadata are " what
static const char *const unwritten_names[] = {
	UNWRITTEN("Not Reported"),   UNWRITTEN("0x00"),		  UNWRITTEN("0xFF"),
	UNWRITTEN("Reserved Value"), UNWRITTEN("Reserved Value"), UNWRITTEN("Reserved Value"),
	UNWRITTEN("Reserved Value"), UNWRITTEN("Reserved Value"),
};

static const struct field_bits dlfeat[] = {
	RESERVED(7, 5),
	BITS(4, 4, "Guard Field of Deallocated Logical Blocks is set to 0xFFFF",
	     "Guard Field of Deallocated Logical Blocks is set to CRC of The Value Read"),
	BITS(3, 3, "Deallocate Bit in the Write Zeroes Command is Not Supported",
	     "Deallocate Bit in the Write Zeroes Command is Supported"),
	NAMES(2, 0, unwritten_names),
	BITS_END,
};

#define F(member, how, table) FIELD(struct nvme_id_ns, member, how, table)
#define H(member, how, f)     FIELD_BY(struct nvme_id_ns, member, how, f)

/* The order differs between text and JSON: the parts are printed one after the other. */
static const struct field first[] = {
	F(nsze, HEX, NULL),	F(ncap, HEX, NULL),	F(nuse, HEX, NULL),
	F(nsfeat, HEX, nsfeat),	F(nlbaf, DEC, NULL),	F(flbas, HEX, flbas),
	F(mc, HEX, mc),		F(dpc, HEX, dpc),	F(dps, HEX, dps),
	F(nmic, HEX, nmic),	F(rescap, HEX, rescap), H(fpi, HEX, fpi),
	F(dlfeat, DEC, dlfeat), F(nawun, DEC, NULL),	F(nawupf, DEC, NULL),
	F(nacwu, DEC, NULL),	F(nabsn, DEC, NULL),	F(nabo, DEC, NULL),
	F(nabspf, DEC, NULL),	F(noiob, DEC, NULL),	F(nvmcap, U128, NULL),
};
static const struct field optimal[] = {
	F(npwg, DEC, NULL), F(npwa, DEC, NULL), F(npdg, DEC, NULL),
	F(npda, DEC, NULL), F(nows, DEC, NULL),
};
static const struct field copy[] = {
	F(mssrl, DEC, NULL), F(mcl, DEC, NULL), F(msrc, DEC, NULL),
};
static const struct field nulbaf[] = {F(nulbaf, DEC, NULL), F(anagrpid, DEC, NULL)};
static const struct field nsattr[] = {
	{.name = "nsattr\t", .offset = offsetof(struct nvme_id_ns, nsattr), .size = 1, .kind = FIELD_DEC},
};
static const struct field nsattr_json[] = {F(nsattr, DEC, NULL)};
static const struct field nvmsetid[] = {F(nvmsetid, DEC, NULL)};
static const struct field endgid[] = {F(endgid, DEC, NULL)};
static const struct field nguid[] = {F(nguid, BYTES, NULL)};
static const struct field eui64[] = {F(eui64, BYTES, NULL)};

#define LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define TEXT(a)     field_print(out, a, LEN(a), 8, data, human)
#define JSON(a)     field_json(obj, a, LEN(a), data)
#define OPTIMAL(ns) ((ns)->nsfeat & 0x10)

/* LBA formats that the namespace has; nlbaf counts from 0. */
static int formats(const struct nvme_id_ns *ns)
{
	return ns->nlbaf + ns->nulbaf < 64 ? ns->nlbaf + ns->nulbaf + 1 : 64;
}

static int format_in_use(const struct nvme_id_ns *ns)
{
	return (ns->flbas & 0xf) | (ns->nlbaf > 15 ? (ns->flbas >> 5 & 3) << 4 : 0);
}

static void print_formats(FILE *out, const struct nvme_id_ns *ns, bool human)
{
	static const char *const performance[] = {"Best", "Better", "Good", "Degraded"};

	for (int i = 0; i < formats(ns); i++) {
		const struct nvme_lbaf *f = &ns->lbaf[i];
		const char *used = i == format_in_use(ns) ? "(in use)" : "";
		unsigned int ms = (unsigned int)field_number((const uint8_t *)&f->ms, 2);

		if (human)
			fprintf(out,
				"LBA Format %2d : Metadata Size: %-3d bytes - Data Size: %-2d bytes - "
				"Relative Performance: %#x %s %s\n",
				i, ms, f->ds < 31 ? 1 << f->ds : 0, f->rp,
				performance[f->rp & 3], used);
		else
			fprintf(out, "lbaf %2d : ms:%-3d lbads:%-2d rp:%#x %s\n", i, ms, f->ds,
				f->rp, used);
	}
}

static void print_json(FILE *out, const struct nvme_id_ns *ns)
{
	struct json_object *obj = json_object_new_object(), *lbafs = json_object_new_array();
	const uint8_t *data = (const uint8_t *)ns;

	JSON(first);
	JSON(nsattr_json);
	JSON(nvmsetid);
	if (OPTIMAL(ns))
		JSON(optimal);
	JSON(copy);
	JSON(nulbaf);
	JSON(endgid);
	JSON(eui64);
	JSON(nguid);
	for (int i = 0; i < formats(ns); i++) {
		struct json_object *f = json_object_new_object();

		json_object_object_add(
			f, "ms",
			json_object_new_uint64(field_number((const uint8_t *)&ns->lbaf[i].ms, 2)));
		json_object_object_add(f, "ds", json_object_new_int(ns->lbaf[i].ds));
		json_object_object_add(f, "rp", json_object_new_int(ns->lbaf[i].rp));
		json_object_array_add(lbafs, f);
	}
	json_object_object_add(obj, "lbafs", lbafs);
	field_json_print(out, obj);
}

void print_id_ns(FILE *out, const void *id, uint32_t nsid, enum format format, bool human,
		 bool vendor)
{
	const struct nvme_id_ns *ns = id;
	const uint8_t *data = id;

	if (format == FORMAT_BINARY) {
		fwrite(id, sizeof(*ns), 1, out);
		return;
	}
	if (format == FORMAT_JSON) {
		print_json(out, ns);
		return;
	}
	fprintf(out, "NVME Identify Namespace %u:\n", nsid);
	TEXT(first);
	if (OPTIMAL(ns))
		TEXT(optimal);
	TEXT(copy);
	TEXT(nulbaf);
	field_print(out, nsattr, 1, 7, data, human);
	TEXT(nvmsetid);
	TEXT(endgid);
	TEXT(nguid);
	TEXT(eui64);
	print_formats(out, ns, human);
	if (vendor) {
		fprintf(out, "vs[]:\n");
		field_dump(out, ns->vs, sizeof(ns->vs));
	}
}
