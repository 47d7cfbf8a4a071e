/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: each direction ends by its own close_notify, behind all that was accepted; a transport that ends without one is
 * never a clean end (RFC 8446 section 6.1), wherever in the bytes it happens; what lies behind a close_notify is the
 * next protocol's. */

#include "bare.h"

#include <stdio.h>

static void assert_closed(const Duo *duo, int which, SluiceEndReason reason)
{
    assert_state(duo, which, SLUICE_STATE_CLOSED);
    assert_reason(duo, which, reason);
    assert_false(sluice_stream_wants_input(duo->end[which].stream));
    assert_int_equal(sluice_stream_writable(duo->end[which].stream), 0);
}

/* One side has said all; the other goes on for as long as it likes. */
static void test_half_close(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int first = 0; first < 2; first++) {
            int second = !first;
            Duo duo;

            duo_open_connected(&duo, versions[v]);
            duo_write(&duo, first, 30000);
            assert_status(sluice_stream_shutdown(duo.end[first].stream), SLUICE_OK);
            assert_status(sluice_stream_shutdown(duo.end[first].stream), SLUICE_OK);
            assert_int_equal(duo_info(&duo, first).write_closed, 1);
            assert_int_equal(duo_write(&duo, first, 1), 0);
            duo_settle(&duo);
            assert_true(duo.end[second].read_end);
            assert_false(duo.end[first].read_end);
            assert_state(&duo, first, SLUICE_STATE_CONNECTED);
            assert_state(&duo, second, SLUICE_STATE_CONNECTED);
            for (int i = 0; i < 10; i++) {
                assert_true(duo_write(&duo, second, 50000) > 0);
                duo_settle(&duo);
            }
            assert_status(sluice_stream_shutdown(duo.end[second].stream), SLUICE_OK);
            assert_closed(&duo, second, SLUICE_END_CLOSE_NOTIFY);
            duo_settle(&duo);
            assert_closed(&duo, first, SLUICE_END_LOCAL_CLOSE);
            duo_assert_complete(&duo);
            duo_close(&duo);
        }
}

static void test_both_at_once(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        for (int i = 0; i < 2; i++) {
            duo_write(&duo, i, 5000);
            assert_status(sluice_stream_shutdown(duo.end[i].stream), SLUICE_OK);
        }
        duo_end_wire(&duo, 0);
        duo_end_wire(&duo, 1);
        duo_settle(&duo);
        for (int i = 0; i < 2; i++)
            assert_closed(&duo, i, SLUICE_END_LOCAL_CLOSE);
        duo_assert_complete(&duo);
        duo_close(&duo);
    }
}

/* With a full output the close_notify waits for its turn, and comes without another word. */
static void test_close_behind_a_full_output(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        while (duo_write(&duo, CLIENT, 7001))
            ;
        assert_status(sluice_stream_shutdown(duo.end[CLIENT].stream), SLUICE_OK);
        duo_end_wire(&duo, CLIENT);
        while (!duo.end[SERVER].read_end) {
            duo_send(&duo, CLIENT, 1000);
            duo_bring(&duo, SERVER, 1000);
            duo_read(&duo, SERVER, 500);
        }
        assert_int_equal(duo.end[SERVER].got, duo.end[CLIENT].accepted);
        assert_state(&duo, SERVER, SLUICE_STATE_CONNECTED);
        duo_close(&duo);
    }
}

/* -- truncation ----------------------------------------------------------------------------------- */

/* A short conversation of which all bytes of the server are known; the transport ends behind the first @bytes of them.
 * Returns how many there are. */
static size_t cut_at(unsigned version, size_t bytes, int reads_late)
{
    size_t total = 0;
    int more = 1;
    Duo duo;

    duo_open_host(&duo, client_config(version), server_config(version, ID_SERVER));
    duo_start(&duo);
    while (more) { /* all goes to the server; what comes back is cut */
        more = 0;
        if (duo_state(&duo, SERVER) == SLUICE_STATE_CONNECTED && duo.end[SERVER].accepted == 0) {
            duo_write(&duo, SERVER, 40);
            duo_write(&duo, SERVER, 60);
            (void)sluice_stream_shutdown(duo.end[SERVER].stream);
        }
        more += duo_send(&duo, CLIENT, ALL) > 0;
        more += duo_bring(&duo, SERVER, ALL) > 0;
        total += duo_send(&duo, SERVER, ALL);
        if (duo.end[CLIENT].given < bytes)
            more += duo_bring(&duo, CLIENT, (size_t)(bytes - duo.end[CLIENT].given)) > 0;
        if (!reads_late)
            duo_read_all(&duo, CLIENT);
    }
    duo.end[SERVER].wire_len = 0;
    duo_end_wire(&duo, SERVER);
    duo_bring(&duo, CLIENT, ALL);
    duo_read_all(&duo, CLIENT);
    duo_read_all(&duo, CLIENT);
    if (duo.end[CLIENT].given == duo.end[SERVER].popped) {
        assert_true(duo.end[CLIENT].read_end);
        assert_int_equal(duo.end[CLIENT].got, 100);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
    } else {
        assert_false(duo.end[CLIENT].read_end);
        assert_state(&duo, CLIENT, SLUICE_STATE_FAILED);
        assert_reason(&duo, CLIENT, SLUICE_END_TRUNCATED);
        assert_true(duo.end[CLIENT].got <= 100);
    }
    duo_close(&duo);
    return total;
}

