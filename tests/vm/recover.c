/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that do not complete in time, and events, on QEMU's controllers by the kernel's own VFIO:
 * a medium that is throttled from outside keeps commands outstanding. Runs in the guest of tests/vm/run.
 */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <vfn/nvme.h>

#define PAGE  4096u
#define DEPTH 16
#define AREA  (DEPTH * PAGE)

#define OK(call) ck_assert_msg(!(call), "%s: %s", #call, vfn_error())

static struct nvme_ctrl ctrl;
static const char *nvme0, *nvme1;
static char *area;
static uint64_t iova;

/* Ask the machine's monitor for something. */
static void ask(const char *what)
{
	char line[128];

	snprintf(line, sizeof(line), "tests/vm/qmp-request.sh %s >/dev/null", what);
	ck_assert_msg(!system(line), "%s", what);
}

static void start(const char *bdf)
{
	void *mem;

	OK(nvme_init(&ctrl, bdf, NULL));
	ck_assert_int_eq(pgmap(&mem, AREA), AREA);
	area = mem;
	OK(iommu_map_vaddr(__iommu_ctx(&ctrl), area, AREA, &iova, 0));
}

static void stop(void)
{
	iommu_unmap_vaddr(__iommu_ctx(&ctrl), area, NULL);
	nvme_close(&ctrl);
	pgunmap(area, AREA);
}

static struct nvme_rq *submit(void)
{
	union nvme_cmd cmd = {.rw = {.opcode = 2}};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[1]);

	ck_assert_ptr_nonnull(rq);
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(8ull * rq->cid);
	cmd.rw.nlb = cpu_to_le16(7);
	OK(nvme_rq_map_prp(&ctrl, rq, &cmd, iova + rq->cid * PAGE, PAGE));
	nvme_rq_exec(rq, &cmd);
	return rq;
}

static int wait_for(struct nvme_rq *rq, struct nvme_cqe *cqe, long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	return nvme_rq_wait(rq, cqe, &ts) ? errno : 0;
}

static unsigned int status_of(const struct nvme_cqe *cqe)
{
	return le16_to_cpu(cqe->sfp) >> 1 & 0x7ff;
}

static int ended[DEPTH], by_host;

static void on_fail(struct nvme_rq *rq, struct nvme_cqe *cqe, void *arg)
{
	(void)arg;
	ck_assert_ptr_eq(rq->sq, &ctrl.sq[1]);
	ended[rq->cid]++;
	by_host += status_of(cqe) == NVME_STATUS_HOST_ABORTED;
	nvme_rq_release(rq);
}

/* One read a second: of those that are sent at once most are late, and each ends once. */
START_TEST(test_late)
{
	struct nvme_rq *rqs[DEPTH - 1];
	int late = 0, aborted = 0, after_all = 0, n;
	struct nvme_cqe cqe;

	start(nvme1);
	OK(nvme_create_ioqpair(&ctrl, 1, DEPTH, -1, 0));
	ask("throttle disk1 1");
	for (int i = 0; i < DEPTH - 1; i++)
		rqs[i] = submit();

	/* the first ones are given up after an Abort each, as far as the controller does that at once */
	for (int i = 0; i < 5; i++) {
		int r = wait_for(rqs[i], &cqe, 100);

		if (r == ETIMEDOUT) {
			late++;
			while (nvme_rq_abort(rqs[i])) {
				ck_assert_int_eq(errno, EAGAIN);
				usleep(1000);
			}
			r = wait_for(rqs[i], &cqe, 200);
			aborted += r == EIO && status_of(&cqe) == 0x07;
			after_all += !r;
		}
		if (r == ETIMEDOUT)
			continue;
		ck_assert(!r || status_of(&cqe) == 0x07);
		ended[rqs[i]->cid]++;
		nvme_rq_release(rqs[i]);
	}
	ck_assert_int_gt(late, 0);

	/* the others by a reset */
	OK(nvme_reset(&ctrl));
	n = nvme_fail_outstanding(&ctrl, on_fail, NULL);
	printf("# %d late, %d aborted, %d after all, %d ended by the reset, %d of them had completed\n",
	       late, aborted, after_all, n, n - by_host);
	ck_assert_int_gt(n, 0);
	for (int i = 0; i < DEPTH - 1; i++)
		ck_assert_int_eq(ended[i], 1);
	ck_assert_int_eq(nvme_sq_busy(&ctrl.sq[1]), 0);
	ck_assert_int_eq(nvme_sq_busy(ctrl.adminq.sq), 0);

	ask("throttle disk1 0");
	nvme_discard_sq(&ctrl, &ctrl.sq[1]);
	nvme_discard_cq(&ctrl, &ctrl.cq[1]);
	OK(nvme_reinit(&ctrl));
	OK(nvme_create_ioqpair(&ctrl, 1, DEPTH, -1, 0));
	for (int i = 0; i < 100; i++) {
		rqs[0] = submit();
		ck_assert_int_eq(wait_for(rqs[0], &cqe, 10000), 0);
		nvme_rq_release(rqs[0]);
	}
	stop();
}
END_TEST

