/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <check.h>
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake-server.h"

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

struct message {
	struct header h;
	uint8_t payload[0x100000 + 64];
	int fds[32];
	int nfds;
};

static bool read_all(int fd, void *buf, size_t len, struct message *m)
{
	char *at = buf;

	while (len) {
		char control[CMSG_SPACE(sizeof(m->fds))];
		struct iovec iov = {at, len};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

		if (n <= 0)
			return false;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			m->nfds = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(m->fds, CMSG_DATA(c), (size_t)m->nfds * sizeof(int));
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_fds(int fd, const void *buf, size_t len, const int *fds, int nfds)
{
	char control[CMSG_SPACE(4 * sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (nfds) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)nfds * sizeof(int));
	}
	while (len) {
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		msg.msg_controllen = 0;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		len -= (size_t)n;
	}
	return true;
}

static int serve_version(struct fake *f, struct message *m, size_t *len)
{
	uint16_t version[2] = {0, f->minor};

	memcpy(m->payload, version, 4);
	*len = 4;
	if (f->json) {
		strcpy((char *)m->payload + 4, f->json);
		*len += strlen(f->json) + 1;
	}
	return 0;
}

static int serve_map(struct fake *f, struct message *m, size_t *len)
{
	struct {
		uint32_t argsz, flags;
		uint64_t offset, address, size;
	} map;

	memcpy(&map, m->payload, sizeof(map));
	*len = 0;
	if (f->nmaps == FAKE_MAX_MAPS)
		return ENOSPC;
	f->maps[f->nmaps++] = (struct fake_map){.iova = map.address,
						.size = map.size,
						.offset = map.offset,
						.flags = map.flags,
						.fd = m->nfds ? m->fds[0] : -1};
	m->nfds = 0;
	return 0;
}

static int serve_unmap(struct fake *f, struct message *m, size_t *len)
{
	struct {
		uint32_t argsz, flags;
		uint64_t address, size;
	} unmap;

	memcpy(&unmap, m->payload, sizeof(unmap));
	*len = sizeof(unmap);
	for (int i = 0; i < f->nmaps; i++) {
		if (f->maps[i].iova == unmap.address && f->maps[i].size == unmap.size) {
			if (f->maps[i].fd >= 0)
				close(f->maps[i].fd);
			f->maps[i] = f->maps[--f->nmaps];
			return 0;
		}
	}
	return ENOENT;
}

static int serve_region_info(struct fake *f, struct message *m, size_t *len, int *fd)
{
	struct {
		struct vfio_region_info info;

		struct { /* vfio_region_info_cap_sparse_mmap without its areas */
			struct vfio_info_cap_header header;
			uint32_t nr_areas, reserved;
		} sparse;

		struct vfio_region_sparse_mmap_area area;
	} r;
	uint32_t argsz;

	_Static_assert(sizeof(r) == 64, "one area");
	memset(&r, 0, sizeof(r));
	memcpy(&r.info, m->payload, sizeof(r.info));
	argsz = r.info.argsz;
	if (r.info.index >= 9)
		return EINVAL;
	r.info.argsz = sizeof(r.info);
	r.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	r.info.offset = (uint64_t)r.info.index << 40;
	*len = sizeof(r.info);
	if (r.info.index == 7) {
		r.info.size = sizeof(f->config);
	} else if (r.info.index == 0) {
		r.info.size = FAKE_BAR0;
		r.info.offset = 0;
		r.info.flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		r.info.argsz = sizeof(r);
		r.sparse.header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		r.sparse.header.version = 1;
		r.sparse.nr_areas = 1;
		r.area.offset = 0x1000;
		r.area.size = 0x1000;
		if (argsz >= sizeof(r)) {
			r.info.cap_offset = sizeof(r.info);
			*len = sizeof(r);
			*fd = f->memfd;
		}
	}
	memcpy(m->payload, &r, *len);
	return 0;
}

static int serve_irq_info(struct fake *f, struct message *m, size_t *len)
{
	struct vfio_irq_info info;

	memcpy(&info, m->payload, sizeof(info));
	if (info.index > 4)
		return EINVAL;
	info.count = info.index == 2 ? FAKE_VECTORS : info.index != 1;
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	memcpy(m->payload, &info, sizeof(info));
	*len = sizeof(info);
	return 0;
}

static int serve_irq_set(struct fake *f, struct message *m, size_t *len)
{
	struct vfio_irq_set set;

	memcpy(&set, m->payload, sizeof(set));
	*len = 0;
	f->irq_sets++;
	if (set.index > 4 || set.start + set.count > FAKE_VECTORS)
		return EINVAL;
	if (!set.count) {
		f->irq_disables++;
		set.start = 0;
		set.count = FAKE_VECTORS;
	}
	if (m->nfds && (uint32_t)m->nfds != set.count)
		return EINVAL;
	for (uint32_t i = 0; i < set.count; i++) {
		int *irq = &f->irq[set.index][set.start + i];

		if (*irq >= 0)
			close(*irq);
		*irq = m->nfds ? m->fds[i] : -1;
	}
	m->nfds = 0;
	return 0;
}

static int serve_region_io(struct fake *f, struct message *m, size_t *len)
{
	struct {
		uint64_t offset;
		uint32_t region, count;
	} io;
	size_t size;
	uint8_t *mem;

	memcpy(&io, m->payload, sizeof(io));
	mem = io.region == 7 ? f->config : io.region == 0 ? f->bar0 : NULL;
	size = io.region == 7 ? sizeof(f->config) : FAKE_BAR0;
	if (!mem || io.offset > size || io.count > size - io.offset)
		return EINVAL;
	if (io.count > f->largest)
		f->largest = io.count;
	if (io.region == 0)
		f->widths |= io.count;
	*len = sizeof(io);
	if (m->h.command == 9) {
		f->reads++;
		memcpy(m->payload + sizeof(io), mem + io.offset, io.count);
		*len += io.count;
	} else {
		memcpy(mem + io.offset, m->payload + sizeof(io), io.count);
		if (m->h.flags & 0x10)
			f->posts++;
		else
			f->writes++;
	}
	return 0;
}

static int serve(struct fake *f, struct message *m, size_t *len, int *fd)
{
	/* flags: resettable PCI device; 9 regions, 5 kinds of interrupts */
	uint32_t info[4] = {16, VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI, 9, 5};

	*len = 0;
	*fd = -1;
	switch (m->h.command) {
	case 1:
		return serve_version(f, m, len);
	case 2:
		return serve_map(f, m, len);
	case 3:
		return serve_unmap(f, m, len);
	case 4:
		memcpy(m->payload, info, sizeof(info));
		*len = sizeof(info);
		return 0;
	case 5:
		return serve_region_info(f, m, len, fd);
	case 7:
		return serve_irq_info(f, m, len);
	case 8:
		return serve_irq_set(f, m, len);
	case 9:
	case 10:
		return serve_region_io(f, m, len);
	case 13:
		f->resets++;
		return 0;
	default:
		return EINVAL;
	}
}

/* Answer wrongly. False: hang up. `m` has the right answer, of `len` bytes of payload. */
static bool misbehave(struct fake *f, struct message *m, size_t len, enum fake_fault fault)
{
	uint8_t junk[64];
	struct message ask;
	int three[3];
	bool ok;

	switch (fault) {
	case FAKE_HANG_UP:
		return false;
	case FAKE_HALF:
		send_fds(f->client, m, 8, NULL, 0);
		return false;
	case FAKE_SILENT:
		return true;
	case FAKE_GARBAGE:
		memset(junk, 0xa5, sizeof(junk));
		return send_fds(f->client, junk, sizeof(junk), NULL, 0);
	case FAKE_TINY:
		m->h.size = 8;
		break;
	case FAKE_HUGE:
		m->h.size = 0x7fffffff;
		break;
	case FAKE_WRONG_ID:
		m->h.id ^= 0x55;
		break;
	case FAKE_WRONG_COMMAND:
		m->h.command ^= 0x8;
		break;
	case FAKE_SHORT:
		len = len > 4 ? len - 4 : 0;
		m->h.size = (uint32_t)(sizeof(m->h) + len);
		break;
	case FAKE_LONG:
		memset(m->payload + len, 0, 8192);
		len += 8192;
		m->h.size += 8192;
		break;
	case FAKE_ERROR:
		m->h.flags |= 0x20;
		m->h.error = f->err;
		m->h.size = sizeof(m->h);
		len = 0;
		break;
	case FAKE_FDS:
		for (int i = 0; i < 3; i++)
			three[i] = dup(f->memfd);
		ok = send_fds(f->client, m, sizeof(m->h) + len, three, 3);
		for (int i = 0; i < 3; i++)
			close(three[i]);
		return ok;
	case FAKE_ASKS:
		ask.nfds = 0;
		ask.h = (struct header){.id = 77, .command = 11, .size = sizeof(ask.h) + 16};
		memset(ask.payload, 0, 16);
		if (!send_fds(f->client, &ask, ask.h.size, NULL, 0) ||
		    !read_all(f->client, &ask.h, sizeof(ask.h), &ask))
			return false;
		f->refused += ask.h.id == 77 && ask.h.command == 11 && ask.h.flags == 0x21 &&
			      ask.h.error == EINVAL && ask.h.size == sizeof(ask.h);
		break;
	case FAKE_WRONG_ECHO:
		m->payload[8] ^= 1;
		break;
	case FAKE_SLOW:
		usleep(300000);
		break;
	default:
		break;
	}
	return send_fds(f->client, m, sizeof(m->h) + len, NULL, 0);
}

static bool serve_one(struct fake *f, struct message *m)
{
	enum fake_fault fault = FAKE_NONE;
	bool post, ok;
	size_t len;
	int err, fd;

	m->nfds = 0;
	if (!read_all(f->client, &m->h, sizeof(m->h), m) || m->h.size < sizeof(m->h) ||
	    m->h.size - sizeof(m->h) > sizeof(m->payload) ||
	    !read_all(f->client, m->payload, m->h.size - sizeof(m->h), m))
		return false;
	pthread_mutex_lock(&f->lock);
	if (m->h.flags & 0xf) {
		f->answers++;
		f->answer_id = m->h.id;
		f->answer_size = m->h.size;
		f->answer_flags = m->h.flags;
		f->answer_error = m->h.error;
		memcpy(f->answer, m->payload, m->h.size - sizeof(m->h));
		pthread_cond_broadcast(&f->cond);
		pthread_mutex_unlock(&f->lock);
		return true;
	}
	if ((uint32_t)m->nfds > f->most_fds)
		f->most_fds = (uint32_t)m->nfds;
	post = m->h.flags & 0x10;
	err = serve(f, m, &len, &fd);
	for (int i = 0; i < m->nfds; i++)
		close(m->fds[i]);
	if (f->command == m->h.command) {
		fault = f->fault;
		f->command = 0;
	}
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
	if (post)
		return true;
	m->h.flags = err ? 0x21 : 1;
	m->h.error = (uint32_t)err;
	if (err)
		len = 0;
	m->h.size = (uint32_t)(sizeof(m->h) + len);
	if (fault != FAKE_NONE)
		return misbehave(f, m, len, fault);
	ok = send_fds(f->client, m, m->h.size, &fd, fd >= 0);
	return ok;
}

static void drop_client(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	close(f->client);
	f->client = -1;
	for (int i = 0; i < f->nmaps; i++) {
		if (f->maps[i].fd >= 0)
			close(f->maps[i].fd);
	}
	f->nmaps = 0;
	for (int k = 0; k < 5; k++) {
		for (unsigned int i = 0; i < FAKE_VECTORS; i++) {
			if (f->irq[k][i] >= 0)
				close(f->irq[k][i]);
			f->irq[k][i] = -1;
		}
	}
	f->clients++;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

static void *run(void *arg)
{
	struct message *m = malloc(sizeof(*m));
	struct fake *f = arg;

	for (;;) {
		int sock = accept(f->listener, NULL, NULL);

		f->client = sock;
		if (sock < 0)
			break;
		while (serve_one(f, m))
			;
		drop_client(f);
	}
	free(m);
	return NULL;
}

struct fake *fake_start(void)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct fake *f = calloc(1, sizeof(*f));

	ck_assert_ptr_nonnull(f);
	strcpy(f->dir, "/tmp/vfn-fake-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	snprintf(f->name, sizeof(f->name), "vfio-user:%s", f->path);
	f->json = "{\"capabilities\":{\"max_msg_fds\": 3, \"max_data_xfer_size\":1024}}";
	f->minor = 1;
	f->client = -1;
	memset(f->irq, 0xff, sizeof(f->irq));
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->cond, NULL);
	/* vendor 1b36, device 10, class 010802 */
	memcpy(f->config, "\x36\x1b\x10\x00\x00\x00\x10\x00\x02\x02\x08\x01", 12);
	f->memfd = memfd_create("fake", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(f->memfd, FAKE_BAR0), 0);
	strcpy(sun.sun_path, f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(f->listener, 1), 0);
	ck_assert_int_eq(pthread_create(&f->thread, NULL, run, f), 0);
	return f;
}

void fake_stop(struct fake *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_mutex_lock(&f->lock);
	if (f->client >= 0)
		shutdown(f->client, SHUT_RDWR);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	close(f->listener);
	close(f->memfd);
	unlink(f->path);
	rmdir(f->dir);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->cond);
	free(f);
}

void fake_set_fault(struct fake *f, int command, enum fake_fault fault, uint32_t err)
{
	pthread_mutex_lock(&f->lock);
	f->command = command;
	f->fault = fault;
	f->err = err;
	pthread_mutex_unlock(&f->lock);
}

void fake_wait(struct fake *f, const int *counter, int n)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&f->lock);
	while (*counter < n)
		ck_assert_int_eq(pthread_cond_timedwait(&f->cond, &f->lock, &until), 0);
	pthread_mutex_unlock(&f->lock);
}

void fake_ask(struct fake *f, uint16_t command, uint32_t flags, const void *payload, size_t len)
{
	static struct message m;
	int answers = f->answers;

	m.h = (struct header){.id = (uint16_t)(0x1230 + answers),
			      .command = command,
			      .size = (uint32_t)(sizeof(m.h) + len),
			      .flags = flags};
	memcpy(m.payload, payload, len);
	ck_assert(send_fds(f->client, &m, m.h.size, NULL, 0));
	if (flags & 0x10)
		return;
	fake_wait(f, &f->answers, answers + 1);
	ck_assert_uint_eq(f->answer_id, 0x1230 + answers);
}
