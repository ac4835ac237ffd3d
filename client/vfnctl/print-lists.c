/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of namespaces and controllers. */
#include <libnvme.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

#define NS_LIST 1024

static uint32_t entry(const void *data, int i)
{
	return (uint32_t)field_number((const uint8_t *)data + 4 * (size_t)i, 4);
}

void print_ns_list(FILE *out, const void *data, enum format format)
{
	struct json_object *root, *list;

	if (format != FORMAT_JSON) {
		for (int i = 0; i < NS_LIST && entry(data, i); i++)
			fprintf(out, "[%4d]:%#x\n", i, entry(data, i));
		return;
	}
	root = json_object_new_object();
	list = json_object_new_array();
	for (int i = 0; i < NS_LIST && entry(data, i); i++) {
		struct json_object *obj = json_object_new_object();

		json_object_object_add(obj, "nsid", json_object_new_uint64(entry(data, i)));
		json_object_array_add(list, obj);
	}
	json_object_object_add(root, "nsid_list", list);
	field_json_print(out, root);
}

void print_changed_ns(FILE *out, const void *data, const char *device, enum format format)
{
	bool all = entry(data, 0) == UINT32_MAX;
	struct json_object *root, *obj;

	if (format == FORMAT_BINARY) {
		fwrite(data, 4, NS_LIST, out);
		return;
	}
	if (format == FORMAT_NORMAL) {
		if (all)
			fprintf(out, "more than %d ns changed\n", NS_LIST);
		for (int i = 0; !all && i < NS_LIST && entry(data, i); i++)
			fprintf(out, "[%4d]:%#x\n", i, entry(data, i));
		return;
	}
	root = json_object_new_object();
	obj = json_object_new_object();
	json_object_object_add(root, "Changed Namespace List Log", json_object_new_string(device));
	for (int i = 0; !all && i < NS_LIST && entry(data, i); i++) {
		char name[16], text[16];

		snprintf(name, sizeof(name), "[%4d]", i + 1);
		snprintf(text, sizeof(text), "%#x", entry(data, i));
		json_object_object_add(obj, name, json_object_new_string(text));
	}
	if (all)
		json_object_object_add(obj, "more than 1024 ns changed",
				       json_object_new_boolean(true));
	json_object_object_add(root, device, obj);
	field_json_print(out, root);
}

#define GET(sc, member) (unsigned int)field_number((const uint8_t *)&(sc)->member, sizeof((sc)->member))

static void print_secondary_text(FILE *out, const struct nvme_secondary_ctrl_list *list,
				 unsigned int n)
{
	fprintf(out, "Identify Secondary Controller List:\n");
	fprintf(out, "   NUMID       : Number of Identifiers           : %u\n", list->num);
	for (unsigned int i = 0; i < n; i++) {
		const struct nvme_secondary_ctrl *sc = &list->sc_entry[i];

		fprintf(out, "   SCEntry[%-3u]:\n................\n", i);
		fprintf(out, "     SCID      : Secondary Controller Identifier : 0x%.4x\n",
			GET(sc, scid));
		fprintf(out, "     PCID      : Primary Controller Identifier   : 0x%.4x\n",
			GET(sc, pcid));
		fprintf(out, "     SCS       : Secondary Controller State      : 0x%.4x (%s)\n",
			sc->scs, sc->scs & 1 ? "Online" : "Offline");
		fprintf(out, "     VFN       : Virtual Function Number         : 0x%.4x\n",
			GET(sc, vfn));
		fprintf(out, "     NVQ       : Num VQ Flex Resources Assigned  : 0x%.4x\n",
			GET(sc, nvq));
		fprintf(out, "     NVI       : Num VI Flex Resources Assigned  : 0x%.4x\n",
			GET(sc, nvi));
	}
}

static struct json_object *json_secondary(const struct nvme_secondary_ctrl *sc)
{
	struct json_object *obj = json_object_new_object();

#define ADD(name, value) json_object_object_add(obj, name, json_object_new_int((int)(value)))
	ADD("secondary-controller-identifier", GET(sc, scid));
	ADD("primary-controller-identifier", GET(sc, pcid));
	ADD("secondary-controller-state", sc->scs & 1);
	ADD("virtual-function-number", GET(sc, vfn));
	ADD("num-virtual-queues", GET(sc, nvq));
	ADD("num-virtual-interrupts", GET(sc, nvi));
#undef ADD
	return obj;
}

void print_secondary(FILE *out, const void *data, unsigned int max, enum format format)
{
	const struct nvme_secondary_ctrl_list *list = data;
	unsigned int n = list->num < NVME_ID_SECONDARY_CTRL_MAX ? list->num
								: NVME_ID_SECONDARY_CTRL_MAX;
	struct json_object *root, *array;

	if (format == FORMAT_BINARY) {
		fwrite(data, sizeof(*list), 1, out);
		return;
	}
	if (n > max)
		n = max;
	if (format == FORMAT_NORMAL) {
		print_secondary_text(out, list, n);
		return;
	}
	root = json_object_new_object();
	array = json_object_new_array();
	for (unsigned int i = 0; i < n; i++)
		json_object_array_add(array, json_secondary(&list->sc_entry[i]));
	json_object_object_add(root, "num", json_object_new_int(list->num));
	json_object_object_add(root, "secondary-controllers", array);
	field_json_print(out, root);
}
