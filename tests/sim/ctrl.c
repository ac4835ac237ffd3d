/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "ctrl.h"
#include "cmd.h"
#include "format.h"
#include "prp.h"
#include "queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CTRL_NSSR 0x4e564d65 /* what makes a write to NSSR a reset: "NVMe" */
#define CTRL_TO	  10	     /* CAP.TO: five seconds, in units of 500 ms */

uint64_t ctrl_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/*
 * The page lies at its offset within BAR0, since clients map at region offset plus area offset.
 * Sealed, so that no client takes it from under us.
 */
static int ctrl_open_doorbells(struct ctrl *c)
{
	void *mem;

	c->bar_fd = memfd_create("doorbells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->bar_fd < 0)
		return -errno;
	if (ftruncate(c->bar_fd, SIM_BAR_DOORBELLS + c->doorbells_len) < 0 ||
	    fcntl(c->bar_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	mem = mmap(NULL, c->doorbells_len, PROT_READ | PROT_WRITE, MAP_SHARED, c->bar_fd,
		   SIM_BAR_DOORBELLS);
	if (mem == MAP_FAILED)
		return -errno;
	c->doorbells = mem;
	return 0;
}

static void ctrl_pci_init(struct ctrl *c)
{
	pci_init(&c->pci, c->opts.irqs == IRQ_MSIX ? c->opts.queues + 1 : 0, c->opts.irqs != IRQ_NONE,
		 c->doorbells_len);
	if (c->cmb.size)
		pci_add_bar4(&c->pci, c->cmb.size);
	cmb_place(&c->cmb, &c->pci, &c->dma);
}

int ctrl_init(struct ctrl *c, const struct ctrl_opts *opts)
{
	uint64_t most;
	int err;

	memset(c, 0, sizeof(*c));
	c->opts = *opts;
	c->nns = opts->max_ns;
	for (unsigned int i = 0; i < CTRL_MAX_NS; i++)
		c->ns[i] = (struct ns){.nsid = i + 1, .fd = -1};
	c->bar_fd = -1;
	c->born = ctrl_now();
	c->page = 4096ull << opts->mps_min;
	c->doorbells_len = (((opts->queues + 1) * 8ull << opts->dstrd) + 4095) & ~4095ull;
	c->hmb.min = opts->hmb_min;
	c->hmb.preferred = opts->hmb_preferred;
	TAILQ_INIT(&c->held);
	dma_init(&c->dma);
	c->work = c->ready = UINT64_MAX;
	format_init(c);
	firmware_init(&c->firmware);
	selftest_init(&c->selftest);
	virt_init(c, opts->secondary);
	err = cmb_init(&c->cmb, opts->cmb, opts->cmb_old);
	ctrl_pci_init(c);
	c->cap = (uint64_t)SIM_MQES << NVME_CAP_MQES_SHIFT | 1ull << NVME_CAP_CQR_SHIFT |
		 (uint64_t)CTRL_TO << NVME_CAP_TO_SHIFT | 1ull << NVME_CAP_CSS_SHIFT |
		 (uint64_t)opts->dstrd << NVME_CAP_DSTRD_SHIFT |
		 (uint64_t)opts->mps_min << NVME_CAP_MPSMIN_SHIFT |
		 (uint64_t)opts->mps_max << NVME_CAP_MPSMAX_SHIFT;
	c->cap |= 1ull << NVME_CAP_NSSRC_SHIFT;
	if (opts->wrr)
		c->cap |= (uint64_t)NVME_CAP_AMS_WRR << NVME_CAP_AMS_SHIFT;
	if (!opts->cmb_old)
		c->cap |= (uint64_t)NVME_CAP_CSS_CSI << NVME_CAP_CSS_SHIFT;
	if (opts->cmb && !opts->cmb_old)
		c->cap |= 1ull << NVME_CAP_CMBS_SHIFT;
	if (!err)
		err = irq_init(&c->irq, &c->pci, opts->queues + 1, opts->irqs);
	if (!err)
		err = ctrl_open_doorbells(c);
	most = ctrl_mdts(c);
	c->segs_room = most / 4096 + 2;
	c->segs = calloc(c->segs_room, sizeof(*c->segs));
	c->meta_segs_room = 1;
	c->meta_segs = calloc(1, sizeof(*c->meta_segs));
	c->bounce = malloc(CTRL_BOUNCE);
	if (!err && (!c->segs || !c->meta_segs || !c->bounce))
		err = -ENOMEM;
	if (err) {
		ctrl_fini(c);
		return err;
	}
	features_reset(c, false);
	return 0;
}

void ctrl_fini(struct ctrl *c)
{
	if (c->doorbells) {
		queue_reset(c);
		munmap((void *)(uintptr_t)c->doorbells, c->doorbells_len);
	}
	if (c->bar_fd >= 0)
		close(c->bar_fd);
	for (unsigned int i = 0; i < c->nns; i++)
		ns_close(&c->ns[i]);
	firmware_fini(&c->firmware);
	irq_fini(&c->irq);
	dma_fini(&c->dma);
	cmb_fini(&c->cmb);
	free(c->segs);
	free(c->meta_segs);
	free(c->bounce);
}

void ctrl_fatal(struct ctrl *c, const char *why)
{
	if (!(c->csts & NVME_CSTS_CFS_MASK << NVME_CSTS_CFS_SHIFT))
		fprintf(stderr, "vfnd-sim: fatal controller status: %s\n", why);
	c->csts |= NVME_CSTS_CFS_MASK << NVME_CSTS_CFS_SHIFT;
}

void ctrl_work(struct ctrl *c)
{
	uint64_t now = ctrl_now(), test, sanitize;

	if (now < c->work)
		return;
	test = selftest_update(c, now);
	sanitize = sanitize_update(c, now);
	c->work = test < sanitize ? test : sanitize;
}

/* CC.EN went to 0: all but the admin queue's registers begins again. */
static void ctrl_disable(struct ctrl *c)
{
	queue_reset(c);
	aer_reset(c);
	virt_reset(c);
	features_reset(c, true);
	hmb_reset(c, false);
	selftest_reset(c);
	firmware_reset(&c->firmware, FIRMWARE_CONTROLLER);
	c->csts &= NVME_CSTS_NSSRO_MASK << NVME_CSTS_NSSRO_SHIFT;
	c->ready = UINT64_MAX;
	c->intms = 0;
	irq_intx(&c->irq, false);
	c->stats.resets++;
}

void ctrl_get_ready(struct ctrl *c)
{
	if (c->ready == UINT64_MAX || ctrl_now() < c->ready)
		return;
	c->ready = UINT64_MAX;
	c->csts |= NVME_CSTS_RDY_MASK << NVME_CSTS_RDY_SHIFT;
}

static uint32_t ctrl_ready_ms(struct ctrl *c)
{
	if (!c->slow_times)
		return c->opts.ready_ms;
	if (c->slow_times != UINT32_MAX)
		c->slow_times--;
	return c->slow_ms;
}

static bool ctrl_css_ok(const struct ctrl *c)
{
	uint32_t css = NVME_CC_CSS(c->cc);

	return css == NVME_CC_CSS_NVM ||
	       (css == NVME_CC_CSS_CSI && (NVME_CAP_CSS(c->cap) & NVME_CAP_CSS_CSI));
}

static bool ctrl_ams_ok(const struct ctrl *c)
{
	uint32_t ams = NVME_CC_AMS(c->cc);

	return ams == NVME_CC_AMS_RR || (ams == NVME_CC_AMS_WRRU && c->opts.wrr);
}

static void ctrl_enable(struct ctrl *c)
{
	unsigned int mps = NVME_CC_MPS(c->cc);
	uint32_t sqs = NVME_AQA_ASQS(c->aqa), cqs = NVME_AQA_ACQS(c->aqa);

	c->page = 4096ull << mps;
	if (mps > c->opts.mps_max || mps < c->opts.mps_min) {
		ctrl_fatal(c, "CC.MPS is not from CAP.MPSMIN to CAP.MPSMAX");
	} else if (!ctrl_css_ok(c)) {
		ctrl_fatal(c, "CC.CSS is not a choice that CAP.CSS gives");
	} else if (!ctrl_ams_ok(c)) {
		ctrl_fatal(c, "CC.AMS is not a choice that CAP.AMS gives");
	} else if (!sqs || !cqs) {
		ctrl_fatal(c, "AQA gives the admin queue less than two entries");
	} else if ((c->asq | c->acq) & (c->page - 1)) {
		ctrl_fatal(c, "ASQ or ACQ is not aligned to a memory page");
	} else {
		arbiter_enable(c, NVME_CC_AMS(c->cc) == NVME_CC_AMS_WRRU);
		queue_add_cq(c, 0, cqs + 1, c->acq, true, 0);
		queue_add_sq(c, 0, 0, sqs + 1, c->asq, ARBITER_URGENT);
		c->ready = ctrl_now() + ctrl_ready_ms(c) * 1000000ull;
		ctrl_get_ready(c);
	}
}

static void ctrl_shutdown(struct ctrl *c)
{
	for (unsigned int i = 0; i < c->nns; i++)
		(void)ns_flush(&c->ns[i]);
	c->csts |= NVME_CSTS_SHST_CMPLT << NVME_CSTS_SHST_SHIFT;
	c->stats.shutdowns++;
}

static void ctrl_write_cc(struct ctrl *c, uint32_t v)
{
	uint32_t old = c->cc;

	c->cc = v;
	if (!NVME_CC_EN(v) && NVME_CC_EN(old))
		ctrl_disable(c);
	else if (NVME_CC_EN(v) && !NVME_CC_EN(old))
		ctrl_enable(c);
	if (NVME_CC_SHN(v) && !NVME_CC_SHN(old))
		ctrl_shutdown(c);
	else if (!NVME_CC_SHN(v) && NVME_CC_SHN(old))
		c->csts &= ~(uint32_t)(NVME_CSTS_SHST_MASK << NVME_CSTS_SHST_SHIFT);
}

static void ctrl_reset(struct ctrl *c, enum firmware_reset how)
{
	if (NVME_CC_EN(c->cc) && !NVME_CSTS_SHST(c->csts))
		c->stats.unsafe++;
	ctrl_disable(c);
	c->cc = c->aqa = 0;
	c->asq = c->acq = 0;
	c->page = 4096ull << c->opts.mps_min;
	firmware_reset(&c->firmware, how);
	cmb_reset(&c->cmb);
	cmb_place(&c->cmb, &c->pci, &c->dma);
	irq_reset(&c->irq);
}

void ctrl_device_reset(struct ctrl *c)
{
	ctrl_reset(c, FIRMWARE_CONVENTIONAL);
}

/* NVM Subsystem Reset: there is one controller. What was asked is not forgotten (CSTS.NSSRO). */
static void ctrl_subsystem_reset(struct ctrl *c)
{
	ctrl_reset(c, FIRMWARE_SUBSYSTEM);
	c->csts |= NVME_CSTS_NSSRO_MASK << NVME_CSTS_NSSRO_SHIFT;
}

void ctrl_client_gone(struct ctrl *c)
{
	ctrl_reset(c, FIRMWARE_SUBSYSTEM);
	c->csts = 0;
	hmb_reset(c, true);
	irq_forget(&c->irq);
	dma_remove_all(&c->dma);
	(void)dma_check(&c->dma);
	ctrl_pci_init(c);
}

void ctrl_lose(struct ctrl *c, unsigned int how)
{
	if (how & ~c->lost & CTRL_LINK_DOWN) {
		ctrl_reset(c, FIRMWARE_SUBSYSTEM);
		c->csts = 0;
		ctrl_pci_init(c);
		irq_error(&c->irq);
	}
	c->lost |= how;
}

void ctrl_find(struct ctrl *c, unsigned int how)
{
	c->lost &= ~how;
}

void ctrl_update_intx(struct ctrl *c)
{
	if (!c->lost && !irq_uses_msix(&c->irq))
		irq_intx(&c->irq, queue_intx(c));
}

int ctrl_cfg_read(struct ctrl *c, uint64_t off, void *buf, uint32_t len)
{
	if (off > PCI_SPACE || len > PCI_SPACE - off)
		return -EINVAL;
	ctrl_update_intx(c);
	if (c->lost & CTRL_LINK_DOWN)
		memset(buf, 0xff, len);
	else
		memcpy(buf, c->pci.cfg + off, len);
	return 0;
}

int ctrl_cfg_write(struct ctrl *c, uint64_t off, const void *buf, uint32_t len)
{
	unsigned int did;

	if (off > PCI_SPACE || len > PCI_SPACE - off)
		return -EINVAL;
	if (c->lost & CTRL_LINK_DOWN)
		return 0;
	did = pci_write(&c->pci, off, buf, len);
	if (did & PCI_DID_FLR) {
		ctrl_reset(c, FIRMWARE_CONTROLLER);
		ctrl_pci_init(c);
	} else if (did & PCI_DID_INTR) {
		irq_recheck(&c->irq);
	}
	cmb_place(&c->cmb, &c->pci, &c->dma);
	return 0;
}

/* One register of four bytes; unknown ones read as zero. */
static uint32_t ctrl_read_reg(struct ctrl *c, uint32_t off)
{
	switch (off) {
	case NVME_REG_CAP:
		return c->cap;
	case NVME_REG_CAP + 4:
		return c->cap >> 32;
	case NVME_REG_VS:
		return ctrl_version(c);
	case NVME_REG_INTMS:
	case NVME_REG_INTMC:
		c->stats.mask_accesses++;
		return c->intms;
	case NVME_REG_CC:
		return c->cc;
	case NVME_REG_CSTS:
		ctrl_get_ready(c);
		return c->csts;
	case NVME_REG_AQA:
		return c->aqa;
	case NVME_REG_ASQ:
		return c->asq;
	case NVME_REG_ASQ + 4:
		return c->asq >> 32;
	case NVME_REG_ACQ:
		return c->acq;
	case NVME_REG_ACQ + 4:
		return c->acq >> 32;
	default:
		return cmb_read_reg(&c->cmb, off);
	}
}

static uint64_t ctrl_half(uint64_t old, uint32_t v, bool high)
{
	return high ? (uint32_t)old | (uint64_t)v << 32 : (old >> 32 << 32) | v;
}

static void ctrl_write_reg(struct ctrl *c, uint32_t off, uint32_t v)
{
	switch (off) {
	case NVME_REG_INTMS:
		c->stats.mask_accesses++;
		c->intms |= v;
		ctrl_update_intx(c);
		break;
	case NVME_REG_INTMC:
		c->stats.mask_accesses++;
		c->intms &= ~v;
		ctrl_update_intx(c);
		break;
	case NVME_REG_CC:
		ctrl_write_cc(c, v);
		break;
	case NVME_REG_CSTS: /* one bit of it is cleared by writing it */
		c->csts &= ~(v & NVME_CSTS_NSSRO_MASK << NVME_CSTS_NSSRO_SHIFT);
		break;
	case NVME_REG_NSSR:
		if (v == CTRL_NSSR)
			ctrl_subsystem_reset(c);
		break;
	case NVME_REG_AQA:
		c->aqa = v & 0x0fff0fff;
		break;
	case NVME_REG_ASQ:
	case NVME_REG_ASQ + 4:
		c->asq = ctrl_half(c->asq, v, off != NVME_REG_ASQ);
		break;
	case NVME_REG_ACQ:
	case NVME_REG_ACQ + 4:
		c->acq = ctrl_half(c->acq, v, off != NVME_REG_ACQ);
		break;
	default:
		cmb_write_reg(&c->cmb, off, v);
		cmb_place(&c->cmb, &c->pci, &c->dma);
		break;
	}
}

static bool ctrl_bar_access(const struct ctrl *c, uint64_t off, uint32_t len)
{
	return (len == 4 || len == 8) && off % len == 0 && off < c->pci.bar_size;
}

int ctrl_bar_read(struct ctrl *c, uint64_t off, void *buf, uint32_t len)
{
	if (!ctrl_bar_access(c, off, len))
		return -EINVAL;
	if (c->lost) {
		memset(buf, 0xff, len);
		return 0;
	}
	if (off >= c->pci.msix_at)
		return irq_table_read(&c->irq, off, buf, len);
	for (uint32_t i = 0; i < len; i += 4) {
		uint32_t v = off >= SIM_BAR_DOORBELLS
				     ? c->doorbells[(off + i - SIM_BAR_DOORBELLS) / 4]
				     : ctrl_read_reg(c, off + i);

		memcpy((uint8_t *)buf + i, &v, sizeof(v));
	}
	return 0;
}

int ctrl_bar_write(struct ctrl *c, uint64_t off, const void *buf, uint32_t len)
{
	if (!ctrl_bar_access(c, off, len))
		return -EINVAL;
	if (c->lost)
		return 0;
	if (off >= c->pci.msix_at)
		return irq_table_write(&c->irq, off, buf, len);
	for (uint32_t i = 0; i < len; i += 4) {
		uint32_t v;

		memcpy(&v, (const uint8_t *)buf + i, sizeof(v));
		if (off >= SIM_BAR_DOORBELLS)
			queue_ring(c, (off + i - SIM_BAR_DOORBELLS) / 4, v);
		else
			ctrl_write_reg(c, off + i, v);
	}
	return 0;
}
