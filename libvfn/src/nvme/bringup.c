/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bringup - from an opened device to a controller that is ready for I/O queues, in steps that never
 * wait
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

enum step {
	STEP_DISABLE,
	STEP_ENABLE,
	STEP_IDENTIFY,
	STEP_ARBITRATION,
	STEP_QUEUES,
	STEP_DBBUF,
	STEP_HMB,
	STEP_DONE,
};

static const char *const step_names[] = {
	[STEP_IDENTIFY] = "Identify Controller",
	[STEP_ARBITRATION] = "Set Features, Arbitration",
	[STEP_QUEUES] = "Set Features, Number of Queues",
	[STEP_DBBUF] = "Doorbell Buffer Config",
	[STEP_HMB] = "Set Features, Host Memory Buffer",
};

/* Post the command of the step that begins now. */
static int step_exec(struct nvme_bringup *b, union nvme_cmd *cmd)
{
	b->rq = nvme_rq_acquire_atomic(b->ctrl->adminq.sq);
	if (!b->rq)
		return -1;
	b->deadline = nvme_now() + COMMAND_LIMIT_NS;
	b->polls = 0;
	nvme_rq_exec(b->rq, cmd);
	return 0;
}

static int begin_identify(struct nvme_bringup *b)
{
	struct nvme_ctrl_priv *priv = b->ctrl->priv;
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = IDENTIFY_CNS_CTRL}};

	if (nvme_mem_alloc(b->ctrl, IDENTIFY_SIZE, &priv->identify))
		return -1;
	cmd.dptr.prp1 = cpu_to_le64(priv->identify.iova);
	return step_exec(b, &cmd);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void end_identify(struct nvme_bringup *b)
{
	struct nvme_ctrl *ctrl = b->ctrl;
	const uint8_t *id = ctrl->priv->identify.vaddr;

	ctrl->config.mdts = id[ID_CTRL_MDTS];
	ctrl->config.cntrltype = id[ID_CTRL_CNTRLTYPE];
	ctrl->config.oacs = get16(id + ID_CTRL_OACS);
	ctrl->config.acl = id[ID_CTRL_ACL];
	ctrl->config.aerl = id[ID_CTRL_AERL];
	ctrl->config.sgls = get16(id + ID_CTRL_SGLS) | (uint32_t)get16(id + ID_CTRL_SGLS + 2) << 16;
	nvme_mem_free(ctrl, &ctrl->priv->identify);

	if (ctrl->config.cntrltype == CNTRLTYPE_ADMIN)
		ctrl->flags |= NVME_CTRL_F_ADMINISTRATIVE;
	if (SGLS_SUPPORT(ctrl->config.sgls) == SGLS_SUPPORT_BYTE)
		ctrl->flags |= NVME_CTRL_F_SGLS_SUPPORTED;
	if (SGLS_SUPPORT(ctrl->config.sgls) == SGLS_SUPPORT_DWORD)
		ctrl->flags |= NVME_CTRL_F_SGLS_SUPPORTED | NVME_CTRL_F_SGLS_DWORD_ALIGNMENT;
}

static int begin_queues(struct nvme_bringup *b)
{
	const struct nvme_ctrl_opts *opts = &b->ctrl->opts;
	union nvme_cmd cmd = {
		.features = {.opcode = OPC_SET_FEATURES, .fid = FEAT_NUM_QUEUES},
	};

	cmd.features.cdw11 = cpu_to_le32((uint32_t)opts->ncqr << 16 | (uint32_t)opts->nsqr);
	return step_exec(b, &cmd);
}

static void end_queues(struct nvme_bringup *b, const struct nvme_cqe *cqe)
{
	struct nvme_ctrl *ctrl = b->ctrl;
	uint32_t dw0 = le32_to_cpu(cqe->dw0);

	/* a controller may grant more than was asked for (5.27.1.5) */
	ctrl->config.nsqa = min_t(int, ctrl->opts.nsqr, dw0 & 0xffff);
	ctrl->config.ncqa = min_t(int, ctrl->opts.ncqr, dw0 >> 16);
}

