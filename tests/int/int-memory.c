/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffers of every kind: at chosen addresses, of huge pages, of the client's memory, on several devices. */
#include "blocks.h"
#include "client.h"
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_SIZE 65536u
#define MEMORY_LBA  6000
#define MEMORY_SEALS (F_SEAL_SHRINK | F_SEAL_SEAL)
#define MEMORY_HUGE (UINT64_C(2) << 20)

static int memory_fd(size_t size, int seals)
{
	int fd = memfd_create("int-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "a memfd: %s", strerror(errno));
	CHECK(!seals || fcntl(fd, F_ADD_SEALS, seals) == 0, "seals: %s", strerror(errno));
	return fd;
}

/* The device writes the first half of the buffer to its medium, and reads that into the second half. */
static void memory_verify(struct vfnc_buffer *buf, struct vfnc_queue *queue, uint32_t generation)
{
	struct vfnc *conn = vfnc_device_connection(buf->device);
	size_t bs = int_namespace(buf->device, 1).block_size, half = buf->size / 2;
	uint32_t n = (uint32_t)(half / bs < 64 ? half / bs : 64);
	char *data = buf->vaddr;

	blocks_fill(data, bs, n, 9, generation, MEMORY_LBA);
	memset(data + half, 0x5a, n * bs);
	OK(conn, vfnc_write(queue, 1, MEMORY_LBA, n, buf, 0, n * bs, NULL));
	OK(conn, vfnc_read(queue, 1, MEMORY_LBA, n, buf, half, n * bs, NULL));
	CHECK(memcmp(data, data + half, n * bs) == 0, "the device reads something else than it has written");
	for (uint32_t i = 0; i < n; i++)
		CHECK(block_read(data + i * bs, bs, MEMORY_LBA + i) == block_tag(9, generation, MEMORY_LBA + i),
		      "block %u is not what was written", i);
}

static bool memory_in_ranges(struct vfnc_device *dev, uint64_t iova, uint64_t size)
{
	struct vfnc_device_info *info;
	bool inside = false;

	OK(vfnc_device_connection(dev), vfnc_device_info(dev, &info));
	for (uint32_t i = 0; i < info->n_iova; i++)
		inside |= iova >= info->iova[i].first && iova + size - 1 <= info->iova[i].last;
	free(info);
	return inside;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void memory_places(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer_opts high = {.place = VFNC_IOVA_HIGHEST}, odd = {.place = (enum vfnc_iova_place)7};
	struct vfnc_buffer_opts low_at = {.iova = 0x100000};
	struct vfnc_queue *queue = int_queue(dev, 8);
	struct vfnc_buffer *low, *top, *next, *none;

	low = int_buffer(dev, MEMORY_SIZE);
	OK(conn, vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &high, &top));
	OK(conn, vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &high, &next));
	CHECK(top->iova > low->iova && next->iova > low->iova, "the highest is %#llx, the lowest %#llx",
	      (unsigned long long)top->iova, (unsigned long long)low->iova);
	CHECK(next->iova + MEMORY_SIZE <= top->iova, "the second from the top is at %#llx, the first at %#llx",
	      (unsigned long long)next->iova, (unsigned long long)top->iova);
	CHECK(memory_in_ranges(dev, top->iova, MEMORY_SIZE), "%#llx is not usable", (unsigned long long)top->iova);
	memory_verify(top, queue, 1);
	memory_verify(low, queue, 2);
	FAILS_SAYING(conn, EINVAL, "place", vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &odd, &none));
	FAILS_SAYING(conn, EINVAL, "iova", vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &low_at, &none));
	CHECK(!none, "a buffer was made");
	vfnc_disconnect(conn);
}

