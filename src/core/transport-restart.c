/* SPDX-License-Identifier: BSD-3-Clause */

/* How a second association comes to be: announced by signalling (RFC 8842 section 5), or by a ClientHello of a peer that
 * has begun again (RFC 6347 section 4.2.8). The first of these may be anybody's, so it is asked for a cookie, without
 * keeping anything; who brings it receives what is sent to the peer. */

#include "transport.h"

#include "fingerprint.h"

#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

const SlPeerIdentity *sl_transport_expected(const SluiceTransport *self)
{
    return self->restart.announced ? &self->restart.identity : &self->identity;
}

/* -- a ClientHello ------------------------------------------------------------------------------------------ */

/* A cookie is good for one association: one that was overheard is of no use. */
static void spend_cookie(SluiceTransport *self)
{
    uint8_t secret[SL_COOKIE_SECRET];

    if (RAND_bytes(secret, sizeof secret) == 1)
        memcpy(self->cookie_secret, secret, sizeof secret);
}

/* A handshake that goes on is not disturbed: its client would take the request for a cookie for its own. */
static int is_busy(const SluiceTransport *self, SluiceTime now)
{
    const SlDtls *attempt = self->second.phase == SL_SECOND_ATTEMPT ? self->associations[SL_SECOND]
                                                                    : self->associations[SL_LIVE];

    return !sl_dtls_is_finished(attempt) && sl_dtls_is_fresh(attempt, now);
}

/* What was announced is refused, and its client hears that: it believes it in a quarter of a second, or a round trip. A
 * ClientHello that it sends meanwhile is not that of a peer that has come back by itself. */
static int is_refused(const SluiceTransport *self, SluiceTime now)
{
    SluiceTime rtt = self->rtt ? self->rtt : self->stats.handshake_rtt;
    SluiceTime wait = 4 * rtt > SLUICE_SECOND ? 4 * rtt : SLUICE_SECOND;

    return self->restart.refused && !self->restart.announced &&
           now - self->restart.refused_at < wait;
}

/* Not while the second place is taken, be it by an association that was replaced: packets are under way under its keys. */
static int may_waive_cookie(const SluiceTransport *self)
{
    return self->config->waive_restart_cookie && self->path_validated &&
           sl_transport_is_established(self) && self->second.phase == SL_SECOND_NONE;
}

/* What the one counted for that goes now, or room for one more. NULL: there is none. */
static SlHalfOpen *find_room(SluiceTransport *self, int place)
{
    SlDtls *replaced = self->associations[place];
    SlHalfOpen *room = replaced ? sl_dtls_take_half_open(replaced) : NULL;

    return room ? room : sl_half_opens_take(&self->config->half_opens, &self->source);
}

static SluiceStatus associate_at(SluiceTransport *self, SluiceTime now, int place)
{
    if (place == SL_SECOND)
        return sl_second_begin(self, now, SLUICE_ROLE_SERVER) ? SLUICE_OK : SLUICE_DROPPED_FULL;
    if (self->role == SLUICE_ROLE_AUTO)
        sl_transport_connect_as(self, now, SLUICE_ROLE_SERVER);
    sl_transport_drop_association(self, SL_LIVE);
    return sl_transport_associate(self, now, SLUICE_ROLE_SERVER) ? SLUICE_OK : SLUICE_ENDED;
}

SluiceStatus sl_transport_answer_hello(SluiceTransport *self, SluiceTime now,
                                       const SlClientHello *hello, int has_cookie, uint8_t *passed,
                                       size_t n)
{
    int place = sl_transport_is_established(self) ? SL_SECOND : SL_LIVE;
    SlHalfOpen *room = find_room(self, place);
    SluiceStatus status;

    if (!room) {
        self->stats.dropped_half_open++;
        return SLUICE_DROPPED_FULL;
    }
    status = associate_at(self, now, place);
    if (status != SLUICE_OK) {
        sl_half_open_give_back(room);
        return status;
    }
    sl_dtls_set_half_open(self->associations[place], room);
    sl_dtls_set_hello(self->associations[place], now, hello);
    if (has_cookie)
        spend_cookie(self);
    sl_transport_feed(self, now, place, passed, n, has_cookie ? hello : NULL);
    /* Later fragments of the ClientHello may have overtaken its head. */
    sl_transport_replay_early(self, now);
    return sl_transport_has_ended(self) ? SLUICE_ENDED : SLUICE_OK;
}

