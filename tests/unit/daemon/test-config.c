/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/config.h"
#include "random.h"

static struct config config;
static char path[64], error[512];

static void setup(void)
{
	unsetenv("VFND_SOCKET");
	ck_assert_int_eq(config_init(&config), 0);
	strcpy(path, "/tmp/vfnd-test-config.XXXXXX");
	close(mkstemp(path));
}

static void teardown(void)
{
	config_free(&config);
	unlink(path);
}

static int load_bytes(const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
	*error = '\0';
	return config_load(&config, path, error, sizeof(error));
}

static int load(const char *text)
{
	return load_bytes(text, strlen(text));
}

static void load_good(const char *text)
{
	int ret = load(text);

	ck_assert_msg(ret == 0, "%d: %s", ret, error);
	ck_assert_str_eq(error, "");
}

START_TEST(test_defaults)
{
	ck_assert_str_eq(config.socket, CONFIG_DEFAULT_SOCKET);
	ck_assert_ptr_null(config.group);
	ck_assert_uint_eq(config.ndevices, 0);
	ck_assert_uint_eq(config.limits[QUOTA_SESSIONS], 4096);
	ck_assert_uint_eq(config.limits[QUOTA_BUFFERS], 16384);
	/* Half of the memory there is */
	ck_assert_uint_eq(config.limits[QUOTA_BUFFER_BYTES],
			  (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2);
	ck_assert_uint_eq(config.limits[QUOTA_QUEUES], 65535);
	ck_assert_uint_eq(config.limits[QUOTA_COMMANDS], 65536);
	ck_assert_uint_eq(config.limits[QUOTA_SEND_BYTES], 256u << 20);
	ck_assert_uint_eq(config.session_commands, 1024);
	ck_assert_uint_eq(config.session_send_bytes, 4u << 20);
	ck_assert_uint_eq(config.command_timeout_ms, 60000);
	ck_assert_uint_eq(config.abort_timeout_ms, 5000);
	ck_assert_uint_eq(config.shutdown_timeout_ms, 10000);
	load_good("");
	load_good("\n# nothing\n; at all\n");
}
END_TEST

START_TEST(test_environment)
{
	config_free(&config);
	setenv("VFND_SOCKET", "/tmp/other.sock", 1);
	ck_assert_int_eq(config_init(&config), 0);
	ck_assert_str_eq(config.socket, "/tmp/other.sock");
	config_free(&config);
	setenv("VFND_SOCKET", "", 1);
	ck_assert_int_eq(config_init(&config), 0);
	ck_assert_str_eq(config.socket, CONFIG_DEFAULT_SOCKET);
}
END_TEST

START_TEST(test_everything)
{
	load_good("# a comment\n"
		  "[daemon]\n"
		  "socket = /run/a.sock ; and one here\n"
		  "group = users\n"
		  "command-timeout-ms = 1\n"
		  "abort-timeout-ms = 0x10\n"
		  "shutdown-timeout-ms = 0\n"
		  "\n"
		  "[limits]\n"
		  "sessions = 1\n"
		  "buffer-bytes = 3g\n"
		  "queues = 0\n"
		  "commands = 2K\n"
		  "send-bytes = 1M\n"
		  "session-commands = 65536\n"
		  "session-send-bytes = 64k\n"
		  "[device 0000:01:00.0]\n"
		  "queue-pairs = 65535\n"
		  "direct = yes\n"
		  "class = pci\n"
		  "session-commands-per-second = 20000\n"
		  "session-bytes-per-second = 2G\n"
		  "raw = yes\n"
		  "interrupt-coalescing = 32,500\n"
		  "arbitration = wrr,64,256,17,1\n"
		  "[device vfio-user:/tmp/a b]\n"
		  "queue-pairs=1\n");
	ck_assert_str_eq(config.socket, "/run/a.sock");
	ck_assert_str_eq(config.group, "users");
	ck_assert_uint_eq(config.command_timeout_ms, 1);
	ck_assert_uint_eq(config.abort_timeout_ms, 16);
	ck_assert_uint_eq(config.shutdown_timeout_ms, 0);
	ck_assert_uint_eq(config.limits[QUOTA_SESSIONS], 1);
	ck_assert_uint_eq(config.limits[QUOTA_BUFFER_BYTES], UINT64_C(3) << 30);
	ck_assert_uint_eq(config.limits[QUOTA_QUEUES], 0);
	ck_assert_uint_eq(config.limits[QUOTA_COMMANDS], 2048);
	ck_assert_uint_eq(config.limits[QUOTA_SEND_BYTES], 1 << 20);
	ck_assert_uint_eq(config.session_commands, 65536);
	ck_assert_uint_eq(config.session_send_bytes, 65536);
	ck_assert_uint_eq(config.ndevices, 2);
	ck_assert_str_eq(config.devices[0].address, "0000:01:00.0");
	ck_assert_uint_eq(config.devices[0].settings.queue_pairs, 65535);
	ck_assert(config.devices[0].settings.direct);
	ck_assert_int_eq(config.devices[0].settings.class, CONFIG_CLASS_PCI);
	ck_assert_uint_eq(config.devices[0].settings.session_commands, 20000);
	ck_assert_uint_eq(config.devices[0].settings.session_bytes, UINT64_C(2) << 30);
	ck_assert_uint_eq(config.devices[1].settings.session_commands, 0);
	ck_assert_uint_eq(config.devices[1].settings.session_bytes, 0);
	ck_assert_uint_eq(config.devices[0].settings.coalesce, 32);
	ck_assert_uint_eq(config.devices[0].settings.coalesce_us, 500);
	ck_assert_uint_eq(config.devices[1].settings.coalesce, 0);
	ck_assert(config.devices[0].settings.wrr && !config.devices[1].settings.wrr);
	ck_assert_uint_eq(config.devices[0].settings.burst, 6);
	ck_assert_uint_eq(config.devices[0].settings.weights[0], 256);
	ck_assert_uint_eq(config.devices[0].settings.weights[1], 17);
	ck_assert_uint_eq(config.devices[0].settings.weights[2], 1);
	ck_assert(config.devices[0].settings.raw && !config.devices[1].settings.raw);
	ck_assert_str_eq(config.devices[1].address, "vfio-user:/tmp/a b");
	ck_assert_uint_eq(config.devices[1].settings.queue_pairs, 1);
	ck_assert(!config.devices[1].settings.direct);
	ck_assert_int_eq(config.devices[1].settings.class, CONFIG_CLASS_AUTO);
}
END_TEST

static const struct {
	const char *value;
	bool wrr;
	unsigned int burst, weights[3];
} arbitrations[] = {
	{"round-robin", false, 2, {16, 8, 4}},
	{"wrr", true, 2, {16, 8, 4}},
	{"wrr,0,3,2,1", true, 7, {3, 2, 1}},
	{"wrr,1,1,1,1", true, 0, {1, 1, 1}},
	{"wrr,8,1,2,3", true, 3, {1, 2, 3}},
};

START_TEST(test_arbitration)
{
	const struct device_settings *s;
	char text[128];

	/* what is said last counts, all of it */
	snprintf(text, sizeof(text), "[device 0000:01:00.0]\narbitration = wrr,64,9,9,9\narbitration = %s\n",
		 arbitrations[_i].value);
	load_good(text);
	s = &config.devices[0].settings;
	ck_assert_int_eq(s->wrr, arbitrations[_i].wrr);
	ck_assert_uint_eq(s->burst, arbitrations[_i].burst);
	ck_assert_mem_eq(s->weights, arbitrations[_i].weights, sizeof(s->weights));
}
END_TEST

static const char *const no_arbitrations[] = {
	"fair", "wrr,", "wrrr", "round-robin,1,1,1,1", "wrr,4,1,1", "wrr,4,1,1,1,1", "wrr,4,1,1,1,", "wrr,3,1,1,1",
	"wrr,128,1,1,1", "wrr,4,0,1,1", "wrr,4,1,257,1", "wrr,4,1,1,x", "wrr,4,1,,1", "wrr,00000000000000004,1,1,1",
};

START_TEST(test_no_arbitration)
{
	char text[128], want[128];

	snprintf(text, sizeof(text), "[device 0000:01:00.0]\narbitration = %s\n", no_arbitrations[_i]);
	snprintf(want, sizeof(want), ":2: arbitration = %s: round-robin, wrr, or wrr,BURST,HIGH,MEDIUM,LOW",
		 no_arbitrations[_i]);
	ck_assert_int_eq(load(text), -EINVAL);
	ck_assert_msg(strstr(error, want), "'%s' for: %s", error, text);
}
END_TEST

START_TEST(test_suffixes)
{
	static const struct {
		const char *text;
		uint64_t value;
	} rows[] = {
		{"4096", 4096},	       {"4K", 4096},		{"4k", 4096},
		{"2M", 2u << 20},      {"1G", 1u << 30},	{"1T", UINT64_C(1) << 40},
		{"0x1000", 4096},      {"0x1000K", 4096 * 1024}, {"16777215T", UINT64_C(16777215) << 40},
		{"18446744073709551615", UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "[limits]\nbuffer-bytes = %s\n", rows[i].text);
		load_good(text);
		ck_assert_uint_eq(config.limits[QUOTA_BUFFER_BYTES], rows[i].value);
	}
}
END_TEST

START_TEST(test_bare_sections)
{
	load_good("[device 0000:01:00.0]\n"
		  "[device   0000:02:00.1] ; spaces do not count\n"
		  "\t[device 0000:03:00.7]\n"
		  "[daemon]\n"
		  "socket = /a\n"
		  "  [device 0000:04:00.0]\n"
		  "[limits]\n"
		  "[device 0000:01:00.0]\n"
		  "queue-pairs = 5\n"
		  "[device 0000:05:00.0]");
	ck_assert_uint_eq(config.ndevices, 5);
	ck_assert_str_eq(config.devices[0].address, "0000:01:00.0");
	ck_assert_uint_eq(config.devices[0].settings.queue_pairs, 5);
	ck_assert_str_eq(config.devices[1].address, "0000:02:00.1");
	ck_assert_uint_eq(config.devices[1].settings.queue_pairs, 64);
	ck_assert_str_eq(config.devices[2].address, "0000:03:00.7");
	ck_assert_str_eq(config.devices[3].address, "0000:04:00.0");
	ck_assert_str_eq(config.devices[4].address, "0000:05:00.0");
	ck_assert_str_eq(config.socket, "/a");
}
END_TEST

/* The longest address there is; nothing may cut it off. */
START_TEST(test_long_addresses)
{
	char address[160] = "vfio-user:/", text[256];
	size_t n = strlen("vfio-user:") + 107;

	memset(address + strlen(address), 's', n - strlen(address));
	snprintf(text, sizeof(text), "[device %s]\nqueue-pairs = 7\n", address);
	load_good(text);
	ck_assert_uint_eq(config.ndevices, 1);
	ck_assert_str_eq(config.devices[0].address, address);
	ck_assert_uint_eq(config.devices[0].settings.queue_pairs, 7);
	address[n] = 's';
	snprintf(text, sizeof(text), "[device %s]\n", address);
	ck_assert_int_eq(load(text), -EINVAL);
}
END_TEST

START_TEST(test_long_lines)
{
	char text[2048], comment[1000];

	memset(comment, 'c', sizeof(comment) - 1);
	comment[sizeof(comment) - 1] = '\0';
	snprintf(text, sizeof(text), "# %s\n[daemon]\nsocket = /a\n; %s\ngroup = g", comment, comment);
	load_good(text);
	ck_assert_str_eq(config.group, "g");
	/* A setting is not cut: the rest would be a line of its own. */
	snprintf(text, sizeof(text), "[daemon]\nsocket = /%s\n", comment);
	ck_assert_int_eq(load(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, ":2: "));
	ck_assert_ptr_nonnull(strstr(error, "longer than"));
}
END_TEST

START_TEST(test_later_wins)
{
	load_good("[daemon]\nsocket=/a\nsocket=/b\ngroup=a\ngroup=b\n");
	ck_assert_str_eq(config.socket, "/b");
	load_good("[daemon]\nsocket=/c\n");
	ck_assert_str_eq(config.socket, "/c");
	ck_assert_str_eq(config.group, "b");
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *says;
} wrong[] = {
	{"[daemon]\nsocket = relative\n", 2, "a path from / is needed"},
	{"[daemon]\nsocket =\n", 2, "a path from / is needed"},
	{"[daemon]\nsocket = /a\n  group\n", 3, "neither [section] nor name = value"},
	{"[daemon]\nnonsense = 1\n", 2, "[daemon] has no setting 'nonsense'"},
	{"[daemon]\nsessions = 1\n", 2, "[daemon] has no setting 'sessions'"},
	{"[limits]\nsocket = /a\n", 2, "[limits] has no setting 'socket'"},
	{"[daemon] socket = /a\n", 1, "neither [section] nor name = value"},
	{"[demon]\nsocket = /a\n", 1, "no section [demon] is known"},
	{"socket = /a\n", 1, "'socket' comes before any [section]"},
	{"\n\n[daemon\n", 3, "neither [section] nor name = value"},
	{"[daemon]\nsocket\n", 2, "neither [section] nor name = value"},
	{"[limits]\nsessions = 0\n", 2, "sessions = 0: a number from 1 to"},
	{"[limits]\nsessions = -1\n", 2, "sessions = -1: a number from 1 to"},
	{"[limits]\nsessions =\n", 2, "a number from 1 to"},
	{"[limits]\nsessions = many\n", 2, "sessions = many: a number"},
	{"[limits]\nsessions = 1 2\n", 2, "a number"},
	{"[limits]\nsessions = 1KB\n", 2, "a number"},
	{"[limits]\nsessions = 1P\n", 2, "a number"},
	{"[limits]\nsessions = 1.5\n", 2, "a number"},
	{"[limits]\nsessions = 18446744073709551616\n", 2, "a number"},
	{"[limits]\nbuffer-bytes = 16777216T\n", 2, "a number"},
	{"[limits]\nbuffer-bytes = 4095\n", 2, "a number from 4096 to"},
	{"[limits]\nsend-bytes = 65535\n", 2, "a number from 65536 to"},
	{"[limits]\nsession-send-bytes = 1K\n", 2, "a number from 65536 to"},
	{"[limits]\nsession-commands = 65537\n", 2, "a number from 1 to 65536"},
	{"[limits]\ncommands = 0\n", 2, "a number from 1 to"},
	{"[daemon]\ncommand-timeout-ms = 0\n", 2, "a number from 1 to 4294967295"},
	{"[daemon]\nabort-timeout-ms = 4G\n", 2, "a number from 1 to 4294967295"},
	{"[daemon]\nshutdown-timeout-ms = 1 s\n", 2, "a number from 0 to 4294967295"},
	{"[device 0000:01:00.0]\nqueue-pairs = 0\n", 2, "a number from 1 to 65535"},
	{"[device 0000:01:00.0]\nqueue-pairs = 65536\n", 2, "a number from 1 to 65535"},
	{"[device 0000:01:00.0]\ndirect = 1\n", 2, "direct = 1: no or yes is needed"},
	{"[device 0000:01:00.0]\nclass = scsi\n", 2, "class = scsi: nvme or pci is needed"},
	{"[device 0000:01:00.0]\ninterrupt-coalescing = 8\n", 2, "interrupt-coalescing = 8: 1 to 256 completions"},
	{"[device 0000:01:00.0]\ninterrupt-coalescing = 257,100\n", 2, "1 to 256 completions"},
	{"[device 0000:01:00.0]\ninterrupt-coalescing = 8,25501\n", 2, "0 to 25500 microseconds"},
	{"[device 0000:01:00.0]\ninterrupt-coalescing = 0,100\n", 2, "1 to 256 completions"},
	{"[device 0000:01:00.0]\nqueues = 1\n", 2, "[device 0000:01:00.0] has no setting 'queues'"},
	{"[device 0000:01:00.8]\n", 1, "an address like"},
	{"[device 01:00.0]\n", 1, "an address like"},
	{"[device 0000:01:00.0x]\n", 1, "an address like"},
	{"[device 000g:01:00.0]\n", 1, "an address like"},
	{"[device vfio-user:relative]\n", 1, "an address like"},
	{"[device vfio-user:]\n", 1, "an address like"},
	{"[device ]\n", 1, "an address like"},
	{"[daemon]\n\n[device x]\nqueue-pairs = 1\n", 3, "an address like"},
	/* An empty section of a wrong name is as wrong as a full one. */
	{"[demon]\n", 1, "no section [demon] is known"},
	{"[device]\n", 1, "no section [device] is known"},
	/* The first mistake is the one that is told. */
	{"[limits]\nsessions = 0\n[demon]\nx = 1\n", 2, "sessions = 0"},
	{"[limits]\nbroken\nsessions = 0\n", 2, "neither [section] nor name = value"},
};

START_TEST(test_wrong_files)
{
	char prefix[128];
	int ret = load(wrong[_i].text);

	snprintf(prefix, sizeof(prefix), "%s:%d: ", path, wrong[_i].line);
	ck_assert_msg(ret == -EINVAL, "%d for: %s", ret, wrong[_i].text);
	ck_assert_msg(strncmp(error, prefix, strlen(prefix)) == 0, "'%s' for: %s", error,
		      wrong[_i].text);
	ck_assert_msg(strstr(error, wrong[_i].says) != NULL, "'%s' for: %s", error, wrong[_i].text);
}
END_TEST

START_TEST(test_unreadable)
{
	char name[128];

	snprintf(name, sizeof(name), "%s.absent", path);
	ck_assert_int_eq(config_load(&config, name, error, sizeof(error)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error, name));
	ck_assert_ptr_nonnull(strstr(error, strerror(ENOENT)));
	ck_assert_int_lt(config_load(&config, "/tmp", error, sizeof(error)), 0);
	ck_assert_ptr_nonnull(strstr(error, "/tmp: "));
}
END_TEST

/* The text is cut to the room there is, and ends. */
START_TEST(test_little_room_for_the_error)
{
	char small[8];

	load("[daemon]\nsocket = relative\n");
	for (size_t n = 1; n <= sizeof(small); n++) {
		memset(small, 'x', sizeof(small));
		ck_assert_int_eq(config_load(&config, path, small, n), -EINVAL);
		ck_assert_uint_eq(strlen(small), n - 1);
	}
}
END_TEST

START_TEST(test_add_device)
{
	static const char *const bad[] = {"", "x", "0000:01:00", "0000:01:00.9", "0000:01:00.0 ",
					  "vfio-user:", "vfio-user:a", "nvme0", "0000-01:00.0"};

	ck_assert_int_eq(config_add_device(&config, "0000:aB:1f.7"), 0);
	ck_assert_int_eq(config_add_device(&config, "0000:aB:1f.7"), 0);
	ck_assert_int_eq(config_add_device(&config, "vfio-user:/s"), 0);
	ck_assert_uint_eq(config.ndevices, 2);
	ck_assert_uint_eq(config.devices[1].settings.queue_pairs, 64);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(config_add_device(&config, bad[i]), -EINVAL);
	ck_assert_uint_eq(config.ndevices, 2);
}
END_TEST

static unsigned int nchanged;

static void changed(const char *section, const char *name, uint64_t before, uint64_t now)
{
	if (strcmp(name, "sessions") == 0) {
		ck_assert_str_eq(section, "limits");
		ck_assert_uint_eq(before, 4096);
		ck_assert_uint_eq(now, 7);
	} else {
		ck_assert_str_eq(section, "daemon");
		ck_assert_str_eq(name, "abort-timeout-ms");
		ck_assert_uint_eq(before, 5000);
		ck_assert_uint_eq(now, 6);
	}
	nchanged++;
}

START_TEST(test_adopt)
{
	struct config running;

	load_good("[device 0000:01:00.0]\nqueue-pairs = 3\n");
	running = config;
	ck_assert_int_eq(config_init(&config), 0);
	load_good("[daemon]\nsocket = /other\nabort-timeout-ms = 6\n[limits]\nsessions = 7\n"
		  "[device 0000:02:00.0]\nqueue-pairs = 5\n");
	nchanged = 0;
	config_adopt(&running, &config, changed);
	ck_assert_uint_eq(nchanged, 2);
	ck_assert_uint_eq(running.limits[QUOTA_SESSIONS], 7);
	ck_assert_uint_eq(running.abort_timeout_ms, 6);
	ck_assert_str_eq(running.socket, CONFIG_DEFAULT_SOCKET);
	ck_assert(config_has_device(&running, "0000:02:00.0"));
	ck_assert(!config_has_device(&running, "0000:01:00.0"));
	ck_assert(config_has_device(&config, "0000:01:00.0"));
	ck_assert_uint_eq(config_settings(&running, "0000:02:00.0")->queue_pairs, 5);
	/* Defaults, where nothing is said. */
	ck_assert_uint_eq(config_settings(&running, "0000:01:00.0")->queue_pairs, 64);
	config_adopt(&running, &config, changed);
	ck_assert_uint_eq(nchanged, 2);
	config_free(&running);
}
END_TEST

/* Whatever a file holds: an answer, no crash, no leak. */
START_TEST(test_random_files)
{
	static const char *const pieces[] = {
		"[daemon]", "[limits]", "[device ", "0000:01:00.0", "vfio-user:/x", "]", "\n", "\n",
		"socket", "sessions", "queue-pairs", " = ", "=", "1", "K", " ", "\t", ";", "#", "[",
		"/a", "\xff", "\xef\xbb\xbf", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	uint64_t seed = 0xc0f1;

	for (int round = 0; round < 3000; round++) {
		char text[4096];
		size_t len = 0, n = random_below(&seed, 40);

		while (n-- > 0) {
			const char *p = pieces[random_below(&seed, sizeof(pieces) / sizeof(pieces[0]))];

			memcpy(text + len, p, strlen(p));
			len += strlen(p);
			if (random_below(&seed, 100) == 0)
				text[len++] = '\0';
		}
		config_free(&config);
		ck_assert_int_eq(config_init(&config), 0);
		if (load_bytes(text, len) < 0)
			ck_assert_msg(strncmp(error, path, strlen(path)) == 0, "'%s'", error);
	}
}
END_TEST

UNIT_MAIN("config", tcase_add_checked_fixture(tc, setup, teardown);
	  tcase_add_test(tc, test_defaults); tcase_add_test(tc, test_environment);
	  tcase_add_loop_test(tc, test_arbitration, 0, sizeof(arbitrations) / sizeof(arbitrations[0]));
	tcase_add_loop_test(tc, test_no_arbitration, 0, sizeof(no_arbitrations) / sizeof(no_arbitrations[0]));
	  tcase_add_test(tc, test_everything); tcase_add_test(tc, test_suffixes);
	  tcase_add_test(tc, test_bare_sections); tcase_add_test(tc, test_long_addresses);
	  tcase_add_test(tc, test_long_lines); tcase_add_test(tc, test_later_wins);
	  tcase_add_loop_test(tc, test_wrong_files, 0, sizeof(wrong) / sizeof(wrong[0]));
	  tcase_add_test(tc, test_unreadable); tcase_add_test(tc, test_little_room_for_the_error);
	  tcase_add_test(tc, test_add_device); tcase_add_test(tc, test_adopt);
	  tcase_add_test(tc, test_random_files))
