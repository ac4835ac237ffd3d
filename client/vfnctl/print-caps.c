/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities of configuration space, with their main fields: PCI Local Bus 3.0, appendix H and 6.8; PCI Bus Power
 * Management Interface 1.2, 3.2; PCI Express Base 5.0, 7.5 to 7.9.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

struct caps {
	FILE *out;
	struct json_object *object; /* of the capability, in JSON; else NULL */
	const uint8_t *space;
	size_t size;
	unsigned int at; /* the capability's first byte */
};

/* What lies behind the end of the space that there is reads as zero. */
static uint64_t get(const struct caps *c, unsigned int offset, unsigned int width)
{
	return c->at + offset + width <= c->size ? field_number(c->space + c->at + offset, width) : 0;
}

/* As a key: words in small letters, with '_' between them. */
static void put_json(const struct caps *c, const char *name, struct json_object *value)
{
	char key[64];
	size_t n = 0;

	for (; name[n] && n < sizeof(key) - 1; n++)
		key[n] = isalnum((unsigned char)name[n]) ? (char)tolower((unsigned char)name[n]) : '_';
	key[n] = '\0';
	json_object_object_add(c->object, key, value);
}

static void put(const struct caps *c, const char *name, uint64_t value)
{
	if (c->object)
		put_json(c, name, json_object_new_uint64(value));
	else
		fprintf(c->out, "        %-24s: %#" PRIx64 "\n", name, value);
}

static void put_number(const struct caps *c, const char *name, uint64_t value)
{
	if (c->object)
		put_json(c, name, json_object_new_uint64(value));
	else
		fprintf(c->out, "        %-24s: %" PRIu64 "\n", name, value);
}

static void put_text(const struct caps *c, const char *name, const char *value)
{
	if (c->object)
		put_json(c, name, json_object_new_string(value));
	else
		fprintf(c->out, "        %-24s: %s\n", name, value);
}

static void put_flag(const struct caps *c, const char *name, bool value)
{
	if (c->object)
		put_json(c, name, json_object_new_boolean(value));
	else
		fprintf(c->out, "        %-24s: %s\n", name, value ? "yes" : "no");
}

/* ---- standard ---------------------------------------------------------------------------- */

static void print_pm(const struct caps *c)
{
	static const char *const states[] = {"D0", "D1", "D2", "D3hot"};
	unsigned int pmc = (unsigned int)get(c, PCI_PM_PMC, 2), csr = (unsigned int)get(c, PCI_PM_CTRL, 2);

	put_number(c, "version", pmc & PCI_PM_CAP_VER_MASK);
	put_flag(c, "D1", pmc & PCI_PM_CAP_D1);
	put_flag(c, "D2", pmc & PCI_PM_CAP_D2);
	put_text(c, "state", states[csr & PCI_PM_CTRL_STATE_MASK]);
	put_flag(c, "no soft reset", csr & PCI_PM_CTRL_NO_SOFT_RESET);
}

static void print_msi(const struct caps *c)
{
	unsigned int flags = (unsigned int)get(c, PCI_MSI_FLAGS, 2);
	bool wide = flags & PCI_MSI_FLAGS_64BIT;

	put_flag(c, "enabled", flags & PCI_MSI_FLAGS_ENABLE);
	put_number(c, "vectors", 1u << ((flags & PCI_MSI_FLAGS_QMASK) >> 1));
	put_number(c, "vectors enabled", 1u << ((flags & PCI_MSI_FLAGS_QSIZE) >> 4));
	put_flag(c, "64-bit address", wide);
	put_flag(c, "mask bits", flags & PCI_MSI_FLAGS_MASKBIT);
}

static void print_msix(const struct caps *c)
{
	unsigned int flags = (unsigned int)get(c, PCI_MSIX_FLAGS, 2);
	uint32_t table = (uint32_t)get(c, PCI_MSIX_TABLE, 4), pba = (uint32_t)get(c, PCI_MSIX_PBA, 4);

	put_flag(c, "enabled", flags & PCI_MSIX_FLAGS_ENABLE);
	put_flag(c, "all masked", flags & PCI_MSIX_FLAGS_MASKALL);
	put_number(c, "vectors", (flags & PCI_MSIX_FLAGS_QSIZE) + 1);
	put_number(c, "table BAR", table & PCI_MSIX_TABLE_BIR);
	put(c, "table offset", table & PCI_MSIX_TABLE_OFFSET);
	put_number(c, "pending BAR", pba & PCI_MSIX_PBA_BIR);
	put(c, "pending offset", pba & PCI_MSIX_PBA_OFFSET);
}

