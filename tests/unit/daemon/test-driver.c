/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drivers of served queues, on the loop and polling, between clients and a controller that are
 * threads and that go to sleep, dawdle and come back at random: nobody sleeps over something, and
 * nobody is woken who is awake.
 */
#include "unit.h"

#include "rig-driver.h"

/* ---- the loop ---------------------------------------------------------------------------- */

static void on_interrupt(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t value;

	(void)what;
	(void)arg;
	(void)!eventfd_read(fd, &value);
	data_driver_wake(driver);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(base);
}

struct joining {
	struct device_pair *pair;
	struct party *party;
};

static void engine_join(struct data_engine *engine, void *arg)
{
	struct joining *j = arg;

	if (j->pair && data_engine_add_pair(engine, &j->pair->rig.pair))
		abort();
	if (j->party)
		rig_client_init(&j->party->c, engine, j->party->pair, ENTRIES,
				RIG_IOVA + j->party->index * 0x100000, 1);
}

static void engine_leave(struct data_engine *engine, void *arg)
{
	struct joining *j = arg;

	if (j->pair)
		data_engine_remove_pair(engine, &j->pair->rig.pair);
	if (j->party)
		rig_client_fini(&j->party->c, engine);
}

static void engine_rules(struct data_engine *engine, void *arg)
{
	(void)arg;
	rig_rules(&engine->rules);
}

static void engine_own(struct data_engine *engine, void *arg)
{
	struct party *p = arg;

	(void)engine;
	p->c.served.owner = p;
}

static void begin(bool poll, unsigned int spin_us)
{
	struct data_driver_opts opts = {
		.poll = poll, .spin_us = spin_us, .cpu = -1, .name = "test"};

	base = event_base_new();
	ck_assert_int_eq(data_driver_start(base, &opts, NULL, &driver), 0);
	ck_assert_int_eq(data_driver_polls(driver), poll);
	data_driver_call(driver, engine_rules, NULL);
	memset(devices, 0, sizeof(devices));
	memset(parties, 0, sizeof(parties));
	atomic_store(&failure, NULL);
	atomic_store(&device_stops, false);
	for (unsigned int i = 0; i < PAIRS; i++) {
		struct device_pair *d = &devices[i];

		/* fewer places than its clients have commands */
		rig_pair_init(&d->rig, 24);
		d->irq_fd = eventfd(0, EFD_NONBLOCK);
		if (poll) {
			d->watch.fd = d->irq_fd;
			ck_assert_int_eq(data_driver_watch(driver, &d->watch), 0);
		} else {
			d->event =
				event_new(base, d->irq_fd, EV_READ | EV_PERSIST, on_interrupt, d);
			event_add(d->event, NULL);
		}
		data_driver_call(driver, engine_join, &(struct joining){.pair = d});
	}
	for (unsigned int i = 0; i < CLIENTS; i++) {
		struct party *p = &parties[i];

		p->index = i;
		p->pair = &devices[i % PAIRS].rig;
		p->random = 77 + i;
		p->kick_fd = eventfd(0, EFD_NONBLOCK);
		data_driver_call(driver, engine_join, &(struct joining){.party = p});
		data_driver_call(driver, engine_own, p);
		p->watch.fd = p->kick_fd;
		p->watch.served = &p->c.served;
		ck_assert_int_eq(data_driver_watch(driver, &p->watch), 0);
	}
}

static void end(void)
{
	for (unsigned int i = 0; i < CLIENTS; i++) {
		data_driver_unwatch(&parties[i].watch);
		data_driver_call(driver, engine_leave, &(struct joining){.party = &parties[i]});
		close(parties[i].kick_fd);
	}
	for (unsigned int i = 0; i < PAIRS; i++) {
		data_driver_unwatch(&devices[i].watch);
		if (devices[i].event)
			event_free(devices[i].event);
		data_driver_call(driver, engine_leave, &(struct joining){.pair = &devices[i]});
		close(devices[i].irq_fd);
		rig_pair_fini(&devices[i].rig);
	}
	data_driver_stop(driver);
	event_base_free(base);
}

