/* SPDX-License-Identifier: BSD-3-Clause */

/* How the records of a handshake reach OpenSSL. Until both ends have the keys nothing authenticates them, and OpenSSL
 * falls to single forged ones. So each goes by itself, and:
 *
 * - records of epoch 0 are numbered anew. The number is covered by no hash; one record that is 64 ahead would make
 *   OpenSSL take all that follows for old. What is there twice is told by message_seq;
 * - a ChangeCipherSpec is one bit without a number: it goes in when its turn has come, whenever it came. OpenSSL would
 *   drop one that has overtaken its flight, and wait for a timer;
 * - what is under the new keys waits here until then, and for the Finished: OpenSSL would keep a hundred, in 17 KB each;
 * - a message whose number cannot be its own is dropped: OpenSSL ends the handshake over it. Over parts that say different
 *   lengths of one message, too. One of them lies: OpenSSL gets those of the length that came first, and those of another
 *   are put together here, so that the message that gets whole is the one that counts;
 * - a plaintext alert is no end but evidence (evidence.h). */

#include "dtls-private.h"
#include "record.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>

static int expects_change_cipher_spec(const SlDtls *self)
{
    /* A certificate is required of both ends: CertificateVerify is always what comes before. */
    return SSL_get_state(self->ssl) ==
           (self->role == SLUICE_ROLE_SERVER ? TLS_ST_SR_CERT_VRFY : TLS_ST_CW_FINISHED);
}

static SlPumpResult feed(SlDtls *self, const uint8_t *record, size_t len)
{
    self->bio.in = record;
    self->bio.in_len = len;
    return sl_dtls_read(self);
}

/* A record under the new keys. The last of the handshake is the peer's Finished. */
static SlPumpResult feed_sealed(SlDtls *self, const uint8_t *record, size_t len)
{
    if (record[0] == SL_HANDSHAKE && len >= SL_TAG && !SSL_is_init_finished(self->ssl))
        memcpy(self->finished_tag, record + len - SL_TAG, SL_TAG);
    return feed(self, record, len);
}

static SlPumpResult feed_numbered(SlDtls *self, uint8_t *record, size_t len)
{
    sl_put48(record + 5, self->input->next_number++);
    return feed(self, record, len);
}

/* -- how far it is ------------------------------------------------------------------------------------------ */

int sl_dtls_stage(const SlDtls *self)
{
    /* In the order of the messages that are read. What is written counts once it is a whole flight, and a
     * ChangeCipherSpec, one bit, not at all. */
    static const struct {
        OSSL_HANDSHAKE_STATE state;
        int stage;
    } stages[] = {
        {TLS_ST_SR_CLNT_HELLO, 1}, {TLS_ST_CR_SRVR_HELLO, 3}, {TLS_ST_CR_CERT, 4},
        {TLS_ST_CR_KEY_EXCH, 5},   {TLS_ST_CR_CERT_REQ, 6},   {TLS_ST_CR_SRVR_DONE, 7},
        {TLS_ST_SR_CERT, 9},       {TLS_ST_SR_KEY_EXCH, 10},  {TLS_ST_SR_CERT_VRFY, 11},
        {TLS_ST_SR_CHANGE, 11},    {TLS_ST_CR_FINISHED, 12},  {TLS_ST_SR_FINISHED, 12},
        {TLS_ST_OK, 12},
    };
    OSSL_HANDSHAKE_STATE state = SSL_get_state(self->ssl);

    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        if (stages[i].state == state)
            return stages[i].stage;
    switch (self->last_sent) {
    case 3:
        return 2;
    case 4:
    case 5:
        return 8;
    default:
        return self->last_sent == 1;
    }
}

/* -- signs that it leads nowhere ---------------------------------------------------------------------------- */

/* Neither is believed at once: anybody can make them. But when nothing else follows, the two ends do not talk of the same
 * handshake any more. */

/* The parts of a message that do not agree are no matter when one of the two gets whole. */
#define PATIENCE_WITH_PARTS 4
#define PATIENCE_WITH_HELLOS 2

/* Long enough for a server whose whole flight is lost again and again: another library's would not answer a new one. */
#define PATIENCE_WITH_SILENCE (4 * SLUICE_SECOND)
#define SILENT_ROUND_TRIPS 8

static void contradict(SlDtls *self, unsigned patience)
{
    SlHandshakeInput *input = self->input;

    if (input->contradicted != self->last_sent || patience < input->patience)
        input->patience = patience;
    input->contradicted = self->last_sent;
}

