/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake-server - a vfio-user server in a thread, that misbehaves on request
 *
 * It serves one PCI device: configuration space, a BAR0 of 16 KiB whose second page can be mapped,
 * 8 MSI-X vectors, an error interrupt. It keeps what it was told, for the test to look at.
 */
#ifndef VFND_TESTS_FAKE_SERVER_H
#define VFND_TESTS_FAKE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum fake_fault {
	FAKE_NONE,
	FAKE_HANG_UP, /* close instead of answering */
	FAKE_HALF,    /* half a header, then close */
	FAKE_SILENT,  /* no answer */
	FAKE_GARBAGE, /* 64 bytes of 0xa5 */
	FAKE_TINY,    /* a size below the header's */
	FAKE_HUGE,    /* a size beyond every limit */
	FAKE_WRONG_ID,
	FAKE_WRONG_COMMAND,
	FAKE_SHORT,	 /* less payload than there must be */
	FAKE_LONG,	 /* more than there may be */
	FAKE_ERROR,	 /* error flag with errno fake->err */
	FAKE_FDS,	 /* three descriptors that nobody wants */
	FAKE_ASKS,	 /* a command of its own first */
	FAKE_WRONG_ECHO, /* another offset, region, than was asked for */
	FAKE_SLOW,	 /* answers after 300 ms */
};

#define FAKE_BAR0     0x4000u
#define FAKE_VECTORS  8u
#define FAKE_MAX_MAPS 64

struct fake_map {
	uint64_t iova, size, offset;
	uint32_t flags;
	int fd; /* -1: none came */
};

struct fake {
	char dir[64], path[80], name[96]; /* name: as vfio_pci_open() wants it */
	int listener;
	_Atomic int client;
	pthread_t thread;
	const char *json; /* answered to the version; NULL: none */
	uint16_t minor;

	/* The next `command` (0: none) meets `fault`, once. */
	int command;
	enum fake_fault fault;
	uint32_t err;

	pthread_mutex_t lock;
	pthread_cond_t cond;
	int memfd; /* of the doorbell page */
	uint8_t config[4096];
	uint8_t bar0[FAKE_BAR0];
	struct fake_map maps[FAKE_MAX_MAPS];
	int nmaps;
	int irq[5][FAKE_VECTORS]; /* eventfds, or -1 */
	int irq_sets, irq_disables, resets, reads, writes, posts, clients, refused;
	int answers; /* to fake_ask() */
	uint16_t answer_id;
	uint32_t answer_size, answer_flags, answer_error;
	uint8_t answer[0x100040]; /* its payload */
	uint32_t most_fds;	  /* in one message */
	uint32_t largest;	  /* data in one region access */
	uint32_t widths;	  /* the sizes of the BAR0 accesses so far, as bits */
};

/* Send a command of the server's own, and wait for the answer, which is in *fake then. */
void fake_ask(struct fake *fake, uint16_t command, uint32_t flags, const void *payload, size_t len);

/* Start it; ends the test if that fails. */
struct fake *fake_start(void);

/* Wait for it to end, and free it with all that it was given. */
void fake_stop(struct fake *fake);

/* The next `command` meets `fault`. */
void fake_set_fault(struct fake *fake, int command, enum fake_fault fault, uint32_t err);

/* Wait until *counter, one of the fake's, is at least `n`; ends the test after 5 s. */
void fake_wait(struct fake *fake, const int *counter, int n);

#endif
