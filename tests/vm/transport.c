/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transport $VM_TRANSPORT on the kernel's own VFIO, by libvfn alone: what only a real IOMMU
 * can show. Runs in the guest of tests/vm/run, whose devices the environment names.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <vfn/iommu.h>
#include <vfn/nvme.h>
#include <vfn/pci.h>
#include <vfn/support.h>
#include <vfn/vfio.h>

#define PAGE 4096u

/*
 * What no memory can have: writes to these addresses are interrupts. On x86 the processor's own;
 * with SMMUv3 where the kernel maps the doorbell of the interrupt translation service.
 */
#ifdef __aarch64__
#define MSI_FIRST 0x8000000
#define MSI_LAST  0x80fffff
#else
#define MSI_FIRST 0xfee00000
#define MSI_LAST  0xfeefffff
#endif

static const char *transport, *nvme0, *nvme1, *nvme2, *nvme3;

/* In a process that ends with the exit status. */
#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# line %d: %s: %s (%s)\n", __LINE__, #cond, strerror(errno),       \
			       vfn_error());                                                       \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

static union nvme_cmd identify(void)
{
	union nvme_cmd cmd = {.identify = {.opcode = 0x06}};

	cmd.identify.cns = 1;
	return cmd;
}

/* Serial number, from byte 4 on, put into `buf` (a page) by the controller itself. */
static bool is(struct nvme_ctrl *ctrl, char *buf, const char *serial)
{
	union nvme_cmd cmd = identify();

	memset(buf, 0, PAGE);
	if (nvme_admin(ctrl, &cmd, buf, PAGE, NULL))
		return false;
	return !memcmp(buf + 4, serial, strlen(serial)) && buf[4 + strlen(serial)] == ' ';
}

static bool io(struct nvme_ctrl *ctrl, uint8_t opcode, char *buf)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.nlb = cpu_to_le16(PAGE / 512 - 1);
	return !nvme_sync(ctrl, &ctrl->sq[1], &cmd, buf, PAGE, NULL);
}

static void *pages(unsigned int n)
{
	void *mem;

	ck_assert_int_eq(pgmap(&mem, n * PAGE), n * PAGE);
	return mem;
}

static void opens_by(const char *name)
{
	struct vfio_pci_device pci = {0};

	ck_assert_msg(!vfio_pci_open(&pci, nvme0), "%s", vfn_error());
	ck_assert_str_eq(vfio_transport_name(&pci.dev), name);
	ck_assert_uint_eq(pci.classcode, 0x010802);
	vfio_pci_close(&pci);
}

START_TEST(test_choice)
{
	unsetenv("VFN_TRANSPORT");
	opens_by("iommufd");
	setenv("VFN_TRANSPORT", "type1", 1);
	opens_by("type1");
	setenv("VFN_TRANSPORT", "iommufd", 1);
	opens_by("iommufd");
}
END_TEST

/* nvme2 and nvme3 share one, or it is said that they do not; guest.sh tells where they must. */
static bool groups_differ(void)
{
	char *a = pci_get_iommu_group(nvme2), *b = pci_get_iommu_group(nvme3);
	bool differ;

	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	differ = strcmp(a, b);
	if (differ)
		printf("# SKIP groups of several devices: %s has %s, %s has %s\n", nvme2, a, nvme3, b);
	free(a);
	free(b);
	return differ;
}

START_TEST(test_refused)
{
	struct vfio_pci_device pci = {0};

	if (groups_differ())
		return;
	ck_assert_int_eq(vfio_pci_open(&pci, nvme2), -1);
	ck_assert_msg(errno == EBUSY, "%s", vfn_error());
	ck_assert_msg(strstr(vfn_error(), nvme3) && strstr(vfn_error(), "still bound to nvme"),
		      "%s", vfn_error());
	ck_assert_int_eq(vfio_pci_open(&pci, nvme3), -1);
	ck_assert_msg(errno == ENOENT && strstr(vfn_error(), "is bound to nvme"), "%s",
		      vfn_error());
	ck_assert_int_eq(vfio_pci_open(&pci, "0000:fe:1f.7"), -1);
	ck_assert_msg(errno == ENOENT, "%s", vfn_error());
}
END_TEST