/* Who was asked to begin anew, perhaps by nobody, hears first what is said to a flight 5 that was sent again: for as long as
 * the answer to the flight before took, and a quarter more, or this. Not longer: a server that is in earnest believes its
 * attempt to have failed for good when its grace time is over (evidence.h), and by then the next has to be past it. */
#define ANSWER_LATE (20 * SLUICE_MILLISECOND)

static void await_answer(SlDtls *self)
{
    SluiceTime late = self->answer_took / 4 > ANSWER_LATE ? self->answer_took / 4 : ANSWER_LATE;

    self->input->awaits_answer = 1;
    self->input->unanswered_at = self->emitted_at + self->answer_took + late;
}

void sl_dtls_note_asked_anew(SlDtls *self)
{
    if (!self->input || self->role != SLUICE_ROLE_CLIENT || self->last_sent != 5 ||
        self->input->asked_anew)
        return;
    self->input->asked_anew = 1;
    if (self->clock.expiries > 0)
        await_answer(self);
}

void sl_dtls_note_sent_again(SlDtls *self)
{
    if (self->input && self->input->asked_anew && !self->input->awaits_answer)
        await_answer(self);
}

SluiceTime sl_dtls_unanswered_at(const SlDtls *self)
{
    return self->input && self->input->awaits_answer && !self->over ? self->input->unanswered_at
                                                                    : SLUICE_TIME_NEVER;
}

/* A server that has taken our cookie answers, and sends that again until we do. One that never asked for it waits for
 * message 0, and is silent. */
static int is_unknown_with_cookie(const SlDtls *self, SluiceTime now)
{
    SluiceTime silence = PATIENCE_WITH_SILENCE, heard_at = self->input->heard_at;

    if (self->role != SLUICE_ROLE_CLIENT || sl_dtls_stage(self) != 2)
        return 0;
    if (silence < SILENT_ROUND_TRIPS * self->answer_took)
        silence = SILENT_ROUND_TRIPS * self->answer_took;
    if (silence < SILENT_ROUND_TRIPS * self->rtt)
        silence = SILENT_ROUND_TRIPS * self->rtt;
    return now - (heard_at > self->first_sent_at ? heard_at : self->first_sent_at) >= silence;
}

int sl_dtls_is_stuck(const SlDtls *self, SluiceTime now)
{
    const SlHandshakeInput *input = self->input;

    if (self->finished || self->over)
        return 0;
    if (now >= sl_dtls_unanswered_at(self))
        return 1;
    /* On a long path the answer may be under way while our timer runs out again and again. */
    if (now - self->first_sent_at < 2 * self->answer_took)
        return 0;
    if (is_unknown_with_cookie(self, now))
        return 1;
    return input->contradicted && input->contradicted == self->last_sent &&
           self->clock.expiries >= input->patience;
}

/* -- messages and their numbers ----------------------------------------------------------------------------- */

/* The place of each message after the Hello that begins the handshake proper (RFC 5246 section 7.3). Both ends are asked
 * for a certificate by all who keep to RFC 8827; of a server that does not ask, ServerHelloDone comes one earlier. */
static const struct {
    uint8_t type, first, last;
} places[] = {
    {SL_CLIENT_HELLO, 0, 0},        {SL_SERVER_HELLO, 0, 0},        {SL_CERTIFICATE, 1, 1},
    {SL_SERVER_KEY_EXCHANGE, 2, 2}, {SL_CLIENT_KEY_EXCHANGE, 2, 2}, {SL_CERTIFICATE_REQUEST, 3, 3},
    {SL_CERTIFICATE_VERIFY, 3, 3},  {SL_SERVER_HELLO_DONE, 3, 4},
};

static int is_in_place(const SlHandshakeInput *input, const SlFragment *fragment)
{
    if (fragment->type == SL_HELLO_VERIFY_REQUEST)
        return input->first_message == 0 && fragment->message_seq == 0 &&
               fragment->len == fragment->length;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (places[i].type == fragment->type)
            return fragment->message_seq >= input->first_message + places[i].first &&
                   fragment->message_seq <= input->first_message + places[i].last;
    return 0;
}

/* 1 if OpenSSL takes this part of a message, or drops it in peace. A whole message needs no other part, and is taken
 * whatever waits there. */
static int agrees(SlHandshakeInput *input, const SlFragment *fragment)
{
    uint32_t *known = &input->lengths[fragment->message_seq];

    if (fragment->len < fragment->length && *known && *known != fragment->length)
        return 0;
    if (!*known)
        *known = fragment->length;
    return 1;
}

