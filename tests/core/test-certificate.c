/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds what certificate.h promises of making, writing and sharing: the fields of a generated
 * certificate, PEM in buffers of every size, references, misuse; and that OpenSSL's error queue is
 * left as it was. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "certificate-forms.h"
#include "certificate.h"

#include <sluice/openssl.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void check_fields(SluiceCertificate *made)
{
    X509 *x509 = sl_certificate_x509(made);
    char name[32];
    int days, seconds;
    assert_int_equal(X509_get_version(x509), X509_VERSION_3);
    assert_int_equal(X509_verify(x509, sl_certificate_key(made)), 1);
    assert_int_equal(X509_get_signature_nid(x509), EVP_PKEY_is_a(sl_certificate_key(made), "RSA")
                                                       ? NID_sha256WithRSAEncryption
                                                       : NID_ecdsa_with_SHA256);
    const X509_NAME *subject = X509_get_subject_name(x509);
    assert_int_equal(X509_NAME_entry_count(subject), 1);
    assert_int_equal(X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof name), 6);
    assert_string_equal(name, "WebRTC");
    assert_int_equal(X509_NAME_cmp(subject, X509_get_issuer_name(x509)), 0);
    assert_true(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x509), NULL));
    assert_true(days == 1 && seconds < 60);
    assert_true(
        ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x509), X509_get0_notAfter(x509)));
    assert_int_equal(days, 31);
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    assert_non_null(serial);
    assert_false(BN_is_negative(serial));
    assert_in_range(BN_num_bits(serial), 65, 159);
    BN_free(serial);
}

static void generated(void **state)
{
    (void)state;
    SluiceCertificate *a = generate(SLUICE_KEY_ECDSA_P256), *b = generate(SLUICE_KEY_ECDSA_P256);
    SluiceCertificate *rsa = generate(SLUICE_KEY_RSA_2048);
    char group[32];
    check_fields(a);
    check_fields(rsa);
    assert_true(EVP_PKEY_get_group_name(sl_certificate_key(a), group, sizeof group, NULL));
    assert_string_equal(group, "prime256v1");
    assert_int_equal(EVP_PKEY_get_bits(sl_certificate_key(rsa)), 2048);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(sl_certificate_x509(a)),
                                          X509_get0_serialNumber(sl_certificate_x509(b))),
                         0);
    assert_int_not_equal(EVP_PKEY_eq(sl_certificate_key(a), sl_certificate_key(b)), 1);
    sluice_certificate_unref(a);
    sluice_certificate_unref(b);
    sluice_certificate_unref(rsa);
}

static void fingerprints(void **state)
{
    (void)state;
    static const struct {
        SluiceHash hash;
        const EVP_MD *(*md)(void);
    } rows[] = {{SLUICE_HASH_SHA1, EVP_sha1},
                {SLUICE_HASH_SHA256, EVP_sha256},
                {SLUICE_HASH_SHA384, EVP_sha384},
                {SLUICE_HASH_SHA512, EVP_sha512}};
    SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256);
    SluiceFingerprint f;
    for (size_t i = 0; i < 4; i++) {
        unsigned char want[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        assert_int_equal(X509_digest(sl_certificate_x509(made), rows[i].md(), want, &n), 1);
        assert_int_equal(sluice_certificate_get_fingerprint(made, rows[i].hash, &f), SLUICE_OK);
        assert_int_equal(f.len, n);
        assert_memory_equal(f.bytes, want, n);
    }
    sluice_certificate_unref(made);
}

static char *to_pem(const SluiceCertificate *self, int with_key, size_t *len)
{
    size_t need = 0;
    assert_int_equal(sluice_certificate_to_pem(self, with_key, NULL, &need), SLUICE_OK);
    char *text = malloc(need);
    assert_non_null(text);
    *len = need;
    assert_int_equal(sluice_certificate_to_pem(self, with_key, text, len), SLUICE_OK);
    assert_int_equal(*len, need);
    assert_int_equal(strlen(text), need - 1);
    return text;
}

static void pem_both_ways(void **state)
{
    (void)state;
    for (int type = 0; type < 2; type++) {
        SluiceCertificate *made = generate((SluiceKeyType)type), *again = NULL;
        size_t len, public_len, der_len, again_len, small;
        const uint8_t *der, *again_der;
        char *text = to_pem(made, 1, &len), *public_text = to_pem(made, 0, &public_len);
        assert_non_null(strstr(text, "-----BEGIN PRIVATE KEY-----"));
        assert_null(strstr(public_text, "PRIVATE"));
        assert_memory_equal(text, public_text, public_len - 1);

        assert_int_equal(sluice_certificate_from_pem(text, len - 1, text, len - 1, &again),
                         SLUICE_OK);
        assert_int_equal(sluice_certificate_get_der(made, &der, &der_len), SLUICE_OK);
        assert_int_equal(sluice_certificate_get_der(again, &again_der, &again_len), SLUICE_OK);
        assert_int_equal(der_len, again_len);
        assert_memory_equal(der, again_der, der_len);
        assert_int_equal(EVP_PKEY_eq(sl_certificate_key(made), sl_certificate_key(again)), 1);

        small = len - 1;
        memset(text, '#', len);
        assert_int_equal(sluice_certificate_to_pem(made, 1, text, &small), SLUICE_NO_ROOM);
        assert_int_equal(small, len);
        assert_int_equal(text[0], '#');
        free(text);
        free(public_text);
        sluice_certificate_unref(made);
        sluice_certificate_unref(again);
    }
}

