/* SPDX-License-Identifier: BSD-3-Clause */

/* Fresh attempts. Before Finished a handshake can be broken by anybody who can send in the peer's name: a message of the
 * right kind at the right place is enough. So an attempt that breaks, or comes to a standstill, is followed by another:
 *
 * - a client begins again, with another random. What still comes for the older ones is known by the server's random;
 * - a server goes back to waiting for a ClientHello, from now on with a cookie. When flight 5 comes instead, it says that
 *   there is nothing to go on with (HelloRequest, which a client in its handshake may ignore: RFC 5246 section 7.4.1.1);
 *   a client whose flight 5 is not answered otherwise begins again.
 *
 * What a broken attempt has to say is kept as evidence (evidence.h), and told when no other one got further. */

#include "transport.h"

#include "evidence.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

/* Of the record of a HelloRequest. It is near those of the flights that the client has seen: one far ahead would make
 * another library's client drop what follows. */
#define ASKED_NUMBER 16

/* Between two attempts of a client; the second of them follows at once. */
#define WAIT_FIRST (50 * SLUICE_MILLISECOND)
#define WAIT_MAX (500 * SLUICE_MILLISECOND)
#define ATTEMPTS_MANY 64
#define WAIT_LONG (4 * SLUICE_SECOND)

#define SERVER_RANDOM 32
#define KNOWN_SERVERS 8

struct SlAttempts {
    unsigned n; /* that were given up */
    SluiceTime given_up_at, next_at;
    SlEvidence evidence;
    SluiceEnd last_end;   /* of the last one that was given up */
    uint64_t next_number; /* of a record in plaintext that no attempt has sent yet */
    struct {
        uint32_t maker; /* the attempt that it has answered; 0: a free place */
        uint8_t random[SERVER_RANDOM];
    } servers[KNOWN_SERVERS];
    size_t next_server;
};

static SluiceTime rtt_of(const SluiceTransport *self)
{
    return self->rtt ? self->rtt : self->stats.handshake_rtt;
}

void sl_attempts_begin(SluiceTransport *self, SluiceTime now)
{
    sl_attempts_end(self);
    self->attempts = calloc(1, sizeof *self->attempts);
    if (!self->attempts)
        return;
    self->attempts->next_at = SLUICE_TIME_NEVER;
    sl_evidence_begin(&self->attempts->evidence, now);
}

void sl_attempts_end(SluiceTransport *self)
{
    free(self->attempts);
    self->attempts = NULL;
}

unsigned sl_attempts_given_up(const SluiceTransport *self)
{
    return self->attempts ? self->attempts->n : 0;
}

int sl_attempts_have_evidence(const SluiceTransport *self)
{
    return self->attempts && self->attempts->evidence.stands;
}

void sl_attempts_note_noise(SluiceTransport *self, SluiceTime now)
{
    if (self->attempts)
        sl_evidence_note_noise(&self->attempts->evidence, now);
}

/* The place where they are made. */
static int place_of_attempts(const SluiceTransport *self)
{
    return sl_transport_is_established(self) ? SL_SECOND : SL_LIVE;
}

static int is_attempt(const SluiceTransport *self, int place)
{
    return self->associations[place] && place == place_of_attempts(self) &&
           (place == SL_LIVE || self->second.phase == SL_SECOND_ATTEMPT);
}

/* -- one more ----------------------------------------------------------------------------------------------- */

/* A round trip at least, where that is known: what answers the old one is no answer to the next, but would break it. */
static SluiceTime wait_before(const SluiceTransport *self)
{
    SluiceTime wait = WAIT_FIRST, rtt = rtt_of(self);
    unsigned n = self->attempts->n;

    if (n >= ATTEMPTS_MANY)
        return WAIT_LONG;
    if (n < 2)
        return rtt;
    for (; n > 2 && wait < WAIT_MAX; n--)
        wait *= 2;
    wait = wait < WAIT_MAX ? wait : WAIT_MAX;
    return wait > rtt ? wait : rtt;
}

static void begin_client(SluiceTransport *self, SluiceTime now)
{
    if (self->attempts)
        self->attempts->next_at = SLUICE_TIME_NEVER;
    if (place_of_attempts(self) == SL_SECOND)
        sl_restart_begin_as_client(self, now);
    else if (sl_transport_associate(self, now, SLUICE_ROLE_CLIENT))
        sl_transport_after_dtls(self, now, sl_dtls_start(self->associations[SL_LIVE], now));
}

/* The one that was there is gone. */
static void follow(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    SlAttempts *attempts = self->attempts;

    attempts->n++;
    attempts->given_up_at = now;
    if (role != SLUICE_ROLE_CLIENT)
        return;
    attempts->next_at = now + wait_before(self);
    if (attempts->next_at <= now)
        begin_client(self, now);
}

