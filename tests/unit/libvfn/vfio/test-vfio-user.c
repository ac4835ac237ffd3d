/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vfio-user transport against a server that behaves. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>

#include "fake-server.h"
#include "vfio/transport.h"
#include "vfio/vfio-user.h"

static struct fake *fake;
static struct vfio_pci_device pci;

static void setup(void)
{
	fake = fake_start();
	memset(&pci, 0, sizeof(pci));
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
}

static void teardown(void)
{
	vfio_pci_close(&pci);
	fake_wait(fake, &fake->clients, 1);
	fake_stop(fake);
}

START_TEST(test_open)
{
	uint16_t command;

	ck_assert_str_eq(pci.bdf, fake->name);
	ck_assert_uint_eq(pci.classcode, 0x010802);
	ck_assert_uint_eq(pci.bar_region_info[0].size, FAKE_BAR0);
	ck_assert_uint_eq(pci.bar_region_info[1].size, 0);
	ck_assert_uint_eq(pci.config_region_info.size, 4096);
	ck_assert_uint_eq(pci.dev.irq_info.index, VFIO_PCI_MSIX_IRQ_INDEX);
	ck_assert_uint_eq(pci.dev.irq_info.count, FAKE_VECTORS);
	ck_assert_str_eq(vfio_transport_name(&pci.dev), "vfio-user");
	ck_assert(vfio_doorbell_by_message(&pci.dev));
	ck_assert_int_eq(fake->resets, 1);
	/* memory, bus master, INTx off */
	memcpy(&command, fake->config + 4, 2);
	ck_assert_uint_eq(command, 0x0406);
	ck_assert_int_eq(vfio_hot_reset(&pci.dev), -1);
	ck_assert_msg(errno == ENOTSUP && strstr(vfn_error(), "no hot reset"), "%s", vfn_error());
	vfio_pci_close(&pci);
	fake_wait(fake, &fake->clients, 1);
	memcpy(&command, fake->config + 4, 2);
	ck_assert_uint_eq(command, 0);
	/* Closed twice is fine, and calls on a closed device fail. */
	vfio_pci_close(&pci);
	ck_assert_int_eq(vfio_reset(&pci.dev), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_ptr_null(pci.dev.ctx);
}
END_TEST

START_TEST(test_open_again)
{
	for (int i = 0; i < 20; i++) {
		vfio_pci_close(&pci);
		ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	}
	ck_assert_uint_eq(pci.classcode, 0x010802);
}
END_TEST

START_TEST(test_config)
{
	uint8_t all[4096];
	uint32_t v = 0x12345678;

	ck_assert_int_eq(vfio_pci_write_config(&pci, &v, 4, 0x80), 4);
	ck_assert_mem_eq(fake->config + 0x80, &v, 4);
	ck_assert_int_eq(vfio_pci_read_config(&pci, all, sizeof(all), 0), (int)sizeof(all));
	ck_assert_mem_eq(all, fake->config, sizeof(all));
	/* The server takes 1024 bytes at once. */
	ck_assert_uint_eq(fake->largest, 1024);
	ck_assert_int_eq(vfio_pci_read_config(&pci, all, 4, 4094), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_pci_read_config(&pci, all, 4, -4), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_registers)
{
	uint64_t v = 0x1122334455667788, back = 0;
	uint32_t half = 0;

	ck_assert_int_eq(vfio_region_write(&pci.dev, 0, &v, 8, 0x28), 0);
	ck_assert_uint_eq(fake->widths, 8);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &back, 8, 0x28), 0);
	ck_assert_uint_eq(back, v);
	ck_assert_uint_eq(fake->widths, 8);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &half, 4, 0x2c), 0);
	ck_assert_uint_eq(half, 0x11223344);
	ck_assert_uint_eq(fake->widths, 12);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &half, 4, FAKE_BAR0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &half, 4, UINT64_MAX - 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 9, &half, 4, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	/* Beyond what the server has, but not what it said. */
	ck_assert_int_eq(vfio_region_read(&pci.dev, 1, &half, 4, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_map_bar)
{
	uint32_t v = 77;
	char *db;

	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 0, 0x1000, 0, PROT_READ));
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 0, 0x2000, 0x1000, PROT_READ));
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 0, 0x1000, 0x4000, PROT_READ));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 6, 0x1000, 0, PROT_READ));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 0, 0, 0x1000, PROT_READ));
	ck_assert_int_eq(errno, EINVAL);
	/* Within a page that can be mapped, or not. */
	ck_assert_ptr_null(vfio_pci_map_bar(&pci, 0, 0x1000, 0x800, PROT_READ));
	ck_assert_int_eq(errno, ENOTSUP);
	db = vfio_pci_map_bar(&pci, 0, 0x800, 0x1800, PROT_READ | PROT_WRITE);
	ck_assert_msg(db, "%s", vfn_error());
	mmio_write32(db + 4, cpu_to_le32(78));
	ck_assert_int_eq(pread(fake->memfd, &v, 4, 0x1804), 4);
	ck_assert_uint_eq(le32_to_cpu(v), 78);
	vfio_pci_unmap_bar(&pci, 0, db, 0x800, 0x1800);
	v = 77;
	db = vfio_pci_map_bar(&pci, 0, 0x1000, 0x1000, PROT_READ | PROT_WRITE);
	ck_assert_msg(db, "%s", vfn_error());
	mmio_write32(db + 8, cpu_to_le32(v));
	v = 0;
	ck_assert_int_eq(pread(fake->memfd, &v, 4, 0x1008), 4);
	ck_assert_uint_eq(le32_to_cpu(v), 77);
	/* Registers of a mapped page go by message: the server acts on them. */
	ck_assert_int_eq(vfio_region_write(&pci.dev, 0, &v, 4, 0x1010), 0);
	ck_assert_mem_eq(fake->bar0 + 0x1010, &v, 4);
	vfio_pci_unmap_bar(&pci, 0, db, 0x1000, 0x1000);
	ck_assert_ptr_nonnull(vfio_pci_map_bar(&pci, 0, 0x1000, 0x1000, PROT_WRITE));
	/* That one goes with the device. */
}
END_TEST

