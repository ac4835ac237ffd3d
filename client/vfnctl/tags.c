/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <endian.h>
#include <libnvme.h>

#include "client/vfnctl/command.h"
#include "client/vfnctl/tags.h"

/* Bits of storage and reference tag together, by protection information format. */
static const unsigned int space_bits[4] = {32, 80, 48, 0};

/* What the format in use says: its protection information format, and bits of the storage tag. */
static int tags_format(struct tool *tool, uint32_t nsid, unsigned int *pif, unsigned int *sts)
{
	struct nvme_nvm_id_ns nvm;
	struct nvme_id_ns ns;
	uint32_t elbaf;
	int code = command_identify(tool, NVME_IDENTIFY_CNS_NS, nsid, 0, 0, &ns);

	*pif = *sts = 0;
	if (code || !(ns.dps & 7)) /* without protection information no tag is looked at */
		return code;
	code = command_identify(tool, NVME_IDENTIFY_CNS_CSI_NS, nsid, 0, NVME_CSI_NVM, &nvm);
	if (code)
		return code;
	elbaf = le32toh(
		nvm.elbaf[(ns.flbas & 0xf) | (ns.nlbaf > 15 ? (ns.flbas >> 5 & 3u) << 4 : 0)]);
	*sts = elbaf & 0x7f;
	*pif = elbaf >> 7 & 3;
	return EXIT_OK;
}

static bool fits(uint64_t value, unsigned int bits)
{
	return bits >= 64 || value >> bits == 0;
}

int tags_set(struct tool *tool, const struct tags *t, struct vfnc_cmd *cmd)
{
	unsigned int pif = 0, sts = 0, bits;
	unsigned __int128 space;
	int code;

	cmd->cdw14 = (uint32_t)t->reference;
	cmd->cdw15 = (uint32_t)t->mask << 16 | t->application;
	if (!t->storage && fits(t->reference, 32))
		return EXIT_OK;
	code = tags_format(tool, cmd->nsid, &pif, &sts);
	if (code)
		return code;
	bits = space_bits[pif];
	if (sts > bits)
		return report(tool, EXIT_STATUS, "the namespace's storage tags have %u of %u bits", sts,
			      bits);
	if (!fits(t->storage, sts))
		return report(tool, EXIT_USAGE,
			      "--storage-tag: longer than the %u bits that it has in this namespace", sts);
	if (!fits(t->reference, bits - sts))
		return report(tool, EXIT_USAGE,
			      "--ref-tag: longer than the %u bits that it has in this namespace",
			      bits - sts);
	space = t->reference;
	if (sts)
		space |= (unsigned __int128)t->storage << (bits - sts);
	cmd->cdw14 = (uint32_t)space;
	cmd->cdw3 = (uint32_t)(space >> 32);
	cmd->cdw2 = (uint32_t)(space >> 64);
	return EXIT_OK;
}