static int begin_dbbuf(struct nvme_bringup *b)
{
	struct nvme_ctrl *ctrl = b->ctrl;
	union nvme_cmd cmd = {.opcode = OPC_DBBUF_CONFIG};

	if (nvme_dbbuf_alloc(ctrl))
		return -1;
	cmd.dptr.prp1 = cpu_to_le64(ctrl->priv->dbbuf.iova);
	cmd.dptr.prp2 = cpu_to_le64(ctrl->priv->eventidx.iova);
	return step_exec(b, &cmd);
}

/* Start the step after the one that has ended. 0, or -1; the step may be left out. */
static int next_step(struct nvme_bringup *b)
{
	struct nvme_ctrl *ctrl = b->ctrl;
	union nvme_cmd cmd;

	switch (++b->step) {
	case STEP_ENABLE:
		if (nvme_configure_adminq(ctrl, 0))
			return -1;
		return nvme_enable_start(ctrl);
	case STEP_IDENTIFY:
		return begin_identify(b);
	case STEP_ARBITRATION:
		/* the caller may have chosen CC.AMS by nvme_set_cc(), too */
		if (!ctrl->priv->wrr || CC_AMS_GET(nvme_enable_cc(ctrl)) != CC_AMS_WRR)
			return next_step(b);
		return nvme_prep_arbitration(&ctrl->priv->arbitration, &cmd) ? -1 : step_exec(b, &cmd);
	case STEP_QUEUES:
		if (ctrl->flags & NVME_CTRL_F_ADMINISTRATIVE) {
			ctrl->config.nsqa = ctrl->config.ncqa = -1;
			return next_step(b);
		}
		return begin_queues(b);
	case STEP_DBBUF:
		if (!(ctrl->config.oacs & OACS_DBBUF) ||
		    (ctrl->opts.quirks & NVME_QUIRK_BROKEN_DBBUF))
			return next_step(b);
		return begin_dbbuf(b);
	case STEP_HMB:
		/* there is none but after a reset */
		return nvme_hmb_prep_return(ctrl, &cmd) ? step_exec(b, &cmd) : next_step(b);
	default:
		return 0;
	}
}

/* Take note of what a command's completion tells. 0, or -1. */
static int end_command(struct nvme_bringup *b, const struct nvme_cqe *cqe)
{
	/* without it the controller is slower, no more */
	if (b->step == STEP_HMB) {
		if (nvme_hmb_end_return(b->ctrl, nvme_cqe_ok(cqe)))
			b->step--;
		return 0;
	}

	if (nvme_set_errno_from_cqe(cqe)) {
		unsigned int status = le16_to_cpu(cqe->sfp) >> 1;

		vfn_error_set("%s: %s failed: status code type %#x, status %#x", nvme_name(b->ctrl),
			      step_names[b->step], (status >> 8) & 0x7, status & 0xff);
		return -1;
	}

	switch (b->step) {
	case STEP_IDENTIFY:
		end_identify(b);
		break;
	case STEP_QUEUES:
		end_queues(b, cqe);
		break;
	case STEP_DBBUF:
		nvme_dbbuf_on(b->ctrl);
		break;
	default:
		break;
	}
	return 0;
}

/* A controller that has died completes nothing; find that out before the limit of the command. */
static int check_alive(struct nvme_bringup *b)
{
	uint32_t csts;

	if (nvme_reg_read32(b->ctrl, REG_CSTS, &csts))
		return -1;
	if (csts == REG_GONE32) {
		errno = ENODEV;
		vfn_error_set("%s: registers read as all ones during %s", nvme_name(b->ctrl),
			      step_names[b->step]);
		return -1;
	}
	if (csts & CSTS_CFS) {
		errno = EIO;
		vfn_error_set("%s: fatal status during %s (CSTS is %#x)", nvme_name(b->ctrl),
			      step_names[b->step], csts);
		return -1;
	}
	return 0;
}

