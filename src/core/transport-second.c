/* SPDX-License-Identifier: BSD-3-Clause */

/* The association in the second place (RFC 6347 section 4.2.8, RFC 9147 section 5.11). The live one goes on untouched until
 * this one is finished and its peer is who it must be; it then changes places with it, and goes when what was under way
 * under its keys has had time to arrive.
 *
 * When they change places: who has received the peer's Finished last, the client, knows that both ends have the new
 * keys, and does it at once. The server knows when the first message or packet under the new keys has come, and does not
 * wait for that for ever: it does it after half of the overlap. The other half is for what is slow on the way. */

#include "transport.h"

#include "fingerprint.h"

#include <openssl/crypto.h>

#include <stdlib.h>
#include <string.h>

/* Of an attempt that nobody has announced: how long it may stand still. */
#define PATIENCE (8 * SLUICE_SECOND)

#define ROUND_TRIPS 4

static void enter(SluiceTransport *self, SluiceTime now, SlSecondPhase phase, SluiceTime duration)
{
    self->second.phase = phase;
    self->second.since = now;
    self->second.deadline = now + duration;
}

static SluiceTime overlap(const SluiceTransport *self)
{
    SluiceTime rtt = self->rtt ? self->rtt : self->stats.handshake_rtt;

    return ROUND_TRIPS * rtt > self->config->overlap ? ROUND_TRIPS * rtt : self->config->overlap;
}

/* -- beginning and end -------------------------------------------------------------------------------------- */

void sl_second_clear(SluiceTransport *self)
{
    SlSecond *second = &self->second;

    sl_transport_drop_association(self, SL_SECOND);
    sl_srtp_free(second->srtp);
    self->stats.dropped_unauthentic += second->inbox.held;
    self->stats.dropped_unexpected += second->inbox.messages;
    sl_inbox_cleanup(&second->inbox);
    free(second->offer);
    OPENSSL_free(second->peer_der);
    memset(second, 0, sizeof *second);
    second->deadline = SLUICE_TIME_NEVER;
    free(self->hints);
    self->hints = NULL;
}

SlDtls *sl_second_begin(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    SlSecond *second = &self->second;
    SlDtlsSinks sinks = {
        &self->output, &second->inbox, &self->events, &self->stats, NULL, self->id, 0};
    const SluiceConfig *config = self->config;
    SluiceTime patience = config->handshake_deadline;

    /* What was announced has no deadline any more once an association was finished. But this one takes its place, and if
     * nothing comes of it nobody else would tell. */
    if (self->restart.announced && self->restart.deadline == SLUICE_TIME_NEVER)
        self->restart.deadline = now + config->handshake_deadline;
    if (!self->attempts || (!sl_attempts_have_evidence(self) && !self->restart.announced))
        sl_attempts_begin(self, now);
    sl_second_clear(self);
    self->restart.peer_left = 0;
    sinks.offer = second->offer = calloc(1, sizeof *second->offer);
    if (!second->offer)
        return NULL;
    sinks.maker = ++self->made;
    sl_inbox_init(&second->inbox, config->max_held, config->max_held_bytes, config->max_messages,
                  config->max_message_bytes);
    self->associations[SL_SECOND] = sl_dtls_new(
        self->config, self->ctx, role, self->rtt ? self->rtt : self->stats.handshake_rtt,
        self->generation + 1, sl_transport_expected(self), &sinks);
    if (!self->associations[SL_SECOND])
        return NULL;
    if (!self->restart.announced && patience > PATIENCE)
        patience = PATIENCE;
    enter(self, now, SL_SECOND_ATTEMPT, patience);
    if (self->restart.announced)
        self->second.deadline = self->restart.deadline;
    return self->associations[SL_SECOND];
}

void sl_second_fail(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    int asked = sl_dtls_role(self->associations[SL_SECOND]) == SLUICE_ROLE_CLIENT;

    sl_log(self->config, SLUICE_LOG_INFO, self->id, "restart failed: %s",
           sluice_end_reason_name(reason));
    self->stats.restarts_failed++;
    sl_second_clear(self);
    if (!self->restart.announced)
        sl_attempts_end(self);
    /* That there was no time left says less than what came of an attempt before. */
    if (reason != SLUICE_END_DEADLINE || !self->restart.reason)
        self->restart.reason = (int)reason;
    /* A server waits for the next ClientHello, as long as there is time for one. */
    if (asked || self->restart.deadline == SLUICE_TIME_NEVER)
        sl_restart_over(self, now, self->restart.reason);
}

