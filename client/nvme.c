/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands that everybody needs; opcodes and fields from the NVM Express Base and NVM Command Set
 * specifications. */
#include "client/private.h"

#include <errno.h>

#define ADMIN_GET_LOG  0x02
#define ADMIN_IDENTIFY 0x06
#define NVM_FLUSH      0x00
#define NVM_WRITE      0x01
#define NVM_READ       0x02

#define IDENTIFY_SIZE 4096
#define CNS_NAMESPACE 0
#define CNS_CTRL      1
#define LID_SMART     2
#define SMART_SIZE    512

static int identify(struct vfnc_device *dev, uint32_t nsid, uint8_t cns, void *data,
		    struct vfnc_completion *completion)
{
	struct vfnc_cmd cmd = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = nsid,
		.cdw10 = cns,
		.data_in = data,
		.length = IDENTIFY_SIZE,
	};

	return vfnc_admin(dev, &cmd, completion);
}

int vfnc_identify_ctrl(struct vfnc_device *dev, void *data, struct vfnc_completion *completion)
{
	return identify(dev, 0, CNS_CTRL, data, completion);
}

int vfnc_identify_ns(struct vfnc_device *dev, uint32_t nsid, void *data,
		     struct vfnc_completion *completion)
{
	return identify(dev, nsid, CNS_NAMESPACE, data, completion);
}

int vfnc_get_log(struct vfnc_device *dev, uint32_t nsid, uint8_t log_page, void *data, uint32_t len,
		 struct vfnc_completion *completion)
{
	uint32_t numd = len / 4 - 1;
	struct vfnc_cmd cmd = {
		.opcode = ADMIN_GET_LOG,
		.nsid = nsid,
		.cdw10 = log_page | (numd & 0xffff) << 16,
		.cdw11 = numd >> 16,
		.data_in = data,
		.length = len,
	};

	if (len == 0 || len % 4)
		return cl_fail(dev->conn, -EINVAL, "a log page is read in multiples of 4 bytes");
	return vfnc_admin(dev, &cmd, completion);
}

int vfnc_smart_log(struct vfnc_device *dev, uint32_t nsid, void *data,
		   struct vfnc_completion *completion)
{
	return vfnc_get_log(dev, nsid, LID_SMART, data, SMART_SIZE, completion);
}

static int transfer(struct vfnc_queue *queue, uint8_t opcode, uint32_t nsid, uint64_t slba,
		    uint32_t nlb, const struct vfnc_buffer *buf, uint64_t offset, uint64_t length,
		    struct vfnc_completion *completion)
{
	struct vfnc_cmd cmd = {
		.opcode = opcode,
		.nsid = nsid,
		.cdw10 = (uint32_t)slba,
		.cdw11 = (uint32_t)(slba >> 32),
		.cdw12 = nlb - 1,
		.buffer = buf,
		.offset = offset,
		.length = length,
	};

	if (nlb == 0 || nlb > 65536)
		return cl_fail(queue->device->conn, -EINVAL, "1 to 65536 blocks, not %u", nlb);
	if (!buf || length == 0)
		return cl_fail(queue->device->conn, -EINVAL, "a buffer and its length are needed");
	return vfnc_io(queue, &cmd, completion);
}

int vfnc_read(struct vfnc_queue *queue, uint32_t nsid, uint64_t slba, uint32_t nlb,
	      const struct vfnc_buffer *buf, uint64_t offset, uint64_t length,
	      struct vfnc_completion *completion)
{
	return transfer(queue, NVM_READ, nsid, slba, nlb, buf, offset, length, completion);
}

int vfnc_write(struct vfnc_queue *queue, uint32_t nsid, uint64_t slba, uint32_t nlb,
	       const struct vfnc_buffer *buf, uint64_t offset, uint64_t length,
	       struct vfnc_completion *completion)
{
	return transfer(queue, NVM_WRITE, nsid, slba, nlb, buf, offset, length, completion);
}

int vfnc_flush(struct vfnc_queue *queue, uint32_t nsid, struct vfnc_completion *completion)
{
	struct vfnc_cmd cmd = {.opcode = NVM_FLUSH, .nsid = nsid};

	return vfnc_io(queue, &cmd, completion);
}
