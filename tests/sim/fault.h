/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault - what tests ask to go wrong, decided by hooks before and after each command
 *
 * Chance is made of a seed that each rule has for itself: the same rules and commands have the same
 * faults again.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_MAX 64

enum fault_kind {
	FAULT_NONE,
	/* Decided before the command. */
	FAULT_STATUS,  /* not carried out, completed with `status` */
	FAULT_DELAY,   /* begun `ms` later */
	FAULT_FATAL,   /* not carried out: CSTS.CFS */
	FAULT_ONES,    /* not carried out: the registers read as ones from now on */
	FAULT_LINK,    /* not carried out: the whole function does */
	FAULT_CORRUPT, /* carried out with a bit of its data changed */
	/* Decided after it was carried out. */
	FAULT_DROP,  /* its completion is never sent */
	FAULT_TWICE, /* it is sent twice */
	FAULT_CID,   /* with another command identifier */
	FAULT_EVENT, /* an event comes with it */
	FAULT_KINDS,
};

struct fault {
	enum fault_kind kind;
	bool io; /* else admin */
	bool any_opcode;
	uint8_t opcode;
	bool ranged; /* commands that touch a block of first to last, these included */
	uint64_t first, last;
	uint32_t nsid;	 /* 0: any */
	uint32_t chance; /* of 2^32; UINT32_MAX: always */
	uint64_t random; /* state of the rule's generator */
	uint32_t left;	 /* the fault hits when this many more have come; counts down to 1 */
	uint32_t times;	 /* hits that are left; 0: without end */

	/* What the kinds need. */
	bool stuck; /* dropped, and cannot be aborted */
	uint16_t status;
	uint32_t ms;
	bool has_value;
	uint64_t value; /* command identifier, or byte of the data; without: chosen */
	uint8_t event[3];

	unsigned int id;
	uint64_t hits;
};

struct faults {
	struct fault list[FAULT_MAX];
	unsigned int n;
	unsigned int ids;
	uint64_t hits;
};

/* A command as rules see it. */
struct fault_cmd {
	bool io;
	uint8_t opcode;
	uint32_t nsid;
	uint64_t slba;
	uint32_t blocks; /* 0: it has no range of blocks */
};

/* True where `word` begins the line of a fault. */
bool fault_is_kind(const char *word);

/*
 * Parses the words of a fault's line into `f`: 0, or -EINVAL with the reason in `why`. Numbers in
 * any C form.
 */
int fault_parse(struct fault *f, char *const *words, unsigned int n, char *why, size_t room);

/* A fault as a line that fault_parse() takes, but for what has been used up. */
void fault_print(const struct fault *f, char *line, size_t room);

/* 0 or -ENOSPC. The rule gets its `id`. */
int fault_add(struct faults *fs, const struct fault *f);
void fault_clear(struct faults *fs);
/* 0 or -ENOENT. */
int fault_remove(struct faults *fs, unsigned int id);

/* Counts the command in every rule of its hook that waits for it; the first that is due wins. */
enum fault_kind fault_match(struct faults *fs, bool after, const struct fault_cmd *cmd,
			    struct fault *out);

/* Hook before a command is carried out: FAULT_NONE or one of the first kinds, with *out filled. */
static inline enum fault_kind fault_before(struct faults *fs, const struct fault_cmd *cmd,
					   struct fault *out)
{
	return fault_match(fs, false, cmd, out);
}

/* Hook after: FAULT_NONE or one of the second kinds. */
static inline enum fault_kind fault_after(struct faults *fs, const struct fault_cmd *cmd,
					  struct fault *out)
{
	return fault_match(fs, true, cmd, out);
}

#endif
