/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Feeds every file of a fuzzer's corpus, and each of its beginnings, to the fuzzer's entry: what was found once
 * is not to come back, in builds without libFuzzer, too. Prints TAP. FUZZ_NAME is the corpus.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (128 * 1024)

static int cases;

static void feed(const char *dir, const char *name)
{
	static uint8_t data[INPUT_MAX];
	char path[8192];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		printf("not ok %d - %s cannot be read\n", ++cases, name);
		return;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	for (size_t i = 0; i < n && n < 1024; i++)
		LLVMFuzzerTestOneInput(data, i);
	LLVMFuzzerTestOneInput(data, n);
	printf("ok %d - " FUZZ_NAME ": %s\n", ++cases, name);
	fflush(stdout);
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	struct dirent **list;
	char dir[4096];
	int n;

	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/" FUZZ_NAME, top ? top : ".");
	n = scandir(dir, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			feed(dir, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	if (cases == 0)
		printf("not ok %d - there is a corpus in %s\n", ++cases, dir);
	printf("1..%d\n", cases);
	return 0;
}
