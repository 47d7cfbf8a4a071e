/* SPDX-License-Identifier: BSD-3-Clause */
#include "client-hello.h"

#include "record.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string.h>

#define DTLS_1_0 0xfeff
#define DTLS_1_2 0xfefd

#define RANDOM SL_CLIENT_RANDOM
#define SESSION_ID_MAX 32

/* Extension types (IANA registry). */
enum {
    EXT_SUPPORTED_GROUPS = 10,
    EXT_USE_SRTP = 14,
    EXT_EXTENDED_MASTER_SECRET = 23,
    EXT_SUPPORTED_VERSIONS = 43
};

/* A vector with a length of one byte in front, as session_id and cookie are. */
static int read_vector8(const uint8_t **p, size_t *left, size_t max, const uint8_t **out,
                        size_t *out_len)
{
    if (*left < 1 || (*p)[0] > max || (*p)[0] > *left - 1)
        return 0;
    *out_len = (*p)[0];
    *out = *p + 1;
    *p += 1 + *out_len;
    *left -= 1 + *out_len;
    return 1;
}

static int parse_head(const SlFragment *fragment, SlClientHello *out)
{
    const uint8_t *p = fragment->body;
    size_t left = fragment->len;

    if (left < 2 + RANDOM)
        return 0;
    out->version = sl_get16(p);
    out->random = p + 2;
    p += 2 + RANDOM;
    left -= 2 + RANDOM;
    return read_vector8(&p, &left, SESSION_ID_MAX, &out->session_id, &out->session_id_len) &&
           read_vector8(&p, &left, 255, &out->cookie, &out->cookie_len);
}

SlHelloKind sl_client_hello_parse(const uint8_t *datagram, size_t len, SlClientHello *out)
{
    size_t offset = 0;
    SlRecord record;
    if (sl_record_next(datagram, len, &offset, &record) != 1 || record.type != SL_HANDSHAKE ||
        record.epoch != 0 || (record.version != DTLS_1_0 && record.version != DTLS_1_2) ||
        record.len == 0 || record.body[0] != SL_CLIENT_HELLO)
        return SL_HELLO_NONE;

    size_t at = 0;
    SlFragment fragment;
    if (sl_fragment_next(record.body, record.len, &at, &fragment) != 1)
        return SL_HELLO_BAD;
    if (fragment.fragment_offset > 0)
        return SL_HELLO_LATER;

    SlClientHello hello = {0};
    if (!parse_head(&fragment, &hello))
        return SL_HELLO_BAD;
    hello.record_number = record.number;
    hello.message_seq = fragment.message_seq;
    hello.whole = fragment.len == fragment.length;
    *out = hello;
    return SL_HELLO_FIRST;
}

int sl_cookie_make(const uint8_t secret[SL_COOKIE_SECRET], const SlClientHello *hello,
                   uint8_t cookie[SL_COOKIE])
{
    /* The part of variable length is the last: no two ClientHellos make the same input. */
    uint8_t input[2 + RANDOM + SESSION_ID_MAX];
    size_t n = 0;
    unsigned made = 0;

    if (hello->session_id_len > SESSION_ID_MAX)
        return 0;
    sl_put16(input, hello->version);
    n += 2;
    memcpy(input + n, hello->random, RANDOM);
    n += RANDOM;
    if (hello->session_id_len > 0)
        memcpy(input + n, hello->session_id, hello->session_id_len);
    n += hello->session_id_len;

    ERR_set_mark();
    const uint8_t *ok = HMAC(EVP_sha256(), secret, SL_COOKIE_SECRET, input, n, cookie, &made);
    ERR_pop_to_mark();
    return ok != NULL && made == SL_COOKIE;
}

int sl_cookie_check(const uint8_t secret[SL_COOKIE_SECRET], const SlClientHello *hello)
{
    uint8_t expected[SL_COOKIE];
    if (hello->cookie_len != SL_COOKIE || !sl_cookie_make(secret, hello, expected))
        return 0;
    int same = CRYPTO_memcmp(expected, hello->cookie, SL_COOKIE) == 0;
    /* What is on the stack would let a reader of our memory forge it. */
    OPENSSL_cleanse(expected, sizeof expected);
    return same;
}

size_t sl_hello_verify_request(const SlClientHello *hello, const uint8_t cookie[SL_COOKIE],
                               uint8_t out[SL_HELLO_VERIFY_REQUEST_MAX])
{
    const uint16_t body = 2 + 1 + SL_COOKIE;
    uint8_t *p = out;

    p[0] = SL_HANDSHAKE;
    sl_put16(p + 1, DTLS_1_0);
    sl_put16(p + 3, 0);
    sl_put48(p + 5, hello->record_number);
    sl_put16(p + 11, (uint16_t)(SL_HANDSHAKE_HEADER + body));
    p += SL_RECORD_HEADER;

    p[0] = SL_HELLO_VERIFY_REQUEST;
    sl_put24(p + 1, body);
    sl_put16(p + 4, 0);
    sl_put24(p + 6, 0);
    sl_put24(p + 9, body);
    p += SL_HANDSHAKE_HEADER;

    /* DTLS 1.0 here whatever will be negotiated: this version decides nothing (RFC 6347
     * section 4.2.1). */
    sl_put16(p, DTLS_1_0);
    p[2] = SL_COOKIE;
    memcpy(p + 3, cookie, SL_COOKIE);
    p += body;
    return (size_t)(p - out);
}

/* A list of 16-bit numbers; the count that fits in @max is kept. */
static void read_list(const uint8_t *list, size_t len, uint16_t *out, size_t max, size_t *n)
{
    *n = len / 2 < max ? len / 2 : max;
    for (size_t i = 0; i < *n; i++)
        out[i] = sl_get16(list + 2 * i);
}

void sl_offer_ciphers(SluicePeerOffer *offer, const uint8_t *ciphers, size_t len)
{
    if (len % 2 == 0)
        read_list(ciphers, len, offer->ciphers, sizeof offer->ciphers / sizeof offer->ciphers[0],
                  &offer->n_ciphers);
}

void sl_offer_extension(SluicePeerOffer *offer, unsigned type, const uint8_t *body, size_t len)
{
    size_t list;

    switch (type) {
    case EXT_EXTENDED_MASTER_SECRET: /* RFC 7627 section 5.1: empty */
        if (len == 0)
            offer->extended_master_secret = 1;
        break;
    case EXT_SUPPORTED_GROUPS: /* RFC 8422 section 5.1.1 */
        if (len >= 2 && (list = sl_get16(body)) == len - 2 && list % 2 == 0)
            read_list(body + 2, list, offer->groups, sizeof offer->groups / sizeof offer->groups[0],
                      &offer->n_groups);
        break;
    case EXT_USE_SRTP: /* RFC 5764 section 4.1.1: profiles, then an MKI that may be empty */
        if (len >= 3 && (list = sl_get16(body)) <= len - 3 && list % 2 == 0 &&
            body[2 + list] == len - 3 - list)
            read_list(body + 2, list, offer->srtp_profiles,
                      sizeof offer->srtp_profiles / sizeof offer->srtp_profiles[0],
                      &offer->n_srtp_profiles);
        break;
    case EXT_SUPPORTED_VERSIONS: /* RFC 8446 section 4.2.1 */
        if (len >= 1 && body[0] == len - 1 && body[0] % 2 == 0)
            read_list(body + 1, body[0], offer->versions,
                      sizeof offer->versions / sizeof offer->versions[0], &offer->n_versions);
        break;
    default:
        break;
    }
}
