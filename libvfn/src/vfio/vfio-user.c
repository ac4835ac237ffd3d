/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The transport to a device that another process serves through a unix socket.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <vfn/support/mem.h>
#include "support/fail.h"
#include "vfio/transport.h"
#include "vfio/vfio-user.h"

#define PREFIX "vfio-user:"

/* Linux 5.14, and libc's headers later. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

/*
 * Data of a region access goes in pieces that the socket takes at once: a server that is sending a
 * command of its own meanwhile does not read.
 */
#define REGION_IO_MAX 0x8000u

#define DMA_READ  1u
#define DMA_WRITE 2u

static struct vfio_user *user(const struct vfio_device *dev)
{
	return dev->state->priv;
}

static struct vfio_user *user_of(struct iommu_backend *backend)
{
	return container_of(backend, struct vfio_user, backend);
}

static bool user_match(const char *address, const char **rest)
{
	if (strncmp(address, PREFIX, sizeof(PREFIX) - 1))
		return false;
	*rest = address + sizeof(PREFIX) - 1;
	return **rest;
}

/*
 * Memory that this process reads and writes for the server must be there, as what the kernel maps
 * for a device must. 0, or -1: EFAULT.
 */
static int user_dma_reachable(struct vfio_user *vu, const struct iommu_request *req)
{
	int advice = req->flags & IOMMU_MAP_NOWRITE ? MADV_POPULATE_READ : MADV_POPULATE_WRITE;
	char probe;

	if (!madvise(req->vaddr, req->len, advice))
		return 0;
	/* EINVAL is said of memory without these rights, and by a kernel that lacks the advice. */
	if (errno == EINVAL &&
	    madvise((void *)((uintptr_t)&probe & ~(__VFN_PAGESIZE - 1)), 1, MADV_POPULATE_READ))
		return 0;
	return vfn_fail(EFAULT, "vfio-user:%s: %zu bytes at %p cannot be %s by this process",
			vu->conn.name, req->len, req->vaddr,
			req->flags & IOMMU_MAP_NOWRITE ? "read" : "written");
}

static int user_dma_map(struct iommu_backend *backend, const struct iommu_request *req)
{
	struct vfio_user *vu = user_of(backend);
	struct vfio_user_dma_map echo;
	struct vfio_user_dma_map map = {
		.argsz = sizeof(map),
		.flags = (req->flags & IOMMU_MAP_NOREAD ? 0 : DMA_READ) |
			 (req->flags & IOMMU_MAP_NOWRITE ? 0 : DMA_WRITE),
		.offset = (uint64_t)req->offset,
		.address = req->iova,
		.size = req->len,
	};
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_MAP,
		.out = &map,
		.out_len = sizeof(map),
		.fds = &req->fd,
		.nfds = 1,
		.in_data = &echo,
		.in_data_len = sizeof(echo),
		.is_long = true,
	};

	if (req->fd >= 0 && vu->max_msg_fds)
		return vfio_user_call(&vu->conn, &call);
	/* The server reaches it by messages, and somebody must be there for them. */
	call.nfds = 0;
	map.offset = 0;
	if (user_dma_reachable(vu, req) || vfio_user_listener_start(&vu->conn))
		return -1;
	vu->private_memory |= req->fd < 0;
	if (!vfio_user_call(&vu->conn, &call))
		return 0;
	if (vfio_user_dead(&vu->conn) || errno == ENOSPC || errno == ENOMEM || errno == EEXIST)
		return -1;
	return vfn_fail(ENOTSUP,
			"vfio-user:%s takes no memory without a descriptor (%s), which %p is: use "
			"pgmap()",
			vu->conn.name, strerror(errno), req->vaddr);
}

static int user_dma_unmap(struct iommu_backend *backend, uint64_t iova, size_t len)
{
	struct vfio_user *vu = user_of(backend);
	struct vfio_user_dma_unmap unmap = {.argsz = sizeof(unmap), .address = iova, .size = len};
	struct vfio_user_dma_unmap echo;
	struct vfio_user_call call = {
		.command = VFIO_USER_DMA_UNMAP,
		.out = &unmap,
		.out_len = sizeof(unmap),
		.in_data = &echo,
		.in_data_len = sizeof(echo),
		.is_long = true,
	};

	if (!vfio_user_call(&vu->conn, &call))
		return 0;
	/* Whatever the reason: a server that is gone has no mappings. */
	if (vfio_user_dead(&vu->conn))
		errno = ENODEV;
	return -1;
}

