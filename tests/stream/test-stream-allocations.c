/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a record costs no allocation once a stream runs, and an idle stream gives its buffers back and goes on. */

#include "bare.h"

#include <openssl/err.h>

/* -- none per record ------------------------------------------------------------------------------ */

#define RECORDS 300

static uint8_t data[16384], buffer[32768];

/* OpenSSL's own calls of malloc() for records that it writes and reads itself, in a connection as ours. Some
 * versions need two small ones to frame a record (its packet.c); more than by itself it must not need under us. */
static uint64_t calls_of_openssl(Bare *bare, size_t len)
{
    uint64_t before, calls = 0;
    size_t n;

    for (int i = 0; i < RECORDS; i++) {
        before = alloc_count().openssl_calls;
        assert_int_equal(SSL_write(bare->ssl, data, (int)len), (int)len);
        calls += alloc_count().openssl_calls - before;
        bare_pass(bare);
        assert_status(sluice_stream_read(bare->stream, buffer, sizeof buffer, &n), SLUICE_OK);
        assert_status(sluice_stream_write(bare->stream, data, len, &n), SLUICE_OK);
        bare_pass(bare);
        before = alloc_count().openssl_calls;
        assert_int_equal(SSL_read(bare->ssl, buffer, sizeof buffer), (int)len);
        assert_true(SSL_read(bare->ssl, buffer, sizeof buffer) < 0);
        ERR_clear_error();
        calls += alloc_count().openssl_calls - before;
    }
    return calls;
}

static void move_records(SluiceStream *from, SluiceStream *to, size_t len)
{
    const uint8_t *out;
    size_t n, out_len;

    for (int i = 0; i < RECORDS; i++) {
        assert_status(sluice_stream_write(from, data, len, &n), SLUICE_OK);
        assert_true(sluice_stream_peek_output(from, &out, &out_len));
        assert_status(sluice_stream_receive(to, out, out_len, &n), SLUICE_OK);
        assert_status(sluice_stream_pop_output(from, out_len), SLUICE_OK);
        assert_status(sluice_stream_read(to, buffer, sizeof buffer, &n), SLUICE_OK);
        assert_int_equal(n, len);
        assert_status(sluice_stream_read(to, buffer, sizeof buffer, &n), SLUICE_WOULD_BLOCK);
    }
}

static void test_no_allocation_per_record(void **state)
{
    static const size_t lens[] = {1, 1000, 16384};

    (void)state;
    for (int v = 0; v < 2; v++) {
        SluiceStream *ends[2];
        Bare bare;
        Duo duo;

        bare_open(&bare, 1, versions[v], ID_SERVER);
        bare_connect(&bare);
        (void)calls_of_openssl(&bare, 16384);
        duo_open_connected(&duo, versions[v]);
        for (int i = 0; i < 2; i++)
            ends[i] = duo.end[i].stream;
        for (int i = 0; i < 2; i++) /* they have grown to what they need */
            move_records(ends[i], ends[!i], 16384);
        for (int i = 0; i < 6; i++) {
            uint64_t allowed = calls_of_openssl(&bare, lens[i / 2]);
            AllocCount before = alloc_count(), after;

            move_records(ends[i % 2], ends[!(i % 2)], lens[i / 2]);
            after = alloc_count();
            assert_int_equal(after.own_calls - before.own_calls, 0);
            assert_true(after.openssl_calls - before.openssl_calls <= allowed);
            assert_int_equal(after.openssl_bytes, before.openssl_bytes);
        }
        duo_close(&duo);
        bare_close(&bare);
    }
}

