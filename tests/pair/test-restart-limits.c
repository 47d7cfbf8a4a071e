/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what comes under the old keys is taken as long as the config says, and no longer; what waits for a new
 * association that is not verified is bounded as the inbox is. */

#include "restarts.h"

static size_t protect(Pair *pair, int end, uint16_t sequence, uint8_t *packet)
{
    size_t len = pair_make_media(packet, SLUICE_KIND_RTP, 5, sequence, 0x33, 40);

    assert_status(sluice_transport_protect(pair->end[end].transport, SLUICE_KIND_RTP, packet, &len,
                                           60 + SLUICE_PROTECT_ROOM),
                  SLUICE_OK);
    return len;
}

/* A packet that was under way for two seconds. */
static void test_overlap(void **state)
{
    static const SluiceTime overlaps[] = {500 * MS, 5 * SECOND};

    (void)state;
    for (int i = 0; i < 2; i++)
        for (int damaged = 0; damaged < 2; damaged++) {
            SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
            _Alignas(4) uint8_t packet[60 + SLUICE_PROTECT_ROOM];
            SluiceKind kind;
            size_t len;
            Pair pair;

            assert_status(sluice_config_set_overlap(a, overlaps[i]), SLUICE_OK);
            assert_status(sluice_config_set_overlap(b, overlaps[i]), SLUICE_OK);
            open_with(&pair, a, b);
            connect_within(&pair, SECOND);
            len = protect(&pair, CLIENT, 7, packet);
            announce(&pair, SERVER, SLUICE_ROLE_SERVER);
            announce(&pair, CLIENT, SLUICE_ROLE_CLIENT);
            run_to_generations(&pair, 2, 2, 3 * SECOND);
            pair_run(&pair, 2 * SECOND);
            packet[20] ^= (uint8_t)damaged;
            assert_status(sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), packet,
                                                   &len, &kind),
                          i && !damaged ? SLUICE_OK : SLUICE_DROPPED_UNAUTHENTIC);
            if (i && !damaged)
                assert_int_equal(sluice_transport_get_media_generation(pair.end[SERVER].transport),
                                 1);
            assert_talks(&pair);
            pair_close(&pair);
        }
}

/* The new peer speaks before anybody has said who it is. */
static void test_unverified_media_is_bounded(void **state)
{
    SluiceConfig *server = new_config(SERVER);
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_inbox_limits(server, 4, 131072, 256, 1048576), SLUICE_OK);
    open_with(&pair, new_config(CLIENT), server);
    connect_within(&pair, SECOND);
    assert_status(sluice_transport_restart(pair.end[SERVER].transport, vclock_now(),
                                           SLUICE_ROLE_SERVER, NULL, 0),
                  SLUICE_OK);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    pair_run(&pair, 200 * MS);
    for (uint16_t i = 1; i <= 20; i++)
        assert_status(pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 5, i, 0x22, 40), SLUICE_OK);
    pair_run(&pair, 100 * MS);
    assert_int_equal(pair.end[SERVER].n_messages, 0);
    assert_int_equal(pair.end[SERVER].last_status, SLUICE_DROPPED_FULL);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_inbox_full, 16);
    assert_status(pair_know(&pair, SERVER), SLUICE_OK);
    pair_drain(&pair, SERVER);
    run_to_generations(&pair, 2, 2, 2 * SECOND);
    assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 4);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_unverified_media_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
