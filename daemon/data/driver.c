/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/data/driver.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include <vfn/support.h>

/* On the loop: moved at a stretch before others have their turn; rounds in vain before it sleeps. */
#define DRIVER_STRETCH	512
#define DRIVER_PATIENCE 64
/* A client that sleeps, and has commands in flight, is told of completions after so many moves, or so many rounds in
 * vain. */
#define DRIVER_HOLD 256
#define DRIVER_TELL 32
/* Looks at queues in vain before such a one sleeps; polling, at least so many in each microsecond that the thread
 * spins: it is not to ask the kernel for kicks meanwhile. */
#define DRIVER_LOOKS	1024
#define DRIVER_LOOKS_US 100
/* Polling: rounds between two looks whether a sleeping queue was kicked. */
#define DRIVER_LOOK   256
#define DRIVER_EVENTS 64
/* Milliseconds between two looks at commands whose completion no interrupt tells of. */
#define DRIVER_GLANCE 1

TAILQ_HEAD(data_msgs, data_msg);

struct driver_call {
	void (*fn)(struct data_engine *engine, void *arg);
	void *arg;
};

struct data_driver {
	struct data_engine engine;
	struct event_base *base;
	bool poll, no_irq;
	uint64_t spin_ticks;
	struct event *again;   /* on the loop: go on */
	struct data_msgs told; /* whose done is to be called, on the loop */
	struct event *told_event;
	bool running;
	_Atomic uint64_t rounds, sleeps;

	/* polling */
	pthread_t thread;
	int epoll_fd, wake_fd, told_fd;
	pthread_mutex_t lock; /* guards `told` and `asked`; never held while anything is done */
	pthread_cond_t answered;
	struct driver_call *asked; /* one at a time: the loop waits for it */
	atomic_bool has_asked;
	bool stop; /* the thread's */
};

/* Where the engine is run: a watch's descriptor has become readable. */
static void driver_seen(struct data_watch *w)
{
	w->count++;
	if (w->served) {
		counter_add(&w->served->stats.kicks, 1);
		data_engine_kick(&w->driver->engine, w->served);
	}
}

static uint64_t driver_clock(void)
{
	return get_ticks();
}

/* Milliseconds that may be slept, at least one; -1: until something comes. */
static int driver_nap(const struct data_driver *d)
{
	uint64_t ticks;

	/* Nobody will tell when what is in flight has completed. */
	if (d->no_irq && d->engine.inflight && !d->engine.halted)
		return DRIVER_GLANCE;
	if (!data_engine_due(&d->engine, &ticks))
		return -1;
	ticks = ticks * 1000 / __vfn_ticks_freq + 1;
	return ticks < 1000 ? (int)ticks : 1000;
}

/* ---- on the loop ------------------------------------------------------------------------- */

/* A queue that waits for a limit has nobody to kick, a device without interrupts nobody to tell. */
static void driver_alarm(struct data_driver *d)
{
	int ms = driver_nap(d);
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (ms >= 0)
		evtimer_add(d->again, &tv);
}

static void driver_run(struct data_driver *d)
{
	unsigned int moved = 0, idle = 0;

	if (d->running)
		return;
	d->running = true;
	for (;;) {
		unsigned int n = data_engine_round(&d->engine);

		d->rounds++;
		moved += n;
		if (moved >= DRIVER_STRETCH) {
			data_engine_tell(&d->engine);
			event_active(d->again, 0, 0);
			break;
		}
		if (n) {
			idle = 0;
			continue;
		}
		if (++idle == DRIVER_TELL)
			data_engine_tell(&d->engine);
		if (idle < DRIVER_PATIENCE)
			continue;
		if (data_engine_settle(&d->engine)) {
			d->sleeps++;
			driver_alarm(d);
			break;
		}
	}
	d->running = false;
}

static void driver_again(evutil_socket_t fd, short what, void *arg)
{
	driver_run(arg);
}

static void driver_kicked(evutil_socket_t fd, short what, void *arg)
{
	struct data_watch *w = arg;

	driver_seen(w);
	driver_run(w->driver);
}

/* ---- polling ----------------------------------------------------------------------------- */

static void driver_look(struct data_driver *d, int timeout)
{
	struct epoll_event events[DRIVER_EVENTS];
	int n = epoll_wait(d->epoll_fd, events, DRIVER_EVENTS, timeout);

	for (int i = 0; i < n; i++) {
		struct data_watch *w = events[i].data.ptr;
		eventfd_t value;

		if (w)
			driver_seen(w);
		else /* the daemon's alone */
			(void)!eventfd_read(d->wake_fd, &value);
	}
}

