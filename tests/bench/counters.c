/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/counters.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those that are for memory. */
static const int counters_memory[] = {
	SYS_mmap, SYS_munmap, SYS_brk, SYS_mremap, SYS_madvise, SYS_mprotect,
};

/* The number of the tracepoint, or 0. */
static uint64_t counters_tracepoint(void)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
		"/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
	};
	uint64_t id = 0;

	for (unsigned int i = 0; i < 2 && !id; i++) {
		FILE *f = fopen(paths[i], "re");

		if (f && fscanf(f, "%" SCNu64, &id) != 1)
			id = 0;
		if (f)
			fclose(f);
	}
	return id;
}

/* Calls `fn` for each thread. */
static int counters_threads(struct counters_of *of,
			    void (*fn)(struct counters_of *of, pid_t tid, void *arg), void *arg)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)of->pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			fn(of, (pid_t)atoi(entry->d_name), arg);
	closedir(dir);
	return 0;
}

static int counters_filter(int fd)
{
	char text[32 * sizeof(counters_memory) / sizeof(counters_memory[0])];
	size_t len = 0;

	for (size_t i = 0; i < sizeof(counters_memory) / sizeof(counters_memory[0]); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%sid == %d", i ? " || " : "",
					counters_memory[i]);
	return ioctl(fd, PERF_EVENT_IOC_SET_FILTER, text);
}

static void counters_thread_open(struct counters_of *of, pid_t tid, void *arg)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .disabled = 1};
	uint64_t *id = arg;

	attr.config = *id;
	for (int kind = 0; kind < COUNTERS_KINDS && *id; kind++) {
		int fd = -1;

		if (of->nfds < sizeof(of->fds) / sizeof(of->fds[0]))
			fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1,
					  PERF_FLAG_FD_CLOEXEC);
		if (fd >= 0)
			of->fds[of->nfds++] = fd;
		if (fd < 0 || (kind == COUNTERS_MEMORY && counters_filter(fd) < 0))
			*id = 0;
	}
}

int counters_open(struct counters *c, pid_t daemon)
{
	uint64_t id = counters_tracepoint();

	memset(c, 0, sizeof(*c));
	c->client.pid = getpid();
	c->daemon.pid = daemon;
	if (counters_threads(&c->client, counters_thread_open, &id) < 0)
		return -1;
	if (daemon && counters_threads(&c->daemon, counters_thread_open, &id) < 0)
		return -1;
	c->calls = id != 0;
	return 0;
}

static void counters_of_close(struct counters_of *of)
{
	while (of->nfds)
		close(of->fds[--of->nfds]);
}

void counters_close(struct counters *c)
{
	counters_of_close(&c->client);
	counters_of_close(&c->daemon);
}

static void counters_thread_sleeps(struct counters_of *of, pid_t tid, void *arg)
{
	char path[80], line[128];
	uint64_t n;
	int sign = *(int *)arg;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)of->pid, (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &n) == 1)
			of->counts.sleeps += sign > 0 ? n : -n;
	if (f)
		fclose(f);
}

static void counters_sleeps(struct counters *c, int sign)
{
	counters_threads(&c->client, counters_thread_sleeps, &sign);
	if (c->daemon.pid)
		counters_threads(&c->daemon, counters_thread_sleeps, &sign);
}

static void counters_enable(struct counters_of *of, unsigned long request)
{
	for (unsigned int i = 0; i < of->nfds; i++)
		ioctl(of->fds[i], request, 0);
}

static void counters_read(struct counters_of *of)
{
	uint64_t value;

	for (unsigned int i = 0; i < of->nfds; i++) {
		if (read(of->fds[i], &value, sizeof(value)) != sizeof(value))
			continue;
		if (i % COUNTERS_KINDS == COUNTERS_CALLS)
			of->counts.calls += value;
		else
			of->counts.memory += value;
	}
}

void counters_start(struct counters *c)
{
	c->client.counts = c->daemon.counts = (struct counts){0};
	counters_sleeps(c, -1);
	counters_enable(&c->client, PERF_EVENT_IOC_RESET);
	counters_enable(&c->daemon, PERF_EVENT_IOC_RESET);
	counters_enable(&c->daemon, PERF_EVENT_IOC_ENABLE);
	counters_enable(&c->client, PERF_EVENT_IOC_ENABLE);
}

void counters_stop(struct counters *c)
{
	counters_enable(&c->client, PERF_EVENT_IOC_DISABLE);
	counters_enable(&c->daemon, PERF_EVENT_IOC_DISABLE);
	counters_sleeps(c, 1);
	counters_read(&c->client);
	counters_read(&c->daemon);
}
