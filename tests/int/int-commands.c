/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passthrough: what is carried out, what is refused, and how that is told. */
#include "blocks.h"
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS_DEPTH 512

/* Generic command status, with Do Not Retry left out (NVMe Base 2.0, figure 98). */
#define SC_INVALID_OPCODE 0x001
#define SC_INVALID_NS     0x00b
#define SC_LBA_RANGE      0x080
#define SC_MASK           0x7ff

struct set {
	struct vfnc *conn;
	struct vfnc_device *dev;
	struct vfnc_queue *queue;
	struct vfnc_buffer *buf;
	size_t bs;
};

static void set_up(struct set *s, uint32_t entries, size_t size)
{
	s->dev = int_open_new();
	s->conn = vfnc_device_connection(s->dev);
	s->queue = int_queue(s->dev, entries);
	s->buf = int_buffer(s->dev, size);
	s->bs = int_namespace(s->dev, 1).block_size;
}

static void tear_down(struct set *s)
{
	vfnc_disconnect(s->conn);
}

static void commands_many(void)
{
	uint64_t tickets[COMMANDS_DEPTH], extra;
	unsigned int order[COMMANDS_DEPTH];
	struct vfnc_statistics stats;
	struct vfnc_cmd cmd;
	struct set s;

	set_up(&s, COMMANDS_DEPTH + 1, COMMANDS_DEPTH * 4096);
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned int i = 0; i < COMMANDS_DEPTH; i++) {
			char *block = (char *)s.buf->vaddr + i * s.bs;

			if (pass == 0)
				block_fill(block, s.bs, block_tag(1, i, i));
			else
				memset(block, 0xa5, s.bs);
			cmd = int_rw(pass == 0, 1, i, 1, s.buf, i * s.bs, s.bs);
			OK(s.conn, vfnc_submit(s.queue, &cmd, &tickets[i]));
			order[i] = i;
		}
		CHECK(vfnc_outstanding(s.conn) == COMMANDS_DEPTH, "%u tickets",
		      vfnc_outstanding(s.conn));
		for (unsigned int i = COMMANDS_DEPTH - 1; i > 0; i--) {
			unsigned int k = (unsigned int)int_random(i + 1), t = order[i];

			order[i] = order[k];
			order[k] = t;
		}
		for (unsigned int i = 0; i < COMMANDS_DEPTH; i++)
			int_complete(s.conn, tickets[order[i]]);
		FAILS(s.conn, ENOENT, vfnc_wait(s.conn, tickets[0], NULL, 0));
		FAILS(s.conn, ENOENT, vfnc_wait_any(s.conn, &extra, NULL, 0));
	}
	for (unsigned int i = 0; i < COMMANDS_DEPTH; i++) {
		const char *block = (const char *)s.buf->vaddr + i * s.bs;

		CHECK(block_read(block, s.bs, i) == block_tag(1, i, i),
		      "command %u brought another one's data", i);
	}
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &stats));
	CHECK(stats.session_submitted == 2 * COMMANDS_DEPTH &&
	      stats.session_completed == 2 * COMMANDS_DEPTH && stats.session_outstanding == 0,
	      "the session's statistics: %llu submitted, %llu completed, %llu outstanding",
	      (unsigned long long)stats.session_submitted,
	      (unsigned long long)stats.session_completed,
	      (unsigned long long)stats.session_outstanding);
	tear_down(&s);
}

/* More than a queue holds: told at once, and what is outstanding is not harmed. */
static void commands_full(void)
{
	struct vfnc_cmd cmd = {.opcode = 0x00, .nsid = 1};
	struct set s;
	uint64_t ticket;
	unsigned int n;

	set_up(&s, 4, 4096);
	if (env.sim_control)
		sim_tell(env.sim_control, "delay io 0 0 200");
	for (n = 0; n < 3; n++)
		OK(s.conn, vfnc_submit(s.queue, &cmd, &ticket));
	if (env.sim_control) {
		FAILS(s.conn, EAGAIN, vfnc_submit(s.queue, &cmd, &ticket));
		sim_tell(env.sim_control, "clear");
	}
	for (n = 0; n < 3; n++)
		int_complete_any(s.conn);
	OK(s.conn, vfnc_io(s.queue, &cmd, NULL));
	tear_down(&s);
}

