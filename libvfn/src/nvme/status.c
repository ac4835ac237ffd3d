/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status - the status field of completions (NVMe base, 3.3.3.2.1)
 */
#include <errno.h>

#include "nvme/internal.h"

int nvme_set_errno_from_cqe(const struct nvme_cqe *cqe)
{
	unsigned int status = le16_to_cpu(cqe->sfp) >> 1;

	if (!status)
		return 0;

	vfn_error_set("command %#x on queue %u failed: status code type %#x, status %#x%s%s",
		      cqe->cid, le16_to_cpu(cqe->sqid), (status >> 8) & 0x7, status & 0xff,
		      status & (1u << 13) ? ", more in the error log" : "",
		      status & (1u << 14) ? ", do not retry" : "");
	errno = (status & 0x7ff) == NVME_STATUS_HOST_ABORTED ? ECANCELED : EIO;
	return -1;
}
