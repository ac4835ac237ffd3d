/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secondary controllers: what is told of them, their resources and states, and every way to ask for something wrong. */
#include "config.h"

#include "tests/unit/unit.h"

#include "client.h"

#include <stdlib.h>
#include <string.h>

#define DNR	  0x4000
#define FIELD	  (DNR | 2)
#define OPCODE	  (DNR | 1)
#define BAD_ID	  (DNR | 0x11f)
#define BAD_STATE (DNR | 0x120)
#define BAD_COUNT (DNR | 0x121)
#define BAD_TYPE  (DNR | 0x122)

#define PRIMARY	 1
#define SECOND	 2 /* the first secondary controller */
#define QUEUES	 10
#define PRIVATE	 6 /* of 11 */
#define FLEXIBLE (11 - PRIVATE + 3 * 8)

enum { ALLOCATE = 1, OFFLINE = 7, ASSIGN = 8, ONLINE = 9 };
enum { VQ, VI };

static struct srv srv;
static struct cl c;
static uint8_t *page;

static void setup(void)
{
	static const char *const args[] = {"--ns", "1M", "--queues", "10", "--secondary", "3", NULL};

	srv_start(&srv, args);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	page = cl_alloc(&c, 4096);
}

static void teardown(void)
{
	cl_close(&c);
	srv_stop(&srv);
}

static uint16_t identify(uint8_t cns, uint16_t cntid)
{
	memset(page, 0xee, 4096);
	return cl_exec(&c, 0,
		       (struct tsqe){.opcode = 6, .prp1 = cl_iova(&c, page), .cdw10 = (uint32_t)cntid << 16 | cns},
		       NULL);
}

static uint16_t manage(unsigned int act, uint16_t id, unsigned int type, uint16_t nr, uint32_t *nrm)
{
	return cl_exec(&c, 0,
		       (struct tsqe){.opcode = 0x1c, .cdw10 = (uint32_t)id << 16 | type << 8 | act, .cdw11 = nr}, nrm);
}

static uint32_t get(unsigned int at, unsigned int bytes)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint32_t)page[at + i] << 8 * i;
	return v;
}

/* Of a type: flexible ones in all, assigned to secondary controllers, allocated to the primary one. */
static void check_caps(unsigned int type, uint32_t total, uint32_t assigned, uint32_t primary)
{
	unsigned int at = 32 + 32 * type;

	ck_assert_uint_eq(identify(0x14, 0), 0);
	ck_assert_uint_eq(get(0, 2), PRIMARY);
	ck_assert_uint_eq(page[4], 3);
	ck_assert_uint_eq(get(at, 4), total);
	ck_assert_uint_eq(get(at + 4, 4), assigned);
	ck_assert_uint_eq(get(at + 8, 2), primary);
	ck_assert_uint_eq(get(at + 10, 2), PRIVATE);
	ck_assert_uint_eq(get(at + 12, 2), 8);
	ck_assert_uint_eq(get(at + 14, 2), 1);
}

static void check_secondary(uint16_t id, bool online, unsigned int nvq, unsigned int nvi)
{
	ck_assert_uint_eq(identify(0x15, id), 0);
	ck_assert_uint_eq(page[0], SECOND + 3u - id);
	ck_assert_uint_eq(get(32, 2), id);
	ck_assert_uint_eq(get(34, 2), PRIMARY);
	ck_assert_uint_eq(page[36], online);
	ck_assert_uint_eq(get(40, 2), id - PRIMARY);
	ck_assert_uint_eq(get(42, 2), nvq);
	ck_assert_uint_eq(get(44, 2), nvi);
}

