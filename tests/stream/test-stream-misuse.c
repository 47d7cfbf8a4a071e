/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: each function in each state it does not fit, with NULL where nothing may be NULL, with sizes out of range: the
 * status that the header names, outputs set, and the stream goes on as if it had not been asked. */

#include "common.h"

#include <sys/uio.h>

#define INVALID SLUICE_INVALID_ARGUMENT

static void test_null(void **state)
{
    SluiceStreamInfo info;
    SluiceFingerprint fingerprint = fingerprint_of_identity(ID_SERVER, SLUICE_HASH_SHA256);
    const uint8_t *data;
    uint8_t byte = 0;
    struct iovec vector;
    SluiceEnd end;
    size_t n = 1;

    (void)state;
    sluice_stream_free(NULL);
    sluice_stream_release_buffers(NULL);
    assert_null(sluice_stream_new(NULL, SLUICE_ROLE_CLIENT));
    assert_status(sluice_stream_set_verify(NULL, SLUICE_VERIFY_ASK), INVALID);
    assert_status(sluice_stream_set_host(NULL, HOST), INVALID);
    assert_status(sluice_stream_set_remote_fingerprints(NULL, &fingerprint, 1), INVALID);
    assert_status(sluice_stream_set_session(NULL, &byte, 1), INVALID);
    assert_status(sluice_stream_set_message_limit(NULL, 1000), INVALID);
    assert_status(sluice_stream_start(NULL, 0), INVALID);
    assert_status(sluice_stream_receive(NULL, &byte, 1, &n), INVALID);
    assert_int_equal(n, 0);
    assert_status(sluice_stream_receive_end(NULL), INVALID);
    assert_false(sluice_stream_wants_input(NULL));
    n = 1;
    assert_status(sluice_stream_read(NULL, &byte, 1, &n), INVALID);
    assert_int_equal(n, 0);
    n = 1;
    assert_status(sluice_stream_write(NULL, &byte, 1, &n), INVALID);
    assert_int_equal(n, 0);
    assert_int_equal(sluice_stream_writable(NULL), 0);
    assert_false(sluice_stream_peek_output(NULL, &data, &n));
    assert_int_equal(sluice_stream_peek_output_iovec(NULL, &vector, 1), 0);
    assert_status(sluice_stream_pop_output(NULL, 0), INVALID);
    assert_status(sluice_stream_accept_peer(NULL, 1), INVALID);
    assert_status(sluice_stream_shutdown(NULL), INVALID);
    assert_status(sluice_stream_update_keys(NULL, 1), INVALID);
    assert_int_equal(sluice_stream_next_timeout(NULL), SLUICE_TIME_NEVER);
    assert_status(sluice_stream_handle_timeout(NULL, 0), INVALID);
    (void)sluice_stream_get_state(NULL);
    assert_status(sluice_stream_get_end(NULL, &end), INVALID);
    assert_status(sluice_stream_get_info(NULL, &info, sizeof info), INVALID);
    assert_status(sluice_stream_get_peer_certificate(NULL, 0, &data, &n), INVALID);
    assert_non_null(sluice_stream_get_verify_text(NULL));
    assert_status(sluice_stream_get_session(NULL, &byte, &n), INVALID);
    assert_status(sluice_stream_export(NULL, "x", NULL, 0, &byte, 1), INVALID);
    assert_false(sluice_stream_peek_rest(NULL, &data, &n));
}

