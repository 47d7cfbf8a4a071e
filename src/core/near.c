/* SPDX-License-Identifier: BSD-3-Clause */
#include "near.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64
#define LINES_OF_KEY 12

void *sl_near_alloc(size_t size)
{
    uint8_t *block = calloc(1, size + LINE + sizeof block), *at;

    if (!block)
        return NULL;
    at = block + sizeof block;
    at += (LINE - (uintptr_t)at % LINE) % LINE;
    memcpy(at - sizeof block, &block, sizeof block); /* for sl_near_free() */
    return at;
}

void sl_near_free(void *pointer)
{
    uint8_t *block;

    if (!pointer)
        return;
    memcpy(&block, (uint8_t *)pointer - sizeof block, sizeof block);
    free(block);
}

void sl_near_expect(const SlNear *self)
{
    const char *context = sl_near_get(&self->context);

    sl_near_ask(self);
    __builtin_prefetch((const char *)sl_near_get(&self->session) + LINE);
    __builtin_prefetch((const char *)sl_near_get(&self->cipher) + LINE);
    __builtin_prefetch((const char *)sl_near_get(&self->mac) + LINE);
    for (size_t i = 1; i < LINES_OF_KEY; i++)
        __builtin_prefetch(context + i * LINE);
}