static const struct iommu_backend_ops user_backend_ops = {
	.name = "vfio-user",
	.map = user_dma_map,
	.unmap = user_dma_unmap,
};

/* How servers say that there is no such region or kind of interrupt. */
static bool user_lacks(void)
{
	return errno == EINVAL || errno == ENOTSUP || errno == ENOENT || errno == ENXIO ||
	       errno == ERANGE || errno == ENOSYS;
}

static int user_device_info(struct vfio_device *dev)
{
	struct vfio_user *vu = user(dev);
	/* The protocol's answer has the first 16 bytes of the kernel's structure. */
	uint32_t info[4] = {sizeof(info)}, reply[4];
	char more[64];
	struct vfio_user_call call = {
		.command = VFIO_USER_DEVICE_GET_INFO,
		.out = info,
		.out_len = sizeof(info),
		.in = reply,
		.in_len = sizeof(reply),
		.in_data = more,
		.in_data_len = sizeof(more),
	};

	if (vfio_user_call(&vu->conn, &call))
		return -1;
	dev->device_info = (struct vfio_device_info){
		.argsz = sizeof(dev->device_info),
		.flags = reply[1],
		.num_regions = reply[2],
		.num_irqs = reply[3],
	};
	if (!(reply[1] & VFIO_DEVICE_FLAGS_PCI))
		return vfn_fail(ENOTSUP, "vfio-user:%s is not a PCI device", vu->conn.name);
	return 0;
}

static int user_open(struct vfio_device *dev, const char *address, const struct vfio_takeover *from)
{
	struct vfio_user *vu = calloc(1, sizeof(*vu));
	int fd, err, type;
	socklen_t len = sizeof(type);

	if (!vu)
		return vfn_fail(ENOMEM, "out of memory for %s", address);
	vu->max_msg_fds = 1;
	vu->max_data = VFIO_USER_MAX_DATA;
	vu->range = (struct iommu_iova_range){IOVA_FIRST, (1ull << 48) - 1};
	vu->backend = (struct iommu_backend){
		.ops = &user_backend_ops, .ranges = &vu->range, .nranges = 1, .page_size = 4096};
	if (!from) {
		fd = vfio_user_connect(address, vfio_user_now() + vfio_user_call_timeout_ms);
	} else if (getsockopt(from->socket_fd, SOL_SOCKET, SO_TYPE, &type, &len) ||
		   type != SOCK_STREAM) {
		fd = vfn_fail(EINVAL, "%s: descriptor %d is not its socket", address,
			      from->socket_fd);
	} else {
		fd = from->socket_fd;
	}
	if (fd < 0) {
		free(vu);
		return -1;
	}
	vfio_user_conn_init(&vu->conn, fd, dev->state->address);
	vu->conn.ctx = dev->ctx;
	dev->state->priv = vu;
	dev->fd = fd;
	if (from) {
		if (from->max_msg_fds >= 1 && from->max_msg_fds <= VFIO_USER_FDS_MAX)
			vu->max_msg_fds = from->max_msg_fds;
		if (from->max_data_xfer_size >= 4 && from->max_data_xfer_size < vu->max_data)
			vu->max_data = (size_t)from->max_data_xfer_size;
	} else if (vfio_user_negotiate(vu)) {
		goto fail;
	}
	if (user_device_info(dev) || iommu_attach(dev->ctx, &vu->backend, from))
		goto fail;
	return 0;

fail:
	err = errno;
	vfio_user_conn_close(&vu->conn, from);
	free(vu);
	dev->state->priv = NULL;
	errno = err;
	return -1;
}

static void user_close(struct vfio_device *dev, bool keep)
{
	struct vfio_user *vu = user(dev);

	/* The server forgets all mappings with the connection. */
	iommu_detach(dev->ctx, &vu->backend, false);
	vfio_user_conn_close(&vu->conn, keep);
	free(vu);
}