static void note_numbers(SluiceTransport *self, int place)
{
    uint64_t next = sl_dtls_next_number(self->associations[place]);

    if (next > self->attempts->next_number)
        self->attempts->next_number = next;
}

/* It leads nowhere: a client begins another, a server waits for one. */
static void give_up(SluiceTransport *self, SluiceTime now, int place)
{
    SluiceRole role = sl_dtls_role(self->associations[place]);

    self->stats.attempts_given_up++;
    if (self->attempts) {
        sl_dtls_get_end(self->associations[place], &self->attempts->last_end);
        note_numbers(self, place);
    }
    if (place == SL_SECOND) {
        self->stats.restarts_failed++;
        sl_second_clear(self);
    } else {
        sl_transport_drop_association(self, SL_LIVE);
    }
    if (self->attempts)
        follow(self, now, role);
}

/* -- what comes of one -------------------------------------------------------------------------------------- */

static void note_broken(SluiceTransport *self, SluiceTime now, int place, const SluiceEnd *end)
{
    const SlDtls *association = self->associations[place];
    SluiceAlert alert = sl_dtls_alert(association);
    SlEvidence *evidence = &self->attempts->evidence;
    const uint8_t *last_words;
    size_t len = sl_dtls_last_words(association, &last_words);
    int stage = sl_dtls_stage(association);

    /* It has got as far as that in peace; what it broke on is not behind it. */
    sl_evidence_reached(evidence, now, stage - 1);
    sl_evidence_note_broken(evidence, now, stage, stage > 1 || sl_dtls_has_cookie(association),
                            rtt_of(self), end, &alert, last_words, len);
}

void sl_attempts_broken(SluiceTransport *self, SluiceTime now, int place, SlDtlsResult how)
{
    SluiceEnd end;

    memset(&end, 0, sizeof end);
    sl_dtls_get_end(self->associations[place], &end);
    if (self->attempts) {
        if (how == SL_DTLS_BROKEN)
            note_broken(self, now, place, &end);
        give_up(self, now, place);
    } else if (place == SL_LIVE) {
        sl_transport_end(self, now, end.reason);
    } else {
        sl_second_fail(self, now, end.reason);
    }
}

static void note_alert(SluiceTransport *self, SluiceTime now, int stage, const SluiceEnd *so_far,
                       const SluiceAlert *alert)
{
    SluiceEnd end = *so_far;

    end.reason = SLUICE_END_ALERT_RECEIVED;
    end.alert = alert->number;
    end.alert_received = 1;
    sl_evidence_note_alert(&self->attempts->evidence, now, stage, rtt_of(self), &end, alert);
}

void sl_attempts_note(SluiceTransport *self, SluiceTime now, int place)
{
    SlDtls *association = self->associations[place];
    SluiceAlert alert;
    SluiceEnd end;
    int stage;

    if (!self->attempts || !is_attempt(self, place))
        return;
    stage = sl_dtls_stage(association);
    sl_evidence_reached(&self->attempts->evidence, now, stage);
    if (!sl_dtls_take_alert(association, &alert))
        return;
    memset(&end, 0, sizeof end);
    sl_dtls_get_end(association, &end);
    note_alert(self, now, stage, &end, &alert);
}

void sl_attempts_note_between(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                              size_t len)
{
    size_t offset = 0;
    SlRecord record;
    SluiceAlert alert;

    if (!self->attempts || self->attempts->next_at == SLUICE_TIME_NEVER)
        return;
    while (sl_record_next(data, len, &offset, &record) == 1)
        if (sl_alert_of(&record, &alert)) {
            self->stats.plaintext_alerts++;
            note_alert(self, now, self->attempts->evidence.furthest, &self->attempts->last_end,
                       &alert);
        }
}

/* The alert of an attempt that is long gone. A peer that has one session for all of them would take the number that the alert
 * had there for a replay (RFC 6347 section 4.1.2.6). */
static void number_last_words(SluiceTransport *self, SlEvidence *evidence, int place)
{
    if (evidence->last_words_len < SL_RECORD_HEADER)
        return;
    if (is_attempt(self, place))
        note_numbers(self, place);
    if (self->attempts->next_number <= ASKED_NUMBER && self->role != SLUICE_ROLE_CLIENT)
        self->attempts->next_number = ASKED_NUMBER + 1;
    sl_put48(evidence->last_words + 5, self->attempts->next_number);
}

void sl_attempts_believe(SluiceTransport *self, SluiceTime now)
{
    SlEvidence evidence = self->attempts->evidence;
    SluiceEvent event = {.type = SLUICE_EVENT_ALERT, .time = now, .u.alert = evidence.alert};
    int place = place_of_attempts(self);

    number_last_words(self, &evidence, place);
    sl_attempts_end(self);
    if (evidence.alert.number >= 0)
        sl_event_queue_push(&self->events, &event);
    if (evidence.last_words_len)
        (void)sl_output_push(&self->output, SL_OUTPUT_ALERT, evidence.last_words,
                             evidence.last_words_len);
    if (place == SL_LIVE) {
        sl_transport_end_as(self, now, &evidence.end);
        return;
    }
    if (self->second.phase == SL_SECOND_ATTEMPT)
        sl_second_clear(self);
    self->restart.refused = self->restart.announced && evidence.last_words_len > 0;
    self->restart.refused_at = now;
    sl_restart_over(self, now, (int)evidence.end.reason);
}

