/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * length - how many bytes an I/O command transfers, told from opcode and format alone
 *
 * A controller that is asked for more than the client's memory would read its PRP list from there,
 * and so could be led to any address: a command whose length cannot be told does not go out.
 */
#ifndef VFND_DAEMON_DATA_LENGTH_H
#define VFND_DAEMON_DATA_LENGTH_H

#include <stddef.h>
#include <stdint.h>

#include <vfn/nvme/types.h>

#include "daemon/data/format.h"

enum data_length {
	DATA_LENGTH_KNOWN = 0,
	DATA_LENGTH_NO_NAMESPACE = 1, /* the namespace is not active: it must go without pointers */
	DATA_LENGTH_UNKNOWN = -1,
};

/*
 * Bytes of data and of metadata in a buffer of its own. *why (NULL: not wanted) is what of the
 * command cannot be told.
 */
enum data_length data_length(const struct data_formats *formats, const union nvme_cmd *sqe,
			     uint64_t *length, uint64_t *meta_length, const char **why);

#endif