/* Devices that the IOMMU cannot tell apart have to be in one context. */
START_TEST(test_group)
{
	struct vfio_pci_device a = {0}, b = {0};

	if (groups_differ())
		return;
	ck_assert_msg(!pci_bind(nvme3, "vfio-pci"), "%s", vfn_error());
	ck_assert_msg(!vfio_pci_open(&a, nvme2), "%s", vfn_error());
	b.dev.ctx = iommu_get_context("other");
	ck_assert_int_eq(vfio_pci_open(&b, nvme3), -1);
	ck_assert_msg(errno == EBUSY && strstr(vfn_error(), "another IOMMU context"), "%s",
		      vfn_error());
	iommu_put_context(iommu_get_context("other"));
	b.dev.ctx = NULL;
	ck_assert_msg(!vfio_pci_open(&b, nvme3), "%s", vfn_error());
	ck_assert_ptr_eq(a.dev.ctx, b.dev.ctx);
	vfio_pci_close(&a);
	vfio_pci_close(&b);
	ck_assert_msg(!pci_bind(nvme3, "nvme"), "%s", vfn_error());
}
END_TEST

/* What another process sees as long as the device is open here. */
START_TEST(test_taken)
{
	struct vfio_pci_device pci = {0};
	int status;
	pid_t pid;

	ck_assert_msg(!vfio_pci_open(&pci, nvme0), "%s", vfn_error());
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "vm-transport", "--taken", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "ended with %#x", status);
	vfio_pci_close(&pci);
	ck_assert_msg(!vfio_pci_open(&pci, nvme0), "%s", vfn_error());
	vfio_pci_close(&pci);
}
END_TEST

static int taken(void)
{
	struct vfio_pci_device pci = {0};

	MUST(vfio_pci_open(&pci, nvme0) == -1 && errno == EBUSY);
	MUST(strstr(vfn_error(), "open already") || strstr(vfn_error(), "another process"));
	return 0;
}

START_TEST(test_ranges)
{
	struct vfio_pci_device pci = {0};
	struct iommu_iova_range *ranges;
	uint64_t iova = MSI_FIRST;
	char *mem = pages(1), *gone;
	int n;

	ck_assert_msg(!vfio_pci_open(&pci, nvme0), "%s", vfn_error());
	n = iommu_get_iova_ranges(pci.dev.ctx, &ranges);
	/* Below and above what is kept for interrupts. */
	ck_assert_int_ge(n, 2);
	for (int i = 0; i < n; i++)
		ck_assert(ranges[i].last < MSI_FIRST || ranges[i].start > MSI_LAST);
	ck_assert_uint_ge(ranges[n - 1].last, (1ull << 32) - 1);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, IOMMU_MAP_FIXED_IOVA), -1);
	ck_assert_int_eq(errno, ERANGE);
	/* The last page that is offered can be had. */
	iova = ranges[n - 1].last - (PAGE - 1);
	ck_assert_msg(!iommu_map_vaddr(pci.dev.ctx, mem, PAGE, &iova, IOMMU_MAP_FIXED_IOVA), "%s",
		      vfn_error());
	ck_assert_msg(!iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), "%s", vfn_error());
	/* Address space without memory cannot be mapped, and is not recorded as if it were. */
	gone = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_int_eq(munmap(gone, PAGE), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, gone, PAGE, NULL, 0), -1);
	ck_assert_msg(errno == EFAULT, "%s", vfn_error());
	ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 0);
	free(ranges);
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, PAGE), 0);
}
END_TEST

