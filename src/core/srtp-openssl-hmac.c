/* SPDX-License-Identifier: BSD-3-Clause */

/* HMAC-SHA1 (RFC 2104) as libsrtp's authentication interface wants it. What the key gives, the state after one block
 * inside and one outside, is computed once and copied for each packet.
 *
 * OpenSSL 3.0 marks its plain SHA-1 calls as deprecated, but has nothing that does the same work: EVP_MAC and
 * EVP_MD_CTX_copy_ex() allocate for each packet and cost a quarter of the time of a small one. This file alone uses them,
 * where SL_PLAIN_SHA1 says so (--disable-deprecated-openssl); EVP_MD is the second choice. */

#ifdef SL_PLAIN_SHA1
#undef OPENSSL_NO_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif

#include "srtp-openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <stdlib.h>
#include <string.h>

#define BLOCK 64
#define DIGEST SHA_DIGEST_LENGTH

static EVP_MD *
    fetched; /* for good. Whether SHA-1 may be used at all is the provider's to say, plain calls or not */

/* -- SHA-1 after its first block ---------------------------------------------------------------------------- */

#ifdef SL_PLAIN_SHA1

typedef struct {
    SHA_LONG h0, h1, h2, h3, h4;
} Saved;
typedef SHA_CTX Hash;

static int hash_new(Hash *hash)
{
    (void)hash;
    return 1;
}

static void hash_free(Hash *hash) { (void)hash; /* wiped with the rest */ }

static int saved_new(Saved *saved)
{
    (void)saved;
    return 1;
}

static void saved_free(Saved *saved) { (void)saved; }

static int save(Saved *saved, const uint8_t block[BLOCK])
{
    SHA_CTX hash;
    int done = SHA1_Init(&hash) == 1 && SHA1_Update(&hash, block, BLOCK) == 1;

    if (done)
        *saved = (Saved){hash.h0, hash.h1, hash.h2, hash.h3, hash.h4};
    OPENSSL_cleanse(&hash, sizeof hash);
    return done;
}

static inline int restore(Hash *hash, const Saved *saved)
{
    hash->h0 = saved->h0;
    hash->h1 = saved->h1;
    hash->h2 = saved->h2;
    hash->h3 = saved->h3;
    hash->h4 = saved->h4;
    hash->Nl = 8 * BLOCK;
    hash->Nh = 0;
    hash->num = 0;
    return 1;
}

static inline int update(Hash *hash, const uint8_t *data, size_t len)
{
    return SHA1_Update(hash, data, len) == 1;
}

static inline int final(Hash *hash, uint8_t digest[DIGEST])
{
    return SHA1_Final(digest, hash) == 1;
}

#else

typedef EVP_MD_CTX *Saved;
typedef EVP_MD_CTX *Hash;

static int hash_new(Hash *hash) { return (*hash = EVP_MD_CTX_new()) != NULL; }

static void hash_free(Hash *hash) { EVP_MD_CTX_free(*hash); }

static int saved_new(Saved *saved) { return hash_new(saved); }

static void saved_free(Saved *saved) { hash_free(saved); }

static int save(Saved *saved, const uint8_t block[BLOCK])
{
    return EVP_DigestInit_ex2(*saved, fetched, NULL) == 1 &&
           EVP_DigestUpdate(*saved, block, BLOCK) == 1;
}

static inline int restore(Hash *hash, const Saved *saved)
{
    return EVP_MD_CTX_copy_ex(*hash, *saved) == 1;
}

static inline int update(Hash *hash, const uint8_t *data, size_t len)
{
    return EVP_DigestUpdate(*hash, data, len) == 1;
}

static inline int final(Hash *hash, uint8_t digest[DIGEST])
{
    return EVP_DigestFinal_ex(*hash, digest, NULL) == 1;
}

#endif

/* -- HMAC --------------------------------------------------------------------------------------------------- */

typedef struct {
    srtp_auth_t theirs; /* what libsrtp sees; first: the two are one allocation */
    Saved inner, outer;
    Hash hash;
} Hmac;

