/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identify Controller: NVM Express Base Specification, "Identify Controller data structure". */
#include <libnvme.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static const struct field_bits cmic[] = {
	RESERVED(7, 4),
	BITS(3, 3, "ANA not supported", "ANA supported"),
	BITS(2, 2, "PCI", "SR-IOV"),
	BITS(1, 1, "Single Controller", "Multi Controller"),
	BITS(0, 0, "Single Port", "Multi Port"),
	BITS_END,
};

static const struct field_bits oaes[] = {
	FLAG(31, "Discovery Log Change Notice"),
	RESERVED(30, 28),
	FLAG(27, "Zone Descriptor Changed Notices"),
	RESERVED(26, 16),
	FLAG(15, "Normal NSS Shutdown Event"),
	FLAG(14, "Endurance Group Event Aggregate Log Page Change Notice"),
	FLAG(13, "LBA Status Information Notices"),
	FLAG(12, "Predictable Latency Event Aggregate Log Change Notices"),
	FLAG(11, "Asymmetric Namespace Access Change Notices"),
	RESERVED(10, 10),
	FLAG(9, "Firmware Activation Notices"),
	FLAG(8, "Namespace Attribute Changed Event"),
	RESERVED(7, 0),
	BITS_END,
};

static const struct field_bits ctratt[] = {
	RESERVED(31, 20),
	FLAG(19, "Flexible Data Placement"),
	RESERVED(18, 16),
	FLAG(15, "Extended LBA Formats"),
	FLAG(14, "Delete NVM Set"),
	FLAG(13, "Delete Endurance Group"),
	FLAG(12, "Variable Capacity Management"),
	FLAG(11, "Fixed Capacity Management"),
	FLAG(10, "Multi Domain Subsystem"),
	FLAG(9, "UUID List"),
	FLAG(8, "SQ Associations"),
	FLAG(7, "Namespace Granularity"),
	FLAG(6, "Traffic Based Keep Alive"),
	FLAG(5, "Predictable Latency Mode"),
	FLAG(4, "Endurance Groups"),
	FLAG(3, "Read Recovery Levels"),
	FLAG(2, "NVM Sets"),
	FLAG(1, "Non-Operational Power State Permissive"),
	FLAG(0, "128-bit Host Identifier"),
	BITS_END,
};

static void cntrltype(FILE *out, const uint8_t *at)
{
	static const char *const names[] = {"Controller type not reported", "I/O Controller",
					    "Discovery Controller", "Administrative Controller"};

	fprintf(out, "  [7:2] : %#x\tReserved\n", (unsigned int)field_part(*at, 7, 2));
	fprintf(out, "  [1:0] : %#x\t%s\n", *at, names[*at & 3]);
}

static const struct field_bits nvmsr[] = {
	RESERVED(7, 2),
	BITS(1, 1, "NVM subsystem Not part of an Enclosure", "NVM subsystem part of an Enclosure"),
	BITS(0, 0, "NVM subsystem Not part of an Storage Device",
	     "NVM subsystem part of an Storage Device"),
	BITS_END,
};

static const struct field_bits vwci[] = {
	BITS(7, 7, "VPD Write Cycles Remaining field is Not valid.",
	     "VPD Write Cycles Remaining field is valid."),
	BITS(6, 0, "VPD Write Cycles Remaining ", NULL),
	BITS_END,
};

static const struct field_bits mec[] = {
	RESERVED(7, 2),
	BITS(1, 1, "NVM subsystem Not contains a Management Endpoint on a PCIe port",
	     "NVM subsystem contains a Management Endpoint on a PCIe port"),
	BITS(0, 0, "NVM subsystem Not contains a Management Endpoint on an SMBus/I2C port",
	     "NVM subsystem contains a Management Endpoint on an SMBus/I2C port"),
	BITS_END,
};

