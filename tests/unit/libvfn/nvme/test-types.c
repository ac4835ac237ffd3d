/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layouts of commands and completions, against the specification and libnvme's headers. */
#include <libnvme.h>

#include "unit.h"

#include <vfn/nvme.h>

#include "nvme/regs.h"

#define AT(type, member, offset) ck_assert_uint_eq(offsetof(type, member), offset)
#define SIZE(type, member, size) ck_assert_uint_eq(sizeof(((type *)0)->member), size)

START_TEST(test_common)
{
	AT(union nvme_cmd, opcode, 0);
	AT(union nvme_cmd, flags, 1);
	AT(union nvme_cmd, cid, 2);
	AT(union nvme_cmd, nsid, 4);
	AT(union nvme_cmd, cdw2, 8);
	AT(union nvme_cmd, cdw3, 12);
	AT(union nvme_cmd, mptr, 16);
	AT(union nvme_cmd, dptr.prp1, 24);
	AT(union nvme_cmd, dptr.prp2, 32);
	AT(union nvme_cmd, dptr.sgl.addr, 24);
	AT(union nvme_cmd, dptr.sgl.len, 32);
	AT(union nvme_cmd, dptr.sgl.type, 39);
	AT(union nvme_cmd, cdw10, 40);
	AT(union nvme_cmd, cdw15, 60);

	/* the kernel's passthrough command has a submission queue entry's layout */
#define SAME(ours, theirs)                                                                         \
	ck_assert_uint_eq(offsetof(union nvme_cmd, ours),                                          \
			  offsetof(struct nvme_passthru_cmd, theirs))
	SAME(opcode, opcode);
	SAME(flags, flags);
	SAME(cid, rsvd1);
	SAME(nsid, nsid);
	SAME(cdw2, cdw2);
	SAME(cdw3, cdw3);
	SAME(mptr, metadata);
	SAME(dptr, addr);
	SAME(cdw10, cdw10);
	SAME(cdw11, cdw11);
	SAME(cdw12, cdw12);
	SAME(cdw13, cdw13);
	SAME(cdw14, cdw14);
	SAME(cdw15, cdw15);
#undef SAME
}
END_TEST

START_TEST(test_views)
{
	AT(struct nvme_cmd_identify, dptr, 24);
	AT(struct nvme_cmd_identify, cns, 40);
	AT(struct nvme_cmd_identify, ctrlid, 42);
	AT(struct nvme_cmd_identify, csi, 47);

	AT(struct nvme_cmd_create_cq, prp1, 24);
	AT(struct nvme_cmd_create_cq, qid, 40);
	AT(struct nvme_cmd_create_cq, qsize, 42);
	AT(struct nvme_cmd_create_cq, qflags, 44);
	AT(struct nvme_cmd_create_cq, iv, 46);

	AT(struct nvme_cmd_create_sq, prp1, 24);
	AT(struct nvme_cmd_create_sq, qid, 40);
	AT(struct nvme_cmd_create_sq, qsize, 42);
	AT(struct nvme_cmd_create_sq, qflags, 44);
	AT(struct nvme_cmd_create_sq, cqid, 46);

	AT(struct nvme_cmd_delete_q, qid, 40);

	AT(struct nvme_cmd_features, dptr, 24);
	AT(struct nvme_cmd_features, fid, 40);
	AT(struct nvme_cmd_features, cdw11, 44);
	AT(struct nvme_cmd_features, cdw15, 60);

	AT(struct nvme_cmd_log, lid, 40);
	AT(struct nvme_cmd_log, lsp, 41);
	AT(struct nvme_cmd_log, numdl, 42);
	AT(struct nvme_cmd_log, numdu, 44);
	AT(struct nvme_cmd_log, lsi, 46);
	AT(struct nvme_cmd_log, lpol, 48);
	AT(struct nvme_cmd_log, lpou, 52);
	AT(struct nvme_cmd_log, csi, 59);
	AT(struct nvme_cmd_log, cdw14, 56);
	AT(struct nvme_cmd_log, cdw15, 60);

	AT(struct nvme_cmd_rw, mptr, 16);
	AT(struct nvme_cmd_rw, slba, 40);
	AT(struct nvme_cmd_rw, nlb, 48);
	AT(struct nvme_cmd_rw, control, 50);
	AT(struct nvme_cmd_rw, dsm, 52);
	AT(struct nvme_cmd_rw, reftag, 56);
	AT(struct nvme_cmd_rw, apptag, 60);
	AT(struct nvme_cmd_rw, appmask, 62);
	SIZE(struct nvme_cmd_rw, nlb, 2);
	SIZE(struct nvme_cmd_rw, reftag, 4);

	AT(struct nvme_cqe, dw0, 0);
	AT(struct nvme_cqe, dw1, 4);
	AT(struct nvme_cqe, qw0, 0);
	AT(struct nvme_cqe, sqhd, 8);
	AT(struct nvme_cqe, sqid, 10);
	AT(struct nvme_cqe, cid, 12);
	AT(struct nvme_cqe, sfp, 14);

	AT(struct nvme_crc64_pi_tuple, apptag, 8);
	AT(struct nvme_crc64_pi_tuple, sr, 10);
}
END_TEST