static void test_truncation_everywhere(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        size_t total = cut_at(versions[v], ALL, 0);

        assert_true(total > 500);
        for (size_t at = 0; at <= total; at++) {
            assert_true(cut_at(versions[v], at, 0) <= total + 16);
            cut_at(versions[v], at, 1);
        }
    }
}

/* What came whole before the transport ended can be read; only then is it an error. */
static void test_what_came_before(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        for (int i = 0; i < 5; i++)
            duo_write(&duo, SERVER, 1000);
        duo_send(&duo, SERVER, ALL);
        duo.end[SERVER].wire_len -= 1;
        duo_end_wire(&duo, SERVER);
        duo_bring(&duo, CLIENT, ALL);
        assert_state(&duo, CLIENT, SLUICE_STATE_CONNECTED);
        assert_false(sluice_stream_wants_input(duo.end[CLIENT].stream));
        assert_int_equal(duo_inject(&duo, CLIENT, (const uint8_t *)"x", 1), 0);
        assert_true(duo_write(&duo, CLIENT, 10) == 10); /* the other direction is another matter */
        for (int i = 0; i < 4000; i++)
            assert_int_equal(duo_read(&duo, CLIENT, 1), 1);
        assert_int_equal(duo_read(&duo, CLIENT, 1), 0);
        assert_reason(&duo, CLIENT, SLUICE_END_TRUNCATED);
        assert_int_equal(duo_reason(&duo, CLIENT).phase, SLUICE_STATE_CONNECTED);
        assert_status(sluice_stream_receive_end(duo.end[CLIENT].stream), SLUICE_ENDED);
        duo_close(&duo);
    }
}

/* Our own close_notify does not excuse the peer's. */
static void test_truncation_after_our_close(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        assert_status(sluice_stream_shutdown(duo.end[CLIENT].stream), SLUICE_OK);
        duo_end_wire(&duo, SERVER);
        duo_settle(&duo);
        assert_reason(&duo, CLIENT, SLUICE_END_TRUNCATED);
        duo_close(&duo);
    }
}

/* -- early and odd ends --------------------------------------------------------------------------- */

static void test_shutdown_before_the_handshake_is_finished(void **state)
{
    (void)state;
    for (int started = 0; started < 3; started++) {
        SluiceStream *client;
        Duo duo;

        duo_open_host(&duo, client_config(0), server_config(0, ID_SERVER));
        client = duo.end[CLIENT].stream;
        if (started)
            duo_start(&duo);
        if (started == 2) {
            duo_send(&duo, CLIENT, ALL);
            duo_bring(&duo, SERVER, ALL);
            duo_send(&duo, SERVER, 100);
            duo_bring(&duo, CLIENT, ALL);
        }
        assert_status(sluice_stream_shutdown(client), SLUICE_OK);
        assert_closed(&duo, CLIENT, SLUICE_END_LOCAL_CLOSE);
        assert_status(sluice_stream_shutdown(client), SLUICE_OK);
        assert_int_equal(duo_read(&duo, CLIENT, 1), 0);
        assert_int_equal(duo_write(&duo, CLIENT, 1), 0);
        assert_true(sluice_stream_start(client, duo.now) != SLUICE_OK);
        assert_closed(&duo, CLIENT, SLUICE_END_LOCAL_CLOSE);
        if (started) {
            duo_end_wire(&duo, CLIENT);
            duo_settle(&duo);
            assert_state(&duo, SERVER, SLUICE_STATE_FAILED);
        }
        duo_close(&duo);
    }
}

/* A fatal alert is no close: it comes through as what it is, in either direction. */
static void test_a_failure_is_not_a_close(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        duo_write(&duo, CLIENT, 100);
        duo_send(&duo, CLIENT, ALL);
        duo.end[CLIENT].wire[20] ^= 1;
        duo_settle(&duo);
        assert_reason(&duo, SERVER, SLUICE_END_ALERT_SENT);
        assert_reason(&duo, CLIENT, SLUICE_END_ALERT_RECEIVED);
        assert_int_equal(duo_reason(&duo, CLIENT).alert, 20);
        assert_false(duo.end[SERVER].read_end);
        assert_false(duo.end[CLIENT].read_end);
        for (int i = 0; i < 2; i++) {
            assert_status(sluice_stream_shutdown(duo.end[i].stream), SLUICE_ENDED);
            assert_int_equal(duo_write(&duo, i, 1), 0);
        }
        duo_close(&duo);
    }
}

