/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a new association on the same 5-tuple (RFC 6347 section 4.2.8; RST-01, RST-03, RST-05; rules 28 to 31) takes the
 * place of the live one when it is finished and verified, not before, whoever began it; and when it comes to nothing, the
 * live one has not noticed. */

#include "restarts.h"

static void assert_generation_event(const Pair *pair, int end, uint32_t number, SluiceRole role)
{
    const PairEnd *e = &pair->end[end];

    for (size_t i = 0; i < e->n_events; i++)
        if (e->events[i].type == SLUICE_EVENT_GENERATION &&
            e->events[i].u.generation.number == number) {
            assert_int_equal(e->events[i].u.generation.restarted, number > 1);
            assert_string_equal(sluice_role_name(e->events[i].u.generation.role),
                                sluice_role_name(role));
            return;
        }
    fail_msg("no event of generation %u", number);
}

/* The client has the keys first; who has come back cannot read what the server still says under the old ones. */
static void assert_client_is_heard(Pair *pair, int client)
{
    assert_status(pair_send_data(pair, client, "here", 4), SLUICE_OK);
    pair_run(pair, 20 * MS);
    assert_talks(pair);
}

/* Nothing is left of a restart: no timer, and both ends talk. */
static void assert_settled(Pair *pair)
{
    assert_talks(pair);
    pair_run(pair, 10 * SECOND);
    for (int end = 0; end < 2; end++)
        assert_int_equal(sluice_transport_next_timeout(pair->end[end].transport),
                         SLUICE_TIME_NEVER);
}

/* RST-01: the client's program dies and comes back, knowing nothing; the server has not been told. */
static void test_client_comes_back(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    for (uint32_t i = 1; i <= 5; i++) {
        pair_reboot(&pair, CLIENT);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        /* Three round trips, one of them for the cookie, and the first message. */
        assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 60 * MS));
        assert_int_equal(pair_stats(&pair, SERVER).generation, i);
        assert_client_is_heard(&pair, CLIENT);
        assert_int_equal(pair_stats(&pair, SERVER).generation, i + 1);
        assert_int_equal(pair_stats(&pair, SERVER).restarts, i);
        assert_int_equal(pair_stats(&pair, SERVER).hello_verify_requests, i);
        assert_generation_event(&pair, SERVER, i + 1, SLUICE_ROLE_SERVER);
    }
    assert_settled(&pair);
    pair_close(&pair);
}

/* The server's program comes back as a client: roles may change. */
static void test_server_comes_back_as_client(void **state)
{
    Pair pair;

    (void)state;
    open_connected(&pair);
    pair_reboot(&pair, SERVER);
    pair_start(&pair, SERVER, SLUICE_ROLE_CLIENT);
    run_to_generations(&pair, 1, 1, 60 * MS);
    assert_client_is_heard(&pair, SERVER);
    assert_int_equal(pair_stats(&pair, CLIENT).generation, 2);
    assert_string_equal(sluice_role_name(pair_stats(&pair, CLIENT).dtls_role), "server");
    assert_generation_event(&pair, CLIENT, 2, SLUICE_ROLE_SERVER);
    assert_settled(&pair);
    pair_close(&pair);
}

/* Both ends keep their transports; who is client changes or not. */
static void test_announced(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++)
        for (int first = 0; first < 2; first++) {
            SluiceRole roles[2];
            Pair pair;

            roles[client] = SLUICE_ROLE_CLIENT;
            roles[!client] = SLUICE_ROLE_SERVER;
            open_connected(&pair);
            assert_status(announce(&pair, first, roles[first]), SLUICE_OK);
            assert_status(announce(&pair, !first, roles[!first]), SLUICE_OK);
            /* The client has them at once, the server when it has heard it or after a second. */
            run_to_generations(&pair, 2, 2, 1100 * MS);
            for (int end = 0; end < 2; end++) {
                assert_generation_event(&pair, end, 2, roles[end]);
                assert_int_equal(pair_stats(&pair, end).dtls_role, roles[end]);
                assert_null(event_of(&pair, end, SLUICE_EVENT_RESTART_FAILED));
            }
            assert_settled(&pair);
            pair_close(&pair);
        }
}

