/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BARs, configuration space and doorbells: one public call, one request. */
#include "client/private.h"

#include <errno.h>
#include <string.h>

static int check_length(struct vfnc_device *dev, uint32_t len)
{
	if (len <= VFNC_ACCESS_MAX)
		return 0;
	return cl_fail(dev->conn, -EINVAL, "at most %d bytes at a time", VFNC_ACCESS_MAX);
}

int vfnc_bar_read(struct vfnc_device *dev, unsigned int bar, uint64_t offset, unsigned int width,
		  void *data, uint32_t len)
{
	Vfnd__BarReadRequest op = VFND__BAR_READ_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	size_t got;
	int ret;

	op.device = dev->handle;
	op.bar = bar;
	op.offset = offset;
	op.width = width;
	op.length = len;
	req.op_case = VFND__REQUEST__OP_BAR_READ;
	req.bar_read = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_BAR_READ, &call);
	if (ret < 0)
		return ret;
	got = call->answer->bar_read->data.len;
	if (got == len)
		memcpy(data, call->answer->bar_read->data.data, len);
	else
		ret = cl_rpc_kill(dev->conn, -EPROTO, "the daemon sent %zu bytes, %u were asked for", got,
				  len);
	cl_rpc_free(dev->conn, call);
	return ret;
}

static int bar_write(struct vfnc_device *dev, Vfnd__BarWriteRequest *op, const void *data, uint32_t len)
{
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret = check_length(dev, len);

	if (ret < 0)
		return ret;
	op->device = dev->handle;
	op->data.data = (uint8_t *)data;
	op->data.len = len;
	req.op_case = VFND__REQUEST__OP_BAR_WRITE;
	req.bar_write = op;
	return cl_rpc_done(dev->conn, &req);
}

int vfnc_bar_write(struct vfnc_device *dev, unsigned int bar, uint64_t offset, unsigned int width,
		   const void *data, uint32_t len)
{
	Vfnd__BarWriteRequest op = VFND__BAR_WRITE_REQUEST__INIT;

	op.bar = bar;
	op.offset = offset;
	op.width = width;
	return bar_write(dev, &op, data, len);
}

int vfnc_register_write(struct vfnc_device *dev, const char *name, uint64_t value)
{
	Vfnd__BarWriteRequest op = VFND__BAR_WRITE_REQUEST__INIT;
	uint8_t bytes[8];

	if (!name || !*name)
		return cl_fail(dev->conn, -EINVAL, "a register's name is needed");
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	op.name = (char *)name;
	return bar_write(dev, &op, bytes, sizeof(bytes));
}

int vfnc_config_write(struct vfnc_device *dev, uint32_t offset, unsigned int width, const void *data,
		      uint32_t len)
{
	Vfnd__ConfigWriteRequest op = VFND__CONFIG_WRITE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret = check_length(dev, len);

	if (ret < 0)
		return ret;
	op.device = dev->handle;
	op.offset = offset;
	op.width = width;
	op.data.data = (uint8_t *)data;
	op.data.len = len;
	req.op_case = VFND__REQUEST__OP_CONFIG_WRITE;
	req.config_write = &op;
	return cl_rpc_done(dev->conn, &req);
}

int vfnc_doorbell(struct vfnc_device *dev, uint16_t qid, bool completion, uint32_t value)
{
	Vfnd__DoorbellRequest op = VFND__DOORBELL_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	op.device = dev->handle;
	op.qid = qid;
	op.completion = completion;
	op.value = value;
	req.op_case = VFND__REQUEST__OP_DOORBELL;
	req.doorbell = &op;
	return cl_rpc_done(dev->conn, &req);
}
