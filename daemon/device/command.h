/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command - one NVMe command on behalf of a session, and what became of it
 */
#ifndef VFND_DAEMON_DEVICE_COMMAND_H
#define VFND_DAEMON_DEVICE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vfn/nvme.h>

/* Inline payload of a command, bytes. */
#define COMMAND_INLINE_MAX (16u * 1024)

struct buffer;

/*
 * `sqe` carries opcode, namespace and command dwords 2, 3 and 10 to 15; identifier and pointers are
 * filled in. Data is `length` bytes: of `data` from `offset`, or inline (`data` is NULL) from `out`
 * (NULL: to be read). Pointers are borrowed for the call; buffers are held until the command is over.
 */
struct command_spec {
	union nvme_cmd sqe;
	struct buffer *data;
	uint64_t offset;
	uint64_t length;
	const void *out;
	struct buffer *meta;
	uint64_t meta_offset;
	uint64_t meta_length;
	unsigned int timeout_ms; /* 0: the configured one */
	uint64_t id;             /* by which it can be cancelled; of the session */
};

/* A command as it is given. `keep_cid`: with its identifier, too, on a queue of the session's own. */
struct raw_spec {
	union nvme_cmd sqe;
	bool keep_cid;
	unsigned int timeout_ms; /* 0: the configured one */
	uint64_t id;             /* by which it can be cancelled; of the session */
};

/* Valid during the callback. */
struct command_result {
	int error;           /* 0: the controller has answered; or -errno */
	const char *text;    /* for an error */
	struct nvme_cqe cqe; /* as the controller wrote it */
	bool timed_out;      /* and was aborted on that account */
	const void *data;    /* inline data read */
	size_t length;
};

typedef void (*command_done)(void *arg, const struct command_result *result);

#endif
