/* SPDX-License-Identifier: BSD-3-Clause */
#include "record.h"

/* First bytes 001xxxxx: the unified header of DTLS 1.3 (RFC 9147 section 4), which cannot be read
 * without keys. */
#define UNIFIED_MASK 0xe0
#define UNIFIED_MARK 0x20

uint16_t sl_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

uint32_t sl_get24(const uint8_t *p) { return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]; }

uint64_t sl_get48(const uint8_t *p) { return (uint64_t)sl_get24(p) << 24 | sl_get24(p + 3); }

void sl_put16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

void sl_put24(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 16);
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)value;
}

void sl_put48(uint8_t *p, uint64_t value)
{
    sl_put24(p, (uint32_t)(value >> 24 & 0xffffff));
    sl_put24(p + 3, (uint32_t)(value & 0xffffff));
}

int sl_record_next(const uint8_t *datagram, size_t len, size_t *offset, SlRecord *out)
{
    if (*offset == len)
        return 0;
    if (*offset > len || len - *offset < SL_RECORD_HEADER)
        return -1;

    const uint8_t *header = datagram + *offset;
    if ((header[0] & UNIFIED_MASK) == UNIFIED_MARK)
        return -1;
    size_t body = sl_get16(header + 11);
    if (body > len - *offset - SL_RECORD_HEADER)
        return -1;

    out->type = header[0];
    out->version = sl_get16(header + 1);
    out->epoch = sl_get16(header + 3);
    out->number = sl_get48(header + 5);
    out->body = header + SL_RECORD_HEADER;
    out->len = body;
    *offset += SL_RECORD_HEADER + body;
    return 1;
}

int sl_fragment_next(const uint8_t *body, size_t len, size_t *offset, SlFragment *out)
{
    if (*offset == len)
        return 0;
    if (*offset > len || len - *offset < SL_HANDSHAKE_HEADER)
        return -1;

    const uint8_t *header = body + *offset;
    uint32_t length = sl_get24(header + 1);
    uint32_t first = sl_get24(header + 6);
    uint32_t part = sl_get24(header + 9);
    if (part > len - *offset - SL_HANDSHAKE_HEADER || first > length || part > length - first)
        return -1;

    out->type = header[0];
    out->length = length;
    out->message_seq = sl_get16(header + 4);
    out->fragment_offset = first;
    out->body = header + SL_HANDSHAKE_HEADER;
    out->len = part;
    *offset += SL_HANDSHAKE_HEADER + part;
    return 1;
}
