/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client - a small vfio-user and NVMe client for tests of vfnd-sim, from raw sockets up
 *
 * It shares code neither with libvfn nor with the program under test. Every helper checks what it
 * can and fails the running test; those named ..._try hand the server's errno back.
 */
#ifndef SIM_TEST_CLIENT_H
#define SIM_TEST_CLIENT_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A running server in a folder of its own. */
struct srv {
	pid_t pid;
	char dir[64];
	char socket[96];
	char control[96];
};

/* Starts vfnd-sim with these further arguments, up to a NULL; returns when it serves. */
void srv_start(struct srv *s, const char *const *args);
/* SIGTERM; it must end with status 0 and leave no sockets. */
void srv_stop(struct srv *s);
/* After all that a test has done to it, the server must still serve: the next client brings it up and reads. */
void srv_serves(struct srv *s);
/* Its open descriptors; and waits until they are `want` again: a control connection may be on its way out. */
unsigned int srv_fds(const struct srv *s);
void srv_fds_back_to(const struct srv *s, unsigned int want);
/* One control command; its answer in `out`. True when it begins with "ok". */
bool srv_tell(struct srv *s, char *out, size_t room, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, must be ok. */
void srv_ok(struct srv *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A number of `stats`. */
long srv_stat(struct srv *s, const char *name);
/* A new connection to its vfio-user socket. */
int srv_connect(const struct srv *s);
/* CPU time of the server so far, in microseconds. */
uint64_t srv_cpu(const struct srv *s);

enum ring { RING_STORE, RING_MESSAGE, RING_SHADOW };

struct tsqe {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid, cdw2, cdw3;
	uint64_t mptr, prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct tcqe {
	uint32_t dw0, dw1;
	uint16_t sqhd, sqid, cid, sfp;
};

struct tq {
	struct tsqe *sq;
	volatile struct tcqe *cq;
	uint32_t size, tail, head;
	bool phase;
};

#define CL_IOVA	 0x7f0000000000ull
#define CL_MEM	 (32u << 20)
#define CL_PAIRS 8

struct cl {
	int fd;
	int reply_fd; /* where answers are read */
	uint16_t id;
	enum ring ring;
	int memfd;
	uint8_t *mem;
	size_t used;
	volatile uint32_t *db; /* mapped doorbells, or NULL */
	size_t db_len;
	unsigned int dstrd; /* CAP.DSTRD */
	unsigned int mps;   /* CAP.MPSMIN, which is CC.MPS */
	uint32_t cc;	    /* further bits of CC */
	uint32_t qprio;	    /* of submission queues that cl_pair() makes */
	volatile uint32_t *shadow, *event;
	struct tq q[CL_PAIRS + 1];
	uint16_t cid;
	uint64_t rings; /* doorbell messages sent */
};

void cl_connect(struct cl *c, const struct srv *s);
void cl_close(struct cl *c);

/* Raw bytes and messages. */
void cl_send(struct cl *c, const void *buf, size_t len, const int *fds, unsigned int nfds);
/* Sends a command with a payload; returns the message id. */
uint16_t cl_post(struct cl *c, uint16_t cmd, uint32_t flags, const void *data, size_t len,
		 const int *fds, unsigned int nfds);
/* Reads one reply to `id`: its errno; *len in: room, out: payload's length. *fd: -1 or one fd. */
int cl_reply(struct cl *c, uint16_t id, uint16_t cmd, void *data, size_t *len, int *fd);
/* Both. */
int cl_call_try(struct cl *c, uint16_t cmd, const void *data, size_t len, const int *fds,
		unsigned int nfds, void *reply, size_t *rlen);
/* True when the server has closed the connection within a second. */
bool cl_closed(struct cl *c);

void cl_version(struct cl *c);
int cl_map_try(struct cl *c, uint64_t iova, uint64_t size, uint64_t off, uint32_t flags, int fd);
int cl_unmap_try(struct cl *c, uint64_t iova, uint64_t size);
void cl_map_doorbells(struct cl *c);
int cl_read_try(struct cl *c, uint32_t region, uint64_t off, void *buf, uint32_t len);
int cl_write_try(struct cl *c, uint32_t region, uint64_t off, const void *buf, uint32_t len);
uint32_t cl_reg32(struct cl *c, uint64_t off);
uint64_t cl_reg64(struct cl *c, uint64_t off);
void cl_set32(struct cl *c, uint64_t off, uint32_t v);
void cl_set64(struct cl *c, uint64_t off, uint64_t v);
uint16_t cl_cfg16(struct cl *c, unsigned int off);
void cl_cfg_set16(struct cl *c, unsigned int off, uint16_t v);

/* Connect, version, all memory mapped, bus master on, admin queue of `entries`, ready. */
void cl_up(struct cl *c, const struct srv *s, enum ring ring, uint32_t entries);
/* Admin queue registers and CC.EN; cl_up() without the connection. */
void cl_enable(struct cl *c, uint32_t entries);
/* Turns shadow doorbells on. */
void cl_shadow(struct cl *c);

/* `len` bytes of mapped memory, page aligned, zeroed; their IOVA by cl_iova(). */
void *cl_alloc(struct cl *c, size_t len);
uint64_t cl_iova(const struct cl *c, const void *p);

/* Posts; the cid is filled in and returned. */
uint16_t cl_submit(struct cl *c, unsigned int qid, struct tsqe e);
void cl_ring(struct cl *c, unsigned int slot, uint32_t value);
/* The next completion within `ms`: false if none came. */
bool cl_wait(struct cl *c, unsigned int qid, struct tcqe *out, int ms);
/* Posts and waits: the status field (SC, SCT << 8, more, DNR) without phase; dw0 if wanted. */
uint16_t cl_exec(struct cl *c, unsigned int qid, struct tsqe e, uint32_t *dw0);
/* Creates I/O pair `qid` with interrupts to `vector`, or without (-1). */
void cl_pair(struct cl *c, uint16_t qid, uint32_t entries, int vector);
/* An I/O command on up to two PRPs. */
uint16_t cl_io(struct cl *c, unsigned int qid, uint8_t op, uint64_t slba, uint32_t blocks,
	       uint64_t prp1, uint64_t prp2);

uint64_t cl_now_ms(void);

#endif