/* The end @who has a certificate that the other did not know: RST-05. A transport of another config, as a program makes
 * it, takes its place. */
static void change_certificate(Pair *pair, int who)
{
    SluiceCertificate *certificate;
    PairEnd *end = &pair->end[who];

    assert_status(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate), SLUICE_OK);
    sluice_config_unref(end->config);
    end->config = sluice_config_new(certificate);
    sluice_certificate_unref(certificate);
    assert_non_null(end->config);
    pair_reboot(pair, who);
}

static void test_new_fingerprint(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++)
        for (int client = 0; client < 2; client++) {
            SluiceRole mine = who == client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
            SluiceRole theirs = who == client ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
            Pair pair;

            open_connected(&pair);
            change_certificate(&pair, who);
            assert_status(announce(&pair, !who, theirs), SLUICE_OK);
            assert_status(pair_start(&pair, who, mine), SLUICE_OK);
            run_to_generations(&pair, who == 0 ? 1 : 2, who == 0 ? 2 : 1, 1200 * MS);
            assert_generation_event(&pair, !who, 2, theirs);
            assert_settled(&pair);
            /* The old fingerprint is not the peer's any more. */
            assert_status(pair_know(&pair, !who), SLUICE_OK);
            pair_close(&pair);
        }
}

/* The forged twin: nobody has announced it. The live association goes on, though its peer is gone. */
static void test_unannounced_fingerprint(void **state)
{
    SluiceFingerprint other;
    Pair pair;

    (void)state;
    open_connected(&pair);
    change_certificate(&pair, CLIENT);
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(&pair, 20 * SECOND);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTED);
    assert_state(&pair, CLIENT, SLUICE_STATE_FAILED);
    assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
    assert_int_equal(pair_stats(&pair, SERVER).restarts, 0);
    assert_true(pair_stats(&pair, SERVER).restarts_failed > 0);
    assert_int_equal(sluice_transport_next_timeout(pair.end[SERVER].transport), SLUICE_TIME_NEVER);
    other =
        fingerprint_of(sluice_config_get_certificate(pair.end[CLIENT].config), SLUICE_HASH_SHA256);
    assert_status(sluice_transport_set_remote_fingerprints(pair.end[SERVER].transport, vclock_now(),
                                                           &other, 1),
                  SLUICE_INVALID_STATE);
    pair_close(&pair);
}

/* Announced, but another one comes: the live association has lost nothing. */
static void test_wrong_fingerprint(void **state)
{
    SluiceFingerprint wrong;
    static Counted counted;

    (void)state;
    for (int end = 0; end < 2; end++) {
        SluiceRole role = end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
        const SluiceEvent *event;
        Pair pair;

        open_connected(&pair);
        counted_begin(&counted, &pair);
        wrong = fingerprint_of(certificate_of(end), SLUICE_HASH_SHA256);
        assert_status(
            sluice_transport_restart(pair.end[end].transport, vclock_now(), role, &wrong, 1),
            SLUICE_OK);
        pair_drain(&pair, end);
        assert_status(
            announce(&pair, !end, end == CLIENT ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT),
            SLUICE_OK);
        counted_talk(&counted, 35 * SECOND);
        counted_check(&counted, 30000);
        assert_true(pair_both_connected(&pair));
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 1);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
        event = event_of(&pair, end, SLUICE_EVENT_RESTART_FAILED);
        assert_non_null(event);
        assert_non_null(event_of(&pair, !end, SLUICE_EVENT_RESTART_FAILED));
        assert_settled(&pair);
        pair_close(&pair);
    }
}

