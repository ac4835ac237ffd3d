/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Priorities of queues. The first device has weighted round robin, as "wrr,2,4,2,1", four queue pairs, direct and raw
 * ones allowed; the second one has round robin alone, though it is configured in the same way, and trusts nobody.
 */
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vfn/nvme.h>

#define PAIRS	 4u
#define EACH	 8u
#define ENTRIES	 128u
#define CAP_WRR	 (UINT64_C(1) << 17)
#define CC_AMS	 (7u << 11)
#define CC_WRR	 (1u << 11)
#define SHARE_MS 1000
#define DELAY_MS 4

static const enum vfnc_priority classes[PAIRS] = {VFNC_PRIORITY_LOW, VFNC_PRIORITY_MEDIUM, VFNC_PRIORITY_HIGH,
						   VFNC_PRIORITY_URGENT};

static struct vfnc *conn;
static struct vfnc_device *dev;
static const char *where; /* its address */
static struct vfnc_queue *queue[PAIRS];
static uint32_t pair_of[PAIRS];

static struct vfnc_queue *make(enum vfnc_queue_mode mode, enum vfnc_priority priority)
{
	struct vfnc_queue_opts opts = {.mode = mode, .entries = ENTRIES, .priority = (uint8_t)priority};
	struct vfnc_queue *q;

	OK(conn, vfnc_queue_create(dev, &opts, &q));
	return q;
}

static void refused(int code, const char *text, enum vfnc_queue_mode mode, enum vfnc_priority priority)
{
	struct vfnc_queue_opts opts = {.mode = mode, .priority = (uint8_t)priority};
	struct vfnc_queue *q;
	int ret = vfnc_queue_create(dev, &opts, &q);

	CHECK(ret == -code, "mode %d, priority %d: %d (%s)", mode, priority, ret, vfnc_error(conn));
	CHECK(int_contains(vfnc_error(conn), text), "\"%s\" does not say \"%s\"", vfnc_error(conn), text);
}

static void begin(const char *address)
{
	where = address ? address : env.device;
	conn = int_connect();
	dev = int_open(conn, where);
}

/* The row of a queue in what the daemon tells of its queues. */
static struct vfnc_tally row_of(const struct vfnc_queue *q)
{
	struct vfnc_tally_opts opts = {.queues = true, .session = vfnc_session(conn)};
	struct vfnc_tally *rows, found = {0};
	int n = vfnc_tallies(conn, where, &opts, &rows);

	OK(conn, n);
	for (int i = 0; i < n; i++)
		if (rows[i].kind == VFNC_TALLY_QUEUE && rows[i].qid == q->qid && rows[i].mode == q->mode)
			found = rows[i];
	CHECK(found.kind == VFNC_TALLY_QUEUE, "there is no row of queue %u", q->qid);
	free(rows);
	return found;
}

static void counts_as(const struct vfnc_queue *q, enum vfnc_priority priority, bool by_controller)
{
	struct vfnc_tally row = row_of(q);

	CHECK(q->priority == priority && q->by_controller == by_controller, "priority %d, by the controller: %d",
	      q->priority, q->by_controller);
	CHECK(row.priority == priority && row.by_controller == by_controller,
	      "told: priority %d, by the controller: %d", row.priority, row.by_controller);
}

static void post(struct vfnc_queue *q, unsigned int n)
{
	static const struct vfnc_cmd flush = {.opcode = 0, .nsid = 1};
	union nvme_cmd cmd = {.opcode = 0, .nsid = cpu_to_le32(1)};
	uint64_t ticket;

	for (; n--;) {
		struct nvme_rq *rq;

		if (q->mode == VFNC_QUEUE_REQUEST) {
			OK(conn, vfnc_submit(q, &flush, &ticket));
			continue;
		}
		rq = nvme_rq_acquire(q->sq);
		CHECK(rq, "no tracker is left");
		nvme_rq_post(rq, &cmd);
	}
	if (q->sq)
		nvme_sq_update_tail(q->sq);
}

static bool take(struct vfnc_queue *q)
{
	struct nvme_cqe *cqe = nvme_cq_get_cqe(q->cq);

	if (!cqe)
		return false;
	CHECK(nvme_cqe_ok(cqe), "a command failed with %#x", le16_to_cpu(cqe->sfp) >> 1);
	nvme_rq_release(nvme_rq_from_cqe(vfnc_device_ctrl(dev), cqe));
	nvme_cq_update_head(q->cq);
	return true;
}

static void reap(struct vfnc_queue *q, unsigned int n)
{
	for (; n--;) {
		if (q->mode == VFNC_QUEUE_REQUEST) {
			int_complete_any(conn);
			continue;
		}
		while (!take(q))
			CHECK(vfnc_queue_wait(q, INT_SOON_MS) == 1, "no completion");
	}
}

