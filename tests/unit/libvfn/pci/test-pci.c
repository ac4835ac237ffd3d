/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers and properties of PCI devices, on a tree of files that plays sysfs. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <vfn/pci.h>
#include <vfn/support.h>
#include "fake-sysfs.h"
#include "pci/sysfs.h"

#define DEV   "0000:01:00.0"
#define SYS   "sys/bus/pci/devices/" DEV "/"
#define OTHER "0000:01:00.1"

START_TEST(test_bdf)
{
	ck_assert(pci_is_bdf("0000:01:00.0"));
	ck_assert(pci_is_bdf("10000:e1:1f.7"));
	ck_assert(!pci_is_bdf(""));
	ck_assert(!pci_is_bdf("01:00.0"));
	ck_assert(!pci_is_bdf("0000:01:00"));
	ck_assert(!pci_is_bdf("0000:01:00.0 "));
	ck_assert(!pci_is_bdf("0000:01:00.00"));
	ck_assert(!pci_is_bdf("../../../../x"));
	ck_assert(!pci_is_bdf("000000000:01:00.0"));
}
END_TEST

START_TEST(test_driver)
{
	char *driver = pci_get_driver(DEV);

	ck_assert_str_eq(driver, "nvme");
	free(driver);
	fake_sysfs_bind(DEV, NULL);
	ck_assert_ptr_null(pci_get_driver(DEV));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(pci_get_driver("0000:02:00.0"));
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_str_eq(vfn_error(), "there is no PCI device 0000:02:00.0");
	ck_assert_ptr_null(pci_get_driver("x/../y"));
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(test_bind)
{
	char *driver;

	ck_assert_int_eq(pci_bind(DEV, "vfio-pci"), 0);
	driver = pci_get_driver(DEV);
	ck_assert_str_eq(driver, "vfio-pci");
	free(driver);
	ck_assert_str_eq(fake_sysfs_read("sys/bus/pci/drivers/nvme/unbind"), DEV);
	/* Bound already: nothing is written. */
	fake_sysfs_write_errno = EIO;
	ck_assert_int_eq(pci_bind(DEV, "vfio-pci"), 0);
	fake_sysfs_write_errno = 0;
	ck_assert_int_eq(pci_unbind(DEV), 0);
	ck_assert_int_eq(pci_unbind(DEV), 0);
	ck_assert_int_eq(pci_driver_override(DEV, NULL), 0);
	ck_assert_str_eq(fake_sysfs_read(SYS "driver_override"), "\n");
	ck_assert_int_eq(pci_driver_probe(DEV), 0);
	driver = pci_get_driver(DEV);
	ck_assert_str_eq(driver, "nvme");
	free(driver);
}
END_TEST

START_TEST(test_bind_failures)
{
	ck_assert_int_eq(pci_bind(DEV, "none"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "modprobe none"));
	ck_assert_int_eq(pci_bind(DEV, "../nvme"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(pci_bind("0000:02:00.0", "vfio-pci"), -1);
	ck_assert_int_eq(errno, ENODEV);
	fake_sysfs_no_takers = true;
	ck_assert_int_eq(pci_bind(DEV, "vfio-pci"), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_str_eq(fake_sysfs_read(SYS "driver_override"), "\n");
	fake_sysfs_bind(DEV, "nvme");
	fake_sysfs_write_errno = EPERM;
	ck_assert_int_eq(pci_bind(DEV, "vfio-pci"), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(pci_unbind(DEV), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(pci_driver_new_id("vfio-pci", 1, 2), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(test_ids)
{
	ck_assert_int_eq(pci_driver_new_id("vfio-pci", 0x1b36, 0x10), 0);
	ck_assert_str_eq(fake_sysfs_read("sys/bus/pci/drivers/vfio-pci/new_id"), "1b36 0010");
	ck_assert_int_eq(pci_driver_remove_id("vfio-pci", 0x1b36, 0x10), 0);
	ck_assert_str_eq(fake_sysfs_read("sys/bus/pci/drivers/vfio-pci/remove_id"), "1b36 0010");
	ck_assert_int_eq(pci_driver_new_id("none", 1, 1), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(test_properties)
{
	static const struct {
		const char *text;
		int err;
		unsigned long long v;
	} cases[] = {
		{"0x010802\n", 0, 0x10802},
		{"17", 0, 17},
		{"0xffffffffffffffff\n", 0, ~0ull},
		{"", EINVAL, 0},
		{"\n", EINVAL, 0},
		{"x", EINVAL, 0},
		{"1 2\n", EINVAL, 0},
		{"-1\n", EINVAL, 0},
		{"0x10000000000000000\n", ERANGE, 0},
	};
	unsigned long long v;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_sysfs_file(SYS "prop", cases[i].text);
		ck_assert_int_eq(pci_device_info_get_ull(DEV, "prop", &v), cases[i].err ? -1 : 0);
		if (cases[i].err)
			ck_assert_int_eq(errno, cases[i].err);
		else
			ck_assert_uint_eq(v, cases[i].v);
	}
	ck_assert_int_eq(pci_device_info_get_ull(DEV, "none", &v), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(test_vfio)
{
	char *s = pci_get_iommu_group(DEV);

	ck_assert_ptr_nonnull(strstr(s, "/dev/vfio/12"));
	free(s);
	ck_assert_ptr_null(pci_get_device_vfio_id(DEV));
	ck_assert_int_eq(errno, ENOENT);
	fake_sysfs_file(SYS "vfio-dev/vfio3/dev", "511:3");
	s = pci_get_device_vfio_id(DEV);
	ck_assert_str_eq(s, "vfio3");
	free(s);
	fake_sysfs_remove(SYS "iommu_group");
	ck_assert_ptr_null(pci_get_iommu_group(DEV));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "intel_iommu=on"));
}
END_TEST

START_TEST(test_sriov)
{
	unsigned int total, now;
	char *vf;

	ck_assert_int_eq(pci_sriov_count(DEV, &total, &now), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(pci_sriov_set(DEV, 0), -1);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(pci_sriov_count("0000:02:00.0", NULL, NULL), -1);
	ck_assert_int_eq(errno, ENODEV);

	fake_sysfs_file(SYS "sriov_totalvfs", "4\n");
	fake_sysfs_file(SYS "sriov_numvfs", "0\n");
	ck_assert_int_eq(pci_sriov_count(DEV, &total, &now), 0);
	ck_assert_uint_eq(total, 4);
	ck_assert_uint_eq(now, 0);
	ck_assert_int_eq(pci_sriov_count(DEV, NULL, NULL), 0);
	ck_assert_int_eq(pci_sriov_set(DEV, 5), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(pci_sriov_set(DEV, 2), 0);
	ck_assert_str_eq(fake_sysfs_read(SYS "sriov_numvfs"), "2");
	/* they are there already: nothing is written */
	fake_sysfs_write_errno = EIO;
	ck_assert_int_eq(pci_sriov_set(DEV, 2), 0);
	ck_assert_int_eq(pci_sriov_set(DEV, 3), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(pci_sriov_set(DEV, 0), -1);
	ck_assert_int_eq(errno, EIO);
	fake_sysfs_write_errno = ENOENT;
	ck_assert_int_eq(pci_sriov_set(DEV, 0), -1);
	ck_assert_msg(errno == EPERM && strstr(vfn_error(), "enable_sriov"), "%s", vfn_error());
	fake_sysfs_write_errno = 0;
	ck_assert_int_eq(pci_sriov_set(DEV, 0), 0);
	ck_assert_str_eq(fake_sysfs_read(SYS "sriov_numvfs"), "0");

	ck_assert_ptr_null(pci_sriov_vf(DEV, 0));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(pci_sriov_pf(DEV));
	ck_assert_int_eq(errno, ENOENT);
	fake_sysfs_link(SYS "virtfn1", "../0000:01:00.1");
	vf = pci_sriov_vf(DEV, 1);
	ck_assert_str_eq(vf, "0000:01:00.1");
	free(vf);
	fake_sysfs_link(SYS "physfn", "../0000:01:00.1");
	vf = pci_sriov_pf(DEV);
	ck_assert_str_eq(vf, "0000:01:00.1");
	free(vf);
}
END_TEST

START_TEST(test_offenders)
{
	char text[200];

	ck_assert_int_eq(pci_group_offenders("12", text, sizeof(text)), 2);
	ck_assert_ptr_nonnull(strstr(text, DEV " is still bound to nvme"));
	ck_assert_ptr_nonnull(strstr(text, OTHER " is still bound to nvme"));
	fake_sysfs_bind(DEV, "vfio-pci");
	ck_assert_int_eq(pci_group_offenders("12", text, sizeof(text)), 1);
	ck_assert_str_eq(text, OTHER " is still bound to nvme");
	ck_assert_int_eq(pci_group_offenders("12", text, 10), 1);
	ck_assert_int_eq((int)strlen(text), 9);
	fake_sysfs_bind(OTHER, NULL);
	ck_assert_int_eq(pci_group_offenders("12", text, sizeof(text)), 0);
	ck_assert_str_eq(text, "");
	fake_sysfs_bind(OTHER, "pcieport");
	ck_assert_int_eq(pci_group_offenders("12", text, sizeof(text)), 0);
	ck_assert_int_eq(pci_group_offenders("13", text, sizeof(text)), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

UNIT_MAIN("pci", tcase_add_checked_fixture(tc, fake_sysfs_start, fake_sysfs_stop);
	  tcase_add_test(tc, test_bdf); tcase_add_test(tc, test_driver);
	  tcase_add_test(tc, test_bind); tcase_add_test(tc, test_bind_failures);
	  tcase_add_test(tc, test_ids); tcase_add_test(tc, test_properties);
	  tcase_add_test(tc, test_vfio); tcase_add_test(tc, test_sriov);
	  tcase_add_test(tc, test_offenders))