START_TEST(test_post)
{
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1004, 0x01020304), 0);
	fake_wait(fake, &fake->posts, 1);
	ck_assert_mem_eq(fake->bar0 + 0x1004, "\x04\x03\x02\x01", 4);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x3ffe, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

static void *post_many(void *arg)
{
	int *failed = arg;

	for (uint32_t i = 1; i <= 2000; i++)
		*failed += vfio_region_post32(&pci.dev, 0, 0x1000, i) != 0;
	return NULL;
}

/* Posts and calls of two threads do not mix in the stream. */
START_TEST(test_post_during_calls)
{
	pthread_t thread;
	int failed = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, post_many, &failed), 0);
	for (uint64_t i = 0; i < 500; i++) {
		uint64_t back = 0;

		ck_assert_int_eq(vfio_region_write(&pci.dev, 0, &i, 8, 0x100), 0);
		ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &back, 8, 0x100), 0);
		ck_assert_uint_eq(back, i);
	}
	pthread_join(thread, NULL);
	ck_assert_int_eq(failed, 0);
	fake_wait(fake, &fake->posts, 2000);
	ck_assert_uint_eq(fake->bar0[0x1000] | fake->bar0[0x1001] << 8, 2000);
}
END_TEST

static void *read_slowly(void *arg)
{
	uint64_t v;

	*(int *)arg = vfio_region_read(&pci.dev, 0, &v, 8, 0);
	return NULL;
}

/* A post goes out while another thread waits for a reply. */
START_TEST(test_post_during_wait)
{
	int failed = 0, reads = fake->reads;
	pthread_t thread;
	int64_t before;

	fake_set_fault(fake, 9, FAKE_SLOW, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, read_slowly, &failed), 0);
	fake_wait(fake, &fake->reads, reads + 1);
	before = vfio_user_now();
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 1), 0);
	ck_assert_int_lt(vfio_user_now() - before, 150);
	pthread_join(thread, NULL);
	ck_assert_int_eq(failed, 0);
	fake_wait(fake, &fake->posts, 1);
}
END_TEST