/* The controller has been told of that many. */
static void await_outstanding(uint64_t want)
{
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct vfnc_statistics stats;

	do {
		OK(conn, vfnc_statistics(conn, dev, &stats));
		CHECK(int_now_ms() < deadline, "%llu are outstanding", (unsigned long long)stats.outstanding);
	} while (stats.outstanding != want);
}

/* ---- with the controller ---------------------------------------------------------------------- */

/* The order in which a controller has to take EACH commands of all four queues; the numbers are those of its queues. */
static void expect_order(char *text, size_t size)
{
	uint32_t low = pair_of[0], medium = pair_of[1], high = pair_of[2], urgent = pair_of[3];

	snprintf(text, size, "%u*8 %u*4 %u*2 %u*1 %u*4 %u*2 %u*1 %u*2 %u*1 %u*2 %u*5", urgent, high, medium, low, high,
		 medium, low, medium, low, medium, low);
}

static void order_in(enum vfnc_queue_mode mode)
{
	char want[256];
	const char *got;

	begin(NULL);
	for (unsigned int i = 0; i < PAIRS; i++) {
		queue[i] = make(mode, classes[i]);
		counts_as(queue[i], classes[i], true);
		pair_of[i] = queue[i]->qid;
	}
	sim_tell(env.sim_control, "hold on");
	for (unsigned int i = 0; i < PAIRS; i++)
		post(queue[i], EACH);
	if (mode == VFNC_QUEUE_REQUEST)
		await_outstanding(PAIRS * EACH);
	sim_tell(env.sim_control, "hold off");
	for (unsigned int i = 0; i < PAIRS; i++)
		reap(queue[i], EACH);
	expect_order(want, sizeof(want));
	got = sim_tell(env.sim_control, "order");
	got += *got == ' ';
	CHECK(strcmp(got, want) == 0, "the order is \"%s\", not \"%s\"", got, want);
	vfnc_disconnect(conn);
	ledger_settle();
}

static void order_of_requests(void)
{
	order_in(VFNC_QUEUE_REQUEST);
}

static void order_of_direct(void)
{
	order_in(VFNC_QUEUE_DIRECT);
}

/* Whoever does not ask is in the middle, not urgent, which is what a controller takes 0 for. */
static void nobody_asks(void)
{
	begin(NULL);
	for (int mode = VFNC_QUEUE_REQUEST; mode <= VFNC_QUEUE_DIRECT; mode++)
		counts_as(make((enum vfnc_queue_mode)mode, VFNC_PRIORITY_NONE), VFNC_PRIORITY_MEDIUM, true);
	vfnc_disconnect(conn);
	ledger_settle();
}

/* Each class has pairs of its own, and one is left for each that has none. */
static void pairs_by_class(void)
{
	static const enum vfnc_priority asks[] = {
		VFNC_PRIORITY_HIGH, VFNC_PRIORITY_HIGH,	  VFNC_PRIORITY_HIGH, VFNC_PRIORITY_HIGH,
		VFNC_PRIORITY_HIGH, VFNC_PRIORITY_MEDIUM, VFNC_PRIORITY_LOW,  VFNC_PRIORITY_LOW,
		VFNC_PRIORITY_NONE, VFNC_PRIORITY_HIGH,
	};
	enum vfnc_priority of[PAIRS + 1] = {0};
	unsigned int highs = 0;

	begin(NULL);
	for (unsigned int i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		enum vfnc_priority asked = asks[i] ? asks[i] : VFNC_PRIORITY_MEDIUM;
		struct vfnc_queue *q = make(VFNC_QUEUE_SERVED, asks[i]);
		uint32_t pair = row_of(q).pair;

		counts_as(q, asked, true);
		CHECK(pair >= 1 && pair <= PAIRS, "pair %u", pair);
		CHECK(!of[pair] || of[pair] == asked, "pair %u is of class %d and %d", pair, of[pair], asked);
		highs += !of[pair] && asked == VFNC_PRIORITY_HIGH;
		of[pair] = asked;
		post(q, 2);
		reap(q, 2);
	}
	CHECK(highs == 2, "%u pairs of the high class", highs);
	/* there is none left, and nobody else's is shared */
	refused(ENOSPC, "none by served queues of this priority", VFNC_QUEUE_SERVED, VFNC_PRIORITY_URGENT);
	vfnc_disconnect(conn);
	ledger_settle();
}

static void arbitration_is(uint32_t value)
{
	struct vfnc_cmd get = {.opcode = 0x0a, .cdw10 = 1};
	struct vfnc_completion done;

	OK(conn, vfnc_admin(dev, &get, &done));
	CHECK(vfnc_ok(&done) && done.dw0 == value, "feature 01h is %#x, not %#x", done.dw0, value);
}

