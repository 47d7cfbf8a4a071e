/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_BYTE_QUEUE_H
#define SL_BYTE_QUEUE_H

/* Bytes in order, contiguous at all times: what waits can be shown as one piece. It grows to what it had to hold and
 * stays there, so that a stream that runs does not allocate. */

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *bytes;
    size_t capacity;
    size_t head, tail; /* what waits is from head to tail */
} SlByteQueue;

static inline size_t sl_byte_queue_len(const SlByteQueue *self) { return self->tail - self->head; }

static inline const uint8_t *sl_byte_queue_data(const SlByteQueue *self)
{
    return self->bytes ? self->bytes + self->head : NULL;
}

/* Copies to the end; 0: no memory, and nothing has changed. The bound is the caller's. */
int sl_byte_queue_append(SlByteQueue *self, const uint8_t *data, size_t len);

/* Removes from the front; no more than there is. */
void sl_byte_queue_consume(SlByteQueue *self, size_t len);

/* Frees the memory; what waits is gone. It is ciphertext: there is nothing to wipe. */
void sl_byte_queue_release(SlByteQueue *self);

#endif
