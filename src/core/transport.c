/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport.h"

#include "fingerprint.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

/* Enough for a peer that tries again while a hundred forged ClientHellos a second come, too. */
#define CHALLENGE_INTERVAL (20 * SLUICE_MILLISECOND)
#define CHALLENGE_BURST 10
#define RTT_MAX (60 * SLUICE_SECOND)

SluiceTransport *sluice_transport_new(SluiceConfig *config)
{
    SSL_CTX *ctx = config ? sl_config_freeze(config, sl_dtls_install) : NULL;
    SluiceTransport *self = ctx ? sl_near_alloc(sizeof *self) : NULL;

    if (!self)
        return NULL;
    self->captured = config->capture != NULL;
    if (self->captured)
        self->capture_copy = OPENSSL_malloc(SL_SCRATCH);
    if (self->captured != (self->capture_copy != NULL) ||
        RAND_bytes(self->cookie_secret, sizeof self->cookie_secret) != 1 ||
        pthread_mutex_init(&self->send_lock, NULL) != 0) {
        OPENSSL_free(self->capture_copy);
        sl_near_free(self);
        return NULL;
    }
    self->id = sl_next_id();
    sl_near_init(&self->near, self);
    sl_near_init(&self->near_out, self);
    if (config->n_profiles)
        (void)sl_srtp_prepare(config, self->id); /* if it is not ready the handshake says so */
    self->config = sluice_config_ref(config);
    self->ctx = ctx;
    self->deadline = SLUICE_TIME_NEVER;
    self->end_dtls_at = SLUICE_TIME_NEVER;
    self->second.deadline = SLUICE_TIME_NEVER;
    self->restart.deadline = SLUICE_TIME_NEVER;
    self->challenged_at = SLUICE_TIME_NEVER;
    sl_allowance_init(&self->challenges, CHALLENGE_INTERVAL, CHALLENGE_BURST);
    self->stats.started_at = SLUICE_TIME_NEVER;
    self->stats.finished_at = SLUICE_TIME_NEVER;
    self->stats.connected_at = SLUICE_TIME_NEVER;
    self->stats.client_hello_at = SLUICE_TIME_NEVER;
    self->stats.certificate_at = SLUICE_TIME_NEVER;
    self->stats.handshake_mtu = (uint32_t)config->handshake_mtu;
    sl_output_init(&self->output, config->max_output_datagrams, config->max_output_bytes);
    sl_inbox_init(&self->inbox, config->max_held, config->max_held_bytes, config->max_messages,
                  config->max_message_bytes);
    return self;
}

void sl_transport_drop_association(SluiceTransport *self, int place)
{
    SlDtls *association = self->associations[place];

    if (!association)
        return;
    if (!sl_dtls_is_closed(association)) /* the close_notify needs the last flight */
        sl_output_drop_of(&self->output, SL_OUTPUT_FLIGHT, sl_dtls_maker(association));
    /* What it has brought waits to be verified, and must not be taken for the next one's. */
    if (place == SL_LIVE && !sl_transport_is_verified(self))
        self->stats.dropped_unexpected += sl_inbox_drop_data(&self->inbox);
    sl_dtls_free(association);
    self->associations[place] = NULL;
}

void sluice_transport_free(SluiceTransport *self)
{
    if (!self)
        return;
    sl_second_clear(self);
    sl_attempts_end(self);
    sl_dtls_free(self->associations[SL_LIVE]);
    OPENSSL_free(self->peer_der);
    sl_peer_identity_clear(&self->identity);
    sl_peer_identity_clear(&self->restart.identity);
    sl_srtp_free(self->srtp);
    sl_output_cleanup(&self->output);
    sl_output_cleanup(&self->farewell);
    sl_inbox_cleanup(&self->inbox);
    OPENSSL_clear_free(self->scratch, SL_SCRATCH); /* it may hold plain media */
    OPENSSL_clear_free(self->capture_copy, SL_SCRATCH);
    pthread_mutex_destroy(&self->send_lock);
    sluice_config_unref(self->config);
    OPENSSL_cleanse(self, sizeof *self);
    sl_near_free(self);
}

