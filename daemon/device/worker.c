/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include <vfn/support.h>

TAILQ_HEAD(job_list, job);

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job_list todo, finished; /* under lock */
	bool stopping;                  /* under lock */
	int fd;                         /* eventfd: `finished` is not empty */
	struct event *event;
};

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct job *job;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!(job = TAILQ_FIRST(&w->todo)) && !w->stopping)
			pthread_cond_wait(&w->wake, &w->lock);
		if (!job)
			break;
		TAILQ_REMOVE(&w->todo, job, link);
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		TAILQ_INSERT_TAIL(&w->finished, job, link);
		eventfd_write(w->fd, 1);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void worker_finish(struct worker *w)
{
	struct job_list list = TAILQ_HEAD_INITIALIZER(list);
	struct job *job;

	pthread_mutex_lock(&w->lock);
	TAILQ_CONCAT(&list, &w->finished, link);
	pthread_mutex_unlock(&w->lock);
	while ((job = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, job, link);
		job->done(job);
	}
}

static void worker_readable(evutil_socket_t fd, short what, void *arg)
{
	eventfd_t n;

	eventfd_read(fd, &n);
	worker_finish(arg);
}

static void worker_free(struct worker *w)
{
	if (w->event)
		event_free(w->event);
	if (w->fd >= 0)
		close(w->fd);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int worker_start(struct event_base *base, const char *name, struct worker **out)
{
	struct worker *w = calloc(1, sizeof(*w));
	sigset_t all, old;
	char short_name[16];
	int ret;

	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	TAILQ_INIT(&w->todo);
	TAILQ_INIT(&w->finished);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0) {
		ret = -errno;
		goto fail;
	}
	w->event = event_new(base, w->fd, EV_READ | EV_PERSIST, worker_readable, w);
	if (!w->event || event_add(w->event, NULL) < 0) {
		ret = -ENOMEM;
		goto fail;
	}
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = -pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret < 0)
		goto fail;
	snprintf(short_name, sizeof(short_name), "%s", name);
	pthread_setname_np(w->thread, short_name);
	*out = w;
	return 0;
fail:
	worker_free(w);
	return ret;
}

void worker_post(struct worker *w, struct job *job)
{
	job->error = 0;
	job->text[0] = '\0';
	pthread_mutex_lock(&w->lock);
	TAILQ_INSERT_TAIL(&w->todo, job, link);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	worker_finish(w);
	worker_free(w);
}

void job_fail(struct job *job, int error)
{
	const char *why = vfn_error();

	job->error = error ? error : -EIO;
	snprintf(job->text, sizeof(job->text), "%s", *why ? why : strerror(-job->error));
}
