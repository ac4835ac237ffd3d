/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Controller properties: NVM Express Base Specification, "Controller Properties". */
#include <inttypes.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static const char *supported(uint64_t yes)
{
	return yes ? "Supported" : "Not Supported";
}

static const char *yes_no(uint64_t yes)
{
	return yes ? "Yes" : "No";
}

/* Bits hi:lo of `v`. */
#define PART(hi, lo) ((unsigned int)field_part(v, hi, lo))

static void cap(FILE *out, uint64_t v)
{
	const char *indent = "Command Sets Supported              (CSS): ";
	static const struct {
		unsigned int bit;
		const char *text;
	} css[] = {
		{37, "NVM command set is Supported"},
		{43, "One or more I/O Command Sets are Supported"},
		{44, "Only Admin Command Set Supported"},
	};

	fprintf(out, "\tController Ready With Media Support (CRWMS): %s\n", supported(PART(59, 59)));
	fprintf(out, "\tController Ready Independent of Media Support (CRIMS): %s\n",
		supported(PART(60, 60)));
	fprintf(out,
		"\tController Memory Buffer Supported (CMBS): The Controller Memory Buffer is %s\n",
		supported(PART(57, 57)));
	fprintf(out,
		"\tPersistent Memory Region Supported (PMRS): The Persistent Memory Region is %s\n",
		supported(PART(56, 56)));
	fprintf(out, "\tMemory Page Size Maximum         (MPSMAX): %" PRIu64 " bytes\n",
		UINT64_C(1) << (12 + PART(55, 52)));
	fprintf(out, "\tMemory Page Size Minimum         (MPSMIN): %" PRIu64 " bytes\n",
		UINT64_C(1) << (12 + PART(51, 48)));
	fprintf(out, "\tBoot Partition Support              (BPS): %s\n", yes_no(PART(45, 45)));
	for (unsigned int i = 0; i < sizeof(css) / sizeof(css[0]); i++) {
		if (!PART(css[i].bit, css[i].bit))
			continue;
		fprintf(out, "\t%s%s\n", indent, css[i].text);
		indent = "                                           ";
	}
	fprintf(out, "\tNVM Subsystem Reset Supported     (NSSRS): %s\n", yes_no(PART(36, 36)));
	fprintf(out, "\tDoorbell Stride                   (DSTRD): %u bytes\n",
		4u << PART(35, 32));
	fprintf(out, "\tTimeout                              (TO): %u ms\n", PART(31, 24) * 500);
	fprintf(out,
		"\tArbitration Mechanism Supported     (AMS): Weighted Round Robin with Urgent "
		"Priority Class is %s\n",
		PART(17, 17) ? "Supported" : "not supported");
	fprintf(out, "\tContiguous Queues Required          (CQR): %s\n", yes_no(PART(16, 16)));
	fprintf(out, "\tMaximum Queue Entries Supported    (MQES): %u\n\n", PART(15, 0) + 1);
}

static void vs(FILE *out, uint64_t v)
{
	fprintf(out, "\tNVMe specification %u.%u", PART(31, 16), PART(15, 8));
	if (PART(7, 0))
		fprintf(out, ".%u", PART(7, 0));
	fputs("\n\n", out);
}

static void cc(FILE *out, uint64_t v)
{
	static const char *const shn[] = {"No notification; no effect",
					  "Normal shutdown notification",
					  "Abrupt shutdown notification", "Reserved"};
	static const char *const css[] = {
		"NVM Command Set", "Reserved", "Reserved", "Reserved",
		"Reserved",	   "Reserved", "All supported I/O Command Sets",
		"Admin Command Set only"};
	static const char *const ams[] = {
		"Round Robin", "Weighted Round Robin with Urgent Priority Class", "Reserved",
		"Reserved",    "Reserved", "Reserved", "Reserved", "Vendor Specific"};

	fprintf(out, "\tController Ready Independent of Media Enable (CRIME): %s\n",
		PART(24, 24) ? "Enabled" : "Disabled");
	fprintf(out, "\tI/O Completion Queue Entry Size (IOCQES): %u bytes\n", 1u << PART(23, 20));
	fprintf(out, "\tI/O Submission Queue Entry Size (IOSQES): %u bytes\n", 1u << PART(19, 16));
	fprintf(out, "\tShutdown Notification              (SHN): %s\n", shn[PART(15, 14)]);
	fprintf(out, "\tArbitration Mechanism Selected     (AMS): %s\n", ams[PART(13, 11)]);
	fprintf(out, "\tMemory Page Size                   (MPS): %" PRIu64 " bytes\n",
		UINT64_C(1) << (12 + PART(10, 7)));
	fprintf(out, "\tI/O Command Set Selected           (CSS): %s\n", css[PART(6, 4)]);
	fprintf(out, "\tEnable                              (EN): %s\n\n", yes_no(PART(0, 0)));
}

