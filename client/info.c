/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the daemon tells about devices, as one block of memory that the caller frees. */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t cl_device_entry_size(const Vfnd__Device *d)
{
	return strlen(d->address) + strlen(d->class_name) + strlen(d->transport) +
	       strlen(d->reason) + strlen(d->model) + strlen(d->serial) + strlen(d->firmware) + 7;
}

static const char *put(char **strings, const char *s)
{
	char *at = *strings;
	size_t size = strlen(s) + 1;

	memcpy(at, s, size);
	*strings += size;
	return at;
}

char *cl_device_entry_fill(struct vfnc_device_entry *e, const Vfnd__Device *d, char *strings)
{
	e->address = put(&strings, d->address);
	e->class_name = put(&strings, d->class_name);
	e->transport = put(&strings, d->transport);
	e->state = (enum vfnc_device_state)d->state;
	e->reason = put(&strings, d->reason);
	e->vendor_id = d->vendor_id;
	e->device_id = d->device_id;
	e->model = put(&strings, d->model);
	e->serial = put(&strings, d->serial);
	e->firmware = put(&strings, d->firmware);
	e->sessions = d->sessions;
	return strings;
}

int vfnc_list(struct vfnc *conn, struct vfnc_device_entry **entries)
{
	Vfnd__ListRequest list = VFND__LIST_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	const Vfnd__ListAnswer *answer;
	struct cl_call *call;
	size_t size = 0;
	char *strings;
	int ret;

	*entries = NULL;
	req.op_case = VFND__REQUEST__OP_LIST;
	req.list = &list;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_LIST, &call);
	if (ret < 0)
		return ret;
	answer = call->answer->list;
	ret = (int)answer->n_devices;
	for (size_t i = 0; i < answer->n_devices; i++)
		size += sizeof(**entries) + cl_device_entry_size(answer->devices[i]);
	if (size) {
		*entries = malloc(size);
		if (*entries) {
			strings = (char *)(*entries + answer->n_devices);
			for (size_t i = 0; i < answer->n_devices; i++)
				strings = cl_device_entry_fill(&(*entries)[i], answer->devices[i],
							       strings);
		} else {
			ret = cl_fail(conn, -ENOMEM, "no memory");
		}
	}
	cl_rpc_free(conn, call);
	return ret;
}

static struct vfnc_device_info *info_new(const Vfnd__DeviceInfoAnswer *a)
{
	struct vfnc_device_info *info;
	struct vfnc_namespace *ns;
	struct vfnc_iova_range *iova;

	info = calloc(1, sizeof(*info) + a->n_active * sizeof(*ns) + a->n_iova * sizeof(*iova) +
				 cl_device_entry_size(a->device));
	if (!info)
		return NULL;
	ns = (struct vfnc_namespace *)(info + 1);
	iova = (struct vfnc_iova_range *)(ns + a->n_active);
	cl_device_entry_fill(&info->device, a->device, (char *)(iova + a->n_iova));
	info->subsystem_vendor_id = a->subsystem_vendor_id;
	info->subsystem_id = a->subsystem_id;
	info->class_code = a->class_code;
	info->vectors = a->vectors;
	for (size_t i = 0; i < a->n_bar_size && i < 6; i++)
		info->bar_size[i] = a->bar_size[i];
	info->cap = a->cap;
	info->vs = a->vs;
	info->page_size = a->page_size;
	info->max_transfer = a->max_transfer;
	info->max_queue_entries = a->max_queue_entries;
	info->queue_pairs = a->queue_pairs;
	info->queue_pairs_free = a->queue_pairs_free;
	info->sgls = a->sgls;
	info->namespaces = a->namespaces;
	info->n_active = (uint32_t)a->n_active;
	info->n_iova = (uint32_t)a->n_iova;
	info->active = ns;
	info->iova = iova;
	for (size_t i = 0; i < a->n_active; i++) {
		ns[i].nsid = a->active[i]->nsid;
		ns[i].blocks = a->active[i]->blocks;
		ns[i].block_size = a->active[i]->block_size;
		ns[i].metadata_size = a->active[i]->metadata_size;
	}
	for (size_t i = 0; i < a->n_iova; i++) {
		iova[i].first = a->iova[i]->first;
		iova[i].last = a->iova[i]->last;
	}
	return info;
}

int vfnc_device_info(struct vfnc_device *dev, struct vfnc_device_info **info)
{
	Vfnd__DeviceInfoRequest op = VFND__DEVICE_INFO_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc *conn = dev->conn;
	struct cl_call *call;
	int ret;

	*info = NULL;
	op.device = dev->handle;
	req.op_case = VFND__REQUEST__OP_DEVICE_INFO;
	req.device_info = &op;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_DEVICE_INFO, &call);
	if (ret < 0)
		return ret;
	if (!call->answer->device_info->device) {
		cl_rpc_free(conn, call);
		return cl_rpc_kill(conn, -EPROTO, "the daemon left out device_info.device");
	}
	*info = info_new(call->answer->device_info);
	cl_rpc_free(conn, call);
	return *info ? 0 : cl_fail(conn, -ENOMEM, "no memory");
}

int vfnc_namespace(struct vfnc_device *dev, uint32_t nsid, struct vfnc_namespace *ns)
{
	struct vfnc_device_info *info;
	int ret = vfnc_device_info(dev, &info);

	if (ret < 0)
		return ret;
	ret = -ENOENT;
	for (uint32_t i = 0; i < info->n_active && ret < 0; i++) {
		if (info->active[i].nsid != nsid)
			continue;
		*ns = info->active[i];
		ret = 0;
	}
	free(info);
	return ret < 0 ? cl_fail(dev->conn, ret, "namespace %u is not active", nsid) : 0;
}
