/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Namespaces: which are active, and how large their blocks are. Read at claim, and again when a command or an event
 * says that they changed; until that is done no I/O is sent, since lengths are derived from it.
 */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/journal.h"

#define NVME_CNS_NS          0x00
#define NVME_CNS_ACTIVE_LIST 0x02

static void ns_clear(struct nvme_device *nd)
{
	nd->fresh.nns = nd->fresh.formats.n = 0;
}

static void ns_commit(struct nvme_device *nd)
{
	nd->nns = nd->fresh.nns;
	memcpy(nd->ns, nd->fresh.ns, nd->nns * sizeof(nd->ns[0]));
	nd->formats = nd->fresh.formats;
}

/* Identify Namespace (NVM Command Set 1.0, figure 97). */
static void ns_take(struct nvme_device *nd, uint32_t nsid, const uint8_t *data)
{
	unsigned int flbas = data[26], index = (flbas & 0xf) | (flbas >> 5 & 3) << 4;
	const uint8_t *lbaf = data + 128 + 4 * index;
	unsigned int i = nd->fresh.nns;

	if (i == NVME_MAX_NAMESPACES || lbaf[2] < 9 || lbaf[2] > 31)
		return;
	nd->fresh.formats.of[i] = (struct data_format){
		.nsid = nsid,
		.shift = lbaf[2],
		.extended = flbas >> 4 & 1,
		.metadata = nvme_get16(lbaf),
	};
	nd->fresh.ns[i] = (struct device_namespace){
		.nsid = nsid,
		.blocks = nvme_get64(data),
		.block_size = 1u << lbaf[2],
		.metadata_size = nvme_get16(lbaf),
	};
	nd->fresh.formats.n = ++nd->fresh.nns;
}

static union nvme_cmd ns_identify(uint8_t cns, uint32_t nsid)
{
	return (union nvme_cmd){.identify = {.opcode = 0x06, .nsid = cpu_to_le32(nsid), .cns = cns}};
}

int nvme_ns_identify(struct nvme_device *nd)
{
	uint8_t *list, *data;
	union nvme_cmd sqe = ns_identify(NVME_CNS_ACTIVE_LIST, 0);
	int ret = -1;

	ns_clear(nd);
	if (pgmap((void **)&list, 8192) < 0)
		return -1;
	data = list + 4096;
	if (nd->ctrl.flags & NVME_CTRL_F_ADMINISTRATIVE) {
		ret = 0;
		goto out;
	}
	if (nvme_admin(&nd->ctrl, &sqe, list, 4096, NULL) < 0)
		goto out;
	for (unsigned int i = 0; i < NVME_MAX_NAMESPACES && nvme_get32(list + 4 * i); i++) {
		uint32_t nsid = nvme_get32(list + 4 * i);
		struct nvme_cqe cqe;

		sqe = ns_identify(NVME_CNS_NS, nsid);
		if (nvme_admin(&nd->ctrl, &sqe, data, 4096, &cqe) == 0)
			ns_take(nd, nsid, data);
		else if (errno != EIO)
			goto out;
		else
			journal_warn(nd->dev->address, 0, "namespace %u cannot be identified: status %03xh",
				     nsid, le16_to_cpu(cqe.sfp) >> 1);
	}
	ret = 0;
out:
	if (ret == 0)
		ns_commit(nd);
	pgunmap(list, 8192);
	return ret;
}

static void ns_refresh_done(struct nvme_device *nd)
{
	ns_commit(nd);
	nd->refresh_sent = false;
	if (nd->refresh_again) {
		nd->refresh_again = false;
		nvme_ns_refresh(nd);
		return;
	}
	nd->refreshing = false;
	nvme_send_waiting(nd);
}

static void ns_refresh_next(struct nvme_device *nd);

static void ns_refresh_one(void *arg, const struct command_result *result)
{
	struct nvme_device *nd = arg;

	if (result->error)
		return;
	if (result->data && nvme_cqe_ok(&result->cqe))
		ns_take(nd, nd->refresh_list[nd->refresh_at - 1], result->data);
	ns_refresh_next(nd);
}

static void ns_refresh_next(struct nvme_device *nd)
{
	uint32_t nsid = nd->refresh_at < NVME_MAX_NAMESPACES ? nd->refresh_list[nd->refresh_at] : 0;
	union nvme_cmd sqe = ns_identify(NVME_CNS_NS, nsid);

	if (!nsid) {
		ns_refresh_done(nd);
		return;
	}
	nd->refresh_at++;
	if (nvme_internal(nd, &sqe, 4096, nd->dev->devices->config->command_timeout_ms,
			  ns_refresh_one, nd) < 0)
		nvme_recover(nd, "namespaces could not be identified again");
}

static void ns_refresh_list(void *arg, const struct command_result *result)
{
	struct nvme_device *nd = arg;

	if (result->error)
		return;
	/* Without a list there are no namespaces: their commands go without pointers. */
	ns_clear(nd);
	memset(nd->refresh_list, 0, sizeof(nd->refresh_list));
	if (result->data && nvme_cqe_ok(&result->cqe))
		for (unsigned int i = 0; i < NVME_MAX_NAMESPACES; i++)
			nd->refresh_list[i] = nvme_get32((const uint8_t *)result->data + 4 * i);
	nd->refresh_at = 0;
	ns_refresh_next(nd);
}

void nvme_ns_refresh(struct nvme_device *nd)
{
	union nvme_cmd sqe = ns_identify(NVME_CNS_ACTIVE_LIST, 0);

	nd->refreshing = true;
	nvme_served_pause(nd);
	/* Two at a time would take one namespace's format for another's. */
	if (nd->refresh_sent) {
		nd->refresh_again = true;
		return;
	}
	nd->refresh_sent = true;
	if (nvme_internal(nd, &sqe, 4096, nd->dev->devices->config->command_timeout_ms,
			  ns_refresh_list, nd) < 0)
		nvme_recover(nd, "namespaces could not be identified again");
}

void nvme_ns_fresh(struct nvme_device *nd)
{
	nd->refreshing = nd->refresh_sent = nd->refresh_again = false;
}
