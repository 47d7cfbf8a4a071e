/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds rule 28 (a ClientHello is known by a few byte compares) and rule 32 (what the cookie
 * covers) on a real ClientHello of OpenSSL's, its every truncation and its forged twins; and the
 * layout of a HelloVerifyRequest by having OpenSSL answer one. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "client-hello.h"
#include "record.h"
#include "rng.h"
#include "ssl-peer.h"

#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>

static uint8_t real[SSL_PEER_FLIGHT];
static size_t real_len;
static const uint8_t secret[SL_COOKIE_SECRET] = {1, 2, 3};

/* Where things are in a ClientHello that is one record with one fragment. */
#define BODY (SL_RECORD_HEADER + SL_HANDSHAKE_HEADER)
#define RANDOM_AT (BODY + 2)
#define SESSION_AT (RANDOM_AT + 32)

static int make_real(void **state)
{
    (void)state;
    SSL *client = ssl_peer_new(0);
    assert_true(ssl_peer_feed(client, NULL, 0));
    real_len = ssl_peer_take(client, real);
    ssl_peer_free(client);
    return real_len > BODY ? 0 : -1;
}

/* From a block of its own size. What is found must lie inside it. */
static SlHelloKind parse(const uint8_t *data, size_t len, SlClientHello *out)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    SlClientHello hello;
    assert_non_null(copy);
    memcpy(copy, data, len);
    SlHelloKind kind = sl_client_hello_parse(copy, len, &hello);
    if (kind == SL_HELLO_FIRST) {
        assert_in_range((size_t)(hello.random - copy) + 32, 0, len);
        assert_in_range((size_t)(hello.session_id - copy) + hello.session_id_len, 0, len);
        assert_in_range((size_t)(hello.cookie - copy) + hello.cookie_len, 0, len);
        uint8_t cookie[SL_COOKIE];
        assert_true(sl_cookie_make(secret, &hello, cookie));
        if (out)
            *out = hello;
    }
    free(copy);
    return kind;
}

static void real_one(void **state)
{
    (void)state;
    SlClientHello hello;
    assert_int_equal(sl_client_hello_parse(real, real_len, &hello), SL_HELLO_FIRST);
    assert_true(hello.record_number == 0);
    assert_int_equal(hello.message_seq, 0);
    assert_true(hello.whole);
    assert_int_equal(hello.version, 0xfefd);
    assert_ptr_equal(hello.random, real + RANDOM_AT);
    assert_int_equal(hello.session_id_len, 0);
    assert_int_equal(hello.cookie_len, 0);
}

/* A datagram that ends inside the record is none (its record does not fit). */
static void truncated_datagram(void **state)
{
    (void)state;
    for (size_t len = 0; len < real_len; len++)
        assert_int_equal(parse(real, len, NULL), SL_HELLO_NONE);
    assert_int_equal(parse(real, real_len, NULL), SL_HELLO_FIRST);
}

/* The record and fragment lengths made right for each truncation: a first fragment must hold the
 * whole head. */
static void truncated_fragment(void **state)
{
    (void)state;
    uint8_t copy[SSL_PEER_FLIGHT];
    const size_t head = SESSION_AT + 1 + 1; /* no session id, no cookie */
    for (size_t len = SL_RECORD_HEADER; len < real_len; len++) {
        memcpy(copy, real, len);
        sl_put16(copy + 11, (uint16_t)(len - SL_RECORD_HEADER));
        SlHelloKind want = SL_HELLO_BAD;
        if (len >= BODY)
            sl_put24(copy + 22, (uint32_t)(len - BODY));
        if (len == SL_RECORD_HEADER)
            want = SL_HELLO_NONE; /* an empty record says nothing */
        else if (len >= head)
            want = SL_HELLO_FIRST;
        SlClientHello hello;
        assert_int_equal(parse(copy, len, &hello), want);
        if (want == SL_HELLO_FIRST)
            assert_false(hello.whole);
    }
}

