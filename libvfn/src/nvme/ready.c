/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ready - enabling and disabling the controller (NVMe base, 3.5)
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

#define NS_PER_MS 1000000ull

static int gone(const struct nvme_ctrl *ctrl)
{
	errno = ENODEV;
	vfn_error_set("%s: registers read as all ones: the device has gone, or does not answer",
		      nvme_name(ctrl));
	return -1;
}

static int read_time_limit(struct nvme_ctrl *ctrl)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	uint32_t halves = CAP_TO(priv->cap), crto;

	/* CAP.TO holds at most 127.5 seconds; CRTO says more where it is there (3.1.3.22) */
	if (CAP_CRMS(priv->cap) & CAP_CRMS_CRWMS) {
		if (nvme_reg_read32(ctrl, REG_CRTO, &crto))
			return -1;
		if (crto != REG_GONE32 && CRTO_CRWMT(crto) > halves)
			halves = CRTO_CRWMT(crto);
	}

	/* a unit more: the field is in units of 500 ms, and 0 is seen, too */
	priv->ready_ms = (halves + 1) * 500;
	return 0;
}

/* "No I/O command set" beside command sets says only that CC.CSS may be 111b, as QEMU has it. */
static bool has_io_command_set(const struct nvme_ctrl *ctrl)
{
	return CAP_CSS(ctrl->priv->cap) & (CAP_CSS_NVM | CAP_CSS_IOCSS);
}

int nvme_cap_read(struct nvme_ctrl *ctrl)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	int host = __VFN_PAGESHIFT - 12;
	uint64_t cap;

	if (nvme_reg_read64(ctrl, REG_CAP, &cap) || nvme_reg_read32(ctrl, REG_VS, &priv->vs))
		return -1;
	if (cap == REG_GONE64 || priv->vs == REG_GONE32)
		return gone(ctrl);

	priv->cap = cap;
	if (read_time_limit(ctrl))
		return -1;

	ctrl->config.mqes = (int)CAP_MQES(cap);
	ctrl->config.dstrd = (int)CAP_DSTRD(cap);
	ctrl->config.mpsmin = CAP_MPSMIN(cap);

	/* the processor's page size where the controller can, else what is nearest */
	ctrl->config.mps = host < CAP_MPSMAX(cap) ? host : CAP_MPSMAX(cap);
	if (ctrl->config.mps < CAP_MPSMIN(cap))
		ctrl->config.mps = CAP_MPSMIN(cap);
	if (CAP_MPSMIN(cap) > CAP_MPSMAX(cap)) {
		errno = ENOTSUP;
		vfn_error_set("%s: CAP %#llx has no page size: MPSMIN %d is above MPSMAX %d",
			      nvme_name(ctrl), (unsigned long long)cap, CAP_MPSMIN(cap),
			      CAP_MPSMAX(cap));
		return -1;
	}

	if (!(CAP_CSS(cap) & (CAP_CSS_NVM | CAP_CSS_IOCSS | CAP_CSS_NOIOCSS))) {
		errno = ENOTSUP;
		vfn_error_set("%s: CAP %#llx has no command set that is known here",
			      nvme_name(ctrl), (unsigned long long)cap);
		return -1;
	}
	if (!has_io_command_set(ctrl))
		ctrl->flags |= NVME_CTRL_F_ADMINISTRATIVE;
	return 0;
}

static void wait_for(struct nvme_ctrl *ctrl, enum ready_wait wait)
{
	ctrl->priv->wait = wait;
	ctrl->priv->deadline = nvme_now() + ctrl->priv->ready_ms * NS_PER_MS;
	ctrl->priv->polls = 0;
}

static int disable(struct nvme_ctrl *ctrl)
{
	uint32_t cc;

	if (nvme_reg_read32(ctrl, REG_CC, &cc))
		return -1;
	if (cc == REG_GONE32)
		return gone(ctrl);
	if ((cc & CC_EN) && nvme_reg_write32(ctrl, REG_CC, cc & ~CC_EN))
		return -1;
	wait_for(ctrl, READY_DISABLE);
	return 0;
}

int nvme_reset_start(struct nvme_ctrl *ctrl)
{
	uint32_t cc, csts;

	if (nvme_reg_read32(ctrl, REG_CC, &cc) || nvme_reg_read32(ctrl, REG_CSTS, &csts))
		return -1;
	if (cc == REG_GONE32 || csts == REG_GONE32)
		return gone(ctrl);

	/* CC.EN may only be cleared when the controller has finished becoming ready (3.1.3.5) */
	if ((cc & CC_EN) && !(csts & (CSTS_RDY | CSTS_CFS))) {
		wait_for(ctrl, READY_SETTLE);
		return 0;
	}
	return disable(ctrl);
}

