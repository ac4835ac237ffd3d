/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Level one on a queue in memory: wrapping, phases, doorbells, shadow doorbells. */
#include "unit.h"

#include "fake-queue.h"

START_TEST(test_sq)
{
	struct fake fake;
	union nvme_cmd cmd;

	fake_init(&fake, 4);
	fake.sq_doorbell = 0xdead;
	nvme_sq_update_tail(fake.sq);
	ck_assert_uint_eq(fake.sq_doorbell, 0xdead);

	for (int i = 0; i < 11; i++) {
		memset(&cmd, i, sizeof(cmd));
		nvme_sq_post(fake.sq, &cmd);
		ck_assert(!memcmp((union nvme_cmd *)fake.sq->vaddr + i % 4, &cmd, 64));
		ck_assert_uint_eq(fake.sq->tail, (i + 1) % 4);
		ck_assert_uint_eq(fake.sq->ptail, i % 4);
		nvme_sq_update_tail(fake.sq);
		ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), (i + 1) % 4);
		ck_assert_uint_eq(fake.sq->ptail, (i + 1) % 4);
	}

	memset(&cmd, 0x55, sizeof(cmd));
	nvme_sq_exec(fake.sq, &cmd);
	ck_assert(!memcmp((union nvme_cmd *)fake.sq->vaddr + 3, &cmd, 64));
	ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 0);
	fake_free(&fake);
}
END_TEST

