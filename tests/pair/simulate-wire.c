/* SPDX-License-Identifier: BSD-3-Clause */

/* What a peer may say under the keys of an association and no end of this library ever does: alerts of any number, a
 * request for renegotiation, a ClientHello, what makes no sense. Both ends log their keys; the rest is read off the
 * wire. */

#include "simulate-world.h"

#include "forged.h"
#include "vclock.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <string.h>

#define SEALED_MAX 256

/* -- watching ------------------------------------------------------------------------------------------------- */

static unsigned digit(char c) { return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10); }

static void hex(const char *text, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
}

void wire_log_key(const char *line, void *user_data)
{
    const Cast *cast = user_data;
    Wire *wire = cast->wire;
    uint8_t random[32];

    if (!wire || strlen(line) < 14 + 64 + 1 + 96 || strncmp(line, "CLIENT_RANDOM ", 14) != 0)
        return;
    hex(line + 14, random, sizeof random);
    for (int i = 0; i < ASSOCIATIONS; i++) {
        WireAssociation *at = &wire->associations[i];

        if (memcmp(at->client_random, random, sizeof random) == 0) {
            hex(line + 14 + 64 + 1, at->secret, sizeof at->secret);
            at->has_secret = 1;
        }
    }
}

static void watch_server_hello(World *self, int from, const uint8_t *random)
{
    Wire *wire = &self->wire;
    WireAssociation *last = wire->n ? &wire->associations[(wire->n - 1) % ASSOCIATIONS] : NULL;

    if (!wire->has_hello[!from] || (last && memcmp(last->server_random, random, 32) == 0))
        return;
    last = &wire->associations[wire->n++ % ASSOCIATIONS];
    memset(last, 0, sizeof *last);
    last->server = from;
    memcpy(last->client_random, wire->hello[!from], 32);
    memcpy(last->server_random, random, 32);
}

void wire_watch(World *self, int from, const uint8_t *data, size_t len)
{
    Wire *wire = &self->wire;

    if (len < 14 || data[0] < 20 || data[0] > 63)
        return;
    if (len > 13 + 12 + 2 + 32 && data[0] == 22 && data[13] == 1 && !data[3] && !data[4]) {
        memcpy(wire->hello[from], data + 27, 32);
        wire->has_hello[from] = 1;
    } else if (len > 13 + 12 + 2 + 32 && data[0] == 22 && data[13] == 2 && !data[3] && !data[4]) {
        watch_server_hello(self, from, data + 27);
    } else if (data[4] == 1) {
        for (int i = 0; i < ASSOCIATIONS; i++) {
            uint64_t number = (uint64_t)data[8] << 16 | (uint64_t)data[9] << 8 | data[10];

            if (number >= wire->associations[i].next[from])
                wire->associations[i].next[from] = number + 1;
        }
    }
}

/* -- sealing -------------------------------------------------------------------------------------------------- */

