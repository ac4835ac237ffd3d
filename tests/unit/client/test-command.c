/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands: data ways, many outstanding, out of order, wrong and late completions. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "canned.h"
#include "fake.h"
#include "vfn/client.h"

static struct fake fake;
static struct vfnc *conn;
static struct vfnc_device *dev;
static struct vfnc_queue *queue;
static struct vfnc_buffer *buf;

static void begin(bool (*hook)(struct fake *f, const Vfnd__Request *req))
{
	ck_assert_int_eq(vfnc_connect_fd(fake_start(&fake, hook), &conn), 0);
	ck_assert_int_eq(vfnc_open(conn, NULL, &dev), 0);
	ck_assert_int_eq(vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 8}, &queue), 0);
	ck_assert_int_eq(vfnc_buffer_alloc(dev, 65536, &buf), 0);
}

static void end(void)
{
	vfnc_disconnect(conn);
	fake_stop(&fake);
}

START_TEST(test_identify)
{
	struct nvme_id_ctrl id, want;
	struct vfnc_completion cpl;
	struct nvme_smart_log log;
	struct nvme_id_ns ns;

	begin(NULL);
	canned_id_ctrl(&want);
	ck_assert_int_eq(vfnc_identify_ctrl(dev, &id, &cpl), 0);
	ck_assert(vfnc_ok(&cpl));
	ck_assert_uint_eq(cpl.length, 4096);
	ck_assert_mem_eq(&id, &want, sizeof(id));
	ck_assert_int_eq(vfnc_identify_ns(dev, 1, &ns, NULL), 0);
	ck_assert_uint_eq(ns.lbaf[2].ds, 12);
	ck_assert_int_eq(vfnc_smart_log(dev, 0xffffffff, &log, &cpl), 0);
	ck_assert_uint_eq(log.critical_warning, 4);
	/* a failed command is no error, unless nobody looks at its status */
	ck_assert_int_eq(vfnc_identify_ns(dev, 9, &ns, &cpl), 0);
	ck_assert_uint_eq(cpl.status, 0x400b);
	ck_assert(!vfnc_ok(&cpl));
	ck_assert_int_eq(vfnc_identify_ns(dev, 9, &ns, NULL), -EIO);
	ck_assert_ptr_nonnull(strstr(vfnc_error(conn), "0x400b"));
	ck_assert_int_eq(vfnc_get_log(dev, 0, 2, &log, 0, &cpl), -EINVAL);
	ck_assert_int_eq(vfnc_get_log(dev, 0, 2, &log, 6, &cpl), -EINVAL);
	end();
}
END_TEST

START_TEST(test_read_write)
{
	struct vfnc_completion cpl;
	uint8_t *p, inline_data[1024];

	begin(NULL);
	p = buf->vaddr;
	for (int i = 0; i < 4096; i++)
		p[i] = (uint8_t)(i * 7);
	ck_assert_int_eq(vfnc_write(queue, 1, 100, 8, buf, 0, 4096, &cpl), 0);
	ck_assert(vfnc_ok(&cpl));
	ck_assert_int_eq(vfnc_flush(queue, 1, NULL), 0);
	ck_assert_int_eq(vfnc_read(queue, 1, 100, 8, buf, 8192, 4096, &cpl), 0);
	ck_assert_mem_eq(p, p + 8192, 4096);
	/* inline */
	struct vfnc_cmd cmd = {.opcode = nvme_cmd_read,
			       .nsid = 1,
			       .cdw10 = 101,
			       .cdw12 = 1,
			       .data_in = inline_data,
			       .length = sizeof(inline_data)};
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), 0);
	ck_assert_uint_eq(cpl.length, 1024);
	ck_assert_mem_eq(inline_data, p + 512, 1024);
	cmd = (struct vfnc_cmd){.opcode = nvme_cmd_write,
				.nsid = 1,
				.cdw10 = 2000,
				.cdw12 = 1,
				.data_out = inline_data,
				.length = sizeof(inline_data)};
	ck_assert_int_eq(vfnc_io(queue, &cmd, NULL), 0);
	ck_assert_int_eq(vfnc_read(queue, 1, 2000, 2, buf, 0, 1024, NULL), 0);
	ck_assert_mem_eq(inline_data, p, 1024);
	ck_assert_int_eq(vfnc_read(queue, 1, FAKE_BLOCKS, 1, buf, 0, 512, &cpl), 0);
	ck_assert_uint_eq(cpl.status, 0x4080);
	end();
}
END_TEST

