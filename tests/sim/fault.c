/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "fault.h"

#include <errno.h>
#include <inttypes.h>
#include <nvme/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *args; /* for messages */
} fault_kinds[FAULT_KINDS] = {
	[FAULT_STATUS] = {"status", " SCT SC [dnr]"},
	[FAULT_DELAY] = {"delay", " MS"},
	[FAULT_FATAL] = {"cfs", ""},
	[FAULT_ONES] = {"ones", ""},
	[FAULT_LINK] = {"link", ""},
	[FAULT_CORRUPT] = {"corrupt", " [BYTE]"},
	[FAULT_DROP] = {"drop", " [stuck]"},
	[FAULT_TWICE] = {"twice", ""},
	[FAULT_CID] = {"cid", " [CID]"},
	[FAULT_EVENT] = {"event", " TYPE INFO LID"},
};

static int fault_number(const char *word, uint64_t max, uint64_t *v)
{
	char *end;

	if (*word < '0' || *word > '9')
		return -EINVAL;
	errno = 0;
	*v = strtoull(word, &end, 0);
	return errno || *end || *v > max ? -EINVAL : 0;
}

static int fault_bad(char *why, size_t room, const char *text)
{
	snprintf(why, room, "%s", text);
	return -EINVAL;
}

static enum fault_kind fault_kind(const char *word)
{
	for (unsigned int i = FAULT_NONE + 1; i < FAULT_KINDS; i++) {
		if (!strcmp(word, fault_kinds[i].name))
			return i;
	}
	return FAULT_NONE;
}

bool fault_is_kind(const char *word)
{
	return fault_kind(word) != FAULT_NONE;
}

static int fault_parse_status(struct fault *f, char *const *words, unsigned int n, char *why,
			      size_t room)
{
	uint64_t sct, sc;

	if (n < 2 || n > 3)
		return fault_bad(why, room, "status admin|io OPCODE N SCT SC [dnr]");
	if (fault_number(words[0], 7, &sct))
		return fault_bad(why, room, "SCT is a number from 0 to 7");
	if (fault_number(words[1], 255, &sc))
		return fault_bad(why, room, "SC is a number from 0 to 255");
	if (n == 3 && strcmp(words[2], "dnr"))
		return fault_bad(why, room, "the last word can only be dnr");
	f->status = sct << 8 | sc | (n == 3 ? NVME_SC_DNR : 0);
	return 0;
}

/* The words behind OPCODE and N; `n` of them. */
static int fault_parse_rest(struct fault *f, char *const *words, unsigned int n, char *why,
			    size_t room)
{
	uint64_t v;

	switch (f->kind) {
	case FAULT_STATUS:
		return fault_parse_status(f, words, n, why, room);
	case FAULT_DELAY:
		if (n != 1)
			return fault_bad(why, room, "delay admin|io OPCODE N MS");
		if (fault_number(words[0], 86400000, &v))
			return fault_bad(why, room,
					 "MS is a number of milliseconds, at most a day");
		f->ms = v;
		return 0;
	case FAULT_DROP:
		if (n > 1 || (n == 1 && strcmp(words[0], "stuck")))
			return fault_bad(why, room, "drop admin|io OPCODE N [stuck]");
		f->stuck = n == 1;
		return 0;
	case FAULT_EVENT:
		if (n != 3)
			return fault_bad(why, room, "event admin|io OPCODE N TYPE INFO LID");
		for (unsigned int i = 0; i < 3; i++) {
			if (fault_number(words[i], i ? 255 : 7, &v))
				return fault_bad(why, room,
						 "TYPE is 0 to 7, INFO and LID are 0 to 255");
			f->event[i] = v;
		}
		return 0;
	case FAULT_CORRUPT:
	case FAULT_CID:
		f->has_value = n == 1;
		if (n > 1 || (n == 1 &&
			      fault_number(words[0], f->kind == FAULT_CID ? UINT16_MAX : UINT32_MAX,
					   &f->value)))
			return fault_bad(why, room,
					 f->kind == FAULT_CID ? "cid admin|io OPCODE N [CID]"
							      : "corrupt admin|io OPCODE N [BYTE]");
		return 0;
	default:
		return n ? fault_bad(why, room, "nothing can follow N, but options") : 0;
	}
}

