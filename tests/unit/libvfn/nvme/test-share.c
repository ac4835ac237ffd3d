/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completion queues of many threads, on queues in memory with a thread as the controller: by hand, and
 * shared; and their end while threads wait. Also built with ThreadSanitizer (test-tsan.sh), which sees
 * all that the controller's end orders, since that is here, too.
 */
#include "unit.h"

#include <pthread.h>
#include <sched.h>

#include "nvme/internal.h"

#define SQS	 4 /* identifiers 1 to 4, on the completion queue 1 */
#define QSIZE	 16
#define LATE_MAX 8

#define EXPECT(cond)                                                                               \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("line %d: %s", __LINE__, #cond);                              \
	} while (0)

static struct nvme_ctrl ctrl;
static struct nvme_cq *cq;
static leint32_t tails[SQS + 1], head;
static int cq_size;

/* The controller's end. */
static pthread_t device;
static bool stop;
static unsigned int drop; /* one command of so many is never completed */
static unsigned long dropped;

#define BY_HAND 1000
#define SHARED	200
#define MIXED	300
#define RESETS	20
#define AGAIN	10 /* seconds, with LONG */

static void post(int *tail, int *phase, uint16_t sqid, const union nvme_cmd *cmd)
{
	struct nvme_cqe *cqe = (struct nvme_cqe *)cq->vaddr + *tail;

	/* room: all but one entry */
	while (le32_to_cpu(LOAD(head)) == (uint32_t)(*tail + 1) % (uint32_t)cq_size) {
		if (__atomic_load_n(&stop, __ATOMIC_RELAXED))
			return;
		sched_yield();
	}
	mb();

	cqe->dw0 = cmd->cdw10;
	cqe->sqid = cpu_to_le16(sqid);
	cqe->cid = cmd->cid;
	dma_wmb();
	STORE(cqe->sfp, cpu_to_le16((uint16_t)*phase));
	if (++*tail == cq_size) {
		*tail = 0;
		*phase ^= 1;
	}
}

/* Complete what comes, some of it late and out of order, some of it never. */
static void *serve(void *arg)
{
	struct {
		union nvme_cmd cmd;
		uint16_t sqid;
	} late[LATE_MAX];
	int heads[SQS + 1] = {0}, tail = 0, phase = 1, n = 0;
	unsigned int seen = 0, seed = 7;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		bool idle = true;

		for (int i = 1; i <= SQS; i++) {
			union nvme_cmd cmd;

			if (heads[i] == (int)le32_to_cpu(LOAD(tails[i])))
				continue;
			idle = false;
			dma_rmb();
			cmd = ((union nvme_cmd *)ctrl.sq[i].vaddr)[heads[i]];
			heads[i] = (heads[i] + 1) % QSIZE;
			if (drop && ++seen % drop == 0) {
				dropped++;
			} else if (n < LATE_MAX && rand_r(&seed) % 4 == 0) {
				late[n].cmd = cmd;
				late[n++].sqid = (uint16_t)i;
			} else {
				post(&tail, &phase, (uint16_t)i, &cmd);
			}
		}
		if (n && (idle || rand_r(&seed) % 2)) {
			n--;
			post(&tail, &phase, late[n].sqid, &late[n].cmd);
		} else if (idle) {
			sched_yield();
		}
	}
	return arg;
}

static void start(int size)
{
	cq_size = size;
	memset(&ctrl, 0, sizeof(ctrl));
	memset(tails, 0, sizeof(tails));
	head = 0;
	stop = false;
	drop = 0;
	dropped = 0;
	ctrl.opts = (struct nvme_ctrl_opts){SQS - 1, SQS - 1, 0};
	ctrl.priv = calloc(1, sizeof(*ctrl.priv));
	ctrl.priv->ctrl = &ctrl;
	ctrl.priv->enabled = true;
	ctrl.sq = calloc(SQS + 1, sizeof(*ctrl.sq));
	ctrl.cq = calloc(SQS + 1, sizeof(*ctrl.cq));
	cq = &ctrl.cq[1];
	*cq = (struct nvme_cq){
		.vaddr = calloc((size_t)size, 16),
		.id = 1,
		.qsize = size,
		.doorbell = &head,
		.vector = -1,
		.ctrl = &ctrl,
		.priv = nvme_queue_priv_new(&ctrl, 1),
	};
	for (int i = 1; i <= SQS; i++) {
		struct nvme_sq *sq = &ctrl.sq[i];

		*sq = (struct nvme_sq){
			.cq = cq,
			.vaddr = calloc(QSIZE, 64),
			.id = i,
			.qsize = QSIZE,
			.doorbell = &tails[i],
			.ctrl = &ctrl,
			.priv = nvme_queue_priv_new(&ctrl, i),
		};
		ck_assert_int_eq(nvme_rq_setup(&ctrl, sq, QSIZE - 1), 0);
	}
	ck_assert_int_eq(pthread_create(&device, NULL, serve, NULL), 0);
}

static void stop_device(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	ck_assert_int_eq(pthread_join(device, NULL), 0);
}

