/* SPDX-License-Identifier: BSD-3-Clause */
#include "large-chain.h"

#include "common.h"

#include <sluice/openssl.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <time.h>

#define WALL_START 1700000000 /* as in vclock.c */
#define DAY 86400L

#define CHAIN 4
static struct {
    EVP_PKEY *key;
    X509 *x509[CHAIN]; /* from the root to the server */
    SluiceCertificate *server;
    char pem[2][131072]; /* the root; what is between */
} chain;

static void extend(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void add_pem(X509 *x509, char *text, size_t room)
{
    BIO *bio = BIO_new(BIO_s_mem());
    size_t used = strlen(text);
    int n;

    assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
    n = BIO_read(bio, text + used, (int)(room - used - 1));
    assert_true(n > 0 && BIO_pending(bio) == 0);
    text[used + (size_t)n] = '\0';
    BIO_free(bio);
}

static X509 *make_link(int i)
{
    static const char *const names[CHAIN] = {"root", "one", "two", "server"};
    static char comment[29000];
    X509 *x509 = X509_new();
    time_t now = WALL_START;
    X509_NAME *subject = X509_NAME_new();

    memset(comment, 'x', sizeof comment - 1);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), i + 1);
    X509_time_adj(X509_getm_notBefore(x509), -DAY, &now);
    X509_time_adj(X509_getm_notAfter(x509), 30 * DAY, &now);
    assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                                (const unsigned char *)names[i], -1, -1, 0),
                     1);
    assert_true(X509_set_subject_name(x509, subject));
    X509_set_issuer_name(x509, i ? X509_get_subject_name(chain.x509[i - 1]) : subject);
    X509_NAME_free(subject);
    X509_set_pubkey(x509, chain.key);
    if (i < CHAIN - 1)
        extend(x509, NID_basic_constraints, "critical,CA:TRUE");
    else
        extend(x509, NID_subject_alt_name, "DNS:" HOST);
    extend(x509, NID_netscape_comment, comment);
    assert_true(X509_sign(x509, chain.key, EVP_sha256()) > 0);
    return x509;
}

int make_large_chain(void **state)
{
    (void)state;
    chain.key = EVP_RSA_gen(2048);
    assert_non_null(chain.key);
    for (int i = 0; i < CHAIN; i++)
        chain.x509[i] = make_link(i);
    add_pem(chain.x509[0], chain.pem[0], sizeof chain.pem[0]);
    for (int i = CHAIN - 2; i > 0; i--)
        add_pem(chain.x509[i], chain.pem[1], sizeof chain.pem[1]);
    return sluice_certificate_from_openssl(chain.x509[CHAIN - 1], chain.key, &chain.server);
}

int free_large_chain(void **state)
{
    sluice_certificate_unref(chain.server);
    for (int i = 0; i < CHAIN; i++)
        X509_free(chain.x509[i]);
    EVP_PKEY_free(chain.key);
    memset(&chain, 0, sizeof chain);
    return free_identities(state);
}

SluiceConfig *large_chain_config(int which, unsigned version)
{
    const char *pem = chain.pem[which == SERVER];
    SluiceConfig *config = sluice_config_new(which == SERVER ? chain.server : identity(ID_CLIENT));

    assert_status(sluice_config_set_stream_versions(config, version, version), SLUICE_OK);
    if (which == SERVER) {
        assert_status(sluice_config_add_stream_chain_pem(config, pem, strlen(pem)), SLUICE_OK);
        assert_status(sluice_config_set_stream_limits(config, 8192, 65536), SLUICE_OK);
    } else {
        assert_status(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), SLUICE_OK);
    }
    return config;
}
