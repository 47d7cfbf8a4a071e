/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a ClientHello that comes to a live association, or to a handshake, is answered without keeping anything, at a
 * bounded rate, and only who brings the cookie begins one (RFC 6347 section 4.2.8; rules 28, 29, 32). The races of
 * CVE-2023-49786, CVE-2023-51443 and CVE-2023-51275: a forged ClientHello, good or with nothing but
 * TLS_NULL_WITH_NULL_NULL, before the genuine one came, while its handshake runs, and at any time after it. */

#include "forged.h"
#include "restarts.h"

#define HELLO_HEAD (13 + 12 + 2 + 32 + 1 + 1)

static Counted counted;

static void flood(Pair *pair, int victim, uint8_t *hello, size_t len, unsigned n, SluiceTime in)
{
    for (unsigned i = 0; i < n; i++) {
        change_random(hello, 0x10000 + i);
        link_inject(&pair->end[!victim].link, vclock_now() + in * i / n, hello, len);
    }
}

/* A thousand in a second, without a cookie: sixty are answered, with fewer bytes than came in; nothing is kept. */
static void test_flood_on_a_live_one(void **state)
{
    uint8_t hello[1500];

    (void)state;
    for (int victim = 0; victim < 2; victim++)
        for (int good = 0; good < 2; good++) {
            size_t len = good ? strange_hello(0, hello) : forge_null_hello(hello);
            AllocCount before, after;
            Pair pair;

            open_connected(&pair);
            assert_talks(&pair);
            before = alloc_count();
            flood(&pair, victim, hello, len, 1000, SECOND);
            for (int i = 0; i < 1000; i++)
                pair_step(&pair, vclock_now() + 2 * MS);
            after = alloc_count();
            assert_true(after.own_bytes - before.own_bytes < 200000); /* the pair's own logs */
            assert_true(after.openssl_bytes - before.openssl_bytes < 1024);
            pair_run(&pair, SECOND);
            assert_int_equal(pair_stats(&pair, victim).hellos_beside, 1000);
            assert_true(pair_stats(&pair, victim).hello_verify_requests >= 50);
            assert_true(pair_stats(&pair, victim).hello_verify_requests <= 62);
            assert_int_equal(pair_stats(&pair, victim).hellos_beside_dropped +
                                 pair_stats(&pair, victim).hello_verify_requests,
                             1000);
            assert_int_equal(pair_stats(&pair, victim).generation, 1);
            assert_int_equal(pair_stats(&pair, victim).restarts_failed, 0);
            assert_int_equal(sluice_transport_next_timeout(pair.end[victim].transport),
                             SLUICE_TIME_NEVER);
            assert_true(pair_both_connected(&pair));
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* The races, after: media does not notice. */
static void test_flood_on_media(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(0, hello);

    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        Pair pair;

        open_connected(&pair);
        counted_begin(&counted, &pair);
        flood(&pair, victim, hello, len, 1000, 2 * SECOND);
        counted_talk(&counted, 3 * SECOND);
        counted_check(&counted, 2900);
        assert_int_equal(pair_stats(&pair, victim).generation, 1);
        pair_close(&pair);
    }
}

/* The races, during: from the moment the genuine ClientHello is there. */
static void test_flood_on_a_handshake(void **state)
{
    uint8_t hello[1500];

    (void)state;
    for (int good = 0; good < 2; good++) {
        size_t len = good ? strange_hello(0, hello) : forge_null_hello(hello);
        Pair pair;

        open_default(&pair);
        pair_start_both(&pair);
        pair_run(&pair, 10 * MS);
        flood(&pair, SERVER, hello, len, 100, 100 * MS);
        pair_run(&pair, 19 * MS);
        assert_state(&pair, SERVER, SLUICE_STATE_CONNECTING);
        /* A client whose server's flight is late would take it for the answer to its own ClientHello. */
        assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 0);
        assert_true(pair_stats(&pair, SERVER).hellos_beside_dropped > 10);
        assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + 40 * MS));
        assert_int_equal(pair_stats(&pair, SERVER).retransmissions, 0);
        assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* A genuine restart among forged ClientHellos, a hundred a second: it takes place. */
static void test_flood_on_a_restart(void **state)
{
    uint8_t hello[1500];
    size_t len = forge_null_hello(hello);
    Pair pair;

    (void)state;
    open_connected(&pair);
    counted_begin(&counted, &pair);
    counted_talk(&counted, 100 * MS);
    flood(&pair, SERVER, hello, len, 30, 300 * MS);
    assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    counted_talk(&counted, 20 * SECOND);
    counted_check(&counted, 9000);
    assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
    assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
    pair_close(&pair);
}

