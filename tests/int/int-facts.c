/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * int-facts SOCKET FOLDER - asks a software controller by a client that shares nothing with libvfn, and
 * notes what it says as the kernel's driver would tell it: one value a file (tests/vm/snapshot.py).
 */
#include "tests/sim/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *facts_folder;

static FILE *facts_file(const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", facts_folder, name);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

static void facts_number(const char *name, const char *format, unsigned long long value)
{
	FILE *f = facts_file(name);

	/* The formats are those of the calls below. */
	if (strcmp(format, "x16") == 0)
		fprintf(f, "0x%016llx\n", value);
	else if (strcmp(format, "x8") == 0)
		fprintf(f, "0x%08llx\n", value);
	else if (strcmp(format, "x4") == 0)
		fprintf(f, "0x%04llx\n", value);
	else
		fprintf(f, "%llu\n", value);
	fclose(f);
}

static void facts_text(const char *name, const uint8_t *text, size_t len)
{
	FILE *f = facts_file(name);

	while (len > 0 && text[len - 1] == ' ')
		len--;
	fprintf(f, "%.*s\n", (int)len, (const char *)text);
	fclose(f);
}

static void facts_config(struct cl *c)
{
	FILE *f = facts_file("config");
	uint8_t config[256];

	ck_assert_int_eq(cl_read_try(c, 7, 0, config, sizeof(config)), 0);
	for (size_t i = 0; i < sizeof(config); i++)
		fprintf(f, "%02x%c", config[i], i % 16 == 15 ? '\n' : ' ');
	fclose(f);
	facts_number("vendor", "x4", (unsigned int)(config[0] | config[1] << 8));
	facts_number("device", "x4", (unsigned int)(config[2] | config[3] << 8));
}

static void facts_namespace(struct cl *c, uint8_t *data, uint32_t nsid)
{
	struct tsqe e = {.opcode = 6, .nsid = nsid, .prp1 = cl_iova(c, data)};
	uint64_t blocks;
	char name[64];

	ck_assert_uint_eq(cl_exec(c, 0, e, NULL), 0);
	memcpy(&blocks, data, sizeof(blocks));
	snprintf(name, sizeof(name), "ns%u_blocks", nsid);
	facts_number(name, "u", blocks);
	snprintf(name, sizeof(name), "ns%u_block_size", nsid);
	/* LBAF of FLBAS, LBADS */
	facts_number(name, "u", 1ull << data[128 + 4 * (data[26] & 0xf) + 2]);
}

static const char *facts_socket;

/* The client's checks work in a test only. */
START_TEST(facts_note)
{
	struct tsqe identify = {.opcode = 6, .cdw10 = 1};
	struct srv srv = {0};
	uint8_t *data;
	uint32_t nn;
	struct cl c;

	strcpy(srv.socket, facts_socket);
	cl_up(&c, &srv, RING_MESSAGE, 32);
	facts_number("cap", "x16", cl_reg64(&c, 0));
	facts_number("vs", "x8", cl_reg32(&c, 8));
	facts_config(&c);
	data = cl_alloc(&c, 4096);
	identify.prp1 = cl_iova(&c, data);
	ck_assert_uint_eq(cl_exec(&c, 0, identify, NULL), 0);
	facts_text("serial", data + 4, 20);
	facts_text("model", data + 24, 40);
	facts_text("firmware_rev", data + 64, 8);
	facts_number("cntlid", "u", (unsigned int)(data[78] | data[79] << 8));
	memcpy(&nn, data + 516, sizeof(nn));
	facts_number("namespaces", "u", nn);
	for (uint32_t nsid = 1; nsid <= nn; nsid++)
		facts_namespace(&c, data, nsid);
	cl_close(&c);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("facts");
	TCase *tc = tcase_create("facts");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (argc != 3 || strlen(argv[1]) >= sizeof(((struct srv *)NULL)->socket)) {
		fprintf(stderr, "usage: int-facts SOCKET FOLDER\n");
		return 2;
	}
	facts_socket = argv[1];
	facts_folder = argv[2];
	tcase_add_test(tc, facts_note);
	suite_add_tcase(suite, tc);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_MINIMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