/* RFC 5246 section 6.3 for AES-256-GCM with SHA-384: two keys of 32 bytes, two salts of 4. */
static int key_block(const WireAssociation *from, uint8_t block[72])
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    uint8_t seed[13 + 64], secret[48];
    char digest[] = "SHA384";
    OSSL_PARAM params[4];
    int ok;

    memcpy(secret, from->secret, sizeof secret);
    memcpy(seed, "key expansion", 13);
    memcpy(seed + 13, from->server_random, 32);
    memcpy(seed + 45, from->client_random, 32);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, sizeof secret);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed);
    params[3] = OSSL_PARAM_construct_end();
    ok = ctx && EVP_KDF_derive(ctx, block, 72, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

/* A record of epoch 1 as the peer of @victim would send it (RFC 5288). Returns its length, 0: no memory. */
static size_t seal(WireAssociation *association, int victim, uint8_t *out, uint8_t type,
                   const uint8_t *body, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint64_t number = association->next[!victim]++;
    uint8_t block[72], nonce[12], aad[13];
    int by_server = association->server != victim, n, ok;

    memset(out, 0, 21);
    out[0] = type;
    out[1] = 0xfe;
    out[2] = 0xfd;
    out[4] = 1;
    for (int i = 0; i < 6; i++)
        out[5 + i] = (uint8_t)(number >> (40 - 8 * i));
    out[11] = (uint8_t)((8 + len + 16) >> 8);
    out[12] = (uint8_t)(8 + len + 16);
    memcpy(out + 13, out + 3, 8); /* the explicit nonce: epoch and number */
    ok = key_block(association, block);
    memcpy(nonce, block + 64 + 4 * by_server, 4);
    memcpy(nonce + 4, out + 13, 8);
    memcpy(aad, out + 3, 8);
    aad[8] = type;
    aad[9] = 0xfe;
    aad[10] = 0xfd;
    aad[11] = (uint8_t)(len >> 8);
    aad[12] = (uint8_t)len;
    ok = ok && ctx &&
         EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, block + 32 * by_server, nonce) == 1 &&
         EVP_EncryptUpdate(ctx, NULL, &n, aad, 13) == 1 &&
         EVP_EncryptUpdate(ctx, out + 21, &n, body, (int)len) == 1 &&
         EVP_EncryptFinal_ex(ctx, out + 21 + len, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + 21 + len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(block, sizeof block);
    return ok ? 21 + len + 16 : 0;
}

/* -- speaking ------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *what;
    uint8_t type;
    size_t len;
    uint8_t body[64];
} Saying;

static const Saying sayings[] = {
    {"close_notify", 21, 2, {1, 0}},
    {"a warning: user_canceled", 21, 2, {1, 90}},
    {"a warning: no_renegotiation", 21, 2, {1, 100}},
    {"fatal: internal_error", 21, 2, {2, 80}},
    {"fatal: handshake_failure", 21, 2, {2, 40}},
    {"an alert of level 9", 21, 2, {9, 10}},
    {"an alert of one byte", 21, 1, {2}},
    {"HelloRequest", 22, 12, {0}},
    {"ClientHello", 22, 54, {1, 0, 0, 42, 0, 7, 0, 0, 0, 0, 0, 42, 0xfe, 0xfd}},
    {"Finished once more", 22, 24, {20, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 12}},
    {"message 60", 22, 16, {60, 0, 0, 4, 0, 9, 0, 0, 0, 0, 0, 4}},
    {"half a handshake header", 22, 6, {1, 0, 0, 1}},
    {"ChangeCipherSpec", 20, 1, {1}},
    {"no data", 23, 0, {0}},
    {"a record of type 99", 99, 8, {0}},
};

static WireAssociation *draw_association(World *self)
{
    Wire *wire = &self->wire;
    unsigned known = wire->n < ASSOCIATIONS ? wire->n : ASSOCIATIONS;
    /* The last one, and at times the one before. */
    unsigned back = known > 1 && rng_chance(&self->rng, 0.3);

    return known ? &wire->associations[(wire->n - 1 - back) % ASSOCIATIONS] : NULL;
}

void wire_speaks(World *self, int victim)
{
    const Saying *saying = &sayings[rng_below(&self->rng, sizeof sayings / sizeof *sayings)];
    WireAssociation *association = draw_association(self);
    uint8_t record[SEALED_MAX];
    size_t len;

    if (!association ||
        !association->has_secret) { /* there are no keys: an alert as the peer would send it then */
        len = forge_alert(record, 1 + (uint8_t)rng_below(&self->rng, 2),
                          (uint8_t)rng_below(&self->rng, 120));
        self->faults.touched[victim] = 1;
    } else {
        len = seal(association, victim, record, saying->type, saying->body, saying->len);
        self->wire.tampered = 1;
    }
    trace_add(self->trace, "end %d is told%s: %s", victim,
              association && association->has_secret ? " under the keys" : "",
              association && association->has_secret ? saying->what : "an alert");
    if (len)
        inject_bytes(&self->pair, victim,
                     vclock_now() + (SluiceTime)rng_below(&self->rng, 5 * SLUICE_MILLISECOND),
                     record, len);
}