/* What a client of the pair's own sends, the cookie's ClientHello apart. */
typedef struct {
    uint8_t bytes[1500];
    size_t len;
} Kept;

static int keep_second_hello(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                             size_t len)
{
    Kept *kept = context;

    (void)number;
    (void)now;
    if (data[0] == 22 && data[13] == 1 && data[18] == 1 && len <= sizeof kept->bytes) {
        memcpy(kept->bytes, data, len);
        kept->len = len;
    }
    return 1;
}

/* A ClientHello that was overheard comes again. @asked: it is asked for another cookie. */
static void assert_no_use(Pair *pair, const Kept *kept, unsigned asked)
{
    SluiceStats before = pair_stats(pair, SERVER), after;

    link_inject(&pair->end[CLIENT].link, vclock_now(), kept->bytes, kept->len);
    pair_run(pair, 10 * SECOND);
    after = pair_stats(pair, SERVER);
    assert_int_equal(after.generation, before.generation);
    assert_int_equal(after.restarts_failed, before.restarts_failed);
    assert_int_equal(after.hello_verify_requests, before.hello_verify_requests + asked);
}

/* Who has overheard a cookie cannot use it again: not for the same ClientHello, be its association the live one or one that
 * has gone, and not for one of its own. */
static void test_cookie_is_spent(void **state)
{
    Kept kept = {.len = 0}, own;
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair.end[CLIENT].link.filter = keep_second_hello;
    pair.end[CLIENT].link.filter_context = &kept;
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    run_to_generations(&pair, 2, 2, 2 * SECOND);
    pair.end[CLIENT].link.filter = NULL;
    pair_run(&pair, 5 * SECOND);
    assert_true(kept.len > HELLO_HEAD);
    own = kept;
    change_random(own.bytes, 99);
    assert_no_use(&pair, &kept, 0);
    assert_no_use(&pair, &own, 1);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    run_to_generations(&pair, 3, 3, 2 * SECOND);
    pair_run(&pair, 5 * SECOND);
    assert_no_use(&pair, &kept, 1);
    assert_talks(&pair);
    pair_close(&pair);
}

/* With the cookie waived on a validated path: a round trip less, and one at a time. */
static void test_waived(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(0, hello);

    (void)state;
    for (int forged = 0; forged < 2; forged++) {
        SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
        Pair pair;

        assert_status(sluice_config_set_waive_restart_cookie(b, 1), SLUICE_OK);
        open_with(&pair, a, b);
        connect_within(&pair, 100 * MS);
        counted_begin(&counted, &pair);
        if (forged)
            flood(&pair, SERVER, hello, len, 1000, SECOND);
        counted_talk(&counted, forged ? 10 * SECOND : 10 * MS);
        assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
        counted_talk(&counted, 100 * MS);
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
        counted_talk(&counted, 3 * SECOND);
        counted_check(&counted, 3000);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
        if (!forged)
            assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 0);
        else
            assert_true(pair_stats(&pair, SERVER).restarts_failed <= 2);
        pair_close(&pair);
    }
}

/* Bug: packets that were under way under the replaced keys were refused. Mechanism: with the cookie waived any ClientHello began an
 * attempt in the place of the association that had been replaced, and its keys went. Found by simulate --anything, seed 3070982. */
static void test_waived_not_in_the_overlap(void **state)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    uint8_t hello[1500];
    size_t len = strange_hello(0, hello);
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_waive_restart_cookie(b, 1), SLUICE_OK);
    open_with(&pair, a, b);
    connect_within(&pair, 100 * MS);
    assert_talks(&pair);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    pair.end[CLIENT].link.settings.delay =
        60 * MS; /* what is sent now comes when the restart is over */
    assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 5, 1, 0x22, 40), SLUICE_OK);
    pair.end[CLIENT].link.settings.delay = 10 * MS;
    pair_run(&pair, 42 * MS);
    assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
    assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 6, 1, 0x22, 40), SLUICE_OK);
    pair_run(&pair, 12 * MS);
    assert_int_equal(pair_stats(&pair, SERVER).generation, 2);
    link_inject(&pair.end[CLIENT].link, vclock_now(), hello, len);
    pair_run(&pair, 100 * MS);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_unauthentic, 0);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 3); /* one of assert_talks() */
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 1);
    pair_close(&pair);
}