uint64_t sluice_transport_get_id(const SluiceTransport *self) { return self ? self->id : 0; }

SluiceState sluice_transport_get_state(const SluiceTransport *self)
{
    return self ? self->state : SLUICE_STATE_FAILED;
}

SluiceStatus sluice_transport_get_end(const SluiceTransport *self, SluiceEnd *end)
{
    if (!self || !end)
        return SLUICE_INVALID_ARGUMENT;
    if (!sl_transport_has_ended(self))
        return SLUICE_INVALID_STATE;
    *end = self->end;
    return SLUICE_OK;
}

/* -- from state to state ------------------------------------------------------------------------------------ */

void sl_transport_enter(SluiceTransport *self, SluiceTime now, SlLifecycleInput input)
{
    SluiceState state = sl_lifecycle_next(self->state, input);
    SluiceEvent event = {.type = SLUICE_EVENT_STATE, .time = now, .u.state = state};

    if (state == self->state)
        return;
    self->state = state;
    sl_event_queue_push(&self->events, &event);
    sl_log(self->config, SLUICE_LOG_INFO, self->id, "%s", sluice_state_name(state));
}

/* What DTLS has to say of the end; where it was given up before, it has said it. @why: of an association that is gone. */
static void note_end(SluiceTransport *self, const SluiceEnd *why)
{
    SlDtls *live = self->associations[SL_LIVE];

    if (!live && sl_transport_is_verified(self))
        return;
    memset(&self->end, 0, sizeof self->end);
    self->end.alert = -1;
    if (why) {
        self->end = *why;
    } else if (live) {
        sl_dtls_get_end(live, &self->end);
    } else if (self->stats.hello_verify_requests) { /* made without one */
        self->end.last_flight_sent = 2;
        self->end.last_flight_received = 1;
    }
}

void sl_transport_drop_dtls(SluiceTransport *self)
{
    note_end(self, NULL);
    sl_transport_drop_association(self, SL_LIVE);
}

/* The end: keys go, timers stop, what the application has been promised stays. */
static void end(SluiceTransport *self, SluiceTime now, SluiceEndReason reason, const SluiceEnd *why)
{
    int in_order = reason == SLUICE_END_LOCAL_CLOSE || reason == SLUICE_END_CLOSE_NOTIFY;
    SlDtls *live = self->associations[SL_LIVE];

    if (sl_transport_has_ended(self))
        return;
    note_end(self, why);
    self->end.reason = reason;
    self->end.phase = self->state;
    self->end.role = self->role;
    sl_second_clear(self);
    sl_attempts_end(self);
    self->restart.announced = 0;
    /* Half a handshake is of no use to anyone; but a last flight goes before the close_notify that needs it. */
    if (live ? !sl_dtls_is_finished(live) : !sl_transport_is_verified(self))
        sl_output_drop(&self->output, SL_OUTPUT_FLIGHT);
    sl_dtls_free(live);
    self->associations[SL_LIVE] = NULL;
    /* Not freed here: the application may be looking at the oldest message as it closes. */
    self->stats.dropped_unexpected += sl_transport_is_verified(self) ? 0 : self->inbox.messages;
    self->messages_dropped = reason == SLUICE_END_LOCAL_CLOSE || !sl_transport_is_verified(self);
    pthread_mutex_lock(&self->send_lock);
    self->srtp_out = NULL;
    self->ended = 1;
    pthread_mutex_unlock(&self->send_lock);
    sl_srtp_free(self->srtp);
    self->srtp = NULL;
    self->deadline = SLUICE_TIME_NEVER;
    self->end_dtls_at = SLUICE_TIME_NEVER;
    sl_transport_enter(self, now, in_order ? SL_INPUT_CLOSE : SL_INPUT_FAIL);
    if (!in_order)
        sl_log(self->config, SLUICE_LOG_ERROR, self->id, "failed: %s (%s)",
               sluice_end_reason_name(reason), self->end.openssl_reason);
}

