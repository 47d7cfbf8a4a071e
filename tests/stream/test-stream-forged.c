/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: of bytes that somebody has touched nothing is delivered, and the stream that finds out fails by name; a handshake
 * that somebody has touched connects nobody. */

#include "common.h"
#include "openssl-version.h"

#include <stdio.h>
#include <stdlib.h>

/* Every n-th bit only, for slow machines and valgrind: SLUICE_TEST_FORGED_STEP. */
static size_t step(size_t usual)
{
    const char *text = getenv("SLUICE_TEST_FORGED_STEP");
    size_t wanted = text ? (size_t)strtoull(text, NULL, 10) : 0;

    return wanted > usual ? wanted : usual;
}

static void assert_named(const Duo *duo, int which)
{
    SluiceEnd end = duo_reason(duo, which);
    char text[1024];

    assert_state(duo, which, SLUICE_STATE_FAILED);
    assert_true(end.reason != 0);
    assert_status(sluice_end_describe(&end, text, sizeof text), SLUICE_OK);
    assert_true(strlen(text) > 20);
}

/* -- data ----------------------------------------------------------------------------------------- */

/* A good record, one with a flipped bit, a good one: the first comes, the others never do. */
static void test_each_bit_of_a_record(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t bit = 0, bits = 1; bit < bits; bit += step(1)) {
            size_t first;
            Duo duo;

            duo_open_connected(&duo, versions[v]);
            duo_write(&duo, SERVER, 10);
            first = duo_waiting(&duo, SERVER);
            duo_write(&duo, SERVER, 20);
            bits = 8 * (duo_waiting(&duo, SERVER) - first);
            duo_write(&duo, SERVER, 30);
            duo_send(&duo, SERVER, ALL);
            duo.end[SERVER].wire[first + bit / 8] ^= (uint8_t)(1u << bit % 8);
            duo_settle(&duo);
            assert_int_equal(duo.end[CLIENT].got, 10);
            if (duo_state(&duo, CLIENT) == SLUICE_STATE_CONNECTED) {
                /* A longer record waits for its end, which does not come. */
                duo_end_wire(&duo, SERVER);
                duo_settle(&duo);
                assert_reason(&duo, CLIENT, SLUICE_END_TRUNCATED);
            } else {
                assert_reason(&duo, CLIENT, SLUICE_END_ALERT_SENT);
            }
            assert_named(&duo, CLIENT);
            assert_int_equal(duo.end[CLIENT].got, 10);
            assert_false(duo.end[CLIENT].read_end);
            duo_close(&duo);
        }
}

/* Records doubled, lost, in another order, from the other direction, from another connection. */
static void forge_order(unsigned version, int how)
{
    static const size_t lens[3] = {100, 200, 300};
    size_t at[4] = {0};
    uint8_t bytes[4096];
    Duo duo, other;

    duo_open_connected(&duo, version);
    duo_open_connected(&other, version);
    for (int i = 0; i < 3; i++) {
        duo_write(&duo, SERVER, lens[i]);
        at[i + 1] = duo_waiting(&duo, SERVER);
    }
    duo_send(&duo, SERVER, ALL);
    memcpy(bytes, duo.end[SERVER].wire, at[3]);
    duo.end[SERVER].wire_len = 0;
    duo_inject(&duo, CLIENT, bytes, at[1]);
    switch (how) {
    case 0:
        duo_inject(&duo, CLIENT, bytes, at[1]);
        break;
    case 1:
        duo_inject(&duo, CLIENT, bytes + at[2], at[3] - at[2]);
        break;
    case 2:
        duo_inject(&duo, SERVER, bytes + at[1], at[2] - at[1]);
        duo_read_all(&duo, SERVER);
        assert_named(&duo, SERVER);
        assert_int_equal(duo.end[SERVER].got, 0);
        break;
    default:
        duo_write(&other, SERVER, 100);
        duo_write(&other, SERVER, 200);
        duo_send(&other, SERVER, ALL);
        duo_inject(&duo, CLIENT, other.end[SERVER].wire + at[1], at[2] - at[1]);
        break;
    }
    duo_settle(&duo);
    assert_int_equal(duo.end[CLIENT].got, 100);
    assert_named(&duo, CLIENT);
    duo_close(&duo);
    duo_close(&other);
}

