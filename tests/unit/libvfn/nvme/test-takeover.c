/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A controller at work is handed from one program image to the next: this program saves it,
 * executes itself anew, and goes on, with commands outstanding, while the simulated controller
 * notices nothing.
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define DATA (1u << 20)

/* What the predecessor leaves to the successor, in a memfd. */
struct legacy {
	struct vfio_takeover dev;
	struct nvme_ctrl_saved ctrl;
	struct nvme_queue_saved cq[2], sq[2];
	struct nvme_mem_saved data;
	uint32_t slow_cid; /* a read that is outstanding */
	uint32_t aer_cid;
	uint32_t done_cid; /* a read that has completed, and nobody has looked */
	int64_t resets;	   /* that the controller has seen */
	char name[128];
	char control[128];
};

static union nvme_cmd rw(uint8_t opcode, uint64_t slba, size_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / 512 - 1));
	return cmd;
}

static void fill(char *mem, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len / sizeof(uint32_t); i++)
		((uint32_t *)mem)[i] = (uint32_t)i * 2654435761u + seed;
}

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "line %d: %s: %s (%s)\n", __LINE__, #cond, vfn_error(),    \
				strerror(errno));                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* A memory's descriptor survives execve(2). */
static void keep(uint64_t fd)
{
	if (fd != UINT64_MAX)
		MUST(!fcntl((int)fd, F_SETFD, 0));
}

static struct nvme_rq *post_read(struct nvme_ctrl *ctrl, uint64_t slba, uint64_t iova, size_t len)
{
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl->sq[1]);
	union nvme_cmd cmd = rw(2, slba, len);

	MUST(rq);
	MUST(!nvme_rq_map_prp(ctrl, rq, &cmd, iova, len));
	nvme_rq_exec(rq, &cmd);
	return rq;
}

static void save_data(void *data, uint64_t iova, struct nvme_mem_saved *saved)
{
	off_t offset;
	int fd = pgmap_fd(data, DATA, &offset);

	MUST(fd >= 0);
	*saved = (struct nvme_mem_saved){iova, DATA, (uint64_t)offset, (uint64_t)fd};
}