static int user_reset(struct vfio_device *dev)
{
	struct vfio_user_call call = {.command = VFIO_USER_DEVICE_RESET, .is_long = true};

	return vfio_user_call(&user(dev)->conn, &call);
}

static int user_region_info(struct vfio_device *dev, struct vfio_region_info *info,
			    struct vfio_region_fds *fds)
{
	struct vfio_user *vu = user(dev);
	struct vfio_region_info ask = {.argsz = info->argsz, .index = info->index};
	uint32_t index = info->index;
	struct vfio_user_call call = {
		.command = VFIO_USER_DEVICE_GET_REGION_INFO,
		.out = &ask,
		.out_len = sizeof(ask),
		.in = info,
		.in_len = sizeof(*info),
		.in_data = info + 1,
		.in_data_len = info->argsz - sizeof(*info),
		.in_fds = fds->fd,
		.in_fds_max = VFIO_REGION_AREAS,
		.trim = true,
	};

	fds->n = 0;
	if (vfio_user_call(&vu->conn, &call)) {
		if (user_lacks())
			errno = EINVAL;
		return -1;
	}
	fds->n = call.in_nfds;
	if (info->index != index)
		return vfio_user_kill(&vu->conn, EPROTO, "asked for region %u, told of region %u",
				      index, info->index);
	return 0;
}

static int user_region_io(struct vfio_device *dev, enum vfio_user_command command,
			  unsigned int region, char *buf, size_t len, uint64_t offset)
{
	struct vfio_user *vu = user(dev);
	size_t most = vu->max_data < REGION_IO_MAX ? vu->max_data : REGION_IO_MAX;
	bool is_write = command == VFIO_USER_REGION_WRITE;

	while (len) {
		size_t n = len < most ? len : most;
		struct vfio_user_region_io io = {
			.offset = offset, .region = region, .count = (uint32_t)n};
		struct vfio_user_region_io echo;
		struct vfio_user_call call = {
			.command = command,
			.out = &io,
			.out_len = sizeof(io),
			.out_data = buf,
			.out_data_len = is_write ? n : 0,
			.in = &echo,
			.in_len = sizeof(echo),
			.in_data = buf,
			.in_data_len = is_write ? 0 : n,
		};

		if (vfio_user_call(&vu->conn, &call))
			return -1;
		if (echo.count != n || echo.offset != offset || echo.region != region ||
		    (!is_write && call.in_data_got != n))
			return vfio_user_kill(&vu->conn, EPROTO,
					      "%s of %zu bytes at 0x%llx of region %u: the reply "
					      "has %u at 0x%llx of region %u",
					      is_write ? "write" : "read", n,
					      (unsigned long long)offset, region, echo.count,
					      (unsigned long long)echo.offset, echo.region);
		buf += n;
		offset += n;
		len -= n;
	}
	return 0;
}

static int user_region_read(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
			    uint64_t offset)
{
	return user_region_io(dev, VFIO_USER_REGION_READ, region, buf, len, offset);
}

static int user_region_write(struct vfio_device *dev, unsigned int region, const void *buf,
			     size_t len, uint64_t offset)
{
	return user_region_io(dev, VFIO_USER_REGION_WRITE, region, (char *)(uintptr_t)buf, len,
			      offset);
}

static int user_region_post32(struct vfio_device *dev, unsigned int region, uint64_t offset,
			      leint32_t value)
{
	struct {
		struct vfio_user_region_io io;
		leint32_t value;
	} out = {{.offset = offset, .region = region, .count = sizeof(value)}, value};

	return vfio_user_post(&user(dev)->conn, VFIO_USER_REGION_WRITE, &out,
			      sizeof(out.io) + sizeof(value));
}

static int user_irq_info(struct vfio_device *dev, struct vfio_irq_info *info)
{
	struct vfio_irq_info ask = *info;
	char more[64];
	struct vfio_user_call call = {
		.command = VFIO_USER_DEVICE_GET_IRQ_INFO,
		.out = &ask,
		.out_len = sizeof(ask),
		.in = info,
		.in_len = sizeof(*info),
		.in_data = more,
		.in_data_len = sizeof(more),
	};

	if (!vfio_user_call(&user(dev)->conn, &call))
		return 0;
	if (!user_lacks())
		return -1;
	*info = ask;
	info->count = 0;
	return 0;
}