/* Look after the step under way. 1 it has ended, 0 not yet, -1 it failed. */
static int poll_step(struct nvme_bringup *b, unsigned int *delay_ms)
{
	bool late = nvme_now() >= b->deadline;
	struct nvme_cqe cqe;

	if (b->step == STEP_DISABLE)
		return nvme_reset_poll(b->ctrl, delay_ms);
	if (b->step == STEP_ENABLE)
		return nvme_enable_poll(b->ctrl, delay_ms);

	if (nvme_rq_poll(b->rq, &cqe)) {
		nvme_rq_release_atomic(b->rq);
		b->rq = NULL;
		return end_command(b, &cqe) ? -1 : 1;
	}
	if (late) {
		errno = ETIMEDOUT;
		vfn_error_set("%s: %s did not complete in time", nvme_name(b->ctrl),
			      step_names[b->step]);
		return -1;
	}
	*delay_ms = b->polls < 50 ? 1 : 10;
	return ++b->polls % 16 ? 0 : check_alive(b);
}

static int fail(struct nvme_bringup *b)
{
	char reason[VFN_ERROR_MAX];
	int saved = errno;

	/* closing may fail in ways of its own, which are not the reason */
	snprintf(reason, sizeof(reason), "%s", vfn_error());
	if (!b->again)
		nvme_close(b->ctrl);
	b->ctrl = NULL;
	vfn_error_set("%s", reason);
	errno = saved;
	return -1;
}

static int start(struct nvme_bringup *b, struct nvme_ctrl *ctrl, struct iommu_ctx *ctx,
		 const char *bdf, const struct nvme_ctrl_opts *opts)
{
	memset(b, 0, sizeof(*b));
	if (nvme_ctrl_open(ctrl, ctx, bdf, opts))
		return -1;
	b->ctrl = ctrl;
	b->step = STEP_DISABLE;
	return nvme_reset_start(ctrl) ? fail(b) : 0;
}

int nvme_bringup_start(struct nvme_bringup *b, struct nvme_ctrl *ctrl, const char *bdf,
		       const struct nvme_ctrl_opts *opts)
{
	return start(b, ctrl, NULL, bdf, opts);
}

int nvme_bringup_again(struct nvme_bringup *b, struct nvme_ctrl *ctrl)
{
	memset(b, 0, sizeof(*b));
	b->ctrl = ctrl;
	b->again = true;
	b->step = STEP_DISABLE;
	return nvme_reset_start(ctrl) ? fail(b) : 0;
}

int nvme_bringup_poll(struct nvme_bringup *b, unsigned int *delay_ms)
{
	int r;

	*delay_ms = 0;
	while (b->step != STEP_DONE) {
		r = poll_step(b, delay_ms);
		if (!r)
			return 0;
		if (r < 0 || next_step(b))
			return fail(b);
	}
	return 1;
}

void nvme_bringup_cancel(struct nvme_bringup *b)
{
	if (b->ctrl)
		nvme_close(b->ctrl);
	b->ctrl = NULL;
}

static int wait_done(struct nvme_bringup *b)
{
	unsigned int delay_ms;
	int r;

	while (!(r = nvme_bringup_poll(b, &delay_ms)))
		__usleep(delay_ms * 1000ul);
	return r < 0 ? -1 : 0;
}

int nvme_init_in(struct nvme_ctrl *ctrl, struct iommu_ctx *ctx, const char *bdf,
		 const struct nvme_ctrl_opts *opts)
{
	struct nvme_bringup b;

	if (start(&b, ctrl, ctx, bdf, opts))
		return -1;
	return wait_done(&b);
}

int nvme_init(struct nvme_ctrl *ctrl, const char *bdf, const struct nvme_ctrl_opts *opts)
{
	struct iommu_ctx *ctx = nvme_chosen_ctx(ctrl);
	int rc = nvme_init_in(ctrl, ctx, bdf, opts);

	iommu_put_context(ctx);
	return rc;
}

int nvme_reinit(struct nvme_ctrl *ctrl)
{
	struct nvme_bringup b;

	if (nvme_bringup_again(&b, ctrl))
		return -1;
	return wait_done(&b);
}
