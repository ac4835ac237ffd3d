/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Controllers that sessions disable and enable, with queues of every mode under load. */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH  24u /* outstanding in each queue */
#define LENGTH ((size_t)4096)
#define MODES  3

struct user {
	struct client c;
	struct vfnc_subscription *sub;
	uint64_t tickets[DEPTH];
	unsigned char ended[DEPTH]; /* how often */
	unsigned int cancelled;
};

static const enum vfnc_queue_mode modes[MODES] = {VFNC_QUEUE_REQUEST, VFNC_QUEUE_SERVED, VFNC_QUEUE_DIRECT};

/* How a reset, or disabling, is asked for. */
struct way {
	enum vfnc_reset_kind kind;
	bool stay;
};

/* ---- every command ends once ------------------------------------------------------------- */

static void user_fill(struct user *u)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (!u->c.ctrl) {
			struct vfnc_cmd cmd = int_rw(false, 1, 8 * i, (uint32_t)(LENGTH / u->c.bs), u->c.buf,
						     i * LENGTH, LENGTH);

			OK(u->c.conn, vfnc_submit(u->c.queue, &cmd, &u->tickets[i]));
		} else {
			client_post(&u->c, false, 8 * i, LENGTH, i * LENGTH)->opaque = &u->ended[i];
		}
	}
	if (u->c.ctrl)
		nvme_sq_update_tail(u->c.queue->sq);
}

static void user_ended(struct vfnc_queue *queue, struct nvme_rq *rq, const struct nvme_cqe *cqe, void *arg)
{
	struct user *u = arg;
	unsigned char *ended = rq->opaque;
	uint16_t status = le16_to_cpu(cqe->sfp) >> 1 & 0x7ff;

	CHECK(queue == u->c.queue && ended >= u->ended && ended < u->ended + DEPTH, "another command ended");
	CHECK(status == 0 || status == 8 || status == NVME_STATUS_HOST_ABORTED, "status %03x", status);
	++*ended;
	u->cancelled += status != 0;
}

/* Requests are answered; the others are in the queue, or were with the controller. */
static void user_drain(struct user *u)
{
	int ret;

	if (!u->c.ctrl) {
		for (unsigned int i = 0; i < DEPTH; i++) {
			struct vfnc_completion c;

			ret = vfnc_wait(u->c.conn, u->tickets[i], &c, INT_SOON_MS);
			CHECK(ret == 0 || ret == -ECANCELED, "command %u: %d", i, ret);
			u->ended[i]++;
			u->cancelled += ret != 0;
			FAILS(u->c.conn, ENOENT, vfnc_wait(u->c.conn, u->tickets[i], &c, 0));
		}
		FAILS(u->c.conn, EINVAL, vfnc_queue_end(u->c.queue, user_ended, u));
		return;
	}
	do {
		ret = vfnc_queue_wait(u->c.queue, INT_SOON_MS);
		if (ret == 1) {
			struct nvme_cqe *cqe = nvme_cq_get_cqe(u->c.queue->cq);
			struct nvme_rq *rq = nvme_rq_from_cqe(u->c.ctrl, cqe);

			CHECK(rq, "a completion of command %u", cqe->cid);
			nvme_cq_update_head(u->c.queue->cq);
			user_ended(u->c.queue, rq, cqe, u);
			nvme_rq_release(rq);
		}
	} while (ret == 1 || ret == -EINTR);
	CHECK(ret == -ECONNRESET, "the queue says %d", ret);
	ret = vfnc_queue_end(u->c.queue, user_ended, u);
	CHECK(ret >= 0 && vfnc_queue_end(u->c.queue, user_ended, u) == 0, "the queue's end: %d", ret);
}