START_TEST(test_cq_phase)
{
	struct fake fake;
	struct nvme_cqe *cqe, copies[3];
	uint16_t cid = 0;

	fake_init(&fake, 5);
	for (int lap = 0; lap < 23; lap++) {
		int n = lap % 4 + 1;

		ck_assert_ptr_null(nvme_cq_get_cqe(fake.cq));
		for (int i = 0; i < n; i++)
			fake_complete(&fake, 1, (uint16_t)(cid + i), 0);
		for (int i = 0; i < n; i++) {
			ck_assert_ptr_eq(nvme_cq_head(fake.cq),
					 (struct nvme_cqe *)fake.cq->vaddr + cid % 5);
			nvme_cq_spin(fake.cq);
			cqe = nvme_cq_get_cqe(fake.cq);
			ck_assert_ptr_nonnull(cqe);
			ck_assert_uint_eq(cqe->cid, cid++);
		}
		ck_assert_ptr_null(nvme_cq_get_cqe(fake.cq));
		nvme_cq_update_head(fake.cq);
		ck_assert_uint_eq(le32_to_cpu(fake.cq_doorbell), cid % 5);
	}

	for (int i = 0; i < 3; i++)
		fake_complete(&fake, 1, (uint16_t)(100 + i), 0);
	nvme_cq_get_cqes(fake.cq, copies, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(copies[i].cid, 100 + i);
	fake_complete(&fake, 1, 7, 0);
	nvme_cq_get_cqes(fake.cq, NULL, 1);
	ck_assert_ptr_null(nvme_cq_get_cqe(fake.cq));
	fake_free(&fake);
}
END_TEST

START_TEST(test_wait_cqes)
{
	struct timespec none = {0, 0}, ms = {0, 20000000}, bad = {0, 1000000000};
	struct nvme_cqe copies[8];
	struct fake fake;
	uint64_t before;

	fake_init(&fake, 8);
	errno = 0;
	ck_assert_int_eq(nvme_cq_wait_cqes(fake.cq, copies, 0, &ms), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_cq_wait_cqes(fake.cq, copies, 8, &ms), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(nvme_cq_wait_cqes(fake.cq, copies, 1, &bad), -1);
	ck_assert_int_eq(errno, EINVAL);

	fake_complete(&fake, 1, 1, 0);
	fake_complete(&fake, 1, 2, 0);
	before = nvme_now();
	ck_assert_int_eq(nvme_cq_wait_cqes(fake.cq, copies, 3, &ms), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_uint_ge(nvme_now() - before, 20000000);

	/* those that were there are still there */
	ck_assert_int_eq(nvme_cq_wait_cqes(fake.cq, copies, 2, &none), 2);
	ck_assert_uint_eq(copies[0].cid, 1);
	ck_assert_uint_eq(copies[1].cid, 2);

	/* seven at once, across the end */
	for (uint16_t i = 0; i < 7; i++)
		fake_complete(&fake, 1, i, 0);
	ck_assert_int_eq(nvme_cq_wait_cqes(fake.cq, copies, 7, NULL), 7);
	for (int i = 0; i < 7; i++)
		ck_assert_uint_eq(copies[i].cid, i);
	fake_free(&fake);
}
END_TEST

/*
 * What the specification asks for, by walking: the doorbell moves from `old` to `value` one step at
 * a time, modulo 2^16, and somebody wants to know when it goes on from `eventidx`.
 */
static bool passes(uint16_t eventidx, uint16_t value, uint16_t old)
{
	for (; old != value; old++) {
		if (old == eventidx)
			return true;
	}
	return false;
}

START_TEST(test_event_index)
{
	static const uint16_t spots[] = {0, 1, 2, 62, 63, 64, 0x7fff, 0x8000, 0xfffe, 0xffff};

	/* all of a small window, wherever it lies, against all event indices near it */
	for (size_t s = 0; s < ARRAY_SIZE(spots); s++) {
		for (uint16_t n = 0; n <= 66; n++) {
			for (int e = -70; e <= 140; e++) {
				uint16_t old = spots[s], value = (uint16_t)(old + n);
				uint16_t event = (uint16_t)(old + e);

				EXPECT(__nvme_dbbuf_need_event(event, value, old) ==
				       (passes(event, value, old)));
			}
		}
	}

	/* every event index */
	for (uint32_t event = 0; event <= 0xffff; event++) {
		EXPECT(__nvme_dbbuf_need_event(event, 5, 0xfff0) == (event >= 0xfff0 || event < 5));
		EXPECT(__nvme_dbbuf_need_event(event, 500, 400) == (event >= 400 && event < 500));
		EXPECT(!__nvme_dbbuf_need_event(event, 77, 77));
	}

	/* a queue that wraps long before 2^16: 60 to 3 of 64 passes 60 to 63 and 0 to 2 */
	for (uint32_t event = 0; event < 64; event++)
		EXPECT(__nvme_dbbuf_need_event(event, 3, 60) == (event >= 60 || event < 3));

	/* polled */
	for (uint32_t i = 0; i < 65536; i += 13)
		EXPECT(!__nvme_dbbuf_need_event(UINT32_MAX, (uint16_t)i, (uint16_t)(i + 60)));
}
END_TEST

START_TEST(test_shadow)
{
	union nvme_cmd cmd = {.opcode = 2};
	struct fake fake;

	fake_init(&fake, 16);
	fake_shadow(&fake);
	fake.sq_doorbell = fake.cq_doorbell = 0xdead;

	/* the controller has seen everything up to 0 and wants to hear of the next */
	nvme_sq_exec(fake.sq, &cmd);
	ck_assert_uint_eq(le32_to_cpu(fake.shadow[0]), 1);
	ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 1);

	/* it looks by itself until 5 */
	fake.eventidx[0] = cpu_to_le32(5);
	for (uint32_t i = 2; i <= 5; i++) {
		nvme_sq_exec(fake.sq, &cmd);
		ck_assert_uint_eq(le32_to_cpu(fake.shadow[0]), i);
		ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 1);
	}
	nvme_sq_exec(fake.sq, &cmd);
	ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 6);

	/* completion queue: the old value is what the shadow has */
	fake.eventidx[1] = cpu_to_le32(2);
	for (uint16_t i = 0; i < 3; i++) {
		fake_complete(&fake, 1, i, 0);
		ck_assert_ptr_nonnull(nvme_cq_get_cqe(fake.cq));
		nvme_cq_update_head(fake.cq);
		ck_assert_uint_eq(le32_to_cpu(fake.shadow[1]), i + 1);
		ck_assert_uint_eq(le32_to_cpu(fake.cq_doorbell), i < 2 ? 0xdead : 3);
	}
	fake.cq_doorbell = 0xdead;
	nvme_cq_update_head(fake.cq);
	ck_assert_uint_eq(fake.cq_doorbell, 0xdead);
	fake_free(&fake);
}
END_TEST

