/* SPDX-License-Identifier: BSD-3-Clause */

/* Private key and certificate: made, loaded, shared. Every function here leaves OpenSSL's error
 * queue as it found it, since a later SSL_get_error() would take a leftover for its own. */

#include "certificate.h"

#include <sluice/openssl.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#define DAY (24L * 60 * 60)

struct SluiceCertificate {
    atomic_uint references;
    X509 *x509;
    EVP_PKEY *key;
    uint8_t *der;
    size_t der_len;
};

/* Out of memory shows in the last error; all else is @otherwise. */
static SluiceStatus failure(SluiceStatus otherwise)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? SLUICE_NO_MEMORY
                                                                         : otherwise;
}

/* An encrypted key is an error: a library that asks a terminal for a password hangs its program. */
static int no_password(char *buf, int size, int rwflag, void *context)
{
    (void)buf, (void)size, (void)rwflag, (void)context;
    return -1;
}

static int is_ecdsa_key(const EVP_PKEY *key)
{
    /* What OpenSSL's own keys say, and what a provider for tokens may. */
    static const char *const names[] = {"prime256v1", "secp384r1", "secp521r1", "secp256r1",
                                        "P-256",      "P-384",     "P-521"};
    char group[32];

    if (!EVP_PKEY_is_a(key, "EC") || !EVP_PKEY_get_group_name(key, group, sizeof group, NULL))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(group, names[i]) == 0)
            return 1;
    return 0;
}

static int is_supported_key(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        return bits >= 2048 && bits <= 8192;
    }
    return is_ecdsa_key(key);
}

/* Signs with the key and verifies with the certificate. X509_check_private_key() compares public
 * halves only: it takes a key that has no private half. */
static int belong_together(X509 *x509, EVP_PKEY *key)
{
    static const uint8_t message[] = "sluice";
    EVP_PKEY *public_key = X509_get0_pubkey(x509);
    EVP_MD_CTX *md = public_key ? EVP_MD_CTX_new() : NULL;
    uint8_t *signature = NULL;
    size_t size = 0, len;
    int ok = md && EVP_PKEY_eq(public_key, key) == 1 &&
             EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(md, NULL, &size, message, sizeof message) == 1 &&
             (signature = OPENSSL_malloc(len = size)) != NULL &&
             EVP_DigestSign(md, signature, &len, message, sizeof message) == 1 &&
             /* Out of memory at its last step OpenSSL says that it signed 2^32-1 bytes; since 3.4
         * EVP_DigestVerify() copies that many. */
             len <= size && EVP_MD_CTX_reset(md) == 1 &&
             EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, public_key) == 1 &&
             EVP_DigestVerify(md, signature, len, message, sizeof message) == 1;

    OPENSSL_free(signature);
    EVP_MD_CTX_free(md);
    return ok;
}

/* Takes a reference of each. */
static SluiceStatus wrap(X509 *x509, EVP_PKEY *key, SluiceCertificate **out)
{
    SluiceCertificate *self = OPENSSL_zalloc(sizeof *self);
    if (!self)
        return SLUICE_NO_MEMORY;
    int len = i2d_X509(x509, &self->der);
    if (len <= 0) {
        SluiceStatus status = failure(SLUICE_INVALID_ARGUMENT);
        OPENSSL_free(self);
        return status;
    }
    self->der_len = (size_t)len;
    X509_up_ref(x509);
    EVP_PKEY_up_ref(key);
    self->x509 = x509;
    self->key = key;
    atomic_init(&self->references, 1);
    *out = self;
    return SLUICE_OK;
}

static SluiceStatus check_and_wrap(X509 *x509, EVP_PKEY *key, SluiceCertificate **out)
{
    if (!x509 || !key)
        return failure(SLUICE_INVALID_ARGUMENT);
    if (!is_supported_key(key))
        return SLUICE_UNSUPPORTED;
    if (!belong_together(x509, key))
        return failure(SLUICE_INVALID_ARGUMENT);
    return wrap(x509, key, out);
}

/* 127 random bits below a set one: positive, never zero, 16 of the 20 bytes that RFC 5280
 * section 4.1.2.2 allows. */
static int set_serial(X509 *x509)
{
    uint8_t bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return 0;
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    int ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
    BN_free(number);
    return ok;
}

static X509 *self_sign(EVP_PKEY *key)
{
    static const unsigned char name[] = "WebRTC";
    X509 *x509 = X509_new();
    X509_NAME *subject = X509_NAME_new(); /* the certificate's own is const since OpenSSL 4.0 */
    int ok = x509 && subject && X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
             X509_gmtime_adj(X509_getm_notBefore(x509), -DAY) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(x509), 30 * DAY) != NULL &&
             X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
             X509_set_subject_name(x509, subject) == 1 &&
             X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key) == 1 &&
             X509_sign(x509, key, EVP_sha256()) > 0;

    X509_NAME_free(subject);
    if (ok)
        return x509;
    X509_free(x509);
    return NULL;
}

SluiceStatus sluice_certificate_generate(SluiceKeyType type, SluiceCertificate **out)
{
    if (!out || (type != SLUICE_KEY_ECDSA_P256 && type != SLUICE_KEY_RSA_2048))
        return SLUICE_INVALID_ARGUMENT;

    ERR_set_mark();
    EVP_PKEY *key = type == SLUICE_KEY_RSA_2048 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                                : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x509 = key ? self_sign(key) : NULL;
    SluiceStatus status = x509 ? wrap(x509, key, out) : failure(SLUICE_INTERNAL);
    X509_free(x509);
    EVP_PKEY_free(key);
    ERR_pop_to_mark();
    return status;
}