static uint64_t reg(const char *name)
{
	uint64_t v;

	OK(conn, vfnc_register_read(dev, name, &v));
	return v;
}

/* What is configured is there, is nobody else's, and is there again after a reset. */
static void weights(void)
{
	struct vfnc_cmd set = {.opcode = 0x09, .cdw10 = 1, .cdw11 = 7};
	struct vfnc_completion done;

	begin(NULL);
	for (int i = 0; i < 2; i++) {
		CHECK((reg("cap") & CAP_WRR) && (reg("cc") & CC_AMS) == CC_WRR, "CC is %#llx",
		      (unsigned long long)reg("cc"));
		arbitration_is(3u << 24 | 1 << 16 | 0 << 8 | 1);
		FAILS_SAYING(conn, EPERM, "'arbitration' in the device's section", vfnc_admin(dev, &set, &done));
		OK(conn, vfnc_reset(dev, VFNC_RESET_CONTROLLER, NULL));
	}
	counts_as(make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_LOW), VFNC_PRIORITY_LOW, true);
	vfnc_disconnect(conn);
	ledger_settle();
}

/* A session that has the controller enabled without it is told so, until the next reset. */
static void without_by_request(void)
{
	struct vfnc_enable_opts opts = {.cc_mask = CC_AMS};
	struct vfnc_queue *q;

	begin(NULL);
	OK(conn, vfnc_disable(dev, VFNC_RESET_CONTROLLER, NULL));
	OK(conn, vfnc_enable(dev, &opts, NULL));
	CHECK(!(reg("cc") & CC_AMS), "CC is %#llx", (unsigned long long)reg("cc"));
	q = make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_HIGH);
	counts_as(q, VFNC_PRIORITY_NONE, false);
	counts_as(make(VFNC_QUEUE_SERVED, VFNC_PRIORITY_HIGH), VFNC_PRIORITY_HIGH, false);
	OK(conn, vfnc_reset(dev, VFNC_RESET_CONTROLLER, NULL));
	counts_as(make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_HIGH), VFNC_PRIORITY_HIGH, true);
	vfnc_disconnect(conn);
	ledger_settle();
}

static void image_of(pid_t pid, char *text, size_t size)
{
	char path[64];
	FILE *f;

	/* when it was last executed shows in its start of memory, which is random */
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	CHECK(f && fgets(text, (int)size, f), "%s cannot be read", path);
	fclose(f);
}

/* A successor of the daemon knows the classes of the queues that it takes over. */
static void taken_over(void)
{
	char before[128], now[128];
	uint64_t deadline;

	begin(NULL);
	queue[0] = make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_HIGH);
	queue[1] = make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_LOW);
	image_of(env.daemon, before, sizeof(before));
	CHECK(kill(env.daemon, SIGUSR2) == 0, "kill: %s", strerror(errno));
	deadline = int_now_ms() + INT_SOON_MS;
	do {
		CHECK(int_now_ms() < deadline, "the program was not executed anew");
		int_pause();
		image_of(env.daemon, now, sizeof(now));
	} while (strcmp(before, now) == 0);
	counts_as(queue[0], VFNC_PRIORITY_HIGH, true);
	counts_as(queue[1], VFNC_PRIORITY_LOW, true);
	counts_as(make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_URGENT), VFNC_PRIORITY_URGENT, true);
	vfnc_disconnect(conn);
	weights();
}

/* ---- with the daemon --------------------------------------------------------------------------- */

/*
 * Served queues of the `n` lowest classes have the controller in parts, of which each is about half of that above. Each
 * command takes a time, so that nobody waits for this client.
 */
static void shares_of(const char *address, const char *control, unsigned int n, bool by_controller)
{
	uint64_t end, done[PAIRS] = {0};

	begin(address);
	sim_tell(control, "delay io any 0 %u", DELAY_MS);
	for (unsigned int i = 0; i < n; i++) {
		queue[i] = make(VFNC_QUEUE_SERVED, classes[i]);
		counts_as(queue[i], classes[i], by_controller);
		post(queue[i], ENTRIES - 1);
	}
	/* the first ones were alone for a moment */
	for (unsigned int i = 0; i < n; i++) {
		reap(queue[i], ENTRIES - 1);
		post(queue[i], ENTRIES - 1);
	}
	end = int_now_ms() + SHARE_MS;
	while (int_now_ms() < end) {
		for (unsigned int i = 0; i < n; i++) {
			unsigned int k;

			for (k = 0; k < ENTRIES && take(queue[i]); k++)
				;
			if (k)
				post(queue[i], k);
			done[i] += k;
		}
	}
	sim_tell(control, "clear");
	for (unsigned int i = 0; i < n; i++)
		reap(queue[i], ENTRIES - 1);
	int_note("low %llu, medium %llu, high %llu, urgent %llu", (unsigned long long)done[0],
		 (unsigned long long)done[1], (unsigned long long)done[2], (unsigned long long)done[3]);
	for (unsigned int i = 0; i < n; i++) {
		CHECK(done[i] > 0, "class %d has nothing", classes[i]);
		CHECK(i == 0 || (10 * done[i] > 15 * done[i - 1] && 10 * done[i] < 27 * done[i - 1]),
		      "class %d has not twice of what the one below has", classes[i]);
	}
	vfnc_disconnect(conn);
}