START_TEST(test_irqs)
{
	int fds[FAKE_VECTORS];
	struct vfio_irq_info info;

	for (unsigned int i = 0; i < FAKE_VECTORS; i++)
		fds[i] = i == 2 ? -1 : eventfd(0, EFD_CLOEXEC);
	ck_assert_msg(vfio_set_irq(&pci.dev, fds, FAKE_VECTORS) == 0, "%s", vfn_error());
	ck_assert_uint_eq(fake->most_fds, 3);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
		uint64_t n = 0;

		if (i == 2) {
			ck_assert_int_eq(fake->irq[2][i], -1);
			continue;
		}
		ck_assert_int_eq(eventfd_write(fake->irq[2][i], i + 1), 0);
		ck_assert_int_eq(eventfd_read(fds[i], &n), 0);
		ck_assert_uint_eq(n, i + 1);
	}
	/* One of those that are set up, also the first, leaves the others alone. */
	ck_assert_int_eq(vfio_set_irq_index(&pci.dev, VFIO_PCI_MSIX_IRQ_INDEX, 0, &fds[1], 1), 0);
	ck_assert_int_eq(fake->irq_disables, 0);
	ck_assert_int_eq(eventfd_write(fake->irq[2][0], 1), 0);
	ck_assert_int_eq(eventfd_read(fds[1], &(uint64_t){0}), 0);
	ck_assert_int_eq(eventfd_write(fake->irq[2][7], 1), 0);
	ck_assert_int_eq(eventfd_read(fds[7], &(uint64_t){0}), 0);
	ck_assert_int_eq(vfio_set_irq_index(&pci.dev, VFIO_PCI_MSIX_IRQ_INDEX, 0, &fds[2], 1), 0);
	ck_assert_int_eq(fake->irq[2][0], -1);
	/* All are still known to be set up. */
	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, FAKE_VECTORS), 0);
	ck_assert_int_eq(fake->irq_disables, 0);
	ck_assert_int_ge(fake->irq[2][0], 0);
	/* Another number of vectors is set up afresh. */
	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, 2), 0);
	ck_assert_int_eq(fake->irq_disables, 1);
	ck_assert_int_eq(fake->irq[2][7], -1);
	ck_assert_int_eq(vfio_set_irq_index(&pci.dev, VFIO_PCI_ERR_IRQ_INDEX, 0, fds, 1), 0);
	ck_assert_int_ge(fake->irq[3][0], 0);
	ck_assert_int_eq(vfio_disable_irq(&pci.dev), 0);
	ck_assert_int_eq(fake->irq[2][0], -1);
	ck_assert_int_ge(fake->irq[3][0], 0);

	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, FAKE_VECTORS + 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, -1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_set_irq_index(&pci.dev, 2, 7, fds, 2), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_set_irq_index(&pci.dev, 1, 0, fds, 1), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(vfio_get_irq_info(&pci.dev, 1, &info), 0);
	ck_assert_uint_eq(info.count, 0);
	ck_assert_int_eq(vfio_get_irq_info(&pci.dev, 17, &info), 0);
	ck_assert_uint_eq(info.count, 0);
	for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}
END_TEST

