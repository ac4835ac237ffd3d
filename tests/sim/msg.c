/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "msg.h"
#include "queue.h"

#include <errno.h>
#include <json-c/json.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#define MSG_MINOR 1
#define MSG_FDS	  128 /* "max_msg_fds" as we tell it */

/* A handler replies by msg_ok(), or returns a negative errno. */
typedef int msg_fn(struct session *s, struct ctrl *c, struct msg *m);

static int msg_ok(struct session *s, const struct msg *m, const void *data, size_t len)
{
	session_reply(s, m, 0, data, len, -1);
	return 0;
}

/* Takes what matters from the client's capabilities; the others are ignored. */
static int msg_capabilities(struct session *s, const char *text)
{
	struct json_object *root = json_tokener_parse(text), *caps, *v;
	int err = 0;

	if (!root || !json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return -EINVAL;
	}
	if (json_object_object_get_ex(root, "capabilities", &caps)) {
		if (!json_object_is_type(caps, json_type_object)) {
			err = -EINVAL;
		} else if (json_object_object_get_ex(caps, "max_data_xfer_size", &v)) {
			int64_t n = json_object_get_int64(v);

			if (n < 4096)
				err = -EINVAL;
			else if (n < VFU_MAX_DATA)
				s->max_data = n;
		}
	}
	json_object_put(root);
	return err;
}

static int msg_version(struct session *s, struct ctrl *c, struct msg *m)
{
	struct json_object *root, *caps;
	struct vfu_version ver;
	uint8_t reply[512];
	const char *text;
	size_t n;
	int err;

	if (s->versioned)
		return -EINVAL;
	s->broken = true; /* unless all goes well */
	memcpy(&ver, m->data, sizeof(ver));
	if (ver.major != 0)
		return -EINVAL;
	if (m->len > sizeof(ver)) {
		text = (const char *)m->data + sizeof(ver);
		if (m->data[m->len - 1] != 0)
			return -EINVAL;
		err = *text ? msg_capabilities(s, text) : 0;
		if (err)
			return err;
	}
	if (ver.minor > MSG_MINOR)
		ver.minor = MSG_MINOR;
	root = json_object_new_object();
	caps = json_object_new_object();
	json_object_object_add(caps, "max_msg_fds", json_object_new_int(MSG_FDS));
	json_object_object_add(caps, "max_data_xfer_size", json_object_new_int(VFU_MAX_DATA));
	json_object_object_add(caps, "max_dma_maps", json_object_new_int(DMA_MAX_RANGES));
	json_object_object_add(caps, "pgsizes", json_object_new_int(4096));
	json_object_object_add(caps, "write_multiple", json_object_new_boolean(1));
	json_object_object_add(root, "capabilities", caps);
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	n = strlen(text) + 1;
	memcpy(reply, &ver, sizeof(ver));
	memcpy(reply + sizeof(ver), text, n);
	json_object_put(root);
	s->versioned = true;
	s->broken = false;
	return msg_ok(s, m, reply, sizeof(ver) + n);
}

static int msg_dma_map(struct session *s, struct ctrl *c, struct msg *m)
{
	struct vfu_dma_map map;
	int fd = -1, err;

	memcpy(&map, m->data, sizeof(map));
	if (map.argsz < sizeof(map))
		return -EINVAL;
	if (m->nfds) {
		fd = m->fds[0];
		m->fds[0] = -1;
	}
	err = dma_add(&c->dma, map.addr, map.size, map.offset, map.flags, fd);
	return err ? err : msg_ok(s, m, NULL, 0);
}

static int msg_dma_unmap(struct session *s, struct ctrl *c, struct msg *m)
{
	struct vfu_dma_unmap um;
	int err = 0;

	memcpy(&um, m->data, sizeof(um));
	if (um.argsz < sizeof(um) || (um.flags & ~VFU_UNMAP_ALL))
		return -EINVAL;
	if (um.flags & VFU_UNMAP_ALL) {
		if (um.addr || um.size)
			return -EINVAL;
		dma_remove_all(&c->dma);
	} else {
		err = dma_remove(&c->dma, um.addr, um.size);
	}
	return err ? err : msg_ok(s, m, &um, sizeof(um));
}

static int msg_device_info(struct session *s, struct ctrl *c, struct msg *m)
{
	/* Without the newer fields: 16 bytes are what every client knows. */
	uint32_t info[4];

	memcpy(info, m->data, sizeof(info));
	if (info[0] < sizeof(info))
		return -EINVAL;
	info[0] = sizeof(info);
	info[1] = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI;
	info[2] = VFIO_PCI_NUM_REGIONS;
	info[3] = VFIO_PCI_NUM_IRQS;
	return msg_ok(s, m, info, sizeof(info));
}

