/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: keys change in the middle of the data (RFC 8446 section 4.6.3) at anybody's wish and nothing is lost; nobody
 * can have TLS 1.2 renegotiated (RFC 5746), and who tries is answered while the data goes on; the exporters
 * of both ends agree. */

#include "bare.h"

#include <stdio.h>

/* -- key updates ---------------------------------------------------------------------------------- */

static void test_updates_between_records(void **state)
{
    Rng rng;
    Duo duo;

    (void)state;
    rng_init(&rng, rng_test_seed(3));
    duo_open_connected(&duo, SLUICE_TLS_1_3);
    duo.end[0].slack = duo.end[1].slack = 64;
    for (int i = 0; i < 400; i++) {
        int which = (int)rng_below(&rng, 2);

        assert_status(sluice_stream_update_keys(duo.end[which].stream, (int)rng_below(&rng, 2)),
                      SLUICE_OK);
        duo_write(&duo, which, (size_t)rng_below(&rng, 3000));
        if (rng_below(&rng, 3) == 0)
            duo_settle(&duo);
        else
            duo_send(&duo, which, (size_t)rng_below(&rng, 3000));
    }
    duo_settle(&duo);
    duo_assert_complete(&duo);
    duo_assert_talks(&duo, 100000);
    duo_close(&duo);
}

/* The new keys are used at once, in front of what is written next, and asked for twice is done twice. */
static void test_an_update_is_sent_at_once(void **state)
{
    Duo duo;

    (void)state;
    duo_open_connected(&duo, SLUICE_TLS_1_3);
    for (int request = 0; request < 2; request++)
        for (int i = 0; i < 2; i++) {
            size_t before = duo_waiting(&duo, CLIENT);

            assert_status(sluice_stream_update_keys(duo.end[CLIENT].stream, request), SLUICE_OK);
            assert_true(duo_waiting(&duo, CLIENT) > before);
        }
    assert_int_equal(duo_waiting(&duo, SERVER), 0);
    duo_assert_talks(&duo, 1000);
    duo_close(&duo);
}

static void test_who_may_not(void **state)
{
    Duo duo;

    (void)state;
    duo_open_host(&duo, client_config(SLUICE_TLS_1_2), server_config(0, ID_SERVER));
    assert_status(sluice_stream_update_keys(duo.end[CLIENT].stream, 1), SLUICE_NOT_READY);
    duo_connect(&duo);
    assert_status(sluice_stream_update_keys(duo.end[CLIENT].stream, 1), SLUICE_UNSUPPORTED);
    assert_status(sluice_stream_update_keys(duo.end[SERVER].stream, 0), SLUICE_UNSUPPORTED);
    assert_status(sluice_stream_update_keys(NULL, 0), SLUICE_INVALID_ARGUMENT);
    duo_assert_talks(&duo, 10);
    duo_close(&duo);
}

/* A full output has no place for one; as soon as it has been taken there is. */
static void test_an_update_when_the_output_is_full(void **state)
{
    Duo duo;

    (void)state;
    duo_open_connected(&duo, SLUICE_TLS_1_3);
    while (duo_write(&duo, CLIENT, 100000))
        ;
    while (duo_write(&duo, CLIENT, 1))
        ;
    assert_status(sluice_stream_update_keys(duo.end[CLIENT].stream, 1), SLUICE_WOULD_BLOCK);
    duo_settle(&duo);
    assert_status(sluice_stream_update_keys(duo.end[CLIENT].stream, 1), SLUICE_OK);
    duo_assert_talks(&duo, 1000);
    duo_close(&duo);
}

/* RFC 8446 section 6.1: after close_notify nothing more is sent. A peer that asks for new keys when we have closed our
 * direction would otherwise find their update among the bytes of whatever comes next on the transport. */