static const struct field_bits oacs[] = {
	RESERVED(15, 11),
	FLAG(10, "Lockdown Command and Feature"),
	FLAG(9, "Get LBA Status Capability"),
	FLAG(8, "Doorbell Buffer Config"),
	FLAG(7, "Virtualization Management"),
	FLAG(6, "NVMe-MI Send and Receive"),
	FLAG(5, "Directives"),
	FLAG(4, "Device Self-test"),
	FLAG(3, "NS Management and Attachment"),
	FLAG(2, "FW Commit and Download"),
	FLAG(1, "Format NVM"),
	FLAG(0, "Security Send and Receive"),
	BITS_END,
};

static const struct field_bits frmw[] = {
	RESERVED(7, 6),
	FLAG(5, "Multiple FW or Boot Update Detection"),
	FLAG(4, "Firmware Activate Without Reset"),
	BITS(3, 1, "Number of Firmware Slots", NULL),
	BITS(0, 0, "Firmware Slot 1 Read/Write", "Firmware Slot 1 Read-Only"),
	BITS_END,
};

static const struct field_bits lpa[] = {
	RESERVED(7, 7),
	FLAG(6, "Telemetry Log Data Area 4"),
	FLAG(5, "LID 0x0, Scope of each command in LID 0x5, 0x12, 0x13"),
	FLAG(4, "Persistent Event log"),
	FLAG(3, "Telemetry host/controller initiated log page"),
	FLAG(2, "Extended data for Get Log Page"),
	FLAG(1, "Command Effects Log Page"),
	FLAG(0, "SMART/Health Log Page per NS"),
	BITS_END,
};

static void elpe(FILE *out, const uint8_t *at)
{
	fprintf(out, "  [7:0] : %d (0's based)\tError Log Page Entries (ELPE)\n", *at);
}

static void npss(FILE *out, const uint8_t *at)
{
	fprintf(out, "  [7:0] : %d (0's based)\tNumber of Power States Support (NPSS)\n", *at);
}

static const struct field_bits avscc[] = {
	RESERVED(7, 1),
	BITS(0, 0, "Admin Vendor Specific Commands uses Vendor Specific Format",
	     "Admin Vendor Specific Commands uses NVMe Format"),
	BITS_END,
};

static const struct field_bits apsta[] = {
	RESERVED(7, 1),
	FLAG(0, "Autonomous Power State Transitions"),
	BITS_END,
};

static void temperature(FILE *out, const uint8_t *at, const char *what)
{
	int kelvin = (int)field_number(at, 2);

	fprintf(out, " [15:0] : %d°C (%d Kelvin)\t%s\n", kelvin - 273, kelvin, what);
}

static void wctemp(FILE *out, const uint8_t *at)
{
	temperature(out, at, "Warning Composite Temperature Threshold (WCTEMP)");
}

static void cctemp(FILE *out, const uint8_t *at)
{
	temperature(out, at, "Critical Composite Temperature Threshold (CCTEMP)");
}

static void mntmt(FILE *out, const uint8_t *at)
{
	temperature(out, at, "Minimum Thermal Management Temperature (MNTMT)");
}

static void mxtmt(FILE *out, const uint8_t *at)
{
	temperature(out, at, "Maximum Thermal Management Temperature (MXTMT)");
}

static void capacity(FILE *out, const uint8_t *at, const char *what)
{
	char text[FIELD_U128_SIZE];

	fprintf(out, "[127:0] : %s\n\t%s\n", field_u128(at, text), what);
}

static void tnvmcap(FILE *out, const uint8_t *at)
{
	capacity(out, at, "Total NVM Capacity (TNVMCAP)");
}

static void unvmcap(FILE *out, const uint8_t *at)
{
	capacity(out, at, "Unallocated NVM Capacity (UNVMCAP)");
}

static void rpmbs(FILE *out, const uint8_t *at)
{
	uint32_t v = (uint32_t)field_number(at, 4);

	fprintf(out, " [31:24]: %#x\tAccess Size\n", v >> 24);
	fprintf(out, " [23:16]: %#x\tTotal Size\n", v >> 16 & 0xff);
	if (field_part(v, 15, 6))
		fprintf(out, " [15:6] : %#x\tReserved\n", (unsigned int)field_part(v, 15, 6));
	fprintf(out, "  [5:3] : %#x\tAuthentication Method\n", v >> 3 & 7);
	fprintf(out, "  [2:0] : %#x\tNumber of RPMB Units\n", v & 7);
}