static void driver_asked(struct data_driver *d)
{
	struct driver_call *call;

	pthread_mutex_lock(&d->lock);
	call = d->asked;
	pthread_mutex_unlock(&d->lock);
	if (call->fn)
		call->fn(&d->engine, call->arg);
	else
		d->stop = true;
	pthread_mutex_lock(&d->lock);
	atomic_store(&d->has_asked, false);
	d->asked = NULL;
	pthread_cond_signal(&d->answered);
	pthread_mutex_unlock(&d->lock);
}

static void *driver_thread(void *arg)
{
	struct data_driver *d = arg;
	struct data_engine *e = &d->engine;
	unsigned int since_look = 0, idle = 0;
	uint64_t busy = get_ticks();

	while (!d->stop) {
		if (atomic_load_explicit(&d->has_asked, memory_order_relaxed))
			driver_asked(d);
		d->rounds++;
		if (data_engine_round(e)) {
			busy = 0;
			idle = 0;
		} else if (++idle == DRIVER_TELL) {
			data_engine_tell(e);
		} else if (!busy) {
			busy = get_ticks();
		} else if (get_ticks() - busy > d->spin_ticks) {
			if (data_engine_settle(e)) {
				d->sleeps++;
				driver_look(d, driver_nap(d));
			}
			busy = 0;
			since_look = 0;
			continue;
		}
		/* While all are awake there is nobody to be kicked by. */
		if (e->nactive < e->nserved && ++since_look == DRIVER_LOOK) {
			since_look = 0;
			driver_look(d, 0);
		}
	}
	return NULL;
}

static void driver_lock(struct data_driver *d)
{
	if (d->poll)
		pthread_mutex_lock(&d->lock);
}

static void driver_unlock(struct data_driver *d)
{
	if (d->poll)
		pthread_mutex_unlock(&d->lock);
}

static void driver_deliver(struct data_driver *d)
{
	struct data_msg *msg;

	/* One by one: each may forget others. */
	for (;;) {
		driver_lock(d);
		msg = TAILQ_FIRST(&d->told);
		if (msg) {
			TAILQ_REMOVE(&d->told, msg, link);
			msg->sent = false;
		}
		driver_unlock(d);
		if (!msg)
			break;
		msg->done(msg);
	}
}

static void driver_told(evutil_socket_t fd, short what, void *arg)
{
	struct data_driver *d = arg;
	eventfd_t value;

	if (d->poll)
		(void)!eventfd_read(d->told_fd, &value);
	driver_deliver(d);
}

/* ---- for others -------------------------------------------------------------------------- */

void data_driver_wake(struct data_driver *d)
{
	if (d->poll)
		eventfd_write(d->wake_fd, 1);
	else
		driver_run(d);
}

void data_driver_call(struct data_driver *d, void (*fn)(struct data_engine *engine, void *arg),
		      void *arg)
{
	struct driver_call call = {fn, arg};

	if (!d->poll) {
		fn(&d->engine, arg);
		/* What the change has brought is done in a turn of its own. */
		event_active(d->again, 0, 0);
		return;
	}
	pthread_mutex_lock(&d->lock);
	d->asked = &call;
	atomic_store(&d->has_asked, true);
	eventfd_write(d->wake_fd, 1);
	while (d->asked)
		pthread_cond_wait(&d->answered, &d->lock);
	pthread_mutex_unlock(&d->lock);
}

void data_driver_notify(struct data_driver *d, struct data_msg *msg)
{
	bool first = false;

	driver_lock(d);
	if (!msg->sent) {
		first = TAILQ_EMPTY(&d->told);
		TAILQ_INSERT_TAIL(&d->told, msg, link);
		msg->sent = true;
	}
	driver_unlock(d);
	if (!first)
		return;
	if (d->poll)
		eventfd_write(d->told_fd, 1);
	else
		event_active(d->told_event, 0, 0);
}

void data_driver_forget(struct data_driver *d, struct data_msg *msg)
{
	driver_lock(d);
	if (msg->sent)
		TAILQ_REMOVE(&d->told, msg, link);
	msg->sent = false;
	driver_unlock(d);
}

int data_driver_watch(struct data_driver *d, struct data_watch *w)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = w};

	/* First: the thread may see it as soon as it is added. */
	w->driver = d;
	if (d->poll) {
		if (epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, w->fd, &ev) == 0)
			return 0;
		w->driver = NULL;
		return -errno;
	}
	w->event = event_new(d->base, w->fd, EV_READ | EV_PERSIST | EV_ET, driver_kicked, w);
	if (!w->event) {
		w->driver = NULL;
		return -ENOMEM;
	}
	if (event_add(w->event, NULL) < 0) {
		event_free(w->event);
		w->event = NULL;
		w->driver = NULL;
		return -ENOMEM;
	}
	return 0;
}

