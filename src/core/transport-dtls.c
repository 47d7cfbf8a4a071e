/* SPDX-License-Identifier: BSD-3-Clause */

/* The way of a datagram of DTLS: who it is for, and what of it may reach them. */

#include "flight.h"
#include "record-guard.h"
#include "record.h"
#include "transport.h"

#include <string.h>

/* How long fragments are kept that have overtaken the head of a ClientHello with our cookie. */
#define HELLO_ON_ITS_WAY (2 * SLUICE_SECOND)

SluiceStatus sl_transport_drop_unexpected(SluiceTransport *self)
{
    self->stats.dropped_unexpected++;
    return SLUICE_DROPPED_UNEXPECTED;
}

/* -- into an association ------------------------------------------------------------------------------------ */

/* Until the ClientHello is whole: how many datagrams that took. */
static void count_hello(SluiceTransport *self, int place, const uint8_t *data, size_t len)
{
    SluicePeerOffer *offer = place == SL_LIVE ? &self->offer : self->second.offer;
    SlClientHello hello;
    SlHelloKind kind;

    if (sl_dtls_role(self->associations[place]) != SLUICE_ROLE_SERVER || offer->version)
        return;
    kind = sl_client_hello_parse(data, len, &hello);
    offer->fragments += kind == SL_HELLO_FIRST || kind == SL_HELLO_LATER;
}

/* Messages of a second association wait beside the inbox until it is verified. */
static SlInbox *inbox_of(SluiceTransport *self, int place)
{
    return place == SL_SECOND && self->second.phase != SL_SECOND_OLD ? &self->second.inbox
                                                                     : &self->inbox;
}

size_t sl_transport_guard(SluiceTransport *self, SluiceRole role, int place, const uint8_t *data,
                          size_t len, uint8_t *passed, SluiceStatus *status)
{
    const SlDtls *association = place < 0 ? NULL : self->associations[place];
    /* The config allows DTLS 1.2 alone. */
    const SlGuardState state = {.role = role,
                                .finished = association && sl_dtls_is_finished(association),
                                .expansion = association ? sl_dtls_expansion(association) : 0,
                                .dtls13 = 0};
    SlGuardReport report = {0};
    size_t n = sl_guard_filter(&state, data, len, passed, &report);

    if (report.has_application_data && !sl_inbox_has_room(inbox_of(self, place), len)) {
        /* Nobody can empty it before the peer is verified: then it is dropped, as the network may do. */
        int waits = sl_transport_is_verified(self) && inbox_of(self, place) == &self->inbox;

        *status = waits ? SLUICE_WOULD_BLOCK : SLUICE_DROPPED_FULL;
        self->stats.data_deferred += waits != 0;
        self->stats.dropped_inbox_full += waits == 0;
        return 0;
    }
    self->stats.dropped_malformed += report.malformed;
    self->stats.dropped_unexpected += report.unexpected;
    self->stats.client_hellos_at_client += report.client_hello_at_client != 0;
    if (report.hello_request && association)
        sl_dtls_note_asked_anew(self->associations[place]);
    *status = report.malformed ? SLUICE_DROPPED_MALFORMED : SLUICE_DROPPED_UNEXPECTED;
    return n;
}

SluiceStatus sl_transport_feed(SluiceTransport *self, SluiceTime now, int place, uint8_t *passed,
                               size_t n, const SlClientHello *hello)
{
    SlDtls *association = self->associations[place];
    SlDtlsResult result;

    count_hello(self, place, passed, n);
    result = hello ? sl_dtls_accept_cookie(association, now, hello, passed, n)
                   : sl_dtls_receive(association, now, passed, n);
    if (place == SL_LIVE)
        sl_transport_after_dtls(self, now, result);
    else
        sl_second_after_dtls(self, now, result);
    return sl_transport_has_ended(self) ? SLUICE_ENDED : SLUICE_OK;
}

static SluiceStatus receive_at(SluiceTransport *self, SluiceTime now, int place,
                               const uint8_t *data, size_t len)
{
    uint8_t passed[SL_DTLS_DATAGRAM_MAX];
    SluiceStatus status;
    size_t n = sl_transport_guard(self, sl_dtls_role(self->associations[place]), place, data, len,
                                  passed, &status);

    if (n && sl_attempts_is_stale(self, place, passed, n))
        return sl_transport_drop_unexpected(self);
    return n ? sl_transport_feed(self, now, place, passed, n, NULL) : status;
}

/* -- two associations --------------------------------------------------------------------------------------- */

