/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Level two on a queue in memory: tracker stacks, and waiting among others. */
#include "unit.h"

#include "fake-queue.h"

START_TEST(test_stack)
{
	struct nvme_rq *rqs[15];
	struct fake fake;
	bool seen[15] = {0};

	fake_init(&fake, 16);
	for (int i = 0; i < 15; i++) {
		rqs[i] = i % 2 ? nvme_rq_acquire(fake.sq) : nvme_rq_acquire_atomic(fake.sq);
		ck_assert_ptr_nonnull(rqs[i]);
		ck_assert_ptr_eq(rqs[i]->sq, fake.sq);
		ck_assert(!seen[rqs[i]->cid]);
		seen[rqs[i]->cid] = true;
		rqs[i]->opaque = &fake;
	}
	errno = 0;
	ck_assert_ptr_null(nvme_rq_acquire(fake.sq));
	ck_assert_int_eq(errno, EBUSY);
	errno = 0;
	ck_assert_ptr_null(nvme_rq_acquire_atomic(fake.sq));
	ck_assert_int_eq(errno, EBUSY);

	nvme_rq_release(rqs[3]);
	ck_assert_ptr_null(rqs[3]->opaque);
	nvme_rq_release_atomic(rqs[8]);
	ck_assert_ptr_eq(nvme_rq_acquire(fake.sq), rqs[3]);
	ck_assert_ptr_eq(nvme_rq_acquire_atomic(fake.sq), rqs[8]);

	/* what one form released the other one finds, too */
	nvme_rq_release(rqs[1]);
	nvme_rq_release(rqs[2]);
	nvme_rq_release_atomic(rqs[4]);
	nvme_rq_release_atomic(rqs[5]);
	ck_assert_ptr_eq(nvme_rq_acquire(fake.sq), rqs[2]);
	ck_assert_ptr_eq(nvme_rq_acquire_atomic(fake.sq), rqs[5]);
	ck_assert_ptr_eq(nvme_rq_acquire_atomic(fake.sq), rqs[4]);
	ck_assert_ptr_eq(nvme_rq_acquire_atomic(fake.sq), rqs[1]);
	nvme_rq_release_atomic(rqs[6]);
	ck_assert_ptr_eq(nvme_rq_acquire(fake.sq), rqs[6]);
	ck_assert_ptr_null(nvme_rq_acquire(fake.sq));
	ck_assert_ptr_null(nvme_rq_acquire_atomic(fake.sq));
	fake_free(&fake);
}
END_TEST