static int user_irq_send(struct vfio_user *vu, uint32_t flags, unsigned int index,
			 unsigned int start, unsigned int count, const int *fds, unsigned int nfds)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER | flags,
		.index = index,
		.start = start,
		.count = count,
	};
	struct vfio_irq_set echo;
	struct vfio_user_call call = {
		.command = VFIO_USER_DEVICE_SET_IRQS,
		.out = &set,
		.out_len = sizeof(set),
		.fds = fds,
		.nfds = (int)nfds,
		.in_data = &echo,
		.in_data_len = sizeof(echo),
	};

	return vfio_user_call(&vu->conn, &call);
}

static int user_irq_set(struct vfio_device *dev, unsigned int index, unsigned int start,
			const int *fds, unsigned int n)
{
	struct vfio_user *vu = user(dev);
	unsigned int i = 0;

	if (!n)
		return user_irq_send(vu, VFIO_IRQ_SET_DATA_NONE, index, 0, 0, NULL, 0);
	/* A message carries descriptors for all of its vectors, or for none: runs of each kind. */
	for (i = 0; i < n && fds[i] < 0; i++)
		;
	if (i < n && !vu->max_msg_fds)
		return vfn_fail(ENOTSUP, "vfio-user:%s takes no descriptors, so no interrupts",
				vu->conn.name);
	/*
	 * The first message tells how many vectors there will be, for servers where no more can be
	 * added (VFIO_IRQ_INFO_NORESIZE).
	 */
	if (n > vu->max_msg_fds && !start &&
	    user_irq_send(vu, VFIO_IRQ_SET_DATA_EVENTFD, index, 0, n, NULL, 0) &&
	    vfio_user_dead(&vu->conn))
		return -1;
	i = 0;
	while (i < n) {
		bool has = fds[i] >= 0;
		unsigned int k = i + 1;

		while (k < n && (fds[k] >= 0) == has && (!has || k - i < vu->max_msg_fds))
			k++;
		if (user_irq_send(vu, VFIO_IRQ_SET_DATA_EVENTFD, index, start + i, k - i, fds + i,
				  has ? k - i : 0))
			return -1;
		i = k;
	}
	return 0;
}

static int user_irq_unmask(struct vfio_device *dev, unsigned int index, unsigned int start,
			   unsigned int n)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
		.index = index,
		.start = start,
		.count = n,
	};

	return vfio_user_post(&user(dev)->conn, VFIO_USER_DEVICE_SET_IRQS, &set, sizeof(set));
}

static int user_export(struct vfio_device *dev, struct vfio_takeover *to)
{
	struct vfio_user *vu = user(dev);

	if (vfio_user_dead(&vu->conn))
		return vfn_fail(ENODEV, "vfio-user:%s is gone", vu->conn.name);
	if (vu->private_memory)
		return vfn_fail(ENOTSUP, "vfio-user:%s reaches memory of this process alone",
				vu->conn.name);
	/* It is not to take what is meant for the successor; one that is needed starts again. */
	vfio_user_listener_stop(&vu->conn);
	/* In the middle of a call the stream could not be followed by anybody else. */
	if (pthread_mutex_trylock(&vu->conn.call_lock))
		return vfn_fail(EBUSY, "vfio-user:%s: a call is under way", vu->conn.name);
	to->socket_fd = vu->conn.fd;
	to->max_msg_fds = vu->max_msg_fds;
	to->max_data_xfer_size = vu->max_data;
	pthread_mutex_unlock(&vu->conn.call_lock);
	return 0;
}

static int user_fd_event(struct vfio_device *dev)
{
	return user(dev)->conn.fd;
}

const struct vfio_transport vfio_transport_user = {
	.name = "vfio-user",
	.doorbell_by_message = true,
	.msi_by_config = true,
	.own_context = true,
	.match = user_match,
	.open = user_open,
	.close = user_close,
	.reset = user_reset,
	.region_info = user_region_info,
	.region_read = user_region_read,
	.region_write = user_region_write,
	.region_post32 = user_region_post32,
	.irq_info = user_irq_info,
	.irq_set = user_irq_set,
	.irq_unmask = user_irq_unmask,
	.export = user_export,
	.fd_event = user_fd_event,
};
