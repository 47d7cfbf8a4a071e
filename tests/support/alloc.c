/* SPDX-License-Identifier: BSD-3-Clause */
#include "alloc.h"

#include "openssl-version.h"

#include <openssl/err.h>

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that the linker's --wrap prescribes. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void __wrap_free(void *pointer);

static _Atomic uint64_t own_calls, openssl_calls;
static _Atomic int64_t own_bytes, openssl_bytes;
static _Atomic uint64_t countdown; /* 0: not armed */
static atomic_int failing, failed, for_ever;

static int refuses(void)
{
    if (failing)
        return 1;
    if (countdown == 0 || --countdown != 0)
        return 0;
    failed = 1;
    failing = for_ever;
    return 1;
}

/* -- what should be gone -------------------------------------------------------------------------------------- */

#define WATCHED_MAX 8
#define SECRET_MAX 128

static struct {
    uint8_t bytes[SECRET_MAX];
    size_t len;
} watched[WATCHED_MAX];
static size_t n_watched;
static uint64_t seen;

void alloc_watch(const void *secret, size_t len)
{
    if (n_watched == WATCHED_MAX || len < 8 || len > SECRET_MAX) {
        fputs("alloc_watch: too much, or too little\n", stderr);
        abort();
    }
    memcpy(watched[n_watched].bytes, secret, len);
    watched[n_watched++].len = len;
}

void alloc_watch_none(void)
{
    n_watched = 0;
    seen = 0;
}

uint64_t alloc_seen(void) { return seen; }

static int contains(const uint8_t *block, size_t size, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + len <= size; i++)
        if (block[i] == bytes[0] && memcmp(block + i, bytes, len) == 0)
            return 1;
    return 0;
}

static void look_at(const void *block)
{
    for (size_t i = 0; block && i < n_watched; i++)
        seen += contains(block, malloc_usable_size((void *)(uintptr_t)block), watched[i].bytes,
                         watched[i].len) != 0;
}

/* -- calls ---------------------------------------------------------------------------------------------------- */

static int64_t size_of(void *pointer) { return pointer ? (int64_t)malloc_usable_size(pointer) : 0; }

static void *allocate(size_t size, _Atomic uint64_t *calls, _Atomic int64_t *bytes)
{
    void *result;

    ++*calls;
    if (refuses())
        return NULL;
    result = __real_malloc(size);
    *bytes += size_of(result);
    return result;
}

static void *reallocate(void *pointer, size_t size, _Atomic uint64_t *calls, _Atomic int64_t *bytes)
{
    int64_t before = size_of(pointer);
    void *result;

    ++*calls;
    if (refuses())
        return NULL;
    look_at(pointer);
    result = __real_realloc(pointer, size);
    if (result || size == 0)
        *bytes += size_of(result) - before;
    return result;
}

static void release(void *pointer, _Atomic int64_t *bytes)
{
    look_at(pointer);
    *bytes -= size_of(pointer);
    __real_free(pointer);
}

void *__wrap_malloc(size_t size) { return allocate(size, &own_calls, &own_bytes); }

void *__wrap_calloc(size_t count, size_t size)
{
    void *result;

    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    result = allocate(count * size, &own_calls, &own_bytes);
    if (result)
        memset(result, 0, count * size);
    return result;
}

void *__wrap_realloc(void *pointer, size_t size)
{
    return reallocate(pointer, size, &own_calls, &own_bytes);
}

void __wrap_free(void *pointer) { release(pointer, &own_bytes); }

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size ? allocate(size, &openssl_calls, &openssl_bytes) : NULL;
}

static void *openssl_realloc(void *pointer, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return reallocate(pointer, size, &openssl_calls, &openssl_bytes);
}

static void openssl_free(void *pointer, const char *file, int line)
{
    (void)file;
    (void)line;
    release(pointer, &openssl_bytes);
}

int alloc_init(void)
{
    return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free);
}

AllocCount alloc_count(void)
{
    AllocCount count = {own_calls, openssl_calls, own_bytes, openssl_bytes};

    return count;
}

void alloc_fail_at(uint64_t n, int forever)
{
    /* OpenSSL 3.6 and later, without memory to make a thread's error queue, report that error in the queue that there is
     * not, until the stack overflows. So they have it from before, as a thread has that used OpenSSL. */
    if (n && openssl_since(3, 6))
        ERR_clear_error();
    failing = 0;
    failed = 0;
    for_ever = forever;
    countdown = n;
}

int alloc_has_failed(void) { return failed; }

static void *insist(void *result)
{
    if (!result) {
        fputs("the test itself is out of memory\n", stderr);
        abort();
    }
    return result;
}

void *test_malloc(size_t size) { return insist(__real_malloc(size ? size : 1)); }

void *test_realloc(void *pointer, size_t size)
{
    return insist(__real_realloc(pointer, size ? size : 1));
}

void test_free(void *pointer) { __real_free(pointer); }
