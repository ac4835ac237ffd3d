/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Features: NVM Express Base Specification, "Get Features command" and "Set Features command". */
#include <inttypes.h>
#include <libnvme.h>
#include <time.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

/* A part of the value: label, and how it is shown. */
struct part {
	const char *label; /* with the colon and what is behind it */
	uint8_t hi, lo;
	uint8_t add;       /* to a number, which counts from 0 */
	uint8_t times;     /* units of a number; 0: 1 */
	const char *unit;  /* behind a number */
	const char *off, *on; /* in place of a number */
};

#define PART(label, hi, lo)                  {label, hi, lo, 0, 0, "", NULL, NULL}
#define COUNT(label, hi, lo)                 {label, hi, lo, 1, 0, "", NULL, NULL}
#define UNITS(label, hi, lo, times, unit)    {label, hi, lo, 0, times, unit, NULL, NULL}
#define CHOICE(label, bit, off, on)          {label, bit, bit, 0, 0, NULL, off, on}
#define ABLED(label, bit)                    CHOICE(label, bit, "Disabled", "Enabled")
#define TRUTH(label, bit)                    CHOICE(label, bit, "False", "True")
#define EVENT(label, bit)                    CHOICE(label, bit, "Do not send async event", "Send async event")
#define PARTS_END                            {NULL, 0, 0, 0, 0, NULL, NULL, NULL}

static const struct part error_recovery[] = {
	ABLED("Deallocated or Unwritten Logical Block Error Enable (DULBE): ", 16),
	UNITS("Time Limited Error Recovery                          (TLER): ", 15, 0, 100, " ms"),
	PARTS_END,
};
static const struct part write_cache[] = {
	ABLED("Volatile Write Cache Enable (WCE): ", 0),
	PARTS_END,
};
static const struct part queues[] = {
	COUNT("Number of IO Completion Queues Allocated (NCQA): ", 31, 16),
	COUNT("Number of IO Submission Queues Allocated (NSQA): ", 15, 0),
	PARTS_END,
};
static const struct part coalescing[] = {
	UNITS("Aggregation Time     (TIME): ", 15, 8, 100, " usec"),
	COUNT("Aggregation Threshold (THR): ", 7, 0),
	PARTS_END,
};
static const struct part vector[] = {
	TRUTH("Coalescing Disable (CD): ", 16),
	PART("Interrupt Vector   (IV): ", 15, 0),
	PARTS_END,
};
static const struct part atomicity[] = {
	TRUTH("Disable Normal (DN): ", 0),
	PARTS_END,
};
static const struct part events[] = {
	EVENT("Discovery Log Page Change Notices                         : ", 31),
	EVENT("Endurance Group Event Aggregate Log Change Notices        : ", 14),
	EVENT("LBA Status Information Notices                            : ", 13),
	EVENT("Predictable Latency Event Aggregate Log Change Notices    : ", 12),
	EVENT("Asymmetric Namespace Access Change Notices                : ", 11),
	EVENT("Telemetry Log Notices                                     : ", 10),
	EVENT("Firmware Activation Notices                               : ", 9),
	EVENT("Namespace Attribute Notices                               : ", 8),
	/* any of the warnings' bits */
	PARTS_END,
};
static const struct part keep_alive[] = {
	PART("Keep Alive Timeout (KATO) in milliseconds: ", 31, 0),
	PARTS_END,
};
static const struct part non_operational[] = {
	TRUTH("Non-Operational Power State Permissive Mode Enable (NOPPME): ", 0),
	PARTS_END,
};
static const struct part recovery_level[] = {
	PART("Read Recovery Level (RRL): ", 3, 0),
	PARTS_END,
};
static const struct part sanitize[] = {
	PART("No-Deallocate Response Mode (NODRM) : ", 0, 0),
	PARTS_END,
};
static const struct part endurance[] = {
	PART("Endurance Group Identifier (ENDGID): ", 15, 0),
	PART("Endurance Group Critical Warnings  : ", 23, 16),
	PARTS_END,
};
static const struct part spinup[] = {
	TRUTH("Spinup control feature Enabled: ", 0),
	PARTS_END,
};
static const struct part progress[] = {
	PART("Pre-boot Software Load Count (PBSLC): ", 7, 0),
	PARTS_END,
};
static const struct part notification_mask[] = {
	TRUTH("Mask Reservation Preempted Notification  (RESPRE): ", 3),
	TRUTH("Mask Reservation Released Notification   (RESREL): ", 2),
	TRUTH("Mask Registration Preempted Notification (REGPRE): ", 1),
	PARTS_END,
};
static const struct part persistence[] = {
	TRUTH("Persist Through Power Loss (PTPL): ", 0),
	PARTS_END,
};