/* RES-01: what an attempt beside a live association may hold: nine fragments that claim the greatest length. */
static void test_memory_of_an_attempt(void **state)
{
    AllocCount before, after;
    uint8_t bytes[400];
    uint64_t mask = ~UINT64_C(7);
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_talks(&pair);
    pair_run(&pair, 5 * SECOND);
    before = alloc_count();
    pair.end[CLIENT].link.sent = 0;
    pair.end[CLIENT].link.filter = lose_by_mask; /* the two ClientHellos alone arrive */
    mask = ~UINT64_C(3);
    pair.end[CLIENT].link.filter_context = &mask;
    pair_reboot(&pair, CLIENT);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 70 * MS);
    sluice_transport_free(pair.end[CLIENT].transport);
    pair.end[CLIENT].transport = NULL;
    for (uint16_t seq = 0; seq < 10; seq++)
        for (int i = 0; i < 3; i++) {
            static const uint8_t types[] = {11, 16, 15};
            size_t len = 26;

            memset(bytes, 0, sizeof bytes);
            bytes[0] = 22;
            bytes[1] = 0xfe;
            bytes[2] = 0xfd;
            bytes[12] = 13;
            bytes[13] = types[i];
            bytes[15] = types[i] == 16 ? 0x08 : 0x40; /* 2 KB, 16 KB */
            bytes[18] = (uint8_t)seq;
            bytes[24] = 1;
            link_inject(&pair.end[CLIENT].link, vclock_now(), bytes, len);
        }
    for (int i = 0; i < 30; i++)
        pair_step(&pair, vclock_now() + MS);
    after = alloc_count();
    /* The client's own half was 70 KB and is gone, with what it had of the pair's. */
    assert_true(after.own_bytes + after.openssl_bytes - before.own_bytes - before.openssl_bytes <
                200 * 1024);
    pair_close(&pair);
}

/* LOSS-03 in a restart: the client of the live association has not got the last flight, and asks for it while another
 * handshake runs beside. */
static void test_last_flight_is_sent_again_beside_an_attempt(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(0, hello);
    uint64_t mask = 2; /* the second datagram of the server: flight 6 */
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_waive_restart_cookie(b, 1), SLUICE_OK);
    open_with(&pair, a, b);
    pair.end[SERVER].link.filter = lose_by_mask;
    pair.end[SERVER].link.filter_context = &mask;
    pair_start_both(&pair);
    pair_run(&pair, 32 * MS);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    link_inject(&pair.end[CLIENT].link, vclock_now(), hello,
                len); /* an attempt that goes nowhere */
    assert_true(pair_run_until(&pair, pair_both_connected, pair.begun + SECOND));
    assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
    assert_talks(&pair);
    pair_run(&pair, 10 * SECOND);
    assert_talks(&pair);
    pair_close(&pair);
}

/* Data of the live association comes all the time: it does not take the place of the Finished that has overtaken its
 * flight. */
static int delay_flight_5(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Link *link = context;

    (void)number;
    if (data[0] != 22 || data[13] != 11)
        return 1;
    /* Certificate and the like 18 ms late, ChangeCipherSpec and Finished 12 ms. */
    for (size_t at = 0; at + 13 <= len;) {
        size_t n = 13 + ((size_t)data[at + 11] << 8 | data[at + 12]);

        link_inject(link, now + (data[at + 4] || data[at] == 20 ? 12 : 18) * MS, data + at, n);
        at += n;
    }
    return 0;
}

static void test_finished_is_kept_among_data(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    counted_begin(&counted, &pair);
    pair.end[CLIENT].link.filter = delay_flight_5;
    pair.end[CLIENT].link.filter_context = &pair.end[CLIENT].link;
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    counted_talk(&counted, 70 * MS);
    assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
    assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
    pair.end[CLIENT].link.filter = NULL;
    counted_talk(&counted, 3 * SECOND);
    counted_check(&counted, 3000);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_on_a_live_one),
        cmocka_unit_test(test_flood_on_media),
        cmocka_unit_test(test_flood_on_a_handshake),
        cmocka_unit_test(test_flood_on_a_restart),
        cmocka_unit_test(test_cookie_is_spent),
        cmocka_unit_test(test_waived),
        cmocka_unit_test(test_waived_not_in_the_overlap),
        cmocka_unit_test(test_memory_of_an_attempt),
        cmocka_unit_test(test_last_flight_is_sent_again_beside_an_attempt),
        cmocka_unit_test(test_finished_is_kept_among_data),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
