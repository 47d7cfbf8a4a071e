/* SPDX-License-Identifier: BSD-3-Clause */

/* The bug: one datagram of 13 to 36 bytes from anybody who knows the addresses ended a live
 * association. OpenSSL 3.0.19 (3.0.22 no more) answers a record that is shorter than what AES-GCM adds to
 * each (24 bytes) with a fatal internal_error, before it looks for a tag. The guard's minimum was
 * that of ChaCha20-Poly1305, 17. */

#include "common.h"
#include "config.h"
#include "dtls.h"

#include <openssl/ssl.h>

#include <stdio.h>

static const char *const ciphers[] = {"ECDHE+AESGCM", "ECDHE+CHACHA20"};

static void open_with_cipher(Pair *pair, const char *cipher)
{
    SluiceConfig *config = new_config(CLIENT);

    assert_non_null(sl_config_freeze(config, sl_dtls_install));
    assert_int_equal(SSL_CTX_set_cipher_list(config->ctx, cipher), 1);
    open_with(pair, config, new_config(SERVER));
}

/* Records of epoch 1 of every type and of each length up to 41, each in a datagram of its own, to both
 * ends. */
static void inject_all(Pair *pair)
{
    uint8_t record[13 + 41] = {0, 0xfe, 0xfd, 0, 1, 0xff};

    for (uint8_t type = 20; type <= 24; type++)
        for (size_t len = 0; len <= 41; len++) {
            record[0] = type;
            record[12] = (uint8_t)len;
            for (int end = 0; end < 2; end++)
                link_inject(&pair->end[end].link, vclock_now(), record, 13 + len);
        }
}

static void test_once_connected(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        Pair pair;

        open_with_cipher(&pair, ciphers[i]);
        connect_within(&pair, SECOND);
        inject_all(&pair);
        pair_run(&pair, SECOND);
        assert_true(pair_stats(&pair, SERVER).dropped_malformed > 0);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* At each moment of the handshake, also before a cipher is chosen. */
static void test_in_the_handshake(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int moment = 0; moment < 8; moment++) {
            Pair pair;

            open_with_cipher(&pair, ciphers[i]);
            pair_start_both(&pair);
            for (int step = 0; step < moment; step++)
                pair_step(&pair, vclock_now() + SECOND);
            inject_all(&pair);
            pair_run(&pair, 5 * SECOND);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* The twin: the shortest genuine record of each cipher, one byte of data, passes. */
static void test_shortest_genuine(void **state)
{
    static const size_t added[] = {24, 16};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        Pair pair;
        size_t sent;

        open_with_cipher(&pair, ciphers[i]);
        connect_within(&pair, SECOND);
        for (int end = 0; end < 2; end++) {
            sent = pair.end[end].n_sent;
            assert_status(pair_send_data(&pair, end, "x", 1), SLUICE_OK);
            assert_int_equal(pair.end[end].n_sent, sent + 1);
            assert_int_equal(pair.end[end].sent[sent].len, 13 + added[i] + 1);
        }
        pair_run(&pair, SECOND);
        assert_int_equal(pair.end[CLIENT].n_messages, 1);
        assert_int_equal(pair.end[SERVER].n_messages, 1);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_connected),
        cmocka_unit_test(test_in_the_handshake),
        cmocka_unit_test(test_shortest_genuine),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
