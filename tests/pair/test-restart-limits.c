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

#define SEALED 330
#define SEALED_MAX (60 + SLUICE_PROTECT_ROOM)

typedef enum {
    OLD_KEYS,          /* the server goes on by the old keys, and by these alone */
    OLD_KEYS_A_PAUSE,  /* ... but for a pause as long as the overlap */
    OLD_KEYS_REPLAYED, /* somebody sends again what came last */
    OLD_KEYS_FLIPPED,  /* somebody flips bits */
    OLD_KEYS_AND_NEW   /* it has changed, and old ones are still coming */
} Speech;

/* The packet that is due every tenth of a second, sealed before the restart. 1: it was taken. */
static int take_sealed(Pair *pair, const uint8_t *sealed, size_t len, int flip)
{
    _Alignas(4) uint8_t packet[SEALED_MAX];
    SluiceKind kind;

    memcpy(packet, sealed, len);
    packet[20] ^= (uint8_t)flip;
    return sluice_transport_receive(pair->end[CLIENT].transport, vclock_now(), packet, &len,
                                    &kind) == SLUICE_OK;
}

/* Returns how long the client, which has changed, takes what comes by the old keys: until the first that it refuses. */
static SluiceTime old_keys_last(Speech speech)
{
    static _Alignas(4) uint8_t sealed[SEALED][SEALED_MAX];
    size_t len = 0;
    SluiceTime begun;
    int i = 0, taken = 1;
    Pair pair;

    open_connected(&pair);
    for (int n = 0; n < SEALED; n++)
        len = protect(&pair, SERVER, (uint16_t)(n + 1), sealed[n]);
    announce(&pair, SERVER, SLUICE_ROLE_SERVER);
    announce(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    while (pair_stats(&pair, CLIENT).generation != 2)
        assert_true(pair_step(&pair, vclock_now() + SECOND));
    begun = vclock_now();
    for (; taken && i < SEALED; i++) {
        if (speech == OLD_KEYS_AND_NEW && i == 5) {
            pair_run(&pair, SECOND); /* by now the server has changed */
            assert_status(pair_send_media(&pair, SERVER, SLUICE_KIND_RTP, 6, 1, 1, 20), SLUICE_OK);
        }
        pair_run(&pair, speech == OLD_KEYS_A_PAUSE && i == 10 ? 2100 * MS : 100 * MS);
        if ((speech == OLD_KEYS_REPLAYED || speech == OLD_KEYS_FLIPPED) && i > 0 && i < 25)
            assert_false(take_sealed(&pair, sealed[speech == OLD_KEYS_REPLAYED ? 0 : i], len,
                                     speech == OLD_KEYS_FLIPPED));
        else
            taken = take_sealed(&pair, sealed[i], len, 0);
    }
    begun = vclock_now() - begun;
    if (speech == OLD_KEYS_AND_NEW)
        assert_int_equal(pair_count(&pair, CLIENT, SLUICE_KIND_RTP), 1);
    assert_talks(&pair);
    pair_run(&pair, 2 * SECOND);
    for (int end = 0; end < 2; end++)
        assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport), SLUICE_TIME_NEVER);
    pair_close(&pair);
    return begun;
}

/* A client keeps the old keys as long as its server speaks by nothing else, each time for the overlap of 2 s, but not beyond
 * the deadline of a handshake; and nobody who has not the keys makes it keep them. */
static void test_old_keys_while_the_server_has_no_others(void **state)
{
    static const struct {
        Speech speech;
        SluiceTime from, to;
    } cases[] = {{OLD_KEYS, 29900 * MS, 30200 * MS},
                 {OLD_KEYS_A_PAUSE, 3100 * MS, 3300 * MS},
                 {OLD_KEYS_REPLAYED, 2400 * MS, 2700 * MS},
                 {OLD_KEYS_FLIPPED, 2400 * MS, 2700 * MS},
                 {OLD_KEYS_AND_NEW, 2400 * MS, 2700 * MS}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SluiceTime lasted = old_keys_last(cases[i].speech);

        if (lasted < cases[i].from || lasted > cases[i].to)
            fail_msg("case %d: they last for %d ms", (int)i, (int)(lasted / MS));
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
        cmocka_unit_test(test_old_keys_while_the_server_has_no_others),
        cmocka_unit_test(test_unverified_media_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
