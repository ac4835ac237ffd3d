/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Servers that read and write the client's memory by messages, well and badly. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>

#include "fake-server.h"
#include "vfio/transport.h"
#include "vfio/vfio-user.h"

#define DMA_READ  11
#define DMA_WRITE 12
#define REPLY	  1u
#define FAILED	  0x21u
#define NO_REPLY  0x10u
#define HEADER	  16u
#define MIB	  0x100000u

static struct fake *fake;
static struct vfio_pci_device pci;
static struct iommu_ctx *ctx;
static char *mem; /* 4 pages, private and anonymous */
static size_t page;
static uint64_t iova;

struct ask {
	uint64_t address, count;
	uint8_t data[MIB + 1];
};

static struct ask ask;

static void setup(void)
{
	page = __VFN_PAGESIZE;
	fake = fake_start();
	memset(&pci, 0, sizeof(pci));
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	ctx = __iommu_ctx(&pci);
	mem = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(mem, MAP_FAILED);
}

static void teardown(void)
{
	vfio_pci_close(&pci);
	fake_wait(fake, &fake->clients, 1);
	fake_stop(fake);
	munmap(mem, 4 * page);
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

/* A thread that has been joined may be listed a moment longer. */
static void ends_with_threads(int n)
{
	for (int i = 0; i < 1000 && count("/proc/self/task") > n; i++)
		usleep(10000);
	ck_assert_int_eq(count("/proc/self/task"), n);
}

static void read_it(uint64_t address, uint64_t len)
{
	ask.address = address;
	ask.count = len;
	fake_ask(fake, DMA_READ, 0, &ask, 16);
}

static void write_it(uint64_t address, uint64_t len)
{
	ask.address = address;
	ask.count = len;
	fake_ask(fake, DMA_WRITE, 0, &ask, 16 + len);
}

static void refused(int err)
{
	ck_assert_uint_eq(fake->answer_flags, FAILED);
	ck_assert_uint_eq(fake->answer_error, (uint32_t)err);
	ck_assert_uint_eq(fake->answer_size, HEADER);
}

/* Ordinary memory is reached while nobody calls. */
START_TEST(test_private)
{
	struct ask *back = (struct ask *)(void *)fake->answer;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 4 * page, &iova, 0), 0);
	ck_assert_int_eq(fake->nmaps, 1);
	ck_assert_int_eq(fake->maps[0].fd, -1);
	ck_assert_uint_eq(fake->maps[0].flags, 3);
	ck_assert_uint_eq(fake->maps[0].offset, 0);

	for (size_t i = 0; i < 4 * page; i++)
		mem[i] = (char)(i * 7);
	read_it(iova + 3, page);
	ck_assert_uint_eq(fake->answer_flags, REPLY);
	ck_assert_uint_eq(fake->answer_size, HEADER + 16 + page);
	ck_assert_uint_eq(back->address, iova + 3);
	ck_assert_uint_eq(back->count, page);
	ck_assert_mem_eq(back->data, mem + 3, page);

	memset(ask.data, 0xc3, page);
	write_it(iova + page + 5, page - 6);
	ck_assert_uint_eq(fake->answer_flags, REPLY);
	ck_assert_uint_eq(fake->answer_size, HEADER + 16);
	ck_assert_uint_eq(back->count, page - 6);
	ck_assert_mem_eq(mem + page + 5, ask.data, page - 6);
	ck_assert_int_eq(mem[page + 4], (char)((page + 4) * 7));
	ck_assert_int_eq(mem[2 * page - 1], (char)((2 * page - 1) * 7));

	/* A command that wants no answer gets none, and is obeyed. */
	ask.address = iova;
	ask.count = 1;
	ask.data[0] = 99;
	fake_ask(fake, DMA_WRITE, NO_REPLY, &ask, 17);
	read_it(iova, 1);
	ck_assert_uint_eq(back->data[0], 99);

	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem, NULL), 0);
	read_it(iova, 1);
	refused(EFAULT);
}
END_TEST

