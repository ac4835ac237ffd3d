/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spec - what the NVMe and vfio-user specifications fix and no system header gives
 *
 * Structures and codes that libnvme's <nvme/types.h> has are taken from there.
 */
#ifndef SIM_SPEC_H
#define SIM_SPEC_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "NVMe structures are little endian, and this program does not swap"
#endif

/* Submission queue entry (NVMe base 1.4, 4.2). */
struct sim_sqe {
	uint8_t opcode;
	uint8_t flags; /* 1:0 FUSE, 7:6 PSDT */
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw2;
	uint32_t cdw3;
	uint64_t mptr;
	uint64_t prp1;
	uint64_t prp2;
	uint32_t cdw10;
	uint32_t cdw11;
	uint32_t cdw12;
	uint32_t cdw13;
	uint32_t cdw14;
	uint32_t cdw15;
};
static_assert(sizeof(struct sim_sqe) == 64, "SQE");
static_assert(offsetof(struct sim_sqe, prp1) == 24, "PRP1");
static_assert(offsetof(struct sim_sqe, cdw10) == 40, "CDW10");

/* Completion queue entry (NVMe base 1.4, 4.6). */
struct sim_cqe {
	uint32_t dw0;
	uint32_t dw1;
	uint16_t sqhd;
	uint16_t sqid;
	uint16_t cid;
	uint16_t sfp; /* 0 phase, 15:1 status field */
};
static_assert(sizeof(struct sim_cqe) == 16, "CQE");

/* Status field as libnvme writes it: SC, SCT << 8, NVME_SC_DNR. */
#define SIM_SCT_SPECIFIC 0x100u
#define SIM_SCT_MEDIA	 0x200u

/* BAR0: registers, doorbells, and behind them the MSI-X table and its pending bits. */
#define SIM_BAR_DOORBELLS 0x1000u
#define SIM_BAR_PBA	  0x3000u /* from the table on */
#define SIM_BAR_END	  0x4000u /* the same; at least */

/* A doorbell page of 4 KiB has room for 512 pairs; the first is the admin queue's. */
#define SIM_MAX_PAIRS	511
#define SIM_MAX_VECTORS (SIM_MAX_PAIRS + 1)

/* CAP.MQES, 0's based: queues of up to 4096 entries. */
#define SIM_MQES 4095

/* vfio-user: header and commands. */
struct vfu_header {
	uint16_t id;
	uint16_t cmd;
	uint32_t size; /* with this header */
	uint32_t flags;
	uint32_t error;
};
static_assert(sizeof(struct vfu_header) == 16, "vfio-user header");

#define VFU_TYPE_MASK	 0xfu
#define VFU_TYPE_COMMAND 0u
#define VFU_TYPE_REPLY	 1u
#define VFU_NO_REPLY	 0x10u
#define VFU_ERROR	 0x20u

#define VFU_MAX_DATA 1048576u
#define VFU_MAX_MSG  (VFU_MAX_DATA + 32)
#define VFU_MAX_FDS  253 /* what the kernel passes with one message */

enum vfu_cmd {
	VFU_VERSION = 1,
	VFU_DMA_MAP = 2,
	VFU_DMA_UNMAP = 3,
	VFU_DEVICE_INFO = 4,
	VFU_REGION_INFO = 5,
	VFU_REGION_IO_FDS = 6,
	VFU_IRQ_INFO = 7,
	VFU_SET_IRQS = 8,
	VFU_REGION_READ = 9,
	VFU_REGION_WRITE = 10,
	VFU_DMA_READ = 11,
	VFU_DMA_WRITE = 12,
	VFU_DEVICE_RESET = 13,
	VFU_REGION_WRITE_MULTI = 15,
	VFU_DEVICE_FEATURE = 16,
	VFU_MIG_DATA_READ = 17,
	VFU_MIG_DATA_WRITE = 18,
};

struct vfu_version {
	uint16_t major;
	uint16_t minor;
};

#define VFU_MAP_READ   1u
#define VFU_MAP_WRITE  2u
#define VFU_MAP_MMAP   4u
#define VFU_MAP_FILEIO 8u

struct vfu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
};
static_assert(sizeof(struct vfu_dma_map) == 32, "DMA map");

#define VFU_UNMAP_BITMAP 1u
#define VFU_UNMAP_ALL	 2u

struct vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};
static_assert(sizeof(struct vfu_dma_unmap) == 24, "DMA unmap");

/* Region read and write; data follows. */
struct vfu_region_io {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};
static_assert(sizeof(struct vfu_region_io) == 16, "region access");

struct vfu_write_one {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[8];
};
static_assert(sizeof(struct vfu_write_one) == 24, "one of several writes");

struct vfu_region_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

/* DMA read and write by message; data follows. */
struct vfu_dma_io {
	uint64_t addr;
	uint64_t count;
};

#endif
