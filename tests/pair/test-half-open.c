/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: no more handshakes that strangers have begun wait for their peer than the config says, in all and of one source.
 * A ClientHello too many makes nothing and takes nothing, and stalls nobody: when its client sends it again it gets in
 * as soon as there is room. */

#include "forged.h"
#include "restarts.h"

static SluiceConfig *limited(unsigned handshakes, unsigned of_one_source, int allow_unvalidated)
{
    SluiceConfig *config = new_config(SERVER);

    assert_status(sluice_config_set_half_open_limits(config, handshakes, of_one_source), SLUICE_OK);
    assert_status(sluice_config_set_allow_unvalidated(config, allow_unvalidated), SLUICE_OK);
    return config;
}

/* A transport that waits for anybody on a validated path. */
static SluiceTransport *waiting(SluiceConfig *config)
{
    SluiceTransport *self = sluice_transport_new(config);

    assert_non_null(self);
    sluice_transport_set_path_validated(self, vclock_now(), 1);
    assert_status(sluice_transport_start(self, vclock_now(), SLUICE_ROLE_AUTO), SLUICE_OK);
    return self;
}

static SluiceStatus take_hello(SluiceTransport *self)
{
    uint8_t hello[1500];
    size_t len = strange_hello(CLIENT, hello);
    SluiceKind kind;

    return sluice_transport_receive(self, vclock_now(), hello, &len, &kind);
}

static int answers(SluiceTransport *self)
{
    const uint8_t *data;
    size_t len;

    return sluice_transport_peek_output(self, &data, &len);
}

static SluiceStats stats_of(SluiceTransport *self)
{
    SluiceStats stats;

    assert_status(sluice_transport_get_stats(self, &stats, sizeof stats), SLUICE_OK);
    return stats;
}

/* One too many: no answer, no role, no timer, nothing kept. When one of the others has come to its end it gets in. */
static void test_one_too_many(void **state)
{
    enum { N = 4 };
    SluiceConfig *config = limited(N, N, 0);
    SluiceTransport *others[N], *last = waiting(config);
    AllocCount before, after;

    (void)state;
    for (int i = 0; i < N; i++) {
        assert_int_equal(sluice_config_get_half_open(config), i);
        others[i] = waiting(config);
        assert_status(take_hello(others[i]), SLUICE_OK);
        assert_true(answers(others[i]));
        assert_int_equal(stats_of(others[i]).dropped_half_open, 0);
    }
    before = alloc_count();
    for (unsigned i = 1; i <= 100; i++) {
        assert_status(take_hello(last), SLUICE_DROPPED_FULL);
        assert_int_equal(stats_of(last).dropped_half_open, i);
    }
    after = alloc_count();
    assert_true(after.own_bytes == before.own_bytes);
    assert_true(after.openssl_bytes == before.openssl_bytes);
    assert_false(answers(last));
    assert_int_equal(sluice_transport_get_state(last), SLUICE_STATE_LISTENING);
    assert_int_equal(sluice_transport_next_timeout(last), SLUICE_TIME_NEVER);
    assert_int_equal(sluice_config_get_half_open(config), N);
    vclock_advance(30 * SECOND);
    assert_status(sluice_transport_handle_timeout(others[0], vclock_now()), SLUICE_ENDED);
    assert_int_equal(sluice_config_get_half_open(config), N - 1);
    assert_status(take_hello(last), SLUICE_OK);
    assert_true(answers(last));
    assert_int_equal(sluice_config_get_half_open(config), N);
    for (int i = 0; i < N; i++)
        sluice_transport_free(others[i]);
    assert_status(sluice_transport_close(last, vclock_now()), SLUICE_OK);
    assert_int_equal(sluice_config_get_half_open(config), 0);
    sluice_transport_free(last);
    sluice_config_unref(config);
}

/* The client of a genuine call that met the limit gets in by itself, at the first copy after there is room: with a cookie,
 * which was not spent, and without. */
