/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vfn/iommu.h>
#include <vfn/support.h>

#include "daemon/device/class.h"
#include "daemon/device/device.h"
#include "daemon/state/state.h"

#define buffer_of_lease(l) container_of(l, struct buffer, lease)
#define buffer_of_job(j)   container_of(j, struct buffer, job)
#define buffer_of_keep(k)  container_of(k, struct buffer, keep)

static struct iommu_ctx *buffer_ctx(struct buffer *b)
{
	return b->opening->device->pci->dev.ctx;
}

static int buffer_mmap(struct buffer *b)
{
	void *vaddr = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, b->memory->fd,
			   (off_t)b->memory->offset);

	if (vaddr == MAP_FAILED)
		return -errno;
	b->vaddr = vaddr;
	return 0;
}

/* An address that the client chose does not suit: what would. */
static void buffer_explain(struct buffer *b, struct job *job)
{
	struct iommu_iova_range *ranges = NULL;
	size_t at = strlen(job->text);
	int n;

	if (job->error == -EADDRINUSE) {
		snprintf(job->text, sizeof(job->text), "something is mapped between IOVA 0x%llx and 0x%llx",
			 (unsigned long long)b->iova, (unsigned long long)(b->iova + b->size - 1));
		return;
	}
	if (job->error != -ERANGE)
		return;
	n = iommu_get_iova_ranges(buffer_ctx(b), &ranges);
	for (int i = 0; i < n && at < sizeof(job->text) - 48; i++)
		at += (size_t)snprintf(job->text + at, sizeof(job->text) - at, "%s 0x%llx to 0x%llx",
				       i ? "," : "; what is:", (unsigned long long)ranges[i].start,
				       (unsigned long long)ranges[i].last);
	free(ranges);
}

/* Of a buffer whose memory is there. */
static void buffer_map_run(struct job *job)
{
	static const unsigned long flags[] = {
		[BUFFER_LOWEST] = 0,
		[BUFFER_HIGHEST] = IOMMU_MAP_EPHEMERAL,
		[BUFFER_FIXED] = IOMMU_MAP_FIXED_IOVA,
	};
	struct buffer *b = buffer_of_job(job);
	int ret;

	vfn_error_set("%s", "");
	ret = buffer_mmap(b);
	if (ret < 0) {
		job_fail(job, ret);
	} else if (iommu_map_fd(buffer_ctx(b), b->memory->fd, (off_t)b->memory->offset, b->vaddr, b->size, &b->iova,
				flags[b->place]) < 0) {
		job_fail(job, -errno);
		if (b->place == BUFFER_FIXED)
			buffer_explain(b, job);
	}
	if (job->error < 0)
		memory_unmapped(b->memory);
}

static void buffer_make_run(struct job *job)
{
	struct buffer *b = buffer_of_job(job);
	struct memory *m = b->memory;
	int ret;

	ret = m->foreign ? memory_check(m, job->text, sizeof(job->text)) : memory_make(m, job->text, sizeof(job->text));
	if (ret < 0)
		job->error = ret;
	else
		buffer_map_run(job);
}

static void buffer_release(struct buffer *b)
{
	struct opening *o = b->opening;

	lease_remove(&b->lease);
	LIST_REMOVE(b, link);
	if (b->vaddr)
		munmap(b->vaddr, b->size);
	memory_put(b->memory);
	quota_release(o->user, QUOTA_BUFFERS, 1);
	o->device->stats.buffers--;
	o->device->stats.buffer_bytes -= b->size;
	free(b);
}

