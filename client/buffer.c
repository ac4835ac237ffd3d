/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without these the memory could vanish under the program that uses it. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int cl_memfd_check(struct vfnc *conn, const char *what, int fd, uint64_t size, uint64_t asked)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return cl_fail(conn, -EPROTO, "the daemon's %s is not a memfd", what);
	if ((seals & SEALS) != SEALS)
		return cl_fail(conn, -EPROTO, "the daemon's %s is not sealed (0x%x)", what, seals);
	if (fstat(fd, &st) < 0)
		return cl_fail(conn, -errno, "fstat: %s", strerror(errno));
	if ((uint64_t)st.st_size != size || size < asked || size > SIZE_MAX)
		return cl_fail(conn, -EPROTO,
			       "the daemon's %s has %llu bytes, %llu are told, %llu were asked for", what,
			       (unsigned long long)st.st_size, (unsigned long long)size,
			       (unsigned long long)asked);
	return 0;
}

static int take_buffer(struct vfnc *conn, struct cl_call *call, uint64_t asked,
		       struct vfnc_buffer *pub)
{
	const Vfnd__BufferAllocAnswer *a = call->answer->buffer_alloc;
	int ret, fd = fdset_take(&call->fds, 0);
	void *vaddr;

	if (fd < 0)
		return cl_fail(conn, -EPROTO, "the daemon sent no memory with the buffer");
	ret = cl_memfd_check(conn, "buffer", fd, a->size, asked);
	if (ret == 0) {
		vaddr = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (vaddr == MAP_FAILED)
			ret = cl_fail(conn, -errno, "cannot map the buffer: %s", strerror(errno));
	}
	if (ret < 0) {
		close(fd);
		return ret;
	}
	pub->vaddr = vaddr;
	pub->iova = a->iova;
	pub->size = a->size;
	pub->fd = fd;
	return 0;
}

int vfnc_buffer_alloc(struct vfnc_device *dev, size_t size, struct vfnc_buffer **bufp)
{
	Vfnd__BufferAllocRequest op = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc *conn = dev->conn;
	struct cl_buffer *buf;
	struct cl_call *call;
	int ret;

	*bufp = NULL;
	if (size == 0)
		return cl_fail(conn, -EINVAL, "a buffer has at least one byte");
	op.device = dev->handle;
	op.size = size;
	req.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	req.buffer_alloc = &op;
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return cl_fail(conn, -ENOMEM, "no memory");
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_BUFFER_ALLOC, &call);
	if (ret == 0)
		ret = take_buffer(conn, call, size, &buf->pub);
	if (ret < 0) {
		if (call)
			cl_rpc_abandon(conn, call);
		free(buf);
		return ret;
	}
	buf->pub.device = dev;
	buf->handle = call->answer->buffer_alloc->buffer;
	ret = cl_shell_add(dev, &buf->pub);
	if (ret < 0) {
		munmap(buf->pub.vaddr, buf->pub.size);
		close(buf->pub.fd);
		cl_rpc_abandon(conn, call);
		free(buf);
		return ret;
	}
	TAILQ_INSERT_TAIL(&dev->buffers, buf, link);
	cl_rpc_free(conn, call);
	*bufp = &buf->pub;
	return 0;
}

uint64_t cl_buffer_handle(const struct vfnc_buffer *buf)
{
	return ((const struct cl_buffer *)buf)->handle;
}

void cl_buffer_free(struct vfnc_buffer *pub)
{
	struct cl_buffer *buf = (struct cl_buffer *)pub;

	cl_shell_remove(pub->device, pub);
	munmap(pub->vaddr, pub->size);
	close(pub->fd);
	TAILQ_REMOVE(&pub->device->buffers, buf, link);
	free(buf);
}

int vfnc_buffer_free(struct vfnc_buffer *buf)
{
	Vfnd__BufferFreeRequest op = VFND__BUFFER_FREE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	int ret;

	if (!buf)
		return 0;
	op.buffer = cl_buffer_handle(buf);
	req.op_case = VFND__REQUEST__OP_BUFFER_FREE;
	req.buffer_free = &op;
	ret = cl_rpc_end(buf->device->conn, &req);
	if (ret == 0)
		cl_buffer_free(buf);
	return ret;
}