static void memory_fixed(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer_opts at = {.place = VFNC_IOVA_FIXED};
	struct vfnc_queue *queue = int_queue(dev, 8);
	struct vfnc_buffer *buf, *none;
	struct vfnc_device *other;
	uint64_t iova;

	/* Some that is free for sure: one was there a moment ago. */
	OK(conn, vfnc_buffer_alloc_with(dev, 4 * MEMORY_SIZE, &(struct vfnc_buffer_opts){.place = VFNC_IOVA_HIGHEST},
					&buf));
	iova = buf->iova;
	at.iova = iova + 4096;
	FAILS_SAYING(conn, EADDRINUSE, "is mapped between IOVA 0x",
		     vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &at, &none));
	OK(conn, vfnc_buffer_free(buf));
	for (uint32_t round = 0; round < 3; round++) {
		at.iova = iova + 4096 * round;
		OK(conn, vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &at, &buf));
		CHECK(buf->iova == at.iova, "asked for %#llx, got %#llx", (unsigned long long)at.iova,
		      (unsigned long long)buf->iova);
		memory_verify(buf, queue, round);
		at.iova += MEMORY_SIZE - 4096;
		FAILS(conn, EADDRINUSE, vfnc_buffer_alloc_with(dev, 4096, &at, &none));
		OK(conn, vfnc_buffer_free(buf));
	}
	at.iova = iova + 512;
	FAILS_SAYING(conn, EINVAL, "whole page", vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &at, &none));
	at.iova = 0;
	FAILS_SAYING(conn, ERANGE, "what is: 0x", vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &at, &none));
	at.iova = UINT64_MAX - 4095;
	FAILS(conn, ERANGE, vfnc_buffer_alloc_with(dev, MEMORY_SIZE, &at, &none));
	/* Whose sessions are not trusted cannot choose. */
	other = int_open(conn, env.device2);
	at.iova = iova;
	FAILS_SAYING(conn, EPERM, "raw = yes", vfnc_buffer_alloc_with(other, MEMORY_SIZE, &at, &none));
	vfnc_disconnect(conn);
}

/* ---- memory of one's own ---------------------------------------------------------------------- */