static void shares_with_both(void)
{
	shares_of(NULL, env.sim_control, PAIRS, true);
	ledger_settle();
}

static void shares_with_daemon(void)
{
	shares_of(env.device2, env.sim_control2, PAIRS - 1, false);
}

static void without_controller(void)
{
	begin(env.device2);
	CHECK(!(reg("cap") & CAP_WRR) && !(reg("cc") & CC_AMS), "CC is %#llx", (unsigned long long)reg("cc"));
	counts_as(make(VFNC_QUEUE_REQUEST, VFNC_PRIORITY_HIGH), VFNC_PRIORITY_NONE, false);
	counts_as(make(VFNC_QUEUE_SERVED, VFNC_PRIORITY_HIGH), VFNC_PRIORITY_HIGH, false);
	counts_as(make(VFNC_QUEUE_SERVED, VFNC_PRIORITY_NONE), VFNC_PRIORITY_MEDIUM, false);
	vfnc_disconnect(conn);
}

/* ---- what is refused ---------------------------------------------------------------------------- */

static void not_urgent(void)
{
	static const struct vfnc_queue_opts heavy = {.mode = VFNC_QUEUE_SERVED, .weight = 17}, later = {.rsvd = 1};
	struct vfnc_queue *q;

	begin(env.device2);
	FAILS_SAYING(conn, EINVAL, "a weight of 1 to 16", vfnc_queue_create(dev, &heavy, &q));
	FAILS_SAYING(conn, EINVAL, "reserved", vfnc_queue_create(dev, &later, &q));
	refused(EPERM, "raw = yes", VFNC_QUEUE_REQUEST, VFNC_PRIORITY_URGENT);
	refused(EPERM, "raw = yes", VFNC_QUEUE_SERVED, VFNC_PRIORITY_URGENT);
	refused(EPERM, "direct queues are not allowed", VFNC_QUEUE_DIRECT, VFNC_PRIORITY_URGENT);
	refused(EINVAL, "no priority 5", VFNC_QUEUE_SERVED, (enum vfnc_priority)5);
	refused(EINVAL, "no priority 255", VFNC_QUEUE_REQUEST, (enum vfnc_priority)255);
	vfnc_disconnect(conn);
}

/* What no library would ask for. */
static void hostile_values(void)
{
	static const int bad[] = {5, 99, INT32_MAX, INT32_MIN, -1};
	Vfnd__QueueCreateRequest create = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	int fd = raw_hello();

	request.op_case = VFND__REQUEST__OP_QUEUE_CREATE;
	request.queue_create = &create;
	create.device = raw_open(fd, env.device2);
	for (int mode = VFNC_QUEUE_REQUEST; mode <= VFNC_QUEUE_DIRECT; mode++) {
		create.mode = (Vfnd__QueueMode)mode;
		for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			create.priority = (Vfnd__QueuePriority)bad[i];
			raw_refused(fd, &request, EINVAL, "queue_create.priority");
		}
		create.priority = VFND__QUEUE_PRIORITY__QUEUE_PRIORITY_URGENT;
		raw_refused(fd, &request, EPERM, mode == VFNC_QUEUE_DIRECT ? NULL : "queue_create.priority");
	}
	close(fd);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("the controller takes requests by class and weight", order_of_requests),
		INT_CASE("and commands of direct queues", order_of_direct),
		INT_CASE("who does not ask is of the medium class", nobody_asks),
		INT_CASE("served queues of one class share pairs, and each class has one", pairs_by_class),
		INT_CASE("burst and weights are as configured, and stay so", weights),
		INT_CASE("a controller that was enabled without it goes by no class", without_by_request),
		INT_CASE("served queues have shares by class", shares_with_both),
		INT_CASE("where the controller goes by no class, too", shares_with_daemon),
		INT_CASE("what counts is told where the controller goes by no class", without_controller),
		INT_CASE("not everybody is urgent", not_urgent),
		INT_CASE("values that are no priorities are refused", hostile_values),
		INT_CASE("classes stay with a new program image", taken_over),
		{0},
	};

	return int_main("priority", cases);
}
