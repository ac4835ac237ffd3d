/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices given to vfio-pci and back, on a tree of files that plays sysfs. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <vfn/pci.h>

#include "daemon/bind/bind.h"
#include "fake-sysfs.h"
#include "pci/sysfs.h"

#define DEV   "0000:01:00.0"
#define OTHER "0000:01:00.1"
#define SYS   "sys/bus/pci/devices/" DEV "/"

static char notes[96], mounts[96], swaps[96];
static unsigned int loads;

static int load(void)
{
	loads++;
	fake_sysfs_file("sys/bus/pci/drivers/vfio-pci/new_id", "");
	return 0;
}

static void setup(void)
{
	fake_sysfs_start();
	snprintf(notes, sizeof(notes), "%s/notes", fake_sysfs_dir);
	snprintf(mounts, sizeof(mounts), "%s/mounts", fake_sysfs_dir);
	snprintf(swaps, sizeof(swaps), "%s/swaps", fake_sysfs_dir);
	bind_notes = notes;
	busy_mounts = mounts;
	busy_swaps = swaps;
	bind_load = load;
	loads = 0;
	/* The other device does not stand in the way. */
	fake_sysfs_bind(OTHER, "vfio-pci");
	fake_sysfs_file("mounts", "22 1 0:5 / /proc rw - proc proc rw\n");
}

static void has(const char *driver)
{
	char *now = pci_get_driver(DEV);

	if (driver)
		ck_assert_str_eq(now, driver);
	else
		ck_assert_ptr_null(now);
	free(now);
}

static bool noted(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" DEV, notes);
	return access(path, F_OK) == 0;
}

START_TEST(test_there_and_back)
{
	ck_assert_int_eq(bind_status(DEV), -1);
	ck_assert_int_eq(bind_give(DEV, false), 0);
	has("vfio-pci");
	ck_assert_str_eq(fake_sysfs_read("notes/" DEV), "nvme");
	ck_assert_int_eq(bind_status(DEV), 0);
	/* Twice: what was noted first stays. */
	ck_assert_int_eq(bind_give(DEV, false), 0);
	ck_assert_str_eq(fake_sysfs_read("notes/" DEV), "nvme");
	ck_assert_int_eq(bind_return(DEV), 0);
	has("nvme");
	ck_assert_str_eq(fake_sysfs_read(SYS "driver_override"), "\n");
	ck_assert(!noted());
	/* And what is back already stays where it is. */
	ck_assert_int_eq(bind_return(DEV), 0);
	has("nvme");
	ck_assert_uint_eq(loads, 0);
}
END_TEST

START_TEST(test_had_none)
{
	fake_sysfs_bind(DEV, NULL);
	ck_assert_int_eq(bind_give(DEV, false), 0);
	ck_assert_str_eq(fake_sysfs_read("notes/" DEV), "none");
	ck_assert_int_eq(bind_return(DEV), 0);
	has(NULL);
	ck_assert(!noted());
}
END_TEST

/* Not the driver that the kernel would choose. */
START_TEST(test_had_another)
{
	fake_sysfs_file("sys/bus/pci/drivers/pci-stub/unbind", "");
	fake_sysfs_bind(DEV, "pci-stub");
	ck_assert_int_eq(bind_give(DEV, false), 0);
	ck_assert_int_eq(bind_return(DEV), 0);
	has("pci-stub");
	ck_assert_str_eq(fake_sysfs_read(SYS "driver_override"), "\n");
}
END_TEST

/* Bound by somebody else: the kernel knows whose it is. */
START_TEST(test_not_noted)
{
	ck_assert_int_eq(pci_bind(DEV, "vfio-pci"), 0);
	ck_assert_int_eq(bind_return(DEV), 0);
	has("nvme");
}
END_TEST

START_TEST(test_wrong_devices)
{
	static const char *const names[] = {"", "0000:02:00.0", "../../x", "nvme0", "0000:01:00.0/driver"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ck_assert_int_eq(bind_give(names[i], false), -1);
		ck_assert_int_eq(bind_return(names[i]), -1);
		ck_assert_int_eq(bind_status(names[i]), -1);
	}
	ck_assert_int_eq(access(notes, F_OK), -1);
	has("nvme");
}
END_TEST

START_TEST(test_no_group)
{
	fake_sysfs_remove(SYS "iommu_group");
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("nvme");
	ck_assert(!noted());
}
END_TEST

START_TEST(test_driver_is_loaded)
{
	fake_sysfs_bind(OTHER, NULL);
	for (const char *const *leaf = (const char *const[]){"new_id", "remove_id", "unbind", "", NULL}; *leaf;
	     leaf++) {
		char path[64];

		snprintf(path, sizeof(path), "sys/bus/pci/drivers/vfio-pci/%s", *leaf);
		fake_sysfs_remove(path);
	}
	ck_assert_int_eq(bind_give(DEV, false), 0);
	ck_assert_uint_eq(loads, 1);
	has("vfio-pci");
}
END_TEST

