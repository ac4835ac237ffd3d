/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * int - what the programs of the integration suite share
 *
 * Each program is a list of cases about one subject and prints TAP. A case runs in a process group
 * of its own with a time limit; it fails by CHECK() and the like, which say where and why and
 * end the process. Processes that it starts with int_spawn() may do so, too.
 *
 * The programs find everything in the environment, so that they run alike on the software
 * controller and on the kernel's VFIO; tests/int/suite.sh sets it:
 *
 *   VFND_SOCKET         where the daemon listens
 *   INT_DAEMON_PID      the daemon
 *   INT_DEVICE          a controller; INT_DEVICE2 another one
 *   INT_FACTS           a folder with a folder for each of them: what somebody else says of it
 *   INT_INJECT_SMART    shell command that sets the first controller's critical warning to "$1"
 *   INT_TAKE_AWAY       shell command that takes the second controller from the daemon
 *   INT_SIM_CONTROL     control socket of the software controller that is the first device; INT_SIM_CONTROL2
 *                       of the second. Not set where the controllers are not ours.
 *   INT_SANITIZED       1: the daemon was built with sanitizers, which have memory of their own
 *   LONG                1: the long variants
 *   INT_BRIEF           1: short ones, since the same was done before with more of everything
 *   INT_NO_INTERRUPTS   set: the controllers have none
 *   INT_NO_MSIX         set: the controllers have INTx alone
 */
#ifndef VFND_TESTS_INT_H
#define VFND_TESTS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <vfn/client.h>

/* Limit of a wait for something that the daemon or a process should do at once. */
#define INT_SOON_MS 30000

struct int_env {
	const char *socket, *device, *device2, *facts, *inject_smart, *take_away;
	const char *sim_control, *sim_control2; /* NULL: no software controller */
	pid_t daemon;
	bool sanitized, longer, brief;
};

extern struct int_env env;

struct int_case {
	const char *name;
	void (*run)(void);
	unsigned int limit; /* seconds; 0: 60. LONG allows ten times as much */
	bool faults;        /* needs faults, which only the software controller can be asked for */
	const char *(*missing)(void); /* what it needs that is not here, or NULL; may be left out */
};

/* INT_CASE(name, function, .limit = 120, ...) */
#define INT_CASE(title, function, ...) {.name = title, .run = function, ##__VA_ARGS__}

/* Runs the cases, up to one without a name. The program's exit status. */
int int_main(const char *subject, const struct int_case *cases);

void int_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/* A TAP comment. */
void int_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The condition holds, or the case has failed for the reason given (printf-like). */
#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			int_fail(__FILE__, __LINE__, __VA_ARGS__);                                 \
	} while (0)

/* A call of the client library succeeds. */
#define OK(conn, call)                                                                             \
	do {                                                                                       \
		int ok_ret = (call);                                                               \
                                                                                                   \
		if (ok_ret < 0)                                                                    \
			int_fail(__FILE__, __LINE__, "%s: %d (%s)", #call, ok_ret,                 \
				 vfnc_error(conn));                                                \
	} while (0)

/* A call of the client library fails with this errno, which is positive. */
#define FAILS(conn, code, call)                                                                    \
	do {                                                                                       \
		int fails_ret = (call);                                                            \
                                                                                                   \
		if (fails_ret != -(code))                                                          \
			int_fail(__FILE__, __LINE__, "%s: %d, not -%s (%s)", #call, fails_ret,     \
				 #code, vfnc_error(conn));                                         \
	} while (0)

/* The same, and the reason contains `text`. */
#define FAILS_SAYING(conn, code, text, call)                                                       \
	do {                                                                                       \
		FAILS(conn, code, call);                                                           \
		if (!int_contains(vfnc_error(conn), text))                                         \
			int_fail(__FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", #call,      \
				 vfnc_error(conn), text);                                          \
	} while (0)

bool int_contains(const char *text, const char *part);

/* ---- time, processes ----------------------------------------------------------------------- */

uint64_t int_now_ms(void);

/* A random number below `n`, from a generator that int_seed() starts. */
void int_seed(uint64_t seed);
uint64_t int_random(uint64_t n);

/* A child that runs fn(arg) and exits. Killed with its parent. */
pid_t int_spawn(void (*fn)(void *arg), void *arg);
/* It exits with status 0 within the limit. */
void int_join(pid_t pid, int timeout_ms);
/* It was killed and has ended. */
void int_reap_killed(pid_t pid);
/* The process, no child of ours perhaps, ends within the limit. */
bool int_await_exit(int pidfd, int timeout_ms);
int int_pidfd(pid_t pid);

/* One byte through a pipe or socket, with a limit. */
void int_poke(int fd);
void int_await_poke(int fd, int timeout_ms);

/* Runs a shell command with "$1"; it must succeed. */
void int_shell(const char *command, const char *arg);

/* Whether we and the daemon may have so many files open; ours are allowed from now on. */
bool int_files(unsigned int n);

/* Between two looks at something that cannot be waited for. */
void int_pause(void);

/* ---- the software controller --------------------------------------------------------------- */

/* One control command, which must be answered with "ok"; the rest of the answer is returned. */
const char *sim_tell(const char *control, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A number of its statistics (true is 1, false 0). */
long sim_stat(const char *control, const char *name);

/* ---- sessions ------------------------------------------------------------------------------ */

struct vfnc *int_connect(void);
/* Of a connection; NULL address: env.device. */
struct vfnc_device *int_open(struct vfnc *conn, const char *address);
/* Connection and device; the device's connection is to be given to vfnc_disconnect(). */
struct vfnc_device *int_open_new(void);
struct vfnc_queue *int_queue(struct vfnc_device *dev, uint32_t entries);
struct vfnc_buffer *int_buffer(struct vfnc_device *dev, size_t size);
/* Namespace `nsid`. */
struct vfnc_namespace int_namespace(struct vfnc_device *dev, uint32_t nsid);

/* Fills a read or write command. */
struct vfnc_cmd int_rw(bool write, uint32_t nsid, uint64_t slba, uint32_t nlb,
		       const struct vfnc_buffer *buf, uint64_t offset, uint64_t length);
/* A completion within the limit, of status 0. */
void int_complete(struct vfnc *conn, uint64_t ticket);
uint64_t int_complete_any(struct vfnc *conn);

/* ---- what is held -------------------------------------------------------------------------- */

/* What daemon and first device hold, seen from inside and from outside. */
struct ledger {
	struct vfnc_statistics stats, stats2;
	unsigned int fds;      /* of /proc/PID/fd */
	unsigned int mappings; /* of memory files and devices, in /proc/PID/maps */
	unsigned int threads;
	long rss_kib;
	long sim_queues, sim_mappings; /* 0 without software controller */
};

/* Nobody else has anything (any more) of the first device, at the latest after INT_SOON_MS. */
void ledger_settle(void);
void ledger_take(struct ledger *ledger);
/* All is as it was, at the latest after INT_SOON_MS; memory may have grown by `kib`. */
void ledger_await(const struct ledger *before, long kib);
/* Queue pairs are all there: as many as the controller has can be made, and not one more. */
void ledger_all_queues(void);

#endif