static const char *express_speed(unsigned int n)
{
	static const char *const speeds[] = {"unknown",	 "2.5 GT/s", "5 GT/s", "8 GT/s",
					     "16 GT/s", "32 GT/s",  "64 GT/s"};

	return n < sizeof(speeds) / sizeof(speeds[0]) ? speeds[n] : speeds[0];
}

static void print_express(const struct caps *c)
{
	static const char *const types[16] = {
		"endpoint", "legacy endpoint", "unknown", "unknown", "root port", "upstream port",
		"downstream port", "PCI bridge", "reverse bridge", "root complex integrated endpoint",
		"root complex event collector", "unknown", "unknown", "unknown", "unknown", "unknown",
	};
	unsigned int flags = (unsigned int)get(c, PCI_EXP_FLAGS, 2), type = (flags & PCI_EXP_FLAGS_TYPE) >> 4;
	uint32_t cap = (uint32_t)get(c, PCI_EXP_DEVCAP, 4), link = (uint32_t)get(c, PCI_EXP_LNKCAP, 4);
	unsigned int control = (unsigned int)get(c, PCI_EXP_DEVCTL, 2);
	unsigned int status = (unsigned int)get(c, PCI_EXP_DEVSTA, 2);
	unsigned int now = (unsigned int)get(c, PCI_EXP_LNKSTA, 2);

	put_number(c, "version", flags & PCI_EXP_FLAGS_VERS);
	put_text(c, "type", types[type]);
	put_number(c, "largest payload", 128u << (cap & PCI_EXP_DEVCAP_PAYLOAD));
	put_number(c, "payload", 128u << ((control & PCI_EXP_DEVCTL_PAYLOAD) >> 5));
	put_number(c, "read request", 128u << ((control & PCI_EXP_DEVCTL_READRQ) >> 12));
	put_flag(c, "function level reset", cap & PCI_EXP_DEVCAP_FLR);
	put_flag(c, "correctable error", status & PCI_EXP_DEVSTA_CED);
	put_flag(c, "nonfatal error", status & PCI_EXP_DEVSTA_NFED);
	put_flag(c, "fatal error", status & PCI_EXP_DEVSTA_FED);
	/* What is integrated in the root complex has no link. */
	if (type == PCI_EXP_TYPE_RC_END || type == PCI_EXP_TYPE_RC_EC)
		return;
	put_text(c, "fastest link", express_speed(link & PCI_EXP_LNKCAP_SLS));
	put_number(c, "widest link", (link & PCI_EXP_LNKCAP_MLW) >> 4);
	put_text(c, "link", express_speed(now & PCI_EXP_LNKSTA_CLS));
	put_number(c, "link width", (now & PCI_EXP_LNKSTA_NLW) >> PCI_EXP_LNKSTA_NLW_SHIFT);
}

static void print_vendor(const struct caps *c)
{
	put_number(c, "length", get(c, 2, 1));
}

static void print_af(const struct caps *c)
{
	unsigned int cap = (unsigned int)get(c, PCI_AF_CAP, 1);

	put_flag(c, "function level reset", cap & PCI_AF_CAP_FLR);
	put_flag(c, "transactions pending", get(c, PCI_AF_STATUS, 1) & PCI_AF_STATUS_TP);
}

/* ---- extended ---------------------------------------------------------------------------- */

static void print_aer(const struct caps *c)
{
	put(c, "uncorrectable status", get(c, PCI_ERR_UNCOR_STATUS, 4));
	put(c, "uncorrectable mask", get(c, PCI_ERR_UNCOR_MASK, 4));
	put(c, "uncorrectable severity", get(c, PCI_ERR_UNCOR_SEVER, 4));
	put(c, "correctable status", get(c, PCI_ERR_COR_STATUS, 4));
	put(c, "correctable mask", get(c, PCI_ERR_COR_MASK, 4));
	put_number(c, "first error", get(c, PCI_ERR_CAP, 4) & 0x1f);
}

static void print_dsn(const struct caps *c)
{
	char text[24];
	uint64_t dsn = get(c, 4, 8);

	for (int i = 0; i < 8; i++)
		snprintf(text + 3 * i, sizeof(text) - 3 * (size_t)i, "%02x%s",
			 (unsigned int)(dsn >> 8 * (7 - i) & 0xff), i < 7 ? "-" : "");
	put_text(c, "serial number", text);
}

