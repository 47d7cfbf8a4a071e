/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_SRTP_OPENSSL_H
#define SL_SRTP_OPENSSL_H

/* OpenSSL's ciphers in libsrtp's crypto kernel, where they belong to the whole process: every session made
 * afterwards runs on them, whoever makes it. libsrtp puts them in the place of its own only after they have passed its
 * known-answer tests and those of srtp-openssl-vectors.c. */

#include "config.h"

#include <sluice/srtp-engine.h>

#include <srtp2/auth.h>
#include <srtp2/cipher.h>

typedef enum {
    SL_SRTP_ICM_128,
    SL_SRTP_ICM_256,
    SL_SRTP_GCM_128,
    SL_SRTP_GCM_256,
    SL_SRTP_CIPHERS, /* so many */
    SL_SRTP_HMAC_SHA1 = SL_SRTP_CIPHERS,
    SL_SRTP_ALGORITHMS
} SlSrtpAlgorithm;

typedef struct {
    const srtp_cipher_test_case_t *ciphers[SL_SRTP_CIPHERS];
    const srtp_auth_test_case_t *hmac_sha1;
} SlSrtpVectors;

extern const SlSrtpVectors sl_srtp_vectors;

/* Puts them in unless @config or the environment wants libsrtp's own; says once to the log of @config what was
 * refused. Without a config (NULL): in, unless a config has spoken before. Any thread; srtp_init() has been called. */
void sl_srtp_openssl_put_in(const SluiceConfig *config, uint64_t transport_id);

/* The same with known answers of the caller's, which live as long as the process. */
void sl_srtp_openssl_put_in_with(const SlSrtpVectors *vectors, const SluiceConfig *config,
                                 uint64_t transport_id);

/* Where in memory a session has what a packet needs of ours. */
typedef struct {
    const void *cipher, *context, *mac;
} SlSrtpPlaces;

/* From here on the calling thread notes in @places what it makes first of each; NULL: no more. The first of a session of
 * libsrtp are those for SRTP. */
void sl_srtp_openssl_note(SlSrtpPlaces *places);
void sl_srtp_openssl_note_cipher(const void *cipher, const void *context);
void sl_srtp_openssl_note_mac(const void *mac);

/* What is put in, static, with these @vectors; NULL: OpenSSL has it not. The caller sees to it that one thread at a
 * time is here. */
const srtp_cipher_type_t *sl_srtp_cipher_type(SlSrtpAlgorithm which,
                                              const srtp_cipher_test_case_t *vectors);
const srtp_auth_type_t *sl_srtp_hmac_type(const srtp_auth_test_case_t *vectors);

#endif