static void csts(FILE *out, uint64_t v)
{
	static const char *const shst[] = {
		"Normal operation (no shutdown has been requested)",
		"Shutdown processing occurring", "Shutdown processing complete", "Reserved"};

	fprintf(out, "\tProcessing Paused               (PP): %s\n", yes_no(PART(5, 5)));
	fprintf(out, "\tNVM Subsystem Reset Occurred (NSSRO): %s\n", yes_no(PART(4, 4)));
	fprintf(out, "\tShutdown Status               (SHST): %s\n", shst[PART(3, 2)]);
	fprintf(out, "\tController Fatal Status        (CFS): %s\n", PART(1, 1) ? "True" : "False");
	fprintf(out, "\tReady                          (RDY): %s\n\n", yes_no(PART(0, 0)));
}

static void nssr(FILE *out, uint64_t v)
{
	fprintf(out, "\tNVM Subsystem Reset Control (NSSRC): %u\n\n", PART(31, 0));
}

static void crto(FILE *out, uint64_t v)
{
	fprintf(out, "\tCRIMT                               : %u secs\n", PART(31, 16) / 2);
	fprintf(out, "\tCRWMT                               : %u secs\n", PART(15, 0) / 2);
}

static void intms(FILE *out, uint64_t v)
{
	fprintf(out, "\tInterrupt Vector Mask Set (IVMS): %x\n\n", PART(31, 0));
}

static void intmc(FILE *out, uint64_t v)
{
	fprintf(out, "\tInterrupt Vector Mask Clear (IVMC): %x\n\n", PART(31, 0));
}

static void aqa(FILE *out, uint64_t v)
{
	fprintf(out, "\tAdmin Completion Queue Size (ACQS): %u\n", PART(27, 16) + 1);
	fprintf(out, "\tAdmin Submission Queue Size (ASQS): %u\n\n", PART(11, 0) + 1);
}

static void asq(FILE *out, uint64_t v)
{
	fprintf(out, "\tAdmin Submission Queue Base (ASQB): %" PRIx64 "\n\n", v);
}

static void acq(FILE *out, uint64_t v)
{
	fprintf(out, "\tAdmin Completion Queue Base (ACQB): %" PRIx64 "\n\n", v);
}

static void cmbloc(FILE *out, uint64_t v)
{
	static const char *const labels[] = {
		"CMB Queue Mixed Memory Support                               (CQMMS)",
		"CMB Queue Physically Discontiguous Support                   (CQPDS)",
		"CMB Data Pointer Mixed Locations Support                    (CDPMLS)",
		"CMB Data Pointer and Command Independent Locations Support (CDPCILS)",
		"CMB Data Metadata Mixed Memory Support                      (CDMMMS)"};

	fprintf(out,
		"\tOffset                                                        (OFST): 0x%x (See "
		"cmbsz.szu for granularity)\n",
		PART(31, 12));
	fprintf(out, "\tCMB Queue Dword Alignment                                     (CQDA): %u\n",
		PART(8, 8));
	for (unsigned int i = 5; i--;)
		fprintf(out, "\t%s: %s\n", labels[i],
			PART(3 + i, 3 + i) ? "Not Enforced" : "Enforced");
	fprintf(out, "\tBase Indicator Register                                        (BIR): 0x%x\n\n",
		PART(2, 0));
}

static void cmbsz(FILE *out, uint64_t v)
{
	static const char *const units[] = {"4 KB",   "64 KB", "1 MB",	   "16 MB",
					    "256 MB", "4 GB",  "64 GB"};
	static const char *const labels[] = {
		"Submission Queue Support (SQS): Admin and I/O Submission Queues in",
		"Completion Queue Support (CQS): Admin and I/O Completion Queues in",
		"PRP SGL List Support   (LISTS): PRP/SG Lists in",
		"Read Data Support        (RDS): Read Data and metadata transfer in",
		"Write Data Support       (WDS): Write Data and metadata transfer in"};

	fprintf(out, "\tSize                      (SZ): %u\n", PART(31, 12));
	fprintf(out, "\tSize Units               (SZU): %s\n",
		PART(11, 8) < 7 ? units[PART(11, 8)] : "Reserved");
	for (unsigned int i = 5; i--;)
		fprintf(out, "\t%s Controller Memory Buffer is %s\n", labels[i],
			supported(PART(i, i)));
	fputc('\n', out);
}