/* Nobody is there: it expires, and changes nothing. */
static void test_expires(void **state)
{
    static const SluiceRole roles[] = {SLUICE_ROLE_CLIENT, SLUICE_ROLE_SERVER, SLUICE_ROLE_AUTO};

    (void)state;
    for (int end = 0; end < 2; end++)
        for (int i = 0; i < 3; i++) {
            const SluiceEvent *event;
            SluiceTime begun;
            Pair pair;

            open_connected(&pair);
            begun = vclock_now();
            pair.end[end].link.settings.loss = 1;
            assert_status(announce(&pair, end, roles[i]), SLUICE_OK);
            pair_run(&pair, 31 * SECOND);
            pair.end[end].link.settings.loss = 0;
            event = event_of(&pair, end, SLUICE_EVENT_RESTART_FAILED);
            assert_non_null(event);
            assert_int_equal(event->u.reason, SLUICE_END_DEADLINE);
            assert_int_equal(event->time, begun + 30 * SECOND);
            assert_settled(&pair);
            assert_int_equal(pair_stats(&pair, end).generation, 1);
            pair_close(&pair);
        }
}

/* The handshake stops half way, at each datagram: the live association has not noticed. With flight 6 lost for good the
 * server has finished, but its client still speaks under the old keys. */
static void test_stops_half_way(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 3; after++) {
        uint64_t none = ~UINT64_C(0) << after;
        Pair pair;

        open_connected(&pair);
        pair.end[SERVER].link.sent = 0;
        pair.end[SERVER].link.filter = lose_by_mask;
        pair.end[SERVER].link.filter_context = &none;
        assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
        for (int i = 0; i < 60; i++) {
            assert_status(
                pair_send_media(&pair, CLIENT, SLUICE_KIND_RTP, 5, (uint16_t)(i + 1), 0x11, 20),
                SLUICE_OK);
            pair_run(&pair, 600 * MS);
        }
        pair.end[SERVER].link.filter = NULL;
        assert_int_equal(pair_count(&pair, SERVER, SLUICE_KIND_RTP), 60);
        assert_int_equal(pair_stats(&pair, CLIENT).generation, 1);
        assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
        assert_settled(&pair);
        pair_close(&pair);
    }
}

/* The one who offered: role and fingerprint come with the answer, before or after the peer's ClientHello. */
static void test_named_later(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++)
        for (int early = 0; early < 2; early++) {
            SluiceRole role = client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
            Pair pair;

            open_connected(&pair);
            assert_status(sluice_transport_restart(pair.end[SERVER].transport, vclock_now(),
                                                   SLUICE_ROLE_AUTO, NULL, 0),
                          SLUICE_OK);
            change_certificate(&pair, CLIENT);
            pair_start(&pair, CLIENT, client ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT);
            if (!early)
                pair_run(&pair, 3 * SECOND);
            assert_int_equal(pair_stats(&pair, SERVER).generation, 1);
            assert_status(pair_know(&pair, SERVER), SLUICE_OK);
            assert_status(pair_start(&pair, SERVER, role), SLUICE_OK);
            run_to_generations(&pair, 1, 2, 5 * SECOND);
            assert_generation_event(&pair, SERVER, 2, role);
            assert_settled(&pair);
            pair_close(&pair);
        }
}

/* The peer is faster than signalling, with the certificate that is known: what it has begun is what is announced. */
static void test_announced_late(void **state)
{
    (void)state;
    for (int after = 5; after < 100; after += 5) {
        Pair pair;

        open_connected(&pair);
        pair_reboot(&pair, CLIENT);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_run(&pair, after * MS);
        assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
        run_to_generations(&pair, 1, 2, 2 * SECOND);
        assert_null(event_of(&pair, SERVER, SLUICE_EVENT_RESTART_FAILED));
        assert_settled(&pair);
        pair_close(&pair);
    }
}

/* Before the first handshake is finished it begins anew, with the fingerprint that is given now. */
static void test_before_the_first_is_finished(void **state)
{
    (void)state;
    for (int after = 0; after < 40; after += 5) {
        SluiceFingerprint wrong = fingerprint_of(certificate_of(SERVER), SLUICE_HASH_SHA256);
        Pair pair;

        open_default(&pair);
        for (int end = 0; end < 2; end++)
            sluice_transport_set_path_validated(pair.end[end].transport, vclock_now(), 1);
        sluice_transport_set_remote_fingerprints(pair.end[SERVER].transport, vclock_now(), &wrong,
                                                 1);
        pair_know(&pair, CLIENT);
        assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_INVALID_STATE);
        pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
        pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
        pair_run(&pair, after * MS);
        if (pair_state(&pair, SERVER) == SLUICE_STATE_CONNECTING) {
            assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
            assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
            run_to_generations(&pair, 1, 1, SECOND);
            assert_settled(&pair);
        }
        pair_close(&pair);
    }
}

