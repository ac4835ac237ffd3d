/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completions by interrupt: an eventfd a vector, in an epoll set, on a simulated controller, with
 * shadow doorbells and without. Whoever reads the eventfd, then looks at the queue, and then sleeps
 * loses nothing; the other way round it does, which is shown as well.
 */
#include "unit.h"

#include <sys/epoll.h>

#include "fake-queue.h"
#include "sim-rig.h"

#define QUEUES 3
#define DEPTH  16

static struct rig rig;
static struct nvme_ctrl *const ctrl = &rig.ctrl;
static int set;

static void watch(int fd, uint32_t number)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

	ck_assert_int_eq(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
}

/* All completions of a queue: how many. */
static int drain(struct nvme_cq *cq)
{
	struct nvme_cqe *cqe;
	int n = 0;

	while ((cqe = nvme_cq_get_cqe(cq))) {
		struct nvme_rq *rq = nvme_rq_from_cqe(ctrl, cqe);

		RIG_EXPECT(rq && nvme_cqe_ok(cqe));
		nvme_rq_release(rq);
		n++;
	}
	if (n)
		nvme_cq_update_head(cq);
	return n;
}

static void run(unsigned int quirks)
{
	int rounds = 3000, submitted = 0, completed = 0, waits = 0;
	struct epoll_event events[QUEUES + 1];
	unsigned int seed = 5;
	time_t end = 0;
	uint64_t count;

	rig_start(&rig, quirks);
	ck_assert_int_eq(sim_stat(&rig.sim, "shadow_doorbells"), !quirks);
	set = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 1; i <= QUEUES; i++) {
		RIG_OK(nvme_create_ioqpair(ctrl, i, DEPTH, i, 0));
		watch(rig.efds[i], (uint32_t)i);
	}

	while (completed < rounds) {
		int n;

		/* nothing at all, one, or as much as there is place for; and now and then the device sleeps */
		for (int i = 1; i <= QUEUES; i++) {
			struct nvme_rq *rq;

			n = rand_r(&seed) % 3 ? rand_r(&seed) % 3 : DEPTH;
			while (submitted < rounds && n-- && (rq = nvme_rq_acquire(&ctrl->sq[i]))) {
				rig_submit(&rig, rq, 2, 0, (unsigned int)(i * DEPTH + rq->cid));
				submitted++;
			}
		}
		if (submitted == completed)
			continue;
		if (rand_r(&seed) % 128 == 0)
			usleep(3000);

		n = epoll_wait(set, events, QUEUES, 10000);
		if (n <= 0)
			ck_abort_msg("an interrupt was lost: %d of %d completed", completed,
				     submitted);
		waits++;
		for (int i = 0; i < n; i++) {
			int number = (int)events[i].data.u32;

			RIG_EXPECT(read(rig.efds[number], &count, sizeof(count)) == sizeof(count));
			completed += drain(&ctrl->cq[number]);
		}
		if (submitted == rounds && unit_again(&end, 15))
			rounds += 3000;
	}
	printf("# %d completions, %d waits, %ld interrupts\n", completed, waits,
	       sim_stat(&rig.sim, "interrupts"));
	ck_assert_int_eq(completed, submitted);
	close(set);
	rig_stop(&rig);
}

START_TEST(test_shadow_doorbells)
{
	run(0);
}
END_TEST

START_TEST(test_doorbells)
{
	run(NVME_QUIRK_BROKEN_DBBUF);
}
END_TEST

/* A wait for one command, by its queue's vector, sleeping in poll(2). */
START_TEST(test_one_by_one)
{
	struct pollfd pfd;
	uint64_t count;

	rig_start(&rig, 0);
	RIG_OK(nvme_create_ioqpair(ctrl, 1, DEPTH, 1, 0));
	pfd = (struct pollfd){rig.efds[1], POLLIN, 0};
	for (int i = 0; i < 1000; i++) {
		struct nvme_rq *rq = nvme_rq_acquire(&ctrl->sq[1]);

		rig_submit(&rig, rq, 2, 0, rq->cid);
		while (!nvme_rq_poll(rq, NULL)) {
			if (poll(&pfd, 1, 10000) != 1)
				ck_abort_msg("an interrupt was lost in round %d", i);
			RIG_EXPECT(read(rig.efds[1], &count, sizeof(count)) == sizeof(count));
		}
		nvme_rq_release(rq);
	}
	rig_stop(&rig);
}
END_TEST

/*
 * A completion between the two steps: with the eventfd read first it is found, and what wakes for it in
 * vain does no harm. With the queue looked at first its interrupt is read away: nothing wakes any more.
 */
START_TEST(test_order)
{
	struct pollfd pfd = {.events = POLLIN};
	struct fake fake;
	uint64_t count;

	fake_init(&fake, 8);
	pfd.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (int queue_first = 0; queue_first < 2; queue_first++) {
		int found = 0;

		ck_assert_int_eq(eventfd_write(pfd.fd, 1), 0);
		for (int step = 0; step < 2; step++) {
			if (step == queue_first)
				ck_assert_int_eq(read(pfd.fd, &count, sizeof(count)), 8);
			else
				found += nvme_cq_get_cqe(fake.cq) != NULL;
			if (step == 0) {
				fake_complete(&fake, 1, 0, 0);
				ck_assert_int_eq(eventfd_write(pfd.fd, 1), 0);
			}
		}
		ck_assert_int_eq(found, !queue_first);
		ck_assert_int_eq(poll(&pfd, 1, 0), !queue_first);
		if (!queue_first)
			ck_assert_int_eq(read(pfd.fd, &count, sizeof(count)), 8);
	}
	close(pfd.fd);
	fake_free(&fake);
}
END_TEST

UNIT_MAIN("nvme-irq", tcase_add_test(tc, test_shadow_doorbells);
	  tcase_add_test(tc, test_doorbells); tcase_add_test(tc, test_one_by_one);
	  tcase_add_test(tc, test_order))
