/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each request of the protocol has one row in the daemon's table, and the table nothing else. */
#include "unit.h"

#include <string.h>

#include "daemon/rpc/rpc.h"

static const ProtobufCMessageDescriptor *const request = &vfnd__request__descriptor;

static bool is_op(const ProtobufCFieldDescriptor *field)
{
	return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

START_TEST(test_every_request_has_a_row)
{
	unsigned int ops = 0;

	for (unsigned int i = 0; i < request->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &request->fields[i];
		int rows = 0;

		if (!is_op(field))
			continue;
		ops++;
		for (const struct rpc_row *row = rpc_table; row->handler; row++) {
			if (row->op != field->id)
				continue;
			rows++;
			ck_assert_str_eq(row->name, field->name);
		}
		ck_assert_msg(rows == 1, "request '%s' has %d rows in rpc_table", field->name, rows);
	}
	/* hello to statistics: should the oneof be split, this test looks at the wrong thing. */
	ck_assert_uint_ge(ops, 16);
}
END_TEST

START_TEST(test_every_row_is_a_request)
{
	for (const struct rpc_row *row = rpc_table; row->handler; row++) {
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field(request, row->op);

		ck_assert_msg(field && is_op(field), "row '%s' is no request", row->name);
		ck_assert_int_ge(row->max_fds, 0);
		ck_assert_int_le(row->max_fds, FDSET_MAX);
	}
}
END_TEST

/* A handler that two rows share was most likely copied by mistake. */
START_TEST(test_every_handler_is_used_once)
{
	for (const struct rpc_row *row = rpc_table; row->handler; row++)
		for (const struct rpc_row *other = row + 1; other->handler; other++)
			ck_assert_msg(row->handler != other->handler, "%s and %s are handled alike",
				      row->name, other->name);
}
END_TEST

/* Who has not said hello has no role: nothing else may be open to anybody. */
START_TEST(test_only_hello_is_for_anybody)
{
	for (const struct rpc_row *row = rpc_table; row->handler; row++)
		ck_assert_int_eq(row->role == RPC_ROLE_ANY, row->op == VFND__REQUEST__OP_HELLO);
}
END_TEST

UNIT_MAIN("table", tcase_add_test(tc, test_every_request_has_a_row);
	  tcase_add_test(tc, test_every_row_is_a_request);
	  tcase_add_test(tc, test_every_handler_is_used_once);
	  tcase_add_test(tc, test_only_hello_is_for_anybody))
