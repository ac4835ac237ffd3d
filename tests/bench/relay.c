/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void relay_echo(int fd)
{
	char message[RELAY_MESSAGE];
	ssize_t n;

	while ((n = recv(fd, message, sizeof(message), 0)) > 0)
		if (send(fd, message, (size_t)n, MSG_NOSIGNAL) != n)
			break;
}

/* Either side's messages to the other, until one has gone. */
static void relay_between(int near, int far)
{
	struct pollfd fds[2] = {{near, POLLIN, 0}, {far, POLLIN, 0}};
	char message[RELAY_MESSAGE];

	while (poll(fds, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = recv(fds[i].fd, message, sizeof(message), 0);
			if (n <= 0 || send(fds[!i].fd, message, (size_t)n, MSG_NOSIGNAL) != n)
				return;
		}
	}
}

static void relay_process(int near, unsigned int processes)
{
	int far = processes > 1 ? relay_start(processes - 1) : -1;

	if (processes == 1)
		relay_echo(near);
	else if (far >= 0)
		relay_between(near, far);
	close(near);
	if (far >= 0)
		relay_stop(far);
	_exit(0);
}

int relay_start(unsigned int processes)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		relay_process(fds[1], processes);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return -1;
	}
	return fds[0];
}

void relay_stop(int fd)
{
	close(fd);
	while (wait(NULL) > 0)
		;
}