/* What a server may not have. */
START_TEST(test_hostile)
{
	struct ask *back = (struct ask *)(void *)fake->answer;
	uint64_t ro, wo;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, page, &iova, 0), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + page, page, &ro, IOMMU_MAP_NOWRITE), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem + 2 * page, page, &wo, IOMMU_MAP_NOREAD), 0);
	ck_assert_uint_eq(ro, iova + page);
	ck_assert_uint_eq(wo, ro + page);

	read_it(0, 8);
	refused(EFAULT);
	read_it(iova - 1, 2);
	refused(EFAULT);
	read_it(UINT64_MAX - 3, 8);
	refused(EFAULT);
	read_it(iova + 3 * page - 1, 2);
	refused(EACCES);
	write_it(wo + page - 1, 2);
	refused(EFAULT);
	read_it(iova, 0);
	refused(EINVAL);
	read_it(iova, UINT64_MAX);
	refused(EINVAL);
	read_it(iova, MIB + 1);
	refused(EINVAL);
	ask.address = iova;
	ask.count = 9;
	fake_ask(fake, DMA_WRITE, 0, &ask, 24);
	refused(EINVAL);
	ask.count = 7;
	fake_ask(fake, DMA_WRITE, 0, &ask, 24);
	refused(EINVAL);
	fake_ask(fake, DMA_READ, 0, &ask, 24);
	refused(EINVAL);
	fake_ask(fake, DMA_READ, 0, &ask, 15);
	refused(EINVAL);
	fake_ask(fake, DMA_WRITE, 0, &ask, 0);
	refused(EINVAL);
	fake_ask(fake, 1, 0, &ask, 40);
	refused(ENOTSUP);

	/* Neighbours are one range, but each has its own rights; a refusal writes nothing. */
	read_it(iova + page - 8, 16);
	ck_assert_uint_eq(fake->answer_flags, REPLY);
	ck_assert_uint_eq(back->count, 16);
	memset(ask.data, 0x77, 16);
	write_it(iova + page - 8, 16);
	refused(EACCES);
	ck_assert_int_eq(mem[page - 8], 0);
	write_it(wo, 16);
	ck_assert_uint_eq(fake->answer_flags, REPLY);
	read_it(wo, 16);
	refused(EACCES);

	/* And the connection is as good as ever. */
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, ask.data, 8, 0), 0);
}
END_TEST

/* As much as a message holds. */
START_TEST(test_large)
{
	struct ask *back = (struct ask *)(void *)fake->answer;
	char *big = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_eq(iommu_map_vaddr(ctx, big, MIB, &iova, 0), 0);
	for (size_t i = 0; i < MIB; i++)
		ask.data[i] = (uint8_t)(i ^ i >> 8);
	write_it(iova, MIB);
	ck_assert_uint_eq(fake->answer_flags, REPLY);
	ck_assert_mem_eq(big, ask.data, MIB);
	read_it(iova, MIB);
	ck_assert_uint_eq(fake->answer_size, HEADER + 16 + MIB);
	ck_assert_mem_eq(back->data, ask.data, MIB);
	vfio_pci_close(&pci);
	munmap(big, MIB);
}
END_TEST

/* Memory that a server has a descriptor for may be reached so, too: once it has asked, any time. */
START_TEST(test_shared)
{
	struct ask *back = (struct ask *)(void *)fake->answer;
	int threads = count("/proc/self/task");
	void *shared;
	uint64_t v;

	ck_assert_int_eq(pgmap(&shared, page), (int)page);
	ck_assert_int_eq(iommu_map_vaddr(ctx, shared, page, &iova, 0), 0);
	strcpy(shared, "hello");
	/* Nobody is there for it but a call; a post finds it, too. */
	ck_assert_int_eq(count("/proc/self/task"), threads);
	fake_set_fault(fake, 9, FAKE_ASKS, 0);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), 0);
	ck_assert_int_eq(count("/proc/self/task"), threads + 1);
	read_it(iova, 6);
	ck_assert_str_eq((char *)back->data, "hello");
	vfio_pci_close(&pci);
	ends_with_threads(threads);
	pgunmap(shared, page);
}
END_TEST

