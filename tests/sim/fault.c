/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "fault.h"

#include <errno.h>
#include <nvme/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fault_number(const char *word, unsigned long max, unsigned long *v)
{
	char *end;

	if (*word < '0' || *word > '9')
		return -EINVAL;
	errno = 0;
	*v = strtoul(word, &end, 0);
	return errno || *end || *v > max ? -EINVAL : 0;
}

static int fault_bad(char *why, size_t room, const char *text)
{
	snprintf(why, room, "%s", text);
	return -EINVAL;
}

/* The words behind OPCODE and N; `n` of them. */
static int fault_parse_rest(struct fault *f, char *const *words, unsigned int n, char *why,
			    size_t room)
{
	unsigned long v, sc;

	switch (f->kind) {
	case FAULT_STATUS:
		if (n < 2 || n > 3)
			return fault_bad(why, room, "status admin|io OPCODE N SCT SC [dnr]");
		if (fault_number(words[0], 7, &v))
			return fault_bad(why, room, "SCT is a number from 0 to 7");
		if (fault_number(words[1], 255, &sc))
			return fault_bad(why, room, "SC is a number from 0 to 255");
		if (n == 3 && strcmp(words[2], "dnr"))
			return fault_bad(why, room, "the last word can only be dnr");
		f->status = v << 8 | sc | (n == 3 ? NVME_SC_DNR : 0);
		return 0;
	case FAULT_DELAY:
		if (n != 1)
			return fault_bad(why, room, "delay admin|io OPCODE N MS");
		if (fault_number(words[0], 86400000, &v))
			return fault_bad(why, room,
					 "MS is a number of milliseconds, at most a day");
		f->ms = v;
		return 0;
	default:
		if (n > 1 || (n == 1 && strcmp(words[0], "stuck")))
			return fault_bad(why, room, "drop admin|io OPCODE N [stuck]");
		f->stuck = n == 1;
		return 0;
	}
}

int fault_parse(struct fault *f, char *const *words, unsigned int n, char *why, size_t room)
{
	unsigned long v;

	memset(f, 0, sizeof(*f));
	if (n && !strcmp(words[0], "status"))
		f->kind = FAULT_STATUS;
	else if (n && !strcmp(words[0], "delay"))
		f->kind = FAULT_DELAY;
	else if (n && !strcmp(words[0], "drop"))
		f->kind = FAULT_DROP;
	else
		return fault_bad(why, room, "a fault is status, delay or drop");
	if (n < 4)
		return fault_bad(why, room, "a fault needs at least admin|io OPCODE N");
	f->io = !strcmp(words[1], "io");
	if (!f->io && strcmp(words[1], "admin"))
		return fault_bad(why, room, "the second word is admin or io");
	if (fault_number(words[2], 255, &v))
		return fault_bad(why, room, "OPCODE is a number from 0 to 255");
	f->opcode = v;
	if (fault_number(words[3], UINT32_MAX, &v))
		return fault_bad(why, room, "N is a number: 1 is the next command, 0 every one");
	f->every = v == 0;
	f->left = v;
	return fault_parse_rest(f, words + 4, n - 4, why, room);
}

int fault_add(struct faults *fs, const struct fault *f)
{
	if (fs->n == FAULT_MAX)
		return -ENOSPC;
	fs->list[fs->n++] = *f;
	return 0;
}

void fault_clear(struct faults *fs)
{
	fs->n = 0;
}

enum fault_kind fault_match(struct faults *fs, bool after, bool io, uint8_t opcode,
			    struct fault *out)
{
	enum fault_kind kind = FAULT_NONE;

	for (unsigned int i = 0; i < fs->n;) {
		struct fault *f = &fs->list[i];

		if (f->io != io || f->opcode != opcode || (f->kind == FAULT_DROP) != after) {
			i++;
			continue;
		}
		if (!f->every && f->left > 1) {
			f->left--;
			i++;
			continue;
		}
		if (kind != FAULT_NONE) {
			i++;
			continue;
		}
		kind = f->kind;
		*out = *f;
		fs->hits++;
		if (f->every) {
			i++;
			continue;
		}
		fs->n--;
		memmove(f, f + 1, (fs->n - i) * sizeof(*f));
	}
	return kind;
}