START_TEST(test_dma)
{
	struct iommu_ctx *ctx = __iommu_ctx(&pci);
	uint64_t iova = 0, again = 0, ephemeral = 0;
	void *mem, *other;
	char byte;
	int fd;

	ck_assert_int_eq(pgmap(&mem, 0x3000), 0x3000);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 0x3000, &iova, 0), 0);
	ck_assert_uint_eq(iova, 0x10000);
	ck_assert_int_eq(fake->nmaps, 1);
	ck_assert_uint_eq(fake->maps[0].size, 0x3000);
	ck_assert_uint_eq(fake->maps[0].flags, 3);
	*((char *)mem + 0x2001) = 42;
	ck_assert_int_eq(pread(fake->maps[0].fd, &byte, 1, 0x2001), 1);
	ck_assert_int_eq(byte, 42);

	/* A part of it is there already. */
	ck_assert_int_eq(iommu_map_vaddr(ctx, (char *)mem + 0x1000, 0x1000, &again, 0), 0);
	ck_assert_uint_eq(again, iova + 0x1000);
	ck_assert_int_eq(fake->nmaps, 1);

	/* Somebody else's memfd, the second page of it. */
	fd = memfd_create("other", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, 0x2000), 0);
	other = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0x1000);
	ck_assert_int_eq(iommu_map_fd(ctx, fd, 0x1000, other, 0x1000, &ephemeral,
				      IOMMU_MAP_EPHEMERAL | IOMMU_MAP_NOWRITE),
			 0);
	close(fd);
	ck_assert_uint_eq(ephemeral, (1ull << 48) - 0x1000);
	ck_assert_uint_eq(fake->maps[1].offset, 0x1000);
	ck_assert_uint_eq(fake->maps[1].flags, 1);
	ck_assert_int_eq(iommu_unmap_iova(ctx, ephemeral, 0x2000), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(iommu_unmap_iova(ctx, ephemeral, 0x1000), 0);
	ck_assert_int_eq(fake->nmaps, 1);
	munmap(other, 0x1000);

	/* What the server refuses is not recorded. */
	ck_assert_int_eq(iommu_unmap_all(ctx), 0);
	ck_assert_int_eq(fake->nmaps, 0);
	fake_set_fault(fake, 2, FAKE_ERROR, ENOMEM);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 0x1000, &iova, 0), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_uint_eq(iommu_mappings(ctx), 0);
	ck_assert(!iommu_translate_vaddr(ctx, mem, &iova));
	ck_assert_int_eq(pgunmap(mem, 0x3000), 0);
}
END_TEST

/* A mapping that is there before the device gets to it when it comes. */
START_TEST(test_context_first)
{
	struct vfio_pci_device late = {0};
	struct iommu_ctx *ctx;
	struct fake *second = fake_start();
	uint64_t iova;
	void *mem;

	ctx = iommu_get_context("test");
	ck_assert_ptr_eq(iommu_get_context("test"), ctx);
	iommu_put_context(ctx);
	ck_assert_int_eq(pgmap(&mem, 0x1000), 0x1000);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 0x1000, &iova, 0), 0);
	late.dev.ctx = ctx;
	ck_assert_int_eq(vfio_pci_open(&late, second->name), 0);
	ck_assert_ptr_eq(late.dev.ctx, ctx);
	ck_assert_int_eq(second->nmaps, 1);
	ck_assert_uint_eq(second->maps[0].iova, iova);
	iommu_put_context(ctx);
	vfio_pci_close(&late);
	ck_assert_int_eq(pgunmap(mem, 0x1000), 0);
	fake_stop(second);
}
END_TEST

