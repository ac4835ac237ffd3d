/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crc64 - the 64-bit CRC of the NVM command set (5.2.1.3.4), reflected, four bits at a time
 */
#include <vfn/nvme/util.h>

/* The polynomial AD93D23594C93659h, bits reversed. */
#define POLY 0x9a6c9329ac4bc9b5ull

#define STEP1(v) (((v) >> 1) ^ (POLY & (0 - ((v)&1))))
#define STEP2(v) STEP1(STEP1(v))
#define STEP4(v) STEP2(STEP2(v))

static const uint64_t table[16] = {
	STEP4(0x0ull), STEP4(0x1ull), STEP4(0x2ull), STEP4(0x3ull), STEP4(0x4ull), STEP4(0x5ull),
	STEP4(0x6ull), STEP4(0x7ull), STEP4(0x8ull), STEP4(0x9ull), STEP4(0xaull), STEP4(0xbull),
	STEP4(0xcull), STEP4(0xdull), STEP4(0xeull), STEP4(0xfull),
};

uint64_t nvme_crc64(uint64_t crc, const unsigned char *buffer, size_t len)
{
	while (len--) {
		crc ^= *buffer++;
		crc = (crc >> 4) ^ table[crc & 0xf];
		crc = (crc >> 4) ^ table[crc & 0xf];
	}

	return ~crc;
}
