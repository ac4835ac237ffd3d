/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that do not complete, on a simulated controller: Abort, and the end by a reset. */
#include "unit.h"

#include "sim-rig.h"

#define QSIZE 16

static struct rig rig;
static struct nvme_ctrl *const ctrl = &rig.ctrl;
static struct nvme_sq *sq;

static void setup(void)
{
	rig_start(&rig, 0);
	RIG_OK(nvme_create_ioqpair(ctrl, 1, QSIZE, -1, 0));
	sq = &ctrl->sq[1];
}

static void teardown(void)
{
	rig_stop(&rig);
}

static struct timespec ms(long n)
{
	return (struct timespec){n / 1000, n % 1000 * 1000000};
}

/* nvme_rq_wait() for some milliseconds: 0, or the errno. */
static int wait_for(struct nvme_rq *rq, struct nvme_cqe *cqe, long limit)
{
	struct timespec ts = ms(limit);

	return nvme_rq_wait(rq, cqe, &ts) ? errno : 0;
}

static struct nvme_rq *submit(struct nvme_sq *on)
{
	struct nvme_rq *rq = nvme_rq_acquire(on);

	ck_assert_ptr_nonnull(rq);
	rig_submit(&rig, rq, 2, 0, rq->cid);
	return rq;
}

/* Until the controller has fetched so many that it keeps: an Abort that overtakes one finds nothing. */
static void fetched(long n)
{
	for (int i = 0; i < 10000 && sim_stat(&rig.sim, "outstanding") != n; i++)
		usleep(500);
	ck_assert_int_eq(sim_stat(&rig.sim, "outstanding"), n);
}

static void check_works(void)
{
	struct nvme_rq *rq = submit(&ctrl->sq[1]);

	ck_assert_int_eq(wait_for(rq, NULL, 5000), 0);
	nvme_rq_release(rq);
}

static void again(void)
{
	for (int i = 1; i <= 2; i++) {
		nvme_discard_sq(ctrl, &ctrl->sq[i]);
		nvme_discard_cq(ctrl, &ctrl->cq[i]);
	}
	RIG_OK(nvme_reinit(ctrl));
	RIG_OK(nvme_create_ioqpair(ctrl, 1, QSIZE, -1, 0));
	check_works();
}

