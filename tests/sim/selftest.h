/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * selftest - device self-test: one at a time, in the background (NVMe base 2.0, 5.9 and 8.6)
 */
#ifndef SIM_SELFTEST_H
#define SIM_SELFTEST_H

#include <nvme/types.h>
#include <stddef.h>
#include <stdint.h>

struct selftest {
	uint8_t running; /* STC of the test that runs, or 0 */
	uint32_t nsid;
	uint64_t from, until;		  /* monotonic ns */
	uint8_t fail;			  /* result of the tests to come; 0: they pass */
	uint8_t segment;		  /* that fails */
	struct nvme_st_result result[20]; /* newest first */
};

struct ctrl;
struct cmd;

void selftest_init(struct selftest *t);

/* Device Self-test. */
void selftest_exec(struct ctrl *c, struct cmd *cmd);

/* Ends the test that runs, if one does, with this result. */
void selftest_end(struct ctrl *c, uint8_t result);

/* The controller was reset, which ends a short test. */
void selftest_reset(struct ctrl *c);

/* Time has passed; returns when to look again, or UINT64_MAX. */
uint64_t selftest_update(struct ctrl *c, uint64_t now);

/* The Device Self-test log; its size. */
size_t selftest_log(struct ctrl *c, uint8_t *buf);

#endif
