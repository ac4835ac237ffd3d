/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "virt.h"
#include "cmd.h"

#include <string.h>

#define AT_CDW10 40
#define AT_CDW11 44

static unsigned int virt_total(const struct ctrl *c)
{
	return c->opts.queues + 1;
}

/* The admin queue and at least one pair, and as many vectors, are nobody else's. */
static unsigned int virt_private(const struct ctrl *c)
{
	return c->opts.queues < 2 ? virt_total(c) : c->opts.queues / 2 + 1;
}

static unsigned int virt_flexible(const struct ctrl *c)
{
	return virt_total(c) - virt_private(c) + c->virt.n * VIRT_SECONDARY;
}

static unsigned int virt_assigned(const struct ctrl *c, enum virt_type type)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < c->virt.n; i++)
		sum += c->virt.secondary[i].resources[type];
	return sum;
}

void virt_init(struct ctrl *c, unsigned int n)
{
	memset(&c->virt, 0, sizeof(c->virt));
	c->virt.n = n;
	for (int type = 0; type < VIRT_TYPES; type++)
		c->virt.primary[type] = c->virt.next[type] = virt_total(c) - virt_private(c);
}

void virt_reset(struct ctrl *c)
{
	struct virt *v = &c->virt;

	memset(v->secondary, 0, sizeof(v->secondary));
	memcpy(v->primary, v->next, sizeof(v->primary));
}

unsigned int virt_pairs(const struct ctrl *c)
{
	return c->virt.n ? virt_private(c) + c->virt.primary[VIRT_VQ] - 1 : c->opts.queues;
}

unsigned int virt_vectors(const struct ctrl *c)
{
	return c->virt.n ? virt_private(c) + c->virt.primary[VIRT_VI] : c->irq.nvec;
}

/* ---- Identify ---------------------------------------------------------------------------- */

static void virt_capabilities(struct ctrl *c, struct nvme_primary_ctrl_cap *cap)
{
	cap->cntlid = CTRL_ID;
	cap->crt = 1 << VIRT_VQ | 1 << VIRT_VI;
	cap->vqfrt = cap->vifrt = virt_flexible(c);
	cap->vqrfa = virt_assigned(c, VIRT_VQ);
	cap->virfa = virt_assigned(c, VIRT_VI);
	cap->vqrfap = c->virt.primary[VIRT_VQ];
	cap->virfap = c->virt.primary[VIRT_VI];
	cap->vqprt = cap->viprt = virt_private(c);
	cap->vqfrsm = cap->vifrsm = VIRT_SECONDARY;
	cap->vqgran = cap->vigran = 1;
}

/* Those from CNTID on. */
static void virt_list(struct ctrl *c, struct nvme_secondary_ctrl_list *list, uint16_t from)
{
	for (unsigned int i = 0; i < c->virt.n; i++) {
		const struct virt_secondary *s = &c->virt.secondary[i];

		if (CTRL_ID + 1 + i < from)
			continue;
		list->sc_entry[list->num++] = (struct nvme_secondary_ctrl){
			.scid = CTRL_ID + 1 + i,
			.pcid = CTRL_ID,
			.scs = s->online,
			.vfn = 1 + i,
			.nvq = s->resources[VIRT_VQ],
			.nvi = s->resources[VIRT_VI],
		};
	}
}

void virt_identify(struct ctrl *c, struct cmd *cmd)
{
	uint16_t cntid = cmd->sqe.cdw10 >> 16;

	if (!c->virt.n) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	memset(c->bounce, 0, NVME_IDENTIFY_DATA_SIZE);
	if ((cmd->sqe.cdw10 & 0xff) == NVME_IDENTIFY_CNS_PRIMARY_CTRL_CAP)
		virt_capabilities(c, (struct nvme_primary_ctrl_cap *)c->bounce);
	else
		virt_list(c, (struct nvme_secondary_ctrl_list *)c->bounce, cntid);
}

/* ---- Virtualization Management ----------------------------------------------------------- */

/* Resources of the type that may go to somebody who has `has` of them and wants others in their place. */
static unsigned int virt_available(const struct ctrl *c, enum virt_type type, unsigned int primary, unsigned int has)
{
	return virt_flexible(c) - virt_assigned(c, type) - primary + has;
}

static unsigned int virt_more(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

static void virt_few(struct cmd *cmd)
{
	cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_CTRL_RESOURCES, AT_CDW11, 0);
}

/* What the primary controller has after the next reset; until then it keeps what it has. */
static void virt_primary(struct ctrl *c, struct cmd *cmd, enum virt_type type, uint16_t nr)
{
	if (nr > virt_total(c) - virt_private(c) || nr > virt_available(c, type, 0, 0)) {
		virt_few(cmd);
		return;
	}
	c->virt.next[type] = nr;
	cmd->dw0 = nr;
}

static void virt_assign(struct ctrl *c, struct cmd *cmd, struct virt_secondary *s, enum virt_type type, uint16_t nr)
{
	unsigned int primary = virt_more(c->virt.primary[type], c->virt.next[type]);

	if (s->online) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_SEC_CTRL_STATE, AT_CDW10, 0);
	} else if (nr > VIRT_SECONDARY || nr > virt_available(c, type, primary, s->resources[type])) {
		virt_few(cmd);
	} else {
		s->resources[type] = nr;
		cmd->dw0 = nr;
	}
}

/* A controller without an admin queue, an I/O queue and an interrupt is of no use. */
static void virt_online(struct cmd *cmd, struct virt_secondary *s)
{
	if (s->resources[VIRT_VQ] < 2 || !s->resources[VIRT_VI])
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_SEC_CTRL_STATE, AT_CDW10, 0);
	else
		s->online = true;
}

void virt_exec(struct ctrl *c, struct cmd *cmd)
{
	unsigned int act = cmd->sqe.cdw10 & 0xf, type = cmd->sqe.cdw10 >> 8 & 7;
	uint16_t id = cmd->sqe.cdw10 >> 16, nr = cmd->sqe.cdw11;
	bool primary = act == NVME_VIRT_MGMT_ACT_PRIM_CTRL_FLEX_ALLOC;
	struct virt_secondary *s;

	if (!c->virt.n) {
		cmd_fail(cmd, NVME_SC_INVALID_OPCODE, 0, 0);
		return;
	}
	if (!primary && act != NVME_VIRT_MGMT_ACT_OFFLINE_SEC_CTRL && act != NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL &&
	    act != NVME_VIRT_MGMT_ACT_ONLINE_SEC_CTRL) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10, 0);
		return;
	}
	if (primary ? id != CTRL_ID : id <= CTRL_ID || id > CTRL_ID + c->virt.n) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_CTRL_ID, AT_CDW10 + 2, 0);
		return;
	}
	if ((primary || act == NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL) && type >= VIRT_TYPES) {
		cmd_fail(cmd, SIM_SCT_SPECIFIC | NVME_SC_INVALID_RESOURCE_ID, AT_CDW10 + 1, 0);
		return;
	}
	if (primary) {
		virt_primary(c, cmd, type, nr);
		return;
	}
	s = &c->virt.secondary[id - CTRL_ID - 1];
	if (act == NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL)
		virt_assign(c, cmd, s, type, nr);
	else if (act == NVME_VIRT_MGMT_ACT_ONLINE_SEC_CTRL)
		virt_online(cmd, s);
	else
		memset(s, 0, sizeof(*s));
}
