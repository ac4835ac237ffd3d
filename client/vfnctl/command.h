/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command - send one NVMe command, with its data, and say how it failed
 *
 * All functions return EXIT_*; what failed has been said. `cpl` may be NULL. Pointers and length of
 * `cmd` are filled in here.
 */
#ifndef VFNCTL_COMMAND_H
#define VFNCTL_COMMAND_H

#include "client/vfnctl/vfnctl.h"

/* Longest part of a log page that is asked for at once, bytes. */
#define COMMAND_LOG_MAX 65536

/* Without data. */
int command_admin(struct tool *tool, const struct vfnc_cmd *cmd, struct vfnc_completion *cpl);

/* Data from the controller; to the controller. */
int command_admin_read(struct tool *tool, struct vfnc_cmd *cmd, void *data, size_t len,
		       struct vfnc_completion *cpl);
int command_admin_write(struct tool *tool, struct vfnc_cmd *cmd, const void *data, size_t len,
			struct vfnc_completion *cpl);

/* Identify, 4096 bytes to `data`. */
int command_identify(struct tool *tool, uint8_t cns, uint32_t nsid, uint16_t cntid, uint8_t csi,
		     void *data);

/* The fields of Get Log Page. */
struct command_log {
	uint32_t nsid;
	uint8_t lid;
	uint8_t lsp;
	uint16_t lsi;
	uint64_t offset;
	uint8_t csi;
	uint8_t uuid;
	bool ot;
	bool rae;
};

/* `len` bytes of a log page, in as many commands as it takes. */
int command_log(struct tool *tool, const struct command_log *log, void *data, size_t len);

/* The first `len` bytes of a log page of the controller. */
int command_log_page(struct tool *tool, uint8_t lid, bool rae, void *data, size_t len);

/* An I/O command on a queue made for it. Its data, if any, is as in vfnc_io(). */
int command_io(struct tool *tool, const struct vfnc_cmd *cmd);

#endif
