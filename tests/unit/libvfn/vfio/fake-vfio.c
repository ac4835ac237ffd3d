/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-vfio.h"

#include <check.h>
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

struct fake_vfio fake_vfio;

void fake_vfio_start(void)
{
	memset(&fake_vfio, 0, sizeof(fake_vfio));
	fake_vfio.device_flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	memcpy(fake_vfio.config + 8, "\x02\x02\x08\x01", 4);
}

bool fake_vfio_fails(unsigned long request)
{
	if (request != fake_vfio.fail_ioctl || !fake_vfio.fail_times)
		return false;
	fake_vfio.fail_times--;
	errno = fake_vfio.ioctl_errno;
	return true;
}

static void hot_info(struct vfio_pci_hot_reset_info *info)
{
	ck_assert_uint_ge(info->argsz, sizeof(*info) + 4 * sizeof(info->devices[0]));
	info->flags = fake_vfio.hot_flags;
	info->count = fake_vfio.hot_count;
	for (uint32_t i = 0; i < info->count; i++)
		info->devices[i] = (struct vfio_pci_dependent_device){
			.group_id = fake_vfio.hot_ids[i], .segment = 1, .bus = 2, .devfn = (uint8_t)(8 * i + i)};
}

int fake_vfio_ioctl(unsigned long request, void *arg)
{
	struct vfio_device_info *info = arg;
	struct vfio_region_info *region = arg;
	struct vfio_irq_info *irq = arg;
	struct vfio_irq_set *set = arg;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		info->flags = fake_vfio.device_flags;
		info->num_regions = 9;
		info->num_irqs = 5;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		if (region->index == 8) {
			errno = EINVAL;
			return -1;
		}
		region->flags = 3;
		region->offset = (uint64_t)region->index << 20;
		region->size = region->index == 7 ? 256 : region->index ? 0 : sizeof(fake_vfio.bar);
		if (!region->index)
			region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		return 0;
	case VFIO_DEVICE_GET_IRQ_INFO:
		if (irq->index == VFIO_PCI_ERR_IRQ_INDEX) {
			errno = EINVAL;
			return -1;
		}
		irq->count = irq->index == VFIO_PCI_MSI_IRQ_INDEX ? 4 : irq->index == 0;
		irq->flags = VFIO_IRQ_INFO_EVENTFD;
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		fake_vfio.irq_flags = set->flags;
		fake_vfio.irq_count = set->count;
		return fake_vfio.irqs_got;
	case VFIO_DEVICE_FEATURE:
		ck_assert_uint_eq(((struct vfio_device_feature *)arg)->flags,
				  VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN);
		ck_assert_uint_eq(((struct vfio_device_feature *)arg)->argsz, 24);
		memcpy(fake_vfio.token, ((struct vfio_device_feature *)arg)->data, 16);
		return 0;
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		hot_info(arg);
		return 0;
	case VFIO_DEVICE_PCI_HOT_RESET:
		ck_assert_uint_eq(((struct vfio_pci_hot_reset *)arg)->argsz, 16);
		fake_vfio.hot_fd = ((struct vfio_pci_hot_reset *)arg)->count
					   ? ((struct vfio_pci_hot_reset *)arg)->group_fds[0]
					   : -1;
		fake_vfio.hot_resets++;
		return 0;
	case VFIO_DEVICE_RESET:
		fake_vfio.resets++;
		return 0;
	default:
		ck_abort_msg("ioctl 0x%lx", request);
	}
}

static char *bar_or_config(size_t len, off_t offset)
{
	size_t at = (size_t)offset & 0xfffff,
	       size = offset >> 20 == 7 ? 256 : sizeof(fake_vfio.bar);

	ck_assert(offset >> 20 == 7 || offset >> 20 == 0);
	ck_assert_uint_le(at + len, size);
	return (offset >> 20 == 7 ? fake_vfio.config : fake_vfio.bar) + at;
}

ssize_t fake_vfio_pread(int fd, void *buf, size_t len, off_t offset)
{
	memcpy(buf, bar_or_config(len, offset), len);
	return (ssize_t)len;
}

ssize_t fake_vfio_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	memcpy(bar_or_config(len, offset), buf, len);
	return (ssize_t)len;
}