static int fault_parse_range(struct fault *f, const char *text)
{
	char first[24];
	size_t n = strcspn(text, "-");

	if (n >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, n);
	first[n] = 0;
	f->ranged = true;
	if (fault_number(first, UINT64_MAX, &f->first))
		return -EINVAL;
	f->last = f->first;
	if (text[n] && fault_number(text + n + 1, UINT64_MAX, &f->last))
		return -EINVAL;
	return f->last < f->first ? -EINVAL : 0;
}

/* A part of 1, from 0 to 1, as 0.25 or 1. */
static int fault_parse_chance(struct fault *f, const char *text)
{
	char *end;
	double p;

	if ((*text < '0' || *text > '9') && *text != '.')
		return -EINVAL;
	p = strtod(text, &end);
	if (*end || !(p > 0 && p <= 1))
		return -EINVAL;
	f->chance = p == 1 ? UINT32_MAX : p * UINT32_MAX;
	return 0;
}

static int fault_parse_option(struct fault *f, const char *word, char *why, size_t room)
{
	const char *at = strchr(word, '=') + 1;
	uint64_t v;

	if (!strncmp(word, "nsid=", 5)) {
		if (fault_number(at, UINT32_MAX, &v) || !v)
			return fault_bad(why, room, "nsid=N is the number of a namespace");
		f->nsid = v;
	} else if (!strncmp(word, "lba=", 4)) {
		if (fault_parse_range(f, at))
			return fault_bad(why, room, "lba=FIRST[-LAST] is a range of blocks");
	} else if (!strncmp(word, "times=", 6)) {
		if (fault_number(at, UINT32_MAX, &v) || !v)
			return fault_bad(why, room, "times=N is how often it happens, from 1 on");
		f->times = v;
	} else if (!strncmp(word, "chance=", 7)) {
		if (fault_parse_chance(f, at))
			return fault_bad(why, room, "chance=P is above 0, and 1 at most");
	} else if (!strncmp(word, "seed=", 5)) {
		if (fault_number(at, UINT64_MAX, &f->random))
			return fault_bad(why, room, "seed=N is a number");
	} else {
		return fault_bad(why, room, "an option is nsid=, lba=, times=, chance= or seed=");
	}
	return 0;
}

/* OPCODE and N. */
static int fault_parse_which(struct fault *f, char *const *words, char *why, size_t room)
{
	uint64_t v;

	f->io = !strcmp(words[0], "io");
	if (!f->io && strcmp(words[0], "admin"))
		return fault_bad(why, room, "the second word is admin or io");
	f->any_opcode = !strcmp(words[1], "any");
	if (!f->any_opcode) {
		if (fault_number(words[1], 255, &v))
			return fault_bad(why, room, "OPCODE is a number from 0 to 255, or any");
		f->opcode = v;
	}
	if (fault_number(words[2], UINT32_MAX, &v))
		return fault_bad(why, room, "N is a number: 1 is the next command, 0 every one");
	f->left = v ? v : 1;
	f->times = v != 0;
	return 0;
}

int fault_parse(struct fault *f, char *const *words, unsigned int n, char *why, size_t room)
{
	char *plain[16];
	unsigned int nplain = 0;

	*f = (struct fault){.chance = UINT32_MAX, .random = 1};
	f->kind = n ? fault_kind(words[0]) : FAULT_NONE;
	if (f->kind == FAULT_NONE)
		return fault_bad(why, room,
				 "a fault is status, delay, drop, twice, cid, corrupt, event, cfs, "
				 "ones or link");
	for (unsigned int i = 1; i < n && nplain < 16; i++) {
		if (!strchr(words[i], '='))
			plain[nplain++] = words[i];
	}
	if (nplain < 3) {
		snprintf(why, room, "%s admin|io OPCODE N%s [OPTION=...]",
			 fault_kinds[f->kind].name, fault_kinds[f->kind].args);
		return -EINVAL;
	}
	if (fault_parse_which(f, plain, why, room) ||
	    fault_parse_rest(f, plain + 3, nplain - 3, why, room))
		return -EINVAL;
	for (unsigned int i = 1; i < n; i++) {
		if (strchr(words[i], '=') && fault_parse_option(f, words[i], why, room))
			return -EINVAL;
	}
	return 0;
}