SluiceStatus sl_transport_meet_hello(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                     size_t len)
{
    uint8_t passed[SL_DTLS_DATAGRAM_MAX];
    SlClientHello hello;
    SluiceStatus status;
    size_t n = sl_transport_guard(self, SLUICE_ROLE_SERVER, -1, data, len, passed, &status);
    int is_there;

    if (n == 0)
        return status;
    if ((self->dtls_given_up && !self->restart.announced) || is_refused(self, now))
        return sl_transport_drop_unexpected(self);
    if (sl_client_hello_parse(passed, n, &hello) != SL_HELLO_FIRST)
        return sl_transport_drop_unexpected(self);
    self->stats.hellos_beside++;
    /* Message 1 answers a HelloVerifyRequest, and only one of ours. */
    is_there = hello.message_seq == 1 && hello.cookie_len > 0 &&
               sl_cookie_check(self->cookie_secret, &hello);
    if (is_there && !sl_second_may_be_in_use(self))
        return sl_transport_answer_hello(self, now, &hello, 1, passed, n);
    if (is_there || is_busy(self, now) || !sl_allowance_take(&self->challenges, now)) {
        self->stats.hellos_beside_dropped++;
        return sl_transport_drop_unexpected(self);
    }
    if (hello.message_seq == 0 && may_waive_cookie(self))
        return sl_transport_answer_hello(self, now, &hello, 0, passed, n);
    self->challenged_at = now;
    sl_transport_tell_flight(self, now, SLUICE_RECEIVED, passed, n);
    return sl_transport_ask_for_cookie(self, now, &hello);
}

/* -- an announcement ---------------------------------------------------------------------------------------- */

SluiceStatus sl_transport_read_identity(const SluiceTransport *self,
                                        const SluiceFingerprint *fingerprints, size_t n,
                                        SlPeerIdentity *out)
{
    memset(out, 0, sizeof *out);
    if (n > SLUICE_FINGERPRINTS_MAX || (n && !fingerprints))
        return SLUICE_INVALID_ARGUMENT;
    for (size_t i = 0; i < n; i++)
        if (!sl_fingerprint_valid(&fingerprints[i]))
            return SLUICE_INVALID_ARGUMENT;
    if (n == 0)
        return SLUICE_OK;
    out->list = malloc(n * sizeof *fingerprints);
    if (!out->list)
        return SLUICE_NO_MEMORY;
    memcpy(out->list, fingerprints, n * sizeof *fingerprints);
    out->n = sl_fingerprints_strongest(out->list, n, self->config->allow_sha1);
    if (out->n)
        return SLUICE_OK;
    sl_peer_identity_clear(out);
    return SLUICE_INVALID_ARGUMENT;
}

void sl_restart_over(SluiceTransport *self, SluiceTime now, int reason)
{
    SluiceEvent event = {.type = SLUICE_EVENT_RESTART_FAILED, .time = now};

    self->restart.deadline = SLUICE_TIME_NEVER;
    if (!self->restart.announced)
        return;
    self->restart.announced = 0;
    sl_attempts_end(self);
    if (reason) {
        event.u.reason = (SluiceEndReason)reason;
        sl_event_queue_push(&self->events, &event);
    }
    if (reason && self->restart.farewell)
        sl_transport_end(self, now, (SluiceEndReason)self->restart.farewell);
    self->restart.farewell = 0;
}

/* Who is replaced by another peer hangs up, and who makes a new association with new identities may close the old one first:
 * neither is the end of what signalling goes on with. It is if nothing takes the place. Consent is over in any case (RFC
 * 7675 section 5.2): under these keys nothing goes out any more, what is still under way comes in. */