static void finish(void)
{
	for (int i = 1; i <= SQS; i++) {
		ck_assert_int_eq(nvme_sq_busy(&ctrl.sq[i]), 0);
		free(ctrl.sq[i].vaddr);
		free(ctrl.sq[i].rqs);
		nvme_queue_priv_free(ctrl.sq[i].priv);
	}
	free(cq->vaddr);
	nvme_queue_priv_free(cq->priv);
	free(ctrl.sq);
	free(ctrl.cq);
	free(ctrl.priv);
}

static void setup(void)
{
	logv_set(VFN_LOG_NONE);
}

static void submit(struct nvme_rq *rq, uint32_t mark)
{
	union nvme_cmd cmd = {.opcode = 1, .cdw10 = cpu_to_le32(mark)};

	nvme_rq_exec(rq, &cmd);
}

struct request {
	uint32_t mark;
	uint32_t done; /* how often it has completed */
};

/* By hand: each thread submits on a queue of its own, and another one completes. */
static void *by_hand(void *arg)
{
	struct nvme_sq *sq = arg;
	struct request *requests = calloc(BY_HAND, sizeof(*requests));

	for (int i = 0; i < BY_HAND; i++) {
		struct nvme_rq *rq;

		while (!(rq = nvme_rq_acquire_atomic(sq)))
			sched_yield();
		requests[i].mark = (uint32_t)(sq->id << 24 | i);
		rq->opaque = &requests[i];
		submit(rq, requests[i].mark);
	}
	for (int i = 0; i < BY_HAND; i++) {
		while (!__atomic_load_n(&requests[i].done, __ATOMIC_ACQUIRE))
			sched_yield();
		EXPECT(__atomic_load_n(&requests[i].done, __ATOMIC_RELAXED) == 1);
	}
	free(requests);
	return NULL;
}

static void *complete(void *arg)
{
	unsigned long n = BY_HAND * SQS;

	while (n) {
		struct nvme_cqe *cqe = nvme_cq_get_cqe(cq);
		struct request *request;
		struct nvme_rq *rq;

		if (!cqe) {
			sched_yield();
			continue;
		}
		rq = nvme_rq_from_cqe(&ctrl, cqe);
		EXPECT(rq);
		request = rq->opaque;
		EXPECT(le32_to_cpu(cqe->dw0) == request->mark);
		nvme_rq_release_atomic(rq);
		__atomic_add_fetch(&request->done, 1, __ATOMIC_RELEASE);
		nvme_cq_update_head(cq);
		n--;
	}
	return arg;
}

static void run_threads(void *(*fn)(void *), int n)
{
	pthread_t threads[2 * SQS];

	for (int i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, fn, &ctrl.sq[1 + i % SQS]), 0);
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(test_by_hand)
{
	pthread_t completer;
	time_t end = 0;

	do {
		start(32);
		ck_assert_int_eq(pthread_create(&completer, NULL, complete, NULL), 0);
		run_threads(by_hand, SQS);
		ck_assert_int_eq(pthread_join(completer, NULL), 0);
		stop_device();
		finish();
	} while (unit_again(&end, AGAIN));
}
END_TEST

/* Shared: bursts, waited for in another order; their last one may come when the queue is full. */
static void *waits(void *arg)
{
	struct nvme_sq *sq = arg;

	for (int i = 0; i < SHARED; i++) {
		struct nvme_rq *rqs[QSIZE - 1];
		uint32_t marks[QSIZE - 1];
		int k, burst = 1 + i % (QSIZE - 1);

		for (k = 0; k < burst; k++) {
			rqs[k] = nvme_rq_acquire_atomic(sq);
			/* another thread may have the others */
			if (!rqs[k])
				break;
			marks[k] = (uint32_t)(sq->id << 24 | (i & 0xffff) << 8 | k);
			nvme_sq_lock(sq);
			submit(rqs[k], marks[k]);
			nvme_sq_unlock(sq);
		}
		while (k--) {
			struct nvme_cqe cqe;

			EXPECT(!nvme_rq_wait(rqs[k], &cqe, NULL));
			EXPECT(cqe.cid == rqs[k]->cid && le16_to_cpu(cqe.sqid) == sq->id);
			EXPECT(le32_to_cpu(cqe.dw0) == marks[k]);
			nvme_rq_release_atomic(rqs[k]);
		}
	}
	return NULL;
}

/* And as one command, start to end. */
static void *syncs(void *arg)
{
	struct nvme_sq *sq = arg;

	for (int i = 0; i < SHARED; i++) {
		union nvme_cmd cmd = {.opcode = 1, .cdw10 = cpu_to_le32((uint32_t)i)};
		struct nvme_cqe cqe;

		if (nvme_sync(&ctrl, sq, &cmd, NULL, 0, &cqe))
			EXPECT(errno == EBUSY);
		else
			EXPECT(le32_to_cpu(cqe.dw0) == (uint32_t)i);
	}
	return NULL;
}

