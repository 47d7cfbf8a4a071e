/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the first part of a ClientHello that never becomes whole keeps nobody out. It made an association that has sent
 * nothing, so no timer of it ran, and it counted as a handshake under way for good: one forged datagram of 60 bytes before the
 * honest ClientHello, and that was refused until the deadline (RFC 6347 section 4.2.8; SPF-04). */

#include "restarts.h"

/* Of a message that is @length long there are @len bytes. */
static size_t cut_hello(uint8_t *hello, uint32_t length, size_t len)
{
    hello[11] = 0;
    hello[12] = (uint8_t)(12 + len);
    hello[15] = (uint8_t)(length >> 8);
    hello[16] = (uint8_t)length;
    hello[23] = 0;
    hello[24] = (uint8_t)len;
    return 25 + len;
}

static void give(Pair *pair, uint8_t *data, size_t len)
{
    SluiceKind kind;

    assert_status(
        sluice_transport_receive(pair->end[SERVER].transport, vclock_now(), data, &len, &kind),
        SLUICE_OK);
    pair_drain(pair, SERVER);
}

static void begin(Pair *pair, int live, uint8_t *hello, size_t len)
{
    open_default(pair);
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
        pair_know(pair, end);
    }
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    if (live) {
        pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_true(pair_run_until(pair, pair_both_connected, vclock_now() + SECOND));
    }
    give(pair, hello, len);
    if (live) { /* what is said to the stranger reaches one who has not asked */
        pair_run(pair, 20 * MS);
        pair_reboot(pair, CLIENT);
    }
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
}

/* Before the honest ClientHello, of whatever length it says it is; and beside a live association, where the head of a
 * stranger is asked for a cookie like anybody. */
static void test_of_a_stranger(void **state)
{
    static const uint32_t lengths[] = {200, 2817, 16384};

    (void)state;
    for (int live = 0; live < 2; live++)
        for (int i = 0; i < 3; i++) {
            uint8_t hello[1500];
            size_t len;
            Pair pair;

            strange_hello(CLIENT, hello);
            len = cut_hello(hello, lengths[i], 60);
            begin(&pair, live, hello, len);
            if (!pair_run_until(&pair, pair_both_connected, vclock_now() + 2 * SECOND))
                fail_msg("live %d, length %u: client %s, server %s, %u asked", live, lengths[i],
                         sluice_state_name(pair_state(&pair, CLIENT)),
                         sluice_state_name(pair_state(&pair, SERVER)),
                         (unsigned)pair_stats(&pair, SERVER).hello_verify_requests);
            assert_status(pair_send_data(&pair, CLIENT, "here", 4), SLUICE_OK);
            pair_run(&pair, 20 * MS);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* The twin: the rest of an honest one is on its way, and a stranger's ClientHello does not disturb it. */
static void test_of_the_client(void **state)
{
    (void)state;
    for (SluiceTime after = 100 * MS; after < SECOND; after += 400 * MS) {
        uint8_t first[1500], stranger[1500];
        size_t len = strange_hello(CLIENT, first), strange_len = strange_hello(CLIENT, stranger);
        uint32_t length = (uint32_t)first[15] << 8 | first[16];
        Pair pair;

        assert_true(length == len - 25);
        change_random(stranger, 77);
        open_default(&pair);
        sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        len = cut_hello(first, length, 60);
        give(&pair, first, len);
        pair_run(&pair, after);
        (void)sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), stranger,
                                       &strange_len, &(SluiceKind){0});
        pair_drain(&pair, SERVER);
        assert_int_equal(pair.end[SERVER].n_sent, 0);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_stranger),
        cmocka_unit_test(test_of_the_client),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
