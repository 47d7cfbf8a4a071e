/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds what certificate.h promises of loading: every form of key beside its forged twin, every
 * kind of key beside those that are refused, damage anywhere, no question for a password ever, and
 * an error queue that is left as it was. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "certificate-forms.h"
#include "certificate.h"
#include "rng.h"

#include <sluice/openssl.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

static SluiceStatus load_pem(Blob certificate, Blob key)
{
    SluiceCertificate *out = NULL;
    SluiceStatus status =
        sluice_certificate_from_pem(certificate.text, certificate.len, key.text, key.len, &out);
    assert_int_equal(out != NULL, status == SLUICE_OK);
    sluice_certificate_unref(out);
    return status;
}

static SluiceStatus load_der(Blob certificate, Blob key)
{
    SluiceCertificate *out = NULL;
    SluiceStatus status =
        sluice_certificate_from_der((const uint8_t *)certificate.text, certificate.len,
                                    (const uint8_t *)key.text, key.len, &out);
    assert_int_equal(out != NULL, status == SLUICE_OK);
    sluice_certificate_unref(out);
    return status;
}

static SluiceStatus load_openssl(X509 *x509, EVP_PKEY *key)
{
    SluiceCertificate *out = NULL;
    SluiceStatus status = sluice_certificate_from_openssl(x509, key, &out);
    assert_int_equal(out != NULL, status == SLUICE_OK);
    sluice_certificate_unref(out);
    return status;
}

static void key_forms(void **state)
{
    for (int type = 0; type < 2; type++) {
        SluiceCertificate *made = generate((SluiceKeyType)type);
        EVP_PKEY *key = sl_certificate_key(made);
        assert_int_equal(check_queue(state), 0);
        Blob pem = pem_certificate(sl_certificate_x509(made));
        Blob der = der_certificate(sl_certificate_x509(made));
        Blob keys[] = {pem_key(key, 0, NULL),     pem_key(key, 1, NULL), pem_key(key, 0, "secret"),
                       pem_key(key, 1, "secret"), der_key(key, 0, NULL), der_key(key, 1, NULL),
                       der_key(key, 0, "secret")};
        mark_queue(state); /* OpenSSL 4.0 clears it when it encrypts a key */
        assert_int_equal(load_pem(pem, keys[0]), SLUICE_OK);
        assert_int_equal(load_pem(pem, keys[1]), SLUICE_OK);
        assert_int_equal(load_pem(pem, keys[2]), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_pem(pem, keys[3]), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_der(der, keys[4]), SLUICE_OK);
        assert_int_equal(load_der(der, keys[5]), SLUICE_OK);
        assert_int_equal(load_der(der, keys[6]), SLUICE_INVALID_ARGUMENT);
        /* The one for the other, and the certificate where the key should be. */
        assert_int_equal(load_pem(der, keys[4]), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_der(pem, keys[0]), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_pem(pem, pem), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_pem(keys[0], keys[0]), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_der(der, der), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(load_openssl(sl_certificate_x509(made), key), SLUICE_OK);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            free(keys[i].text);
        free(pem.text);
        free(der.text);
        sluice_certificate_unref(made);
    }
}

/* What `openssl ecparam -genkey` writes in front of the key, a chain, and remarks between the
 * blocks. */
static void pem_with_company(void **state)
{
    (void)state;
    SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256),
                      *issuer = generate(SLUICE_KEY_ECDSA_P256);
    Blob own = pem_certificate(sl_certificate_x509(made));
    Blob other = pem_certificate(sl_certificate_x509(issuer));
    Blob key = pem_key(sl_certificate_key(made), 1, NULL);
    static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                     "-----END EC PARAMETERS-----\n";
    char text[8192];
    Blob all = {text, 0};
    strcat(strcat(strcat(strcpy(text, "a remark\n"), parameters), key.text), own.text);
    all.len = strlen(strcat(strcat(text, "another\n"), other.text));
    assert_int_equal(load_pem(all, all), SLUICE_OK);
    /* The first certificate counts: with the issuer's in front key and certificate differ. */
    all.len = strlen(strcat(strcat(strcpy(text, other.text), own.text), key.text));
    assert_int_equal(load_pem(all, all), SLUICE_INVALID_ARGUMENT);
    free(own.text);
    free(other.text);
    free(key.text);
    sluice_certificate_unref(made);
    sluice_certificate_unref(issuer);
}

