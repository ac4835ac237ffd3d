/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rpc - requests and their answers
 *
 * rpc_packet() takes a client's packet, finds the request's row in the table, and calls its handler. A handler
 * answers at once, or keeps a ticket and answers later. Handlers know protobuf and call daemon/device;
 * ring entries are not their business. Loop thread only.
 */
#ifndef VFND_DAEMON_RPC_RPC_H
#define VFND_DAEMON_RPC_RPC_H

#include <stdint.h>

#include "daemon/device/device.h"
#include "daemon/device/opening.h"
#include "daemon/session.h"
#include "proto/fdset.h"
#include "proto/vfnd.pb-c.h"

/* What handlers need of the daemon; set once at start. */
struct rpc_host {
	struct devices *devices;
	uint64_t (*sessions)(void);       /* that there are */
	uint64_t (*sessions_total)(void); /* that there ever were */
	uint64_t started_ns;              /* CLOCK_MONOTONIC */
	uint64_t requests, refused;
};

extern struct rpc_host rpc_host;

/* A request that is being handled. */
struct rpc_call {
	struct session *session;
	uint64_t id;
	const Vfnd__Request *request;
	struct fdset *fds;
};

/* A request that will be answered later; holds the session. */
struct rpc_ticket {
	struct session *session;
	uint64_t id;
};

/* 0 when the request was answered, or will be by its ticket; the handler has answered errors itself. */
typedef void (*rpc_handler)(struct rpc_call *call);

/* Who may: roles come with the configuration of users; until then all who may connect have all. */
enum rpc_role {
	RPC_ROLE_ANY,
	RPC_ROLE_MONITOR,
	RPC_ROLE_IO,
	RPC_ROLE_ADMIN,
	RPC_ROLE_RAW,
};

struct rpc_row {
	Vfnd__Request__OpCase op;
	const char *name; /* of the oneof's member */
	rpc_handler handler;
	enum rpc_role role; /* the least that may */
	int max_fds;        /* that may come with it */
};

/* The table; ends with a handler of NULL. */
extern const struct rpc_row rpc_table[];

/* For session_host. */
void rpc_packet(struct session *session, const uint8_t *buf, size_t len, struct fdset *fds);

/* Answers to a call. `code` is negative, `field` names the request's field or is NULL. */
void rpc_answer(struct rpc_call *call, Vfnd__Answer *answer, struct fdset *fds);
void rpc_done(struct rpc_call *call);
void rpc_fail(struct rpc_call *call, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Keep the call for later: a ticket in memory of `size` bytes, zeroed, whose first member is a struct rpc_ticket.
 * NULL when there is no memory, or the session has too much under way: the call was answered then.
 */
void *rpc_defer(struct rpc_call *call, size_t size);

/* Answer the ticket, and free it. */
void rpc_ticket_answer(void *ticket, Vfnd__Answer *answer, struct fdset *fds);
void rpc_ticket_done(void *ticket);
void rpc_ticket_fail(void *ticket, int code, const char *field, const char *text);

/* Look up a handle of the session; NULL when there is none: the call was answered then. */
struct opening *rpc_opening(struct rpc_call *call, uint64_t handle, const char *field);
/* The same, and the device is ready. */
struct opening *rpc_ready(struct rpc_call *call, uint64_t handle, const char *field);
/* The same, but the device may also be disabled. */
struct opening *rpc_present(struct rpc_call *call, uint64_t handle, const char *field);
/* The same, and it is ready, and its configuration has `raw = yes`: what role raw may. */
struct opening *rpc_raw(struct rpc_call *call, uint64_t handle, const char *field);

/* Handlers, by file. */
void rpc_hello(struct rpc_call *call);          /* hello.c */
void rpc_list(struct rpc_call *call);           /* device.c */
void rpc_open(struct rpc_call *call);
void rpc_close(struct rpc_call *call);
void rpc_device_info(struct rpc_call *call);
void rpc_register_read(struct rpc_call *call);  /* register.c */
void rpc_config_read(struct rpc_call *call);
void rpc_buffer_alloc(struct rpc_call *call);   /* buffer.c */
void rpc_buffer_attach(struct rpc_call *call);
void rpc_buffer_free(struct rpc_call *call);
void rpc_queue_create(struct rpc_call *call);   /* queue.c */
void rpc_queue_delete(struct rpc_call *call);
void rpc_admin(struct rpc_call *call);          /* command.c */
void rpc_io(struct rpc_call *call);
void rpc_cancel(struct rpc_call *call);
void rpc_raw_command(struct rpc_call *call);
void rpc_raw_queue(struct rpc_call *call);      /* queue.c */
void rpc_interrupt_create(struct rpc_call *call); /* interrupt.c */
void rpc_interrupt_mask(struct rpc_call *call);
void rpc_interrupt_free(struct rpc_call *call);
void rpc_subscribe(struct rpc_call *call);      /* event.c */
void rpc_unsubscribe(struct rpc_call *call);
void rpc_statistics(struct rpc_call *call);     /* statistics.c */
void rpc_tally(struct rpc_call *call);          /* tally.c */
void rpc_bar_read(struct rpc_call *call);       /* access.c */
void rpc_bar_write(struct rpc_call *call);
void rpc_bar_map(struct rpc_call *call);
void rpc_config_write(struct rpc_call *call);
void rpc_doorbell(struct rpc_call *call);
void rpc_reset(struct rpc_call *call);          /* control.c */
void rpc_disable(struct rpc_call *call);
void rpc_enable(struct rpc_call *call);
void rpc_claim(struct rpc_call *call);
void rpc_trace_open(struct rpc_call *call);     /* trace.c */
void rpc_trace_close(struct rpc_call *call);
void rpc_release(struct rpc_call *call);

/* event.c: how events reach clients, for subscription_set_deliver(). */
struct device_event;
struct subscription;
int rpc_event(struct subscription *sub, const struct device_event *event);
/* For session_host: tell what was lost meanwhile. */
void rpc_events_room(struct session *session);

#endif
