/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hmb - the host memory buffer (NVMe base 2.0, 8.9, and 5.27.1.11)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "support/fail.h"

/* Pieces at most where the controller has no limit. */
#define MAX_CHUNKS 4096

/* Host Memory Buffer Descriptor Entry, and the attributes that Get Features returns. */
struct hmb_desc {
	leint64_t addr;
	leint32_t pages; /* of CC.MPS */
	leint32_t rsvd;
};

struct hmb_attrs {
	leint32_t hsize;
	leint32_t hmdlal;
	leint32_t hmdlau;
	leint32_t hmdlec;
};

struct nvme_hmb_state {
	bool on;	/* the controller uses it, or may */
	bool unchanged; /* what the Set Features under way says of it */
	unsigned int n;
	uint64_t size; /* bytes in all */
	size_t page;   /* CC.MPS, which the sizes are told in */
	struct nvme_mem list;
	struct nvme_mem *chunks;
	uint64_t *sizes; /* of each */
};

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int nvme_hmb_limits(struct nvme_ctrl *ctrl, struct nvme_hmb_limits *limits)
{
	union nvme_cmd cmd = {.identify = {.opcode = OPC_IDENTIFY, .cns = IDENTIFY_CNS_CTRL}};
	uint8_t *id = malloc(IDENTIFY_SIZE);
	int r;

	if (!id)
		return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
	r = nvme_admin(ctrl, &cmd, id, IDENTIFY_SIZE, NULL);
	if (!r)
		*limits = (struct nvme_hmb_limits){
			.preferred = get32(id + ID_CTRL_HMPRE) * HMB_UNIT,
			.minimum = get32(id + ID_CTRL_HMMIN) * HMB_UNIT,
			.min_chunk = get32(id + ID_CTRL_HMMINDS) * HMB_UNIT,
			.max_chunks = get32(id + ID_CTRL_HMMAXD) & 0xffff,
		};
	free(id);
	return r;
}

int nvme_hmb_get(struct nvme_ctrl *ctrl, struct nvme_hmb *hmb)
{
	union nvme_cmd cmd = {
		.features = {.opcode = OPC_GET_FEATURES, .fid = FEAT_HOST_MEM_BUF},
	};
	struct hmb_attrs *attrs = calloc(1, HMB_ATTRS_SIZE);
	struct nvme_cqe cqe;
	int r;

	if (!attrs)
		return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
	r = nvme_admin(ctrl, &cmd, attrs, HMB_ATTRS_SIZE, &cqe);
	if (!r)
		*hmb = (struct nvme_hmb){
			.enabled = le32_to_cpu(cqe.dw0) & HMB_EHM,
			.size = le32_to_cpu(attrs->hsize) *
				(uint64_t)__mps_to_pagesize(ctrl->config.mps),
			.list = le32_to_cpu(attrs->hmdlal) | (uint64_t)le32_to_cpu(attrs->hmdlau)
								     << 32,
			.chunks = le32_to_cpu(attrs->hmdlec),
		};
	free(attrs);
	return r;
}

void nvme_hmb_free(struct nvme_ctrl *ctrl)
{
	struct nvme_hmb_state *hmb = ctrl->priv->hmb;

	if (!hmb)
		return;
	for (unsigned int i = 0; i < hmb->n; i++)
		nvme_mem_free(ctrl, &hmb->chunks[i]);
	nvme_mem_free(ctrl, &hmb->list);
	free(hmb->chunks);
	free(hmb->sizes);
	free(hmb);
	ctrl->priv->hmb = NULL;
}

/* Pieces of at most `chunk` bytes up to `size`; smaller ones when memory is short. */
static void alloc_chunks(struct nvme_ctrl *ctrl, struct nvme_hmb_state *hmb, uint64_t size,
			 uint64_t chunk, uint64_t unit, unsigned int most)
{
	while (hmb->size < size && hmb->n < most) {
		uint64_t len = min_t(uint64_t, chunk, size - hmb->size);

		if (!nvme_mem_alloc(ctrl, (size_t)len, &hmb->chunks[hmb->n])) {
			hmb->sizes[hmb->n++] = len;
			hmb->size += len;
			continue;
		}
		if (len <= unit)
			return;
		chunk = ROUND_UP(len / 2, unit);
	}
}

