/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfn-perf's command line, and what it makes of results. */
#include "unit.h"

#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/bench/perf.h"

static int parse(struct perf_options *opts, const char *line)
{
	static char text[512];
	char name[] = "vfn-perf", *argv[32] = {name}, *save = NULL;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save))
		argv[argc++] = s;
	optind = 1;
	return perf_parse(opts, argc, argv);
}

static void depths(const char *text, unsigned int n, const unsigned int *want)
{
	struct perf_options opts;

	ck_assert(perf_parse_depths(&opts, text));
	ck_assert_uint_eq(opts.ndepths, n);
	ck_assert(!memcmp(opts.depths, want, n * sizeof(*want)));
}

START_TEST(test_depths)
{
	static const char *const bad[] = {
		"",
		"0",
		"1025",
		"1-",
		"-3",
		"8-4",
		"1,,2",
		"1,",
		"x",
		"4-1x",
		"1-1025",
		("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
		 "23,24,25,26,27,28,29,30,31,32,33")};
	struct perf_options opts;

	depths("7", 1, (unsigned int[]){7});
	depths("1,4,1024", 3, (unsigned int[]){1, 4, 1024});
	depths("1-128", 8, (unsigned int[]){1, 2, 4, 8, 16, 32, 64, 128});
	depths("3-20,5", 5, (unsigned int[]){3, 6, 12, 20, 5});
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!perf_parse_depths(&opts, bad[i]), "'%s'", bad[i]);
}
END_TEST

START_TEST(test_core)
{
	static const char *const bad[] = {"", "0", "3", "0x6", "[]", "[", "[1", "[1,2]", "g", "-1"};

	ck_assert_int_eq(perf_parse_core("1"), 0);
	ck_assert_int_eq(perf_parse_core("0x2"), 1);
	ck_assert_int_eq(perf_parse_core("10"), 4);
	ck_assert_int_eq(perf_parse_core("0x8000000000000000"), 63);
	ck_assert_int_eq(perf_parse_core("[0]"), 0);
	ck_assert_int_eq(perf_parse_core("[100]"), 100);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(perf_parse_core(bad[i]) == -1, "'%s'", bad[i]);
}
END_TEST

