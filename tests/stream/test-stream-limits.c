/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what waits is bounded on both sides of a stream, whoever stops: a peer that does not read, an application that
 * does not, a transport that takes nothing while the peer makes us answer. And all goes on when it can. */

#include "bare.h"

#include <stdio.h>

#define HELD_BY_OPENSSL (2 * RECORD_WHOLE)

static void set_limits(Duo *duo, unsigned version, size_t output, size_t input)
{
    SluiceConfig *client = client_config(version), *server = server_config(version, ID_SERVER);

    assert_status(sluice_config_set_stream_limits(client, output, input), SLUICE_OK);
    assert_status(sluice_config_set_stream_limits(server, output, input), SLUICE_OK);
    duo_open_host(duo, client, server);
    for (int i = 0; i < 2; i++) {
        duo->end[i].high_water = output;
        duo->end[i].input_max = input;
    }
    duo_connect(duo);
}

static void test_a_peer_that_never_reads(void **state)
{
    static const size_t outputs[] = {8192, 8193, 16384, 65536, 300000};
    static const size_t inputs[] = {32768, 32769, 65536, 200000};

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t o = 0; o < sizeof outputs / sizeof *outputs; o++)
            for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
                uint64_t given;
                size_t n;
                Duo duo;

                set_limits(&duo, versions[v], outputs[o], inputs[i]);
                given = duo.end[SERVER].given;
                do {
                    n = duo_write(&duo, CLIENT, 20000);
                    duo_send(&duo, CLIENT, ALL);
                    duo_bring(&duo, SERVER, ALL);
                } while (duo.end[CLIENT].wire_len < 1000000 && n);
                given = duo.end[SERVER].given - given;
                assert_true(given >= inputs[i]);
                assert_true(given <= inputs[i] + HELD_BY_OPENSSL);
                assert_false(sluice_stream_wants_input(duo.end[SERVER].stream));
                duo_settle(&duo);
                assert_true(sluice_stream_wants_input(duo.end[SERVER].stream));
                duo_assert_complete(&duo);
                duo_close(&duo);
            }
}

/* The mark is met closely, from below: the output is used, and never passed by data. */
static void test_the_high_water_mark(void **state)
{
    static const size_t marks[] = {8192, 10000, 16384, 16413, 65536, 1000000};
    static const size_t writes[] = {1, 100, 5000, 16384, 50000, 3000000};

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++)
            for (size_t w = 0; w < sizeof writes / sizeof *writes; w++) {
                size_t waiting;
                Duo duo;

                if (writes[w] < 100 && marks[m] > 65536)
                    continue;
                set_limits(&duo, versions[v], marks[m], 32768);
                while (duo_write(&duo, CLIENT, writes[w]) == writes[w])
                    ;
                waiting = duo_waiting(&duo, CLIENT);
                assert_true(waiting <= marks[m]);
                assert_true(waiting > marks[m] / 2);
                assert_int_equal(duo_write(&duo, CLIENT, writes[w]), 0);
                duo_settle(&duo);
                duo_assert_complete(&duo);
                duo_close(&duo);
            }
}

/* After a refusal the application is free: less, more, something else. */
static void test_a_refused_write_binds_nobody(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Rng rng;
        Duo duo;

        rng_init(&rng, 7);
        set_limits(&duo, versions[v], 8192, 32768);
        for (int i = 0; i < 2000; i++) {
            duo_write(&duo, CLIENT, (size_t)rng_below(&rng, 20000));
            duo_send(&duo, CLIENT, (size_t)rng_below(&rng, 5000));
            duo_bring(&duo, SERVER, ALL);
            duo_read_all(&duo, SERVER);
        }
        duo_settle(&duo);
        duo_assert_complete(&duo);
        duo_close(&duo);
    }
}

/* A transport that takes byte by byte does not get a record for each byte. */
static void test_crumbs_of_room(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        set_limits(&duo, versions[v], 8192, 32768);
        while (duo.end[CLIENT].accepted < 300000) {
            duo_write(&duo, CLIENT, 100000);
            duo_send(&duo, CLIENT, 10);
            duo_bring(&duo, SERVER, ALL);
            duo_read_all(&duo, SERVER);
        }
        assert_true(duo_info(&duo, CLIENT).ciphertext_produced < 300000 + 300000 / 20);
        duo_close(&duo);
    }
}

/* -- a peer that makes us answer ------------------------------------------------------------------ */

