/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_BIO_METHOD_H
#define SL_BIO_METHOD_H

/* A kind of BIO of our own, made once a process. */

#include <openssl/bio.h>

typedef struct {
    const char *name;
    int (*write)(BIO *bio, const char *data, int len);
    int (*read)(BIO *bio, char *buffer, int capacity);
    long (*ctrl)(BIO *bio, int command, long number, void *pointer);
    int type;         /* 0 at first; then one of OpenSSL's 127 indices */
    BIO_METHOD *made; /* NULL at first */
} SlBioMethod;

/* A BIO of this kind whose data is @state, borrowed for life. Any thread. NULL: no memory. */
BIO *sl_bio_new(SlBioMethod *method, void *state);

#endif
