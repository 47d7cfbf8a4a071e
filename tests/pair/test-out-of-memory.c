/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whichever allocation of ours or OpenSSL's fails, nothing crashes, nothing leaks, and what
 * cannot go on says so (RES-06); and who is not the peer is not taken for it because there was no memory to look. Each run fails one more allocation than the last; the first run in
 * which none is left ends the loop. */

#include "restarts.h"

#include <sluice/media.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>

/* Every n-th allocation only, for slow machines and valgrind: SLUICE_TEST_OOM_STEP. */
static int leave_none_out;

static uint64_t step_after(uint64_t n)
{
    const char *text = getenv("SLUICE_TEST_OOM_STEP");
    uint64_t step = text ? strtoull(text, NULL, 10) : 0;

    if (n < 10) /* there may be no more */
        return 1;
    return step ? step : n < 200 || leave_none_out ? 1 : 7;
}

static AllocCount in_use(void)
{
    ERR_clear_error();
    OPENSSL_thread_stop();
    return alloc_count();
}

/* What fails next, counted from where a body says begin_failing(). */
static uint64_t failing;
static int failing_forever;

static void begin_failing(void) { alloc_fail_at(failing, failing_forever); }

/* Runs @body with allocation @n failing. 1 if one has failed. */
static int fail_one(void (*body)(void), uint64_t n, int forever, AllocCount *after)
{
    int failed;

    failing = n;
    failing_forever = forever;
    body();
    failed = alloc_has_failed();
    alloc_fail_at(0, 0);
    failing = 0;
    *after = in_use();
    return failed;
}

/* Runs @body with each allocation failing in turn, alone or with all that follow. A leak shows each
 * time; OpenSSL's tables for the whole process may grow by some bytes, once. */
static void fail_each(void (*body)(void), int forever)
{
    AllocCount before, after;
    uint64_t n = 1, runs = 0;

    body(); /* whatever is set up once in a process */
    body();
    before = in_use();
    while (fail_one(body, n, forever, &after)) {
        if (after.own_bytes > before.own_bytes || after.openssl_bytes > before.openssl_bytes) {
            before = after;
            fail_one(body, n, forever, &after);
        }
        if (after.own_bytes > before.own_bytes || after.openssl_bytes > before.openssl_bytes)
            fail_msg("allocation %d (%s): %d bytes of ours and %d of OpenSSL's stay", (int)n,
                     forever ? "and all after it" : "alone",
                     (int)(after.own_bytes - before.own_bytes),
                     (int)(after.openssl_bytes - before.openssl_bytes));
        before = after;
        n += step_after(n);
        runs++;
    }
    printf("# %d runs over %d allocations\n", (int)runs, (int)n);
    assert_true(runs > 2);
}

static SluiceConfig *configs[2];
static SluiceFingerprint fingerprints[2];

/* What follows needs memory for SSRCs alone: it works, or says why not, and what was sealed is sealed. */
static void use_ssrcs(Pair *pair, int end)
{
    SluiceTransport *transport = pair->end[end].transport;
    _Alignas(8) uint8_t bytes[3][112 + SLUICE_PROTECT_ROOM];
    SluicePacket batch[2];
    SluiceFanOut output = {.transport = transport,
                           .ssrc = 3,
                           .payload_type = 96,
                           .data = bytes[2],
                           .capacity = sizeof bytes[2]};
    uint8_t plain[112];
    uint32_t roc;

    for (int i = 0; i < 2; i++)
        batch[i] = (SluicePacket){
            .kind = SLUICE_KIND_RTP,
            .data = bytes[i],
            .len = pair_make_media(bytes[i], SLUICE_KIND_RTP, 2 + (uint32_t)i, 1, 1, 100),
            .capacity = sizeof bytes[i]};
    (void)sluice_transport_protect_batch(transport, batch, 2);
    (void)sluice_fan_out(plain, pair_make_media(plain, SLUICE_KIND_RTP, 1, 9, 1, 100), &output, 1);
    for (uint32_t ssrc = 2; ssrc < 6; ssrc++)
        for (int direction = SLUICE_RECEIVED; direction <= SLUICE_SENT_OUT; direction++) {
            SluiceStatus status =
                sluice_transport_set_roc(transport, (SluiceDirection)direction, ssrc, 7);

            if (status == SLUICE_OK) {
                assert_status(
                    sluice_transport_get_roc(transport, (SluiceDirection)direction, ssrc, &roc),
                    SLUICE_OK);
                assert_int_equal(roc, 7);
                status = sluice_transport_remove_ssrc(transport, (SluiceDirection)direction, ssrc);
                assert_true(status == SLUICE_OK || status == SLUICE_NO_MEMORY);
            } else {
                assert_true(status == SLUICE_NO_MEMORY || status == SLUICE_NOT_READY ||
                            status == SLUICE_ENDED);
            }
        }
}

