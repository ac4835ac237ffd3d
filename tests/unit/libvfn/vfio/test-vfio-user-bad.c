/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vfio-user transport against servers that answer wrongly, late or not at all. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <vfn/iommu.h>
#include <vfn/support.h>
#include <vfn/vfio.h>

#include "fake-server.h"
#include "vfio/transport.h"
#include "vfio/vfio-user.h"

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

struct bad {
	enum fake_fault fault;
	int err; /* what the call then fails with; 0: it does not fail */
};

static const struct bad bad[] = {
	{FAKE_HANG_UP, ENODEV},	      {FAKE_HALF, ENODEV},  {FAKE_SILENT, ETIMEDOUT},
	{FAKE_GARBAGE, EPROTO},	      {FAKE_TINY, EPROTO},  {FAKE_HUGE, EPROTO},
	{FAKE_WRONG_ID, EPROTO},      {FAKE_SHORT, EPROTO}, {FAKE_LONG, EPROTO},
	{FAKE_WRONG_COMMAND, EPROTO}, {FAKE_FDS, 0},	    {FAKE_ASKS, 0},
	{FAKE_ERROR, ENOBUFS},	      {FAKE_SLOW, 0},
};

#define N_BAD ((int)(sizeof(bad) / sizeof(bad[0])))

/* The commands of opening a device. */
static const int commands[] = {1, 4, 5, 7, 9, 10, 13};

/* Whatever goes wrong at whatever step of opening: an error in time, and nothing left behind. */
START_TEST(test_open)
{
	const struct bad *b = &bad[_i % N_BAD];
	int command = commands[_i / N_BAD];
	struct fake *fake = fake_start();
	struct vfio_pci_device pci = {0};
	bool fails = b->err;
	int before, rc;
	int64_t start;

	/* Replies to resets and writes with too little, or with a wrong part, do not exist. */
	if (command == 13 && b->fault == FAKE_SHORT)
		fails = false;
	/* A failed reset alone is not the end: drivers reset by their own means. */
	if (command == 13 && b->fault == FAKE_ERROR)
		fails = false;
	/* Capabilities and region information may have more than is asked for, and no end. */
	if ((command == 1 || command == 5) && b->fault == FAKE_LONG)
		fails = false;
	if (command == 1 && b->fault == FAKE_SHORT)
		fails = false;
	/* An access of 2 bytes that is refused is done as one of 4. */
	if ((command == 9 || command == 10) && b->fault == FAKE_ERROR)
		fails = false;
	vfio_user_call_timeout_ms = vfio_user_long_timeout_ms = b->fault == FAKE_SLOW ? 2000 : 200;
	before = count_fds();
	fake_set_fault(fake, command, b->fault, ENOBUFS);
	start = vfio_user_now();
	rc = vfio_pci_open(&pci, fake->name);
	ck_assert_int_lt(vfio_user_now() - start, 1900);
	if (!fails) {
		ck_assert_msg(rc == 0, "%d %d: %s", command, b->fault, vfn_error());
		if (b->fault == FAKE_ASKS)
			ck_assert_int_eq(fake->refused, 1);
		vfio_pci_close(&pci);
	} else {
		ck_assert_msg(rc == -1 && errno == b->err, "%d %d: %d, %s: %s", command, b->fault,
			      rc, strerror(errno), vfn_error());
		ck_assert_str_ne(vfn_error(), "");
		ck_assert_ptr_null(pci.dev.state);
		ck_assert_ptr_null(pci.dev.ctx);
		ck_assert_ptr_null(pci.bdf);
		ck_assert_int_eq(pci.dev.fd, -1);
		vfio_pci_close(&pci);
	}
	fake_wait(fake, &fake->clients, 1);
	ck_assert_int_eq(count_fds(), before);
	/* The next one is served as if nothing had been. */
	vfio_user_call_timeout_ms = 5000;
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	vfio_pci_close(&pci);
	fake_stop(fake);
}
END_TEST

/* After such a failure the device is dead, and says so at once whatever it is asked. */
START_TEST(test_dead)
{
	const struct bad *b = &bad[_i];
	struct fake *fake = fake_start();
	struct vfio_pci_device pci = {0};
	struct vfio_takeover to;
	struct vfio_irq_info info;
	uint64_t v, iova;
	int fds[2] = {-1, -1};
	int64_t start;
	void *mem;

	vfio_user_call_timeout_ms = 200;
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	if (b->fault == FAKE_SLOW)
		((struct vfio_user *)pci.dev.state->priv)->conn.call_timeout_ms = 2000;
	ck_assert_int_eq(pgmap(&mem, 0x1000), 0x1000);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, 0), 0);
	fake_set_fault(fake, 9, b->fault, ENOBUFS);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), b->err ? -1 : 0);
	if (b->err)
		ck_assert_int_eq(errno, b->err);
	if (!b->err || b->fault == FAKE_ERROR) {
		ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), 0);
		goto out;
	}
	start = vfio_user_now();
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "gone"));
	ck_assert_int_eq(vfio_region_write(&pci.dev, 0, &v, 8, 0), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 1), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(vfio_reset(&pci.dev), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(vfio_set_irq(&pci.dev, fds, 2), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(vfio_get_irq_info(&pci.dev, 2, &info), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_int_eq(vfio_pci_export(&pci, &to), -1);
	ck_assert_int_eq(errno, ENODEV);
	/* Its mappings do not matter any more. */
	ck_assert_int_eq(iommu_unmap_vaddr(pci.dev.ctx, mem, NULL), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, 0), -1);
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 0);
	ck_assert_int_lt(vfio_user_now() - start, 100);
out:
	vfio_pci_close(&pci);
	ck_assert_int_eq(pgunmap(mem, 0x1000), 0);
	fake_stop(fake);
}
END_TEST

