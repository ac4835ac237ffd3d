/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a function says of itself, on a device of a transport and a class that only note what they are asked for. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/device/class.h"
#include "daemon/device/device.h"
#include "daemon/device/notice.h"
#include "vfio/transport.h"

static struct event_base *base;
static struct devices devices;
static struct device device;
static struct vfio_pci_device pci;
static struct vfio_device_state state;
static struct notices notices;
static bool lacks[VFIO_IRQS];
static int refuses; /* this kind of interrupt; -1: none */
static int fds[VFIO_IRQS]; /* that interrupts signal */
static int hangup[2];
static unsigned int stops;
static char recovered[200];

static int fake_irq_info(struct vfio_device *dev, struct vfio_irq_info *info)
{
	info->count = !lacks[info->index];
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	return 0;
}

static int fake_irq_set(struct vfio_device *dev, unsigned int index, unsigned int start, const int *fd, unsigned int n)
{
	ck_assert_uint_eq(start, 0);
	if ((int)index == refuses) {
		errno = EIO;
		return -1;
	}
	fds[index] = n ? fd[0] : -1;
	return 0;
}

static int fake_fd_event(struct vfio_device *dev)
{
	return hangup[0];
}

static const struct vfio_transport transport = {
	.name = "fake",
	.irq_info = fake_irq_info,
	.irq_set = fake_irq_set,
	.fd_event = fake_fd_event,
};

static void fake_stop(struct device *dev)
{
	stops++;
	notices_ignore(&notices);
}

static void fake_recover(struct device *dev, const char *why)
{
	snprintf(recovered, sizeof(recovered), "%s", why);
}

static void fake_disable(struct device *dev)
{
}

static void fake_disabled(struct device *dev, const char *reason)
{
}

static const struct device_class fake_class = {
	.name = "fake",
	.stop = fake_stop,
	.disable = fake_disable,
	.disabled = fake_disabled,
	.recover = fake_recover,
	.release = fake_disable,
};

static void drained(void *arg)
{
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void setup(void)
{
	base = event_base_new();
	devices = (struct devices){.base = base, .drained = drained};
	TAILQ_INIT(&devices.list);
	state = (struct vfio_device_state){.transport = &transport, .address = (char *)"fake"};
	pthread_mutex_init(&state.irq_lock, NULL);
	pci.dev.state = &state;
	pci.dev.device_info.num_irqs = VFIO_IRQS;
	device = (struct device){
		.devices = &devices,
		.address = (char *)"fake",
		.class = &fake_class,
		.state = DEVICE_READY,
		.pci = &pci,
	};
	LIST_INIT(&device.openings);
	ck_assert_int_eq(worker_start(base, "fake", &device.worker), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, hangup), 0);
	memset(lacks, 0, sizeof(lacks));
	refuses = -1;
	for (int i = 0; i < VFIO_IRQS; i++)
		fds[i] = -1;
	stops = 0;
	recovered[0] = '\0';
	notices = NOTICES_INIT;
}

static void teardown(void)
{
	notices_ignore(&notices);
	notices_close(&notices);
	worker_stop(device.worker);
	close(hangup[0]);
	close(hangup[1]);
	pthread_mutex_destroy(&state.irq_lock);
	event_base_free(base);
}

static void look(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void watched(void)
{
	ck_assert_int_eq(notices_make(&notices, &pci.dev), 0);
	ck_assert_int_eq(notices_watch(&notices, &device), 0);
	look();
	ck_assert_int_eq(device.state, DEVICE_READY);
	ck_assert_str_eq(recovered, "");
}

START_TEST(test_release)
{
	watched();
	ck_assert_int_ge(fds[VFIO_PCI_REQ_IRQ_INDEX], 0);
	ck_assert_int_eq(eventfd_write(fds[VFIO_PCI_REQ_IRQ_INDEX], 1), 0);
	look();
	ck_assert_int_eq(device.state, DEVICE_FAILED);
	ck_assert_ptr_nonnull(strstr(device.reason, "the kernel asked for the device"));
	ck_assert_uint_eq(stops, 1);
}
END_TEST

/* Each of them, since the device goes on. */
START_TEST(test_error)
{
	watched();
	for (int i = 0; i < 3; i++) {
		recovered[0] = '\0';
		ck_assert_int_eq(eventfd_write(fds[VFIO_PCI_ERR_IRQ_INDEX], 1), 0);
		look();
		ck_assert_ptr_nonnull(strstr(recovered, "PCI Express error"));
		recovered[0] = '\0';
		look();
		ck_assert_str_eq(recovered, "");
	}
	ck_assert_int_eq(device.state, DEVICE_READY);
}
END_TEST

START_TEST(test_hangup)
{
	watched();
	/* What comes by the socket is not for us. */
	ck_assert_int_eq(write(hangup[1], "x", 1), 1);
	look();
	ck_assert_int_eq(device.state, DEVICE_READY);
	shutdown(hangup[1], SHUT_RDWR);
	look();
	ck_assert_int_eq(device.state, DEVICE_FAILED);
	ck_assert_ptr_nonnull(strstr(device.reason, "the server of the device has gone"));
	ck_assert_uint_eq(stops, 1);
}
END_TEST

START_TEST(test_ignored)
{
	watched();
	notices_ignore(&notices);
	ck_assert_int_eq(eventfd_write(fds[VFIO_PCI_REQ_IRQ_INDEX], 1), 0);
	ck_assert_int_eq(eventfd_write(fds[VFIO_PCI_ERR_IRQ_INDEX], 1), 0);
	shutdown(hangup[1], SHUT_RDWR);
	look();
	ck_assert_int_eq(device.state, DEVICE_READY);
	ck_assert_str_eq(recovered, "");
	/* What came meanwhile is seen when they are watched again. */
	ck_assert_int_eq(notices_watch(&notices, &device), 0);
	look();
	ck_assert_int_eq(device.state, DEVICE_FAILED);
}
END_TEST

/* That a device lacks one is normal; that it refuses one it has is not. Nothing is left of either. */
START_TEST(test_missing)
{
	int before = open_fds();

	lacks[VFIO_PCI_REQ_IRQ_INDEX] = true;
	watched();
	ck_assert_int_eq(notices.fd[NOTICE_RELEASE], -1);
	ck_assert_int_eq(eventfd_write(fds[VFIO_PCI_ERR_IRQ_INDEX], 1), 0);
	look();
	ck_assert_ptr_nonnull(strstr(recovered, "PCI Express error"));
	notices_ignore(&notices);
	notices_close(&notices);
	ck_assert_int_eq(open_fds(), before);
	lacks[VFIO_PCI_REQ_IRQ_INDEX] = false;
	refuses = VFIO_PCI_ERR_IRQ_INDEX;
	ck_assert_int_eq(notices_make(&notices, &pci.dev), -1);
	ck_assert_int_eq(errno, EIO);
	notices_close(&notices);
	ck_assert_int_eq(open_fds(), before);
	notices_close(&notices);
}
END_TEST

UNIT_MAIN("notice", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_release);
	  tcase_add_test(tc, test_error);
	  tcase_add_test(tc, test_hangup);
	  tcase_add_test(tc, test_ignored);
	  tcase_add_test(tc, test_missing))
