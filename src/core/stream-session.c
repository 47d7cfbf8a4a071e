/* SPDX-License-Identifier: BSD-3-Clause */

/* What a stream says of its connection: sessions to resume, keys for others, names and counts. */

#include "stream-private.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* From inside an OpenSSL call. 1: the reference is kept. */
int sl_stream_on_session(SSL *ssl, SSL_SESSION *session)
{
    SluiceStream *self = SSL_get_app_data(ssl);

    if (self->role != SLUICE_ROLE_CLIENT || !SSL_SESSION_is_resumable(session))
        return 0;
    SSL_SESSION_free(self->session);
    self->session = session;
    return 1;
}

SluiceStatus sluice_stream_set_session(SluiceStream *self, const uint8_t *session, size_t len)
{
    const unsigned char *at = session, *trust;
    unsigned trust_len = 0;
    SSL_SESSION *read;
    int ok;

    if (!self || !session || len == 0 || len > LONG_MAX)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state != SLUICE_STATE_NEW || self->role != SLUICE_ROLE_CLIENT)
        return SLUICE_INVALID_STATE;
    ERR_set_mark();
    read = d2i_SSL_SESSION(NULL, &at, (long)len);
    trust = read ? SSL_SESSION_get0_id_context(read, &trust_len) : NULL;
    ok = read && at == session + len && trust_len == SL_STREAM_TRUST &&
         memcmp(trust, self->config->stream.trust, SL_STREAM_TRUST) == 0 &&
         SSL_set_session(self->ssl, read);
    SSL_SESSION_free(read);
    ERR_pop_to_mark();
    return ok ? SLUICE_OK : SLUICE_INVALID_ARGUMENT;
}

SluiceStatus sluice_stream_get_session(SluiceStream *self, uint8_t *session, size_t *len)
{
    size_t room;
    int n;

    if (!self || !len || self->role != SLUICE_ROLE_CLIENT)
        return SLUICE_INVALID_ARGUMENT;
    room = session ? *len : 0;
    *len = 0;
    /* FAILED has a state above CONNECTED, and is no better than unverified. */
    if (!self->session || sl_stream_phase(self) < SLUICE_STATE_CONNECTED ||
        self->state == SLUICE_STATE_FAILED)
        return SLUICE_NOT_READY;
    ERR_set_mark();
    n = i2d_SSL_SESSION(self->session, NULL);
    if (n > 0 && (size_t)n <= room)
        n = i2d_SSL_SESSION(self->session, &session);
    ERR_pop_to_mark();
    if (n <= 0)
        return SLUICE_NO_MEMORY;
    *len = (size_t)n;
    return (size_t)n <= room ? SLUICE_OK : SLUICE_NO_ROOM;
}

SluiceStatus sluice_stream_export(SluiceStream *self, const char *label, const uint8_t *context,
                                  size_t context_len, uint8_t *out, size_t out_len)
{
    int ok;

    if (!self || !label || !label[0] || !out || out_len < 1 || out_len > 8192 ||
        (context_len && !context) || context_len > 65535)
        return SLUICE_INVALID_ARGUMENT;
    if (self->state == SLUICE_STATE_FAILED)
        return SLUICE_ENDED;
    if (sl_stream_phase(self) < SLUICE_STATE_CONNECTED)
        return SLUICE_NOT_READY;
    /* Without it two connections can have the same keys (RFC 9266 section 4.2, RFC 7627). */
    if (SSL_version(self->ssl) == TLS1_2_VERSION && SSL_get_extms_support(self->ssl) != 1)
        return SLUICE_UNSUPPORTED;
    ERR_set_mark();
    ok = SSL_export_keying_material(self->ssl, out, out_len, label, strlen(label), context,
                                    context_len, context != NULL) == 1;
    ERR_pop_to_mark();
    return ok ? SLUICE_OK : SLUICE_INTERNAL;
}

static void note_agreement(const SluiceStream *self, SluiceStreamInfo *info)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(self->ssl);
    const char *name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
    const char *host = SSL_get_servername(self->ssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;

    info->version = (unsigned)SSL_version(self->ssl);
    info->resumed = SSL_session_reused(self->ssl);
    snprintf(info->cipher, sizeof info->cipher, "%s", name ? name : "");
    snprintf(info->group, sizeof info->group, "%s", sl_ssl_group_name(self->ssl));
    snprintf(info->server_name, sizeof info->server_name, "%s", host ? host : "");
    SSL_get0_alpn_selected(self->ssl, &alpn, &alpn_len);
    if (alpn && alpn_len < sizeof info->alpn)
        memcpy(info->alpn, alpn, alpn_len);
}

SluiceStatus sluice_stream_get_info(const SluiceStream *self, SluiceStreamInfo *info, size_t size)
{
    SluiceStreamInfo known;

    if (!self || !info || size == 0)
        return SLUICE_INVALID_ARGUMENT;
    memset(&known, 0, sizeof known);
    ERR_set_mark();
    /* Before the handshake is finished OpenSSL's answers may still change. */
    if (sl_stream_phase(self) >= SLUICE_STATE_UNVERIFIED)
        note_agreement(self, &known);
    ERR_pop_to_mark();
    known.read_closed = self->peer_closed;
    known.write_closed = self->close_sent;
    known.plaintext_accepted = self->accepted;
    known.ciphertext_produced = self->bio.produced;
    known.ciphertext_taken = self->taken;
    known.ciphertext_received = self->received;
    known.plaintext_read = self->read;
    memset(info, 0, size);
    memcpy(info, &known, size < sizeof known ? size : sizeof known);
    return SLUICE_OK;
}
