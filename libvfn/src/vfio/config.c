/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config - the registers of configuration space that the library itself uses
 *
 * Offsets and bits: PCI Local Bus 3.0, 6.2, 6.8.1 (MSI), 6.8.2 (MSI-X).
 */
#include <errno.h>
#include <linux/pci_regs.h>

#include <vfn/support/endian.h>
#include <vfn/support/log.h>
#include "support/fail.h"
#include "vfio/transport.h"

/* Capabilities are dwords between the header and byte 255, so that there are no more than this. */
#define CONFIG_MAX_CAPS 48

/* The device has refused an access, in contrast to one that has gone. */
static bool config_refused(void)
{
	return errno != ENODEV && errno != ETIMEDOUT && errno != EPROTO;
}

int vfio_config_read32(struct vfio_device *dev, unsigned int reg, uint32_t *value)
{
	leint32_t v;

	if (vfio_region_read(dev, VFIO_PCI_CONFIG_REGION_INDEX, &v, sizeof(v), reg))
		return -1;
	*value = le32_to_cpu(v);
	return 0;
}

int vfio_config_read16(struct vfio_device *dev, unsigned int reg, uint16_t *value)
{
	uint32_t both;
	leint16_t v;

	if (!vfio_region_read(dev, VFIO_PCI_CONFIG_REGION_INDEX, &v, sizeof(v), reg)) {
		*value = le16_to_cpu(v);
		return 0;
	}
	if (!config_refused() || vfio_config_read32(dev, reg & ~3u, &both))
		return -1;
	*value = (uint16_t)(both >> 8 * (reg & 2));
	return 0;
}

int vfio_config_write16(struct vfio_device *dev, unsigned int reg, uint16_t value, uint16_t beside)
{
	leint16_t v = cpu_to_le16(value);
	leint32_t both;

	if (!vfio_region_write(dev, VFIO_PCI_CONFIG_REGION_INDEX, &v, sizeof(v), reg))
		return 0;
	if (!config_refused())
		return -1;
	both = cpu_to_le32(reg & 2 ? (uint32_t)value << 16 | beside
				   : (uint32_t)beside << 16 | value);
	return vfio_region_write(dev, VFIO_PCI_CONFIG_REGION_INDEX, &both, sizeof(both), reg & ~3u);
}

int vfio_config_command(struct vfio_device *dev, uint16_t set, uint16_t clear)
{
	uint16_t old, command;

	if (vfio_config_read16(dev, PCI_COMMAND, &old))
		return -1;
	command = (uint16_t)((old | set) & ~clear);
	return command == old ? 0 : vfio_config_write16(dev, PCI_COMMAND, command, 0);
}

/* 0 where the device refused something that it may as well lack. */
static int config_optional(const struct vfio_device *dev, int rc, const char *what)
{
	if (!rc)
		return 0;
	if (!config_refused())
		return -1;
	log_debug("%s: %s: %s\n", dev->state->address, what, vfn_error());
	return 0;
}

int vfio_config_init(struct vfio_device *dev)
{
	struct vfio_device_state *state = dev->state;
	uint32_t v;

	if (!state->transport->msi_by_config)
		return 0;
	if (vfio_config_read32(dev, PCI_COMMAND, &v))
		return config_optional(dev, -1, "no status");
	if (!(v >> 16 & PCI_STATUS_CAP_LIST) || v == UINT32_MAX)
		return 0;
	if (vfio_config_read32(dev, PCI_CAPABILITY_LIST, &v))
		return config_optional(dev, -1, "no capabilities");
	for (int i = 0; i < CONFIG_MAX_CAPS; i++) {
		unsigned int at = v & 0xfc;

		if (at < PCI_STD_HEADER_SIZEOF)
			return 0;
		if (vfio_config_read32(dev, at, &v))
			return config_optional(dev, -1, "a capability");
		if ((v & 0xff) == PCI_CAP_ID_MSI && !state->msi_at)
			state->msi_at = (uint16_t)at;
		if ((v & 0xff) == PCI_CAP_ID_MSIX && !state->msix_at)
			state->msix_at = (uint16_t)at;
		v >>= 8;
	}
	return 0;
}

/* The control register of the capability at `at`, whose other half tells what it is. */
static int config_control(struct vfio_device *dev, unsigned int at, uint16_t set, uint16_t clear)
{
	uint16_t control;
	uint32_t v;

	if (vfio_config_read32(dev, at, &v))
		return -1;
	control = (uint16_t)((v >> 16 | set) & ~(uint32_t)clear);
	return vfio_config_write16(dev, at + PCI_MSI_FLAGS, control, (uint16_t)v);
}

static int config_msi(struct vfio_device *dev, unsigned int n)
{
	uint16_t log2 = 0;

	if (!n)
		return config_control(dev, dev->state->msi_at, 0, PCI_MSI_FLAGS_ENABLE);
	while (1u << log2 < n)
		log2++;
	return config_control(dev, dev->state->msi_at, (uint16_t)(PCI_MSI_FLAGS_ENABLE | log2 << 4),
			      PCI_MSI_FLAGS_QSIZE & (uint16_t) ~(log2 << 4));
}

int vfio_config_irq(struct vfio_device *dev, unsigned int irq_index, unsigned int n)
{
	struct vfio_device_state *state = dev->state;

	switch (irq_index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return config_optional(dev,
				       vfio_config_command(dev, n ? 0 : PCI_COMMAND_INTX_DISABLE,
							   n ? PCI_COMMAND_INTX_DISABLE : 0),
				       "INTx in COMMAND");
	case VFIO_PCI_MSI_IRQ_INDEX:
		return state->msi_at ? config_optional(dev, config_msi(dev, n), "MSI") : 0;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		if (!state->msix_at)
			return 0;
		return config_optional(
			dev,
			config_control(dev, state->msix_at, n ? PCI_MSIX_FLAGS_ENABLE : 0,
				       n ? PCI_MSIX_FLAGS_MASKALL : PCI_MSIX_FLAGS_ENABLE),
			"MSI-X");
	default:
		return 0;
	}
}
