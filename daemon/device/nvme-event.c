/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asynchronous events (NVMe Base 2.0, 5.2). The daemon keeps requests outstanding; when one completes, it reads the
 * log page that clears the event (reading may destroy what it says, so every subscriber gets what
 * was read), and only then tells the subscribers and asks again.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <stdlib.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/device/subscription.h"
#include "daemon/journal.h"

#define NVME_OPCODE_GET_LOG 0x02
#define NVME_LOG_BYTES      4096

#define NVME_EVENT_NOTICE      2
#define NVME_NOTICE_NS_CHANGED 0

struct nvme_event {
	struct nvme_device *nd;
	uint32_t dw0;
};

static void nvme_event_ask(struct nvme_device *nd);

/* The bytes of a log page that are worth reading: its length where that is known. */
static uint32_t nvme_event_log_length(uint8_t lid)
{
	switch (lid) {
	case 0x02: /* SMART / Health */
	case 0x03: /* Firmware Slot */
		return 512;
	default:
		return NVME_LOG_BYTES;
	}
}

static void nvme_event_log_read(void *arg, const struct command_result *result)
{
	struct nvme_event *e = arg;
	struct nvme_device *nd = e->nd;
	struct device_event event = {.kind = DEVICE_EVENT_ASYNC, .dw0 = e->dw0};
	unsigned int type = e->dw0 & 7, info = e->dw0 >> 8 & 0xff;

	free(e);
	if (result->error)
		return;
	if (nvme_cqe_ok(&result->cqe)) {
		event.log = result->data;
		event.log_length = result->length;
	}
	subscription_publish(nd->dev, &event);
	if (type == NVME_EVENT_NOTICE && info == NVME_NOTICE_NS_CHANGED)
		nvme_ns_refresh(nd);
}

static void nvme_event_read_log(struct nvme_device *nd, uint32_t dw0)
{
	uint8_t lid = dw0 >> 16 & 0xff;
	uint32_t length = nvme_event_log_length(lid);
	union nvme_cmd sqe = {.log = {.opcode = NVME_OPCODE_GET_LOG,
				      .nsid = cpu_to_le32(UINT32_MAX),
				      .lid = lid,
				      .numdl = cpu_to_le16((uint16_t)(length / 4 - 1))}};
	struct nvme_event *e = malloc(sizeof(*e));

	if (e) {
		*e = (struct nvme_event){.nd = nd, .dw0 = dw0};
		if (nvme_internal(nd, &sqe, length,
				  nd->dev->devices->config->command_timeout_ms,
				  nvme_event_log_read, e) == 0)
			return;
		free(e);
	}
	/* Subscribers are told all the same. */
	subscription_publish(nd->dev, &(struct device_event){.kind = DEVICE_EVENT_ASYNC, .dw0 = dw0});
}

static void nvme_event_came(void *arg, const struct command_result *result)
{
	struct nvme_device *nd = arg;
	uint32_t dw0 = le32_to_cpu(result->cqe.dw0);

	if (result->error)
		return;
	if (!nvme_cqe_ok(&result->cqe)) {
		/* Asking again would have the same answer. */
		journal_warn(nd->dev->address, 0, "the controller refuses to report events: status %03xh",
			     le16_to_cpu(result->cqe.sfp) >> 1);
		return;
	}
	journal_info(nd->dev->address, 0, "asynchronous event: type %u, information %02xh, log page %02xh",
		     dw0 & 7, dw0 >> 8 & 0xff, dw0 >> 16 & 0xff);
	nvme_event_read_log(nd, dw0);
	nvme_event_ask(nd);
}

static void nvme_event_ask(struct nvme_device *nd)
{
	union nvme_cmd sqe = {.opcode = NVME_OPCODE_AER};

	if (nvme_internal(nd, &sqe, 0, 0, nvme_event_came, nd) < 0)
		journal_error(nd->dev->address, 0, "no events are reported: out of memory");
}

static void nvme_event_restored(void *arg, const struct command_result *result)
{
	struct nvme_device *nd = arg;

	if (!result->error && !nvme_cqe_ok(&result->cqe))
		journal_warn(nd->dev->address, 0, "asynchronous events cannot be configured: status %03xh",
			     le16_to_cpu(result->cqe.sfp) >> 1);
}

void nvme_events_configured(struct nvme_device *nd, uint32_t value)
{
	union nvme_cmd sqe = {.opcode = NVME_OPCODE_SET_FEATURES};

	/* What it wants more is its affair, but nobody is to miss anything. */
	if ((value & nd->aec) == nd->aec)
		return;
	sqe.cdw10 = cpu_to_le32(NVME_FEATURE_ASYNC_EVENTS);
	sqe.cdw11 = cpu_to_le32(value | nd->aec);
	journal_info(nd->dev->address, 0, "a session has switched asynchronous events off: on again, for all");
	if (nvme_internal(nd, &sqe, 0, nd->dev->devices->config->command_timeout_ms, nvme_event_restored, nd) < 0)
		journal_error(nd->dev->address, 0, "not all events are reported: out of memory");
}

void nvme_events_start(struct nvme_device *nd)
{
	/* A session may have made the admin queue so small that there is hardly room for commands. */
	unsigned int most = nd->admin_places / 4;

	for (unsigned int i = 0; i < nd->aers && i < most; i++)
		nvme_event_ask(nd);
}

int nvme_events_resume(struct nvme_device *nd, const uint16_t *cids, unsigned int n)
{
	union nvme_cmd sqe = {.opcode = NVME_OPCODE_AER};
	int ret = 0;

	for (unsigned int i = 0; i < n && ret == 0; i++)
		ret = nvme_adopt(nd, &sqe, cids[i], nvme_event_came, nd);
	return ret;
}
