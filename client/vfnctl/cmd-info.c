/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/vfnctl.h"

static void add_text(struct json_object *obj, const char *name, const char *text)
{
	json_object_object_add(obj, name, json_object_new_string(text));
}

static void add(struct json_object *obj, const char *name, uint64_t value)
{
	json_object_object_add(obj, name, json_object_new_uint64(value));
}

static void print_json(const struct vfnc_device_info *info)
{
	struct json_object *obj = json_object_new_object(), *bars = json_object_new_array();
	struct json_object *active = json_object_new_array(), *iova = json_object_new_array();

	add_text(obj, "address", info->device.address);
	add_text(obj, "class", info->device.class_name);
	add_text(obj, "transport", info->device.transport);
	add(obj, "vendor_id", info->device.vendor_id);
	add(obj, "device_id", info->device.device_id);
	add(obj, "subsystem_vendor_id", info->subsystem_vendor_id);
	add(obj, "subsystem_id", info->subsystem_id);
	add(obj, "class_code", info->class_code);
	add_text(obj, "model", info->device.model);
	add_text(obj, "serial", info->device.serial);
	add_text(obj, "firmware", info->device.firmware);
	add(obj, "sessions", info->device.sessions);
	add(obj, "vectors", info->vectors);
	for (int i = 0; i < 6; i++)
		json_object_array_add(bars, json_object_new_uint64(info->bar_size[i]));
	json_object_object_add(obj, "bars", bars);
	add(obj, "cap", info->cap);
	add(obj, "vs", info->vs);
	add(obj, "page_size", info->page_size);
	add(obj, "max_transfer", info->max_transfer);
	add(obj, "max_queue_entries", info->max_queue_entries);
	add(obj, "queue_pairs", info->queue_pairs);
	add(obj, "queue_pairs_free", info->queue_pairs_free);
	add(obj, "nn", info->namespaces);
	for (uint32_t i = 0; i < info->n_active; i++) {
		struct json_object *ns = json_object_new_object();

		add(ns, "nsid", info->active[i].nsid);
		add(ns, "blocks", info->active[i].blocks);
		add(ns, "block_size", info->active[i].block_size);
		add(ns, "metadata_size", info->active[i].metadata_size);
		json_object_array_add(active, ns);
	}
	json_object_object_add(obj, "namespaces", active);
	for (uint32_t i = 0; i < info->n_iova; i++) {
		struct json_object *range = json_object_new_object();

		add(range, "first", info->iova[i].first);
		add(range, "last", info->iova[i].last);
		json_object_array_add(iova, range);
	}
	json_object_object_add(obj, "iova_ranges", iova);
	field_json_print(stdout, obj);
}

static void print_nvme(const struct vfnc_device_info *info)
{
	printf("version            : %u.%u.%u\n", info->vs >> 16, info->vs >> 8 & 0xff,
	       info->vs & 0xff);
	printf("cap                : %#" PRIx64 "\n", info->cap);
	printf("memory page        : %u bytes\n", info->page_size);
	printf("largest transfer   : %" PRIu64 " bytes\n", info->max_transfer);
	printf("largest queue      : %u entries\n", info->max_queue_entries);
	printf("queue pairs        : %u, %u free\n", info->queue_pairs, info->queue_pairs_free);
	printf("namespaces         : %u active of %u\n", info->n_active, info->namespaces);
	for (uint32_t i = 0; i < info->n_active; i++) {
		const struct vfnc_namespace *ns = &info->active[i];

		printf("  namespace %-8u: %" PRIu64 " blocks of %u bytes", ns->nsid, ns->blocks,
		       ns->block_size);
		if (ns->metadata_size)
			printf(" + %u bytes metadata", ns->metadata_size);
		putchar('\n');
	}
}

static void print_text(const struct vfnc_device_info *info)
{
	const struct vfnc_device_entry *d = &info->device;

	printf("address            : %s\n", d->address);
	printf("class, transport   : %s, %s\n", d->class_name, d->transport);
	printf("vendor:device      : %04x:%04x\n", d->vendor_id, d->device_id);
	printf("subsystem          : %04x:%04x\n", info->subsystem_vendor_id, info->subsystem_id);
	printf("class code         : %06x\n", info->class_code);
	if (*d->model)
		printf("model              : %s\nserial             : %s\nfirmware           : %s\n",
		       d->model, d->serial, d->firmware);
	printf("open in sessions   : %u\n", d->sessions);
	printf("MSI-X vectors      : %u\n", info->vectors);
	for (int i = 0; i < 6; i++)
		if (info->bar_size[i])
			printf("BAR %d              : %" PRIu64 " bytes\n", i, info->bar_size[i]);
	if (info->vs)
		print_nvme(info);
	for (uint32_t i = 0; i < info->n_iova; i++)
		printf("IOVA range         : %#" PRIx64 " to %#" PRIx64 "\n", info->iova[i].first,
		       info->iova[i].last);
}

static int run(struct tool *tool, void *settings)
{
	struct vfnc_device_info *info;

	if (vfnc_device_info(tool->dev, &info) < 0)
		return report_daemon(tool);
	if (tool->format == FORMAT_JSON)
		print_json(info);
	else
		print_text(info);
	free(info);
	return EXIT_OK;
}

const struct command cmd_info = {
	.name = "info",
	.summary = "what the daemon knows of a device",
	.doc = "Show identity, limits, namespaces and usable I/O addresses of a device.",
	.groups = OPT_DEVICE | OPT_FORMAT,
	.run = run,
};
