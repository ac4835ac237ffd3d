/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/perf.h"

#define PERF_DRAIN_SECS 30

/*
 * Completions taken before the doorbells are rung: a controller that keeps up does not wait for all
 * that it has completed to be followed.
 */
#define PERF_BATCH 16

enum { PERF_OPC_WRITE = 0x1, PERF_OPC_READ = 0x2 };

const double perf_percentiles[7] = {50, 90, 95, 99, 99.9, 99.99, 99.999};

/* xorshift64*: cheap, and the same in every run */
static inline uint64_t perf_random(struct perf *perf)
{
	uint64_t x = perf->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	perf->random = x;
	return x * 2685821657736338717ull;
}

/* Scale 64 random bits to 0 .. n - 1. */
static inline uint64_t perf_scale(uint64_t random, uint64_t n)
{
	return (uint64_t)((unsigned __int128)random * n >> 64);
}

/* Post the next command in `slot`, which begins at `now`, without the doorbell. */
static inline int perf_issue(struct perf *perf, struct perf_slot *slot, uint64_t now)
{
	struct nvme_rq *rq = nvme_rq_acquire(perf->sq);
	uint64_t unit;
	bool read = perf->opts.read_percent == 100;

	if (unlikely(!rq))
		return perf_fail("posting a command");
	if (perf->opts.random) {
		unit = perf_scale(perf_random(perf), perf->units);
	} else {
		unit = perf->next++;
		if (perf->next == perf->units)
			perf->next = 0;
	}
	if (!read && perf->opts.read_percent)
		read = perf_scale(perf_random(perf), 100) < perf->opts.read_percent;

	rq->opaque = slot;
	slot->cmd.opcode = read ? PERF_OPC_READ : PERF_OPC_WRITE;
	slot->cmd.rw.slba = cpu_to_le64(unit * perf->blocks);
	if (unlikely(nvme_rq_map_prp(&perf->ctrl, rq, &slot->cmd, slot->iova, perf->opts.size))) {
		nvme_rq_release(rq);
		return perf_fail("posting a command");
	}
	slot->start = now;
	nvme_rq_post(rq, &slot->cmd);
	return 0;
}

static void perf_sum_up(const struct perf *perf, struct perf_result *result, uint64_t ticks)
{
	const struct histogram *hist = &perf->hist;

	result->secs = (double)ticks / (double)__vfn_ticks_freq;
	if (!hist->count)
		return;
	result->average = perf_us(hist->sum) / (double)hist->count;
	result->min = perf_us(hist->min);
	result->max = perf_us(hist->max);
	for (size_t i = 0; i < ARRAY_SIZE(perf_percentiles); i++)
		result->percentiles[i] = perf_us(histogram_percentile(hist, perf_percentiles[i]));
}

int perf_run(struct perf *perf, unsigned int depth, const struct perf_window *window,
	     struct perf_result *result)
{
	uint64_t now = get_ticks(), begin = now + window->warmup, end = begin + window->ticks;
	uint64_t limit = window->commands ? window->commands : UINT64_MAX, last = begin;
	unsigned int busy = 0;

	*result = (struct perf_result){.depth = depth};
	histogram_clear(&perf->hist);
	for (; busy < depth; busy++) {
		if (perf_issue(perf, &perf->slots[busy], now))
			return -1;
	}
	nvme_sq_update_tail(perf->sq);

	while (busy) {
		struct nvme_cqe *cqe;
		unsigned int n = 0;

		while (n < PERF_BATCH && (cqe = nvme_cq_get_cqe(perf->cq))) {
			struct nvme_rq *rq = __nvme_rq_from_cqe(perf->sq, cqe);
			struct perf_slot *slot;

			n++;
			if (unlikely(!rq))
				continue;
			slot = rq->opaque;
			/* One look at the counter: what follows has begun when this has ended. */
			now = get_ticks();
			nvme_rq_release(rq);
			if (unlikely(!nvme_cqe_ok(cqe)))
				result->errors++;
			if (likely(now >= begin && now < end)) {
				histogram_add(&perf->hist, now - slot->start);
				result->reads += slot->cmd.opcode == PERF_OPC_READ;
				last = now;
				if (unlikely(perf->hist.count == limit))
					end = now;
			}
			if (unlikely(now >= end))
				busy--;
			else if (perf_issue(perf, slot, now))
				return -1;
		}
		if (n) {
			/* First what the controller waits for. */
			nvme_sq_update_tail(perf->sq);
			nvme_cq_update_head(perf->cq);
		} else {
			now = get_ticks();
			if (unlikely(now > end && now - end > PERF_DRAIN_SECS * __vfn_ticks_freq)) {
				fprintf(stderr, "vfn-perf: %u commands do not complete\n", busy);
				return -1;
			}
		}
	}
	result->commands = perf->hist.count;
	perf_sum_up(perf, result, last - begin);
	return 0;
}
