/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sriov - resources of secondary controllers (NVMe base 2.0, 5.17.2.14, 5.17.2.15 and 5.28)
 */
#include <errno.h>
#include <stdlib.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "support/fail.h"

/* Primary Controller Capabilities: where each kind of resource begins. */
#define CAPS_CNTLID 0
#define CAPS_CRT    4
#define CAPS_VQ	    32
#define CAPS_VI	    64

/* Secondary Controller List. */
#define LIST_MAX	127
#define LIST_ENTRY(i)	(32 + 32 * (i))
#define ENTRY_SCID	0
#define ENTRY_PCID	2
#define ENTRY_SCS	4
#define ENTRY_VFN	8
#define ENTRY_NVQ	10
#define ENTRY_NVI	12
#define LIST_CNTLID_END 0xffff

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

/* A page of Identify data, which the caller frees; NULL with errno. */
static uint8_t *identify(struct nvme_ctrl *ctrl, uint8_t cns, uint16_t cntlid)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = cns}};
	uint8_t *id = malloc(IDENTIFY_SIZE);
	int err;

	if (!id) {
		vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
		return NULL;
	}
	cmd.identify.ctrlid = cpu_to_le16(cntlid);
	if (!nvme_admin(ctrl, &cmd, id, IDENTIFY_SIZE, NULL))
		return id;
	err = errno;
	free(id);
	errno = err;
	return NULL;
}

static struct nvme_sriov_pool pool(const uint8_t *p)
{
	return (struct nvme_sriov_pool){
		.flexible = get32(p),
		.assigned = get32(p + 4),
		.primary_flexible = get16(p + 8),
		.primary_private = get16(p + 10),
		.secondary_max = get16(p + 12),
		.granularity = get16(p + 14),
	};
}

int nvme_sriov_caps(struct nvme_ctrl *ctrl, struct nvme_sriov_caps *caps)
{
	uint8_t *id = identify(ctrl, IDENTIFY_CNS_PRIMARY, 0);

	if (!id)
		return -1;
	*caps = (struct nvme_sriov_caps){
		.cntlid = get16(id + CAPS_CNTLID),
		.vq_flexible = id[CAPS_CRT] & (1 << NVME_SRIOV_VQ),
		.vi_flexible = id[CAPS_CRT] & (1 << NVME_SRIOV_VI),
		.vq = pool(id + CAPS_VQ),
		.vi = pool(id + CAPS_VI),
	};
	free(id);
	return 0;
}

static struct nvme_sriov_secondary entry(const uint8_t *p)
{
	return (struct nvme_sriov_secondary){
		.cntlid = get16(p + ENTRY_SCID),
		.primary = get16(p + ENTRY_PCID),
		.online = p[ENTRY_SCS] & 1,
		.vf = get16(p + ENTRY_VFN),
		.nvq = get16(p + ENTRY_NVQ),
		.nvi = get16(p + ENTRY_NVI),
	};
}

int nvme_sriov_list(struct nvme_ctrl *ctrl, uint16_t from, struct nvme_sriov_secondary *list,
		    int max)
{
	int n = 0, in_page = LIST_MAX;

	/* a list that does not go forward would have no end */
	while (n < max && in_page == LIST_MAX) {
		uint8_t *id = identify(ctrl, IDENTIFY_CNS_SECONDARY, from);

		if (!id)
			return -1;
		in_page = min_t(int, id[0], LIST_MAX);
		for (int i = 0; i < in_page && n < max; i++) {
			list[n] = entry(id + LIST_ENTRY(i));
			if (list[n].cntlid < from || list[n].cntlid == LIST_CNTLID_END) {
				free(id);
				return vfn_fail(EIO,
						"%s: its list of secondary controllers is wrong",
						nvme_name(ctrl));
			}
			from = (uint16_t)(list[n++].cntlid + 1);
		}
		free(id);
	}
	return n;
}

int nvme_sriov_manage(struct nvme_ctrl *ctrl, uint16_t cntlid, enum nvme_sriov_action act,
		      enum nvme_sriov_resource rt, uint16_t nr, uint16_t *nrm)
{
	union nvme_cmd cmd = {.opcode = OPC_VIRT_MGMT};
	struct nvme_cqe cqe;

	cmd.cdw10 = cpu_to_le32((uint32_t)cntlid << 16 | ((uint32_t)rt & 0x7) << 8 |
				((uint32_t)act & 0xf));
	cmd.cdw11 = cpu_to_le32(nr);
	if (nvme_admin(ctrl, &cmd, NULL, 0, &cqe))
		return -1;
	if (nrm)
		*nrm = (uint16_t)le32_to_cpu(cqe.dw0);
	return 0;
}

int nvme_sriov_primary(struct nvme_ctrl *ctrl, enum nvme_sriov_resource rt, uint16_t nr,
		       uint16_t *nrm)
{
	struct nvme_sriov_caps caps;

	if (nvme_sriov_caps(ctrl, &caps))
		return -1;
	return nvme_sriov_manage(ctrl, caps.cntlid, NVME_SRIOV_ACT_PRIMARY, rt, nr, nrm);
}

int nvme_sriov_assign(struct nvme_ctrl *ctrl, uint16_t cntlid, enum nvme_sriov_resource rt,
		      uint16_t nr, uint16_t *nrm)
{
	return nvme_sriov_manage(ctrl, cntlid, NVME_SRIOV_ACT_ASSIGN, rt, nr, nrm);
}

int nvme_sriov_online(struct nvme_ctrl *ctrl, uint16_t cntlid)
{
	return nvme_sriov_manage(ctrl, cntlid, NVME_SRIOV_ACT_ONLINE, NVME_SRIOV_VQ, 0, NULL);
}

int nvme_sriov_offline(struct nvme_ctrl *ctrl, uint16_t cntlid)
{
	return nvme_sriov_manage(ctrl, cntlid, NVME_SRIOV_ACT_OFFLINE, NVME_SRIOV_VQ, 0, NULL);
}