static void test_nobody_is_stalled(void **state)
{
    (void)state;
    for (int cookie = 0; cookie < 2; cookie++) {
        SluiceConfig *a = new_config(CLIENT), *b = limited(1, 1, 1);
        SluiceTransport *other = waiting(b);
        SluiceTime room_at;
        Pair pair;

        assert_status(take_hello(other), SLUICE_OK);
        sluice_config_set_allow_unvalidated(a, 1);
        open_with(&pair, a, b);
        for (int end = 0; end < 2; end++) {
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), !cookie);
            pair_know(&pair, end);
        }
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_start(&pair, SERVER, SLUICE_ROLE_AUTO);
        pair_run(&pair, 5 * SECOND);
        assert_state(&pair, CLIENT, SLUICE_STATE_CONNECTING);
        assert_state(&pair, SERVER, SLUICE_STATE_LISTENING);
        assert_true(pair_stats(&pair, SERVER).dropped_half_open >= 5);
        /* A client that has waited long begins anew: it may have been asked by somebody else. */
        assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests > 0, cookie);
        sluice_transport_free(other);
        room_at = vclock_now();
        /* Its timer is at 4 s by now. */
        assert_true(pair_run_until(&pair, pair_both_connected, room_at + 4100 * MS));
        assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests > 0, cookie);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

/* Who is verified does not count, and neither does who is freed half-way. */
static void test_verified_ones_do_not_count(void **state)
{
    enum { CALLS = 3 };
    SluiceConfig *config = limited(1, 1, 0);
    Pair pairs[CALLS];

    (void)state;
    for (int i = 0; i < CALLS; i++) {
        open_with(&pairs[i], new_config(CLIENT), sluice_config_ref(config));
        pair_start_both(&pairs[i]);
        pair_run(&pairs[i], 15 * MS);
        assert_int_equal(sluice_config_get_half_open(config), 1);
        if (i == 1) {
            pair_close(&pairs[i]);
            assert_int_equal(sluice_config_get_half_open(config), 0);
            continue;
        }
        assert_true(pair_run_until(&pairs[i], pair_both_connected, pairs[i].begun + 50 * MS));
        assert_int_equal(sluice_config_get_half_open(config), 0);
        assert_int_equal(pair_stats(&pairs[i], SERVER).dropped_half_open, 0);
    }
    assert_talks(&pairs[0]);
    assert_talks(&pairs[2]);
    pair_close(&pairs[0]);
    pair_close(&pairs[2]);
    sluice_config_unref(config);
}

/* Finished, but who the peer must be is not known: it counts until that is, and if it is somebody else it is over. */
static void test_the_unverified_count(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        SluiceConfig *config = limited(1, 1, 0);
        SluiceFingerprint other = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
        Pair pair;

        open_with(&pair, new_config(CLIENT), config);
        sluice_transport_set_path_validated(pair.end[CLIENT].transport, vclock_now(), 1);
        sluice_transport_set_path_validated(pair.end[SERVER].transport, vclock_now(), 1);
        pair_know(&pair, CLIENT);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        pair_run(&pair, SECOND);
        assert_state(&pair, SERVER, SLUICE_STATE_UNVERIFIED);
        assert_int_equal(sluice_config_get_half_open(config), 1);
        if (wrong)
            sluice_transport_set_remote_fingerprints(pair.end[SERVER].transport, vclock_now(),
                                                     &other, 1);
        else
            pair_know(&pair, SERVER);
        assert_state(&pair, SERVER, wrong ? SLUICE_STATE_FAILED : SLUICE_STATE_CONNECTED);
        assert_int_equal(sluice_config_get_half_open(config), 0);
        pair_close(&pair);
    }
}

/* An association beside a live one counts, too; when there is no room the live one does not notice, and the peer that has
 * come back gets in later. */
static void test_beside_a_live_one(void **state)
{
    SluiceConfig *config = limited(1, 1, 0);
    SluiceTransport *other;
    Pair pair;

    (void)state;
    open_with(&pair, new_config(CLIENT), config);
    connect_within(&pair, 100 * MS);
    other = waiting(config);
    assert_status(take_hello(other), SLUICE_OK);
    assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
    pair_run(&pair, 2 * SECOND);
    assert_true(pair_stats(&pair, SERVER).dropped_half_open > 0);
    assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
    assert_talks(&pair);
    sluice_transport_free(other);
    run_to_generations(&pair, 2, 2, 10 * SECOND);
    assert_int_equal(sluice_config_get_half_open(config), 0);
    assert_talks(&pair);
    pair_close(&pair);
}

