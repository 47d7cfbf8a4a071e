/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_STREAM_BIO_H
#define SL_STREAM_BIO_H

/* OpenSSL's transport of a stream: a queue of ciphertext each way, both bounded. A full output is WANT_WRITE, an empty
 * input WANT_READ; neither is ever the end of the connection, which only the caller can know. */

#include "byte-queue.h"

#include <openssl/types.h>

typedef struct {
    SlByteQueue in, out;
    size_t out_max;    /* beyond it nothing is taken from OpenSSL */
    uint64_t produced; /* bytes that OpenSSL has written so far */
    int blocked;       /* the last write found no room */
    int closed; /* close_notify has gone: what OpenSSL still says (an answer to a key update) must not follow it */
    int no_memory;
} SlStreamBio;

/* @state is borrowed for life. NULL: no memory. */
BIO *sl_stream_bio_new(SlStreamBio *state);

#endif
