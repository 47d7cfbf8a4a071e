/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what a transport has no use for is dropped and counted, and costs it nothing: media at one that has no SRTP, media of
 * a stranger before there are keys, datagrams larger than any record. */

#include "common.h"

static SluiceStatus give(Pair *pair, int end, const uint8_t *data, size_t len)
{
    uint8_t *copy = test_malloc(len);
    SluiceStatus status;
    SluiceKind kind;

    memcpy(copy, data, len);
    status = sluice_transport_receive(pair->end[end].transport, vclock_now(), copy, &len, &kind);
    test_free(copy);
    return status;
}

static void test_media_without_srtp(void **state)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    uint8_t packet[100];
    size_t len = pair_make_media(packet, SLUICE_KIND_RTP, 5, 1, 0x11, 40);
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_srtp_profiles(a, NULL, 0), SLUICE_OK);
    assert_status(sluice_config_set_srtp_profiles(b, NULL, 0), SLUICE_OK);
    open_with(&pair, a, b);
    assert_status(give(&pair, SERVER, packet, len), SLUICE_DROPPED_UNEXPECTED);
    connect_within(&pair, SECOND);
    assert_status(give(&pair, SERVER, packet, len), SLUICE_DROPPED_UNEXPECTED);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_unexpected, 2);
    assert_int_equal(pair_stats(&pair, SERVER).held, 0);
    assert_status(pair_send_data(&pair, CLIENT, "data", 4), SLUICE_OK);
    pair_run(&pair, 20 * MS);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_DATA), 1);
    pair_close(&pair);
}

/* Its twin, from a path that is validated, is kept for the keys. */
static void test_media_of_a_stranger(void **state)
{
    uint8_t packet[100];
    size_t len = pair_make_media(packet, SLUICE_KIND_RTP, 5, 1, 0x11, 40);
    Pair pair;

    (void)state;
    open_default(&pair);
    assert_status(give(&pair, SERVER, packet, len), SLUICE_DROPPED_UNVALIDATED);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_unvalidated, 1);
    assert_int_equal(pair_stats(&pair, SERVER).held, 0);
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
    assert_status(give(&pair, SERVER, packet, len), SLUICE_OK);
    assert_int_equal(pair_stats(&pair, SERVER).held, 1);
    connect_within(&pair, SECOND);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_no_record_is_as_long(void **state)
{
    static const uint8_t head[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0x42, 0};
    uint8_t *large = test_malloc(20000);
    Pair pair;

    (void)state;
    memset(large, 0, 20000);
    memcpy(large, head, sizeof head);
    open_default(&pair);
    sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
    assert_status(give(&pair, SERVER, large, 16897), SLUICE_DROPPED_MALFORMED);
    connect_within(&pair, SECOND);
    assert_status(give(&pair, SERVER, large, 16897), SLUICE_DROPPED_MALFORMED);
    assert_status(give(&pair, SERVER, large, 20000), SLUICE_DROPPED_MALFORMED);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_malformed, 3);
    assert_talks(&pair);
    test_free(large);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_without_srtp),
        cmocka_unit_test(test_media_of_a_stranger),
        cmocka_unit_test(test_no_record_is_as_long),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
