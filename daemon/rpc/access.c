/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BARs, configuration space and doorbells: read and written by the device's worker, as asked. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <vfn/support.h>

#include "daemon/device/class.h"
#include "daemon/device/guard.h"
#include "daemon/rpc/rpc.h"

#define ACCESS_MAX    16384 /* bytes a request */
#define ACCESS_CONFIG 4096
#define ACCESS_TURN   64 /* accesses of a read, before others' jobs have their turn: each may be a message */

enum access_kind { ACCESS_BAR_READ, ACCESS_BAR_WRITE, ACCESS_CONFIG_WRITE, ACCESS_DOORBELL };

struct access {
	struct rpc_ticket ticket;
	struct job job;
	struct opening *opening;
	enum access_kind kind;
	unsigned int bar;
	uint64_t offset;
	uint32_t width, value;
	size_t length, at; /* at: of a read, how far it is */
	const char *upset; /* the device is not what it was */
	uint8_t data[];
};

#define access_of_job(j) container_of(j, struct access, job)

/* One access of the width asked for after another, until one fails. */
static int access_run_all(struct access *a)
{
	struct vfio_pci_device *pci = a->opening->device->pci;
	unsigned int region = a->kind == ACCESS_CONFIG_WRITE ? VFIO_PCI_CONFIG_REGION_INDEX
							     : VFIO_PCI_BAR0_REGION_INDEX + a->bar;

	for (size_t at = a->at, n = 0; at < a->length; at += a->width) {
		int ret;

		if (a->kind == ACCESS_BAR_READ && n++ == ACCESS_TURN)
			return 0;
		ret = a->kind == ACCESS_BAR_READ
				  ? vfio_region_read(&pci->dev, region, a->data + at, a->width, a->offset + at)
				  : vfio_region_write(&pci->dev, region, a->data + at, a->width,
						      a->offset + at);

		if (ret < 0)
			return -errno;
		a->at = at + a->width;
	}
	return 0;
}

static void access_run(struct job *job)
{
	struct access *a = access_of_job(job);
	struct device *dev = a->opening->device;
	char text[256] = "";
	int ret = 0;

	vfn_error_set("%s", "");
	if (a->kind == ACCESS_CONFIG_WRITE)
		ret = guard_config(dev->pci, (uint32_t)a->offset, a->data, a->length, text, sizeof(text));
	else if (a->kind == ACCESS_BAR_WRITE)
		ret = guard_bar(dev->pci, a->bar, a->offset, a->length, text, sizeof(text));
	if (ret < 0) {
		vfn_error_set("%s", text);
		job_fail(job, ret);
		return;
	}
	ret = a->kind == ACCESS_DOORBELL ? dev->class->doorbell_ring(dev, a->offset, a->value)
					 : access_run_all(a);
	if (ret < 0)
		job_fail(job, ret);
	/* What was written before an access failed may have had its effect. */
	if ((a->kind == ACCESS_BAR_WRITE || a->kind == ACCESS_CONFIG_WRITE) && dev->class->written)
		dev->class->written(dev);
	if (a->kind != ACCESS_BAR_READ)
		a->upset = dev->class->upset(dev);
}

static void access_done(struct job *job)
{
	struct access *a = access_of_job(job);
	Vfnd__BarReadAnswer read = VFND__BAR_READ_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct opening *o = a->opening;
	const char *upset = a->upset;
	char why[160];

	if (job->error == 0 && a->kind == ACCESS_BAR_READ && a->at < a->length && !o->ending) {
		worker_post(o->device->worker, job);
		return;
	}
	if (job->error < 0) {
		rpc_ticket_fail(a, job->error, NULL, job->text);
	} else if (a->kind == ACCESS_BAR_READ) {
		read.data.data = a->data;
		read.data.len = a->length;
		answer.body_case = VFND__ANSWER__BODY_BAR_READ;
		answer.bar_read = &read;
		rpc_ticket_answer(a, &answer, NULL);
	} else {
		rpc_ticket_done(a);
	}
	if (upset) {
		snprintf(why, sizeof(why), "after a write of session %" PRIu64 ": %s", o->session_number, upset);
		o->device->class->recover(o->device, why);
	}
	opening_release(o);
}

static void access_post(struct rpc_call *call, struct opening *o, const struct access *what,
			const void *data)
{
	struct access *a = rpc_defer(call, sizeof(*a) + what->length);
	struct rpc_ticket ticket;

	if (!a)
		return;
	ticket = a->ticket;
	*a = *what;
	a->ticket = ticket;
	a->opening = o;
	a->job.run = access_run;
	a->job.done = access_done;
	if (data)
		memcpy(a->data, data, what->length);
	opening_post(o, &a->job);
}

/* Width, alignment and length; -errno when the call was answered with an error. */
static int access_check(struct rpc_call *call, const struct access *a, uint32_t widest, uint64_t space,
			const char *field)
{
	if (!a->width || a->width & (a->width - 1) || a->width > widest) {
		rpc_fail(call, -EINVAL, field, "an access has 1, 2, 4%s bytes", widest == 8 ? " or 8" : "");
		return -EINVAL;
	}
	if (a->offset % a->width || a->length % a->width || !a->length || a->length > ACCESS_MAX) {
		rpc_fail(call, -EINVAL, field,
			 "offset and length are multiples of the width, and length is 1 to %d", ACCESS_MAX);
		return -EINVAL;
	}
	if (a->offset > space || a->length > space - a->offset) {
		rpc_fail(call, -EINVAL, field, "beyond the %" PRIu64 " bytes that there are", space);
		return -EINVAL;
	}
	return 0;
}