static int msg_region_info(struct session *s, struct ctrl *c, struct msg *m)
{
	/* The sparse-mmap capability with its one area, spelled out. */
	struct {
		struct vfio_region_info info;
		struct vfio_info_cap_header sparse;
		uint32_t nr_areas;
		uint32_t reserved;
		struct vfio_region_sparse_mmap_area area;
	} r;
	size_t len = sizeof(r.info);
	uint32_t argsz;
	int fd = -1;

	memset(&r, 0, sizeof(r));
	memcpy(&r.info, m->data, sizeof(r.info));
	argsz = r.info.argsz;
	if (argsz < sizeof(r.info) || r.info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	r.info.flags = 0;
	r.info.cap_offset = 0;
	r.info.size = 0;
	r.info.offset = (uint64_t)r.info.index << 40;
	r.info.argsz = sizeof(r.info);
	if (r.info.index == VFIO_PCI_CONFIG_REGION_INDEX) {
		r.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		r.info.size = PCI_SPACE;
	} else if (r.info.index == CMB_BAR && c->cmb.size) {
		/* A BAR of its own: known clients handle just one mappable area in each. */
		r.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			       VFIO_REGION_INFO_FLAG_MMAP;
		r.info.size = c->cmb.size;
		r.info.offset = 0;
		fd = c->cmb.fd;
	} else if (r.info.index == VFIO_PCI_BAR0_REGION_INDEX) {
		r.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			       VFIO_REGION_INFO_FLAG_MMAP;
		r.info.size = c->pci.bar_size;
		r.info.argsz = sizeof(r);
		if (argsz >= sizeof(r)) {
			r.info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
			r.info.cap_offset = offsetof(__typeof__(r), sparse);
			r.sparse.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
			r.sparse.version = 1;
			r.nr_areas = 1;
			r.area.offset = SIM_BAR_DOORBELLS;
			r.area.size = c->doorbells_len;
			len = sizeof(r);
			fd = c->bar_fd;
			s->has_doorbells = true;
		}
	}
	session_reply(s, m, 0, &r, len, fd);
	return 0;
}

static int msg_region_io_fds(struct session *s, struct ctrl *c, struct msg *m)
{
	struct vfu_region_io_fds r;

	memcpy(&r, m->data, sizeof(r));
	if (r.argsz < sizeof(r) || r.flags || r.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	r.argsz = sizeof(r);
	r.count = 0;
	return msg_ok(s, m, &r, sizeof(r));
}

static int msg_irq_info(struct session *s, struct ctrl *c, struct msg *m)
{
	struct vfio_irq_info info;
	int err;

	memcpy(&info, m->data, sizeof(info));
	err = irq_info(&c->irq, &info);
	return err ? err : msg_ok(s, m, &info, sizeof(info));
}

static int msg_set_irqs(struct session *s, struct ctrl *c, struct msg *m)
{
	const struct vfio_irq_set *set = (const struct vfio_irq_set *)m->data;
	int err;

	/* An unmask fires again only if the line is still asserted. */
	ctrl_update_intx(c);
	err = irq_set(&c->irq, set, m->len - sizeof(*set), m->fds, m->nfds);
	return err ? err : msg_ok(s, m, NULL, 0);
}

static int msg_region_read(struct session *s, struct ctrl *c, struct msg *m)
{
	struct {
		struct vfu_region_io io;
		uint8_t data[PCI_SPACE];
	} r;
	int err;

	memcpy(&r.io, m->data, sizeof(r.io));
	if (m->len != sizeof(r.io) || !r.io.count || r.io.count > sizeof(r.data))
		return -EINVAL;
	if (r.io.region == VFIO_PCI_CONFIG_REGION_INDEX)
		err = ctrl_cfg_read(c, r.io.offset, r.data, r.io.count);
	else if (r.io.region == VFIO_PCI_BAR0_REGION_INDEX)
		err = ctrl_bar_read(c, r.io.offset, r.data, r.io.count);
	else if (r.io.region == CMB_BAR)
		err = cmb_access(&c->cmb, r.io.offset, r.data, r.io.count, false);
	else
		err = -EINVAL;
	if (!err && r.io.region == CMB_BAR && c->lost)
		memset(r.data, 0xff, r.io.count);
	return err ? err : msg_ok(s, m, &r, sizeof(r.io) + r.io.count);
}

static int msg_write_one(struct ctrl *c, const struct vfu_region_io *io, const void *data)
{
	if (!io->count)
		return -EINVAL;
	if (io->region == VFIO_PCI_CONFIG_REGION_INDEX)
		return ctrl_cfg_write(c, io->offset, data, io->count);
	if (io->region == VFIO_PCI_BAR0_REGION_INDEX)
		return ctrl_bar_write(c, io->offset, data, io->count);
	if (io->region == CMB_BAR && c->lost)
		return 0;
	if (io->region == CMB_BAR) /* which only reads from the data then */
		return cmb_access(&c->cmb, io->offset, (uint8_t *)(uintptr_t)data, io->count, true);
	return -EINVAL;
}

static int msg_region_write(struct session *s, struct ctrl *c, struct msg *m)
{
	struct vfu_region_io io;
	int err;

	memcpy(&io, m->data, sizeof(io));
	if (m->len - sizeof(io) != io.count)
		return -EINVAL;
	err = msg_write_one(c, &io, m->data + sizeof(io));
	return err ? err : msg_ok(s, m, &io, sizeof(io));
}

static int msg_write_multi(struct session *s, struct ctrl *c, struct msg *m)
{
	uint64_t n;
	int err;

	memcpy(&n, m->data, sizeof(n));
	if (n != (m->len - sizeof(n)) / sizeof(struct vfu_write_one) ||
	    (m->len - sizeof(n)) % sizeof(struct vfu_write_one))
		return -EINVAL;
	for (uint64_t i = 0; i < n; i++) {
		struct vfu_write_one one;
		struct vfu_region_io io;

		memcpy(&one, m->data + sizeof(n) + i * sizeof(one), sizeof(one));
		io = (struct vfu_region_io){one.offset, one.region, one.count};
		err = one.count > sizeof(one.data) ? -EINVAL : msg_write_one(c, &io, one.data);
		if (err)
			return err;
	}
	return msg_ok(s, m, &n, sizeof(n));
}

static int msg_reset(struct session *s, struct ctrl *c, struct msg *m)
{
	if (m->len)
		return -EINVAL;
	ctrl_device_reset(c);
	return msg_ok(s, m, NULL, 0);
}

static const struct {
	msg_fn *fn;
	size_t least; /* bytes of payload */
	unsigned int fds;
} msg_table[] = {
	[VFU_VERSION] = {msg_version, sizeof(struct vfu_version), 0},
	[VFU_DMA_MAP] = {msg_dma_map, sizeof(struct vfu_dma_map), 1},
	/* One client sends the range's file along. */
	[VFU_DMA_UNMAP] = {msg_dma_unmap, sizeof(struct vfu_dma_unmap), 1},
	[VFU_DEVICE_INFO] = {msg_device_info, 16, 0},
	[VFU_REGION_INFO] = {msg_region_info, sizeof(struct vfio_region_info), 0},
	[VFU_REGION_IO_FDS] = {msg_region_io_fds, sizeof(struct vfu_region_io_fds), 0},
	[VFU_IRQ_INFO] = {msg_irq_info, sizeof(struct vfio_irq_info), 0},
	[VFU_SET_IRQS] = {msg_set_irqs, sizeof(struct vfio_irq_set), VFU_MAX_FDS},
	[VFU_REGION_READ] = {msg_region_read, sizeof(struct vfu_region_io), 0},
	[VFU_REGION_WRITE] = {msg_region_write, sizeof(struct vfu_region_io), 0},
	[VFU_DEVICE_RESET] = {msg_reset, 0, 0},
	[VFU_REGION_WRITE_MULTI] = {msg_write_multi, sizeof(uint64_t), 0},
};

void msg_dispatch(struct session *s, struct ctrl *c, struct msg *m)
{
	uint16_t cmd = m->hdr.cmd;
	int err = -EINVAL;

	/* An answer nobody waits for. */
	if ((m->hdr.flags & VFU_TYPE_MASK) == VFU_TYPE_REPLY)
		return;
	if (!s->versioned && cmd != VFU_VERSION)
		s->broken = true;
	else if ((m->hdr.flags & VFU_TYPE_MASK) != VFU_TYPE_COMMAND)
		s->broken = true;
	else if (cmd < sizeof(msg_table) / sizeof(msg_table[0]) && msg_table[cmd].fn &&
		 m->len >= msg_table[cmd].least && m->nfds <= msg_table[cmd].fds)
		err = msg_table[cmd].fn(s, c, m);
	else if (cmd == VFU_VERSION)
		s->broken = true;
	if (err < 0)
		session_reply(s, m, -err, NULL, 0, -1);
}
