/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: certificates of a peer that are large, many, or of unusual keys are taken or refused, by the size of their message,
 * with a named reason; and a name in them is only ever a name (RES-04). The peer is OpenSSL itself. */

#include "foreign.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <time.h>

static X509 *odd;
static EVP_PKEY *odd_key;
static unsigned more; /* copies of it behind it */

static void set_name(X509 *certificate, size_t bytes)
{
    X509_NAME *name = X509_NAME_new();
    uint8_t text[64];

    assert_non_null(name);
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < bytes; i += sizeof text)
        assert_int_equal(
            X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_ASC, text, sizeof text, -1, 0), 1);
    assert_int_equal(X509_set_subject_name(certificate, name), 1);
    X509_NAME_free(name);
}

/* Takes @key over. @signer: NULL: the key itself. */
static void make(EVP_PKEY *key, EVP_PKEY *signer, size_t name)
{
    const EVP_MD *digest = EVP_PKEY_is_a(signer ? signer : key, "ED25519") ? NULL : EVP_sha256();

    assert_non_null(key);
    X509_free(odd);
    EVP_PKEY_free(odd_key);
    odd_key = key;
    odd = X509_new();
    assert_non_null(odd);
    X509_set_version(odd, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(odd), 1);
    X509_gmtime_adj(X509_getm_notBefore(odd), 0);
    X509_gmtime_adj(X509_getm_notAfter(odd), 86400);
    X509_set_pubkey(odd, key);
    set_name(odd, name);
    assert_true(X509_sign(odd, signer ? signer : key, digest) > 0);
}

static void use_odd(SSL_CTX *ctx)
{
    assert_int_equal(SSL_CTX_use_certificate(ctx, odd), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, odd_key), 1);
    for (unsigned i = 0; i < more; i++)
        assert_int_equal(SSL_CTX_add1_chain_cert(ctx, odd), 1);
}

static SluiceFingerprint fingerprint(void)
{
    SluiceFingerprint out = {.hash = SLUICE_HASH_SHA256};
    unsigned len = 0;

    assert_int_equal(X509_digest(odd, EVP_sha256(), out.bytes, &len), 1);
    out.len = len;
    return out;
}

/* Returns whether they connected; what the transport says of its end is printed. */
static int meet(SluiceRole role, const char *what)
{
    SluiceFingerprint expected = fingerprint();
    char text[640] = "connected";
    Foreign foreign;
    SluiceEnd end;
    clock_t begun;
    int connected;

    foreign_openssl_prepare = use_odd;
    begun = clock();
    foreign_open_expecting(&foreign, &foreign_openssl, role, &expected, 10 * MS);
    foreign_run(&foreign, 40 * SECOND);
    connected = foreign_both_connected(&foreign);
    if (sluice_transport_get_end(foreign.transport, &end) == SLUICE_OK)
        (void)sluice_end_describe(&end, text, sizeof text);
    print_message("# %s at our %s, %d ms of processor time of both ends: %s\n", what,
                  role == SLUICE_ROLE_CLIENT ? "client" : "server",
                  (int)((clock() - begun) * 1000 / CLOCKS_PER_SEC), text);
    foreign_close(&foreign);
    foreign_openssl_prepare = NULL;
    return connected;
}

static void test_unusual_keys(void **state)
{
    static const struct {
        const char *name;
        int taken[2]; /* at our client, at our server */
    } keys[] = {{"P-521", {0, 0}}, {"ED25519", {0, 1}}, {"RSA-4096", {1, 1}}};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            make(i == 0   ? EVP_EC_gen("P-521")
                 : i == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                          : EVP_RSA_gen(4096),
                 NULL, 64);
            assert_int_equal(meet((SluiceRole)role, keys[i].name),
                             keys[i].taken[role - SLUICE_ROLE_CLIENT]);
        }
}

static void test_large_subject(void **state)
{
    static const struct {
        size_t bytes;
        int taken;
    } names[] = {{4096, 1}, {12 * 1024, 1}, {16 * 1024, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            char what[40];

            snprintf(what, sizeof what, "a subject of %d bytes", (int)names[i].bytes);
            make(EVP_EC_gen("P-256"), NULL, names[i].bytes);
            assert_int_equal(meet((SluiceRole)role, what), names[i].taken);
        }
}

/* The leaf alone counts; what is behind it is read and given back. */
static void test_many(void **state)
{
    static const struct {
        unsigned more;
        int taken;
    } chains[] = {{9, 1}, {30, 1}, {200, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++)
        for (int role = SLUICE_ROLE_CLIENT; role <= SLUICE_ROLE_SERVER; role++) {
            char what[40];

            snprintf(what, sizeof what, "%u certificates", chains[i].more + 1);
            make(EVP_EC_gen("P-256"), NULL, 64);
            more = chains[i].more;
            assert_int_equal(meet((SluiceRole)role, what), chains[i].taken);
            more = 0;
        }
}

static int forget(void **state)
{
    X509_free(odd);
    EVP_PKEY_free(odd_key);
    odd = NULL;
    odd_key = NULL;
    return free_certificates(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unusual_keys),
        cmocka_unit_test(test_large_subject),
        cmocka_unit_test(test_many),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, forget);
}
