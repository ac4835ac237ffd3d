/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes in doc/protocol.md are what the messages beside them are packed to. */
#include "config.h"

#include "unit.h"

#include <ctype.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"

/* The pairs of digits at the start of the indented lines after "example: NAME". */
static size_t example(const char *name, uint8_t *bytes)
{
	char path[4096], line[256], mark[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/doc/protocol.md", getenv("top_srcdir"));
	snprintf(mark, sizeof(mark), "example: %s ", name);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) && !strstr(line, mark))
		;
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f)); /* an empty line */
	while (fgets(line, sizeof(line), f) && strncmp(line, "    ", 4) == 0)
		for (char *p = line + 4; isxdigit((unsigned char)p[0]) &&
					 isxdigit((unsigned char)p[1]) && p[2] == ' ';
		     p += 3)
			bytes[n++] = (uint8_t)strtoul(p, NULL, 16);
	fclose(f);
	return n;
}

START_TEST(test_request)
{
	Vfnd__CommandRequest cmd = VFND__COMMAND_REQUEST__INIT;
	Vfnd__Request req = VFND__REQUEST__INIT;
	uint8_t bytes[256], packed[256];
	size_t n = example("request", bytes);

	cmd.device = 1;
	cmd.opcode = 6;
	cmd.cdw10 = 1;
	cmd.length = 4096;
	req.id = 5;
	req.op_case = VFND__REQUEST__OP_ADMIN;
	req.admin = &cmd;
	ck_assert_uint_eq(n, 14);
	ck_assert_int_eq(frame_pack(&req.base, packed, sizeof(packed)), (ssize_t)n);
	ck_assert_mem_eq(bytes, packed, n);
}
END_TEST

START_TEST(test_answer)
{
	Vfnd__BufferAllocAnswer alloc = VFND__BUFFER_ALLOC_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	uint8_t bytes[256], packed[256];
	size_t n = example("answer", bytes);

	alloc.buffer = 2;
	alloc.size = 4096;
	alloc.iova = 0x50000;
	answer.id = 6;
	answer.body_case = VFND__ANSWER__BODY_BUFFER_ALLOC;
	answer.buffer_alloc = &alloc;
	ck_assert_int_eq(frame_pack(&answer.base, packed, sizeof(packed)), (ssize_t)n);
	ck_assert_mem_eq(bytes, packed, n);
}
END_TEST

/* Each request and each answer of the protocol is in the text. */
START_TEST(test_complete)
{
	const ProtobufCMessageDescriptor *d[] = {&vfnd__request__descriptor,
						 &vfnd__answer__descriptor,
						 &vfnd__event__descriptor};
	char path[4096], quoted[64], *text = calloc(1, 1 << 20);
	FILE *f;

	snprintf(path, sizeof(path), "%s/doc/protocol.md", getenv("top_srcdir"));
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 1000);
	fclose(f);
	for (size_t i = 0; i < sizeof(d) / sizeof(d[0]); i++)
		for (unsigned int j = 0; j < d[i]->n_fields; j++) {
			snprintf(quoted, sizeof(quoted), "`%s`", d[i]->fields[j].name);
			ck_assert_msg(strstr(text, quoted), "%s is not in doc/protocol.md", quoted);
		}
	free(text);
}
END_TEST

UNIT_MAIN("protocol-doc", {
	tcase_add_test(tc, test_request);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_complete);
})
