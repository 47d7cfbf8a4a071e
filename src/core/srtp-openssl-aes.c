/* SPDX-License-Identifier: BSD-3-Clause */

/* AES-CM (RFC 3711 section 4.1.1, RFC 6188) and AES-GCM (RFC 7714) as libsrtp's cipher interface wants them.
 *
 * One EVP_CIPHER_CTX lives as long as its libsrtp cipher; a packet costs a new IV, never a new key schedule. EVP_Cipher()
 * calls the provider's cipher at once: EVP_CipherUpdate() looks after partial blocks and overlap first, which neither
 * a stream cipher nor work in place needs. A wrong tag makes it return -1 and leaves the error queue alone. */

#include "srtp-openssl.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define SALT 14 /* of AES-CM */

typedef struct {
    srtp_cipher_t theirs; /* what libsrtp sees; first: the two are one allocation */
    EVP_CIPHER_CTX *ctx;
    srtp_cipher_direction_t direction;
    unsigned tag_len;   /* GCM */
    int base_key_len;   /* without the salt */
    uint8_t offset[16]; /* CM: the salt, and two zeros where the block counter is */
} Cipher;

static EVP_CIPHER *
    fetched[SL_SRTP_CIPHERS]; /* for good: a fetch for each session would cost more than its keys */

static srtp_err_status_t make(SlSrtpAlgorithm which, int key_len, int tag_len, srtp_cipher_t **out);

static srtp_err_status_t icm_alloc(srtp_cipher_pointer_t *out, int key_len, int tag_len)
{
    (void)tag_len;
    /* The length alone decides, as it does in libsrtp's own. */
    if (key_len == SRTP_AES_ICM_128_KEY_LEN_WSALT)
        return make(SL_SRTP_ICM_128, key_len, 0, out);
    if (key_len == SRTP_AES_ICM_256_KEY_LEN_WSALT)
        return make(SL_SRTP_ICM_256, key_len, 0, out);
    return srtp_err_status_bad_param;
}

static srtp_err_status_t gcm_alloc(srtp_cipher_pointer_t *out, int key_len, int tag_len)
{
    if (tag_len != 16 && tag_len != 8)
        return srtp_err_status_bad_param;
    if (key_len == SRTP_AES_GCM_128_KEY_LEN_WSALT)
        return make(SL_SRTP_GCM_128, key_len, tag_len, out);
    if (key_len == SRTP_AES_GCM_256_KEY_LEN_WSALT)
        return make(SL_SRTP_GCM_256, key_len, tag_len, out);
    return srtp_err_status_bad_param;
}

static srtp_err_status_t dealloc(srtp_cipher_pointer_t theirs)
{
    Cipher *self = theirs->state;

    EVP_CIPHER_CTX_free(self->ctx); /* clears the key */
    OPENSSL_cleanse(self, sizeof *self);
    free(self);
    return srtp_err_status_ok;
}

/* A key schedule allocates nothing: what memory it needs came with the context. */
static srtp_err_status_t set_key(void *state, const uint8_t *key)
{
    Cipher *self = state;
    int done;

    self->direction = srtp_direction_any;
    ERR_set_mark();
    done = EVP_CipherInit_ex2(self->ctx, NULL, key, NULL, 1, NULL);
    ERR_pop_to_mark();
    return done == 1 ? srtp_err_status_ok : srtp_err_status_init_fail;
}

/* -- AES-CM ------------------------------------------------------------------------------------------------- */

static srtp_err_status_t icm_init(void *state, const uint8_t *key)
{
    Cipher *self = state;

    memcpy(self->offset, key + self->base_key_len, SALT);
    return set_key(self, key);
}

static srtp_err_status_t icm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction)
{
    Cipher *self = state;
    uint64_t counter[2], offset[2];

    (void)direction; /* the same key stream both ways */
    memcpy(counter, iv, sizeof counter);
    memcpy(offset, self->offset, sizeof offset);
    counter[0] ^= offset[0];
    counter[1] ^= offset[1];
    return EVP_CipherInit_ex2(self->ctx, NULL, NULL, (const uint8_t *)counter, 1, NULL) == 1
               ? srtp_err_status_ok
               : srtp_err_status_cipher_fail;
}

static srtp_err_status_t icm_crypt(void *state, uint8_t *data, unsigned *len)
{
    Cipher *self = state;

    if (*len > INT_MAX)
        return srtp_err_status_bad_param;
    return EVP_Cipher(self->ctx, data, data, *len) == (int)*len ? srtp_err_status_ok
                                                                : srtp_err_status_cipher_fail;
}

/* -- AES-GCM ------------------------------------------------------------------------------------------------ */

/* The salt of RFC 7714 section 8.1 is libsrtp's business: it is in the IV already. */
static srtp_err_status_t gcm_init(void *state, const uint8_t *key) { return set_key(state, key); }

static srtp_err_status_t gcm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction)
{
    Cipher *self = state;

    if (direction != srtp_direction_encrypt && direction != srtp_direction_decrypt)
        return srtp_err_status_bad_param;
    self->direction = direction;
    return EVP_CipherInit_ex2(self->ctx, NULL, NULL, iv, direction == srtp_direction_encrypt,
                              NULL) == 1
               ? srtp_err_status_ok
               : srtp_err_status_cipher_fail;
}