static void memory_own(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue *queue = int_queue(dev, 8);
	int fd = memory_fd(4 * MEMORY_SIZE, MEMORY_SEALS);
	struct vfnc_buffer *buf, *second;
	struct ledger before;
	char *all;

	all = mmap(NULL, 4 * MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(all != MAP_FAILED, "mmap: %s", strerror(errno));
	ledger_take(&before);
	memset(all, 0x11, 4 * MEMORY_SIZE);
	OK(conn, vfnc_buffer_import(dev, fd, MEMORY_SIZE, 2 * MEMORY_SIZE, NULL, &buf));
	CHECK(buf->size == 2 * MEMORY_SIZE && buf->offset == MEMORY_SIZE, "%zu bytes at %llu", buf->size,
	      (unsigned long long)buf->offset);
	CHECK(*(char *)buf->vaddr == 0x11, "it is other memory");
	memory_verify(buf, queue, 3);
	/* What the device has read is in the memfd, where it should be, and nothing besides. */
	CHECK(memcmp(all + MEMORY_SIZE, buf->vaddr, 2 * MEMORY_SIZE) == 0, "the memfd has something else");
	CHECK(all[MEMORY_SIZE - 1] == 0x11 && all[3 * MEMORY_SIZE] == 0x11, "what is beside it was written to");
	/* The same part twice, and one whose descriptor is closed in between. */
	OK(conn, vfnc_buffer_import(dev, fd, MEMORY_SIZE, MEMORY_SIZE, NULL, &second));
	CHECK(second->iova != buf->iova, "both are at one address");
	close(fd);
	memory_verify(second, queue, 4);
	OK(conn, vfnc_buffer_free(buf));
	memory_verify(second, queue, 5);
	OK(conn, vfnc_buffer_free(second));
	CHECK(block_read(all + MEMORY_SIZE, int_namespace(dev, 1).block_size, MEMORY_LBA) != 0,
	      "the memory was emptied, though it is the client's");
	ledger_await(&before, 1024);
	vfnc_disconnect(conn);
}

static void memory_refused_fd(struct vfnc_device *dev, int fd, int code, const char *text)
{
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer *none;
	int ret = vfnc_buffer_import(dev, fd, 0, 4096, NULL, &none);

	CHECK(ret == -code && !none, "%d, not -%d (%s)", ret, code, vfnc_error(conn));
	CHECK(int_contains(vfnc_error(conn), text), "\"%s\" does not say \"%s\"", vfnc_error(conn), text);
	close(fd);
}

/* A descriptor that is no sealed memfd for reading and writing. */
static void memory_hostile_fds(void)
{
	struct vfnc_device *dev = int_open_new();
	int fds[2], fd, flags;
	char path[64], shm[] = "/dev/shm/int-memory-XXXXXX";
	struct ledger before;

	ledger_take(&before);
	memory_refused_fd(dev, memory_fd(8192, 0), EPERM, "F_SEAL_SHRINK");
	memory_refused_fd(dev, memory_fd(8192, F_SEAL_SHRINK), EPERM, "F_SEAL_SEAL");
	memory_refused_fd(dev, memory_fd(8192, F_SEAL_GROW | F_SEAL_SEAL), EPERM, "F_SEAL_SHRINK");
	memory_refused_fd(dev, memory_fd(8192, MEMORY_SEALS | F_SEAL_WRITE), EPERM, "sealed against writing");
	memory_refused_fd(dev, memory_fd(0, MEMORY_SEALS), EINVAL, "not inside the memfd's 0");
	/* Shrunk before it was sealed. */
	fd = memory_fd(8192, 0);
	CHECK(ftruncate(fd, 100) == 0 && fcntl(fd, F_ADD_SEALS, MEMORY_SEALS) == 0, "%s", strerror(errno));
	memory_refused_fd(dev, fd, EINVAL, "not inside the memfd's 100");
	CHECK(pipe2(fds, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	memory_refused_fd(dev, fds[0], EINVAL, "no memfd");
	memory_refused_fd(dev, fds[1], EINVAL, "no memfd");
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair: %s", strerror(errno));
	memory_refused_fd(dev, fds[0], EINVAL, "no memfd");
	close(fds[1]);
	memory_refused_fd(dev, eventfd(0, EFD_CLOEXEC), EINVAL, "no memfd");
	memory_refused_fd(dev, open("/dev/zero", O_RDWR | O_CLOEXEC), EINVAL, "no memfd");
	memory_refused_fd(dev, open("/proc/self/stat", O_RDONLY | O_CLOEXEC), EINVAL, "no memfd");
	memory_refused_fd(dev, open("/", O_PATH | O_CLOEXEC), EINVAL, "no memfd");
	/* Files of a tmpfs can be resized by others; some are on other file systems here, and no memfd at all. */
	fd = mkstemp(shm);
	if (fd >= 0) {
		unlink(shm);
		CHECK(ftruncate(fd, 8192) == 0, "%s", strerror(errno));
		flags = fcntl(fd, F_GET_SEALS);
		memory_refused_fd(dev, fd, flags < 0 ? EINVAL : EPERM, flags < 0 ? "no memfd" : "F_SEAL_SHRINK");
	}
	fd = memory_fd(8192, MEMORY_SEALS);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memory_refused_fd(dev, open(path, O_RDONLY | O_CLOEXEC), EACCES, "reading and writing");
	close(fd);
	ledger_await(&before, 1024);
	vfnc_disconnect(vfnc_device_connection(dev));
}

static void memory_hostile_parts(void)
{
	static const struct {
		uint64_t offset, size;
		const char *text;
	} parts[] = {
		{0, MEMORY_SIZE + 4096, "not inside"},
		{MEMORY_SIZE, 4096, "not inside"},
		{UINT64_C(1) << 40, 4096, "not inside"},
		{INT64_MAX & ~UINT64_C(4095), 4096, "not inside"},
		{UINT64_MAX & ~UINT64_C(4095), 8192, ""},
		{0, 0, ""},
		{0, 100, "whole pages"},
		{0, 4095, "whole pages"},
		{100, 4096, "multiples"},
		{4096, UINT64_C(1) << 63, ""},
	};
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer_opts huge = {.page_size = MEMORY_HUGE};
	int fd = memory_fd(MEMORY_SIZE, MEMORY_SEALS);
	struct vfnc_buffer *buf;
	struct ledger before;

	ledger_take(&before);
	for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int ret = vfnc_buffer_import(dev, fd, parts[i].offset, parts[i].size, NULL, &buf);

		CHECK((ret == -EINVAL || (ret == -EDQUOT && !*parts[i].text)) && !buf, "part %u: %d (%s)", i, ret,
		      vfnc_error(conn));
		CHECK(int_contains(vfnc_error(conn), parts[i].text), "part %u: %s", i, vfnc_error(conn));
	}
	FAILS_SAYING(conn, EINVAL, "page_size", vfnc_buffer_import(dev, fd, 0, 4096, &huge, &buf));
	ledger_await(&before, 1024);
	OK(conn, vfnc_buffer_import(dev, fd, 0, MEMORY_SIZE, NULL, &buf));
	close(fd);
	vfnc_disconnect(conn);
}

/* Descriptors and what is said of them do not fit. */
static void memory_hostile_messages(void)
{
	Vfnd__BufferAllocRequest op = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int sock = raw_hello(), fd = memory_fd(8192, MEMORY_SEALS);
	struct fdset fds = FDSET_INIT;
	Vfnd__Answer *answer;

	op.device = raw_open(sock, env.device);
	op.size = 4096;
	op.own = true;
	req.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	req.buffer_alloc = &op;
	raw_refused(sock, &req, EINVAL, "buffer_alloc.own");
	op.own = false;
	op.offset = 4096;
	raw_refused(sock, &req, EINVAL, "buffer_alloc.offset");
	op.offset = 0;
	req.id = 7777;
	CHECK(fdset_add_dup(&fds, fd) == 0, "dup");
	CHECK(raw_request(sock, &req, &fds), "the daemon has gone");
	answer = raw_receive(sock);
	CHECK(answer && answer->body_case == VFND__ANSWER__BODY_ERROR && answer->error->code == EINVAL &&
		      strcmp(answer->error->field, "buffer_alloc.own") == 0,
	      "a descriptor that nobody asked for was taken");
	raw_free(answer);
	CHECK(fdset_add_dup(&fds, fd) == 0, "dup");
	op.own = true;
	req.id = 7778;
	CHECK(raw_request(sock, &req, &fds), "the daemon has gone");
	answer = raw_receive(sock);
	CHECK(answer && answer->body_case == VFND__ANSWER__BODY_ERROR && answer->error->code == EINVAL,
	      "two descriptors were taken");
	raw_free(answer);
	fdset_close(&fds);
	close(fd);
	close(sock);
}

/* Its owner takes pages away while the device is at work: it goes on, and so does everybody else. */
static void memory_punched(void)
{
	struct client served, other;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_queue *queue = int_queue(dev, 16);
	int fd = memory_fd(MEMORY_SIZE, MEMORY_SEALS);
	size_t bs = int_namespace(dev, 1).block_size;
	struct vfnc_buffer *buf;
	uint64_t ticket;

	client_open_shared(&other, VFNC_QUEUE_REQUEST, 8, 65536);
	client_open_shared(&served, VFNC_QUEUE_SERVED, 16, MEMORY_SIZE);
	OK(conn, vfnc_buffer_import(dev, fd, 0, MEMORY_SIZE, NULL, &buf));
	for (unsigned int i = 0; i < 200; i++) {
		uint64_t at = (i % 7) * 8 * bs % (MEMORY_SIZE / 2);
		struct vfnc_cmd cmd = int_rw(i % 2, 1, MEMORY_LBA, 8, buf, at, 8 * bs);

		OK(conn, vfnc_submit(queue, &cmd, &ticket));
		CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i % 2 ? 0 : MEMORY_SIZE / 2,
				MEMORY_SIZE / 2) == 0, "fallocate: %s", strerror(errno));
		int_complete(conn, ticket);
		if (served.queue->mode == VFNC_QUEUE_SERVED) {
			client_post(&served, true, MEMORY_LBA + 100, 16 * bs, 0);
			nvme_sq_update_tail(served.queue->sq);
			fallocate(served.buf->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MEMORY_SIZE);
			client_reap(&served);
		}
	}
	CHECK(ftruncate(fd, 0) < 0, "a sealed memfd could be shrunk");
	client_verify(&other, 3, 1, 0, 16384);
	OK(conn, vfnc_buffer_free(buf));
	vfnc_disconnect(conn);
	close(fd);
	client_close(&served);
	client_close(&other);
}

