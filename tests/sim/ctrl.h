/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctrl - the controller: everything one NVMe function consists of, and its registers
 *
 * One thread owns a controller. Registers change by ctrl_bar_write(), queues are served by
 * queue_poll() (queue.h).
 */
#ifndef SIM_CTRL_H
#define SIM_CTRL_H

#include "arbiter.h"
#include "cmb.h"
#include "dma.h"
#include "fault.h"
#include "firmware.h"
#include "hmb.h"
#include "irq.h"
#include "ns.h"
#include "pci.h"
#include "sanitize.h"
#include "selftest.h"
#include "spec.h"
#include "virt.h"

#include <linux/types.h>
#include <nvme/types.h>
#include <sys/queue.h>

#define CTRL_ID		 1  /* CNTLID */
#define CTRL_AERL	 3  /* 0's based: four asynchronous event requests */
#define CTRL_ELPE	 63 /* 0's based: 64 error log entries */
#define CTRL_ACL	 3
#define CTRL_MAX_NS	 32
#define CTRL_EVENTS	 32
#define CTRL_TEMPERATURE 313 /* kelvin */
#define CTRL_WCTEMP	 353
#define CTRL_CCTEMP	 363

struct ctrl_opts {
	const char *serial;
	const char *model;
	unsigned int queues;		 /* I/O pairs */
	unsigned int secondary;		 /* secondary controllers that this one manages; 0: none */
	unsigned int mdts;		 /* power of two of CAP.MPSMIN; 0: no limit */
	unsigned int mps_min, mps_max;	 /* CAP.MPSMIN, CAP.MPSMAX */
	unsigned int dstrd;		 /* CAP.DSTRD */
	uint32_t hmb_min, hmb_preferred; /* host memory buffer, in units of 4 KiB; 0: none */
	uint64_t cmb;			 /* bytes of controller memory buffer; 0: none */
	bool cmb_old;		 /* the buffer, and with it the controller, is as before NVMe 1.4 */
	bool wrr;		 /* weighted round robin can be chosen */
	enum irq_have irqs;
	uint32_t sgls;		 /* Identify Controller's SGL support; 0: no SGLs */
	struct ns_format format; /* of namespaces at first */
	uint64_t capacity;	 /* bytes for namespaces; at least what is there at first */
	unsigned int max_ns;	 /* NN */
	unsigned int spin_us;	 /* that the loop goes on looking after work, before it sleeps */
	/* How long these take, in milliseconds. */
	uint32_t format_ms, short_test_ms, extended_test_ms, sanitize_ms, ready_ms;
};

#define CTRL_MAX_LBAF 16

struct lbaf {
	uint8_t shift;
	uint8_t metadata;
};

/* What one doorbell is known to say. */
struct doorbell {
	uint32_t page;	 /* last seen in the register */
	uint32_t shadow; /* last seen in the shadow buffer */
	uint32_t value;	 /* what counts */
	bool by_shadow;	 /* the host was seen to use the shadow buffer */
};

struct sq {
	bool live;
	uint16_t qid;
	uint16_t cqid;
	uint8_t class; /* enum arbiter_class */
	uint32_t size;
	uint32_t head;
	uint64_t addr;
	struct doorbell tail;
	const uint8_t *mem; /* the whole queue, while mem_gen is dma.gen; or NULL */
	unsigned int mem_gen;
	uint64_t commands;
	unsigned int held;
};

struct cq {
	bool live;
	bool ien;
	bool phase;
	bool full; /* a submission queue waits for room */
	uint16_t qid;
	uint16_t vector;
	uint16_t users; /* submission queues */
	uint32_t size;
	uint32_t tail;
	uint32_t news; /* entries that were written since the last look for interrupts */
	uint64_t addr;
	struct doorbell head;
	uint8_t *mem;
	unsigned int mem_gen;
	unsigned int waiting; /* held commands that are done and wait for room */
};

/* A command on its way. */
struct cmd {
	struct sim_sqe sqe;
	uint16_t sqid;
	uint32_t dw0;
	uint32_t dw1;
	uint16_t status; /* SC, SCT << 8, NVME_SC_DNR */
	uint64_t info;	 /* error log's command specific information */
	uint16_t where;	 /* error log's parameter location: byte, bit << 8; 0xffff: none */
	bool kept;	 /* it is not to be completed now */
	bool corrupt;	 /* one of its bytes, this one modulo their number, is changed */
	uint64_t corrupt_at;
};

