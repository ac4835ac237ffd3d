/* SPDX-License-Identifier: GPL-2.0-or-later */
/* caps: what configuration space says that a device can do; interrupts: its vectors, as they come. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/caps.h"
#include "client/vfnctl/fields.h"
#include "client/vfnctl/print.h"

static int run_caps(struct tool *tool, void *settings)
{
	static uint8_t space[4096];
	struct vfnc_capability *caps;
	int size = vfnc_config_read(tool->dev, 0, space, sizeof(space)), n;

	if (size < 0)
		return report_daemon(tool);
	n = cl_caps_find(space, (unsigned int)size, &caps);
	if (n < 0)
		return report(tool, EXIT_FILE, "no memory");
	print_caps(stdout, space, (size_t)size, caps, (unsigned int)n, tool->format);
	free(caps);
	return EXIT_OK;
}

const struct command cmd_caps = {
	.name = "caps",
	.summary = "capabilities of PCI configuration space",
	.doc = "Show the capabilities in PCI configuration space, standard and extended ones, with their main fields.",
	.groups = OPT_DEVICE | OPT_FORMAT,
	.run = run_caps,
};

struct settings {
	uint64_t count; /* 0: without end */
	int timeout_ms;
	uint32_t vector;
	bool timeout_ms_given;
};

static const struct value values[] = {
	NUMBER(struct settings, vector, 'v', "vector", UINT32_MAX, "the vector, from 0 on"),
	NUMBER(struct settings, count, 'c', "count", UINT64_MAX, "end after so many; without end where not given"),
	OPTIONAL(struct settings, timeout_ms, 't', "timeout", INT32_MAX, "end when none came for so many milliseconds"),
	VALUES_END,
};

static void print_interrupt(const struct tool *tool, const struct vfnc_interrupt *irq, uint64_t n, uint64_t total)
{
	static const char *const kinds[] = {"INTx", "MSI", "MSI-X"};
	const char *kind = irq->kind <= VFNC_INTERRUPT_MSIX ? kinds[irq->kind] : "unknown";

	if (tool->format == FORMAT_JSON)
		printf("{\"vector\":%u,\"kind\":\"%s\",\"count\":%" PRIu64 ",\"total\":%" PRIu64 "}\n", irq->vector,
		       kind, n, total);
	else
		printf("%s vector %u: %" PRIu64 ", %" PRIu64 " in all\n", kind, irq->vector, n, total);
	fflush(stdout);
}

static int run_interrupts(struct tool *tool, void *settings)
{
	struct settings *s = settings;
	struct vfnc_interrupt *irq;
	uint64_t total = 0, n;
	int ret;

	if (vfnc_interrupt_create(tool->dev, s->vector, &irq) < 0)
		return report_daemon(tool);
	while (!s->count || total < s->count) {
		ret = vfnc_interrupt_wait(irq, s->timeout_ms_given ? s->timeout_ms : -1, &n);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return report(tool, EXIT_FILE, "poll: %s", strerror(-ret));
		if (ret == 0)
			break;
		total += n;
		print_interrupt(tool, irq, n, total);
		if (ferror(stdout))
			return EXIT_OK; /* which is reported behind here */
		if (irq->automasked && vfnc_interrupt_mask(irq, false, NULL) < 0)
			return report_daemon(tool);
	}
	if (total < s->count)
		return report(tool, EXIT_DAEMON, "%" PRIu64 " of %" PRIu64 " interrupts came in time", total, s->count);
	return EXIT_OK;
}

const struct command cmd_interrupts = {
	.name = "interrupts",
	.summary = "interrupts of a device of class pci",
	.doc = "Take an interrupt vector of a device of class pci and show its interrupts as they come.",
	.groups = OPT_DEVICE | OPT_FORMAT,
	.values = values,
	.settings_size = sizeof(struct settings),
	.run = run_interrupts,
};
