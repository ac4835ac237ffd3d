/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfnd-bind - the only part of vfnd that has to be run as root: see vfnd-bind(8). */
#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vfn/pci.h>

#include <config.h>

#include "daemon/bind/bind.h"
#include "daemon/config.h"
#include "libvfn/src/support/stdfds.h"

const char *argp_program_version = PACKAGE_STRING;

/* Exit statuses, as in vfnd-bind(8) */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct bind_options {
	const char *file, *action;
	char **addresses;
	int naddresses;
	bool configured, force;
};

static const struct argp_option bind_argp_options[] = {
	{"configured", 'a', NULL, 0, "All PCI devices that the configuration names", 0},
	{"config", 'c', "FILE", 0, "Read FILE instead of " CONFIG_DEFAULT_FILE, 0},
	{"force", 'f', NULL, 0, "Take devices whose disks are in use, too", 0},
	{0},
};

static error_t bind_option(int key, char *arg, struct argp_state *state)
{
	struct bind_options *o = state->input;

	switch (key) {
	case 'a':
		o->configured = true;
		return 0;
	case 'c':
		o->file = arg;
		return 0;
	case 'f':
		o->force = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->action = state->argv[state->next];
		o->addresses = state->argv + state->next + 1;
		o->naddresses = state->argc - state->next - 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp bind_argp = {
	.options = bind_argp_options,
	.parser = bind_option,
	.args_doc = "bind|unbind|status ADDRESS...",
	.doc = "Gives PCI devices to " BIND_DRIVER ", and back to the driver that they had.",
};

static int bind_one(const struct bind_options *o, const char *bdf)
{
	if (strcmp(o->action, "bind") == 0)
		return bind_give(bdf, o->force);
	if (strcmp(o->action, "unbind") == 0)
		return bind_return(bdf);
	return bind_status(bdf);
}

/* The status of all: one that fails does not keep the others from theirs. */
static int bind_each_configured(const struct bind_options *o)
{
	struct config config;
	char error[512];
	int code = EXIT_OK, ret = config_init(&config);

	if (ret == 0 && (o->file || access(CONFIG_DEFAULT_FILE, F_OK) == 0)) {
		ret = config_load(&config, o->file ? o->file : CONFIG_DEFAULT_FILE, error, sizeof(error));
		if (ret < 0)
			fprintf(stderr, "vfnd-bind: %s\n", error);
	}
	for (size_t i = 0; ret == 0 && i < config.ndevices; i++)
		if (pci_is_bdf(config.devices[i].address) && bind_one(o, config.devices[i].address) < 0)
			code = EXIT_FAILED;
	config_free(&config);
	return ret < 0 ? EXIT_USAGE : code;
}

int main(int argc, char **argv)
{
	struct bind_options o = {0};
	int code = EXIT_OK;

	stdfds_occupy();
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&bind_argp, argc, argv, 0, NULL, &o);
	if (!o.action || (strcmp(o.action, "bind") && strcmp(o.action, "unbind") && strcmp(o.action, "status"))) {
		fprintf(stderr, "vfnd-bind: what is to be done? bind, unbind or status\n");
		return EXIT_USAGE;
	}
	if (!o.configured == !o.naddresses) {
		fprintf(stderr, "vfnd-bind: either addresses, like 0000:01:00.0, or --configured\n");
		return EXIT_USAGE;
	}
	for (int i = 0; i < o.naddresses; i++) {
		if (!pci_is_bdf(o.addresses[i])) {
			fprintf(stderr, "vfnd-bind: '%s' is no address of a PCI device, like 0000:01:00.0\n",
				o.addresses[i]);
			return EXIT_USAGE;
		}
	}
	if (strcmp(o.action, "status") != 0 && geteuid() != 0) {
		fprintf(stderr, "vfnd-bind: only root can %s devices: sudo vfnd-bind %s ...\n", o.action,
			o.action);
		return EXIT_FAILED;
	}
	if (o.configured)
		return bind_each_configured(&o);
	for (int i = 0; i < o.naddresses; i++)
		if (bind_one(&o, o.addresses[i]) < 0)
			code = EXIT_FAILED;
	return code;
}