/* A command that is kept. */
enum held_why {
	HELD_DELAYED, /* not begun; begins at `when` */
	HELD_DROPPED, /* done, its completion is never sent */
	HELD_STUCK,   /* the same, and Abort does not help */
	HELD_EVENT,   /* asynchronous event request */
	HELD_FORMAT,  /* a namespace is being formatted, until `when` */
	HELD_DONE,    /* done, the completion queue is full */
	HELD_REASONS,
};

struct held {
	TAILQ_ENTRY(held) link;
	enum held_why why;
	struct cmd cmd;
	uint64_t when; /* monotonic ns */
};

struct event {
	uint8_t type;
	uint8_t info;
	uint8_t lid;
};

struct aer {
	struct event queue[CTRL_EVENTS];
	unsigned int n;
	bool fresh;	 /* something was raised since the last round */
	uint8_t masked;	 /* bit a type: reported, log not read yet */
	uint8_t lid[8];	 /* the log that unmasks it */
	uint8_t waiting; /* requests outstanding */
};

/* Values of one feature: a dword each. */
struct feature_value {
	uint32_t current;
	uint32_t saved;
};

#define FEATURE_SLOTS 16

struct features {
	struct feature_value value[FEATURE_SLOTS];
	uint32_t threshold[2][9]; /* over, under; composite and eight sensors */
	uint32_t tler[CTRL_MAX_NS];
	uint16_t no_coalesce[SIM_MAX_VECTORS];
	uint16_t nsq; /* allocated I/O queues */
	uint16_t ncq;
	uint8_t hostid[16];
};

struct stats {
	uint64_t clients;
	uint64_t errors;
	uint64_t admin_commands, io_commands;
	uint64_t reads, writes;	      /* commands */
	uint64_t read_512, write_512; /* units of 512 bytes */
	uint64_t doorbell_messages;
	uint64_t resets;
	uint64_t shutdowns;
	uint64_t unsafe;
	uint64_t sleeps;
	uint64_t mask_accesses; /* reads and writes of INTMS and INTMC */
};

struct ctrl {
	struct ctrl_opts opts;
	struct dma dma;
	struct pci pci;
	struct irq irq;
	struct cmb cmb;
	struct hmb hmb;
	struct faults faults;
	struct firmware firmware;
	struct selftest selftest;
	struct sanitize sanitize;
	struct virt virt;
	struct arbiter arbiter;
	struct lbaf lbaf[CTRL_MAX_LBAF];
	unsigned int nlbaf;
	struct ns ns[CTRL_MAX_NS];
	unsigned int nns;	       /* NN: the highest namespace identifier */
	uint32_t changed[CTRL_MAX_NS]; /* Changed Namespace List, ascending */
	unsigned int nchanged;
	uint32_t generation; /* counts namespaces that were created */
	unsigned int lost;   /* CTRL_ONES, CTRL_LINK_DOWN */
	uint32_t slow_ms;    /* CSTS.RDY takes as long */
	uint32_t slow_times; /* the next so many times; UINT32_MAX: always */
	uint64_t ready; /* when CSTS.RDY is set, monotonic ns; UINT64_MAX: nobody waits for it */
	uint64_t work;	/* when something in the background is to be seen to; UINT64_MAX: never */

	/* the pages of doorbells, in a memory file that clients map */
	int bar_fd;
	size_t doorbells_len;
	volatile uint32_t *doorbells;

	uint64_t cap, asq, acq;
	uint32_t cc, csts, aqa, intms;
	size_t page; /* CC.MPS in bytes */

	struct sq sq[SIM_MAX_PAIRS + 1];
	struct cq cq[SIM_MAX_PAIRS + 1];
	uint16_t live_sq[SIM_MAX_PAIRS + 1];
	unsigned int nsq, ncq; /* admin queues among them */
	TAILQ_HEAD(held_list, held) held;
	unsigned int nheld;
	unsigned int nheld_why[HELD_REASONS]; /* the same, by reason */
	unsigned int ntimed;		      /* those that something is done about at a time */

	bool dbbuf;
	bool armed;  /* event indices ask for a ring */
	bool posted; /* completions wait for their interrupt */
	unsigned int full; /* rounds that they have waited */
	uint64_t dbbuf_shadow, dbbuf_event;
	volatile uint32_t *shadow, *event; /* while dbbuf_gen is dma.gen; or NULL */
	unsigned int shadow_words;	   /* in one of them; 0: they cannot be reached */
	unsigned int dbbuf_gen;

	struct aer aer;
	struct features feat;
	uint8_t critical_warning;

