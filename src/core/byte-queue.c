/* SPDX-License-Identifier: BSD-3-Clause */
#include "byte-queue.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096

static int grow(SlByteQueue *self, size_t wanted)
{
    size_t len = sl_byte_queue_len(self);
    /* By half at least, so that growing stays cheap; doubling would make a record of 16 KiB cost 32. */
    size_t least = self->capacity + self->capacity / 2;
    size_t capacity = ((wanted > least ? wanted : least) + PAGE - 1) / PAGE * PAGE;
    uint8_t *bytes;

    bytes = malloc(capacity);
    if (!bytes)
        return 0;
    if (len)
        memcpy(bytes, self->bytes + self->head, len);
    free(self->bytes);
    self->bytes = bytes;
    self->capacity = capacity;
    self->head = 0;
    self->tail = len;
    return 1;
}

int sl_byte_queue_append(SlByteQueue *self, const uint8_t *data, size_t len)
{
    size_t waiting = sl_byte_queue_len(self);

    if (len == 0)
        return 1;
    if (self->capacity - self->tail < len) {
        if (len > SIZE_MAX / 2 - waiting)
            return 0;
        if (waiting + len > self->capacity) {
            if (!grow(self, waiting + len))
                return 0;
        } else {
            memmove(self->bytes, self->bytes + self->head, waiting);
            self->head = 0;
            self->tail = waiting;
        }
    }
    memcpy(self->bytes + self->tail, data, len);
    self->tail += len;
    return 1;
}

void sl_byte_queue_consume(SlByteQueue *self, size_t len)
{
    self->head += len;
    if (self->head == self->tail)
        self->head = self->tail = 0;
}

void sl_byte_queue_release(SlByteQueue *self)
{
    free(self->bytes);
    memset(self, 0, sizeof *self);
}
