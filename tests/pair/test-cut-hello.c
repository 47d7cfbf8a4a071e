/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the first part of a ClientHello that never becomes whole keeps nobody out. It made an association that has sent
 * nothing, so no timer of it ran, and it counted as a handshake under way for good: one forged datagram of 60 bytes before the
 * honest ClientHello, and that was refused until the deadline (RFC 6347 section 4.2.8; SPF-04). */

#include "forged.h"
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

/* Bytes @from to @to of the message in a record of its own. */
static size_t part_of(const uint8_t *hello, size_t from, size_t to, uint8_t *out)
{
    memcpy(out, hello, 25);
    out[11] = (uint8_t)((12 + to - from) >> 8);
    out[12] = (uint8_t)(12 + to - from);
    out[20] = (uint8_t)(from >> 8);
    out[21] = (uint8_t)from;
    out[23] = (uint8_t)((to - from) >> 8);
    out[24] = (uint8_t)(to - from);
    memcpy(out + 25, hello + 25 + from, to - from);
    return 25 + to - from;
}

/* A ClientHello with a cookie in two parts, the later one first. */
static int split_and_swap(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    uint8_t part[1500];
    Pair *pair = context;

    (void)number;
    if (data[0] != 22 || data[13] != 1 || data[18] != 1)
        return 1;
    inject_bytes(pair, SERVER, now + 10 * MS, part, part_of(data, 90, len - 25, part));
    inject_bytes(pair, SERVER, now + 11 * MS, part, part_of(data, 0, 90, part));
    return 0;
}

/* They wait for the head, also at a server that has a live association (RFC 6347 section 4.2.3). */
static void test_parts_that_overtake(void **state)
{
    (void)state;
    for (int live = 0; live < 2; live++) {
        SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
        Pair pair;

        sluice_config_set_allow_unvalidated(a, 1);
        sluice_config_set_allow_unvalidated(b, 1);
        open_with(&pair, a, b);
        pair_know(&pair, CLIENT);
        pair_know(&pair, SERVER);
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        if (live) {
            pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
            assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
            pair_reboot(&pair, CLIENT);
        }
        pair.end[CLIENT].link.filter = split_and_swap;
        pair.end[CLIENT].link.filter_context = &pair;
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 100 * MS));
        assert_status(pair_send_data(&pair, CLIENT, "here", 4), SLUICE_OK);
        pair_run(&pair, 20 * MS);
        assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* Who has given DTLS up hears nobody any more. */
static void test_after_the_end_of_dtls(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(CLIENT, hello);
    SluiceKind kind;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_status(sluice_transport_end_dtls(pair.end[SERVER].transport, vclock_now()), SLUICE_OK);
    for (int i = 0; i < 2; i++) {
        assert_status(
            sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), hello, &len, &kind),
            SLUICE_DROPPED_UNEXPECTED);
        pair_run(&pair, 31 * SECOND); /* at the latest then it is freed */
    }
    assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, 0);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_stranger),
        cmocka_unit_test(test_of_the_client),
        cmocka_unit_test(test_parts_that_overtake),
        cmocka_unit_test(test_after_the_end_of_dtls),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
