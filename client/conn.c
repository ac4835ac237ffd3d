/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* There is no connection yet that could keep the reason. */
static _Thread_local char connect_error[CL_ERROR_SIZE];

int cl_fail(struct vfnc *conn, int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(conn ? conn->error : connect_error, CL_ERROR_SIZE, format, ap);
	va_end(ap);
	return code;
}

const char *vfnc_error(const struct vfnc *conn)
{
	return conn ? conn->error : connect_error;
}

static int take_hello(struct vfnc *conn, const Vfnd__HelloAnswer *hello)
{
	if (hello->version == 0 || hello->version > FRAME_VERSION)
		return cl_fail(conn, -EPROTO, "the daemon speaks protocol version %u, this is %u",
			       hello->version, FRAME_VERSION);
	if (hello->max_message < 1024)
		return cl_fail(conn, -EPROTO, "the daemon takes messages of %u bytes only",
			       hello->max_message);
	conn->session = hello->session;
	conn->limits.max_message = hello->max_message < FRAME_MAX ? hello->max_message : FRAME_MAX;
	conn->limits.max_inline = hello->max_inline;
	conn->limits.max_outstanding = hello->max_outstanding ? hello->max_outstanding : 1;
	conn->daemon = strdup(hello->daemon);
	conn->features = calloc(hello->n_features + 1, sizeof(*conn->features));
	if (!conn->daemon || !conn->features)
		return cl_fail(conn, -ENOMEM, "no memory");
	for (size_t i = 0; i < hello->n_features; i++) {
		conn->features[i] = strdup(hello->features[i]);
		if (!conn->features[i])
			return cl_fail(conn, -ENOMEM, "no memory");
		conn->n_features++;
	}
	return 0;
}

static int say_hello(struct vfnc *conn)
{
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	int ret;

	hello.version = FRAME_VERSION;
	hello.program = program_invocation_short_name;
	req.op_case = VFND__REQUEST__OP_HELLO;
	req.hello = &hello;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_HELLO, &call);
	if (ret < 0)
		return ret;
	ret = take_hello(conn, call->answer->hello);
	cl_rpc_free(conn, call);
	return ret;
}

/* The flags are those of everybody who has the description: they stay as they are. */
static int learn_socket(struct vfnc *conn)
{
	struct timeval limit = {CL_WAIT_MS / 1000, CL_WAIT_MS % 1000 * 1000};
	int flags = fcntl(conn->fd, F_GETFL);

	if (flags < 0)
		return cl_fail(NULL, -errno, "cannot use descriptor %d: %s", conn->fd, strerror(errno));
	conn->waits = !(flags & O_NONBLOCK) &&
		      setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0;
	return 0;
}

int vfnc_connect_fd(int fd, struct vfnc **connp)
{
	struct vfnc *conn = calloc(1, sizeof(*conn));
	int ret;

	*connp = NULL;
	if (!conn) {
		close(fd);
		return cl_fail(NULL, -ENOMEM, "no memory");
	}
	conn->fd = fd;
	conn->timeout_ms = VFNC_DEFAULT_TIMEOUT;
	conn->limits.max_message = FRAME_MAX;
	cl_pool_init(&conn->pool);
	for (int i = 0; i < CL_BUCKETS; i++)
		LIST_INIT(&conn->calls[i]);
	TAILQ_INIT(&conn->done);
	TAILQ_INIT(&conn->due);
	TAILQ_INIT(&conn->events);
	TAILQ_INIT(&conn->devices);
	ret = learn_socket(conn);
	if (ret == 0) {
		ret = say_hello(conn);
		if (ret < 0)
			cl_fail(NULL, ret, "%s", conn->error);
	}
	if (ret < 0) {
		vfnc_disconnect(conn);
		return ret;
	}
	*connp = conn;
	return 0;
}

static const char *connect_hint(int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		return ": is vfnd running there? (--socket, VFND_SOCKET)";
	case EACCES:
		return ": are you in the socket's group?";
	case EPROTOTYPE:
		return ": that is another program's socket";
	default:
		return "";
	}
}

int vfnc_connect(const char *path, struct vfnc **conn)
{
	struct timeval limit = {VFNC_DEFAULT_TIMEOUT / 1000, 0};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, ret;

	*conn = NULL;
	if (!path)
		path = getenv("VFND_SOCKET");
	if (!path || !*path)
		path = VFNC_DEFAULT_SOCKET;
	if (strlen(path) >= sizeof(addr.sun_path))
		return cl_fail(NULL, -ENAMETOOLONG, "%s: a socket's path has at most %zu bytes",
			       path, sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cl_fail(NULL, -errno, "socket: %s", strerror(errno));
	/* A full backlog blocks connect(); this limits how long. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		ret = -errno;
	else
		do
			ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
		while (ret == -EINTR);
	if (ret < 0) {
		close(fd);
		if (ret == -EAGAIN)
			ret = -ETIMEDOUT;
		return cl_fail(NULL, ret, "%s: %s%s", path, strerror(-ret), connect_hint(-ret));
	}
	return vfnc_connect_fd(fd, conn);
}

void vfnc_disconnect(struct vfnc *conn)
{
	struct vfnc_device *dev;
	struct cl_event *event;
	struct cl_call *call;

	if (!conn)
		return;
	while ((dev = TAILQ_FIRST(&conn->devices)))
		cl_device_free(dev);
	while ((event = TAILQ_FIRST(&conn->events)))
		cl_event_drop(conn, event);
	for (int i = 0; i < CL_BUCKETS; i++)
		while ((call = LIST_FIRST(&conn->calls[i])))
			cl_rpc_free(conn, call);
	for (size_t i = 0; i < conn->n_features; i++)
		free(conn->features[i]);
	free(conn->features);
	free(conn->daemon);
	cl_pool_clear(&conn->pool);
	close(conn->fd);
	free(conn);
}

int vfnc_fd(const struct vfnc *conn)
{
	return conn->fd;
}

int vfnc_set_timeout(struct vfnc *conn, int timeout_ms)
{
	if (timeout_ms == 0 || timeout_ms < -1)
		return cl_fail(conn, -EINVAL, "a time limit is 1 ms or more, or -1 for none");
	conn->timeout_ms = timeout_ms;
	return 0;
}

uint64_t vfnc_session(const struct vfnc *conn)
{
	return conn->session;
}

const char *vfnc_daemon(const struct vfnc *conn)
{
	return conn->daemon;
}

bool vfnc_has_feature(const struct vfnc *conn, const char *feature)
{
	for (size_t i = 0; i < conn->n_features; i++)
		if (strcmp(conn->features[i], feature) == 0)
			return true;
	return false;
}

void vfnc_limits(const struct vfnc *conn, struct vfnc_limits *limits)
{
	*limits = conn->limits;
}