static void user_told(struct user *u, struct way way)
{
	struct vfnc_event e;

	do
		OK(u->c.conn, vfnc_event_wait(u->c.conn, &e, INT_SOON_MS));
	while (e.kind == VFNC_EVENT_ASYNC);
	CHECK(e.kind == (way.stay ? VFNC_EVENT_DISABLED : VFNC_EVENT_RESET) && e.info == (uint32_t)way.kind,
	      "an event of kind %d, %u", e.kind, e.info);
	CHECK(e.type == 1 && e.lost == 0, "%u queues are lost, and %llu events", e.type, (unsigned long long)e.lost);
	CHECK(int_contains(e.reason, "asked for by session"), "the reason is \"%s\"", e.reason);
	if (!way.stay)
		return;
	OK(u->c.conn, vfnc_event_wait(u->c.conn, &e, INT_SOON_MS));
	CHECK(e.kind == VFNC_EVENT_ENABLED && (e.dw0 & 1), "an event of kind %d, CC %#x", e.kind, e.dw0);
}

static void user_goes_on(struct user *u, enum vfnc_queue_mode mode, unsigned int round)
{
	struct vfnc_queue_opts opts = {.mode = mode, .entries = DEPTH + 1, .spin_us = 20};

	OK(u->c.conn, vfnc_queue_delete(u->c.queue));
	OK(u->c.conn, vfnc_queue_create(u->c.dev, &opts, &u->c.queue));
	u->c.nsid = 1;
	client_verify(&u->c, 40 + (unsigned int)mode, round, 4096 * mode, 8192);
}

static void one_way(struct way way)
{
	struct vfnc_reset_result r;
	struct vfnc_statistics st;
	struct user u[MODES];
	struct ledger ledger;
	struct vfnc *other;
	struct vfnc_device *dev;
	unsigned int ended = 0;
	int ret;

	ledger_take(&ledger);
	memset(u, 0, sizeof(u));
	for (int i = 0; i < MODES; i++) {
		client_open(&u[i].c, NULL, modes[i], DEPTH + 1, DEPTH * LENGTH);
		OK(u[i].c.conn, vfnc_subscribe(u[i].c.dev, &u[i].sub));
	}
	if (env.sim_control)
		sim_tell(env.sim_control, "delay io 2 0 60000");
	for (int i = 0; i < MODES; i++)
		user_fill(&u[i]);
	OK(u[0].c.conn, vfnc_statistics(u[0].c.conn, u[0].c.dev, &st));
	CHECK(vfnc_queue_end(u[1].c.queue, user_ended, &u[1]) == -EBUSY, "a queue in use is ended");
	other = int_connect();
	dev = int_open(other, NULL);
	ret = way.stay ? vfnc_disable(dev, way.kind, &r) : vfnc_reset(dev, way.kind, &r);
	if (env.sim_control)
		sim_tell(env.sim_control, "clear");
	if (ret == -ENOTSUP && (way.kind == VFNC_RESET_SUBSYSTEM || way.kind == VFNC_RESET_HOT)) {
		int_note("no such reset here: %s", vfnc_error(other));
		for (int i = 0; i < MODES; i++)
			client_close(&u[i].c);
		vfnc_disconnect(other);
		/* Whoever comes next counts from there. */
		ledger_await(&ledger, 4096);
		return;
	}
	/* A port may not do what it says it can; the controller was reset then, too, and what holds for that holds. */
	if (ret == -EIO && way.kind == VFNC_RESET_HOT && !env.sim_control)
		int_note("%s", vfnc_error(other));
	else
		OK(other, ret);
	for (int i = 0; i < MODES; i++) {
		user_drain(&u[i]);
		for (unsigned int k = 0; k < DEPTH; k++) {
			CHECK(u[i].ended[k] == 1, "command %u of mode %s ended %u times", k,
			      client_mode_name(modes[i]), u[i].ended[k]);
			ended++;
		}
		CHECK(!env.sim_control || u[i].cancelled == DEPTH, "%u were cancelled", u[i].cancelled);
	}
	/* An error comes without what has ended. */
	CHECK(ended == MODES * DEPTH && (ret || (r.queues == MODES && r.commands == u[0].cancelled)),
	      "%u commands, %u queues are told to have ended", r.commands, r.queues);
	if (way.stay)
		OK(other, vfnc_enable(dev, NULL, NULL));
	for (int i = 0; i < MODES; i++)
		user_told(&u[i], way);
	for (int i = 0; i < MODES; i++)
		user_goes_on(&u[i], modes[i], (unsigned int)way.kind);
	for (int i = 0; i < MODES; i++)
		client_close(&u[i].c);
	vfnc_disconnect(other);
	ledger_await(&ledger, 4096);
}