/* Regression: X509_check_private_key() compares public halves, so a key without a private one was
 * taken, and every handshake failed later. */
static void not_its_key(void **state)
{
    (void)state;
    SluiceCertificate *a = generate(SLUICE_KEY_ECDSA_P256), *b = generate(SLUICE_KEY_ECDSA_P256);
    EVP_PKEY *other = sl_certificate_key(b);
    /* Read back: the certificate as it was made still points to the whole key. */
    Blob der = der_certificate(sl_certificate_x509(a));
    const unsigned char *p = (const unsigned char *)der.text;
    X509 *x509 = d2i_X509(NULL, &p, (long)der.len);
    assert_non_null(x509);
    EVP_PKEY *public_half = X509_get0_pubkey(x509);
    assert_int_equal(load_openssl(x509, other), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(load_openssl(x509, sl_certificate_key(a)), SLUICE_OK);
    assert_int_equal(load_openssl(x509, public_half), SLUICE_INVALID_ARGUMENT);

    Blob pem = pem_certificate(x509);
    Blob other_pem = pem_key(other, 0, NULL), other_der = der_key(other, 0, NULL);
    BIO *bio = new_bio();
    assert_int_equal(PEM_write_bio_PUBKEY(bio, public_half), 1);
    Blob public_pem = take_bio(bio);
    bio = new_bio();
    assert_int_equal(i2d_PUBKEY_bio(bio, public_half), 1);
    Blob public_der = take_bio(bio);
    assert_int_equal(load_pem(pem, other_pem), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(load_der(der, other_der), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(load_pem(pem, public_pem), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(load_der(der, public_der), SLUICE_INVALID_ARGUMENT);
    Blob *blobs[] = {&pem, &der, &other_pem, &other_der, &public_pem, &public_der};
    for (size_t i = 0; i < sizeof blobs / sizeof blobs[0]; i++)
        free(blobs[i]->text);
    X509_free(x509);
    sluice_certificate_unref(a);
    sluice_certificate_unref(b);
}

static void key_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *type, *group;
        size_t bits;
        SluiceStatus status;
    } rows[] = {
        {"EC", "P-256", 0, SLUICE_OK},
        {"EC", "P-384", 0, SLUICE_OK},
        {"EC", "P-521", 0, SLUICE_OK},
        {"EC", "P-224", 0, SLUICE_UNSUPPORTED},
        {"EC", "secp256k1", 0, SLUICE_UNSUPPORTED},
        {"EC", "brainpoolP256r1", 0, SLUICE_UNSUPPORTED},
        {"ED25519", NULL, 0, SLUICE_UNSUPPORTED},
        {"ED448", NULL, 0, SLUICE_UNSUPPORTED},
        {"RSA", NULL, 1024, SLUICE_UNSUPPORTED},
        {"RSA", NULL, 2040, SLUICE_UNSUPPORTED},
        {"RSA", NULL, 2048, SLUICE_OK},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EVP_PKEY *key = rows[i].group  ? EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].group)
                        : rows[i].bits ? EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].bits)
                                       : EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);
        assert_non_null(key);
        X509 *x509 = certificate_for(key);
        Blob pem = pem_certificate(x509), pem_of_key = pem_key(key, 0, NULL);
        assert_int_equal(load_openssl(x509, key), rows[i].status);
        assert_int_equal(load_pem(pem, pem_of_key), rows[i].status);
        free(pem.text);
        free(pem_of_key.text);
        X509_free(x509);
        EVP_PKEY_free(key);
    }
}

