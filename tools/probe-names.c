/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of the code points in a ClientHello. Cipher suites are asked of OpenSSL, which has the
 * whole registry; the rest is short. */

#include "probe.h"

#include <openssl/ssl.h>

typedef struct {
    guint16 id;
    const char *name;
} Name;

/* https://www.iana.org/assignments/tls-parameters, supported groups */
static const Name groups[] = {
    {0x0013, "secp192r1"},
    {0x0015, "secp224r1"},
    {0x0016, "secp256k1"},
    {0x0017, "P-256"},
    {0x0018, "P-384"},
    {0x0019, "P-521"},
    {0x001a, "brainpoolP256r1"},
    {0x001b, "brainpoolP384r1"},
    {0x001c, "brainpoolP512r1"},
    {0x001d, "x25519"},
    {0x001e, "x448"},
    {0x0100, "ffdhe2048"},
    {0x0101, "ffdhe3072"},
    {0x0102, "ffdhe4096"},
    {0x0103, "ffdhe6144"},
    {0x0104, "ffdhe8192"},
    {0x11eb, "SecP256r1MLKEM768"},
    {0x11ec, "X25519MLKEM768"},
    {0x11ed, "SecP384r1MLKEM1024"},
    {0x6399, "X25519Kyber768Draft00"},
};

static const Name versions[] = {
    {0xfeff, "DTLS 1.0"},
    {0xfefd, "DTLS 1.2"},
    {0xfefc, "DTLS 1.3"},
};

/* https://www.iana.org/assignments/srtp-protection; those the library has are asked of it */
static const Name srtp_profiles[] = {
    {0x0005, "NULL_SHA1_80"},
    {0x0006, "NULL_SHA1_32"},
    {0x0009, "DOUBLE_AEAD_AES_128_GCM"},
    {0x000a, "DOUBLE_AEAD_AES_256_GCM"},
    {0x000b, "ARIA_128_CTR_HMAC_SHA1_80"},
    {0x000c, "ARIA_128_CTR_HMAC_SHA1_32"},
    {0x000d, "ARIA_256_CTR_HMAC_SHA1_80"},
    {0x000e, "ARIA_256_CTR_HMAC_SHA1_32"},
    {0x000f, "AEAD_ARIA_128_GCM"},
    {0x0010, "AEAD_ARIA_256_GCM"},
};

static char *look_up(const Name *names, size_t n, guint16 id)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].id == id)
            return g_strdup(names[i].name);
    }
    return g_strdup_printf("0x%04x", id);
}

char *probe_group_name(guint16 id) { return look_up(groups, G_N_ELEMENTS(groups), id); }

char *probe_version_name(guint16 id) { return look_up(versions, G_N_ELEMENTS(versions), id); }

char *probe_srtp_name(guint16 id)
{
    if (id == SLUICE_SRTP_AES128_CM_SHA1_80 || id == SLUICE_SRTP_AES128_CM_SHA1_32 ||
        id == SLUICE_SRTP_AEAD_AES_128_GCM || id == SLUICE_SRTP_AEAD_AES_256_GCM)
        return g_strdup(sluice_srtp_profile_name((SluiceSrtpProfile)id));
    return look_up(srtp_profiles, G_N_ELEMENTS(srtp_profiles), id);
}

char *probe_cipher_name(guint16 id)
{
    const unsigned char wire[2] = {(unsigned char)(id >> 8), (unsigned char)(id & 0xff)};
    SSL_CTX *context = SSL_CTX_new(DTLS_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    const SSL_CIPHER *cipher = ssl != NULL ? SSL_CIPHER_find(ssl, wire) : NULL;
    const char *name = cipher != NULL ? SSL_CIPHER_standard_name(cipher) : NULL;
    char *result = name != NULL ? g_strdup(name) : look_up(NULL, 0, id);

    SSL_free(ssl);
    SSL_CTX_free(context);
    return result;
}