START_TEST(test_bad_arguments)
{
	uint8_t data[FAKE_INLINE + 1];
	struct vfnc_cmd cmd = {.opcode = 2, .nsid = 1};
	struct vfnc_completion cpl;
	struct vfnc_device *other;

	begin(NULL);
	ck_assert_int_eq(vfnc_read(queue, 1, 0, 0, buf, 0, 512, &cpl), -EINVAL);
	ck_assert_int_eq(vfnc_read(queue, 1, 0, 65537, buf, 0, 512, &cpl), -EINVAL);
	ck_assert_int_eq(vfnc_read(queue, 1, 0, 1, NULL, 0, 512, &cpl), -EINVAL);
	ck_assert_int_eq(vfnc_read(queue, 1, 0, 1, buf, 0, 0, &cpl), -EINVAL);
	ck_assert_int_eq(vfnc_read(queue, 1, 0, 1, buf, 65536 - 511, 512, &cpl), -ERANGE);
	ck_assert_int_eq(vfnc_read(queue, 1, 0, 1, buf, UINT64_MAX, 512, &cpl), -ERANGE);
	cmd.length = 10;
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), -EINVAL);
	cmd.data_in = data;
	cmd.length = FAKE_INLINE + 1;
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), -EMSGSIZE);
	cmd.data_out = data;
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), -EINVAL);
	cmd = (struct vfnc_cmd){
		.opcode = 2, .meta_buffer = buf, .meta_offset = 65536, .meta_length = 1};
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), -ERANGE);
	ck_assert_int_eq(vfnc_open(conn, NULL, &other), 0);
	cmd = (struct vfnc_cmd){.opcode = 2, .buffer = buf, .length = 512};
	ck_assert_int_eq(vfnc_admin(other, &cmd, &cpl), -EINVAL);
	end();
	/* none of them was sent */
	ck_assert_int_eq(fake.count[VFND__REQUEST__OP_IO], 0);
	ck_assert_int_eq(fake.count[VFND__REQUEST__OP_ADMIN], 0);
}
END_TEST

static bool check_fields(struct fake *f, const Vfnd__Request *req)
{
	const Vfnd__CommandRequest *op = req->io;

	if (req->op_case != VFND__REQUEST__OP_IO)
		return false;
	ck_assert_uint_eq(op->opcode, 0x81);
	ck_assert_uint_eq(op->nsid, 1);
	ck_assert_uint_eq(op->cdw2, 2);
	ck_assert_uint_eq(op->cdw3, 3);
	ck_assert_uint_eq(op->cdw10, 10);
	ck_assert_uint_eq(op->cdw11, 11);
	ck_assert_uint_eq(op->cdw12, 12);
	ck_assert_uint_eq(op->cdw13, 13);
	ck_assert_uint_eq(op->cdw14, 14);
	ck_assert_uint_eq(op->cdw15, 15);
	ck_assert_uint_eq(op->timeout_ms, 777);
	ck_assert_uint_eq(op->device, 0);
	ck_assert_uint_ne(op->queue, 0);
	ck_assert_uint_ne(op->buffer, 0);
	ck_assert_uint_eq(op->offset, 512);
	ck_assert_uint_eq(op->length, 1024);
	ck_assert_uint_eq(op->meta_buffer, op->buffer);
	ck_assert_uint_eq(op->meta_offset, 4096);
	ck_assert_uint_eq(op->meta_length, 16);
	Vfnd__CommandAnswer a = VFND__COMMAND_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	a.dw0 = 0xd0;
	a.dw1 = 0xd1;
	a.sqhd = 5;
	a.sqid = 1;
	a.cid = 9;
	a.status = 7;
	a.timed_out = 1;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_COMMAND;
	answer.command = &a;
	fake_send(f, &answer, NULL);
	return true;
}

