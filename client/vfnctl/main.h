/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main - what main.c calls before there is a command to run */
#ifndef VFNCTL_MAIN_H
#define VFNCTL_MAIN_H

#include "client/vfnctl/vfnctl.h"

/* Becomes `ssh HOST vfnctl ARGUMENT...`. Returns only if it cannot: EXIT_*. */
int host_run(const char *host, char **argv);

/* `vfnctl help` and what stands behind it (argv[0] is the first of that). EXIT_*. */
int help_run(int argc, char **argv);

/* The list of commands. */
void help_print(FILE *out);

/* That there is no such command. EXIT_USAGE. */
int help_unknown(const char *name);

#endif
