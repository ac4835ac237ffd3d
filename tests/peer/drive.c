/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drive - a whole program's way through libvfn, on a device that somebody else serves
 *
 *     drive [--irq] [--private] [--quirk] [--maybe MS] DEVICE
 *
 * It brings the controller up, identifies it, makes queue pairs with and without interrupts, writes
 * and verifies data, waits for an event, and closes. --irq: completions are waited for by
 * eventfd. --private: data is ordinary memory, not pgmap()'s. --maybe: the device may go at any
 * time, and each of its functions then fails within MS milliseconds (limits are lowered to that).
 *
 * Exit code 0: all of it worked; 3: the device went (--maybe); 1: something is wrong. In each case
 * no descriptor, thread or mapping is left behind, else it is 1.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vfn/iommu.h>
#include <vfn/nvme.h>
#include <vfn/support.h>

#include "vfio/vfio-user-msg.h"

#define BLOCK	512u
#define AREA	(192u * 1024)
#define ROUNDS	40
#define VECTORS 3
#define QSIZE	16

static bool want_irq, private_data, maybe;
static uint64_t limit_ms;
static struct nvme_ctrl ctrl;
static struct nvme_ctrl_opts opts = {2, 2, 0};
static int efds[VECTORS] = {-1, -1, -1}, vectors;
static char *from, *to;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* The step failed: say why. -1. */
static int bad(const char *step)
{
	fprintf(stderr, "drive: %s: %s (%s)\n", step, strerror(errno), vfn_error());
	return -1;
}

static int count(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Mappings of this process that are no library's and no heap's. */
static int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	int n = 0;

	while (fgets(line, sizeof(line), f))
		n += strstr(line, "memfd:") || strstr(line, "/dev/");
	fclose(f);
	return n;
}

/* The time of a step, or a limit for what does not fail by itself. */
static struct timespec *limit(struct timespec *ts)
{
	uint64_t ms = maybe ? limit_ms : 5000;

	*ts = (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
	return ts;
}

static int irq_wait(int vector)
{
	struct pollfd p = {.fd = efds[vector], .events = POLLIN};
	struct timespec ts;
	eventfd_t n;

	limit(&ts);
	if (poll(&p, 1, (int)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000)) != 1) {
		errno = ETIMEDOUT;
		vfn_error_set("no interrupt of vector %d", vector);
		return -1;
	}
	return eventfd_read(p.fd, &n);
}

/* After the queue was looked at: a line masks itself. */
static int irq_again(void)
{
	struct vfio_device *dev = &ctrl.pci.dev;

	if (!(dev->irq_info.flags & VFIO_IRQ_INFO_AUTOMASKED))
		return 0;
	return vfio_unmask_irq(dev, dev->irq_info.index);
}

static int memory(void)
{
	struct iommu_ctx *ctx = __iommu_ctx(&ctrl);

	if (private_data) {
		from = mmap(NULL, 2 * AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
		if (from == MAP_FAILED)
			return bad("mmap");
	} else if (pgmap((void **)&from, 2 * AREA) < 0) {
		return bad("pgmap");
	}
	to = from + AREA;
	return iommu_map_vaddr(ctx, from, 2 * AREA, NULL, 0) ? bad("iommu_map_vaddr") : 0;
}

static void memory_free(void)
{
	if (!from || from == MAP_FAILED)
		return;
	if (private_data)
		munmap(from, 2 * AREA);
	else
		pgunmap(from, 2 * AREA);
}

/* One command with data on the queue pair `qid`; its interrupt is waited for if it has one. */
static int transfer(int qid, int vector, uint8_t opcode, uint64_t slba, char *data, size_t len)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};
	struct nvme_rq *rq = nvme_rq_acquire(&ctrl.sq[qid]);
	struct nvme_cqe cqe;
	struct timespec ts;
	uint64_t iova;

	if (!rq)
		return bad("nvme_rq_acquire");
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(len / BLOCK - 1));
	if (!iommu_translate_vaddr(__iommu_ctx(&ctrl), data, &iova) ||
	    nvme_rq_map_prp(&ctrl, rq, &cmd, iova, len))
		return bad("nvme_rq_map_prp");
	nvme_rq_exec(rq, &cmd);
	if (want_irq && vector >= 0 && irq_wait(vector))
		return bad("interrupt");
	if (nvme_rq_wait(rq, &cqe, limit(&ts)))
		return bad(opcode == 1 ? "write" : "read");
	nvme_rq_release(rq);
	return want_irq && vector >= 0 && irq_again() ? bad("vfio_unmask_irq") : 0;
}

static int verify(int qid, int vector)
{
	size_t most = 4096u << ctrl.config.mdts;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int mixed = (i + 1) * 2654435761u;
		size_t blocks = i < 8 ? i + 1 : (mixed >> 8) % (most / BLOCK) + 1;
		size_t len = blocks * BLOCK, at = (mixed >> 4) % 4096 & ~3u;
		size_t back = (mixed >> 12) % 4096 & ~3u;

		for (size_t k = 0; k < len; k++)
			from[at + k] = (char)(k * 31 + (k >> 9) + i + (size_t)qid);
		memset(to, 0xee, AREA);
		if (transfer(qid, vector, 1, i * 7, from + at, len) ||
		    transfer(qid, vector, 2, i * 7, to + back, len))
			return -1;
		if (memcmp(from + at, to + back, len) || to[back + len] != (char)0xee ||
		    (back && to[back - 1] != (char)0xee)) {
			fprintf(stderr, "drive: round %u: %zu bytes differ\n", i, len);
			exit(1);
		}
	}
	return 0;
}

