/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions, the software controller, and what daemon and controller hold. */
#include "int.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the software controller --------------------------------------------------------------- */

static int sim_connect(const char *control)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(strlen(control) < sizeof(sa.sun_path), "%s is too long for a socket", control);
	strcpy(sa.sun_path, control);
	CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0, "%s: %s", control,
	      strerror(errno));
	return fd;
}

static size_t sim_read_line(int fd, char *out, size_t room)
{
	size_t len = 0;

	while (len == 0 || out[len - 1] != '\n') {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		CHECK(poll(&p, 1, INT_SOON_MS) == 1, "vfnd-sim does not answer");
		n = read(fd, out + len, room - 1 - len);
		CHECK(n > 0, "vfnd-sim has closed the control connection");
		len += (size_t)n;
	}
	out[len - 1] = '\0';
	return len - 1;
}

const char *sim_tell(const char *control, const char *format, ...)
{
	static char answer[65536];
	char line[256];
	va_list ap;
	int fd = sim_connect(control), n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	line[n] = '\n';
	CHECK(write(fd, line, (size_t)n + 1) == n + 1, "write: %s", strerror(errno));
	line[n] = '\0';
	sim_read_line(fd, answer, sizeof(answer));
	close(fd);
	CHECK(strncmp(answer, "ok", 2) == 0, "vfnd-sim: %s: %s", line, answer);
	return answer + 2;
}

long sim_stat(const char *control, const char *name)
{
	const char *stats = sim_tell(control, "stats"), *at;
	char key[64];

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(stats, key);
	CHECK(at, "vfnd-sim has no statistic %s: %s", name, stats);
	at += strlen(key);
	return strncmp(at, "true", 4) == 0 ? 1 : strtol(at, NULL, 10);
}

/* ---- sessions ------------------------------------------------------------------------------ */

struct vfnc *int_connect(void)
{
	struct vfnc *conn;

	OK(NULL, vfnc_connect(NULL, &conn));
	OK(conn, vfnc_set_timeout(conn, INT_SOON_MS));
	return conn;
}

struct vfnc_device *int_open(struct vfnc *conn, const char *address)
{
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct vfnc_device *dev;
	int ret;

	/* A controller that was just reset by another case is not ready yet. */
	while ((ret = vfnc_open(conn, address ? address : env.device, &dev)) == -EAGAIN &&
	       int_now_ms() < deadline)
		int_pause();
	OK(conn, ret);
	return dev;
}

struct vfnc_device *int_open_new(void)
{
	return int_open(int_connect(), NULL);
}

struct vfnc_queue *int_queue(struct vfnc_device *dev, uint32_t entries)
{
	struct vfnc_queue *queue;

	OK(vfnc_device_connection(dev), vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = entries},
						      &queue));
	return queue;
}

struct vfnc_buffer *int_buffer(struct vfnc_device *dev, size_t size)
{
	struct vfnc_buffer *buf;

	OK(vfnc_device_connection(dev), vfnc_buffer_alloc(dev, size, &buf));
	return buf;
}

struct vfnc_namespace int_namespace(struct vfnc_device *dev, uint32_t nsid)
{
	struct vfnc_namespace ns;

	OK(vfnc_device_connection(dev), vfnc_namespace(dev, nsid, &ns));
	return ns;
}

struct vfnc_cmd int_rw(bool write, uint32_t nsid, uint64_t slba, uint32_t nlb,
		       const struct vfnc_buffer *buf, uint64_t offset, uint64_t length)
{
	return (struct vfnc_cmd){
		.opcode = write ? 0x01 : 0x02,
		.nsid = nsid,
		.cdw10 = (uint32_t)slba,
		.cdw11 = (uint32_t)(slba >> 32),
		.cdw12 = nlb - 1,
		.buffer = buf,
		.offset = offset,
		.length = length,
	};
}

void int_complete(struct vfnc *conn, uint64_t ticket)
{
	struct vfnc_completion completion;

	OK(conn, vfnc_wait(conn, ticket, &completion, INT_SOON_MS));
	CHECK(vfnc_ok(&completion), "a command failed with status %#x", completion.status);
}

