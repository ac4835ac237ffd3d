/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "support/fail.h"
#include "vfio/transport.h"

/*
 * Let the device be reset, and take part on the bus. INTx is off until it is set up: the admin
 * queue has interrupts on, and would pull a line that nobody serves.
 */
static int pci_start(struct vfio_pci_device *pci)
{
	struct vfio_device *dev = &pci->dev;
	uint16_t command;

	if (vfio_reset(dev)) {
		/*
		 * Drivers bring the device into a known state anyway; one that is gone is an
		 * error.
		 */
		if (errno == ENODEV || errno == ETIMEDOUT || errno == EPROTO)
			return -1;
	}
	if (vfio_config_read16(dev, PCI_COMMAND, &command))
		return -1;
	if (command == 0xffff)
		return vfn_fail(ENODEV, "%s does not answer (its registers read as all ones)",
				pci->bdf);
	dev->state->command = command;
	return vfio_config_command(
		dev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, 0);
}

static void pci_forget(struct vfio_pci_device *pci)
{
	free((char *)(uintptr_t)pci->bdf);
	pci->bdf = NULL;
}

static int pci_open_any(struct vfio_pci_device *pci, const char *bdf,
			const struct vfio_takeover *from)
{
	struct iommu_ctx *ctx = pci->dev.ctx;
	char token[TOKEN_TEXT];
	uint32_t class;
	int err, len;

	*pci = (struct vfio_pci_device){.dev = {.fd = -1, .ctx = ctx}};
	len = token_split(bdf, token);
	if (len < 0) {
		pci->dev.ctx = NULL;
		return -1;
	}
	pci->bdf = strndup(bdf, (size_t)len);
	if (!pci->bdf)
		return vfn_fail(ENOMEM, "out of memory for %s", bdf);
	if (vfio_device_open(&pci->dev, pci->bdf, token, from)) {
		err = errno;
		pci_forget(pci);
		errno = err;
		return -1;
	}
	pci->config_region_info = pci->dev.state->regions[VFIO_PCI_CONFIG_REGION_INDEX].info;
	for (int i = 0; i < 6; i++)
		pci->bar_region_info[i] = pci->dev.state->regions[i].info;
	if (from ? vfio_config_read16(&pci->dev, PCI_COMMAND, &pci->dev.state->command)
		 : pci_start(pci))
		goto fail;
	if (from)
		pci->dev.state->command &=
			(uint16_t) ~(PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	if (vfio_config_read32(&pci->dev, PCI_CLASS_REVISION, &class))
		goto fail;
	pci->classcode = class >> 8;
	return 0;

fail:
	err = errno;
	vfio_device_close(&pci->dev, from);
	pci_forget(pci);
	errno = err;
	return -1;
}

int vfio_pci_open(struct vfio_pci_device *pci, const char *bdf)
{
	return pci_open_any(pci, bdf, NULL);
}

void vfio_pci_close(struct vfio_pci_device *pci)
{
	struct vfio_device *dev = &pci->dev;

	if (!dev->state)
		return;
	for (unsigned int i = 0; i < VFIO_IRQS; i++) {
		if (dev->state->irq_vectors[i])
			vfio_set_irq_index(dev, i, 0, NULL, 0);
	}
	/* What fails here fails on a device that is gone. */
	vfio_config_write16(dev, PCI_COMMAND, dev->state->command & (uint16_t)~PCI_COMMAND_MASTER,
			    0);
	vfio_device_close(dev, false);
	pci_forget(pci);
}

int vfio_pci_set_vf_token(struct vfio_pci_device *pci, const char *uuid)
{
	struct vfio_device_state *state = vfio_state(&pci->dev);
	uint8_t token[16];

	if (!state || token_bytes(uuid, token))
		return -1;
	if (!state->transport->set_vf_token)
		return vfn_fail(ENOTSUP, "%s: there are no virtual functions by %s", pci->bdf,
				state->transport->name);
	return state->transport->set_vf_token(&pci->dev, token);
}

void *vfio_pci_map_bar(struct vfio_pci_device *pci, int idx, size_t len, uint64_t offset, int prot)
{
	if (!vfio_state(&pci->dev))
		return NULL;
	if (idx < 0 || idx > 5) {
		vfn_fail(EINVAL, "%s: there is no BAR %d", pci->bdf, idx);
		return NULL;
	}
	return vfio_region_map(&pci->dev, (unsigned int)idx, len, offset, prot);
}

void vfio_pci_unmap_bar(struct vfio_pci_device *pci, int idx, void *mem, size_t len,
			uint64_t offset)
{
	vfio_region_unmap(&pci->dev, (unsigned int)idx, mem, len, offset);
}

ssize_t vfio_pci_read_config(struct vfio_pci_device *pci, void *buf, size_t len, off_t offset)
{
	return vfio_region_read(&pci->dev, VFIO_PCI_CONFIG_REGION_INDEX, buf, len, (uint64_t)offset)
		       ? -1
		       : (ssize_t)len;
}

ssize_t vfio_pci_write_config(struct vfio_pci_device *pci, const void *buf, size_t len,
			      off_t offset)
{
	return vfio_region_write(&pci->dev, VFIO_PCI_CONFIG_REGION_INDEX, buf, len,
				 (uint64_t)offset)
		       ? -1
		       : (ssize_t)len;
}

int vfio_pci_export(struct vfio_pci_device *pci, struct vfio_takeover *to)
{
	struct vfio_device_state *state = vfio_state(&pci->dev);

	if (!state)
		return -1;
	if (strlen(pci->bdf) >= sizeof(to->address))
		return vfn_fail(ENAMETOOLONG, "%s: too long a name to hand on", pci->bdf);
	memset(to, 0, sizeof(*to));
	to->version = VFIO_TAKEOVER_VERSION;
	to->device_fd = to->group_fd = to->container_fd = to->socket_fd = -1;
	strcpy(to->transport, state->transport->name);
	strcpy(to->address, pci->bdf);
	return state->transport->export(&pci->dev, to);
}

int vfio_pci_import(struct vfio_pci_device *pci, const char *bdf, const struct vfio_takeover *from)
{
	char token[TOKEN_TEXT];
	int len;

	if (from->version != VFIO_TAKEOVER_VERSION)
		return vfn_fail(EINVAL, "%s: handed on in version %u, %u is known", bdf,
				from->version, VFIO_TAKEOVER_VERSION);
	len = token_split(bdf, token);
	if (len < 0)
		return -1;
	if (strnlen(from->address, sizeof(from->address)) != (size_t)len ||
	    memcmp(from->address, bdf, (size_t)len))
		return vfn_fail(EINVAL, "%s: what was handed on is another device", bdf);
	return pci_open_any(pci, bdf, from);
}