START_TEST(test_device)
{
	static const char *const names[][2] = {
		{"0000:01:00.0", "0000:01:00.0"},
		{"vfio-user:/tmp/s", "vfio-user:/tmp/s"},
		{"trtype:PCIe traddr:0000:01:00.0", "0000:01:00.0"},
		{"trtype:PCIe traddr:0001:01:00.0 ns:1", "0001:01:00.0"},
		{"traddr:02:1f.3 trtype:pcie", "0000:02:1f.3"},
		{"traddr:vfio-user:/tmp/s", "vfio-user:/tmp/s"},
		{"trtype:VFIOUSER traddr:/nowhere/s", "vfio-user:/nowhere/s"},
		{"trtype:VFIOUSER traddr:/tmp", "vfio-user:/tmp/cntrl"},
	};
	static const char *const bad[] = {"", "trtype:PCIe traddr:", "trtype:TCP traddr:127.0.0.1"};
	struct perf_options opts;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert(perf_parse_device(&opts, names[i][0]));
		ck_assert_str_eq(opts.device, names[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!perf_parse_device(&opts, bad[i]), "'%s'", bad[i]);
}
END_TEST

START_TEST(test_options)
{
	static const char *const bad[] = {
		"-r x -q 0",   "-r x -o 0",   "-r x -o 5G",  "-r x -w wild",
		"-r x -w ran", "-r x -M 101", "-r x -t 0",   "-r x -t x",
		"-r x -a -1",  "-r x -c 3",   "-r x -n 0",   "-r x -d 0",
		"-r x more",   "-q 1",	      "-r x --what", "-r x -o 1048577K",
	};
	struct perf_options opts;

	ck_assert_int_eq(parse(&opts, "-r x"), 0);
	ck_assert_str_eq(opts.device, "x");
	ck_assert_uint_eq(opts.ndepths, 8);
	ck_assert_uint_eq(opts.size, 512);
	ck_assert_uint_eq(opts.read_percent, 100);
	ck_assert(opts.random && !opts.json && !opts.registers && !opts.plot);
	ck_assert_int_eq(opts.core, -1);

	ck_assert_int_eq(parse(&opts, "-q 8 -o 16k -w rw -M 70 -t 1.5 -a 0 -c [1] -n 3 -d 1000 -L "
				      "-jx.json -p x.svg --no-shadow -r x"),
			 0);
	ck_assert_uint_eq(opts.size, 16384);
	ck_assert_uint_eq(opts.read_percent, 70);
	ck_assert(!opts.random && opts.json && opts.registers && opts.latencies);
	ck_assert_double_eq(opts.secs, 1.5);
	ck_assert_double_eq(opts.warmup, 0);
	ck_assert_int_eq(opts.core, 1);
	ck_assert_uint_eq(opts.nsid, 3);
	ck_assert_uint_eq(opts.commands, 1000);
	ck_assert_str_eq(opts.json_file, "x.json");
	ck_assert_str_eq(opts.plot, "x.svg");

	ck_assert_int_eq(parse(&opts, "--io-depth 2 --io-size 1M --io-pattern randwrite "
				      "--rwmixread 1 --time 3 --warmup-time 4 --core-mask 0x1 "
				      "--nsid 2 --json --transport x"),
			 0);
	ck_assert_uint_eq(opts.size, 1 << 20);
	ck_assert_uint_eq(opts.read_percent, 0);
	ck_assert(opts.random && opts.json && !opts.json_file);
	ck_assert_int_eq(parse(&opts, "-r x -w randrw -W 1"), 0);
	ck_assert_uint_eq(opts.read_percent, 50);
	ck_assert_double_eq(opts.warmup, 1);

	if (!freopen("/dev/null", "w", stderr))
		ck_abort_msg("no /dev/null");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(parse(&opts, bad[i]) == -1, "'%s'", bad[i]);
}
END_TEST

/* Pictures of what is hard to draw: nothing, one depth, a hundredfold spread, a name of markup. */
START_TEST(test_picture)
{
	static const struct perf_result none = {.depth = 1};
	static const struct perf_result some[] = {
		{.depth = 1,
		 .commands = 10,
		 .secs = 1,
		 .average = 100,
		 .min = 1,
		 .max = 1000,
		 .percentiles = {100, 100, 100, 100, 100, 100, 100}},
		{.depth = 2, .secs = 1},
		{.depth = 4,
		 .commands = 4000000,
		 .secs = 2,
		 .average = 0.5,
		 .min = 0.25,
		 .max = 90,
		 .percentiles = {0.4, 1, 2, 40, 90, 90, 90}},
	};
	struct perf_options opts;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	perf_defaults(&opts);
	strcpy(opts.device, "a<b>&\"c\"");
	perf_print_svg(out, &opts, &none, 1);
	fflush(out);
	ck_assert_ptr_null(strstr(text, "polyline"));
	ck_assert_ptr_nonnull(strstr(text, "a&lt;b&gt;&amp;"));

	rewind(out);
	perf_print_svg(out, &opts, some, 3);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "<svg "));
	ck_assert_ptr_nonnull(strstr(text, "</svg>"));
	ck_assert_ptr_nonnull(strstr(text, ">2M<"));
	ck_assert_ptr_null(strstr(text, "nan"));
	ck_assert_ptr_null(strstr(text, "inf"));
	free(text);
}
END_TEST

START_TEST(test_json)
{
	static const struct perf_result result = {.depth = 4,
						  .commands = 100,
						  .reads = 60,
						  .secs = 0.5,
						  .average = 2,
						  .min = 1,
						  .max = 9,
						  .percentiles = {1, 2, 3, 4, 5, 6, 7}};
	struct perf_options opts;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	perf_defaults(&opts);
	strcpy(opts.device, "a\"b\\c\n");
	perf_print_json(out, &opts, &result, 1);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "\"a\\\"b\\\\c\\u000a\""));
	ck_assert_ptr_nonnull(strstr(text, "\"iops\": 200.0,"));
	ck_assert_ptr_nonnull(strstr(text, "\"reads\": 60,"));
	ck_assert_ptr_nonnull(strstr(text, "\"99.999\": 7.0000"));
	free(text);
}
END_TEST

UNIT_MAIN("bench-perf", tcase_add_test(tc, test_depths); tcase_add_test(tc, test_core);
	  tcase_add_test(tc, test_device); tcase_add_test(tc, test_options);
	  tcase_add_test(tc, test_picture); tcase_add_test(tc, test_json))
