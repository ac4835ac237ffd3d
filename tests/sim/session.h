/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session - one client's connection: messages in, replies out, memory by message
 *
 * A message's header and payload are read apart: only so do file descriptors stay with the message
 * whose first byte they came with. Nothing here waits for the client, but for the answers to DMA
 * messages, which end with the connection after SESSION_PATIENCE.
 */
#ifndef SIM_SESSION_H
#define SIM_SESSION_H

#include "spec.h"

#include <stdbool.h>
#include <sys/queue.h>

#define SESSION_PATIENCE_MS 5000

struct msg {
	TAILQ_ENTRY(msg) link;
	struct vfu_header hdr;
	uint8_t *data; /* hdr.size - 16 bytes, aligned for any structure */
	size_t len;
	int fds[VFU_MAX_FDS];
	unsigned int nfds;
};

struct out {
	TAILQ_ENTRY(out) link;
	size_t len, sent;
	int fd;
	uint8_t data[];
};

TAILQ_HEAD(msg_list, msg);
TAILQ_HEAD(out_list, out);

struct session {
	int fd;
	bool broken; /* to be closed, once what is to be sent has gone */
	bool dead;   /* to be closed now */

	bool versioned;
	bool has_doorbells; /* was given the doorbell page: may store without a sign */
	uint32_t max_data;  /* per DMA message, as the client said */

	struct msg in;
	size_t got; /* of header and payload */
	uint8_t *buf;
	struct msg_list later; /* commands that came while an answer was awaited */
	unsigned int nlater;
	struct out_list out;
	uint16_t next_id;
};

/* Takes `fd`. 0 or -ENOMEM, then the fd is closed. */
int session_open(struct session *s, int fd);
void session_close(struct session *s);

/*
 * The next message: 1 and *m filled (valid until the next call), 0 when there is none yet, negative
 * when the client has gone or the stream makes no sense. fds left in *m are closed by the next
 * call.
 */
int session_next(struct session *s, struct msg **m);

/* True when the client has to read before more of its messages are taken. */
static inline bool session_blocked(const struct session *s)
{
	return !TAILQ_EMPTY(&s->out);
}

/* Sends what waits; the socket takes data again. */
void session_flush(struct session *s);

/* Replies to `m`, unless it wants none: with an errno or 0 and `len` bytes and, if not -1, `fd`. */
void session_reply(struct session *s, const struct msg *m, int err, const void *data, size_t len,
		   int fd);

/* Device reads from, writes to memory that the client keeps (struct dma_remote). */
int session_dma_read(void *session, uint64_t iova, void *buf, size_t len);
int session_dma_write(void *session, uint64_t iova, const void *buf, size_t len);

#endif
