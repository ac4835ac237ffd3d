/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page memory, byte order, registers, errors, files, tracepoints. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <vfn/support.h>
#include <vfn/trace.h>

START_TEST(test_pgmap)
{
	char *mem, *n, byte = 0;
	off_t offset = -1;
	void *none;
	int fd;

	ck_assert_int_eq(pgmap((void **)&mem, 1), (ssize_t)__VFN_PAGESIZE);
	ck_assert_uint_eq((uintptr_t)mem % __VFN_PAGESIZE, 0);
	ck_assert_int_eq(mem[0] | mem[__VFN_PAGESIZE - 1], 0);
	ck_assert_int_eq(pgmapn((void **)&n, 3, __VFN_PAGESIZE), 3 * (ssize_t)__VFN_PAGESIZE);
	fd = pgmap_fd(n + __VFN_PAGESIZE + 5, 10, &offset);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(offset, (off_t)__VFN_PAGESIZE + 5);
	n[__VFN_PAGESIZE + 5] = 99;
	ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
	ck_assert_int_eq(byte, 99);
	/* Nobody who shares it can take pages away. */
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(pgmap_fd(n, 3 * __VFN_PAGESIZE, NULL), fd);
	ck_assert_int_eq(pgmap_fd(n, 3 * __VFN_PAGESIZE + 1, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(pgmap_fd(&byte, 1, NULL), -1);
	ck_assert_int_eq(errno, ENOENT);

	ck_assert_int_eq(pgunmap(n, __VFN_PAGESIZE), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(pgunmap(n + __VFN_PAGESIZE, 2 * __VFN_PAGESIZE), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(pgunmap(n, 3 * __VFN_PAGESIZE), 0);
	ck_assert_int_eq(pgunmap(n, 3 * __VFN_PAGESIZE), -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(pgunmap(mem, 1), 0);

	ck_assert_int_eq(pgmap(&none, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(pgmap(&none, SIZE_MAX), -1);
	ck_assert_int_eq(errno, EOVERFLOW);
	ck_assert_int_eq(pgmapn(&none, 1u << 31, SIZE_MAX / 2), -1);
	ck_assert_int_eq(errno, EOVERFLOW);
}
END_TEST

START_TEST(test_pgmap_from_fd)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *mem, byte = 7;
	off_t offset;

	ck_assert_int_eq(ftruncate(fd, 4 * (off_t)__VFN_PAGESIZE), 0);
	ck_assert_int_eq(pwrite(fd, &byte, 1, 2 * (off_t)__VFN_PAGESIZE), 1);
	ck_assert_ptr_null(pgmap_from_fd(fd, 3 * __VFN_PAGESIZE, 2 * (off_t)__VFN_PAGESIZE));
	ck_assert_int_eq(errno, EOVERFLOW);
	ck_assert_ptr_null(pgmap_from_fd(fd, 100, 0));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(pgmap_from_fd(fd, __VFN_PAGESIZE, -1));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(pgmap_from_fd(-1, __VFN_PAGESIZE, 0));
	ck_assert_int_eq(errno, EBADF);
	mem = pgmap_from_fd(fd, 2 * __VFN_PAGESIZE, 2 * (off_t)__VFN_PAGESIZE);
	ck_assert_ptr_nonnull(mem);
	ck_assert_int_eq(*mem, 7);
	ck_assert_int_eq(pgmap_fd(mem + 1, 1, &offset), fd);
	ck_assert_int_eq(offset, 2 * (off_t)__VFN_PAGESIZE + 1);
	/* Registered once only. */
	ck_assert_int_eq(pgmap_adopt(mem, fd, __VFN_PAGESIZE, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(pgunmap(mem, 2 * __VFN_PAGESIZE), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(test_endian)
{
	static const uint32_t constant = CPU_TO_BE32(0x01020304);
	uint8_t b[7];
	uint16_t v16 = cpu_to_le16(0x0102);
	uint32_t v32 = cpu_to_le32(0x01020304);
	uint64_t v64 = cpu_to_le64(0x0102030405060708);

	ck_assert_mem_eq(&constant, "\x01\x02\x03\x04", 4);
	ck_assert_mem_eq(&v16, "\x02\x01", 2);
	ck_assert_mem_eq(&v32, "\x04\x03\x02\x01", 4);
	ck_assert_mem_eq(&v64, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	ck_assert_uint_eq(le16_to_cpu(v16), 0x0102);
	ck_assert_uint_eq(le32_to_cpu(v32), 0x01020304);
	ck_assert_uint_eq(le64_to_cpu(v64), 0x0102030405060708);
	v16 = cpu_to_be16(0x0102);
	v64 = cpu_to_be64(0x0102030405060708);
	ck_assert_mem_eq(&v16, "\x01\x02", 2);
	ck_assert_mem_eq(&v64, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	ck_assert_uint_eq(be16_to_cpu(v16), 0x0102);
	ck_assert_uint_eq(be32_to_cpu(cpu_to_be32(0xfffefdfc)), 0xfffefdfc);
	ck_assert_uint_eq(be64_to_cpu(v64), 0x0102030405060708);
	put_unaligned_be48(0xffff010203040506, b + 1);
	ck_assert_mem_eq(b + 1, "\x01\x02\x03\x04\x05\x06", 6);
	ck_assert_uint_eq(get_unaligned_be48(b + 1), 0x010203040506);
}
END_TEST

START_TEST(test_mmio)
{
	uint64_t reg = 0;

	mmio_write64(&reg, cpu_to_le64(0x0102030405060708));
	ck_assert_uint_eq(le64_to_cpu(mmio_read64(&reg)), 0x0102030405060708);
	ck_assert_uint_eq(le64_to_cpu(mmio_lh_read64(&reg)), 0x0102030405060708);
	ck_assert_uint_eq(le64_to_cpu(mmio_hl_read64(&reg)), 0x0102030405060708);
	ck_assert_uint_eq(le32_to_cpu(mmio_read32(&reg)), 0x05060708);
	mmio_write32(&reg, cpu_to_le32(9));
	ck_assert_mem_eq(&reg, "\x09\x00\x00\x00\x04\x03\x02\x01", 8);
	mmio_lh_write64(&reg, cpu_to_le64(0x1112131415161718));
	ck_assert_mem_eq(&reg, "\x18\x17\x16\x15\x14\x13\x12\x11", 8);
	mmio_hl_write64(&reg, cpu_to_le64(0x0112131415161718));
	ck_assert_mem_eq(&reg, "\x18\x17\x16\x15\x14\x13\x12\x01", 8);
	ck_assert_uint_eq(ALIGN_UP(0x1001ull, 0x1000), 0x2000);
	ck_assert_uint_eq(ALIGN_DOWN(0x1fffull, 0x1000), 0x1000);
	ck_assert_uint_eq(ALIGN_UP(0xffffffff00000001ull, 0x1000u), 0xffffffff00001000ull);
	ck_assert(ALIGNED(0x2000u, 0x1000) && !ALIGNED(0x2001u, 0x1000));
	ck_assert_uint_eq(ROUND_UP(10u, 3), 12);
	ck_assert_uint_eq(ROUND_DOWN(11u, 3), 9);
}
END_TEST

static void *other_thread(void *arg)
{
	vfn_error_set("theirs");
	return strdup(vfn_error());
}

START_TEST(test_error)
{
	char longer[2 * VFN_ERROR_MAX];
	pthread_t thread;
	void *theirs;

	ck_assert_str_eq(vfn_error(), "");
	errno = 17;
	vfn_error_set("ours %d", 1);
	ck_assert_int_eq(errno, 17);
	pthread_create(&thread, NULL, other_thread, NULL);
	pthread_join(thread, &theirs);
	ck_assert_str_eq(theirs, "theirs");
	free(theirs);
	ck_assert_str_eq(vfn_error(), "ours 1");
	vfn_error_set("more: %s", vfn_error());
	ck_assert_str_eq(vfn_error(), "more: ours 1");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = 0;
	vfn_error_set("%s", longer);
	ck_assert_uint_eq(strlen(vfn_error()), VFN_ERROR_MAX - 1);
}
END_TEST

START_TEST(test_io)
{
	char path[] = "/tmp/vfn-io-XXXXXX", buf[16];
	int fd = mkstemp(path), fds[2];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(writeall(path, "hello", 5), 5);
	ck_assert_int_eq(readmax(path, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	ck_assert_int_eq(readmax(path, buf, 3), 3);
	close(fd);
	unlink(path);
	ck_assert_int_eq(readmax(path, buf, 3), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(writeall(path, "x", 1), -1);
	ck_assert_int_eq(errno, ENOENT);
	/* In pieces. */
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(writeallfd(fds[1], "abc", 3), 3);
	close(fds[1]);
	ck_assert_int_eq(readmaxfd(fds[0], buf, sizeof(buf)), 3);
	close(fds[0]);
	ck_assert_int_eq(readmaxfd(-1, buf, 1), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* What a function writes to standard error, in a static buffer. */
static const char *said(void (*fn)(void))
{
	static char text[1024];
	int saved = dup(STDERR_FILENO), fds[2];
	ssize_t n;

	ck_assert_int_eq(pipe(fds), 0);
	fflush(stderr);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	fn();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = readmaxfd(fds[0], text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = 0;
	close(fds[0]);
	return text;
}

static int evaluated;

static void trace_both(void)
{
	trace_guard(NVME_SQ_POST)
	{
		evaluated++;
		trace_emit("sqid %d\n", 3);
	}
	trace_guard(NVME_CQ_SPIN)
	{
		evaluated++;
		trace_emit("cqid %d\n", 4);
	}
}

START_TEST(test_trace)
{
	ck_assert_str_eq(said(trace_both), "");
	ck_assert_int_eq(evaluated, 0);
	trace_event_set_active("NVME_SQ", true);
	trace_event_set_active("NVME_SQ_POST", true);
	ck_assert_str_eq(said(trace_both), "NVME_SQ_POST sqid 3\n");
	ck_assert_int_eq(evaluated, 1);
	trace_event_set_active("", true);
	ck_assert_str_eq(said(trace_both), "NVME_SQ_POST sqid 3\nNVME_CQ_SPIN cqid 4\n");
	/* Off once is off, however often it was turned on. */
	trace_event_set_active("NVME_SQ_POST", false);
	ck_assert_str_eq(said(trace_both), "NVME_CQ_SPIN cqid 4\n");
	trace_event_set_active("", false);
	ck_assert_str_eq(said(trace_both), "");
}
END_TEST

extern unsigned short libvfn_NVME_SQ_POST_semaphore;

/* A tracer that attaches counts up the probe's counter, and reads from the probe alone. */
START_TEST(test_trace_attached)
{
	evaluated = 0;
	libvfn_NVME_SQ_POST_semaphore++;
	ck_assert_str_eq(said(trace_both), "");
	ck_assert_int_eq(evaluated, 1);
	/* The program's own wish and the tracer's do not undo each other. */
	trace_event_set_active("NVME_SQ_POST", true);
	ck_assert_str_eq(said(trace_both), "NVME_SQ_POST sqid 3\n");
	libvfn_NVME_SQ_POST_semaphore--;
	ck_assert_str_eq(said(trace_both), "NVME_SQ_POST sqid 3\n");
	trace_event_set_active("NVME_SQ_POST", false);
	evaluated = 0;
	ck_assert_str_eq(said(trace_both), "");
	ck_assert_int_eq(evaluated, 0);
}
END_TEST

static void log_all(void)
{
	log_error("e\n");
	log_info("i\n");
	log_debug("d %d\n", 1);
}

START_TEST(test_log)
{
	logv_set(VFN_LOG_ERROR);
	ck_assert_str_eq(said(log_all), "e\n");
	logv_set(VFN_LOG_DEBUG);
	ck_assert_str_eq(said(log_all), "e\ni\nd 1\n");
	ck_assert(logv_enabled(VFN_LOG_INFO));
	logv_set(VFN_LOG_NONE);
	ck_assert_str_eq(said(log_all), "");
}
END_TEST

START_TEST(test_ticks)
{
	uint64_t start = get_ticks(), t;

	__usleep(20000);
	t = get_ticks() - start;
	ck_assert_uint_ge(t, __vfn_ticks_freq / 52);
	ck_assert_uint_lt(t, __vfn_ticks_freq * 5);
}
END_TEST

START_TEST(test_alloc)
{
	__autofree char *gone = strdup("freed by leaving");
	int *v = znewn_t(4, int);

	ck_assert_ptr_nonnull(gone);
	ck_assert_int_eq(v[0] | v[3], 0);
	v = renewn_t(v, 8, int);
	v[7] = 1;
	ck_assert_ptr_null(reallocn(v, 0, 8));
	ck_assert_ptr_null(xmalloc(0));
	ck_assert_ptr_null(mallocn(0, 16));
}
END_TEST

START_TEST(test_alloc_overflow)
{
	mallocn(1u << 31, SIZE_MAX / 2);
}
END_TEST

UNIT_MAIN("support", tcase_add_test(tc, test_pgmap); tcase_add_test(tc, test_pgmap_from_fd);
	  tcase_add_test(tc, test_endian); tcase_add_test(tc, test_mmio);
	  tcase_add_test(tc, test_error); tcase_add_test(tc, test_io);
	  tcase_add_test(tc, test_trace); tcase_add_test(tc, test_trace_attached);
	  tcase_add_test(tc, test_log); tcase_add_test(tc, test_ticks);
	  tcase_add_test(tc, test_alloc);
	  tcase_add_test_raise_signal(tc, test_alloc_overflow, SIGABRT))