/* What a record is, seen from outside. */
enum { PLAIN = 1, SEALED_HANDSHAKE = 2, SEALED_ALERT = 4, SEALED_DATA = 8, SEALED = 14 };

static unsigned class_of(const SlRecord *record)
{
    if (record->epoch == 0)
        return PLAIN;
    return record->type == SL_HANDSHAKE ? SEALED_HANDSHAKE
           : record->type == SL_ALERT   ? SEALED_ALERT
                                        : SEALED_DATA;
}

/* What the associations are given. The tag tells whose a sealed record is, and OpenSSL drops the other's in silence;
 * what is plain belongs to the one that is younger. */
static const struct {
    unsigned live, second;
} shares[] = {
    [SL_SECOND_NONE] = {PLAIN | SEALED, 0},
    [SL_SECOND_ATTEMPT] = {SEALED, PLAIN | SEALED},
    [SL_SECOND_UNVERIFIED] = {SEALED, PLAIN | SEALED},
    [SL_SECOND_CANDIDATE] = {SEALED, PLAIN | SEALED},
    [SL_SECOND_OLD] = {PLAIN | SEALED, SEALED},
};

/* The records of some classes. A tail that is no record goes with what is plain. */
static size_t pick(const uint8_t *data, size_t len, unsigned classes, uint8_t *out)
{
    size_t offset = 0, start = 0, used = 0;
    SlRecord record;
    int found;

    while ((found = sl_record_next(data, len, &offset, &record)) == 1) {
        if (class_of(&record) & classes) {
            memcpy(out + used, data + start, offset - start);
            used += offset - start;
        }
        start = offset;
    }
    if (found < 0 && (classes & PLAIN)) {
        memcpy(out + used, data + start, len - start);
        used += len - start;
    }
    return used;
}

/* The live one first: what it takes for its data is not the other's, and must not fill the places in which that one
 * keeps what comes before its Finished. */
static SluiceStatus receive_at_both(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                    size_t len)
{
    const SlDtls *live = self->associations[SL_LIVE], *second = self->associations[SL_SECOND];
    unsigned for_live = shares[self->second.phase].live,
             for_second = shares[self->second.phase].second;
    uint64_t before = sl_dtls_messages(live), of_second = sl_dtls_messages(second);
    uint8_t part[SL_DTLS_DATAGRAM_MAX];
    SluiceStatus status = SLUICE_DROPPED_UNEXPECTED;
    size_t n = pick(data, len, for_live, part);

    if (n)
        status = receive_at(self, now, SL_LIVE, part, n);
    if (status == SLUICE_WOULD_BLOCK || sl_transport_has_ended(self) ||
        self->associations[SL_SECOND] != second)
        return status;
    if (sl_dtls_messages(live) != before) {
        for_second &= ~(unsigned)SEALED_DATA;
        sl_second_heard_live(self, now);
    }
    n = pick(data, len, for_second, part);
    if (n == 0)
        return status;
    status = receive_at(self, now, SL_SECOND, part, n);
    if (self->associations[SL_SECOND] == second && sl_dtls_messages(second) != of_second)
        sl_second_heard(self, now, 1);
    return status;
}

static SluiceStatus receive_records(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                    size_t len)
{
    if (self->associations[SL_SECOND])
        return receive_at_both(self, now, data, len);
    if (self->state == SLUICE_STATE_MEDIA_ONLY)
        return sl_transport_drop_unexpected(self);
    return receive_at(self, now, SL_LIVE, data, len);
}

/* -- ClientHellos ------------------------------------------------------------------------------------------- */

void sl_transport_tell_flight(SluiceTransport *self, SluiceTime now, SluiceDirection direction,
                              const uint8_t *data, size_t len)
{
    SluiceEvent event = {.type = SLUICE_EVENT_FLIGHT, .time = now};

    sl_flight_note(&event.u.flight,
                   direction == SLUICE_RECEIVED ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER, data,
                   len);
    event.u.flight.direction = direction;
    event.u.flight.retransmission =
        self->stats.hello_verify_requests > (direction == SLUICE_SENT_OUT);
    if (direction == SLUICE_SENT_OUT)
        self->stats.flights_sent++;
    else
        self->stats.flights_received++;
    sl_event_queue_push(&self->events, &event);
}

