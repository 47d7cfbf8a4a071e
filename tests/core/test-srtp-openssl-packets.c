/* SPDX-License-Identifier: BSD-3-Clause */

/* Whole packets. Sessions made before OpenSSL's ciphers are put in stay on libsrtp's own, so one process holds both: they
 * must give the same bytes, and open each other's packets but not the forged twin's. A packet allocates nothing, and
 * leaves the thread's queue of OpenSSL errors as it was, good tag or bad. */

/* Before cmocka.h, which has a macro test_malloc. */
#include "alloc.h"
#include "heap.h"

#include "srtp-openssl.h"
#include "ssl-peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <srtp2/srtp.h>

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PROFILES 5
#define ROOM 2048

typedef struct {
    srtp_t out, in;
} Ends;

enum { STOCK, OPENSSL };

static Ends ends[PROFILES][2]; /* empty where this libsrtp has no AES-GCM */

/* The last one has header extensions of two ids encrypted (RFC 6904). */
static srtp_t open_session(int which, srtp_ssrc_type_t direction)
{
    static const srtp_profile_t profiles[PROFILES] = {
        srtp_profile_aes128_cm_sha1_80, srtp_profile_aes128_cm_sha1_32,
        srtp_profile_aead_aes_128_gcm, srtp_profile_aead_aes_256_gcm,
        srtp_profile_aes128_cm_sha1_80};
    static int encrypted[2] = {1, 3};
    uint8_t key[64];
    srtp_policy_t policy;
    srtp_t session;

    for (uint8_t i = 0; i < 64; i++)
        key[i] = (uint8_t)(i * 5 + which);
    memset(&policy, 0, sizeof policy);
    if (srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profiles[which]) != 0 ||
        srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profiles[which]) != 0)
        return NULL;
    policy.ssrc.type = direction;
    policy.key = key;
    policy.window_size = 1024;
    if (which == PROFILES - 1) {
        policy.enc_xtn_hdr = encrypted;
        policy.enc_xtn_hdr_count = 2;
    }
    assert_int_equal(srtp_create(&session, &policy), srtp_err_status_ok);
    return session;
}

static void open_all(int whose)
{
    for (int i = 0; i < PROFILES; i++) {
        ends[i][whose].out = open_session(i, ssrc_any_outbound);
        ends[i][whose].in = open_session(i, ssrc_any_inbound);
        assert_true(i == 2 || i == 3 || ends[i][whose].out);
    }
}

static int set_up(void **state)
{
    SluiceSrtpEngineInfo info;

    (void)state;
    assert_int_equal(srtp_init(), srtp_err_status_ok);
    open_all(STOCK);
    sl_srtp_openssl_put_in(NULL, 0);
    assert_int_equal(sluice_srtp_engine_get_info(&info, sizeof info), SLUICE_OK);
    assert_int_equal(info.aes_icm_128 + info.aes_icm_256 + info.aes_gcm_128 + info.aes_gcm_256 +
                         info.hmac_sha1,
                     5);
    open_all(OPENSSL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < PROFILES; i++)
        for (int whose = 0; whose < 2; whose++)
            if (ends[i][whose].out) {
                assert_int_equal(srtp_dealloc(ends[i][whose].out), srtp_err_status_ok);
                assert_int_equal(srtp_dealloc(ends[i][whose].in), srtp_err_status_ok);
            }
    return 0;
}

/* -- packets ------------------------------------------------------------------------------------------------ */

typedef struct {
    _Alignas(4) uint8_t data[ROOM];
    int len;
} Packet;

