/* SPDX-License-Identifier: BSD-3-Clause */
#include "identities.h"

#include "vclock.h"

#include <sluice/openssl.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY 86400L
#define WALL_START 1700000000 /* as in vclock.c: tests may have stepped the clock already */
#define PEM_MAX 2048

typedef struct {
    const char *name; /* common name */
    const char *alternatives;
    const char *usage; /* NULL: any */
    Issuer issuer;
    long from, to; /* seconds, counted from now */
} Request;

static const Request requests[IDENTITIES] = {
    [ID_SERVER] = {"a server", "DNS:server.example,DNS:www.server.example", NULL, AUTHORITY, -DAY,
                   30 * DAY},
    [ID_OTHER_HOST] = {"server.example", "DNS:other.example", NULL, AUTHORITY, -DAY, 30 * DAY},
    [ID_WILDCARD] = {"a server", "DNS:*.wild.example", NULL, AUTHORITY, -DAY, 30 * DAY},
    [ID_PARTIAL_WILDCARD] = {"a server", "DNS:w*.wild.example", NULL, AUTHORITY, -DAY, 30 * DAY},
    [ID_ADDRESS] = {"192.0.2.8", "IP:192.0.2.7,IP:2001:db8::7,DNS:192.0.2.9", NULL, AUTHORITY, -DAY,
                    30 * DAY},
    [ID_COMMON_NAME] = {"server.example", NULL, NULL, AUTHORITY, -DAY, 30 * DAY},
    [ID_EXPIRED] = {"a server", "DNS:server.example", NULL, AUTHORITY, -10 * DAY, -DAY},
    [ID_FUTURE] = {"a server", "DNS:server.example", NULL, AUTHORITY, DAY, 10 * DAY},
    [ID_SELF_SIGNED] = {"a server", "DNS:server.example", NULL, SELF, -DAY, 30 * DAY},
    [ID_STRANGER] = {"a server", "DNS:server.example", NULL, OTHER_AUTHORITY, -DAY, 30 * DAY},
    [ID_CHAINED] = {"a server", "DNS:server.example", NULL, INTERMEDIATE, -DAY, 30 * DAY},
    [ID_LATE_CHAIN] = {"a server", "DNS:server.example", NULL, EXPIRED_AUTHORITY, -DAY, 30 * DAY},
    [ID_CLIENT] = {"a client", "DNS:client.example", "clientAuth", AUTHORITY, -DAY, 30 * DAY},
    [ID_CLIENT_2] = {"a client", "DNS:client.example", "clientAuth", AUTHORITY, -DAY, 30 * DAY},
    [ID_CLIENT_EXPIRED] = {"a client", "DNS:client.example", "clientAuth", AUTHORITY, -10 * DAY,
                           -DAY},
    [ID_CLIENT_STRANGER] = {"a client", "DNS:client.example", "clientAuth", OTHER_AUTHORITY, -DAY,
                            30 * DAY},
    [ID_SERVER_ALONE] = {"a server", "DNS:server.example", "serverAuth", AUTHORITY, -DAY, 30 * DAY},
};

typedef struct {
    EVP_PKEY *key;
    X509 *x509;
    char pem[PEM_MAX];
} Authority;

static Authority authorities[ISSUERS];
static SluiceCertificate *certificates[IDENTITIES];

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* Everything but the extensions and the signature. @issuer NULL: itself. */
static X509 *new_x509(EVP_PKEY *key, const char *name, X509 *issuer, long from, long to)
{
    static long serial;
    X509 *x509 = X509_new();
    X509_NAME *subject;
    time_t now = WALL_START;

    assert_non_null(x509);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    assert_non_null(X509_time_adj(X509_getm_notBefore(x509), from, &now));
    assert_non_null(X509_time_adj(X509_getm_notAfter(x509), to, &now));
    subject = X509_NAME_new();
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)name, -1, -1, 0),
                     1);
    assert_true(X509_set_subject_name(x509, subject));
    X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer) : subject);
    X509_NAME_free(subject);
    X509_set_pubkey(x509, key);
    return x509;
}

static const Authority *authority(Issuer which)
{
    static const char *const names[] = {"An authority", "Another authority", "In between",
                                        "An authority of old"};
    Authority *self = &authorities[which];
    const Authority *above = which == INTERMEDIATE ? authority(AUTHORITY) : self;
    long to = which == EXPIRED_AUTHORITY ? -DAY : 100 * DAY;
    BIO *bio;

    if (self->x509)
        return self;
    self->key = EVP_EC_gen("P-256");
    assert_non_null(self->key);
    self->x509 =
        new_x509(self->key, names[which], above == self ? NULL : above->x509, -20 * DAY, to);
    add_extension(self->x509, above->x509, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(self->x509, above->x509, NID_key_usage, "critical,keyCertSign");
    add_extension(self->x509, above->x509, NID_subject_key_identifier, "hash");
    assert_true(X509_sign(self->x509, above->key, EVP_sha256()) > 0);
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, self->x509), 1);
    assert_true(BIO_pending(bio) < PEM_MAX);
    assert_true(BIO_read(bio, self->pem, PEM_MAX - 1) > 0);
    BIO_free(bio);
    return self;
}

const char *authority_pem(Issuer which) { return authority(which)->pem; }

SluiceCertificate *identity(Identity who)
{
    const Request *request = &requests[who];
    const Authority *issuer = request->issuer == SELF ? NULL : authority(request->issuer);
    EVP_PKEY *key;
    X509 *x509;

    if (certificates[who])
        return certificates[who];
    key = EVP_EC_gen("P-256");
    assert_non_null(key);
    x509 = new_x509(key, request->name, issuer ? issuer->x509 : NULL, request->from, request->to);
    if (request->alternatives)
        add_extension(x509, issuer ? issuer->x509 : x509, NID_subject_alt_name,
                      request->alternatives);
    if (request->usage)
        add_extension(x509, issuer ? issuer->x509 : x509, NID_ext_key_usage, request->usage);
    add_extension(x509, issuer ? issuer->x509 : x509, NID_key_usage, "critical,digitalSignature");
    assert_true(X509_sign(x509, issuer ? issuer->key : key, EVP_sha256()) > 0);
    assert_int_equal(sluice_certificate_from_openssl(x509, key, &certificates[who]), SLUICE_OK);
    X509_free(x509);
    EVP_PKEY_free(key);
    return certificates[who];
}

int free_identities(void **state)
{
    (void)state;
    for (int i = 0; i < ISSUERS; i++) {
        X509_free(authorities[i].x509);
        EVP_PKEY_free(authorities[i].key);
    }
    memset(authorities, 0, sizeof authorities);
    for (int i = 0; i < IDENTITIES; i++)
        sluice_certificate_unref(certificates[i]);
    memset(certificates, 0, sizeof certificates);
    return 0;
}

SluiceFingerprint fingerprint_of_identity(Identity who, SluiceHash hash)
{
    SluiceFingerprint fingerprint;

    assert_int_equal(sluice_certificate_get_fingerprint(identity(who), hash, &fingerprint),
                     SLUICE_OK);
    return fingerprint;
}
