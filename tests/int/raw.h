/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw - a client that says what no library would
 */
#ifndef VFND_TESTS_INT_RAW_H
#define VFND_TESTS_INT_RAW_H

#include "proto/fdset.h"
#include "proto/vfnd.pb-c.h"

/* A connected socket; nothing was said yet. */
int raw_connect(void);
/* The same, and hello was answered. */
int raw_hello(void);

/* One packet; true unless the daemon has ended the connection. Waits while the socket is full. */
bool raw_send(int fd, const void *buf, size_t len, const struct fdset *fds);
bool raw_request(int fd, Vfnd__Request *request, const struct fdset *fds);
/* The next message, to be freed with raw_free(); NULL when the daemon has ended the connection. */
Vfnd__Answer *raw_receive(int fd);
void raw_free(Vfnd__Answer *answer);

/* A request and its answer, which has the request's id. */
Vfnd__Answer *raw_call(int fd, Vfnd__Request *request);
/* The request is refused with this errno, and the error names the field (NULL: none is asked for). */
void raw_refused(int fd, Vfnd__Request *request, int code, const char *field);
/* The daemon ends the connection; whatever it says before is dropped. */
void raw_cut_off(int fd);

/* Handles of things made for the session. */
uint64_t raw_open(int fd, const char *address);
uint64_t raw_buffer(int fd, uint64_t device, uint64_t size);
uint64_t raw_queue(int fd, uint64_t device, uint32_t entries);

#endif
