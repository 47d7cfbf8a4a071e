/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: DTLS from a path that nobody validated is dropped and counted, unless the config allows
 * it: then a cookie comes first (RFC 6347 section 4.2.1; rule 32, E1 to E4), statelessly and with
 * no more bytes than came in. */

#include "common.h"

static void open_unvalidated(Pair *pair, int allow_client, int allow_server)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);

    assert_status(sluice_config_set_allow_unvalidated(a, allow_client), SLUICE_OK);
    assert_status(sluice_config_set_allow_unvalidated(b, allow_server), SLUICE_OK);
    open_with(pair, a, b);
    pair_know(pair, CLIENT);
    pair_know(pair, SERVER);
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
}

static void test_dropped_and_counted(void **state)
{
    Pair pair;

    (void)state;
    open_unvalidated(&pair, 0, 0);
    pair_run(&pair, SECOND);
    assert_int_equal(pair.end[SERVER].n_sent, 0);
    assert_int_equal(pair.end[SERVER].last_status, SLUICE_DROPPED_UNVALIDATED);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_unvalidated, pair.end[CLIENT].n_sent);
    assert_int_equal(pair_stats(&pair, SERVER).dtls_received, pair.end[CLIENT].n_sent);
    /* It is the path of who receives that counts: the client's answers are dropped, too. */
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
    pair_run(&pair, 5 * SECOND);
    assert_true(pair_stats(&pair, CLIENT).dropped_unvalidated > 0);
    assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
    pair_close(&pair);
}

static void test_cookie_exchange(void **state)
{
    Pair pair;

    (void)state;
    open_unvalidated(&pair, 1, 1);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 60 * MS));
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 1);
    assert_int_equal(pair.end[CLIENT].n_sent, 3);
    assert_int_equal(pair.end[SERVER].n_sent, 3);
    /* No amplification. */
    assert_true(pair.end[SERVER].sent[0].len <= pair.end[CLIENT].sent[0].len);
    assert_talks(&pair);
    pair_close(&pair);
}

/* Behind ICE the path is proved: no cookie, one round trip less. */
static void test_validated_path_needs_no_cookie(void **state)
{
    Pair pair;

    (void)state;
    open_unvalidated(&pair, 1, 0);
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 40 * MS));
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 0);
    pair_close(&pair);
}

/* LOSS-01 with HelloVerifyRequest: each of the six datagrams lost once. */
static void test_each_datagram_lost_once(void **state)
{
    (void)state;
    for (int from = 0; from < 2; from++)
        for (unsigned n = 0; n < 3; n++) {
            uint64_t mask = UINT64_C(1) << n;
            Pair pair;

            open_unvalidated(&pair, 1, 1);
            if (from == CLIENT && n == 0)
                link_clear(&pair.end[CLIENT].link);
            else {
                /* The ClientHello is on its way already: it was number 1. */
                pair.end[from].link.filter = lose_by_mask;
                pair.end[from].link.filter_context = &mask;
            }
            assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 200 * MS));
            pair.end[from].link.filter = NULL;
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* The server keeps nothing for a peer that has not shown its cookie. */
static void test_stateless(void **state)
{
    uint8_t hello[600];
    LinkDatagram *datagram;
    AllocCount before, after;
    size_t len;
    Pair pair;

    (void)state;
    open_unvalidated(&pair, 1, 1);
    vclock_advance(10 * MS);
    datagram = link_take(&pair.end[CLIENT].link, vclock_now());
    assert_non_null(datagram);
    len = datagram->len;
    memcpy(hello, datagram->data, len);
    link_free_datagram(datagram);
    link_clear(&pair.end[CLIENT].link);
    pair.end[CLIENT].link.settings.loss = 1;
    pair.end[SERVER].link.settings.loss = 1;
    link_inject(&pair.end[CLIENT].link, vclock_now(), hello, len);
    pair_run(&pair, 1);
    before = alloc_count();
    for (int i = 0; i < 1000; i++) {
        hello[25 + 2] = (uint8_t)i; /* another random */
        hello[25 + 3] = (uint8_t)(i >> 8);
        link_inject(&pair.end[CLIENT].link, vclock_now(), hello, len);
        pair_run(&pair, 1);
    }
    after = alloc_count();
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 1001);
    assert_true(after.own_bytes - before.own_bytes < 4096);
    assert_true(after.openssl_bytes - before.openssl_bytes < 4096);
    assert_int_equal(pair_stats(&pair, SERVER).inbox_bytes, 0);
    pair_close(&pair);
}

