/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <libnvme.h>
#include <stdarg.h>
#include <stdlib.h>

#include "client/vfnctl/vfnctl.h"

int report(const struct tool *tool, int code, const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "vfnctl %s: ", tool->name);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int report_daemon(const struct tool *tool)
{
	return report(tool, EXIT_DAEMON, "%s", vfnc_error(tool->conn));
}

int report_status(const struct vfnc_completion *cpl)
{
	if (cpl->timed_out)
		fprintf(stderr, "the command's time limit passed, it was aborted\n");
	if (vfnc_ok(cpl))
		return EXIT_OK;
	fflush(stdout);
	fprintf(stderr, "NVMe status: %s(%#x)\n", nvme_status_to_string(cpl->status, false),
		cpl->status);
	return EXIT_STATUS;
}

int report_output(const struct tool *tool, int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "vfnctl %s: cannot write to standard output: %m\n", tool->name);
	return code ? code : EXIT_FILE;
}

int report_nsid(struct tool *tool, uint32_t *nsid)
{
	struct vfnc_device_info *info;
	uint32_t n;

	*nsid = tool->nsid;
	if (tool->nsid_given)
		return EXIT_OK;
	if (vfnc_device_info(tool->dev, &info) < 0)
		return report_daemon(tool);
	n = info->n_active;
	if (n == 1)
		*nsid = info->active[0].nsid;
	free(info);
	if (n == 1)
		return EXIT_OK;
	return report(tool, EXIT_USAGE,
		      n ? "the device has %u namespaces: choose one with --namespace-id"
			: "the device has %u active namespaces",
		      n);
}