uint32_t nvme_enable_cc(const struct nvme_ctrl *ctrl)
{
	uint32_t css = CC_CSS_NVM;
	uint32_t cc;

	if (!has_io_command_set(ctrl))
		css = CC_CSS_ADMIN;
	else if (CAP_CSS(ctrl->priv->cap) & CAP_CSS_IOCSS)
		css = CC_CSS_ALL;

	cc = CC_EN | CC_CSS(css) | CC_MPS(ctrl->config.mps) | CC_IOSQES(NVME_SQES) |
	     CC_IOCQES(NVME_CQES);
	if (ctrl->priv->wrr)
		cc |= CC_AMS(CC_AMS_WRR);
	return (cc & ~ctrl->priv->cc_mask) | ctrl->priv->cc_value;
}

int nvme_enable_start(struct nvme_ctrl *ctrl)
{

	if (!ctrl->adminq.sq || !ctrl->adminq.cq) {
		errno = EINVAL;
		vfn_error_set("%s: cannot be enabled without an admin queue", nvme_name(ctrl));
		return -1;
	}

	/* whoever reset the function took it away */
	if (nvme_cmb_again(ctrl))
		return -1;

	ctrl->priv->quiet = false;
	atomic_store_relaxed(&ctrl->priv->enabled, true);
	if (nvme_reg_write32(ctrl, REG_CC, nvme_enable_cc(ctrl)))
		return -1;
	wait_for(ctrl, READY_ENABLE);
	return 0;
}

/* The controller is disabled: it has forgotten all queues and commands. */
static void now_disabled(struct nvme_ctrl *ctrl)
{
	atomic_store_relaxed(&ctrl->priv->enabled, false);
	ctrl->priv->quiet = true;
	nvme_hmb_forgotten(ctrl);
	if (ctrl->sq && ctrl->cq) {
		nvme_share_hold(ctrl);
		nvme_dbbuf_off(ctrl);
		nvme_share_resume(ctrl);
		nvme_aen_forget(ctrl);
	}
	for (int i = 0; ctrl->sq && i <= ctrl->opts.nsqr + 1; i++) {
		if (ctrl->sq[i].vaddr)
			nvme_rq_forget_lost(&ctrl->sq[i]);
	}
}

static int failed(struct nvme_ctrl *ctrl, int err)
{
	ctrl->priv->wait = READY_NONE;
	errno = err;
	return -1;
}

static int too_late(struct nvme_ctrl *ctrl, uint32_t csts)
{
	vfn_error_set("%s: did not become %s within %u ms (CAP.TO), CSTS is %#x", nvme_name(ctrl),
		      ctrl->priv->wait == READY_ENABLE ? "ready" : "disabled", ctrl->priv->ready_ms,
		      csts);
	return failed(ctrl, ETIMEDOUT);
}

static int ready_poll(struct nvme_ctrl *ctrl, unsigned int *delay_ms)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	bool late = nvme_now() >= priv->deadline;
	uint32_t csts;

	/* often at first: many controllers take less than a millisecond */
	*delay_ms = priv->polls++ < 50 ? 1 : 10;

	if (nvme_reg_read32(ctrl, REG_CSTS, &csts))
		return failed(ctrl, errno);
	if (csts == REG_GONE32) {
		gone(ctrl);
		return failed(ctrl, ENODEV);
	}

	switch (priv->wait) {
	case READY_SETTLE:
		if (!(csts & (CSTS_RDY | CSTS_CFS)) && !late)
			return 0;
		if (disable(ctrl))
			return failed(ctrl, errno);
		return 0;
	case READY_DISABLE:
		if (csts & CSTS_RDY)
			return late ? too_late(ctrl, csts) : 0;
		now_disabled(ctrl);
		break;
	case READY_ENABLE:
		if (csts & CSTS_CFS) {
			vfn_error_set("%s: fatal status while it was enabled (CSTS is %#x)",
				      nvme_name(ctrl), csts);
			return failed(ctrl, EIO);
		}
		if (!(csts & CSTS_RDY))
			return late ? too_late(ctrl, csts) : 0;
		break;
	case READY_NONE:
		break;
	}

	priv->wait = READY_NONE;
	return 1;
}

int nvme_reset_poll(struct nvme_ctrl *ctrl, unsigned int *delay_ms)
{
	return ready_poll(ctrl, delay_ms);
}

int nvme_enable_poll(struct nvme_ctrl *ctrl, unsigned int *delay_ms)
{
	return ready_poll(ctrl, delay_ms);
}

static int ready_wait(struct nvme_ctrl *ctrl)
{
	unsigned int delay_ms;
	int r;

	while (!(r = ready_poll(ctrl, &delay_ms)))
		__usleep(delay_ms * 1000ul);
	return r < 0 ? -1 : 0;
}

int nvme_reset(struct nvme_ctrl *ctrl)
{
	return nvme_reset_start(ctrl) ? -1 : ready_wait(ctrl);
}

int nvme_enable(struct nvme_ctrl *ctrl)
{
	return nvme_enable_start(ctrl) ? -1 : ready_wait(ctrl);
}