static srtp_auth_type_t type;

static srtp_err_status_t dealloc(srtp_auth_pointer_t theirs)
{
    Hmac *self = theirs->state;

    saved_free(&self->inner);
    saved_free(&self->outer);
    hash_free(&self->hash);
    OPENSSL_cleanse(self, sizeof *self);
    free(self);
    return srtp_err_status_ok;
}

static srtp_err_status_t alloc(srtp_auth_pointer_t *out, int key_len, int tag_len)
{
    Hmac *self;

    *out = NULL;
    if (key_len < 0 || key_len > BLOCK || tag_len < 0 || tag_len > DIGEST)
        return srtp_err_status_bad_param;
    self = calloc(1, sizeof *self);
    if (!self)
        return srtp_err_status_alloc_fail;
    self->theirs.type = &type;
    self->theirs.state = self;
    self->theirs.key_len = key_len;
    self->theirs.out_len = tag_len;
    self->theirs.prefix_len = 0;
    if (!saved_new(&self->inner) || !saved_new(&self->outer) || !hash_new(&self->hash)) {
        (void)dealloc(&self->theirs);
        return srtp_err_status_alloc_fail;
    }
    *out = &self->theirs;
    sl_srtp_openssl_note_mac(self);
    return srtp_err_status_ok;
}

static srtp_err_status_t start(void *state)
{
    Hmac *self = state;

    return restore(&self->hash, &self->inner) ? srtp_err_status_ok : srtp_err_status_auth_fail;
}

static srtp_err_status_t init(void *state, const uint8_t *key, int key_len)
{
    Hmac *self = state;
    uint8_t block[BLOCK];
    int done;

    if (key_len < 0 || key_len > BLOCK)
        return srtp_err_status_bad_param;
    ERR_set_mark();
    memset(block, 0x36, sizeof block);
    for (int i = 0; i < key_len; i++)
        block[i] ^= key[i];
    done = save(&self->inner, block);
    for (int i = 0; i < BLOCK; i++)
        block[i] ^= 0x36 ^ 0x5c;
    done = done && save(&self->outer, block) && restore(&self->hash, &self->inner);
    ERR_pop_to_mark();
    OPENSSL_cleanse(block, sizeof block);
    return done ? srtp_err_status_ok : srtp_err_status_init_fail;
}

static srtp_err_status_t add(void *state, const uint8_t *data, int len)
{
    Hmac *self = state;

    if (len < 0)
        return srtp_err_status_bad_param;
    return update(&self->hash, data, (size_t)len) ? srtp_err_status_ok : srtp_err_status_auth_fail;
}

/* @data is what comes last, four bytes of ROC for SRTP (RFC 3711 section 4.2). */
static srtp_err_status_t compute(void *state, const uint8_t *data, int len, int tag_len,
                                 uint8_t *tag)
{
    Hmac *self = state;
    uint8_t digest[DIGEST];

    if (len < 0 || tag_len < 0 || tag_len > DIGEST)
        return srtp_err_status_bad_param;
    if (!update(&self->hash, data, (size_t)len) || !final(&self->hash, digest) ||
        !restore(&self->hash, &self->outer) || !update(&self->hash, digest, DIGEST) ||
        !final(&self->hash, digest))
        return srtp_err_status_auth_fail;
    memcpy(tag, digest, (size_t)tag_len);
    return srtp_err_status_ok;
}

/* libsrtp keeps a pointer to it; the vectors come when it is put in. */
static srtp_auth_type_t type = {
    alloc, dealloc,       init, compute, add, start, "HMAC-SHA1 of OpenSSL, by libsluice",
    NULL,  SRTP_HMAC_SHA1};

const srtp_auth_type_t *sl_srtp_hmac_type(const srtp_auth_test_case_t *vectors)
{
    if (!fetched) {
        ERR_set_mark();
        fetched = EVP_MD_fetch(NULL, "SHA1", NULL);
        ERR_pop_to_mark();
    }
    if (!fetched)
        return NULL;
    type.test_data = vectors;
    return &type;
}
