/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake - a daemon that speaks the protocol over a socket and has no device
 *
 * It behaves well unless a test's hook takes a request: then the hook answers as badly as it likes.
 * It has one device "fake0" with a namespace of FAKE_BLOCKS blocks of 512 bytes kept in memory.
 */
#ifndef VFND_TESTS_FAKE_H
#define VFND_TESTS_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/fdset.h"
#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"

#define FAKE_BLOCKS      2048
#define FAKE_BUFFERS     32
#define FAKE_OUTSTANDING 8
#define FAKE_INLINE      16384
#define FAKE_ADDRESS     "fake0"

struct fake {
	int sock;
	pthread_t thread;
	/* returns true when it has taken the request */
	bool (*hook)(struct fake *f, const Vfnd__Request *req);
	uint64_t last_handle;
	uint64_t subscription; /* the last one */
	uint64_t sequence;
	int count[128]; /* requests seen, by op_case; read it after fake_stop() or an answer */
	struct {
		uint64_t handle;
		uint8_t *mem;
		size_t size;
	} buffers[FAKE_BUFFERS];
	uint64_t held[4]; /* for hooks */
	int n_held;
};

/* Starts the daemon's thread. Returns the client's end of the socket. */
int fake_start(struct fake *f, bool (*hook)(struct fake *f, const Vfnd__Request *req));

/* Waits until the client has closed its end. */
void fake_stop(struct fake *f);

/* Serves `sock` until it ends, in the calling thread. */
void fake_serve(struct fake *f, int sock);

void fake_send(struct fake *f, const Vfnd__Answer *answer, const struct fdset *fds);
void fake_send_raw(struct fake *f, const void *data, size_t len);
void fake_done(struct fake *f, uint64_t id);
void fake_error(struct fake *f, uint64_t id, int code, const char *text, const char *field);
void fake_completion(struct fake *f, uint64_t id, uint32_t dw0, uint16_t status);

/* A SMART event on the last subscription, with its log page. */
void fake_event(struct fake *f);
void fake_gone(struct fake *f, const char *reason);
/* So many events before this one were not sent. */
void fake_gap(struct fake *f, uint64_t lost);

/* An answer with a buffer: `size` is told, `fd` sent (none where negative). */
void fake_buffer(struct fake *f, uint64_t id, uint64_t size, int fd);

/* A memfd with these seals. */
int fake_memfd(size_t size, int seals);

/* Answers as a good daemon does. */
void fake_answer(struct fake *f, const Vfnd__Request *req);

#endif
