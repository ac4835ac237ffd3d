/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespace Identification Descriptors, and what the NVM command set says of a namespace. */
#include <inttypes.h>
#include <libnvme.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define DESCS_SIZE 4096

/* A descriptor may begin at any byte: type, length, two that are reserved, the identifier. */
enum {
	NIDT = 0,
	NIDL = 1,
	HEADER = 4,
};

static const char *const types[] = {NULL, "eui64", "nguid", "uuid", "csi"};

/* A descriptor's identifier as text; NULL: of no known type, or not as long as that is. */
static const char *identifier(const uint8_t *d, char text[48])
{
	static const uint8_t sizes[] = {0, 8, 16, 16, 1};
	const uint8_t *nid = d + HEADER;
	int n = 0;

	if (!d[NIDT] || d[NIDT] >= sizeof(sizes) || d[NIDL] != sizes[d[NIDT]])
		return NULL;
	if (d[NIDT] == NVME_NIDT_CSI) {
		snprintf(text, 48, "%#x", nid[0]);
		return text;
	}
	for (int i = 0; i < d[NIDL]; i++) {
		bool dash = d[NIDT] == NVME_NIDT_UUID && (i == 4 || i == 6 || i == 8 || i == 10);

		n += snprintf(text + n, 48 - (size_t)n, dash ? "-%02x" : "%02x", nid[i]);
	}
	return text;
}

void print_descs(FILE *out, const void *data, uint32_t nsid, enum format format)
{
	struct json_object *root = NULL, *list = NULL;
	const uint8_t *bytes = data;
	char text[48];

	if (format == FORMAT_BINARY) {
		fwrite(data, DESCS_SIZE, 1, out);
		return;
	}
	if (format == FORMAT_JSON) {
		root = json_object_new_object();
		list = json_object_new_array();
	} else {
		fprintf(out, "NVME Namespace Identification Descriptors NS %u:\n", nsid);
	}
	for (int at = 0; at + HEADER <= DESCS_SIZE;) {
		const uint8_t *d = bytes + at;
		const char *id;
		struct json_object *obj;

		if (!d[NIDL] || at + HEADER + d[NIDL] > DESCS_SIZE)
			break;
		id = identifier(d, text);
		if (id && list) {
			obj = json_object_new_object();
			json_object_object_add(obj, "loc", json_object_new_int(at));
			json_object_object_add(obj, "nidt", json_object_new_int(d[NIDT]));
			json_object_object_add(obj, "nidl", json_object_new_int(d[NIDL]));
			json_object_object_add(obj, "type", json_object_new_string(types[d[NIDT]]));
			json_object_object_add(obj, types[d[NIDT]], json_object_new_string(id));
			json_object_array_add(list, obj);
		} else if (id) {
			fprintf(out, "%-8s: %s\n", types[d[NIDT]], id);
		}
		at += HEADER + d[NIDL];
	}
	if (root) {
		json_object_object_add(root, "ns-descs", list);
		field_json_print(out, root);
	}
}

static const struct field_bits pic[] = {
	RESERVED(7, 3),
	BITS(2, 2, "Storage Tag Check Read Support", NULL),
	BITS(1, 1, "16b Guard Protection Information Storage Tag Mask", NULL),
	BITS(0, 0, "16b Guard Protection Information Storage Tag Support", NULL),
	BITS_END,
};

static const struct field nvm_fields[] = {
	FIELD(struct nvme_nvm_id_ns, lbstm, HEX, NULL),
	FIELD(struct nvme_nvm_id_ns, pic, HEX, pic),
};

static const char *guard(unsigned int pif)
{
	static const char *const names[] = {"16b Guard", "32b Guard", "64b Guard", "Reserved"};

	return names[pif & 3];
}

void print_nvm_id_ns(FILE *out, const void *data, const void *id_ns, uint32_t nsid,
		     enum format format, bool verbose)
{
	const struct nvme_nvm_id_ns *nvm = data;
	const struct nvme_id_ns *ns = id_ns;
	int n = ns->nlbaf + ns->nulbaf < 64 ? ns->nlbaf + ns->nulbaf + 1 : 64;
	int used = (ns->flbas & 0xf) | (ns->nlbaf > 15 ? (ns->flbas >> 5 & 3) << 4 : 0);
	struct json_object *root = NULL, *list = NULL;

	if (format == FORMAT_BINARY) {
		fwrite(data, sizeof(*nvm), 1, out);
		return;
	}
	if (format == FORMAT_JSON) {
		root = json_object_new_object();
		list = json_object_new_array();
		field_json(root, nvm_fields, 2, data);
		json_object_object_add(root, "elbafs", list);
	} else {
		fprintf(out, "NVMe NVM Identify Namespace %u:\n", nsid);
		field_print(out, nvm_fields, 2, 6, data, verbose);
	}
	for (int i = 0; i < n; i++) {
		uint32_t e = (uint32_t)field_number((const uint8_t *)&nvm->elbaf[i], 4);
		unsigned int sts = e & 0x7f, pif = e >> 7 & 3;
		const char *in_use = i == used ? "(in use)" : "";

		if (list) {
			struct json_object *obj = json_object_new_object();

			json_object_object_add(obj, "sts", json_object_new_int((int)sts));
			json_object_object_add(obj, "pif", json_object_new_int((int)pif));
			json_object_array_add(list, obj);
		} else if (verbose) {
			fprintf(out,
				"Extended LBA Format %2d : Protection Information Format: %s(%u) - "
				"Storage Tag Size (MSB): %-2u %s\n",
				i, guard(pif), pif, sts, in_use);
		} else {
			fprintf(out, "elbaf %2d : pif:%u lbads:%-2u %s\n", i, pif, sts, in_use);
		}
	}
	if (root)
		field_json_print(out, root);
}