START_TEST(test_abort)
{
	static const char *const faults[] = {"drop io 2 1", "delay io 2 1 60000"};
	struct nvme_cqe cqe;
	struct nvme_rq *rq;

	for (int i = 0; i < 2; i++) {
		sim_do(&rig.sim, faults[i]);
		rq = submit(sq);
		fetched(1);
		ck_assert_int_eq(wait_for(rq, &cqe, 30), ETIMEDOUT);
		RIG_OK(nvme_rq_abort(rq));
		RIG_OK(nvme_rq_abort(rq));
		ck_assert_int_eq(wait_for(rq, &cqe, 5000), EIO);
		ck_assert_uint_eq(cqe.cid, rq->cid);
		ck_assert_uint_eq(rig_status(&cqe), 0x07);
		nvme_rq_release(rq);
		errno = 0;
		ck_assert_int_eq(nvme_rq_abort(rq), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_int_eq(rig_free(sq), QSIZE - 1);
		ck_assert_int_eq(rig_free(ctrl->adminq.sq), 63);
		check_works();
	}
}
END_TEST

/* The command completes while its Abort is under way: its identifier is kept until that is answered. */
START_TEST(test_abort_late)
{
	struct nvme_rq *rq, *others[QSIZE];
	struct nvme_cqe cqe, *entry;
	int n;

	for (int by_hand = 0; by_hand < 2; by_hand++) {
		sim_do(&rig.sim, "delay admin 8 1 1000");
		sim_do(&rig.sim, "delay io 2 1 100");
		rq = submit(sq);
		fetched(1);
		RIG_OK(nvme_rq_abort(rq));

		/* the completion is there, but is not given */
		nvme_cq_spin(sq->cq);
		ck_assert_int_eq(nvme_rq_poll(rq, &cqe), 0);
		if (by_hand) {
			entry = nvme_cq_get_cqe(sq->cq);
			errno = 0;
			ck_assert_ptr_null(nvme_rq_from_cqe(ctrl, entry));
			ck_assert_int_eq(errno, EAGAIN);
			nvme_cq_update_head(sq->cq);
			ck_assert_ptr_null(nvme_cq_get_cqe(sq->cq));
		}
		ck_assert_int_eq(nvme_rq_poll(rq, &cqe), 0);

		/* whoever comes meanwhile has another identifier, and is not aborted */
		for (n = 0; (others[n] = nvme_rq_acquire(sq)); n++) {
			ck_assert_ptr_ne(others[n], rq);
			rig_submit(&rig, others[n], 2, 0, others[n]->cid);
		}
		ck_assert_int_eq(n, QSIZE - 2);
		ck_assert_int_eq(wait_for(rq, &cqe, 5000), 0);
		ck_assert_int_eq(ctrl->priv->naborts, 0);
		while (n--) {
			ck_assert_int_eq(wait_for(others[n], NULL, 5000), 0);
			nvme_rq_release(others[n]);
		}
		nvme_rq_release(rq);
		ck_assert_ptr_null(nvme_cq_get_cqe(sq->cq));
		ck_assert_int_eq(rig_free(sq), QSIZE - 1);
	}
}
END_TEST

START_TEST(test_abort_limit)
{
	struct nvme_rq *rqs[8];
	struct nvme_cqe cqe;
	int most = ctrl->config.acl + 1;

	ck_assert_int_gt(most, 1);
	ck_assert_int_lt(most, 8);
	sim_do(&rig.sim, "delay io 2 0 60000");
	for (int i = 0; i <= most; i++)
		rqs[i] = submit(sq);
	fetched(most + 1);
	sim_do(&rig.sim, "clear");
	sim_do(&rig.sim, "delay admin 8 0 1000");
	for (int i = 0; i < most; i++)
		RIG_OK(nvme_rq_abort(rqs[i]));
	errno = 0;
	ck_assert_int_eq(nvme_rq_abort(rqs[most]), -1);
	ck_assert_int_eq(errno, EAGAIN);
	for (int i = 0; i < most; i++) {
		ck_assert_int_eq(wait_for(rqs[i], &cqe, 5000), EIO);
		ck_assert_uint_eq(rig_status(&cqe), 0x07);
	}
	RIG_OK(nvme_rq_abort(rqs[most]));
	ck_assert_int_eq(wait_for(rqs[most], &cqe, 5000), EIO);
	for (int i = 0; i <= most; i++)
		nvme_rq_release(rqs[i]);
	ck_assert_int_eq(rig_free(sq), QSIZE - 1);
	ck_assert_int_eq(rig_free(ctrl->adminq.sq), 63);
}
END_TEST

/* A request for an event is aborted under the identifier that it has. */
START_TEST(test_abort_event)
{
	struct nvme_cqe cqe;
	struct nvme_rq *rq;
	int mine;

	RIG_OK(nvme_aer(ctrl, &mine));
	fetched(1);
	for (int i = 0; i < 63; i++) {
		rq = &ctrl->adminq.sq->rqs[i];
		if (rq->opaque == &mine)
			break;
	}
	ck_assert_ptr_eq(rq->opaque, &mine);
	rig_identify(&rig);
	ck_assert_int_eq(sim_stat(&rig.sim, "event_requests"), 1);
	RIG_OK(nvme_rq_abort(rq));
	ck_assert_int_eq(wait_for(rq, &cqe, 5000), EIO);
	ck_assert_uint_eq(cqe.cid, rq->cid | NVME_CID_AER);
	ck_assert_uint_eq(rig_status(&cqe), 0x07);
	nvme_rq_release(rq);
	ck_assert_int_eq(rig_free(ctrl->adminq.sq), 63);
	ck_assert_int_eq(sim_stat(&rig.sim, "event_requests"), 0);
}
END_TEST

/* An Abort that is never answered keeps its command, and an identifier of its queue's successor. */
START_TEST(test_abort_unanswered)
{
	struct nvme_cqe cqe;
	struct nvme_rq *rq;

	sim_do(&rig.sim, "drop admin 8 1 stuck");
	sim_do(&rig.sim, "delay io 2 1 60000");
	rq = submit(sq);
	fetched(1);
	RIG_OK(nvme_rq_abort(rq));
	nvme_cq_spin(sq->cq); /* it has been aborted */
	ck_assert_int_eq(wait_for(rq, &cqe, 100), ETIMEDOUT);
	RIG_OK(nvme_delete_iosq(ctrl, 1));
	errno = 0;
	ck_assert_int_eq(nvme_create_iosq(ctrl, 1, QSIZE, &ctrl->cq[1], 0), -1);
	ck_assert_int_eq(errno, EBUSY);
	RIG_OK(nvme_create_iosq(ctrl, 2, QSIZE, &ctrl->cq[1], 0));
	RIG_OK(nvme_reset(ctrl));
	ck_assert_int_eq(rig_free(ctrl->adminq.sq), 63);
	again();
}
END_TEST

struct ended {
	unsigned int n;
	unsigned int by_rq[64];
	unsigned int host, aborted, ok;
	struct nvme_rq *keep; /* not released */
};

static void on_fail(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg)
{
	struct ended *ended = arg;

	ended->n++;
	ended->by_rq[rq->sq->id * QSIZE + rq->cid]++;
	RIG_EXPECT((cqe->cid & ~NVME_CID_AER) == rq->cid);
	RIG_EXPECT(le16_to_cpu(cqe->sqid) == rq->sq->id);
	ended->host += rig_status(cqe) == NVME_STATUS_HOST_ABORTED;
	ended->aborted += rig_status(cqe) == 0x07;
	ended->ok += rig_status(cqe) == 0;
	if (rq != ended->keep)
		nvme_rq_release(rq);
}

/* Of each kind of command one: stuck, aborted in vain, done and not taken, done and kept back. */
START_TEST(test_reset_ends_all)
{
	struct nvme_rq *stuck, *vain, *done, *kept, *other;
	struct ended ended = {0};
	struct nvme_cqe cqe;
	int mine;

	RIG_OK(nvme_create_ioqpair(ctrl, 2, QSIZE, -1, 0));
	RIG_OK(nvme_aer(ctrl, &mine));
	ck_assert_int_eq(nvme_aen_arm(ctrl, 2), 2);

	sim_do(&rig.sim, "drop io 2 1 stuck");
	stuck = submit(sq);
	fetched(4); /* with the requests for events */
	sim_do(&rig.sim, "drop io 2 1 stuck");
	vain = submit(sq);
	fetched(5);
	RIG_OK(nvme_rq_abort(vain));
	ck_assert_int_eq(wait_for(vain, &cqe, 50), ETIMEDOUT);
	done = submit(sq);
	nvme_cq_spin(sq->cq);
	sim_do(&rig.sim, "drop io 2 1 stuck");
	other = submit(&ctrl->sq[2]);
	fetched(6);

	sim_do(&rig.sim, "drop admin 8 1 stuck");
	sim_do(&rig.sim, "delay io 2 1 60000");
	kept = submit(&ctrl->sq[2]);
	fetched(7);
	RIG_OK(nvme_rq_abort(kept));
	ck_assert_int_eq(wait_for(kept, &cqe, 50), ETIMEDOUT);

	errno = 0;
	ck_assert_int_eq(nvme_fail_outstanding(ctrl, on_fail, &ended), -1);
	ck_assert_int_eq(errno, EBUSY);
	RIG_OK(nvme_reset(ctrl));
	ended.keep = done;
	ck_assert_int_eq(nvme_fail_outstanding(ctrl, on_fail, &ended), 6);

	ck_assert_uint_eq(ended.n, 6);
	for (int i = 0; i < 64; i++)
		ck_assert_uint_le(ended.by_rq[i], 1);
	ck_assert_uint_eq(ended.host, 4); /* stuck, vain, other; the request for an event */
	ck_assert_uint_eq(ended.ok, 1);
	ck_assert_uint_eq(ended.aborted, 1);
	for (int i = 0; i < 4; i++) {
		struct nvme_rq *rq = (struct nvme_rq *[]){stuck, vain, kept, other}[i];

		ck_assert_int_eq(rq->state, NVME_RQ_FREE);
	}

	/* nothing is left to end; what is submitted now ends at once */
	nvme_rq_release(done);
	ck_assert_int_eq(nvme_fail_outstanding(ctrl, on_fail, &ended), 0);
	stuck = submit(sq);
	ck_assert_int_eq(wait_for(stuck, &cqe, 5000), ECANCELED);
	nvme_rq_release(stuck);
	ck_assert_int_eq(nvme_sq_busy(sq), 0);
	ck_assert_int_eq(nvme_sq_busy(&ctrl->sq[2]), 0);
	ck_assert_int_eq(nvme_sq_busy(ctrl->adminq.sq), 0);
	again();
}
END_TEST

/* Without a function the owners ask, and get each completion once. */
START_TEST(test_reset_without_function)
{
	union nvme_cmd cmd = {.rw = {.opcode = 2}};
	struct nvme_rq *stuck, *done, *admin;
	struct nvme_cqe cqe;
	char buf[512];

	sim_do(&rig.sim, "drop io 2 1 stuck");
	stuck = submit(sq);
	fetched(1);
	done = submit(sq);
	nvme_cq_spin(sq->cq);
	sim_do(&rig.sim, "drop admin 6 1 stuck");
	admin = nvme_rq_acquire(ctrl->adminq.sq);
	cmd = (union nvme_cmd){.identify = {.opcode = OPC_IDENTIFY, .cns = 1}};
	RIG_OK(nvme_rq_map_prp(ctrl, admin, &cmd, rig.iova, 4096));
	nvme_rq_exec(admin, &cmd);
	fetched(2);

	RIG_OK(nvme_reset(ctrl));
	errno = 0;
	ck_assert_int_eq(nvme_rq_abort(stuck), -1);
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert_int_eq(nvme_fail_outstanding(ctrl, NULL, NULL), 3);
	ck_assert_int_eq(wait_for(done, &cqe, 0), 0);
	ck_assert_int_eq(wait_for(stuck, &cqe, 0), ECANCELED);
	ck_assert_uint_eq(cqe.cid, stuck->cid);
	ck_assert_uint_eq(rig_status(&cqe), NVME_STATUS_HOST_ABORTED);
	nvme_rq_release(done);
	nvme_rq_release(stuck);
	cmd = (union nvme_cmd){.rw = {.opcode = 2}};
	errno = 0;
	ck_assert_int_eq(nvme_sync(ctrl, sq, &cmd, buf, sizeof(buf), NULL), -1);
	ck_assert_int_eq(errno, ECANCELED);
	ck_assert_int_eq(nvme_sq_busy(sq), 0);

	/* also when the controller is up again: the admin queue's trackers stay */
	again();
	ck_assert_int_eq(wait_for(admin, &cqe, 0), ECANCELED);
	nvme_rq_release(admin);
	ck_assert_int_eq(rig_free(ctrl->adminq.sq), 63);
}
END_TEST

/*
 * The completion comes about when the limit ends and the Abort is sent, in every order. Each command
 * ends once, and no other one with it.
 */
START_TEST(test_abort_races)
{
	time_t end = 0;
	int ended[3] = {0};
	struct nvme_cqe cqe;
	char fault[64];

	srand(3);
	for (int i = 0; i < 150 || unit_again(&end, 20); i++) {
		struct nvme_rq *rq, *by;
		int r;

		snprintf(fault, sizeof(fault), "delay io 2 1 %d", rand() % 4);
		sim_do(&rig.sim, fault);
		snprintf(fault, sizeof(fault), "delay admin 8 1 %d", rand() % 4);
		sim_do(&rig.sim, fault);
		rq = submit(sq);
		usleep((useconds_t)(rand() % 3000));
		r = wait_for(rq, &cqe, 0);
		if (r == ETIMEDOUT) {
			RIG_OK(nvme_rq_abort(rq));
			r = wait_for(rq, &cqe, 5000);
			ended[1 + !r]++;
		} else {
			ended[0]++;
		}
		RIG_EXPECT(!r || (r == EIO && rig_status(&cqe) == 0x07));
		RIG_EXPECT(cqe.cid == rq->cid);
		nvme_rq_release(rq);

		/* the identifier is used again at once */
		by = submit(sq);
		RIG_EXPECT(by == rq);
		RIG_OK(wait_for(by, &cqe, 5000));
		nvme_rq_release(by);
		RIG_EXPECT(!nvme_cq_get_cqe(sq->cq));
		sim_do(&rig.sim, "clear");
	}
	printf("# %d in time, %d aborted, %d after all\n", ended[0], ended[1], ended[2]);
	ck_assert_int_gt(ended[0], 0);
	ck_assert_int_gt(ended[1], 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-recover");
	TCase *tc = tcase_create("nvme-recover");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_abort);
	tcase_add_test(tc, test_abort_late);
	tcase_add_test(tc, test_abort_limit);
	tcase_add_test(tc, test_abort_event);
	tcase_add_test(tc, test_abort_unanswered);
	tcase_add_test(tc, test_reset_ends_all);
	tcase_add_test(tc, test_reset_without_function);
	tcase_add_test(tc, test_abort_races);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
