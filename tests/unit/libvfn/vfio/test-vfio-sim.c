/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vfio-user transport against the simulated NVMe controller, a program that shares no code. */
#include "unit.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>
#include "../nvme/sim-proc.h"

#define NVME_CAP 0x0
#define NVME_VS	 0x8
#define NVME_CC	 0x14

static struct sim sim;
static struct vfio_pci_device pci;

static void setup(void)
{
	sim_start(&sim);
	memset(&pci, 0, sizeof(pci));
	ck_assert_msg(vfio_pci_open(&pci, sim.name) == 0, "%s", vfn_error());
}

static void teardown(void)
{
	vfio_pci_close(&pci);
	sim_stop(&sim);
}

START_TEST(test_registers)
{
	uint32_t vs = 0, halves[2];
	uint16_t command;
	uint64_t cap = 0;

	ck_assert_uint_eq(pci.classcode, 0x010802);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &cap, 8, NVME_CAP), 0);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &halves[0], 4, NVME_CAP), 0);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &halves[1], 4, NVME_CAP + 4), 0);
	ck_assert_uint_ne(cap, 0);
	ck_assert_uint_eq(cap, (uint64_t)halves[1] << 32 | halves[0]);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &vs, 4, NVME_VS), 0);
	ck_assert_uint_ge(vs, 0x10000);
	/* What it refuses is an error, and not the end. */
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &cap, 8, pci.bar_region_info[0].size), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_pci_read_config(&pci, &command, 2, 4), 2);
	ck_assert_uint_eq(command & 0x406, 0x406);
}
END_TEST

START_TEST(test_doorbells)
{
	uint64_t at = 1;
	char *db, *other;
	int fd;

	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 0, 0x1000, 0, PROT_READ));
	ck_assert_int_eq(errno, ENOTSUP);
	db = vfio_pci_map_bar(&pci, 0, 0x1000, 0x1000, PROT_READ | PROT_WRITE);
	ck_assert_msg(db, "%s", vfn_error());
	/* What is handed on is the same memory, and no more than what can be mapped. */
	ck_assert_int_eq(vfio_region_fd(&pci.dev, 0, 4, 0, &at), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(vfio_region_fd(&pci.dev, 0, 4, UINT64_MAX - 2, &at), -1);
	ck_assert_int_eq(errno, EINVAL);
	fd = vfio_region_fd(&pci.dev, 0, 8, 0x1008, &at);
	ck_assert_msg(fd >= 0 && at % 4096 == 0, "%s", vfn_error());
	other = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)at);
	ck_assert_ptr_ne(other, MAP_FAILED);
	((volatile uint32_t *)db)[1023] = 0x12345678;
	ck_assert_uint_eq(((volatile uint32_t *)other)[1023], 0x12345678);
	((volatile uint32_t *)db)[1023] = 0;
	munmap(other, 4096);
	vfio_pci_unmap_bar(&pci, 0, db, 0x1000, 0x1000);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 0), 0);
	ck_assert_int_eq(vfio_reset(&pci.dev), 0);
}
END_TEST

START_TEST(test_dma_and_irqs)
{
	struct vfio_irq_info info;
	uint64_t iova[3];
	int fds[64];
	char *mem;

	ck_assert_int_eq(pgmap((void **)&mem, 0x300000), 0x300000);
	for (int i = 0; i < 3; i++)
		ck_assert_msg(iommu_map_vaddr(pci.dev.ctx, mem + i * 0x100000, 0x1000, &iova[i],
					      i == 2 ? IOMMU_MAP_EPHEMERAL : 0) == 0,
			      "%s", vfn_error());
	ck_assert_uint_eq(iova[0], 0x10000);
	ck_assert_int_eq(iommu_unmap_all(pci.dev.ctx), 0);
	ck_assert_int_eq(pgunmap(mem, 0x300000), 0);

	ck_assert_uint_eq(pci.dev.irq_info.index, VFIO_PCI_MSIX_IRQ_INDEX);
	ck_assert_uint_ge(pci.dev.irq_info.count, 64);
	for (int i = 0; i < 64; i++)
		fds[i] = i % 5 == 4 ? -1 : eventfd(0, EFD_CLOEXEC);
	ck_assert_msg(vfio_set_irq(&pci.dev, fds, 64) == 0, "%s", vfn_error());
	ck_assert_msg(vfio_set_irq(&pci.dev, fds, 2) == 0, "%s", vfn_error());
	ck_assert_int_eq(vfio_disable_irq(&pci.dev), 0);
	for (int i = 0; i < 64; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	for (unsigned int i = 0; i < 5; i++)
		ck_assert_int_eq(vfio_get_irq_info(&pci.dev, i, &info), 0);
}
END_TEST

START_TEST(test_reopen)
{
	for (int i = 0; i < 50; i++) {
		vfio_pci_close(&pci);
		ck_assert_msg(vfio_pci_open(&pci, sim.name) == 0, "%s", vfn_error());
	}
}
END_TEST

START_TEST(test_killed)
{
	struct pollfd p = {.fd = vfio_device_fd_event(&pci.dev), .events = POLLRDHUP};
	uint64_t cap;
	int status;

	ck_assert_int_eq(poll(&p, 1, 0), 0);
	kill(sim.pid, SIGKILL);
	ck_assert_int_eq(poll(&p, 1, 10000), 1);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &cap, 8, NVME_CAP), -1);
	ck_assert_int_eq(errno, ENODEV);
	waitpid(sim.pid, &status, 0);
	vfio_pci_close(&pci);
	/* The socket's file is still there, without anybody behind it. */
	ck_assert_int_eq(vfio_pci_open(&pci, sim.name), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	unlink(sim.control);
	unlink(sim.name + strlen("vfio-user:"));
	rmdir(sim.dir);
	/* The next one serves, which also sees to it that it is up before it is told to end. */
	sim_start(&sim);
	ck_assert_msg(vfio_pci_open(&pci, sim.name) == 0, "%s", vfn_error());
}
END_TEST

UNIT_MAIN("vfio-sim", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_registers); tcase_add_test(tc, test_doorbells);
	  tcase_add_test(tc, test_dma_and_irqs); tcase_add_test(tc, test_reopen);
	  tcase_add_test(tc, test_killed))