static bool answered(void)
{
	bool any;

	pthread_mutex_lock(&fake->lock);
	any = fake->answers;
	pthread_mutex_unlock(&fake->lock);
	return any;
}

START_TEST(test_post_finds_it)
{
	struct {
		uint16_t id, command;
		uint32_t size, flags, error;
		uint64_t address, count;
	} m = {.id = 5, .command = DMA_READ, .size = 32, .address = 0, .count = 4};

	ck_assert_int_eq(send(fake->client, &m, sizeof(m), 0), sizeof(m));
	ck_assert_int_eq(fake->answers, 0);
	for (int i = 0; i < 1000 && !answered(); i++) {
		ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 1), 0);
		usleep(1000);
	}
	fake_wait(fake, &fake->answers, 1);
	ck_assert_uint_eq(fake->answer_error, EFAULT);
}
END_TEST

/* Replies that nobody wants do not fill the socket. */
START_TEST(test_unwanted_replies)
{
	struct {
		uint16_t id, command;
		uint32_t size, flags, error;
		uint8_t rest[16];
	} m = {.id = 0x8001, .command = 10, .size = 32, .flags = REPLY};

	for (int i = 0; i < 5000; i++) {
		struct pollfd p = {.fd = fake->client, .events = POLLOUT};

		ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 1), 0);
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		ck_assert_int_eq(send(fake->client, &m, sizeof(m), MSG_DONTWAIT), sizeof(m));
	}
}
END_TEST

static atomic_bool stop;

static void *call_all_the_time(void *arg)
{
	uint64_t v;

	while (!stop)
		*(int *)arg |= vfio_region_read(&pci.dev, 0, &v, 8, 0);
	return NULL;
}

static void *map_all_the_time(void *arg)
{
	char *other = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (!stop) {
		*(int *)arg |= iommu_map_vaddr(ctx, other, page, NULL, 0);
		*(int *)arg |= iommu_unmap_vaddr(ctx, other, NULL);
	}
	munmap(other, page);
	return NULL;
}

/* Calls, mappings that come and go, and the server's commands at the same time. */
START_TEST(test_both)
{
	pthread_t thread, mapper;
	int failed = 0, unmapped = 0;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, 4 * page, &iova, 0), 0);
	stop = false;
	ck_assert_int_eq(pthread_create(&thread, NULL, call_all_the_time, &failed), 0);
	ck_assert_int_eq(pthread_create(&mapper, NULL, map_all_the_time, &unmapped), 0);
	for (int i = 0; i < 1000; i++) {
		memset(ask.data, i, 64);
		/* Its thread answers calls meanwhile: commands go out whole, under its lock. */
		pthread_mutex_lock(&fake->lock);
		pthread_mutex_unlock(&fake->lock);
		write_it(iova + 64, 64);
		ck_assert_uint_eq(fake->answer_flags, REPLY);
		ck_assert_mem_eq(mem + 64, ask.data, 64);
	}
	stop = true;
	pthread_join(thread, NULL);
	pthread_join(mapper, NULL);
	ck_assert_int_eq(failed, 0);
	ck_assert_int_eq(unmapped, 0);
}
END_TEST

START_TEST(test_refused_mapping)
{
	struct vfio_takeover to;
	char *none = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* Servers that need a descriptor. */
	fake_set_fault(fake, 2, FAKE_ERROR, EINVAL);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, page, &iova, 0), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "pgmap"));
	fake_set_fault(fake, 2, FAKE_ERROR, ENOSPC);
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, page, &iova, 0), -1);
	ck_assert_int_eq(errno, ENOSPC);
	/* Memory that cannot be had. An emulator of system calls may agree to any advice. */
	if (!madvise(none, page, 22 /* MADV_POPULATE_READ */)) {
		puts("# SKIP memory that cannot be had: this system's madvise() takes all for good");
		munmap(none, page);
		return;
	}
	ck_assert_int_eq(iommu_map_vaddr(ctx, none, page, &iova, 0), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(mprotect(none, page, PROT_READ), 0);
	ck_assert_int_eq(iommu_map_vaddr(ctx, none, page, &iova, 0), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(iommu_map_vaddr(ctx, none, page, &iova, IOMMU_MAP_NOWRITE), 0);
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, none, NULL), 0);
	munmap(none, page);
	ck_assert_int_eq(iommu_map_vaddr(ctx, none, page, &iova, 0), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_uint_eq(iommu_mappings(ctx), 0);
	/* A successor would not have that memory. */
	ck_assert_int_eq(vfio_pci_export(&pci, &to), -1);
	ck_assert_int_eq(errno, ENOTSUP);
}
END_TEST

