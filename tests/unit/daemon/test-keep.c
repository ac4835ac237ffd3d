/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices a and b share an IOMMU context, as those of one IOMMU group do; c has one of its own. */
#include "unit.h"

#include <string.h>

#include <vfn/iommu.h>
#include <vfn/vfio.h>

#include "daemon/device/device.h"
#include "daemon/device/keep.h"
#include "daemon/device/opening.h"

enum { A, B, C, DEVICES };
enum { OURS, THEIRS, SESSIONS };

static struct devices devices;
static struct device device[DEVICES];
static struct vfio_pci_device pci[DEVICES];
static struct opening opening[SESSIONS][DEVICES];
static struct keep keep[DEVICES];
static int over[DEVICES];

static void keep_over(struct keep *k)
{
	over[k - keep]++;
}

static void setup(void)
{
	memset(&devices, 0, sizeof(devices));
	memset(device, 0, sizeof(device));
	memset(opening, 0, sizeof(opening));
	memset(over, 0, sizeof(over));
	TAILQ_INIT(&devices.list);
	for (int d = 0; d < DEVICES; d++) {
		/* Nobody looks inside. */
		pci[d].dev.ctx = (struct iommu_ctx *)(void *)&pci[d == C ? C : A];
		device[d].devices = &devices;
		device[d].pci = &pci[d];
		LIST_INIT(&device[d].openings);
		TAILQ_INSERT_TAIL(&devices.list, &device[d], link);
		for (int s = 0; s < SESSIONS; s++) {
			opening[s][d].device = &device[d];
			opening[s][d].session_number = (uint64_t)s + 1;
			LIST_INIT(&opening[s][d].kept);
			LIST_INSERT_HEAD(&device[d].openings, &opening[s][d], in_device);
		}
	}
}

static void check_needed(bool a, bool b, bool c)
{
	ck_assert_int_eq(keep_needed(&opening[OURS][A]), a);
	ck_assert_int_eq(keep_needed(&opening[OURS][B]), b);
	ck_assert_int_eq(keep_needed(&opening[OURS][C]), c);
}

START_TEST(test_whose)
{
	check_needed(false, false, false);
	for (int d = 0; d < DEVICES; d++)
		keep_begin(&opening[THEIRS][d]);
	check_needed(false, false, false);
	keep_begin(&opening[OURS][C]);
	check_needed(false, false, true);
	keep_begin(&opening[OURS][B]);
	check_needed(true, true, true);
	keep_end(&opening[OURS][C]);
	check_needed(true, true, false);
	keep_begin(&opening[OURS][A]);
	keep_end(&opening[OURS][B]);
	check_needed(true, true, false);
	keep_end(&opening[OURS][A]);
	check_needed(false, false, false);
}
END_TEST

START_TEST(test_over)
{
	keep_begin(&opening[OURS][A]);
	keep_begin(&opening[OURS][A]);
	keep_begin(&opening[OURS][C]);
	for (int d = 0; d < DEVICES; d++)
		keep_add(&opening[OURS][d], &keep[d], keep_over);
	keep_end(&opening[OURS][A]);
	ck_assert_int_eq(over[A] + over[B] + over[C], 0);
	/* The last one there takes what is on the device beside along, and not what has a context of its own. */
	keep_end(&opening[OURS][A]);
	ck_assert_int_eq(over[A], 1);
	ck_assert_int_eq(over[B], 1);
	ck_assert_int_eq(over[C], 0);
	keep_end(&opening[OURS][C]);
	ck_assert_int_eq(over[C], 1);
	for (int d = 0; d < DEVICES; d++)
		ck_assert(LIST_EMPTY(&opening[OURS][d].kept));
}
END_TEST

UNIT_MAIN("keep", tcase_add_checked_fixture(tc, setup, NULL);
	  tcase_add_test(tc, test_whose);
	  tcase_add_test(tc, test_over))