/* -- changing places ---------------------------------------------------------------------------------------- */

/* What it has kept aside is the transport's own now. */
static void take_over(SluiceTransport *self)
{
    SlSecond *second = &self->second;
    SlDtls *live = self->associations[SL_LIVE];

    sl_dtls_set_places(live, &self->inbox, &self->offer);
    sl_inbox_take_over(&self->inbox, &second->inbox);
    OPENSSL_free(self->peer_der);
    self->peer_der = second->peer_der;
    self->peer_der_len = second->peer_der_len;
    second->peer_der = NULL;
    self->role = sl_dtls_role(live);
    if (self->role == SLUICE_ROLE_SERVER)
        self->offer = *second->offer;
    else
        memset(&self->offer, 0, sizeof self->offer);
    if (self->restart.announced) {
        sl_peer_identity_take(&self->identity, &self->restart.identity);
        /* A role that it has taken by itself may still be named. */
        if (self->restart.role == SLUICE_ROLE_AUTO)
            self->role_named = 0;
    }
    sl_dtls_note_parameters(live);
}

void sl_second_promote(SluiceTransport *self, SluiceTime now)
{
    SlSecond *second = &self->second;
    SlDtls *old = self->associations[SL_LIVE];
    SlSrtp *srtp = second->srtp;

    self->associations[SL_LIVE] = self->associations[SL_SECOND];
    self->associations[SL_SECOND] = old;
    if (!sl_transport_is_verified(self))
        self->stats.dropped_unexpected +=
            sl_inbox_drop_data(&self->inbox); /* nobody knows whose that is */
    take_over(self);
    /* protect() may be at work with the old keys: they go when the overlap is over, behind the lock. */
    second->srtp = self->srtp;
    second->peer_has_changed = 0;
    enter(self, now, SL_SECOND_OLD, overlap(self));
    sl_transport_use_keys(self, now, srtp);
    self->deadline = SLUICE_TIME_NEVER;
    if (!sl_transport_is_verified(self)) {
        self->stats.connected_at = now;
        sl_second_clear(self);
    }
    sl_transport_enter(self, now, SL_INPUT_VERIFIED);
    sl_restart_over(self, now, 0);
}

/* -- from phase to phase ------------------------------------------------------------------------------------ */

static SluiceEndReason reason_of(SluiceStatus status)
{
    return status == SLUICE_NO_MEMORY ? SLUICE_END_NO_MEMORY : SLUICE_END_PROTOCOL;
}

/* Neither has a peer that is known: the newer is what there is at the other end. Of a restart that was announced it is the
 * association: from here on it waits as the first one did. */
static void replace_unverified(SluiceTransport *self, SluiceTime now)
{
    SlDtls *old = self->associations[SL_LIVE];

    self->associations[SL_LIVE] = self->associations[SL_SECOND];
    self->associations[SL_SECOND] = old;
    self->stats.dropped_unexpected += sl_inbox_drop_data(&self->inbox);
    take_over(self);
    sl_second_clear(self);
    if (self->restart.announced) {
        self->stats.finished_at = now;
        self->deadline = now + self->config->unverified_deadline;
    }
    sl_restart_over(self, now, 0);
}

void sl_second_doubt(SluiceTransport *self, SluiceTime now)
{
    sl_srtp_free(self->second.srtp);
    self->second.srtp = NULL;
    enter(self, now, SL_SECOND_UNVERIFIED, self->config->unverified_deadline);
}

