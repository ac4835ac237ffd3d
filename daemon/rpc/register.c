/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <vfn/support.h>

#include "daemon/device/class.h"
#include "daemon/rpc/rpc.h"

#define CONFIG_SPACE 4096

/* A read that the device's worker does. */
struct register_read {
	struct rpc_ticket ticket;
	struct job job;
	struct opening *opening;
	uint32_t offset, width;
	uint64_t value;
	uint8_t data[];
};

#define register_of_job(j) container_of(j, struct register_read, job)

static void register_answer(Vfnd__Answer *answer, Vfnd__RegisterReadAnswer *read, uint32_t offset,
			    uint32_t width, uint64_t value)
{
	vfnd__answer__init(answer);
	vfnd__register_read_answer__init(read);
	read->value = value;
	read->offset = offset;
	read->width = width;
	answer->body_case = VFND__ANSWER__BODY_REGISTER_READ;
	answer->register_read = read;
}

static void register_run(struct job *job)
{
	struct register_read *r = register_of_job(job);
	struct device *dev = r->opening->device;

	vfn_error_set("%s", "");
	if (dev->class->register_read(dev, r->offset, r->width, &r->value) < 0)
		job_fail(job, -errno);
}

static void register_done(struct job *job)
{
	struct register_read *r = register_of_job(job);
	struct opening *o = r->opening;
	Vfnd__RegisterReadAnswer read;
	Vfnd__Answer answer;

	if (job->error < 0) {
		rpc_ticket_fail(r, job->error, NULL, job->text);
	} else {
		register_answer(&answer, &read, r->offset, r->width, r->value);
		rpc_ticket_answer(r, &answer, NULL);
	}
	opening_release(o);
}

/* By name, or by offset and width; -errno when the call was answered with an error. */
static int register_find(struct rpc_call *call, const struct device *dev, uint32_t *offset,
			 uint32_t *width)
{
	const Vfnd__RegisterReadRequest *req = call->request->register_read;

	if (*req->name) {
		for (const struct device_register *reg = dev->class->registers; reg->name; reg++)
			if (strcasecmp(reg->name, req->name) == 0) {
				*offset = reg->offset;
				*width = reg->width;
				return 0;
			}
		rpc_fail(call, -ENOENT, "register_read.name", "there is no register %.32s", req->name);
		return -ENOENT;
	}
	if (req->width != 4 && req->width != 8) {
		rpc_fail(call, -EINVAL, "register_read.width", "registers are read in 4 or 8 bytes");
		return -EINVAL;
	}
	if (req->offset % req->width || req->offset > dev->id.bar_size[0] ||
	    req->width > dev->id.bar_size[0] - req->offset) {
		rpc_fail(call, -EINVAL, "register_read.offset",
			 "not a multiple of the width, or beyond the %" PRIu64 " bytes of BAR 0",
			 dev->id.bar_size[0]);
		return -EINVAL;
	}
	*offset = (uint32_t)req->offset;
	*width = req->width;
	return 0;
}

void rpc_register_read(struct rpc_call *call)
{
	struct opening *o = rpc_opening(call, call->request->register_read->device,
					"register_read.device");
	Vfnd__RegisterReadAnswer read;
	struct register_read *r;
	Vfnd__Answer answer;
	uint32_t offset, width;
	uint64_t value;
	int ret;

	if (!o || register_find(call, o->device, &offset, &width) < 0)
		return;
	if (o->device->class->registers_fast(o->device)) {
		ret = o->device->class->register_read(o->device, offset, width, &value);
		if (ret < 0) {
			rpc_fail(call, ret, NULL, "%s", vfn_error());
			return;
		}
		register_answer(&answer, &read, offset, width, value);
		rpc_answer(call, &answer, NULL);
		return;
	}
	r = rpc_defer(call, sizeof(*r));
	if (!r)
		return;
	r->opening = o;
	r->offset = offset;
	r->width = width;
	r->job.run = register_run;
	r->job.done = register_done;
	opening_post(o, &r->job);
}

static void config_run(struct job *job)
{
	struct register_read *r = register_of_job(job);
	struct vfio_pci_device *pci = r->opening->device->pci;
	uint64_t size = pci->config_region_info.size;

	vfn_error_set("%s", "");
	if (r->offset >= size)
		r->width = 0;
	else if (r->width > size - r->offset)
		r->width = (uint32_t)(size - r->offset);
	if (r->width && vfio_pci_read_config(pci, r->data, r->width, r->offset) < 0)
		job_fail(job, -errno);
}

static void config_done(struct job *job)
{
	struct register_read *r = register_of_job(job);
	struct opening *o = r->opening;
	Vfnd__ConfigReadAnswer read = VFND__CONFIG_READ_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (job->error < 0) {
		rpc_ticket_fail(r, job->error, NULL, job->text);
	} else {
		read.data.data = r->data;
		read.data.len = r->width;
		answer.body_case = VFND__ANSWER__BODY_CONFIG_READ;
		answer.config_read = &read;
		rpc_ticket_answer(r, &answer, NULL);
	}
	opening_release(o);
}

void rpc_config_read(struct rpc_call *call)
{
	const Vfnd__ConfigReadRequest *req = call->request->config_read;
	struct opening *o = rpc_opening(call, req->device, "config_read.device");
	struct register_read *r;

	if (!o)
		return;
	if (req->length == 0 || req->length > CONFIG_SPACE || req->offset > CONFIG_SPACE - req->length) {
		rpc_fail(call, -EINVAL, "config_read.length",
			 "configuration space has %d bytes", CONFIG_SPACE);
		return;
	}
	r = rpc_defer(call, sizeof(*r) + req->length);
	if (!r)
		return;
	r->opening = o;
	r->offset = req->offset;
	r->width = req->length;
	r->job.run = config_run;
	r->job.done = config_done;
	opening_post(o, &r->job);
}
