/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault - what tests ask to go wrong, decided by hooks before and after each command
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_MAX 64

enum fault_kind {
	FAULT_NONE,
	FAULT_STATUS, /* not carried out, completed with `status` */
	FAULT_DELAY,  /* begun `ms` later */
	FAULT_DROP,   /* carried out, completion never sent */
};

struct fault {
	enum fault_kind kind;
	bool io;    /* else admin */
	bool stuck; /* dropped, and cannot be aborted */
	uint8_t opcode;
	bool every;
	uint32_t left; /* the fault hits when this many more have come; counts down to 1 */
	uint16_t status;
	uint32_t ms;
};

struct faults {
	struct fault list[FAULT_MAX];
	unsigned int n;
	uint64_t hits;
};

/*
 * Parses the words of a `status`, `delay` or `drop` line into `f`: 0, or -EINVAL with the reason in
 * `why`. Numbers in any C form.
 */
int fault_parse(struct fault *f, char *const *words, unsigned int n, char *why, size_t room);

/* 0 or -ENOSPC. */
int fault_add(struct faults *fs, const struct fault *f);
void fault_clear(struct faults *fs);

/* Counts the command in every rule of its hook that waits for it; the first that is due wins. */
enum fault_kind fault_match(struct faults *fs, bool after, bool io, uint8_t opcode,
			    struct fault *out);

/* Hook before a command is carried out: FAULT_NONE, FAULT_STATUS or FAULT_DELAY, with *out filled.
 */
static inline enum fault_kind fault_before(struct faults *fs, bool io, uint8_t opcode,
					   struct fault *out)
{
	return fs->n ? fault_match(fs, false, io, opcode, out) : FAULT_NONE;
}

/* Hook after: FAULT_NONE or FAULT_DROP. */
static inline enum fault_kind fault_after(struct faults *fs, bool io, uint8_t opcode,
					  struct fault *out)
{
	return fs->n ? fault_match(fs, true, io, opcode, out) : FAULT_NONE;
}

#endif