static void test_each_disorder(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int how = 0; how < 4; how++)
            forge_order(versions[v], how);
}

/* RFC 8446 section 5 makes a change_cipher_spec after the handshake an error. OpenSSL's client of 3.2 and later drops it and goes
 * on: nothing of it is delivered, nothing is lost. */
static int is_ignored(unsigned version, uint8_t type, int to)
{
    return openssl_since(3, 2) && version == SLUICE_TLS_1_3 && type == 20 && to == CLIENT;
}

/* What needs no key: alerts and change_cipher_specs in the clear, put between the records. */
static void test_records_without_keys(void **state)
{
    static const uint8_t forged[][12] = {
        {7, 21, 3, 3, 0, 2, 1, 0},       /* close_notify */
        {7, 21, 3, 3, 0, 2, 2, 40},      /* handshake_failure */
        {7, 21, 3, 3, 0, 2, 1, 90},      /* user_canceled */
        {6, 20, 3, 3, 0, 1, 1},          /* change_cipher_spec */
        {9, 22, 3, 3, 0, 4, 0, 0, 0, 0}, /* HelloRequest */
        {6, 23, 3, 3, 0, 1, 'x'},        {5, 23, 3, 3, 0, 0},
        {7, 24, 3, 3, 0, 2, 1, 0},       {7, 21, 2, 0, 0, 2, 1, 0},
    };

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
            for (int to = 0; to < 2; to++) {
                Duo duo;

                duo_open_connected(&duo, versions[v]);
                duo_write(&duo, !to, 10);
                duo_settle(&duo);
                duo_inject(&duo, to, forged[i] + 1, forged[i][0]);
                duo_read_all(&duo, to);
                duo_write(&duo, !to, 20);
                duo_settle(&duo);
                if (is_ignored(versions[v], forged[i][1], to)) {
                    assert_int_equal(duo.end[to].got, 10 + 20);
                    assert_state(&duo, to, SLUICE_STATE_CONNECTED);
                    duo_close(&duo);
                    continue;
                }
                assert_int_equal(duo.end[to].got, 10);
                assert_named(&duo, to);
                assert_true(duo_reason(&duo, to).reason != SLUICE_END_ALERT_RECEIVED);
                assert_false(duo.end[to].read_end);
                duo_close(&duo);
            }
}

/* -- the handshake -------------------------------------------------------------------------------- */

/* A handshake of which bit @bit of flight @flight of @from is flipped on its way, with the client's certificate asked for. Returns the
 * length of that flight. */