/* The next event within ten seconds, woken by the admin queue's vector. */
static struct nvme_aen next(int fd)
{
	struct pollfd pfd = {fd, POLLIN, 0};
	struct nvme_aen aen = {0};
	uint64_t count;
	int r;

	while (!(r = nvme_aen_next(&ctrl, &aen))) {
		ck_assert_int_eq(poll(&pfd, 1, 10000), 1);
		ck_assert_int_eq(read(fd, &count, sizeof(count)), sizeof(count));
	}
	ck_assert_msg(r == 1, "%s", vfn_error());
	return aen;
}

static void none(void)
{
	union nvme_cmd cmd = {.identify = {.opcode = 0x06}};
	struct nvme_aen aen;

	cmd.identify.cns = 1;
	for (int i = 0; i < 3; i++) {
		OK(nvme_admin(&ctrl, &cmd, area, PAGE, NULL));
		ck_assert_int_eq(nvme_aen_next(&ctrl, &aen), 0);
		usleep(20000);
	}
}

START_TEST(test_events)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct nvme_aen aen;

	ask("smart-warning nvme0 0");
	start(nvme0);
	OK(vfio_set_irq(&ctrl.pci.dev, &fd, 1));
	ck_assert_int_ge(nvme_aen_arm(&ctrl, -1), 2);

	/* masked, and then not */
	OK(nvme_aen_config(&ctrl, 0));
	ask("smart-warning nvme0 1");
	none();
	OK(nvme_aen_config(&ctrl, 0x1f));
	ask("smart-warning nvme0 0");
	ask("smart-warning nvme0 4");
	aen = next(fd);
	ck_assert_uint_eq(aen.type, 1);
	ck_assert_uint_eq(aen.lid, 2);

	/* another one of its type waits until the log page has been read */
	ask("smart-warning nvme0 6");
	none();
	memset(area, 0xff, 512);
	OK(nvme_aen_clear(&ctrl, &aen, area, 512));
	ck_assert_int_eq(area[0], 6);
	aen = next(fd);
	ck_assert_uint_eq(aen.type, 1);
	ck_assert_uint_eq(aen.info, 1);
	OK(nvme_aen_clear(&ctrl, &aen, NULL, 0));
	none();

	/* one that comes while none is requested is told to the next request */
	OK(nvme_reset(&ctrl));
	OK(nvme_reinit(&ctrl));
	OK(nvme_aen_config(&ctrl, 0x1f));
	ask("smart-warning nvme0 0");
	ask("smart-warning nvme0 1");
	none();
	ck_assert_int_eq(nvme_aen_arm(&ctrl, 1), 1);
	aen = next(fd);
	ck_assert_uint_eq(aen.type, 1);
	OK(nvme_aen_clear(&ctrl, &aen, area, 512));
	ck_assert_int_eq(area[0], 1);
	ask("smart-warning nvme0 0");
	stop();
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("recover");
	TCase *tc = tcase_create("recover");

	nvme0 = getenv("VM_NVME0");
	nvme1 = getenv("VM_NVME1");
	if (!nvme0 || !nvme1 || !getenv("VM_TRANSPORT")) {
		puts("1..0 # SKIP not in the guest of tests/vm/run");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_late);
	tcase_add_test(tc, test_events);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