/* Two controllers in one context reach the same memory, also what was mapped before one came. */
START_TEST(test_shared)
{
	struct iommu_ctx *ctx = iommu_get_context("shared");
	char *mem = pages(2), *want = malloc(PAGE);
	struct nvme_ctrl a, b;
	uint64_t early, later;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, PAGE, &early, 0), 0);
	ck_assert_msg(!nvme_init_in(&a, ctx, nvme0, NULL), "%s", vfn_error());
	ck_assert_msg(!nvme_init_in(&b, ctx, nvme1, NULL), "%s", vfn_error());
	ck_assert_str_eq(vfio_transport_name(&a.pci.dev), transport);
	ck_assert_str_eq(vfio_transport_name(&b.pci.dev), transport);
	ck_assert_ptr_eq(a.pci.dev.ctx, ctx);
	ck_assert_ptr_eq(b.pci.dev.ctx, ctx);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + PAGE, PAGE, &later, 0), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_msg(is(&a, mem + i * PAGE, "vfnd-nvme0"), "%s", vfn_error());
		ck_assert_msg(is(&b, mem + i * PAGE, "vfnd-nvme1"), "%s", vfn_error());
	}
	/* A page travels from one disk to the other. */
	ck_assert_msg(!nvme_create_ioqpair(&a, 1, 16, -1, 0), "%s", vfn_error());
	ck_assert_msg(!nvme_create_ioqpair(&b, 1, 16, -1, 0), "%s", vfn_error());
	memset(want, 0x5a, PAGE);
	memcpy(want, "a page that travels", 20);
	memcpy(mem, want, PAGE);
	ck_assert_msg(io(&a, 1, mem), "%s", vfn_error());
	ck_assert_msg(io(&a, 2, mem + PAGE), "%s", vfn_error());
	ck_assert_msg(io(&b, 1, mem + PAGE), "%s", vfn_error());
	memset(mem, 0, PAGE);
	ck_assert_msg(io(&b, 2, mem), "%s", vfn_error());
	ck_assert_mem_eq(mem, want, PAGE);
	/* One leaves, the other goes on. */
	nvme_close(&a);
	ck_assert_msg(is(&b, mem, "vfnd-nvme1"), "%s", vfn_error());
	ck_assert_msg(!nvme_init_in(&a, ctx, nvme0, NULL), "%s", vfn_error());
	ck_assert_msg(is(&a, mem + PAGE, "vfnd-nvme0"), "%s", vfn_error());
	nvme_close(&b);
	ck_assert_msg(is(&a, mem, "vfnd-nvme0"), "%s", vfn_error());
	nvme_close(&a);
	ck_assert_uint_eq(iommu_mappings(ctx), 2);
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	iommu_put_context(ctx);
	ck_assert_int_eq(pgunmap(mem, 2 * PAGE), 0);
	free(want);
}
END_TEST