/* Each one has a new number: the sessions live for all tests. */
static Packet new_packet(int rtcp, int extended, size_t payload)
{
    static const uint8_t rtp[] = {0x80, 0x60, 0, 0, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe};
    static const uint8_t extension[] = {0xbe, 0xde, 0,    3, 0x10, 7, 0x22, 1,
                                        2,    3,    0x32, 4, 5,    6, 0,    0};
    static const uint8_t report[] = {0x80, 0xc9, 0, 1, 0xca, 0xfe, 0xba, 0xbe};
    static uint16_t number;
    Packet packet;
    uint8_t *at = packet.data;

    memset(&packet, 0, sizeof packet);
    number++;
    if (rtcp) {
        memcpy(at, report, sizeof report);
        at += sizeof report;
    } else {
        memcpy(at, rtp, sizeof rtp);
        at[2] = (uint8_t)(number >> 8);
        at[3] = (uint8_t)number;
        at += sizeof rtp;
        if (extended) {
            packet.data[0] |= 0x10;
            memcpy(at, extension, sizeof extension);
            at += sizeof extension;
        }
    }
    for (size_t i = 0; i < payload; i++)
        *at++ = (uint8_t)(i * 3 + number);
    packet.len = (int)(at - packet.data);
    return packet;
}

static srtp_err_status_t protect(srtp_t session, int rtcp, Packet *packet)
{
    return rtcp ? srtp_protect_rtcp(session, packet->data, &packet->len)
                : srtp_protect(session, packet->data, &packet->len);
}

static srtp_err_status_t unprotect(srtp_t session, int rtcp, Packet *packet)
{
    return rtcp ? srtp_unprotect_rtcp(session, packet->data, &packet->len)
                : srtp_unprotect(session, packet->data, &packet->len);
}

static void assert_same(const Packet *a, const Packet *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, (size_t)a->len);
}

static void compare(int which, int rtcp, int extended, size_t payload)
{
    Packet plain = new_packet(rtcp, extended, payload), sealed[2], forged;
    Ends *both = ends[which];

    for (int whose = 0; whose < 2; whose++) {
        sealed[whose] = plain;
        assert_int_equal(protect(both[whose].out, rtcp, &sealed[whose]), srtp_err_status_ok);
    }
    assert_same(&sealed[STOCK], &sealed[OPENSSL]);
    assert_true(sealed[STOCK].len > plain.len);
    for (int whose = 0; whose < 2; whose++) {
        forged = sealed[!whose];
        forged.data[forged.len - 1 - (int)(payload % 8)] ^= 0x40; /* tag, or index behind it */
        assert_int_not_equal(unprotect(both[whose].in, rtcp, &forged), srtp_err_status_ok);
        assert_int_equal(unprotect(both[whose].in, rtcp, &sealed[!whose]), srtp_err_status_ok);
        assert_same(&sealed[!whose], &plain);
    }
}

static void test_same_bytes(void **state)
{
    static const size_t long_ones[] = {160, 161, 255, 256, 257, 511, 1000, 1199, 1200, 1473};

    (void)state;
    for (int which = 0; which < PROFILES; which++) {
        if (!ends[which][0].out)
            continue;
        for (int extended = 0; extended < 2; extended++) {
            for (size_t payload = 0; payload < 100; payload++)
                compare(which, 0, extended, payload);
            for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++)
                compare(which, 0, extended, long_ones[i]);
        }
        for (size_t payload = 0; payload <= 1200; payload += payload < 64 ? 4 : 92)
            compare(which, 1, 0, payload);
    }
}

/* -- what a packet leaves behind ---------------------------------------------------------------------------- */

static uint64_t allocations(void)
{
    AllocCount count = alloc_count();

    return count.own_calls + count.openssl_calls + heap_calls();
}

/* A good packet and a forged one through the ends of @whose. */
static void pass(int which, int whose, int rtcp, size_t payload)
{
    Packet packet = new_packet(rtcp, 0, payload), forged;

    assert_int_equal(protect(ends[which][whose].out, rtcp, &packet), srtp_err_status_ok);
    forged = packet;
    forged.data[forged.len - 6] ^= 1;
    assert_int_not_equal(unprotect(ends[which][whose].in, rtcp, &forged), srtp_err_status_ok);
    assert_int_equal(unprotect(ends[which][whose].in, rtcp, &packet), srtp_err_status_ok);
}