void sl_transport_end(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    end(self, now, reason, NULL);
}

void sl_transport_end_as(SluiceTransport *self, SluiceTime now, const SluiceEnd *why)
{
    end(self, now, why->reason, why);
}

/* The peer of a second one may listen to that alone; or, until it has heard us under its keys, to the old one alone. */
static void close_dtls(SluiceTransport *self, SluiceTime now)
{
    if (self->associations[SL_LIVE])
        sl_dtls_close(self->associations[SL_LIVE], now);
    if (self->associations[SL_SECOND])
        sl_dtls_close(self->associations[SL_SECOND], now);
}

void sl_transport_fail(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    /* Where a connection stands already its end is told; before, DTLS has told it or has no means to. */
    close_dtls(self, now);
    sl_transport_end(self, now, reason);
}

/* Finished, and perhaps verified: the one gate between the handshake and everything else. */
static void verify(SluiceTransport *self, SluiceTime now)
{
    SlSrtp *srtp = NULL;
    SluiceStatus status;
    int match;

    if (self->identity.n == 0) {
        self->deadline = now + self->config->unverified_deadline;
        sl_transport_enter(self, now, SL_INPUT_FINISHED);
        return;
    }
    match = sl_fingerprints_match(self->identity.list, self->identity.n, self->peer_der,
                                  self->peer_der_len);
    if (match == 0) {
        sl_transport_fail(self, now, SLUICE_END_FINGERPRINT_MISMATCH);
        return;
    }
    status = match < 0 ? SLUICE_NO_MEMORY
                       : sl_transport_make_srtp(self, self->associations[SL_LIVE], &srtp);
    if (status != SLUICE_OK) {
        sl_transport_fail(self, now,
                          status == SLUICE_NO_MEMORY ? SLUICE_END_NO_MEMORY : SLUICE_END_PROTOCOL);
        return;
    }
    sl_half_open_give_back(sl_dtls_take_half_open(self->associations[SL_LIVE]));
    self->deadline = SLUICE_TIME_NEVER;
    self->stats.connected_at = now;
    sl_transport_use_keys(self, now, srtp);
    sl_transport_enter(self, now, SL_INPUT_VERIFIED);
}

void sl_transport_after_dtls(SluiceTransport *self, SluiceTime now, SlDtlsResult result)
{
    SluiceEnd why = {0};

    if (result == SL_DTLS_BROKEN || result == SL_DTLS_TIRED) {
        sl_attempts_broken(self, now, SL_LIVE, result);
        return;
    }
    sl_attempts_note(self, now, SL_LIVE);
    if (self->state == SLUICE_STATE_CONNECTING && sl_dtls_is_finished(self->associations[SL_LIVE]))
        sl_dtls_note_parameters(self->associations[SL_LIVE]);
    /* A message and close_notify may come in one datagram: first what was finished, then the end. */
    if (self->state == SLUICE_STATE_CONNECTING && result != SL_DTLS_DEAD &&
        sl_dtls_is_finished(self->associations[SL_LIVE])) {
        self->stats.finished_at = now;
        sl_attempts_end(self);
        sl_dtls_take_peer_der(self->associations[SL_LIVE], &self->peer_der, &self->peer_der_len);
        verify(self, now);
    }
    if (sl_transport_has_ended(self))
        return;
    switch (result) {
    case SL_DTLS_OK:
    case SL_DTLS_BROKEN:
    case SL_DTLS_TIRED:
        break;
    case SL_DTLS_CLOSED:
        sl_restart_take_farewell(self, now, SLUICE_END_CLOSE_NOTIFY);
        break;
    case SL_DTLS_OVER:
        if (self->state == SLUICE_STATE_CONNECTED && self->srtp)
            sl_transport_enter(self, now, SL_INPUT_DTLS_OVER);
        else
            sl_restart_take_end(self, now, SLUICE_END_ALERT_RECEIVED);
        break;
    case SL_DTLS_DEAD:
        sl_dtls_get_end(self->associations[SL_LIVE], &why);
        sl_restart_take_end(self, now, why.reason);
        break;
    }
}

