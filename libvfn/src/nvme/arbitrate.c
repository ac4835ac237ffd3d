/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arbitrate - whose commands the controller takes first (NVMe base, 3.4.4; feature 01h)
 */
#include <errno.h>

#include "nvme/internal.h"
#include "nvme/regs.h"

#define BURST_NO_LIMIT 7
#define WEIGHT_MAX     256

static int refuse(const struct nvme_ctrl *ctrl, int err, const char *why)
{
	errno = err;
	vfn_error_set("%s: its arbitration is not set: %s", nvme_name(ctrl), why);
	return -1;
}

static bool weight_ok(int weight)
{
	return weight >= 1 && weight <= WEIGHT_MAX;
}

static const char *wrong_with(const struct nvme_arbitration *arb)
{
	if (arb->burst < 0 || arb->burst > BURST_NO_LIMIT)
		return "0 to 7 is the range of a burst";
	if (!weight_ok(arb->high) || !weight_ok(arb->medium) || !weight_ok(arb->low))
		return "1 to 256 is the range of a weight";
	return NULL;
}

bool nvme_wrr_offered(const struct nvme_ctrl *ctrl)
{
	return CAP_AMS(ctrl->priv->cap) & CAP_AMS_WRR;
}

int nvme_set_wrr(struct nvme_ctrl *ctrl, const struct nvme_arbitration *arb)
{
	struct nvme_ctrl_priv *priv = ctrl->priv;
	const char *why = arb ? wrong_with(arb) : NULL;

	if (why)
		return refuse(ctrl, EINVAL, why);
	if (arb && !nvme_wrr_offered(ctrl))
		return refuse(ctrl, ENOTSUP, "the controller has round robin alone (CAP.AMS)");
	if (priv->enabled || !priv->quiet)
		return refuse(ctrl, EBUSY, "the controller is not disabled");
	priv->wrr = arb != NULL;
	if (arb)
		priv->arbitration = *arb;
	return 0;
}

int nvme_wrr_on(struct nvme_ctrl *ctrl)
{
	uint32_t cc;

	if (nvme_reg_read32(ctrl, REG_CC, &cc))
		return -1;
	if (cc == REG_GONE32)
		return refuse(ctrl, ENODEV, "registers read as all ones");
	return (cc & CC_EN) && CC_AMS_GET(cc) == CC_AMS_WRR;
}

int nvme_prep_arbitration(const struct nvme_arbitration *arb, union nvme_cmd *cmd)
{
	const char *why = wrong_with(arb);

	if (why) {
		errno = EINVAL;
		vfn_error_set("no arbitration: %s", why);
		return -1;
	}
	/* weights are 0's based (5.27.1.1) */
	*cmd = (union nvme_cmd){.features = {.opcode = OPC_SET_FEATURES, .fid = FEAT_ARBITRATION}};
	cmd->features.cdw11 = cpu_to_le32((uint32_t)(arb->high - 1) << 24 | (uint32_t)(arb->medium - 1) << 16 |
					  (uint32_t)(arb->low - 1) << 8 | (uint32_t)arb->burst);
	return 0;
}
