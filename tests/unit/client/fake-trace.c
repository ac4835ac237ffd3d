/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "fake-trace.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096u

void fake_trace_make(struct fake_trace *t)
{
	int pair[2];
	void *mem;

	t->size = trace_size(FAKE_TRACE_ENTRIES, PAGE);
	t->fd = fake_memfd(t->size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	mem = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (mem == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "no trace");
	t->wake_fd = pair[0];
	t->client_fd = pair[1];
	memset(t->count, 0, sizeof(t->count));
	t->control = mem;
	*t->control = (struct trace_control){
		.magic = htole32(TRACE_MAGIC),
		.version = htole32(TRACE_VERSION),
		.entry_size = htole32(sizeof(struct trace_entry)),
		.entries = htole32(FAKE_TRACE_ENTRIES),
		.lanes = htole32(TRACE_LANES),
		.offset = htole64(PAGE),
	};
}

void fake_trace_send(struct fake *f, uint64_t id, struct fake_trace *t)
{
	Vfnd__TraceOpenAnswer a = VFND__TRACE_OPEN_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;

	if (t->fd >= 0)
		fdset_add(&fds, t->fd);
	if (t->client_fd >= 0)
		fdset_add(&fds, t->client_fd);
	a.trace = ++f->last_handle;
	a.size = t->size;
	a.entries = FAKE_TRACE_ENTRIES;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_TRACE_OPEN;
	answer.trace_open = &a;
	fake_send(f, &answer, &fds);
	fdset_close(&fds);
	t->fd = t->client_fd = -1;
}

static uint64_t *place(struct fake_trace *t, enum trace_lane lane)
{
	uint8_t *first = (uint8_t *)t->control + PAGE;

	return (uint64_t *)(first + (lane * FAKE_TRACE_ENTRIES + t->count[lane] % FAKE_TRACE_ENTRIES) *
					    sizeof(struct trace_entry));
}

static void counted(struct fake_trace *t, enum trace_lane lane)
{
	__atomic_store_n(&t->control->head[lane].count, htole64(t->count[lane]), __ATOMIC_RELEASE);
	(void)!send(t->wake_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void fake_trace_put(struct fake_trace *t, enum trace_lane lane, const struct trace_entry *entry)
{
	uint64_t words[sizeof(*entry) / 8], *to = place(t, lane);

	memcpy(words, entry, sizeof(words));
	__atomic_store_n(&to[0], 0, __ATOMIC_RELAXED);
	for (unsigned int i = 1; i < sizeof(words) / 8; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELEASE);
	__atomic_store_n(&to[0], htole64(++t->count[lane]), __ATOMIC_RELEASE);
	counted(t, lane);
}

void fake_trace_skip(struct fake_trace *t, enum trace_lane lane, uint64_t n)
{
	while (n--) {
		__atomic_store_n(place(t, lane), 0, __ATOMIC_RELAXED);
		t->count[lane]++;
	}
	counted(t, lane);
}

void fake_trace_end(struct fake_trace *t, uint32_t error)
{
	__atomic_store_n(&t->control->ended, htole32(error), __ATOMIC_RELEASE);
	close(t->wake_fd);
	t->wake_fd = -1;
}

void fake_trace_free(struct fake_trace *t)
{
	munmap(t->control, t->size);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
	if (t->fd >= 0)
		close(t->fd);
	if (t->client_fd >= 0)
		close(t->client_fd);
	t->control = NULL;
}

void fake_trace(struct fake *f, uint64_t id)
{
	struct trace_entry entries[] = {
		{.submitted = htole64(1000000000), .completed = htole64(1000025500), .session = htole64(7),
		 .length = htole64(512), .qid = htole16(1), .cid = htole16(12), .sqe = {2, 0, 12, 0, 1}},
		{.completed = htole64(2000000000), .session = htole64(7), .qid = htole16(1),
		 .cid = htole16(13), .flags = htole16(TRACE_REFUSED), .error = htole32(EPERM),
		 .sqe = {0x83, 0, 13, 0, 1}},
		{.submitted = htole64(1), .completed = htole64(3000000000), .qid = htole16(0),
		 .flags = htole16(TRACE_DAEMON), .result = htole64(0x20101), .sqe = {0x0c}},
		{.submitted = htole64(2500000000), .completed = htole64(2500001000), .session = htole64(8),
		 .qid = htole16(2), .cid = htole16(3), .number_of_queue = htole16(65),
		 .status = htole16(0x4004), .flags = htole16(TRACE_SERVED | TRACE_REFUSED),
		 .sqe = {1, 0, 3, 0, 1}},
	};
	struct fake_trace t;

	fake_trace_make(&t);
	fake_trace_put(&t, TRACE_LANE_LOOP, &entries[0]);
	fake_trace_put(&t, TRACE_LANE_LOOP, &entries[1]);
	fake_trace_put(&t, TRACE_LANE_SERVED, &entries[3]);
	fake_trace_skip(&t, TRACE_LANE_LOOP, 2);
	fake_trace_put(&t, TRACE_LANE_LOOP, &entries[2]);
	fake_trace_send(f, id, &t);
	fake_trace_end(&t, ENODEV);
	fake_trace_free(&t);
}