START_TEST(test_wrong_echo)
{
	struct fake *fake = fake_start();
	struct vfio_pci_device pci = {0};
	uint64_t v;

	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	fake_set_fault(fake, 9, FAKE_WRONG_ECHO, 0);
	ck_assert_int_eq(vfio_region_read(&pci.dev, 0, &v, 8, 0), -1);
	ck_assert_int_eq(errno, EPROTO);
	vfio_pci_close(&pci);
	fake_stop(fake);
}
END_TEST

START_TEST(test_version)
{
	static const struct {
		const char *json;
		uint16_t minor;
		int err;
	} cases[] = {
		{NULL, 0, 0},
		{"{}", 1, 0},
		{"{\"capabilities\":{\"max_msg_fds\":1000,\"max_data_xfer_size\":99999999999}}", 1,
		 0},
		{"{\"capabilities\":{\"max_data_xfer_size\":8}}", 1, 0},
		{"{\"capabilities\":{\"max_data_xfer_size\":4}}", 1, 0},
		{"{\"capabilities\":{\"max_data_xfer_size\":3}}", 1, EPROTO},
		{"{\"capabilities\":{\"max_data_xfer_size\":0}}", 1, EPROTO},
		{"{\"capabilities\":{\"max_msg_fds\":", 1, 0},
		{NULL, 2, EPROTO},
	};
	struct fake *fake = fake_start();
	struct vfio_pci_device pci = {0};

	fake->json = cases[_i].json;
	fake->minor = cases[_i].minor;
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == (cases[_i].err ? -1 : 0), "%s",
		      vfn_error());
	if (cases[_i].err)
		ck_assert_int_eq(errno, cases[_i].err);
	vfio_pci_close(&pci);
	fake_stop(fake);
}
END_TEST

START_TEST(test_limits)
{
	struct fake *fake = fake_start();
	struct vfio_pci_device pci = {0};
	uint64_t iova;
	char *mem;

	fake->json = "{\"capabilities\":{\"max_dma_maps\":1,\"pgsizes\":65536,\"max_msg_fds\":0}}";
	ck_assert_msg(vfio_pci_open(&pci, fake->name) == 0, "%s", vfn_error());
	ck_assert_int_eq(pgmap((void **)&mem, 0x40000), 0x40000);
	mem = (char *)(((uintptr_t)mem + 0xffff) & ~(uintptr_t)0xffff);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x1000, &iova, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem, 0x10000, &iova, 0), 0);
	ck_assert_int_eq(iommu_map_vaddr(pci.dev.ctx, mem + 0x10000, 0x10000, &iova, 0), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_uint_eq(iommu_mappings(pci.dev.ctx), 1);
	vfio_pci_close(&pci);
	fake_stop(fake);
}
END_TEST

START_TEST(test_nobody)
{
	struct vfio_pci_device pci = {0};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/vfn-nobody-XXXXXX";
	char name[200];
	int fd;

	ck_assert_int_eq(vfio_pci_open(&pci, "vfio-user:/nowhere/at/all"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "/nowhere/at/all"));
	memset(name, 'x', sizeof(name));
	memcpy(name, "vfio-user:/", 11);
	name[sizeof(name) - 1] = 0;
	ck_assert_int_eq(vfio_pci_open(&pci, name), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(vfio_pci_open(&pci, "vfio-user:"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(vfio_pci_open(&pci, "nonsense"), -1);
	ck_assert_int_eq(errno, EINVAL);

	/* A socket file without a listener. */
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", dir);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	snprintf(name, sizeof(name), "vfio-user:%s", sun.sun_path);
	ck_assert_int_eq(vfio_pci_open(&pci, name), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	/* One whose server does not accept. */
	ck_assert_int_eq(listen(fd, 0), 0);
	vfio_user_call_timeout_ms = 200;
	ck_assert_int_eq(vfio_pci_open(&pci, name), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(vfn_error(), "another client"));
	close(fd);
	unlink(sun.sun_path);
	rmdir(dir);
}
END_TEST

/* A server that stops reading: posts do not wait long, and calls fail. */
START_TEST(test_not_reading)
{
	struct fake *fake = fake_start();
	struct vfio_pci_device pci = {0};
	int64_t start;
	int i;

	ck_assert_int_eq(vfio_pci_open(&pci, fake->name), 0);
	pthread_mutex_lock(&fake->lock);
	start = vfio_user_now();
	for (i = 0; i < 1000000 && !vfio_region_post32(&pci.dev, 0, 0x1000, 1); i++)
		;
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_lt(i, 1000000);
	ck_assert_int_lt(vfio_user_now() - start, 5000);
	pthread_mutex_unlock(&fake->lock);
	/* Once it reads again, all is well: nothing was sent in part. */
	fake_wait(fake, &fake->posts, i);
	ck_assert_int_eq(vfio_region_post32(&pci.dev, 0, 0x1000, 1), 0);
	fake_wait(fake, &fake->posts, i + 1);
	vfio_pci_close(&pci);
	fake_stop(fake);
}
END_TEST

UNIT_MAIN("vfio-user-bad",
	  tcase_add_loop_test(tc, test_open, 0,
			      N_BAD *(int)(sizeof(commands) / sizeof(commands[0])));
	  tcase_add_loop_test(tc, test_dead, 0, N_BAD); tcase_add_test(tc, test_wrong_echo);
	  tcase_add_loop_test(tc, test_version, 0, 9); tcase_add_test(tc, test_limits);
	  tcase_add_test(tc, test_nobody); tcase_add_test(tc, test_not_reading))
