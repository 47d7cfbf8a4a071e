/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_CERTIFICATE_H
#define SLUICE_CERTIFICATE_H

#include <sluice/types.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceHash:
 * @SLUICE_HASH_SHA1: sha-1; refused unless a config allows it
 * @SLUICE_HASH_SHA256: sha-256, the default of WebRTC
 * @SLUICE_HASH_SHA384: sha-384
 * @SLUICE_HASH_SHA512: sha-512
 *
 * Hash functions of fingerprints, the stronger the larger the value (RFC 8122 section 5).
 */
typedef enum {
    SLUICE_HASH_SHA1 = 1,
    SLUICE_HASH_SHA256 = 2,
    SLUICE_HASH_SHA384 = 3,
    SLUICE_HASH_SHA512 = 4
} SluiceHash;

/**
 * SLUICE_FINGERPRINT_MAX:
 *
 * Bytes of the longest hash.
 */
#define SLUICE_FINGERPRINT_MAX 64

/**
 * SLUICE_FINGERPRINT_TEXT_MAX:
 *
 * Bytes that sluice_fingerprint_format() needs at most, the terminating zero included.
 */
#define SLUICE_FINGERPRINT_TEXT_MAX 208

/**
 * SLUICE_FINGERPRINTS_MAX:
 *
 * How many remote fingerprints a transport takes.
 */
#define SLUICE_FINGERPRINTS_MAX 16

/**
 * SluiceFingerprint: (skip)
 * @hash: the hash function
 * @len: bytes used in @bytes: 20, 32, 48 or 64
 * @bytes: the hash of the DER form of a certificate
 *
 * A certificate's fingerprint; a plain value, nothing to free.
 */
typedef struct {
    SluiceHash hash;
    size_t len;
    uint8_t bytes[SLUICE_FINGERPRINT_MAX];
} SluiceFingerprint;

/**
 * sluice_fingerprint_parse: (skip)
 * @text: (array length=len): the value of SDP's fingerprint attribute, "sha-256 12:AB:..."; the
 *   prefixes "a=fingerprint:" and "fingerprint:" and white space at both ends are tolerated, letter case
 *   is ignored; needs no terminating zero
 * @len: bytes at @text
 * @out: (out caller-allocates): the fingerprint; untouched on error
 *
 * Reads one fingerprint (RFC 8122 section 5). sha-1 is parsed; whether it counts is the config's
 * decision. md2, md5 and sha-224 are not supported.
 *
 * Returns: %SLUICE_OK; %SLUICE_UNSUPPORTED for a hash function we do not know (skip this one, look at the
 *   next); %SLUICE_INVALID_ARGUMENT for anything else that is no fingerprint
 */
SLUICE_API SluiceStatus sluice_fingerprint_parse(const char *text, size_t len,
                                                 SluiceFingerprint *out);

/**
 * sluice_fingerprint_format: (skip)
 * @fingerprint: a fingerprint
 * @text: (array length=cap): where the text goes, zero-terminated
 * @cap: bytes at @text; %SLUICE_FINGERPRINT_TEXT_MAX always suffice
 *
 * Writes "sha-256 12:AB:..." with capital letters, as SDP has it.
 *
 * Returns: %SLUICE_OK, %SLUICE_NO_ROOM or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_fingerprint_format(const SluiceFingerprint *fingerprint, char *text,
                                                  size_t cap);

/**
 * sluice_fingerprint_of_der: (skip)
 * @hash: the hash function
 * @der: (array length=len): a certificate in DER form
 * @len: bytes at @der
 * @out: (out caller-allocates): its fingerprint
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_NO_MEMORY, or %SLUICE_INTERNAL when OpenSSL has the hash
 *   switched off
 */
SLUICE_API SluiceStatus sluice_fingerprint_of_der(SluiceHash hash, const uint8_t *der, size_t len,
                                                  SluiceFingerprint *out);

/**
 * SluiceKeyType:
 * @SLUICE_KEY_ECDSA_P256: ECDSA on P-256, signed with SHA-256: what WebRTC requires (RFC 8827)
 * @SLUICE_KEY_RSA_2048: RSA of 2048 bits; a handshake costs 1.6 times as much, the key 40 to 500 ms
 *
 * Kinds of key that can be generated.
 */