START_TEST(test_registers)
{
	uint64_t cap = 0x0123456789abcdefull;
	uint32_t cc = 0x00468071;

	ck_assert_int_eq(REG_CAP, NVME_REG_CAP);
	ck_assert_int_eq(REG_VS, NVME_REG_VS);
	ck_assert_int_eq(REG_CC, NVME_REG_CC);
	ck_assert_int_eq(REG_CSTS, NVME_REG_CSTS);
	ck_assert_int_eq(REG_AQA, NVME_REG_AQA);
	ck_assert_int_eq(REG_ASQ, NVME_REG_ASQ);
	ck_assert_int_eq(REG_ACQ, NVME_REG_ACQ);
	ck_assert_int_eq(REG_CMBMSC, NVME_REG_CMBMSC);
	ck_assert_int_eq(REG_CRTO, NVME_REG_CRTO);

	for (int i = 0; i < 64; i++, cap = cap << 1 | cap >> 63) {
		ck_assert_uint_eq(CAP_MQES(cap), NVME_CAP_MQES(cap));
		ck_assert_uint_eq(CAP_TO(cap), NVME_CAP_TO(cap));
		ck_assert_uint_eq(CAP_DSTRD(cap), NVME_CAP_DSTRD(cap));
		ck_assert_uint_eq(CAP_CSS(cap), NVME_CAP_CSS(cap));
		ck_assert_int_eq(CAP_MPSMIN(cap), NVME_CAP_MPSMIN(cap));
		ck_assert_int_eq(CAP_MPSMAX(cap), NVME_CAP_MPSMAX(cap));
		ck_assert_uint_eq(CAP_CMBS(cap), NVME_CAP_CMBS(cap));
		ck_assert_uint_eq(CAP_CRMS(cap), NVME_CAP_CRMS(cap));
	}

	for (int i = 0; i < 32; i++, cc = cc << 1 | cc >> 31)
		ck_assert_int_eq(CC_MPS_GET(cc), NVME_CC_MPS(cc));
	cc = CC_EN | CC_CSS(CC_CSS_ALL) | CC_MPS(4) | CC_IOSQES(6) | CC_IOCQES(4);
	ck_assert_uint_eq(NVME_CC_EN(cc), 1);
	ck_assert_uint_eq(NVME_CC_CSS(cc), NVME_CC_CSS_CSI);
	ck_assert_uint_eq(NVME_CC_MPS(cc), 4);
	ck_assert_uint_eq(NVME_CC_IOSQES(cc), 6);
	ck_assert_uint_eq(NVME_CC_IOCQES(cc), 4);
	ck_assert_uint_eq(NVME_CSTS_RDY(CSTS_RDY), 1);
	ck_assert_uint_eq(NVME_CSTS_CFS(CSTS_CFS), 1);
}
END_TEST

