/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t cl_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

void cl_connect(struct cl *c, const struct srv *s)
{
	memset(c, 0, sizeof(*c));
	c->memfd = -1;
	c->fd = c->reply_fd = srv_connect(s);
}

void cl_close(struct cl *c)
{
	close(c->fd);
	if (c->mem)
		munmap(c->mem, CL_MEM);
	if (c->memfd >= 0)
		close(c->memfd);
	if (c->db)
		munmap((void *)(uintptr_t)c->db, c->db_len);
	c->fd = c->memfd = -1;
	c->mem = NULL;
	c->db = NULL;
}

void cl_send(struct cl *c, const void *buf, size_t len, const int *fds, unsigned int nfds)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(128 * sizeof(int))];
	} ctl;
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = &ctl;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		ctl.align.cmsg_level = SOL_SOCKET;
		ctl.align.cmsg_type = SCM_RIGHTS;
		ctl.align.cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(&ctl.align), fds, nfds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(c->fd, &mh, MSG_NOSIGNAL), (ssize_t)len);
}

uint16_t cl_post(struct cl *c, uint16_t cmd, uint32_t flags, const void *data, size_t len,
		 const int *fds, unsigned int nfds)
{
	uint8_t buf[16 + 8192];
	uint32_t *w = (uint32_t *)buf;
	uint16_t id = ++c->id;

	ck_assert_uint_le(len, 8192);
	memset(buf, 0, 16);
	w[0] = id | (uint32_t)cmd << 16;
	w[1] = 16 + len;
	w[2] = flags;
	if (len)
		memcpy(buf + 16, data, len);
	cl_send(c, buf, 16 + len, fds, nfds);
	return id;
}

int cl_reply(struct cl *c, uint16_t id, uint16_t cmd, void *data, size_t *len, int *fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} ctl;
	uint32_t h[4];
	struct iovec iov = {h, sizeof(h)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
	};
	struct pollfd p = {c->reply_fd, POLLIN, 0};
	size_t payload;

	ck_assert_msg(poll(&p, 1, 10000) == 1, "no reply in 10 s");
	ck_assert_int_eq(recvmsg(c->reply_fd, &mh, MSG_CMSG_CLOEXEC), sizeof(h));
	if (fd)
		*fd = -1;
	if (CMSG_FIRSTHDR(&mh) && fd)
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(int));
	ck_assert_uint_eq(h[0] & 0xffff, id);
	ck_assert_uint_eq(h[0] >> 16, cmd);
	ck_assert_uint_eq(h[2] & 0xf, 1);
	ck_assert_uint_ge(h[1], 16);
	payload = h[1] - 16;
	if (h[2] & 0x20) {
		ck_assert_uint_eq(payload, 0);
		ck_assert_uint_ne(h[3], 0);
		if (len)
			*len = 0;
		return h[3];
	}
	if (!len) {
		ck_assert_uint_eq(payload, 0);
		return 0;
	}
	ck_assert_uint_le(payload, *len);
	/* As a known client does: the whole payload with one read. */
	if (payload)
		ck_assert_int_eq(read(c->reply_fd, data, payload), (ssize_t)payload);
	*len = payload;
	return 0;
}

int cl_call_try(struct cl *c, uint16_t cmd, const void *data, size_t len, const int *fds,
		unsigned int nfds, void *reply, size_t *rlen)
{
	uint16_t id = cl_post(c, cmd, 0, data, len, fds, nfds);

	return cl_reply(c, id, cmd, reply, rlen, NULL);
}

bool cl_closed(struct cl *c)
{
	uint64_t until = cl_now_ms() + 1000;
	char buf[4096];

	while (cl_now_ms() < until) {
		struct pollfd p = {c->fd, POLLIN, 0};

		if (poll(&p, 1, 100) == 1 && read(c->fd, buf, sizeof(buf)) <= 0)
			return true;
	}
	return false;
}