/* -- starting ----------------------------------------------------------------------------------------------- */

int sl_transport_associate(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    const SlDtlsSinks sinks = {&self->output, &self->inbox, &self->events, &self->stats,
                               &self->offer,  self->id,     ++self->made};

    memset(&self->offer, 0, sizeof self->offer); /* an attempt that went may have filled it in */
    self->associations[SL_LIVE] = sl_dtls_new(self->config, self->ctx, role, self->rtt,
                                              self->generation + 1, &self->identity, &sinks);
    if (!self->associations[SL_LIVE])
        sl_transport_end(self, now, SLUICE_END_NO_MEMORY);
    return self->associations[SL_LIVE] != NULL;
}

void sl_transport_connect_as(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    self->role = role;
    self->stats.started_at = now;
    if (role == SLUICE_ROLE_CLIENT) /* the first is the one that it sends */
        self->stats.client_hello_at = SLUICE_TIME_NEVER;
    self->deadline = now + self->config->handshake_deadline;
    sl_attempts_begin(self, now);
    sl_transport_enter(self, now, SL_INPUT_START);
}

SluiceStatus sl_transport_status(const SluiceTransport *self)
{
    if (!sl_transport_has_ended(self))
        return SLUICE_OK;
    return self->end.reason == SLUICE_END_NO_MEMORY ? SLUICE_NO_MEMORY : SLUICE_ENDED;
}

/* A ClientHello came first and made it server. Until the handshake is finished that was anybody's; what signalling says
 * counts. */
static SluiceStatus name_taken_role(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    if (self->role != role) {
        if (sl_transport_is_established(self))
            return SLUICE_INVALID_STATE;
        sl_transport_drop_association(self, SL_LIVE);
        sl_transport_connect_as(self, now, role);
    } else if (!sl_transport_is_established(self)) {
        self->deadline = now + self->config->handshake_deadline;
    }
    self->role_named = 1;
    return SLUICE_OK;
}

SluiceStatus sluice_transport_start(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    SluiceStatus status;

    if (!self || (unsigned)role > SLUICE_ROLE_SERVER)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (sl_restart_name_role(self, now, role, &status))
        return status;
    if (self->role_named || (role == SLUICE_ROLE_AUTO && self->state != SLUICE_STATE_NEW))
        return SLUICE_INVALID_STATE;
    if (self->role != SLUICE_ROLE_AUTO) {
        int known = self->role == role;

        status = name_taken_role(self, now, role);
        if (status != SLUICE_OK || known || role == SLUICE_ROLE_SERVER)
            return status;
    } else if (role == SLUICE_ROLE_AUTO) {
        sl_transport_enter(self, now, SL_INPUT_START_AUTO);
    } else {
        self->role_named = 1;
        sl_transport_connect_as(self, now, role);
    }
    if (role == SLUICE_ROLE_CLIENT && sl_transport_associate(self, now, role))
        sl_transport_after_dtls(self, now, sl_dtls_start(self->associations[SL_LIVE], now));
    sl_transport_replay_early(self, now);
    return sl_transport_status(self);
}

SluiceStatus sluice_transport_set_path_validated(SluiceTransport *self, SluiceTime now,
                                                 int validated)
{
    (void)now;
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    self->path_validated = validated != 0;
    return SLUICE_OK;
}

SluiceStatus sluice_transport_set_rtt(SluiceTransport *self, SluiceTime rtt)
{
    if (!self || rtt < 0 || rtt > RTT_MAX)
        return SLUICE_INVALID_ARGUMENT;
    self->rtt = rtt;
    for (int place = 0; place < 2; place++)
        if (self->associations[place])
            sl_dtls_set_rtt(self->associations[place], rtt);
    return SLUICE_OK;
}

SluiceStatus sluice_transport_set_source(SluiceTransport *self, const void *source, size_t len)
{
    if (!self || len > SLUICE_SOURCE_MAX || (len && !source))
        return SLUICE_INVALID_ARGUMENT;
    memset(&self->source, 0, sizeof self->source);
    if (len)
        memcpy(self->source.bytes, source, len);
    self->source.len = (uint8_t)len;
    return SLUICE_OK;
}

