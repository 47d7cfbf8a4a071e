/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "certificate.h"

#include <sluice/half-open.h>

#include <openssl/ssl.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Handshakes of unverified peers at once, by default and at most: some 200 MB and 13 GB. */
#define HALF_OPEN 1024
#define HALF_OPEN_MAX 65536

uint64_t sl_next_id(void)
{
    static atomic_uint_fast64_t last;

    return atomic_fetch_add(&last, 1) + 1;
}

SluiceConfig *sluice_config_new(SluiceCertificate *certificate)
{
    SluiceConfig *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    if (certificate)
        self->certificate = sluice_certificate_ref(certificate);
    else if (sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &self->certificate) != SLUICE_OK) {
        free(self);
        return NULL;
    }
    if (!sl_half_opens_init(&self->half_opens, HALF_OPEN, HALF_OPEN)) {
        sluice_certificate_unref(self->certificate);
        free(self);
        return NULL;
    }
    if (pthread_mutex_init(&self->freeze_lock, NULL) != 0) {
        sl_half_opens_cleanup(&self->half_opens);
        sluice_certificate_unref(self->certificate);
        free(self);
        return NULL;
    }
    atomic_init(&self->refs, 1);
    atomic_init(&self->frozen, 0);
    self->profiles[0] = SLUICE_SRTP_AEAD_AES_128_GCM;
    self->profiles[1] = SLUICE_SRTP_AEAD_AES_256_GCM;
    self->profiles[2] = SLUICE_SRTP_AES128_CM_SHA1_80;
    self->n_profiles = 3;
    self->oldest_dtls = self->newest_dtls = SLUICE_DTLS_1_2;
    self->handshake_mtu = 1200;
    self->datagram_limit = 1200;
    self->first_timeout = 100 * SLUICE_MILLISECOND;
    self->handshake_deadline = 30 * SLUICE_SECOND;
    self->unverified_deadline = 30 * SLUICE_SECOND;
    self->overlap = 2 * SLUICE_SECOND;
    self->replay_window = 1024;
    self->ssrc_limit = 1024;
    self->max_held = 64;
    self->max_held_bytes = 131072;
    self->max_messages = 256;
    self->max_message_bytes = 1048576;
    self->max_output_datagrams = 256;
    self->max_output_bytes = 1048576;
    sl_stream_settings_init(&self->stream);
    return self;
}

SluiceConfig *sluice_config_ref(SluiceConfig *self)
{
    if (self)
        atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
    return self;
}

void sluice_config_unref(SluiceConfig *self)
{
    if (!self || atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (self->log_destroy)
        self->log_destroy(self->log_data);
    if (self->keylog_destroy)
        self->keylog_destroy(self->keylog_data);
    if (self->capture_destroy)
        self->capture_destroy(self->capture_data);
    SSL_CTX_free(self->ctx);
    sl_stream_settings_cleanup(&self->stream);
    sluice_certificate_unref(self->certificate);
    pthread_mutex_destroy(&self->freeze_lock);
    sl_half_opens_cleanup(&self->half_opens);
    free(self);
}

SluiceCertificate *sluice_config_get_certificate(const SluiceConfig *self)
{
    return self ? self->certificate : NULL;
}

SluiceStatus sl_config_check_setter(const SluiceConfig *self)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    return atomic_load(&self->frozen) ? SLUICE_INVALID_STATE : SLUICE_OK;
}

SluiceStatus sluice_config_set_srtp_profiles(SluiceConfig *self, const SluiceSrtpProfile *profiles,
                                             size_t n_profiles)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (n_profiles > SL_PROFILES_MAX || (n_profiles && !profiles))
        return SLUICE_INVALID_ARGUMENT;
    for (size_t i = 0; i < n_profiles; i++) {
        if (!sl_openssl_profile_name(profiles[i]))
            return SLUICE_INVALID_ARGUMENT;
        for (size_t j = 0; j < i; j++)
            if (profiles[i] == profiles[j])
                return SLUICE_INVALID_ARGUMENT;
    }
    if (n_profiles)
        memcpy(self->profiles, profiles, n_profiles * sizeof *profiles);
    self->n_profiles = n_profiles;
    return SLUICE_OK;
}

int sl_config_has_profile(const SluiceConfig *self, unsigned profile)
{
    for (size_t i = 0; i < self->n_profiles; i++)
        if ((unsigned)self->profiles[i] == profile)
            return 1;
    return 0;
}

static SluiceStatus set_size(SluiceConfig *self, size_t *field, size_t value, size_t min,
                             size_t max)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (value < min || value > max)
        return SLUICE_INVALID_ARGUMENT;
    *field = value;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_handshake_mtu(SluiceConfig *self, size_t bytes)
{
    return self ? set_size(self, &self->handshake_mtu, bytes, 256, 4096) : SLUICE_INVALID_ARGUMENT;
}

SluiceStatus sluice_config_set_datagram_limit(SluiceConfig *self, size_t bytes)
{
    return self ? set_size(self, &self->datagram_limit, bytes, 256, 16384)
                : SLUICE_INVALID_ARGUMENT;
}