static void commands_inline(void)
{
	struct vfnc_limits limits;
	struct vfnc_completion completion;
	struct vfnc_cmd cmd;
	char *out, *in;
	struct set s;
	uint32_t nlb;

	set_up(&s, 8, 4096);
	vfnc_limits(s.conn, &limits);
	nlb = (uint32_t)(limits.max_inline / s.bs);
	CHECK(nlb > 0, "no block fits into the %u bytes of inline data", limits.max_inline);
	out = malloc(limits.max_inline + 1);
	in = calloc(1, limits.max_inline + 1);
	CHECK(out && in, "no memory");
	blocks_fill(out, s.bs, nlb, 3, 7, 100);

	cmd = int_rw(true, 1, 100, nlb, NULL, 0, nlb * s.bs);
	cmd.data_out = out;
	OK(s.conn, vfnc_io(s.queue, &cmd, NULL));
	cmd = int_rw(false, 1, 100, nlb, NULL, 0, nlb * s.bs);
	cmd.data_in = in;
	OK(s.conn, vfnc_io(s.queue, &cmd, &completion));
	CHECK(vfnc_ok(&completion) && completion.length == nlb * s.bs, "status %#x, %u bytes",
	      completion.status, completion.length);
	CHECK(memcmp(out, in, nlb * s.bs) == 0, "inline data came back changed");
	/* The same blocks by a buffer. */
	OK(s.conn, vfnc_read(s.queue, 1, 100, 1, s.buf, 0, s.bs, NULL));
	CHECK(memcmp(out, s.buf->vaddr, s.bs) == 0, "a buffer has something else");

	cmd.length = limits.max_inline + 1;
	FAILS(s.conn, EMSGSIZE, vfnc_io(s.queue, &cmd, NULL));
	/* No room for what the command transfers. */
	cmd.length = s.bs - 4;
	cmd.cdw12 = 0;
	FAILS(s.conn, EINVAL, vfnc_io(s.queue, &cmd, NULL));
	free(out);
	free(in);
	tear_down(&s);
}

/* Inline data of many commands at once: each answer has its own. */
static void commands_inline_many(void)
{
	enum { N = 64 };
	uint64_t tickets[N];
	struct vfnc_cmd cmd;
	struct set s;
	char *in;

	set_up(&s, N + 1, N * 4096);
	in = calloc(N, s.bs);
	CHECK(in, "no memory");
	blocks_fill(s.buf->vaddr, s.bs, N, 4, 1, 0);
	OK(s.conn, vfnc_write(s.queue, 1, 0, N, s.buf, 0, N * s.bs, NULL));
	for (unsigned int i = 0; i < N; i++) {
		cmd = int_rw(false, 1, i, 1, NULL, 0, s.bs);
		cmd.data_in = in + i * s.bs;
		OK(s.conn, vfnc_submit(s.queue, &cmd, &tickets[i]));
	}
	for (unsigned int i = 0; i < N; i++)
		int_complete(s.conn, tickets[N - 1 - i]);
	for (unsigned int i = 0; i < N; i++)
		CHECK(block_read(in + i * s.bs, s.bs, i) == block_tag(4, 1, i),
		      "answer %u has another one's data", i);
	free(in);
	tear_down(&s);
}

