/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "cmd.h"

#include <string.h>

#define AT_CDW10 40
#define AT_CDW11 44

/* Security protocol information (SPC-4, 7.7.1), which is protocol 00h. */
enum {
	SECURITY_PROTOCOLS,
	SECURITY_CERTIFICATE,
};

/* The only protocol is that which lists the protocols. */
void security_receive(struct ctrl *c, struct cmd *cmd)
{
	unsigned int protocol = cmd->sqe.cdw10 >> 24, specific = cmd->sqe.cdw10 >> 8 & 0xffff;
	uint32_t room = cmd->sqe.cdw11;
	size_t len;

	if (protocol || specific > SECURITY_CERTIFICATE) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10 + (protocol ? 3 : 1), 0);
		return;
	}
	if (room > ctrl_mdts(c)) {
		cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW11, 0);
		return;
	}
	memset(c->bounce, 0, 16);
	len = 4; /* no certificate */
	if (specific == SECURITY_PROTOCOLS) {
		c->bounce[7] = 1; /* the length of the list, most significant byte first */
		len = 9;	  /* with one entry: 00h */
	}
	(void)admin_send(c, cmd, c->bounce, len < room ? len : room);
}

/* Protocol 00h takes nothing, and others are not there. */
void security_send(struct ctrl *c, struct cmd *cmd)
{
	cmd_fail(cmd, NVME_SC_INVALID_FIELD, AT_CDW10 + 3, 0);
}
