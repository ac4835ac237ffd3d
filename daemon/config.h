/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config - what vfnd.conf and the command line say
 */
#ifndef VFND_DAEMON_CONFIG_H
#define VFND_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/quota.h"

#define CONFIG_DEFAULT_FILE   "/etc/vfnd/vfnd.conf"
#define CONFIG_DEFAULT_SOCKET "/run/vfnd/vfnd.sock"

/* What serves a device. */
enum config_class {
	CONFIG_CLASS_AUTO, /* as its class code says */
	CONFIG_CLASS_NVME,
	CONFIG_CLASS_PCI,
};

struct device_settings {
	enum config_class class;
	unsigned int queue_pairs; /* to ask of the controller, 1 to 65535 */
	bool poll;	      /* a thread of its own serves the queues */
	unsigned int spin_us; /* that it spins without anything to do */
	int cpu;	      /* that it is pinned to, or -1 */
	bool direct;	      /* clients may have queue pairs to themselves */
	uint64_t session_commands; /* I/O commands a second of one session; 0: no limit */
	uint64_t session_bytes;	   /* and bytes */
	unsigned int coalesce;	   /* completions an interrupt; 0: no coalescing */
	unsigned int coalesce_us;  /* and microseconds that the first of them may wait */
	bool wrr;		 /* the controller arbitrates by queues' classes, if it can, with */
	unsigned int burst;	 /* 2^burst commands of a queue at a time; 7: no limit, and */
	unsigned int weights[3]; /* so many of high, medium and low ones in turn, 1 to 256 */
	bool raw;	      /* sessions may write to its registers and send unchecked commands */
};

struct config_device {
	char *address;
	struct device_settings settings;
};

struct config {
	char *socket;
	char *group; /* of the socket; NULL: left as it is */
	struct config_device *devices;
	size_t ndevices;
	uint64_t limits[QUOTA_KINDS];      /* per user */
	unsigned int session_commands;     /* outstanding commands of one session */
	uint64_t session_send_bytes;       /* waiting to be read by one client */
	unsigned int command_timeout_ms;   /* where a command names none */
	unsigned int abort_timeout_ms;     /* how long an aborted command may take */
	unsigned int shutdown_timeout_ms;  /* how long SIGTERM waits for commands */
};

/* Fill in the defaults. $VFND_SOCKET, where set, names the socket. 0 or -ENOMEM. */
int config_init(struct config *config);
void config_free(struct config *config);

/*
 * Read an INI file over what is there. 0, or -errno with a text in `error` that names file, line
 * and what is wrong; `config` is to be freed then.
 */
int config_load(struct config *config, const char *path, char *error, size_t size);

/* Is it an address of a device, in either form? */
bool config_is_address(const char *s);

/* Add a device by address, once: a second time is not an error. 0, -EINVAL (no such form) or -ENOMEM. */
int config_add_device(struct config *config, const char *address);

/*
 * Take from `fresh` what it says of numbers and devices; `changed` is told of each number that is another one. Socket
 * and group stay. `fresh` has the devices of before.
 */
void config_adopt(struct config *config, struct config *fresh,
		  void (*changed)(const char *section, const char *name, uint64_t before, uint64_t now));

/* Whether it is named, and what is said of it: the defaults, where nothing is. */
bool config_has_device(const struct config *config, const char *address);
const struct device_settings *config_settings(const struct config *config, const char *address);

#endif
