/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_MAGIC     UINT64_C(0x6574617473646e76) /* "vndstate" */
#define STATE_COMMITTED UINT32_C(0x600dda7a)
#define STATE_BYTES     ((size_t)STATE_SLOT * STATE_SLOTS)

struct state_header {
	uint64_t magic;
	uint32_t version;
	uint32_t slot, slots;
};

/* In a record's first slot. `committed` is what makes it one. */
struct state_record {
	_Atomic uint32_t committed;
	uint32_t type;
	uint32_t nslots;
	uint32_t size; /* bytes that follow */
	_Alignas(16) uint8_t data[];
};

_Static_assert(sizeof(struct state_record) == 16, "the layout is fixed");

struct state {
	int fd;
	uint8_t *base;
	uint32_t top; /* slots from here on are free */
};

static struct state_record *state_at(const struct state *s, uint32_t slot)
{
	return (struct state_record *)(s->base + (size_t)slot * STATE_SLOT);
}

static struct state_record *state_record_of(const void *data)
{
	return (struct state_record *)((uint8_t *)data - offsetof(struct state_record, data));
}

static uint32_t state_slot_of(const struct state *s, const struct state_record *r)
{
	return (uint32_t)(((const uint8_t *)r - s->base) / STATE_SLOT);
}

static int state_map(int fd, struct state **out)
{
	struct state *s = calloc(1, sizeof(*s));
	void *base;

	if (!s)
		return -ENOMEM;
	base = mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		int ret = -errno;

		free(s);
		return ret;
	}
	s->fd = fd;
	s->base = base;
	s->top = 1;
	*out = s;
	return 0;
}

int state_create(struct state **out)
{
	int fd = memfd_create("vfnd-state", MFD_CLOEXEC | MFD_ALLOW_SEALING), ret;
	struct state_header *h;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)STATE_BYTES) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		ret = -errno;
	else
		ret = state_map(fd, out);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	h = (struct state_header *)(*out)->base;
	*h = (struct state_header){STATE_MAGIC, STATE_VERSION, STATE_SLOT, STATE_SLOTS};
	return 0;
}

/* Free slots have zeros where a record begins, and every record says how many slots it has. */
static int state_check(struct state *s)
{
	const struct state_header *h = (const struct state_header *)s->base;

	if (h->magic != STATE_MAGIC || h->version != STATE_VERSION || h->slot != STATE_SLOT ||
	    h->slots != STATE_SLOTS)
		return -EPROTO;
	while (s->top < STATE_SLOTS) {
		const struct state_record *r = state_at(s, s->top);

		if (r->nslots == 0)
			break;
		if (r->nslots > STATE_SLOTS - s->top ||
		    r->size > (size_t)r->nslots * STATE_SLOT - sizeof(*r))
			return -EPROTO;
		s->top += r->nslots;
	}
	return 0;
}

int state_open(int fd, struct state **out)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size != (off_t)STATE_BYTES || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EPROTO;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ret = state_map(fd, out);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	ret = state_check(*out);
	if (ret < 0)
		state_free(*out);
	return ret;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	munmap(s->base, STATE_BYTES);
	close(s->fd);
	free(s);
}

int state_fd(const struct state *s)
{
	return s->fd;
}

/* A removed record of the right size is used again; otherwise room at the top. */
static struct state_record *state_room(struct state *s, uint32_t nslots)
{
	uint32_t slot = 1;

	while (slot < s->top) {
		struct state_record *r = state_at(s, slot);

		if (r->type == STATE_FREE && r->nslots == nslots)
			return r;
		slot += r->nslots;
	}
	if (nslots > STATE_SLOTS - s->top)
		return NULL;
	return state_at(s, s->top);
}

void *state_add(struct state *s, enum state_type type, size_t size)
{
	struct state_record *r;
	size_t need;

	if (size > STATE_BYTES)
		return NULL;
	need = (sizeof(*r) + size + STATE_SLOT - 1) / STATE_SLOT;
	r = state_room(s, (uint32_t)need);
	if (!r)
		return NULL;
	memset(r->data, 0, need * STATE_SLOT - sizeof(*r));
	r->size = (uint32_t)size;
	r->type = type;
	/* The length last: until then this is the end of the records. */
	atomic_signal_fence(memory_order_seq_cst);
	r->nslots = (uint32_t)need;
	if (state_slot_of(s, r) == s->top)
		s->top += (uint32_t)need;
	return r->data;
}

void state_commit(struct state *s, void *data)
{
	atomic_store_explicit(&state_record_of(data)->committed, STATE_COMMITTED, memory_order_release);
}

void state_remove(struct state *s, void *data)
{
	struct state_record *r = state_record_of(data);

	atomic_store_explicit(&r->committed, 0, memory_order_release);
	r->type = STATE_FREE;
}

void *state_next(struct state *s, enum state_type type, size_t size, const void *data)
{
	const struct state_record *prev = data ? state_record_of(data) : NULL;
	uint32_t slot = prev ? state_slot_of(s, prev) + prev->nslots : 1;

	while (slot < s->top) {
		struct state_record *r = state_at(s, slot);

		if (r->type == type && r->size >= size &&
		    atomic_load_explicit(&r->committed, memory_order_acquire) == STATE_COMMITTED)
			return r->data;
		slot += r->nslots;
	}
	return NULL;
}
