/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim-proc - a vfnd-sim of the test's own, in a temporary folder
 */
#ifndef VFND_TESTS_SIM_PROC_H
#define VFND_TESTS_SIM_PROC_H

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

struct sim {
	pid_t pid;
	char dir[64];
	char control[80];
	char name[96]; /* of the device */
};

/* With more options for the program, NULL at their end. */
/* The program: $VFND_SIM, or what this build has. */
static inline void sim_program(char *program, size_t room)
{
	if (getenv("VFND_SIM"))
		snprintf(program, room, "%s", getenv("VFND_SIM"));
	else
		snprintf(program, room, "%s/tests/sim/vfnd-sim",
			 getenv("top_builddir") ? getenv("top_builddir") : ".");
}

/* A build of libvfn alone has no simulator. */
static __attribute__((constructor)) void sim_wanted(void)
{
	char program[512];

	sim_program(program, sizeof(program));
	if (getenv("VFND_SIM") || !access(program, X_OK))
		return;
	printf("1..0 # SKIP no simulator: there is no %s, and VFND_SIM names none\n", program);
	exit(0);
}

static inline void sim_start_with(struct sim *sim, const char *const *more)
{
	char program[512], socket[80], line[128];
	const char *argv[24] = {program, "--socket", socket, "--control", sim->control,
				"--ns",	 "64M"};
	int fds[2], n = 7;

	while (more && *more && n < 23)
		argv[n++] = *more++;

	snprintf(sim->dir, sizeof(sim->dir), "/tmp/vfn-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(sim->dir));
	snprintf(socket, sizeof(socket), "%s/s", sim->dir);
	snprintf(sim->control, sizeof(sim->control), "%s/c", sim->dir);
	snprintf(sim->name, sizeof(sim->name), "vfio-user:%s", socket);
	sim_program(program, sizeof(program));

	ck_assert_int_eq(pipe(fds), 0);
	sim->pid = fork();
	ck_assert_int_ge(sim->pid, 0);
	if (!sim->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execv(program, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	ck_assert_msg(read(fds[0], line, sizeof(line)) > 0, "%s does not start", program);
	close(fds[0]);
}

static inline void sim_start(struct sim *sim)
{
	sim_start_with(sim, NULL);
}

static inline void sim_stop(struct sim *sim)
{
	char path[96];
	int status;

	kill(sim->pid, SIGTERM);
	ck_assert_int_eq(waitpid(sim->pid, &status, 0), sim->pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "vfnd-sim ended with %#x", status);
	snprintf(path, sizeof(path), "%s/s", sim->dir);
	unlink(path);
	unlink(sim->control);
	rmdir(sim->dir);
}

/* As an assertion, and also for a program that a test has started. */
#define SIM_MUST(cond, what)                                                                       \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "vfnd-sim: %s: %s\n", what, strerror(errno));              \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

/* Give a command to the control socket; the answer must be "ok". */
static inline void sim_tell(const char *control, const char *command, char *answer, size_t room)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", control);
	SIM_MUST(!connect(fd, (struct sockaddr *)&sa, sizeof(sa)), command);
	SIM_MUST(write(fd, command, strlen(command)) == (ssize_t)strlen(command), command);
	SIM_MUST(write(fd, "\n", 1) == 1, command);
	do {
		n = read(fd, answer + len, room - 1 - len);
		SIM_MUST(n > 0, command);
		len += (size_t)n;
		answer[len] = '\0';
	} while (answer[len - 1] != '\n');
	close(fd);
	SIM_MUST(!strncmp(answer, "ok", 2), answer);
}

static inline void sim_do(struct sim *sim, const char *command)
{
	char answer[512];

	sim_tell(sim->control, command, answer, sizeof(answer));
}

/* A number, or 1 and 0 for true and false, of the statistics. */
static inline long sim_stat_at(const char *control, const char *name)
{
	static char answer[65536];
	char key[64], *p;

	sim_tell(control, "stats", answer, sizeof(answer));
	snprintf(key, sizeof(key), "\"%s\":", name);
	p = strstr(answer, key);
	SIM_MUST(p, name);
	p += strlen(key);
	return !strncmp(p, "true", 4) ? 1 : !strncmp(p, "false", 5) ? 0 : strtol(p, NULL, 10);
}

static inline long sim_stat(struct sim *sim, const char *name)
{
	return sim_stat_at(sim->control, name);
}

/* Wait until the simulator has noticed that its client has gone. */
static inline void sim_settle(struct sim *sim)
{
	for (int i = 0; i < 2000 && sim_stat(sim, "connected"); i++)
		usleep(1000);
	ck_assert_int_eq(sim_stat(sim, "connected"), 0);
}

/* The number of open descriptors. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif
