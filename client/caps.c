/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI Local Bus 3.0, 6.7; PCI Express Base 5.0, 7.6. */
#include "client/caps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#define CAPS_MAX ((PCI_CFG_SPACE_SIZE - 64) / 4 + (PCI_CFG_SPACE_EXP_SIZE - PCI_CFG_SPACE_SIZE) / 4)

struct cap_list {
	const uint8_t *space;
	bool seen[PCI_CFG_SPACE_EXP_SIZE / 4]; /* a list may lead back to itself */
	int n;
	struct vfnc_capability cap[CAPS_MAX];
};

static void caps_standard(struct cap_list *l)
{
	unsigned int at = l->space[PCI_CAPABILITY_LIST] & ~3u;

	if (!(l->space[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return;
	while (at >= PCI_STD_HEADER_SIZEOF && !l->seen[at / 4] && l->space[at] != 0xff) {
		l->seen[at / 4] = true;
		l->cap[l->n++] = (struct vfnc_capability){.id = l->space[at], .offset = at};
		at = l->space[at + PCI_CAP_LIST_NEXT] & ~3u;
	}
}

static void caps_extended(struct cap_list *l, unsigned int size)
{
	unsigned int at = PCI_CFG_SPACE_SIZE;

	while (at >= PCI_CFG_SPACE_SIZE && at + 4 <= size && !l->seen[at / 4]) {
		uint32_t head = l->space[at] | (uint32_t)l->space[at + 1] << 8 | (uint32_t)l->space[at + 2] << 16 |
				(uint32_t)l->space[at + 3] << 24;

		if (head == 0 || head == UINT32_MAX)
			return;
		l->seen[at / 4] = true;
		l->cap[l->n++] = (struct vfnc_capability){
			.id = (uint16_t)PCI_EXT_CAP_ID(head),
			.extended = true,
			.version = (uint8_t)PCI_EXT_CAP_VER(head),
			.offset = at,
		};
		at = PCI_EXT_CAP_NEXT(head);
	}
}

int cl_caps_find(const uint8_t *space, unsigned int size, struct vfnc_capability **caps)
{
	struct cap_list l = {.space = space};

	*caps = NULL;
	if (size >= PCI_CFG_SPACE_SIZE)
		caps_standard(&l);
	if (size > PCI_CFG_SPACE_SIZE)
		caps_extended(&l, size);
	if (!l.n)
		return 0;
	*caps = malloc((size_t)l.n * sizeof(**caps));
	if (!*caps)
		return -ENOMEM;
	memcpy(*caps, l.cap, (size_t)l.n * sizeof(**caps));
	return l.n;
}
