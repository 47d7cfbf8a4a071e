/* SPDX-License-Identifier: BSD-3-Clause */
#include "flight.h"

#include "record.h"

#include <stdlib.h>
#include <string.h>

#define MTU_MAX 4096
#define FRAGMENT_OVERHEAD (SL_RECORD_HEADER + SL_HANDSHAKE_HEADER)
#define CRUMB 32

/* One datagram being filled. */
typedef struct {
    SlFlight *flight;
    SlOutput *output;
    size_t mtu, len;
    SluiceStatus status;
    uint8_t *last;     /* the fragment at the end of the datagram, which may grow; else NULL */
    uint16_t last_seq; /* its message */
    uint32_t last_end; /* the next byte of that message */
    uint8_t bytes[MTU_MAX];
} Packer;

void sl_flight_cleanup(SlFlight *self)
{
    free(self->records);
    self->records = NULL;
    self->len = self->capacity = 0;
}

void sl_flight_shrink(SlFlight *self)
{
    uint8_t *records = self->len ? realloc(self->records, self->len) : NULL;

    if (!records)
        return;
    self->records = records;
    self->capacity = self->len;
}

void sl_flight_begin(SlFlight *self)
{
    self->len = 0;
    memset(&self->note, 0, sizeof self->note);
    self->note.direction = SLUICE_SENT_OUT;
}

SluiceStatus sl_flight_add(SlFlight *self, const uint8_t *record, size_t len)
{
    if (self->len + len > self->capacity) {
        size_t capacity = self->len + len + 1024;
        uint8_t *records = realloc(self->records, capacity);

        if (!records)
            return SLUICE_NO_MEMORY;
        self->records = records;
        self->capacity = capacity;
    }
    memcpy(self->records + self->len, record, len);
    self->len += len;
    return SLUICE_OK;
}

void sl_flight_number(SlFlight *self, uint8_t *record)
{
    if (sl_get16(record + 3) == 0)
        sl_put48(record + 5, self->next_number++);
}

static void flush(Packer *packer)
{
    SluiceStatus status;

    if (packer->len == 0)
        return;
    status = sl_output_push_of(packer->output, SL_OUTPUT_FLIGHT, packer->flight->maker,
                               packer->bytes, packer->len);
    if (status != SLUICE_OK)
        packer->status = status;
    packer->flight->note.datagrams++;
    packer->flight->note.bytes += (uint32_t)packer->len;
    packer->len = 0;
    packer->last = NULL;
}

/* Room for a record of @len bytes in this datagram or the next. */
static uint8_t *reserve(Packer *packer, size_t len)
{
    uint8_t *at;

    if (packer->len + len > packer->mtu)
        flush(packer);
    at = packer->bytes + packer->len;
    packer->len += len;
    return at;
}

/* Another fragment header, and the bytes from @done on that the datagram has room for. Returns how many. */
static size_t begin_fragment(Packer *packer, const uint8_t *header, const SlFragment *fragment,
                             size_t done)
{
    size_t room = packer->mtu - packer->len, n = fragment->len - done;
    uint8_t *at;

    /* A last crumb of the datagram is not worth a header. */
    if (FRAGMENT_OVERHEAD + n > room && room < FRAGMENT_OVERHEAD + CRUMB)
        room = packer->mtu;
    if (n > room - FRAGMENT_OVERHEAD)
        n = room - FRAGMENT_OVERHEAD;
    at = reserve(packer, FRAGMENT_OVERHEAD + n);
    memcpy(at, header, 5);
    sl_flight_number(packer->flight, at);
    sl_put16(at + 11, (uint16_t)(SL_HANDSHAKE_HEADER + n));
    at[13] = fragment->type;
    sl_put24(at + 14, fragment->length);
    sl_put16(at + 17, fragment->message_seq);
    sl_put24(at + 19, fragment->fragment_offset + (uint32_t)done);
    sl_put24(at + 22, (uint32_t)n);
    memcpy(at + FRAGMENT_OVERHEAD, fragment->body + done, n);
    packer->last = at;
    packer->last_seq = fragment->message_seq;
    packer->last_end = fragment->fragment_offset + (uint32_t)(done + n);
    return n;
}

/* The fragment before this one is of the same message and ends where this one begins: no header between them. Returns
 * how many bytes found room behind it. */
