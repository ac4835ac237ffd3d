/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/frame.h"

int raw_connect(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0, "socket: %s", strerror(errno));
	CHECK(strlen(env.socket) < sizeof(sa.sun_path), "%s is too long for a socket", env.socket);
	strcpy(sa.sun_path, env.socket);
	CHECK(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0, "connect: %s",
	      strerror(errno));
	return fd;
}

static bool raw_wait(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, INT_SOON_MS) == 1;
}

bool raw_send(int fd, const void *buf, size_t len, const struct fdset *fds)
{
	for (;;) {
		int ret = frame_send(fd, buf, len, fds, MSG_DONTWAIT);

		if (ret == 0)
			return true;
		if (ret == -EPIPE || ret == -ECONNRESET)
			return false;
		CHECK(ret == -EAGAIN, "send: %s", strerror(-ret));
		CHECK(raw_wait(fd, POLLOUT), "the daemon does not read its requests");
	}
}

bool raw_request(int fd, Vfnd__Request *request, const struct fdset *fds)
{
	static uint8_t buf[FRAME_MAX];
	ssize_t len = frame_pack(&request->base, buf, sizeof(buf));

	CHECK(len > 0, "the request cannot be packed");
	return raw_send(fd, buf, (size_t)len, fds);
}

Vfnd__Answer *raw_receive(int fd)
{
	static uint8_t buf[FRAME_MAX];
	struct fdset fds = FDSET_INIT;
	Vfnd__Answer *answer;
	ssize_t n;

	CHECK(raw_wait(fd, POLLIN), "the daemon does not answer");
	n = frame_recv(fd, buf, sizeof(buf), &fds, MSG_DONTWAIT);
	fdset_close(&fds);
	if (n == 0 || n == -ECONNRESET)
		return NULL;
	CHECK(n > 0, "receive: %s", strerror((int)-n));
	answer = vfnd__answer__unpack(NULL, (size_t)n, buf);
	CHECK(answer, "the daemon sent what cannot be unpacked");
	return answer;
}

void raw_free(Vfnd__Answer *answer)
{
	vfnd__answer__free_unpacked(answer, NULL);
}

Vfnd__Answer *raw_call(int fd, Vfnd__Request *request)
{
	static uint64_t last;
	Vfnd__Answer *answer;

	request->id = ++last;
	CHECK(raw_request(fd, request, NULL), "the daemon has ended the connection");
	answer = raw_receive(fd);
	CHECK(answer, "the daemon has ended the connection");
	CHECK(answer->id == request->id, "the answer is to request %llu, not %llu",
	      (unsigned long long)answer->id, (unsigned long long)request->id);
	return answer;
}

void raw_refused(int fd, Vfnd__Request *request, int code, const char *field)
{
	Vfnd__Answer *answer = raw_call(fd, request);

	CHECK(answer->body_case == VFND__ANSWER__BODY_ERROR, "it was not refused for %s",
	      field ? field : strerror(code));
	CHECK(answer->error->code == code, "it was refused with %d (%s), not with %d",
	      answer->error->code, answer->error->text, code);
	CHECK(!field || strcmp(answer->error->field, field) == 0,
	      "the field at fault is '%s', not '%s'", answer->error->field, field);
	CHECK(*answer->error->text, "no reason is given");
	raw_free(answer);
}

int raw_hello(void)
{
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;
	int fd = raw_connect();

	hello.version = 1;
	hello.program = (char *)"raw";
	request.op_case = VFND__REQUEST__OP_HELLO;
	request.hello = &hello;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_HELLO, "hello was not answered with hello");
	raw_free(answer);
	return fd;
}

void raw_cut_off(int fd)
{
	Vfnd__Answer *answer;

	while ((answer = raw_receive(fd)))
		raw_free(answer);
}

uint64_t raw_open(int fd, const char *address)
{
	Vfnd__OpenRequest open = VFND__OPEN_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;
	uint64_t handle;

	open.address = (char *)address;
	request.op_case = VFND__REQUEST__OP_OPEN;
	request.open = &open;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_OPEN, "the device could not be opened");
	handle = answer->open->device;
	raw_free(answer);
	return handle;
}

uint64_t raw_buffer(int fd, uint64_t device, uint64_t size)
{
	Vfnd__BufferAllocRequest alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;
	uint64_t handle;

	alloc.device = device;
	alloc.size = size;
	request.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	request.buffer_alloc = &alloc;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_BUFFER_ALLOC, "no buffer");
	handle = answer->buffer_alloc->buffer;
	raw_free(answer);
	return handle;
}

uint64_t raw_queue(int fd, uint64_t device, uint32_t entries)
{
	Vfnd__QueueCreateRequest create = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;
	uint64_t handle;

	create.device = device;
	create.entries = entries;
	request.op_case = VFND__REQUEST__OP_QUEUE_CREATE;
	request.queue_create = &create;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_QUEUE_CREATE, "no queue pair");
	handle = answer->queue_create->queue;
	raw_free(answer);
	return handle;
}
