/* SPDX-License-Identifier: BSD-3-Clause */

/* The plain SHA-1 calls are what makes saved states cheap; see src/core/srtp-openssl-hmac.c. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "evp-limit.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

#define HMAC_KEY 20
#define BLOCK 64

struct Limit {
    EVP_CIPHER_CTX *ctx;
    SHA_CTX inner, outer; /* of HMAC-SHA1, after the key */
    uint8_t salt[16];     /* of the session, the SSRC in its place */
    int aead;
    size_t tag_len;
};

/* RFC 3711 section 4.3.1 and 4.3.3, key derivation rate 0; RFC 7714 section 11 pads its salt with zeros. */
static void derive(const uint8_t *key, const uint8_t *salt, size_t salt_len, uint8_t label,
                   uint8_t *out, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t iv[16] = {0};
    int n;

    memcpy(iv, salt, salt_len);
    iv[7] ^= label;
    memset(out, 0, len);
    if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) != 1 ||
        EVP_EncryptUpdate(ctx, out, &n, out, (int)len) != 1)
        die("cannot derive a key");
    EVP_CIPHER_CTX_free(ctx);
}

static void start_hash(SHA_CTX *hash, const uint8_t *key, uint8_t pad)
{
    uint8_t block[BLOCK];

    memset(block, pad, sizeof block);
    for (int i = 0; i < HMAC_KEY; i++)
        block[i] ^= key[i];
    SHA1_Init(hash);
    SHA1_Update(hash, block, sizeof block);
}

Limit *limit_new(const Profile *profile, const uint8_t *key, const uint8_t *salt, uint32_t ssrc)
{
    Limit *self = calloc(1, sizeof *self);
    uint8_t cipher_key[16], hmac_key[HMAC_KEY];

    if (!self || !(self->ctx = EVP_CIPHER_CTX_new()))
        die("calloc");
    self->aead = profile->ours == SLUICE_SRTP_AEAD_AES_128_GCM;
    self->tag_len = profile->tag_len;
    derive(key, salt, profile->salt_len, 0, cipher_key, sizeof cipher_key);
    derive(key, salt, profile->salt_len, 1, hmac_key, sizeof hmac_key);
    derive(key, salt, profile->salt_len, 2, self->salt, profile->salt_len);
    /* Section 4.1.1: the SSRC at byte 4; RFC 7714 section 8.1: at byte 2. */
    for (int i = 0; i < 4; i++)
        self->salt[(self->aead ? 2 : 4) + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
    start_hash(&self->inner, hmac_key, 0x36);
    start_hash(&self->outer, hmac_key, 0x5c);
    if (EVP_DecryptInit_ex(self->ctx, self->aead ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL,
                           cipher_key, NULL) != 1)
        die("cannot set a key");
    return self;
}

void limit_free(Limit *self)
{
    EVP_CIPHER_CTX_free(self->ctx);
    free(self);
}

static void put_index(uint8_t *at, uint64_t index)
{
    for (int i = 0; i < 6; i++)
        at[i] ^= (uint8_t)(index >> (40 - 8 * i));
}

static size_t open_cm(Limit *self, uint8_t *packet, size_t len, uint64_t index)
{
    uint8_t iv[16], digest[SHA_DIGEST_LENGTH];
    uint32_t roc = (uint32_t)(index >> 16);
    const uint8_t rollovers[4] = {(uint8_t)(roc >> 24), (uint8_t)(roc >> 16), (uint8_t)(roc >> 8),
                                  (uint8_t)roc};
    SHA_CTX hash = self->inner;
    int n;

    len -= self->tag_len;
    SHA1_Update(&hash, packet, len);
    SHA1_Update(&hash, rollovers, sizeof rollovers);
    SHA1_Final(digest, &hash);
    hash = self->outer;
    SHA1_Update(&hash, digest, sizeof digest);
    SHA1_Final(digest, &hash);
    if (CRYPTO_memcmp(digest, packet + len, self->tag_len) != 0)
        return 0;
    memcpy(iv, self->salt, sizeof iv);
    put_index(iv + 8, index);
    n = (int)len - RTP_HEADER;
    if (EVP_CipherInit_ex2(self->ctx, NULL, NULL, iv, 0, NULL) != 1 ||
        EVP_Cipher(self->ctx, packet + RTP_HEADER, packet + RTP_HEADER, (unsigned)n) != n)
        return 0;
    return len;
}

static size_t open_gcm(Limit *self, uint8_t *packet, size_t len, uint64_t index)
{
    uint8_t iv[12];
    size_t plain = len - self->tag_len;
    OSSL_PARAM params[2] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, packet + plain, self->tag_len),
        OSSL_PARAM_END};
    int n = (int)plain - RTP_HEADER;

    memcpy(iv, self->salt, sizeof iv);
    put_index(iv + 6, index);
    if (EVP_CipherInit_ex2(self->ctx, NULL, NULL, iv, 0, NULL) != 1 ||
        EVP_CIPHER_CTX_set_params(self->ctx, params) != 1 ||
        EVP_Cipher(self->ctx, NULL, packet, RTP_HEADER) != RTP_HEADER ||
        EVP_Cipher(self->ctx, packet + RTP_HEADER, packet + RTP_HEADER, (unsigned)n) != n ||
        EVP_Cipher(self->ctx, NULL, NULL, 0) < 0)
        return 0;
    return plain;
}

size_t limit_open(Limit *self, uint8_t *packet, size_t len, uint64_t index)
{
    return self->aead ? open_gcm(self, packet, len, index) : open_cm(self, packet, len, index);
}