void cl_version(struct cl *c)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":8,\"no_such\":{\"x\":1}}}";
	uint8_t buf[4 + sizeof(json)] = {0, 0, 1, 0}, reply[512];
	size_t n = sizeof(reply);

	memcpy(buf + 4, json, sizeof(json));
	ck_assert_int_eq(cl_call_try(c, 1, buf, sizeof(buf), NULL, 0, reply, &n), 0);
	ck_assert_uint_gt(n, 4);
	ck_assert_uint_eq(reply[0] | reply[1], 0);
	ck_assert_uint_eq(reply[2], 1);
	ck_assert_uint_eq(reply[n - 1], 0);
	ck_assert_ptr_nonnull(strstr((char *)reply + 4, "\"capabilities\""));
}

int cl_map_try(struct cl *c, uint64_t iova, uint64_t size, uint64_t off, uint32_t flags, int fd)
{
	struct {
		uint32_t argsz, flags;
		uint64_t off, iova, size;
	} m = {32, flags, off, iova, size};

	return cl_call_try(c, 2, &m, sizeof(m), &fd, fd >= 0, NULL, NULL);
}

int cl_unmap_try(struct cl *c, uint64_t iova, uint64_t size)
{
	struct {
		uint32_t argsz, flags;
		uint64_t iova, size;
	} m = {24, 0, iova, size}, r;
	size_t n = sizeof(r);
	int err = cl_call_try(c, 3, &m, sizeof(m), NULL, 0, &r, &n);

	if (!err) {
		ck_assert_uint_eq(n, sizeof(r));
		ck_assert_uint_eq(r.iova, iova);
		ck_assert_uint_eq(r.size, size);
	}
	return err;
}

void cl_map_doorbells(struct cl *c)
{
	uint8_t buf[4096] = {0}, info[4096];
	uint32_t *w = (uint32_t *)info;
	uint64_t *d = (uint64_t *)info;
	size_t n = sizeof(info);
	int fd, err;
	void *mem;

	((uint32_t *)buf)[0] = 4096;
	err = cl_reply(c, cl_post(c, 5, 0, buf, 32, NULL, 0), 5, info, &n, &fd);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(n, 64);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(w[3], 32); /* capability behind the structure */
	ck_assert_uint_eq(info[32] | info[33] << 8, 1);
	ck_assert_uint_eq(w[10], 1); /* one area */
	ck_assert_uint_eq(d[6], 0x1000);
	ck_assert_uint_eq(d[7] % 0x1000, 0);
	c->db_len = d[7];
	mem = mmap(NULL, c->db_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, d[3] + d[6]);
	ck_assert_ptr_ne(mem, MAP_FAILED);
	close(fd);
	c->db = mem;
}

int cl_read_try(struct cl *c, uint32_t region, uint64_t off, void *buf, uint32_t len)
{
	struct {
		uint64_t off;
		uint32_t region, count;
		uint8_t data[4096];
	} m = {off, region, len, {0}};
	size_t n = sizeof(m);
	int err = cl_call_try(c, 9, &m, 16, NULL, 0, &m, &n);

	if (!err) {
		ck_assert_uint_eq(n, 16 + len);
		ck_assert_uint_eq(m.count, len);
		memcpy(buf, m.data, len);
	}
	return err;
}

int cl_write_try(struct cl *c, uint32_t region, uint64_t off, const void *buf, uint32_t len)
{
	struct {
		uint64_t off;
		uint32_t region, count;
		uint8_t data[4096];
	} m = {off, region, len, {0}};
	size_t n = sizeof(m);
	int err;

	memcpy(m.data, buf, len);
	err = cl_call_try(c, 10, &m, 16 + len, NULL, 0, &m, &n);
	if (!err)
		ck_assert_uint_eq(n, 16);
	return err;
}

uint32_t cl_reg32(struct cl *c, uint64_t off)
{
	uint32_t v = 0;

	ck_assert_int_eq(cl_read_try(c, 0, off, &v, 4), 0);
	return v;
}

uint64_t cl_reg64(struct cl *c, uint64_t off)
{
	uint64_t v = 0;

	ck_assert_int_eq(cl_read_try(c, 0, off, &v, 8), 0);
	return v;
}

void cl_set32(struct cl *c, uint64_t off, uint32_t v)
{
	ck_assert_int_eq(cl_write_try(c, 0, off, &v, 4), 0);
}

