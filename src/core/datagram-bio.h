/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_DATAGRAM_BIO_H
#define SL_DATAGRAM_BIO_H

/* A memory BIO that keeps datagram boundaries: one datagram is read at a time, each write is one datagram. The
 * stock memory BIO is a byte stream: it glues datagrams and swallows good ones behind bad ones. */

#include <openssl/types.h>

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *in; /* the datagram being fed, NULL when it has been read */
    size_t in_len;
    size_t mtu; /* answer to OpenSSL's questions about it */
    /* Takes what OpenSSL writes. It cannot refuse: a refused record would be lost with its number spent. */
    void (*write)(void *context, const uint8_t *data, size_t len);
    void *context;
} SlDatagramBio;

/* A BIO over @state, which must outlive it. NULL: no memory. */
BIO *sl_datagram_bio_new(SlDatagramBio *state);

#endif