/* ---- several devices ---------------------------------------------------------------------------- */

struct shared {
	struct vfnc *conn;
	struct vfnc_device *dev[2];
	struct vfnc_queue *queue[2];
	struct vfnc_buffer *buf[2];
};

static struct shared shared_open(void)
{
	struct shared s = {.conn = int_connect()};

	s.dev[0] = int_open(s.conn, env.device);
	s.dev[1] = int_open(s.conn, env.device2);
	for (int i = 0; i < 2; i++)
		s.queue[i] = int_queue(s.dev[i], 8);
	s.buf[0] = int_buffer(s.dev[0], MEMORY_SIZE);
	OK(s.conn, vfnc_buffer_attach(s.dev[1], s.buf[0], NULL, &s.buf[1]));
	return s;
}

static void memory_shared(void)
{
	struct shared s = shared_open();
	size_t bs = int_namespace(s.dev[0], 1).block_size;
	struct vfnc_buffer_opts high = {.place = VFNC_IOVA_HIGHEST};
	struct vfnc_buffer *again;

	CHECK(s.buf[0]->vaddr == s.buf[1]->vaddr && s.buf[0]->device == s.dev[0] && s.buf[1]->device == s.dev[1],
	      "it is not the same memory");
	for (int i = 0; i < 2; i++) {
		memory_verify(s.buf[i], s.queue[i], 20 + (uint32_t)i);
		/* A device has only its own. */
		FAILS_SAYING(s.conn, EINVAL, "another device",
			     vfnc_read(s.queue[i], 1, 0, 1, s.buf[1 - i], 0, bs, NULL));
	}
	FAILS(s.conn, EALREADY, vfnc_buffer_attach(s.dev[1], s.buf[0], NULL, &again));
	/* What one has read, the other writes. */
	OK(s.conn, vfnc_read(s.queue[0], 1, MEMORY_LBA, 8, s.buf[0], 0, 8 * bs, NULL));
	OK(s.conn, vfnc_write(s.queue[1], 1, MEMORY_LBA, 8, s.buf[1], 0, 8 * bs, NULL));
	/* Taken from one, it stays with the other. */
	OK(s.conn, vfnc_buffer_free(s.buf[0]));
	memory_verify(s.buf[1], s.queue[1], 22);
	FAILS(s.conn, EPERM, vfnc_buffer_attach(s.dev[1], s.buf[1],
						&(struct vfnc_buffer_opts){.place = VFNC_IOVA_FIXED, .iova = 1 << 20},
						&again));
	OK(s.conn, vfnc_buffer_attach(s.dev[0], s.buf[1], &high, &s.buf[0]));
	memory_verify(s.buf[0], s.queue[0], 23);
	/* One device is closed, and its part goes. */
	OK(s.conn, vfnc_close(s.dev[0]));
	memory_verify(s.buf[1], s.queue[1], 24);
	OK(s.conn, vfnc_buffer_free(s.buf[1]));
	vfnc_disconnect(s.conn);
}