static void test_nothing_follows_close_notify(void **state)
{
    Duo duo;

    (void)state;
    duo_open_connected(&duo, SLUICE_TLS_1_3);
    duo_write(&duo, CLIENT, 100);
    assert_status(sluice_stream_shutdown(duo.end[CLIENT].stream), SLUICE_OK);
    duo_settle(&duo);
    assert_true(duo.end[SERVER].read_end);
    for (int i = 0; i < 5; i++) {
        assert_status(sluice_stream_update_keys(duo.end[SERVER].stream, 1), SLUICE_OK);
        duo_write(&duo, SERVER, 1000);
        duo_settle(&duo);
        assert_int_equal(duo.end[CLIENT].got, duo.end[SERVER].accepted);
        assert_int_equal(duo.end[CLIENT].wire_len, 0); /* the server takes no more */
        assert_int_equal(duo_waiting(&duo, CLIENT), 0);
    }
    assert_status(sluice_stream_shutdown(duo.end[SERVER].stream), SLUICE_OK);
    duo_settle(&duo);
    assert_state(&duo, CLIENT, SLUICE_STATE_CLOSED);
    assert_state(&duo, SERVER, SLUICE_STATE_CLOSED);
    duo_close(&duo);
}

/* A bare peer's requests, and its answers to ours. */
static void test_updates_of_openssl(void **state)
{
    (void)state;
    for (int server = 0; server < 2; server++) {
        Bare bare;

        bare_open(&bare, server, SLUICE_TLS_1_3, ID_SERVER);
        bare_connect(&bare);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(SSL_key_update(bare.ssl, i % 2 ? SSL_KEY_UPDATE_REQUESTED
                                                            : SSL_KEY_UPDATE_NOT_REQUESTED),
                             1);
            bare_assert_talks(&bare);
            assert_status(sluice_stream_update_keys(bare.stream, i % 3 == 0), SLUICE_OK);
            bare_assert_talks(&bare);
        }
        bare_close(&bare);
    }
}

/* -- renegotiation -------------------------------------------------------------------------------- */

/* A client that wants to renegotiate while data is under way both ways. */
static void test_a_client_that_renegotiates(void **state)
{
    char buffer[64];
    Bare bare;

    (void)state;
    bare_open(&bare, 0, SLUICE_TLS_1_2, ID_CLIENT);
    bare_connect(&bare);
    bare_assert_talks(&bare);
    assert_int_equal(SSL_renegotiate(bare.ssl), 1);
    (void)SSL_do_handshake(bare.ssl);
    assert_true(bare_to_stream(&bare, ALL) > 0);
    assert_status(sluice_stream_read(bare.stream, (uint8_t *)buffer, sizeof buffer, &(size_t){0}),
                  SLUICE_WOULD_BLOCK);
    assert_string_equal(sluice_state_name(sluice_stream_get_state(bare.stream)), "connected");
    /* The refusal is a warning; what we write is still good under the old keys. */
    assert_status(sluice_stream_write(bare.stream, (const uint8_t *)"on it goes", 10, &(size_t){0}),
                  SLUICE_OK);
    assert_true(bare_from_stream(&bare, ALL) > 10);
    bare_close(&bare);
}

/* A server that asks by HelloRequest (RFC 5246 section 7.4.1.1), again and again. */
static void test_a_server_that_asks(void **state)
{
    Bare bare;

    (void)state;
    bare_open(&bare, 1, SLUICE_TLS_1_2, ID_SERVER);
    bare_connect(&bare);
    for (int i = 0; i < 5; i++) {
        SluiceStreamInfo before, after;
        uint8_t byte;

        sluice_stream_get_info(bare.stream, &before, sizeof before);
        assert_int_equal(SSL_renegotiate(bare.ssl), 1);
        (void)SSL_do_handshake(bare.ssl);
        assert_true(bare_to_stream(&bare, ALL) > 0);
        assert_status(sluice_stream_read(bare.stream, &byte, 1, &(size_t){0}), SLUICE_WOULD_BLOCK);
        sluice_stream_get_info(bare.stream, &after, sizeof after);
        assert_true(after.ciphertext_produced > before.ciphertext_produced); /* refused */
        assert_string_equal(sluice_state_name(sluice_stream_get_state(bare.stream)), "connected");
        assert_status(sluice_stream_write(bare.stream, (const uint8_t *)"x", 1, &(size_t){0}),
                      SLUICE_OK);
    }
    bare_close(&bare);
}

