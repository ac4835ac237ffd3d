/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vfnc_open(struct vfnc *conn, const char *address, struct vfnc_device **devp)
{
	Vfnd__OpenRequest op = VFND__OPEN_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc_device *dev;
	struct cl_call *call;
	int ret;

	*devp = NULL;
	if (address)
		op.address = (char *)address;
	req.op_case = VFND__REQUEST__OP_OPEN;
	req.open = &op;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return cl_fail(conn, -ENOMEM, "no memory");
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_OPEN, &call);
	if (ret < 0) {
		free(dev);
		return ret;
	}
	dev->address = strdup(call->answer->open->address);
	if (!dev->address) {
		cl_rpc_abandon(conn, call);
		free(dev);
		return cl_fail(conn, -ENOMEM, "no memory");
	}
	dev->conn = conn;
	dev->handle = call->answer->open->device;
	TAILQ_INIT(&dev->buffers);
	TAILQ_INIT(&dev->queues);
	TAILQ_INIT(&dev->interrupts);
	TAILQ_INIT(&dev->subs);
	TAILQ_INIT(&dev->traces);
	TAILQ_INSERT_TAIL(&conn->devices, dev, link);
	cl_rpc_free(conn, call);
	*devp = dev;
	return 0;
}

void cl_device_free(struct vfnc_device *dev)
{
	struct vfnc_subscription *sub;
	struct vfnc_trace *trace;
	struct cl_buffer *buf;
	struct cl_interrupt *irq;
	struct cl_queue *queue;

	while ((irq = TAILQ_FIRST(&dev->interrupts)))
		cl_interrupt_free(&irq->pub);
	while ((sub = TAILQ_FIRST(&dev->subs)))
		cl_subscription_free(sub);
	while ((trace = TAILQ_FIRST(&dev->traces)))
		cl_trace_free(trace);
	while ((queue = TAILQ_FIRST(&dev->queues)))
		cl_queue_free(&queue->pub);
	while ((buf = TAILQ_FIRST(&dev->buffers)))
		cl_buffer_free(&buf->pub);
	cl_shell_free(dev);
	TAILQ_REMOVE(&dev->conn->devices, dev, link);
	free(dev->address);
	free(dev);
}

int vfnc_close(struct vfnc_device *dev)
{
	Vfnd__CloseRequest op = VFND__CLOSE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret;

	if (!dev)
		return 0;
	op.device = dev->handle;
	req.op_case = VFND__REQUEST__OP_CLOSE;
	req.close = &op;
	ret = cl_rpc_end(dev->conn, &req);
	if (ret == 0)
		cl_device_free(dev);
	return ret;
}

const char *vfnc_device_address(const struct vfnc_device *dev)
{
	return dev->address;
}

struct vfnc *vfnc_device_connection(const struct vfnc_device *dev)
{
	return dev->conn;
}

static int register_read(struct vfnc_device *dev, Vfnd__RegisterReadRequest *op, uint64_t *value)
{
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	int ret;

	op->device = dev->handle;
	req.op_case = VFND__REQUEST__OP_REGISTER_READ;
	req.register_read = op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_REGISTER_READ, &call);
	if (ret < 0)
		return ret;
	*value = call->answer->register_read->value;
	cl_rpc_free(dev->conn, call);
	return 0;
}

int vfnc_register_read(struct vfnc_device *dev, const char *name, uint64_t *value)
{
	Vfnd__RegisterReadRequest op = VFND__REGISTER_READ_REQUEST__INIT;

	if (!name || !*name)
		return cl_fail(dev->conn, -EINVAL, "a register's name is needed");
	op.name = (char *)name;
	return register_read(dev, &op, value);
}

int vfnc_register_read_at(struct vfnc_device *dev, uint64_t offset, unsigned int width,
			  uint64_t *value)
{
	Vfnd__RegisterReadRequest op = VFND__REGISTER_READ_REQUEST__INIT;

	if ((width != 4 && width != 8) || offset % width)
		return cl_fail(dev->conn, -EINVAL,
			       "registers are read in 4 or 8 bytes at a multiple of that");
	op.offset = offset;
	op.width = width;
	return register_read(dev, &op, value);
}

int vfnc_config_read(struct vfnc_device *dev, uint32_t offset, void *buf, uint32_t len)
{
	Vfnd__ConfigReadRequest op = VFND__CONFIG_READ_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	size_t got;
	int ret;

	if (offset > 4096 || len > 4096 - offset)
		return cl_fail(dev->conn, -EINVAL, "configuration space has at most 4096 bytes");
	if (len == 0)
		return 0;
	op.device = dev->handle;
	op.offset = offset;
	op.length = len;
	req.op_case = VFND__REQUEST__OP_CONFIG_READ;
	req.config_read = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_CONFIG_READ, &call);
	if (ret < 0)
		return ret;
	got = call->answer->config_read->data.len;
	if (got <= len) {
		if (got)
			memcpy(buf, call->answer->config_read->data.data, got);
		ret = (int)got;
	} else {
		ret = cl_rpc_kill(dev->conn, -EPROTO, "the daemon sent %zu bytes, %u were asked for",
				  got, len);
	}
	cl_rpc_free(dev->conn, call);
	return ret;
}