/* A queue that a program has made by hand, as the structures' order and names let it. */
START_TEST(test_by_hand)
{
	static union nvme_cmd sqes[4];
	static struct nvme_cqe cqes[4];
	static leint32_t doorbells[2];
	static leint64_t list[512] __attribute__((aligned(4096)));
	struct nvme_ctrl ctrl = {.config.mps = 0};
	struct nvme_cq cq = {
		.vaddr = cqes, .id = 1, .qsize = 4, .doorbell = &doorbells[1], .vector = -1};
	struct nvme_sq sqs[2] = {
		[1] = {.cq = &cq, .vaddr = sqes, .id = 1, .qsize = 4, .doorbell = &doorbells[0]}};
	struct nvme_sq *sq = &sqs[1];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-braces"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
	struct nvme_rq rqs[4] = {
		{.sq = sq, .cid = 0, .page = {list, 0x8000000}, .rq_next = NULL},
		{.sq = sq, .cid = 1, .page = {list, 0x8000000}, .rq_next = &rqs[0]},
		{.sq = sq, .cid = 2, .page = {list, 0x8000000}, .rq_next = &rqs[1]},
	};
#pragma GCC diagnostic pop
	struct nvme_cqe *cqe;
	struct nvme_rq *rq;

	/* without acquiring: as it was made, the list's page too */
	for (size_t i = 0; i < 512; i++)
		list[i] = UINT64_MAX;
	ck_assert_uint_eq(rqs[1].cid, 1);
	ck_assert_ptr_eq(rqs[1].page.vaddr, list);
	ck_assert_uint_eq(rqs[1].page.iova, 0x8000000);
	ck_assert_ptr_eq(rqs[2].rq_next, &rqs[1]);
	ck_assert_int_eq(nvme_rq_map_prp(&ctrl, &rqs[0], &sqes[0], 0x1000000, 0x3000), 0);
	ck_assert_uint_eq(le64_to_cpu(sqes[0].dptr.prp1), 0x1000000);
	ck_assert_uint_eq(le64_to_cpu(sqes[0].dptr.prp2), 0x8000000);
	ck_assert_uint_eq(le64_to_cpu(list[0]), 0x1001000);
	ck_assert_uint_eq(le64_to_cpu(list[1]), 0x1002000);
	cqes[0] = (struct nvme_cqe){.sqid = cpu_to_le16(1), .cid = 2, .sfp = cpu_to_le16(1)};
	ctrl.sq = sqs;
	sq->rqs = rqs;
	ck_assert_ptr_eq(nvme_rq_from_cqe(&ctrl, &cqes[0]), &rqs[2]);

	/* with a stack */
	sq->rq_top = &rqs[2];
	for (int i = 2; i >= 0; i--)
		ck_assert_ptr_eq(i % 2 ? nvme_rq_acquire_atomic(sq) : nvme_rq_acquire(sq),
				 &rqs[i]);
	ck_assert_ptr_null(nvme_rq_acquire(sq));
	nvme_rq_release(&rqs[0]);
	nvme_rq_release(&rqs[2]);
	ck_assert_ptr_eq(sq->rq_top, &rqs[2]);
	ck_assert_ptr_eq(rqs[2].rq_next, &rqs[0]);
	rq = nvme_rq_acquire(sq);
	nvme_rq_exec(rq, &(union nvme_cmd){.opcode = 0x2});
	ck_assert_uint_eq(le32_to_cpu(doorbells[0]), 1);
	ck_assert_uint_eq(sqes[0].cid, 2);
	cqe = nvme_cq_get_cqe(&cq);
	ck_assert_ptr_eq(cqe, &cqes[0]);
	ck_assert_ptr_eq(__nvme_rq_from_cqe(sq, cqe), rq);
	nvme_rq_release(rq);
	nvme_cq_update_head(&cq);
	ck_assert_uint_eq(le32_to_cpu(doorbells[1]), 1);

	rq = nvme_rq_acquire(sq);
	nvme_rq_exec(rq, &(union nvme_cmd){.opcode = 0x2});
	cqes[1] = cqes[0];
	ck_assert_int_eq(nvme_rq_spin(rq, NULL), 0);
}
END_TEST

START_TEST(test_acquire_cid)
{
	struct fake fake;

	fake_init(&fake, 8);
	for (int n = 0; n < 2; n++) {
		static const uint16_t order[] = {3, 0, 6, 1};

		for (int i = 0; i < 4; i++) {
			struct nvme_rq *rq = nvme_rq_acquire_cid(fake.sq, order[i]);

			ck_assert_ptr_eq(rq, &fake.sq->rqs[order[i]]);
			errno = 0;
			ck_assert_ptr_null(nvme_rq_acquire_cid(fake.sq, order[i]));
			ck_assert_int_eq(errno, EBUSY);
		}
		errno = 0;
		ck_assert_ptr_null(nvme_rq_acquire_cid(fake.sq, 7));
		ck_assert_int_eq(errno, EINVAL);

		/* three are left */
		for (int i = 0; i < 3; i++)
			ck_assert_ptr_nonnull(nvme_rq_acquire(fake.sq));
		ck_assert_ptr_null(nvme_rq_acquire(fake.sq));
		for (int i = 0; i < 7; i++)
			nvme_rq_release(&fake.sq->rqs[i]);
	}
	fake_free(&fake);
}
END_TEST

