/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfn/nvme/types.h - commands, completions and descriptors as the controller sees them
 *
 * Every structure here has the layout of the NVM Express Base Specification 2.0 ("NVMe base"), or
 * of the NVM Command Set Specification for the read and write commands. Multi-byte fields are
 * little-endian; fill them with cpu_to_leN() and read them with leN_to_cpu().
 */
#ifndef VFN_NVME_TYPES_H
#define VFN_NVME_TYPES_H

#include <stdint.h>

#include <vfn/support/endian.h>

/* Checks the layouts below, in C and in C++; not for programs. */
#ifdef __cplusplus
#define __VFN_STATIC_ASSERT(cond, text) static_assert(cond, text)
extern "C" {
#else
#define __VFN_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* A version as in the VS register (NVMe base, 3.1.3.2). */
#define NVME_VERSION(major, minor, tertiary) (((major) << 16) | ((minor) << 8) | (tertiary))

/*
 * Flags of Create I/O Completion Queue and Create I/O Submission Queue, dword 11 bits 15:0
 * (NVMe base, 5.4 and 5.5).
 */
enum nvme_create_q_flags {
	NVME_Q_PC = 1 << 0,   /* physically contiguous */
	NVME_CQ_IEN = 1 << 1, /* completions raise the queue's interrupt */
	NVME_SQ_QPRIO_URGENT = 0 << 1,
	NVME_SQ_QPRIO_HIGH = 1 << 1,
	NVME_SQ_QPRIO_MEDIUM = 2 << 1,
	NVME_SQ_QPRIO_LOW = 3 << 1,
};

/* SGL descriptor types: bits 7:4 of the descriptor's last byte (NVMe base, 4.1.2.1). */
enum nvme_sgld_type {
	NVME_SGLD_TYPE_DATA_BLOCK = 0x0,
	NVME_SGLD_TYPE_BIT_BUCKET = 0x1,
	NVME_SGLD_TYPE_SEGMENT = 0x2,
	NVME_SGLD_TYPE_LAST_SEGMENT = 0x3,
	NVME_SGLD_TYPE_KEYED_DATA_BLOCK = 0x4,
	NVME_SGLD_TYPE_TRANSPORT_DATA_BLOCK = 0x5,
};

/* What dptr and mptr of a command are: bits 7:6 of its flags (NVMe base, 3.3.3.1). */
enum nvme_cmd_flags_psdt {
	NVME_CMD_FLAGS_PSDT_SHIFT = 6,
	NVME_CMD_FLAGS_PSDT_MASK = 0x3,
	NVME_CMD_FLAGS_PSDT_PRP = 0x0,
	NVME_CMD_FLAGS_PSDT_SGL_MPTR_CONTIG = 0x1,
	NVME_CMD_FLAGS_PSDT_SGL_MPTR_SGL = 0x2,
};

/* The parts of dword 0 of an Asynchronous Event Request's completion (NVMe base, 5.2.1). */
#define NVME_AEN_TYPE(dw0) ((uint8_t)((dw0)&0x7))
#define NVME_AEN_INFO(dw0) ((uint8_t)(((dw0) >> 8) & 0xff))
#define NVME_AEN_LID(dw0)  ((uint8_t)(((dw0) >> 16) & 0xff))

/* An SGL descriptor; what is not used of rsvd12 by its type is zero. */
struct nvme_sgld {
	leint64_t addr;
	leint32_t len;
	uint8_t rsvd12[3];
	uint8_t type; /* enum nvme_sgld_type << 4, or'ed with the sub type */
};

/* A command's data pointer: two PRP entries, or one SGL descriptor. */
union nvme_dptr {
	struct {
		leint64_t prp1;
		leint64_t prp2;
	};

	struct nvme_sgld sgl;
};

/* Identify (NVMe base, 5.17). */
struct nvme_cmd_identify {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint64_t rsvd2[2];
	union nvme_dptr dptr;
	uint8_t cns;
	uint8_t rsvd3;
	leint16_t ctrlid;
	uint8_t rsvd11[3];
	uint8_t csi;
	leint32_t rsvd12[4];
};

/* Create I/O Completion Queue (NVMe base, 5.4); qsize is 0's based. */
struct nvme_cmd_create_cq {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t rsvd1[5];
	leint64_t prp1;
	leint64_t rsvd8;
	leint16_t qid;
	leint16_t qsize;
	leint16_t qflags;
	leint16_t iv;
	leint32_t rsvd12[4];
};

/* Create I/O Submission Queue (NVMe base, 5.5); qsize is 0's based. */
struct nvme_cmd_create_sq {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t rsvd1[5];
	leint64_t prp1;
	leint64_t rsvd8;
	leint16_t qid;
	leint16_t qsize;
	leint16_t qflags;
	leint16_t cqid;
	leint32_t rsvd12[4];
};

/* Delete I/O Completion Queue and Delete I/O Submission Queue (NVMe base, 5.6 and 5.7). */
struct nvme_cmd_delete_q {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t rsvd1[9];
	leint16_t qid;
	leint16_t rsvd10;
	leint32_t rsvd11[5];
};

/* Set Features and Get Features (NVMe base, 5.27 and 5.15). */
struct nvme_cmd_features {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint64_t rsvd2[2];
	union nvme_dptr dptr;
	uint8_t fid;
	uint8_t sel; /* Get Features: bits 2:0 select; Set Features: bit 7 of rsvd42's high byte
			saves */
	leint16_t rsvd42;
	leint32_t cdw11;
	leint32_t cdw12;
	leint32_t cdw13;
	leint32_t cdw14;
	leint32_t cdw15;
};

/* Get Log Page (NVMe base, 5.16). */
struct nvme_cmd_log {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint64_t rsvd2[2];
	union nvme_dptr dptr;
	uint8_t lid;
	uint8_t lsp;	 /* bits 6:0 specific to the log, bit 7 retains the asynchronous event */
	leint16_t numdl; /* dwords to return, 0's based, lower 16 bits */
	leint16_t numdu;
	leint16_t lsi;
	leint32_t lpol; /* offset in bytes, lower 32 bits */
	leint32_t lpou;

	union {
		struct {
			uint8_t rsvd14[3];
			uint8_t csi;
		};

		leint32_t cdw14;
	};

	leint32_t cdw15;
};

/* Read, Write, Compare and their kin (NVM command set, 3.2). */
struct nvme_cmd_rw {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	leint32_t nsid;
	leint32_t cdw2;
	leint32_t cdw3;
	leint64_t mptr;
	union nvme_dptr dptr;
	leint64_t slba;
	leint16_t nlb; /* 0's based */
	leint16_t control;
	leint16_t dsm;
	leint16_t rsvd13;
	leint32_t reftag;
	leint16_t apptag;
	leint16_t appmask;
};

/*
 * A submission queue entry: any command (NVMe base, 3.3.3.1). `cid` is not swapped: it is the
 * host's own number, and comes back in the completion as it was.
 */
union nvme_cmd {
	struct {
		uint8_t opcode;
		uint8_t flags;
		uint16_t cid;
		leint32_t nsid;
		leint32_t cdw2;
		leint32_t cdw3;
		leint64_t mptr;
		union nvme_dptr dptr;
		leint32_t cdw10;
		leint32_t cdw11;
		leint32_t cdw12;
		leint32_t cdw13;
		leint32_t cdw14;
		leint32_t cdw15;
	};

	struct nvme_cmd_identify identify;
	struct nvme_cmd_create_cq create_cq;
	struct nvme_cmd_create_sq create_sq;
	struct nvme_cmd_delete_q delete_q;
	struct nvme_cmd_features features;
	struct nvme_cmd_log log;
	struct nvme_cmd_rw rw;
};

/* A completion queue entry (NVMe base, 3.3.3.2). */
struct nvme_cqe {
	union {
		struct {
			leint32_t dw0;
			leint32_t dw1;
		};

		leint64_t qw0;
	};

	leint16_t sqhd;
	leint16_t sqid;
	uint16_t cid;
	leint16_t sfp; /* bit 0 phase tag, bits 15:1 status field */
};

/* What a program does with one completion. */
typedef void (*cqe_handler)(struct nvme_cqe *cqe);

/* Protection information with a 64-bit guard, 16 bytes (NVM command set, 5.2.1.2.1). Big-endian. */
struct nvme_crc64_pi_tuple {
	beint64_t guard;
	beint16_t apptag;
	uint8_t sr[6];
};

__VFN_STATIC_ASSERT(sizeof(union nvme_cmd) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_identify) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_create_cq) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_create_sq) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_delete_q) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_features) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_log) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cmd_rw) == 64, "a command is 64 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_cqe) == 16, "a completion is 16 bytes");
__VFN_STATIC_ASSERT(sizeof(union nvme_dptr) == 16, "a data pointer is 16 bytes");
__VFN_STATIC_ASSERT(sizeof(struct nvme_crc64_pi_tuple) == 16, "a 64-bit guard tuple is 16 bytes");

#ifdef __cplusplus
}
#endif

#endif