START_TEST(test_identify)
{
	check_caps(VQ, FLEXIBLE, 0, 5);
	check_caps(VI, FLEXIBLE, 0, 5);
	for (uint16_t id = SECOND; id < SECOND + 3; id++)
		check_secondary(id, false, 0, 0);
	ck_assert_uint_eq(identify(0x15, 0), 0);
	ck_assert_uint_eq(page[0], 3);
	ck_assert_uint_eq(identify(0x15, SECOND + 3), 0);
	ck_assert_uint_eq(page[0], 0);
	/* they are controllers of the subsystem, and the primary one says what it can */
	ck_assert_uint_eq(identify(0x13, 0), 0);
	ck_assert_uint_eq(get(0, 2), 4);
	ck_assert_uint_eq(get(2, 2), PRIMARY);
	ck_assert_uint_eq(get(8, 2), SECOND + 2);
	ck_assert_uint_eq(identify(0x13, SECOND + 1), 0);
	ck_assert_uint_eq(get(0, 2), 2);
	ck_assert_uint_eq(get(2, 2), SECOND + 1);
	ck_assert_uint_eq(identify(1, 0), 0);
	ck_assert_uint_eq(get(256, 2) & 0x80, 0x80);
	ck_assert_uint_eq(cl_exec(&c, 0,
				  (struct tsqe){.opcode = 2, .prp1 = cl_iova(&c, page), .cdw10 = 1023u << 16 | 5},
				  NULL),
			  0);
	ck_assert_uint_eq(get(4 * 0x1c, 4) & 1, 1);
}
END_TEST

START_TEST(test_life)
{
	uint32_t nrm;

	/* without queues or an interrupt there is nothing to be online with */
	ck_assert_uint_eq(manage(ONLINE, SECOND, 0, 0, NULL), BAD_STATE);
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VQ, 3, &nrm), 0);
	ck_assert_uint_eq(nrm, 3);
	ck_assert_uint_eq(manage(ONLINE, SECOND, 0, 0, NULL), BAD_STATE);
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VI, 2, &nrm), 0);
	ck_assert_uint_eq(nrm, 2);
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VQ, 1, &nrm), 0);
	ck_assert_uint_eq(manage(ONLINE, SECOND, 0, 0, NULL), BAD_STATE);
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VQ, 2, NULL), 0);
	check_secondary(SECOND, false, 2, 2);
	ck_assert_uint_eq(manage(ONLINE, SECOND, 0, 0, NULL), 0);
	ck_assert_uint_eq(manage(ONLINE, SECOND, 0, 0, NULL), 0);
	check_secondary(SECOND, true, 2, 2);
	check_secondary(SECOND + 1, false, 0, 0);
	check_caps(VQ, FLEXIBLE, 2, 5);
	check_caps(VI, FLEXIBLE, 2, 5);
	/* not while it is online */
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VQ, 4, NULL), BAD_STATE);
	check_secondary(SECOND, true, 2, 2);
	/* offline it has nothing */
	ck_assert_uint_eq(manage(OFFLINE, SECOND, 0, 0, NULL), 0);
	check_secondary(SECOND, false, 0, 0);
	ck_assert_uint_eq(manage(OFFLINE, SECOND, 0, 0, NULL), 0);
	check_caps(VQ, FLEXIBLE, 0, 5);
}
END_TEST

START_TEST(test_bad)
{
	for (unsigned int act = 0; act < 16; act++)
		if (act != ALLOCATE && act != OFFLINE && act != ASSIGN && act != ONLINE)
			ck_assert_uint_eq(manage(act, SECOND, VQ, 1, NULL), FIELD);
	for (unsigned int act = OFFLINE; act <= ONLINE; act++) {
		ck_assert_uint_eq(manage(act, 0, VQ, 1, NULL), BAD_ID);
		ck_assert_uint_eq(manage(act, PRIMARY, VQ, 1, NULL), BAD_ID);
		ck_assert_uint_eq(manage(act, SECOND + 3, VQ, 1, NULL), BAD_ID);
		ck_assert_uint_eq(manage(act, 0xffff, VQ, 1, NULL), BAD_ID);
	}
	ck_assert_uint_eq(manage(ALLOCATE, SECOND, VQ, 1, NULL), BAD_ID);
	for (unsigned int type = 2; type < 8; type++) {
		ck_assert_uint_eq(manage(ASSIGN, SECOND, type, 1, NULL), BAD_TYPE);
		ck_assert_uint_eq(manage(ALLOCATE, PRIMARY, type, 1, NULL), BAD_TYPE);
		/* the others have no use for it */
		ck_assert_uint_eq(manage(OFFLINE, SECOND, type, 1, NULL), 0);
	}
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VQ, 9, NULL), BAD_COUNT);
	ck_assert_uint_eq(manage(ALLOCATE, PRIMARY, VQ, 6, NULL), BAD_COUNT);
	ck_assert_uint_eq(manage(ALLOCATE, PRIMARY, VI, 0xffff, NULL), BAD_COUNT);
	check_secondary(SECOND, false, 0, 0);
	check_caps(VQ, FLEXIBLE, 0, 5);
}
END_TEST

