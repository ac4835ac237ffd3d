/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices, registers, buffers, queue pairs, events, statistics. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/pci_regs.h>

#include "canned.h"
#include "client/caps.h"
#include "fake.h"
#include "vfn/client.h"

#define SEALED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct fake fake;
static struct vfnc *conn;
static struct vfnc_device *dev;
static int fds_before;

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static void begin(bool (*hook)(struct fake *f, const Vfnd__Request *req))
{
	fds_before = open_fds();
	ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, hook), &conn), 0);
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
}

/* The fake has closed its own descriptors of the requests before this one. */
static void settle(void)
{
	uint64_t value;

	ck_assert_int_eq(vfnc_register_read(dev, "cap", &value), 0);
}

static void end(void)
{
	vfnc_disconnect(conn);
	fake_stop(&fake);
	ck_assert_int_eq(open_fds(), fds_before);
}

START_TEST(test_list)
{
	struct vfnc_device_entry *e;

	begin(NULL);
	ck_assert_int_eq(vfnc_list(conn, &e), 2);
	ck_assert_str_eq(e[0].address, FAKE_ADDRESS);
	ck_assert_str_eq(e[0].transport, "vfio-user");
	ck_assert_str_eq(e[0].model, "Canned controller");
	ck_assert_int_eq(e[0].state, VFNC_DEVICE_READY);
	ck_assert_uint_eq(e[0].vendor_id, 0x1b36);
	ck_assert_str_eq(e[1].address, "0000:09:00.0");
	ck_assert_int_eq(e[1].state, VFNC_DEVICE_FAILED);
	ck_assert_str_eq(e[1].reason, "group 12 is not viable");
	ck_assert_str_eq(e[1].serial, "");
	free(e);
	end();
}
END_TEST

START_TEST(test_info)
{
	struct vfnc_device_info *info;
	struct vfnc_namespace ns;

	begin(NULL);
	ck_assert_str_eq(vfnc_device_address(dev), FAKE_ADDRESS);
	ck_assert_ptr_eq(vfnc_device_connection(dev), conn);
	ck_assert_int_eq(vfnc_device_info(dev, &info), 0);
	ck_assert_str_eq(info->device.serial, "S0042");
	ck_assert_uint_eq(info->bar_size[0], 16384);
	ck_assert_uint_eq(info->bar_size[5], 0);
	ck_assert_uint_eq(info->max_transfer, 524288);
	ck_assert_uint_eq(info->n_active, 1);
	ck_assert_uint_eq(info->active[0].blocks, FAKE_BLOCKS);
	ck_assert_uint_eq(info->n_iova, 1);
	ck_assert_uint_eq(info->iova[0].last, 0xffffffffff);
	free(info);
	ck_assert_int_eq(vfnc_namespace(dev, 1, &ns), 0);
	ck_assert_uint_eq(ns.block_size, 512);
	ck_assert_int_eq(vfnc_namespace(dev, 2, &ns), -ENOENT);
	end();
}
END_TEST

START_TEST(test_registers)
{
	uint8_t config[4096];
	uint64_t value;

	begin(NULL);
	ck_assert_int_eq(vfnc_register_read(dev, "cap", &value), 0);
	ck_assert_uint_eq(value, canned_register(0, 8));
	ck_assert_int_eq(vfnc_register_read(dev, "nonsense", &value), -EINVAL);
	ck_assert_ptr_nonnull(strstr(vfnc_error(conn), "register_read.name"));
	ck_assert_int_eq(vfnc_register_read(dev, "", &value), -EINVAL);
	ck_assert_int_eq(vfnc_register_read_at(dev, 0x1c, 4, &value), 0);
	ck_assert_uint_eq(value, 1);
	ck_assert_int_eq(vfnc_register_read_at(dev, 4, 8, &value), -EINVAL);
	ck_assert_int_eq(vfnc_register_read_at(dev, 0, 2, &value), -EINVAL);
	ck_assert_int_eq(vfnc_config_read(dev, 0x10, config, 4), 4);
	ck_assert_uint_eq(config[0], 0x10);
	ck_assert_int_eq(vfnc_config_read(dev, 0, config, 4096), 256);
	ck_assert_int_eq(vfnc_config_read(dev, 4096, config, 0), 0);
	ck_assert_int_eq(vfnc_config_read(dev, 4000, config, 97), -EINVAL);
	ck_assert_int_eq(vfnc_config_read(dev, 5000, config, 0), -EINVAL);
	end();
}
END_TEST

