/* SPDX-License-Identifier: GPL-2.0-or-later */
/* canned - structures of a controller that exists only here, every field of some interest set */
#ifndef VFND_TESTS_CANNED_H
#define VFND_TESTS_CANNED_H

#include <stdbool.h>
#include <stdint.h>

#include <libnvme.h>

void canned_id_ctrl(struct nvme_id_ctrl *id);
void canned_id_ns(struct nvme_id_ns *ns);
void canned_smart(struct nvme_smart_log *log);

/* A log page; what Identify tells. False: there is no such thing. */
bool canned_log(uint8_t lid, uint8_t data[4096]);
bool canned_identify(uint8_t cns, uint32_t nsid, uint8_t data[4096]);

/* The register at `offset` of BAR 0, `width` 4 or 8. */
uint64_t canned_register(uint64_t offset, unsigned int width);

#endif