/* -- what is for another one -------------------------------------------------------------------------------- */

/* The random of a ServerHello in the datagram, or NULL. */
static const uint8_t *server_random(const uint8_t *data, size_t len)
{
    size_t offset = 0, at;
    SlRecord record;
    SlFragment fragment;

    while (sl_record_next(data, len, &offset, &record) == 1) {
        at = 0;
        if (record.type != SL_HANDSHAKE || record.epoch != 0)
            continue;
        while (sl_fragment_next(record.body, record.len, &at, &fragment) == 1)
            if (fragment.type == SL_SERVER_HELLO && fragment.fragment_offset == 0 &&
                fragment.len >= 2 + SERVER_RANDOM)
                return fragment.body + 2;
    }
    return NULL;
}

int sl_attempts_is_stale(SluiceTransport *self, int place, const uint8_t *data, size_t len)
{
    SlAttempts *attempts = self->attempts;
    const uint8_t *random;
    uint32_t maker;

    if (!attempts || !is_attempt(self, place) ||
        sl_dtls_role(self->associations[place]) != SLUICE_ROLE_CLIENT)
        return 0;
    random = server_random(data, len);
    if (!random)
        return 0;
    maker = sl_dtls_maker(self->associations[place]);
    for (size_t i = 0; i < KNOWN_SERVERS; i++)
        if (attempts->servers[i].maker &&
            memcmp(attempts->servers[i].random, random, SERVER_RANDOM) == 0)
            return attempts->servers[i].maker != maker;
    memcpy(attempts->servers[attempts->next_server].random, random, SERVER_RANDOM);
    attempts->servers[attempts->next_server].maker = maker;
    attempts->next_server = (attempts->next_server + 1) % KNOWN_SERVERS;
    return 0;
}

/* A HelloRequest: begin anew. As small as a record can be, and not more often than what asks for it. */
void sl_attempts_ask_anew(SluiceTransport *self, SluiceTime now, const uint8_t *data, size_t len)
{
    uint8_t request[SL_RECORD_HEADER + SL_HANDSHAKE_HEADER] = {SL_HANDSHAKE, 0xfe, 0xfd};
    size_t offset = 0, at = 0;
    SlRecord record;
    SlFragment fragment;

    if (!sl_attempts_given_up(self) ||
        now - self->attempts->given_up_at >= self->config->handshake_deadline)
        return;
    if (sl_record_next(data, len, &offset, &record) != 1 || record.type != SL_HANDSHAKE ||
        record.epoch != 0 || sl_fragment_next(record.body, record.len, &at, &fragment) != 1 ||
        (fragment.type != SL_CERTIFICATE && fragment.type != SL_CLIENT_KEY_EXCHANGE &&
         fragment.type != SL_CERTIFICATE_VERIFY) ||
        !sl_allowance_take(&self->challenges, now))
        return;
    sl_put48(request + 5, ASKED_NUMBER);
    sl_put16(request + 11, SL_HANDSHAKE_HEADER);
    sl_output_drop_of(&self->output, SL_OUTPUT_FLIGHT, 0);
    (void)sl_output_push(&self->output, SL_OUTPUT_FLIGHT, request, sizeof request);
}

/* -- time --------------------------------------------------------------------------------------------------- */

SluiceTime sl_attempts_next_timeout(const SluiceTransport *self)
{
    int place = place_of_attempts(self);
    SluiceTime due, unanswered_at;

    if (!self->attempts)
        return SLUICE_TIME_NEVER;
    due = sl_evidence_due(&self->attempts->evidence);
    if (self->attempts->next_at < due)
        due = self->attempts->next_at;
    unanswered_at = is_attempt(self, place) ? sl_dtls_unanswered_at(self->associations[place])
                                            : SLUICE_TIME_NEVER;
    return unanswered_at < due ? unanswered_at : due;
}

void sl_attempts_end_stuck(SluiceTransport *self, SluiceTime now)
{
    int place = place_of_attempts(self);

    if (self->attempts && is_attempt(self, place) &&
        sl_dtls_is_stuck(self->associations[place], now))
        give_up(self, now, place);
}

void sl_attempts_handle_timeout(SluiceTransport *self, SluiceTime now)
{
    if (!self->attempts)
        return;
    if (sl_evidence_due(&self->attempts->evidence) <= now)
        sl_attempts_believe(self, now);
    else if (self->attempts->next_at <= now)
        begin_client(self, now);
    else
        sl_attempts_end_stuck(self, now);
}
