/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that aim at the daemon's own weak moments; test-attack.sh has the daemon for them. */
#include "int.h"
#include "raw.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/frame.h"

struct victim {
	int fd;
	uint64_t device, queue, buffer;
};

static struct victim victim_open(uint32_t entries)
{
	struct victim v = {.fd = raw_hello()};

	v.device = raw_open(v.fd, env.device);
	v.queue = raw_queue(v.fd, v.device, entries);
	v.buffer = raw_buffer(v.fd, v.device, 65536);
	return v;
}

static void post_io(const struct victim *v, uint64_t id, uint32_t nsid)
{
	Vfnd__CommandRequest io = VFND__COMMAND_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;

	io.queue = v->queue;
	io.opcode = 2;
	io.nsid = nsid;
	io.buffer = v->buffer;
	io.length = 4096;
	request.id = id;
	request.op_case = VFND__REQUEST__OP_IO;
	request.io = &io;
	CHECK(raw_request(v->fd, &request, NULL), "cut off");
}

/* A command that I/O waits for. */
static void post_barrier(const struct victim *v, uint64_t id)
{
	Vfnd__CommandRequest admin = VFND__COMMAND_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;

	admin.device = v->device;
	admin.opcode = 0x80;
	admin.nsid = 1;
	request.id = id;
	request.op_case = VFND__REQUEST__OP_ADMIN;
	request.admin = &admin;
	CHECK(raw_request(v->fd, &request, NULL), "cut off");
}

static void answered(const struct victim *v, uint64_t id)
{
	Vfnd__Answer *answer = raw_receive(v->fd);

	CHECK(answer, "cut off");
	CHECK(answer->id == id, "the answer to %llu came, not to %llu", (unsigned long long)answer->id,
	      (unsigned long long)id);
	CHECK(answer->body_case == VFND__ANSWER__BODY_COMMAND, "%s", answer->body_case ==
	      VFND__ANSWER__BODY_ERROR ? answer->error->text : "no completion");
	raw_free(answer);
}

static void one_read(uint32_t entries)
{
	struct victim v = victim_open(entries);

	post_io(&v, 1000, 1);
	answered(&v, 1000);
	close(v.fd);
}

/* Closed while a barrier waits, with more held than the queue has places for. */
static void attack_close_behind_barrier(void)
{
	for (int i = 0; i < 20; i++) {
		struct victim v = victim_open(2);

		sim_tell(env.sim_control, "delay io 2 1 50");
		post_io(&v, 1, 1);
		post_barrier(&v, 2);
		for (uint64_t id = 3; id < 10; id++)
			post_io(&v, id, 1);
		close(v.fd);
	}
	one_read(16);
}

/* The namespaces are being identified again when the controller is reset. */
static void attack_reset_in_refresh(void)
{
	struct victim v = victim_open(16);
	long resets = sim_stat(env.sim_control, "resets");
	uint64_t until = int_now_ms() + INT_SOON_MS;

	sim_tell(env.sim_control, "drop admin 6 1 stuck");
	post_barrier(&v, 1);
	answered(&v, 1);
	while (sim_stat(env.sim_control, "resets") == resets) {
		CHECK(int_now_ms() < until, "the controller was not reset");
		int_pause();
	}
	close(v.fd);
	ledger_settle();
	one_read(16);
}

static uint64_t blocks_of(int fd, uint64_t device, uint32_t nsid)
{
	Vfnd__DeviceInfoRequest info = VFND__DEVICE_INFO_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;
	uint64_t blocks = 0;

	info.device = device;
	request.op_case = VFND__REQUEST__OP_DEVICE_INFO;
	request.device_info = &info;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_DEVICE_INFO, "no information");
	CHECK(answer->device_info->n_active == 2, "there are %zu namespaces, not 2",
	      answer->device_info->n_active);
	for (size_t i = 0; i < 2; i++)
		if (answer->device_info->active[i]->nsid == nsid)
			blocks = answer->device_info->active[i]->blocks;
	raw_free(answer);
	return blocks;
}