static void once_reset(void)
{
	one_way((struct way){VFNC_RESET_CONTROLLER, false});
	one_way((struct way){VFNC_RESET_FUNCTION, false});
	one_way((struct way){VFNC_RESET_HOT, false});
}

static void once_disable(void)
{
	one_way((struct way){VFNC_RESET_CONTROLLER, true});
	one_way((struct way){VFNC_RESET_SUBSYSTEM, true});
	one_way((struct way){VFNC_RESET_SHUTDOWN, true});
	one_way((struct way){VFNC_RESET_ABRUPT, true});
}

/* ---- while it is disabled ---------------------------------------------------------------- */

static void check_state(struct vfnc *conn, enum vfnc_device_state state)
{
	struct vfnc_device_entry *list;
	int n = vfnc_list(conn, &list);

	OK(conn, n);
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i].address, env.device))
			CHECK(list[i].state == state, "its state is %d", list[i].state);
	free(list);
}

static void disabled(void)
{
	struct vfnc_queue_opts served = {.mode = VFNC_QUEUE_SERVED};
	struct vfnc *conn = int_connect(), *late;
	struct vfnc_device *dev = int_open(conn, NULL), *again;
	struct vfnc_queue *q = int_queue(dev, 8), *none;
	struct vfnc_reset_result r;
	struct vfnc_statistics st;
	struct vfnc_buffer *buf;
	uint8_t data[4096];
	uint64_t v;

	FAILS_SAYING(conn, EALREADY, "disable it first", vfnc_enable(dev, NULL, NULL));
	FAILS(conn, EINVAL, vfnc_disable(dev, (enum vfnc_reset_kind)99, NULL));
	OK(conn, vfnc_disable(dev, VFNC_RESET_SHUTDOWN, &r));
	CHECK((r.csts >> 2 & 3) == 2 && r.queues == 1, "CSTS was %#x, %u queues", r.csts, r.queues);
	check_state(conn, VFNC_DEVICE_DISABLED);
	FAILS_SAYING(conn, ESHUTDOWN, "enable", vfnc_identify_ctrl(dev, data, NULL));
	FAILS(conn, ENOENT, vfnc_flush(q, 1, NULL));
	OK(conn, vfnc_queue_delete(q));
	FAILS_SAYING(conn, ESHUTDOWN, "enable", vfnc_queue_create(dev, NULL, &none));
	FAILS(conn, ESHUTDOWN, vfnc_queue_create(dev, &served, &none));
	FAILS(conn, ESHUTDOWN, vfnc_reset(dev, VFNC_RESET_CONTROLLER, NULL));
	FAILS(conn, ESHUTDOWN, vfnc_disable(dev, VFNC_RESET_CONTROLLER, NULL));
	FAILS(conn, ESHUTDOWN, vfnc_register_write(dev, "cc", 1));
	OK(conn, vfnc_register_read(dev, "cc", &v));
	CHECK(!(v & 1), "CC is %#llx", (unsigned long long)v);
	OK(conn, vfnc_register_read(dev, "csts", &v));
	CHECK(!(v & 1), "CSTS is %#llx", (unsigned long long)v);
	CHECK(vfnc_bar_read(dev, 0, 0, 4, data, 8) == 0, "%s", vfnc_error(conn));
	CHECK(vfnc_config_read(dev, 0, data, 4) == 4, "%s", vfnc_error(conn));
	OK(conn, vfnc_statistics(conn, dev, &st));
	CHECK(st.outstanding == 0, "%llu commands are outstanding", (unsigned long long)st.outstanding);
	OK(conn, vfnc_buffer_alloc(dev, 65536, &buf));
	OK(conn, vfnc_buffer_free(buf));
	/* Whoever disabled it may be gone. */
	vfnc_disconnect(conn);
	late = int_connect();
	again = int_open(late, NULL);
	OK(late, vfnc_enable(again, NULL, NULL));
	check_state(late, VFNC_DEVICE_READY);
	OK(late, vfnc_identify_ctrl(again, data, NULL));
	OK(late, vfnc_flush(int_queue(again, 8), 1, NULL));
	vfnc_disconnect(late);
}