/* Bug: receive() and handle_timeout() answered SLUICE_NO_MEMORY, of which their contract knows nothing: an end that memory has
 * ended has ended. */
static void check_status(Pair *pair, int to, const LinkDatagram *datagram, SluiceStatus status)
{
    (void)pair;
    (void)to;
    (void)datagram;
    assert_int_not_equal(status, SLUICE_NO_MEMORY);
}

static void check_expired(Pair *pair, int end, SluiceStatus status)
{
    (void)pair;
    (void)end;
    assert_int_not_equal(status, SLUICE_NO_MEMORY);
}

/* A connection, used and closed. What fails on the way may fail; a state that says "connected" has
 * to be true. */
static void connect_and_talk(void)
{
    const LinkSettings settings = {.delay = 10 * MS};
    Pair pair;

    begin_failing();
    pair_open(&pair, configs[0], configs[1], &settings, 1);
    pair.delivered = check_status;
    pair.expired = check_expired;
    if (pair.end[0].transport && pair.end[1].transport) {
        pair_start_both(&pair);
        (void)pair_run_until(&pair, pair_both_settled, pair.begun + 40 * SECOND);
        for (int end = 0; end < 2; end++) {
            SluiceState state = pair_state(&pair, end);
            SluiceStatus status = pair_send_data(&pair, end, "data", 4);

            (void)pair_send_media(&pair, end, SLUICE_KIND_RTP, 1, 1, 1, 100);
            use_ssrcs(&pair, end);
            /* Neither connected nor failed at the deadline: that must not be, memory or not. */
            assert_true(state >= SLUICE_STATE_CONNECTED);
            assert_true(status == SLUICE_OK || sluice_status_is_dead(status) ||
                        status == SLUICE_WOULD_BLOCK);
            if (state == SLUICE_STATE_FAILED)
                assert_true(pair_end(&pair, end).reason != 0);
        }
        pair_run(&pair, 100 * MS);
        for (int end = 0; end < 2; end++)
            for (size_t i = 0; i < pair.end[end].n_messages; i++)
                assert_true(pair.end[end].messages[i].len == 4 ||
                            pair.end[end].messages[i].len == 112);
        sluice_transport_close(pair.end[0].transport, vclock_now());
        pair_drain(&pair, 0);
        pair_run(&pair, 100 * MS);
        assert_false(pair.spun);
    }
    pair_close(&pair);
}

/* A restart of a call that runs: it comes to be, or to nothing, and the call goes on. Announced at the server, too, or a
 * peer that comes back by itself. */