void sl_second_verify(SluiceTransport *self, SluiceTime now)
{
    const SlPeerIdentity *expected = sl_transport_expected(self);
    SlSecond *second = &self->second;
    SlDtls *association = self->associations[SL_SECOND];
    SluiceStatus status;
    int match;

    if (expected->n == 0) {
        if (self->state == SLUICE_STATE_UNVERIFIED)
            replace_unverified(self, now);
        else if (second->phase != SL_SECOND_UNVERIFIED)
            enter(self, now, SL_SECOND_UNVERIFIED, self->config->unverified_deadline);
        return;
    }
    match =
        sl_fingerprints_match(expected->list, expected->n, second->peer_der, second->peer_der_len);
    if (match == 0) {
        sl_dtls_close(association, now);
        sl_second_fail(self, now, SLUICE_END_FINGERPRINT_MISMATCH);
        return;
    }
    status =
        match < 0 ? SLUICE_NO_MEMORY : sl_transport_make_srtp(self, association, &second->srtp);
    if (status != SLUICE_OK) {
        sl_second_fail(self, now, reason_of(status));
        return;
    }
    sl_half_open_give_back(sl_dtls_take_half_open(association));
    enter(self, now, SL_SECOND_CANDIDATE, overlap(self) / 2);
    second->live_heard_at = SLUICE_TIME_NEVER;
    second->last_flight_at = 0;
    /* Of what has waited for the fingerprint a message is a sign, too, and the peer may hear nothing else by now. Nor is there
     * anything to wait for when who had the old keys has taken his leave. */
    if (sl_dtls_role(association) == SLUICE_ROLE_CLIENT || !sl_transport_is_verified(self) ||
        sl_dtls_messages(association) > 0 || self->restart.farewell)
        sl_second_promote(self, now);
}

/* A peer that asks for our last flight again has no keys yet. It will ask once more after twice the time it has waited
 * now, or has it then. */
static void wait_for_last_flight(SluiceTransport *self)
{
    SlSecond *second = &self->second;
    SluiceTime sent_at, waits, before = second->last_flight_at;

    (void)sl_dtls_last_flight(self->associations[SL_SECOND], &sent_at);
    second->last_flight_at = sent_at;
    if (before == 0 || sent_at == before)
        return;
    waits = 2 * (sent_at - before) + overlap(self) / 4;
    if (sent_at + waits > second->deadline)
        second->deadline = sent_at + waits;
}

void sl_second_heard_live(SluiceTransport *self, SluiceTime now)
{
    self->second.live_heard_at = now;
    sl_second_heard(self, now, 0);
}

/* A server whose last flight was lost again and again does not know whether the last copy has arrived: it speaks by the old
 * keys until its client would have asked once more, which may be longer than the overlap. */
void sl_second_heard(SluiceTransport *self, SluiceTime now, int by_old)
{
    SlSecond *second = &self->second;
    SluiceTime until = now + overlap(self),
               latest = second->since + self->config->handshake_deadline;

    if (second->phase != SL_SECOND_OLD)
        return;
    second->peer_has_changed |= !by_old;
    if (second->peer_has_changed || self->role != SLUICE_ROLE_CLIENT)
        return;
    until = until < latest ? until : latest;
    if (until > second->deadline)
        second->deadline = until;
}

/* A client that has finished speaks by the new keys alone, and those of a candidate that was dropped nobody would have. What
 * it said by the old ones while our last flight was on its way to it has arrived after a quarter of the overlap, which is
 * a round trip at least. */
int sl_second_may_be_in_use(const SluiceTransport *self)
{
    const SlSecond *second = &self->second;
    SluiceTime sent_at;

    if (second->phase != SL_SECOND_CANDIDATE)
        return 0;
    (void)sl_dtls_last_flight(self->associations[SL_SECOND], &sent_at);
    return second->live_heard_at == SLUICE_TIME_NEVER ||
           second->live_heard_at - sent_at < overlap(self) / 4;
}

int sl_second_is_of_same_peer(const SluiceTransport *self)
{
    const SlSecond *second = &self->second;

    return (second->phase == SL_SECOND_UNVERIFIED || second->phase == SL_SECOND_CANDIDATE) &&
           second->peer_der && second->peer_der_len == self->peer_der_len &&
           memcmp(second->peer_der, self->peer_der, self->peer_der_len) == 0;
}

/* The server of a new association has waited for a sign that its peer has the new keys. Who still speaks under the old
 * ones has not: a client would have changed when it finished. */
static void end_of_waiting(SluiceTransport *self, SluiceTime now)
{
    SlSecond *second = &self->second;
    SluiceTime wait = overlap(self) / 2;

    if (second->live_heard_at == SLUICE_TIME_NEVER || now - second->live_heard_at >= wait)
        sl_second_promote(self, now);
    else if (now - second->since < self->config->handshake_deadline)
        second->deadline = second->live_heard_at + wait;
    else
        sl_second_fail(self, now, SLUICE_END_DEADLINE);
}