/* RFC 6347 section 4.2.1: no state, no more bytes than came in. */
SluiceStatus sl_transport_ask_for_cookie(SluiceTransport *self, SluiceTime now,
                                         const SlClientHello *hello)
{
    uint8_t cookie[SL_COOKIE], request[SL_HELLO_VERIFY_REQUEST_MAX];
    size_t len;

    if (!sl_cookie_make(self->cookie_secret, hello, cookie))
        return sl_transport_drop_unexpected(self);
    len = sl_hello_verify_request(hello, cookie, request);
    sl_output_drop_of(&self->output, SL_OUTPUT_FLIGHT, 0);
    if (sl_output_push(&self->output, SL_OUTPUT_FLIGHT, request, len) != SLUICE_OK)
        return SLUICE_DROPPED_FULL;
    self->stats.hello_verify_requests++;
    sl_transport_tell_flight(self, now, SLUICE_SENT_OUT, request, len);
    return SLUICE_OK;
}

static SluiceStatus hold_early(SluiceTransport *self, const uint8_t *data, size_t len)
{
    if (sl_inbox_push_early(&self->inbox, data, len) == SLUICE_OK)
        return SLUICE_OK;
    self->stats.dropped_inbox_full++;
    return SLUICE_DROPPED_FULL;
}

/* A wrong cookie is none (RFC 6347 section 4.2.1). Its client was asked for it in our name, or by who was here before us,
 * and knows of no way back: it has to be asked again. Not at once, for a client that was not asked yet would take that
 * for the answer to its own; only who means it comes twice. */
static int insists(SluiceTransport *self, const SlClientHello *hello)
{
    int again = memcmp(self->wrong_cookie_random, hello->random, SL_CLIENT_RANDOM) == 0;

    if (hello->cookie_len == 0)
        return 0;
    memcpy(self->wrong_cookie_random, hello->random, SL_CLIENT_RANDOM);
    return again;
}

/* A server, or one that may become it, without an association: waits for the head of a ClientHello. The guard comes
 * first: what it drops makes no association and takes no role. */
static SluiceStatus await_hello(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                size_t len)
{
    uint8_t passed[SL_DTLS_DATAGRAM_MAX];
    SlClientHello hello;
    SluiceStatus status;
    size_t n = sl_transport_guard(self, SLUICE_ROLE_SERVER, -1, data, len, passed, &status);
    SlHelloKind kind = n ? sl_client_hello_parse(passed, n, &hello) : SL_HELLO_BAD;
    int has_cookie;

    if (n == 0)
        return status;
    if (kind == SL_HELLO_LATER)
        return hold_early(self, data, len);
    if (kind != SL_HELLO_FIRST) {
        sl_attempts_ask_anew(self, now, passed, n);
        return sl_transport_drop_unexpected(self);
    }
    has_cookie = hello.cookie_len > 0 && sl_cookie_check(self->cookie_secret, &hello);
    /* Once a cookie was asked for there is no way back: the HelloVerifyRequest may be under way, and the client
     * that gets it starts anew with message 1. And nobody breaks a handshake twice without having one. */
    if (!has_cookie && (!self->path_validated || self->stats.hello_verify_requests ||
                        sl_attempts_given_up(self) || insists(self, &hello))) {
        sl_transport_tell_flight(self, now, SLUICE_RECEIVED, passed, n);
        return sl_transport_ask_for_cookie(self, now, &hello);
    }
    /* Message 1 answers a HelloVerifyRequest, and only one of ours. */
    if (hello.message_seq != (has_cookie ? 1 : 0))
        return sl_transport_drop_unexpected(self);
    return sl_transport_answer_hello(self, now, &hello, has_cookie, passed, n);
}

/* The association that a ClientHello may be for: it is in its handshake, and has begun, or waits to begin, with one. */
static const SlDtls *attempt(const SluiceTransport *self)
{
    const SlDtls *association = self->associations[SL_SECOND];

    if (!association || self->second.phase == SL_SECOND_OLD)
        association = self->associations[SL_LIVE];
    return sl_dtls_is_finished(association) ? NULL : association;
}

static int is_known(const SluiceTransport *self, const SlClientHello *hello)
{
    for (int place = 0; place < 2; place++)
        if (self->associations[place] && sl_dtls_has_random(self->associations[place], hello))
            return 1;
    return 0;
}

/* The head of a ClientHello in a datagram that comes to an association (RFC 6347 section 4.2.8): of a new one? */
static int begins_anew(const SluiceTransport *self, const SlClientHello *hello)
{
    const SlDtls *running = attempt(self);

    /* Two clients that answered each other as servers would get nowhere. */
    return !is_known(self, hello) && !(running && sl_dtls_role(running) == SLUICE_ROLE_CLIENT);
}

