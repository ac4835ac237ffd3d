/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd - the commands: each function carries one out and leaves the result in `cmd`
 */
#ifndef SIM_CMD_H
#define SIM_CMD_H

#include "ctrl.h"

/* `status` with Do Not Retry, and where the fault is: byte and bit in the command. */
static inline void cmd_fail(struct cmd *cmd, uint16_t status, uint16_t byte, uint16_t bit)
{
	cmd->status = status | NVME_SC_DNR;
	cmd->where = byte | bit << 8;
}

/* The NSID that is no namespace's, or none that is active: what the command fails with. */
static inline void cmd_no_ns(const struct ctrl *c, struct cmd *cmd)
{
	bool valid = cmd->sqe.nsid && cmd->sqe.nsid <= c->nns;

	/* NVMe base 2.0, 3.2.1.3 and 3.2.1.5 */
	cmd_fail(cmd, valid ? NVME_SC_INVALID_FIELD : NVME_SC_INVALID_NS, 4, 0);
}

/* Dispatch. False: the command is kept (an event request) and must not be completed now. */
bool admin_exec(struct ctrl *c, struct cmd *cmd);
void io_exec(struct ctrl *c, struct cmd *cmd);

/* Commands Supported and Effects of one opcode; 0: there is no such command. */
uint32_t admin_effects(const struct ctrl *c, uint8_t opcode);
uint32_t io_effects(uint8_t opcode);

/* Moves admin data between `buf` and the command's PRPs; sets cmd->status on failure. */
bool admin_send(struct ctrl *c, struct cmd *cmd, void *buf, size_t len);
bool admin_fetch(struct ctrl *c, struct cmd *cmd, void *buf, size_t len);

void identify_exec(struct ctrl *c, struct cmd *cmd);
void features_set(struct ctrl *c, struct cmd *cmd);
void features_get(struct ctrl *c, struct cmd *cmd);
void log_exec(struct ctrl *c, struct cmd *cmd);

/* What the log of feature identifiers says of one; 0: it is not supported. */
uint32_t features_effects(const struct ctrl *c, uint8_t fid);

/* Security Send and Security Receive. */
void security_send(struct ctrl *c, struct cmd *cmd);
void security_receive(struct ctrl *c, struct cmd *cmd);

/* Values at power-on; with `keep` those that were saved. */
void features_reset(struct ctrl *c, bool keep);
uint32_t features_event_config(const struct ctrl *c);
bool features_write_cache(const struct ctrl *c);
/* Burst and weights. */
uint32_t features_arbitration(const struct ctrl *c);
/* Aggregation Threshold and Time. */
uint32_t features_coalescing(const struct ctrl *c);

/* Notes a failed command in the error log. */
void log_error(struct ctrl *c, const struct cmd *cmd);

/* A namespace has come, gone or changed: its place in the log, and the event where it is wanted. */
void log_ns_changed(struct ctrl *c, uint32_t nsid);

/* An event, whatever the configuration says; it waits for a request and for its type's mask. */
void aer_raise(struct ctrl *c, uint8_t type, uint8_t info, uint8_t lid);
/* Reports what has been raised and can be reported; called between commands. */
void aer_deliver(struct ctrl *c);
/* Sets SMART's critical warning; new bits raise an event where the host wants them. */
void aer_smart(struct ctrl *c, uint8_t bits);
/* The log that tells about an event was read. */
void aer_log_read(struct ctrl *c, uint8_t lid);
/* An event request came; false: kept. */
bool aer_request(struct ctrl *c, struct cmd *cmd);
void aer_reset(struct ctrl *c);

#endif
