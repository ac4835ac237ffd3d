/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vfio-user-msg - the messages of vfio-user, and calls: a command and its reply
 *
 * Everything is in the processor's byte order, as the protocol has it.
 */
#ifndef VFN_SRC_VFIO_USER_MSG_H
#define VFN_SRC_VFIO_USER_MSG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vfio/vfio-user-socket.h"

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DMA_READ = 11,  /* from the server */
	VFIO_USER_DMA_WRITE = 12, /* from the server */
	VFIO_USER_DEVICE_RESET = 13,
};

#define VFIO_USER_TYPE_MASK	0xfu
#define VFIO_USER_TYPE_COMMAND	0x0u
#define VFIO_USER_TYPE_REPLY	0x1u
#define VFIO_USER_FLAG_NO_REPLY 0x10u
#define VFIO_USER_FLAG_ERROR	0x20u
#define VFIO_USER_MAX_DATA	0x100000u /* data in a message unless a smaller limit was agreed */
#define VFIO_USER_MAX_SIZE	(VFIO_USER_MAX_DATA + 32u)

struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* header included */
	uint32_t flags;
	uint32_t error;
};

struct vfio_user_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, address, size;
};

struct vfio_user_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};

struct vfio_user_region_io {
	uint64_t offset;
	uint32_t region, count;
};

/* What the server's own commands begin with. */
struct vfio_user_dma_io {
	uint64_t address, count;
};

struct iommu_ctx;

struct vfio_user_conn {
	int fd;
	const char *name;	   /* for texts; the owner's */
	pthread_mutex_t call_lock; /* one command waits for its reply at a time */
	pthread_mutex_t send_lock; /* messages go out whole; may be taken under call_lock */
	uint16_t call_id;	   /* under call_lock */
	uint16_t post_id;	   /* under send_lock */
	bool dead;		   /* atomic */
	pthread_mutex_t dead_lock; /* guards `why` */
	char why[200];
	int call_timeout_ms, long_timeout_ms;

	struct iommu_ctx *ctx;	       /* the memory that the server may ask for; the owner's */
	pthread_mutex_t listener_lock; /* guards what follows; taken last */
	pthread_t listener;	       /* serves the server while nobody calls */
	bool listening;
	int listener_wake; /* an eventfd that ends it */
};

/* Time limits of new connections; changed by tests only. */
extern int vfio_user_call_timeout_ms, vfio_user_long_timeout_ms;

/* A command. Pointers may be NULL where the length is 0. */
struct vfio_user_call {
	enum vfio_user_command command;
	const void *out, *out_data; /* sent one after the other */
	size_t out_len, out_data_len;
	const int *fds;
	int nfds;
	void *in, *in_data; /* for the reply, filled one after the other */
	size_t in_len;	    /* the reply must have all of this */
	size_t in_data_len; /* it may have up to this */
	size_t in_data_got; /* out: bytes in in_data */
	bool trim;	    /* what goes beyond that is dropped, not an error */
	int *in_fds;	    /* for descriptors that come along, the caller's then */
	int in_fds_max;	    /* more are closed */
	int in_nfds;	    /* out */
	bool is_long;	    /* the longer time limit */
};

/* `fd` belongs to the connection then. */
void vfio_user_conn_init(struct vfio_user_conn *conn, int fd, const char *name);

/* Close the descriptor unless `keep`. */
void vfio_user_conn_close(struct vfio_user_conn *conn, bool keep);

/*
 * Send a command and wait for its reply. 0, or -1: the errno that the server answered; or
 * ETIMEDOUT, EPROTO, ENODEV, and then the connection is dead, and every later call fails with
 * ENODEV at once.
 */
int vfio_user_call(struct vfio_user_conn *conn, struct vfio_user_call *call);

/*
 * Send a command that wants no reply, whatever call is under way. Replies that come nevertheless
 * are taken out of the way. 0, or -1 as above.
 */
int vfio_user_post(struct vfio_user_conn *conn, enum vfio_user_command command, const void *out,
		   size_t len);

/*
 * Read what the server has sent while nobody called. 0, or -1 and the connection is dead. May
 * wait for the rest of a message that has begun.
 */
int vfio_user_listen(struct vfio_user_conn *conn);

/*
 * Answer the command `asked` of the server, `len` bytes of which are still to be read. Under
 * call_lock. 0, or -1 and the connection is dead.
 */
int vfio_user_serve(struct vfio_user_conn *conn, const struct vfio_user_header *asked, size_t len,
		    int64_t deadline);

/*
 * Have a thread serve the server from now on. Does nothing when there is one. 0, or -1 with the
 * errno of eventfd(2) or pthread_create(3).
 */
int vfio_user_listener_start(struct vfio_user_conn *conn);
void vfio_user_listener_stop(struct vfio_user_conn *conn);

/* For the above: as vfio_user_send() and vfio_user_recv(), and a failure ends the connection. */
int vfio_user_conn_send(struct vfio_user_conn *conn, struct iovec *iov, int niov, const int *fds,
			int nfds, int64_t deadline);
int vfio_user_conn_recv(struct vfio_user_conn *conn, void *buf, size_t len, int64_t deadline);
int vfio_user_conn_skip(struct vfio_user_conn *conn, size_t len, int64_t deadline);

/* True when the connection failed. */
bool vfio_user_dead(const struct vfio_user_conn *conn);

/* Fail with `err` for the reason given, and let the connection be dead. Returns -1. */
int vfio_user_kill(struct vfio_user_conn *conn, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