SluiceStatus sluice_certificate_from_pem(const char *certificate, size_t certificate_len,
                                         const char *key, size_t key_len, SluiceCertificate **out)
{
    if (!certificate || !key || !out || certificate_len == 0 || certificate_len > INT_MAX ||
        key_len == 0 || key_len > INT_MAX)
        return SLUICE_INVALID_ARGUMENT;

    ERR_set_mark();
    BIO *bio = BIO_new_mem_buf(certificate, (int)certificate_len);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    bio = x509 ? BIO_new_mem_buf(key, (int)key_len) : NULL;
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);

    SluiceStatus status = check_and_wrap(x509, pkey, out);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    ERR_pop_to_mark();
    return status;
}

/* Not d2i_AutoPrivateKey(): it has no place for a password callback. */
static EVP_PKEY *read_der_key(const uint8_t *der, size_t len)
{
    EVP_PKEY *key = NULL;
    const unsigned char *p = der;
    size_t left = len;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&key, "DER", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);

    if (!decoder || OSSL_DECODER_CTX_set_pem_password_cb(decoder, no_password, NULL) != 1 ||
        OSSL_DECODER_from_data(decoder, &p, &left) != 1 || left != 0) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    return key;
}

SluiceStatus sluice_certificate_from_der(const uint8_t *certificate, size_t certificate_len,
                                         const uint8_t *key, size_t key_len,
                                         SluiceCertificate **out)
{
    if (!certificate || !key || !out || certificate_len == 0 || certificate_len > LONG_MAX ||
        key_len == 0)
        return SLUICE_INVALID_ARGUMENT;

    ERR_set_mark();
    const unsigned char *p = certificate;
    X509 *x509 = d2i_X509(NULL, &p, (long)certificate_len);
    if (x509 && p != certificate + certificate_len) {
        X509_free(x509);
        x509 = NULL;
    }
    EVP_PKEY *pkey = x509 ? read_der_key(key, key_len) : NULL;

    SluiceStatus status = check_and_wrap(x509, pkey, out);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    ERR_pop_to_mark();
    return status;
}

SluiceStatus sluice_certificate_from_openssl(struct x509_st *certificate, struct evp_pkey_st *key,
                                             SluiceCertificate **out)
{
    if (!certificate || !key || !out)
        return SLUICE_INVALID_ARGUMENT;
    ERR_set_mark();
    SluiceStatus status = check_and_wrap(certificate, key, out);
    ERR_pop_to_mark();
    return status;
}

SluiceCertificate *sluice_certificate_ref(SluiceCertificate *self)
{
    if (self)
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    return self;
}

void sluice_certificate_unref(SluiceCertificate *self)
{
    if (!self || atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1)
        return;
    X509_free(self->x509);
    EVP_PKEY_free(self->key); /* wipes it */
    OPENSSL_free(self->der);
    OPENSSL_free(self);
}

SluiceStatus sluice_certificate_get_fingerprint(const SluiceCertificate *self, SluiceHash hash,
                                                SluiceFingerprint *out)
{
    if (!self)
        return SLUICE_INVALID_ARGUMENT;
    return sluice_fingerprint_of_der(hash, self->der, self->der_len, out);
}

SluiceStatus sluice_certificate_get_der(const SluiceCertificate *self, const uint8_t **der,
                                        size_t *len)
{
    if (!self || !der || !len)
        return SLUICE_INVALID_ARGUMENT;
    *der = self->der;
    *len = self->der_len;
    return SLUICE_OK;
}

/* Both in one memory BIO; a key that does not leave its token is unsupported. */
static SluiceStatus write_pem(const SluiceCertificate *self, int with_key, BIO *bio)
{
    if (PEM_write_bio_X509(bio, self->x509) != 1)
        return failure(SLUICE_INTERNAL);
    if (with_key && PEM_write_bio_PrivateKey(bio, self->key, NULL, NULL, 0, NULL, NULL) != 1)
        return failure(SLUICE_UNSUPPORTED);
    return SLUICE_OK;
}

SluiceStatus sluice_certificate_to_pem(const SluiceCertificate *self, int with_key, char *text,
                                       size_t *len)
{
    if (!self || !len)
        return SLUICE_INVALID_ARGUMENT;

    ERR_set_mark();
    BIO *bio = BIO_new(BIO_s_mem());
    SluiceStatus status = bio ? write_pem(self, with_key, bio) : SLUICE_NO_MEMORY;
    char *pem = NULL;
    long pem_len = bio ? BIO_get_mem_data(bio, &pem) : 0;
    if (status == SLUICE_OK) {
        size_t room = *len;
        *len = (size_t)pem_len + 1;
        if (text && room < *len)
            status = SLUICE_NO_ROOM;
        else if (text) {
            memcpy(text, pem, (size_t)pem_len);
            text[pem_len] = '\0';
        }
    }
    if (pem && pem_len > 0)
        OPENSSL_cleanse(pem, (size_t)pem_len);
    BIO_free(bio);
    ERR_pop_to_mark();
    return status;
}

X509 *sl_certificate_x509(const SluiceCertificate *self) { return self->x509; }

EVP_PKEY *sl_certificate_key(const SluiceCertificate *self) { return self->key; }
