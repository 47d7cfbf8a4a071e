/* SPDX-License-Identifier: BSD-3-Clause */
#include "fingerprint.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <string.h>

static const struct {
    SluiceHash hash;
    size_t len;
    const char *name;
} hashes[] = {
    {SLUICE_HASH_SHA1, 20, "sha-1"},
    {SLUICE_HASH_SHA256, 32, "sha-256"},
    {SLUICE_HASH_SHA384, 48, "sha-384"},
    {SLUICE_HASH_SHA512, 64, "sha-512"},
};
#define N_HASHES (sizeof hashes / sizeof hashes[0])

/* Index into hashes, or N_HASHES. */
static size_t find_hash(SluiceHash hash)
{
    size_t i = 0;
    while (i < N_HASHES && hashes[i].hash != hash)
        i++;
    return i;
}

/* Text as a pointer and a length: nothing here needs or trusts a terminating zero. ctype.h is not
 * used, because what it says depends on the locale. */
typedef struct {
    const char *p;
    size_t len;
} Text;

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static int hex_value(char c)
{
    c = lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* The characters of "token" (RFC 8866 section 9). */
static int is_token(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]", c) == NULL;
}

static int starts_with(Text text, const char *word)
{
    size_t n = strlen(word);
    if (text.len < n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (lower(text.p[i]) != word[i])
            return 0;
    return 1;
}

static void skip(Text *text, size_t n)
{
    text->p += n;
    text->len -= n;
}

static void skip_space(Text *text)
{
    while (text->len > 0 && is_space(text->p[0]))
        skip(text, 1);
}

static void trim(Text *text)
{
    skip_space(text);
    while (text->len > 0 && is_space(text->p[text->len - 1]))
        text->len--;
}

/* Reads "12:AB:..." whole. Returns how many bytes it says, of which the first @cap are written; 0
 * if it is something else. */
static size_t parse_bytes(Text text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    for (;;) {
        if (text.len < 2)
            return 0;
        int high = hex_value(text.p[0]), low = hex_value(text.p[1]);
        if (high < 0 || low < 0)
            return 0;
        if (n < cap)
            out[n] = (uint8_t)(high << 4 | low);
        n++;
        skip(&text, 2);
        if (text.len == 0)
            return n;
        if (text.p[0] != ':')
            return 0;
        skip(&text, 1);
    }
}

SluiceStatus sluice_fingerprint_parse(const char *text, size_t len, SluiceFingerprint *out)
{
    if (!text || !out)
        return SLUICE_INVALID_ARGUMENT;

    Text rest = {text, len};
    trim(&rest);
    if (starts_with(rest, "a="))
        skip(&rest, 2);
    if (starts_with(rest, "fingerprint:"))
        skip(&rest, strlen("fingerprint:"));
    skip_space(&rest);

    Text name = {rest.p, 0};
    while (name.len < rest.len && is_token(rest.p[name.len]))
        name.len++;
    skip(&rest, name.len);
    if (name.len == 0 || rest.len == 0 || !is_space(rest.p[0]))
        return SLUICE_INVALID_ARGUMENT;
    skip_space(&rest);

    SluiceFingerprint parsed = {0};
    parsed.len = parse_bytes(rest, parsed.bytes, sizeof parsed.bytes);
    if (parsed.len == 0)
        return SLUICE_INVALID_ARGUMENT;

    size_t i = 0;
    while (i < N_HASHES &&
           !(strlen(hashes[i].name) == name.len && starts_with(name, hashes[i].name)))
        i++;
    if (i == N_HASHES)
        return SLUICE_UNSUPPORTED;
    if (parsed.len != hashes[i].len)
        return SLUICE_INVALID_ARGUMENT;
    parsed.hash = hashes[i].hash;
    *out = parsed;
    return SLUICE_OK;
}

SluiceStatus sluice_fingerprint_format(const SluiceFingerprint *fingerprint, char *text, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";

    if (!fingerprint || !text || !sl_fingerprint_valid(fingerprint))
        return SLUICE_INVALID_ARGUMENT;
    const char *name = hashes[find_hash(fingerprint->hash)].name;
    size_t n = strlen(name);
    /* The name and a space; two digits and a colon a byte, where the last colon is the terminating
     * zero. */
    if (cap < n + 1 + 3 * fingerprint->len)
        return SLUICE_NO_ROOM;

    memcpy(text, name, n);
    text[n++] = ' ';
    for (size_t i = 0; i < fingerprint->len; i++) {
        text[n++] = digits[fingerprint->bytes[i] >> 4];
        text[n++] = digits[fingerprint->bytes[i] & 15];
        text[n++] = ':';
    }
    text[n - 1] = '\0';
    return SLUICE_OK;
}

static const EVP_MD *digest_of(SluiceHash hash)
{
    switch (hash) {
    case SLUICE_HASH_SHA1:
        return EVP_sha1();
    case SLUICE_HASH_SHA256:
        return EVP_sha256();
    case SLUICE_HASH_SHA384:
        return EVP_sha384();
    case SLUICE_HASH_SHA512:
        return EVP_sha512();
    }
    return NULL;
}

SluiceStatus sluice_fingerprint_of_der(SluiceHash hash, const uint8_t *der, size_t len,
                                       SluiceFingerprint *out)
{
    size_t i = find_hash(hash);
    if (i == N_HASHES || !der || len == 0 || !out)
        return SLUICE_INVALID_ARGUMENT;

    SluiceFingerprint made = {.hash = hash, .len = hashes[i].len};
    ERR_set_mark();
    int ok = EVP_Digest(der, len, made.bytes, NULL, digest_of(hash), NULL);
    int no_memory = !ok && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    ERR_pop_to_mark();
    if (!ok)
        return no_memory ? SLUICE_NO_MEMORY : SLUICE_INTERNAL;
    *out = made;
    return SLUICE_OK;
}

int sl_fingerprint_valid(const SluiceFingerprint *fingerprint)
{
    size_t i = find_hash(fingerprint->hash);
    return i < N_HASHES && fingerprint->len == hashes[i].len;
}

static int counts(const SluiceFingerprint *fingerprint, int allow_sha1)
{
    return sl_fingerprint_valid(fingerprint) &&
           (allow_sha1 || fingerprint->hash != SLUICE_HASH_SHA1);
}

size_t sl_fingerprints_strongest(SluiceFingerprint *list, size_t n, int allow_sha1)
{
    int strongest = 0;
    for (size_t i = 0; i < n; i++)
        if (counts(&list[i], allow_sha1) && (int)list[i].hash > strongest)
            strongest = (int)list[i].hash;

    size_t front = 0;
    for (size_t i = 0; strongest != 0 && i < n; i++) {
        if ((int)list[i].hash != strongest || !counts(&list[i], allow_sha1))
            continue;
        SluiceFingerprint moved = list[i];
        list[i] = list[front];
        list[front++] = moved;
    }
    return front;
}

/* Every byte is looked at, whatever the first ones say. */
static int same(const SluiceFingerprint *a, const SluiceFingerprint *b)
{
    return a->hash == b->hash && a->len == b->len && sl_fingerprint_valid(a) &&
           CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

int sl_fingerprints_match(const SluiceFingerprint *list, size_t n, const uint8_t *der, size_t len)
{
    SluiceFingerprint actual;
    int found = 0;

    SluiceStatus status = n == 0 ? SLUICE_INVALID_ARGUMENT
                                 : sluice_fingerprint_of_der(list[0].hash, der, len, &actual);

    if (status != SLUICE_OK) /* a hash that could not be made says nothing about the peer */
        return status == SLUICE_INVALID_ARGUMENT ? 0 : -1;
    for (size_t i = 0; i < n; i++)
        found |= same(&list[i], &actual);
    return found;
}

static int contains_all(const SluiceFingerprint *a, size_t n_a, const SluiceFingerprint *b,
                        size_t n_b)
{
    for (size_t i = 0; i < n_b; i++) {
        int found = 0;
        for (size_t j = 0; j < n_a; j++)
            found |= same(&a[j], &b[i]);
        if (!found)
            return 0;
    }
    return 1;
}

int sl_fingerprints_equal(const SluiceFingerprint *a, size_t n_a, const SluiceFingerprint *b,
                          size_t n_b)
{
    return contains_all(a, n_a, b, n_b) && contains_all(b, n_b, a, n_a);
}
