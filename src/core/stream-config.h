/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_STREAM_CONFIG_H
#define SL_STREAM_CONFIG_H

/* What a config says about streams, and the SSL_CTX that is made of it. */

#include <sluice/stream-config.h>

#include <openssl/types.h>

/* What TLS itself may have waiting in the output beside the application's data. */
#define SL_STREAM_RESERVE 65536

#define SL_STREAM_TRUST 32 /* the most that an id context may have */

typedef struct {
    unsigned min_version, max_version;
    uint8_t *alpn; /* as on the wire: a length byte before each name */
    size_t alpn_len;
    STACK_OF(X509) * authorities, *chain; /* NULL: none */
    int system_trust;                     /* -1: only if there are no authorities */
    SluiceClientAuth client_auth;
    int present_certificate;
    size_t output_bytes, input_bytes;
    SSL_CTX *ctx; /* made by the first freeze */
    /* Hash of the authorities, known with it. It goes into every session, as its id context: what other authorities
     * have vouched for is not resumed. */
    uint8_t trust[SL_STREAM_TRUST];
} SlStreamSettings;

void sl_stream_settings_init(SlStreamSettings *self);
void sl_stream_settings_cleanup(SlStreamSettings *self);

/* As sl_config_freeze(), for streams. */
SSL_CTX *sl_config_freeze_stream(SluiceConfig *self, void (*install)(SSL_CTX *ctx));

#endif