void sl_dtls_note_hello(SlDtls *self, const uint8_t *datagram, size_t len)
{
    size_t offset = 0, at = 0;
    SlRecord record;
    SlFragment fragment;

    if (sl_record_next(datagram, len, &offset, &record) == 1 &&
        sl_fragment_next(record.body, record.len, &at, &fragment) == 1 &&
        is_in_place(self->input, &fragment))
        (void)agrees(self->input, &fragment);
}

/* The cookie of a HelloVerifyRequest, its length in front: another one than the first? */
static int is_another_cookie(SlHandshakeInput *input, const SlFragment *fragment)
{
    uint8_t cookie[1 + SL_COOKIE] = {0};
    size_t n = fragment->len > 2 ? fragment->len - 2 : 0;

    if (n)
        memcpy(cookie, fragment->body + 2, n < sizeof cookie ? n : sizeof cookie);
    /* first_message is told by the datagram: behind the first request in the same one nothing is first, either. */
    if (input->has_cookie)
        return memcmp(input->cookie, cookie, sizeof cookie) != 0;
    memcpy(input->cookie, cookie, sizeof cookie);
    input->has_cookie = 1;
    return 0;
}

/* A client was asked for a cookie, and then is answered as if it had not been; or the other way round. */
static int is_of_another_beginning(SlDtls *self, const SlFragment *fragment)
{
    SlHandshakeInput *input = self->input;

    if (fragment->type == SL_HELLO_VERIFY_REQUEST)
        return sl_dtls_stage(self) > 2 || is_another_cookie(input, fragment);
    return fragment->type == SL_SERVER_HELLO && input->first_message == 1 &&
           fragment->message_seq == 0;
}

static int fits(SlDtls *self, const SlFragment *fragment)
{
    if (is_of_another_beginning(self, fragment)) {
        contradict(self, PATIENCE_WITH_HELLOS);
        return 0;
    }
    return is_in_place(self->input, fragment);
}

/* A part that says another length than what OpenSSL has of its message. Of a ClientHello the head is known to be the one
 * that was meant. Counts as dropped unless it adds to what is here. */
static SlPumpResult read_otherwise(SlDtls *self, const SlFragment *fragment)
{
    SlReassembly *other = &self->input->other;
    int goes_on = sl_reassembly_is_of(other, fragment);
    SlPumpResult result = SL_PUMP_WAIT;
    size_t len;

    contradict(self, PATIENCE_WITH_PARTS);
    if (fragment->type == SL_CLIENT_HELLO || !sl_reassembly_add(other, fragment) || !goes_on)
        self->sinks.stats->dropped_unexpected++;
    len = sl_reassembly_whole(other);
    if (len) {
        result = feed_numbered(self, other->record, len);
        sl_reassembly_clear(other);
    }
    return result;
}

static SlPumpResult take_messages(SlDtls *self, const SlRecord *record, uint8_t *bytes, size_t len)
{
    size_t offset = 0;
    SlFragment fragment;

    while (sl_fragment_next(record->body, record->len, &offset, &fragment) == 1) {
        if (!fits(self, &fragment)) {
            self->sinks.stats->dropped_unexpected++;
            return SL_PUMP_WAIT;
        }
        if (!agrees(self->input, &fragment))
            return read_otherwise(self, &fragment);
    }
    self->input->heard_at = self->now;
    return feed_numbered(self, bytes, len);
}

/* -- what waits for its turn -------------------------------------------------------------------------------- */

/* Who goes when all places are taken: it is the peer that sends again. What is no Finished first. */
static size_t victim(const SlHandshakeInput *input)
{
    for (size_t i = 0; i < input->n_held; i++)
        if (input->held[i].bytes[0] != SL_HANDSHAKE)
            return i;
    return 0;
}

static void drop_held(SlHandshakeInput *input, size_t i)
{
    OPENSSL_free(input->held[i].bytes);
    input->n_held--;
    memmove(input->held + i, input->held + i + 1, (input->n_held - i) * sizeof *input->held);
}

static void hold(SlDtls *self, const uint8_t *record, size_t len)
{
    SlHandshakeInput *input = self->input;
    SlHeldRecord *place;

    if (len > SL_HELD_RECORD_MAX) {
        self->sinks.stats->dropped_inbox_full++;
        return;
    }
    if (input->n_held == SL_HELD_RECORDS) {
        self->sinks.stats->dropped_inbox_full++;
        drop_held(input, victim(input));
    }
    place = &input->held[input->n_held];
    place->len = len;
    place->bytes = OPENSSL_memdup(record, len);
    if (place->bytes)
        input->n_held++;
    else
        self->sinks.stats->dropped_inbox_full++;
}