static const struct field_bits hctma[] = {
	RESERVED(15, 1),
	FLAG(0, "Host Controlled Thermal Management"),
	BITS_END,
};

static void sanicap(FILE *out, const uint8_t *at)
{
	static const char *const nodmmas[] = {
		"Additional media modification after sanitize operation completes successfully is "
		"not defined",
		"Media is not additionally modified after sanitize operation completes "
		"successfully",
		"Media is additionally modified after sanitize operation completes successfully",
		"Reserved"};
	static const char *const kinds[] = {"Crypto Erase", "Block Erase", "Overwrite"};
	uint32_t v = (uint32_t)field_number(at, 4);

	fprintf(out, "  [31:30] : %#x\t%s\n", v >> 30, nodmmas[v >> 30]);
	fprintf(out,
		"  [29:29] : %#x\tNo-Deallocate After Sanitize bit in Sanitize command %sSupported\n",
		v >> 29 & 1, v >> 29 & 1 ? "Not " : "");
	if (field_part(v, 28, 3))
		fprintf(out, "  [28:3] : %#x\tReserved\n", (unsigned int)field_part(v, 28, 3));
	for (int i = 2; i >= 0; i--)
		fprintf(out, "    [%d:%d] : %#x\t%s Sanitize Operation %sSupported\n", i, i,
			v >> i & 1, kinds[i], v >> i & 1 ? "" : "Not ");
}

static const struct field_bits anacap[] = {
	FLAG(7, "Non-zero group ID"),
	BITS(6, 6, "Group ID does change", "Group ID does not change"),
	RESERVED(5, 5),
	FLAG(4, "ANA Change state"),
	FLAG(3, "ANA Persistent Loss state"),
	FLAG(2, "ANA Inaccessible state"),
	FLAG(1, "ANA Non-optimized state"),
	FLAG(0, "ANA Optimized state"),
	BITS_END,
};

static void entry_size(FILE *out, uint8_t v, const char *queue)
{
	fprintf(out, "  [7:4] : %#x\tMax %s Entry Size (%d)\n", v >> 4, queue, 1 << (v >> 4));
	fprintf(out, "  [3:0] : %#x\tMin %s Entry Size (%d)\n", v & 0xf, queue, 1 << (v & 0xf));
}

static void sqes(FILE *out, const uint8_t *at)
{
	entry_size(out, *at, "SQ");
}

static void cqes(FILE *out, const uint8_t *at)
{
	entry_size(out, *at, "CQ");
}

static const struct field_bits oncs[] = {
	RESERVED(15, 9),
	FLAG(8, "Copy"),
	FLAG(7, "Verify"),
	FLAG(6, "Timestamp"),
	FLAG(5, "Reservations"),
	FLAG(4, "Save and Select"),
	FLAG(3, "Write Zeroes"),
	FLAG(2, "Data Set Management"),
	FLAG(1, "Write Uncorrectable"),
	FLAG(0, "Compare"),
	BITS_END,
};

static const struct field_bits fuses[] = {
	RESERVED(15, 1),
	FLAG(0, "Fused Compare and Write"),
	BITS_END,
};

static const struct field_bits fna[] = {
	RESERVED(7, 4),
	BITS(3, 3, "Format NVM Broadcast NSID (FFFFFFFFh) Supported",
	     "Format NVM Broadcast NSID (FFFFFFFFh) Not Supported"),
	BITS(2, 2, "Crypto Erase Not Supported as part of Secure Erase",
	     "Crypto Erase Supported as part of Secure Erase"),
	BITS(1, 1, "Crypto Erase Applies to Single Namespace(s)",
	     "Crypto Erase Applies to All Namespace(s)"),
	BITS(0, 0, "Format Applies to Single Namespace(s)", "Format Applies to All Namespace(s)"),
	BITS_END,
};