/* The forged twin: a bit of the cookie, or of the random it was made for, is another. */
static int spoil(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    const size_t *offset = context;

    (void)now;
    if (number == 2 && len > *offset)
        data[*offset] ^= 1;
    return 1;
}

static void test_wrong_cookie(void **state)
{
    /* Record header 13, message header 12, version 2, random 32, session id 1, cookie length 1. */
    static const size_t offsets[] = {25 + 2 + 5, 25 + 2 + 32 + 1 + 1 + 3};

    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t offset = offsets[i];
        Pair pair;

        open_unvalidated(&pair, 1, 1);
        pair.end[CLIENT].link.filter = spoil;
        pair.end[CLIENT].link.filter_context = &offset;
        pair_run(&pair, 45 * MS);
        /* It is answered like a first one: with a request, and no handshake. */
        assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 2);
        assert_int_equal(pair.end[SERVER].n_sent, 2);
        assert_int_equal(pair_stats(&pair, SERVER).flights_received, 2); /* two ClientHellos */
        assert_int_equal(pair_stats(&pair, SERVER).flights_sent, 2);     /* two requests */
        /* The client's next copy is good. */
        assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
        pair_close(&pair);
    }
}

/* A ClientHello with a cookie in two datagrams: the cookie is in the first, by its place (D6). */
static int cut_in_two(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Link *link = context;
    uint8_t part[600];
    size_t body = len - 25, first = 120;

    if (number != 2 || data[0] != 22 || body <= first)
        return 1;
    for (int i = 0; i < 2; i++) {
        size_t offset = i ? first : 0, n = i ? body - first : first;

        memcpy(part, data, 25);
        part[10] = (uint8_t)(data[10] + (i ? 20 : 0));
        part[11] = (uint8_t)((12 + n) >> 8);
        part[12] = (uint8_t)(12 + n);
        part[21] = (uint8_t)offset;
        part[23] = (uint8_t)(n >> 8);
        part[24] = (uint8_t)n;
        memcpy(part + 25, data + 25 + offset, n);
        link_inject(link, now + (i ? 10 : 12) * MS, part, 25 + n); /* the second one first */
    }
    return 0;
}

static void test_fragmented(void **state)
{
    SluicePeerOffer offer;
    Pair pair;

    (void)state;
    open_unvalidated(&pair, 1, 1);
    pair.end[CLIENT].link.filter = cut_in_two;
    pair.end[CLIENT].link.filter_context = &pair.end[CLIENT].link;
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 100 * MS));
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 1);
    assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
    assert_status(sluice_transport_get_offer(pair.end[SERVER].transport, &offer), SLUICE_OK);
    assert_int_equal(offer.fragments, 2);
    assert_talks(&pair);
    pair_close(&pair);
}

/* The fingerprint guards as ever: a cookie proves an address, not who is there. */
static void test_mismatch_behind_a_cookie(void **state)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    SluiceFingerprint wrong = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
    Pair pair;

    (void)state;
    sluice_config_set_allow_unvalidated(a, 1);
    sluice_config_set_allow_unvalidated(b, 1);
    open_with(&pair, a, b);
    pair_know(&pair, CLIENT);
    sluice_transport_set_remote_fingerprints(pair.end[SERVER].transport, vclock_now(), &wrong, 1);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_over, pair.begun + 3 * SECOND));
    assert_reason(&pair, SERVER, SLUICE_END_FINGERPRINT_MISMATCH);
    assert_int_equal(pair_end(&pair, CLIENT).alert, 42);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropped_and_counted),
        cmocka_unit_test(test_cookie_exchange),
        cmocka_unit_test(test_validated_path_needs_no_cookie),
        cmocka_unit_test(test_each_datagram_lost_once),
        cmocka_unit_test(test_stateless),
        cmocka_unit_test(test_wrong_cookie),
        cmocka_unit_test(test_fragmented),
        cmocka_unit_test(test_mismatch_behind_a_cookie),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