/* A notice of changed namespaces comes while a command that changes them is on its way. */
static void attack_two_refreshes(void)
{
	struct victim v = victim_open(16);
	uint64_t first = blocks_of(v.fd, v.device, 1), second = blocks_of(v.fd, v.device, 2);

	CHECK(first != second, "the namespaces cannot be told apart");
	sim_tell(env.sim_control, "delay admin 6 12 100");
	sim_tell(env.sim_control, "delay admin 0x80 1 150");
	post_barrier(&v, 1);
	sim_tell(env.sim_control, "event 2 0 4");
	answered(&v, 1);
	post_io(&v, 2, 1); /* held until all is known again */
	answered(&v, 2);
	sim_tell(env.sim_control, "clear");
	CHECK(blocks_of(v.fd, v.device, 1) == first && blocks_of(v.fd, v.device, 2) == second,
	      "a namespace is taken for another one");
	close(v.fd);
}

/* A client that keeps the memory of a buffer it has freed, which nobody counts any more. */
static void attack_keep_memory(void)
{
	Vfnd__BufferAllocRequest alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__BufferFreeRequest release = VFND__BUFFER_FREE_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	struct fdset fds = FDSET_INIT;
	static uint8_t buf[FRAME_MAX];
	Vfnd__Answer *answer;
	struct stat st;
	ssize_t n;
	int fd = raw_hello();

	alloc.device = raw_open(fd, env.device);
	alloc.size = 4 << 20;
	request.id = 5000;
	request.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	request.buffer_alloc = &alloc;
	CHECK(raw_request(fd, &request, NULL), "cut off");
	n = frame_recv(fd, buf, sizeof(buf), &fds, 0);
	CHECK(n > 0 && fds.n == 1, "no buffer");
	answer = vfnd__answer__unpack(NULL, (size_t)n, buf);
	CHECK(answer && answer->body_case == VFND__ANSWER__BODY_BUFFER_ALLOC, "no buffer");
	CHECK(fstat(fds.fd[0], &st) == 0 && st.st_blocks > 0, "the buffer has no memory");
	release.buffer = answer->buffer_alloc->buffer;
	raw_free(answer);
	request.op_case = VFND__REQUEST__OP_BUFFER_FREE;
	request.buffer_free = &release;
	raw_free(raw_call(fd, &request));
	CHECK(fstat(fds.fd[0], &st) == 0 && st.st_blocks == 0,
	      "%lld bytes of a freed buffer are still there", (long long)st.st_blocks * 512);
	fdset_close(&fds);
	close(fd);
}

/* Small ones: each is a descriptor and a mapping of the daemon, whose number is limited for all. */
static void attack_many_buffers(void)
{
	Vfnd__BufferAllocRequest alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	int fd = raw_hello();

	alloc.device = raw_open(fd, env.device);
	alloc.size = 4096;
	for (int i = 0; i < 40; i++)
		raw_buffer(fd, alloc.device, 4096);
	request.op_case = VFND__REQUEST__OP_BUFFER_ALLOC;
	request.buffer_alloc = &alloc;
	raw_refused(fd, &request, EDQUOT, "buffer_alloc.size");
	close(fd);
	ledger_settle();
	one_read(16);
}

/* Reads of registers as long as can be, each register a message of the device's: others do not wait for all of it. */
static void attack_long_reads(void)
{
	Vfnd__BarReadRequest op = VFND__BAR_READ_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	int fd = raw_hello(), other = raw_hello();
	uint64_t device = raw_open(other, env.device);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	Vfnd__Answer *answer;

	op.device = raw_open(fd, env.device);
	op.width = 4;
	op.length = 16384;
	request.op_case = VFND__REQUEST__OP_BAR_READ;
	request.bar_read = &op;
	for (unsigned int i = 0; i < 32; i++) {
		request.id = 1000 + i;
		CHECK(raw_request(fd, &request, NULL), "cut off");
	}
	raw_buffer(other, device, 4096);
	CHECK(poll(&p, 1, 0) == 0, "a buffer has waited for a read to end");
	for (unsigned int i = 0; i < 32; i++) {
		answer = raw_receive(fd);
		CHECK(answer && answer->body_case == VFND__ANSWER__BODY_BAR_READ && answer->bar_read->data.len == 16384,
		      "no registers");
		raw_free(answer);
	}
	for (unsigned int i = 0; i < 32; i++)
		CHECK(raw_request(fd, &request, NULL), "cut off");
	close(fd);
	close(other);
	ledger_settle();
}