/* Lists that lead back to themselves and behind the end of what there is. */
START_TEST(test_capabilities)
{
	static uint8_t space[PCI_CFG_SPACE_EXP_SIZE];
	static const uint32_t standard[] = {0x50, 0x40};
	struct vfnc_capability *caps = (void *)space;

	memcpy(&space[0x40], (uint8_t[]){PCI_CAP_ID_MSIX, 0}, 2);
	memcpy(&space[0x50], (uint8_t[]){PCI_CAP_ID_PM, 0x43}, 2);
	space[PCI_CAPABILITY_LIST] = 0x50;
	/* Not before the status register says that there is a list. */
	ck_assert_int_eq(cl_caps_find(space, sizeof(space), &caps), 0);
	ck_assert_ptr_null(caps);
	space[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	memcpy(&space[0x41], (uint8_t[]){0x50}, 1);
	/* Advanced Error Reporting of version 2, and vendor specific, which leads back */
	memcpy(&space[0x100], (uint8_t[]){PCI_EXT_CAP_ID_ERR, 0, 0x02, 0x20}, 4);
	memcpy(&space[0x200], (uint8_t[]){PCI_EXT_CAP_ID_VNDR, 0, 0x01, 0x10}, 4);
	for (unsigned int size = PCI_STD_HEADER_SIZEOF; size <= sizeof(space); size *= 4) {
		static const int found[] = {0, 2, 3, 4};
		int n = cl_caps_find(space, size == 1024 ? 0x203 : size, &caps);

		ck_assert_int_eq(n, found[size == 64 ? 0 : size == 256 ? 1 : size == 1024 ? 2 : 3]);
		for (int i = 0; i < n && i < 2; i++) {
			ck_assert_uint_eq(caps[i].offset, standard[i]);
			ck_assert_uint_eq(caps[i].id, space[standard[i]]);
			ck_assert(!caps[i].extended);
		}
		if (n == 4) {
			ck_assert(caps[2].extended && caps[2].id == PCI_EXT_CAP_ID_ERR && caps[2].version == 2);
			ck_assert(caps[3].extended && caps[3].id == PCI_EXT_CAP_ID_VNDR && caps[3].offset == 0x200);
		}
		free(caps);
	}
}
END_TEST

START_TEST(test_buffers)
{
	struct vfnc_buffer *a, *b;
	int before;

	begin(NULL);
	settle();
	before = open_fds();
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 1, &a), 0);
	ck_assert_uint_eq(a->size, 4096);
	ck_assert_uint_ne(a->iova, 0);
	ck_assert_ptr_eq(a->device, dev);
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 10000, &b), 0);
	ck_assert_uint_eq(b->size, 12288);
	ck_assert_uint_ne(a->iova, b->iova);
	memset(b->vaddr, 0xff, b->size);
	ck_assert_int_eq(((uint8_t *)a->vaddr)[0], 0);
	ck_assert_int_eq(vfnc_buffer_free(a), 0);
	ck_assert_int_eq(vfnc_buffer_free(b), 0);
	ck_assert_int_eq(vfnc_buffer_free(NULL), 0);
	ck_assert_int_eq(open_fds(), before);
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 0, &a), -EINVAL);
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 1 << 25, &a), -EDQUOT);
	ck_assert_ptr_null(a);
	/* closing the device frees the rest */
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 1, &a), 0);
	ck_assert_int_eq(vfnc_close(dev), 0);
	ck_assert_int_eq(vfnc_close(NULL), 0);
	end();
}
END_TEST

