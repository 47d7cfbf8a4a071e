/* SPDX-License-Identifier: BSD-3-Clause */

/* How bytes pass a stream: ciphertext in and out at one side, plaintext at the other. */

#include "stream-private.h"

#include <openssl/ssl.h>

#include <sys/uio.h>

#define RECORD_MAX 16384
#define RECORD_HEADER 5
/* What a record adds at most: header, and for TLS 1.2 a nonce of 8 bytes, and a tag of 16 (1.3: a type byte and the tag). */
#define EXPANSION 29

/* -- ciphertext in ------------------------------------------------------------------------------------------ */

SluiceStatus sluice_stream_receive(SluiceStream *self, const uint8_t *data, size_t len,
                                   size_t *taken)
{
    size_t room;

    if (taken)
        *taken = 0;
    if (!self || !taken || (len && !data))
        return SLUICE_INVALID_ARGUMENT;
    if (self->state == SLUICE_STATE_NEW)
        return SLUICE_INVALID_STATE;
    if (self->state == SLUICE_STATE_FAILED)
        return SLUICE_ENDED;
    if (self->peer_closed)
        return SLUICE_END_OF_STREAM;
    if (sl_stream_has_ended(self))
        return SLUICE_ENDED;
    if (self->ended_below)
        return SLUICE_INVALID_STATE;
    while (len) {
        room = self->config->stream.input_bytes - sl_byte_queue_len(&self->bio.in);
        if (room == 0)
            return SLUICE_WOULD_BLOCK;
        if (room > len)
            room = len;
        if (!sl_byte_queue_append(&self->bio.in, data, room)) {
            sl_stream_fail(self, SLUICE_END_NO_MEMORY, "");
            return SLUICE_ENDED;
        }
        self->received += room;
        *taken += room;
        data += room;
        len -= room;
        sl_stream_advance(self);
        if (sl_stream_has_ended(self)) {
            self->received += len;
            *taken += len;
            return SLUICE_ENDED;
        }
    }
    return SLUICE_OK;
}

SluiceStatus sluice_stream_receive_end(SluiceStream *self)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state == SLUICE_STATE_NEW)
        return SLUICE_INVALID_STATE;
    if (self->state == SLUICE_STATE_FAILED)
        return SLUICE_ENDED;
    self->ended_below = 1;
    sl_stream_advance(self);
    return self->state == SLUICE_STATE_FAILED ? SLUICE_ENDED : SLUICE_OK;
}

int sluice_stream_wants_input(const SluiceStream *self)
{
    return self && self->state != SLUICE_STATE_NEW && !sl_stream_has_ended(self) &&
           !self->peer_closed && !self->ended_below &&
           sl_byte_queue_len(&self->bio.in) < self->config->stream.input_bytes;
}

int sluice_stream_peek_rest(const SluiceStream *self, const uint8_t **data, size_t *len)
{
    if (!self || !data || !len)
        return 0;
    *data = sl_byte_queue_data(&self->bio.in);
    *len = self->peer_closed ? sl_byte_queue_len(&self->bio.in) : 0;
    return *len > 0;
}

/* -- plaintext out ------------------------------------------------------------------------------------------ */

static SluiceStatus nothing_to_read(SluiceStream *self)
{
    if (self->peer_closed)
        return SLUICE_END_OF_STREAM;
    if (self->ended_below && !self->bio.blocked && sl_byte_queue_len(&self->bio.in) == 0)
        sl_stream_fail(self, SLUICE_END_TRUNCATED, "");
    return self->state == SLUICE_STATE_FAILED ? SLUICE_ENDED : SLUICE_WOULD_BLOCK;
}

static SluiceStatus may_pass(const SluiceStream *self)
{
    if (self->state == SLUICE_STATE_FAILED)
        return SLUICE_ENDED;
    return self->state < SLUICE_STATE_CONNECTED ? SLUICE_NOT_READY : SLUICE_OK;
}

