/* SPDX-License-Identifier: BSD-3-Clause */

/* The flights of an association both ways (RFC 6347 section 4.2.4): what OpenSSL writes becomes ours, what the peer sends
 * is told as its, and the time between them seeds the timer. */

#include "dtls-private.h"
#include "record.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <string.h>

#define MTU_SMALLEST 256

static void push_flight(SlDtls *self, const SluiceFlight *flight)
{
    SluiceEvent event = {.type = SLUICE_EVENT_FLIGHT, .time = self->now, .u.flight = *flight};

    sl_event_queue_push(self->sinks.events, &event);
}

/* How long a server waits for the rest of a ClientHello before it hears another one. */
#define HELLO_PATIENCE SLUICE_SECOND

/* -- what OpenSSL writes ------------------------------------------------------------------------------------ */

static SluiceStatus add_to_flight(SlDtls *self, const SlRecord *record, const uint8_t *bytes,
                                  size_t len)
{
    /* Late to wake up, SSL_read() first sends flight 4 again and then reads what made that needless: the server's
     * ChangeCipherSpec opens flight 6, which has no timer that would tell. */
    int overtaken = self->role == SLUICE_ROLE_SERVER && record->type == SL_CHANGE_CIPHER_SPEC;

    if (!self->flight_open || overtaken)
        sl_flight_begin(&self->flight);
    self->flight_open = 1;
    return sl_flight_add(&self->flight, bytes, len);
}

/* An alert in plaintext would end the honest peer's handshake, too; whether it is due is seen later. */
static int hold_back(SlDtls *self, const uint8_t *bytes, size_t len)
{
    SlHandshakeInput *input = self->input;

    if (!input || self->keyed || len > sizeof input->last_words)
        return 0;
    memcpy(input->last_words, bytes, len);
    input->last_words_len = len;
    return 1;
}

static void on_record(SlDtls *self, const SlRecord *record, uint8_t *bytes, size_t len)
{
    SluiceStatus status;

    switch (record->type) {
    case SL_HANDSHAKE:
    case SL_CHANGE_CIPHER_SPEC:
        status = add_to_flight(self, record, bytes, len);
        break;
    case SL_ALERT:
        sl_flight_number(&self->flight, bytes);
        if (hold_back(self, bytes, len))
            return;
        status =
            sl_output_push_of(self->sinks.output, SL_OUTPUT_ALERT, self->sinks.maker, bytes, len);
        break;
    default:
        status =
            sl_output_push_of(self->sinks.output, SL_OUTPUT_DATA, self->sinks.maker, bytes, len);
        break;
    }
    if (status == SLUICE_NO_MEMORY)
        self->no_memory = 1;
}

void sl_dtls_on_write(void *context, const uint8_t *data, size_t len)
{
    SlDtls *self = context;
    size_t offset = 0, start = 0;
    SlRecord record;
    uint8_t *copy = OPENSSL_memdup(data, len);

    if (!copy) {
        self->no_memory = 1;
        return;
    }
    while (sl_record_next(copy, len, &offset, &record) == 1) {
        on_record(self, &record, copy + start, offset - start);
        start = offset;
    }
    OPENSSL_free(copy);
}

/* -- sizes and timer ---------------------------------------------------------------------------------------- */

static size_t next_mtu(size_t mtu) { return mtu > 1200 ? 1200 : mtu > 576 ? 576 : MTU_SMALLEST; }

static void lower_mtu(SlDtls *self)
{
    self->mtu = next_mtu(self->mtu);
    self->bio.mtu = self->mtu;
    SSL_set_mtu(self->ssl, (long)self->mtu);
    self->sinks.stats->handshake_mtu = (uint32_t)self->mtu;
    self->sinks.stats->mtu_reductions++;
}

void sl_dtls_lower_mtu_if_lost_twice(SlDtls *self)
{
    if (self->finished || self->clock.expiries < 1 || self->flight.note.bytes <= MTU_SMALLEST)
        return;
    /* A step that would leave the flight as it is, because it is smaller anyway, is skipped. */
    while (self->mtu > MTU_SMALLEST) {
        lower_mtu(self);
        if (self->mtu < self->flight.note.bytes)
            break;
    }
}

/* The peer has cut its flight smaller than we would, and we have waited for it longer than a timer: it has lost larger ones,
 * and so would we (RFC 6347 section 4.1.1.1). Whoever has forged that has made us cut as we do after a loss, no more. */
static void follow_peer(SlDtls *self)
{
    size_t mtu = self->mtu;

    while (self->incoming_largest && mtu > MTU_SMALLEST && next_mtu(mtu) >= self->incoming_largest)
        mtu = next_mtu(mtu);
    while (self->mtu > mtu && self->flight.note.bytes > mtu)
        lower_mtu(self);
}