START_TEST(test_all_fields)
{
	struct vfnc_completion cpl;

	begin(check_fields);
	struct vfnc_cmd cmd = {
		.opcode = 0x81,
		.nsid = 1,
		.cdw2 = 2,
		.cdw3 = 3,
		.cdw10 = 10,
		.cdw11 = 11,
		.cdw12 = 12,
		.cdw13 = 13,
		.cdw14 = 14,
		.cdw15 = 15,
		.timeout_ms = 777,
		.buffer = buf,
		.offset = 512,
		.length = 1024,
		.meta_buffer = buf,
		.meta_offset = 4096,
		.meta_length = 16,
	};
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), 0);
	ck_assert_uint_eq(cpl.dw0, 0xd0);
	ck_assert_uint_eq(cpl.dw1, 0xd1);
	ck_assert_uint_eq(cpl.sqhd, 5);
	ck_assert_uint_eq(cpl.sqid, 1);
	ck_assert_uint_eq(cpl.cid, 9);
	ck_assert_uint_eq(cpl.status, 7);
	ck_assert(cpl.timed_out);
	end();
}
END_TEST

/* Keeps I/O commands; the fourth lets all go, the last first. dw0 is CDW10 of the command. */
static bool reversed(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_IO)
		return false;
	f->held[f->n_held++] = req->id;
	if (f->n_held == 4)
		while (f->n_held--)
			fake_completion(f, f->held[f->n_held], (uint32_t)f->n_held, 0);
	return true;
}

START_TEST(test_out_of_order)
{
	struct vfnc_completion cpl;
	struct vfnc_cmd cmd = {.opcode = 0};
	uint64_t ticket[4], any, v;

	begin(reversed);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(vfnc_outstanding(conn), i);
		if (i > 0)
			ck_assert_int_eq(vfnc_wait(conn, ticket[0], &cpl, 0), -ETIMEDOUT);
		ck_assert_int_eq(vfnc_submit(queue, &cmd, &ticket[i]), 0);
	}
	/* other calls go on between */
	ck_assert_int_eq(vfnc_register_read(dev, "cap", &v), 0);
	ck_assert_int_eq(vfnc_wait(conn, ticket[1], &cpl, 5000), 0);
	ck_assert_uint_eq(cpl.dw0, 1);
	ck_assert_int_eq(vfnc_wait(conn, ticket[1], &cpl, 0), -ENOENT);
	/* the rest in the order of their completion */
	ck_assert_int_eq(vfnc_wait_any(conn, &any, &cpl, -1), 0);
	ck_assert_uint_eq(any, ticket[3]);
	ck_assert_uint_eq(cpl.dw0, 3);
	ck_assert_int_eq(vfnc_wait_any(conn, &any, &cpl, 0), 0);
	ck_assert_uint_eq(any, ticket[2]);
	ck_assert_int_eq(vfnc_forget(conn, ticket[0]), 0);
	ck_assert_int_eq(vfnc_forget(conn, ticket[0]), -ENOENT);
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	ck_assert_int_eq(vfnc_wait_any(conn, &any, &cpl, -1), -ENOENT);
	end();
}
END_TEST

/* Keeps all I/O commands until a configuration space read lets the first go. */
static bool holding(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case == VFND__REQUEST__OP_CONFIG_READ && f->n_held)
		fake_completion(f, f->held[--f->n_held], 0, 0);
	if (req->op_case != VFND__REQUEST__OP_IO)
		return false;
	if (f->n_held < 4)
		f->held[f->n_held++] = req->id;
	return true;
}