SluiceStatus sluice_stream_read(SluiceStream *self, uint8_t *buffer, size_t capacity, size_t *len)
{
    SlPumpResult result = SL_PUMP_DONE;
    SlPumpError error;
    SluiceStatus status;
    size_t n;

    if (len)
        *len = 0;
    if (!self || !buffer || capacity == 0 || !len)
        return SLUICE_INVALID_ARGUMENT;
    status = may_pass(self);
    if (status != SLUICE_OK)
        return status;
    if (self->peer_closed)
        return SLUICE_END_OF_STREAM;
    if (self->state == SLUICE_STATE_CLOSED)
        return SLUICE_ENDED;
    /* Released buffers are not made again for nothing. */
    if (sl_byte_queue_len(&self->bio.in) == 0 && !SSL_has_pending(self->ssl) &&
        !SSL_in_init(self->ssl))
        return nothing_to_read(self);
    if (!sl_stream_need_buffers(self)) /* it may have to answer a key update */
        return SLUICE_ENDED;
    self->bio.blocked = 0;
    while (*len < capacity && result == SL_PUMP_DONE) {
        result = sl_pump_read(self->ssl, buffer + *len, capacity - *len, &n, &error);
        *len += n;
    }
    self->read += *len;
    /* Inside a handshake message nothing else may come (RFC 8446 section 5.1). */
    if (result == SL_PUMP_CLOSED && SSL_in_init(self->ssl))
        result = SL_PUMP_FATAL;
    if (result == SL_PUMP_CLOSED) {
        self->peer_closed = 1;
        if (!self->close_sent)
            self->end.reason = SLUICE_END_CLOSE_NOTIFY;
        sl_stream_check_closed(self);
    } else if (result == SL_PUMP_FATAL) {
        sl_stream_fail_by(self, &error);
    }
    return *len ? SLUICE_OK : nothing_to_read(self);
}

/* -- plaintext in ------------------------------------------------------------------------------------------- */

static size_t largest_record(const SluiceStream *self)
{
    size_t limit = self->message_limit;

    /* The peer may have asked for small ones: 2^9 to 2^12 bytes (RFC 6066 section 4). */
    const SSL_SESSION *session = SSL_get_session(self->ssl);
    unsigned code = session ? SSL_SESSION_get_max_fragment_length(session) : 0;
    size_t most = code >= 1 && code <= 4 ? (size_t)256 << code : RECORD_MAX;

    return limit && limit < most + EXPANSION ? limit - EXPANSION : most;
}

/* How much of @len may become the next record. Crumbs of room are left alone: a record of a few bytes for each
 * few bytes that the transport takes would be mostly header. */
static size_t next_record(const SluiceStream *self, size_t len)
{
    size_t most = self->config->stream.output_bytes, waiting = sl_byte_queue_len(&self->bio.out);
    size_t room = waiting + EXPANSION < most ? most - waiting - EXPANSION : 0;
    size_t wanted = len < largest_record(self) ? len : largest_record(self);

    if (wanted <= room)
        return wanted;
    return room >= most / 4 ? room : 0;
}

/* TLS 1.2 has no such thing: it goes on, as everybody's does. 0: the stream has failed. */
static int change_keys(SluiceStream *self, int request)
{
    SlPumpError error;

    self->records_left = SL_STREAM_RECORDS_MAX;
    if (SSL_version(self->ssl) != TLS1_3_VERSION ||
        sl_pump_update_keys(self->ssl, request, &error) != SL_PUMP_FATAL)
        return 1;
    sl_stream_fail_by(self, &error);
    return 0;
}

SluiceStatus sluice_stream_write(SluiceStream *self, const uint8_t *data, size_t len,
                                 size_t *accepted)
{
    SlPumpError error;
    SluiceStatus status;
    size_t n;

    if (accepted)
        *accepted = 0;
    if (!self || !accepted || (len && !data))
        return SLUICE_INVALID_ARGUMENT;
    status = may_pass(self);
    if (status != SLUICE_OK)
        return status;
    if (self->close_asked)
        return SLUICE_INVALID_STATE;
    if (self->state == SLUICE_STATE_CLOSED || !sl_stream_need_buffers(self))
        return SLUICE_ENDED;
    while (len) {
        n = next_record(self, len);
        if (n == 0)
            return SLUICE_WOULD_BLOCK;
        switch (sl_pump_write_some(self->ssl, data, n, &n, &error)) {
        case SL_PUMP_DONE:
            break;
        case SL_PUMP_WAIT:
            return SLUICE_WOULD_BLOCK;
        case SL_PUMP_CLOSED:
        case SL_PUMP_FATAL:
        default:
            sl_stream_fail_by(self, &error);
            return SLUICE_ENDED;
        }
        self->accepted += n;
        *accepted += n;
        data += n;
        len -= n;
        if (--self->records_left == 0 && !change_keys(self, 0))
            return SLUICE_ENDED;
    }
    return SLUICE_OK;
}

size_t sluice_stream_writable(const SluiceStream *self)
{
    size_t most, waiting, room, sum = 0, n;

    if (!self || self->state != SLUICE_STATE_CONNECTED || self->close_asked ||
        SSL_in_init(self->ssl)) /* a message of the peer's is not whole */
        return 0;
    most = self->config->stream.output_bytes;
    waiting = sl_byte_queue_len(&self->bio.out);
    if (SSL_get_key_update_type(self->ssl) != SSL_KEY_UPDATE_NONE)
        waiting += RECORD_HEADER + EXPANSION; /* the answer to the peer's goes first */
    while (waiting + EXPANSION < most) {
        room = most - waiting - EXPANSION;
        n = room < largest_record(self) ? room : largest_record(self);
        if (n < largest_record(self) && n < most / 4)
            break;
        sum += n;
        waiting += n + EXPANSION;
    }
    return sum;
}