void sl_dtls_cut_smaller(SlDtls *self, size_t refused)
{
    do
        lower_mtu(self);
    while (self->mtu > MTU_SMALLEST && self->mtu >= refused);
    self->flight_open = self->flight.len > 0;
    self->flight_recut = 1;
}

/* @previous is not 0 when a flight has expired and is about to be made again. That happens inside SSL_read() too, when
 * the peer's own retransmission arrives as our timer runs out: so this is the place to think of its size. */
unsigned int sl_dtls_on_timer(SSL *ssl, unsigned int previous)
{
    SlDtls *self = SSL_get_app_data(ssl);

    if (previous != 0)
        sl_dtls_lower_mtu_if_lost_twice(self);
    else if (
        self->flight_open) /* the old flight was sent again in this call, and is answered: it need not go */
        sl_flight_begin(&self->flight);
    return sl_dtls_clock_duration(&self->clock, previous);
}

/* -- what the peer sends ------------------------------------------------------------------------------------ */

/* @answered: it brought the handshake on. What did not may be a copy, or forged. */
static void close_incoming(SlDtls *self, int answered)
{
    if (self->incoming.number == 0)
        return;
    self->incoming.direction = SLUICE_RECEIVED;
    self->incoming.retransmission = self->incoming.number <= self->last_received;
    if (answered && self->incoming.number > self->last_received)
        self->last_received = self->incoming.number;
    self->sinks.stats->flights_received++;
    push_flight(self, &self->incoming);
    memset(&self->incoming, 0, sizeof self->incoming);
}

static int has_cut_message(const uint8_t *datagram, size_t len)
{
    size_t offset = 0, at;
    SlRecord record;
    SlFragment fragment;

    while (sl_record_next(datagram, len, &offset, &record) == 1)
        for (at = 0; record.type == SL_HANDSHAKE && record.epoch == 0 &&
                     sl_fragment_next(record.body, record.len, &at, &fragment) == 1;)
            if (fragment.len < fragment.length)
                return 1;
    return 0;
}

/* The peer's Finished, byte by byte, or another one: of another handshake, or made anew. */
static int has_known_finished(const SlDtls *self, const uint8_t *datagram, size_t len)
{
    size_t offset = 0;
    SlRecord record;

    while (sl_record_next(datagram, len, &offset, &record) == 1)
        if (record.type == SL_HANDSHAKE && record.epoch > 0 && record.len >= SL_TAG &&
            memcmp(record.body + record.len - SL_TAG, self->finished_tag, SL_TAG) == 0)
            return 1;
    return 0;
}

void sl_dtls_note_incoming(SlDtls *self, const uint8_t *datagram, size_t len)
{
    SluiceRole peer = self->role == SLUICE_ROLE_CLIENT ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
    SluiceFlight piece = {0};

    sl_flight_note(&piece, peer, datagram, len);
    /* Data and alerts make no flight. 5 answers our 4, and 6 our 5: before these are sent it cannot be real. */
    if (piece.number == 0 || (piece.number >= 5 && self->last_sent < piece.number - 1))
        return;
    /* A late copy of one flight is no part of the next. */
    if (self->incoming.number != piece.number)
        close_incoming(self, 0);
    if (self->incoming.number == 0 && piece.number > self->last_received) {
        self->heard_at = self->now;
        if (self->now >
            self->clock.due) /* nobody was there to send it again: that is no round trip */
            self->sent_at = SLUICE_TIME_NEVER;
    }
    if (self->incoming.number == 0)
        self->incoming_largest = 0;
    if (len > self->incoming_largest && self->clock.expiries > 0 &&
        (self->incoming_largest || has_cut_message(datagram, len)))
        self->incoming_largest = len;
    self->incoming.number = piece.number;
    self->incoming.datagrams += piece.datagrams;
    self->incoming.bytes += piece.bytes;
    self->incoming.messages |= piece.messages;
    self->incoming.change_cipher_spec |= piece.change_cipher_spec;
    self->incoming.encrypted |= piece.encrypted;
    self->incoming_is_copy = self->finished && has_known_finished(self, datagram, len);
}

/* The time from a flight that was sent once to the first of its answer is a round trip, and seeds the timers that
 * follow. */
static void measure_rtt(SlDtls *self)
{
    SluiceStats *stats = self->sinks.stats;

    if (self->last_sent == 0 || self->sent_at == SLUICE_TIME_NEVER || stats->handshake_rtt ||
        self->incoming.number <= self->last_received)
        return;
    stats->handshake_rtt = self->heard_at > self->sent_at ? self->heard_at - self->sent_at : 1;
    if (!self->rtt)
        sl_dtls_clock_set_first(&self->clock, sl_dtls_clock_first_of_rtt(stats->handshake_rtt),
                                self->config->handshake_deadline);
}

