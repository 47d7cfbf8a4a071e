/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_CONFIG_H
#define SL_CONFIG_H

/* Settings, and the SSL_CTX that is made of them: one for transports, one for streams (stream-config.h). */

#include "half-open.h"
#include "stream-config.h"

#include <sluice/capture.h>
#include <sluice/config.h>

#include <openssl/types.h>

#include <pthread.h>
#include <stdatomic.h>

#define SL_PROFILES_MAX 4

/* The largest handshake message that is taken from a peer, before it has shown who it is: a certificate list
 * and every message. The stock bound, 100 KB, lets nine small datagrams pin a megabyte. */
#define SL_HANDSHAKE_MESSAGE_MAX 16384

struct SluiceConfig {
    atomic_uint refs;
    SluiceCertificate *certificate;

    SluiceSrtpProfile profiles[SL_PROFILES_MAX];
    size_t n_profiles;
    size_t handshake_mtu, datagram_limit;
    SluiceTime first_timeout, handshake_deadline, unverified_deadline;
    SluiceTime overlap;
    unsigned oldest_dtls, newest_dtls;
    int allow_unvalidated, allow_sha1, stock_srtp_ciphers, waive_restart_cookie;
    unsigned replay_window, ssrc_limit;
    size_t max_held, max_held_bytes, max_messages, max_message_bytes;
    size_t max_output_datagrams, max_output_bytes;

    SluiceLogFunc log;
    void *log_data;
    SluiceDestroyFunc log_destroy;
    SluiceKeylogFunc keylog;
    void *keylog_data;
    SluiceDestroyFunc keylog_destroy;
    SluiceCaptureFunc capture;
    void *capture_data;
    SluiceDestroyFunc capture_destroy;

    SlHalfOpens half_opens;

    pthread_mutex_t freeze_lock;
    atomic_int frozen;
    SSL_CTX *ctx; /* made by the first freeze */

    SlStreamSettings stream;
};

/* As OpenSSL calls it, or NULL. */
const char *sl_openssl_profile_name(SluiceSrtpProfile profile);

/* SLUICE_OK if a setter may go on, else what it answers. */
SluiceStatus sl_config_check_setter(const SluiceConfig *self);

/* Makes *@slot by @make, once, and ends the time of the setters. */
SSL_CTX *sl_config_freeze_slot(SluiceConfig *self, SSL_CTX **slot,
                               SSL_CTX *(*make)(SluiceConfig *self, void (*install)(SSL_CTX *ctx)),
                               void (*install)(SSL_CTX *ctx));

/* What every SSL_CTX of a config has: certificate and key, key log, and the config itself as its app data. 0: refused. */
int sl_config_dress(const SluiceConfig *self, SSL_CTX *ctx);

/* Ends the time of the setters. @install puts the callbacks of the layer above into a new SSL_CTX. Returns the
 * SSL_CTX, borrowed, or NULL: no memory, or OpenSSL refused the certificate or a setting. Any thread. */
SSL_CTX *sl_config_freeze(SluiceConfig *self, void (*install)(SSL_CTX *ctx));

/* A number unique in this process, for log lines. */
uint64_t sl_next_id(void);

/* 1 if @profile is one of the config's. */
int sl_config_has_profile(const SluiceConfig *self, unsigned profile);

/* One line to the log hook, if there is one. No address, no secret; nothing that an unauthenticated datagram can
 * cause without limit. */
__attribute__((format(printf, 4, 5))) void sl_log(const SluiceConfig *self, SluiceLogLevel level,
                                                  uint64_t transport_id, const char *format, ...);

#endif
