/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "client/vfnctl/fields.h"
#include "client/vfnctl/states.h"
#include "client/vfnctl/vfnctl.h"

static void add_text(struct json_object *obj, const char *name, const char *text)
{
	json_object_object_add(obj, name, json_object_new_string(text));
}

static void print_json(const struct vfnc_device_entry *e, int n)
{
	struct json_object *root = json_object_new_object(), *devices = json_object_new_array();

	for (; n--; e++) {
		struct json_object *obj = json_object_new_object();

		add_text(obj, "Address", e->address);
		add_text(obj, "Class", e->class_name);
		add_text(obj, "Transport", e->transport);
		add_text(obj, "State", states_name(e->state));
		add_text(obj, "Reason", e->reason);
		json_object_object_add(obj, "VendorID", json_object_new_uint64(e->vendor_id));
		json_object_object_add(obj, "DeviceID", json_object_new_uint64(e->device_id));
		add_text(obj, "ModelNumber", e->model);
		add_text(obj, "SerialNumber", e->serial);
		add_text(obj, "Firmware", e->firmware);
		json_object_object_add(obj, "Sessions", json_object_new_uint64(e->sessions));
		json_object_array_add(devices, obj);
	}
	json_object_object_add(root, "Devices", devices);
	field_json_print(stdout, root);
}

static void print_text(const struct vfnc_device_entry *e, int n)
{
	int width[8] = {12, 5, 9, 9, 20, 40, 8, 8};

	for (int i = 0; i < n; i++)
		if ((int)strlen(e[i].address) > width[0])
			width[0] = (int)strlen(e[i].address);
	printf("%-*s %-5s %-9s %-9s %-20s %-40s %-8s %s\n", width[0], "Device", "Class",
	       "Transport", "State", "SN", "Model", "FW Rev", "Sessions");
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < width[i]; j++)
			putchar('-');
		putchar(i == 7 ? '\n' : ' ');
	}
	for (int i = 0; i < n; i++) {
		printf("%-*s %-5s %-9s %-9s %-20s %-40s %-8s %u\n", width[0], e[i].address,
		       e[i].class_name, e[i].transport, states_name(e[i].state), e[i].serial,
		       e[i].model, e[i].firmware, e[i].sessions);
		if (*e[i].reason)
			printf("  %s\n", e[i].reason);
	}
}

static int run(struct tool *tool, void *settings)
{
	struct vfnc_device_entry *entries;
	int n = vfnc_list(tool->conn, &entries);

	if (n < 0)
		return report_daemon(tool);
	if (tool->format == FORMAT_JSON)
		print_json(entries, n);
	else
		print_text(entries, n);
	free(entries);
	return EXIT_OK;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "the daemon's devices",
	.doc = "List the devices that the daemon has claimed or failed to claim, and why.",
	.groups = OPT_FORMAT,
	.run = run,
};