static void show_arbitration(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tHigh Priority Weight   (HPW): %u\n", (v >> 24) + 1);
	fprintf(out, "\tMedium Priority Weight (MPW): %u\n", (v >> 16 & 0xff) + 1);
	fprintf(out, "\tLow Priority Weight    (LPW): %u\n", (v >> 8 & 0xff) + 1);
	if ((v & 7) == 7)
		fprintf(out, "\tArbitration Burst       (AB): No limit\n");
	else
		fprintf(out, "\tArbitration Burst       (AB): %u\n", 1u << (v & 7));
}

static void show_power(FILE *out, uint32_t v, const uint8_t *data)
{
	static const char *const hints[8] = {
		"No Workload", "Extended Idle Period with a Burst of Random Writes",
		"Heavy Sequential Writes", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved"};

	fprintf(out, "\tWorkload Hint (WH): %u - %s\n", v >> 5 & 7, hints[v >> 5 & 7]);
	fprintf(out, "\tPower State   (PS): %u\n", v & 0x1f);
}

static void show_ranges(FILE *out, uint32_t v, const uint8_t *data)
{
	static const char *const types[] = {"Reserved",	"Filesystem",	 "RAID",
					    "Cache",	"Page / Swap File"};

	fprintf(out, "\tNumber of LBA Ranges (NUM): %u\n", (v & 0x3f) + 1);
	for (uint32_t i = 0; i <= (v & 0x3f); i++, data += 64) {
		fprintf(out, "\ttype       : %#x - %s\n", data[0],
			data[0] < 5 ? types[data[0]] : data[0] < 0x80 ? "Reserved" : "Vendor Specific");
		fprintf(out, "\tattributes : %#x - %s, %s\n", data[1],
			data[1] & 1 ? "LBA range may be overwritten"
				    : "LBA range should not be overwritten",
			data[1] & 2 ? "LBA range should be hidden from the OS/EFI/BIOS"
				    : "LBA range should be visible from the OS/EFI/BIOS");
		fprintf(out, "\tslba       : %#" PRIx64 "\n", field_number(data + 16, 8));
		fprintf(out, "\tnlb        : %#" PRIx64 "\n", field_number(data + 24, 8));
		fprintf(out, "\tguid       : ");
		for (int j = 32; j < 48; j++)
			fprintf(out, "%02x", data[j]);
		fputc('\n', out);
	}
}

static void show_temperature(FILE *out, uint32_t v, const uint8_t *data)
{
	static const char *const kinds[] = {"Over Temperature Threshold",
					    "Under Temperature Threshold", "Reserved", "Reserved"};
	unsigned int sensor = v >> 16 & 0xf, kind = v >> 20 & 3;
	int kelvin = (int)(v & 0xffff);

	fprintf(out, "\tThreshold Type Select         (THSEL): %u - %s\n", kind, kinds[kind]);
	if (sensor >= 1 && sensor <= 8)
		fprintf(out, "\tThreshold Temperature Select (TMPSEL): %u - Temperature Sensor %u\n",
			sensor, sensor);
	else
		fprintf(out, "\tThreshold Temperature Select (TMPSEL): %u - %s\n", sensor,
			sensor ? "Reserved" : "Composite Temperature");
	fprintf(out, "\tTemperature Threshold         (TMPTH): %d°C (%d Kelvin)\n", kelvin - 273,
		kelvin);
}

static void show_power_transition(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tAutonomous Power State Transition Enable (APSTE): %s\n",
		v & 1 ? "Enabled" : "Disabled");
	fprintf(out, "\tAuto PST Entries\t.................\n");
	for (int i = 0; i < 32; i++) {
		uint64_t e = field_number(data + 8 * i, 8);

		fprintf(out, "\tEntry[%2d]   \n\t.................\n", i);
		fprintf(out, "\tIdle Time Prior to Transition (ITPT): %u ms\n",
			(unsigned int)(e >> 8 & 0xffffff));
		fprintf(out, "\tIdle Transition Power State   (ITPS): %u\n",
			(unsigned int)(e >> 3 & 0x1f));
		fprintf(out, "\t.................\n");
	}
}