/* More than once for SRTCP: the header, then the index (RFC 7714 section 9.2). */
static srtp_err_status_t gcm_set_aad(void *state, const uint8_t *aad, uint32_t len)
{
    Cipher *self = state;

    if (len == 0)
        return srtp_err_status_ok;
    if (len > INT_MAX || self->direction == srtp_direction_any)
        return srtp_err_status_bad_param;
    return EVP_Cipher(self->ctx, NULL, aad, len) == (int)len ? srtp_err_status_ok
                                                             : srtp_err_status_algo_fail;
}

/* A packet that is only authenticated comes as (NULL, 0); to EVP_Cipher() that would be the end. */
static srtp_err_status_t gcm_encrypt(void *state, uint8_t *data, unsigned *len)
{
    Cipher *self = state;

    if (*len == 0)
        return srtp_err_status_ok;
    if (*len > INT_MAX || self->direction != srtp_direction_encrypt)
        return srtp_err_status_bad_param;
    return EVP_Cipher(self->ctx, data, data, *len) == (int)*len ? srtp_err_status_ok
                                                                : srtp_err_status_cipher_fail;
}

static srtp_err_status_t gcm_get_tag(void *state, uint8_t *tag, uint32_t *len)
{
    Cipher *self = state;
    OSSL_PARAM params[2] = {OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, self->tag_len),
                            OSSL_PARAM_END};

    if (self->direction != srtp_direction_encrypt || EVP_Cipher(self->ctx, NULL, NULL, 0) < 0 ||
        EVP_CIPHER_CTX_get_params(self->ctx, params) != 1)
        return srtp_err_status_algo_fail;
    *len = self->tag_len;
    return srtp_err_status_ok;
}

/* The tag is the end of @data. */
static srtp_err_status_t gcm_decrypt(void *state, uint8_t *data, unsigned *len)
{
    Cipher *self = state;
    OSSL_PARAM params[2] = {
        OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, self->tag_len), OSSL_PARAM_END};
    unsigned plain;

    if (self->direction != srtp_direction_decrypt || *len < self->tag_len || *len > INT_MAX)
        return srtp_err_status_bad_param;
    plain = *len - self->tag_len;
    params[0].data = data + plain;
    if (EVP_CIPHER_CTX_set_params(self->ctx, params) != 1 ||
        (plain && EVP_Cipher(self->ctx, data, data, plain) != (int)plain) ||
        EVP_Cipher(self->ctx, NULL, NULL, 0) < 0)
        return srtp_err_status_auth_fail;
    *len = plain;
    return srtp_err_status_ok;
}

/* -- types -------------------------------------------------------------------------------------------------- */

static const char *const names[SL_SRTP_CIPHERS] = {"AES-128-CTR", "AES-256-CTR", "AES-128-GCM",
                                                   "AES-256-GCM"};

/* libsrtp keeps pointers to these; the vectors come when they are put in. */
static srtp_cipher_type_t types[SL_SRTP_CIPHERS] = {
    {icm_alloc, dealloc, icm_init, NULL, icm_crypt, icm_crypt, icm_set_iv, NULL,
     "AES-128 counter mode of OpenSSL, by libsluice", NULL, SRTP_AES_ICM_128},
    {icm_alloc, dealloc, icm_init, NULL, icm_crypt, icm_crypt, icm_set_iv, NULL,
     "AES-256 counter mode of OpenSSL, by libsluice", NULL, SRTP_AES_ICM_256},
    {gcm_alloc, dealloc, gcm_init, gcm_set_aad, gcm_encrypt, gcm_decrypt, gcm_set_iv, gcm_get_tag,
     "AES-128 GCM of OpenSSL, by libsluice", NULL, SRTP_AES_GCM_128},
    {gcm_alloc, dealloc, gcm_init, gcm_set_aad, gcm_encrypt, gcm_decrypt, gcm_set_iv, gcm_get_tag,
     "AES-256 GCM of OpenSSL, by libsluice", NULL, SRTP_AES_GCM_256},
};

static srtp_err_status_t make(SlSrtpAlgorithm which, int key_len, int tag_len, srtp_cipher_t **out)
{
    Cipher *self;

    *out = NULL;
    if (!fetched[which]) /* asked for under the name of another */
        return srtp_err_status_bad_param;
    self = calloc(1, sizeof *self);
    if (!self)
        return srtp_err_status_alloc_fail;
    ERR_set_mark();
    self->ctx = EVP_CIPHER_CTX_new();
    if (!self->ctx || EVP_CipherInit_ex2(self->ctx, fetched[which], NULL, NULL, 1, NULL) != 1) {
        ERR_pop_to_mark();
        EVP_CIPHER_CTX_free(self->ctx);
        free(self);
        return srtp_err_status_alloc_fail;
    }
    ERR_pop_to_mark();
    self->theirs.type = &types[which];
    self->theirs.state = self;
    self->theirs.key_len = key_len;
    self->theirs.algorithm = (int)types[which].id; /* libsrtp knows an AEAD by it */
    self->tag_len = (unsigned)tag_len;
    self->base_key_len = EVP_CIPHER_CTX_get_key_length(self->ctx);
    self->direction = srtp_direction_any;
    *out = &self->theirs;
    sl_srtp_openssl_note_cipher(self, self->ctx);
    return srtp_err_status_ok;
}

const srtp_cipher_type_t *sl_srtp_cipher_type(SlSrtpAlgorithm which,
                                              const srtp_cipher_test_case_t *vectors)
{
    if (!fetched[which]) {
        ERR_set_mark();
        fetched[which] = EVP_CIPHER_fetch(NULL, names[which], NULL);
        ERR_pop_to_mark();
    }
    if (!fetched[which])
        return NULL;
    types[which].test_data = vectors;
    return &types[which];
}
