/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/kinds.h"

#include <errno.h>
#include <string.h>

static const char *const kinds[] = {"controller", "subsystem", "function", "shutdown", "abrupt", "hot"};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const struct argp_option kinds_options[] = {
	{"kind", 'k', "KIND", 0,
	 "controller, subsystem, function, shutdown, abrupt, or hot (of the PCI bus); the first where not given", 0},
	{0},
};

error_t kinds_parse(struct argp_state *state, const char *arg, enum vfnc_reset_kind *kind)
{
	for (unsigned int i = 0; i < KINDS; i++)
		if (strcmp(arg, kinds[i]) == 0) {
			*kind = (enum vfnc_reset_kind)i;
			return 0;
		}
	argp_error(state, "--kind: '%s' is not controller, subsystem, function, shutdown, abrupt or hot", arg);
	return EINVAL;
}

const char *kinds_name(uint32_t kind)
{
	return kind < KINDS ? kinds[kind] : "unknown";
}
