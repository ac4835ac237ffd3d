// SPDX-License-Identifier: GPL-2.0-or-later
/* The functions' types: each is assigned to a pointer of exactly the type that it is published
 * with. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/iommu.h>
#include <vfn/nvme.h>
#include <vfn/pci.h>
#include <vfn/support.h>
#include <vfn/trace.h>
#include <vfn/vfio.h>

typedef struct nvme_ctrl ctrl_t;
typedef struct nvme_cq cq_t;
typedef struct nvme_sq sq_t;
typedef struct nvme_rq rq_t;
typedef struct nvme_cqe cqe_t;
typedef union nvme_cmd cmd_t;
typedef struct iommu_ctx ctx_t;
typedef struct vfio_pci_device pci_t;

#define IS(ret, name, ...)                                                                         \
	do {                                                                                       \
		ret (*p)(__VA_ARGS__) = name;                                                      \
		if (!p)                                                                            \
			return 1;                                                                  \
	} while (0)

static int controllers(void)
{
	IS(int, nvme_pci_init, ctrl_t *, const char *);
	IS(int, nvme_ctrl_init, ctrl_t *, const char *, const struct nvme_ctrl_opts *);
	IS(int, nvme_init, ctrl_t *, const char *, const struct nvme_ctrl_opts *);
	IS(void, nvme_close, ctrl_t *);
	IS(int, nvme_reset, ctrl_t *);
	IS(int, nvme_enable, ctrl_t *);
	IS(int, nvme_configure_adminq, ctrl_t *, unsigned long);
	IS(int, nvme_create_iocq, ctrl_t *, int, int, int);
	IS(int, nvme_delete_iocq, ctrl_t *, int);
	IS(int, nvme_create_iosq, ctrl_t *, int, int, cq_t *, unsigned long);
	IS(int, nvme_delete_iosq, ctrl_t *, int);
	IS(int, nvme_create_ioqpair, ctrl_t *, int, int, int, unsigned long);
	IS(int, nvme_delete_ioqpair, ctrl_t *, int);
	IS(void, nvme_discard_cq, ctrl_t *, cq_t *);
	IS(void, nvme_discard_sq, ctrl_t *, sq_t *);
	IS(int, nvme_aer, ctrl_t *, void *);
	IS(int, nvme_sync, ctrl_t *, sq_t *, cmd_t *, void *, size_t, cqe_t *);
	IS(int, nvme_admin, ctrl_t *, cmd_t *, void *, size_t, cqe_t *);
	IS(uint64_t, nvme_crc64, uint64_t, const unsigned char *, size_t);
	return 0;
}

static int queues(void)
{
	IS(void, nvme_sq_post, sq_t *, const cmd_t *);
	IS(void, nvme_sq_update_tail, sq_t *);
	IS(void, nvme_sq_exec, sq_t *, const cmd_t *);
	IS(cqe_t *, nvme_cq_head, cq_t *);
	IS(void, nvme_cq_update_head, cq_t *);
	IS(void, nvme_cq_spin, cq_t *);
	IS(cqe_t *, nvme_cq_get_cqe, cq_t *);
	IS(void, nvme_cq_get_cqes, cq_t *, cqe_t *, int);
	IS(int, nvme_cq_wait_cqes, cq_t *, cqe_t *, int, struct timespec *);
	IS(rq_t *, nvme_rq_acquire, sq_t *);
	IS(void, nvme_rq_release, rq_t *);
	IS(rq_t *, nvme_rq_acquire_atomic, sq_t *);
	IS(void, nvme_rq_release_atomic, rq_t *);
	IS(void, nvme_rq_reset, rq_t *);
	IS(rq_t *, nvme_rq_from_cqe, ctrl_t *, cqe_t *);
	IS(rq_t *, __nvme_rq_from_cqe, sq_t *, cqe_t *);
	IS(void, nvme_rq_prep_cmd, rq_t *, cmd_t *);
	IS(void, nvme_rq_post, rq_t *, cmd_t *);
	IS(void, nvme_rq_exec, rq_t *, cmd_t *);
	IS(int, nvme_rq_spin, rq_t *, cqe_t *);
	IS(int, nvme_rq_wait, rq_t *, cqe_t *, struct timespec *);
	IS(int, nvme_rq_map_prp, ctrl_t *, rq_t *, cmd_t *, uint64_t, size_t);
	IS(int, nvme_rq_mapv_prp, ctrl_t *, rq_t *, cmd_t *, struct iovec *, int);
	IS(int, nvme_rq_mapv_sgl, ctrl_t *, rq_t *, cmd_t *, struct iovec *, int);
	IS(int, nvme_rq_mapv, ctrl_t *, rq_t *, cmd_t *, struct iovec *, int);
	return 0;
}

static int mappings(void)
{
	IS(ctx_t *, iommu_get_context, const char *);
	IS(int, iommu_map_vaddr, ctx_t *, void *, size_t, uint64_t *, unsigned long);
	IS(int, iommu_unmap_vaddr, ctx_t *, void *, size_t *);
	IS(int, iommu_unmap_all, ctx_t *);
	IS(bool, iommu_translate_vaddr, ctx_t *, void *, uint64_t *);
	IS(int, iommu_get_iova_ranges, ctx_t *, struct iommu_iova_range **);
	IS(struct vfio_container *, vfio_new, void);
	IS(int, vfio_map_vaddr, struct vfio_container *, void *, size_t, uint64_t *);
	IS(int, vfio_unmap_vaddr, struct vfio_container *, void *, size_t *);
	IS(ssize_t, pgmap, void **, size_t);
	IS(void *, xmalloc, size_t);
	IS(void *, zmalloc, size_t);
	return 0;
}

static int devices(void)
{
	IS(int, vfio_set_irq, struct vfio_device *, int *, int);
	IS(int, vfio_disable_irq, struct vfio_device *);
	IS(int, vfio_reset, struct vfio_device *);
	IS(int, vfio_pci_open, pci_t *, const char *);
	IS(void *, vfio_pci_map_bar, pci_t *, int, size_t, uint64_t, int);
	IS(void, vfio_pci_unmap_bar, pci_t *, int, void *, size_t, uint64_t);
	IS(ssize_t, vfio_pci_read_config, pci_t *, void *, size_t, off_t);
	IS(void, vfio_pci_close, pci_t *);
	IS(int, pci_bind, const char *, const char *);
	IS(int, pci_unbind, const char *);
	IS(int, pci_driver_new_id, const char *, uint16_t, uint16_t);
	IS(int, pci_driver_remove_id, const char *, uint16_t, uint16_t);
	IS(int, pci_device_info_get_ull, const char *, const char *, unsigned long long *);
	IS(char *, pci_get_driver, const char *);
	IS(char *, pci_get_iommu_group, const char *);
	IS(char *, pci_get_device_vfio_id, const char *);
	return 0;
}

/* The last byte of each structure that the controller sees, where the specification has it. */
static int layouts(void)
{
	union nvme_cmd cmd;
	struct nvme_cqe cqe;
	char *base = (char *)&cmd;

	memset(&cmd, 0, sizeof(cmd));
	memset(&cqe, 0, sizeof(cqe));
	cmd.rw.appmask = cpu_to_le16(0xabcd);
	cmd.identify.csi = 0; /* bytes 46 and 47 of the others */
	if (base[62] != (char)0xcd || base[63] != (char)0xab)
		return 1;
	cmd.cdw15 = 0;
	cmd.create_cq.qid = cpu_to_le16(0x1122);
	cmd.create_cq.qsize = cpu_to_le16(0x3344);
	cmd.create_cq.qflags = cpu_to_le16(NVME_Q_PC | NVME_CQ_IEN);
	cmd.create_cq.iv = cpu_to_le16(0x5566);
	if (le32_to_cpu(cmd.cdw10) != 0x33441122 || le32_to_cpu(cmd.cdw11) != 0x55660003)
		return 1;
	cmd.features.fid = 7;
	cmd.features.sel = 1;
	if (le32_to_cpu(cmd.cdw10) != 0x33440107)
		return 1;
	cmd.log.lid = 2;
	cmd.log.lsp = 0x80;
	cmd.log.numdl = cpu_to_le16(0x7f);
	cmd.log.lpou = cpu_to_le32(9);
	if (le32_to_cpu(cmd.cdw10) != 0x7f8002 || le32_to_cpu(cmd.cdw13) != 9)
		return 1;
	cmd.dptr.sgl.type = NVME_SGLD_TYPE_LAST_SEGMENT << 4;
	if (base[39] != 0x30 || NVME_VERSION(1, 4, 0) != 0x10400)
		return 1;
	cqe.qw0 = cpu_to_le64(0x1122334455667788ull);
	return le32_to_cpu(cqe.dw0) == 0x55667788 && le32_to_cpu(cqe.dw1) == 0x11223344 ? 0 : 1;
}

int main(void)
{
	/* Any struct that begins with a device leads to its context. */
	struct {
		struct vfio_device dev;
		int more;
	} wrapped;
	const struct nvme_ctrl_opts *opts = &nvme_ctrl_opts_default;
	struct nvme_ctrl_opts mine = {1, 2, 0};

	memset(&wrapped, 0, sizeof(wrapped));
	if (__iommu_ctx(&wrapped) || opts->nsqr != 63 || mine.ncqr != 2)
		return 1;
	if (offsetof(struct nvme_ctrl, pci) || offsetof(struct vfio_pci_device, dev))
		return 1;
	return controllers() || queues() || mappings() || devices() || layouts();
}