/* A failed command is a completion, whole, not an error. */
static void commands_status(void)
{
	struct vfnc_statistics before, after;
	struct vfnc_completion c;
	struct vfnc_namespace ns;
	struct vfnc_cmd cmd;
	struct set s;

	set_up(&s, 8, 4096);
	ns = int_namespace(s.dev, 1);
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &before));
	cmd = int_rw(false, 1, ns.blocks, 1, s.buf, 0, s.bs);
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK((c.status & SC_MASK) == SC_LBA_RANGE, "read behind the end: status %#x", c.status);
	CHECK(c.sqid == s.queue->qid, "the completion is of queue %u", c.sqid);
	FAILS(s.conn, EIO, vfnc_io(s.queue, &cmd, NULL));
	cmd = int_rw(false, 0x12345678, 0, 1, s.buf, 0, s.bs);
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK((c.status & SC_MASK) == SC_INVALID_NS, "a namespace that cannot be: status %#x", c.status);
	cmd = (struct vfnc_cmd){.opcode = 0xc0, .nsid = 1};
	OK(s.conn, vfnc_io(s.queue, &cmd, &c));
	CHECK((c.status & SC_MASK) == SC_INVALID_OPCODE, "I/O opcode c0h: status %#x", c.status);
	cmd = (struct vfnc_cmd){.opcode = 0xfc};
	OK(s.conn, vfnc_admin(s.dev, &cmd, &c));
	CHECK((c.status & SC_MASK) == SC_INVALID_OPCODE, "admin opcode fch: status %#x", c.status);
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &after));
	CHECK(after.failed == before.failed + 5, "%llu commands are counted as failed",
	      (unsigned long long)(after.failed - before.failed));
	tear_down(&s);
}

static void commands_forbidden(void)
{
	static const struct {
		bool io;
		uint8_t opcode;
		uint32_t cdw10;
		const char *what;
	} rows[] = {
		{false, 0x00, 1, "Delete I/O Submission Queue"},
		{false, 0x01, 1, "Create I/O Submission Queue"},
		{false, 0x04, 1, "Delete I/O Completion Queue"},
		{false, 0x05, 1, "Create I/O Completion Queue"},
		{false, 0x08, 0, "Abort"},
		{false, 0x0c, 0, "Asynchronous Event Request"},
		{false, 0x7c, 0, "Doorbell Buffer Config"},
		{false, 0x09, 0x07, "Set Features, Number of Queues"},
		{false, 0x09, 0x0d, "Set Features, Host Memory Buffer"},
		{false, 0xc1, 0, "an admin command of unknown length"},
		{true, 0xc2, 0, "an I/O command of unknown length"},
	};
	struct vfnc_statistics before, after;
	struct set s;

	set_up(&s, 8, 8192);
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &before));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vfnc_cmd cmd = {.opcode = rows[i].opcode, .cdw10 = rows[i].cdw10,
				       .buffer = s.buf, .length = 8192};
		struct vfnc_completion c;
		int ret = rows[i].io ? vfnc_io(s.queue, &cmd, &c) : vfnc_admin(s.dev, &cmd, &c);

		CHECK(ret == -EPERM, "%s: %d", rows[i].what, ret);
		CHECK(*vfnc_error(s.conn), "%s: no reason is given", rows[i].what);
	}
	OK(s.conn, vfnc_statistics(s.conn, s.dev, &after));
	CHECK(after.submitted == before.submitted, "something was sent to the controller");
	tear_down(&s);
}

static void commands_lengths(void)
{
	struct vfnc_cmd cmd;
	struct set s;

	set_up(&s, 8, 8192);
	/* checked by the library */
	FAILS(s.conn, ERANGE, vfnc_read(s.queue, 1, 0, 1, s.buf, 8192, s.bs, NULL));
	FAILS(s.conn, ERANGE, vfnc_read(s.queue, 1, 0, 1, s.buf, UINT64_MAX - 3, s.bs, NULL));
	/* checked by the daemon: the command would transfer more than it was given */
	cmd = int_rw(false, 1, 0, 2, s.buf, 0, 2 * s.bs - 4);
	FAILS_SAYING(s.conn, EINVAL, "transfers", vfnc_io(s.queue, &cmd, NULL));
	cmd = int_rw(false, 1, 0, 65536, s.buf, 0, 8192);
	FAILS_SAYING(s.conn, EINVAL, "transfers", vfnc_io(s.queue, &cmd, NULL));
	cmd = int_rw(false, 1, 0, 1, NULL, 0, 0);
	FAILS_SAYING(s.conn, EINVAL, "transfers", vfnc_io(s.queue, &cmd, NULL));
	cmd = (struct vfnc_cmd){.opcode = 0x06, .cdw10 = 1, .buffer = s.buf, .length = 4092};
	FAILS_SAYING(s.conn, EINVAL, "4096", vfnc_admin(s.dev, &cmd, NULL));
	/* Get Log Page of 16 KiB into 8 */
	cmd = (struct vfnc_cmd){.opcode = 0x02, .nsid = UINT32_MAX, .cdw10 = 0x0fff0002,
				.buffer = s.buf, .length = 8192};
	FAILS_SAYING(s.conn, EINVAL, "16384", vfnc_admin(s.dev, &cmd, NULL));
	cmd = int_rw(false, 1, 0, 1, s.buf, 2, s.bs);
	FAILS_SAYING(s.conn, EINVAL, "multiple of 4", vfnc_io(s.queue, &cmd, NULL));
	cmd = int_rw(false, 1, 0, 1, s.buf, 0, s.bs);
	cmd.flags = 1;
	FAILS(s.conn, EPERM, vfnc_io(s.queue, &cmd, NULL));
	/* What fits to the last byte is carried out. */
	OK(s.conn, vfnc_read(s.queue, 1, 0, 1, s.buf, 8192 - s.bs, s.bs, NULL));
	tear_down(&s);
}