START_TEST(test_interrupt)
{
	int fds[2] = {-1, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	struct pollfd wait = {.fd = fds[1], .events = POLLIN};
	union nvme_cmd cmd = {.rw = {.opcode = 2}};
	char *mem = pages(1);
	struct nvme_ctrl ctrl;
	struct nvme_rq *rq;
	uint64_t iova;

	ck_assert_msg(!nvme_init(&ctrl, nvme0, NULL), "%s", vfn_error());
	ck_assert_msg(!vfio_set_irq(&ctrl.pci.dev, fds, 2), "%s", vfn_error());
	ck_assert_msg(!nvme_create_ioqpair(&ctrl, 1, 16, 1, 0), "%s", vfn_error());
	ck_assert_int_eq(iommu_map_vaddr(__iommu_ctx(&ctrl), mem, PAGE, &iova, 0), 0);
	ck_assert_int_eq(poll(&wait, 1, 0), 0);
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	cmd.rw.nsid = cpu_to_le32(1);
	ck_assert_int_eq(nvme_rq_map_prp(&ctrl, rq, &cmd, iova, 512), 0);
	nvme_rq_exec(rq, &cmd);
	ck_assert_int_eq(poll(&wait, 1, 10000), 1);
	ck_assert_int_eq(nvme_rq_wait(rq, NULL, NULL), 0);
	nvme_rq_release(rq);
	ck_assert_int_eq(vfio_disable_irq(&ctrl.pci.dev), 0);
	nvme_close(&ctrl);
	close(fds[1]);
	ck_assert_int_eq(pgunmap(mem, PAGE), 0);
}
END_TEST

/* What a predecessor leaves to its successor, in a memfd. */
struct legacy {
	struct vfio_takeover dev;
	struct nvme_ctrl_saved ctrl;
	struct nvme_queue_saved cq[2], sq[2];
	struct nvme_mem_saved data;
};

static void keep(uint64_t fd)
{
	if (fd != UINT64_MAX && (int)fd >= 0)
		MUST(!fcntl((int)fd, F_SETFD, 0));
}

static int predecessor(int memfd)
{
	char number[16], *data;
	struct legacy *legacy;
	struct nvme_ctrl ctrl;
	uint64_t iova;
	off_t offset;
	int fd;

	MUST(!ftruncate(memfd, sizeof(*legacy)));
	legacy = mmap(NULL, sizeof(*legacy), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	MUST(legacy != MAP_FAILED);
	MUST(!nvme_init(&ctrl, nvme0, NULL));
	MUST(!nvme_create_ioqpair(&ctrl, 1, 16, -1, 0));
	MUST(pgmap((void **)&data, 2 * PAGE) == 2 * PAGE);
	MUST(!iommu_map_vaddr(__iommu_ctx(&ctrl), data, 2 * PAGE, &iova, 0));
	strcpy(data, "left on the disk");
	MUST(io(&ctrl, 1, data));

	MUST(!vfio_pci_export(&ctrl.pci, &legacy->dev));
	MUST(!strcmp(legacy->dev.transport, transport));
	MUST(!nvme_ctrl_save(&ctrl, &legacy->ctrl));
	for (int i = 0; i < 2; i++) {
		MUST(!nvme_cq_save(&ctrl.cq[i], &legacy->cq[i]));
		MUST(!nvme_sq_save(&ctrl.sq[i], &legacy->sq[i]));
		keep(legacy->cq[i].mem.fd);
		keep(legacy->sq[i].mem.fd);
		keep(legacy->sq[i].pages.fd);
	}
	fd = pgmap_fd(data, 2 * PAGE, &offset);
	legacy->data = (struct nvme_mem_saved){iova, 2 * PAGE, (uint64_t)offset, (uint64_t)fd};
	keep((uint64_t)fd);
	keep(legacy->ctrl.dbbuf.fd);
	keep(legacy->ctrl.eventidx.fd);
	keep((uint64_t)legacy->dev.device_fd);
	keep((uint64_t)legacy->dev.container_fd);
	keep((uint64_t)legacy->dev.group_fd);
	keep((uint64_t)memfd);
	snprintf(number, sizeof(number), "%d", memfd);
	execl("/proc/self/exe", "vm-transport", "--successor", number, (char *)NULL);
	return 1;
}

static int successor(int memfd)
{
	struct legacy *legacy = mmap(NULL, sizeof(*legacy), PROT_READ, MAP_SHARED, memfd, 0);
	struct nvme_ctrl ctrl, late;
	char *data, *fresh;

	/* Neither what is forced today nor what would be chosen matters for what was handed on. */
	setenv("VFN_TRANSPORT", strcmp(transport, "type1") ? "type1" : "iommufd", 1);
	MUST(legacy != MAP_FAILED);
	MUST(!nvme_ctrl_restore(&ctrl, nvme0, &legacy->dev, &legacy->ctrl));
	MUST(!strcmp(vfio_transport_name(&ctrl.pci.dev), transport));
	setenv("VFN_TRANSPORT", transport, 1);
	for (int i = 0; i < 2; i++) {
		MUST(!nvme_cq_restore(&ctrl, &legacy->cq[i]));
		MUST(!nvme_sq_restore(&ctrl, &legacy->sq[i]));
	}
	data = pgmap_from_fd((int)legacy->data.fd, legacy->data.len, (off_t)legacy->data.offset);
	MUST(data && !strcmp(data, "left on the disk"));
	MUST(!iommu_import(__iommu_ctx(&ctrl), (int)legacy->data.fd, (off_t)legacy->data.offset,
			   data, legacy->data.len, legacy->data.iova));
	/* By the mappings and queues of the predecessor. */
	MUST(io(&ctrl, 2, data + PAGE));
	MUST(!strcmp(data + PAGE, "left on the disk"));
	/* By a new one. */
	MUST(pgmap((void **)&fresh, PAGE) == PAGE);
	MUST(!iommu_map_vaddr(__iommu_ctx(&ctrl), fresh, PAGE, NULL, 0));
	MUST(io(&ctrl, 2, fresh));
	MUST(!strcmp(fresh, "left on the disk"));
	MUST(is(&ctrl, data, "vfnd-nvme0"));
	/* An I/O address space takes more devices, which reach all that was mapped before. */
	if (!strcmp(transport, "iommufd")) {
		MUST(!nvme_init_in(&late, __iommu_ctx(&ctrl), nvme1, NULL));
		MUST(__iommu_ctx(&late) == __iommu_ctx(&ctrl));
		MUST(is(&late, data, "vfnd-nvme1"));
		MUST(is(&late, fresh, "vfnd-nvme1"));
		nvme_close(&late);
	}
	MUST(!iommu_unmap_vaddr(__iommu_ctx(&ctrl), data, NULL));
	MUST(!iommu_unmap_vaddr(__iommu_ctx(&ctrl), fresh, NULL));
	MUST(!nvme_delete_ioqpair(&ctrl, 1));
	nvme_close(&ctrl);
	MUST(!pgunmap(data, 2 * PAGE));
	MUST(!pgunmap(fresh, PAGE));
	return 0;
}

START_TEST(test_takeover)
{
	struct vfio_pci_device pci = {0};
	int status, memfd = memfd_create("legacy", MFD_CLOEXEC);
	pid_t pid;

	ck_assert_int_ge(memfd, 0);
	pid = fork();
	if (!pid)
		exit(predecessor(memfd));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "ended with %#x", status);
	close(memfd);
	/* Nothing of it is left. */
	ck_assert_msg(!vfio_pci_open(&pci, nvme0), "%s", vfn_error());
	vfio_pci_close(&pci);
}
END_TEST

/* type1 allows 65,535 mappings and says so; an I/O address space has no such limit. */
START_TEST(test_many)
{
	const size_t n = 66000;
	struct vfio_pci_device pci = {0};
	size_t i;
	char *mem =
		mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(mem, MAP_FAILED);
	ck_assert_msg(!vfio_pci_open(&pci, nvme0), "%s", vfn_error());
	for (i = 0; i < n && !iommu_map_vaddr(pci.dev.ctx, mem + i * PAGE, PAGE, NULL, 0); i++)
		;
	if (!strcmp(transport, "type1")) {
		ck_assert_uint_eq(i, 65535);
		ck_assert_msg(errno == ENOSPC && strstr(vfn_error(), "65535 mappings"), "%s",
			      vfn_error());
		ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), 0);
		ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, PAGE, NULL, 0), 0);
	} else {
		ck_assert_msg(i == n, "%zu mappings, then %s", i, vfn_error());
	}
	ck_assert_msg(!iommu_unmap_all(pci.dev.ctx), "%s", vfn_error());
	ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 0);
	vfio_pci_close(&pci);
	munmap(mem, n * PAGE);
}
END_TEST