static void driver_nothing(struct data_engine *engine, void *arg)
{
}

void data_driver_unwatch(struct data_watch *w)
{
	if (!w->driver)
		return;
	if (w->event) {
		event_free(w->event);
	} else {
		epoll_ctl(w->driver->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
		/* The thread may be about to look at what it was told of before. */
		data_driver_call(w->driver, driver_nothing, NULL);
	}
	w->event = NULL;
	w->driver = NULL;
}

static uint64_t driver_ticks(unsigned int us)
{
	return (uint64_t)us * __vfn_ticks_freq / 1000000;
}

static void driver_spin(struct data_driver *d, unsigned int us)
{
	d->engine.patience = DRIVER_LOOKS;
	if (d->poll && us > DRIVER_LOOKS / DRIVER_LOOKS_US)
		d->engine.patience = us < UINT_MAX / DRIVER_LOOKS_US ? us * DRIVER_LOOKS_US : UINT_MAX;
	d->spin_ticks = driver_ticks(us);
}

static void driver_set_spin(struct data_engine *engine, void *arg)
{
	driver_spin(container_of(engine, struct data_driver, engine), *(unsigned int *)arg);
}

void data_driver_set_spin(struct data_driver *d, unsigned int spin_us)
{
	data_driver_call(d, driver_set_spin, &spin_us);
}

bool data_driver_polls(const struct data_driver *d)
{
	return d->poll;
}

struct data_driver_stats data_driver_stats(const struct data_driver *d)
{
	return (struct data_driver_stats){.rounds = d->rounds, .sleeps = d->sleeps};
}

static void driver_free(struct data_driver *d)
{
	if (d->again)
		event_free(d->again);
	if (d->told_event)
		event_free(d->told_event);
	if (d->epoll_fd >= 0)
		close(d->epoll_fd);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	if (d->told_fd >= 0)
		close(d->told_fd);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->answered);
	data_engine_clear(&d->engine);
	free(d);
}

static int driver_thread_start(struct data_driver *d, const struct data_driver_opts *opts)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	pthread_attr_t attr;
	sigset_t all, old;
	cpu_set_t set;
	int ret;

	d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->epoll_fd < 0 || d->wake_fd < 0 || d->told_fd < 0 ||
	    epoll_ctl(d->epoll_fd, EPOLL_CTL_ADD, d->wake_fd, &ev) < 0)
		return -errno;
	d->told_event = event_new(d->base, d->told_fd, EV_READ | EV_PERSIST, driver_told, d);
	if (!d->told_event || event_add(d->told_event, NULL) < 0)
		return -ENOMEM;
	pthread_attr_init(&attr);
	if (opts->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(opts->cpu, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&d->thread, &attr, driver_thread, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (ret == 0)
		pthread_setname_np(d->thread, opts->name);
	return ret;
}

int data_driver_start(struct event_base *base, const struct data_driver_opts *opts, void *owner,
		      struct data_driver **out)
{
	struct data_driver *d = calloc(1, sizeof(*d));
	int ret;

	*out = NULL;
	if (!d)
		return -ENOMEM;
	d->base = base;
	d->poll = opts->poll;
	d->no_irq = opts->no_irq;
	d->epoll_fd = d->wake_fd = d->told_fd = -1;
	d->engine.owner = owner;
	d->engine.clock = driver_clock;
	d->engine.hold = DRIVER_HOLD;
	driver_spin(d, opts->spin_us);
	TAILQ_INIT(&d->told);
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->answered, NULL);
	if (d->poll) {
		ret = opts->cpu < CPU_SETSIZE ? driver_thread_start(d, opts) : -EINVAL;
	} else {
		d->again = event_new(base, -1, 0, driver_again, d);
		d->told_event = event_new(base, -1, 0, driver_told, d);
		ret = d->again && d->told_event ? 0 : -ENOMEM;
	}
	if (ret < 0) {
		driver_free(d);
		return ret;
	}
	*out = d;
	return 0;
}

void data_driver_stop(struct data_driver *d)
{
	if (!d)
		return;
	if (d->poll) {
		data_driver_call(d, NULL, NULL);
		pthread_join(d->thread, NULL);
	}
	driver_deliver(d);
	driver_free(d);
}
