/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * format - the active namespaces of a controller and their formats
 */
#ifndef VFND_DAEMON_DATA_FORMAT_H
#define VFND_DAEMON_DATA_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_format {
	uint32_t nsid;
	uint8_t shift;	   /* a block is 1 << shift bytes */
	bool extended;	   /* its metadata follows it in the same buffer */
	uint16_t metadata; /* bytes a block */
};

#define DATA_MAX_NAMESPACES 1024

struct data_formats {
	unsigned int n;
	struct data_format of[DATA_MAX_NAMESPACES]; /* in ascending order of nsid */
};

/* The format of an active namespace, or NULL. */
static inline const struct data_format *data_format_find(const struct data_formats *formats,
							 uint32_t nsid)
{
	unsigned int low = 0, high = formats->n;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (formats->of[mid].nsid == nsid)
			return &formats->of[mid];
		if (formats->of[mid].nsid < nsid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

#endif
