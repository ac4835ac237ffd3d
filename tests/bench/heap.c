/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/heap.h"

#include <errno.h>
#include <stdlib.h>

#if defined(__has_feature)
#define HEAP_SANITIZED __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_SANITIZED 1
#else
#define HEAP_SANITIZED 0
#endif

#if HEAP_SANITIZED || !defined(__GLIBC__)

uint64_t heap_calls(void)
{
	return HEAP_UNKNOWN;
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static uint64_t heap_count;

uint64_t heap_calls(void)
{
	return __atomic_load_n(&heap_count, __ATOMIC_RELAXED);
}

static void heap_called(void)
{
	__atomic_fetch_add(&heap_count, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	heap_called();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	heap_called();
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	heap_called();
	return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	heap_called();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
	heap_called();
	*p = __libc_memalign(alignment, size);
	return *p ? 0 : ENOMEM;
}

#endif
