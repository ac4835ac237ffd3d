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

static void memory_put(struct cl_memory *m)
{
	if (--m->refs > 0)
		return;
	if (m->vaddr)
		munmap(m->vaddr, m->size);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

/* Map what `fd`, which is the memory's from now on, has at `offset`. NULL, and why is kept. */
static struct cl_memory *memory_new(struct vfnc *conn, int fd, uint64_t offset, size_t size)
{
	struct cl_memory *m = calloc(1, sizeof(*m));

	if (!m) {
		close(fd);
		cl_fail(conn, -ENOMEM, "no memory");
		errno = ENOMEM;
		return NULL;
	}
	*m = (struct cl_memory){.refs = 1, .fd = fd, .size = size};
	m->vaddr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	if (m->vaddr == MAP_FAILED) {
		int saved = errno;

		m->vaddr = NULL;
		memory_put(m);
		cl_fail(conn, -saved, "cannot map the buffer: %s", strerror(saved));
		errno = saved;
		return NULL;
	}
	return m;
}

/* The buffer that an answer tells of; it has a reference of `memory`. On failure the call is given up. 0 or -errno. */
static int buffer_take(struct vfnc_device *dev, struct cl_call *call, struct cl_memory *memory, uint64_t offset,
		       struct vfnc_buffer **bufp)
{
	const Vfnd__BufferAllocAnswer *a = call->answer->buffer_alloc;
	struct cl_buffer *buf = calloc(1, sizeof(*buf));
	int ret;

	if (!buf) {
		ret = cl_fail(dev->conn, -ENOMEM, "no memory");
		goto fail;
	}
	if (a->size != memory->size) {
		ret = cl_rpc_kill(dev->conn, -EPROTO, "the daemon's buffer has %llu bytes, not %zu",
				  (unsigned long long)a->size, memory->size);
		goto fail;
	}
	memory->refs++;
	buf->memory = memory;
	buf->handle = a->buffer;
	buf->pub = (struct vfnc_buffer){
		.vaddr = memory->vaddr,
		.iova = a->iova,
		.size = memory->size,
		.fd = memory->fd,
		.device = dev,
		.offset = offset,
	};
	ret = cl_shell_add(dev, &buf->pub);
	if (ret < 0) {
		memory->refs--;
		goto fail;
	}
	TAILQ_INSERT_TAIL(&dev->buffers, buf, link);
	cl_rpc_free(dev->conn, call);
	*bufp = &buf->pub;
	return 0;
fail:
	cl_rpc_abandon(dev->conn, call);
	free(buf);
	return ret;
}

static int fill_options(struct vfnc_device *dev, const struct vfnc_buffer_opts *opts,
			Vfnd__BufferAllocRequest *op)
{
	static const struct vfnc_buffer_opts none;

	opts = opts ? opts : &none;
	op->device = dev->handle;
	op->page_size = opts->page_size;
	op->place = (Vfnd__IovaPlace)opts->place;
	op->iova = opts->iova;
	if ((op->page_size || op->place || op->iova || op->own) && !vfnc_has_feature(dev->conn, "buffer-options"))
		return cl_fail(dev->conn, -ENOTSUP, "the daemon knows no options of buffers");
	return 0;
}

int vfnc_buffer_alloc_with(struct vfnc_device *dev, size_t size, const struct vfnc_buffer_opts *opts,
			   struct vfnc_buffer **bufp)
{
	Vfnd__BufferAllocRequest op = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct vfnc *conn = dev->conn;
	struct cl_memory *memory;
	struct cl_call *call;
	uint64_t got;
	int ret, fd;

	*bufp = NULL;
	if (size == 0)
		return cl_fail(conn, -EINVAL, "a buffer has at least one byte");
	op.size = size;
	ret = fill_options(dev, opts, &op);
	if (ret < 0)
		return ret;
	req.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	req.buffer_alloc = &op;
	ret = cl_rpc_call(conn, &req, VFND__ANSWER__BODY_BUFFER_ALLOC, &call);
	if (ret < 0)
		return ret;
	got = call->answer->buffer_alloc->size;
	fd = fdset_take(&call->fds, 0);
	ret = fd < 0 ? cl_fail(conn, -EPROTO, "the daemon sent no memory with the buffer")
		     : cl_memfd_check(conn, "buffer", fd, got, size);
	if (ret < 0) {
		if (fd >= 0)
			close(fd);
		cl_rpc_abandon(conn, call);
		return ret;
	}
	memory = memory_new(conn, fd, 0, got);
	if (!memory) {
		ret = -errno;
		cl_rpc_abandon(conn, call);
		return ret;
	}
	ret = buffer_take(dev, call, memory, 0, bufp);
	memory_put(memory);
	return ret;
}

int vfnc_buffer_alloc(struct vfnc_device *dev, size_t size, struct vfnc_buffer **bufp)
{
	return vfnc_buffer_alloc_with(dev, size, NULL, bufp);
}

int vfnc_buffer_import(struct vfnc_device *dev, int fd, uint64_t offset, size_t size,
		       const struct vfnc_buffer_opts *opts, struct vfnc_buffer **bufp)
{
	Vfnd__BufferAllocRequest op = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_memory *memory;
	struct cl_call *call;
	int ret, copy;

	*bufp = NULL;
	op.own = true;
	op.size = size;
	op.offset = offset;
	ret = fill_options(dev, opts, &op);
	if (ret < 0)
		return ret;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return cl_fail(dev->conn, -errno, "the memory's descriptor: %s", strerror(errno));
	req.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	req.buffer_alloc = &op;
	/* Asked first: it says best what is wrong with the memory. */
	ret = cl_rpc_call_fd(dev->conn, &req, VFND__ANSWER__BODY_BUFFER_ALLOC, copy, &call);
	if (ret < 0) {
		close(copy);
		return ret;
	}
	memory = memory_new(dev->conn, copy, offset, size);
	if (!memory) {
		ret = -errno;
		cl_rpc_abandon(dev->conn, call);
		return ret;
	}
	ret = buffer_take(dev, call, memory, offset, bufp);
	memory_put(memory);
	return ret;
}

int vfnc_buffer_attach(struct vfnc_device *dev, struct vfnc_buffer *pub, const struct vfnc_buffer_opts *opts,
		       struct vfnc_buffer **bufp)
{
	Vfnd__BufferAttachRequest op = VFND__BUFFER_ATTACH_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	struct cl_call *call;
	int ret;

	*bufp = NULL;
	if (dev->conn != pub->device->conn)
		return cl_fail(dev->conn, -EINVAL, "buffer and device belong to different connections");
	if (opts && opts->page_size)
		return cl_fail(dev->conn, -EINVAL, "the buffer has pages of a size already");
	if (!vfnc_has_feature(dev->conn, "buffer-attach"))
		return cl_fail(dev->conn, -ENOTSUP, "with this daemon a buffer is on one device");
	op.device = dev->handle;
	op.buffer = cl_buffer_handle(pub);
	op.place = (Vfnd__IovaPlace)(opts ? opts->place : VFNC_IOVA_LOWEST);
	op.iova = opts ? opts->iova : 0;
	req.op_case = VFND__REQUEST__OP_BUFFER_ATTACH;
	req.buffer_attach = &op;
	ret = cl_rpc_call(dev->conn, &req, VFND__ANSWER__BODY_BUFFER_ALLOC, &call);
	if (ret < 0)
		return ret;
	return buffer_take(dev, call, ((struct cl_buffer *)pub)->memory, pub->offset, bufp);
}

uint64_t cl_buffer_handle(const struct vfnc_buffer *buf)
{
	return ((const struct cl_buffer *)buf)->handle;
}

void cl_buffer_free(struct vfnc_buffer *pub)
{
	struct cl_buffer *buf = (struct cl_buffer *)pub;

	cl_shell_remove(pub->device, pub);
	TAILQ_REMOVE(&pub->device->buffers, buf, link);
	memory_put(buf->memory);
	free(buf);
}

static int buffer_free(struct vfnc_buffer *buf, bool everywhere)
{
	Vfnd__BufferFreeRequest op = VFND__BUFFER_FREE_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;

	op.buffer = cl_buffer_handle(buf);
	op.everywhere = everywhere;
	req.op_case = VFND__REQUEST__OP_BUFFER_FREE;
	req.buffer_free = &op;
	return cl_rpc_end(buf->device->conn, &req);
}

int vfnc_buffer_free(struct vfnc_buffer *buf)
{
	int ret = buf ? buffer_free(buf, false) : 0;

	if (ret == 0 && buf)
		cl_buffer_free(buf);
	return ret;
}

int vfnc_buffer_free_everywhere(struct vfnc_buffer *pub)
{
	int ret = pub ? buffer_free(pub, true) : 0;
	struct cl_buffer *buf, *next;
	struct cl_memory *memory;
	struct vfnc_device *dev;
	struct vfnc *conn;

	if (ret < 0 || !pub)
		return ret;
	conn = pub->device->conn;
	memory = ((struct cl_buffer *)pub)->memory;
	memory->refs++; /* it tells them apart until all are gone */
	TAILQ_FOREACH (dev, &conn->devices, link) {
		for (buf = TAILQ_FIRST(&dev->buffers); buf; buf = next) {
			next = TAILQ_NEXT(buf, link);
			if (buf->memory == memory)
				cl_buffer_free(&buf->pub);
		}
	}
	memory_put(memory);
	return 0;
}
