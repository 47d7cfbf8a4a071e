/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_FINGERPRINT_H
#define SL_FINGERPRINT_H

/* Fingerprints of certificates (RFC 8122 section 5). */

#include <sluice/certificate.h>

/* How many of @list are of the strongest hash in it, sha-1 aside unless @allow_sha1; these are moved to the
 * front. 0: none counts. */
size_t sl_fingerprints_strongest(SluiceFingerprint *list, size_t n, int allow_sha1);

/* 1 if one of @list (all of one hash) is that of the certificate, 0 if none is, -1 if memory ran out; constant time in
 * the bytes. */
int sl_fingerprints_match(const SluiceFingerprint *list, size_t n, const uint8_t *der, size_t len);

/* 1 if both lists hold the same fingerprints in any order. */
int sl_fingerprints_equal(const SluiceFingerprint *a, size_t n_a, const SluiceFingerprint *b,
                          size_t n_b);

/* 1 if hash and length belong together. */
int sl_fingerprint_valid(const SluiceFingerprint *fingerprint);

#endif