SluiceStatus sluice_stream_update_keys(SluiceStream *self, int request)
{
    SlPumpError error;
    SluiceStatus status;

    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    status = may_pass(self);
    if (status != SLUICE_OK)
        return status;
    if (self->state == SLUICE_STATE_CLOSED || self->close_asked)
        return SLUICE_INVALID_STATE;
    if (SSL_version(self->ssl) != TLS1_3_VERSION)
        return SLUICE_UNSUPPORTED;
    if (next_record(self, EXPANSION) == 0)
        return SLUICE_WOULD_BLOCK;
    if (!sl_stream_need_buffers(self))
        return SLUICE_ENDED;
    /* Inside a message of the peer's OpenSSL refuses, and that must not be the end. */
    if (SSL_in_init(self->ssl)) {
        SlPumpResult result = sl_pump_handshake(self->ssl, &error);
        if (result == SL_PUMP_WAIT)
            return SLUICE_WOULD_BLOCK;
        if (result != SL_PUMP_DONE) {
            sl_stream_fail_by(self, &error);
            return SLUICE_ENDED;
        }
    }
    return change_keys(self, request != 0) ? SLUICE_OK : SLUICE_ENDED;
}

/* -- ciphertext out ----------------------------------------------------------------------------------------- */

/* The message that begins at @at, @left bytes of it in the queue, or 0 if it is not whole yet. @inside: what is left of
 * a record that goes in pieces; on return behind this message. */
static size_t message_at(const SluiceStream *self, const uint8_t *at, size_t left, size_t *inside)
{
    size_t record = *inside, message;

    if (record == 0) {
        if (left < RECORD_HEADER)
            return 0;
        record = RECORD_HEADER + ((size_t)at[3] << 8 | at[4]);
    }
    message = record < self->message_limit ? record : self->message_limit;
    if (message > left)
        return 0;
    *inside = record - message;
    return message;
}

size_t sluice_stream_peek_output_iovec(SluiceStream *self, struct iovec *vectors, size_t n)
{
    const uint8_t *at;
    size_t left, inside, count = 0, message;

    if (!self || !vectors)
        return 0;
    at = sl_byte_queue_data(&self->bio.out);
    left = sl_byte_queue_len(&self->bio.out);
    inside = self->record_left;
    while (count < n && left) {
        message = self->message_limit ? message_at(self, at, left, &inside) : left;
        if (message == 0)
            break;
        vectors[count].iov_base = (void *)(uintptr_t)at; /* writev() does not alter it */
        vectors[count++].iov_len = message;
        at += message;
        left -= message;
    }
    return count;
}

int sluice_stream_peek_output(SluiceStream *self, const uint8_t **data, size_t *len)
{
    struct iovec vector;

    if (!data || !len || !sluice_stream_peek_output_iovec(self, &vector, 1))
        return 0;
    *data = vector.iov_base;
    *len = vector.iov_len;
    return 1;
}

SluiceStatus sluice_stream_pop_output(SluiceStream *self, size_t bytes)
{
    size_t whole = 0, message, inside;

    if (!self || bytes > sl_byte_queue_len(&self->bio.out))
        return SLUICE_INVALID_ARGUMENT;
    if (self->message_limit) {
        const uint8_t *at = sl_byte_queue_data(&self->bio.out);

        inside = self->record_left;
        while (whole < bytes) {
            message =
                message_at(self, at + whole, sl_byte_queue_len(&self->bio.out) - whole, &inside);
            if (message == 0 || message > bytes - whole)
                return SLUICE_INVALID_ARGUMENT;
            whole += message;
        }
        self->record_left = inside;
    }
    sl_byte_queue_consume(&self->bio.out, bytes);
    self->taken += bytes;
    sl_stream_advance(self);
    return SLUICE_OK;
}

SluiceStatus sluice_stream_set_message_limit(SluiceStream *self, size_t bytes)
{
    if (!self || (bytes && (bytes < 64 || bytes > 16777216)))
        return SLUICE_INVALID_ARGUMENT;
    if (self->state != SLUICE_STATE_NEW)
        return SLUICE_INVALID_STATE;
    self->message_limit = bytes;
    /* What OpenSSL says by itself, too; its least is 512. */
    if (bytes == 0 || bytes > RECORD_MAX + EXPANSION)
        bytes = RECORD_MAX + EXPANSION; /* an earlier limit may have been lower */
    bytes = bytes < 512 + EXPANSION ? 512 : bytes - EXPANSION;
    /* The first lowers both and raises one. */
    if (!SSL_set_max_send_fragment(self->ssl, (long)bytes) ||
        !SSL_set_split_send_fragment(self->ssl, (long)bytes))
        return SLUICE_INTERNAL;
    return SLUICE_OK;
}
