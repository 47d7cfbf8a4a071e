/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport.h"

#include "fingerprint.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

SluiceTransport *sluice_transport_new(SluiceConfig *config)
{
    SSL_CTX *ctx = config ? sl_config_freeze(config, sl_dtls_install) : NULL;
    SluiceTransport *self = ctx ? calloc(1, sizeof *self) : NULL;

    if (!self)
        return NULL;
    if (RAND_bytes(self->cookie_secret, sizeof self->cookie_secret) != 1 ||
        pthread_mutex_init(&self->send_lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    self->id = sl_next_id();
    if (config->n_profiles)
        (void)sl_srtp_prepare(config, self->id); /* if it is not ready the handshake says so */
    self->config = sluice_config_ref(config);
    self->ctx = ctx;
    self->deadline = SLUICE_TIME_NEVER;
    self->end_dtls_at = SLUICE_TIME_NEVER;
    self->stats.started_at = SLUICE_TIME_NEVER;
    self->stats.finished_at = SLUICE_TIME_NEVER;
    self->stats.connected_at = SLUICE_TIME_NEVER;
    self->stats.handshake_mtu = (uint32_t)config->handshake_mtu;
    sl_output_init(&self->output, config->max_output_datagrams, config->max_output_bytes);
    sl_output_init(&self->farewell, 0, 0);
    sl_inbox_init(&self->inbox, config->max_held, config->max_held_bytes, config->max_messages,
                  config->max_message_bytes);
    return self;
}

static void drop_associations(SluiceTransport *self)
{
    for (size_t i = 0; i < 2; i++) {
        sl_dtls_free(self->associations[i]);
        self->associations[i] = NULL;
    }
}

void sluice_transport_free(SluiceTransport *self)
{
    if (!self)
        return;
    drop_associations(self);
    OPENSSL_free(self->peer_der);
    sl_srtp_free(self->srtp);
    sl_output_cleanup(&self->output);
    sl_output_cleanup(&self->farewell);
    sl_inbox_cleanup(&self->inbox);
    OPENSSL_clear_free(self->scratch, SL_SCRATCH); /* it may hold plain media */
    pthread_mutex_destroy(&self->send_lock);
    sluice_config_unref(self->config);
    OPENSSL_cleanse(self, sizeof *self);
    free(self);
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

/* What DTLS has to say of the end; where it was given up before, it has said it. */
static void note_end(SluiceTransport *self)
{
    if (self->state == SLUICE_STATE_MEDIA_ONLY)
        return;
    memset(&self->end, 0, sizeof self->end);
    self->end.alert = -1;
    if (self->associations[0]) {
        sl_dtls_get_end(self->associations[0], &self->end);
    } else if (self->stats.hello_verify_requests) { /* made without one */
        self->end.last_flight_sent = 2;
        self->end.last_flight_received = 1;
    }
}

void sl_transport_drop_dtls(SluiceTransport *self)
{
    note_end(self);
    drop_associations(self);
}

/* The end: keys go, timers stop, what the application has been promised stays. */
static void end(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    int in_order = reason == SLUICE_END_LOCAL_CLOSE || reason == SLUICE_END_CLOSE_NOTIFY;
    SlSrtp *srtp;

    if (sl_transport_has_ended(self))
        return;
    note_end(self);
    self->end.reason = reason;
    self->end.phase = self->state;
    self->end.role = self->role;
    /* Half a handshake is of no use to anyone; but a last flight goes before the close_notify that needs it. */
    if (!sl_transport_is_verified(self) &&
        (!self->associations[0] || !sl_dtls_is_finished(self->associations[0])))
        sl_output_drop(&self->output, SL_OUTPUT_FLIGHT);
    drop_associations(self);
    /* Not freed here: the application may be looking at the oldest message as it closes. */
    self->messages_dropped = reason == SLUICE_END_LOCAL_CLOSE || !sl_transport_is_verified(self);
    pthread_mutex_lock(&self->send_lock);
    srtp = self->srtp;
    self->srtp = NULL;
    self->ended = 1;
    pthread_mutex_unlock(&self->send_lock);
    sl_srtp_free(srtp);
    self->deadline = SLUICE_TIME_NEVER;
    self->end_dtls_at = SLUICE_TIME_NEVER;
    sl_transport_enter(self, now, in_order ? SL_INPUT_CLOSE : SL_INPUT_FAIL);
    if (!in_order)
        sl_log(self->config, SLUICE_LOG_ERROR, self->id, "failed: %s (%s)",
               sluice_end_reason_name(reason), self->end.openssl_reason);
}

void sl_transport_fail(SluiceTransport *self, SluiceTime now, SluiceEndReason reason)
{
    /* Where a connection stands already its end is told; before, DTLS has told it or has no means to. */
    if (self->associations[0])
        sl_dtls_close(self->associations[0], now);
    end(self, now, reason);
}

/* SRTP keys of the association, as RFC 5764 section 4.2 cuts them. */
static SluiceStatus derive_keys(SluiceTransport *self, SluiceSrtpKeys *keys)
{
    uint8_t material[2 * (32 + 14)];
    SluiceStatus status;
    size_t len;

    memset(keys, 0, sizeof *keys);
    keys->profile = sl_dtls_profile(self->associations[0]);
    keys->generation = self->generation;
    if (!sl_srtp_key_lengths(keys->profile, &keys->key_len, &keys->salt_len))
        return SLUICE_INTERNAL;
    len = 2 * (keys->key_len + keys->salt_len);
    status = sl_dtls_export(self->associations[0], "EXTRACTOR-dtls_srtp", NULL, 0, material, len);
    if (status != SLUICE_OK)
        return status;
    sl_srtp_split_keys(self->role, material, keys);
    OPENSSL_cleanse(material, sizeof material);
    return SLUICE_OK;
}

SluiceStatus sluice_transport_get_srtp_keys(SluiceTransport *self, SluiceSrtpKeys *keys)
{
    if (!self || !keys)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->state == SLUICE_STATE_MEDIA_ONLY || self->config->n_profiles == 0)
        return SLUICE_INVALID_STATE;
    if (self->state != SLUICE_STATE_CONNECTED)
        return SLUICE_NOT_READY;
    return derive_keys(self, keys);
}

static SluiceStatus make_srtp(SluiceTransport *self)
{
    SluiceSrtpKeys keys;
    SlSrtp *srtp = NULL;
    SluiceStatus status;

    if (self->config->n_profiles == 0)
        return SLUICE_OK;
    status = derive_keys(self, &keys);
    if (status == SLUICE_OK)
        status = sl_srtp_new(&keys, self->config->replay_window, self->config->ssrc_limit,
                             &self->stats, &srtp);
    OPENSSL_cleanse(&keys, sizeof keys);
    if (status != SLUICE_OK)
        return status;
    pthread_mutex_lock(&self->send_lock);
    self->srtp = srtp;
    pthread_mutex_unlock(&self->send_lock);
    sl_inbox_open(&self->inbox, self->generation, sl_transport_open_media, self);
    return SLUICE_OK;
}

/* Finished, and perhaps verified: the one gate between the handshake and everything else. */
static void verify(SluiceTransport *self, SluiceTime now)
{
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
    status = match < 0 ? SLUICE_NO_MEMORY : make_srtp(self);
    if (status != SLUICE_OK) {
        sl_transport_fail(self, now,
                          status == SLUICE_NO_MEMORY ? SLUICE_END_NO_MEMORY : SLUICE_END_PROTOCOL);
        return;
    }
    self->deadline = SLUICE_TIME_NEVER;
    self->stats.connected_at = now;
    sl_transport_enter(self, now, SL_INPUT_VERIFIED);
}

void sl_transport_after_dtls(SluiceTransport *self, SluiceTime now, SlDtlsResult result)
{
    SluiceEnd why;

    /* A message and close_notify may come in one datagram: first what was finished, then the end. */
    if (self->state == SLUICE_STATE_CONNECTING && result != SL_DTLS_DEAD &&
        sl_dtls_is_finished(self->associations[0])) {
        self->stats.finished_at = now;
        sl_dtls_take_peer_der(self->associations[0], &self->peer_der, &self->peer_der_len);
        verify(self, now);
    }
    if (sl_transport_has_ended(self))
        return;
    switch (result) {
    case SL_DTLS_OK:
        break;
    case SL_DTLS_CLOSED:
        end(self, now, SLUICE_END_CLOSE_NOTIFY);
        break;
    case SL_DTLS_OVER:
        if (self->state == SLUICE_STATE_CONNECTED && self->srtp) {
            sl_transport_drop_dtls(self);
            self->end_dtls_at = SLUICE_TIME_NEVER;
            sl_transport_enter(self, now, SL_INPUT_DTLS_OVER);
        } else {
            end(self, now, SLUICE_END_ALERT_RECEIVED);
        }
        break;
    case SL_DTLS_DEAD:
        memset(&why, 0, sizeof why);
        sl_dtls_get_end(self->associations[0], &why);
        end(self, now, why.reason);
        break;
    }
}

/* -- starting ----------------------------------------------------------------------------------------------- */

int sl_transport_associate(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    const SlDtlsSinks sinks = {&self->output, &self->inbox, &self->events,
                               &self->stats,  &self->offer, self->id};

    self->generation++;
    self->associations[0] = sl_dtls_new(self->config, self->ctx, role, self->rtt, self->generation,
                                        &self->identity, &sinks);
    if (!self->associations[0])
        end(self, now, SLUICE_END_NO_MEMORY);
    return self->associations[0] != NULL;
}

void sl_transport_connect_as(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    self->role = role;
    self->stats.started_at = now;
    self->deadline = now + self->config->handshake_deadline;
    sl_transport_enter(self, now, SL_INPUT_START);
}

static SluiceStatus status_now(const SluiceTransport *self)
{
    if (!sl_transport_has_ended(self))
        return SLUICE_OK;
    return self->end.reason == SLUICE_END_NO_MEMORY ? SLUICE_NO_MEMORY : SLUICE_ENDED;
}

SluiceStatus sluice_transport_start(SluiceTransport *self, SluiceTime now, SluiceRole role)
{
    if (!self || (unsigned)role > SLUICE_ROLE_SERVER)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->role_named || (role == SLUICE_ROLE_AUTO && self->state != SLUICE_STATE_NEW))
        return SLUICE_INVALID_STATE;
    if (self->role != SLUICE_ROLE_AUTO) { /* a ClientHello came first */
        self->role_named = self->role == role;
        return self->role_named ? SLUICE_OK : SLUICE_INVALID_STATE;
    }
    if (role == SLUICE_ROLE_AUTO) {
        sl_transport_enter(self, now, SL_INPUT_START_AUTO);
    } else {
        self->role_named = 1;
        sl_transport_connect_as(self, now, role);
    }
    if (role == SLUICE_ROLE_CLIENT && sl_transport_associate(self, now, role))
        sl_transport_after_dtls(self, now, sl_dtls_start(self->associations[0], now));
    sl_transport_replay_early(self, now);
    return status_now(self);
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
    if (!self || rtt < 0)
        return SLUICE_INVALID_ARGUMENT;
    self->rtt = rtt;
    if (self->associations[0])
        sl_dtls_set_rtt(self->associations[0], rtt);
    return SLUICE_OK;
}

SluiceStatus sluice_transport_set_remote_fingerprints(SluiceTransport *self, SluiceTime now,
                                                      const SluiceFingerprint *fingerprints,
                                                      size_t n_fingerprints)
{
    SlPeerIdentity identity = {.n = n_fingerprints};

    if (!self || !fingerprints || !n_fingerprints || n_fingerprints > SLUICE_FINGERPRINTS_MAX)
        return SLUICE_INVALID_ARGUMENT;
    for (size_t i = 0; i < n_fingerprints; i++)
        if (!sl_fingerprint_valid(&fingerprints[i]))
            return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    memcpy(identity.list, fingerprints, n_fingerprints * sizeof *fingerprints);
    identity.n = sl_fingerprints_strongest(identity.list, identity.n, self->config->allow_sha1);
    if (identity.n == 0)
        return SLUICE_INVALID_ARGUMENT;
    if (self->identity.n)
        return sl_fingerprints_equal(self->identity.list, self->identity.n, identity.list,
                                     identity.n)
                   ? SLUICE_OK
                   : SLUICE_INVALID_STATE;
    self->identity = identity;
    if (self->state == SLUICE_STATE_UNVERIFIED)
        verify(self, now);
    return SLUICE_OK;
}

/* -- time and end ------------------------------------------------------------------------------------------- */

SluiceTime sluice_transport_next_timeout(const SluiceTransport *self)
{
    SluiceTime due;

    if (!self)
        return SLUICE_TIME_NEVER;
    due = self->end_dtls_at < self->deadline ? self->end_dtls_at : self->deadline;
    if (self->associations[0] && sl_dtls_next_timeout(self->associations[0]) < due)
        due = sl_dtls_next_timeout(self->associations[0]);
    return due;
}

/* Two clients hear nothing from each other but ClientHellos. */
static SluiceEndReason deadline_reason(const SluiceTransport *self)
{
    if (self->state == SLUICE_STATE_UNVERIFIED)
        return SLUICE_END_UNVERIFIED_DEADLINE;
    if (self->associations[0] && sl_dtls_believe_evidence(self->associations[0]))
        return SLUICE_END_ALERT_RECEIVED;
    return self->stats.client_hellos_at_client && self->stats.flights_received == 0
               ? SLUICE_END_ROLE_CONFLICT
               : SLUICE_END_DEADLINE;
}

SluiceStatus sluice_transport_handle_timeout(SluiceTransport *self, SluiceTime now)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_ENDED;
    if (self->deadline <= now)
        sl_transport_fail(self, now, deadline_reason(self));
    else if (self->associations[0])
        sl_transport_after_dtls(self, now, sl_dtls_handle_timeout(self->associations[0], now));
    if (self->end_dtls_at <= now)
        sl_transport_try_end_dtls(self, now);
    return status_now(self);
}

SluiceStatus sluice_transport_close(SluiceTransport *self, SluiceTime now)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    if (sl_transport_has_ended(self))
        return SLUICE_OK;
    if (self->associations[0])
        sl_dtls_close(self->associations[0], now);
    else
        sl_output_move(&self->output, &self->farewell);
    end(self, now, SLUICE_END_LOCAL_CLOSE);
    return SLUICE_OK;
}