uint64_t int_complete_any(struct vfnc *conn)
{
	struct vfnc_completion completion;
	uint64_t ticket;

	OK(conn, vfnc_wait_any(conn, &ticket, &completion, INT_SOON_MS));
	CHECK(vfnc_ok(&completion), "a command failed with status %#x", completion.status);
	return ticket;
}

/* ---- what is held -------------------------------------------------------------------------- */

static unsigned int count_folder(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	CHECK(dir, "%s: %s", path, strerror(errno));
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

/*
 * Only mappings of files: how many anonymous ones there are is the allocator's business. Program and
 * libraries are mapped by paths, which do not change either.
 */
static unsigned int count_mappings(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	unsigned int n = 0;

	CHECK(f, "%s: %s", path, strerror(errno));
	while (getline(&line, &room, f) > 0)
		n += strstr(line, "memfd:") || strstr(line, "anon_inode:") || strstr(line, "/dev/");
	free(line);
	fclose(f);
	return n;
}

static long status_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	long value = -1;

	CHECK(f, "%s: %s", path, strerror(errno));
	while (value < 0 && getline(&line, &room, f) > 0)
		if (strncmp(line, key, strlen(key)) == 0)
			value = atol(line + strlen(key));
	free(line);
	fclose(f);
	CHECK(value >= 0, "no %s in %s", key, path);
	return value;
}

static void ledger_take_with(struct ledger *l, struct vfnc *conn, struct vfnc_device *dev,
			     struct vfnc_device *dev2)
{
	char path[64];

	memset(l, 0, sizeof(*l));
	OK(conn, vfnc_statistics(conn, dev, &l->stats));
	if (dev2)
		OK(conn, vfnc_statistics(conn, dev2, &l->stats2));
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)env.daemon);
	l->fds = count_folder(path);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)env.daemon);
	l->threads = count_folder(path);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)env.daemon);
	l->mappings = count_mappings(path);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)env.daemon);
	l->rss_kib = status_number(path, "VmRSS:");
	if (env.sim_control) {
		l->sim_queues = sim_stat(env.sim_control, "io_sqs") +
				sim_stat(env.sim_control, "io_cqs");
		l->sim_mappings = sim_stat(env.sim_control, "mappings");
	}
}

/* The second device may be gone by design of the test: then it is left out. */
static struct vfnc *ledger_open(struct vfnc_device **dev, struct vfnc_device **dev2)
{
	struct vfnc *conn = int_connect();

	*dev = int_open(conn, NULL);
	*dev2 = NULL;
	if (vfnc_open(conn, env.device2, dev2) < 0)
		*dev2 = NULL;
	return conn;
}

void ledger_settle(void)
{
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_statistics s;

	for (;;) {
		OK(conn, vfnc_statistics(conn, dev, &s));
		if (s.sessions == 1 && s.outstanding == 0 && s.queue_pairs == 0 &&
		    s.buffer_bytes == s.quarantined_bytes)
			break;
		CHECK(int_now_ms() < deadline,
		      "left by earlier sessions: %llu sessions, %llu outstanding, %llu queue pairs, "
		      "%llu bytes of buffers",
		      (unsigned long long)s.sessions - 1, (unsigned long long)s.outstanding,
		      (unsigned long long)s.queue_pairs, (unsigned long long)s.buffer_bytes);
		int_pause();
	}
	OK(conn, vfnc_close(dev));
	vfnc_disconnect(conn);
}

void ledger_take(struct ledger *l)
{
	struct vfnc_device *dev, *dev2;
	struct vfnc *conn = ledger_open(&dev, &dev2);

	ledger_take_with(l, conn, dev, dev2);
	vfnc_disconnect(conn);
}

struct ledger_row {
	const char *name;
	size_t offset;
};