static void references(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x509 = certificate_for(key);
    SluiceCertificate *out = NULL;
    assert_int_equal(sluice_certificate_from_openssl(x509, key, &out), SLUICE_OK);
    assert_ptr_equal(sl_certificate_x509(out), x509);
    assert_ptr_equal(sl_certificate_key(out), key);
    /* It outlives both, and its own first reference. */
    X509_free(x509);
    EVP_PKEY_free(key);
    assert_ptr_equal(sluice_certificate_ref(out), out);
    sluice_certificate_unref(out);
    SluiceFingerprint f;
    assert_int_equal(sluice_certificate_get_fingerprint(out, SLUICE_HASH_SHA256, &f), SLUICE_OK);
    assert_int_equal(EVP_PKEY_get_bits(sl_certificate_key(out)), 256);
    sluice_certificate_unref(out);
    sluice_certificate_unref(NULL);
}

static void *hold_and_drop(void *context)
{
    for (int i = 0; i < 10000; i++)
        sluice_certificate_unref(sluice_certificate_ref(context));
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256);
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, hold_and_drop, made), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    check_fields(made);
    sluice_certificate_unref(made);
}

static void bad_arguments(void **state)
{
    (void)state;
    const SluiceStatus bad = SLUICE_INVALID_ARGUMENT;
    SluiceCertificate *made = generate(SLUICE_KEY_ECDSA_P256), *out = NULL;
    X509 *x509 = sl_certificate_x509(made);
    EVP_PKEY *key = sl_certificate_key(made);
    const uint8_t *der;
    size_t len = 0;
    SluiceFingerprint f;
    assert_int_equal(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, NULL), bad);
    assert_int_equal(sluice_certificate_generate((SluiceKeyType)2, &out), bad);
    assert_int_equal(sluice_certificate_generate((SluiceKeyType)-1, &out), bad);
    assert_int_equal(sluice_certificate_from_pem(NULL, 1, "x", 1, &out), bad);
    assert_int_equal(sluice_certificate_from_pem("x", 1, NULL, 1, &out), bad);
    assert_int_equal(sluice_certificate_from_pem("x", 1, "x", 1, NULL), bad);
    assert_int_equal(sluice_certificate_from_pem("x", 1, "x", 1, &out), bad);
    assert_int_equal(sluice_certificate_from_pem("x", SIZE_MAX, "x", 1, &out), bad);
    assert_int_equal(sluice_certificate_from_pem("x", 1, "x", SIZE_MAX, &out), bad);
    const uint8_t *x = (const uint8_t *)"x";
    assert_int_equal(sluice_certificate_from_der(NULL, 1, x, 1, &out), bad);
    assert_int_equal(sluice_certificate_from_der(x, 1, NULL, 1, &out), bad);
    assert_int_equal(sluice_certificate_from_der(x, 1, x, 1, NULL), bad);
    assert_int_equal(sluice_certificate_from_der(x, SIZE_MAX, x, 1, &out), bad);
    assert_int_equal(sluice_certificate_from_openssl(NULL, key, &out), bad);
    assert_int_equal(sluice_certificate_from_openssl(x509, NULL, &out), bad);
    assert_int_equal(sluice_certificate_from_openssl(x509, key, NULL), bad);
    assert_int_equal(sluice_certificate_get_fingerprint(NULL, SLUICE_HASH_SHA256, &f), bad);
    assert_int_equal(sluice_certificate_get_fingerprint(made, SLUICE_HASH_SHA256, NULL), bad);
    assert_int_equal(sluice_certificate_get_fingerprint(made, (SluiceHash)9, &f), bad);
    assert_int_equal(sluice_certificate_get_der(NULL, &der, &len), bad);
    assert_int_equal(sluice_certificate_get_der(made, NULL, &len), bad);
    assert_int_equal(sluice_certificate_get_der(made, &der, NULL), bad);
    assert_int_equal(sluice_certificate_to_pem(NULL, 0, NULL, &len), bad);
    assert_int_equal(sluice_certificate_to_pem(made, 0, NULL, NULL), bad);
    assert_null(sluice_certificate_ref(NULL));
    assert_null(out);
    sluice_certificate_unref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CERTIFICATE_TEST(generated),     CERTIFICATE_TEST(fingerprints),
        CERTIFICATE_TEST(pem_both_ways), CERTIFICATE_TEST(references),
        CERTIFICATE_TEST(threads),       CERTIFICATE_TEST(bad_arguments),
    };
    return cmocka_run_group_tests(tests, watch_ui, unwatch_ui);
}
