/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_SSL_PUMP_H
#define SL_SSL_PUMP_H

/* The one way to call OpenSSL. SSL_get_error() looks at the thread's error queue and at the BIO's retry flags at
 * the moment it is called, so: clear the queue, call, classify at once, keep the first error, clear. */

#include <openssl/types.h>

#include <stddef.h>

typedef enum {
    SL_PUMP_DONE,   /* it did something */
    SL_PUMP_WAIT,   /* nothing more to do until something comes, goes, or the timer is due */
    SL_PUMP_CLOSED, /* close_notify has come */
    SL_PUMP_FATAL   /* no further call but SSL_free */
} SlPumpResult;

typedef struct {
    int no_memory;
    char reason[80]; /* OpenSSL's words for the first error, "" if it had none */
} SlPumpError;

/* @error is written for SL_PUMP_CLOSED and SL_PUMP_FATAL only. */
SlPumpResult sl_pump_handshake(SSL *ssl, SlPumpError *error);
SlPumpResult sl_pump_read(SSL *ssl, void *buffer, size_t capacity, size_t *n, SlPumpError *error);
SlPumpResult sl_pump_write(SSL *ssl, const void *data, size_t len, SlPumpError *error);
/* @n: how much became a record: perhaps less than @len, a peer may want smaller ones (RFC 6066 section 4). */
SlPumpResult sl_pump_write_some(SSL *ssl, const void *data, size_t len, size_t *n,
                                SlPumpError *error);
/* TLS 1.3. @request: the peer is asked to do the same. */
SlPumpResult sl_pump_update_keys(SSL *ssl, int request, SlPumpError *error);
SlPumpResult sl_pump_shutdown(SSL *ssl, SlPumpError *error);
/* SL_PUMP_DONE: a flight was sent again; SL_PUMP_WAIT: nothing was due by OpenSSL's clock. */
SlPumpResult sl_pump_timeout(SSL *ssl, SlPumpError *error);
/* SL_PUMP_DONE: the ClientHello in the BIO brought a cookie that the callback takes. */
SlPumpResult sl_pump_listen(SSL *ssl, SlPumpError *error);

/* The group of the key exchange ("x25519"), "" if there was none; static. */
const char *sl_ssl_group_name(SSL *ssl);

#endif
