/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command-rig - a controller whose admin queue's memory is looked at, the specification's fields to
 * compare with, and a libnvme whose commands go nowhere
 */
#ifndef VFND_TESTS_COMMAND_RIG_H
#define VFND_TESTS_COMMAND_RIG_H

#include <libnvme.h>

#include "unit.h"

#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "nvme/internal.h"
#include "sim-proc.h"

static struct sim sim;
static struct nvme_ctrl ctrl;

/* What libnvme wanted to send last. */
static struct nvme_passthru_cmd passed;
static unsigned int passes;

/* In place of the kernel's, for libnvme, too. */
int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request != NVME_IOCTL_ADMIN_CMD && request != NVME_IOCTL_IO_CMD &&
	    request != NVME_IOCTL_ADMIN64_CMD && request != NVME_IOCTL_IO64_CMD)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	/* the two kinds differ behind the command only */
	memcpy(&passed, arg, offsetof(struct nvme_passthru_cmd, timeout_ms));
	passes++;
	return 0;
}

/* A command as the specification has it: bytes of little-endian fields. */
static uint8_t want[64];

static void field(unsigned int at, unsigned int bytes, uint64_t value)
{
	for (unsigned int i = 0; i < bytes; i++)
		want[at + i] = (uint8_t)(value >> (8 * i));
}

static void begin(uint8_t opcode)
{
	memset(want, 0, sizeof(want));
	want[0] = opcode;
}

static void same(const union nvme_cmd *cmd)
{
	const uint8_t *got = (const uint8_t *)cmd;

	for (unsigned int i = 0; i < 64; i++) {
		if (got[i] != want[i])
			ck_abort_msg("opcode %#x: byte %u is %#x in place of %#x", want[0], i,
				     got[i], want[i]);
	}
}

/* All but the identifier and the data pointer, which the kernel sets. */
static void libnvme_agrees(const union nvme_cmd *cmd)
{
	ck_assert_uint_eq(passes, 1);
	passes = 0;
	ck_assert_uint_eq(passed.opcode, cmd->opcode);
	ck_assert_uint_eq(passed.flags, cmd->flags);
	ck_assert_uint_eq(passed.nsid, le32_to_cpu(cmd->nsid));
	ck_assert_uint_eq(passed.cdw2, le32_to_cpu(cmd->cdw2));
	ck_assert_uint_eq(passed.cdw3, le32_to_cpu(cmd->cdw3));
	ck_assert_uint_eq(passed.cdw10, le32_to_cpu(cmd->cdw10));
	ck_assert_uint_eq(passed.cdw11, le32_to_cpu(cmd->cdw11));
	ck_assert_uint_eq(passed.cdw12, le32_to_cpu(cmd->cdw12));
	ck_assert_uint_eq(passed.cdw13, le32_to_cpu(cmd->cdw13));
	ck_assert_uint_eq(passed.cdw14, le32_to_cpu(cmd->cdw14));
	ck_assert_uint_eq(passed.cdw15, le32_to_cpu(cmd->cdw15));
}

static void setup(void)
{
	static const char *const options[] = {"--hmb", "64K,1M", NULL};
	const struct nvme_ctrl_opts opts = {5, 9, 0};
	int fds[3] = {-1, -1, -1};

	logv_set(VFN_LOG_NONE);
	sim_start_with(&sim, options);
	ck_assert_msg(!nvme_init(&ctrl, sim.name, &opts), "%s", vfn_error());
	for (int i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_eq(vfio_set_irq(&ctrl.pci.dev, fds, 3), 0);
	passes = 0;
}

static void teardown(void)
{
	nvme_close(&ctrl);
	sim_stop(&sim);
}

/* The admin queue's entry `n`: none has gone round yet. */
static const union nvme_cmd *sent(unsigned int n)
{
	ck_assert_uint_lt(n, ctrl.adminq.sq->tail);
	return (const union nvme_cmd *)ctrl.adminq.sq->vaddr + n;
}

/* That one and its CID, which is the host's own number, as the library chose it. */
static const union nvme_cmd *last(void)
{
	const union nvme_cmd *cmd = sent(ctrl.adminq.sq->tail - 1u);

	memcpy(want + 2, &cmd->cid, 2);
	return cmd;
}

#endif
