/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/idle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vfn/client.h>

/* Names of the memory that clients have as well. */
#define IDLE_SHARED "/memfd:vfnd-"

struct idle_session {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
};

/* Bytes of the process that are in memory, without what clients share with it; -1: they cannot be told. */
static long idle_bytes(pid_t pid)
{
	char path[64], line[512];
	long kib = 0, n;
	bool shared = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			shared = strstr(line, IDLE_SHARED) != NULL;
		else if (!shared && sscanf(line, "Rss: %ld kB", &n) == 1)
			kib += n;
	}
	if (!f)
		return -1;
	fclose(f);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %ld kB", &n) == 1)
			kib += n;
	if (!f)
		return -1;
	fclose(f);
	return kib * 1024;
}

static int idle_open(struct idle_session *s, const char *device)
{
	struct vfnc_queue_opts opts = {.mode = VFNC_QUEUE_SERVED, .entries = IDLE_ENTRIES};
	int ret = vfnc_connect(NULL, &s->conn);

	if (ret == 0)
		ret = vfnc_open(s->conn, device, &s->dev);
	if (ret == 0)
		ret = vfnc_queue_create(s->dev, &opts, &s->queue);
	if (ret < 0)
		fprintf(stderr, "modes: an idle session: %s\n", vfnc_error(s->conn));
	return ret < 0 ? -1 : 0;
}

int idle_measure(const char *device, pid_t pid)
{
	static struct idle_session sessions[IDLE_SESSIONS + 1];
	long before = 0, after;
	int ret = 0;

	for (int i = 0; i <= IDLE_SESSIONS && ret == 0; i++) {
		ret = idle_open(&sessions[i], device);
		/* The first one has the daemon prepare what all use. */
		if (i == 0)
			before = idle_bytes(pid);
	}
	after = idle_bytes(pid);
	for (int i = 0; i <= IDLE_SESSIONS; i++)
		vfnc_disconnect(sessions[i].conn);
	if (ret < 0)
		return -1;
	if (before < 0 || after < 0) {
		fprintf(stderr, "modes: the memory of process %d: %s\n", (int)pid, strerror(errno));
		return -1;
	}
	printf("daemon_bytes %ld bytes/session\n", (after - before) / IDLE_SESSIONS);
	return 0;
}
