/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_ALLOC_H
#define SUPPORT_ALLOC_H

/* Who allocates how much, and what happens when memory runs out.
 *
 * The library's own calls are caught at link time (-Wl,--wrap=malloc and so on, see local.mk),
 * OpenSSL's by CRYPTO_set_mem_functions(). That works under the sanitizers and valgrind too. What
 * libsrtp2 and libc allocate is seen by neither; heap.h counts that. */

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t own_calls; /* malloc, calloc, realloc of the library and the test program */
    uint64_t openssl_calls;
    int64_t own_bytes; /* live */
    int64_t openssl_bytes;
} AllocCount;

/* First thing in main(), before OpenSSL allocates. 1: OpenSSL's calls are caught. */
int alloc_init(void);

AllocCount alloc_count(void);

/* From now on the @n-th allocation (1: the next one) of the library or OpenSSL fails, and with
 * @forever all after it. 0: none fails. */
void alloc_fail_at(uint64_t n, int forever);

/* 1 if an allocation has failed since alloc_fail_at(). */
int alloc_has_failed(void);

/* From now on each block of the library or OpenSSL that is given back is searched for this, until alloc_watch_none(). Some eight
 * of them; none of fewer than eight bytes. Not under valgrind, which minds that such a block is read whole. */
void alloc_watch(const void *secret, size_t len);
void alloc_watch_none(void);

/* How often one was in it. */
uint64_t alloc_seen(void);

/* For the test's own machinery: neither counted nor failing; never NULL. */
void *test_malloc(size_t size);
void *test_realloc(void *pointer, size_t size);
void test_free(void *pointer);

#endif
