/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_STREAM_CONFIG_H
#define SLUICE_STREAM_CONFIG_H

#include <sluice/config.h>

SLUICE_BEGIN_DECLS

/*
 * What a SluiceConfig says about TLS streams. The same config may serve transports and streams: certificate, deadlines,
 * log and key log are shared. Of the other settings each reads its own. As with all setters: until the first
 * transport or stream is made of it.
 *
 * A server resumes by tickets alone (RFC 5077, RFC 8446 section 4.6.1): it keeps no sessions.
 *
 * What cannot be set: ECDHE with AEAD suites, no compression, no renegotiation, no early data (RFC 8446 section 2.3:
 * it can be replayed).
 */

/**
 * SLUICE_TLS_1_2:
 *
 * TLS 1.2 (RFC 5246).
 */
#define SLUICE_TLS_1_2 0x0303

/**
 * SLUICE_TLS_1_3:
 *
 * TLS 1.3 (RFC 8446).
 */
#define SLUICE_TLS_1_3 0x0304

/**
 * sluice_config_set_stream_versions:
 * @self: a config
 * @min: %SLUICE_TLS_1_2 (default) or %SLUICE_TLS_1_3
 * @max: the same, not lower than @min; default %SLUICE_TLS_1_3
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_stream_versions(SluiceConfig *self, unsigned min,
                                                          unsigned max);

/**
 * sluice_config_set_stream_alpn:
 * @self: a config
 * @protocols: (array length=n) (nullable): names as registered ("h2", "http/1.1"), the most wanted first, 1..255
 *   bytes each; copied
 * @n: how many, 0..16; 0 (default): ALPN is neither offered nor answered
 *
 * RFC 7301. A client offers them; a server takes the first of its own that the client offers, and refuses a client
 * that offers only others (no_application_protocol). A client that offers none is served.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE, %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_config_set_stream_alpn(SluiceConfig *self,
                                                      const char *const *protocols, size_t n);

/**
 * sluice_config_add_stream_ca_pem:
 * @self: a config
 * @pem: (array length=len): PEM text with one or more certificates of authorities
 * @len: its length
 *
 * Adds authorities that may have signed the peer's certificate (%SLUICE_VERIFY_TRUST). As soon as one is added the
 * system's store no longer counts, unless sluice_config_set_stream_system_trust() says so.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT: no certificate in it, or one that cannot be read, nothing was added;
 *   %SLUICE_INVALID_STATE, %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_config_add_stream_ca_pem(SluiceConfig *self, const char *pem,
                                                        size_t len);

/**
 * sluice_config_set_stream_system_trust:
 * @self: a config
 * @use: 1: the authorities of the system's store (OpenSSL's default paths, SSL_CERT_FILE and SSL_CERT_DIR) count
 *   beside those added; 0: they do not. Unset: only if none was added
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE, %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_config_set_stream_system_trust(SluiceConfig *self, int use);

/**
 * sluice_config_add_stream_chain_pem:
 * @self: a config
 * @pem: (array length=len): PEM text with one or more intermediate certificates, in the order in which they sign
 * @len: its length
 *
 * Adds what is sent behind the config's own certificate.
 *
 * Returns: as sluice_config_add_stream_ca_pem()
 */
SLUICE_API SluiceStatus sluice_config_add_stream_chain_pem(SluiceConfig *self, const char *pem,
                                                           size_t len);

/**
 * SluiceClientAuth:
 * @SLUICE_CLIENT_AUTH_NONE: no certificate is asked of a client (default)
 * @SLUICE_CLIENT_AUTH_REQUEST: one is asked for; a client without one is served
 * @SLUICE_CLIENT_AUTH_REQUIRE: a client without one is refused
 *
 * What a server wants of its clients (mutual TLS). A certificate that is shown is verified as the stream says.
 */
typedef enum {
    SLUICE_CLIENT_AUTH_NONE = 0,
    SLUICE_CLIENT_AUTH_REQUEST = 1,
    SLUICE_CLIENT_AUTH_REQUIRE = 2
} SluiceClientAuth;

/**
 * sluice_config_set_stream_client_auth:
 * @self: a config
 * @auth: what a server wants
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_stream_client_auth(SluiceConfig *self,
                                                             SluiceClientAuth auth);

/**
 * sluice_config_set_stream_present_certificate:
 * @self: a config
 * @present: 1: a client shows the config's certificate to a server that asks; 0 (default): it shows none. A server
 *   always shows it
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE, %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_config_set_stream_present_certificate(SluiceConfig *self,
                                                                     int present);

/**
 * sluice_config_set_stream_limits:
 * @self: a config
 * @output_bytes: high-water mark of ciphertext that waits to be sent, 8192..16777216; default 65536.
 *   sluice_stream_write() accepts nothing that would pass it. What TLS itself has to say (handshake, key
 *   updates, alerts) has 65536 bytes beside it; beyond these the stream waits, and goes on as output is taken
 * @input_bytes: ciphertext that waits to be read, 32768..16777216; default 65536. sluice_stream_receive() takes no more
 *
 * A stream begins with none of it and grows as needed.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_stream_limits(SluiceConfig *self, size_t output_bytes,
                                                        size_t input_bytes);

SLUICE_END_DECLS

#endif