/* Let the driver come to rest; it does not run any more. */
static void rests(void)
{
	struct data_driver_stats before, after = {0};
	unsigned int tries = 0;

	do {
		before = data_driver_stats(driver);
		event_base_loop(base, EVLOOP_NONBLOCK);
		dawdle(20000);
		event_base_loop(base, EVLOOP_NONBLOCK);
		after = data_driver_stats(driver);
	} while (before.rounds != after.rounds && ++tries < 100);
	ck_assert_uint_eq(before.rounds, after.rounds);
	for (unsigned int i = 0; i < 5; i++) {
		dawdle(20000);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_eq(data_driver_stats(driver).rounds, after.rounds);
	ck_assert_uint_eq(data_driver_stats(driver).sleeps, after.sleeps);
}

/* What the loop does meanwhile: a message there and one back, a thousand times a second. */
struct asking {
	struct data_msg msg;
	uint64_t calls, answers;
	uint64_t completed[CLIENTS];
	struct event *timer;
};

static struct asking asking;

static void engine_answer(struct data_engine *engine, void *arg)
{
	(void)engine;
	data_driver_notify(driver, &((struct asking *)arg)->msg);
}

static void on_answer(struct data_msg *msg)
{
	(void)msg;
	asking.answers++;
}

/*
 * A trace that comes and goes while the driver is at work; its reader is as far from the writer as a client is, which
 * sees the memory alone.
 */
#define TRACED 512

static struct {
	struct trace trace;
	bool used, on;
	uint64_t next, read, lost, turns;
} tracing;

static void engine_trace(struct data_engine *engine, void *arg)
{
	(void)arg;
	if (!tracing.on)
		(void)!trace_list_add(&engine->traces, &tracing.trace);
	else
		trace_list_remove(&engine->traces, &tracing.trace);
}

static void trace_begin(void)
{
	void *memory = calloc(1, trace_size(TRACED, RIG_PAGE));

	memset(&tracing, 0, sizeof(tracing));
	ck_assert_ptr_nonnull(memory);
	trace_init(&tracing.trace, memory, TRACED, RIG_PAGE);
	tracing.used = true;
}

static void trace_turn(void)
{
	data_driver_call(driver, engine_trace, NULL);
	tracing.on = !tracing.on;
	tracing.turns++;
}

/* False: it was overwritten. */
static bool trace_copy(uint64_t number, uint64_t words[16])
{
	const uint64_t *from = (const uint64_t *)(tracing.trace.entries + sizeof(struct trace_entry) *
						  (TRACED * TRACE_LANE_SERVED + (number - 1) % TRACED));

	if (le64toh(__atomic_load_n(&from[0], __ATOMIC_ACQUIRE)) != number)
		return false;
	for (unsigned int i = 1; i < 16; i++)
		words[i] = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);
	return le64toh(__atomic_load_n(&from[0], __ATOMIC_RELAXED)) == number;
}

static void trace_read(void)
{
	uint64_t head = le64toh(__atomic_load_n(&tracing.trace.control->head[TRACE_LANE_SERVED].count,
						__ATOMIC_ACQUIRE));
	uint64_t words[16] = {0};

	if (head - tracing.next > TRACED) {
		tracing.lost += head - TRACED - tracing.next;
		tracing.next = head - TRACED;
	}
	for (; tracing.next < head; tracing.next++) {
		const struct trace_entry *e = (const struct trace_entry *)words;
		const union nvme_cmd *cmd = (const union nvme_cmd *)e->sqe;

		if (!trace_copy(tracing.next + 1, words)) {
			tracing.lost++;
			continue;
		}
		tracing.read++;
		if (cmd->opcode != 2 || le32_to_cpu(cmd->rw.reftag) >= CLIENTS || le16toh(e->flags) != TRACE_SERVED ||
		    e->status || e->error || le64toh(e->length) != 512 || !e->submitted ||
		    le64toh(e->completed) < le64toh(e->submitted))
			fails("an entry of the trace is not whole");
	}
}

static void trace_done(uint64_t commands)
{
	if (tracing.on)
		trace_turn();
	trace_read();
	printf("# %llu of them traced, %llu read, %llu times on and off\n", (unsigned long long)tracing.next,
	       (unsigned long long)tracing.read, (unsigned long long)tracing.turns);
	ck_assert_uint_eq(tracing.read + tracing.lost, tracing.next);
	ck_assert_uint_gt(tracing.read, 100);
	ck_assert_uint_le(tracing.next, commands);
	ck_assert_uint_gt(tracing.turns, 2);
	free(tracing.trace.control);
	tracing.used = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	/* The one before was answered, or is on its way still. */
	asking.calls++;
	data_driver_call(driver, engine_answer, &asking);
	if (tracing.used) {
		trace_read();
		if (asking.calls % 8 == 1)
			trace_turn();
	}
	/* And counters are read while they are written. */
	for (unsigned int i = 0; i < CLIENTS; i++) {
		static struct tally now;

		memset(&now, 0, sizeof(now));
		tally_init(&now);
		tally_merge(&now, &parties[i].c.served.stats, true);
		if (now.completed < asking.completed[i] || now.submitted < now.completed ||
		    histogram_count(&now.latency) < asking.completed[i])
			fails("counters go back");
		asking.completed[i] = now.completed;
	}
}

