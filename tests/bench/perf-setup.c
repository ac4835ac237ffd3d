/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/perf.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#define PERF_QID 1

enum { PERF_OPC_IDENTIFY = 0x6 };

int perf_fail(const char *what)
{
	const char *reason = vfn_error();

	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		reason && *reason ? reason : strerror(errno));
	return -1;
}

int perf_pin(const struct perf_options *opts)
{
	cpu_set_t set;

	if (opts->core < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((size_t)opts->core, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		fprintf(stderr, "%s: core %d: %s\n", program_invocation_short_name, opts->core,
			strerror(errno));
		return -1;
	}
	return 0;
}

/* Learn the namespace's size, and how many of its blocks make a command. */
static int perf_identify(struct perf *perf)
{
	union nvme_cmd cmd = {.identify = {.opcode = PERF_OPC_IDENTIFY}};
	uint64_t nsze, limit;
	unsigned int format, shift;
	unsigned char *id;
	void *mem;
	int r;

	if (pgmap(&mem, 4096) < 0)
		return perf_fail("memory for Identify");
	id = mem;
	cmd.identify.nsid = cpu_to_le32(perf->opts.nsid);
	r = nvme_admin(&perf->ctrl, &cmd, mem, 4096, NULL);
	memcpy(&nsze, id, sizeof(nsze));
	nsze = le64_to_cpu((leint64_t)nsze);
	format = id[26] & 0xf;
	shift = id[128 + 4 * format + 2];
	pgunmap(mem, 4096);
	if (r)
		return perf_fail("Identify Namespace");

	limit = perf->ctrl.config.mdts
			? 1ull << (12 + perf->ctrl.config.mpsmin + perf->ctrl.config.mdts)
			: UINT64_MAX;
	if (!nsze || shift < 9 || shift > 31) {
		fprintf(stderr, "%s: there is no namespace %u\n", program_invocation_short_name,
			perf->opts.nsid);
		return -1;
	}
	if (perf->opts.size & ((1u << shift) - 1) || perf->opts.size > limit ||
	    perf->opts.size >> shift > 65536 || perf->opts.size >> shift > nsze) {
		fprintf(stderr, "%s: a command of %u bytes is not possible: blocks of %u\n",
			program_invocation_short_name, perf->opts.size, 1u << shift);
		return -1;
	}
	perf->blocks = perf->opts.size >> shift;
	perf->units = nsze / perf->blocks;
	return 0;
}

/* Memory, mapped, for the deepest queue, and the queue. */
static int perf_prepare(struct perf *perf)
{
	struct perf_options *opts = &perf->opts;
	size_t stride = ((size_t)opts->size + 4095) & ~(size_t)4095;
	unsigned int deepest = 0, qsize, most = (unsigned int)perf->ctrl.config.mqes + 1;
	uint64_t iova;

	for (unsigned int i = 0; i < opts->ndepths; i++)
		deepest = opts->depths[i] > deepest ? opts->depths[i] : deepest;
	if (deepest >= most) {
		fprintf(stderr, "%s: the controller's queues hold %u commands\n",
			program_invocation_short_name, most - 1);
		return -1;
	}

	perf->nslots = deepest;
	perf->slots = calloc(deepest, sizeof(*perf->slots));
	if (!perf->slots)
		return perf_fail("memory for commands");
	perf->data_len = stride * deepest;
	if (pgmap(&perf->data, perf->data_len) < 0)
		return perf_fail("memory for data");
	/* every page is there before the clock starts */
	memset(perf->data, 0x5a, perf->data_len);
	if (iommu_map_vaddr(__iommu_ctx(&perf->ctrl), perf->data, perf->data_len, &iova, 0))
		return perf_fail("mapping memory for data");
	for (unsigned int i = 0; i < deepest; i++) {
		perf->slots[i].iova = iova + i * stride;
		perf->slots[i].cmd.rw.nsid = cpu_to_le32(opts->nsid);
		perf->slots[i].cmd.rw.nlb = cpu_to_le16((uint16_t)(perf->blocks - 1));
	}

	/*
	 * Twice the depth: completions of a whole depth may not have been acknowledged yet when
	 * those of the next come, and the controller does not wait for room.
	 */
	qsize = 2 * deepest + 1 < most ? 2 * deepest + 1 : most;
	if (nvme_create_ioqpair(&perf->ctrl, PERF_QID, (int)qsize, -1, 0))
		return perf_fail("creating queues");
	perf->sq = &perf->ctrl.sq[PERF_QID];
	perf->cq = &perf->ctrl.cq[PERF_QID];
	return 0;
}

int perf_setup(struct perf *perf)
{
	struct nvme_ctrl_opts opts = nvme_ctrl_opts_default;

	perf->random = 88172645463325252ull;
	if (perf->opts.registers)
		opts.quirks |= NVME_QUIRK_BROKEN_DBBUF;
	if (nvme_init(&perf->ctrl, perf->opts.device, &opts))
		return perf_fail(perf->opts.device);
	perf->up = true;
	return perf_identify(perf) || perf_prepare(perf) ? -1 : 0;
}

void perf_teardown(struct perf *perf)
{
	/* the controller is done with the memory only after this */
	if (perf->up)
		nvme_close(&perf->ctrl);
	if (perf->data)
		pgunmap(perf->data, perf->data_len);
	free(perf->slots);
	perf->up = false;
	perf->data = perf->slots = NULL;
}