START_TEST(test_limits)
{
	struct vfnc_cmd cmd = {.opcode = 0};
	struct vfnc_queue *second;
	uint64_t ticket[16];
	uint8_t byte;
	int n;

	begin(holding);
	ck_assert_int_eq(vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 8}, &second), 0);
	for (n = 0; n < 7; n++)
		ck_assert_int_eq(vfnc_submit(queue, &cmd, &ticket[n]), 0);
	/* the queue is full at one less than its slots, the session at what hello said */
	ck_assert_int_eq(vfnc_submit(queue, &cmd, &ticket[n]), -EAGAIN);
	ck_assert_int_eq(vfnc_submit(second, &cmd, &ticket[n]), 0);
	ck_assert_int_eq(vfnc_submit(second, &cmd, &ticket[15]), -EAGAIN);
	ck_assert_uint_eq(ticket[15], 0);
	ck_assert_int_eq(vfnc_io(second, &cmd, NULL), -EAGAIN);
	/* a completion makes room, even if its ticket is not taken */
	ck_assert_int_eq(vfnc_config_read(dev, 0, &byte, 1), 1);
	ck_assert_int_eq(vfnc_submit(second, &cmd, &ticket[8]), 0);
	ck_assert_int_eq(vfnc_submit(second, &cmd, &ticket[9]), -EAGAIN);
	/* a forgotten command is still outstanding there, but no ticket */
	ck_assert_uint_eq(vfnc_outstanding(conn), 9);
	ck_assert_int_eq(vfnc_forget(conn, ticket[0]), 0);
	ck_assert_uint_eq(vfnc_outstanding(conn), 8);
	ck_assert_int_eq(vfnc_submit(second, &cmd, &ticket[9]), -EAGAIN);
	ck_assert_int_eq(vfnc_config_read(dev, 0, &byte, 1), 1);
	/* the queue goes before its commands are answered */
	ck_assert_int_eq(vfnc_queue_delete(queue), 0);
	ck_assert_int_eq(vfnc_config_read(dev, 0, &byte, 1), 1);
	ck_assert_int_eq(vfnc_config_read(dev, 0, &byte, 1), 1);
	end();
}
END_TEST

static bool die_with_commands(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_IO)
		return false;
	if (++f->n_held == 1)
		fake_completion(f, req->id, 0x11, 0);
	if (f->n_held == 3)
		shutdown(f->sock, SHUT_RDWR);
	return true;
}

START_TEST(test_daemon_dies)
{
	struct vfnc_cmd cmd = {.opcode = 0};
	struct vfnc_completion cpl;
	uint64_t ticket[3], any;

	begin(die_with_commands);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(vfnc_submit(queue, &cmd, &ticket[i]), 0);
	ck_assert_int_eq(vfnc_wait(conn, ticket[1], &cpl, -1), -ECONNRESET);
	/* what had come is there, what had not never will */
	ck_assert_int_eq(vfnc_wait_any(conn, &any, &cpl, -1), 0);
	ck_assert_uint_eq(any, ticket[0]);
	ck_assert_uint_eq(cpl.dw0, 0x11);
	ck_assert_int_eq(vfnc_wait_any(conn, &any, &cpl, -1), -ECONNRESET);
	ck_assert_uint_eq(any, 0);
	ck_assert_int_eq(vfnc_submit(queue, &cmd, &any), -ECONNRESET);
	ck_assert_int_eq(vfnc_wait(conn, ticket[2], &cpl, -1), -ECONNRESET);
	ck_assert_uint_eq(vfnc_outstanding(conn), 0);
	end();
}
END_TEST

static int variant;

static bool odd_commands(struct fake *f, const Vfnd__Request *req)
{
	static uint8_t data[1024];
	Vfnd__CommandAnswer a = VFND__COMMAND_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (req->op_case != VFND__REQUEST__OP_ADMIN)
		return false;
	answer.id = req->id;
	answer.body_case = VFND__ANSWER__BODY_COMMAND;
	answer.command = &a;
	memset(data, 0xdd, sizeof(data));
	a.data.data = data;
	switch (variant) {
	case 0: /* more data than asked for */
		a.data.len = 513;
		break;
	case 1: /* less: fine */
		a.data.len = 100;
		break;
	case 2: /* an error instead */
		fake_error(f, req->id, EACCES, "not allowed", "admin.opcode");
		return true;
	case 3: /* the answer twice */
		a.data.len = 512;
		fake_send(f, &answer, NULL);
		break;
	default:
		break;
	}
	fake_send(f, &answer, NULL);
	return true;
}

