/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log pages and lists of the canned controller. */
#include "canned.h"

#include <endian.h>
#include <string.h>

static void canned_error_log(struct nvme_error_log_page *log)
{
	log[0].error_count = htole64(5);
	log[0].sqid = htole16(1);
	log[0].cmdid = htole16(0x23);
	log[0].status_field = htole16(0x8103);
	log[0].parm_error_location = htole16(0x528);
	log[0].lba = htole64(0x1234);
	log[0].nsid = htole32(1);
	log[0].trtype = 3;
	log[0].cs = htole64(0xdeadbeef12345678);
	log[0].trtype_spec_info = htole16(7);
	log[1].error_count = htole64(4);
	log[1].cmdid = htole16(0xffff);
	log[1].status_field = htole16(0x4005);
	log[1].parm_error_location = htole16(0xffff);
	log[1].lba = htole64(UINT64_MAX);
	log[1].nsid = htole32(UINT32_MAX);
	log[1].vs = 0x80;
}

static void canned_fw_slot(struct nvme_firmware_slot *log)
{
	log->afi = 0x21;
	memcpy(log->frs[0], "1.0.3   ", 8);
	memcpy(log->frs[1], "2.0.4 ", 6);
}

static void canned_effects(struct nvme_cmd_effects_log *log)
{
	log->acs[0x00] = htole32(1);
	log->acs[0x02] = htole32(1);
	log->acs[0x06] = htole32(1);
	log->acs[0x09] = htole32(0x17);
	log->acs[0x0d] = htole32(0x20009);
	log->acs[0x80] = htole32(0xe0003);
	log->acs[0x84] = htole32(0x1000f);
	log->iocs[0] = htole32(1);
	log->iocs[1] = htole32(3);
	log->iocs[2] = htole32(1);
	log->iocs[9] = htole32(3);
}

static void canned_self_test(struct nvme_self_test_log *log)
{
	static const uint8_t dsts[] = {0x10, 0x27, 0x21};

	log->current_operation = 1;
	log->completion = 42;
	for (int i = 0; i < NVME_LOG_ST_MAX_RESULTS; i++)
		log->result[i].dsts = i < 3 ? dsts[i] : 0xf;
	log->result[0].poh = htole64(100);
	log->result[1].seg = 3;
	log->result[1].vdi = 0xf;
	log->result[1].poh = htole64(99);
	log->result[1].nsid = htole32(1);
	log->result[1].flba = htole64(0x1234);
	log->result[1].sct = 2;
	log->result[1].sc = 0x81;
	log->result[1].vs[0] = 0xcd;
	log->result[2].vdi = 1;
	log->result[2].poh = htole64(50);
	log->result[2].nsid = htole32(UINT32_MAX);
}

static void canned_sanitize(struct nvme_sanitize_log_page *log)
{
	log->sprog = htole16(0x8000);
	log->sstat = htole16(0x10a);
	log->scdw10 = htole32(4);
	log->eto = htole32(100);
	log->etbe = htole32(200);
	log->etce = htole32(UINT32_MAX);
	log->etond = htole32(100);
	log->etbend = htole32(UINT32_MAX);
	log->etcend = htole32(300);
}

static void canned_numbers(uint8_t *at, const uint32_t *numbers, int n)
{
	for (int i = 0; i < n; i++) {
		uint32_t v = htole32(numbers[i]);

		memcpy(at + 4 * (size_t)i, &v, 4);
	}
}

bool canned_log(uint8_t lid, uint8_t data[4096])
{
	static const uint32_t changed[] = {1, 2, 9};

	memset(data, 0, 4096);
	switch (lid) {
	case NVME_LOG_LID_ERROR:
		canned_error_log((void *)data);
		return true;
	case NVME_LOG_LID_SMART:
		canned_smart((void *)data);
		return true;
	case NVME_LOG_LID_FW_SLOT:
		canned_fw_slot((void *)data);
		return true;
	case NVME_LOG_LID_CHANGED_NS:
		canned_numbers(data, changed, 3);
		return true;
	case NVME_LOG_LID_CMD_EFFECTS:
		canned_effects((void *)data);
		return true;
	case NVME_LOG_LID_DEVICE_SELF_TEST:
		canned_self_test((void *)data);
		return true;
	case NVME_LOG_LID_SANITIZE:
		canned_sanitize((void *)data);
		return true;
	case 0xc0: /* the vendor's: bytes that tell where they are */
		for (int i = 0; i < 4096; i++)
			data[i] = (uint8_t)(i ^ i >> 8);
		return true;
	default:
		return false;
	}
}

static void canned_descs(uint8_t *at)
{
	static const uint8_t types[][2] = {{1, 8}, {2, 16}, {3, 16}, {4, 1}, {9, 3}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		*at++ = types[i][0];
		*at++ = types[i][1];
		at += 2;
		for (int j = 0; j < types[i][1]; j++)
			*at++ = types[i][0] == 4 ? 2 : (uint8_t)(types[i][0] * 0x11 + j);
	}
}

static void canned_secondary(struct nvme_secondary_ctrl_list *list)
{
	list->num = 2;
	for (uint16_t i = 0; i < 2; i++) {
		list->sc_entry[i].scid = htole16(3 + i);
		list->sc_entry[i].pcid = htole16(1);
		list->sc_entry[i].scs = !i;
		list->sc_entry[i].vfn = htole16(7 + i);
		list->sc_entry[i].nvq = htole16(4 + 2 * i);
		list->sc_entry[i].nvi = htole16(5 + 4 * i);
	}
}

bool canned_identify(uint8_t cns, uint32_t nsid, uint8_t data[4096])
{
	static const uint32_t active[] = {1, 2, 5}, allocated[] = {1, 2, 5, 7};
	struct nvme_nvm_id_ns *nvm = (void *)data;

	memset(data, 0, 4096);
	switch (cns) {
	case NVME_IDENTIFY_CNS_NS:
		if (nsid == 1 || nsid == NVME_NSID_ALL)
			canned_id_ns((void *)data);
		return nsid == 1 || nsid == NVME_NSID_ALL;
	case NVME_IDENTIFY_CNS_CTRL:
		canned_id_ctrl((void *)data);
		return true;
	case NVME_IDENTIFY_CNS_NS_ACTIVE_LIST:
	case NVME_IDENTIFY_CNS_CSI_NS_ACTIVE_LIST:
		canned_numbers(data, active, 3);
		return true;
	case NVME_IDENTIFY_CNS_ALLOCATED_NS_LIST:
	case NVME_IDENTIFY_CNS_CSI_ALLOCATED_NS_LIST:
		canned_numbers(data, allocated, 4);
		return true;
	case NVME_IDENTIFY_CNS_NS_DESC_LIST:
		canned_descs(data);
		return true;
	case NVME_IDENTIFY_CNS_CSI_NS:
		nvm->lbstm = htole64(0xff00ff);
		nvm->pic = 7;
		nvm->elbaf[0] = htole32(0x85);
		nvm->elbaf[1] = htole32(0x110);
		return true;
	case NVME_IDENTIFY_CNS_COMMAND_SET_STRUCTURE:
		data[0] = 1; /* NVM alone */
		return true;
	case NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST:
		canned_secondary((void *)data);
		return true;
	default:
		return false;
	}
}