static void print_acs(const struct caps *c)
{
	unsigned int cap = (unsigned int)get(c, PCI_ACS_CAP, 2);

	put(c, "capability", cap);
	put(c, "control", get(c, PCI_ACS_CTRL, 2));
	put_flag(c, "source validation", cap & PCI_ACS_SV);
	put_flag(c, "redirection", cap & (PCI_ACS_RR | PCI_ACS_CR));
	put_flag(c, "upstream forwarding", cap & PCI_ACS_UF);
	put_flag(c, "direct translated", cap & PCI_ACS_DT);
}

static void print_ari(const struct caps *c)
{
	put_number(c, "next function", get(c, PCI_ARI_CAP, 2) >> 8);
}

static void print_ats(const struct caps *c)
{
	unsigned int cap = (unsigned int)get(c, PCI_ATS_CAP, 2), control = (unsigned int)get(c, PCI_ATS_CTRL, 2);

	put_number(c, "invalidate queue depth", PCI_ATS_CAP_QDEP(cap) ? PCI_ATS_CAP_QDEP(cap) : PCI_ATS_MAX_QDEP);
	put_flag(c, "page aligned request", cap & 0x20);
	put_flag(c, "enabled", control & PCI_ATS_CTRL_ENABLE);
}

static void print_sriov(const struct caps *c)
{
	put_flag(c, "enabled", get(c, PCI_SRIOV_CTRL, 2) & PCI_SRIOV_CTRL_VFE);
	put_number(c, "initial functions", get(c, PCI_SRIOV_INITIAL_VF, 2));
	put_number(c, "total functions", get(c, PCI_SRIOV_TOTAL_VF, 2));
	put_number(c, "functions", get(c, PCI_SRIOV_NUM_VF, 2));
	put_number(c, "first offset", get(c, PCI_SRIOV_VF_OFFSET, 2));
	put_number(c, "stride", get(c, PCI_SRIOV_VF_STRIDE, 2));
	put(c, "device id", get(c, PCI_SRIOV_VF_DID, 2));
}

static void print_vsec(const struct caps *c)
{
	uint32_t header = (uint32_t)get(c, 4, 4);

	/* "id" is the capability's own */
	put(c, "structure id", header & 0xffff);
	put_number(c, "revision", header >> 16 & 0xf);
	put_number(c, "length", header >> 20);
}

static void print_pri(const struct caps *c)
{
	put_flag(c, "enabled", get(c, PCI_PRI_CTRL, 2) & PCI_PRI_CTRL_ENABLE);
	put_number(c, "most requests", get(c, PCI_PRI_MAX_REQ, 4));
}

static void print_pasid(const struct caps *c)
{
	unsigned int cap = (unsigned int)get(c, PCI_PASID_CAP, 2);

	put_number(c, "width", cap >> 8 & 0x1f);
	put_flag(c, "enabled", get(c, PCI_PASID_CTRL, 2) & 1);
}

static void print_ltr(const struct caps *c)
{
	put(c, "snoop latency", get(c, PCI_LTR_MAX_SNOOP_LAT, 2));
	put(c, "no-snoop latency", get(c, PCI_LTR_MAX_NOSNOOP_LAT, 2));
}

/* ---- tables ------------------------------------------------------------------------------ */

struct cap_kind {
	uint16_t id;
	const char *name;
	void (*print)(const struct caps *c); /* NULL: nothing but where it is */
};

static const struct cap_kind standard[] = {
	{PCI_CAP_ID_PM, "Power Management", print_pm},
	{PCI_CAP_ID_AGP, "Accelerated Graphics Port", NULL},
	{PCI_CAP_ID_VPD, "Vital Product Data", NULL},
	{PCI_CAP_ID_SLOTID, "Slot Identification", NULL},
	{PCI_CAP_ID_MSI, "MSI", print_msi},
	{PCI_CAP_ID_CHSWP, "CompactPCI Hot Swap", NULL},
	{PCI_CAP_ID_PCIX, "PCI-X", NULL},
	{PCI_CAP_ID_HT, "HyperTransport", NULL},
	{PCI_CAP_ID_VNDR, "Vendor Specific", print_vendor},
	{PCI_CAP_ID_DBG, "Debug Port", NULL},
	{PCI_CAP_ID_SHPC, "Hot-Plug", NULL},
	{PCI_CAP_ID_SSVID, "Subsystem ID", NULL},
	{PCI_CAP_ID_EXP, "PCI Express", print_express},
	{PCI_CAP_ID_MSIX, "MSI-X", print_msix},
	{PCI_CAP_ID_SATA, "SATA", NULL},
	{PCI_CAP_ID_AF, "Advanced Features", print_af},
	{PCI_CAP_ID_EA, "Enhanced Allocation", NULL},
	{0, NULL, NULL},
};

