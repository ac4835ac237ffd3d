/* SPDX-License-Identifier: GPL-2.0-or-later */
/* canned - structures of a controller that exists only here, every field of some interest set */
#ifndef VFND_TESTS_CANNED_H
#define VFND_TESTS_CANNED_H

#include <stdint.h>

#include <libnvme.h>

void canned_id_ctrl(struct nvme_id_ctrl *id);
void canned_id_ns(struct nvme_id_ns *ns);
void canned_smart(struct nvme_smart_log *log);

/* The register at `offset` of BAR 0, `width` 4 or 8. */
uint64_t canned_register(uint64_t offset, unsigned int width);

#endif
