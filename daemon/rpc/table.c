/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/rpc/rpc.h"

#define ROW(op, member, role, max_fds)                                                             \
	{VFND__REQUEST__OP_##op, #member, rpc_##member, RPC_ROLE_##role, max_fds}

const struct rpc_row rpc_table[] = {
	ROW(HELLO, hello, ANY, 0),
	ROW(LIST, list, MONITOR, 0),
	ROW(OPEN, open, MONITOR, 0),
	ROW(CLOSE, close, MONITOR, 0),
	ROW(DEVICE_INFO, device_info, MONITOR, 0),
	ROW(REGISTER_READ, register_read, MONITOR, 0),
	ROW(CONFIG_READ, config_read, MONITOR, 0),
	ROW(BUFFER_ALLOC, buffer_alloc, IO, 1),
	ROW(BUFFER_ATTACH, buffer_attach, IO, 0),
	ROW(BUFFER_FREE, buffer_free, IO, 0),
	ROW(QUEUE_CREATE, queue_create, IO, 0),
	ROW(QUEUE_DELETE, queue_delete, IO, 0),
	ROW(ADMIN, admin, MONITOR, 0),
	ROW(IO, io, IO, 0),
	ROW(SUBSCRIBE, subscribe, MONITOR, 0),
	ROW(UNSUBSCRIBE, unsubscribe, MONITOR, 0),
	ROW(STATISTICS, statistics, MONITOR, 0),
	ROW(CANCEL, cancel, MONITOR, 0),
	ROW(TRACE_OPEN, trace_open, MONITOR, 0),
	ROW(TRACE_CLOSE, trace_close, MONITOR, 0),
	ROW(TALLY, tally, MONITOR, 0),
	ROW(BAR_READ, bar_read, MONITOR, 0),
	ROW(BAR_WRITE, bar_write, RAW, 0),
	ROW(BAR_MAP, bar_map, RAW, 0),
	ROW(INTERRUPT_CREATE, interrupt_create, IO, 0),
	ROW(INTERRUPT_MASK, interrupt_mask, IO, 0),
	ROW(INTERRUPT_FREE, interrupt_free, IO, 0),
	ROW(CONFIG_WRITE, config_write, RAW, 0),
	ROW(DOORBELL, doorbell, RAW, 0),
	ROW(RAW_COMMAND, raw_command, RAW, 0),
	ROW(RAW_QUEUE, raw_queue, RAW, 0),
	ROW(RESET, reset, ADMIN, 0),
	ROW(CLAIM, claim, ADMIN, 0),
	ROW(RELEASE, release, ADMIN, 0),
	{0},
};
