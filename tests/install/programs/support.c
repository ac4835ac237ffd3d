// SPDX-License-Identifier: GPL-2.0-or-later
/* What is in vfn/support.h and vfn/trace.h, used in the ways that programs use it. */
#include <stdio.h>
#include <string.h>

#include <vfn/support.h>
#include <vfn/trace.h>
#include <vfn/trace/events.h>

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond);                         \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

struct thing {
	int *counter;
};

static void thing_free(struct thing *t)
{
	++*t->counter;
	free(t);
}

typedef struct thing thing;
DEFINE_AUTOPTR(thing, thing_free);

/* The upper-case forms are constants. */
static const leint32_t table[] = {CPU_TO_LE32(0x11223344u), CPU_TO_LE32(1)};
static const beint64_t big = CPU_TO_BE64(0x0102030405060708ull);

static int which(leint16_t v)
{
	switch (v) {
	case CPU_TO_LE16(0x100):
		return 1;
	case CPU_TO_LE16(0x200):
		return 2;
	default:
		return LE16_TO_CPU(v) == 3 ? 3 : 0;
	}
}

static int endian(void)
{
	uint8_t b[8];

	memcpy(b, &table[0], 4);
	CHECK(b[0] == 0x44 && b[3] == 0x11);
	memcpy(b, &big, 8);
	CHECK(b[0] == 1 && b[7] == 8);
	CHECK(which(cpu_to_le16(0x200)) == 2 && which(cpu_to_le16(3)) == 3);
	CHECK(be16_to_cpu(cpu_to_be16(0x1234)) == 0x1234);
	CHECK(be32_to_cpu(cpu_to_be32(0x12345678)) == 0x12345678);
	CHECK(be64_to_cpu(cpu_to_be64(77)) == 77 && le64_to_cpu(cpu_to_le64(77)) == 77);
	put_unaligned_be48(0x010203040506ull, b + 1);
	CHECK(b[1] == 1 && b[6] == 6 && get_unaligned_be48(b + 1) == 0x010203040506ull);
	return 0;
}

static int registers(void)
{
	uint64_t reg = 0;
	void *addr = &reg;

	mmio_write32(addr, cpu_to_le32(5));
	mmio_write32((char *)addr + 4, cpu_to_le32(6));
	wmb();
	CHECK(le32_to_cpu(mmio_read32(addr)) == 5);
	CHECK(le64_to_cpu(mmio_read64(addr)) == 0x600000005ull);
	CHECK(mmio_lh_read64(addr) == mmio_read64(addr) && mmio_hl_read64(addr) == reg);
	mmio_write64(addr, cpu_to_le64(9));
	mmio_lh_write64(addr, cpu_to_le64(0x900000008ull));
	CHECK(le64_to_cpu(reg) == 0x900000008ull);
	mmio_hl_write64(addr, cpu_to_le64(0x700000001ull));
	rmb();
	mb();
	dma_rmb();
	barrier();
	CHECK(LOAD(reg) == cpu_to_le64(0x700000001ull));
	STORE(reg, 3);
	STORE_PTR(&reg, LOAD_PTR(&reg) + 1);
	CHECK(reg == 4);
	return 0;
}

static int memory(void)
{
	struct thing *many, *two = new_t(struct thing, 2), *one = znew_t(struct thing);
	int freed = 0;
	void *page;

	CHECK(two && one && !one->counter);
	two[1] = *one;
	free(two);
	many = znew_t(struct thing, 100);
	CHECK(many && !many[99].counter);
	many = (struct thing *)reallocn(many, 200, sizeof(*many));
	many[199].counter = &freed;
	free(many);
	free(one);
	free(xmalloc(10));
	free(mallocn(3, 10));
	free(zmallocn(3, 10));
	for (int i = 0; i < 3; i++) {
		__autoptr(thing) t = new_t(struct thing);
		__autofree char *s = (char *)zmalloc(10);
		__autofree void *nothing = NULL;

		(void)s;
		(void)nothing;
		t->counter = &freed;
		if (i == 1)
			continue;
	}
	CHECK(freed == 3);
	CHECK(pgmap(&page, 3) == (ssize_t)__VFN_PAGESIZE && ALIGNED((uintptr_t)page, 4096));
	CHECK(__VFN_PAGESIZE == (size_t)1 << __VFN_PAGESHIFT);
	pgunmap(page, 3);
	return 0;
}

static int rest(void)
{
	char buf[64];
	unsigned int counter = 4;
	uint64_t before;

	CHECK(ALIGN_UP(4097, 4096) == 8192 && ALIGN_DOWN(4097ull, 4096) == 4096);
	CHECK(ROUND_UP(10, 6) == 12 && ROUND_DOWN(10, 6) == 6);
	CHECK(likely(counter == 4) && !unlikely(counter == 5));
	CHECK(atomic_inc_fetch(&counter) == 5 && atomic_dec_fetch(&counter) == 4);
	atomic_store_release(&counter, 8u);
	CHECK(atomic_load_acquire(&counter) == 8);

	before = get_ticks();
	__usleep(2000);
	CHECK(get_ticks() - before >= __vfn_ticks_freq / 1000);

	CHECK(readmax("/proc/self/comm", buf, sizeof(buf)) > 0);
	CHECK(readmax("/nonexistent", buf, sizeof(buf)) == -1);
	CHECK(writeall("/dev/null", buf, sizeof(buf)) == sizeof(buf));

	logv_set(2);
	log_error("error %d\n", 1);
	log_info("no arguments\n");
	log_debug("%s\n", "debug");
	logv(1, "level %d\n", 1);

	trace_event_set_active("NVME_", true);
	trace_guard(NVME_SQ_POST)
	{
		counter = 0;
		trace_emit("sqid %d\n", 1);
	}
	CHECK(!counter);
	trace_event_set_active("NVME_SQ", false);
	trace_guard(NVME_SQ_POST)
	{
		counter = 1;
	}
	CHECK(!counter);
	return 0;
}

int main(void)
{
	return endian() || registers() || memory() || rest();
}