static int access_bar(struct rpc_call *call, const struct device *dev, const struct access *a,
		      const char *field)
{
	if (a->bar > 5 || !dev->id.bar_size[a->bar]) {
		rpc_fail(call, -EINVAL, field, "the device has no BAR %u", a->bar);
		return -EINVAL;
	}
	return access_check(call, a, 8, dev->id.bar_size[a->bar], field);
}

void rpc_bar_read(struct rpc_call *call)
{
	const Vfnd__BarReadRequest *req = call->request->bar_read;
	struct opening *o = rpc_present(call, req->device, "bar_read.device");
	struct access a = {
		.kind = ACCESS_BAR_READ,
		.bar = req->bar,
		.offset = req->offset,
		.width = req->width,
		.length = req->length,
	};

	if (o && access_bar(call, o->device, &a, "bar_read.offset") == 0)
		access_post(call, o, &a, NULL);
}

/* A register's place by its name, for 8 bytes of value; false when the call was answered with an error. */
static bool access_register(struct rpc_call *call, const struct device *dev,
			    const Vfnd__BarWriteRequest *req, struct access *a)
{
	static const uint8_t zero[8];

	for (const struct device_register *reg = dev->class->registers; reg && reg->name; reg++) {
		if (strcasecmp(reg->name, req->name) != 0)
			continue;
		if (req->data.len != sizeof(zero) ||
		    memcmp(req->data.data + reg->width, zero, sizeof(zero) - reg->width) != 0) {
			rpc_fail(call, -EINVAL, "bar_write.data", "a value of 8 bytes, and no more in it than %u",
				 reg->width);
			return false;
		}
		a->offset = reg->offset;
		a->width = reg->width;
		a->length = reg->width;
		return true;
	}
	rpc_fail(call, -ENOENT, "bar_write.name", "there is no register %.32s", req->name);
	return false;
}

void rpc_bar_write(struct rpc_call *call)
{
	const Vfnd__BarWriteRequest *req = call->request->bar_write;
	struct opening *o = rpc_raw(call, req->device, "bar_write.device");
	struct access a = {
		.kind = ACCESS_BAR_WRITE,
		.bar = req->bar,
		.offset = req->offset,
		.width = req->width,
		.length = req->data.len,
	};
	char text[256];
	int ret;

	if (!o || (*req->name && !access_register(call, o->device, req, &a)) ||
	    access_bar(call, o->device, &a, "bar_write.offset") < 0)
		return;
	ret = o->device->class->bar_write_check(o, a.bar, a.offset, a.length, text, sizeof(text));
	if (ret < 0)
		rpc_fail(call, ret, "bar_write.offset", "%s", text);
	else
		access_post(call, o, &a, req->data.data);
}

void rpc_bar_map(struct rpc_call *call)
{
	const Vfnd__BarMapRequest *req = call->request->bar_map;
	struct opening *o = rpc_raw(call, req->device, "bar_map.device");
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	Vfnd__BarMapAnswer map = VFND__BAR_MAP_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;
	char text[256] = "";
	uint64_t size;
	int fd;

	if (!o)
		return;
	size = req->bar <= 5 ? o->device->id.bar_size[req->bar] : 0;
	if (!o->device->class->bar_share)
		rpc_fail(call, -EOPNOTSUPP, "bar_map.device", "BARs of devices of class pci can be mapped, of class %s "
			 "not", o->device->class->name);
	else if (!o->device->settings.direct)
		rpc_fail(call, -EPERM, "bar_map.device", "direct = yes in [device %s] of vfnd.conf allows it",
			 o->device->address);
	else if (!size)
		rpc_fail(call, -EINVAL, "bar_map.bar", "the device has no BAR %u", req->bar);
	else if (!req->length || req->offset % page || req->length % page || req->offset > size ||
		 req->length > size - req->offset)
		rpc_fail(call, -EINVAL, "bar_map.length", "whole pages within the %" PRIu64 " bytes of the BAR are "
			 "needed", size);
	else {
		fd = o->device->class->bar_share(o, req->bar, req->offset, req->length, &map.at, text, sizeof(text));
		if (fd >= 0)
			fd = fdset_add_dup(&fds, fd);
		if (fd < 0) {
			rpc_fail(call, fd, "bar_map.bar", "%s", text);
			return;
		}
		answer.body_case = VFND__ANSWER__BODY_BAR_MAP;
		answer.bar_map = &map;
		rpc_answer(call, &answer, &fds);
	}
}

void rpc_config_write(struct rpc_call *call)
{
	const Vfnd__ConfigWriteRequest *req = call->request->config_write;
	struct opening *o = rpc_raw(call, req->device, "config_write.device");
	struct access a = {
		.kind = ACCESS_CONFIG_WRITE,
		.offset = req->offset,
		.width = req->width,
		.length = req->data.len,
	};

	if (o && access_check(call, &a, 4, ACCESS_CONFIG, "config_write.offset") == 0)
		access_post(call, o, &a, req->data.data);
}

void rpc_doorbell(struct rpc_call *call)
{
	const Vfnd__DoorbellRequest *req = call->request->doorbell;
	struct opening *o = rpc_raw(call, req->device, "doorbell.device");
	struct access a = {.kind = ACCESS_DOORBELL, .value = req->value};
	char text[256];
	int ret;

	if (!o)
		return;
	ret = o->device->class->doorbell_find(o, req->qid, req->completion, &a.offset, text, sizeof(text));
	if (ret < 0)
		rpc_fail(call, ret, "doorbell.qid", "%s", text);
	else
		access_post(call, o, &a, NULL);
}
