/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/closer.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "proto/fdset.h"

struct closing {
	STAILQ_ENTRY(closing) link;
	int fd;
};

static struct {
	pthread_mutex_t lock;
	STAILQ_HEAD(, closing) list; /* under lock, as all others */
	unsigned int waiting;	     /* in the list, and the one that is being closed */
	bool running;
} closer = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.list = STAILQ_HEAD_INITIALIZER(closer.list),
};

static void *closer_main(void *arg)
{
	struct closing *c;

	pthread_mutex_lock(&closer.lock);
	while ((c = STAILQ_FIRST(&closer.list))) {
		STAILQ_REMOVE_HEAD(&closer.list, link);
		pthread_mutex_unlock(&closer.lock);
		fdset_close_one(c->fd);
		free(c);
		pthread_mutex_lock(&closer.lock);
		closer.waiting--;
	}
	closer.running = false;
	pthread_mutex_unlock(&closer.lock);
	return NULL;
}

/* Nobody can wait for its end: it may be waiting itself. */
static bool closer_start(void)
{
	sigset_t all, old;
	pthread_t thread;

	if (closer.running)
		return true;
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	closer.running = pthread_create(&thread, NULL, closer_main, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (closer.running)
		pthread_detach(thread);
	return closer.running;
}

static void closer_close(int fd)
{
	/* Whatever is no memory file answers this at once, and without being asked itself. */
	struct closing *c = fcntl(fd, F_GET_SEALS) < 0 ? malloc(sizeof(*c)) : NULL;

	pthread_mutex_lock(&closer.lock);
	if (c && closer_start()) {
		*c = (struct closing){.fd = fd};
		STAILQ_INSERT_TAIL(&closer.list, c, link);
		closer.waiting++;
		c = NULL;
		fd = -1;
	}
	pthread_mutex_unlock(&closer.lock);
	free(c);
	if (fd >= 0)
		fdset_close_one(fd);
}

void closer_init(void)
{
	fdset_set_dropper(closer_close);
}

unsigned int closer_waiting(void)
{
	unsigned int n;

	pthread_mutex_lock(&closer.lock);
	n = closer.waiting;
	pthread_mutex_unlock(&closer.lock);
	return n;
}