static int alloc_list(struct nvme_ctrl *ctrl, struct nvme_hmb_state *hmb)
{
	struct hmb_desc *desc;

	if (nvme_mem_alloc(ctrl, hmb->n * sizeof(*desc), &hmb->list))
		return -1;
	desc = hmb->list.vaddr;
	for (unsigned int i = 0; i < hmb->n; i++)
		desc[i] = (struct hmb_desc){
			.addr = cpu_to_le64(hmb->chunks[i].iova),
			.pages = cpu_to_le32((uint32_t)(hmb->sizes[i] / hmb->page)),
		};
	return 0;
}

static int alloc(struct nvme_ctrl *ctrl, const struct nvme_hmb_limits *limits, uint64_t size,
		 uint64_t chunk)
{
	size_t page = __mps_to_pagesize(ctrl->config.mps);
	uint64_t unit = ALIGN_UP(limits->min_chunk, (uint64_t)page);
	unsigned int most = limits->max_chunks ? limits->max_chunks : MAX_CHUNKS;
	struct nvme_hmb_state *hmb = calloc(1, sizeof(*hmb));
	int err;

	if (!hmb)
		return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
	ctrl->priv->hmb = hmb;
	hmb->page = page;
	unit = unit ? unit : page;
	size = ROUND_UP(size, unit);
	chunk = chunk ? ROUND_UP(min_t(uint64_t, chunk, size), unit) : size;
	most = (unsigned int)min_t(uint64_t, most, size / unit);

	hmb->chunks = calloc(most, sizeof(*hmb->chunks));
	hmb->sizes = calloc(most, sizeof(*hmb->sizes));
	if (!hmb->chunks || !hmb->sizes) {
		nvme_hmb_free(ctrl);
		return vfn_fail(ENOMEM, "%s: no memory", nvme_name(ctrl));
	}
	errno = ENOMEM;
	alloc_chunks(ctrl, hmb, size, chunk, unit, most);
	if (!hmb->size || hmb->size < limits->minimum) {
		uint64_t got = hmb->size;

		err = hmb->n == most ? EINVAL : errno;
		nvme_hmb_free(ctrl);
		return vfn_fail(
			err,
			"%s: %llu bytes of host memory buffer in %u pieces are less than its %llu",
			nvme_name(ctrl), (unsigned long long)got, most,
			(unsigned long long)limits->minimum);
	}
	if (alloc_list(ctrl, hmb)) {
		err = errno;
		nvme_hmb_free(ctrl);
		errno = err;
		return -1;
	}
	return 0;
}

static void prep_enable(const struct nvme_hmb_state *hmb, bool unchanged, union nvme_cmd *cmd)
{
	*cmd = (union nvme_cmd){.features = {.opcode = OPC_SET_FEATURES, .fid = FEAT_HOST_MEM_BUF}};
	cmd->features.cdw11 = cpu_to_le32(HMB_EHM | (unchanged ? HMB_MR : 0));
	cmd->features.cdw12 = cpu_to_le32((uint32_t)(hmb->size / hmb->page));
	cmd->features.cdw13 = cpu_to_le32((uint32_t)hmb->list.iova);
	cmd->features.cdw14 = cpu_to_le32((uint32_t)(hmb->list.iova >> 32));
	cmd->features.cdw15 = cpu_to_le32(hmb->n);
}

/* Whether the outcome is unknown: then the controller may use the memory. */
static bool unknown(int r)
{
	return r && (errno == ETIMEDOUT || errno == ENODEV);
}