/* Released while it is disabled, it is claimed afresh. */
static void released(void)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, env.device2);

	OK(conn, vfnc_disable(dev, VFNC_RESET_CONTROLLER, NULL));
	OK(conn, vfnc_release(conn, env.device2));
	OK(conn, vfnc_close(dev));
	OK(conn, vfnc_claim(conn, env.device2));
	dev = int_open(conn, env.device2);
	OK(conn, vfnc_flush(int_queue(dev, 8), 1, NULL));
	vfnc_disconnect(conn);
}

/* ---- values ------------------------------------------------------------------------------ */

static void enable_with(struct vfnc_device *dev, struct vfnc_enable_opts opts, struct vfnc_enable_result *r)
{
	struct vfnc *conn = vfnc_device_connection(dev);

	OK(conn, vfnc_disable(dev, VFNC_RESET_CONTROLLER, NULL));
	OK(conn, vfnc_enable(dev, &opts, r));
	CHECK((r->cc & opts.cc_mask) == opts.cc_value, "CC is %#x, not %#x", r->cc, opts.cc_value);
	CHECK(r->csts & 1, "CSTS is %#x", r->csts);
}

static void io_works(struct vfnc_device *dev)
{
	struct vfnc *conn = vfnc_device_connection(dev);
	static const size_t size = 512 << 10;
	struct client c;

	for (int i = 0; i < MODES; i++) {
		client_open(&c, NULL, modes[i], 16, size);
		for (uint32_t k = 0; k < 8; k++)
			client_verify(&c, 50, k, 0, (k + 1) * (size / 32));
		client_close(&c);
	}
	CHECK(vfnc_identify_ctrl(dev, (uint8_t[4096]){0}, NULL) == 0, "%s", vfnc_error(conn));
}

static void values_admin(void)
{
	static const struct {
		uint32_t sq, cq;
	} sizes[] = {{4096, 4096}, {2, 2}, {16, 300}, {300, 16}};
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_enable_result r;
	uint64_t tickets[200];
	uint8_t data[4096];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct vfnc_enable_opts opts = {.admin_sq_entries = sizes[i].sq, .admin_cq_entries = sizes[i].cq};
		struct vfnc_completion c;

		enable_with(dev, opts, &r);
		CHECK((r.aqa & 0xfff) == sizes[i].sq - 1 && r.aqa >> 16 == sizes[i].cq - 1, "AQA is %#x", r.aqa);
		for (unsigned int k = 0; k < 200; k++) {
			struct vfnc_cmd cmd = {.opcode = 0x0a, .cdw10 = 4};

			OK(conn, vfnc_submit_admin(dev, &cmd, &tickets[k]));
		}
		for (unsigned int k = 0; k < 200; k++) {
			OK(conn, vfnc_wait(conn, tickets[k], &c, INT_SOON_MS));
			CHECK(c.status == 0, "status %03x", c.status);
		}
		OK(conn, vfnc_identify_ctrl(dev, data, NULL));
		io_works(dev);
	}
	/* The next reset has the daemon's own again. */
	OK(conn, vfnc_reset(dev, VFNC_RESET_CONTROLLER, NULL));
	OK(conn, vfnc_register_read(dev, "aqa", &tickets[0]));
	CHECK(tickets[0] == 0x3f003f, "AQA is %#llx", (unsigned long long)tickets[0]);
	vfnc_disconnect(conn);
}

