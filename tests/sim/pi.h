/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pi - end-to-end protection: eight bytes of a block's metadata with a guard and two tags (NVM
 * command set 1.0, 5.2)
 *
 * The medium holds them inverted, so that blocks of zeroes, which have never been written or were
 * deallocated, have all ones, with which nothing is checked.
 */
#ifndef SIM_PI_H
#define SIM_PI_H

#include "io.h"

#define PI_SIZE 8u

/* False: what the command says of protection cannot be, and it has failed. */
bool pi_allowed(struct cmd *cmd, const struct io *io);

/* Whether a command's PI is made and taken away here, and not transferred (PRACT). */
static inline bool pi_is_stripped(const struct cmd *cmd, const struct ns *ns)
{
	return ns->format.pi && ns->format.metadata == PI_SIZE && (cmd->sqe.cdw12 & IO_PRACT);
}

/* The commands on a namespace with PI, of blocks whose places are known; they leave a status. */
void pi_read(struct ctrl *c, struct cmd *cmd, const struct io *io);
void pi_write(struct ctrl *c, struct cmd *cmd, const struct io *io);
void pi_compare(struct ctrl *c, struct cmd *cmd, const struct io *io);
void pi_verify(struct ctrl *c, struct cmd *cmd, const struct io *io);
/* Only the PI; the rest of the blocks is zeroes already. */
void pi_write_zeroes(struct ctrl *c, struct cmd *cmd, const struct io *io);

#endif