/* -- exporters ------------------------------------------------------------------------------------ */

static void test_exporters(void **state)
{
    static const uint8_t context[] = {1, 2, 3};

    (void)state;
    for (int v = 0; v < 2; v++) {
        uint8_t keys[2][3][64];
        Duo duo;

        duo_open_host(&duo, client_config(versions[v]), server_config(versions[v], ID_SERVER));
        assert_status(
            sluice_stream_export(duo.end[0].stream, "EXPORTER-x", NULL, 0, keys[0][0], 32),
            SLUICE_NOT_READY);
        duo_connect(&duo);
        memset(keys, 0, sizeof keys);
        for (int i = 0; i < 2; i++) {
            SluiceStream *s = duo.end[i].stream;

            assert_status(sluice_stream_export(s, "EXPORTER-x", NULL, 0, keys[i][0], 64),
                          SLUICE_OK);
            assert_status(sluice_stream_export(s, "EXPORTER-x", context, 3, keys[i][1], 64),
                          SLUICE_OK);
            assert_status(sluice_stream_export(s, "EXPORTER-y", NULL, 0, keys[i][2], 64),
                          SLUICE_OK);
            assert_status(sluice_stream_export(s, "", NULL, 0, keys[i][2], 64),
                          SLUICE_INVALID_ARGUMENT);
            assert_status(sluice_stream_export(s, "EXPORTER-y", NULL, 0, keys[i][2], 0),
                          SLUICE_INVALID_ARGUMENT);
            assert_status(sluice_stream_export(s, "EXPORTER-y", NULL, 0, keys[i][2], 8193),
                          SLUICE_INVALID_ARGUMENT);
        }
        assert_memory_equal(keys[0], keys[1], sizeof keys[0]);
        assert_memory_not_equal(keys[0][0], keys[0][1], 64);
        assert_memory_not_equal(keys[0][0], keys[0][2], 64);
        duo_close(&duo);
    }
}

/* No key leaves a stream that never had a verified peer. */
static void test_no_exporter_of_a_stream_that_was_given_up(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int unverified = 0; unverified < 2; unverified++) {
            uint8_t key[32];
            SluiceStatus status;
            Duo duo;

            duo_open_host(&duo, client_config(versions[v]), server_config(versions[v], ID_SERVER));
            sluice_stream_set_verify(duo.end[CLIENT].stream, SLUICE_VERIFY_ASK);
            duo_start(&duo);
            if (unverified)
                duo_pass(&duo);
            (void)sluice_stream_shutdown(duo.end[CLIENT].stream);
            assert_state(&duo, CLIENT, SLUICE_STATE_CLOSED);
            status = sluice_stream_export(duo.end[CLIENT].stream, "EXPORTER-x", NULL, 0, key, 32);
            assert_true(status == SLUICE_ENDED || status == SLUICE_NOT_READY);
            duo_close(&duo);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_between_records),
        cmocka_unit_test(test_an_update_is_sent_at_once),
        cmocka_unit_test(test_who_may_not),
        cmocka_unit_test(test_an_update_when_the_output_is_full),
        cmocka_unit_test(test_nothing_follows_close_notify),
        cmocka_unit_test(test_updates_of_openssl),
        cmocka_unit_test(test_a_client_that_renegotiates),
        cmocka_unit_test(test_a_server_that_asks),
        cmocka_unit_test(test_exporters),
        cmocka_unit_test(test_no_exporter_of_a_stream_that_was_given_up),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
