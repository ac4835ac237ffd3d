/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * demo-client NAME NSID BLOCK: one of the demonstration's clients
 *
 * It writes, reads back and compares 64 KiB at BLOCK again and again, each time something else, until
 * an event of the controller comes. That is printed, then everything is given back.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "vfn/client.h"

#define COMMANDS 16 /* outstanding at the same time */
#define CHUNK    4096
#define SIZE     ((size_t)COMMANDS * CHUNK)

/* The event has to come within so many rounds of some milliseconds at most. */
#define ROUNDS 1000000

static const char *name;
static struct vfnc *conn;
static struct vfnc_queue *queue;
static struct vfnc_buffer *buf;
static uint32_t nsid, block_size;
static uint64_t first;

static void check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s: %s", name, what, vfnc_error(conn));
}

/* All of one direction at once: opcode 1 writes the first half of the buffer, 2 reads to the second. */
static void transfer(uint8_t opcode)
{
	uint32_t blocks = CHUNK / block_size;
	struct vfnc_completion cpl;
	uint64_t ticket;

	for (unsigned int i = 0; i < COMMANDS; i++) {
		uint64_t slba = first + (uint64_t)i * blocks;
		struct vfnc_cmd cmd = {
			.opcode = opcode,
			.nsid = nsid,
			.cdw10 = (uint32_t)slba,
			.cdw11 = (uint32_t)(slba >> 32),
			.cdw12 = blocks - 1,
			.buffer = buf,
			.offset = (opcode == 1 ? 0 : SIZE) + (uint64_t)i * CHUNK,
			.length = CHUNK,
		};

		check(vfnc_submit(queue, &cmd, &ticket), "submit");
	}
	for (unsigned int i = 0; i < COMMANDS; i++) {
		check(vfnc_wait_any(conn, &ticket, &cpl, 10000), "wait");
		if (!vfnc_ok(&cpl))
			errx(1, "%s: opcode %u failed with status 0x%x", name, opcode, cpl.status);
	}
}

static void round_trip(uint64_t round)
{
	uint64_t *written = buf->vaddr, *read_back = written + SIZE / 8;
	uint64_t x = round * 0x9e3779b97f4a7c15 + first;

	for (size_t i = 0; i < SIZE / 8; i++) {
		x = x * 6364136223846793005 + 1442695040888963407;
		written[i] = x;
	}
	memset(read_back, 0, SIZE);
	transfer(1);
	transfer(2);
	if (memcmp(written, read_back, SIZE) != 0)
		errx(1, "%s: what was read is not what was written", name);
}

int main(int argc, char **argv)
{
	static struct vfnc_event event;
	struct vfnc_subscription *sub;
	struct vfnc_namespace ns;
	struct vfnc_device *dev;
	uint64_t round = 0;
	int ret;

	if (argc != 4)
		errx(2, "usage: demo-client NAME NSID BLOCK");
	name = argv[1];
	nsid = (uint32_t)strtoul(argv[2], NULL, 0);
	first = strtoull(argv[3], NULL, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	check(vfnc_connect(NULL, &conn), "connect");
	check(vfnc_open(conn, NULL, &dev), "open");
	check(vfnc_namespace(dev, nsid, &ns), "namespace");
	block_size = ns.block_size;
	check(vfnc_buffer_alloc(dev, 2 * SIZE, &buf), "buffer");
	check(vfnc_queue_create(dev, &(struct vfnc_queue_opts){.entries = 2 * COMMANDS}, &queue), "queue pair");
	check(vfnc_subscribe(dev, &sub), "subscribe");
	printf("%s: session %" PRIu64 ", queue pair %u, buffer of %zu bytes at IOVA 0x%" PRIx64 "\n",
	       name, vfnc_session(conn), queue->qid, buf->size, buf->iova);
	do {
		round_trip(round++);
		if (round == 1)
			printf("%s: the first 64 KiB of blocks %" PRIu64 " and up compare\n", name,
			       first);
		ret = vfnc_event_wait(conn, &event, 0);
	} while (ret == -ETIMEDOUT && round < ROUNDS);
	check(ret, "event");
	printf("%s: event: type %u, info %u, log page %u", name, event.type, event.info,
	       event.log_page);
	if (event.log_page == 2 && event.log_length > 0)
		printf(", critical warning %u", event.log[0]);
	printf("\n%s: %" PRIu64 " MiB written, read back and compared with %" PRIu64 " commands\n",
	       name, round * SIZE >> 20, round * 2 * COMMANDS);
	check(vfnc_close(dev), "close");
	vfnc_disconnect(conn);
	return 0;
}
