/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Groups: from the address of a device to its group in a container, every step explained.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/pci/util.h>
#include <vfn/support/log.h>
#include "pci/sysfs.h"
#include "support/fail.h"
#include "vfio/kernel.h"
#include "vfio/type1.h"

/* All groups that this process has open: the kernel lets each be opened once. */
static pthread_mutex_t groups_lock = PTHREAD_MUTEX_INITIALIZER;
static struct type1_group *groups;

/* The number of the group, after the device was found fit; free it. */
static char *group_number(const char *bdf)
{
	char *group, *number;

	if (vfio_kernel_check_driver(bdf))
		return NULL;
	group = pci_get_iommu_group(bdf);
	if (!group)
		return NULL;
	number = strdup(strrchr(group, '/') + 1);
	free(group);
	if (!number)
		vfn_fail(ENOMEM, "out of memory for the group of %s", bdf);
	return number;
}

static int group_open(const char *number, const char *bdf)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/%s", pci_dev_root, number);
	fd = vfio_kernel->open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EBUSY:
		return vfn_fail(EBUSY, "%s: another process uses group %s of %s", path, number,
				bdf);
	case EACCES:
	case EPERM:
		return vfn_fail(errno, "%s: this user may not open it; give it to the user", path);
	case ENOENT:
		return vfn_fail(
			ENOENT,
			"%s: group %s of %s is not there (a group without an IOMMU is named "
			"noiommu-%s, and is not supported)",
			path, number, bdf, number);
	default:
		return vfn_fail(errno, "%s: %s", path, strerror(errno));
	}
}

static int group_check(int fd, const char *number)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	char why[300];
	int n;

	if (vfio_kernel_ioctl(fd, VFIO_GROUP_GET_STATUS, &status))
		return vfn_fail(errno, "group %s: asking for its status: %s", number,
				strerror(errno));
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		n = pci_group_offenders(number, why, sizeof(why));
		if (n <= 0)
			return vfn_fail(
				EBUSY,
				"group %s is not viable: a device in it is bound to a driver "
				"other than vfio-pci",
				number);
		return vfn_fail(EBUSY,
				"group %s is not viable: %s; unbind %s or bind %s to vfio-pci",
				number, why, n > 1 ? "them" : "it", n > 1 ? "them" : "it");
	}
	if (status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET)
		return vfn_fail(EBUSY, "group %s is in a container already", number);
	return 0;
}

/* The container of `ctx` if it has one; groups_lock keeps it. */
static struct type1_container *group_container(struct iommu_ctx *ctx)
{
	struct iommu_backend *backend = iommu_find_backend(ctx, &type1_backend_ops);

	return backend ? container_of(backend, struct type1_container, backend) : NULL;
}

/* Put a new group into its container, which is made if the context has none. */
static int group_enter(struct type1_group *g, struct iommu_ctx *ctx)
{
	struct type1_container *c = group_container(ctx);
	bool fresh = !c;
	int err;

	if (fresh)
		c = type1_container_new(ctx, -1);
	if (!c)
		return -1;
	if (vfio_kernel_ioctl(g->fd, VFIO_GROUP_SET_CONTAINER, &c->fd)) {
		vfn_fail(errno, "group %s cannot go into %s container: %s", g->number,
			 fresh ? "a new" : "this context's", strerror(errno));
		goto fail;
	}
	if (fresh ? type1_container_start(c, false) : type1_container_grown(c)) {
		err = errno;
		vfio_kernel_ioctl(g->fd, VFIO_GROUP_UNSET_CONTAINER, 0);
		errno = err;
		goto fail;
	}
	log_debug("group %s is in %s container\n", g->number, fresh ? "a new" : "a shared");
	c->refs++;
	g->container = c;
	return 0;

fail:
	if (fresh)
		type1_container_free(c, false);
	return -1;
}

/* The same with descriptors that were handed on, whose mappings the kernel has. */
static int group_import(struct type1_group *g, struct iommu_ctx *ctx,
			const struct vfio_takeover *from)
{
	struct type1_container *c = group_container(ctx);
	bool fresh = !c;

	if (fresh)
		c = type1_container_new(ctx, from->container_fd);
	if (!c)
		return -1;
	if (fresh && type1_container_start(c, true)) {
		type1_container_free(c, true);
		return -1;
	}
	c->refs++;
	g->container = c;
	return 0;
}

static void group_free(struct type1_group *g, bool keep)
{
	int err = errno;

	if (g->fd >= 0 && !keep)
		vfio_kernel->close(g->fd);
	free(g->number);
	free(g);
	errno = err;
}

/* groups_lock is held; `number` is taken over. */
static struct type1_group *group_new(struct iommu_ctx *ctx, const char *bdf, char *number,
				     const struct vfio_takeover *from)
{
	struct type1_group *g = calloc(1, sizeof(*g));

	if (!g) {
		free(number);
		vfn_fail(ENOMEM, "out of memory for the group of %s", bdf);
		return NULL;
	}
	g->number = number;
	g->refs = 1;
	g->fd = from ? from->group_fd : group_open(number, bdf);
	if (g->fd < 0)
		goto fail;
	if (from ? group_import(g, ctx, from) : group_check(g->fd, number) || group_enter(g, ctx))
		goto fail;
	g->next = groups;
	groups = g;
	return g;

fail:
	group_free(g, from);
	return NULL;
}

struct type1_group *type1_group_get(struct iommu_ctx *ctx, const char *bdf,
				    const struct vfio_takeover *from)
{
	char *number = group_number(bdf);
	struct type1_group *g;

	if (!number)
		return NULL;
	pthread_mutex_lock(&groups_lock);
	for (g = groups; g && strcmp(g->number, number); g = g->next)
		;
	if (!g) {
		g = group_new(ctx, bdf, number, from);
	} else if (g->container->ctx != ctx) {
		vfn_fail(EBUSY,
			 "%s shares group %s with a device that is open in another IOMMU context: "
			 "they have to be in the same one",
			 bdf, number);
		g = NULL;
		free(number);
	} else {
		g->refs++;
		free(number);
	}
	pthread_mutex_unlock(&groups_lock);
	return g;
}

void type1_group_put(struct type1_group *group, bool keep)
{
	struct type1_container *c = group->container;

	pthread_mutex_lock(&groups_lock);
	if (!--group->refs) {
		for (struct type1_group **p = &groups; *p; p = &(*p)->next) {
			if (*p == group) {
				*p = group->next;
				break;
			}
		}
		group_free(group, keep);
		if (!--c->refs) {
			/* The kernel unmaps everything with the container. */
			iommu_detach(c->ctx, &c->backend, false);
			type1_container_free(c, keep);
		}
	}
	pthread_mutex_unlock(&groups_lock);
}