/* -- what is behind ------------------------------------------------------------------------------- */

static void test_the_rest(void **state)
{
    static const uint8_t next[] = "USER next protocol\r\n\x15\x03\x03 and more";

    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t late = 0; late < 2; late++) {
            uint8_t buffer[4096];
            const uint8_t *rest;
            size_t len;
            Duo duo;

            duo_open_connected(&duo, versions[v]);
            duo_write(&duo, SERVER, 500);
            assert_status(sluice_stream_shutdown(duo.end[SERVER].stream), SLUICE_OK);
            duo_send(&duo, SERVER, ALL);
            len = duo.end[SERVER].wire_len;
            memcpy(buffer, duo.end[SERVER].wire, len);
            memcpy(buffer + len, next, sizeof next);
            duo.end[SERVER].wire_len = 0;
            assert_false(sluice_stream_peek_rest(duo.end[CLIENT].stream, &rest, &(size_t){0}));
            duo_inject(&duo, CLIENT, buffer, len + sizeof next);
            assert_false(sluice_stream_peek_rest(duo.end[CLIENT].stream, &rest, &(size_t){0}));
            duo_read_all(&duo, CLIENT);
            assert_true(duo.end[CLIENT].read_end);
            assert_int_equal(duo.end[CLIENT].got, 500);
            if (late)
                (void)sluice_stream_shutdown(duo.end[CLIENT].stream);
            sluice_stream_release_buffers(duo.end[CLIENT].stream);
            assert_true(sluice_stream_peek_rest(duo.end[CLIENT].stream, &rest, &len));
            assert_int_equal(len, sizeof next);
            assert_memory_equal(rest, next, sizeof next);
            assert_int_equal(duo_inject(&duo, CLIENT, next, sizeof next),
                             0); /* all of it is not ours */
            duo_close(&duo);
        }
}

static void test_no_rest(void **state)
{
    const uint8_t *rest;
    size_t len = 5;
    Duo duo;

    (void)state;
    duo_open_connected(&duo, 0);
    assert_status(sluice_stream_shutdown(duo.end[SERVER].stream), SLUICE_OK);
    duo_settle(&duo);
    assert_false(sluice_stream_peek_rest(duo.end[CLIENT].stream, &rest, &len));
    duo_close(&duo);
}

/* TLS 1.2's peer answers a close_notify with its own at once (RFC 5246 section 7.2.1): OpenSSL's SSL_shutdown(). */
static void test_with_openssl(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int we_first = 0; we_first < 2; we_first++) {
            uint8_t byte;
            SluiceEnd end;
            Bare bare;

            bare_open(&bare, 0, versions[v], ID_CLIENT);
            bare_connect(&bare);
            bare_assert_talks(&bare);
            if (we_first)
                assert_status(sluice_stream_shutdown(bare.stream), SLUICE_OK);
            else
                assert_int_equal(SSL_shutdown(bare.ssl), 0);
            bare_pass(&bare);
            if (we_first) {
                assert_int_equal(SSL_read(bare.ssl, &byte, 1), 0);
                assert_int_equal(SSL_get_shutdown(bare.ssl), SSL_RECEIVED_SHUTDOWN);
                assert_int_equal(SSL_shutdown(bare.ssl), 1);
            } else {
                assert_status(sluice_stream_read(bare.stream, &byte, 1, &(size_t){0}),
                              SLUICE_END_OF_STREAM);
                assert_status(sluice_stream_shutdown(bare.stream), SLUICE_OK);
            }
            bare_pass(&bare);
            assert_status(sluice_stream_read(bare.stream, &byte, 1, &(size_t){0}),
                          SLUICE_END_OF_STREAM);
            if (!we_first)
                assert_int_equal(SSL_shutdown(bare.ssl), 1);
            assert_string_equal(sluice_state_name(sluice_stream_get_state(bare.stream)), "closed");
            assert_status(sluice_stream_get_end(bare.stream, &end), SLUICE_OK);
            assert_int_equal(end.reason,
                             we_first ? SLUICE_END_LOCAL_CLOSE : SLUICE_END_CLOSE_NOTIFY);
            bare_close(&bare);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_close_behind_a_full_output),
        cmocka_unit_test(test_truncation_everywhere),
        cmocka_unit_test(test_what_came_before),
        cmocka_unit_test(test_truncation_after_our_close),
        cmocka_unit_test(test_shutdown_before_the_handshake_is_finished),
        cmocka_unit_test(test_a_failure_is_not_a_close),
        cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_no_rest),
        cmocka_unit_test(test_with_openssl),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