START_TEST(test_takeover)
{
	struct iommu_ctx *ctx = __iommu_ctx(&pci);
	struct vfio_takeover to;
	struct vfio_pci_device next = {0};
	uint64_t iova, v = 5, back = 0;
	void *mem, *db;

	ck_assert_int_eq(pgmap(&mem, 0x1000), 0x1000);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 0x1000, &iova, 0), 0);
	ck_assert_int_eq(vfio_pci_export(&pci, &to), 0);
	ck_assert_int_eq(to.socket_fd, pci.dev.fd);
	/* As if across execve(2): the predecessor is gone without closing anything. */
	to.socket_fd = fcntl(to.socket_fd, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(vfio_pci_import(&next, "vfio-user:/elsewhere", &to), -1);
	ck_assert_int_eq(errno, EINVAL);
	to.version++;
	ck_assert_int_eq(vfio_pci_import(&next, fake->name, &to), -1);
	ck_assert_int_eq(errno, EINVAL);
	to.version--;
	fake->resets = 0;
	ck_assert_msg(vfio_pci_import(&next, fake->name, &to) == 0, "%s", vfn_error());
	ck_assert_int_eq(fake->resets, 0);
	ck_assert_uint_eq(next.classcode, 0x010802);
	ck_assert_int_eq(iommu_import(next.dev.ctx, -1, 0, mem, 0x1000, iova), 0);
	ck_assert_int_eq(iommu_import(next.dev.ctx, -1, 0, mem, 0x1000, iova), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(fake->nmaps, 1);
	ck_assert_int_eq(vfio_region_write(&next.dev, 0, &v, 8, 0x40), 0);
	ck_assert_int_eq(vfio_region_read(&next.dev, 0, &back, 8, 0x40), 0);
	ck_assert_uint_eq(back, 5);
	db = vfio_pci_map_bar(&next, 0, 0x1000, 0x1000, PROT_WRITE);
	ck_assert_ptr_nonnull(db);
	ck_assert_int_eq(iommu_unmap_vaddr(next.dev.ctx, mem, NULL), 0);
	ck_assert_int_eq(fake->nmaps, 0);
	vfio_pci_close(&next);
	ck_assert_int_eq(pgunmap(mem, 0x1000), 0);
}
END_TEST

START_TEST(test_fd_event)
{
	struct pollfd p = {.fd = vfio_device_fd_event(&pci.dev), .events = POLLRDHUP};

	ck_assert_int_ge(p.fd, 0);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	shutdown(fake->client, SHUT_RDWR);
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
}
END_TEST

START_TEST(test_json)
{
	static const struct {
		const char *json;
		bool there;
	} cases[] = {
		{"{\"capabilities\":{\"max\" : 17 }}", true},
		{" { \"x\" : [ {\"max\":1}, \"}\" ] , \"capabilities\" : {\"max\":17,\"y\":{}}}",
		 true},
		{"{\"capabilities\":{\"a\":{\"max\":1},\"b\":\"\\\"max\\\":2\",\"max\":17}}", true},
		{"{\"capabilities\":{\"t\":true,\"n\":null,\"f\":-1.5e3,\"max\":17}}", true},
		{"{\"capabilities\":{\"max\":17", true},
		{"{\"max\":17}", false},
		{"{\"other\":{\"max\":17}}", false},
		{"{\"capabilities\":{\"other\":{\"max\":17}}}", false},
		{"{\"capabilities\":[\"max\",17]}", false},
		{"{\"capabilities\":{\"maximum\":17,\"xmax\":17}}", false},
		{"{\"capabilities\":{\"max\":\"17\"}}", false},
		{"{\"capabilities\":{\"max\":-17}}", false},
		{"{\"capabilities\":{\"max\":1.5}}", false},
		{"{\"capabilities\":{\"max\":99999999999999999999999}}", false},
		{"{\"capabilities\":{\"a\":[}}", false},
		{"{\"capabilities\":{\"a\"", false},
		{"{\"capabilities\":{\"a\\", false},
		{"{\"capabilities\":{\"max", false},
		{"{\"capabilities\":{\"max\"", false},
		{"{\"capabilities\":{\"max\":", false},
		{"{", false},
		{"", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;

		ck_assert_msg(vfio_user_json_u64(cases[i].json, "max", &v) == cases[i].there, "%s",
			      cases[i].json);
		ck_assert_uint_eq(v, cases[i].there ? 17 : v);
	}
}
END_TEST

UNIT_MAIN("vfio-user", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_open); tcase_add_test(tc, test_open_again);
	  tcase_add_test(tc, test_config); tcase_add_test(tc, test_registers);
	  tcase_add_test(tc, test_map_bar); tcase_add_test(tc, test_post);
	  tcase_add_test(tc, test_post_during_calls); tcase_add_test(tc, test_post_during_wait);
	  tcase_add_test(tc, test_irqs); tcase_add_test(tc, test_dma);
	  tcase_add_test(tc, test_context_first); tcase_add_test(tc, test_takeover);
	  tcase_add_test(tc, test_fd_event); tcase_add_test(tc, test_json))