void sl_second_after_dtls(SluiceTransport *self, SluiceTime now, SlDtlsResult result)
{
    SlDtls *association = self->associations[SL_SECOND];
    SluiceEnd why;

    if (self->second.phase == SL_SECOND_OLD) /* its end is no news */
        return;
    if (result == SL_DTLS_BROKEN || result == SL_DTLS_TIRED) {
        sl_attempts_broken(self, now, SL_SECOND, result);
        return;
    }
    sl_attempts_note(self, now, SL_SECOND);
    if (self->second.phase == SL_SECOND_ATTEMPT && result != SL_DTLS_DEAD &&
        sl_dtls_is_finished(association)) {
        sl_attempts_end(self);
        sl_dtls_take_peer_der(association, &self->second.peer_der, &self->second.peer_der_len);
        sl_second_verify(self, now);
    }
    if (self->second.phase == SL_SECOND_CANDIDATE) {
        wait_for_last_flight(self);
        /* Whatever is said under its keys, a farewell too, is said by who has them. But who still speaks under the old
         * ones bids farewell to this association alone: it has turned out not to be with the peer that was announced. */
        if (sl_dtls_messages(association) > 0 || result == SL_DTLS_OVER ||
            (result == SL_DTLS_CLOSED && self->second.live_heard_at == SLUICE_TIME_NEVER))
            sl_second_promote(self, now);
    }
    if (self->associations[SL_LIVE] == association) {
        sl_transport_after_dtls(self, now, result);
    } else if (result != SL_DTLS_OK && self->associations[SL_SECOND] == association) {
        memset(&why, 0, sizeof why);
        sl_dtls_get_end(association, &why);
        self->restart.peer_left = result == SL_DTLS_CLOSED && sl_second_is_of_same_peer(self);
        sl_second_fail(self, now, result == SL_DTLS_CLOSED ? SLUICE_END_CLOSE_NOTIFY : why.reason);
    }
}

int sl_second_may_own_media(const SluiceTransport *self)
{
    SluiceTime sent_at;

    if (self->second.phase == SL_SECOND_UNVERIFIED)
        return 1;
    /* A server does not wait for ever for our first packet, and its last flight may be late. */
    return self->second.phase == SL_SECOND_ATTEMPT &&
           sl_dtls_last_flight(self->associations[SL_SECOND], &sent_at) == 5;
}

/* -- time --------------------------------------------------------------------------------------------------- */

SluiceTime sl_second_next_timeout(const SluiceTransport *self)
{
    SluiceTime due = self->second.deadline;

    if (self->associations[SL_SECOND] && sl_dtls_next_timeout(self->associations[SL_SECOND]) < due)
        due = sl_dtls_next_timeout(self->associations[SL_SECOND]);
    return due;
}

static void at_deadline(SluiceTransport *self, SluiceTime now)
{
    switch (self->second.phase) {
    case SL_SECOND_ATTEMPT:
        sl_second_fail(self, now, SLUICE_END_DEADLINE);
        break;
    case SL_SECOND_UNVERIFIED:
        sl_dtls_close(self->associations[SL_SECOND], now);
        sl_second_fail(self, now, SLUICE_END_UNVERIFIED_DEADLINE);
        break;
    case SL_SECOND_CANDIDATE:
        end_of_waiting(self, now);
        break;
    case SL_SECOND_OLD:
        sl_second_clear(self);
        break;
    case SL_SECOND_NONE:
    default:
        break;
    }
}

void sl_second_handle_timeout(SluiceTransport *self, SluiceTime now)
{
    /* At the deadline what has broken an attempt is believed, as that of the first one is. */
    if (sl_restart_next_timeout(self) <= now && sl_attempts_have_evidence(self)) {
        sl_attempts_believe(self, now);
        return;
    }
    if (self->associations[SL_SECOND])
        sl_second_after_dtls(self, now, sl_dtls_handle_timeout(self->associations[SL_SECOND], now));
    if (self->second.deadline <= now && !sl_transport_has_ended(self))
        at_deadline(self, now);
}
