/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_HEAP_H
#define SUPPORT_HEAP_H

/* Bytes in use on the heap by the whole program, every library in it included: heap.c takes
 * malloc()'s place. Not there under the sanitizers and valgrind, which have their own in that place
 * and find leaks themselves. */

#include <stdint.h>

/* 1 if the figures below count. */
int heap_is_counted(void);

int64_t heap_bytes(void);
int64_t heap_blocks(void);
uint64_t heap_calls(void);

#endif