static int predecessor(const char *name, const char *control, int memfd)
{
	struct legacy *legacy;
	struct nvme_ctrl ctrl;
	union nvme_cmd cmd;
	struct nvme_rq *rq;
	uint64_t iova;
	char number[16], answer[512];
	void *data;

	MUST(!ftruncate(memfd, sizeof(*legacy)));
	legacy = mmap(NULL, sizeof(*legacy), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	MUST(legacy != MAP_FAILED);

	MUST(!nvme_init(&ctrl, name, NULL));
	MUST(!nvme_create_ioqpair(&ctrl, 1, 32, -1, 0));
	MUST(pgmap(&data, DATA) == DATA);
	MUST(!iommu_map_vaddr(__iommu_ctx(&ctrl), data, DATA, &iova, 0));
	MUST(!nvme_aer(&ctrl, NULL));
	legacy->aer_cid = 0;

	/* some rounds first, so that heads and tails are somewhere */
	fill(data, 65536, 1);
	for (int i = 0; i < 77; i++) {
		cmd = rw(1, (uint64_t)(i % 2) * 128, 65536);
		MUST(!nvme_sync(&ctrl, &ctrl.sq[1], &cmd, data, 65536, NULL));
	}

	sim_tell(control, "delay io 2 1 400", answer, sizeof(answer));
	rq = post_read(&ctrl, 0, iova + 65536, 65536);
	legacy->slow_cid = rq->cid;
	rq = post_read(&ctrl, 128, iova + 2 * 65536, 65536);
	legacy->done_cid = rq->cid;
	nvme_cq_spin(&ctrl.cq[1]);

	legacy->resets = sim_stat_at(control, "resets");
	snprintf(legacy->name, sizeof(legacy->name), "%s", name);
	snprintf(legacy->control, sizeof(legacy->control), "%s", control);
	MUST(!vfio_pci_export(&ctrl.pci, &legacy->dev));
	MUST(!nvme_ctrl_save(&ctrl, &legacy->ctrl));
	for (int i = 0; i < 2; i++) {
		MUST(!nvme_cq_save(&ctrl.cq[i], &legacy->cq[i]));
		MUST(!nvme_sq_save(&ctrl.sq[i], &legacy->sq[i]));
		keep(legacy->cq[i].mem.fd);
		keep(legacy->sq[i].mem.fd);
		keep(legacy->sq[i].pages.fd);
	}
	MUST(nvme_cq_save(&ctrl.cq[2], &legacy->cq[1]) && errno == ENOENT);
	MUST(!nvme_cq_save(&ctrl.cq[1], &legacy->cq[1]));
	save_data(data, iova, &legacy->data);
	keep(legacy->data.fd);
	keep(legacy->ctrl.dbbuf.fd);
	keep(legacy->ctrl.eventidx.fd);
	MUST(!fcntl(legacy->dev.socket_fd, F_SETFD, 0));
	MUST(!fcntl(memfd, F_SETFD, 0));

	snprintf(number, sizeof(number), "%d", memfd);
	unit_exec_self("--successor", number);
	return 1;
}

/* What is not consistent is refused, and changes nothing. */
static void try_nonsense(struct nvme_ctrl *ctrl, const struct legacy *legacy)
{
	struct nvme_queue_saved q;

#define NONSENSE(what, member, value)                                                              \
	do {                                                                                       \
		q = legacy->what[1];                                                               \
		q.member = value;                                                                  \
		MUST(nvme_##what##_restore(ctrl, &q) == -1 && errno == EINVAL);                    \
	} while (0)
	NONSENSE(cq, version, 0);
	NONSENSE(cq, id, 4000);
	NONSENSE(cq, id, UINT32_MAX);
	NONSENSE(cq, qsize, 1);
	NONSENSE(cq, qsize, 100000);
	NONSENSE(cq, head, 32);
	NONSENSE(cq, phase, 2);
	NONSENSE(cq, mem.fd, UINT64_MAX);
	NONSENSE(cq, mem.fd, 1ull << 40);
	NONSENSE(cq, mem.len, 0);
	NONSENSE(cq, mem.len, 100);
	NONSENSE(cq, mem.iova, 17);
	NONSENSE(cq, mem.iova, UINT64_MAX - 4095);
	NONSENSE(cq, mem.offset, 1);
	NONSENSE(cq, qsize, 4096); /* more than the memory has */
	NONSENSE(sq, tail, 32);
	NONSENSE(sq, ptail, 32);
	NONSENSE(sq, nrqs, 5);
	NONSENSE(sq, cqid, 900);
	NONSENSE(sq, cqid, 7);
	NONSENSE(sq, pages.fd, UINT64_MAX);
	NONSENSE(sq, pages.len, 4096);
#undef NONSENSE
}

static void import_data(struct nvme_ctrl *ctrl, const struct nvme_mem_saved *saved, char **data)
{
	*data = pgmap_from_fd((int)saved->fd, saved->len, (off_t)saved->offset);
	MUST(*data);
	MUST(!iommu_import(__iommu_ctx(ctrl), (int)saved->fd, (off_t)saved->offset, *data,
			   saved->len, saved->iova));
}

static int successor(int memfd)
{
	struct legacy *legacy = mmap(NULL, sizeof(*legacy), PROT_READ, MAP_SHARED, memfd, 0);
	struct nvme_ctrl_saved bad;
	char *data, *want = malloc(65536), answer[512];
	struct nvme_rq *slow, *done, *aer;
	struct nvme_ctrl ctrl;
	union nvme_cmd cmd;
	struct nvme_cqe *cqe;

	MUST(legacy != MAP_FAILED);
	fill(want, 65536, 1);

	bad = legacy->ctrl;
	bad.version++;
	MUST(nvme_ctrl_restore(&ctrl, legacy->name, &legacy->dev, &bad) == -1 && errno == EINVAL);
	MUST(!nvme_ctrl_restore(&ctrl, legacy->name, &legacy->dev, &legacy->ctrl));
	MUST(!nvme_cq_restore(&ctrl, &legacy->cq[0]));
	MUST(!nvme_sq_restore(&ctrl, &legacy->sq[0]));
	try_nonsense(&ctrl, legacy);
	MUST(!nvme_cq_restore(&ctrl, &legacy->cq[1]));
	MUST(!nvme_sq_restore(&ctrl, &legacy->sq[1]));
	MUST(nvme_cq_restore(&ctrl, &legacy->cq[1]) == -1 && errno == EEXIST);
	MUST(nvme_sq_restore(&ctrl, &legacy->sq[1]) == -1 && errno == EEXIST);
	import_data(&ctrl, &legacy->data, &data);

	/* the commands that were outstanding */
	slow = nvme_rq_acquire_cid(&ctrl.sq[1], (uint16_t)legacy->slow_cid);
	done = nvme_rq_acquire_cid(&ctrl.sq[1], (uint16_t)legacy->done_cid);
	aer = nvme_rq_acquire_cid(ctrl.adminq.sq, (uint16_t)legacy->aer_cid);
	MUST(slow && done && aer);
	MUST(!nvme_rq_wait(slow, NULL, NULL));
	MUST(!nvme_rq_wait(done, NULL, NULL));
	MUST(!memcmp(data + 65536, want, 65536));
	MUST(!memcmp(data + 2 * 65536, want, 65536));
	nvme_rq_release(slow);
	nvme_rq_release(done);

	/* new ones, with lists in the trackers' pages */
	for (int i = 0; i < 100; i++) {
		fill(want, 65536, (uint32_t)i);
		memcpy(data, want, 65536);
		cmd = rw(1, 0, 65536);
		MUST(!nvme_sync(&ctrl, &ctrl.sq[1], &cmd, data, 65536, NULL));
		cmd = rw(2, 0, 65536);
		MUST(!nvme_sync(&ctrl, &ctrl.sq[1], &cmd, data + 131072 + 4, 65536, NULL));
		MUST(!memcmp(data + 131072 + 4, want, 65536));
	}
	MUST(sim_stat_at(legacy->control, "resets") == legacy->resets);
	MUST(sim_stat_at(legacy->control, "dma_faults") == 0);
	MUST(sim_stat_at(legacy->control, "event_requests") == 1);

	sim_tell(legacy->control, "event 1 1 2", answer, sizeof(answer));
	nvme_cq_spin(ctrl.adminq.cq);
	cqe = nvme_cq_get_cqe(ctrl.adminq.cq);
	MUST(cqe && nvme_rq_from_cqe(&ctrl, cqe) == aer);
	nvme_rq_release(aer);
	nvme_cq_update_head(ctrl.adminq.cq);

	/* queues come and go as ever */
	MUST(!nvme_create_ioqpair(&ctrl, 2, 16, -1, 0));
	MUST(!nvme_delete_ioqpair(&ctrl, 2));
	MUST(!nvme_delete_ioqpair(&ctrl, 1));
	nvme_close(&ctrl);
	MUST(!pgunmap(data, DATA));
	free(want);
	munmap(legacy, sizeof(*legacy));
	return 0;
}

START_TEST(test_handed_on)
{
	struct sim sim;
	int status, memfd;
	pid_t pid;

	sim_start(&sim);
	memfd = memfd_create("legacy", MFD_CLOEXEC);
	ck_assert_int_ge(memfd, 0);
	pid = fork();
	if (!pid)
		_exit(predecessor(sim.name, sim.control, memfd));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "ended with %#x", status);

	sim_settle(&sim);
	ck_assert_int_eq(sim_stat(&sim, "clients"), 1);
	ck_assert_int_eq(sim_stat(&sim, "mappings"), 0);
	ck_assert_int_eq(sim_stat(&sim, "ready"), 0);
	close(memfd);
	sim_stop(&sim);
}
END_TEST

/* A controller that was reset in between cannot be taken over, and the device is given up. */
START_TEST(test_not_running)
{
	struct nvme_ctrl ctrl, next;
	struct nvme_ctrl_saved saved;
	struct vfio_takeover dev;
	struct sim sim;

	sim_start(&sim);
	ck_assert_msg(!nvme_ctrl_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(nvme_ctrl_save(&ctrl, &saved), -1);
	ck_assert_int_eq(errno, EINVAL);
	nvme_close(&ctrl);

	ck_assert_msg(!nvme_init(&ctrl, sim.name, NULL), "%s", vfn_error());
	ck_assert_int_eq(nvme_ctrl_save(&ctrl, &saved), 0);
	ck_assert_int_eq(nvme_reset(&ctrl), 0);
	ck_assert_int_eq(vfio_pci_export(&ctrl.pci, &dev), 0);
	dev.socket_fd = dup(dev.socket_fd);
	errno = 0;
	ck_assert_int_eq(nvme_ctrl_restore(&next, sim.name, &dev, &saved), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(next.pci.dev.fd, -1);
	nvme_close(&next);
	nvme_close(&ctrl);
	sim_stop(&sim);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tc;

	if (argc == 3 && !strcmp(argv[1], "--successor"))
		return successor(atoi(argv[2]));

	suite = suite_create("nvme-takeover");
	tc = tcase_create("nvme-takeover");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_handed_on);
	tcase_add_test(tc, test_not_running);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