#define STATS_ROW(field)  {#field, offsetof(struct ledger, stats.field)}
#define STATS2_ROW(field) {"second device's " #field, offsetof(struct ledger, stats2.field)}

static const struct ledger_row ledger_rows[] = {
	STATS_ROW(sessions),	STATS_ROW(leases),	  STATS_ROW(fds),
	STATS_ROW(outstanding), STATS_ROW(queue_pairs),	  STATS_ROW(buffers),
	STATS_ROW(buffer_bytes), STATS_ROW(mappings),	  STATS_ROW(quarantined_bytes),
	STATS2_ROW(outstanding), STATS2_ROW(queue_pairs), STATS2_ROW(buffers),
	STATS2_ROW(mappings),
};

static void ledger_explain(const struct ledger *a, const struct ledger *b, char *out, size_t room)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < sizeof(ledger_rows) / sizeof(ledger_rows[0]); i++) {
		const struct ledger_row *row = &ledger_rows[i];
		uint64_t va = *(const uint64_t *)((const char *)a + row->offset);
		uint64_t vb = *(const uint64_t *)((const char *)b + row->offset);

		if (va != vb && n < room)
			n += (size_t)snprintf(out + n, room - n, " %s %llu -> %llu;", row->name,
					      (unsigned long long)va, (unsigned long long)vb);
	}
	if (a->fds != b->fds && n < room)
		n += (size_t)snprintf(out + n, room - n, " /proc fds %u -> %u;", a->fds, b->fds);
	if (a->mappings != b->mappings && n < room)
		n += (size_t)snprintf(out + n, room - n, " /proc maps %u -> %u;", a->mappings,
				      b->mappings);
	if (a->threads != b->threads && n < room)
		n += (size_t)snprintf(out + n, room - n, " threads %u -> %u;", a->threads,
				      b->threads);
	if (a->sim_queues != b->sim_queues && n < room)
		n += (size_t)snprintf(out + n, room - n, " controller's queues %ld -> %ld;",
				      a->sim_queues, b->sim_queues);
	if (a->sim_mappings != b->sim_mappings && n < room)
		snprintf(out + n, room - n, " controller's mappings %ld -> %ld;", a->sim_mappings,
			 b->sim_mappings);
}

void ledger_await(const struct ledger *before, long kib)
{
	uint64_t deadline = int_now_ms() + INT_SOON_MS;
	struct vfnc_device *dev, *dev2;
	struct vfnc *conn = ledger_open(&dev, &dev2);
	struct ledger now;
	char why[1024];

	for (;;) {
		ledger_take_with(&now, conn, dev, dev2);
		ledger_explain(before, &now, why, sizeof(why));
		if (!*why)
			break;
		CHECK(int_now_ms() < deadline, "not given back:%s", why);
		int_pause();
	}
	vfnc_disconnect(conn);
	if (now.rss_kib > before->rss_kib + 512)
		int_note("the daemon's memory: %ld KiB before, %ld KiB after", before->rss_kib,
			 now.rss_kib);
	if (env.sanitized)
		kib += 64 * 1024;
	CHECK(now.rss_kib <= before->rss_kib + kib, "the daemon's memory grew by %ld KiB",
	      now.rss_kib - before->rss_kib);
}

void ledger_all_queues(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_device_info *info;
	struct vfnc_queue *queue;

	OK(conn, vfnc_device_info(dev, &info));
	CHECK(info->queue_pairs > 0 && info->queue_pairs_free == info->queue_pairs,
	      "%u queue pairs of %u are free", info->queue_pairs_free, info->queue_pairs);
	for (uint32_t i = 0; i < info->queue_pairs; i++) {
		struct vfnc_completion completion;

		queue = int_queue(dev, 4);
		OK(conn, vfnc_flush(queue, 1, &completion));
		CHECK(vfnc_ok(&completion), "flush on queue %u: status %#x", queue->qid,
		      completion.status);
	}
	FAILS(conn, ENOSPC, vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 4}, &queue));
	free(info);
	OK(conn, vfnc_close(dev));
	vfnc_disconnect(conn);
}