/* What a request makes us hold, with an output that nobody takes. */
static void flood(Bare *bare, int (*ask)(SSL *ssl), int times)
{
    const uint8_t text[1] = {'!'};
    uint8_t buffer[64];
    SluiceStreamInfo info;
    AllocCount before = alloc_count();
    size_t len, accepted, waiting;

    for (int i = 0; i < times; i++) {
        assert_int_equal(ask(bare->ssl), 1);
        (void)bare_to_stream(bare, ALL);
        (void)sluice_stream_read(bare->stream, buffer, sizeof buffer, &len);
        sluice_stream_get_info(bare->stream, &info, sizeof info);
        waiting = (size_t)(info.ciphertext_produced - info.ciphertext_taken);
        assert_true(waiting <= 65536 + TLS_RESERVE);
    }
    assert_string_equal(sluice_state_name(sluice_stream_get_state(bare->stream)), "connected");
    assert_true(info.ciphertext_received < 65536 + TLS_RESERVE * 4);
    assert_true(alloc_count().own_bytes - before.own_bytes < 400000);
    /* Data finds no room as long as the answers have it all, and says so. */
    if (waiting >= 65536)
        assert_status(sluice_stream_write(bare->stream, text, 1, &accepted), SLUICE_WOULD_BLOCK);
}

static int ask_for_keys(SSL *ssl)
{
    return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) && SSL_do_handshake(ssl) == 1;
}

static void test_a_flood_of_key_updates(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        Bare bare;
        uint8_t buffer[64];
        size_t len = 0;

        bare_open(&bare, server, SLUICE_TLS_1_3, ID_SERVER);
        bare_connect(&bare);
        flood(&bare, ask_for_keys, 20000);
        assert_int_equal(SSL_write(bare.ssl, "still there", 11), 11);
        for (int i = 0; i < 100000 && len == 0; i++) { /* the transport takes it up again */
            (void)bare_from_stream(&bare, 1000);
            (void)SSL_read(bare.ssl, buffer, sizeof buffer);
            (void)bare_to_stream(&bare, ALL);
            (void)sluice_stream_read(bare.stream, buffer, sizeof buffer, &len);
        }
        assert_int_equal(len, 11);
        assert_memory_equal(buffer, "still there", 11);
        bare_pass(&bare);
        (void)SSL_read(bare.ssl, buffer, sizeof buffer);
        bare_assert_talks(&bare);
        bare_close(&bare);
    }
}

static int ask_to_renegotiate(SSL *ssl)
{
    int ok = SSL_renegotiate(ssl);

    (void)SSL_do_handshake(ssl);
    return ok;
}

static void test_a_flood_of_hello_requests(void **state)
{
    Bare bare;

    (void)state;
    bare_open(&bare, 1, SLUICE_TLS_1_2, ID_SERVER);
    bare_connect(&bare);
    flood(&bare, ask_to_renegotiate, 8000);
    bare_close(&bare);
}

/* -- the handshake -------------------------------------------------------------------------------- */

/* Before anybody is known a stranger gets no more memory than a handshake takes. */
static void test_bytes_that_are_no_handshake(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (int to = 0; to < 2; to++) {
            /* The header of a record: a handshake message of 16 MB, an alert, data, anything. */
            static const uint8_t starts[4][9] = {{22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff},
                                                 {21, 3, 3, 0, 2, 1, 90, 21, 3},
                                                 {23, 3, 3, 0x40, 0, 0, 0, 0, 0},
                                                 {'G', 'E', 'T', ' ', '/', 13, 10, 13, 10}};
            uint8_t bytes[5 + 16384] = {0};
            AllocCount before;
            Duo duo;

            memcpy(bytes, starts[kind], 9);
            if (to == CLIENT && kind == 0)
                bytes[5] = 2; /* ServerHello */
            duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
            duo_start(&duo);
            before = alloc_count();
            for (int i = 0; i < 200 && duo_state(&duo, to) == SLUICE_STATE_CONNECTING; i++)
                duo_inject(&duo, to, bytes, sizeof bytes);
            assert_true(alloc_count().own_bytes + alloc_count().openssl_bytes - before.own_bytes -
                            before.openssl_bytes <
                        400000);
            assert_state(&duo, to, SLUICE_STATE_FAILED);
            assert_true(duo_reason(&duo, to).reason == SLUICE_END_ALERT_SENT ||
                        duo_reason(&duo, to).reason == SLUICE_END_PROTOCOL);
            assert_true(duo_reason(&duo, to).openssl_reason[0] != '\0');
            duo_close(&duo);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_peer_that_never_reads),
        cmocka_unit_test(test_the_high_water_mark),
        cmocka_unit_test(test_a_refused_write_binds_nobody),
        cmocka_unit_test(test_crumbs_of_room),
        cmocka_unit_test(test_a_flood_of_key_updates),
        cmocka_unit_test(test_a_flood_of_hello_requests),
        cmocka_unit_test(test_bytes_that_are_no_handshake),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
