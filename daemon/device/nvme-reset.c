/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets by request: controller (NVMe Base 2.0, 3.7.2), subsystem (3.7.1), PCI function, and shutdown (3.6). What
 * follows is the same for all of them, and for a reset on the daemon's own account: nvme-recover.c.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include <vfn/support.h>

#include "daemon/journal.h"

#define RESET_REG_CC   0x14
#define RESET_REG_CSTS 0x1c
#define RESET_REG_NSSR 0x20
#define RESET_NSSR	 0x4e564d65u /* "NVMe" */
#define RESET_CAP_NSSRS  (UINT64_C(1) << 36)
#define RESET_CC_EN	 1u
#define RESET_CC_SHN	 14 /* bits 15:14 */
#define RESET_CSTS_SHST  2  /* bits 3:2 */
#define RESET_STEP_NS	 1000000
#define RESET_STEPS	 10000 /* of them: how long a shutdown or a subsystem reset may take */

static void reset_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = RESET_STEP_NS}, NULL);
}

static void reset_short(struct nvme_device *nd, const char *what)
{
	snprintf(nd->short_of, sizeof(nd->short_of), "%s; the controller was reset all the same", what);
}

/* A device may vanish for a moment: its registers read as all ones then. */
static void reset_subsystem(struct nvme_device *nd)
{
	uint32_t cc = UINT32_MAX;

	if (nvme_reg_write32(&nd->ctrl, RESET_REG_NSSR, RESET_NSSR) < 0) {
		reset_short(nd, vfn_error());
		return;
	}
	for (int i = 0; i < RESET_STEPS; i++) {
		if (nvme_reg_read32(&nd->ctrl, RESET_REG_CC, &cc) == 0 && cc != UINT32_MAX && !(cc & RESET_CC_EN))
			return;
		reset_pause();
	}
	reset_short(nd, "the subsystem reset did not disable the controller");
}

/* The reset may have taken bus mastering and the interrupts away. */
static void reset_function(struct nvme_device *nd)
{
	struct vfio_pci_device *pci = &nd->ctrl.pci;
	int fds[NVME_MAX_VECTORS];
	leint16_t command;

	if ((nd->kind == RESET_HOT ? vfio_hot_reset(&pci->dev) : vfio_reset(&pci->dev)) < 0) {
		reset_short(nd, *vfn_error() ? vfn_error() : "the function cannot be reset");
		return;
	}
	if (vfio_pci_read_config(pci, &command, sizeof(command), PCI_COMMAND) == sizeof(command)) {
		command = cpu_to_le16(le16_to_cpu(command) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		vfio_pci_write_config(pci, &command, sizeof(command), PCI_COMMAND);
	}
	for (unsigned int i = 0; i < nd->nvectors; i++)
		fds[i] = nd->vectors[i].fd;
	if (nd->nvectors && vfio_set_irq(&pci->dev, fds, (int)nd->nvectors) < 0)
		reset_short(nd, "interrupts could not be set up again");
}

static void reset_shutdown(struct nvme_device *nd, uint32_t how)
{
	uint32_t cc, csts;

	if (nvme_reg_read32(&nd->ctrl, RESET_REG_CC, &cc) < 0 ||
	    nvme_reg_write32(&nd->ctrl, RESET_REG_CC, (cc & ~(3u << RESET_CC_SHN)) | how << RESET_CC_SHN) < 0) {
		reset_short(nd, vfn_error());
		return;
	}
	for (int i = 0; i < RESET_STEPS; i++) {
		if (nvme_reg_read32(&nd->ctrl, RESET_REG_CSTS, &csts) == 0 &&
		    (csts >> RESET_CSTS_SHST & 3) == 2)
			return;
		reset_pause();
	}
	reset_short(nd, "the shutdown was not complete within 10 seconds");
}

void nvme_reset_prepare(struct nvme_device *nd)
{
	switch (nd->kind) {
	case RESET_SUBSYSTEM:
		reset_subsystem(nd);
		break;
	case RESET_FUNCTION:
	case RESET_HOT:
		reset_function(nd);
		break;
	case RESET_SHUTDOWN:
	case RESET_ABRUPT:
		reset_shutdown(nd, nd->kind == RESET_SHUTDOWN ? 1 : 2);
		break;
	default:
		break;
	}
	if (nvme_reg_read32(&nd->ctrl, RESET_REG_CSTS, &nd->taken.csts) < 0)
		nd->taken.csts = UINT32_MAX;
}

/*
 * All functions of the bus go, so no other device of ours may be there. Devices that others have are for the kernel to
 * know of.
 */
static int reset_hot_check(const struct device *dev, char *text, size_t size)
{
	const char *function = strrchr(dev->address, ':');
	const struct device *other;

	if (!strcmp(dev->id.transport, "vfio-user")) {
		snprintf(text, size, "a device of vfio-user has no PCI hot reset; `function' resets it");
		return -ENOTSUP;
	}
	TAILQ_FOREACH (other, &dev->devices->list, link) {
		if (other == dev || other->released ||
		    strncmp(other->address, dev->address, (size_t)(function - dev->address + 1)) != 0)
			continue;
		snprintf(text, size, "a hot reset would take %s as well: release it first", other->address);
		return -EBUSY;
	}
	return 0;
}

int nvme_reset_by(struct opening *o, enum reset_kind kind, bool stay, class_reset_done done, void *arg,
		  char *text, size_t size)
{
	static const char *const names[] = {"controller reset", "subsystem reset", "function reset",
					    "normal shutdown", "abrupt shutdown", "hot reset"};
	struct nvme_device *nd = nvme_of(o->device);
	char why[128];
	int ret;

	if (kind == RESET_SUBSYSTEM && !(nd->cap & RESET_CAP_NSSRS)) {
		snprintf(text, size, "the controller has no subsystem reset (CAP.NSSRS)");
		return -ENOTSUP;
	}
	ret = kind == RESET_HOT ? reset_hot_check(o->device, text, size) : 0;
	if (ret < 0)
		return ret;
	snprintf(why, sizeof(why), "%s, asked for by session %llu", stay && !kind ? "disable" : names[kind],
		 (unsigned long long)o->session_number);
	nd->kind = kind;
	nd->stay = stay;
	nd->reset_done = done;
	nd->reset_arg = arg;
	nvme_recover(nd, why);
	return 0;
}
