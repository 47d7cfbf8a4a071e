/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: what a stranger sends causes no log line, no alert, no datagram and no memory without limit: after the first
 * hundred of a kind another thousand add nothing, in both roles, at each moment of a call (RFC 6347 section 4.1.2.7). A
 * ClientHello that is answered is answered by no more bytes than it had, and at a bounded rate once there is an
 * association. The twin of each is the genuine call, which goes on. */

#include "forged.h"
#include "restarts.h"

#include <stdio.h>
#include <time.h>

#define FIRST 100
#define MORE 1000

typedef struct {
    unsigned lines;
    char last[200];
} Log;

static void take_line(SluiceLogLevel level, uint64_t id, const char *line, void *user_data)
{
    Log *log = user_data;

    (void)level;
    (void)id;
    log->lines++;
    snprintf(log->last, sizeof log->last, "%s", line);
}

typedef enum {
    AT_BIRTH,    /* not started: DTLS waits */
    LISTENING,   /* started, and nobody has come */
    HANDSHAKE_0, /* amid each of the four flights */
    HANDSHAKE_3 = HANDSHAKE_0 + 3,
    TALKING, /* connected */
    STAGES
} Stage;

/* What a stranger may not make more of. */
typedef struct {
    unsigned lines;
    size_t sent;
    int64_t bytes;
} Effects;

static Effects effects_of(const Pair *pair, int victim, const Log *log)
{
    AllocCount now = alloc_count();

    return (Effects){log->lines, pair->end[victim].n_sent, now.own_bytes + now.openssl_bytes};
}

static void open_stage(Pair *pair, int victim, Stage stage, Log *log)
{
    SluiceConfig *configs[2];

    for (int end = 0; end < 2; end++) {
        configs[end] = new_config(end);
        if (end == victim)
            sluice_config_set_log(configs[end], take_line, log, NULL);
    }
    open_with(pair, configs[CLIENT], configs[SERVER]);
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
        pair_know(pair, end);
    }
    if (stage == AT_BIRTH)
        return;
    if (stage == LISTENING) {
        pair_start(pair, victim, victim == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
        return;
    }
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    if (stage == TALKING) {
        assert_true(pair_run_until(pair, pair_both_connected, pair->begun + 100 * MS));
        assert_talks(pair);
    } else {
        pair_run(pair, (SluiceTime)(stage - HANDSHAKE_0) * 10 * MS + 5 * MS);
    }
}

static void pour(Pair *pair, int victim, Forged kind, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        inject_forged(pair, victim, kind, i % 7 ? i : (UINT64_C(1) << 47) + i, vclock_now());
        pair_step(pair, vclock_now());
    }
}

static void assert_nothing_more(const Effects *before, const Effects *after, const Log *log,
                                const char *what, int victim, int stage)
{
    if (after->lines != before->lines || after->sent != before->sent ||
        after->bytes > before->bytes)
        fail_msg("%s at the %s, stage %d: %u lines (%s), %d datagrams, %d bytes more", what,
                 victim == CLIENT ? "client" : "server", stage, after->lines - before->lines,
                 log->last, (int)(after->sent - before->sent), (int)(after->bytes - before->bytes));
}

/* The genuine call is not hindered; at birth and while it listens the other end begins now. */
static void assert_goes_on(Pair *pair, Stage stage)
{
    if (stage == AT_BIRTH || stage == LISTENING)
        for (int end = 0; end < 2; end++)
            if (pair_state(pair, end) == SLUICE_STATE_NEW)
                pair_start(pair, end, end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(pair, pair_both_connected, vclock_now() + SECOND));
    assert_talks(pair);
}

static void test_every_kind(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int stage = AT_BIRTH; stage < STAGES; stage++)
            for (int kind = 0; kind < FORGED_KINDS; kind++) {
                Log log = {.lines = 0};
                Effects before, after;
                Pair pair;

                open_stage(&pair, victim, (Stage)stage, &log);
                pour(&pair, victim, (Forged)kind, FIRST);
                before = effects_of(&pair, victim, &log);
                pour(&pair, victim, (Forged)kind, MORE);
                after = effects_of(&pair, victim, &log);
                assert_nothing_more(&before, &after, &log, forged_name((Forged)kind), victim,
                                    stage);
                assert_null(alert_event(&pair, victim, SLUICE_SENT_OUT));
                assert_goes_on(&pair, (Stage)stage);
                pair_close(&pair);
            }
}