START_TEST(test_identify_and_opcodes)
{
	ck_assert_uint_eq(ID_CTRL_MDTS, offsetof(struct nvme_id_ctrl, mdts));
	ck_assert_uint_eq(ID_CTRL_CNTRLTYPE, offsetof(struct nvme_id_ctrl, cntrltype));
	ck_assert_uint_eq(ID_CTRL_OACS, offsetof(struct nvme_id_ctrl, oacs));
	ck_assert_uint_eq(ID_CTRL_SGLS, offsetof(struct nvme_id_ctrl, sgls));
	ck_assert_uint_eq(OACS_DBBUF, NVME_CTRL_OACS_DBBUF_CFG);
	ck_assert_uint_eq(CNTRLTYPE_ADMIN, NVME_CTRL_CNTRLTYPE_ADMIN);

	ck_assert_int_eq(OPC_DELETE_SQ, nvme_admin_delete_sq);
	ck_assert_int_eq(OPC_CREATE_SQ, nvme_admin_create_sq);
	ck_assert_int_eq(OPC_DELETE_CQ, nvme_admin_delete_cq);
	ck_assert_int_eq(OPC_CREATE_CQ, nvme_admin_create_cq);
	ck_assert_int_eq(OPC_IDENTIFY, nvme_admin_identify);
	ck_assert_int_eq(OPC_SET_FEATURES, nvme_admin_set_features);
	ck_assert_int_eq(OPC_AER, nvme_admin_async_event);
	ck_assert_int_eq(OPC_DBBUF_CONFIG, nvme_admin_dbbuf);
	ck_assert_int_eq(FEAT_NUM_QUEUES, NVME_FEAT_FID_NUM_QUEUES);
	ck_assert_int_eq(IDENTIFY_CNS_CTRL, NVME_IDENTIFY_CNS_CTRL);
}
END_TEST

START_TEST(test_helpers)
{
	struct nvme_cqe cqe = {0};

	ck_assert_int_eq(NVME_VERSION(1, 4, 0), 0x10400);
	ck_assert_int_eq(__mps_to_pageshift(0), 12);
	ck_assert_uint_eq(__mps_to_pagesize(4), 65536);
	ck_assert_uint_eq(NVME_AEN_TYPE(0x00020001), 1);
	ck_assert_uint_eq(NVME_AEN_INFO(0x00020301), 3);
	ck_assert_uint_eq(NVME_AEN_LID(0x00020301), 2);

	cqe.sfp = cpu_to_le16(0x0001);
	ck_assert(nvme_cqe_ok(&cqe));
	ck_assert_int_eq(nvme_set_errno_from_cqe(&cqe), 0);
	cqe.sfp = cpu_to_le16(0x0101 << 1);
	ck_assert(!nvme_cqe_ok(&cqe));
	errno = 0;
	ck_assert_int_eq(nvme_set_errno_from_cqe(&cqe), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert(strstr(vfn_error(), "type 0x1, status 0x1"));
}
END_TEST

START_TEST(test_crc64)
{
	static unsigned char buf[4096];

	/* the check value of the catalogues, and the specification's own table (NVM command
	 * set, 5.2.1.3.5) */
	ck_assert(nvme_crc64(~0ull, (const unsigned char *)"123456789", 9) ==
		  0xae8b14860a799888ull);
	ck_assert(nvme_crc64(~0ull, buf, sizeof(buf)) == 0x6482d367eb22b64eull);
	memset(buf, 0xff, sizeof(buf));
	ck_assert(nvme_crc64(~0ull, buf, sizeof(buf)) == 0xc0ddba7302eca3acull);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)i;
	ck_assert(nvme_crc64(~0ull, buf, sizeof(buf)) == 0x3e729f5f6750449cull);

	/* in two parts */
	ck_assert(nvme_crc64(~nvme_crc64(~0ull, buf, 1000), buf + 1000, sizeof(buf) - 1000) ==
		  0x3e729f5f6750449cull);
}
END_TEST

/* As it lies on the medium: big-endian, the storage and reference tag in what is left. */
START_TEST(test_pi_tuple)
{
	static const uint8_t want[16] = {0x64, 0x82, 0xd3, 0x67, 0xeb, 0x22, 0xb6, 0x4e,
					 0x12, 0x34, 1,	   2,	 3,    4,    5,	   6};
	static unsigned char block[4096];
	struct nvme_crc64_pi_tuple tuple = {.sr = {1, 2, 3, 4, 5, 6}};

	tuple.guard = cpu_to_be64(nvme_crc64(~0ull, block, sizeof(block)));
	tuple.apptag = cpu_to_be16(0x1234);
	ck_assert_mem_eq(&tuple, want, sizeof(want));
}
END_TEST

UNIT_MAIN("nvme-types", tcase_add_test(tc, test_common); tcase_add_test(tc, test_views);
	  tcase_add_test(tc, test_registers); tcase_add_test(tc, test_identify_and_opcodes);
	  tcase_add_test(tc, test_helpers); tcase_add_test(tc, test_crc64);
	  tcase_add_test(tc, test_pi_tuple))