static unsigned int granted(void)
{
	uint32_t dw0;

	ck_assert_uint_eq(cl_exec(&c, 0, (struct tsqe){.opcode = 9, .cdw10 = 7, .cdw11 = 0x1ff01ff}, &dw0), 0);
	ck_assert_uint_eq(dw0 >> 16, dw0 & 0xffff);
	return (dw0 & 0xffff) + 1;
}

static uint16_t vector(unsigned int v)
{
	uint16_t status = cl_exec(&c, 0,
				  (struct tsqe){.opcode = 5, .prp1 = cl_iova(&c, page), .cdw10 = 7u << 16 | 1,
						.cdw11 = v << 16 | 1},
				  NULL);

	if (!status)
		ck_assert_uint_eq(cl_exec(&c, 0, (struct tsqe){.opcode = 4, .cdw10 = 1}, NULL), 0);
	return status;
}

/* What the primary controller has changes with its next reset, and that is what it can use. */
START_TEST(test_primary)
{
	uint32_t nrm;

	ck_assert_uint_eq(granted(), QUEUES);
	ck_assert_uint_eq(vector(10), 0);
	ck_assert_uint_eq(manage(ALLOCATE, PRIMARY, VQ, 2, &nrm), 0);
	ck_assert_uint_eq(nrm, 2);
	ck_assert_uint_eq(manage(ALLOCATE, PRIMARY, VI, 0, &nrm), 0);
	check_caps(VQ, FLEXIBLE, 0, 5);
	ck_assert_uint_eq(granted(), QUEUES);
	/* what it has still cannot be somebody else's */
	for (uint16_t id = SECOND; id < SECOND + 3; id++)
		ck_assert_uint_eq(manage(ASSIGN, id, VQ, 8, NULL), 0);
	check_caps(VQ, FLEXIBLE, 24, 5);
	ck_assert_uint_eq(manage(ASSIGN, SECOND, VI, 2, NULL), 0);
	ck_assert_uint_eq(manage(ONLINE, SECOND, 0, 0, NULL), 0);
	check_secondary(SECOND, true, 8, 2);
	cl_set32(&c, 0x14, 0);
	cl_enable(&c, 32);
	check_caps(VQ, FLEXIBLE, 0, 2);
	check_caps(VI, FLEXIBLE, 0, 0);
	check_secondary(SECOND, false, 0, 0);
	ck_assert_uint_eq(granted(), PRIVATE - 1 + 2);
	ck_assert_uint_eq(vector(PRIVATE - 1), 0);
	ck_assert_uint_eq(vector(PRIVATE), DNR | 0x108);
	ck_assert_uint_eq(manage(ALLOCATE, PRIMARY, VQ, 5, NULL), 0);
	cl_set32(&c, 0x14, 0);
	cl_enable(&c, 32);
	ck_assert_uint_eq(granted(), QUEUES);
}
END_TEST

/* One that is no primary controller. */
START_TEST(test_none)
{
	static const char *const args[] = {"--ns", "1M", NULL};
	struct srv plain;
	struct cl other;
	uint8_t *mem;

	srv_start(&plain, args);
	cl_up(&other, &plain, RING_MESSAGE, 32);
	mem = cl_alloc(&other, 4096);
	for (unsigned int cns = 0x14; cns <= 0x15; cns++)
		ck_assert_uint_eq(cl_exec(&other, 0,
					  (struct tsqe){.opcode = 6, .prp1 = cl_iova(&other, mem), .cdw10 = cns}, NULL),
				  FIELD);
	ck_assert_uint_eq(cl_exec(&other, 0, (struct tsqe){.opcode = 0x1c, .cdw10 = 2u << 16 | ONLINE}, NULL), OPCODE);
	ck_assert_uint_eq(cl_exec(&other, 0,
				  (struct tsqe){.opcode = 2, .prp1 = cl_iova(&other, mem), .cdw10 = 1023u << 16 | 5},
				  NULL),
			  0);
	ck_assert_uint_eq(mem[4 * 0x1c], 0);
	cl_close(&other);
	srv_stop(&plain);
}
END_TEST

UNIT_MAIN("sim-virt", {
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_identify);
	tcase_add_test(tc, test_life);
	tcase_add_test(tc, test_bad);
	tcase_add_test(tc, test_primary);
	tcase_add_test(tc, test_none);
})
