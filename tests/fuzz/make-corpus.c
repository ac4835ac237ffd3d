/* SPDX-License-Identifier: GPL-2.0-or-later */
/* make-corpus FOLDER: writes what the fuzzers begin with to FOLDER/rpc and FOLDER/frame. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fdset.h"
#include "proto/frame.h"
#include "tests/unit/daemon/host.h"

static const char *folder;

static void put(const char *fuzzer, const char *name, const uint8_t *data, size_t n)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, fuzzer, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

/* Appends a packet with its head; the new length. */
static size_t add(uint8_t *to, size_t at, const uint8_t *packet, size_t n, uint8_t nfds)
{
	to[at] = (uint8_t)n;
	to[at + 1] = (uint8_t)(n >> 8);
	to[at + 2] = nfds;
	memcpy(to + at + 3, packet, n);
	return at + 3 + n;
}

static void rpc_corpus(void)
{
	uint8_t all[64 * SAMPLE_MAX] = {1}, packet[SAMPLE_MAX];
	size_t at = 1;

	for (size_t i = 0; i < sample_count(); i++) {
		uint8_t one[2 * SAMPLE_MAX] = {0};
		size_t n = sample_pack(i, i + 1, packet);

		put("rpc", sample_name(i), one, add(one, 1, packet, n, 0));
		at = add(all, at, packet, n, 0);
	}
	put("rpc", "everything", all, at);
	at = add(all, 1, packet, sample_pack(1, 1, packet), 0);
	put("rpc", "no-hello", all, at);
	all[0] = 0;
	at = add(all, 1, packet, sample_pack(1, 0, packet), 0);
	put("rpc", "id-0", all, at);
	at = add(all, 1, packet, sample_pack(1, 1, packet), 1);
	put("rpc", "surplus-descriptor", all, at);
	at = add(all, 1, (const uint8_t *)"\x08\x07\xfa\x3f\x01", 6, 0);
	put("rpc", "unknown-request", all, at);
	at = add(all, 1, (const uint8_t *)"\xff\xff\xff", 3, 0);
	put("rpc", "garbage", all, at);
}

static void frame_corpus(void)
{
	static const struct {
		const char *name;
		uint8_t nfds, parts;
		size_t room, size;
	} rows[] = {
		{"plain", 0, 0, FRAME_MAX, 40},		   {"one-descriptor", 1, 0, FRAME_MAX, 40},
		{"full-set", FDSET_MAX, 0, FRAME_MAX, 40}, {"too-many", FDSET_MAX + 1, 0, FRAME_MAX, 40},
		{"in-parts", 9, 3, FRAME_MAX, 40},	   {"too-many-in-parts", 40, 3, FRAME_MAX, 40},
		{"too-long", 2, 0, 39, 40},		   {"just-fits", 2, 0, 40, 40},
		{"empty", 0, 0, FRAME_MAX, 0},		   {"empty-with-descriptors", 3, 0, 1, 0},
	};
	/* An answer: id 5, an error of code 2 with a text */
	uint8_t data[4 + 40] = "\0\0\0\0\x08\x05\x12\x24\x08\x02\x12\x20" "there is no such device, I fear!";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		data[0] = rows[i].nfds;
		data[1] = rows[i].parts;
		data[2] = (uint8_t)(rows[i].room - 1);
		data[3] = (uint8_t)((rows[i].room - 1) >> 8);
		put("frame", rows[i].name, data, 4 + rows[i].size);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make-corpus FOLDER\n");
		return 2;
	}
	folder = argv[1];
	rpc_corpus();
	frame_corpus();
	return 0;
}