/* NULL for a parameter of a living stream, in whatever state. */
static void try_null_parameters(Duo *duo, int which)
{
    SluiceStream *s = duo->end[which].stream;
    uint8_t byte = 0;
    const uint8_t *data;
    struct iovec vector;
    size_t n = 1;

    assert_status(sluice_stream_set_host(s, NULL), INVALID);
    assert_status(sluice_stream_set_remote_fingerprints(s, NULL, 1), INVALID);
    assert_status(sluice_stream_set_session(s, NULL, 1), INVALID);
    assert_status(sluice_stream_receive(s, NULL, 1, &n), INVALID);
    assert_int_equal(n, 0);
    assert_status(sluice_stream_receive(s, &byte, 1, NULL), INVALID);
    assert_status(sluice_stream_read(s, NULL, 1, &n), INVALID);
    assert_status(sluice_stream_read(s, &byte, 0, &n), INVALID);
    assert_status(sluice_stream_read(s, &byte, 1, NULL), INVALID);
    assert_status(sluice_stream_write(s, NULL, 1, &n), INVALID);
    assert_status(sluice_stream_write(s, &byte, 1, NULL), INVALID);
    assert_false(sluice_stream_peek_output(s, NULL, &n));
    assert_false(sluice_stream_peek_output(s, &data, NULL));
    assert_int_equal(sluice_stream_peek_output_iovec(s, NULL, 1), 0);
    assert_int_equal(sluice_stream_peek_output_iovec(s, &vector, 0), 0);
    assert_status(sluice_stream_pop_output(s, duo_waiting(duo, which) + 1), INVALID);
    assert_status(sluice_stream_pop_output(s, SIZE_MAX), INVALID);
    assert_status(sluice_stream_get_end(s, NULL), INVALID);
    assert_status(sluice_stream_get_info(s, NULL, 10), INVALID);
    assert_status(sluice_stream_get_peer_certificate(s, 0, NULL, &n), INVALID);
    assert_status(sluice_stream_get_peer_certificate(s, 0, &data, NULL), INVALID);
    assert_status(sluice_stream_export(s, NULL, NULL, 0, &byte, 1), INVALID);
    assert_status(sluice_stream_export(s, "x", NULL, 0, NULL, 1), INVALID);
    assert_status(sluice_stream_export(s, "x", NULL, 1, &byte, 1), INVALID);
    assert_false(sluice_stream_peek_rest(s, NULL, &n));
    assert_false(sluice_stream_peek_rest(s, &data, NULL));
    duo_check(duo, which);
}

/* The setters that count before the start alone. */
static void assert_settled(Duo *duo, int which)
{
    SluiceStream *s = duo->end[which].stream;
    SluiceFingerprint fingerprint = fingerprint_of_identity(ID_SERVER, SLUICE_HASH_SHA256);
    SluiceStatus status;

    assert_status(sluice_stream_set_verify(s, SLUICE_VERIFY_ASK), SLUICE_INVALID_STATE);
    assert_status(sluice_stream_set_host(s, HOST), SLUICE_INVALID_STATE);
    assert_status(sluice_stream_set_session(s, (const uint8_t *)"x", 1), SLUICE_INVALID_STATE);
    assert_status(sluice_stream_set_message_limit(s, 1000), SLUICE_INVALID_STATE);
    status = sluice_stream_start(s, duo->now);
    assert_true(status == SLUICE_INVALID_STATE || status == SLUICE_ENDED);
    status = sluice_stream_set_remote_fingerprints(s, &fingerprint, 1); /* it is TRUST */
    assert_true(status == SLUICE_INVALID_STATE || status == SLUICE_ENDED);
    assert_status(sluice_stream_accept_peer(s, 1), SLUICE_INVALID_STATE);
    try_null_parameters(duo, which);
}

static void test_new(void **state)
{
    Duo duo;

    (void)state;
    duo_open(&duo, client_config(0), server_config(0, ID_SERVER));
    for (int which = 0; which < 2; which++) {
        SluiceStream *s = duo.end[which].stream;
        SluiceEnd end;
        uint8_t byte = 0;
        size_t n = 1;

        assert_state(&duo, which, SLUICE_STATE_NEW);
        assert_status(sluice_stream_receive(s, &byte, 1, &n), SLUICE_INVALID_STATE);
        assert_int_equal(n, 0);
        assert_status(sluice_stream_receive_end(s), SLUICE_INVALID_STATE);
        assert_status(sluice_stream_read(s, &byte, 1, &n), SLUICE_NOT_READY);
        assert_status(sluice_stream_write(s, &byte, 1, &n), SLUICE_NOT_READY);
        assert_status(sluice_stream_update_keys(s, 1), SLUICE_NOT_READY);
        assert_status(sluice_stream_export(s, "x", NULL, 0, &byte, 1), SLUICE_NOT_READY);
        assert_status(sluice_stream_accept_peer(s, 1), SLUICE_INVALID_STATE);
        assert_status(sluice_stream_get_end(s, &end), SLUICE_INVALID_STATE);
        assert_status(sluice_stream_pop_output(s, 0), SLUICE_OK);
        assert_status(sluice_stream_pop_output(s, 1), INVALID);
        assert_false(sluice_stream_wants_input(s));
        assert_status(sluice_stream_set_verify(s, (SluiceVerify)3), INVALID);
        assert_status(sluice_stream_set_message_limit(s, 63), INVALID);
        assert_status(sluice_stream_set_message_limit(s, 16777217), INVALID);
        assert_status(sluice_stream_set_message_limit(s, 64), SLUICE_OK);
        assert_status(sluice_stream_set_message_limit(s, 16777216), SLUICE_OK);
        assert_status(sluice_stream_set_message_limit(s, 0), SLUICE_OK);
        sluice_stream_release_buffers(s);
        try_null_parameters(&duo, which);
    }
    assert_status(sluice_stream_set_host(duo.end[SERVER].stream, HOST), SLUICE_INVALID_STATE);
    assert_status(sluice_stream_set_session(duo.end[SERVER].stream, (const uint8_t *)"x", 1),
                  SLUICE_INVALID_STATE);
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, HOST), SLUICE_OK);
    duo_connect(&duo);
    duo_assert_talks(&duo, 100);
    duo_close(&duo);
}