static const char *const flush_names[] = {
	"Support for the NSID field set to FFFFFFFFh is not indicated",
	"Reserved",
	"The Flush command does not support NSID set to FFFFFFFFh",
	"The Flush command supports NSID set to FFFFFFFFh",
};

static const struct field_bits vwc[] = {
	RESERVED(7, 3),
	NAMES(2, 1, flush_names),
	BITS(0, 0, "Volatile Write Cache Not Present", "Volatile Write Cache Present"),
	BITS_END,
};

static const struct field_bits icsvscc[] = {
	RESERVED(7, 1),
	BITS(0, 0, "NVM Vendor Specific Commands uses Vendor Specific Format",
	     "NVM Vendor Specific Commands uses NVMe Format"),
	BITS_END,
};

static const struct field_bits nwpc[] = {
	RESERVED(7, 3),
	FLAG(2, "Permanent Write Protect"),
	FLAG(1, "Write Protect Until Power Supply"),
	FLAG(0, "No Write Protect and Write Protect Namespace"),
	BITS_END,
};

static const struct field_bits ocfs[] = {
	RESERVED(15, 2),
	FLAG(1, "Controller Copy Format 1h"),
	FLAG(0, "Controller Copy Format 0h"),
	BITS_END,
};

static void sgls(FILE *out, const uint8_t *at)
{
	static const char *const flags[] = {"SGL Bit-Bucket",
					    "Byte-Aligned Contig. MD Buffer",
					    "SGL Length Larger than Buffer",
					    "Metadata Pointer Containing SGL Descriptor is",
					    "Address Offsets",
					    "Transport SGL Data Block Descriptor"};
	static const char *const kinds[] = {
		"Scatter-Gather Lists Not Supported",
		"Scatter-Gather Lists Supported. No Dword alignment required.",
		"Scatter-Gather Lists Supported. Dword alignment required.", "Reserved"};
	uint32_t v = (uint32_t)field_number(at, 4);

	if (v >> 22)
		fprintf(out, " [31:22]: %#x\tReserved\n", v >> 22);
	if (v & 3) {
		for (int i = 21; i >= 16; i--)
			fprintf(out, " [%d:%d]: %#x\t%s %sSupported\n", i, i, v >> i & 1,
				flags[i - 16], v >> i & 1 ? "" : "Not ");
	}
	fprintf(out, " [15:8] : %#x\tSGL Descriptor Threshold\n", v >> 8 & 0xff);
	if (v & 3) {
		if (v >> 3 & 0x1f)
			fprintf(out, " [7:3] : %#x\tReserved\n", v >> 3 & 0x1f);
		fprintf(out, "  [2:2] : %#x\tKeyed SGL Data Block descriptor %sSupported\n",
			v >> 2 & 1, v >> 2 & 1 ? "" : "Not ");
	}
	fprintf(out, v & 3 ? "  [1:0] : %#x\t%s\n" : " [1:0]  : %#x\t%s\n", v & 3, kinds[v & 3]);
}

static const struct field_bits fcatt[] = {
	RESERVED(7, 1),
	BITS(0, 0, "Dynamic Controller Model", "Static Controller Model"),
	BITS_END,
};

static const struct field_bits ofcs[] = {
	RESERVED(15, 1),
	BITS(0, 0, "Disconnect command Not Supported", "Disconnect command  Supported"),
	BITS_END,
};

#define F(member, how, table) FIELD(struct nvme_id_ctrl, member, how, table)
#define H(member, how, f)     FIELD_BY(struct nvme_id_ctrl, member, how, f)