/* Nor while nothing moves. */
static void test_no_allocation_for_nothing(void **state)
{
    uint8_t byte;
    const uint8_t *out;
    AllocCount before, after;
    size_t n;
    Duo duo;

    (void)state;
    duo_open_connected(&duo, 0);
    duo_assert_talks(&duo, 100);
    before = alloc_count();
    for (int i = 0; i < 100; i++) {
        (void)sluice_stream_read(duo.end[CLIENT].stream, &byte, 1, &n);
        (void)sluice_stream_write(duo.end[CLIENT].stream, &byte, 0, &n);
        (void)sluice_stream_receive(duo.end[CLIENT].stream, &byte, 0, &n);
        (void)sluice_stream_peek_output(duo.end[CLIENT].stream, &out, &n);
        (void)sluice_stream_pop_output(duo.end[CLIENT].stream, 0);
        (void)sluice_stream_writable(duo.end[CLIENT].stream);
    }
    after = alloc_count();
    assert_int_equal(after.own_calls - before.own_calls, 0);
    assert_int_equal(after.openssl_calls - before.openssl_calls, 0);
    duo_close(&duo);
}

/* -- idle streams --------------------------------------------------------------------------------- */

static int64_t bytes_in_use(void)
{
    AllocCount count = alloc_count();

    return count.own_bytes + count.openssl_bytes;
}

static void test_released_buffers(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        int64_t before;
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        for (int i = 0; i < 5; i++) {
            duo_assert_talks(&duo, 100000);
            before = bytes_in_use();
            sluice_stream_release_buffers(duo.end[CLIENT].stream);
            sluice_stream_release_buffers(duo.end[SERVER].stream);
            assert_true(before - bytes_in_use() > 2 * 2 * 16384);
            sluice_stream_release_buffers(duo.end[CLIENT].stream);
        }
        duo_close(&duo);
    }
}

/* With something in them they stay, or what is in them does: half a record, a record half read, output half sent. */
static void test_released_in_the_middle(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t cut = 0; cut < 400; cut += 3) {
            Duo duo;

            duo_open_connected(&duo, versions[v]);
            duo_write(&duo, SERVER, 300);
            duo_write(&duo, SERVER, 300);
            duo_send(&duo, SERVER, cut ? cut : 1);
            sluice_stream_release_buffers(duo.end[SERVER].stream);
            duo_bring(&duo, CLIENT, ALL);
            duo_read(&duo, CLIENT, 1 + cut / 3);
            sluice_stream_release_buffers(duo.end[CLIENT].stream);
            duo_write(&duo, CLIENT, 50);
            sluice_stream_release_buffers(duo.end[CLIENT].stream);
            duo_read(&duo, CLIENT, 10);
            duo_settle(&duo);
            duo_assert_complete(&duo);
            duo_close(&duo);
        }
}

/* In every state, and followed by every call that may need them. */
static void test_released_in_any_state(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int then = 0; then < 5; then++) {
            SluiceStream *client;
            Duo duo;

            duo_open_host(&duo, client_config(versions[v]), server_config(versions[v], ID_SERVER));
            client = duo.end[CLIENT].stream;
            sluice_stream_set_verify(client, SLUICE_VERIFY_ASK);
            sluice_stream_release_buffers(client);
            duo_start(&duo);
            sluice_stream_release_buffers(client);
            duo_send(&duo, CLIENT, ALL);
            duo_bring(&duo, SERVER, ALL);
            duo_send(&duo, SERVER, ALL);
            duo_bring(&duo, CLIENT, 200);
            sluice_stream_release_buffers(client);
            duo_pass(&duo);
            sluice_stream_release_buffers(client);
            assert_status(sluice_stream_accept_peer(client, then != 4), SLUICE_OK);
            sluice_stream_release_buffers(client);
            if (then == 0)
                duo_write(&duo, CLIENT, 10);
            else if (then == 1)
                (void)sluice_stream_update_keys(client, 1);
            else if (then == 2)
                assert_status(sluice_stream_shutdown(client), SLUICE_OK);
            else if (then == 3)
                duo_write(&duo, SERVER, 10);
            sluice_stream_release_buffers(client);
            duo_settle(&duo);
            if (then != 4)
                duo_assert_complete(&duo);
            sluice_stream_release_buffers(client);
            duo_close(&duo);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_allocation_per_record),
        cmocka_unit_test(test_no_allocation_for_nothing),
        cmocka_unit_test(test_released_buffers),
        cmocka_unit_test(test_released_in_the_middle),
        cmocka_unit_test(test_released_in_any_state),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
