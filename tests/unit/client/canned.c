/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "canned.h"

#include <endian.h>
#include <string.h>

static void set_string(char *dst, size_t size, const char *s)
{
	memset(dst, ' ', size);
	memcpy(dst, s, strlen(s));
}

void canned_id_ctrl(struct nvme_id_ctrl *id)
{
	static const uint8_t oui[3] = {0x54, 0x52, 0x00};

	memset(id, 0, sizeof(*id));
	id->vid = htole16(0x1b36);
	id->ssvid = htole16(0x1af4);
	set_string(id->sn, sizeof(id->sn), "S0042");
	set_string(id->mn, sizeof(id->mn), "Canned controller");
	set_string(id->fr, sizeof(id->fr), "1.0");
	id->rab = 6;
	memcpy(id->ieee, oui, sizeof(oui));
	id->cmic = 2;
	id->mdts = 7;
	id->cntlid = htole16(3);
	id->ver = htole32(0x10400);
	id->rtd3r = htole32(500000);
	id->rtd3e = htole32(1000000);
	id->oaes = htole32(0x100);
	id->ctratt = htole32(0x10);
	id->cntrltype = 1;
	id->oacs = htole16(0x12a);
	id->acl = 3;
	id->aerl = 3;
	id->frmw = 0x03;
	id->lpa = 0x07;
	id->elpe = 63;
	id->npss = 1;
	id->avscc = 1;
	id->wctemp = htole16(343);
	id->cctemp = htole16(373);
	id->hmpre = htole32(1024);
	id->hmmin = htole32(256);
	id->tnvmcap[2] = 0x40;
	id->unvmcap[1] = 0x10;
	id->edstt = htole16(10);
	id->fwug = 1;
	id->kas = htole16(2);
	id->mntmt = htole16(273);
	id->mxtmt = htole16(373);
	id->sqes = 0x66;
	id->cqes = 0x44;
	id->maxcmd = htole16(128);
	id->nn = htole32(256);
	id->oncs = htole16(0x15d);
	id->fna = 1;
	id->vwc = 7;
	id->awun = htole16(7);
	id->acwu = 0;
	id->sgls = htole32(1);
	id->mnan = htole32(16);
	strcpy(id->subnqn, "nqn.2019-08.org.example:canned");
	id->psd[0].mp = htole16(2500);
	id->psd[0].enlat = htole32(16);
	id->psd[0].exlat = htole32(4);
	id->psd[1].mp = htole16(100);
	id->psd[1].flags = 3;
	id->psd[1].enlat = htole32(1000);
	id->psd[1].exlat = htole32(2000);
	id->psd[1].rrt = 1;
	id->psd[1].rrl = 1;
	id->psd[1].rwt = 1;
	id->psd[1].rwl = 1;
	id->psd[1].idlp = htole16(50);
	id->psd[1].ips = 0x80;
	id->psd[1].actp = htole16(75);
	id->psd[1].apws = 0x41;
}

void canned_id_ns(struct nvme_id_ns *ns)
{
	memset(ns, 0, sizeof(*ns));
	ns->nsze = htole64(2048);
	ns->ncap = htole64(2048);
	ns->nuse = htole64(1024);
	ns->nsfeat = 0x14;
	ns->nlbaf = 2;
	ns->flbas = 0x00;
	ns->mc = 3;
	ns->dpc = 0x1f;
	ns->dlfeat = 9;
	ns->nmic = 1;
	ns->rescap = 1;
	ns->fpi = 0x8a;
	ns->npwg = htole16(7);
	ns->npwa = htole16(7);
	ns->nows = htole16(7);
	ns->mssrl = htole16(128);
	ns->mcl = htole32(128);
	ns->msrc = 127;
	ns->nvmcap[2] = 0x10;
	memset(ns->nguid, 0xa5, sizeof(ns->nguid));
	for (unsigned int i = 0; i < sizeof(ns->eui64); i++)
		ns->eui64[i] = (uint8_t)(0x10 + i);
	ns->lbaf[0].ds = 9;
	ns->lbaf[1].ds = 9;
	ns->lbaf[1].ms = htole16(8);
	ns->lbaf[1].rp = 1;
	ns->lbaf[2].ds = 12;
	ns->lbaf[2].rp = 2;
}

void canned_smart(struct nvme_smart_log *log)
{
	uint16_t kelvin = htole16(313);

	memset(log, 0, sizeof(*log));
	log->critical_warning = 4;
	memcpy(log->temperature, &kelvin, sizeof(kelvin));
	log->avail_spare = 100;
	log->spare_thresh = 10;
	log->percent_used = 2;
	log->data_units_read[0] = 0x39;
	log->data_units_read[1] = 0x30;
	log->data_units_written[2] = 1;
	log->host_reads[0] = 200;
	log->host_writes[8] = 1; /* 2^64: needs more than 64 bits */
	log->ctrl_busy_time[0] = 7;
	log->power_cycles[0] = 12;
	log->power_on_hours[1] = 1;
	log->unsafe_shutdowns[0] = 1;
	log->media_errors[0] = 3;
	log->num_err_log_entries[0] = 4;
	log->warning_temp_time = htole32(5);
	log->critical_comp_time = htole32(6);
	log->temp_sensor[0] = htole16(313);
	log->temp_sensor[3] = htole16(290);
	log->thm_temp1_trans_count = htole32(8);
	log->thm_temp2_trans_count = htole32(9);
	log->thm_temp1_total_time = htole32(10);
	log->thm_temp2_total_time = htole32(11);
}

uint64_t canned_register(uint64_t offset, unsigned int width)
{
	static const struct {
		uint64_t offset, value;
	} regs[] = {
		{0x00, 0x024018200f0107ff}, /* CAP */
		{0x08, 0x00010400},         /* VS */
		{0x14, 0x00460001},         /* CC */
		{0x1c, 0x00000001},         /* CSTS */
		{0x24, 0x001f001f},         /* AQA */
		{0x28, 0x0000000100010000}, /* ASQ */
		{0x30, 0x0000000100011000}, /* ACQ */
		{0x38, 0x00000002},         /* CMBLOC */
		{0x3c, 0x0000401f},         /* CMBSZ */
		{0x50, 0x00000001},         /* CMBMSC */
	};

	for (unsigned int i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		if (regs[i].offset == offset)
			return width == 8 ? regs[i].value : (uint32_t)regs[i].value;
	/* the upper half of one of 8 bytes */
	for (unsigned int i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		if (width == 4 && regs[i].offset + 4 == offset)
			return regs[i].value >> 32;
	return 0;
}