/* Media, in the clear or under nobody's keys, of ever new SSRCs. */
static void test_media(void **state)
{
    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int stage = AT_BIRTH; stage < STAGES; stage++)
            for (int rtcp = 0; rtcp < 2; rtcp++) {
                SluiceKind kind = rtcp ? SLUICE_KIND_RTCP : SLUICE_KIND_RTP;
                Log log = {.lines = 0};
                Effects before = {0}, after;
                uint8_t packet[1500];
                Pair pair;

                open_stage(&pair, victim, (Stage)stage, &log);
                for (unsigned i = 0; i < FIRST + MORE; i++) {
                    if (i == FIRST)
                        before = effects_of(&pair, victim, &log);
                    inject_bytes(&pair, victim, vclock_now(), packet,
                                 pair_make_media(packet, kind, i, (uint16_t)i, 0x33, 400));
                    pair_step(&pair, vclock_now());
                }
                after = effects_of(&pair, victim, &log);
                assert_nothing_more(&before, &after, &log, "media", victim, stage);
                assert_goes_on(&pair, (Stage)stage);
                pair_close(&pair);
            }
}

/* A ClientHello to a server that asks for a cookie: answered each time, by fewer bytes; no line, no memory. */
static void test_hellos_without_a_cookie(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(CLIENT, hello);
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Log log = {.lines = 0};
    Effects before = {0}, after;
    Pair pair;

    (void)state;
    sluice_config_set_log(b, take_line, &log, NULL);
    sluice_config_set_allow_unvalidated(a, 1);
    sluice_config_set_allow_unvalidated(b, 1);
    open_with(&pair, a, b);
    pair_know(&pair, CLIENT);
    pair_know(&pair, SERVER);
    pair.end[SERVER].link.settings.loss = 1;
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    for (uint32_t i = 0; i < FIRST + MORE; i++) {
        if (i == FIRST)
            before = effects_of(&pair, SERVER, &log);
        change_random(hello, i);
        inject_bytes(&pair, SERVER, vclock_now(), hello, len);
        pair_step(&pair, vclock_now());
    }
    after = effects_of(&pair, SERVER, &log);
    assert_int_equal(after.sent - before.sent, MORE);
    assert_true(largest_sent(&pair, SERVER) < len);
    after.sent = before.sent;
    assert_nothing_more(&before, &after, &log, "ClientHellos", SERVER, LISTENING);
    pair.end[SERVER].link.settings.loss = 0;
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + SECOND));
    assert_talks(&pair);
    pair_close(&pair);
}

/* Strangers' ClientHellos for ten minutes beside a live call: what they cause has a bound in each second, and nothing is
 * kept of them. */
static void test_hellos_beside_a_call(void **state)
{
    uint8_t hello[1500];
    size_t len = strange_hello(CLIENT, hello);
    Log log = {.lines = 0};
    Effects before = {0}, after;
    Pair pair;

    (void)state;
    open_stage(&pair, SERVER, TALKING, &log);
    for (uint32_t i = 0; i < 6600; i++) {
        if (i == 600)
            before = effects_of(&pair, SERVER, &log);
        change_random(hello, i);
        for (int copy = 0; copy < 10; copy++)
            inject_bytes(&pair, SERVER, vclock_now(), hello, len);
        pair_run(&pair, 100 * MS);
    }
    after = effects_of(&pair, SERVER, &log);
    assert_int_equal(after.lines, before.lines);
    assert_true(after.sent - before.sent <= 600 * 50);
    assert_true(after.bytes <= before.bytes);
    assert_int_equal(pair_stats(&pair, SERVER).restarts_failed, 0);
    assert_talks(&pair);
    pair_close(&pair);
}

/* SPF-08: what a datagram of a flood costs, at the dearest moment for its kind. It is printed and not judged; that the call
 * goes on is. */
static void test_cost(void **state)
{
    enum { N = 20000 };
    static const Forged kinds[] = {RANDOM_BYTES, EPOCH_1_DATA,   EPOCH_1_HANDSHAKE,
                                   FATAL_ALERT,  PLAINTEXT_DATA, ONE_BYTE_FRAGMENT,
                                   MESSAGE_60};
    Log log = {.lines = 0};

    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        double worst = 0;
        Stage when = AT_BIRTH;

        for (int stage = AT_BIRTH; stage < STAGES; stage++) {
            uint8_t bytes[FORGED_MAX], copy[FORGED_MAX];
            size_t len = forge(kinds[k], SLUICE_ROLE_SERVER, 900, bytes), n;
            SluiceKind kind;
            clock_t begun;
            double took;
            Pair pair;

            open_stage(&pair, SERVER, (Stage)stage, &log);
            begun = clock();
            for (int i = 0; i < N; i++) {
                memcpy(copy, bytes, len);
                n = len;
                (void)sluice_transport_receive(pair.end[SERVER].transport, vclock_now(), copy, &n,
                                               &kind);
            }
            took = (double)(clock() - begun) / CLOCKS_PER_SEC / N * 1e6;
            if (took > worst) {
                worst = took;
                when = (Stage)stage;
            }
            pair_drain(&pair, SERVER);
            assert_goes_on(&pair, (Stage)stage);
            pair_close(&pair);
        }
        print_message("# %s: %.2f us at stage %d\n", forged_name(kinds[k]), worst, (int)when);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_hellos_without_a_cookie),
        cmocka_unit_test(test_hellos_beside_a_call),
        cmocka_unit_test(test_cost),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
