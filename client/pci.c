/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What devices have that nobody drives. */
#include "client/caps.h"
#include "client/private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

static int pci_known(struct vfnc_device *dev)
{
	if (vfnc_has_feature(dev->conn, "class-pci"))
		return 0;
	return cl_fail(dev->conn, -ENOTSUP, "the daemon drives all of its devices itself");
}

int vfnc_interrupt_create(struct vfnc_device *dev, uint32_t vector, struct vfnc_interrupt **interrupt)
{
	Vfnd__InterruptCreateRequest op = VFND__INTERRUPT_CREATE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_interrupt *irq;
	struct cl_call *call;
	int ret = pci_known(dev);

	*interrupt = NULL;
	if (ret < 0)
		return ret;
	irq = calloc(1, sizeof(*irq));
	if (!irq)
		return cl_fail(dev->conn, -ENOMEM, "no memory");
	op.device = dev->handle;
	op.vector = vector;
	req.op_case = VFND__REQUEST__OP_INTERRUPT_CREATE;
	req.interrupt_create = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_INTERRUPT_CREATE, &call);
	if (ret < 0) {
		free(irq);
		return ret;
	}
	irq->handle = call->answer->interrupt_create->interrupt;
	irq->pub = (struct vfnc_interrupt){
		.fd = fdset_take(&call->fds, 0),
		.vector = vector,
		.kind = (enum vfnc_interrupt_kind)call->answer->interrupt_create->kind,
		.automasked = call->answer->interrupt_create->automasked,
		.device = dev,
	};
	if (irq->pub.fd < 0) {
		cl_rpc_abandon(dev->conn, call);
		free(irq);
		return cl_fail(dev->conn, -EPROTO, "the daemon sent no eventfd with the interrupt");
	}
	TAILQ_INSERT_TAIL(&dev->interrupts, irq, link);
	cl_rpc_free(dev->conn, call);
	*interrupt = &irq->pub;
	return 0;
}

int vfnc_interrupt_wait(struct vfnc_interrupt *irq, int timeout_ms, uint64_t *count)
{
	struct pollfd p = {.fd = irq->fd, .events = POLLIN};
	eventfd_t n = 0;
	int ret = poll(&p, 1, timeout_ms);

	if (count)
		*count = 0;
	if (ret < 0)
		return -errno;
	if (ret == 0 || eventfd_read(irq->fd, &n) < 0)
		return 0; /* somebody else has read it */
	if (count)
		*count = n;
	return 1;
}

int vfnc_interrupt_mask(struct vfnc_interrupt *pub, bool mask, uint64_t *missed)
{
	Vfnd__InterruptMaskRequest op = VFND__INTERRUPT_MASK_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc *conn = pub->device->conn;
	struct cl_call *call;
	int ret;

	op.interrupt = ((struct cl_interrupt *)pub)->handle;
	op.mask = mask;
	req.op_case = VFND__REQUEST__OP_INTERRUPT_MASK;
	req.interrupt_mask = &op;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_INTERRUPT_MASK, &call);
	if (ret < 0)
		return ret;
	if (missed)
		*missed = call->answer->interrupt_mask->missed;
	cl_rpc_free(conn, call);
	return 0;
}

void cl_interrupt_free(struct vfnc_interrupt *pub)
{
	struct cl_interrupt *irq = (struct cl_interrupt *)pub;

	close(pub->fd);
	TAILQ_REMOVE(&pub->device->interrupts, irq, link);
	free(irq);
}

int vfnc_interrupt_free(struct vfnc_interrupt *pub)
{
	Vfnd__InterruptFreeRequest op = VFND__INTERRUPT_FREE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret;

	if (!pub)
		return 0;
	op.interrupt = ((struct cl_interrupt *)pub)->handle;
	req.op_case = VFND__REQUEST__OP_INTERRUPT_FREE;
	req.interrupt_free = &op;
	ret = cl_rpc_end(pub->device->conn, &req);
	if (ret == 0)
		cl_interrupt_free(pub);
	return ret;
}

int vfnc_bar_map(struct vfnc_device *dev, unsigned int bar, uint64_t offset, size_t length, void **mem)
{
	Vfnd__BarMapRequest op = VFND__BAR_MAP_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	int ret = pci_known(dev), fd;
	void *at;

	*mem = NULL;
	if (ret < 0)
		return ret;
	op.device = dev->handle;
	op.bar = bar;
	op.offset = offset;
	op.length = length;
	req.op_case = VFND__REQUEST__OP_BAR_MAP;
	req.bar_map = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_BAR_MAP, &call);
	if (ret < 0)
		return ret;
	fd = fdset_take(&call->fds, 0);
	at = fd < 0 ? MAP_FAILED
		    : mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)call->answer->bar_map->at);
	if (fd < 0)
		ret = cl_fail(dev->conn, -EPROTO, "the daemon sent nothing to map");
	else if (at == MAP_FAILED)
		ret = cl_fail(dev->conn, -errno, "cannot map the BAR: %s", strerror(errno));
	else
		*mem = at;
	if (fd >= 0)
		close(fd);
	cl_rpc_free(dev->conn, call);
	return ret;
}

/* ---- capabilities ------------------------------------------------------------------------ */

int vfnc_capabilities(struct vfnc_device *dev, struct vfnc_capability **caps)
{
	uint8_t space[PCI_CFG_SPACE_EXP_SIZE];
	int size = vfnc_config_read(dev, 0, space, sizeof(space));
	int n = size < 0 ? size : cl_caps_find(space, (unsigned int)size, caps);

	if (n < 0)
		*caps = NULL;
	return n == -ENOMEM && size >= 0 ? cl_fail(dev->conn, n, "no memory") : n;
}