static void test_roles(void **state)
{
    SluiceConfig *config = client_config(0);

    (void)state;
    assert_null(sluice_stream_new(config, SLUICE_ROLE_AUTO));
    assert_null(sluice_stream_new(config, (SluiceRole)3));
    assert_null(sluice_stream_new(config, (SluiceRole)-1));
    sluice_config_unref(config);
}

static void test_hosts(void **state)
{
    static const char *const good[] = {
        "a",         "a.b", "xn--bcher-kva.example", "under_score.example",
        "127.0.0.1", "::1", "2001:db8::7",           "1.example"};
    static const char *const bad[] = {"",    ".",     ".a",    "a..b",      "a b",
                                      "a/b", "a:443", "[::1]", "*.example", "b\303\274cher.example",
                                      "a\n", "a%lo",  "-\1"};
    char label[260];
    Duo duo;

    (void)state;
    duo_open(&duo, client_config(0), server_config(0, ID_SERVER));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, good[i]), SLUICE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, bad[i]), INVALID);
    memset(label, 'a', sizeof label);
    label[63] = '\0';
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, label), SLUICE_OK);
    label[63] = 'a';
    label[64] = '\0';
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, label), INVALID);
    memset(label, 'a', sizeof label);
    for (size_t i = 50; i < sizeof label; i += 51)
        label[i] = '.';
    label[253] = '\0';
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, label), SLUICE_OK);
    label[253] = 'a';
    label[254] = '\0';
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, label), INVALID);
    /* The last that was taken counts. */
    assert_status(sluice_stream_set_host(duo.end[CLIENT].stream, HOST), SLUICE_OK);
    duo_connect(&duo);
    duo_close(&duo);
}

static void test_connecting(void **state)
{
    Duo duo;

    (void)state;
    duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
    duo_start(&duo);
    for (int which = 0; which < 2; which++) {
        SluiceStream *s = duo.end[which].stream;
        uint8_t byte = 0;
        size_t n = 1;

        assert_settled(&duo, which);
        assert_status(sluice_stream_read(s, &byte, 1, &n), SLUICE_NOT_READY);
        assert_status(sluice_stream_write(s, &byte, 1, &n), SLUICE_NOT_READY);
        assert_status(sluice_stream_update_keys(s, 1), SLUICE_NOT_READY);
        assert_status(sluice_stream_receive(s, NULL, 0, &n), SLUICE_OK);
        assert_true(sluice_stream_wants_input(s));
        sluice_stream_release_buffers(s);
    }
    duo_pass(&duo);
    assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
    duo_assert_talks(&duo, 100);
    duo_close(&duo);
}

static void test_connected(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        SluiceEnd end;
        uint8_t byte = 0;
        size_t n = 1;
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        duo_write(&duo, CLIENT, 10);
        for (int which = 0; which < 2; which++) {
            assert_settled(&duo, which);
            assert_status(sluice_stream_get_end(duo.end[which].stream, &end), SLUICE_INVALID_STATE);
            assert_status(sluice_stream_write(duo.end[which].stream, NULL, 0, &n), SLUICE_OK);
            assert_int_equal(n, 0);
            assert_status(sluice_stream_receive(duo.end[which].stream, &byte, 0, &n), SLUICE_OK);
            /* Bug: the next timeout, of which there is none, ended it. */
            assert_status(
                sluice_stream_handle_timeout(duo.end[which].stream,
                                             sluice_stream_next_timeout(duo.end[which].stream)),
                INVALID);
        }
        duo_assert_talks(&duo, 100);
        duo_close(&duo);
    }
}

