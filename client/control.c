/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices are reset, disabled, enabled, claimed and released. */
#include "client/private.h"

#include <errno.h>

static int take_reset(struct vfnc *conn, Vfnd__Request *req, struct vfnc_reset_result *result)
{
	struct cl_call *call;
	int ret = cl_rpc_call(conn, req, VFND__ANSWER__BODY_RESET, &call);

	if (ret < 0)
		return ret;
	if (result)
		*result = (struct vfnc_reset_result){
			.csts = call->answer->reset->csts,
			.commands = call->answer->reset->commands,
			.queues = call->answer->reset->queues,
		};
	cl_rpc_free(conn, call);
	return 0;
}

int vfnc_reset(struct vfnc_device *dev, enum vfnc_reset_kind kind, struct vfnc_reset_result *result)
{
	Vfnd__ResetRequest op = VFND__RESET_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	op.device = dev->handle;
	op.kind = (Vfnd__ResetKind)kind;
	req.op_case = VFND__REQUEST__OP_RESET;
	req.reset = &op;
	return take_reset(dev->conn, &req, result);
}

int vfnc_disable(struct vfnc_device *dev, enum vfnc_reset_kind kind, struct vfnc_reset_result *result)
{
	Vfnd__DisableRequest op = VFND__DISABLE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	op.device = dev->handle;
	op.kind = (Vfnd__ResetKind)kind;
	req.op_case = VFND__REQUEST__OP_DISABLE;
	req.disable = &op;
	return take_reset(dev->conn, &req, result);
}

int vfnc_enable(struct vfnc_device *dev, const struct vfnc_enable_opts *opts, struct vfnc_enable_result *result)
{
	Vfnd__EnableRequest op = VFND__ENABLE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	int ret;

	op.device = dev->handle;
	if (opts) {
		op.cc_mask = opts->cc_mask;
		op.cc_value = opts->cc_value;
		op.admin_sq_entries = opts->admin_sq_entries;
		op.admin_cq_entries = opts->admin_cq_entries;
	}
	req.op_case = VFND__REQUEST__OP_ENABLE;
	req.enable = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_ENABLE, &call);
	if (ret < 0)
		return ret;
	if (result)
		*result = (struct vfnc_enable_result){
			.cc = call->answer->enable->cc,
			.csts = call->answer->enable->csts,
			.aqa = call->answer->enable->aqa,
		};
	cl_rpc_free(dev->conn, call);
	return 0;
}

int vfnc_claim(struct vfnc *conn, const char *address)
{
	Vfnd__ClaimRequest op = VFND__CLAIM_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	if (!address)
		return cl_fail(conn, -EINVAL, "an address is needed");
	op.address = (char *)address;
	req.op_case = VFND__REQUEST__OP_CLAIM;
	req.claim = &op;
	return cl_rpc_done(conn, &req);
}

int vfnc_release(struct vfnc *conn, const char *address)
{
	Vfnd__ReleaseRequest op = VFND__RELEASE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	if (!address)
		return cl_fail(conn, -EINVAL, "an address is needed");
	op.address = (char *)address;
	req.op_case = VFND__REQUEST__OP_RELEASE;
	req.release = &op;
	return cl_rpc_done(conn, &req);
}