/* A modulus of 8193 bits need not be a product of primes to be refused. */
static void huge_rsa(void **state)
{
    (void)state;
    for (int bits = 8192; bits <= 8193; bits++) {
        BIGNUM *n = BN_new(), *e = BN_new();
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
        EVP_PKEY *key = NULL;
        assert_true(BN_set_word(e, 65537) && BN_set_bit(n, bits - 1) && BN_set_bit(n, 0));
        assert_true(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n));
        assert_true(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e));
        OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
        assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
        assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
        SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256);
        assert_int_equal(load_openssl(sl_certificate_x509(made), key),
                         bits > 8192 ? SLUICE_UNSUPPORTED : SLUICE_INVALID_ARGUMENT);
        sluice_certificate_unref(made);
        EVP_PKEY_free(key);
        OSSL_PARAM_free(params);
        EVP_PKEY_CTX_free(ctx);
        OSSL_PARAM_BLD_free(builder);
        BN_free(n);
        BN_free(e);
    }
}

/* Every truncation, a byte too many, and damage anywhere. */
static void damaged_der(void **state)
{
    (void)state;
    SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256);
    Blob certificate = der_certificate(sl_certificate_x509(made));
    Blob key = der_key(sl_certificate_key(made), 0, NULL);
    assert_int_equal(load_der(certificate, key), SLUICE_OK);
    for (size_t len = 0; len < certificate.len; len++)
        assert_int_equal(load_der((Blob){certificate.text, len}, key), SLUICE_INVALID_ARGUMENT);
    for (size_t len = 0; len < key.len; len++)
        assert_int_equal(load_der(certificate, (Blob){key.text, len}), SLUICE_INVALID_ARGUMENT);
    /* take_bio() left a zero behind each. */
    assert_int_equal(load_der((Blob){certificate.text, certificate.len + 1}, key),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(load_der(certificate, (Blob){key.text, key.len + 1}), SLUICE_INVALID_ARGUMENT);

    Rng rng;
    rng_init(&rng, rng_test_seed(8827));
    for (int round = 0; round < 400; round++) {
        Blob *victim = rng_chance(&rng, 0.5) ? &certificate : &key;
        size_t at = (size_t)rng_below(&rng, victim->len);
        char was = victim->text[at];
        victim->text[at] = (char)(was ^ (char)(1 << rng_below(&rng, 7)));
        SluiceStatus status = load_der(certificate, key);
        assert_true(status == SLUICE_OK || status == SLUICE_INVALID_ARGUMENT ||
                    status == SLUICE_UNSUPPORTED);
        victim->text[at] = was;
    }
    free(certificate.text);
    free(key.text);
    sluice_certificate_unref(made);
}

static void damaged_pem(void **state)
{
    (void)state;
    SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256);
    Blob certificate = pem_certificate(sl_certificate_x509(made));
    Blob key = pem_key(sl_certificate_key(made), 0, NULL);
    /* The end line may lack its line break, no more. */
    for (size_t len = 0; len + 2 < certificate.len; len++)
        assert_int_equal(load_pem((Blob){certificate.text, len}, key), SLUICE_INVALID_ARGUMENT);
    for (size_t len = 0; len + 2 < key.len; len++)
        assert_int_equal(load_pem(certificate, (Blob){key.text, len}), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(load_pem(certificate, key), SLUICE_OK);
    free(certificate.text);
    free(key.text);
    sluice_certificate_unref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CERTIFICATE_TEST(key_forms),   CERTIFICATE_TEST(pem_with_company),
        CERTIFICATE_TEST(not_its_key), CERTIFICATE_TEST(key_kinds),
        CERTIFICATE_TEST(huge_rsa),    CERTIFICATE_TEST(damaged_der),
        CERTIFICATE_TEST(damaged_pem),
    };
    return cmocka_run_group_tests(tests, watch_ui, unwatch_ui);
}