static void test_closed_and_failed(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int failed = 0; failed < 2; failed++) {
            uint8_t byte = 0;
            SluiceEnd end;
            size_t n;
            Duo duo;

            duo_open_connected(&duo, versions[v]);
            if (failed)
                duo_inject(&duo, CLIENT, (const uint8_t *)"GET / HTTP/1.0\r\n\r\n", 18);
            else
                for (int i = 0; i < 2; i++)
                    assert_status(sluice_stream_shutdown(duo.end[i].stream), SLUICE_OK);
            duo_settle(&duo);
            for (int which = 0; which < 2; which++) {
                SluiceStream *s = duo.end[which].stream;

                assert_state(&duo, which, failed ? SLUICE_STATE_FAILED : SLUICE_STATE_CLOSED);
                assert_settled(&duo, which);
                assert_status(sluice_stream_get_end(s, &end), SLUICE_OK);
                assert_status(sluice_stream_receive(s, &byte, 1, &n),
                              failed ? SLUICE_ENDED : SLUICE_END_OF_STREAM);
                assert_status(sluice_stream_read(s, &byte, 1, &n),
                              failed ? SLUICE_ENDED : SLUICE_END_OF_STREAM);
                assert_status(sluice_stream_write(s, &byte, 1, &n),
                              failed ? SLUICE_ENDED : SLUICE_INVALID_STATE);
                assert_status(sluice_stream_shutdown(s), failed ? SLUICE_ENDED : SLUICE_OK);
                assert_status(sluice_stream_receive_end(s), failed ? SLUICE_ENDED : SLUICE_OK);
                (void)sluice_stream_update_keys(s, 1);
                (void)sluice_stream_export(s, "x", NULL, 0, &byte, 1);
                sluice_stream_release_buffers(s);
                assert_status(sluice_stream_handle_timeout(s, duo.now + 10000 * SECOND),
                              SLUICE_ENDED);
                assert_state(&duo, which, failed ? SLUICE_STATE_FAILED : SLUICE_STATE_CLOSED);
            }
            duo_close(&duo);
        }
}

/* A caller that was built with less of it, or with more. */
static void test_info_of_any_size(void **state)
{
    uint8_t bytes[sizeof(SluiceStreamInfo) + 100];
    SluiceStreamInfo whole;
    Duo duo;

    (void)state;
    duo_open_connected(&duo, 0);
    whole = duo_info(&duo, CLIENT);
    for (size_t size = 1; size < sizeof bytes; size += 7) {
        size_t known = size < sizeof whole ? size : sizeof whole;

        memset(bytes, 0xa5, sizeof bytes);
        assert_status(
            sluice_stream_get_info(duo.end[CLIENT].stream, (SluiceStreamInfo *)(void *)bytes, size),
            SLUICE_OK);
        assert_memory_equal(bytes, &whole, known);
        for (size_t i = known; i < size; i++)
            assert_int_equal(bytes[i], 0);
        for (size_t i = size; i < sizeof bytes; i++)
            assert_int_equal(bytes[i], 0xa5);
    }
    assert_status(sluice_stream_get_info(duo.end[CLIENT].stream, &whole, 0), INVALID);
    duo_close(&duo);
}

/* Two iovecs' worth of nothing more than there is: without a message limit it is one piece. */
static void test_iovec(void **state)
{
    struct iovec vectors[4];
    const uint8_t *data;
    size_t len;
    Duo duo;

    (void)state;
    duo_open_connected(&duo, 0);
    assert_int_equal(sluice_stream_peek_output_iovec(duo.end[CLIENT].stream, vectors, 4), 0);
    duo_write(&duo, CLIENT, 40000);
    assert_int_equal(sluice_stream_peek_output_iovec(duo.end[CLIENT].stream, vectors, 4), 1);
    assert_true(sluice_stream_peek_output(duo.end[CLIENT].stream, &data, &len));
    assert_ptr_equal(vectors[0].iov_base, data);
    assert_int_equal(vectors[0].iov_len, len);
    duo_settle(&duo);
    duo_assert_complete(&duo);
    duo_close(&duo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_new),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_connecting),
        cmocka_unit_test(test_connected),
        cmocka_unit_test(test_closed_and_failed),
        cmocka_unit_test(test_info_of_any_size),
        cmocka_unit_test(test_iovec),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