	struct nvme_error_log_page errlog[CTRL_ELPE + 1]; /* a ring; newest at errlog_count - 1 */
	uint64_t errlog_count;

	/* scratch for one command's data: IOVA and length of each piece */
	struct prp_seg *segs;
	unsigned int segs_room;
	struct prp_seg *meta_segs; /* the same for its metadata, where that is apart */
	unsigned int meta_segs_room;
	uint8_t *bounce; /* admin data, and data of ranges that are not mapped here */

	struct stats stats;
	uint64_t born; /* monotonic ns */
};

#define CTRL_BOUNCE (256u << 10)

/* What 65536 blocks are, the most that a command can name, with their metadata. */
#define CTRL_NO_MDTS (65536ull * (4096 + 64))

/* 0 or -errno. Namespaces are added by the caller before a client comes. */
int ctrl_init(struct ctrl *c, const struct ctrl_opts *opts);
void ctrl_fini(struct ctrl *c);

/* The client has gone: everything as at power-on, its memory and eventfds given back. */
void ctrl_client_gone(struct ctrl *c);

/* vfio-user device reset: the controller begins again, configuration space and eventfds stay. */
void ctrl_device_reset(struct ctrl *c);

/* Configuration space; bounds are checked here. 0 or -EINVAL. */
int ctrl_cfg_read(struct ctrl *c, uint64_t off, void *buf, uint32_t len);
int ctrl_cfg_write(struct ctrl *c, uint64_t off, const void *buf, uint32_t len);

/* BAR0: naturally aligned accesses of 4 or 8 bytes. 0, or -EINVAL and nothing has changed. */
int ctrl_bar_read(struct ctrl *c, uint64_t off, void *buf, uint32_t len);
int ctrl_bar_write(struct ctrl *c, uint64_t off, const void *buf, uint32_t len);

/* INTx follows the completion queues' heads; hosts move those without a sign. */
void ctrl_update_intx(struct ctrl *c);

/* The controller gives up until it is reset (CSTS.CFS). `why` goes to stderr. */
void ctrl_fatal(struct ctrl *c, const char *why);

/* Enabled, not failed, not shut down: commands are taken. */
static inline bool ctrl_running(const struct ctrl *c)
{
	return (c->csts & (NVME_CSTS_RDY_MASK << NVME_CSTS_RDY_SHIFT |
			   NVME_CSTS_CFS_MASK << NVME_CSTS_CFS_SHIFT |
			   NVME_CSTS_SHST_MASK << NVME_CSTS_SHST_SHIFT)) == 1 &&
	       !c->lost;
}

uint64_t ctrl_now(void);

/* The largest transfer in bytes. */
static inline uint64_t ctrl_mdts(const struct ctrl *c)
{
	uint64_t most = 4096ull << c->opts.mps_min << c->opts.mdts;

	return c->opts.mdts && most < CTRL_NO_MDTS ? most : CTRL_NO_MDTS;
}

/* Looks at what goes on in the background at that time, if not earlier. */
static inline void ctrl_work_at(struct ctrl *c, uint64_t when)
{
	if (when < c->work)
		c->work = when;
}

/* Sets CSTS.RDY when its time has come. */
void ctrl_get_ready(struct ctrl *c);

/* What goes on in the background has its turn. */
void ctrl_work(struct ctrl *c);

/* How a controller can be lost: its registers read as ones, or all of the function does. */
#define CTRL_ONES      1u
#define CTRL_LINK_DOWN 2u

/*
 * Loses it: reads find ones, writes go nowhere, no command is carried out. A link that goes down
 * takes power along, so what comes back with it has just been switched on.
 */
void ctrl_lose(struct ctrl *c, unsigned int how);
void ctrl_find(struct ctrl *c, unsigned int how);

/* The namespace of that identifier if it is active: exists, and is attached to the controller. */
static inline struct ns *ctrl_ns(struct ctrl *c, uint32_t nsid)
{
	struct ns *ns = nsid && nsid <= c->nns ? &c->ns[nsid - 1] : NULL;

	return ns && ns->attached ? ns : NULL;
}

/* The same, if it exists at all. */
static inline struct ns *ctrl_allocated(struct ctrl *c, uint32_t nsid)
{
	struct ns *ns = nsid && nsid <= c->nns ? &c->ns[nsid - 1] : NULL;

	return ns && ns->exists ? ns : NULL;
}

/* VS, and what Identify Controller says. */
static inline uint32_t ctrl_version(const struct ctrl *c)
{
	return c->opts.cmb_old ? 0x00010300 : 0x00020000;
}

#endif
