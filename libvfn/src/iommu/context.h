/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * context - what the inside of libvfn knows of IOMMU contexts
 *
 * A backend is one thing that maps for DMA: a VFIO container, a vfio-user server. A context has
 * any number; each mapping is made in all of them.
 */
#ifndef VFN_SRC_IOMMU_CONTEXT_H
#define VFN_SRC_IOMMU_CONTEXT_H

#include <pthread.h>
#include <stdbool.h>
#include <vfn/iommu/context.h>
#include <vfn/iommu/dma.h>
#include "iommu/iova.h"
#include "iommu/table.h"

/* One mapping to be made. `fd` is -1 when the memory has none. */
struct iommu_request {
	uint64_t iova;
	size_t len;
	void *vaddr;
	unsigned long flags;
	int fd;
	off_t offset;
};

struct iommu_backend;

struct iommu_backend_ops {
	const char *name;
	/* 0, or -1 with errno and an error text. */
	int (*map)(struct iommu_backend *backend, const struct iommu_request *req);
	/* The same; ENODEV: the backend is dead and its mappings do not matter any more. */
	int (*unmap)(struct iommu_backend *backend, uint64_t iova, size_t len);
};

struct iommu_backend {
	const struct iommu_backend_ops *ops;
	struct iommu_iova_range *ranges; /* usable ranges, ascending */
	int nranges;
	uint64_t page_size;  /* smallest page, in bytes */
	size_t max_mappings; /* 0: no limit known */
	struct iommu_backend *next;
};

struct iommu_window;

struct iommu_ctx {
	char *name; /* NULL: nobody finds it by name */
	int refs;
	pthread_mutex_t map_lock; /* held while transports map and unmap; taken first */
	pthread_mutex_t lock;	  /* guards all below; held shortly */
	struct iommu_table by_vaddr, by_iova;
	const struct iommu_allocator *allocator; /* the program's, or NULL */
	void *allocator_opaque;
	struct iova_space space;
	struct iommu_iova_range *ranges;
	int nranges;
	uint64_t page_size;
	struct iommu_window *windows;	/* iommu/window.h */
	struct iommu_backend *backends; /* changed under both locks */
	struct iommu_ctx *next;
};

/*
 * A mapping as it lies in memory, with all that finds it again and keeps its place: one allocation.
 * The nodes of the tables follow.
 */
struct iommu_node {
	struct iommu_mapping m;	   /* first */
	struct iova_extent extent; /* lent to the space while it is mapped */
};

/* A context that has no name; one reference. NULL: ENOMEM. */
struct iommu_ctx *iommu_ctx_new(void);

/* One more reference. */
struct iommu_ctx *iommu_ctx_ref(struct iommu_ctx *ctx);

/* The same for what may be no context at all: NULL then. Nothing is read through `ctx` before. */
struct iommu_ctx *iommu_ctx_ref_if(const struct iommu_ctx *ctx);

/*
 * Add a backend: its limits narrow those of the context, and it gets every mapping that the
 * context has, unless `imported` (it has them already). 0, or -1: ERANGE a mapping lies where the
 * backend cannot reach; or of the backend's map.
 */
int iommu_attach(struct iommu_ctx *ctx, struct iommu_backend *backend, bool imported);

/*
 * The limits of a backend that is attached have changed: narrow the context to them. 0, or -1:
 * ERANGE, ENOMEM, and the context is as it was.
 */
int iommu_narrow(struct iommu_ctx *ctx, const struct iommu_backend *backend);

/* Remove it again; the mappings in it are unmapped if `unmap`. */
void iommu_detach(struct iommu_ctx *ctx, struct iommu_backend *backend, bool unmap);

/* The first backend with these operations, or NULL. */
struct iommu_backend *iommu_find_backend(struct iommu_ctx *ctx,
					 const struct iommu_backend_ops *ops);

/* Forget every mapping without telling the backends. Called when there is none any more. */
void iommu_forget_all(struct iommu_ctx *ctx);

/* Whether all of [iova, iova + len) is in one of the ranges. */
bool iommu_ranges_have(const struct iommu_iova_range *ranges, int n, uint64_t iova, uint64_t len);

/*
 * As iommu_translate_vaddr(), with the number of bytes from `vaddr` to the end of its mapping in
 * *len.
 */
bool iommu_translate_range(struct iommu_ctx *ctx, void *vaddr, uint64_t *iova, size_t *len);

#endif