static void fault_print_rest(const struct fault *f, char *line, size_t room)
{
	switch (f->kind) {
	case FAULT_STATUS:
		snprintf(line, room, " %u %u%s", f->status >> 8 & 7, f->status & 0xffu,
			 f->status & NVME_SC_DNR ? " dnr" : "");
		break;
	case FAULT_DELAY:
		snprintf(line, room, " %" PRIu32, f->ms);
		break;
	case FAULT_DROP:
		snprintf(line, room, "%s", f->stuck ? " stuck" : "");
		break;
	case FAULT_EVENT:
		snprintf(line, room, " %u %u %u", f->event[0], f->event[1], f->event[2]);
		break;
	default:
		*line = 0;
		if (f->has_value)
			snprintf(line, room, " %" PRIu64, f->value);
		break;
	}
}

void fault_print(const struct fault *f, char *line, size_t room)
{
	char opcode[8] = "any", rest[40], nsid[20] = "", range[56] = "", times[20] = "",
	     chance[48] = "";
	bool every = !f->times && f->left == 1;

	if (!f->any_opcode)
		snprintf(opcode, sizeof(opcode), "%u", f->opcode);
	fault_print_rest(f, rest, sizeof(rest));
	if (f->nsid)
		snprintf(nsid, sizeof(nsid), " nsid=%" PRIu32, f->nsid);
	if (f->ranged)
		snprintf(range, sizeof(range), " lba=%" PRIu64 "-%" PRIu64, f->first, f->last);
	if (f->times > 1)
		snprintf(times, sizeof(times), " times=%" PRIu32, f->times);
	if (f->chance != UINT32_MAX)
		snprintf(chance, sizeof(chance), " chance=%.6g seed=%" PRIu64,
			 (double)f->chance / UINT32_MAX, f->random);
	snprintf(line, room, "%s %s %s %" PRIu32 "%s%s%s%s%s", fault_kinds[f->kind].name,
		 f->io ? "io" : "admin", opcode, every ? 0 : f->left, rest, nsid, range, times,
		 chance);
}

int fault_add(struct faults *fs, const struct fault *f)
{
	if (fs->n == FAULT_MAX)
		return -ENOSPC;
	fs->list[fs->n] = *f;
	fs->list[fs->n++].id = ++fs->ids;
	return 0;
}

void fault_clear(struct faults *fs)
{
	fs->n = 0;
}

static void fault_drop(struct faults *fs, unsigned int i)
{
	fs->n--;
	memmove(&fs->list[i], &fs->list[i + 1], (fs->n - i) * sizeof(fs->list[0]));
}

int fault_remove(struct faults *fs, unsigned int id)
{
	for (unsigned int i = 0; i < fs->n; i++) {
		if (fs->list[i].id == id) {
			fault_drop(fs, i);
			return 0;
		}
	}
	return -ENOENT;
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t fault_random(struct fault *f)
{
	uint64_t x = f->random += 0x9e3779b97f4a7c15ull;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static bool fault_concerns(const struct fault *f, bool after, const struct fault_cmd *cmd)
{
	if (f->io != cmd->io || (f->kind >= FAULT_DROP) != after ||
	    (!f->any_opcode && f->opcode != cmd->opcode) || (f->nsid && f->nsid != cmd->nsid))
		return false;
	return !f->ranged || (cmd->blocks && cmd->slba <= f->last &&
			      (cmd->slba >= f->first || f->first - cmd->slba < cmd->blocks));
}

enum fault_kind fault_match(struct faults *fs, bool after, const struct fault_cmd *cmd,
			    struct fault *out)
{
	enum fault_kind kind = FAULT_NONE;

	for (unsigned int i = 0; i < fs->n;) {
		struct fault *f = &fs->list[i++];

		if (!fault_concerns(f, after, cmd) ||
		    (f->chance != UINT32_MAX && (uint32_t)fault_random(f) >= f->chance))
			continue;
		if (f->left > 1) {
			f->left--;
			continue;
		}
		if (kind != FAULT_NONE)
			continue;
		kind = f->kind;
		fs->hits++;
		f->hits++;
		*out = *f;
		if (kind == FAULT_CORRUPT && !f->has_value)
			out->value = fault_random(f);
		if (f->times && !--f->times)
			fault_drop(fs, --i);
	}
	return kind;
}