static void show_host_memory(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tEnable Host Memory (EHM): %s\n", v & 1 ? "Enabled" : "Disabled");
	fprintf(out, "\tHost Memory Descriptor List Entry Count (HMDLEC): %u\n",
		(unsigned int)field_number(data + 12, 4));
	fprintf(out, "\tHost Memory Descriptor List Address     (HMDLAU): %#x\n",
		(unsigned int)field_number(data + 8, 4));
	fprintf(out, "\tHost Memory Descriptor List Address     (HMDLAL): %#x\n",
		(unsigned int)field_number(data + 4, 4));
	fprintf(out, "\tHost Memory Buffer Size                  (HSIZE): %u\n",
		(unsigned int)field_number(data, 4));
}

static void show_timestamp(FILE *out, uint32_t v, const uint8_t *data)
{
	static const char *const origins[8] = {
		"The Timestamp field was initialized to ‘0’ by a Controller Level Reset.",
		("The Timestamp field was initialized with a Timestamp value using a Set Features "
		 "command."),
		"Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved"};
	uint64_t ms = field_number(data, 6);
	time_t seconds = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y UTC", gmtime_r(&seconds, &tm));
	fprintf(out, "\tThe timestamp is : %" PRIu64 " (%s)\n", ms, text);
	fprintf(out, "\t%s\n", origins[data[6] >> 1 & 7]);
	fprintf(out, data[6] & 1 ? "\tThe controller may have stopped counting during vendor specific "
				   "intervals after the Timestamp value was initialized.\n"
				 : "\tThe controller counted time in milliseconds continuously since "
				   "the Timestamp value was initialized.\n");
}

static void show_thermal(FILE *out, uint32_t v, const uint8_t *data)
{
	for (unsigned int i = 1; i <= 2; i++) {
		int kelvin = (int)(i == 1 ? v >> 16 : v & 0xffff);

		fprintf(out, "\tThermal Management Temperature %u (TMT%u) : %d Kelvin (%d°C)\n", i, i,
			kelvin, kelvin - 273);
	}
}

static void show_latency_config(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tPredictable Latency Window Enabled: %s\n", v & 1 ? "True" : "False");
	fprintf(out, "\tEnable Event          :%04x\n", (unsigned int)field_number(data, 2));
	fprintf(out, "\tDTWIN Reads Threshold :%" PRIu64 "\n", field_number(data + 32, 8));
	fprintf(out, "\tDTWIN Writes Threshold:%" PRIu64 "\n", field_number(data + 40, 8));
	fprintf(out, "\tDTWIN Time Threshold  :%" PRIu64 "\n", field_number(data + 48, 8));
}

static void show_latency_window(FILE *out, uint32_t v, const uint8_t *data)
{
	static const char *const windows[] = {"Reserved", "Deterministic Window",
					      "Non-deterministic Window"};

	fprintf(out, "\tWindow Select: %s\n", windows[(v & 7) < 3 ? v & 7 : 0]);
}

static void show_host_behavior(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tHost Behavior Support: %s\n", data[0] & 1 ? "True" : "False");
}

static void show_command_sets(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tI/O Command Set Profile: %s\n", v & 0x1ff ? "True" : "False");
}

static void show_host_id(FILE *out, uint32_t v, const uint8_t *data)
{
	fprintf(out, "\tHost Identifier (HOSTID):  %" PRIu64 "\n", field_number(data, 8));
}

static void show_write_protect(FILE *out, uint32_t v, const uint8_t *data)
{
	static const char *const states[] = {"No Write Protect", "Write Protect",
					     "Write Protect Until Power Cycle",
					     "Permanent Write Protect", "Reserved"};

	fprintf(out, "\tNamespace Write Protect: %s\n", states[(v & 7) < 4 ? v & 7 : 4]);
}