/* Has the edu device reach for memory that is not mapped for it, which the IOMMU has to stop. */
static int stray(const char *edu)
{
	struct vfio_pci_device pci = {0};
	uint16_t command;
	char *bar;

	MUST(!vfio_pci_open(&pci, edu));
	MUST(vfio_pci_read_config(&pci, &command, sizeof(command), 4) == sizeof(command));
	command = cpu_to_le16(le16_to_cpu(command) | 0x4);
	MUST(vfio_pci_write_config(&pci, &command, sizeof(command), 4) == sizeof(command));
	bar = vfio_pci_map_bar(&pci, 0, PAGE, 0, PROT_READ | PROT_WRITE);
	MUST(bar);
	mmio_write32(bar + 0x80, cpu_to_le32(0x5000)); /* from there */
	mmio_write32(bar + 0x88, cpu_to_le32(0x40000)); /* into its buffer */
	mmio_write32(bar + 0x90, cpu_to_le32(16));
	mmio_write32(bar + 0x98, cpu_to_le32(1));
	for (int i = 0; i < 1000 && le32_to_cpu(mmio_read32(bar + 0x98)) & 1; i++)
		usleep(10000);
	MUST(!(le32_to_cpu(mmio_read32(bar + 0x98)) & 1));
	vfio_pci_unmap_bar(&pci, 0, bar, PAGE, 0);
	vfio_pci_close(&pci);
	return 0;
}

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tc;

	transport = getenv("VM_TRANSPORT");
	nvme0 = getenv("VM_NVME0");
	nvme1 = getenv("VM_NVME1");
	nvme2 = getenv("VM_NVME2");
	nvme3 = getenv("VM_NVME3");
	if (!transport || !nvme0 || !nvme1 || !nvme2 || !nvme3) {
		puts("1..0 # SKIP not in the guest of tests/vm/run");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--taken"))
		return taken();
	if (argc == 3 && !strcmp(argv[1], "--successor"))
		return successor(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "--stray"))
		return stray(argv[2]);

	suite = suite_create(transport);
	tc = tcase_create(transport);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_choice);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_group);
	tcase_add_test(tc, test_taken);
	tcase_add_test(tc, test_ranges);
	tcase_add_test(tc, test_shared);
	tcase_add_test(tc, test_interrupt);
	tcase_add_test(tc, test_takeover);
	tcase_add_test(tc, test_many);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
