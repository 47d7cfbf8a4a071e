/* SPDX-License-Identifier: BSD-3-Clause */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static _Atomic int64_t bytes, blocks;
static _Atomic uint64_t calls;

#if defined(__GLIBC__) && !defined(SANITIZED)

/* The real ones, under the names that glibc keeps for programs that replace malloc(). */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *pointer);

static void *counted(void *pointer)
{
    calls++;
    if (pointer) {
        bytes += (int64_t)malloc_usable_size(pointer);
        blocks++;
    }
    return pointer;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return counted(__libc_calloc(count, size)); }

void *realloc(void *pointer, size_t size)
{
    int64_t before = pointer ? (int64_t)malloc_usable_size(pointer) : 0;
    void *result = __libc_realloc(pointer, size);

    if (pointer && (result || size == 0)) {
        bytes -= before;
        blocks--;
    }
    return counted(result);
}

void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *result = memalign(alignment, size);

    if (!result)
        return ENOMEM;
    *out = result;
    return 0;
}

void free(void *pointer)
{
    if (pointer) {
        bytes -= (int64_t)malloc_usable_size(pointer);
        blocks--;
    }
    __libc_free(pointer);
}

#endif

int heap_is_counted(void)
{
    void *(*volatile allocate)(size_t) = malloc; /* volatile: or the compiler drops the pair */
    void (*volatile release)(void *) = free;
    uint64_t before = calls;

    release(allocate(1));
    return calls != before;
}

int64_t heap_bytes(void) { return bytes; }

int64_t heap_blocks(void) { return blocks; }

uint64_t heap_calls(void) { return calls; }