int sl_dtls_is_fresh(const SlDtls *self, SluiceTime now)
{
    /* Nothing was sent, so no timer runs: the ClientHello is not whole. What an honest client has lost of it comes again. */
    if (self->role == SLUICE_ROLE_SERVER && self->last_sent == 0)
        return now - self->hello_at < HELLO_PATIENCE;
    return self->clock.expiries == 0;
}

uint64_t sl_dtls_next_number(const SlDtls *self) { return self->flight.next_number; }

/* -- after each call into OpenSSL --------------------------------------------------------------------------- */

static void count_flight(SlDtls *self, SluiceFlight *note)
{
    SluiceStats *stats = self->sinks.stats;

    stats->flights_sent++;
    if (note->number > self->last_sent) {
        self->answer_took = self->last_sent ? self->now - self->first_sent_at : 0;
        self->last_sent = note->number;
        self->first_sent_at = self->sent_at = self->now;
        return;
    }
    if (self->flight_recut) /* the network took nothing of that size: this is the first to go */
        return;
    note->retransmission = 1;
    self->retransmissions++;
    stats->retransmissions++;
    sl_dtls_note_sent_again(self);
    self->sent_at = SLUICE_TIME_NEVER; /* which copy is answered cannot be told */
}

static void emit_flight(SlDtls *self)
{
    SluiceFlight *note = &self->flight.note;

    note->retransmission = 0;
    self->emitted_at = self->now;
    count_flight(self, note);
    sl_log(self->config, SLUICE_LOG_DEBUG, self->sinks.id, "flight %d %s", note->number,
           note->retransmission ? "sent again" : "sent");
    if (sl_flight_emit(&self->flight, self->mtu, self->sinks.output) == SLUICE_NO_MEMORY)
        self->no_memory = 1;
    push_flight(self, note);
}

/* An exact copy of the client's last flight: OpenSSL takes it for a replay and is silent. But a client of our own whose
 * wall clock was set back has nothing else to send (see sl_dtls_handle_timeout()), and without our last flight it
 * would wait until its deadline. Nobody has authenticated this copy: one answer a timeout, no larger than it. */
static int is_copy(const SlDtls *self)
{
    return self->incoming.change_cipher_spec && self->incoming_is_copy &&
           self->incoming.bytes >= self->flight.note.bytes;
}

/* OpenSSL counts each repeated Finished like a timer of its own that has run out, and ends the association over the thirteenth
 * (dtls1_check_timeout_num). A client that asks each second, on a path that is away for a while, gets there, and when the path
 * is back the client gets as many. So after twelve it is not given any more of them; a server answers by itself then, once a
 * timeout. It has counted what it has answered, which was authentic. */
#define REPEATS_MAX 12

static int has_repeats_enough(const SlDtls *self)
{
    return self->repeats >= REPEATS_MAX && self->incoming.encrypted;
}

size_t sl_dtls_leave_out_repeats(SlDtls *self, uint8_t *datagram, size_t len)
{
    size_t offset = 0, start = 0, used = 0;
    SlRecord record;

    if (!has_repeats_enough(self)) {
        self->repeats += self->role == SLUICE_ROLE_CLIENT && self->incoming.encrypted;
        return len;
    }
    while (sl_record_next(datagram, len, &offset, &record) == 1) {
        if (record.type != SL_HANDSHAKE || record.epoch == 0) {
            memmove(datagram + used, datagram + start, offset - start);
            used += offset - start;
        }
        start = offset;
    }
    return used;
}

static int wants_last_flight(const SlDtls *self)
{
    return self->role == SLUICE_ROLE_SERVER && self->incoming.number == 5 &&
           (is_copy(self) || has_repeats_enough(self)) && self->flight.len > 0 &&
           self->now - self->emitted_at >= self->clock.first;
}

void sl_dtls_settle_flights(SlDtls *self, int finished_now)
{
    int answers = 0;

    self->repeats += self->flight_open && self->finished;
    if (self->flight_open) {
        sl_flight_note(&self->flight.note, self->role, self->flight.records, self->flight.len);
        answers = self->flight.note.number > self->last_sent || self->finished;
    }
    /* A retransmission by the timer answers nothing: the peer's flight may be half here. */
    if (answers || finished_now) {
        follow_peer(self);
        measure_rtt(self);
        close_incoming(self, 1);
    } else if (self->finished) {
        self->flight_open = wants_last_flight(self);
        memset(&self->incoming, 0, sizeof self->incoming);
    }
    if (self->flight_open)
        emit_flight(self);
    self->flight_open = 0;
    self->flight_recut = 0;
}
