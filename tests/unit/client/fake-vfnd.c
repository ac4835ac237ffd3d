/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-vfnd SOCKET [FILE]: the fake daemon for any number of clients, until its input ends. A line for
 * each command that it is asked to send goes to FILE.
 */
#include "config.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake.h"

static FILE *commands;

/* One write a line: clients are served side by side. */
static void record(const char *kind, const Vfnd__CommandRequest *op)
{
	char line[1024];
	int n;

	if (!commands)
		return;
	n = snprintf(line, sizeof(line),
		     "%s op %02x nsid %x dw2 %x dw3 %x len %x cdw10 %x %x %x %x %x %x", kind, op->opcode,
		     op->nsid, op->cdw2, op->cdw3,
		     (unsigned int)(op->data.len ? op->data.len : op->length), op->cdw10, op->cdw11,
		     op->cdw12, op->cdw13, op->cdw14, op->cdw15);
	if (op->data.len)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " data");
	for (size_t i = 0; i < op->data.len && i < 64; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " %02x", op->data.data[i]);
	fprintf(commands, "%s\n", line);
	fflush(commands);
}

/* Events follow a subscription at once: two and the device's end. */
static bool hook(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case == VFND__REQUEST__OP_ADMIN)
		record("admin", req->admin);
	if (req->op_case == VFND__REQUEST__OP_IO)
		record("io", req->io);
	if (req->op_case != VFND__REQUEST__OP_SUBSCRIBE)
		return false;
	fake_answer(f, req);
	fake_event(f);
	f->sequence += 3; /* lost */
	fake_event(f);
	fake_gone(f, "unplugged");
	return true;
}

static void *serve(void *arg)
{
	struct fake *f = arg;

	fake_serve(f, f->sock);
	free(f);
	return NULL;
}

static void start(int sock)
{
	struct fake *f = calloc(1, sizeof(*f));
	pthread_t thread;

	if (!f)
		err(1, "calloc");
	f->sock = sock;
	f->hook = hook;
	if (pthread_create(&thread, NULL, serve, f) != 0)
		errx(1, "no thread");
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct pollfd pfd[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};

	if (argc < 2 || argc > 3 || strlen(argv[1]) >= sizeof(addr.sun_path))
		errx(2, "usage: fake-vfnd SOCKET [FILE]");
	if (argc > 2) {
		commands = fopen(argv[2], "ae");
		if (!commands)
			err(1, "%s", argv[2]);
	}
	strcpy(addr.sun_path, argv[1]);
	pfd[1].fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (pfd[1].fd < 0 || bind(pfd[1].fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(pfd[1].fd, 16) < 0)
		err(1, "%s", argv[1]);
	while (!pfd[0].revents && poll(pfd, 2, -1) > 0) {
		if (pfd[1].revents) {
			int sock = accept4(pfd[1].fd, NULL, NULL, SOCK_CLOEXEC);

			if (sock >= 0)
				start(sock);
		}
	}
	unlink(argv[1]);
	_exit(0); /* threads may still serve */
}