START_TEST(test_from_cqe)
{
	struct nvme_cqe cqe = {.sqid = cpu_to_le16(1), .cid = 3};
	struct fake fake;
	struct nvme_rq *rq;

	logv_set(VFN_LOG_NONE);
	fake_init(&fake, 8);
	rq = nvme_rq_acquire_cid(fake.sq, 3);
	ck_assert_ptr_eq(nvme_rq_from_cqe(&fake.ctrl, &cqe), rq);
	ck_assert_ptr_eq(__nvme_rq_from_cqe(fake.sq, &cqe), rq);
	cqe.cid = 3 | NVME_CID_AER;
	ck_assert_ptr_eq(nvme_rq_from_cqe(&fake.ctrl, &cqe), rq);

	/* none of these is outstanding */
	errno = 0;
	cqe.cid = 4;
	ck_assert_ptr_null(nvme_rq_from_cqe(&fake.ctrl, &cqe));
	ck_assert_int_eq(errno, EINVAL);
	cqe.cid = 7;
	ck_assert_ptr_null(nvme_rq_from_cqe(&fake.ctrl, &cqe));
	cqe.cid = 0x7fff;
	ck_assert_ptr_null(nvme_rq_from_cqe(&fake.ctrl, &cqe));
	cqe.cid = 0xffff;
	ck_assert_ptr_null(nvme_rq_from_cqe(&fake.ctrl, &cqe));
	cqe.cid = 3;
	cqe.sqid = cpu_to_le16(2); /* within range, but there is none */
	ck_assert_ptr_null(nvme_rq_from_cqe(&fake.ctrl, &cqe));
	cqe.sqid = cpu_to_le16(0xffff);
	ck_assert_ptr_null(nvme_rq_from_cqe(&fake.ctrl, &cqe));
	fake_free(&fake);
}
END_TEST