static void check_counts(const struct party *p)
{
	const struct tally *s = &p->c.served.stats;

	ck_assert_uint_eq(p->pushed, p->popped);
	ck_assert_uint_eq(p->fetched, p->pushed);
	ck_assert_uint_eq(s->completed, p->pushed);
	ck_assert_uint_eq(s->submitted, p->pushed);
	ck_assert_uint_eq(histogram_count(&s->latency), p->pushed);
	ck_assert_uint_gt(s->latency.sum, 0);
	ck_assert_uint_ge(s->latency.max, s->latency.sum / p->pushed);
	ck_assert_uint_eq(s->failed + s->refused, 0);
	ck_assert_uint_eq(p->c.served.inflight, 0);
	ck_assert_uint_eq(p->c.buffer.busy, 0);
	/* Each time that one lies down it is woken once at most, and nobody else is. */
	ck_assert_uint_le(s->wakes, p->arms);
	ck_assert_uint_le(p->woken, s->wakes);
	ck_assert_uint_le(s->kicks, p->kicks);
	/* for a command and for room; and the queue begins asleep */
	ck_assert_uint_le(p->kicks, 2 * atomic_load(&p->daemon_arms) + 2);
	if (p->never_sleeps)
		ck_assert_uint_eq(s->wakes, 0);
}

static void hammer(bool poll, unsigned int spin_us, bool traced)
{
	struct timeval ms = {.tv_usec = 1000};
	uint64_t sleeps = 0, commands = 0, kicks = 0;
	pthread_t device;
	struct event *done;

#ifdef __SANITIZE_THREAD__
	sleeps_wanted = 8000;
#else
	sleeps_wanted = longer() ? 350000 : 30000;
#endif
	begin(poll, spin_us);
	if (traced)
		trace_begin();
	rests();
	done_fd = eventfd(0, EFD_NONBLOCK);
	done = event_new(base, done_fd, EV_READ, on_done, NULL);
	event_add(done, NULL);
	asking = (struct asking){.msg.done = on_answer};
	asking.timer = event_new(base, -1, EV_PERSIST, on_timer, NULL);
	event_add(asking.timer, &ms);
	atomic_store(&running, CLIENTS);
	ck_assert_int_eq(pthread_create(&device, NULL, device_thread, NULL), 0);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		parties[i].never_sleeps = i == CLIENTS - 1;
		ck_assert_int_eq(
			pthread_create(&parties[i].thread, NULL, client_thread, &parties[i]), 0);
	}
	event_base_dispatch(base);
	for (unsigned int i = 0; i < CLIENTS; i++)
		pthread_join(parties[i].thread, NULL);
	event_free(asking.timer);
	ck_assert_msg(!atomic_load(&failure), "%s", atomic_load(&failure));
	rests();
	atomic_store(&device_stops, true);
	pthread_join(device, NULL);
	ck_assert_uint_gt(asking.answers, 0);
	ck_assert_uint_le(asking.answers, asking.calls);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		check_counts(&parties[i]);
		sleeps += parties[i].sleeps;
		commands += parties[i].pushed;
		kicks += parties[i].kicks;
	}
	printf("# %s: %llu commands, clients slept %llu times, the driver %llu times, %llu kicks\n",
	       poll ? "poll" : "event", (unsigned long long)commands, (unsigned long long)sleeps,
	       (unsigned long long)data_driver_stats(driver).sleeps, (unsigned long long)kicks);
	if (traced)
		trace_done(commands);
	fflush(stdout);
	ck_assert_uint_gt(data_driver_stats(driver).sleeps, 100);
	data_driver_forget(driver, &asking.msg);
	event_free(done);
	close(done_fd);
	end();
}

START_TEST(test_event)
{
	hammer(false, 0, false);
}
END_TEST

START_TEST(test_poll)
{
	hammer(true, 0, false);
}
END_TEST

START_TEST(test_poll_spins)
{
	hammer(true, 50, false);
}
END_TEST

START_TEST(test_poll_traced)
{
	hammer(true, 0, true);
}
END_TEST

/* A watch is gone when data_driver_unwatch() returns, though it becomes readable all the time. */
static void *noise_thread(void *arg)
{
	while (!atomic_load(&device_stops))
		eventfd_write(*(int *)arg, 1);
	return NULL;
}

START_TEST(test_unwatch)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	pthread_t noise;
	uint64_t seen = 0;

	begin(true, 0);
	ck_assert_int_eq(pthread_create(&noise, NULL, noise_thread, &fd), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		struct data_watch *w = calloc(1, sizeof(*w));

		w->fd = fd;
		ck_assert_int_eq(data_driver_watch(driver, w), 0);
		for (unsigned int k = i % 4; k; k--)
			sched_yield();
		data_driver_unwatch(w);
		seen += w->count;
		free(w);
	}
	ck_assert_uint_gt(seen, 0);
	atomic_store(&device_stops, true);
	pthread_join(noise, NULL);
	close(fd);
	rests();
	end();
}
END_TEST

UNIT_MAIN("driver", {
	tcase_set_timeout(tc, longer() ? 900 : 120);
	tcase_add_test(tc, test_event);
	tcase_add_test(tc, test_poll);
	tcase_add_test(tc, test_poll_spins);
	tcase_add_test(tc, test_poll_traced);
	tcase_add_test(tc, test_unwatch);
})