static SluiceStatus learn_identity(SluiceTransport *self, SluiceTime now, SlPeerIdentity *identity)
{
    const SlPeerIdentity *known = &self->identity;
    SluiceStatus status;

    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (sl_restart_name_identity(self, now, identity, &status))
        return status;
    if (known->n)
        return sl_fingerprints_equal(known->list, known->n, identity->list, identity->n)
                   ? SLUICE_OK
                   : SLUICE_INVALID_STATE;
    sl_peer_identity_take(&self->identity, identity);
    if (self->state == SLUICE_STATE_UNVERIFIED)
        verify(self, now);
    return SLUICE_OK;
}

SluiceStatus sluice_transport_set_remote_fingerprints(SluiceTransport *self, SluiceTime now,
                                                      const SluiceFingerprint *fingerprints,
                                                      size_t n_fingerprints)
{
    SlPeerIdentity identity;
    SluiceStatus status;

    if (!self || !n_fingerprints)
        return SLUICE_INVALID_ARGUMENT;
    status = sl_transport_read_identity(self, fingerprints, n_fingerprints, &identity);
    if (status == SLUICE_OK)
        status = learn_identity(self, now, &identity);
    sl_peer_identity_clear(&identity);
    return status;
}

/* -- time and end ------------------------------------------------------------------------------------------- */

SluiceTime sluice_transport_next_timeout(const SluiceTransport *self)
{
    SluiceTime due;

    if (!self)
        return SLUICE_TIME_NEVER;
    due = self->end_dtls_at < self->deadline ? self->end_dtls_at : self->deadline;
    if (self->associations[SL_LIVE] && sl_dtls_next_timeout(self->associations[SL_LIVE]) < due)
        due = sl_dtls_next_timeout(self->associations[SL_LIVE]);
    if (sl_second_next_timeout(self) < due)
        due = sl_second_next_timeout(self);
    if (sl_restart_next_timeout(self) < due)
        due = sl_restart_next_timeout(self);
    if (sl_attempts_next_timeout(self) < due)
        due = sl_attempts_next_timeout(self);
    return due;
}

/* Two clients hear nothing from each other but ClientHellos. */
static SluiceEndReason deadline_reason(const SluiceTransport *self)
{
    if (self->state == SLUICE_STATE_UNVERIFIED)
        return SLUICE_END_UNVERIFIED_DEADLINE;
    return self->stats.client_hellos_at_client && self->stats.flights_received == 0
               ? SLUICE_END_ROLE_CONFLICT
               : SLUICE_END_DEADLINE;
}

SluiceStatus sluice_transport_handle_timeout(SluiceTransport *self, SluiceTime now)
{
    if (!self || now == SLUICE_TIME_NEVER) /* deadlines that nobody has set are no later */
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->deadline <= now && sl_attempts_have_evidence(self))
        sl_attempts_believe(self, now);
    else if (self->deadline <= now)
        sl_transport_fail(self, now, deadline_reason(self));
    else if (self->associations[SL_LIVE])
        sl_transport_after_dtls(self, now,
                                sl_dtls_handle_timeout(self->associations[SL_LIVE], now));
    if (!sl_transport_has_ended(self))
        sl_second_handle_timeout(self, now);
    if (!sl_transport_has_ended(self))
        sl_restart_handle_timeout(self, now);
    if (!sl_transport_has_ended(self))
        sl_attempts_handle_timeout(self, now);
    if (self->end_dtls_at <= now)
        sl_transport_try_end_dtls(self, now);
    return sl_transport_has_ended(self) ? SLUICE_ENDED : SLUICE_OK;
}

SluiceStatus sluice_transport_close(SluiceTransport *self, SluiceTime now)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_OK;
    close_dtls(self, now);
    sl_output_move(&self->output, &self->farewell);
    sl_transport_end(self, now, SLUICE_END_LOCAL_CLOSE);
    return SLUICE_OK;
}
