/* SPDX-License-Identifier: BSD-3-Clause */
#include "cutting.h"

#define HEADERS 25

/* A server without an association reads a ClientHello by its first fragment, which has to hold the cookie. */
#define SMALLEST_HELLO 64

static void put(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

static uint64_t get(const uint8_t *in, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
}

static void send(Cutting *self, SluiceTime at, const uint8_t *data, size_t len)
{
    self->fragments++;
    if (self->fragments != self->lost)
        link_inject(self->link, at, data, len);
}

/* One message, whole, as a record. */
static void cut_message(Cutting *self, SluiceTime at, const uint8_t *record, size_t len,
                        size_t size)
{
    size_t length = len - HEADERS, n = length ? (length + size - 1) / size : 1;
    uint8_t out[2048];

    for (size_t k = 0; k < n; k++) {
        size_t i = self->backwards ? n - 1 - k : k, start = i * size,
               end = start + size < length ? start + size : length;

        start = start > self->overlap ? start - self->overlap : 0;
        memcpy(out, record, HEADERS);
        put(out + 5, get(record + 5, 6) * 1024 + i, 6);
        put(out + 11, 12 + end - start, 2);
        put(out + 19, start, 3);
        put(out + 22, end - start, 3);
        memcpy(out + HEADERS, record + HEADERS + start, end - start);
        send(self, at, out, HEADERS + end - start);
    }
}

/* 0: it stays whole. */
static size_t size_for(const Cutting *self, uint8_t type)
{
    if (type != 1)
        return self->size;
    if (self->hello)
        return self->hello;
    return self->size >= SMALLEST_HELLO ? self->size : 0;
}

int cut(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Cutting *self = context;
    SluiceTime at = now + self->link->settings.delay;

    (void)number;
    if (data[0] < 20 || data[0] > 23)
        return 1;
    for (size_t offset = 0, n; offset + 13 <= len; offset += n) {
        const uint8_t *record = data + offset;

        n = 13 + get(record + 11, 2);
        if (record[0] == 22 && size_for(self, record[13]) && get(record + 3, 2) == 0 &&
            get(record + 14, 3) == n - HEADERS)
            cut_message(self, at, record, n, size_for(self, record[13]));
        else
            link_inject(self->link, at, record, n);
    }
    return 0;
}
