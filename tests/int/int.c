/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "int.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct int_env env;

/* A whole line in one write: processes print at the same time. */
__attribute__((format(printf, 2, 0))) static void int_line(const char *start, const char *format, va_list ap)
{
	char line[1024];
	int n = snprintf(line, sizeof(line) - 1, "# %s", start);

	n += vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, format, ap);
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		_exit(2);
}

void int_note(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	int_line("", format, ap);
	va_end(ap);
}

void int_fail(const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	char start[80];
	va_list ap;

	snprintf(start, sizeof(start), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, format);
	int_line(start, format, ap);
	va_end(ap);
	_exit(1);
}

bool int_contains(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

uint64_t int_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void int_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static uint64_t int_state = 0x9e3779b97f4a7c15u;

void int_seed(uint64_t seed)
{
	int_state = seed * 0x9e3779b97f4a7c15u + 1;
}

/* xorshift64* */
uint64_t int_random(uint64_t n)
{
	int_state ^= int_state >> 12;
	int_state ^= int_state << 25;
	int_state ^= int_state >> 27;
	return (int_state * 0x2545f4914f6cdd1du >> 16) % n;
}

/* ---- processes ----------------------------------------------------------------------------- */

int int_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	CHECK(fd >= 0, "process %d: %s", (int)pid, strerror(errno));
	return fd;
}

bool int_await_exit(int pidfd, int timeout_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

pid_t int_spawn(void (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	int_seed((uint64_t)getpid());
	fn(arg);
	exit(0);
}

void int_join(pid_t pid, int timeout_ms)
{
	int fd = int_pidfd(pid), status;

	CHECK(int_await_exit(fd, timeout_ms), "process %d does not end", (int)pid);
	close(fd);
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d ended with status %#x",
	      (int)pid, (unsigned int)status);
}

void int_reap_killed(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	      "process %d ended by itself, with status %#x", (int)pid, (unsigned int)status);
}

void int_poke(int fd)
{
	CHECK(write(fd, "", 1) == 1, "write: %s", strerror(errno));
}

void int_await_poke(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	CHECK(poll(&p, 1, timeout_ms) == 1, "another process does not say that it is ready");
	CHECK(read(fd, &byte, 1) == 1, "another process has ended before it was ready");
}

void int_shell(const char *command, const char *arg)
{
	pid_t pid = fork();

	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid == 0) {
		/* What it prints is no TAP. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", command, "sh", arg, (char *)NULL);
		_exit(127);
	}
	int_join(pid, INT_SOON_MS);
}

bool int_files(unsigned int n)
{
	struct rlimit files, daemon;

	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0 &&
		      prlimit(env.daemon, RLIMIT_NOFILE, NULL, &daemon) == 0,
	      "getrlimit: %s", strerror(errno));
	if (files.rlim_max < n || daemon.rlim_cur < n)
		return false;
	if (files.rlim_cur < n) {
		files.rlim_cur = n;
		CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit: %s", strerror(errno));
	}
	return true;
}

/* ---- cases --------------------------------------------------------------------------------- */

static const char *int_need(const char *name)
{
	const char *value = getenv(name);

	if (value && *value)
		return value;
	fprintf(stderr, "%s is not set; tests/int/suite.sh does it\n", name);
	exit(2);
}

static const char *int_may(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static void int_environment(void)
{
	env.socket = int_need("VFND_SOCKET");
	env.device = int_need("INT_DEVICE");
	env.device2 = int_need("INT_DEVICE2");
	env.facts = int_need("INT_FACTS");
	env.inject_smart = int_need("INT_INJECT_SMART");
	env.take_away = int_need("INT_TAKE_AWAY");
	env.daemon = (pid_t)atoi(int_need("INT_DAEMON_PID"));
	env.sim_control = int_may("INT_SIM_CONTROL");
	env.sim_control2 = int_may("INT_SIM_CONTROL2");
	env.sanitized = int_may("INT_SANITIZED") && atoi(int_may("INT_SANITIZED"));
	env.longer = int_may("LONG") && atoi(int_may("LONG"));
	env.brief = int_may("INT_BRIEF") && atoi(int_may("INT_BRIEF"));
}

/* The case's child, in a process group of its own so that whatever it leaves can be ended. */
static bool int_run(const struct int_case *c)
{
	unsigned int limit = (c->limit ? c->limit : 60) * (env.longer ? 10 : 1);
	pid_t pid = fork();
	int status, fd;
	bool ended;

	if (pid < 0) {
		int_note("fork: %s", strerror(errno));
		return false;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		ledger_settle();
		c->run();
		exit(0);
	}
	setpgid(pid, pid);
	fd = int_pidfd(pid);
	ended = int_await_exit(fd, (int)limit * 1000);
	close(fd);
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!ended)
		int_note("not done after %u seconds", limit);
	else if (WIFSIGNALED(status))
		int_note("killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) > 1)
		int_note("exit status %d", WEXITSTATUS(status));
	return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int int_main(const char *subject, const struct int_case *cases)
{
	unsigned int n = 0, failed = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	int_environment();
	for (const struct int_case *c = cases; c->name; c++) {
		uint64_t start = int_now_ms();
		const char *missing = c->missing ? c->missing() : NULL;
		bool ok;

		n++;
		if (missing) {
			printf("ok %u - %s: %s # SKIP %s\n", n, subject, c->name, missing);
			continue;
		}
		if (c->faults && !env.sim_control) {
			printf("ok %u - %s: %s # SKIP this controller cannot be asked for faults\n", n,
			       subject, c->name);
			continue;
		}
		ok = int_run(c);
		failed += !ok;
		printf("%s %u - %s: %s (%.1f s)\n", ok ? "ok" : "not ok", n, subject, c->name,
		       (double)(int_now_ms() - start) / 1000);
	}
	printf("1..%u\n", n);
	return failed ? 1 : 0;
}