int nvme_hmb_enable(struct nvme_ctrl *ctrl, uint64_t size, uint64_t chunk)
{
	struct nvme_hmb_limits limits;
	union nvme_cmd cmd;
	int r, err;

	if (ctrl->priv->hmb)
		return vfn_fail(EBUSY, "%s: it has a host memory buffer already", nvme_name(ctrl));
	if (nvme_hmb_limits(ctrl, &limits))
		return -1;
	if (!limits.preferred)
		return vfn_fail(ENOTSUP, "%s: it has no host memory buffer", nvme_name(ctrl));
	size = size ? size : limits.preferred;
	if (size < limits.minimum || size / __mps_to_pagesize(ctrl->config.mps) > UINT32_MAX / 2)
		return vfn_fail(EINVAL, "%s: %llu bytes of host memory buffer: at least %llu",
				nvme_name(ctrl), (unsigned long long)size,
				(unsigned long long)limits.minimum);
	if (alloc(ctrl, &limits, size, chunk))
		return -1;

	prep_enable(ctrl->priv->hmb, false, &cmd);
	r = nvme_admin(ctrl, &cmd, NULL, 0, NULL);
	ctrl->priv->hmb->on = !r || unknown(r);
	if (!ctrl->priv->hmb->on) {
		err = errno;
		nvme_hmb_free(ctrl);
		errno = err;
	}
	return r;
}

static int disable(struct nvme_ctrl *ctrl)
{
	union nvme_cmd cmd = {.features = {.opcode = OPC_SET_FEATURES, .fid = FEAT_HOST_MEM_BUF}};

	if (ctrl->priv->hmb->on && nvme_admin(ctrl, &cmd, NULL, 0, NULL))
		return -1;
	ctrl->priv->hmb->on = false;
	return 0;
}

int nvme_hmb_disable(struct nvme_ctrl *ctrl)
{
	if (!ctrl->priv->hmb)
		return 0;
	if (disable(ctrl))
		return -1;
	nvme_hmb_free(ctrl);
	return 0;
}

static int none(const struct nvme_ctrl *ctrl)
{
	return vfn_fail(ENOENT, "%s: there is no host memory buffer", nvme_name(ctrl));
}

int nvme_hmb_pause(struct nvme_ctrl *ctrl)
{
	return ctrl->priv->hmb ? disable(ctrl) : none(ctrl);
}

int nvme_hmb_return(struct nvme_ctrl *ctrl, bool unchanged)
{
	union nvme_cmd cmd;
	int r;

	if (!ctrl->priv->hmb)
		return none(ctrl);
	if (ctrl->priv->hmb->on)
		return vfn_fail(EBUSY, "%s: it has its host memory buffer", nvme_name(ctrl));
	prep_enable(ctrl->priv->hmb, unchanged, &cmd);
	r = nvme_admin(ctrl, &cmd, NULL, 0, NULL);
	ctrl->priv->hmb->on = !r || unknown(r);
	return r;
}

void nvme_hmb_forgotten(struct nvme_ctrl *ctrl)
{
	if (!ctrl->priv->hmb)
		return;
	ctrl->priv->hmb->on = false;
	ctrl->priv->hmb->unchanged = true;
}

bool nvme_hmb_prep_return(struct nvme_ctrl *ctrl, union nvme_cmd *cmd)
{
	struct nvme_hmb_state *hmb = ctrl->priv->hmb;

	if (!hmb)
		return false;
	prep_enable(hmb, hmb->unchanged, cmd);
	hmb->on = true;
	return true;
}

bool nvme_hmb_end_return(struct nvme_ctrl *ctrl, bool ok)
{
	struct nvme_hmb_state *hmb = ctrl->priv->hmb;

	if (ok)
		return false;
	hmb->on = false;
	if (hmb->unchanged) {
		hmb->unchanged = false;
		return true;
	}
	log_info("%s: goes on without its host memory buffer, which it refuses\n", nvme_name(ctrl));
	nvme_hmb_free(ctrl);
	return false;
}
