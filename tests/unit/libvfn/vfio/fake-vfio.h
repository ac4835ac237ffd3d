/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-vfio - a device of the kernel's VFIO, behind a descriptor that is none
 *
 * An NVMe controller with a BAR of plain memory, 4 MSI vectors, and no error interrupt. How it is
 * come by and what is mapped for it is the test's own.
 */
#ifndef VFND_TESTS_FAKE_VFIO_H
#define VFND_TESTS_FAKE_VFIO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

extern struct fake_vfio {
	unsigned long fail_ioctl; /* this request fails with ioctl_errno, fail_times times */
	int ioctl_errno, fail_times;
	int resets, hot_resets;
	int32_t hot_fd; /* the group's descriptor that came with the last one; -1: none */
	uint32_t hot_flags, hot_count; /* who is affected by one */
	uint32_t hot_ids[4];	       /* their groups, or what their iommufd calls them */
	int irqs_got; /* returned when interrupts are set: not 0 for fewer than wanted */
	uint8_t token[16]; /* of its virtual functions */
	uint32_t irq_flags, irq_count, device_flags;
	char config[256];
	char bar[0x4000];
} fake_vfio;

void fake_vfio_start(void);

/* True, with errno, when this request is to fail. */
bool fake_vfio_fails(unsigned long request);

/* What the device does. */
int fake_vfio_ioctl(unsigned long request, void *arg);
ssize_t fake_vfio_pread(int fd, void *buf, size_t len, off_t offset);
ssize_t fake_vfio_pwrite(int fd, const void *buf, size_t len, off_t offset);

#endif
