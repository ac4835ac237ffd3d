/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many bytes a command transfers: admin commands here, I/O commands as daemon/data/length.h tells.
 * Lengths: NVMe Base 2.0, figures "Command Dword 10" ff. of each command.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdio.h>

#include <vfn/support.h>

#include "daemon/data/length.h"

static uint32_t length_dw(leint32_t v)
{
	return le32_to_cpu(v);
}

/* NUMD: 0's based dwords, its upper half in the following command dword. */
static uint64_t length_numd(uint32_t lower, uint32_t upper)
{
	return ((uint64_t)((upper & 0xffff) << 16 | lower >> 16) + 1) * 4;
}

static int length_own(char *text, size_t size, const char *what)
{
	snprintf(text, size, "%s", what);
	return -EPERM;
}

/* Features (figure "Feature Identifiers"): what goes through the data pointer. */
static int length_feature(const union nvme_cmd *sqe, bool set, uint64_t *len, char *text, size_t size)
{
	uint32_t cdw10 = length_dw(sqe->cdw10);

	switch (cdw10 & 0xff) {
	case 0x03: /* LBA Range Type: up to 64 ranges of 64 bytes */
		*len = set ? ((length_dw(sqe->cdw11) & 0x3f) + 1) * 64 : 4096;
		return 0;
	case 0x07:
		return set ? length_own(text, size, "Number of Queues is set by the daemon; "
						    "vfnctl info tells what there is")
			   : 0;
	case 0x0b: /* these two are everybody's: the events told, and a timer that kills the controller */
		return set ? length_own(text, size, "which events are reported is the daemon's own") : 0;
	case 0x0f:
		return set ? length_own(text, size, "the Keep Alive Timer is the daemon's own") : 0;
	case 0x0c: /* Autonomous Power State Transition */
		*len = 256;
		return 0;
	case 0x0d:
		if (set)
			return length_own(text, size, "Host Memory Buffer carries addresses of its own");
		*len = 4096;
		return 0;
	case 0x0e: /* Timestamp */
		*len = 8;
		return 0;
	case 0x13: /* Predictable Latency Mode Config */
	case 0x16: /* Host Behavior Support */
		*len = 512;
		return 0;
	case 0x7d: /* Enhanced Controller Metadata, Controller Metadata, Namespace Metadata */
	case 0x7e:
	case 0x7f:
		*len = 4096;
		return 0;
	case 0x81: /* Host Identifier: EXHID selects 16 bytes */
		*len = length_dw(sqe->cdw11) & 1 || !set ? 16 : 8;
		return 0;
	case 0x01 ... 0x02: /* told in dwords alone */
	case 0x04 ... 0x06:
	case 0x08 ... 0x0a:
	case 0x10 ... 0x12:
	case 0x14 ... 0x15:
	case 0x17 ... 0x1a:
	case 0x80:
	case 0x82 ... 0x84:
		return 0;
	default:
		break;
	}
	snprintf(text, size, "how much feature %02xh transfers cannot be told", cdw10 & 0xff);
	return -EPERM;
}

static int length_admin(const union nvme_cmd *sqe, uint64_t *len, char *text, size_t size)
{
	uint32_t cdw10 = length_dw(sqe->cdw10), cdw11 = length_dw(sqe->cdw11);

	switch (sqe->opcode) {
	case 0x00:
	case 0x01:
	case 0x04:
	case 0x05:
		return length_own(text, size, "queues are created and deleted by requests of their own");
	case 0x02: /* Get Log Page */
		*len = length_numd(cdw10, cdw11);
		return 0;
	case 0x06: /* Identify */
		*len = 4096;
		return 0;
	case 0x08:
		return length_own(text, size, "commands are aborted by their timeout");
	case 0x09:
	case 0x0a:
		return length_feature(sqe, sqe->opcode == 0x09, len, text, size);
	case 0x0c:
		return length_own(text, size, "asynchronous events are the daemon's: subscribe to them");
	case 0x0d: /* Namespace Management: create brings a structure, delete none */
	case 0x15: /* Namespace Attachment */
		*len = 4096;
		if (sqe->opcode == 0x0d && (cdw10 & 0xf) == 1)
			*len = 0;
		return 0;
	case 0x11: /* Firmware Image Download */
		*len = ((uint64_t)cdw10 + 1) * 4;
		return 0;
	case 0x19: /* Directive Send, Receive */
	case 0x1a:
		*len = ((uint64_t)cdw10 + 1) * 4;
		return 0;
	case 0x7c:
		return length_own(text, size, "Doorbell Buffer Config is the daemon's own");
	case 0x81: /* Security Send, Receive: TL and AL */
	case 0x82:
		*len = cdw11;
		return 0;
	case 0x86: /* Get LBA Status: MNDW */
		*len = ((uint64_t)length_dw(sqe->cdw12) + 1) * 4;
		return 0;
	case 0x10: /* Firmware Commit */
	case 0x14: /* Device Self-test */
	case 0x18: /* Keep Alive */
	case 0x1c: /* Virtualization Management */
	case 0x80: /* Format NVM */
	case 0x84: /* Sanitize */
		return 0;
	default:
		break;
	}
	/* Bits 1:0 of the opcode tell the direction; 00b transfers nothing. */
	if ((sqe->opcode & 3) == 0)
		return 0;
	snprintf(text, size, "how much admin opcode %02xh transfers cannot be told", sqe->opcode);
	return -EPERM;
}

int nvme_data_length(const struct nvme_device *nd, bool admin, const union nvme_cmd *sqe,
		     uint64_t *len, uint64_t *meta, char *text, size_t size)
{
	const char *why = NULL;
	enum data_length known;

	*len = *meta = 0;
	if (admin && nd->wrr && sqe->opcode == 0x09 && (length_dw(sqe->cdw10) & 0xff) == 0x01)
		return length_own(text, size, "arbitration is the daemon's own: 'arbitration' in the device's section "
					      "of vfnd.conf says it");
	if (admin)
		return length_admin(sqe, len, text, size);
	known = data_length(&nd->formats, sqe, len, meta, &why);
	if (known != DATA_LENGTH_UNKNOWN)
		return known == DATA_LENGTH_NO_NAMESPACE;
	snprintf(text, size, "how much %s (%02xh) transfers cannot be told", why, sqe->opcode);
	return -EPERM;
}