START_TEST(test_kick)
{
	union nvme_cmd cmd = {.opcode = 2};
	struct fake fake;

	fake_init(&fake, 16);
	fake.sq->kick = fake.cq->kick = fake_kick;
	fake.sq->kick_arg = fake.cq->kick_arg = &fake;
	fake.sq_doorbell = fake.cq_doorbell = 0xdead;

	nvme_sq_exec(fake.sq, &cmd);
	ck_assert_uint_eq(fake.kicks, 1);
	ck_assert_uint_eq(fake.kicked, 1);
	fake_complete(&fake, 1, 0, 0);
	nvme_cq_get_cqe(fake.cq);
	nvme_cq_update_head(fake.cq);
	ck_assert_uint_eq(fake.kicks, 2);
	ck_assert_uint_eq(fake.kicked, 1);

	/* with shadow doorbells only where it is asked for */
	fake_shadow(&fake);
	fake.shadow[0] = fake.shadow[1] = cpu_to_le32(1);
	fake.eventidx[0] = fake.eventidx[1] = cpu_to_le32(3);
	nvme_sq_exec(fake.sq, &cmd);
	nvme_sq_exec(fake.sq, &cmd);
	ck_assert_uint_eq(fake.kicks, 2);
	nvme_sq_exec(fake.sq, &cmd);
	ck_assert_uint_eq(fake.kicks, 3);
	ck_assert_uint_eq(fake.kicked, 4);
	ck_assert_uint_eq(fake.sq_doorbell, 0xdead);
	ck_assert_uint_eq(fake.cq_doorbell, 0xdead);
	fake_free(&fake);
}
END_TEST

/* What a tracer sees of one command with shadow doorbells and one without: lines by event. */
START_TEST(test_traced)
{
	static const struct {
		const char *event;
		int lines;
	} events[] = {
		{"NVME_SQ_POST", 3},	    {"NVME_SQ_UPDATE_TAIL", 3}, {"NVME_SKIP_MMIO", 3},
		{"NVME_CQ_UPDATE_HEAD", 2}, {"NVME_CQ_G", 4},		{"NVME_CQ_SPIN", 0},
	};
	int old = dup(STDERR_FILENO);

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		char path[] = "/tmp/vfn-trace-XXXXXX", text[4096], *at = text;
		int fd = mkstemp(path), lines = 0;
		union nvme_cmd cmd = {0};
		struct fake fake;
		ssize_t n;

		ck_assert_int_ge(fd, 0);
		unlink(path);
		fake_init(&fake, 8);
		dup2(fd, STDERR_FILENO);
		trace_event_set_active(events[i].event, true);

		nvme_sq_exec(fake.sq, &cmd);
		ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 1);
		fake_complete(&fake, 1, 0, 0);
		ck_assert_ptr_nonnull(nvme_cq_get_cqe(fake.cq));
		nvme_cq_update_head(fake.cq);
		ck_assert_uint_eq(le32_to_cpu(fake.cq_doorbell), 1);

		fake_shadow(&fake);
		fake.shadow[0] = fake.shadow[1] = cpu_to_le32(1);
		fake.eventidx[0] = fake.eventidx[1] = cpu_to_le32(UINT32_MAX);
		nvme_sq_exec(fake.sq, &cmd);
		nvme_sq_post(fake.sq, &cmd);
		nvme_sq_update_tail(fake.sq);
		fake_complete(&fake, 1, 1, 0);
		ck_assert_ptr_nonnull(nvme_cq_get_cqe(fake.cq));
		nvme_cq_update_head(fake.cq);

		trace_event_set_active(events[i].event, false);
		dup2(old, STDERR_FILENO);
		ck_assert_uint_eq(le32_to_cpu(fake.shadow[0]), 3);
		ck_assert_uint_eq(le32_to_cpu(fake.shadow[1]), 2);
		ck_assert_uint_eq(le32_to_cpu(fake.sq_doorbell), 1);
		ck_assert_uint_eq(le32_to_cpu(fake.cq_doorbell), 1);
		ck_assert_uint_eq(fake.sq->ptail, 3);

		n = pread(fd, text, sizeof(text) - 1, 0);
		ck_assert_int_ge(n, 0);
		text[n] = '\0';
		for (; (at = strstr(at, events[i].event)); at++)
			lines++;
		ck_assert_msg(lines == events[i].lines, "%s: %d lines:\n%s", events[i].event, lines,
			      text);
		close(fd);
		fake_free(&fake);
	}
	close(old);
}
END_TEST

UNIT_MAIN("nvme-queue", tcase_add_test(tc, test_sq); tcase_add_test(tc, test_cq_phase);
	  tcase_add_test(tc, test_wait_cqes); tcase_add_test(tc, test_event_index);
	  tcase_add_test(tc, test_shadow); tcase_add_test(tc, test_kick);
	  tcase_add_test(tc, test_traced))
