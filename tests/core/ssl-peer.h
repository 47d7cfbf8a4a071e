/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_SSL_PEER_H
#define TEST_SSL_PEER_H

/* A bare DTLS 1.2 end of OpenSSL's, for the tests that need real bytes, or a victim. No timers and
 * no BIO of ours: what is fed is one datagram, what is taken is a whole flight, glued to one
 * datagram. */

#include <openssl/types.h>

#include <stddef.h>
#include <stdint.h>

#define SSL_PEER_FLIGHT 8192

/* Certificates on both sides; SRTP, extended master secret and two profiles are offered. */
SSL *ssl_peer_new(int server);
void ssl_peer_free(SSL *ssl);

/* Feeds a datagram (@len 0: none) and goes on with the handshake. 1: alive; 0: a fatal error. */
int ssl_peer_feed(SSL *ssl, const uint8_t *data, size_t len);

/* Moves what was written to @flight, which has room for SSL_PEER_FLIGHT bytes. */
size_t ssl_peer_take(SSL *ssl, uint8_t *flight);

#endif