START_TEST(test_odd_answers)
{
	static const int want[] = {-EPROTO, 0, -EACCES, 0};
	uint8_t data[1024], byte;
	struct vfnc_cmd cmd = {.opcode = 2, .data_in = data, .length = 512};
	struct vfnc_completion cpl;
	uint64_t ticket;

	for (variant = 0; variant < 4; variant++) {
		for (int waited = 0; waited < 2; waited++) {
			begin(odd_commands);
			memset(data, 0, sizeof(data));
			if (waited) {
				ck_assert_int_eq(vfnc_submit_admin(dev, &cmd, &ticket), 0);
				ck_assert_int_eq(vfnc_wait(conn, ticket, &cpl, 5000),
						 want[variant]);
			} else {
				ck_assert_int_eq(vfnc_admin(dev, &cmd, &cpl), want[variant]);
			}
			ck_assert_uint_eq(vfnc_outstanding(conn), 0);
			ck_assert_int_eq(data[512], 0);
			if (variant == 1) {
				ck_assert_uint_eq(cpl.length, 100);
				ck_assert_int_eq(data[99], 0xdd);
				ck_assert_int_eq(data[100], 0);
			}
			if (variant == 3)
				ck_assert_int_eq(vfnc_config_read(dev, 0, &byte, 1), -EPROTO);
			end();
		}
	}
}
END_TEST

static bool never(struct fake *f, const Vfnd__Request *req)
{
	if (req->op_case != VFND__REQUEST__OP_IO || f->n_held)
		return false;
	f->held[f->n_held++] = req->id;
	return true;
}

START_TEST(test_timeout)
{
	struct vfnc_cmd cmd = {.opcode = 0, .timeout_ms = 30};
	struct vfnc_completion cpl;

	begin(never);
	ck_assert_int_eq(vfnc_set_timeout(conn, 30), 0);
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), -ETIMEDOUT);
	ck_assert_int_eq(vfnc_set_timeout(conn, 10000), 0);
	/* its completion comes when nobody waits for it any more */
	fake_completion(&fake, fake.held[0], 0, 0);
	ck_assert_int_eq(vfnc_io(queue, &cmd, &cpl), 0);
	end();
}
END_TEST

/* A daemon that answers as fast as it is asked and waits while its socket is full. */
START_TEST(test_flood)
{
	struct vfnc_cmd cmd = {.opcode = nvme_cmd_read, .nsid = 1, .cdw12 = 31};
	struct vfnc_completion cpl;
	static uint8_t data[FAKE_INLINE];
	unsigned int done = 0;
	uint64_t ticket;
	int ret;

	begin(NULL);
	cmd.data_in = data;
	cmd.length = sizeof(data);
	for (int i = 0; i < 5000; i++) {
		while ((ret = vfnc_submit(queue, &cmd, &ticket)) == -EAGAIN) {
			ck_assert_int_eq(vfnc_wait_any(conn, &ticket, &cpl, 10000), 0);
			ck_assert_uint_eq(cpl.length, sizeof(data));
			done++;
		}
		ck_assert_int_eq(ret, 0);
	}
	while (vfnc_wait_any(conn, &ticket, &cpl, 10000) == 0)
		done++;
	ck_assert_uint_eq(done, 5000);
	end();
}
END_TEST

UNIT_MAIN("client-command", {
	tcase_add_test(tc, test_identify);
	tcase_add_test(tc, test_read_write);
	tcase_add_test(tc, test_bad_arguments);
	tcase_add_test(tc, test_all_fields);
	tcase_add_test(tc, test_out_of_order);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_daemon_dies);
	tcase_add_test(tc, test_odd_answers);
	tcase_add_test(tc, test_timeout);
	tcase_add_test(tc, test_flood);
})
