/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/device/class.h"
#include "daemon/device/device.h"

#define buffer_of_lease(l) container_of(l, struct buffer, lease)
#define buffer_of_job(j)   container_of(j, struct buffer, job)

static struct iommu_ctx *buffer_ctx(struct buffer *b)
{
	return b->opening->device->pci->dev.ctx;
}

int buffer_memfd(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int saved;

	if (fd < 0)
		return -1;
	/* Reserved now: a page that is missing later would be a SIGBUS, or a failed DMA. */
	if (ftruncate(fd, (off_t)size) == 0 && fallocate(fd, 0, 0, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void buffer_close(struct buffer *b)
{
	if (b->vaddr)
		munmap(b->vaddr, b->size);
	if (b->fd >= 0)
		close(b->fd);
	b->vaddr = NULL;
	b->fd = -1;
}

static int buffer_mmap(struct buffer *b)
{
	void *vaddr = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);

	if (vaddr == MAP_FAILED)
		return -errno;
	b->vaddr = vaddr;
	return 0;
}

static void buffer_make_run(struct job *job)
{
	struct buffer *b = buffer_of_job(job);

	vfn_error_set("%s", "");
	b->fd = buffer_memfd("vfnd-buffer", b->size);
	if (b->fd < 0) {
		job_fail(job, -errno);
		return;
	}
	job->error = buffer_mmap(b);
	if (job->error < 0) {
		job_fail(job, job->error);
	} else if (iommu_map_fd(buffer_ctx(b), b->fd, 0, b->vaddr, b->size, &b->iova, 0) < 0) {
		job_fail(job, -errno);
	}
	if (job->error < 0)
		buffer_close(b);
}

static void buffer_release(struct buffer *b)
{
	struct opening *o = b->opening;

	lease_remove(&b->lease);
	LIST_REMOVE(b, link);
	buffer_close(b);
	quota_release(o->user, QUOTA_BUFFER_BYTES, b->size);
	quota_release(o->user, QUOTA_BUFFERS, 1);
	o->device->stats.buffers--;
	o->device->stats.buffer_bytes -= b->size;
	free(b);
}

/* Have served queues know of it, or not any more. */
static int buffer_show(struct buffer *b)
{
	int ret;

	b->data = (struct data_buffer){.iova = b->iova, .size = b->size, .vaddr = b->vaddr};
	ret = b->opening->device->class->buffer_add(b->opening, &b->data);
	b->mapped = ret == 0;
	return ret;
}

static int buffer_hide(struct buffer *b)
{
	int ret = b->mapped ? b->opening->device->class->buffer_remove(b->opening, &b->data) : 0;

	if (ret == 0)
		b->mapped = false;
	return ret;
}

static void buffer_make_done(struct job *job)
{
	struct buffer *b = buffer_of_job(job);
	struct opening *o = b->opening;
	int error = job->error;

	if (error == 0 && !o->ending)
		error = buffer_show(b);
	if (error == 0 && !o->ending)
		error = lease_add(session_leases(o->session), &b->lease, LEASE_BUFFER);
	if (error == 0 && !o->ending) {
		b->done(b->arg, 0, NULL, b);
	} else {
		b->done(b->arg, error < 0 ? error : -ECANCELED,
			*job->text ? job->text : "the device was closed meanwhile", NULL);
		if (job->error < 0)
			buffer_release(b);
		else if (!o->ending)
			buffer_free(b, NULL, NULL);
	}
	opening_release(o);
}

static struct buffer *buffer_new(struct opening *o, uint64_t size)
{
	struct buffer *b;

	if (quota_charge(o->user, QUOTA_BUFFERS, 1) < 0) {
		errno = EDQUOT;
		return NULL;
	}
	if (quota_charge(o->user, QUOTA_BUFFER_BYTES, size) < 0) {
		quota_release(o->user, QUOTA_BUFFERS, 1);
		errno = EDQUOT;
		return NULL;
	}
	b = calloc(1, sizeof(*b));
	if (!b) {
		quota_release(o->user, QUOTA_BUFFER_BYTES, size);
		quota_release(o->user, QUOTA_BUFFERS, 1);
		errno = ENOMEM;
		return NULL;
	}
	b->opening = o;
	b->fd = -1;
	b->size = size;
	LIST_INSERT_HEAD(&o->buffers, b, link);
	o->device->stats.buffers++;
	o->device->stats.buffer_bytes += size;
	return b;
}

int buffer_alloc(struct opening *o, uint64_t size, buffer_done done, void *arg)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct buffer *b;

	if (size == 0 || size > INT64_MAX - page)
		return -EINVAL;
	b = buffer_new(o, (size + page - 1) / page * page);
	if (!b)
		return -errno;
	b->done = done;
	b->arg = arg;
	b->job.run = buffer_make_run;
	b->job.done = buffer_make_done;
	opening_post(o, &b->job);
	return 0;
}

static void buffer_free_run(struct job *job)
{
	struct buffer *b = buffer_of_job(job);

	vfn_error_set("%s", "");
	if (iommu_unmap_iova(buffer_ctx(b), b->iova, b->size) < 0)
		job_fail(job, -errno);
	/* The client may keep its descriptor; the memory that was counted is given back all the same. */
	fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)b->size);
}

static void buffer_free_done(struct job *job)
{
	struct buffer *b = buffer_of_job(job);
	struct opening *o = b->opening;

	if (b->done)
		b->done(b->arg, job->error, job->text, NULL);
	buffer_release(b);
	opening_release(o);
}

int buffer_free(struct buffer *b, buffer_done done, void *arg)
{
	/* Unchecked commands, and queues that they have made, may be anywhere. */
	if (b->busy || b->freeing || (b->opening->nraw && !b->opening->ending) || buffer_hide(b) < 0)
		return -EBUSY;
	b->freeing = true;
	lease_remove(&b->lease);
	b->done = done;
	b->arg = arg;
	b->job.run = buffer_free_run;
	b->job.done = buffer_free_done;
	opening_post(b->opening, &b->job);
	return 0;
}

struct buffer *buffer_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_BUFFER);

	return lease ? buffer_of_lease(lease) : NULL;
}

int buffer_restore(struct opening *o, uint64_t handle, int fd, uint64_t size, uint64_t iova)
{
	struct buffer *b = buffer_new(o, size);
	int ret;

	if (!b)
		return -errno;
	b->fd = fd;
	b->iova = iova;
	ret = buffer_mmap(b);
	if (ret == 0 && iommu_import(buffer_ctx(b), fd, 0, b->vaddr, size, iova) < 0)
		ret = -errno;
	if (ret == 0)
		ret = buffer_show(b);
	if (ret == 0)
		ret = lease_restore(session_leases(o->session), &b->lease, LEASE_BUFFER, handle);
	if (ret < 0) {
		buffer_hide(b);
		b->fd = -1;
		buffer_release(b);
	}
	return ret;
}