static int variant;

static bool bad_buffer(struct fake *f, const Vfnd__Request *req)
{
	int pipefd[2], fd = -1;
	uint64_t told = 8192;

	if (req->op_case != VFND__REQUEST__OP_BUFFER_ALLOC)
		return false;
	switch (variant) {
	case 0: /* no descriptor */
		break;
	case 1: /* not a memfd */
		ck_assert_int_eq(pipe(pipefd), 0);
		close(pipefd[1]);
		fd = pipefd[0];
		break;
	case 2: /* could be shrunk */
		fd = fake_memfd(8192, F_SEAL_GROW | F_SEAL_SEAL);
		break;
	case 3: /* could be sealed by others */
		fd = fake_memfd(8192, F_SEAL_GROW | F_SEAL_SHRINK);
		break;
	case 4: /* shorter than told */
		fd = fake_memfd(4096, SEALED);
		break;
	case 5: /* shorter than asked for */
		fd = fake_memfd(4096, SEALED);
		told = 4096;
		break;
	case 6: /* cannot be written */
		fd = fake_memfd(8192, SEALED | F_SEAL_WRITE);
		break;
	default:
		break;
	}
	fake_buffer(f, req->id, told, fd);
	if (fd >= 0)
		close(fd);
	return true;
}

START_TEST(test_bad_buffers)
{
	struct vfnc_buffer *buf;
	int before;

	begin(bad_buffer);
	before = open_fds();
	for (variant = 0; variant < 7; variant++) {
		int ret = vfnc_buffer_alloc(dev, 8192, &buf);

		ck_assert_msg(ret == (variant == 6 ? -EPERM : -EPROTO), "variant %d: %d, %s",
			      variant, ret, vfnc_error(conn));
		ck_assert_ptr_null(buf);
	}
	settle();
	ck_assert_int_eq(open_fds(), before);
	end();
	/* each was given back */
	ck_assert_int_eq(fake.count[VFND__REQUEST__OP_BUFFER_FREE], 7);
}
END_TEST

static bool two_fds(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__BufferAllocAnswer a = VFND__BUFFER_ALLOC_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;

	if (req->op_case != VFND__REQUEST__OP_BUFFER_ALLOC)
		return false;
	fdset_add(&fds, fake_memfd(4096, SEALED));
	fdset_add(&fds, fake_memfd(4096, SEALED));
	a.buffer = 99;
	a.size = 4096;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_BUFFER_ALLOC;
	answer.buffer_alloc = &a;
	fake_send(f, &answer, &fds);
	fdset_close(&fds);
	return true;
}

START_TEST(test_buffer_surplus_fd)
{
	struct vfnc_buffer *buf;
	int before;

	begin(two_fds);
	before = open_fds();
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 4096, &buf), 0);
	settle();
	ck_assert_int_eq(open_fds(), before + 1);
	end();
}
END_TEST

static bool busy_then_gone(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_BUFFER_FREE)
		return false;
	if (f->n_held++ == 0)
		fake_error(f, req->id, EBUSY, "commands use it", "buffer_free.buffer");
	else
		fake_error(f, req->id, EBADF, "no such buffer", "buffer_free.buffer");
	return true;
}

START_TEST(test_free_refused)
{
	struct vfnc_buffer *buf;

	begin(busy_then_gone);
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 4096, &buf), 0);
	ck_assert_int_eq(vfnc_buffer_free(buf), -EBUSY);
	memset(buf->vaddr, 1, buf->size); /* still there */
	/* handles are never used again: what the daemon does not know any more is freed */
	ck_assert_int_eq(vfnc_buffer_free(buf), 0);
	end();
}
END_TEST