static const struct field fields[] = {
	F(vid, HEX, NULL),
	F(ssvid, HEX, NULL),
	F(sn, TEXT, NULL),
	F(mn, TEXT, NULL),
	F(fr, TEXT, NULL),
	F(rab, DEC, NULL),
	F(ieee, OUI, NULL),
	F(cmic, HEX, cmic),
	F(mdts, DEC, NULL),
	F(cntlid, HEX, NULL),
	F(ver, HEX, NULL),
	F(rtd3r, HEX, NULL),
	F(rtd3e, HEX, NULL),
	F(oaes, HEX, oaes),
	F(ctratt, HEX, ctratt),
	F(rrls, HEX, NULL),
	{.name = "cntrltype",
	 .offset = offsetof(struct nvme_id_ctrl, cntrltype),
	 .size = 1,
	 .kind = FIELD_DEC,
	 .human = cntrltype,
	 .no_gap = true},
	F(fguid, GUID, NULL),
	F(crdt1, DEC, NULL),
	F(crdt2, DEC, NULL),
	F(crdt3, DEC, NULL),
	F(nvmsr, DEC, nvmsr),
	F(vwci, DEC, vwci),
	F(mec, DEC, mec),
	F(oacs, HEX, oacs),
	F(acl, DEC, NULL),
	F(aerl, DEC, NULL),
	F(frmw, HEX, frmw),
	F(lpa, HEX, lpa),
	H(elpe, DEC, elpe),
	H(npss, DEC, npss),
	F(avscc, HEX, avscc),
	F(apsta, HEX, apsta),
	H(wctemp, DEC, wctemp),
	H(cctemp, DEC, cctemp),
	F(mtfa, DEC, NULL),
	F(hmpre, DEC, NULL),
	F(hmmin, DEC, NULL),
	H(tnvmcap, U128, tnvmcap),
	H(unvmcap, U128, unvmcap),
	H(rpmbs, HEX, rpmbs),
	F(edstt, DEC, NULL),
	F(dsto, DEC, NULL),
	F(fwug, DEC, NULL),
	F(kas, DEC, NULL),
	F(hctma, HEX, hctma),
	H(mntmt, DEC, mntmt),
	H(mxtmt, DEC, mxtmt),
	H(sanicap, HEX, sanicap),
	F(hmminds, DEC, NULL),
	F(hmmaxd, DEC, NULL),
	F(nsetidmax, DEC, NULL),
	F(endgidmax, DEC, NULL),
	F(anatt, DEC, NULL),
	F(anacap, DEC, anacap),
	F(anagrpmax, DEC, NULL),
	F(nanagrpid, DEC, NULL),
	F(pels, DEC, NULL),
	F(domainid, DEC, NULL),
	F(megcap, U128, NULL),
	H(sqes, HEX, sqes),
	H(cqes, HEX, cqes),
	F(maxcmd, DEC, NULL),
	F(nn, DEC, NULL),
	F(oncs, HEX, oncs),
	F(fuses, HEX, fuses),
	F(fna, HEX, fna),
	F(vwc, HEX, vwc),
	F(awun, DEC, NULL),
	F(awupf, DEC, NULL),
	F(icsvscc, DEC, icsvscc),
	F(nwpc, DEC, nwpc),
	F(acwu, DEC, NULL),
	F(ocfs, HEX, ocfs),
	H(sgls, HEX, sgls),
	F(mnan, DEC, NULL),
	F(maxdna, U128, NULL),
	F(maxcna, DEC, NULL),
	{.name = "subnqn",
	 .offset = offsetof(struct nvme_id_ctrl, subnqn),
	 .size = UINT8_MAX, /* of 256, the last of which is zero */
	 .kind = FIELD_NUL},
	F(ioccsz, DEC, NULL),
	F(iorcsz, DEC, NULL),
	F(icdoff, DEC, NULL),
	F(fcatt, DEC, fcatt),
	F(msdbd, DEC, NULL),
	F(ofcs, DEC, ofcs),
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static void print_scaled(FILE *out, const char *name, uint16_t value, uint8_t scale)
{
	fprintf(out, "%s:", name);
	if (scale == 1)
		fprintf(out, "%01u.%04uW", value / 10000, value % 10000);
	else if (scale == 2)
		fprintf(out, "%01u.%02uW", value / 100, value % 100);
	else
		fprintf(out, scale ? "reserved" : "-");
}

static void print_power_state(FILE *out, int i, const struct nvme_id_psd *p)
{
	static const char *const workloads[] = {"-", "1MiB 32 RW, 30s idle", "80K 4KiB RW",
						"reserved"};
	uint16_t mp = (uint16_t)field_number((const uint8_t *)&p->mp, 2);
	unsigned int apw = p->apws & 7;

	fprintf(out, "ps %6d : mp:", i);
	if (p->flags & 1)
		fprintf(out, "%01u.%04uW", mp / 10000, mp % 10000);
	else
		fprintf(out, "%01u.%02uW", mp / 100, mp % 100);
	fprintf(out, " %soperational enlat:%u exlat:%u rrt:%d rrl:%d\n", p->flags & 2 ? "non-" : "",
		(unsigned int)field_number((const uint8_t *)&p->enlat, 4),
		(unsigned int)field_number((const uint8_t *)&p->exlat, 4), p->rrt & 0x1f,
		p->rrl & 0x1f);
	fprintf(out, "            rwt:%d rwl:%d ", p->rwt & 0x1f, p->rwl & 0x1f);
	print_scaled(out, "idle_power", (uint16_t)field_number((const uint8_t *)&p->idlp, 2),
		     p->ips >> 6);
	fputc(' ', out);
	print_scaled(out, "active_power", (uint16_t)field_number((const uint8_t *)&p->actp, 2),
		     p->apws >> 6);
	fprintf(out, "\n            active_power_workload:%s\n", workloads[apw < 3 ? apw : 3]);
}

static void add(struct json_object *obj, const char *name, const void *at, unsigned int size)
{
	json_object_object_add(obj, name, json_object_new_uint64(field_number(at, size)));
}

static void add_byte(struct json_object *obj, const char *name, uint8_t value)
{
	json_object_object_add(obj, name, json_object_new_int(value));
}

static struct json_object *json_power_state(const struct nvme_id_psd *p)
{
	struct json_object *obj = json_object_new_object();

	add(obj, "max_power", &p->mp, 2);
	add_byte(obj, "flags", p->flags);
	add(obj, "entry_lat", &p->enlat, 4);
	add(obj, "exit_lat", &p->exlat, 4);
	add_byte(obj, "read_tput", p->rrt);
	add_byte(obj, "read_lat", p->rrl);
	add_byte(obj, "write_tput", p->rwt);
	add_byte(obj, "write_lat", p->rwl);
	add(obj, "idle_power", &p->idlp, 2);
	add_byte(obj, "idle_scale", p->ips >> 6);
	add(obj, "active_power", &p->actp, 2);
	add_byte(obj, "active_power_work", p->apws & 7);
	add_byte(obj, "active_scale", p->apws >> 6);
	return obj;
}

static void print_json(FILE *out, const struct nvme_id_ctrl *id)
{
	struct json_object *obj = json_object_new_object(), *psds = json_object_new_array();

	field_json(obj, fields, N_FIELDS, (const uint8_t *)id);
	for (int i = 0; i <= id->npss && i < 32; i++)
		json_object_array_add(psds, json_power_state(&id->psd[i]));
	json_object_object_add(obj, "psds", psds);
	field_json_print(out, obj);
}

void print_id_ctrl(FILE *out, const void *data, enum format format, bool human, bool vendor)
{
	const struct nvme_id_ctrl *id = data;

	if (format == FORMAT_BINARY) {
		fwrite(data, sizeof(*id), 1, out);
		return;
	}
	if (format == FORMAT_JSON) {
		print_json(out, id);
		return;
	}
	fprintf(out, "NVME Identify Controller:\n");
	field_print(out, fields, N_FIELDS, 10, data, human);
	for (int i = 0; i <= id->npss && i < 32; i++)
		print_power_state(out, i, &id->psd[i]);
	if (vendor) {
		fprintf(out, "vs[]:\n");
		field_dump(out, id->vs, sizeof(id->vs));
	}
}
