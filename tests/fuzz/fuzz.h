/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz - the entry that libFuzzer, and corpus.c in its place, call with each input. Returns 0.
 */
#ifndef VFND_TESTS_FUZZ_H
#define VFND_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