static void memory_everywhere(void)
{
	struct shared s = shared_open();
	struct ledger before, now;

	ledger_take(&before);
	OK(s.conn, vfnc_reset(s.dev[0], VFNC_RESET_CONTROLLER, NULL));
	/* A reset takes the queues, and no memory. */
	OK(s.conn, vfnc_queue_delete(s.queue[0]));
	s.queue[0] = int_queue(s.dev[0], 8);
	memory_verify(s.buf[0], s.queue[0], 30);
	memory_verify(s.buf[1], s.queue[1], 31);
	OK(s.conn, vfnc_buffer_free_everywhere(s.buf[1]));
	ledger_take(&now);
	CHECK(now.stats.buffers == before.stats.buffers - 1 && now.stats2.buffers == before.stats2.buffers - 1,
	      "%llu and %llu buffers are left", (unsigned long long)now.stats.buffers,
	      (unsigned long long)now.stats2.buffers);
	vfnc_disconnect(s.conn);
}

/* One of both is in use: none is freed. */
static void memory_everywhere_busy(void)
{
	struct shared s = shared_open();
	size_t bs = int_namespace(s.dev[0], 1).block_size;
	struct vfnc_cmd cmd = int_rw(false, 1, 0, 1, s.buf[0], 0, bs);
	uint64_t ticket;

	sim_tell(env.sim_control, "delay io 2 1 1500");
	OK(s.conn, vfnc_submit(s.queue[0], &cmd, &ticket));
	FAILS(s.conn, EBUSY, vfnc_buffer_free_everywhere(s.buf[1]));
	FAILS(s.conn, EBUSY, vfnc_buffer_free_everywhere(s.buf[0]));
	memory_verify(s.buf[1], s.queue[1], 40);
	int_complete(s.conn, ticket);
	OK(s.conn, vfnc_buffer_free_everywhere(s.buf[0]));
	vfnc_disconnect(s.conn);
}

