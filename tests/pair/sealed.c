/* SPDX-License-Identifier: BSD-3-Clause */
#include "sealed.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>

typedef struct {
    uint8_t secret[48], random[32]; /* master secret, client random: from the key log */
    uint8_t server_random[32];      /* from the ServerHello */
    int has_server_random;
} Wire;

static Wire wire;

void sealed_reset(void) { memset(&wire, 0, sizeof wire); }

int sealed_is_ready(void) { return wire.has_server_random; }

static void hex(const char *text, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;

        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
}

void sealed_keylog(const char *line, void *user_data)
{
    (void)user_data;
    assert_int_equal(strncmp(line, "CLIENT_RANDOM ", 14), 0);
    hex(line + 14, wire.random, 32);
    hex(line + 14 + 64 + 1, wire.secret, 48);
}

int sealed_watch(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    (void)context;
    (void)number;
    (void)now;
    if (len > 59 && data[0] == 22 && data[13] == 2) {
        memcpy(wire.server_random, data + 13 + 12 + 2, 32);
        wire.has_server_random = 1;
    }
    return 1;
}

/* The key block of RFC 5246 section 6.3 for AES-256-GCM with SHA-384: two keys of 32 bytes, two salts of 4. */
static void key_block(uint8_t block[72])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    uint8_t seed[13 + 64];
    char digest[] = "SHA384";
    OSSL_PARAM params[4];

    memcpy(seed, "key expansion", 13);
    memcpy(seed + 13, wire.server_random, 32);
    memcpy(seed + 45, wire.random, 32);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, wire.secret, 48);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed);
    params[3] = OSSL_PARAM_construct_end();
    assert_int_equal(EVP_KDF_derive(ctx, block, 72, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* RFC 5288. */
size_t sealed_record(int from, uint8_t *out, uint8_t type, uint16_t number, const uint8_t *body,
                     size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t block[72], nonce[12], aad[13];
    int n;

    key_block(block);
    memset(out, 0, 21);
    out[0] = type;
    out[1] = 0xfe;
    out[2] = 0xfd;
    out[4] = 1;
    out[9] = (uint8_t)(number >> 8);
    out[10] = (uint8_t)number;
    out[12] = (uint8_t)(8 + len + 16);
    memcpy(out + 13, out + 3, 8); /* the explicit nonce: epoch and number */
    memcpy(nonce, block + (from == SERVER ? 68 : 64), 4);
    memcpy(nonce + 4, out + 13, 8);
    memcpy(aad, out + 3, 8);
    aad[8] = type;
    aad[9] = 0xfe;
    aad[10] = 0xfd;
    aad[11] = 0;
    aad[12] = (uint8_t)len;
    assert_int_equal(
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, block + (from == SERVER ? 32 : 0), nonce),
        1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, aad, 13), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out + 21, &n, body, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + 21 + len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 21 + len), 1);
    EVP_CIPHER_CTX_free(ctx);
    return 21 + len + 16;
}