/* Bytes of data of Get and Set Features; how the value is explained. */
static const struct feature {
	uint8_t fid;
	const char *name;
	uint16_t get, set;
	const struct part *parts;
	void (*show)(FILE *out, uint32_t v, const uint8_t *data);
} features[] = {
	{0x01, "Arbitration", 0, 0, NULL, show_arbitration},
	{0x02, "Power Management", 0, 0, NULL, show_power},
	{0x03, "LBA Range Type", 4096, 64, NULL, show_ranges},
	{0x04, "Temperature Threshold", 0, 0, NULL, show_temperature},
	{0x05, "Error Recovery", 0, 0, error_recovery, NULL},
	{0x06, "Volatile Write Cache", 0, 0, write_cache, NULL},
	{0x07, "Number of Queues", 0, 0, queues, NULL},
	{0x08, "Interrupt Coalescing", 0, 0, coalescing, NULL},
	{0x09, "Interrupt Vector Configuration", 0, 0, vector, NULL},
	{0x0a, "Write Atomicity Normal", 0, 0, atomicity, NULL},
	{0x0b, "Async Event Configuration", 0, 0, events, NULL},
	{0x0c, "Autonomous Power State Transition", 256, 256, NULL, show_power_transition},
	{0x0d, "Host Memory Buffer", 4096, 0, NULL, show_host_memory},
	{0x0e, "Timestamp", 8, 8, NULL, show_timestamp},
	{0x0f, "Keep Alive Timer", 0, 0, keep_alive, NULL},
	{0x10, "Host Controlled Thermal Management", 0, 0, NULL, show_thermal},
	{0x11, "Non-Operational Power State Config", 0, 0, non_operational, NULL},
	{0x12, "Read Recovery Level", 0, 0, recovery_level, NULL},
	{0x13, "Predictable Latency Mode Config", 512, 512, NULL, show_latency_config},
	{0x14, "Predictable Latency Mode Window", 0, 0, NULL, show_latency_window},
	{0x15, "LBA Status Interval", 0, 0, NULL, NULL},
	{0x16, "Host Behavior", 512, 512, NULL, show_host_behavior},
	{0x17, "Sanitize", 0, 0, sanitize, NULL},
	{0x18, "Endurance Event Group Configuration", 0, 0, endurance, NULL},
	{0x19, "I/O Command Set Profile", 0, 0, NULL, show_command_sets},
	{0x1a, "Spinup Control", 0, 0, spinup, NULL},
	{0x7d, "Enhanced Controller Metadata", 4096, 4096, NULL, NULL},
	{0x7e, "Controller Metadata", 4096, 4096, NULL, NULL},
	{0x7f, "Namespace Metadata", 4096, 4096, NULL, NULL},
	{0x80, "Software Progress", 0, 0, progress, NULL},
	{0x81, "Host Identifier", 8, 8, NULL, show_host_id},
	{0x82, "Reservation Notification Mask", 0, 0, notification_mask, NULL},
	{0x83, "Reservation Persistence", 0, 0, persistence, NULL},
	{0x84, "Namespace Write Protect", 0, 0, NULL, show_write_protect},
};

static const struct feature *find(uint8_t fid)
{
	static const struct feature unknown = {.name = "Unknown"};

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].fid == fid)
			return &features[i];
	return &unknown;
}

const char *print_feature_name(uint8_t fid)
{
	return find(fid)->name;
}

/* Bit 0 of cdw11 asks for the host identifier of 16 bytes. */
unsigned int print_feature_size(uint8_t fid, uint32_t cdw11, bool set)
{
	if (fid == NVME_FEAT_FID_HOST_ID && (cdw11 & 1))
		return 16;
	if (fid == NVME_FEAT_FID_LBA_RANGE && set)
		return ((cdw11 & 0x3f) + 1) * 64;
	return set ? find(fid)->set : find(fid)->get;
}

void print_feature(FILE *out, uint8_t fid, uint32_t value, const uint8_t *data)
{
	const struct feature *f = find(fid);

	for (const struct part *p = f->parts; p && p->label; p++) {
		uint64_t v = field_part(value, p->hi, p->lo);

		fprintf(out, "\t%s", p->label);
		if (p->on)
			fprintf(out, "%s\n", v ? p->on : p->off);
		else
			fprintf(out, "%" PRIu64 "%s\n", (v + p->add) * (p->times ? p->times : 1),
				p->unit);
	}
	if (f->parts == events)
		fprintf(out, "\tSMART / Health Critical Warnings                          : %s\n",
			value & 0xff ? "Send async event" : "Do not send async event");
	if (f->show)
		f->show(out, value, data);
}
