/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/sriov.h - primary controllers, and the resources of their secondary ones (NVMe
 * base 2.0, 8.26)
 *
 * A physical function is a primary controller, its virtual functions (vfn/pci/sriov.h) are
 * secondary ones. Before a secondary controller can be enabled, it needs queues and interrupts out
 * of those that are flexible, and must be online:
 *
 *     nvme_sriov_primary(pf, NVME_SRIOV_VQ, 0, NULL) ...VI...  give back what the primary one has
 *     nvme_reinit(pf)                                          which takes a reset to come true
 *     pci_sriov_set(bdf, n)                                    there are virtual functions
 *     nvme_sriov_assign(pf, cntlid, NVME_SRIOV_VQ, 4, NULL) ...VI...
 *     nvme_sriov_online(pf, cntlid)
 *
 * Functions are given the primary controller, wait for it, and fail as nvme_admin() does: EIO when
 * it refuses.
 */
#ifndef VFN_NVME_SRIOV_H
#define VFN_NVME_SRIOV_H

#include <stdbool.h>
#include <stdint.h>

#include <vfn/nvme/ctrl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of resources. */
enum nvme_sriov_resource {
	NVME_SRIOV_VQ = 0, /* queue pairs, the admin queues among them */
	NVME_SRIOV_VI = 1, /* interrupt vectors */
};

/* Virtualization Management's actions (5.28). */
enum nvme_sriov_action {
	NVME_SRIOV_ACT_PRIMARY = 0x1,
	NVME_SRIOV_ACT_OFFLINE = 0x7,
	NVME_SRIOV_ACT_ASSIGN = 0x8,
	NVME_SRIOV_ACT_ONLINE = 0x9,
};

/* What there is of one kind (Identify, CNS 14h). */
struct nvme_sriov_pool {
	uint32_t flexible;	   /* in all (VQFRT, VIFRT) */
	uint32_t assigned;	   /* of these, to secondary controllers (VQRFA, VIRFA) */
	uint16_t primary_flexible; /* of these, to the primary one (VQRFAP, VIRFAP) */
	uint16_t primary_private;  /* what it has besides (VQPRT, VIPRT) */
	uint16_t secondary_max;	   /* most that a secondary one can have (VQFRSM, VIFRSM) */
	uint16_t granularity;	   /* numbers to assign are multiples of it (VQGRAN, VIGRAN) */
};

struct nvme_sriov_caps {
	uint16_t cntlid;
	bool vq_flexible; /* CRT: queues can be assigned */
	bool vi_flexible;
	struct nvme_sriov_pool vq, vi;
};

/* A secondary controller (Identify, CNS 15h). */
struct nvme_sriov_secondary {
	uint16_t cntlid;
	uint16_t primary; /* the identifier of its primary controller */
	uint16_t vf;	  /* its virtual function, from 1 on; 0: it is none */
	uint16_t nvq;	  /* flexible queue pairs and vectors that it has */
	uint16_t nvi;
	bool online;
};

/* Ask what there is to give. 0, or -1: EIO the controller refuses; or as nvme_admin(). */
int nvme_sriov_caps(struct nvme_ctrl *ctrl, struct nvme_sriov_caps *caps);

/*
 * The secondary controllers with identifiers from `from` on, into `list` (room for `max`), in
 * ascending order. Their number, or -1: EIO the controller refuses, or its list makes no sense; or
 * as nvme_admin().
 */
int nvme_sriov_list(struct nvme_ctrl *ctrl, uint16_t from, struct nvme_sriov_secondary *list,
		    int max);

/*
 * Virtualization Management, as it is: the action on the controller `cntlid`, with `nr` resources
 * of the kind `rt`. The number that the controller changed goes to *nrm (may be NULL). 0, or -1:
 * EIO the controller refuses; or as nvme_admin().
 */
int nvme_sriov_manage(struct nvme_ctrl *ctrl, uint16_t cntlid, enum nvme_sriov_action act,
		      enum nvme_sriov_resource rt, uint16_t nr, uint16_t *nrm);

/*
 * Let the primary controller have `nr` flexible resources from its next reset on. 0, or -1 as
 * nvme_sriov_manage().
 */
int nvme_sriov_primary(struct nvme_ctrl *ctrl, enum nvme_sriov_resource rt, uint16_t nr,
		       uint16_t *nrm);

/*
 * Let the secondary controller `cntlid`, which must be offline, have `nr` flexible resources. 0, or
 * -1 as nvme_sriov_manage().
 */
int nvme_sriov_assign(struct nvme_ctrl *ctrl, uint16_t cntlid, enum nvme_sriov_resource rt,
		      uint16_t nr, uint16_t *nrm);

/*
 * Make it usable, or take it out of use, whatever it does. 0, or -1 as nvme_sriov_manage().
 */
int nvme_sriov_online(struct nvme_ctrl *ctrl, uint16_t cntlid);
int nvme_sriov_offline(struct nvme_ctrl *ctrl, uint16_t cntlid);

#ifdef __cplusplus
}
#endif

#endif
