/* SPDX-License-Identifier: BSD-3-Clause */
#include "certificate-forms.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

static int asked; /* somebody opened a user interface */

static int note_question(UI *ui)
{
    (void)ui;
    asked = 1;
    return 0;
}

static UI_METHOD *ui_method;

int watch_ui(void **state)
{
    (void)state;
    ui_method = UI_create_method("watch");
    if (!ui_method || UI_method_set_opener(ui_method, note_question) != 0)
        return -1;
    UI_set_default_method(ui_method);
    return 0;
}

int unwatch_ui(void **state)
{
    (void)state;
    UI_set_default_method(UI_OpenSSL());
    UI_destroy_method(ui_method);
    return 0;
}

int mark_queue(void **state)
{
    (void)state;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 77);
    asked = 0;
    return 0;
}

int check_queue(void **state)
{
    (void)state;
    int ok = ERR_GET_REASON(ERR_get_error()) == 77 && ERR_peek_error() == 0 && !asked;
    ERR_clear_error();
    return ok ? 0 : -1;
}

Blob take_bio(BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    Blob blob = {malloc((size_t)n + 1), (size_t)n};
    assert_non_null(blob.text);
    memcpy(blob.text, data, blob.len);
    blob.text[n] = '\0';
    BIO_free(bio);
    return blob;
}

BIO *new_bio(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_non_null(bio);
    return bio;
}

Blob pem_certificate(X509 *x509)
{
    BIO *bio = new_bio();
    assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
    return take_bio(bio);
}

Blob pem_key(EVP_PKEY *key, int traditional, const char *password)
{
    BIO *bio = new_bio();
    const EVP_CIPHER *cipher = password ? EVP_aes_128_cbc() : NULL;
    unsigned char *p = (unsigned char *)(uintptr_t)password;
    int len = password ? (int)strlen(password) : 0;
    if (traditional)
        assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, p, len, NULL, NULL),
                         1);
    else
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, cipher, p, len, NULL, NULL), 1);
    return take_bio(bio);
}

Blob der_certificate(X509 *x509)
{
    BIO *bio = new_bio();
    assert_int_equal(i2d_X509_bio(bio, x509), 1);
    return take_bio(bio);
}

Blob der_key(EVP_PKEY *key, int traditional, const char *password)
{
    BIO *bio = new_bio();
    if (traditional)
        assert_int_equal(i2d_PrivateKey_bio(bio, key), 1);
    else if (password)
        assert_int_equal(i2d_PKCS8PrivateKey_bio(bio, key, EVP_aes_128_cbc(), password,
                                                 (int)strlen(password), NULL, NULL),
                         1);
    else
        assert_int_equal(i2d_PKCS8PrivateKeyInfo_bio(bio, key), 1);
    return take_bio(bio);
}

X509 *certificate_for(EVP_PKEY *key)
{
    X509 *x509 = X509_new();
    assert_non_null(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    assert_int_equal(X509_set_pubkey(x509, key), 1);
    int no_digest = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");
    assert_true(X509_sign(x509, key, no_digest ? NULL : EVP_sha256()) > 0);
    return x509;
}

SluiceCertificate *generate(SluiceKeyType type)
{
    SluiceCertificate *made = NULL;
    assert_int_equal(sluice_certificate_generate(type, &made), SLUICE_OK);
    assert_non_null(made);
    return made;
}