START_TEST(test_shared)
{
	time_t end = 0;

	do {
		/* one thread a queue, then two; a queue with room for all, and for two only */
		start(_i / 2 ? 3 : 64);
		ck_assert_int_eq(nvme_cq_share(cq, NULL, NULL), 0);
		errno = 0;
		ck_assert_int_eq(nvme_cq_share(cq, NULL, NULL), -1);
		ck_assert_int_eq(errno, EBUSY);
		run_threads(waits, _i % 2 ? 2 * SQS : SQS);
		run_threads(syncs, 2 * SQS);
		stop_device();
		ck_assert_int_eq(nvme_cq_dispatch(cq), 0);
		finish();
	} while (unit_again(&end, AGAIN));
}
END_TEST

/* A function that takes what has an opaque, and leaves the rest to those who wait. */
static unsigned long taken;

static bool take(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg)
{
	struct request *request = rq->opaque;

	EXPECT(arg == &taken);
	if (!request)
		return false;
	EXPECT(le32_to_cpu(cqe->dw0) == request->mark);
	nvme_rq_release_atomic(rq);
	__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&request->done, 1, __ATOMIC_RELEASE);
	return true;
}

static void *mixed(void *arg)
{
	struct nvme_sq *sq = arg;
	struct request *requests = calloc(MIXED, sizeof(*requests));

	for (int i = 0; i < MIXED; i++) {
		struct nvme_rq *rq;

		while (!(rq = nvme_rq_acquire_atomic(sq)))
			nvme_cq_dispatch(cq);
		requests[i].mark = (uint32_t)(sq->id << 24 | i);
		rq->opaque = i % 2 ? &requests[i] : NULL;
		submit(rq, requests[i].mark);
		if (i % 2)
			continue;
		EXPECT(!nvme_rq_spin(rq, NULL));
		nvme_rq_release_atomic(rq);
	}
	for (int i = 1; i < MIXED; i += 2) {
		while (!__atomic_load_n(&requests[i].done, __ATOMIC_ACQUIRE))
			nvme_cq_dispatch(cq);
		EXPECT(__atomic_load_n(&requests[i].done, __ATOMIC_RELAXED) == 1);
	}
	free(requests);
	return NULL;
}

START_TEST(test_function)
{
	time_t end = 0;

	do {
		taken = 0;
		start(16);
		ck_assert_int_eq(nvme_cq_share(cq, take, &taken), 0);
		run_threads(mixed, SQS);
		stop_device();
		ck_assert_uint_eq(taken, MIXED / 2 * SQS);
		finish();
	} while (unit_again(&end, AGAIN));
}
END_TEST

/* The end while threads wait: each of their commands ends once, by the controller or by the reset. */
static unsigned long submitted, completed, canceled;

static void *until_the_end(void *arg)
{
	struct nvme_sq *sq = arg;

	for (bool ended = false; !ended;) {
		struct nvme_rq *rqs[3];
		int n = 0;

		while (n < 3 && (rqs[n] = nvme_rq_acquire_atomic(sq))) {
			__atomic_add_fetch(&submitted, 1, __ATOMIC_RELAXED);
			nvme_sq_lock(sq);
			submit(rqs[n++], 1);
			nvme_sq_unlock(sq);
		}
		while (n--) {
			struct nvme_cqe cqe;
			int r = nvme_rq_wait(rqs[n], &cqe, NULL);

			EXPECT(!r || errno == ECANCELED);
			EXPECT(cqe.cid == rqs[n]->cid && le16_to_cpu(cqe.sqid) == sq->id);
			__atomic_add_fetch(r ? &canceled : &completed, 1, __ATOMIC_RELAXED);
			nvme_rq_release_atomic(rqs[n]);
			ended |= r;
		}
	}
	return NULL;
}

START_TEST(test_reset)
{
	pthread_t threads[2 * SQS];
	unsigned long ended = 0;
	time_t end = 0;

	for (int round = 0; round < RESETS || unit_again(&end, AGAIN); round++) {
		int n;

		submitted = completed = canceled = 0;
		start(8);
		drop = 40;
		ck_assert_int_eq(nvme_cq_share(cq, NULL, NULL), 0);
		for (int i = 0; i < 2 * SQS; i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL, until_the_end,
							&ctrl.sq[1 + i % SQS]),
					 0);
		usleep((useconds_t)(500 * (round % RESETS)));
		stop_device();
		__atomic_store_n(&ctrl.priv->enabled, false, __ATOMIC_RELAXED);
		n = nvme_fail_outstanding(&ctrl, NULL, NULL);
		EXPECT(n >= 0);
		for (int i = 0; i < 2 * SQS; i++)
			ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		EXPECT(submitted == completed + canceled);
		EXPECT(nvme_fail_outstanding(&ctrl, NULL, NULL) == 0);
		ended += canceled;
		finish();
	}
	ck_assert_uint_gt(ended, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme-share");
	TCase *tc = tcase_create("nvme-share");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test_by_hand);
	tcase_add_loop_test(tc, test_shared, 0, 4);
	tcase_add_test(tc, test_function);
	tcase_add_test(tc, test_reset);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
