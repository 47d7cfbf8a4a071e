/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_CERTIFICATE_FORMS_H
#define TEST_CERTIFICATE_FORMS_H

/* Keys and certificates in every form they are loaded from, and a watch over what a call leaves
 * behind. */

#include <sluice/certificate.h>

#include <openssl/types.h>

#include <stddef.h>

/* Bytes with one zero behind them; free() the text. */
typedef struct {
    char *text;
    size_t len;
} Blob;

Blob take_bio(BIO *bio);
BIO *new_bio(void);
Blob pem_certificate(X509 *x509);
Blob pem_key(EVP_PKEY *key, int traditional, const char *password);
Blob der_certificate(X509 *x509);
Blob der_key(EVP_PKEY *key, int traditional, const char *password);

/* A bare certificate for any key. */
X509 *certificate_for(EVP_PKEY *key);

/* The library's own; the type must be right. */
SluiceCertificate *generate(SluiceKeyType type);

/* cmocka's set-up and tear-down of a group: OpenSSL has no terminal to ask for a password, but
 * notes a question. */
int watch_ui(void **state);
int unwatch_ui(void **state);

/* And of a test: the error that the caller had in OpenSSL's queue is still there, and alone; nobody
 * was asked. */
int mark_queue(void **state);
int check_queue(void **state);

#define CERTIFICATE_TEST(test) cmocka_unit_test_setup_teardown(test, mark_queue, check_queue)

#endif
