/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/reload.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/device/class.h"
#include "daemon/device/device.h"
#include "daemon/journal.h"
#include "daemon/server.h"

static void reload_number(const char *section, const char *name, uint64_t before, uint64_t now)
{
	journal_info(NULL, 0, "reload: [%s] %s was %" PRIu64 " and is %" PRIu64, section, name, before, now);
}

static bool reload_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* The socket is there, and known to clients. One that systemd has passed follows its unit anyway. */
static void reload_socket(const struct config *config, const struct config *fresh)
{
	if (server_activated())
		return;
	if (!reload_same(config->socket, fresh->socket))
		journal_warn(NULL, 0, "reload: [daemon] socket takes effect when the daemon is restarted");
	if (!reload_same(config->group, fresh->group))
		journal_warn(NULL, 0, "reload: [daemon] group takes effect when the daemon is restarted");
}

/* Sessions that have the device open keep the limits that they have. */
static void reload_limit(const struct device *dev, const char *what, uint64_t *was, uint64_t now)
{
	if (*was == now)
		return;
	*was = now;
	journal_info(dev->address, 0, "reload: session-%s-per-second is %" PRIu64 " for those who open it from now on",
		     what, now);
}

static void reload_device(struct device *dev, const struct device_settings *now)
{
	const struct device_settings *was = &dev->settings;
	char late[128]; /* all of the names below */

	if (dev->retiring || dev->state == DEVICE_FAILED)
		return; /* it gets them with its next claim */
	if (was->spin_us != now->spin_us && dev->class->retune(dev, now) == 0) {
		dev->settings.spin_us = now->spin_us;
		journal_info(dev->address, 0, "reload: poll-spin-us is %u", now->spin_us);
	}
	if (was->direct != now->direct) {
		dev->settings.direct = now->direct;
		journal_info(dev->address, 0, "reload: direct is %s", now->direct ? "yes" : "no");
	}
	if (was->raw != now->raw) {
		dev->settings.raw = now->raw;
		journal_info(dev->address, 0, "reload: raw is %s", now->raw ? "yes" : "no");
	}
	reload_limit(dev, "commands", &dev->settings.session_commands, now->session_commands);
	reload_limit(dev, "bytes", &dev->settings.session_bytes, now->session_bytes);
	snprintf(late, sizeof(late), "%s%s%s%s%s%s%s",
		 was->class != now->class ? " class" : "",
		 was->queue_pairs != now->queue_pairs ? " queue-pairs" : "",
		 was->poll != now->poll ? " serve" : "",
		 was->spin_us != now->spin_us ? " poll-spin-us" : "",
		 was->cpu != now->cpu ? " poll-cpu" : "",
		 was->coalesce != now->coalesce || was->coalesce_us != now->coalesce_us ? " interrupt-coalescing"
											: "",
		 was->wrr != now->wrr || was->burst != now->burst ||
				 memcmp(was->weights, now->weights, sizeof(was->weights))
			 ? " arbitration"
			 : "");
	if (*late)
		journal_warn(dev->address, 0,
			     "reload: what has changed takes effect when the device is claimed anew:%s", late);
}

void reload_apply(struct config *config, struct config *fresh, struct devices *devices)
{
	struct device *dev;

	reload_socket(config, fresh);
	config_adopt(config, fresh, reload_number);
	/* From here on `fresh` has the devices that were named before. */
	TAILQ_FOREACH (dev, &devices->list, link) {
		if (config_has_device(config, dev->address))
			reload_device(dev, config_settings(config, dev->address));
		else if (config_has_device(fresh, dev->address))
			device_retire(dev, "the configuration names it no more", NULL, NULL);
	}
}
