/* SPDX-License-Identifier: BSD-3-Clause */
#include "reassembly.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS (SL_RECORD_HEADER + SL_HANDSHAKE_HEADER)

void sl_reassembly_clear(SlReassembly *self)
{
    free(self->record);
    memset(self, 0, sizeof *self);
}

int sl_reassembly_is_of(const SlReassembly *self, const SlFragment *fragment)
{
    return self->record && self->type == fragment->type &&
           self->message_seq == fragment->message_seq && self->length == fragment->length;
}

static void write_headers(const SlReassembly *self)
{
    uint8_t *message = self->record + SL_RECORD_HEADER;

    self->record[0] = SL_HANDSHAKE;
    sl_put16(self->record + 1, 0xfefd);
    sl_put16(self->record + 11, (uint16_t)(SL_HANDSHAKE_HEADER + self->length));
    message[0] = self->type;
    sl_put24(message + 1, self->length);
    sl_put16(message + 4, self->message_seq);
    sl_put24(message + 9, self->length);
}

static int begin(SlReassembly *self, const SlFragment *fragment)
{
    sl_reassembly_clear(self);
    if (fragment->length > SL_REASSEMBLY_MAX)
        return 0;
    self->record = calloc(1, HEADERS + fragment->length + fragment->length / 8 + 1);
    if (!self->record)
        return 0;
    self->have = self->record + HEADERS + fragment->length;
    self->type = fragment->type;
    self->message_seq = fragment->message_seq;
    self->length = self->missing = fragment->length;
    write_headers(self);
    return 1;
}

size_t sl_reassembly_add(SlReassembly *self, const SlFragment *fragment)
{
    uint32_t before;

    if (!sl_reassembly_is_of(self, fragment) && !begin(self, fragment))
        return 0;
    before = self->missing;
    for (size_t i = 0; i < fragment->len; i++) {
        size_t at = fragment->fragment_offset + i;
        uint8_t bit = (uint8_t)(1u << at % 8);

        self->missing -= !(self->have[at / 8] & bit);
        self->have[at / 8] |= bit;
        self->record[HEADERS + at] = fragment->body[i];
    }
    return before - self->missing;
}

size_t sl_reassembly_whole(const SlReassembly *self)
{
    return self->record && self->missing == 0 ? HEADERS + self->length : 0;
}