static void drop_all_held(SlHandshakeInput *input)
{
    while (input->n_held)
        OPENSSL_free(input->held[--input->n_held].bytes);
}

void sl_dtls_free_input(SlDtls *self)
{
    if (self->input) {
        drop_all_held(self->input);
        sl_reassembly_clear(&self->input->other);
    }
    free(self->input);
    self->input = NULL;
}

/* Of what waits the Finished goes first, and the rest when that has been taken: OpenSSL would keep a hundred of them between
 * the ChangeCipherSpec and the Finished, in 17 KB each, whoever the peer is. */
static SlPumpResult feed_held(SlDtls *self)
{
    SlHandshakeInput *input = self->input;
    SlPumpResult result = SL_PUMP_WAIT;

    for (size_t i = 0; i < input->n_held && result == SL_PUMP_WAIT;) {
        if (input->held[i].bytes[0] != SL_HANDSHAKE) {
            i++;
            continue;
        }
        result = feed_sealed(self, input->held[i].bytes, input->held[i].len);
        drop_held(input, i);
    }
    if (!SSL_is_init_finished(self->ssl))
        return result;
    for (size_t i = 0; i < input->n_held && result == SL_PUMP_WAIT; i++)
        result = feed_sealed(self, input->held[i].bytes, input->held[i].len);
    drop_all_held(input);
    return result;
}

/* A ChangeCipherSpec that has come, once OpenSSL is ready for it, and what waited behind it. */
static SlPumpResult change_cipher_spec(SlDtls *self)
{
    uint8_t record[] = {SL_CHANGE_CIPHER_SPEC, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    SlHandshakeInput *input = self->input;
    SlPumpResult result;

    if (!input->change_came || input->changed || !expects_change_cipher_spec(self))
        return SL_PUMP_WAIT;
    input->changed = 1;
    result = feed_numbered(self, record, sizeof record);
    return result == SL_PUMP_WAIT ? feed_held(self) : result;
}

/* -- alerts that nobody has authenticated ------------------------------------------------------------------- */

static void note_alert(SlDtls *self, const SlRecord *record)
{
    self->sinks.stats->plaintext_alerts++;
    self->input->alert_came |= sl_alert_of(record, &self->input->plain_alert);
}

int sl_dtls_take_alert(SlDtls *self, SluiceAlert *alert)
{
    SlHandshakeInput *input = self->input;

    if (!input || !input->alert_came)
        return 0;
    input->alert_came = 0;
    *alert = input->plain_alert;
    return 1;
}

size_t sl_dtls_last_words(const SlDtls *self, const uint8_t **record)
{
    *record = self->input->last_words;
    return self->input->last_words_len;
}

/* -- a datagram of a handshake ------------------------------------------------------------------------------ */

static SlPumpResult take_record(SlDtls *self, const SlRecord *record, uint8_t *bytes, size_t len)
{
    SlPumpResult result;

    if (record->epoch > 0) {
        if (!self->input->changed || record->type != SL_HANDSHAKE) {
            hold(self, bytes, len);
            return SL_PUMP_WAIT;
        }
        result = feed_sealed(self, bytes, len);
        return result == SL_PUMP_WAIT ? feed_held(self) : result;
    }
    switch (record->type) {
    case SL_CHANGE_CIPHER_SPEC:
        self->input->change_came = 1;
        return change_cipher_spec(self);
    case SL_ALERT:
        note_alert(self, record);
        return SL_PUMP_WAIT;
    default:
        result = take_messages(self, record, bytes, len);
        return result == SL_PUMP_WAIT ? change_cipher_spec(self) : result;
    }
}

SlPumpResult sl_dtls_receive_handshake(SlDtls *self, uint8_t *datagram, size_t len)
{
    SlPumpResult result = SL_PUMP_WAIT;
    size_t offset = 0, start = 0;
    SlRecord record;

    if (self->last_sent == 3) /* what answers the second ClientHello begins with message 1 */
        self->input->first_message = 1;
    while (result == SL_PUMP_WAIT && !SSL_is_init_finished(self->ssl) &&
           sl_record_next(datagram, len, &offset, &record) == 1) {
        result = take_record(self, &record, datagram + start, offset - start);
        start = offset;
    }
    if (result == SL_PUMP_WAIT && SSL_is_init_finished(self->ssl) && start < len)
        result = feed(self, datagram + start, len - start); /* it is all under the keys */
    return result;
}