/* A doorbell that has old commands carried out again: completions by the thousand, and not as many lines in the log. */
static void attack_strays(void)
{
	Vfnd__DoorbellRequest op = VFND__DOORBELL_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	struct victim v = victim_open(64);

	for (uint64_t id = 1000; id < 1063; id++) {
		post_io(&v, id, 1);
		answered(&v, id);
	}
	request.op_case = VFND__REQUEST__OP_DOORBELL;
	request.doorbell = &op;
	op.device = v.device;
	op.qid = 1;
	for (unsigned int i = 0; i < 40; i++) {
		Vfnd__Answer *answer;

		op.value = (62 + 63 * i) % 64;
		answer = raw_call(v.fd, &request);
		CHECK(answer->body_case == VFND__ANSWER__BODY_DONE, "%s", answer->error->text);
		raw_free(answer);
		int_pause();
	}
	close(v.fd);
	ledger_settle();
	one_read(16);
}

static int claim(int fd, const char *address)
{
	Vfnd__ClaimRequest op = VFND__CLAIM_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__Answer *answer;
	int code;

	op.address = (char *)address;
	request.op_case = VFND__REQUEST__OP_CLAIM;
	request.claim = &op;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_ERROR, "%s is claimed", address);
	code = answer->error->code;
	raw_free(answer);
	return code;
}

/* Each that cannot be claimed stays on the list, with a thread, and with as long an address and reason as can be. */
static void attack_claims(void)
{
	Vfnd__ListRequest list = VFND__LIST_REQUEST__INIT;
	Vfnd__ReleaseRequest release = VFND__RELEASE_REQUEST__INIT;
	Vfnd__Request request = VFND__REQUEST__INIT;
	int fd = raw_hello(), code = 0;
	struct ledger before;
	Vfnd__Answer *answer;
	unsigned int n = 0;
	char address[128];

	ledger_take(&before);
	CHECK(claim(fd, "vfio-user:/no\nwhere") == EINVAL, "an address has lines");
	CHECK(claim(fd, "vfio-user:/no\033[2Jwhere") == EINVAL, "an address clears terminals");
	do {
		CHECK(n < 300, "%u devices that are not there", n);
		snprintf(address, sizeof(address), "vfio-user:/%0103u", n++);
		code = claim(fd, address);
	} while (code != ENOSPC);
	request.op_case = VFND__REQUEST__OP_LIST;
	request.list = &list;
	answer = raw_call(fd, &request);
	CHECK(answer->body_case == VFND__ANSWER__BODY_LIST, "no list");
	CHECK(answer->list->n_devices == n, "%zu devices are told, there are %u", answer->list->n_devices, n);
	raw_free(answer);
	request.op_case = VFND__REQUEST__OP_RELEASE;
	request.release = &release;
	release.address = address;
	for (unsigned int i = 0; i + 1 < n; i++) {
		snprintf(address, sizeof(address), "vfio-user:/%0103u", i);
		answer = raw_call(fd, &request);
		CHECK(answer->body_case == VFND__ANSWER__BODY_DONE, "%s is not released", address);
		raw_free(answer);
	}
	/* Sanitizers keep what was freed for a while. */
	ledger_await(&before, 131072);
	close(fd);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("closed while a barrier waits and commands behind it", attack_close_behind_barrier),
		INT_CASE("a reset while namespaces are identified again", attack_reset_in_refresh),
		INT_CASE("a notice while a format is under way", attack_two_refreshes),
		INT_CASE("the memory of a freed buffer", attack_keep_memory),
		INT_CASE("more buffers than a user may have", attack_many_buffers),
		INT_CASE("long reads of registers", attack_long_reads),
		INT_CASE("old commands carried out again", attack_strays),
		INT_CASE("claims of devices that are not there", attack_claims),
		{0},
	};

	return int_main("attack", cases);
}
