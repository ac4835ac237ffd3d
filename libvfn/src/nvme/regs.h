/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regs - controller registers (NVM Express Base Specification 2.0, 3.1.3)
 */
#ifndef VFN_SRC_NVME_REGS_H
#define VFN_SRC_NVME_REGS_H

#include <stdint.h>

enum nvme_reg_offset {
	REG_CAP = 0x00,
	REG_VS = 0x08,
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	REG_CMBLOC = 0x38,
	REG_CMBSZ = 0x3c,
	REG_CMBMSC = 0x50,
	REG_CMBSTS = 0x58,
	REG_CRTO = 0x68,
	REG_DOORBELLS = 0x1000,
};

#define CAP_MQES(cap)	((uint32_t)((cap)&0xffff))
#define CAP_AMS(cap)	((uint32_t)(((cap) >> 17) & 0x3))
#define CAP_TO(cap)	((uint32_t)(((cap) >> 24) & 0xff))
#define CAP_DSTRD(cap)	((uint32_t)(((cap) >> 32) & 0xf))
#define CAP_CSS(cap)	((uint32_t)(((cap) >> 37) & 0xff))
#define CAP_MPSMIN(cap) ((int)(((cap) >> 48) & 0xf))
#define CAP_MPSMAX(cap) ((int)(((cap) >> 52) & 0xf))
#define CAP_CMBS(cap)	((uint32_t)(((cap) >> 57) & 0x1))
#define CAP_CRMS(cap)	((uint32_t)(((cap) >> 59) & 0x3))

#define CAP_AMS_WRR	(1u << 0) /* bit 17: weighted round robin with urgent class */
#define CAP_CSS_NVM	(1u << 0)
#define CAP_CSS_IOCSS	(1u << 6)
#define CAP_CSS_NOIOCSS (1u << 7)
#define CAP_CRMS_CRWMS	(1u << 0)

#define CC_EN	       (1u << 0)
#define CC_SHN	       (3u << 14)
#define CC_CSS(v)      ((uint32_t)(v) << 4)
#define CC_CSS_NVM     0x0
#define CC_CSS_ALL     0x6
#define CC_CSS_ADMIN   0x7
#define CC_MPS(v)      ((uint32_t)(v) << 7)
#define CC_MPS_GET(cc) ((int)(((cc) >> 7) & 0xf))
#define CC_AMS(v)      ((uint32_t)(v) << 11)
#define CC_AMS_WRR     0x1
#define CC_AMS_GET(cc) (((cc) >> 11) & 0x7)
#define CC_IOSQES(v)   ((uint32_t)(v) << 16)
#define CC_IOCQES(v)   ((uint32_t)(v) << 20)

#define CSTS_RDY (1u << 0)
#define CSTS_CFS (1u << 1)

#define CMBLOC_BIR(loc)	 ((loc)&0x7)
#define CMBLOC_OFST(loc) ((loc) >> 12)
#define CMBSZ_FLAGS	 0x1fu
#define CMBSZ_SZU(sz)	 (((sz) >> 8) & 0xf)
#define CMBSZ_SZU_MAX	 6
#define CMBSZ_SZ(sz)	 ((sz) >> 12)
#define CMBMSC_CRE	 (1ull << 0)
#define CMBMSC_CMSE	 (1ull << 1)
#define CMBSTS_CBAI	 (1u << 0)

#define CRTO_CRWMT(crto) ((crto)&0xffff)

/* What a read gives when the device has gone. */
#define REG_GONE32 UINT32_MAX
#define REG_GONE64 UINT64_MAX

/* Admin opcodes and values that the library itself uses. */
enum nvme_admin_opc {
	OPC_DELETE_SQ = 0x00,
	OPC_CREATE_SQ = 0x01,
	OPC_GET_LOG_PAGE = 0x02,
	OPC_DELETE_CQ = 0x04,
	OPC_CREATE_CQ = 0x05,
	OPC_IDENTIFY = 0x06,
	OPC_ABORT = 0x08,
	OPC_SET_FEATURES = 0x09,
	OPC_GET_FEATURES = 0x0a,
	OPC_AER = 0x0c,
	OPC_VIRT_MGMT = 0x1c,
	OPC_DBBUF_CONFIG = 0x7c,
};

#define IDENTIFY_SIZE	  4096
#define IDENTIFY_CNS_CTRL 0x01
#define IDENTIFY_CNS_PRIMARY 0x14
#define IDENTIFY_CNS_SECONDARY 0x15
#define FEAT_ARBITRATION  0x01
#define FEAT_NUM_QUEUES	  0x07
#define FEAT_ASYNC_EVENT  0x0b
#define FEAT_HOST_MEM_BUF 0x0d

#define HMB_EHM	       (1u << 0)
#define HMB_MR	       (1u << 1)
#define HMB_UNIT       4096ull /* what Identify Controller counts in */
#define HMB_ATTRS_SIZE 4096

/* Bytes within Identify Controller (5.17.2.1). */
#define ID_CTRL_MDTS	  77
#define ID_CTRL_CNTRLTYPE 111
#define ID_CTRL_OACS	  256
#define ID_CTRL_ACL	  258
#define ID_CTRL_AERL	  259
#define ID_CTRL_HMPRE	  272
#define ID_CTRL_HMMIN	  276
#define ID_CTRL_HMMINDS	  332
#define ID_CTRL_HMMAXD	  336
#define ID_CTRL_SGLS	  536

#define OACS_DBBUF	   (1u << 8)
#define CNTRLTYPE_ADMIN	   3
#define SGLS_SUPPORT(sgls) ((sgls)&0x3)
#define SGLS_SUPPORT_BYTE  0x1
#define SGLS_SUPPORT_DWORD 0x2
#define SGLS_BIT_BUCKET	   (1u << 16)
#define SGLS_MPTR_BYTE	   (1u << 17) /* contiguous metadata may begin at any byte */
#define SGLS_MPTR_SGL	   (1u << 19)

#endif
