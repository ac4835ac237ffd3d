/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "daemon/state/state.h"
#include "random.h"

#define BYTES ((size_t)STATE_SLOT * STATE_SLOTS)

/* Layout of version 1, written down a second time: a change must be a new version. */
#define HEADER_MAGIC   0
#define HEADER_VERSION 8
#define HEADER_SLOT    12
#define HEADER_SLOTS   16
#define RECORD_COMMIT  0
#define RECORD_TYPE    4
#define RECORD_NSLOTS  8
#define RECORD_SIZE    12
#define RECORD_DATA    16

static struct state *state;

static void setup(void)
{
	ck_assert_int_eq(state_create(&state), 0);
}

static void teardown(void)
{
	state_free(state);
}

/* Asserting each byte would take minutes: check writes every assertion to its parent. */
static bool all(const void *p, size_t n, uint8_t value)
{
	const uint8_t *b = p;

	while (n > 0 && *b == value) {
		b++;
		n--;
	}
	return n == 0;
}

static uint64_t *add(enum state_type type, size_t size, uint64_t value)
{
	uint64_t *r = state_add(state, type, size);

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq((uintptr_t)r % 16, 0);
	ck_assert(all(r, size, 0));
	memset(r, 0xff, size);
	*r = value;
	return r;
}

/* As after an execve(2): nothing but the descriptor is left. */
static void reopen(void)
{
	int fd = dup(state_fd(state));

	state_free(state);
	ck_assert_int_eq(state_open(fd, &state), 0);
	ck_assert_int_eq(state_fd(state), fd);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static unsigned int count(enum state_type type)
{
	unsigned int n = 0;

	for (void *r = NULL; (r = state_next(state, type, 8, r));)
		n++;
	return n;
}

START_TEST(test_empty)
{
	for (int type = STATE_DAEMON; type <= STATE_SUBSCRIPTION; type++)
		ck_assert_ptr_null(state_next(state, type, 0, NULL));
	reopen();
	ck_assert_ptr_null(state_next(state, STATE_DEVICE, 0, NULL));
	state_free(NULL);
}
END_TEST

START_TEST(test_commit_and_remove)
{
	uint64_t *a = add(STATE_SESSION, 8, 1), *b = add(STATE_SESSION, 1000, 2);
	uint64_t *c = add(STATE_BUFFER, 8, 3);

	ck_assert_uint_eq(count(STATE_SESSION), 0);
	state_commit(state, b);
	ck_assert_ptr_eq(state_next(state, STATE_SESSION, 8, NULL), b);
	ck_assert_ptr_null(state_next(state, STATE_SESSION, 8, b));
	state_commit(state, a);
	state_commit(state, c);
	ck_assert_ptr_eq(state_next(state, STATE_SESSION, 8, NULL), a);
	ck_assert_ptr_eq(state_next(state, STATE_SESSION, 8, a), b);
	/* Too small to be what the reader means */
	ck_assert_ptr_eq(state_next(state, STATE_SESSION, 9, NULL), b);
	ck_assert_ptr_null(state_next(state, STATE_SESSION, 1001, NULL));
	state_remove(state, a);
	ck_assert_ptr_eq(state_next(state, STATE_SESSION, 8, NULL), b);
	/* Its room is used again, and does not show what was there. */
	ck_assert_ptr_eq(add(STATE_QUEUE, 100, 4), a);
	ck_assert_uint_eq(count(STATE_QUEUE), 0);
	ck_assert_ptr_eq(state_next(state, STATE_BUFFER, 8, NULL), c);
}
END_TEST

START_TEST(test_uncommitted_is_not_there_after_reopening)
{
	uint64_t *a = add(STATE_SESSION, 600, 1), *b = add(STATE_SESSION, 600, 2), *r;

	(void)a;
	state_commit(state, b);
	reopen();
	r = state_next(state, STATE_SESSION, 600, NULL);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(*r, 2);
	ck_assert_ptr_null(state_next(state, STATE_SESSION, 600, r));
	/* New records go behind. */
	state_commit(state, add(STATE_SESSION, 600, 3));
	ck_assert_uint_eq(count(STATE_SESSION), 2);
}
END_TEST

/* Of sixteen slots each: the last one of them finds fifteen left. */
START_TEST(test_full)
{
	size_t size = 16 * STATE_SLOT - RECORD_DATA;
	unsigned int n = 0, again = 0;
	uint64_t *last = NULL, *r;

	while ((r = state_add(state, STATE_BUFFER, size))) {
		state_commit(state, r);
		last = r;
		n++;
	}
	ck_assert_uint_eq(n, (STATE_SLOTS - 1) / 16);
	ck_assert_ptr_nonnull(state_add(state, STATE_QUEUE, 15 * STATE_SLOT - RECORD_DATA));
	ck_assert_ptr_null(state_add(state, STATE_QUEUE, 1));
	ck_assert_uint_eq(count(STATE_BUFFER), n);
	state_remove(state, last);
	/* The sizes do not fit: nothing is cut up. */
	ck_assert_ptr_null(state_add(state, STATE_BUFFER, size + 1));
	ck_assert_ptr_null(state_add(state, STATE_BUFFER, 1));
	ck_assert_ptr_eq(state_add(state, STATE_BUFFER, size - 1), last);
	reopen();
	ck_assert_ptr_null(state_add(state, STATE_BUFFER, 1));
	for (void *p = NULL; (p = state_next(state, STATE_BUFFER, 1, p));)
		again++;
	ck_assert_uint_eq(again, n - 1);
}
END_TEST

START_TEST(test_sizes)
{
	ck_assert_ptr_null(state_add(state, STATE_DEVICE, BYTES));
	ck_assert_ptr_null(state_add(state, STATE_DEVICE, BYTES - STATE_SLOT));
	ck_assert_ptr_null(state_add(state, STATE_DEVICE, SIZE_MAX));
	ck_assert_ptr_null(state_add(state, STATE_DEVICE, SIZE_MAX - 300));
	/* Exactly a slot, and a byte more */
	add(STATE_DEVICE, STATE_SLOT - RECORD_DATA, 1);
	ck_assert_ptr_eq((char *)add(STATE_DEVICE, STATE_SLOT - RECORD_DATA + 1, 1) + 2 * STATE_SLOT,
			 add(STATE_DEVICE, 8, 1));
	/* Every record that the daemon writes has room. */
	add(STATE_DEVICE, sizeof(struct state_device), 1);
}
END_TEST

struct model {
	uint64_t *record; /* NULL: none */
	enum state_type type;
	size_t size;
	uint64_t value;
	bool committed;
};

static void model_check(const struct model *models, int n)
{
	unsigned int want = 0, have = 0;

	for (int i = 0; i < n; i++)
		if (models[i].record && models[i].committed)
			want++;
	for (int type = STATE_DAEMON; type <= STATE_SUBSCRIPTION; type++)
		for (uint64_t *r = NULL; (r = state_next(state, type, 8, r)); have++) {
			const struct model *m = &models[r[0] >> 32];

			ck_assert_uint_lt(r[0] >> 32, (uint64_t)n);
			ck_assert_uint_eq(r[0], m->value);
			ck_assert(m->committed && m->type == (enum state_type)type);
			ck_assert(all(r + 1, m->size - 8, 0xff));
		}
	ck_assert_uint_eq(have, want);
}

START_TEST(test_against_model)
{
	static struct model models[300];
	uint64_t seed = 0x57a7e;

	for (uint32_t n = 0; n < 20000; n++) {
		uint32_t i = random_below(&seed, 300);
		struct model *m = &models[i];

		if (!m->record) {
			m->type = STATE_DAEMON + random_below(&seed, STATE_SUBSCRIPTION);
			m->size = 8 + random_below(&seed, 1000);
			m->value = (uint64_t)i << 32 | n;
			m->record = add(m->type, m->size, m->value);
			m->committed = false;
		} else if (!m->committed) {
			state_commit(state, m->record);
			m->committed = true;
		} else {
			state_remove(state, m->record);
			m->record = NULL;
		}
		if (n % 1000 == 0)
			model_check(models, 300);
	}
	model_check(models, 300);
	reopen();
	model_check(models, 300);
}
END_TEST

/* The writer is killed wherever it happens to be: what a reader finds are whole records. */
START_TEST(test_killed_writer)
{
	uint64_t seed = 0xdead;

	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();
		struct state *seen;

		if (pid == 0) {
			for (uint64_t n = 1;; n++) {
				uint64_t *r = state_add(state, STATE_QUEUE, 3000);

				for (int i = 0; i < 3000 / 8; i++)
					r[i] = n;
				state_commit(state, r);
				if (n % 3)
					state_remove(state, r);
				if (n % 20000 == 0)
					_exit(0);
			}
		}
		ck_assert_int_gt(pid, 0);
		usleep(random_below(&seed, 3000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ck_assert_int_eq(state_open(dup(state_fd(state)), &seen), 0);
		for (uint64_t *r = NULL; (r = state_next(seen, STATE_QUEUE, 3000, r));)
			ck_assert_int_eq(memcmp(r, r + 1, 3000 - 8), 0);
		state_free(seen);
		state_free(state);
		ck_assert_int_eq(state_create(&state), 0);
	}
}
END_TEST

static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("copy", MFD_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, bytes, n, 0), (ssize_t)n);
	ck_assert_int_eq(ftruncate(fd, (off_t)BYTES), 0);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(test_what_is_no_state)
{
	static const struct {
		unsigned int offset;
		uint8_t value;
	} rows[] = {{HEADER_MAGIC, 0},	{HEADER_MAGIC + 7, 0},	{HEADER_VERSION, STATE_VERSION + 1},
		    {HEADER_VERSION, 0}, {HEADER_SLOT, 1},	{HEADER_SLOTS + 1, 1}};
	uint8_t header[STATE_SLOT];
	struct state *s;
	int fd;

	ck_assert_int_eq(pread(state_fd(state), header, sizeof(header), 0), sizeof(header));
	ck_assert_int_eq(state_open(file_of(header, sizeof(header)), &s), 0);
	state_free(s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bad[STATE_SLOT];

		memcpy(bad, header, sizeof(bad));
		ck_assert_uint_ne(bad[rows[i].offset], rows[i].value);
		bad[rows[i].offset] = rows[i].value;
		fd = file_of(bad, sizeof(bad));
		ck_assert_int_eq(state_open(fd, &s), -EPROTO);
		ck_assert(!is_open(fd));
	}
	fd = file_of(header, sizeof(header));
	ck_assert_int_eq(ftruncate(fd, (off_t)BYTES - 1), 0);
	ck_assert_int_eq(state_open(fd, &s), -EPROTO);
	ck_assert(!is_open(fd));
	fd = open("/dev/null", O_RDWR);
	ck_assert_int_eq(state_open(fd, &s), -EPROTO);
	ck_assert(!is_open(fd));
	ck_assert_int_eq(state_open(-1, &s), -EBADF);
	/* One that can be read only is of no use. */
	fd = open("/proc/self/exe", O_RDONLY);
	ck_assert_int_lt(state_open(fd, &s), 0);
	ck_assert(!is_open(fd));
}
END_TEST

static int open_with(unsigned int offset, uint32_t value, struct state **out)
{
	uint8_t head[8 * STATE_SLOT];

	ck_assert_int_eq(pread(state_fd(state), head, sizeof(head), 0), sizeof(head));
	memcpy(head + STATE_SLOT + offset, &value, sizeof(value));
	return state_open(file_of(head, sizeof(head)), out);
}

START_TEST(test_damaged_counts)
{
	static const uint32_t counts[] = {STATE_SLOTS, STATE_SLOTS + 1, UINT32_MAX, 0x80000000};
	struct state *s;

	state_commit(state, add(STATE_DEVICE, 600, 1)); /* three slots from slot 1 on */
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		ck_assert_int_eq(open_with(RECORD_NSLOTS, counts[i], &s), -EPROTO);
	/* More bytes than slots: the reader would go beyond the record. */
	ck_assert_int_eq(open_with(RECORD_SIZE, 3 * STATE_SLOT - RECORD_DATA + 1, &s), -EPROTO);
	ck_assert_int_eq(open_with(RECORD_SIZE, UINT32_MAX, &s), -EPROTO);
	ck_assert_int_eq(open_with(RECORD_NSLOTS, 2, &s), -EPROTO);
	/* A size that the slots have room for, a commitment that is none */
	ck_assert_int_eq(open_with(RECORD_COMMIT, 1, &s), 0);
	ck_assert_ptr_null(state_next(s, STATE_DEVICE, 600, NULL));
	state_free(s);
}
END_TEST

/* What is damaged at random is refused, or walked without a step outside (the sanitizer looks). */
START_TEST(test_random_damage)
{
	static uint8_t good[64 * STATE_SLOT], bad[sizeof(good)];
	unsigned int opened = 0, refused = 0;
	uint64_t seed = 0xda3a6e;

	for (int i = 0; i < 20; i++)
		state_commit(state, add(STATE_DAEMON + i % 7, 8 + random_below(&seed, 700), 1));
	ck_assert_int_eq(pread(state_fd(state), good, sizeof(good), 0), sizeof(good));
	for (int round = 0; round < 2000; round++) {
		int n = 1 + (int)random_below(&seed, 8), ret;
		struct state *s;
		size_t seen = 0;

		memcpy(bad, good, sizeof(bad));
		while (n-- > 0) {
			/* Mostly where the records' headers are */
			size_t at = random_below(&seed, 64) * STATE_SLOT + random_below(&seed, 16);

			if (random_below(&seed, 4) == 0)
				at = random_below(&seed, sizeof(bad));
			bad[at] = (uint8_t)random_next(&seed);
		}
		ret = state_open(file_of(bad, sizeof(bad)), &s);
		if (ret < 0) {
			ck_assert_int_eq(ret, -EPROTO);
			refused++;
			continue;
		}
		opened++;
		for (int type = 0; type <= STATE_SUBSCRIPTION; type++)
			for (uint8_t *r = NULL; (r = state_next(s, type, 8, r)); seen++)
				r[7]++;
		ck_assert_uint_lt(seen, STATE_SLOTS);
		for (int i = 0; i < 10; i++) {
			void *r = state_add(s, STATE_QUEUE, random_below(&seed, 2000));

			if (r)
				state_commit(s, r);
		}
		state_free(s);
	}
	ck_assert_uint_gt(opened, 100);
	ck_assert_uint_gt(refused, 100);
}
END_TEST

/* Nobody who is handed the descriptor can pull the memory away. */
START_TEST(test_sealed)
{
	int seals = fcntl(state_fd(state), F_GET_SEALS);

	ck_assert_int_eq(seals & (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ck_assert_int_eq(ftruncate(state_fd(state), 0), -1);
}
END_TEST

UNIT_MAIN("state", tcase_add_checked_fixture(tc, setup, teardown); tcase_add_test(tc, test_empty);
	  tcase_add_test(tc, test_commit_and_remove);
	  tcase_add_test(tc, test_uncommitted_is_not_there_after_reopening);
	  tcase_add_test(tc, test_full); tcase_add_test(tc, test_sizes);
	  tcase_add_test(tc, test_against_model); tcase_add_test(tc, test_killed_writer);
	  tcase_add_test(tc, test_what_is_no_state); tcase_add_test(tc, test_damaged_counts);
	  tcase_add_test(tc, test_random_damage); tcase_add_test(tc, test_sealed))