/* ---- huge pages --------------------------------------------------------------------------------- */

static long huge_before = -1;

static long huge_meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long v = -1;

	while (f && v < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), " %ld", &v);
	if (f)
		fclose(f);
	return v;
}

static void huge_set(long n)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "we");

	if (f) {
		fprintf(f, "%ld\n", n);
		fclose(f);
	}
}

static void huge_give_back(void)
{
	huge_set(huge_before);
}

/* Four free huge pages of 2 MiB; those that there are not are made, and given back at the program's end. */
static const char *huge_missing(void)
{
	if (huge_meminfo("Hugepagesize:") != 2048)
		return "the kernel's huge pages are not of 2 MiB, or it has none";
	if (huge_meminfo("HugePages_Free:") >= 4)
		return NULL;
	huge_before = huge_meminfo("HugePages_Total:");
	atexit(huge_give_back);
	huge_set(huge_before + 4);
	return huge_meminfo("HugePages_Free:") >= 4 ? NULL : "no huge pages are free, nor could any be reserved";
}

static void memory_huge(void)
{
	struct shared s = shared_open();
	struct vfnc_buffer_opts huge = {.page_size = MEMORY_HUGE};
	long free_before = huge_meminfo("HugePages_Free:");
	struct vfnc_buffer *buf, *other;
	struct stat st;
	int fd;

	OK(s.conn, vfnc_buffer_alloc_with(s.dev[0], MEMORY_HUGE + 1, &huge, &buf));
	CHECK(buf->size == 2 * MEMORY_HUGE, "%zu bytes", buf->size);
	CHECK(buf->iova % MEMORY_HUGE == 0, "it is at %#llx", (unsigned long long)buf->iova);
	CHECK(fstat(buf->fd, &st) == 0 && (uint64_t)st.st_blksize == MEMORY_HUGE, "its pages have %ld bytes",
	      (long)st.st_blksize);
	CHECK(huge_meminfo("HugePages_Free:") == free_before - 2, "none are taken");
	memory_verify(buf, s.queue[0], 50);
	OK(s.conn, vfnc_buffer_attach(s.dev[1], buf, NULL, &other));
	memory_verify(other, s.queue[1], 51);
	/* A memfd of one's own of huge pages is measured in these. */
	fd = memfd_create("int-huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
	CHECK(fd >= 0 && ftruncate(fd, MEMORY_HUGE) == 0 && fcntl(fd, F_ADD_SEALS, MEMORY_SEALS) == 0, "%s",
	      strerror(errno));
	FAILS_SAYING(s.conn, EINVAL, "multiples", vfnc_buffer_import(s.dev[0], fd, 0, MEMORY_SIZE, NULL, &buf));
	OK(s.conn, vfnc_buffer_import(s.dev[0], fd, 0, MEMORY_HUGE, NULL, &buf));
	memory_verify(buf, s.queue[0], 52);
	close(fd);
	OK(s.conn, vfnc_buffer_free(buf));
	OK(s.conn, vfnc_buffer_free_everywhere(other));
	for (uint64_t end = int_now_ms() + INT_SOON_MS; huge_meminfo("HugePages_Free:") < free_before; int_pause())
		CHECK(int_now_ms() < end, "huge pages are missing");
	vfnc_disconnect(s.conn);
}

/* Lists of served queues lie in huge pages that their owner takes away: the daemon lives. */
static void memory_huge_punched(void)
{
	struct vfnc_buffer_opts huge = {.page_size = MEMORY_HUGE};
	struct client c;
	struct nvme_rq *rq;
	union nvme_cmd sqe;
	uint64_t *list;

	client_open_shared(&c, VFNC_QUEUE_SERVED, 8, MEMORY_SIZE);
	OK(c.conn, vfnc_buffer_free(c.buf));
	OK(c.conn, vfnc_buffer_alloc_with(c.dev, MEMORY_HUGE, &huge, &c.buf));
	list = c.buf->vaddr;
	for (unsigned int i = 0; i < 20; i++) {
		for (unsigned int page = 0; page < 7; page++)
			list[page] = c.buf->iova + 65536 + 4096 * page;
		rq = nvme_rq_acquire(c.queue->sq);
		CHECK(rq, "no tracker");
		memset(&sqe, 0, sizeof(sqe));
		sqe.rw.opcode = 2;
		sqe.rw.nsid = cpu_to_le32(c.nsid);
		sqe.rw.nlb = cpu_to_le16((uint16_t)(32768 / c.bs - 1));
		sqe.dptr.prp1 = cpu_to_le64(c.buf->iova + 32768);
		sqe.dptr.prp2 = cpu_to_le64(c.buf->iova);
		if (i % 2)
			fallocate(c.buf->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MEMORY_HUGE);
		nvme_rq_post(rq, &sqe);
		nvme_sq_update_tail(c.queue->sq);
		/* A hole is a list of zeroes, which is nobody's memory. */
		CHECK((client_reap(&c) != 0) == (i % 2), "round %u", i);
		if (i % 2)
			memset(c.buf->vaddr, 0, MEMORY_HUGE);
	}
	client_close(&c);
}

static void memory_huge_refused(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_buffer_opts huge = {.page_size = 3000000};
	struct vfnc_buffer *none;
	struct ledger before;
	int ret;

	ledger_take(&before);
	FAILS(conn, EINVAL, vfnc_buffer_alloc_with(dev, 4096, &huge, &none));
	huge.page_size = UINT64_C(1) << 63;
	FAILS(conn, EINVAL, vfnc_buffer_alloc_with(dev, 4096, &huge, &none));
	huge.page_size = 131072;
	ret = vfnc_buffer_alloc_with(dev, 4096, &huge, &none);
	CHECK(ret == -ENOTSUP && int_contains(vfnc_error(conn), "/sys/kernel/mm/hugepages"), "%d (%s)", ret,
	      vfnc_error(conn));
	/* There are such pages and not enough, or none at all. */
	huge.page_size = MEMORY_HUGE;
	if (huge_meminfo("HugePages_Free:") == 0) {
		ret = vfnc_buffer_alloc_with(dev, 4096, &huge, &none);
		CHECK(ret == -ENOTSUP || (ret == -ENOMEM && int_contains(vfnc_error(conn), "nr_hugepages")),
		      "%d (%s)", ret, vfnc_error(conn));
	}
	ledger_await(&before, 1024);
	vfnc_disconnect(conn);
}

static const struct int_case cases[] = {
	INT_CASE("buffers at the highest addresses", memory_places),
	INT_CASE("buffers at addresses of one's choice", memory_fixed),
	INT_CASE("memory that a client brings", memory_own),
	INT_CASE("descriptors that are no such memory", memory_hostile_fds),
	INT_CASE("parts that are not in it", memory_hostile_parts),
	INT_CASE("descriptors that nobody asked for", memory_hostile_messages),
	INT_CASE("holes are punched while the device is at work", memory_punched),
	INT_CASE("one buffer on two devices", memory_shared),
	INT_CASE("freed on all devices", memory_everywhere),
	INT_CASE("not freed where one is busy", memory_everywhere_busy, .faults = true),
	INT_CASE("huge pages", memory_huge, .missing = huge_missing),
	INT_CASE("huge pages with holes under a served queue", memory_huge_punched, .missing = huge_missing),
	INT_CASE("huge pages that there are not", memory_huge_refused),
	{0},
};

int main(void)
{
	return int_main("memory", cases);
}
