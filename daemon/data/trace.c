/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/trace.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <vfn/support.h>

#define TRACE_STATUS_CODE 0x7ff /* and its type */

void trace_init(struct trace *t, void *memory, uint32_t entries, uint64_t page)
{
	uint64_t offset = trace_size(0, page);

	t->control = memory;
	t->entries = (uint8_t *)memory + offset;
	t->count = entries;
	for (unsigned int i = 0; i < TRACE_LANES; i++)
		atomic_init(&t->lane[i].head, 0);
	*t->control = (struct trace_control){
		.magic = htole32(TRACE_MAGIC),
		.version = htole32(TRACE_VERSION),
		.entry_size = htole32(sizeof(struct trace_entry)),
		.entries = htole32(entries),
		.lanes = htole32(TRACE_LANES),
		.offset = htole64(offset),
	};
}

void trace_end(struct trace *t, uint32_t error)
{
	__atomic_store_n(&t->control->ended, htole32(error), __ATOMIC_RELEASE);
}

int trace_list_add(struct trace_list *list, struct trace *t)
{
	if (list->n == TRACE_LIST_MAX)
		return -ENOSPC;
	list->of[list->n++] = t;
	return 0;
}

void trace_list_remove(struct trace_list *list, struct trace *t)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (list->of[i] == t) {
			list->of[i] = list->of[--list->n];
			return;
		}
	}
}

static bool trace_is_for(const struct trace_filter *f, const struct trace_owner *owner, uint16_t qid,
			 uint16_t number, uint8_t opcode)
{
	if (f->user && f->user != owner->user)
		return false;
	if (f->session && f->session != owner->session)
		return false;
	if (f->opcodes_set && !(f->opcodes[opcode / 64] >> opcode % 64 & 1))
		return false;
	if (qid ? f->no_io : f->no_admin)
		return false;
	return !f->qid_set || f->qid == qid || (number && f->qid == number);
}

bool trace_wants(const struct trace_list *list, const struct trace_owner *owner, uint16_t qid, uint16_t number,
		 uint8_t opcode)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (trace_is_for(&list->of[i]->filter, owner, qid, number, opcode))
			return true;
	return false;
}

static bool trace_has_status(const struct trace_filter *f, const struct trace_entry *e)
{
	uint16_t status = le16toh(e->status) & TRACE_STATUS_CODE;

	if (f->failed && !e->error && !e->status && !(le16toh(e->flags) & TRACE_REFUSED))
		return false;
	if (!f->nstatuses)
		return true;
	for (unsigned int i = 0; i < f->nstatuses; i++)
		if (!e->error && f->statuses[i] == status)
			return true;
	return false;
}

/* Words of 8 bytes, each after those before it: a reader that sees one of the new ones finds the number changed. */
static void trace_write(struct trace *t, enum trace_lane lane, const struct trace_entry *e)
{
	uint64_t words[sizeof(*e) / 8];
	uint64_t head = atomic_load_explicit(&t->lane[lane].head, memory_order_relaxed);
	uint64_t *to = (uint64_t *)(t->entries +
				    ((uint64_t)lane * t->count + (head & (t->count - 1))) * sizeof(*e));

	memcpy(words, e, sizeof(words));
	__atomic_store_n(&to[0], 0, __ATOMIC_RELAXED);
	for (unsigned int i = 1; i < sizeof(words) / 8; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELEASE);
	head++;
	__atomic_store_n(&to[0], htole64(head), __ATOMIC_RELEASE);
	__atomic_store_n(&t->control->head[lane].count, htole64(head), __ATOMIC_RELEASE);
	atomic_store_explicit(&t->lane[lane].head, head, memory_order_relaxed);
}

static uint64_t trace_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* When it was, by a clock that is `now`; clocks of two processors may differ a little. */
static uint64_t trace_time(uint64_t now, uint64_t ticks)
{
	int64_t passed = (int64_t)(get_ticks() - ticks);
	unsigned __int128 ns = passed > 0 ? (unsigned __int128)passed * 1000000000u / __vfn_ticks_freq : 0;

	return ns < now ? now - (uint64_t)ns : 1;
}

void trace_put(const struct trace_list *list, enum trace_lane lane, const struct trace_owner *owner,
	       const struct trace_entry *entry, uint64_t submitted)
{
	uint16_t qid = le16toh(entry->qid), number = le16toh(entry->number_of_queue);
	uint64_t now = trace_now();
	struct trace_entry e = *entry;

	e.session = htole64(owner->session);
	e.completed = htole64(now);
	e.submitted = submitted ? htole64(trace_time(now, submitted)) : 0;
	for (unsigned int i = 0; i < list->n; i++) {
		const struct trace_filter *f = &list->of[i]->filter;

		if (trace_is_for(f, owner, qid, number, e.sqe[0]) && trace_has_status(f, &e))
			trace_write(list->of[i], lane, &e);
	}
}