void cl_set64(struct cl *c, uint64_t off, uint64_t v)
{
	ck_assert_int_eq(cl_write_try(c, 0, off, &v, 8), 0);
}

uint16_t cl_cfg16(struct cl *c, unsigned int off)
{
	uint16_t v = 0;

	ck_assert_int_eq(cl_read_try(c, 7, off, &v, 2), 0);
	return v;
}

void cl_cfg_set16(struct cl *c, unsigned int off, uint16_t v)
{
	ck_assert_int_eq(cl_write_try(c, 7, off, &v, 2), 0);
}

void *cl_alloc(struct cl *c, size_t len)
{
	void *p = c->mem + c->used;

	c->used += (len + (4096ull << c->mps) - 1) & ~((4096ull << c->mps) - 1);
	ck_assert_uint_le(c->used, CL_MEM);
	memset(p, 0, len);
	return p;
}

uint64_t cl_iova(const struct cl *c, const void *p)
{
	return CL_IOVA + ((const uint8_t *)p - c->mem);
}

static void cl_queue(struct cl *c, unsigned int qid, uint32_t entries)
{
	struct tq *q = &c->q[qid];

	memset(q, 0, sizeof(*q));
	q->sq = cl_alloc(c, entries * 64);
	q->cq = cl_alloc(c, entries * 16);
	q->size = entries;
	q->phase = true;
}

static void cl_wait_ready(struct cl *c, uint32_t want)
{
	uint64_t until = cl_now_ms() + 5000;

	while ((cl_reg32(c, 0x1c) & 1) != want)
		ck_assert_uint_lt(cl_now_ms(), until);
}

void cl_enable(struct cl *c, uint32_t entries)
{
	cl_set32(c, 0x14, 0);
	cl_wait_ready(c, 0);
	c->shadow = c->event = NULL;
	cl_queue(c, 0, entries);
	cl_set64(c, 0x28, cl_iova(c, c->q[0].sq));
	cl_set64(c, 0x30, cl_iova(c, (const void *)(uintptr_t)c->q[0].cq));
	cl_set32(c, 0x24, (entries - 1) << 16 | (entries - 1));
	cl_set32(c, 0x14, 6 << 16 | 4 << 20 | c->mps << 7 | c->cc | 1);
	cl_wait_ready(c, 1);
}

void cl_up(struct cl *c, const struct srv *s, enum ring ring, uint32_t entries)
{
	cl_connect(c, s);
	c->ring = ring;
	cl_version(c);
	c->memfd = memfd_create("client", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(c->memfd, CL_MEM), 0);
	c->mem = mmap(NULL, CL_MEM, PROT_READ | PROT_WRITE, MAP_SHARED, c->memfd, 0);
	ck_assert_ptr_ne(c->mem, MAP_FAILED);
	ck_assert_int_eq(cl_map_try(c, CL_IOVA, CL_MEM, 0, 3, c->memfd), 0);
	cl_map_doorbells(c);
	cl_cfg_set16(c, 4, 0x406);
	c->dstrd = cl_reg64(c, 0) >> 32 & 0xf;
	c->mps = cl_reg64(c, 0) >> 48 & 0xf;
	cl_enable(c, entries);
}

void cl_shadow(struct cl *c)
{
	uint32_t *shadow = cl_alloc(c, 4096), *event = cl_alloc(c, 4096);
	struct tsqe e = {.opcode = 0x7c};

	e.prp1 = cl_iova(c, shadow);
	e.prp2 = cl_iova(c, event);
	ck_assert_uint_eq(cl_exec(c, 0, e, NULL), 0);
	c->shadow = shadow;
	c->event = event;
	for (unsigned int i = 0; i <= CL_PAIRS; i++) {
		if (2 * i + 1 >= 1024u >> c->dstrd)
			break;
		c->shadow[2 * i << c->dstrd] = c->q[i].tail;
		c->shadow[(2 * i + 1) << c->dstrd] = c->q[i].head;
	}
}