static void test_misuse(void **state)
{
    SluiceFingerprint good = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256), bad = good;
    SluiceTransport *server;
    Pair pair;

    (void)state;
    open_connected(&pair);
    server = pair.end[SERVER].transport;
    bad.hash = (SluiceHash)77;
    assert_status(sluice_transport_restart(NULL, 0, SLUICE_ROLE_SERVER, &good, 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_restart(server, vclock_now(), (SluiceRole)9, &good, 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_restart(server, vclock_now(), SLUICE_ROLE_SERVER, NULL, 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_restart(server, vclock_now(), SLUICE_ROLE_SERVER, &bad, 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_transport_restart(server, vclock_now(), SLUICE_ROLE_SERVER, &good,
                                           SLUICE_FINGERPRINTS_MAX + 1),
                  SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_transport_get_media_generation(NULL), 0);
    assert_settled(&pair);
    sluice_transport_close(server, vclock_now());
    assert_status(sluice_transport_restart(server, vclock_now(), SLUICE_ROLE_SERVER, &good, 1),
                  SLUICE_ENDED);
    pair_close(&pair);
}

/* Closing while two associations stand tells the peer, whichever it listens to. One that waits for the new one does so to its
 * deadline: it may be another's. */
static void test_close_in_between(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++)
        for (int after = 0; after < 120; after += 5) {
            Pair pair;

            open_connected(&pair);
            assert_status(announce(&pair, SERVER, SLUICE_ROLE_SERVER), SLUICE_OK);
            assert_status(announce(&pair, CLIENT, SLUICE_ROLE_CLIENT), SLUICE_OK);
            pair_run(&pair, after * MS);
            sluice_transport_close(pair.end[who].transport, vclock_now());
            pair_drain(&pair, who);
            pair_run(&pair, 100 * MS);
            assert_state(&pair, who, SLUICE_STATE_CLOSED);
            assert_int_not_equal(pair_state(&pair, !who), SLUICE_STATE_CONNECTED);
            pair_run(&pair, 31 * SECOND);
            assert_state(&pair, !who, SLUICE_STATE_CLOSED);
            assert_reason(&pair, !who, SLUICE_END_CLOSE_NOTIFY);
            pair_close(&pair);
        }
}

/* RST-06: nothing is left of a hundred restarts. */
static void test_hundred(void **state)
{
    AllocCount before, after;
    Pair pair;

    (void)state;
    open_connected(&pair);
    assert_talks(&pair);
    for (uint32_t i = 1; i <= 100; i++) {
        if (i == 2) {
            pair_run(&pair, 3 * SECOND);
            before = alloc_count();
        }
        assert_status(announce(&pair, i % 2, SLUICE_ROLE_CLIENT), SLUICE_OK);
        assert_status(announce(&pair, !(i % 2), SLUICE_ROLE_SERVER), SLUICE_OK);
        run_to_generations(&pair, i + 1, i + 1, 1200 * MS);
    }
    pair_run(&pair, 3 * SECOND);
    after = alloc_count();
    /* Error strings and the like may come once. */
    assert_true(after.own_bytes - before.own_bytes < 1024);
    assert_true(after.openssl_bytes - before.openssl_bytes < 4096);
    assert_talks(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_comes_back),
        cmocka_unit_test(test_server_comes_back_as_client),
        cmocka_unit_test(test_announced),
        cmocka_unit_test(test_new_fingerprint),
        cmocka_unit_test(test_unannounced_fingerprint),
        cmocka_unit_test(test_wrong_fingerprint),
        cmocka_unit_test(test_expires),
        cmocka_unit_test(test_stops_half_way),
        cmocka_unit_test(test_named_later),
        cmocka_unit_test(test_announced_late),
        cmocka_unit_test(test_before_the_first_is_finished),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_close_in_between),
        cmocka_unit_test(test_hundred),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