static bool bad_queue(struct fake *f, const Vfnd__Request *req)
{
	Vfnd__QueueCreateAnswer a = VFND__QUEUE_CREATE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (req->op_case != VFND__REQUEST__OP_QUEUE_CREATE || req->queue_create->entries != 4)
		return false;
	a.queue = 77;
	a.entries = 1;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_QUEUE_CREATE;
	answer.queue_create = &a;
	fake_send(f, &answer, NULL);
	return true;
}

START_TEST(test_queues)
{
	struct vfnc_queue *queue;

	begin(bad_queue);
	ck_assert_int_eq(vfnc_queue_create(dev, NULL, &queue), 0);
	ck_assert_uint_eq(queue->entries, 64);
	ck_assert_uint_eq(queue->qid, 1);
	ck_assert_int_eq(vfnc_queue_delete(queue), 0);
	ck_assert_int_eq(vfnc_queue_delete(NULL), 0);
	ck_assert_int_eq(vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 1}, &queue), -EINVAL);
	ck_assert_int_eq(vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 4}, &queue), -EPROTO);
	ck_assert_ptr_null(queue);
	end();
	ck_assert_int_eq(fake.count[VFND__REQUEST__OP_QUEUE_DELETE], 2);
}
END_TEST

/* Events come before the answers: as many as the register's number says; or the device goes. */
static uint64_t gap; /* before the next events */

static bool eventful(struct fake *f, const Vfnd__Request *req)
{
	if (gap)
		fake_gap(f, gap);
	gap = 0;
	if (req->op_case == VFND__REQUEST__OP_REGISTER_READ)
		for (uint64_t i = 0; i < req->register_read->offset / 4; i++)
			fake_event(f);
	if (req->op_case == VFND__REQUEST__OP_CONFIG_READ)
		fake_gone(f, "unplugged");
	return false;
}

START_TEST(test_events)
{
	struct vfnc_subscription *sub;
	struct nvme_smart_log log;
	struct vfnc_event ev;
	uint8_t byte;
	uint64_t v;

	begin(eventful);
	ck_assert_int_eq(vfnc_subscribe(dev, &sub), 0);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), -ETIMEDOUT);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 20), -ETIMEDOUT);
	ck_assert_int_eq(vfnc_register_read_at(dev, 3 * 4, 4, &v), 0);
	ck_assert_int_eq(vfnc_config_read(dev, 0, &byte, 1), 1);
	canned_smart(&log);
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), 0);
		ck_assert_int_eq(ev.kind, VFNC_EVENT_ASYNC);
		ck_assert_ptr_eq(ev.device, dev);
		ck_assert_ptr_eq(ev.subscription, sub);
		ck_assert_uint_eq(ev.sequence, i);
		ck_assert_uint_eq(ev.lost, 0);
		ck_assert_uint_eq(ev.dw0, 0x20101);
		ck_assert_uint_eq(ev.log_page, 2);
		ck_assert_uint_eq(ev.log_length, sizeof(log));
		ck_assert_mem_eq(ev.log, &log, sizeof(log));
	}
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), 0);
	ck_assert_int_eq(ev.kind, VFNC_EVENT_GONE);
	ck_assert_str_eq(ev.reason, "unplugged");
	/* lost on the way */
	fake.sequence += 5;
	ck_assert_int_eq(vfnc_register_read_at(dev, 4, 4, &v), 0);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, -1), 0);
	ck_assert_uint_eq(ev.lost, 5);
	/* lost in the daemon, which says so */
	gap = 7;
	ck_assert_int_eq(vfnc_register_read_at(dev, 2 * 4, 4, &v), 0);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, -1), 0);
	ck_assert_int_eq(ev.kind, VFNC_EVENT_GAP);
	ck_assert_uint_eq(ev.lost, 7);
	ck_assert_uint_eq(ev.sequence, fake.sequence - 2);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, -1), 0);
	ck_assert_int_eq(ev.kind, VFNC_EVENT_ASYNC);
	ck_assert_uint_eq(ev.lost, 0);
	end();
}
END_TEST