static void cl_ring_message(struct cl *c, unsigned int slot, uint32_t value)
{
	struct {
		uint64_t off;
		uint32_t region, count, value, pad;
	} m = {0x1000 + 4 * (uint64_t)slot, 0, 4, value, 0};

	c->rings++;
	cl_post(c, 10, 0x10, &m, 20, NULL, 0);
}

void cl_ring(struct cl *c, unsigned int slot, uint32_t value)
{
	uint16_t old, event;

	slot <<= c->dstrd;
	if (c->shadow && c->ring == RING_SHADOW) {
		old = c->shadow[slot];
		__atomic_thread_fence(__ATOMIC_RELEASE);
		c->shadow[slot] = value;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		event = c->event[slot];
		if ((uint16_t)(value - event - 1) < (uint16_t)(value - old))
			cl_ring_message(c, slot, value);
	} else if (c->ring == RING_STORE) {
		__atomic_store_n(&c->db[slot], value, __ATOMIC_RELEASE);
	} else {
		cl_ring_message(c, slot, value);
	}
}

uint16_t cl_submit(struct cl *c, unsigned int qid, struct tsqe e)
{
	struct tq *q = &c->q[qid];

	e.cid = c->cid++;
	q->sq[q->tail] = e;
	q->tail = (q->tail + 1) % q->size;
	cl_ring(c, 2 * qid, q->tail);
	return e.cid;
}

bool cl_wait(struct cl *c, unsigned int qid, struct tcqe *out, int ms)
{
	struct tq *q = &c->q[qid];
	uint64_t until = cl_now_ms() + ms;

	while ((__atomic_load_n(&q->cq[q->head].sfp, __ATOMIC_ACQUIRE) & 1) != q->phase) {
		if (cl_now_ms() >= until)
			return false;
		usleep(20);
	}
	*out = q->cq[q->head];
	q->head = (q->head + 1) % q->size;
	if (!q->head)
		q->phase = !q->phase;
	cl_ring(c, 2 * qid + 1, q->head);
	return true;
}

uint16_t cl_exec(struct cl *c, unsigned int qid, struct tsqe e, uint32_t *dw0)
{
	uint16_t cid = cl_submit(c, qid, e);
	struct tcqe cqe;

	ck_assert_msg(cl_wait(c, qid, &cqe, 10000), "opcode %x on queue %u: no completion",
		      e.opcode, qid);
	ck_assert_uint_eq(cqe.cid, cid);
	ck_assert_uint_eq(cqe.sqid, qid);
	if (dw0)
		*dw0 = cqe.dw0;
	return cqe.sfp >> 1;
}

void cl_pair(struct cl *c, uint16_t qid, uint32_t entries, int vector)
{
	struct tsqe cq = {.opcode = 5}, sq = {.opcode = 1};

	cl_queue(c, qid, entries);
	if (c->shadow)
		c->shadow[2 * qid << c->dstrd] = c->shadow[(2 * qid + 1) << c->dstrd] = 0;
	cq.prp1 = cl_iova(c, (const void *)(uintptr_t)c->q[qid].cq);
	cq.cdw10 = (entries - 1) << 16 | qid;
	cq.cdw11 = vector < 0 ? 1 : 3 | (uint32_t)vector << 16;
	ck_assert_uint_eq(cl_exec(c, 0, cq, NULL), 0);
	sq.prp1 = cl_iova(c, c->q[qid].sq);
	sq.cdw10 = (entries - 1) << 16 | qid;
	sq.cdw11 = 1 | c->qprio << 1 | (uint32_t)qid << 16;
	ck_assert_uint_eq(cl_exec(c, 0, sq, NULL), 0);
}

uint16_t cl_io(struct cl *c, unsigned int qid, uint8_t op, uint64_t slba, uint32_t blocks,
	       uint64_t prp1, uint64_t prp2)
{
	struct tsqe e = {
		.opcode = op,
		.nsid = 1,
		.prp1 = prp1,
		.prp2 = prp2,
		.cdw10 = slba,
		.cdw11 = slba >> 32,
		.cdw12 = blocks - 1,
	};

	return cl_exec(c, qid, e, NULL);
}
