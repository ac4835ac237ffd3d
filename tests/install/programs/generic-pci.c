// SPDX-License-Identifier: GPL-2.0-or-later
/* A PCI device, whatever it is: configuration space, regions, a BAR where it can be mapped. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <vfn/pci.h>
#include <vfn/vfio.h>

int main(int argc, char **argv)
{
	static struct vfio_pci_device pci;
	uint16_t ids[2], command;
	uint32_t bar0;
	void *mem;

	if (argc < 2 || vfio_pci_open(&pci, argv[1])) {
		perror("vfio_pci_open");
		return 1;
	}
	if (vfio_pci_read_config(&pci, ids, sizeof(ids), 0) != sizeof(ids))
		return 1;
	printf("%04x:%04x class %llx by %s\n", le16_to_cpu(ids[0]), le16_to_cpu(ids[1]),
	       pci.classcode, pci.bdf);
	if (vfio_pci_read_config(&pci, &command, sizeof(command), 4) != sizeof(command))
		return 1;
	command = cpu_to_le16(le16_to_cpu(command) | 0x4); /* bus master */
	if (vfio_pci_write_config(&pci, &command, sizeof(command), 4) != sizeof(command) ||
	    vfio_pci_read_config(&pci, &bar0, sizeof(bar0), 0x10) != sizeof(bar0))
		return 1;
	if (!pci.bar_region_info[0].size || pci.config_region_info.size < 256 ||
	    pci.dev.device_info.num_regions < 8 || pci.dev.fd < 0)
		return 1;
	mem = vfio_pci_map_bar(&pci, 0, 0x1000, 0, PROT_READ | PROT_WRITE);
	if (mem) {
		printf("BAR 0 begins with %#x\n", le32_to_cpu(mmio_read32(mem)));
		vfio_pci_unmap_bar(&pci, 0, mem, 0x1000, 0);
	}
	/* some have no way of being reset */
	if (vfio_reset((struct vfio_device *)&pci) &&
	    (pci.dev.device_info.flags & VFIO_DEVICE_FLAGS_RESET || errno != ENOTSUP))
		return 1;
	vfio_pci_close(&pci);

	/* Names that no device has. */
	if (pci_get_driver("0000:ff:1f.7") || pci_get_iommu_group("0000:ff:1f.7") ||
	    pci_get_device_vfio_id("0000:ff:1f.7"))
		return 1;
	return pci_bind("nothing", "vfio-pci") == -1 && pci_unbind("nothing") == -1 ? 0 : 1;
}