static void forged_twins(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        SlHelloKind kind;
    } rows[] = {
        {0, 21, SL_HELLO_NONE},              /* an alert */
        {0, 23, SL_HELLO_NONE},              /* data */
        {0, 0x2e, SL_HELLO_NONE},            /* DTLS 1.3 ciphertext */
        {1, 3, SL_HELLO_NONE},               /* TLS */
        {2, 0xfc, SL_HELLO_NONE},            /* no record has this version */
        {2, 0xfd, SL_HELLO_FIRST},           /* DTLS 1.2 may be said from the first record on */
        {4, 1, SL_HELLO_NONE},               /* encrypted */
        {13, 2, SL_HELLO_NONE},              /* a ServerHello */
        {21, 1, SL_HELLO_BAD},               /* the fragment leaves its message */
        {22, 1, SL_HELLO_BAD},               /* the fragment leaves its record */
        {SESSION_AT, 33, SL_HELLO_BAD},      /* session ids have 32 bytes at most */
        {SESSION_AT + 1, 255, SL_HELLO_BAD}, /* the cookie leaves the message */
    };
    uint8_t copy[SSL_PEER_FLIGHT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memcpy(copy, real, real_len);
        copy[rows[i].at] = rows[i].value;
        assert_int_equal(parse(copy, real_len, NULL), rows[i].kind);
    }
}

/* A later fragment, also one that holds nothing of the head, is no new attempt. */
static void later_fragment(void **state)
{
    (void)state;
    uint8_t copy[BODY + 3];
    memcpy(copy, real, sizeof copy);
    sl_put16(copy + 11, SL_HANDSHAKE_HEADER + 3);
    sl_put24(copy + 19, 50);
    sl_put24(copy + 22, 3);
    assert_int_equal(parse(copy, sizeof copy, NULL), SL_HELLO_LATER);
    sl_put24(copy + 19, 0);
    assert_int_equal(parse(copy, sizeof copy, NULL), SL_HELLO_BAD);
}

/* Session id and cookie that end with the fragment, and one byte behind it. */
static void last_byte(void **state)
{
    (void)state;
    uint8_t copy[SESSION_AT + 40];
    for (size_t n = 0; n <= 32; n++) {
        for (int missing = 0; missing < 2; missing++) {
            for (int cookie = 0; cookie < 2; cookie++) {
                size_t len = SESSION_AT + 2 + n;
                memset(copy, 0, sizeof copy);
                memcpy(copy, real, SESSION_AT);
                copy[SESSION_AT + (size_t)cookie] = (uint8_t)n;
                len -= (size_t)missing;
                sl_put16(copy + 11, (uint16_t)(len - SL_RECORD_HEADER));
                sl_put24(copy + 22, (uint32_t)(len - BODY));
                assert_int_equal(parse(copy, len, NULL), missing ? SL_HELLO_BAD : SL_HELLO_FIRST);
            }
        }
    }
}