/* A peer that comes back amid its handshake takes the place of itself, at the limit, too. */
static void test_in_its_own_place(void **state)
{
    SluiceConfig *a = new_config(CLIENT), *b = limited(1, 1, 1);
    Pair pair;

    (void)state;
    sluice_config_set_allow_unvalidated(a, 1);
    open_with(&pair, a, b);
    pair_know(&pair, CLIENT);
    pair_know(&pair, SERVER);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    pair_run(&pair, 25 * MS);
    pair.end[SERVER].link.settings.loss = 1;
    pair_run(&pair,
             200 * MS); /* the ClientHello with the cookie is there, and its answer is lost */
    pair.end[SERVER].link.settings.loss = 0;
    assert_int_equal(sluice_config_get_half_open(b), 1);
    pair_reboot(&pair, CLIENT);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
    assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
    assert_int_equal(pair_stats(&pair, SERVER).dropped_half_open, 0);
    assert_int_equal(sluice_config_get_half_open(b), 0);
    assert_talks(&pair);
    pair_close(&pair);
}

/* One source has its share; another one gets in beside it, and so does who is not named. */
static void test_of_one_source(void **state)
{
    static const uint8_t ours[4] = {192, 0, 2, 1}, theirs[8] = {0x20, 1, 0xd, 0xb8};
    SluiceConfig *config = limited(10, 2, 0);
    SluiceTransport *transports[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        transports[i] = waiting(config);
        if (i < 4)
            assert_status(sluice_transport_set_source(transports[i], i < 3 ? ours : theirs,
                                                      i < 3 ? sizeof ours : sizeof theirs),
                          SLUICE_OK);
        assert_status(take_hello(transports[i]), i == 2 ? SLUICE_DROPPED_FULL : SLUICE_OK);
    }
    sluice_transport_free(transports[0]);
    assert_status(take_hello(transports[2]), SLUICE_OK);
    for (int i = 1; i < 5; i++)
        sluice_transport_free(transports[i]);
    assert_int_equal(sluice_config_get_half_open(config), 0);
    sluice_config_unref(config);
}

/* A handshake that this end begins is nobody else's doing. */
static void test_clients_do_not_count(void **state)
{
    SluiceConfig *config = limited(1, 1, 0);
    SluiceTransport *clients[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        clients[i] = sluice_transport_new(config);
        assert_status(sluice_transport_start(clients[i], vclock_now(), SLUICE_ROLE_CLIENT),
                      SLUICE_OK);
        assert_true(answers(clients[i]));
    }
    assert_int_equal(sluice_config_get_half_open(config), 0);
    for (int i = 0; i < 3; i++)
        sluice_transport_free(clients[i]);
    sluice_config_unref(config);
}

static void test_misuse(void **state)
{
    SluiceConfig *config = new_config(SERVER);
    SluiceTransport *transport;
    uint8_t source[SLUICE_SOURCE_MAX + 1] = {0};

    (void)state;
    assert_status(sluice_config_set_half_open_limits(NULL, 1, 1), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_half_open_limits(config, 0, 0), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_half_open_limits(config, 1, 0), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_half_open_limits(config, 1, 2), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_half_open_limits(config, 65537, 1), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_config_set_half_open_limits(config, 65536, 65536), SLUICE_OK);
    transport = sluice_transport_new(config);
    assert_status(sluice_config_set_half_open_limits(config, 1, 1), SLUICE_INVALID_STATE);
    assert_status(sluice_transport_set_source(NULL, source, 4), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_source(transport, NULL, 4), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_source(transport, source, sizeof source),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_set_source(transport, source, SLUICE_SOURCE_MAX), SLUICE_OK);
    assert_status(sluice_transport_set_source(transport, NULL, 0), SLUICE_OK);
    assert_int_equal(sluice_config_get_half_open(NULL), 0);
    sluice_transport_free(transport);
    sluice_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_too_many),
        cmocka_unit_test(test_nobody_is_stalled),
        cmocka_unit_test(test_verified_ones_do_not_count),
        cmocka_unit_test(test_the_unverified_count),
        cmocka_unit_test(test_beside_a_live_one),
        cmocka_unit_test(test_in_its_own_place),
        cmocka_unit_test(test_of_one_source),
        cmocka_unit_test(test_clients_do_not_count),
        cmocka_unit_test(test_misuse),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