static void bpinfo(FILE *out, uint64_t v)
{
	static const char *const brs[] = {
		"No Boot Partition read operation requested", "Boot Partition read in progress",
		"Boot Partition read completed successfully",
		"Error completing Boot Partition read"};

	fprintf(out, "\tActive Boot Partition ID      (ABPID): %u\n", PART(31, 31));
	fprintf(out, "\tBoot Read Status                (BRS): %s\n", brs[PART(25, 24)]);
	fprintf(out, "\tBoot Partition Size            (BPSZ): %u\n", PART(14, 0));
}

static void bprsel(FILE *out, uint64_t v)
{
	fprintf(out, "\tBoot Partition Identifier      (BPID): %u\n", PART(31, 31));
	fprintf(out, "\tBoot Partition Read Offset    (BPROF): %x\n", PART(29, 10));
	fprintf(out, "\tBoot Partition Read Size      (BPRSZ): %x\n", PART(9, 0));
}

static void bpmbl(FILE *out, uint64_t v)
{
	fprintf(out, "\tBoot Partition Memory Buffer Base Address (BMBBA): %" PRIx64 "\n", v);
}

static void cmbmsc(FILE *out, uint64_t v)
{
	fprintf(out, "\tController Base Address         (CBA): %" PRIx64 "\n",
		field_part(v, 63, 12));
	fprintf(out, "\tController Memory Space Enable (CMSE): %x\n", PART(1, 1));
	fprintf(out,
		"\tCapabilities Registers Enabled  (CRE): CMBLOC and CMBSZ registers are%senabled\n\n",
		PART(0, 0) ? " " : " NOT ");
}

static void cmbsts(FILE *out, uint64_t v)
{
	fprintf(out, "\tController Base Address Invalid (CBAI): %x\n\n", PART(0, 0));
}

static void pmrcap(FILE *out, uint64_t v)
{
	static const char *const units[] = {"500 milliseconds", "minutes", "Reserved", "Reserved"};

	fprintf(out,
		"\tController Memory Space Supported                   (CMSS): Referencing PMR with "
		"host supplied addresses is %s\n",
		supported(PART(24, 24)));
	fprintf(out, "\tPersistent Memory Region Timeout                   (PMRTO): %x\n",
		PART(23, 16));
	fprintf(out, "\tPersistent Memory Region Write Barrier Mechanisms (PMRWBM): %x\n",
		PART(13, 10));
	fprintf(out,
		"\tPersistent Memory Region Time Units                (PMRTU): PMR time unit is %s\n",
		units[PART(9, 8)]);
	fprintf(out, "\tBase Indicator Register                              (BIR): %x\n",
		PART(7, 5));
	fprintf(out,
		"\tWrite Data Support                                   (WDS): Write data to the PMR "
		"is %s\n",
		PART(4, 4) ? "supported" : "not supported");
	fprintf(out,
		"\tRead Data Support                                    (RDS): Read data from the PMR "
		"is %s\n",
		PART(3, 3) ? "supported" : "not supported");
}

static void pmrctl(FILE *out, uint64_t v)
{
	fprintf(out, "\tEnable (EN): PMR is %s\n", PART(0, 0) ? "Ready" : "Disabled");
}

static void pmrsts(FILE *out, uint64_t v)
{
	static const char *const health[] = {"Normal Operation", "Restore Error", "Read Only",
					     "Unreliable", "Reserved", "Reserved", "Reserved",
					     "Reserved"};

	fprintf(out, "\tController Base Address Invalid (CBAI): %x\n", PART(12, 12));
	fprintf(out, "\tHealth Status                   (HSTS): %s\n", health[PART(11, 9)]);
	fprintf(out,
		"\tNot Ready                       (NRDY): The Persistent Memory Region is %s to "
		"process PCI Express memory read and write requests\n",
		PART(8, 8) ? "Not Ready" : "Ready");
	fprintf(out, "\tError                            (ERR): %x\n", PART(7, 0));
}

static const char *size_unit(unsigned int unit)
{
	static const char *const units[] = {"Bytes", "One KB", "One MB", "One GB"};

	return unit < 4 ? units[unit] : "Reserved";
}