/* Have served queues know of it, or not any more. */
static int buffer_show(struct buffer *b)
{
	int ret;

	b->data = (struct data_buffer){
		.iova = b->iova,
		.size = b->size,
		.vaddr = b->vaddr,
		.lossy = memory_lossy(b->memory),
		.fd = b->memory->fd,
		.at = b->memory->offset,
	};
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

/* It owns the reference of `memory`, which is dropped on failure, too. NULL with EDQUOT or ENOMEM. */
static struct buffer *buffer_new(struct opening *o, struct memory *memory)
{
	struct buffer *b;

	if (quota_charge(o->user, QUOTA_BUFFERS, 1) < 0) {
		memory_put(memory);
		errno = EDQUOT;
		return NULL;
	}
	b = calloc(1, sizeof(*b));
	if (!b) {
		quota_release(o->user, QUOTA_BUFFERS, 1);
		memory_put(memory);
		errno = ENOMEM;
		return NULL;
	}
	b->opening = o;
	b->memory = memory;
	b->size = memory->size;
	atomic_fetch_add(&memory->mapped, 1);
	LIST_INSERT_HEAD(&o->buffers, b, link);
	o->device->stats.buffers++;
	o->device->stats.buffer_bytes += b->size;
	return b;
}

static int buffer_post(struct opening *o, struct memory *memory, const struct buffer_spec *spec,
		       void (*run)(struct job *job), buffer_done done, void *arg)
{
	struct buffer *b = buffer_new(o, memory);

	if (!b)
		return -errno;
	b->place = spec->place;
	b->iova = spec->iova;
	b->done = done;
	b->arg = arg;
	b->job.run = run;
	b->job.done = buffer_make_done;
	opening_post(o, &b->job);
	return 0;
}

int buffer_alloc(struct opening *o, const struct buffer_spec *spec, buffer_done done, void *arg)
{
	struct memory *m = memory_new(o->user, spec->size, spec->page_size);
	int ret;

	if (!m)
		return -errno;
	m->foreign = spec->fd >= 0;
	m->fd = spec->fd;
	m->offset = m->foreign ? spec->offset : 0;
	/* Of a client's memory nothing is added to what it has named. */
	if (m->foreign && (spec->page_size || m->size != spec->size || spec->offset > INT64_MAX)) {
		m->fd = -1;
		memory_put(m);
		return -EINVAL;
	}
	memory_ref(m);
	ret = buffer_post(o, m, spec, buffer_make_run, done, arg);
	if (ret < 0)
		m->fd = -1;
	memory_put(m);
	return ret;
}

int buffer_attach(struct opening *o, const struct buffer *other, const struct buffer_spec *spec,
		  buffer_done done, void *arg)
{
	struct buffer *b;

	LIST_FOREACH (b, &o->buffers, link)
		if (b->memory == other->memory && !b->freeing)
			return -EALREADY;
	return buffer_post(o, memory_ref(other->memory), spec, buffer_map_run, done, arg);
}

static void buffer_free_run(struct job *job)
{
	struct buffer *b = buffer_of_job(job);

	vfn_error_set("%s", "");
	if (iommu_unmap_iova(buffer_ctx(b), b->iova, b->size) < 0)
		job_fail(job, -errno);
	memory_unmapped(b->memory);
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

/* Unchecked commands, and queues that they have made, may be anywhere. */
static bool buffer_held(const struct buffer *b)
{
	return b->busy || b->freeing || (b->opening->nraw && !b->opening->ending);
}

static void buffer_free_post(struct buffer *b)
{
	b->job.run = buffer_free_run;
	b->job.done = buffer_free_done;
	opening_post(b->opening, &b->job);
}

static void buffer_keep_over(struct keep *keep)
{
	buffer_free_post(buffer_of_keep(keep));
}

static void buffer_keep_run(struct job *job)
{
	/* Only for whoever waits, who is told when the loop has turned, as ever. */
}

static void buffer_keep_done(struct job *job)
{
	struct buffer *b = buffer_of_job(job);
	struct opening *o = b->opening;

	if (b->done)
		b->done(b->arg, 0, NULL, NULL);
	b->done = NULL;
	if (keep_needed(o))
		keep_add(o, &b->keep, buffer_keep_over);
	else
		buffer_free_post(b);
	opening_release(o);
}

static void buffer_free_hidden(struct buffer *b, buffer_done done, void *arg)
{
	b->freeing = true;
	lease_remove(&b->lease);
	b->done = done;
	b->arg = arg;
	if (!keep_needed(b->opening)) {
		buffer_free_post(b);
		return;
	}
	b->job.run = buffer_keep_run;
	b->job.done = buffer_keep_done;
	opening_post(b->opening, &b->job);
}

int buffer_free(struct buffer *b, buffer_done done, void *arg)
{
	if (buffer_held(b) || buffer_hide(b) < 0)
		return -EBUSY;
	buffer_free_hidden(b, done, arg);
	return 0;
}

/* The next of the session's buffers that have this memory and are not being freed, after `after` (NULL: the first). */
static struct buffer *buffer_next(struct session *session, const struct memory *memory, const struct buffer *after)
{
	struct opening *o;
	struct buffer *b;

	LIST_FOREACH (o, session_openings(session), in_session) {
		LIST_FOREACH (b, &o->buffers, link) {
			if (b == after)
				after = NULL;
			else if (!after && b->memory == memory && b->lease.handle)
				return b;
		}
	}
	return NULL;
}

int buffer_free_everywhere(struct buffer *buffer, buffer_done done, void *arg)
{
	struct session *session = buffer->opening->session;
	struct memory *memory = buffer->memory;
	struct buffer *b, *failed = NULL;
	int n = 0;

	for (b = buffer_next(session, memory, NULL); b && !failed; b = buffer_next(session, memory, b))
		if (buffer_held(b) || buffer_hide(b) < 0)
			failed = b;
	if (failed) {
		/* One that was taken out of its map a moment ago has its place there. */
		for (b = buffer_next(session, memory, NULL); b; b = buffer_next(session, memory, b))
			if (!b->mapped)
				buffer_show(b);
		return -EBUSY;
	}
	while ((b = buffer_next(session, memory, NULL))) {
		buffer_free_hidden(b, done, arg);
		n++;
	}
	return n;
}

struct buffer *buffer_find(struct session *session, uint64_t handle)
{
	struct lease *lease = lease_find(session_leases(session), handle, LEASE_BUFFER);

	return lease ? buffer_of_lease(lease) : NULL;
}

void buffer_save(const struct buffer *b, struct state_buffer *saved)
{
	const struct memory *m = b->memory;

	*saved = (struct state_buffer){
		.session = b->opening->session_number,
		.opening = b->opening->lease.handle,
		.handle = b->lease.handle,
		.size = b->size,
		.iova = b->iova,
		.fd = m->fd,
		.foreign = m->foreign,
		.offset = m->offset,
		.page_size = m->page_size,
		.memory = m->number,
	};
}

/* What another buffer of the session has already, or new. NULL with errno. */
static struct memory *buffer_restore_memory(struct opening *o, const struct state_buffer *saved)
{
	struct memory *m;
	struct opening *other;
	struct buffer *b;

	LIST_FOREACH (other, session_openings(o->session), in_session)
		LIST_FOREACH (b, &other->buffers, link)
			if (b->memory->number == saved->memory)
				return memory_ref(b->memory);
	m = memory_new(o->user, saved->size, saved->page_size);
	if (!m)
		return NULL;
	memory_number_used(saved->memory);
	m->number = saved->memory;
	m->foreign = saved->foreign;
	m->offset = saved->offset;
	m->fd = saved->fd;
	return m;
}

int buffer_restore(struct opening *o, const struct state_buffer *saved)
{
	struct memory *m = buffer_restore_memory(o, saved);
	struct buffer *b;
	int ret;

	if (!m)
		return -errno;
	memory_ref(m);
	b = buffer_new(o, m);
	ret = b ? buffer_mmap(b) : -errno;
	if (b)
		b->iova = saved->iova;
	if (ret == 0 && iommu_import(buffer_ctx(b), m->fd, (off_t)m->offset, b->vaddr, b->size, b->iova) < 0)
		ret = -errno;
	if (ret == 0)
		ret = buffer_show(b);
	if (ret == 0)
		ret = lease_restore(session_leases(o->session), &b->lease, LEASE_BUFFER, saved->handle);
	if (ret < 0 && m->refs == (b ? 2u : 1u))
		m->fd = -1;
	if (ret < 0 && b) {
		buffer_hide(b);
		buffer_release(b);
	}
	memory_put(m);
	return ret;
}
