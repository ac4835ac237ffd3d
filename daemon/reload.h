/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reload - apply a configuration that was read while the daemon runs. Loop thread only.
 */
#ifndef VFND_DAEMON_RELOAD_H
#define VFND_DAEMON_RELOAD_H

struct config;
struct devices;

/*
 * Make `config`, which devices and sessions look at, say what `fresh` says, and act on it: devices that are named
 * no more are retired, changed settings of others are applied, or reported where they cannot be. To claim those that
 * are named for the first time is the caller's. What is in `fresh` then is to be freed.
 */
void reload_apply(struct config *config, struct config *fresh, struct devices *devices);

#endif
