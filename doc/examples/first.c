/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first program with libvfnclient: find out what the controller is, write a block, read it back.
 *
 *     cc first.c $(pkg-config --cflags --libs vfn-client) -o first
 *     ./first [ADDRESS [NAMESPACE]]
 *
 * It overwrites the first two blocks of the namespace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vfn/client.h>

static struct vfnc *conn;

/* Every function of the library returns a negative errno when it fails, and says why. */
static void check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, vfnc_error(conn));
	exit(1);
}

/* A command that the controller refused is not such a failure: its completion tells. */
static void check_status(const struct vfnc_completion *completion, const char *what)
{
	if (vfnc_ok(completion))
		return;
	fprintf(stderr, "%s: the controller says status 0x%x\n", what, completion->status);
	exit(1);
}

int main(int argc, char **argv)
{
	const char *address = argc > 1 ? argv[1] : NULL;
	unsigned int nsid = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 0) : 1;
	struct vfnc_completion completion;
	struct vfnc_namespace ns;
	struct vfnc_device *dev;
	struct vfnc_buffer *buf;
	struct vfnc_queue *queue;
	unsigned char identify[4096];
	unsigned char *written, *read_back;
	size_t size;

	/* The daemon is at $VFND_SOCKET, else at the usual place; its only device, or the one named. */
	check(vfnc_connect(NULL, &conn), "connect");
	check(vfnc_open(conn, address, &dev), "open");

	/* Serial number and model are text at bytes 4 and 24, padded with spaces. */
	check(vfnc_identify_ctrl(dev, identify, &completion), "identify");
	check_status(&completion, "identify");
	printf("%s: %.40s, serial number %.20s\n", vfnc_device_address(dev), identify + 24,
	       identify + 4);

	/* Memory that this program and the controller both reach, and a queue pair of our own. */
	check(vfnc_namespace(dev, nsid, &ns), "namespace");
	size = 2 * (size_t)ns.block_size;
	check(vfnc_buffer_alloc(dev, 2 * size, &buf), "buffer");
	check(vfnc_queue_create(dev, NULL, &queue), "queue pair");
	printf("namespace %u: %llu blocks of %u bytes; queue pair %u of %u entries\n", ns.nsid,
	       (unsigned long long)ns.blocks, ns.block_size, queue->qid, queue->entries);

	/* The first half of the buffer is written, the second is read into. */
	written = buf->vaddr;
	read_back = written + size;
	for (size_t i = 0; i < size; i++)
		written[i] = (unsigned char)(i * 31 + i / 256);
	check(vfnc_write(queue, nsid, 0, 2, buf, 0, size, &completion), "write");
	check_status(&completion, "write");
	check(vfnc_read(queue, nsid, 0, 2, buf, size, size, &completion), "read");
	check_status(&completion, "read");
	if (memcmp(written, read_back, size) != 0) {
		fprintf(stderr, "what was read is not what was written\n");
		return 1;
	}
	printf("%zu bytes written, read back and compared\n", size);

	/* The session's end gives everything back; this is the same in good order. */
	check(vfnc_queue_delete(queue), "delete the queue pair");
	check(vfnc_buffer_free(buf), "free the buffer");
	check(vfnc_close(dev), "close");
	vfnc_disconnect(conn);
	return 0;
}