void sl_restart_take_farewell(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    int is_verified = sl_transport_is_verified(self);

    if (!self->restart.announced || (is_verified && !self->srtp) || self->restart.peer_left ||
        sl_second_is_of_same_peer(self)) {
        sl_transport_end(self, now, reason);
        return;
    }
    if (self->second.phase == SL_SECOND_CANDIDATE) { /* nobody speaks by the old one any more */
        sl_second_promote(self, now);
        return;
    }
    self->restart.farewell = (int)reason;
    if (!is_verified) { /* nobody will name it any more: the time is that of what is announced */
        self->deadline = SLUICE_TIME_NEVER;
        return;
    }
    pthread_mutex_lock(&self->send_lock);
    self->srtp_out = NULL;
    pthread_mutex_unlock(&self->send_lock);
    sl_transport_enter(self, now, SL_INPUT_DTLS_OVER);
}

/* A fatal alert of a peer that was never verified, or what it has broken, is no more than its close_notify. */
void sl_restart_take_end(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    if (self->state == SLUICE_STATE_UNVERIFIED && reason != SLUICE_END_NO_MEMORY)
        sl_restart_take_farewell(self, now, reason);
    else
        sl_transport_end(self, now, reason);
}

SluiceStatus sl_restart_begin_as_client(SluiceTransport *self, SluiceTime now)
{
    SlDtls *association = sl_second_begin(self, now, SLUICE_ROLE_CLIENT);

    if (!association) {
        sl_restart_over(self, now, SLUICE_END_NO_MEMORY);
        return SLUICE_NO_MEMORY;
    }
    sl_second_after_dtls(self, now, sl_dtls_start(association, now));
    return sl_transport_status(self);
}

/* The first association is not finished. */
static SluiceStatus begin_anew(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    sl_peer_identity_take(&self->identity, &self->restart.identity);
    self->restart.announced = 0;
    sl_transport_drop_association(self, SL_LIVE);
    self->role = SLUICE_ROLE_AUTO;
    self->role_named = 0;
    memset(&self->offer, 0, sizeof self->offer);
    sl_attempts_begin(self, now);
    if (self->state == SLUICE_STATE_CONNECTING)
        self->deadline = now + self->config->handshake_deadline;
    return role == SLUICE_ROLE_AUTO ? SLUICE_OK : sluice_transport_start(self, now, role);
}

/* The peer was faster than signalling: what is there may be what is announced. */
static int is_announced(const SluiceTransport *self, SluiceRole role,
                        const SlPeerIdentity *expected)
{
    SlSecondPhase phase = self->second.phase;

    if (phase == SL_SECOND_NONE || phase == SL_SECOND_OLD || role == SLUICE_ROLE_CLIENT ||
        sl_dtls_role(self->associations[SL_SECOND]) != SLUICE_ROLE_SERVER)
        return 0;
    return phase != SL_SECOND_CANDIDATE || !expected->n ||
           sl_fingerprints_match(expected->list, expected->n, self->second.peer_der,
                                 self->second.peer_der_len) == 1;
}

static void keep_second(SluiceTransport *self, SluiceTime now)
{
    const SlPeerIdentity *expected = &self->restart.identity;
    SlSecondPhase phase = self->second.phase;

    if (phase == SL_SECOND_CANDIDATE && expected->n)
        return;
    sl_dtls_set_identity(self->associations[SL_SECOND], expected);
    if (phase ==
        SL_SECOND_ATTEMPT) /* it has the time of what is announced, not that of a stranger */
        self->second.deadline = self->restart.deadline;
    if (phase == SL_SECOND_CANDIDATE) /* its client speaks by it already */
        sl_second_doubt(self, now);
    if (phase == SL_SECOND_UNVERIFIED)
        sl_second_verify(self, now);
}