/* It has what it had, then. */
START_TEST(test_refused)
{
	fake_sysfs_no_takers = true;
	ck_assert_int_eq(bind_give(DEV, false), -1);
	ck_assert(!noted());
	ck_assert_str_eq(fake_sysfs_read(SYS "driver_override"), "\n");
	fake_sysfs_no_takers = false;
	fake_sysfs_bind(DEV, "nvme");
	fake_sysfs_write_errno = EIO;
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("nvme");
	ck_assert(!noted());
}
END_TEST

/* It stays with vfio-pci, as the rest of the group may follow. */
START_TEST(test_foreign_in_group)
{
	fake_sysfs_bind(OTHER, "nvme");
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("vfio-pci");
	ck_assert_int_eq(bind_status(DEV), -1);
	ck_assert_int_eq(bind_give(OTHER, false), 0);
	ck_assert_int_eq(bind_status(DEV), 0);
}
END_TEST

START_TEST(test_notes_of_others)
{
	ck_assert_int_eq(mkdir(notes, 0755), 0);
	ck_assert_int_eq(chmod(notes, 0777), 0);
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("nvme");
	/* A driver's name that anybody may have written there is not used. */
	ck_assert_int_eq(pci_bind(DEV, "vfio-pci"), 0);
	fake_sysfs_file("notes/" DEV, "evil");
	ck_assert_int_eq(bind_return(DEV), 0);
	has("nvme");
}
END_TEST

/* A partition of a disk of the device, below a volume. */
START_TEST(test_busy)
{
	fake_sysfs_link("sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
	fake_sysfs_file("sys/devices/virtual/block/dm-0/size", "1");
	fake_sysfs_link("sys/devices/virtual/block/dm-0/slaves/nvme0n1p2",
			"../../../../pci0000:00/" DEV "/nvme/nvme0/nvme0n1/nvme0n1p2");
	fake_sysfs_file("sys/devices/pci0000:00/" DEV "/nvme/nvme0/nvme0n1/nvme0n1p2/size", "1");
	fake_sysfs_file("mounts", "22 1 0:5 / /proc rw - proc proc rw\n"
				  "30 1 253:0 / /srv rw,relatime shared:1 - ext4 /dev/dm-0 rw\n");
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("nvme");
	ck_assert(!noted());
	/* That is none of the other device's. */
	ck_assert(!busy_find(OTHER, (char[64]){0}, 64));
	ck_assert_int_eq(bind_give(DEV, true), 0);
	has("vfio-pci");
}
END_TEST

/* Its number is of no disk. */
START_TEST(test_busy_btrfs)
{
	fake_sysfs_link("sys/class/block/vfnd0n1p3",
			"../../devices/pci0000:00/" DEV "/nvme/vfnd0/vfnd0n1/vfnd0n1p3");
	fake_sysfs_file("sys/devices/pci0000:00/" DEV "/nvme/vfnd0/vfnd0n1/vfnd0n1p3/size", "1");
	fake_sysfs_file("mounts", "22 1 0:5 / /proc rw - proc proc rw\n"
				  "30 1 0:32 /root / rw shared:1 - btrfs /dev/vfnd0n1p3 rw,subvol=/root\n");
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("nvme");
	ck_assert(!busy_find(OTHER, (char[64]){0}, 64));
}
END_TEST

/* Several controllers lead to it. */
START_TEST(test_busy_multipath)
{
	fake_sysfs_link("sys/dev/block/259:3",
			"../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1");
	fake_sysfs_file("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1/size", "1");
	fake_sysfs_link("sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0",
			"../../../pci0000:00/" DEV "/nvme/nvme0");
	fake_sysfs_file("sys/devices/pci0000:00/" DEV "/nvme/nvme0/size", "1");
	fake_sysfs_file("mounts", "30 1 259:3 / /srv rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw\n");
	ck_assert_int_eq(bind_give(DEV, false), -1);
	has("nvme");
	ck_assert(!busy_find(OTHER, (char[64]){0}, 64));
}
END_TEST

UNIT_MAIN("bind", tcase_add_checked_fixture(tc, setup, fake_sysfs_stop);
			tcase_add_test(tc, test_there_and_back); tcase_add_test(tc, test_had_none);
			tcase_add_test(tc, test_had_another); tcase_add_test(tc, test_not_noted);
			tcase_add_test(tc, test_wrong_devices); tcase_add_test(tc, test_no_group);
			tcase_add_test(tc, test_driver_is_loaded); tcase_add_test(tc, test_refused);
			tcase_add_test(tc, test_foreign_in_group);
			tcase_add_test(tc, test_notes_of_others); tcase_add_test(tc, test_busy);
			tcase_add_test(tc, test_busy_btrfs);
			tcase_add_test(tc, test_busy_multipath))
