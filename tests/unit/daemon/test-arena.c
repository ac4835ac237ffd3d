/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <string.h>

#include "daemon/rpc/arena.h"
#include "proto/frame.h"
#include "proto/vfnd.pb-c.h"
#include "random.h"

static struct arena arena;

static void *take(size_t size)
{
	return arena.allocator.alloc(arena.allocator.allocator_data, size);
}

START_TEST(test_alignment_and_overlap)
{
	uint64_t seed = 0xa7e4a;

	for (int round = 0; round < 100; round++) {
		uint8_t *end = arena.memory;
		size_t size = 1;
		uint8_t *p;

		arena_reset(&arena);
		while ((p = take(size))) {
			ck_assert_uint_eq((uintptr_t)p % 16, 0);
			ck_assert(p >= end);
			ck_assert(p + size <= arena.memory + ARENA_SIZE);
			memset(p, 0xa5, size); /* the sanitizer has an eye on the bounds */
			end = p + size;
			arena.allocator.free(arena.allocator.allocator_data, p);
			size = 1 + random_below(&seed, 5000);
		}
		ck_assert_uint_gt(arena.used + size, ARENA_SIZE - 16);
	}
}
END_TEST

START_TEST(test_exhaustion)
{
	arena_reset(&arena);
	ck_assert_ptr_null(take(ARENA_SIZE + 1));
	ck_assert_ptr_null(take(SIZE_MAX));
	ck_assert_ptr_null(take(SIZE_MAX - 14));
	ck_assert_ptr_eq(take(ARENA_SIZE), arena.memory);
	ck_assert_ptr_null(take(1));
	ck_assert_ptr_null(take(SIZE_MAX));
	arena_reset(&arena);
	/* A last piece that is no multiple of the alignment */
	ck_assert_ptr_nonnull(take(ARENA_SIZE - 1));
	ck_assert_ptr_null(take(1));
	arena_reset(&arena);
	ck_assert_ptr_nonnull(take(1));
}
END_TEST

/*
 * A hello with as many empty features as a packet holds: 2 bytes each in the packet, a pointer and
 * a string in memory.
 */
static size_t explosive(uint8_t *buf, size_t cap)
{
	Vfnd__Request request = VFND__REQUEST__INIT;
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	static char *features[32 * 1024];
	size_t n = cap / 2 - 16;

	for (size_t i = 0; i < n; i++)
		features[i] = (char *)"";
	hello.version = 1;
	hello.features = features;
	hello.n_features = n;
	request.id = 1;
	request.op_case = VFND__REQUEST__OP_HELLO;
	request.hello = &hello;
	ck_assert_uint_le(vfnd__request__get_packed_size(&request), cap);
	return vfnd__request__pack(&request, buf);
}

START_TEST(test_what_explodes_is_refused)
{
	static uint8_t buf[FRAME_MAX];
	size_t len = explosive(buf, sizeof(buf));
	Vfnd__Request *request;

	/* It is a good message ... */
	request = vfnd__request__unpack(NULL, len, buf);
	ck_assert_ptr_nonnull(request);
	vfnd__request__free_unpacked(request, NULL);
	/* ... that is refused for what it takes, */
	arena_reset(&arena);
	ck_assert_ptr_null(vfnd__request__unpack(&arena.allocator, len, buf));
	/* and a modest one passes afterwards. */
	len = explosive(buf, 1024);
	arena_reset(&arena);
	ck_assert_ptr_nonnull(vfnd__request__unpack(&arena.allocator, len, buf));
}
END_TEST

/* The largest inline payload must fit. */
START_TEST(test_a_full_packet_of_data_passes)
{
	static uint8_t buf[FRAME_MAX], data[FRAME_MAX - 64];
	Vfnd__Request request = VFND__REQUEST__INIT, *got;
	Vfnd__CommandRequest io = VFND__COMMAND_REQUEST__INIT;
	size_t len;

	io.data.data = data;
	io.data.len = sizeof(data);
	request.id = 1;
	request.op_case = VFND__REQUEST__OP_IO;
	request.io = &io;
	len = vfnd__request__pack(&request, buf);
	ck_assert_uint_le(len, sizeof(buf));
	arena_reset(&arena);
	got = vfnd__request__unpack(&arena.allocator, len, buf);
	ck_assert_ptr_nonnull(got);
	ck_assert_uint_eq(got->io->data.len, sizeof(data));
}
END_TEST

UNIT_MAIN("arena", tcase_add_test(tc, test_alignment_and_overlap);
	  tcase_add_test(tc, test_exhaustion);
	  tcase_add_test(tc, test_what_explodes_is_refused);
	  tcase_add_test(tc, test_a_full_packet_of_data_passes))
