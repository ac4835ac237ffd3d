/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vfn/pci/util.h>
#include "support/fail.h"
#include "vfio/token.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int token_bytes(const char *text, uint8_t bytes[16])
{
	const char *p = text;

	for (int i = 0; i < 16; i++) {
		int high, low = -1;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			goto bad;
		high = digit(*p);
		if (high >= 0)
			low = digit(p[1]);
		if (low < 0)
			goto bad;
		bytes[i] = (uint8_t)(high << 4 | low);
		p += 2;
	}
	if (!*p)
		return 0;
bad:
	return vfn_fail(EINVAL, "'%s' is no UUID, like 83f2a7f0-6d44-4b3e-9c62-0f1c2d3e4a5b", text);
}

int token_split(const char *name, char text[TOKEN_TEXT])
{
	static const char key[] = ",vf_token=";
	const char *at = strstr(name, key);
	uint8_t bytes[16];
	char address[32];
	int len;

	text[0] = 0;
	if (!at || at - name >= (int)sizeof(address))
		return (int)strlen(name);
	len = (int)(at - name);
	memcpy(address, name, (size_t)len);
	address[len] = 0;
	if (!pci_is_bdf(address))
		return (int)strlen(name);
	at += sizeof(key) - 1;
	if (token_bytes(at, bytes))
		return -1;
	memcpy(text, at, TOKEN_TEXT);
	return len;
}
