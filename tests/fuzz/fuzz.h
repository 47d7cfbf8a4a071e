/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_H
#define FUZZ_H

/* What every fuzz target needs: its input read in small steps, and an oracle that says what it found. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert() would be gone with NDEBUG. */
#define ORACLE(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef struct {
    const uint8_t *data;
    size_t left;
} Input;

/* 0 when nothing is left: every input means something. */
static inline uint8_t take_byte(Input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->data++;
}

static inline uint16_t take_16(Input *in)
{
    unsigned high = take_byte(in);

    return (uint16_t)(high << 8 | take_byte(in));
}

/* Points at up to @wanted bytes of the input; returns how many. */
static inline size_t take_bytes(Input *in, size_t wanted, const uint8_t **bytes)
{
    size_t n = wanted < in->left ? wanted : in->left;

    *bytes = in->data;
    in->data += n;
    in->left -= n;
    return n;
}

/* A copy in a block of exactly this size, so that AddressSanitizer sees every byte too many; 4-aligned. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t len)
{
    /* The one byte of an empty copy is set: gcc 14 warns when a block with nothing in it is handed on. */
    uint8_t *copy = len ? malloc(len) : calloc(1, 1);

    if (!copy)
        abort();
    if (len)
        memcpy(copy, data, len);
    return copy;
}

#endif