static size_t touch(unsigned version, int from, int flight, size_t bit)
{
    SluiceConfig *client = client_config(version), *server = server_config(version, ID_SERVER);
    size_t len = 0, moved, n;
    int seen = 0;
    Duo duo;

    sluice_config_set_stream_present_certificate(client, 1);
    sluice_config_set_stream_client_auth(server, SLUICE_CLIENT_AUTH_REQUIRE);
    duo_open_host(&duo, client, server);
    duo_start(&duo);
    do {
        moved = 0;
        for (int i = 0; i < 2; i++) {
            moved += n = duo_send(&duo, i, ALL);
            if (i == from && n && seen++ == flight) {
                len = n;
                if (bit / 8 < len)
                    duo.end[i].wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            moved += duo_bring(&duo, !i, ALL) + duo_read_all(&duo, !i);
        }
    } while (moved);
    if (bit / 8 >= len) { /* nothing was touched */
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
        duo_assert_talks(&duo, 10);
    } else if (duo_state(&duo, CLIENT) == SLUICE_STATE_CONNECTED &&
               duo_state(&duo, SERVER) == SLUICE_STATE_CONNECTED) {
        /* A version that is not looked at (RFC 8446 section 5.1): then all is as it was. */
        duo_assert_talks(&duo, 10);
        assert_int_equal(duo_info(&duo, CLIENT).version, version);
    } else {
        duo_end_wire(&duo, 0);
        duo_end_wire(&duo, 1);
        for (int i = 0; i < 2;
             i++) /* the last to know may believe to be connected until it reads */
            if (duo_state(&duo, i) == SLUICE_STATE_CONNECTED)
                duo_write(&duo, i, 10);
        duo_settle(&duo);
        for (int i = 0; i < 2; i++) {
            assert_named(&duo, i);
            assert_int_equal(duo.end[i].got, 0);
        }
    }
    duo_close(&duo);
    return len;
}

static void touch_all(unsigned version, int from, int flight)
{
    size_t len = touch(version, from, flight, ALL);

    assert_true(len > 20);
    for (size_t bit = 0; bit < 8 * len; bit += step(5))
        touch(version, from, flight, bit);
}

static void test_each_flight(void **state)
{
    (void)state;
    touch_all(SLUICE_TLS_1_3, CLIENT, 0);
    touch_all(SLUICE_TLS_1_3, SERVER, 0);
    touch_all(SLUICE_TLS_1_3, CLIENT, 1);
    touch_all(SLUICE_TLS_1_2, CLIENT, 0);
    touch_all(SLUICE_TLS_1_2, SERVER, 0);
    touch_all(SLUICE_TLS_1_2, CLIENT, 1);
    touch_all(SLUICE_TLS_1_2, SERVER, 1);
}

/* Somebody in between takes TLS 1.3 out of the offer: both ends would do 1.2, and the Finished tells (RFC 8446 section
 * 4.1.3, and the transcript). */
static void test_downgrade(void **state)
{
    static const uint8_t offer[] = {0, 43, 0, 5, 4, 3, 4, 3, 3};
    Duo duo;
    int found = 0;

    (void)state;
    duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
    duo_start(&duo);
    duo_send(&duo, CLIENT, ALL);
    for (size_t i = 0; i + sizeof offer <= duo.end[CLIENT].wire_len; i++)
        if (memcmp(duo.end[CLIENT].wire + i, offer, sizeof offer) == 0) {
            duo.end[CLIENT].wire[i + 6] = 3; /* 3.3, twice */
            found++;
        }
    assert_int_equal(found, 1);
    duo_settle(&duo);
    assert_named(&duo, CLIENT);
    assert_reason(&duo, CLIENT, SLUICE_END_ALERT_SENT);
    assert_int_equal(duo_reason(&duo, CLIENT).alert, 47); /* illegal_parameter */
    assert_named(&duo, SERVER);
    duo_close(&duo);
}

/* Bytes that a fuzzer without patience would send. */
static void test_noise(void **state)
{
    Rng rng;

    (void)state;
    rng_init(&rng, rng_test_seed(11));
    for (int i = 0; i < 300; i++) {
        uint8_t noise[400];
        int to = (int)rng_below(&rng, 2), connected = (int)rng_below(&rng, 2);
        size_t len = 30 + (size_t)rng_below(&rng, 370);
        Duo duo;

        duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
        if (connected)
            duo_connect(&duo);
        else
            duo_start(&duo);
        for (size_t j = 0; j < len; j++)
            noise[j] = (uint8_t)rng_next(&rng);
        if (rng_below(&rng, 2)) { /* a plausible header */
            noise[0] = (uint8_t)(20 + noise[0] % 5);
            noise[1] = noise[2] = 3;
            noise[3] = 0;
        }
        duo_inject(&duo, to, noise, len);
        duo_read_all(&duo, to);
        assert_int_equal(duo.end[to].got, 0);
        if (duo_state(&duo, to) != SLUICE_STATE_FAILED) {
            assert_status(sluice_stream_receive_end(duo.end[to].stream),
                          connected ? SLUICE_OK : SLUICE_ENDED);
            duo_read_all(&duo, to);
        }
        assert_named(&duo, to);
        duo_close(&duo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bit_of_a_record),
        cmocka_unit_test(test_each_disorder),
        cmocka_unit_test(test_records_without_keys),
        cmocka_unit_test(test_each_flight),
        cmocka_unit_test(test_downgrade),
        cmocka_unit_test(test_noise),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