static const struct cap_kind extended[] = {
	{PCI_EXT_CAP_ID_ERR, "Advanced Error Reporting", print_aer},
	{PCI_EXT_CAP_ID_VC, "Virtual Channel", NULL},
	{PCI_EXT_CAP_ID_DSN, "Device Serial Number", print_dsn},
	{PCI_EXT_CAP_ID_PWR, "Power Budgeting", NULL},
	{PCI_EXT_CAP_ID_RCLD, "Root Complex Link Declaration", NULL},
	{PCI_EXT_CAP_ID_VNDR, "Vendor Specific", print_vsec},
	{PCI_EXT_CAP_ID_ACS, "Access Control Services", print_acs},
	{PCI_EXT_CAP_ID_ARI, "Alternative Routing-ID Interpretation", print_ari},
	{PCI_EXT_CAP_ID_ATS, "Address Translation Services", print_ats},
	{PCI_EXT_CAP_ID_SRIOV, "Single Root I/O Virtualization", print_sriov},
	{PCI_EXT_CAP_ID_MCAST, "Multicast", NULL},
	{PCI_EXT_CAP_ID_PRI, "Page Request Interface", print_pri},
	{PCI_EXT_CAP_ID_REBAR, "Resizable BAR", NULL},
	{PCI_EXT_CAP_ID_DPA, "Dynamic Power Allocation", NULL},
	{PCI_EXT_CAP_ID_TPH, "TPH Requester", NULL},
	{PCI_EXT_CAP_ID_LTR, "Latency Tolerance Reporting", print_ltr},
	{PCI_EXT_CAP_ID_SECPCI, "Secondary PCI Express", NULL},
	{PCI_EXT_CAP_ID_PASID, "Process Address Space ID", print_pasid},
	{PCI_EXT_CAP_ID_DPC, "Downstream Port Containment", NULL},
	{PCI_EXT_CAP_ID_L1SS, "L1 PM Substates", NULL},
	{PCI_EXT_CAP_ID_PTM, "Precision Time Measurement", NULL},
	{PCI_EXT_CAP_ID_DVSEC, "Designated Vendor-Specific", NULL},
	{PCI_EXT_CAP_ID_DLF, "Data Link Feature", NULL},
	{PCI_EXT_CAP_ID_PL_16GT, "Physical Layer 16 GT/s", NULL},
	{0, NULL, NULL},
};

static const struct cap_kind *cap_kind(const struct vfnc_capability *cap)
{
	const struct cap_kind *kind = cap->extended ? extended : standard;

	while (kind->name && kind->id != cap->id)
		kind++;
	return kind;
}

static const char *print_cap_name(const struct vfnc_capability *cap)
{
	const char *name = cap_kind(cap)->name;

	return name ? name : "unknown";
}

static void print_cap(const struct caps *c, const struct vfnc_capability *cap)
{
	const struct cap_kind *kind = cap_kind(cap);

	if (c->object) {
		json_object_object_add(c->object, "name", json_object_new_string(print_cap_name(cap)));
		json_object_object_add(c->object, "id", json_object_new_int(cap->id));
		json_object_object_add(c->object, "extended", json_object_new_boolean(cap->extended));
		json_object_object_add(c->object, "offset", json_object_new_int((int)cap->offset));
		if (cap->extended)
			json_object_object_add(c->object, "structure_version", json_object_new_int(cap->version));
	} else if (cap->extended) {
		fprintf(c->out, "[%03x] %s (%#x), version %u\n", cap->offset, print_cap_name(cap), cap->id,
			cap->version);
	} else {
		fprintf(c->out, "[%02x]  %s (%#x)\n", cap->offset, print_cap_name(cap), cap->id);
	}
	if (kind->print)
		kind->print(c);
}

void print_caps(FILE *out, const uint8_t *space, size_t size, const struct vfnc_capability *caps, unsigned int n,
		enum format format)
{
	struct json_object *list = format == FORMAT_JSON ? json_object_new_array() : NULL, *root;

	for (unsigned int i = 0; i < n; i++) {
		struct caps c = {.out = out, .space = space, .size = size, .at = caps[i].offset};

		if (list) {
			c.object = json_object_new_object();
			json_object_array_add(list, c.object);
		}
		print_cap(&c, &caps[i]);
	}
	if (!list)
		return;
	root = json_object_new_object();
	json_object_object_add(root, "capabilities", list);
	field_json_print(out, root);
}
