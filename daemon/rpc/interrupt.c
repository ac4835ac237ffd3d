/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/interrupt.h"

#include <errno.h>
#include <inttypes.h>

#include <linux/vfio.h>

#include "daemon/device/class.h"
#include "daemon/rpc/rpc.h"

static Vfnd__InterruptKind interrupt_kind(const struct interrupt *i)
{
	switch (i->index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return VFND__INTERRUPT_KIND__INTERRUPT_KIND_MSIX;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return VFND__INTERRUPT_KIND__INTERRUPT_KIND_MSI;
	default:
		return VFND__INTERRUPT_KIND__INTERRUPT_KIND_INTX;
	}
}

static void interrupt_created(void *ticket, int error, const char *text, struct interrupt *i, uint64_t missed)
{
	Vfnd__InterruptCreateAnswer create = VFND__INTERRUPT_CREATE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;

	if (error == 0)
		error = fdset_add_dup(&fds, i->fd);
	if (error < 0) {
		rpc_ticket_fail(ticket, error, NULL, text);
		if (i)
			i->opening->device->class->interrupt_free(i, NULL, NULL);
		return;
	}
	create.interrupt = i->lease.handle;
	create.kind = interrupt_kind(i);
	create.automasked = i->automasked;
	answer.body_case = VFND__ANSWER__BODY_INTERRUPT_CREATE;
	answer.interrupt_create = &create;
	rpc_ticket_answer(ticket, &answer, &fds);
}

void rpc_interrupt_create(struct rpc_call *call)
{
	const Vfnd__InterruptCreateRequest *req = call->request->interrupt_create;
	struct opening *o = rpc_ready(call, req->device, "interrupt_create.device");
	char text[256] = "";
	void *ticket;
	int ret;

	if (!o)
		return;
	if (!o->device->class->interrupt_create) {
		rpc_fail(call, -EOPNOTSUPP, "interrupt_create.device", "sessions have the interrupts of devices of "
			 "class pci; those of class %s are the daemon's", o->device->class->name);
		return;
	}
	ticket = rpc_defer(call, sizeof(struct rpc_ticket));
	if (!ticket)
		return;
	ret = o->device->class->interrupt_create(o, req->vector, interrupt_created, ticket, text, sizeof(text));
	if (ret < 0)
		rpc_ticket_fail(ticket, ret, "interrupt_create.vector", text);
}

/* The interrupt, of a device that is ready; NULL when the call was answered with an error. */
static struct interrupt *interrupt_named(struct rpc_call *call, uint64_t handle, const char *field)
{
	struct interrupt *i = interrupt_find(call->session, handle);

	if (!i)
		rpc_fail(call, -ENOENT, field, "there is no interrupt %" PRIu64, handle);
	else if (!rpc_ready(call, i->opening->lease.handle, field))
		return NULL;
	return i;
}

static void interrupt_masked(void *ticket, int error, const char *text, struct interrupt *i, uint64_t missed)
{
	Vfnd__InterruptMaskAnswer mask = VFND__INTERRUPT_MASK_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (error < 0) {
		rpc_ticket_fail(ticket, error, NULL, text);
		return;
	}
	mask.missed = missed;
	answer.body_case = VFND__ANSWER__BODY_INTERRUPT_MASK;
	answer.interrupt_mask = &mask;
	rpc_ticket_answer(ticket, &answer, NULL);
}

static void interrupt_freed(void *ticket, int error, const char *text, struct interrupt *i, uint64_t missed)
{
	if (error < 0)
		rpc_ticket_fail(ticket, error, NULL, text);
	else
		rpc_ticket_done(ticket);
}

void rpc_interrupt_mask(struct rpc_call *call)
{
	const Vfnd__InterruptMaskRequest *req = call->request->interrupt_mask;
	struct interrupt *i = interrupt_named(call, req->interrupt, "interrupt_mask.interrupt");
	void *ticket = i ? rpc_defer(call, sizeof(struct rpc_ticket)) : NULL;

	if (ticket && i->opening->device->class->interrupt_mask(i, req->mask, interrupt_masked, ticket) < 0)
		rpc_ticket_fail(ticket, -EAGAIN, "interrupt_mask.interrupt", "another request about it is under way");
}

void rpc_interrupt_free(struct rpc_call *call)
{
	uint64_t handle = call->request->interrupt_free->interrupt;
	struct interrupt *i = interrupt_named(call, handle, "interrupt_free.interrupt");
	void *ticket = i ? rpc_defer(call, sizeof(struct rpc_ticket)) : NULL;

	if (ticket && i->opening->device->class->interrupt_free(i, interrupt_freed, ticket) < 0)
		rpc_ticket_fail(ticket, -EAGAIN, "interrupt_free.interrupt", "another request about it is under way");
}