static size_t extend_fragment(Packer *packer, const SlFragment *fragment)
{
    size_t room = packer->mtu - packer->len, n = fragment->len < room ? fragment->len : room;
    uint8_t *at = packer->last;

    if (!at || packer->last_seq != fragment->message_seq ||
        packer->last_end != fragment->fragment_offset)
        return 0;
    memcpy(packer->bytes + packer->len, fragment->body, n);
    packer->len += n;
    packer->last_end += (uint32_t)n;
    sl_put16(at + 11, (uint16_t)(sl_get16(at + 11) + n));
    sl_put24(at + 22, (uint32_t)(sl_get16(at + 11) - SL_HANDSHAKE_HEADER));
    return n;
}

/* Plaintext messages are cut anew (RFC 6347 section 4.2.3), each datagram filled: OpenSSL cuts a retransmission at other
 * places than the first time, and then it would take more datagrams. */
static void put_fragment(Packer *packer, const uint8_t *header, const SlFragment *fragment)
{
    size_t done = extend_fragment(packer, fragment);

    if (fragment->len == 0)
        (void)begin_fragment(packer, header, fragment, 0);
    while (done < fragment->len)
        done += begin_fragment(packer, header, fragment, done);
}

static void put_record(Packer *packer, const uint8_t *start, const SlRecord *record)
{
    const size_t len = SL_RECORD_HEADER + record->len;
    size_t offset = 0;
    SlFragment fragment;
    uint8_t *at;

    if (record->type == SL_HANDSHAKE && record->epoch == 0 &&
        sl_fragment_next(record->body, record->len, &offset, &fragment) == 1 &&
        offset == record->len) {
        put_fragment(packer, start, &fragment);
        return;
    }
    if (len > MTU_MAX) /* OpenSSL writes no datagram larger than its MTU */
        return;
    at = reserve(packer, len);
    memcpy(at, start, len);
    sl_flight_number(packer->flight, at);
    packer->last = NULL;
    if (packer->len >= packer->mtu) /* one that cannot be cut may be longer */
        flush(packer);
}

SluiceStatus sl_flight_emit(SlFlight *self, size_t mtu, SlOutput *output)
{
    Packer packer = {.flight = self, .output = output, .mtu = mtu, .status = SLUICE_OK};
    size_t offset = 0, start = 0;
    SlRecord record;

    sl_output_drop_of(output, SL_OUTPUT_FLIGHT, self->maker);
    self->note.datagrams = 0;
    self->note.bytes = 0;
    while (sl_record_next(self->records, self->len, &offset, &record) == 1) {
        put_record(&packer, self->records + start, &record);
        start = offset;
    }
    flush(&packer);
    return packer.status;
}

static int flight_of(SluiceRole from, unsigned type, const SlFragment *fragment)
{
    if (type == SL_HANDSHAKE && fragment) {
        if (fragment->type == SL_CLIENT_HELLO)
            return fragment->message_seq ? 3 : 1;
        if (fragment->type == SL_HELLO_VERIFY_REQUEST)
            return 2;
        return from == SLUICE_ROLE_CLIENT ? 5 : 4;
    }
    return from == SLUICE_ROLE_CLIENT ? 5 : 6;
}

static void note_record(SluiceFlight *note, SluiceRole from, const SlRecord *record)
{
    size_t offset = 0;
    SlFragment fragment;
    int number = 0;

    if (record->type == SL_CHANGE_CIPHER_SPEC) {
        note->change_cipher_spec = 1;
        number = flight_of(from, record->type, NULL);
    } else if (record->type == SL_HANDSHAKE && record->epoch > 0) {
        note->encrypted = 1;
        number = flight_of(from, record->type, NULL);
    } else if (record->type == SL_HANDSHAKE) {
        while (sl_fragment_next(record->body, record->len, &offset, &fragment) == 1) {
            if (fragment.type < 32)
                note->messages |= 1u << fragment.type;
            number = flight_of(from, record->type, &fragment);
        }
    }
    if (number > note->number)
        note->number = number;
}

void sl_flight_note(SluiceFlight *note, SluiceRole from, const uint8_t *datagram, size_t len)
{
    size_t offset = 0;
    SlRecord record;

    note->datagrams++;
    note->bytes += (uint32_t)len;
    while (sl_record_next(datagram, len, &offset, &record) == 1)
        note_record(note, from, &record);
}