static int identify(void)
{
	union nvme_cmd cmd = {.identify = {.opcode = 6, .cns = 1}};
	char id[4096];

	if (nvme_admin(&ctrl, &cmd, id, sizeof(id), NULL))
		return bad("Identify");
	if (want_irq && (irq_wait(0) || irq_again()))
		return bad("interrupt of the admin queue");
	return 0;
}

static int event(void)
{
	union nvme_cmd cmd = {.features = {.opcode = 9, .fid = 4}};
	uint64_t until = now_ms() + (maybe ? limit_ms : 5000);
	struct nvme_cqe *cqe;
	int tag;

	if (nvme_aer(&ctrl, &tag))
		return bad("nvme_aer");
	cmd.features.cdw11 = cpu_to_le32(1);
	if (nvme_admin(&ctrl, &cmd, NULL, 0, NULL))
		return bad("Set Features, Temperature Threshold");
	while (!(cqe = nvme_cq_get_cqe(ctrl.adminq.cq))) {
		if (now_ms() > until) {
			errno = ETIMEDOUT;
			vfn_error_set("no event");
			return bad("event");
		}
		usleep(200);
	}
	if (!(cqe->cid & NVME_CID_AER) || (le32_to_cpu(cqe->dw0) & 0xff07) != 0x0101 ||
	    nvme_rq_from_cqe(&ctrl, cqe)->opaque != &tag) {
		fprintf(stderr, "drive: a wrong event: cid %#x, %#x\n", cqe->cid,
			le32_to_cpu(cqe->dw0));
		exit(1);
	}
	nvme_rq_release_atomic(nvme_rq_from_cqe(&ctrl, cqe));
	nvme_cq_update_head(ctrl.adminq.cq);
	return 0;
}

static int interrupts(void)
{
	vectors =
		ctrl.pci.dev.irq_info.count < VECTORS ? (int)ctrl.pci.dev.irq_info.count : VECTORS;
	if (!vectors) {
		fprintf(stderr, "drive: the device has no interrupts\n");
		exit(1);
	}
	for (int i = 0; i < vectors; i++)
		efds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return vfio_set_irq(&ctrl.pci.dev, efds, vectors) ? bad("vfio_set_irq") : 0;
}

/* What interrupts came before are of no interest. */
static void interrupts_forget(void)
{
	eventfd_t n;

	for (int i = 0; i < vectors; i++)
		eventfd_read(efds[i], &n);
	irq_again();
}

static int bring_up(const char *name)
{
	if (!want_irq)
		return nvme_init(&ctrl, name, &opts) ? bad("nvme_init") : 0;
	if (nvme_ctrl_init(&ctrl, name, &opts))
		return bad("nvme_ctrl_init");
	if (interrupts())
		return -1;
	if (nvme_reinit(&ctrl))
		return bad("nvme_reinit");
	interrupts_forget();
	return 0;
}

static int drive(const char *name)
{
	int vector = want_irq ? vectors - 1 : -1;

	if (bring_up(name) || memory() || identify())
		return -1;
	vector = want_irq ? vectors - 1 : -1;
	if (nvme_create_ioqpair(&ctrl, 1, QSIZE, vector, 0) ||
	    nvme_create_ioqpair(&ctrl, 2, QSIZE, -1, 0))
		return bad("nvme_create_ioqpair");
	if (want_irq)
		interrupts_forget();
	if (verify(1, vector) || verify(2, -1) || event())
		return -1;
	if (nvme_delete_ioqpair(&ctrl, 1) || nvme_delete_ioqpair(&ctrl, 2))
		return bad("nvme_delete_ioqpair");
	if (want_irq && vfio_disable_irq(&ctrl.pci.dev))
		return bad("vfio_disable_irq");
	return iommu_unmap_vaddr(__iommu_ctx(&ctrl), from, NULL) ? bad("iommu_unmap_vaddr") : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"irq", no_argument, NULL, 'i'},
						{"private", no_argument, NULL, 'p'},
						{"quirk", no_argument, NULL, 'q'},
						{"maybe", required_argument, NULL, 'm'},
						{NULL, 0, NULL, 0}};
	int c, rc, fds, threads, maps;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		want_irq |= c == 'i';
		private_data |= c == 'p';
		if (c == 'q')
			opts.quirks = NVME_QUIRK_BROKEN_DBBUF;
		if (c == 'm') {
			maybe = true;
			limit_ms = strtoull(optarg, NULL, 10);
			vfio_user_call_timeout_ms = vfio_user_long_timeout_ms = (int)limit_ms;
		}
		if (c == '?')
			return 1;
	}
	if (optind + 1 != argc)
		return 1;
	fds = count("/proc/self/fd");
	threads = count("/proc/self/task");
	maps = count_maps();
	rc = drive(argv[optind]);
	if (rc && maybe && errno != ENODEV && errno != ETIMEDOUT) {
		fprintf(stderr, "drive: errno %d is not that of a device that went\n", errno);
		return 1;
	}
	nvme_close(&ctrl);
	memory_free();
	for (int i = 0; i < VECTORS; i++) {
		if (efds[i] >= 0)
			close(efds[i]);
	}
	/* A thread that has been joined may be listed a moment longer. */
	for (int i = 0; i < 1000 && count("/proc/self/task") > threads; i++)
		usleep(10000);
	if (count("/proc/self/fd") != fds || count("/proc/self/task") != threads ||
	    count_maps() != maps) {
		fprintf(stderr, "drive: left behind: %d descriptors, %d threads, %d mappings\n",
			count("/proc/self/fd") - fds, count("/proc/self/task") - threads,
			count_maps() - maps);
		return 1;
	}
	return !rc ? 0 : maybe ? 3 : 1;
}