START_TEST(test_events_overflow)
{
	const uint64_t n = VFNC_EVENTS_MAX + 10;
	struct vfnc_subscription *sub;
	struct vfnc_event ev;
	uint64_t v, sum = 0;

	begin(eventful);
	ck_assert_int_eq(vfnc_subscribe(dev, &sub), 0);
	ck_assert_int_eq(vfnc_register_read_at(dev, n * 4, 4, &v), 0);
	/* the oldest are gone, and told as lost */
	for (uint64_t i = 0; i < VFNC_EVENTS_MAX; i++) {
		ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), 0);
		sum += ev.lost;
	}
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), -ETIMEDOUT);
	ck_assert_uint_eq(ev.sequence, n);
	ck_assert_uint_eq(sum, 10);
	/* what was kept for a subscription goes with it */
	ck_assert_int_eq(vfnc_register_read_at(dev, 4 * 4, 4, &v), 0);
	ck_assert_int_eq(vfnc_unsubscribe(sub), 0);
	ck_assert_int_eq(vfnc_unsubscribe(NULL), 0);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), -ETIMEDOUT);
	/* and what comes for it later is nothing */
	ck_assert_int_eq(vfnc_register_read_at(dev, 4 * 4, 4, &v), 0);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), -ETIMEDOUT);
	end();
}
END_TEST

static void on_signal(int sig)
{
}

static void *interrupter(void *arg)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

START_TEST(test_interrupted)
{
	struct sigaction sa = {.sa_handler = on_signal};
	pthread_t self = pthread_self(), other;
	struct vfnc_subscription *sub;
	struct vfnc_event ev;

	begin(NULL);
	sigaction(SIGUSR1, &sa, NULL);
	ck_assert_int_eq(vfnc_subscribe(dev, &sub), 0);
	ck_assert_int_eq(pthread_create(&other, NULL, interrupter, &self), 0);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, -1), -EINTR);
	pthread_join(other, NULL);
	end();
}
END_TEST

START_TEST(test_wait_by_fd)
{
	struct pollfd pfd = {.events = POLLIN};
	struct vfnc_subscription *sub;
	struct vfnc_event ev;

	begin(NULL);
	ck_assert_int_eq(vfnc_subscribe(dev, &sub), 0);
	pfd.fd = vfnc_fd(conn);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	fake_event(&fake);
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, 0), 0);
	ck_assert_int_eq(poll(&pfd, 1, 0), 0);
	shutdown(fake.sock, SHUT_RDWR);
	ck_assert_int_eq(vfnc_event_wait(conn, &ev, -1), -ECONNRESET);
	end();
}
END_TEST

START_TEST(test_statistics)
{
	struct vfnc_statistics st;

	begin(NULL);
	ck_assert_int_eq(vfnc_statistics(conn, NULL, &st), 0);
	ck_assert_uint_eq(st.sessions_total, 7);
	ck_assert_uint_eq(st.submitted, 0);
	ck_assert_int_eq(vfnc_statistics(conn, dev, &st), 0);
	ck_assert_uint_eq(st.submitted, 50);
	ck_assert_uint_eq(st.uptime_ns, 12345678900);
	end();
}
END_TEST

UNIT_MAIN("client-device", {
	tcase_add_test(tc, test_list);
	tcase_add_test(tc, test_info);
	tcase_add_test(tc, test_registers);
	tcase_add_test(tc, test_capabilities);
	tcase_add_test(tc, test_buffers);
	tcase_add_test(tc, test_bad_buffers);
	tcase_add_test(tc, test_buffer_surplus_fd);
	tcase_add_test(tc, test_free_refused);
	tcase_add_test(tc, test_queues);
	tcase_add_test(tc, test_events);
	tcase_add_test(tc, test_events_overflow);
	tcase_add_test(tc, test_interrupted);
	tcase_add_test(tc, test_wait_by_fd);
	tcase_add_test(tc, test_statistics);
})
