/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

void srv_start(struct srv *s, const char *const *args)
{
	const char *build = getenv("top_builddir"), *argv[32];
	char path[512], line[256];
	unsigned int n = 0;
	int out[2];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/sim/vfnd-sim", build ? build : ".");
	strcpy(s->dir, "/tmp/vfnd-sim-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->dir));
	snprintf(s->socket, sizeof(s->socket), "%s/sim", s->dir);
	snprintf(s->control, sizeof(s->control), "%s/ctl", s->dir);
	argv[n++] = path;
	argv[n++] = "--socket";
	argv[n++] = s->socket;
	argv[n++] = "--control";
	argv[n++] = s->control;
	while (args && *args)
		argv[n++] = *args++;
	argv[n] = NULL;
	ck_assert_int_eq(pipe(out), 0);
	s->pid = fork();
	ck_assert_int_ge(s->pid, 0);
	if (!s->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	ck_assert_msg(fgets(line, sizeof(line), f) != NULL, "vfnd-sim did not start");
	ck_assert_msg(!strncmp(line, "vfnd-sim: serving ", 18), "said: %s", line);
	fclose(f);
}

void srv_stop(struct srv *s)
{
	int status = 0;

	ck_assert_int_eq(kill(s->pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(s->pid, &status, 0), s->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ended with %x", status);
	ck_assert_int_ne(access(s->socket, F_OK), 0);
	ck_assert_int_ne(access(s->control, F_OK), 0);
	(void)rmdir(s->dir);
}

static int unix_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strncpy(sa.sun_path, path, sizeof(sa.sun_path) - 1);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static bool srv_vtell(struct srv *s, char *out, size_t room, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

static bool srv_vtell(struct srv *s, char *out, size_t room, const char *fmt, va_list ap)
{
	char line[512];
	int fd = unix_connect(s->control), n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	size_t got = 0;

	line[n++] = '\n';
	ck_assert_int_eq(write(fd, line, n), n);
	do {
		ssize_t r = read(fd, out + got, room - 1 - got);

		ck_assert_int_gt(r, 0);
		got += r;
	} while (out[got - 1] != '\n');
	out[got - 1] = 0;
	close(fd);
	return !strncmp(out, "ok", 2);
}

bool srv_tell(struct srv *s, char *out, size_t room, const char *fmt, ...)
{
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = srv_vtell(s, out, room, fmt, ap);
	va_end(ap);
	return ok;
}

void srv_ok(struct srv *s, const char *fmt, ...)
{
	char out[512];
	va_list ap;

	va_start(ap, fmt);
	ck_assert_msg(srv_vtell(s, out, sizeof(out), fmt, ap), "%s", out);
	va_end(ap);
}

long srv_stat(struct srv *s, const char *name)
{
	char out[65536], want[64], *at;

	ck_assert(srv_tell(s, out, sizeof(out), "stats"));
	snprintf(want, sizeof(want), "\"%s\":", name);
	at = strstr(out, want);
	ck_assert_msg(at != NULL, "no %s in %s", name, out);
	at += strlen(want);
	return !strncmp(at, "true", 4) ? 1 : strtol(at, NULL, 10);
}

uint64_t srv_cpu(const struct srv *s)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)s->pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%llu", &ns), 1);
	fclose(f);
	return ns / 1000;
}

int srv_connect(const struct srv *s)
{
	return unix_connect(s->socket);
}

void srv_serves(struct srv *s)
{
	struct cl c;

	cl_up(&c, s, RING_MESSAGE, 32);
	cl_pair(&c, 1, 16, -1);
	ck_assert_uint_eq(cl_io(&c, 1, 2, 0, 8, cl_iova(&c, cl_alloc(&c, 4096)), 0), 0);
	cl_close(&c);
}

unsigned int srv_fds(const struct srv *s)
{
	char path[64], link[64];
	unsigned int n = 0;

	for (int i = 0; i < 1024; i++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)s->pid, i);
		n += readlink(path, link, sizeof(link)) > 0;
	}
	return n;
}

void srv_fds_back_to(const struct srv *s, unsigned int want)
{
	uint64_t until = cl_now_ms() + 2000;

	while (srv_fds(s) > want)
		ck_assert_msg(cl_now_ms() < until, "%u fds, there were %u", srv_fds(s), want);
}