/* A metadata buffer where the format has no metadata is mapped and not used. */
static void commands_metadata(void)
{
	struct vfnc_buffer *meta;
	struct vfnc_cmd cmd;
	struct set s;

	set_up(&s, 8, 4096);
	meta = int_buffer(s.dev, 4096);
	memset(meta->vaddr, 0x5a, 4096);
	cmd = int_rw(false, 1, 0, 1, s.buf, 0, s.bs);
	cmd.meta_buffer = meta;
	cmd.meta_offset = 64;
	cmd.meta_length = 64;
	OK(s.conn, vfnc_io(s.queue, &cmd, NULL));
	for (unsigned int i = 0; i < 4096; i++)
		CHECK(((uint8_t *)meta->vaddr)[i] == 0x5a, "byte %u of the metadata has changed", i);
	cmd.meta_offset = 4096;
	FAILS(s.conn, ERANGE, vfnc_io(s.queue, &cmd, NULL));
	cmd.meta_offset = 2;
	FAILS_SAYING(s.conn, EINVAL, "multiple of 4", vfnc_io(s.queue, &cmd, NULL));
	OK(s.conn, vfnc_buffer_free(meta));
	tear_down(&s);
}

/* ---- handles and fields, without the library's own checks ------------------------------------ */

static Vfnd__CommandRequest raw_read(uint64_t queue, uint64_t buffer, uint64_t offset,
				     uint64_t length)
{
	Vfnd__CommandRequest c = VFND__COMMAND_REQUEST__INIT;

	c.queue = queue;
	c.opcode = 0x02;
	c.nsid = 1;
	c.buffer = buffer;
	c.offset = offset;
	c.length = length;
	return c;
}

static void io_refused(int fd, Vfnd__CommandRequest *command, int code, const char *field)
{
	Vfnd__Request request = VFND__REQUEST__INIT;

	request.op_case = VFND__REQUEST__OP_IO;
	request.io = command;
	raw_refused(fd, &request, code, field);
}

static void buffer_given_back(int fd, uint64_t buffer)
{
	Vfnd__BufferFreeRequest free_request = VFND__BUFFER_FREE_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;

	free_request.buffer = buffer;
	request.op_case = VFND__REQUEST__OP_BUFFER_FREE;
	request.buffer_free = &free_request;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_DONE, "the buffer could not be freed");
	raw_free(answer);
	raw_refused(fd, &request, ENOENT, "buffer_free.buffer");
}

