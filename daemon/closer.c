/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/closer.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "proto/fdset.h"

/* A memory file of no more (64 MiB) is closed at once: what takes its time is to free the pages. */
#define CLOSER_SMALL (UINT64_C(64) << 20)

struct closing {
	STAILQ_ENTRY(closing) link;
	int fd;
};

struct closer {
	pthread_mutex_t lock;
	STAILQ_HEAD(, closing) list; /* under lock, as all others */
	unsigned int waiting;	     /* in the list, and the one that is being closed */
	bool running;
};

#define CLOSER_INIT(c) {.lock = PTHREAD_MUTEX_INITIALIZER, .list = STAILQ_HEAD_INITIALIZER((c).list)}

/* Memory does not wait for what somebody else keeps from being closed. */
static struct closer closer_memory = CLOSER_INIT(closer_memory), closer_others = CLOSER_INIT(closer_others);

static void *closer_main(void *arg)
{
	struct closer *on = arg;
	struct closing *c;

	pthread_mutex_lock(&on->lock);
	while ((c = STAILQ_FIRST(&on->list))) {
		STAILQ_REMOVE_HEAD(&on->list, link);
		pthread_mutex_unlock(&on->lock);
		fdset_close_one(c->fd);
		free(c);
		pthread_mutex_lock(&on->lock);
		on->waiting--;
	}
	on->running = false;
	pthread_mutex_unlock(&on->lock);
	return NULL;
}

/* Nobody can wait for its end: it may be waiting itself. */
static bool closer_start(struct closer *on)
{
	sigset_t all, old;
	pthread_t thread;

	if (on->running)
		return true;
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	on->running = pthread_create(&thread, NULL, closer_main, on) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (on->running)
		pthread_detach(thread);
	return on->running;
}

static bool closer_post(struct closer *on, int fd)
{
	struct closing *c = malloc(sizeof(*c));
	bool posted;

	if (!c)
		return false;
	c->fd = fd;
	pthread_mutex_lock(&on->lock);
	posted = closer_start(on);
	if (posted) {
		STAILQ_INSERT_TAIL(&on->list, c, link);
		on->waiting++;
	}
	pthread_mutex_unlock(&on->lock);
	if (!posted)
		free(c);
	return posted;
}

static void closer_close(int fd)
{
	/* Whatever is no memory file answers this at once, and without being asked itself. */
	bool memory = fcntl(fd, F_GET_SEALS) >= 0;
	struct stat st;

	if (memory && fstat(fd, &st) == 0 && (uint64_t)st.st_blocks * 512 <= CLOSER_SMALL)
		fdset_close_one(fd);
	else if (!closer_post(memory ? &closer_memory : &closer_others, fd))
		fdset_close_one(fd);
}

void closer_init(void)
{
	fdset_set_dropper(closer_close);
}

static unsigned int closer_count(struct closer *on)
{
	unsigned int n;

	pthread_mutex_lock(&on->lock);
	n = on->waiting;
	pthread_mutex_unlock(&on->lock);
	return n;
}

unsigned int closer_waiting(void)
{
	return closer_count(&closer_memory) + closer_count(&closer_others);
}