static void bit_flips(void **state)
{
    (void)state;
    Rng rng;
    uint8_t copy[SSL_PEER_FLIGHT];
    rng_init(&rng, rng_test_seed(7));
    for (size_t bit = 0; bit < 8 * real_len; bit++) {
        memcpy(copy, real, real_len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        parse(copy, real_len, NULL);
    }
    for (int round = 0; round < 20000; round++) {
        size_t len = 1 + (size_t)rng_below(&rng, real_len);
        memcpy(copy, real, real_len);
        for (uint64_t n = rng_below(&rng, 8); n > 0; n--)
            copy[rng_below(&rng, 64)] = (uint8_t)rng_next(&rng);
        if (rng_chance(&rng, 0.5) && len > SL_RECORD_HEADER) {
            copy[0] = SL_HANDSHAKE;
            sl_put16(copy + 1, 0xfefd);
            sl_put16(copy + 3, 0);
            sl_put16(copy + 11, (uint16_t)(len - SL_RECORD_HEADER));
            copy[13] = SL_CLIENT_HELLO;
        }
        parse(copy, len, NULL);
    }
}

/* The same ClientHello with the cookie in it, as a client sends it the second time. */
static size_t with_cookie(uint8_t *out, const uint8_t *cookie, size_t len)
{
    memcpy(out, real, SESSION_AT + 1);
    out[SESSION_AT + 1] = (uint8_t)len;
    memcpy(out + SESSION_AT + 2, cookie, len);
    memcpy(out + SESSION_AT + 2 + len, real + SESSION_AT + 2, real_len - SESSION_AT - 2);
    sl_put16(out + 11, (uint16_t)(real_len + len - SL_RECORD_HEADER));
    sl_put24(out + 14, (uint32_t)(real_len + len - BODY));
    sl_put24(out + 22, (uint32_t)(real_len + len - BODY));
    return real_len + len;
}

static int cookie_fits(const uint8_t *datagram, size_t len)
{
    SlClientHello hello;
    return sl_client_hello_parse(datagram, len, &hello) == SL_HELLO_FIRST &&
           sl_cookie_check(secret, &hello);
}

static void cookies(void **state)
{
    (void)state;
    SlClientHello hello;
    uint8_t cookie[SL_COOKIE], copy[SSL_PEER_FLIGHT + 300];
    assert_int_equal(sl_client_hello_parse(real, real_len, &hello), SL_HELLO_FIRST);
    assert_true(sl_cookie_make(secret, &hello, cookie));
    assert_false(sl_cookie_check(secret, &hello));

    size_t len = with_cookie(copy, cookie, SL_COOKIE);
    assert_true(cookie_fits(copy, len));
    for (size_t bit = 0; bit < 8 * SL_COOKIE; bit++) {
        copy[SESSION_AT + 2 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(cookie_fits(copy, len));
        copy[SESSION_AT + 2 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* What it covers: version, random. */
    for (size_t at = BODY; at < SESSION_AT; at++) {
        copy[at] ^= 1;
        assert_false(cookie_fits(copy, len));
        copy[at] ^= 1;
    }
    /* A part of it, and more than it. */
    uint8_t longer[SL_COOKIE + 1] = {0};
    memcpy(longer, cookie, SL_COOKIE);
    assert_false(cookie_fits(copy, with_cookie(copy, longer, SL_COOKIE + 1)));
    assert_false(cookie_fits(copy, with_cookie(copy, longer, SL_COOKIE - 1)));
    /* Another secret. */
    len = with_cookie(copy, cookie, SL_COOKIE);
    uint8_t other[SL_COOKIE_SECRET] = {1, 2, 4};
    assert_int_equal(sl_client_hello_parse(copy, len, &hello), SL_HELLO_FIRST);
    assert_true(sl_cookie_check(secret, &hello));
    assert_false(sl_cookie_check(other, &hello));
}

/* The session id counts, and so does where it ends. */
static void cookie_of_session(void **state)
{
    (void)state;
    uint8_t random[33] = {0}, a[SL_COOKIE], b[SL_COOKIE], id[33] = {0};
    SlClientHello hello = {.version = 0xfefd, .random = random, .session_id = id};
    assert_true(sl_cookie_make(secret, &hello, a));
    hello.session_id_len = 1;
    assert_true(sl_cookie_make(secret, &hello, b));
    assert_memory_not_equal(a, b, SL_COOKIE);
    hello.session_id_len = 32;
    assert_true(sl_cookie_make(secret, &hello, a));
    id[31] = 1;
    assert_true(sl_cookie_make(secret, &hello, b));
    assert_memory_not_equal(a, b, SL_COOKIE);
    hello.session_id_len = 33;
    assert_false(sl_cookie_make(secret, &hello, a));
}

/* OpenSSL's client takes the HelloVerifyRequest and brings the cookie; to a request with one wrong
 * byte in its head it does not. */
static void verify_request(void **state)
{
    (void)state;
    for (int forged = 0; forged < 2; forged++) {
        SSL *client = ssl_peer_new(0);
        uint8_t flight[SSL_PEER_FLIGHT], request[SL_HELLO_VERIFY_REQUEST_MAX], cookie[SL_COOKIE];
        SlClientHello hello;
        assert_true(ssl_peer_feed(client, NULL, 0));
        size_t len = ssl_peer_take(client, flight);
        assert_int_equal(sl_client_hello_parse(flight, len, &hello), SL_HELLO_FIRST);
        assert_true(sl_cookie_make(secret, &hello, cookie));
        size_t n = sl_hello_verify_request(&hello, cookie, request);
        assert_int_equal(n, 13 + 12 + 35);
        request[13] ^= (uint8_t)forged;
        assert_int_equal(ssl_peer_feed(client, request, n), !forged);
        len = ssl_peer_take(client, flight);
        assert_int_equal(cookie_fits(flight, len), !forged);
        if (!forged) {
            assert_int_equal(sl_client_hello_parse(flight, len, &hello), SL_HELLO_FIRST);
            assert_int_equal(hello.message_seq, 1);
            assert_true(hello.record_number == 1);
        }
        ssl_peer_free(client);
    }
}

/* The record number is mirrored, all 48 bits of it. */
static void mirrored_number(void **state)
{
    (void)state;
    uint8_t random[32] = {0}, cookie[SL_COOKIE] = {9}, out[SL_HELLO_VERIFY_REQUEST_MAX];
    SlClientHello hello = {.record_number = UINT64_C(0xa1b2c3d4e5f6), .random = random};
    size_t n = sl_hello_verify_request(&hello, cookie, out), offset = 0, at = 0;
    SlRecord record;
    SlFragment fragment;
    assert_int_equal(sl_record_next(out, n, &offset, &record), 1);
    assert_int_equal(offset, n);
    assert_int_equal(record.version, 0xfeff);
    assert_int_equal(record.epoch, 0);
    assert_true(record.number == hello.record_number);
    assert_int_equal(sl_fragment_next(record.body, record.len, &at, &fragment), 1);
    assert_int_equal(fragment.type, SL_HELLO_VERIFY_REQUEST);
    assert_int_equal(fragment.message_seq, 0);
    assert_int_equal(fragment.len, fragment.length);
    assert_int_equal(at, record.len);
}

/* The parts of a whole ClientHello behind the cookie. */
static void read_offer(SluicePeerOffer *offer)
{
    const uint8_t *p = real + SESSION_AT + 2;
    memset(offer, 0, sizeof *offer);
    sl_offer_ciphers(offer, p + 2, sl_get16(p));
    p += 2 + sl_get16(p);
    p += 1 + p[0];
    const uint8_t *end = p + 2 + sl_get16(p);
    assert_ptr_equal(end, real + real_len);
    for (p += 2; p < end; p += 4 + sl_get16(p + 2))
        sl_offer_extension(offer, sl_get16(p), p + 4, sl_get16(p + 2));
}

static void offer_of_real_one(void **state)
{
    (void)state;
    SluicePeerOffer offer;
    read_offer(&offer);
    assert_true(offer.n_ciphers >= 2);
    assert_int_equal(offer.ciphers[0], 0xc02b); /* ECDHE-ECDSA-AES128-GCM-SHA256 */
    assert_int_equal(offer.ciphers[1], 0xcca9); /* with ChaCha20-Poly1305 */
    assert_int_equal(offer.n_groups, 2);
    assert_int_equal(offer.groups[0], 29); /* x25519 */
    assert_int_equal(offer.groups[1], 23); /* P-256 */
    assert_int_equal(offer.n_srtp_profiles, 2);
    assert_int_equal(offer.srtp_profiles[0], 7);
    assert_int_equal(offer.srtp_profiles[1], 1);
    assert_true(offer.extended_master_secret);
}

static void offer_extensions(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        size_t len;
        uint8_t body[10];
        size_t n; /* how many were understood */
    } rows[] = {
        {10, 6, {0, 4, 0, 29, 0, 23}, 2},
        {10, 6, {0, 3, 0, 29, 0, 23}, 0}, /* odd */
        {10, 6, {0, 6, 0, 29, 0, 23}, 0}, /* longer than it is */
        {10, 6, {0, 2, 0, 29, 0, 23}, 0}, /* something behind it */
        {10, 1, {0}, 0},
        {10, 0, {0}, 0},
        {14, 7, {0, 4, 0, 7, 0, 1, 0}, 2},
        {14, 8, {0, 4, 0, 7, 0, 1, 1, 9}, 2}, /* an MKI */
        {14, 7, {0, 4, 0, 7, 0, 1, 1}, 0},    /* an MKI that is not there */
        {14, 6, {0, 4, 0, 7, 0, 1}, 0},       /* no MKI length */
        {14, 7, {0, 5, 0, 7, 0, 1, 0}, 0},
        {14, 7, {0xff, 0xfe, 0, 7, 0, 1, 0}, 0},
        {14, 2, {0, 0}, 0},
        {43, 5, {4, 0xfe, 0xfc, 0xfe, 0xfd}, 2},
        {43, 5, {3, 0xfe, 0xfc, 0xfe, 0xfd}, 0},
        {43, 5, {6, 0xfe, 0xfc, 0xfe, 0xfd}, 0},
        {43, 0, {0}, 0},
        {23, 0, {0}, 1},
        {23, 1, {0}, 0},
        {1234, 4, {0, 2, 0, 1}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SluicePeerOffer offer = {0};
        uint8_t *body = malloc(rows[i].len > 0 ? rows[i].len : 1);
        assert_non_null(body);
        memcpy(body, rows[i].body, rows[i].len);
        sl_offer_extension(&offer, rows[i].type, body, rows[i].len);
        free(body);
        size_t n = offer.n_groups + offer.n_srtp_profiles + offer.n_versions +
                   (size_t)offer.extended_master_secret;
        assert_int_equal(n, rows[i].n);
    }
}

/* Ten times more than any array takes. */
static void offer_is_cut(void **state)
{
    (void)state;
    SluicePeerOffer offer = {0};
    uint8_t list[2 + 1280 + 1];
    memset(list, 0xab, sizeof list);
    sl_offer_ciphers(&offer, list, 1280);
    assert_int_equal(offer.n_ciphers, 64);
    sl_offer_ciphers(&offer, list, 3);
    assert_int_equal(offer.n_ciphers, 64);
    sl_put16(list, 1280);
    list[2 + 1280] = 0;
    sl_offer_extension(&offer, 10, list, 2 + 1280);
    sl_offer_extension(&offer, 14, list, sizeof list);
    assert_int_equal(offer.n_groups, 32);
    assert_int_equal(offer.n_srtp_profiles, 16);
    list[0] = 254;
    sl_offer_extension(&offer, 43, list, 255);
    assert_int_equal(offer.n_versions, 8);
    assert_int_equal(offer.version, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_one),           cmocka_unit_test(truncated_datagram),
        cmocka_unit_test(truncated_fragment), cmocka_unit_test(forged_twins),
        cmocka_unit_test(later_fragment),     cmocka_unit_test(last_byte),
        cmocka_unit_test(bit_flips),          cmocka_unit_test(cookies),
        cmocka_unit_test(cookie_of_session),  cmocka_unit_test(verify_request),
        cmocka_unit_test(mirrored_number),    cmocka_unit_test(offer_of_real_one),
        cmocka_unit_test(offer_extensions),   cmocka_unit_test(offer_is_cut),
    };
    return cmocka_run_group_tests(tests, make_real, NULL);
}
