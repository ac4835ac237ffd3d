/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "client/vfnctl/progress.h"

/* How often progress is looked at, and at latest a signal noticed that came at the wrong moment. */
#define INTERVAL_MS 250
#define AGAIN_MS    5000

static volatile sig_atomic_t signalled;
static struct sigaction old_int, old_term;
static bool shown;

static void handler(int sig)
{
	signalled = sig;
}

void progress_begin(void)
{
	/* No SA_RESTART: who waits is to notice. */
	struct sigaction sa = {.sa_handler = handler};

	signalled = 0;
	shown = false;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, &old_int);
	sigaction(SIGTERM, &sa, &old_term);
}

void progress_end(void)
{
	progress_clear();
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
}

bool progress_interrupted(void)
{
	return signalled;
}

void progress_show(const char *format, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	fputc('\r', stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\033[K", stderr);
	fflush(stderr);
	shown = true;
}

void progress_clear(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

bool progress_sleep(unsigned int ms)
{
	for (; ms && !signalled; ms -= ms < INTERVAL_MS ? ms : INTERVAL_MS) {
		unsigned int part = ms < INTERVAL_MS ? ms : INTERVAL_MS;
		struct timespec ts = {.tv_nsec = part * 1000000L};

		nanosleep(&ts, NULL);
	}
	return !signalled;
}

int64_t progress_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool progress_again(int ret, int64_t start)
{
	return ret == -EAGAIN && progress_now_ms() - start < AGAIN_MS && progress_sleep(20);
}

int progress_command(struct tool *tool, const struct vfnc_cmd *cmd, struct vfnc_completion *cpl,
		     void (*tick)(struct tool *tool, void *arg, unsigned int seconds), void *arg)
{
	int64_t start = progress_now_ms();
	uint64_t ticket;
	int ret;

	if (signalled)
		return EXIT_SIGINT;
	if (vfnc_submit_admin(tool->dev, cmd, &ticket) < 0)
		return report_daemon(tool);
	if (tick)
		tick(tool, arg, 0);
	do {
		ret = vfnc_wait(tool->conn, ticket, cpl, INTERVAL_MS);
		if (ret == -ETIMEDOUT && tick)
			tick(tool, arg, (unsigned int)((progress_now_ms() - start) / 1000));
		if (progress_again(ret, start)) {
			if (vfnc_submit_admin(tool->dev, cmd, &ticket) < 0)
				return report_daemon(tool);
			ret = -ETIMEDOUT;
		}
	} while ((ret == -ETIMEDOUT || ret == -EINTR) && !signalled);
	if (ret == -ETIMEDOUT || ret == -EINTR) {
		progress_clear();
		vfnc_forget(tool->conn, ticket);
		return EXIT_SIGINT;
	}
	progress_clear();
	return ret < 0 ? report_daemon(tool) : report_status(cpl);
}