SluiceStatus sluice_config_set_first_timeout(SluiceConfig *self, SluiceTime timeout)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    /* Under 15 ms OpenSSL takes a timer for expired, and a loop around it would spin. */
    if (timeout < 20 * SLUICE_MILLISECOND || timeout > 10 * SLUICE_SECOND)
        return SLUICE_INVALID_ARGUMENT;
    self->first_timeout = timeout;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_deadlines(SluiceConfig *self, SluiceTime handshake,
                                         SluiceTime unverified)
{
    SluiceStatus status = sl_config_check_setter(self);
    const SluiceTime min = 100 * SLUICE_MILLISECOND, max = 600 * SLUICE_SECOND;

    if (status != SLUICE_OK)
        return status;
    if (handshake < min || handshake > max || unverified < min || unverified > max)
        return SLUICE_INVALID_ARGUMENT;
    self->handshake_deadline = handshake;
    self->unverified_deadline = unverified;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_allow_unvalidated(SluiceConfig *self, int allow)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status == SLUICE_OK)
        self->allow_unvalidated = allow != 0;
    return status;
}

SluiceStatus sluice_config_set_overlap(SluiceConfig *self, SluiceTime overlap)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (overlap < 100 * SLUICE_MILLISECOND || overlap > 60 * SLUICE_SECOND)
        return SLUICE_INVALID_ARGUMENT;
    self->overlap = overlap;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_waive_restart_cookie(SluiceConfig *self, int waive)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status == SLUICE_OK)
        self->waive_restart_cookie = waive != 0;
    return status;
}

SluiceStatus sluice_config_set_dtls_versions(SluiceConfig *self, unsigned oldest, unsigned newest)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    /* The newer one has the lower number. */
    if (oldest > SLUICE_DTLS_1_2 || newest < SLUICE_DTLS_1_3 || newest > oldest)
        return SLUICE_INVALID_ARGUMENT;
    /* docs/compatibility.md says what knows 1.2 alone. */
    if (newest != SLUICE_DTLS_1_2)
        return SLUICE_UNSUPPORTED;
    self->oldest_dtls = oldest;
    self->newest_dtls = newest;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_allow_sha1(SluiceConfig *self, int allow)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status == SLUICE_OK)
        self->allow_sha1 = allow != 0;
    return status;
}

SluiceStatus sluice_config_set_stock_srtp_ciphers(SluiceConfig *self, int stock)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status == SLUICE_OK)
        self->stock_srtp_ciphers = stock != 0;
    return status;
}

SluiceStatus sluice_config_set_replay_window(SluiceConfig *self, unsigned packets)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (packets < 64 || packets > 32767)
        return SLUICE_INVALID_ARGUMENT;
    self->replay_window = packets;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_ssrc_limit(SluiceConfig *self, unsigned ssrcs)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (ssrcs < 16 || ssrcs > 65536)
        return SLUICE_INVALID_ARGUMENT;
    self->ssrc_limit = ssrcs;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_half_open_limits(SluiceConfig *self, unsigned handshakes,
                                                unsigned of_one_source)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (handshakes < 1 || handshakes > HALF_OPEN_MAX || of_one_source < 1 ||
        of_one_source > handshakes)
        return SLUICE_INVALID_ARGUMENT;
    self->half_opens.max = handshakes;
    self->half_opens.max_of_source = of_one_source;
    return SLUICE_OK;
}

unsigned sluice_config_get_half_open(SluiceConfig *self)
{
    return self ? sl_half_opens_count(&self->half_opens) : 0;
}

SluiceStatus sluice_config_set_inbox_limits(SluiceConfig *self, size_t held_packets,
                                            size_t held_bytes, size_t messages,
                                            size_t message_bytes)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (messages < 1 || message_bytes < 16384)
        return SLUICE_INVALID_ARGUMENT;
    self->max_held = held_packets;
    self->max_held_bytes = held_bytes;
    self->max_messages = messages;
    self->max_message_bytes = message_bytes;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_output_limits(SluiceConfig *self, size_t datagrams, size_t bytes)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (datagrams < 1 || bytes < 16384)
        return SLUICE_INVALID_ARGUMENT;
    self->max_output_datagrams = datagrams;
    self->max_output_bytes = bytes;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_log(SluiceConfig *self, SluiceLogFunc func, void *user_data,
                                   SluiceDestroyFunc destroy)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (self->log_destroy)
        self->log_destroy(self->log_data);
    self->log = func;
    self->log_data = user_data;
    self->log_destroy = destroy;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_keylog(SluiceConfig *self, SluiceKeylogFunc func, void *user_data,
                                      SluiceDestroyFunc destroy)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (self->keylog_destroy)
        self->keylog_destroy(self->keylog_data);
    self->keylog = func;
    self->keylog_data = user_data;
    self->keylog_destroy = destroy;
    return SLUICE_OK;
}

SluiceStatus sluice_config_set_capture(SluiceConfig *self, SluiceCaptureFunc func, void *user_data,
                                       SluiceDestroyFunc destroy)
{
    SluiceStatus status = sl_config_check_setter(self);

    if (status != SLUICE_OK)
        return status;
    if (self->capture_destroy)
        self->capture_destroy(self->capture_data);
    self->capture = func;
    self->capture_data = user_data;
    self->capture_destroy = destroy;
    return SLUICE_OK;
}

void sl_log(const SluiceConfig *self, SluiceLogLevel level, uint64_t transport_id,
            const char *format, ...)
{
    char line[512];
    va_list args;

    if (!self->log)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    self->log(level, transport_id, line, self->log_data);
}