static void values_refused(void)
{
	static const struct {
		struct vfnc_enable_opts opts;
		const char *text;
	} bad[] = {
		{{.cc_mask = 1, .cc_value = 1}, "CC.EN"},
		{{.cc_mask = 0xc000}, "CC.SHN"},
		{{.cc_mask = 0x10, .cc_value = 0x30}, "not in the mask"},
		{{.admin_sq_entries = 1}, "2 to 4096"},
		{{.admin_cq_entries = 4097}, "2 to 4096"},
	};
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, NULL), *dev2 = int_open(conn, env.device2);
	uint64_t v;

	OK(conn, vfnc_disable(dev, VFNC_RESET_CONTROLLER, NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS_SAYING(conn, EINVAL, bad[i].text, vfnc_enable(dev, &bad[i].opts, NULL));
	check_state(conn, VFNC_DEVICE_DISABLED);
	OK(conn, vfnc_enable(dev, NULL, NULL));
	OK(conn, vfnc_disable(dev2, VFNC_RESET_CONTROLLER, NULL));
	FAILS_SAYING(conn, EPERM, "raw = yes",
		     vfnc_enable(dev2, &(struct vfnc_enable_opts){.cc_mask = VFNC_CC_AMS_MASK}, NULL));
	OK(conn, vfnc_register_read(dev2, "cc", &v));
	CHECK(!(v & 1), "it is enabled all the same");
	OK(conn, vfnc_enable(dev2, NULL, NULL));
	vfnc_disconnect(conn);
}

/* Each page size that the controller has: data go where they should. */
static void values_pages(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_device_info *info;
	struct vfnc_enable_result r;
	unsigned int sizes = 0;
	uint64_t cap;

	OK(conn, vfnc_register_read(dev, "cap", &cap));
	for (uint32_t mps = cap >> 48 & 0xf; mps <= (cap >> 52 & 0xf) && mps <= 4; mps++) {
		enable_with(dev, (struct vfnc_enable_opts){.cc_mask = VFNC_CC_MPS_MASK, .cc_value = mps << VFNC_CC_MPS},
			    &r);
		OK(conn, vfnc_device_info(dev, &info));
		CHECK(info->page_size == 4096u << mps, "pages have %u bytes", info->page_size);
		free(info);
		io_works(dev);
		sizes++;
	}
	int_note("%u page sizes", sizes);
	OK(conn, vfnc_reset(dev, VFNC_RESET_CONTROLLER, NULL));
	OK(conn, vfnc_device_info(dev, &info));
	CHECK(info->page_size == 4096, "pages have %u bytes", info->page_size);
	free(info);
	io_works(dev);
	vfnc_disconnect(conn);
}

/* What the controller refuses leaves it disabled. */
static void values_bad(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_enable_opts opts = {.cc_mask = VFNC_CC_CSS_MASK, .cc_value = 5u << VFNC_CC_CSS};
	int ret;

	OK(conn, vfnc_disable(dev, VFNC_RESET_CONTROLLER, NULL));
	ret = vfnc_enable(dev, &opts, NULL);
	if (ret == 0) {
		int_note("this controller takes a reserved CC.CSS");
	} else {
		CHECK(ret == -EIO || ret == -ETIMEDOUT, "%d: %s", ret, vfnc_error(conn));
		int_note("CC.CSS 5: %s", vfnc_error(conn));
		check_state(conn, VFNC_DEVICE_DISABLED);
		OK(conn, vfnc_enable(dev, NULL, NULL));
	}
	io_works(dev);
	vfnc_disconnect(conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("each command ends once by a reset, in each mode", once_reset, .limit = 120),
		INT_CASE("each command ends once when it is disabled", once_disable, .limit = 120),
		INT_CASE("a disabled controller can be looked at, and enabled by anybody", disabled),
		INT_CASE("a disabled controller is released and claimed", released),
		INT_CASE("admin queues of other sizes", values_admin, .limit = 120),
		INT_CASE("values that are refused", values_refused),
		INT_CASE("page sizes", values_pages, .limit = 120),
		INT_CASE("values that the controller does not take", values_bad),
		{0},
	};

	return int_main("control", cases);
}