SluiceStatus sluice_transport_restart(SluiceTransport *self, SluiceTime now, SluiceRole role,
                                      const SluiceFingerprint *fingerprints, size_t n_fingerprints)
{
    SlPeerIdentity identity;
    SluiceStatus status;
    int kept;

    if (!self || (unsigned)role > SLUICE_ROLE_SERVER)
        return SLUICE_INVALID_ARGUMENT;
    status = sl_transport_read_identity(self, fingerprints, n_fingerprints, &identity);
    if (status != SLUICE_OK)
        return status;
    if (sl_transport_has_ended(self) || self->state == SLUICE_STATE_NEW || self->dtls_given_up) {
        sl_peer_identity_clear(&identity);
        return sl_transport_has_ended(self) ? SLUICE_ENDED : SLUICE_INVALID_STATE;
    }
    kept = is_announced(self, role, &identity);
    /* Its client has the keys in use: were it dropped, and what is announced came to nothing, the ends would have no keys in
     * common. */
    if (self->second.phase == SL_SECOND_CANDIDATE && !kept)
        sl_second_promote(self, now);
    self->restart.announced = 1;
    self->restart.reason = self->restart.peer_left = 0;
    self->restart.role = role;
    sl_peer_identity_take(&self->restart.identity, &identity);
    if (!sl_transport_is_established(self))
        return begin_anew(self, now, role);
    self->restart.deadline = now + self->config->handshake_deadline;
    /* Who the peer of the first one is nobody will say any more: it is there as long as this one may take. */
    if (self->state == SLUICE_STATE_UNVERIFIED && self->deadline < self->restart.deadline)
        self->deadline = self->restart.deadline;
    sl_attempts_begin(self, now);
    if (kept) {
        keep_second(self, now);
        return sl_transport_status(self);
    }
    sl_second_clear(self);
    return role == SLUICE_ROLE_CLIENT ? sl_restart_begin_as_client(self, now) : SLUICE_OK;
}

int sl_restart_name_role(SluiceTransport *self, SluiceTime now, SluiceRole role,
                         SluiceStatus *status)
{
    SlRestart *restart = &self->restart;
    int finished =
        self->second.phase == SL_SECOND_UNVERIFIED || self->second.phase == SL_SECOND_CANDIDATE;

    if (!restart->announced || restart->role != SLUICE_ROLE_AUTO || role == SLUICE_ROLE_AUTO)
        return 0;
    *status = SLUICE_OK;
    if (finished && role == SLUICE_ROLE_CLIENT) { /* a ClientHello came first */
        *status = SLUICE_INVALID_STATE;
        return 1;
    }
    restart->role = role;
    if (role == SLUICE_ROLE_CLIENT)
        *status = sl_restart_begin_as_client(self, now);
    return 1;
}

int sl_restart_name_identity(SluiceTransport *self, SluiceTime now, SlPeerIdentity *identity,
                             SluiceStatus *status)
{
    SlPeerIdentity *known = &self->restart.identity;

    if (!self->restart.announced)
        return 0;
    *status = SLUICE_OK;
    if (known->n) {
        if (!sl_fingerprints_equal(known->list, known->n, identity->list, identity->n))
            *status = SLUICE_INVALID_STATE;
        return 1;
    }
    sl_peer_identity_take(known, identity);
    if (self->second.phase == SL_SECOND_UNVERIFIED)
        sl_second_verify(self, now);
    return 1;
}

SluiceTime sl_restart_next_timeout(const SluiceTransport *self)
{
    return self->restart.announced ? self->restart.deadline : SLUICE_TIME_NEVER;
}

void sl_restart_handle_timeout(SluiceTransport *self, SluiceTime now)
{
    SlSecondPhase phase = self->second.phase;

    if (sl_restart_next_timeout(self) > now)
        return;
    if (phase == SL_SECOND_ATTEMPT)
        sl_second_fail(self, now, SLUICE_END_DEADLINE);
    /* One that is finished has a deadline of its own. */
    if (phase == SL_SECOND_UNVERIFIED || phase == SL_SECOND_CANDIDATE)
        self->restart.deadline = SLUICE_TIME_NEVER;
    else
        sl_restart_over(self, now,
                        self->restart.reason ? self->restart.reason : SLUICE_END_DEADLINE);
}