static void test_a_packet_allocates_nothing(void **state)
{
    uint64_t before, none, used;

    (void)state;
    before = allocations();
    none = allocations() - before;
    for (int which = 0; which < PROFILES; which++)
        for (int rtcp = 0; rtcp < 2 && ends[which][0].out; rtcp++) {
            pass(which, OPENSSL, rtcp, 160); /* a first packet makes its stream */
            before = allocations();
            for (size_t i = 0; i < 100; i++)
                pass(which, OPENSSL, rtcp, 4 * i);
            used = allocations() - before;
#ifdef SL_PLAIN_SHA1
            assert_int_equal(used, none);
#else
            if (which == 2 || which == 3)
                assert_int_equal(used, none);
#endif
        }
}

/* The counter counts, where heap.c does. */
static void test_a_session_allocates(void **state)
{
    uint64_t before = allocations();
    srtp_t session = open_session(0, ssrc_any_outbound);

    (void)state;
    assert_true(allocations() > before);
    assert_int_equal(srtp_dealloc(session), srtp_err_status_ok);
}

/* Sessions come and go, packets pass and are refused: one error of the application's stays, alone. */
static void test_error_queue_stays(void **state)
{
    unsigned long error;

    (void)state;
    ERR_clear_error();
    for (int full = 0; full < 2; full++) {
        if (full)
            ERR_raise_data(ERR_LIB_USER, 77, "the application's own");
        error = ERR_peek_error();
        for (int which = 0; which < PROFILES; which++) {
            srtp_t session = open_session(which, ssrc_any_outbound);

            if (!session)
                continue;
            for (int rtcp = 0; rtcp < 2; rtcp++)
                pass(which, OPENSSL, rtcp, 100);
            assert_int_equal(srtp_dealloc(session), srtp_err_status_ok);
        }
        assert_int_equal(ERR_peek_error(), error);
        assert_int_equal(ERR_peek_last_error(), error);
        assert_int_equal(ERR_get_error(), error);
        assert_int_equal(ERR_get_error(), 0);
    }
}

static void pass_all(void)
{
    for (int which = 0; which < PROFILES; which++)
        for (int rtcp = 0; rtcp < 2 && ends[which][0].out; rtcp++)
            pass(which, OPENSSL, rtcp, 50);
}

/* SSL_get_error() takes what is in the queue for its connection's own. Nothing clears it here. */
static int pump(SSL *ssl, const uint8_t *data, size_t len)
{
    int result;

    if (len)
        assert_int_equal(BIO_write(SSL_get_rbio(ssl), data, (int)len), (int)len);
    result = SSL_do_handshake(ssl);
    return SSL_get_error(ssl, result);
}

static void test_a_connection_does_not_see_it(void **state)
{
    SSL *ends_of_tls[2] = {ssl_peer_new(0), ssl_peer_new(1)};
    static uint8_t flight[SSL_PEER_FLIGHT];
    size_t len = 0;
    int error = SSL_ERROR_WANT_READ, got;

    (void)state;
    ERR_clear_error();
    for (int step = 0; step < 10; step++) {
        pass_all();
        error = pump(ends_of_tls[step % 2], flight, len);
        assert_true(error == SSL_ERROR_WANT_READ || error == SSL_ERROR_NONE);
        len = ssl_peer_take(ends_of_tls[step % 2], flight);
    }
    assert_int_equal(error, SSL_ERROR_NONE);
    assert_true(SSL_is_init_finished(ends_of_tls[0]) && SSL_is_init_finished(ends_of_tls[1]));
    pass_all(); /* a handshake clears the queue itself in some versions of OpenSSL; a read does not */
    got = SSL_read(ends_of_tls[0], flight, sizeof flight);
    assert_int_equal(SSL_get_error(ends_of_tls[0], got), SSL_ERROR_WANT_READ);
    ssl_peer_free(ends_of_tls[0]);
    ssl_peer_free(ends_of_tls[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_a_packet_allocates_nothing),
        cmocka_unit_test(test_a_session_allocates),
        cmocka_unit_test(test_error_queue_stays),
        cmocka_unit_test(test_a_connection_does_not_see_it),
    };

    alloc_init();
    unsetenv("SLUICE_STOCK_SRTP_CIPHERS");
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