static SluiceStatus receive_beside(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                   size_t len)
{
    SlClientHello hello;

    switch (sl_client_hello_parse(data, len, &hello)) {
    case SL_HELLO_FIRST:
        if (begins_anew(self, &hello))
            return sl_transport_meet_hello(self, now, data, len);
        break;
    case SL_HELLO_LATER:
        if (!attempt(self) && self->challenged_at != SLUICE_TIME_NEVER &&
            now - self->challenged_at < HELLO_ON_ITS_WAY)
            return hold_early(self, data, len);
        break;
    case SL_HELLO_NONE:
        sl_attempts_note_between(self, now, data, len);
        if (self->second.phase == SL_SECOND_NONE && !attempt(self))
            sl_attempts_ask_anew(self, now, data, len);
        break;
    case SL_HELLO_BAD:
    default:
        break;
    }
    return receive_records(self, now, data, len);
}

/* -- by state ----------------------------------------------------------------------------------------------- */

/* Of a client: what comes now is for one that is gone. */
static SluiceStatus between_attempts(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                     size_t len)
{
    uint8_t passed[SL_DTLS_DATAGRAM_MAX];
    SluiceStatus status;
    size_t n = sl_transport_guard(self, SLUICE_ROLE_CLIENT, -1, data, len, passed, &status);

    sl_attempts_note_between(self, now, passed, n);
    return sl_transport_drop_unexpected(self);
}

/* Who may become server: when the first came, before the start or after it. */
static void note_first_hello(SluiceTransport *self, SluiceTime now, const uint8_t *data, size_t len)
{
    SlClientHello hello;

    if (self->role != SLUICE_ROLE_CLIENT && self->stats.client_hello_at == SLUICE_TIME_NEVER &&
        sl_client_hello_parse(data, len, &hello) == SL_HELLO_FIRST)
        self->stats.client_hello_at = now;
}

static SluiceStatus route(SluiceTransport *self, SluiceTime now, const uint8_t *data, size_t len)
{
    if (!self->associations[SL_LIVE] && !sl_transport_has_ended(self))
        note_first_hello(self, now, data, len);
    switch (self->state) {
    case SLUICE_STATE_NEW:
        return hold_early(self, data, len);
    case SLUICE_STATE_LISTENING:
    case SLUICE_STATE_CONNECTING:
        if (!self->associations[SL_LIVE])
            return self->role == SLUICE_ROLE_CLIENT ? between_attempts(self, now, data, len)
                                                    : await_hello(self, now, data, len);
        return receive_beside(self, now, data, len);
    case SLUICE_STATE_UNVERIFIED:
    case SLUICE_STATE_CONNECTED:
    case SLUICE_STATE_MEDIA_ONLY:
        if (!self->associations[SL_LIVE]) /* given up */
            return sl_transport_drop_unexpected(self);
        return receive_beside(self, now, data, len);
    case SLUICE_STATE_CLOSED:
    case SLUICE_STATE_FAILED:
    default:
        self->stats.dropped_ended++;
        return SLUICE_ENDED;
    }
}

/* What came and brought nothing on, as far as it can be seen. */
static uint64_t in_vain(const SluiceStats *stats)
{
    return stats->dropped_malformed + stats->dropped_unexpected + stats->plaintext_alerts +
           stats->hello_verify_requests;
}

SluiceStatus sl_transport_receive_dtls(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                       size_t len)
{
    uint64_t before = in_vain(&self->stats);
    SluiceStatus status;

    self->stats.dtls_received++;
    if (len > SL_DTLS_DATAGRAM_MAX) {
        self->stats.dropped_malformed++;
        return SLUICE_DROPPED_MALFORMED;
    }
    if (!self->path_validated && !self->config->allow_unvalidated &&
        !sl_transport_has_ended(self)) {
        self->stats.dropped_unvalidated++;
        return SLUICE_DROPPED_UNVALIDATED;
    }
    status = route(self, now, data, len);
    if (in_vain(&self->stats) != before)
        sl_attempts_note_noise(self, now);
    if (!sl_transport_has_ended(self))
        sl_attempts_end_stuck(self, now);
    return status;
}

void sl_transport_replay_early(SluiceTransport *self, SluiceTime now)
{
    uint8_t copy[SL_DTLS_DATAGRAM_MAX];
    const uint8_t *data;
    size_t len, n = 0;

    /* Only those that wait now: what cannot be used yet is held again. */
    while (n < SL_EARLY_MAX && !sl_transport_has_ended(self) &&
           sl_inbox_peek_early(&self->inbox, &data, &len)) {
        memcpy(copy, data, len);
        sl_inbox_pop_early(&self->inbox);
        (void)route(self, now, copy, len);
        n++;
    }
}
