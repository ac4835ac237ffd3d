/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include <vfn/iommu.h>

#include "daemon/device/class.h"
#include "daemon/rpc/rpc.h"

#define NAMESPACES_MAX 1024
#define LIST_BYTES     (60u * 1024)

static Vfnd__DeviceState device_state_code(const struct device *dev)
{
	if (dev->retiring)
		return VFND__DEVICE_STATE__DEVICE_STATE_RELEASING;
	switch (dev->state) {
	case DEVICE_CLAIMING:
		return VFND__DEVICE_STATE__DEVICE_STATE_CLAIMING;
	case DEVICE_READY:
		return VFND__DEVICE_STATE__DEVICE_STATE_READY;
	case DEVICE_RESETTING:
		return VFND__DEVICE_STATE__DEVICE_STATE_RESETTING;
	case DEVICE_DISABLED:
		return VFND__DEVICE_STATE__DEVICE_STATE_DISABLED;
	default:
		return VFND__DEVICE_STATE__DEVICE_STATE_FAILED;
	}
}

static void device_describe(const struct device *dev, Vfnd__Device *d)
{
	vfnd__device__init(d);
	d->address = dev->address;
	d->class_name = (char *)dev->class->name;
	d->state = device_state_code(dev);
	d->reason = (char *)dev->reason;
	d->sessions = device_sessions(dev);
	if (dev->state == DEVICE_CLAIMING)
		return; /* the worker is writing the identity */
	d->transport = (char *)(dev->id.transport ? dev->id.transport : "");
	d->vendor_id = dev->id.vendor_id;
	d->device_id = dev->id.device_id;
	d->model = (char *)dev->id.model;
	d->serial = (char *)dev->id.serial;
	d->firmware = (char *)dev->id.firmware;
}

void rpc_list(struct rpc_call *call)
{
	static Vfnd__Device devices[DEVICES_MAX];
	static Vfnd__Device *rows[DEVICES_MAX];
	Vfnd__ListAnswer list = VFND__LIST_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct device *dev;

	TAILQ_FOREACH (dev, &rpc_host.devices->list, link) {
		if (list.n_devices == DEVICES_MAX)
			break;
		device_describe(dev, &devices[list.n_devices]);
		rows[list.n_devices] = &devices[list.n_devices];
		list.n_devices++;
	}
	list.devices = rows;
	answer.body_case = VFND__ANSWER__BODY_LIST;
	answer.list = &list;
	/* Devices that cannot be claimed are made by request: nobody may make the list too long for others. */
	if (vfnd__list_answer__get_packed_size(&list) > LIST_BYTES)
		for (size_t i = 0; i < list.n_devices; i++)
			devices[i].reason = (char *)"";
	rpc_answer(call, &answer, NULL);
}

void rpc_open(struct rpc_call *call)
{
	const char *address = call->request->open->address;
	struct device *dev = device_find(rpc_host.devices, address);
	Vfnd__OpenAnswer open = VFND__OPEN_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct opening *o;
	int ret;

	if (!dev) {
		if (*address)
			rpc_fail(call, -ENODEV, "open.address", "the daemon has no device %.200s; "
				 "list tells what it has", address);
		else
			rpc_fail(call, -EINVAL, "open.address", "%s", device_which(rpc_host.devices));
		return;
	}
	/* Who else would enable one that is disabled? */
	ret = device_usable(dev);
	if (ret < 0 && ret != -ESHUTDOWN) {
		rpc_fail(call, ret, "open.address", "%s is %s%s%s", dev->address, device_state_name(dev),
			 *dev->reason ? ": " : "", dev->reason);
		return;
	}
	if (opening_of(call->session, dev)) {
		rpc_fail(call, -EALREADY, "open.address", "this session has %s open already",
			 dev->address);
		return;
	}
	ret = opening_create(call->session, dev, &o);
	if (ret < 0) {
		rpc_fail(call, ret, NULL, "the daemon is out of memory");
		return;
	}
	open.device = o->lease.handle;
	open.address = dev->address;
	answer.body_case = VFND__ANSWER__BODY_OPEN;
	answer.open = &open;
	rpc_answer(call, &answer, NULL);
}

void rpc_close(struct rpc_call *call)
{
	struct opening *o = rpc_opening(call, call->request->close->device, "close.device");
	void *ticket;

	if (!o)
		return;
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (ticket)
		opening_end(o, rpc_ticket_done, ticket);
}

static size_t device_iova(struct device *dev, Vfnd__IovaRange *ranges, Vfnd__IovaRange **rows, size_t most)
{
	struct iommu_iova_range *list = NULL;
	int n = iommu_get_iova_ranges(dev->pci->dev.ctx, &list);
	size_t i;

	for (i = 0; n > 0 && i < (size_t)n && i < most; i++) {
		vfnd__iova_range__init(&ranges[i]);
		ranges[i].first = list[i].start;
		ranges[i].last = list[i].last;
		rows[i] = &ranges[i];
	}
	free(list);
	return i;
}

void rpc_device_info(struct rpc_call *call)
{
	struct opening *o = rpc_opening(call, call->request->device_info->device, "device_info.device");
	static Vfnd__Namespace spaces[NAMESPACES_MAX];
	static Vfnd__Namespace *space_rows[NAMESPACES_MAX];
	Vfnd__IovaRange ranges[16], *range_rows[16];
	Vfnd__DeviceInfoAnswer info = VFND__DEVICE_INFO_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct device_details d;
	Vfnd__Device device;
	struct device *dev;

	if (!o)
		return;
	dev = o->device;
	dev->class->details(dev, &d);
	device_describe(dev, &device);
	info.device = &device;
	info.subsystem_vendor_id = dev->id.subsystem_vendor_id;
	info.subsystem_id = dev->id.subsystem_id;
	info.class_code = dev->id.class_code;
	info.vectors = dev->id.vectors;
	info.n_bar_size = 6;
	info.bar_size = dev->id.bar_size;
	info.cap = d.cap;
	info.vs = d.vs;
	info.page_size = d.page_size;
	info.max_transfer = d.max_transfer;
	info.max_queue_entries = d.max_queue_entries;
	info.queue_pairs = d.queue_pairs;
	info.queue_pairs_free = d.queue_pairs_free;
	info.sgls = d.sgls;
	info.namespaces = d.namespaces;
	for (size_t i = 0; i < d.nactive && i < NAMESPACES_MAX; i++) {
		vfnd__namespace__init(&spaces[i]);
		spaces[i].nsid = d.active[i].nsid;
		spaces[i].blocks = d.active[i].blocks;
		spaces[i].block_size = d.active[i].block_size;
		spaces[i].metadata_size = d.active[i].metadata_size;
		space_rows[info.n_active++] = &spaces[i];
	}
	info.active = space_rows;
	info.n_iova = device_iova(dev, ranges, range_rows, 16);
	info.iova = range_rows;
	answer.body_case = VFND__ANSWER__BODY_DEVICE_INFO;
	answer.device_info = &info;
	rpc_answer(call, &answer, NULL);
}