static void restart_one(int announced)
{
    const LinkSettings settings = {.delay = 10 * MS};
    SluiceTransport *server;
    Pair pair;

    pair_open(&pair, configs[0], configs[1], &settings, 1);
    pair.delivered = check_status;
    pair.expired = check_expired;
    server = pair.end[SERVER].transport;
    connect_within(&pair, SECOND);
    if (!announced)
        pair_reboot(&pair, CLIENT);
    begin_failing();
    if (announced) {
        (void)sluice_transport_restart(server, vclock_now(), SLUICE_ROLE_SERVER,
                                       &fingerprints[CLIENT], 1);
        (void)sluice_transport_restart(pair.end[CLIENT].transport, vclock_now(), SLUICE_ROLE_CLIENT,
                                       &fingerprints[SERVER], 1);
        pair_drain(&pair, CLIENT);
    } else {
        (void)pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    }
    for (int i = 0; i < 20; i++) {
        (void)pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, (uint16_t)i, 1, 100);
        pair_run(&pair, 50 * MS);
    }
    pair_run(&pair, 40 * SECOND);
    assert_false(pair.spun);
    assert_int_equal(server, pair.end[SERVER].transport);
    for (int end = announced ? CLIENT : SERVER; end <= SERVER; end++)
        if (pair_state(&pair, end) == SLUICE_STATE_CLOSED)
            assert_false(announced); /* a new peer, verified, that ran out and has said farewell */
        else if (pair_state(&pair, end) == SLUICE_STATE_FAILED)
            assert_reason(&pair, end, SLUICE_END_NO_MEMORY); /* OpenSSL's, for the live one */
        else
            assert_state(&pair, end, SLUICE_STATE_CONNECTED);
    for (int end = 0; end < 2; end++)
        assert_int_equal(sluice_transport_next_timeout(pair.end[end].transport), SLUICE_TIME_NEVER);
    pair_close(&pair);
}

static void restart_announced(void) { restart_one(1); }

static void restart_by_itself(void) { restart_one(0); }

/* Nobody who is not the peer is taken for it: not a key, not a message. */
static void assert_unverified(Pair *pair, int end)
{
    SluiceTransport *transport = pair->end[end].transport;
    SluiceSrtpKeys keys;
    uint8_t exported[16];

    assert_true(pair_state(pair, end) != SLUICE_STATE_CONNECTED);
    assert_true(sluice_transport_export(transport, "EXPORTER-x", NULL, 0, exported, 16) !=
                SLUICE_OK);
    assert_true(sluice_transport_get_srtp_keys(transport, &keys) != SLUICE_OK);
    assert_true(pair_send_data(pair, end, "data", 4) != SLUICE_OK);
    assert_true(pair_send_media(pair, end, SLUICE_KIND_RTP, 1, 1, 1, 100) != SLUICE_OK);
    assert_int_equal(pair->end[end].n_messages, 0);
}

/* @victim knows another fingerprint than that of its peer, from the start or when the handshake is over. Memory runs out from
 * when the peer's certificate is on its way to it, or when the fingerprint is told; on this path of 10 ms the client has it
 * after 20 ms and the server after 30. */
static void meet_the_wrong_peer(int victim, int late)
{
    const LinkSettings settings = {.delay = 10 * MS};
    Pair pair;
    SluiceTransport *transport;

    pair_open(&pair, configs[0], configs[1], &settings, 1);
    transport = pair.end[victim].transport;
    pair_know(&pair, !victim);
    if (!late)
        assert_status(sluice_transport_set_remote_fingerprints(transport, vclock_now(),
                                                               &fingerprints[victim], 1),
                      SLUICE_OK);
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
        pair_start(&pair, end, end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
    }
    pair_run(&pair, late ? 100 * MS : victim == CLIENT ? 15 * MS : 25 * MS);
    if (late) { /* the peer is connected, and talks */
        assert_state(&pair, !victim, SLUICE_STATE_CONNECTED);
        assert_state(&pair, victim, SLUICE_STATE_UNVERIFIED);
        assert_status(pair_send_data(&pair, !victim, "data", 4), SLUICE_OK);
        assert_status(pair_send_media(&pair, !victim, SLUICE_KIND_RTP, 2, 1, 1, 100), SLUICE_OK);
        pair_run(&pair, 50 * MS);
    }
    begin_failing();
    if (late)
        (void)sluice_transport_set_remote_fingerprints(transport, vclock_now(),
                                                       &fingerprints[victim], 1);
    pair_drain(&pair, victim);
    pair_run(&pair, 30 * MS);
    assert_unverified(&pair, victim);
    pair_close(&pair);
}

static void wrong_server(void) { meet_the_wrong_peer(CLIENT, 0); }
static void wrong_client(void) { meet_the_wrong_peer(SERVER, 0); }
static void wrong_server_late(void) { meet_the_wrong_peer(CLIENT, 1); }
static void wrong_client_late(void) { meet_the_wrong_peer(SERVER, 1); }