typedef enum { SLUICE_KEY_ECDSA_P256 = 0, SLUICE_KEY_RSA_2048 = 1 } SluiceKeyType;

/**
 * SluiceCertificate: (ref-func sluice_certificate_ref) (unref-func sluice_certificate_unref)
 *
 * A private key with its certificate. Immutable and reference counted; shared by any number of threads
 * and configs.
 */
typedef struct SluiceCertificate SluiceCertificate;

/**
 * sluice_certificate_generate: (skip)
 * @type: the kind of key
 * @out: (out): the certificate
 *
 * Makes a key and a self-signed certificate for it: random serial number, the name "WebRTC", valid from
 * one day ago (clocks differ) until 30 days from now.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_NO_MEMORY or %SLUICE_INTERNAL
 */
SLUICE_API SluiceStatus sluice_certificate_generate(SluiceKeyType type, SluiceCertificate **out);

/**
 * sluice_certificate_from_pem: (skip)
 * @certificate: (array length=certificate_len): PEM text; the first certificate in it is taken
 * @certificate_len: bytes at @certificate
 * @key: (array length=key_len): PEM text with the unencrypted private key; may be the same text
 * @key_len: bytes at @key
 * @out: (out): the certificate
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT if either cannot be read, the key is encrypted, or the two
 *   do not belong together; %SLUICE_UNSUPPORTED for a key other than ECDSA on P-256, P-384 or P-521, RSA of
 *   2048 to 8192 bits; %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_certificate_from_pem(const char *certificate, size_t certificate_len,
                                                    const char *key, size_t key_len,
                                                    SluiceCertificate **out);

/**
 * sluice_certificate_from_der: (skip)
 * @certificate: (array length=certificate_len): a certificate in DER form
 * @certificate_len: bytes at @certificate
 * @key: (array length=key_len): the private key: PKCS#8, or the traditional form of its kind
 * @key_len: bytes at @key
 * @out: (out): the certificate
 *
 * Returns: as sluice_certificate_from_pem()
 */
SLUICE_API SluiceStatus sluice_certificate_from_der(const uint8_t *certificate,
                                                    size_t certificate_len, const uint8_t *key,
                                                    size_t key_len, SluiceCertificate **out);

/**
 * sluice_certificate_ref:
 * @self: a certificate
 *
 * Returns: (transfer full): @self with one more reference
 */
SLUICE_API SluiceCertificate *sluice_certificate_ref(SluiceCertificate *self);

/**
 * sluice_certificate_unref:
 * @self: (nullable) (transfer full): a certificate
 *
 * Drops a reference. The last one frees the certificate; the key is wiped.
 */
SLUICE_API void sluice_certificate_unref(SluiceCertificate *self);

/**
 * sluice_certificate_get_fingerprint: (skip)
 * @self: a certificate
 * @hash: the hash function
 * @out: (out caller-allocates): the fingerprint to announce in SDP
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_certificate_get_fingerprint(const SluiceCertificate *self,
                                                           SluiceHash hash, SluiceFingerprint *out);

/**
 * sluice_certificate_get_der: (skip)
 * @self: a certificate
 * @der: (out) (transfer none): the certificate in DER form, the object's own, valid as long as it
 * @len: (out): bytes at @der
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_certificate_get_der(const SluiceCertificate *self,
                                                   const uint8_t **der, size_t *len);

/**
 * sluice_certificate_to_pem: (skip)
 * @self: a certificate
 * @with_key: 1: the unencrypted private key (PKCS#8) follows the certificate
 * @text: (out caller-allocates) (nullable): where the zero-terminated text goes
 * @len: (inout): bytes at @text; on return the bytes needed, the zero included
 *
 * Writes the PEM form. Call it with a NULL @text to learn the size. Wipe a text that holds the key.
 *
 * Returns: %SLUICE_OK (also for a NULL @text), %SLUICE_NO_ROOM, %SLUICE_INVALID_ARGUMENT, %SLUICE_UNSUPPORTED for
 *   a key that cannot leave its token, or %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_certificate_to_pem(const SluiceCertificate *self, int with_key,
                                                  char *text, size_t *len);

SLUICE_END_DECLS

#endif
