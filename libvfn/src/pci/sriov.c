/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <vfn/pci/sriov.h>
#include <vfn/pci/util.h>
#include "pci/sysfs.h"
#include "support/fail.h"

static int sriov_number(const char *bdf, const char *leaf, unsigned int *v)
{
	unsigned long long n;

	if (pci_device_info_get_ull(bdf, leaf, &n))
		return errno == ENOENT ? vfn_fail(ENOTSUP, "%s: it has no virtual functions (%s)",
						  bdf, leaf)
				       : -1;
	if (v)
		*v = (unsigned int)n;
	return 0;
}

int pci_sriov_count(const char *bdf, unsigned int *total, unsigned int *now)
{
	if (sriov_number(bdf, "sriov_totalvfs", total))
		return -1;
	return sriov_number(bdf, "sriov_numvfs", now);
}

int pci_sriov_set(const char *bdf, unsigned int n)
{
	unsigned int total, now;
	char path[PATH_MAX], text[16];

	if (pci_sriov_count(bdf, &total, &now))
		return -1;
	if (n > total)
		return vfn_fail(ERANGE, "%s: it can have %u virtual functions, not %u", bdf, total,
				n);
	if (n == now)
		return 0;
	if (n && now)
		return vfn_fail(EBUSY, "%s: it has %u virtual functions: unmake them first", bdf,
				now);
	if (pci_device_path(path, sizeof(path), bdf, "sriov_numvfs"))
		return -1;
	snprintf(text, sizeof(text), "%u", n);
	if (!pci_sysfs_write(path, text))
		return 0;
	if (errno == ENOENT || errno == EOPNOTSUPP || errno == EPERM)
		return vfn_fail(
			EPERM,
			"%s: its driver does not make virtual functions; vfio-pci does when "
			"its parameter enable_sriov is set",
			bdf);
	return vfn_fail(errno, "%s: making %u virtual functions: %s", bdf, n, strerror(errno));
}

char *pci_sriov_vf(const char *bdf, unsigned int index)
{
	char leaf[24];

	snprintf(leaf, sizeof(leaf), "virtfn%u", index);
	return pci_device_link(bdf, leaf);
}

char *pci_sriov_pf(const char *bdf)
{
	return pci_device_link(bdf, "physfn");
}
