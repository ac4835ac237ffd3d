// SPDX-License-Identifier: GPL-2.0-or-later
/* A user's program on the installed libvfn: memory that a device could use, without any device. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <vfn/pci.h>
#include <vfn/support.h>
#include <vfn/vfio.h>

int main(void)
{
	void *mem;
	off_t offset;
	ssize_t len = pgmap(&mem, 5000);

	if (len < 5000 || ((uintptr_t)mem & (__VFN_PAGESIZE - 1))) {
		fprintf(stderr, "pgmap returned %zd, %p\n", len, mem);
		return 1;
	}
	memset(mem, 0xa5, len);
	if (pgmap_fd((char *)mem + 10, 10, &offset) < 0 || offset != 10) {
		fprintf(stderr, "pgmap_fd does not find the memory at offset 10\n");
		return 1;
	}
	if (pgunmap(mem, len) || pgunmap(mem, len) != -1 || errno != EINVAL) {
		fprintf(stderr, "the memory was not unmapped exactly once\n");
		return 1;
	}
	return 0;
}