static void commands_fields(void)
{
	uint8_t data[16] = {0};
	int fd = raw_hello();
	uint64_t device = raw_open(fd, env.device), queue = raw_queue(fd, device, 8);
	uint64_t buffer = raw_buffer(fd, device, 8192);
	Vfnd__CommandRequest c;

	c = raw_read(queue, buffer, 8192, 512);
	io_refused(fd, &c, EINVAL, "command.length");
	c = raw_read(queue, buffer, 0, 8193);
	io_refused(fd, &c, EINVAL, "command.length");
	c = raw_read(queue, buffer, UINT64_MAX, 2);
	io_refused(fd, &c, EINVAL, "command.length");
	c = raw_read(queue, buffer, 1, UINT64_MAX);
	io_refused(fd, &c, EINVAL, "command.length");
	c = raw_read(queue, buffer, 0, 0);
	io_refused(fd, &c, EINVAL, "command.length");
	c = raw_read(queue, buffer, 0, 8192);
	c.data = (ProtobufCBinaryData){sizeof(data), data};
	io_refused(fd, &c, EINVAL, "command.data");
	c = raw_read(queue, 0, 0, UINT64_MAX);
	io_refused(fd, &c, EMSGSIZE, "command.length");
	c = raw_read(queue, buffer, 0, 8192);
	c.opcode = 0x102;
	io_refused(fd, &c, EINVAL, "command.opcode");
	c.opcode = 2;
	c.flags = 0x40;
	io_refused(fd, &c, EPERM, "command.flags");
	c.flags = 0;
	c.meta_buffer = buffer;
	c.meta_offset = 8192;
	c.meta_length = 1;
	io_refused(fd, &c, EINVAL, "command.meta_length");
	c.meta_buffer = 4711;
	io_refused(fd, &c, ENOENT, "command.meta_buffer");
	close(fd);
}

static void commands_handles(void)
{
	int fd = raw_hello(), other = raw_hello();
	uint64_t device = raw_open(fd, env.device), queue = raw_queue(fd, device, 8);
	uint64_t freed = raw_buffer(fd, device, 4096), buffer = raw_buffer(fd, device, 4096);
	uint64_t other_device = raw_open(other, env.device);
	Vfnd__CommandRequest c;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__BufferAllocRequest alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;

	buffer_given_back(fd, freed);
	c = raw_read(queue, freed, 0, 4096);
	io_refused(fd, &c, ENOENT, "command.buffer");
	c = raw_read(queue, buffer + 1000, 0, 4096);
	io_refused(fd, &c, ENOENT, "command.buffer");
	/* handles of another kind */
	c = raw_read(queue, queue, 0, 4096);
	io_refused(fd, &c, ENOENT, "command.buffer");
	c = raw_read(queue, device, 0, 4096);
	io_refused(fd, &c, ENOENT, "command.buffer");
	c = raw_read(buffer, buffer, 0, 4096);
	io_refused(fd, &c, ENOENT, "io.queue");
	c = raw_read(device, buffer, 0, 4096);
	io_refused(fd, &c, ENOENT, "io.queue");
	request.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	request.buffer_alloc = &alloc;
	alloc.size = 4096;
	alloc.device = queue;
	raw_refused(fd, &request, ENOENT, "buffer_alloc.device");
	/* handles of another session, which has no such things itself */
	c = raw_read(queue, buffer, 0, 4096);
	io_refused(other, &c, ENOENT, "io.queue");
	c = raw_read(raw_queue(other, other_device, 8), buffer, 0, 4096);
	io_refused(other, &c, ENOENT, "command.buffer");
	/* A handle is never used again. */
	CHECK(raw_buffer(fd, device, 4096) > buffer, "a handle came twice");
	close(fd);
	close(other);
}

/* A session on both devices: what is made on one is not for use on the other. */
static void commands_other_device(void)
{
	int fd = raw_hello();
	uint64_t one = raw_open(fd, env.device), two = raw_open(fd, env.device2);
	uint64_t queue = raw_queue(fd, one, 8), buffer = raw_buffer(fd, two, 4096);
	Vfnd__CommandRequest c = raw_read(queue, buffer, 0, 4096);

	io_refused(fd, &c, EINVAL, NULL);
	close(fd);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("512 commands are outstanding and awaited in any order", commands_many),
		INT_CASE("a full queue is told", commands_full),
		INT_CASE("inline data goes both ways", commands_inline),
		INT_CASE("inline data of many commands keeps apart", commands_inline_many),
		INT_CASE("a failed command is a completion", commands_status),
		INT_CASE("commands that are the daemon's are refused", commands_forbidden),
		INT_CASE("commands that transfer more than they were given are refused", commands_lengths),
		INT_CASE("a metadata buffer is taken", commands_metadata),
		INT_CASE("errors name the field at fault", commands_fields),
		INT_CASE("only the session's own handles count", commands_handles),
		INT_CASE("a buffer of one device is no buffer of another", commands_other_device),
		{0},
	};

	return int_main("commands", cases);
}