/* A server that takes no descriptors gets memory of any kind without. */
START_TEST(test_no_descriptors)
{
	struct ask *back = (struct ask *)(void *)fake->answer;
	int fd = 0;
	void *shared;

	vfio_pci_close(&pci);
	fake->json = "{\"capabilities\":{\"max_msg_fds\":0}}";
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	ck_assert_int_eq(pgmap(&shared, page), (int)page);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, shared, page, &iova, 0), 0);
	ck_assert_int_eq(fake->maps[0].fd, -1);
	strcpy(shared, "there");
	read_it(iova, 6);
	ck_assert_str_eq((char *)back->data, "there");
	ck_assert_int_eq(vfio_set_irq(&pci.dev, &fd, 1), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_uint_eq(fake->most_fds, 0);
	vfio_pci_close(&pci);
	pgunmap(shared, page);
}
END_TEST

/* A command that never ends holds nobody up for longer than a call's limit, and leaves nothing. */
START_TEST(test_half_a_command)
{
	struct pollfd p = {.fd = vfio_device_fd_event(&pci.dev), .events = POLLRDHUP};
	int fds = count("/proc/self/fd"), threads = count("/proc/self/task");
	struct vfio_user *vu = pci.dev.state->priv;
	struct {
		uint16_t id, command;
		uint32_t size, flags, error;
		uint64_t address, count;
	} m = {.id = 5, .command = DMA_WRITE, .size = 96, .count = 64};
	int64_t start;
	uint64_t v;

	vu->conn.call_timeout_ms = 200;
	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, page, &iova, 0), 0);
	m.address = iova;
	start = vfio_user_now();
	ck_assert_int_eq(send(fake->client, &m, sizeof(m), 0), sizeof(m));
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_lt(vfio_user_now() - start, 1000);
	fake_wait(fake, &fake->clients, 1);
	ck_assert_int_eq(iommu_unmap_vaddr(ctx, mem, NULL), 0);
	vfio_pci_close(&pci);
	ends_with_threads(threads);
	/* The device's socket, the server's end of it, and its BAR0. */
	ck_assert_int_eq(count("/proc/self/fd"), fds - 3);
}
END_TEST

/* A reply that nobody asked for is the end. */
START_TEST(test_stray_reply)
{
	struct pollfd p = {.fd = vfio_device_fd_event(&pci.dev), .events = POLLRDHUP};
	uint32_t m[4] = {9 << 16 | 5, 16, REPLY, 0};
	uint64_t v;

	ck_assert_int_eq(iommu_map_vaddr(ctx, mem, page, &iova, 0), 0);
	ck_assert_int_eq(send(fake->client, m, sizeof(m), 0), sizeof(m));
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "nobody waits"));
}
END_TEST

UNIT_MAIN("vfio-user-dma", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_private); tcase_add_test(tc, test_hostile);
	  tcase_add_test(tc, test_large); tcase_add_test(tc, test_shared);
	  tcase_add_test(tc, test_post_finds_it); tcase_add_test(tc, test_unwanted_replies);
	  tcase_add_test(tc, test_both); tcase_add_test(tc, test_refused_mapping);
	  tcase_add_test(tc, test_no_descriptors); tcase_add_test(tc, test_half_a_command);
	  tcase_add_test(tc, test_stray_reply))