/* Somebody else comes in the place of the client of a call that runs, which goes on without him. */
static void wrong_newcomer(void)
{
    const LinkSettings settings = {.delay = 10 * MS};
    PairEnd *newcomer;
    Pair pair;

    pair_open(&pair, configs[0], configs[1], &settings, 1);
    connect_within(&pair, SECOND);
    newcomer = &pair.end[CLIENT];
    sluice_transport_free(newcomer->transport);
    newcomer->transport = sluice_transport_new(configs[SERVER]); /* SERVER's certificate */
    assert_non_null(newcomer->transport);
    sluice_transport_set_path_validated(newcomer->transport, vclock_now(), 1);
    (void)pair_know(&pair, CLIENT);
    (void)pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 45 * MS); /* with the cookie: his certificate is on its way */
    assert_int_equal(pair_stats(&pair, SERVER).hellos_beside, 2);
    begin_failing();
    for (int i = 0; i < 3; i++) {
        pair_run(&pair, 10 * MS);
        (void)pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 1, (uint16_t)i, 1, 100);
        (void)pair_send_data(&pair, CLIENT, "data", 4);
    }
    assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
    assert_int_equal(pair.end[SERVER].n_messages, 0);
    pair_close(&pair);
}

static int make_configs(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        SluiceTransport *transport;

        configs[side] = new_config(side);
        fingerprints[side] = fingerprint_of(certificate_of(side), SLUICE_HASH_SHA256);
        transport = sluice_transport_new(configs[side]); /* freezes it */
        assert_non_null(transport);
        sluice_transport_free(transport);
    }
    return 0;
}

static int free_configs(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++)
        sluice_config_unref(configs[side]);
    return 0;
}

static void test_connection(void **state)
{
    (void)state;
    fail_each(connect_and_talk, 0);
}

static void test_connection_with_no_memory_from_there_on(void **state)
{
    (void)state;
    fail_each(connect_and_talk, 1);
}

static void test_restart(void **state)
{
    (void)state;
    fail_each(restart_announced, 0);
    fail_each(restart_by_itself, 0);
}

static void test_restart_with_no_memory_from_there_on(void **state)
{
    (void)state;
    fail_each(restart_announced, 1);
}

static void test_wrong_peer(void **state)
{
    static void (*const bodies[])(void) = {wrong_server, wrong_client, wrong_server_late,
                                           wrong_client_late, wrong_newcomer};

    (void)state;
    leave_none_out = 1;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        fail_each(bodies[i], 0);
    leave_none_out = 0;
}

/* A certificate and its config, made and used once. */
static void make_config(void)
{
    SluiceCertificate *certificate = NULL;
    SluiceConfig *config;
    SluiceTransport *transport;

    begin_failing();
    if (sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate) != SLUICE_OK)
        assert_null(certificate);
    config = sluice_config_new(certificate);
    sluice_certificate_unref(certificate);
    transport = config ? sluice_transport_new(config) : NULL;
    sluice_transport_free(transport);
    sluice_config_unref(config);
}

/* The certificate is the config's own affair. */
static void make_config_alone(void)
{
    SluiceConfig *config;

    begin_failing();
    config = sluice_config_new(NULL);
    assert_true(!config || sluice_config_get_certificate(config) != NULL);
    sluice_config_unref(config);
}

static void test_config_alone(void **state)
{
    (void)state;
    fail_each(make_config_alone, 0);
    fail_each(make_config_alone, 1);
}

static void test_config(void **state)
{
    (void)state;
    fail_each(make_config, 0);
}

static void test_config_with_no_memory_from_there_on(void **state)
{
    (void)state;
    fail_each(make_config, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_connection, make_configs, free_configs),
        cmocka_unit_test_setup_teardown(test_connection_with_no_memory_from_there_on, make_configs,
                                        free_configs),
        cmocka_unit_test_setup_teardown(test_restart, make_configs, free_configs),
        cmocka_unit_test_setup_teardown(test_restart_with_no_memory_from_there_on, make_configs,
                                        free_configs),
        cmocka_unit_test_setup_teardown(test_wrong_peer, make_configs, free_configs),
        cmocka_unit_test(test_config_alone),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_config_with_no_memory_from_there_on),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
