/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>

#include "client/vfnctl/huge.h"

int huge_alloc(struct tool *tool, size_t size, const struct vfnc_buffer_opts *opts, struct vfnc_buffer **buf)
{
	int ret = vfnc_buffer_alloc_with(tool->dev, size, opts, buf);

	if (opts->page_size && (ret == -ENOMEM || ret == -ENOTSUP))
		return report(tool, EXIT_DAEMON, "%s; root can reserve some there, or leave --huge-pages out",
			      vfnc_error(tool->conn));
	return ret < 0 ? report_daemon(tool) : EXIT_OK;
}