static void pmrebs(FILE *out, uint64_t v)
{
	fprintf(out, "\tPMR Elasticity Buffer Size Base  (PMRWBZ): %x\n", PART(31, 8));
	fprintf(out,
		"\tRead Bypass Behavior                     : memory reads not conflicting with "
		"memory writes in the PMR Elasticity Buffer %s bypass those memory writes\n",
		PART(4, 4) ? "SHALL" : "MAY");
	fprintf(out, "\tPMR Elasticity Buffer Size Units (PMRSZU): %s\n", size_unit(PART(3, 0)));
}

static void pmrswtp(FILE *out, uint64_t v)
{
	fprintf(out, "\tPMR Sustained Write Throughput       (PMRSWTV): %x\n", PART(31, 8));
	fprintf(out, "\tPMR Sustained Write Throughput Units (PMRSWTU): %s/second\n",
		size_unit(PART(3, 0)));
}

static void pmrmscl(FILE *out, uint64_t v)
{
	fprintf(out, "\tController Base Address         (CBA): %x\n", PART(31, 12));
	fprintf(out, "\tController Memory Space Enable (CMSE): %x\n\n", PART(1, 1));
}

static void pmrmscu(FILE *out, uint64_t v)
{
	fprintf(out, "\tController Base Address         (CBA): %x\n", PART(31, 0));
}

/* The order of the text; JSON has its own. */
const struct print_register print_registers[PRINT_REGISTERS] = {
	{"cap", 0x00, 8},     {"vs", 0x08, 4},	    {"cc", 0x14, 4},	  {"csts", 0x1c, 4},
	{"nssr", 0x20, 4},    {"crto", 0x68, 4},    {"intms", 0x0c, 4},	  {"intmc", 0x10, 4},
	{"aqa", 0x24, 4},     {"asq", 0x28, 8},	    {"acq", 0x30, 8},	  {"cmbloc", 0x38, 4},
	{"cmbsz", 0x3c, 4},   {"bpinfo", 0x40, 4},  {"bprsel", 0x44, 4},  {"bpmbl", 0x48, 8},
	{"cmbmsc", 0x50, 8},  {"cmbsts", 0x58, 4},  {"pmrcap", 0xe00, 4}, {"pmrctl", 0xe04, 4},
	{"pmrsts", 0xe08, 4}, {"pmrebs", 0xe0c, 4}, {"pmrswtp", 0xe10, 4}, {"pmrmscl", 0xe14, 4},
	{"pmrmscu", 0xe18, 4},
};

enum { CAP, VS, CC, CSTS, NSSR, CRTO, INTMS, INTMC, CMBLOC = 11, CMBSZ, CMBMSC = 16, CMBSTS,
       PMRMSCL = 23 };

static void (*const explain[PRINT_REGISTERS])(FILE *, uint64_t) = {
	cap,	vs,	cc,    csts,   nssr,   crto,  intms,  intmc,  aqa,
	asq,	acq,	cmbloc, cmbsz,  bpinfo, bprsel, bpmbl, cmbmsc, cmbsts, pmrcap,
	pmrctl, pmrsts, pmrebs, pmrswtp, pmrmscl, pmrmscu,
};

static void print_text(FILE *out, const uint64_t *values, bool human)
{
	for (int i = 0; i < PRINT_REGISTERS; i++) {
		const char *name = i == VS ? "version" : print_registers[i].name;
		bool tab = i == CMBMSC || i == CMBSTS || i >= PMRMSCL;

		fprintf(out, tab ? "%s\t: %" PRIx64 "\n" : "%-8s: %" PRIx64 "\n", name, values[i]);
		if (!human)
			continue;
		if ((i == CMBLOC || i == CMBSZ) && values[CMBSZ] == 0)
			fprintf(out, "\tController Memory Buffer feature is not supported\n\n");
		else
			explain[i](out, values[i]);
	}
}

static void print_json(FILE *out, const uint64_t *values)
{
	static const uint8_t first[] = {CAP, VS, INTMS, INTMC, CC, CSTS, NSSR, CRTO};
	struct json_object *obj = json_object_new_object();

	for (int i = 0; i < PRINT_REGISTERS; i++) {
		int r = i < 8 ? first[i] : i;

		json_object_object_add(obj, print_registers[r].name,
				       json_object_new_uint64(values[r]));
	}
	field_json_print(out, obj);
}

void print_regs(FILE *out, const uint64_t values[PRINT_REGISTERS], enum format format, bool human)
{
	if (format == FORMAT_JSON)
		print_json(out, values);
	else
		print_text(out, values, human);
}
