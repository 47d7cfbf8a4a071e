/* SPDX-License-Identifier: BSD-3-Clause */
#include "edits.h"

void seen_remember(Seen *self, const Datagram *datagram)
{
    if (self->n < SEEN_MAX)
        self->datagrams[self->n++] =
            (Datagram){datagram->to, datagram->len, exact_copy(datagram->data, datagram->len)};
}

void seen_clear(Seen *self)
{
    while (self->n)
        free(self->datagrams[--self->n].data);
}

static void put_big_endian(uint8_t *p, size_t n, uint64_t value)
{
    while (n--) {
        p[n] = (uint8_t)value;
        value >>= 8;
    }
}

/* Where the @n-th record begins; the last one if there are fewer. */
static size_t record_at(const Edited *e, unsigned n)
{
    size_t at = 0, next;

    while (e->len - at >= 13) {
        next = at + 13 + ((size_t)e->data[at + 11] << 8 | e->data[at + 12]);
        if (n-- == 0 || next + 13 > e->len)
            break;
        at = next;
    }
    return at;
}

static size_t record_end(const Edited *e, size_t at)
{
    size_t end = at + 13;

    if (end <= e->len)
        end += (size_t)e->data[at + 11] << 8 | e->data[at + 12];
    return end < e->len ? end : e->len;
}

/* Overwrites a field of the record or of the handshake header in it. */
static void set_field(Edited *e, size_t at, uint8_t which, uint16_t value)
{
    static const struct {
        uint8_t offset, size;
    } fields[] = {{0, 1},  {1, 2},  {3, 2},  {5, 6},  {9, 2},  {11, 2}, {13, 1},
                  {14, 3}, {17, 2}, {19, 3}, {22, 3}, {25, 2}, {13, 2}};
    size_t f = which % (sizeof fields / sizeof *fields);

    if (at + fields[f].offset + fields[f].size <= e->len)
        put_big_endian(e->data + at + fields[f].offset, fields[f].size, value);
}

static void replace_tail(Edited *e, size_t at, const uint8_t *data, size_t len)
{
    if (len > EDITED_MAX - at)
        len = EDITED_MAX - at;
    if (len)
        memcpy(e->data + at, data, len);
    e->len = at + len;
}

/* The lengths of the record at @at, and of a handshake fragment in it, made right again. */
static void mend(Edited *e, size_t at, int fragment)
{
    size_t body;

    if (e->len - at < 13)
        return;
    body = e->len - at - 13;
    put_big_endian(e->data + at + 11, 2, body);
    if (fragment && body >= 12) {
        put_big_endian(e->data + at + 14, 3, body - 12);
        put_big_endian(e->data + at + 19, 3, 0);
        put_big_endian(e->data + at + 22, 3, body - 12);
    }
}

static void cut_to_record(Edited *e, size_t at)
{
    size_t end = record_end(e, at);

    memmove(e->data, e->data + at, end - at);
    e->len = end - at;
}

void edited_edit(Edited *e, Input *in, const Seen *seen)
{
    uint8_t what = take_byte(in);
    size_t at = e->len ? record_at(e, what >> 5) : 0, where;
    uint16_t value = take_16(in);
    const uint8_t *bytes;
    uint8_t copy[EDITED_MAX];
    size_t n;

    switch (what % 10) {
    case 0:
        if (e->len)
            e->data[value % e->len] ^= take_byte(in);
        break;
    case 1:
    case 2:
        set_field(e, at, take_byte(in), value);
        break;
    case 3:
        e->len = e->len ? value % (e->len + 1) : 0;
        break;
    case 4: /* only this record */
        cut_to_record(e, at);
        break;
    case 5: /* bytes of the input from here on */
        where = at + value % (e->len - at + 1);
        n = take_bytes(in, take_byte(in), &bytes);
        replace_tail(e, where, bytes, n);
        break;
    case 6:
        mend(e, at, value & 1);
        break;
    case 7: /* once more */
        n = record_end(e, at) - at;
        memcpy(copy, e->data + at, n);
        replace_tail(e, e->len, copy, n);
        break;
    case 8: /* and another datagram of the call behind it */
        if (seen->n) {
            const Datagram *other = &seen->datagrams[value % seen->n];

            replace_tail(e, e->len, other->data, other->len);
        }
        break;
    default: /* a record number far ahead */
        if (e->len - at >= 13)
            e->data[at + 5 + value % 6] ^= (uint8_t)(value >> 8);
        break;
    }
}

void edited_from(Edited *self, const Datagram *source)
{
    memset(self, 0, sizeof *self);
    replace_tail(self, 0, source->data, source->len);
}