START_TEST(test_exec_and_wait)
{
	struct timespec ms = {0, 10000000}, bad = {-1, 0};
	union nvme_cmd cmd = {.opcode = 1};
	struct nvme_cqe cqe;
	struct fake fake;
	struct nvme_rq *rq;

	fake_init(&fake, 8);
	rq = nvme_rq_acquire_cid(fake.sq, 5);
	nvme_rq_exec(rq, &cmd);
	ck_assert_uint_eq(cmd.cid, 5);
	ck_assert_uint_eq(((union nvme_cmd *)fake.sq->vaddr)->cid, 5);
	ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 1);

	errno = 0;
	ck_assert_int_eq(nvme_rq_wait(rq, &cqe, &bad), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_rq_wait(rq, &cqe, &ms), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_eq(nvme_rq_poll(rq, &cqe), 0);

	fake_complete(&fake, 1, 5, 0);
	ck_assert_int_eq(nvme_rq_wait(rq, &cqe, &ms), 0);
	ck_assert_uint_eq(le32_to_cpu(cqe.dw0), 5);
	ck_assert_uint_eq(le32_to_cpu(fake.cq_doorbell), 1);

	/* a failed command is EIO, with its status */
	nvme_rq_exec(rq, &cmd);
	fake_complete(&fake, 1, 5, 0x4281);
	errno = 0;
	ck_assert_int_eq(nvme_rq_spin(rq, &cqe), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_uint_eq(le16_to_cpu(cqe.sfp) >> 1, 0x4281);

	fake_complete(&fake, 1, 5, 0);
	ck_assert_int_eq(nvme_rq_spin(rq, NULL), 0);
	fake_free(&fake);
}
END_TEST

/* At every place in the ring: ours comes after `others` of somebody else's, which stay, in order.
 */
START_TEST(test_others_stay)
{
	struct fake fake;
	struct nvme_rq *mine;
	struct nvme_cqe copy, *cqe;

	fake_init(&fake, 8);
	for (int i = 0; i < 7; i++)
		ck_assert_ptr_nonnull(nvme_rq_acquire(fake.sq));
	mine = &fake.sq->rqs[6];

	for (int start = 0; start < 40; start++) {
		int others = start % 6;

		for (uint16_t i = 0; i < others; i++)
			fake_complete(&fake, 1, i, i);
		ck_assert_int_eq(nvme_rq_poll(mine, &copy), 0);
		fake_complete(&fake, 1, 6, 0x99);
		if (others < 5)
			fake_complete(&fake, 1, 5, 0x55);

		ck_assert_int_eq(nvme_rq_poll(mine, &copy), 1);
		ck_assert_uint_eq(copy.cid, 6);
		ck_assert_uint_eq(le16_to_cpu(copy.sfp) >> 1, 0x99);
		ck_assert_int_eq(nvme_rq_poll(mine, &copy), 0);

		for (uint16_t i = 0; i < others; i++) {
			cqe = nvme_cq_get_cqe(fake.cq);
			ck_assert_ptr_nonnull(cqe);
			ck_assert_uint_eq(cqe->cid, i);
			ck_assert_uint_eq(le16_to_cpu(cqe->sfp) >> 1, i);
			ck_assert_uint_eq(le32_to_cpu(cqe->dw0), i);
		}
		if (others < 5) {
			cqe = nvme_cq_get_cqe(fake.cq);
			ck_assert_ptr_nonnull(cqe);
			ck_assert_uint_eq(cqe->cid, 5);
		}
		ck_assert_ptr_null(nvme_cq_get_cqe(fake.cq));
		nvme_cq_update_head(fake.cq);
		ck_assert_uint_eq(le32_to_cpu(fake.cq_doorbell), fake.tail);
	}
	fake_free(&fake);
}
END_TEST

START_TEST(test_strays)
{
	struct fake fake;
	struct nvme_rq *mine, *lost;
	struct nvme_cqe copy;

	logv_set(VFN_LOG_NONE);
	fake_init(&fake, 8);
	mine = nvme_rq_acquire_cid(fake.sq, 2);
	lost = nvme_rq_acquire_cid(fake.sq, 4);
	atomic_store_relaxed(&lost->state, NVME_RQ_LOST);

	fake_complete(&fake, 1, 0, 0);	    /* nobody's */
	fake_complete(&fake, 1, 0x4000, 0); /* beyond the trackers: some level one caller's */
	fake_complete(&fake, 2, 0, 0);	    /* no such queue */
	fake_complete(&fake, 999, 0, 0);
	fake_complete(&fake, 1, 4, 0); /* late */
	fake_complete(&fake, 1, 2, 0);
	ck_assert_int_eq(nvme_rq_wait(mine, &copy, NULL), 0);
	ck_assert_uint_eq(copy.cid, 2);
	ck_assert_int_eq(lost->state, NVME_RQ_FREE);
	ck_assert_ptr_eq(nvme_rq_acquire_atomic(fake.sq), lost);

	ck_assert_uint_eq(nvme_cq_get_cqe(fake.cq)->cid, 0x4000);
	ck_assert_ptr_null(nvme_cq_get_cqe(fake.cq));

	/* a second completion of a command is not taken for that of the tracker's next one */
	fake_complete(&fake, 1, 2, 0);
	nvme_rq_release(mine);
	nvme_cq_sweep(fake.sq);
	mine = nvme_rq_acquire_cid(fake.sq, 2);
	ck_assert_int_eq(nvme_rq_poll(mine, &copy), 0);
	fake_free(&fake);
}
END_TEST

UNIT_MAIN("nvme-rq", tcase_add_test(tc, test_stack); tcase_add_test(tc, test_by_hand);
	  tcase_add_test(tc, test_acquire_cid); tcase_add_test(tc, test_from_cqe);
	  tcase_add_test(tc, test_exec_and_wait);
	  tcase_add_test(tc, test_others_stay); tcase_add_test(tc, test_strays))
