/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: an association whose peer is not verified holds 200 KB at most, OpenSSL's part and ours, whatever strangers send
 * (RES-01; Pion's CVE-2022-29189 is the like). Mechanism: OpenSSL reserves the length that the first fragment of a
 * message claims, ten messages ahead; with its own bound of 100 KB a message nine datagrams of 26 bytes pin a megabyte. */

#include "forged.h"
#include "restarts.h"
#include "sealed.h"

#include <stdio.h>

#define BOUND (200 * 1024)
#define BOUND_WITH_KEYS (300 * 1024)
#define NEVER_TYPE 25 /* beyond all that DTLS 1.2 and 1.3 have; 254 is message_hash */

/* OpenSSL's memory and ours, of the whole program; the pair's own logs are in neither. */
static int64_t in_use(void)
{
    AllocCount now = alloc_count();

    return now.own_bytes + now.openssl_bytes;
}

/* What is made once a process. */
static void warm_up(void)
{
    Pair pair;

    open_connected(&pair);
    assert_talks(&pair);
    pair_close(&pair);
}

/* A pair at a moment of its handshake, of which the other end has gone. @before: what was in use without it. */
static void open_at(Pair *pair, int victim, int when, int cookie, int64_t *before)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    SluiceTransport *warm;

    sluice_config_set_allow_unvalidated(a, cookie);
    sluice_config_set_allow_unvalidated(b, cookie);
    warm = sluice_transport_new(victim == CLIENT ? a : b); /* makes its SSL_CTX */
    sluice_transport_free(warm);
    warm = sluice_transport_new(victim == CLIENT ? b : a);
    sluice_transport_free(warm);
    *before = in_use();
    open_with(pair, a, b);
    for (int end = 0; end < 2; end++) {
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), !cookie);
        pair_know(pair, end);
    }
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    pair_run(pair, when * 10 * MS + 5 * MS);
    sluice_transport_free(pair->end[!victim].transport);
    pair->end[!victim].transport = NULL;
    link_clear(&pair->end[!victim].link);
}

/* Nine datagrams of 26 bytes, each the first byte of a message that claims @length. */
static void nine_fragments(Pair *pair, int victim, uint8_t type, uint32_t length)
{
    uint8_t bytes[64];

    for (uint16_t seq = 0; seq < 9; seq++) {
        size_t len = forge_message(bytes, 100 + seq, type, seq, length, 0, 1);

        assert_int_equal(len, 26);
        inject_bytes(pair, victim, vclock_now(), bytes, len);
    }
    while (pair_step(pair, vclock_now()))
        ;
}

static void assert_bounded(int64_t before, const char *what, int victim, int type, int when)
{
    int64_t held = in_use() - before;

    if (held > BOUND)
        fail_msg("%s of type %d at the %s at moment %d: %d bytes", what, type,
                 victim == CLIENT ? "client" : "server", when, (int)held);
}

static const uint32_t lengths[] = {64, 2048, 16384, 65535, 102400, 0xffffff};
#define LENGTHS (sizeof lengths / sizeof lengths[0])

static int64_t try_type(int victim, int cookie, int when, int type, uint32_t length)
{
    int64_t before, held;
    Pair pair;

    open_at(&pair, victim, when, cookie, &before);
    nine_fragments(&pair, victim, (uint8_t)type, length);
    assert_bounded(before, "nine fragments", victim, type, when);
    held = in_use() - before;
    pair_close(&pair);
    assert_true(in_use() <= before + 4096); /* OpenSSL's error state grows once */
    return held;
}

/* Every type of handshake message, those too that there are not, in both roles, at each moment of the handshake, with
 * and without a HelloVerifyRequest. */
static void test_every_type(void **state)
{
    (void)state;
    warm_up();
    for (int victim = CLIENT; victim <= SERVER; victim++) {
        int64_t most = 0;

        for (int cookie = 0; cookie < 2; cookie++)
            for (int when = 0; when < (cookie ? 6 : 4); when++)
                for (int type = 0; type <= NEVER_TYPE; type++)
                    for (size_t i = 0; i < LENGTHS; i++) {
                        int64_t held = try_type(victim, cookie, when,
                                                type < NEVER_TYPE ? type : 254, lengths[i]);

                        most = held > most ? held : most;
                    }
        print_message("# a %s holds %d bytes at most\n", victim == CLIENT ? "client" : "server",
                      (int)most);
    }
}

/* Whatever the longest is that passes. */
static const uint32_t more_lengths[] = {64,    2048,  8192,  16384,  20000,   28000,
                                        40000, 52000, 65535, 102400, 0xffffff};
#define MORE_LENGTHS (sizeof more_lengths / sizeof more_lengths[0])

/* All of them at one victim, and a storm of everything else that is forged. */
static void test_everything_at_once(void **state)
{
    static const uint8_t types[] = {11, 12, 13, 15, 16, 1, 2, 14, 20, 4, 22};
    int64_t before;

    (void)state;
    for (int victim = CLIENT; victim <= SERVER; victim++)
        for (int when = 0; when < 4; when++) {
            Pair pair;

            open_at(&pair, victim, when, 0, &before);
            for (size_t i = MORE_LENGTHS;
                 i-- > 0;) /* the first that passes is taken for the length */
                for (size_t t = 0; t < sizeof types; t++)
                    nine_fragments(&pair, victim, types[t], more_lengths[i]);
            for (int kind = 0; kind < FORGED_KINDS; kind++)
                for (uint64_t i = 0; i < 20; i++)
                    inject_forged(&pair, victim, (Forged)kind, i, vclock_now());
            while (pair_step(&pair, vclock_now()))
                ;
            assert_bounded(before, "all", victim, -1, when);
            print_message("# all kinds: a %s holds %d bytes at moment %d\n",
                          victim == CLIENT ? "client" : "server", (int)(in_use() - before), when);
            pair_close(&pair);
        }
}

/* Two hundred of them beside a live one: what they hold is given back when their time is over, and the live one does not
 * notice. */
static void test_two_hundred(void **state)
{
    enum { N = 200 };
    static SluiceTransport *half[N];
    SluiceConfig *config = new_config(SERVER);
    uint8_t hello[1500], bytes[64];
    size_t len = strange_hello(CLIENT, hello);
    int64_t before, held;
    Pair pair;

    (void)state;
    open_with(&pair, new_config(CLIENT), sluice_config_ref(config));
    connect_within(&pair, 100 * MS);
    assert_talks(&pair);
    before = in_use();
    for (int i = 0; i < N; i++) {
        size_t n = len;
        SluiceKind kind;

        half[i] = sluice_transport_new(config);
        sluice_transport_set_path_validated(half[i], vclock_now(), 1);
        assert_status(sluice_transport_start(half[i], vclock_now(), SLUICE_ROLE_SERVER), SLUICE_OK);
        assert_status(sluice_transport_receive(half[i], vclock_now(), hello, &n, &kind), SLUICE_OK);
        for (uint16_t seq = 0; seq < 9; seq++) {
            static const uint8_t types[] = {11, 16, 15};

            n = forge_message(bytes, 0, types[seq % 3], seq, seq % 3 == 1 ? 2048 : 16384, 0, 1);
            (void)sluice_transport_receive(half[i], vclock_now(), bytes, &n, &kind);
        }
    }
    held = in_use() - before;
    assert_true(held < (int64_t)N * BOUND);
    print_message("# %d half-open servers hold %d bytes each\n", N, (int)(held / N));
    assert_int_equal(sluice_config_get_half_open(config), N);
    assert_talks(&pair);
    pair_run(&pair, 30 * SECOND);
    for (int i = 0; i < N; i++)
        assert_status(sluice_transport_handle_timeout(half[i], vclock_now()), SLUICE_ENDED);
    held = in_use() - before;
    assert_true(held <
                (int64_t)N * 32 * 1024); /* the transports themselves, with their last words */
    assert_int_equal(sluice_config_get_half_open(config), 0);
    assert_talks(&pair);
    for (int i = 0; i < N; i++)
        sluice_transport_free(half[i]);
    assert_true(in_use() - before < 64 * 1024);
    pair_close(&pair);
    sluice_config_unref(config);
}

/* Its Finished does not arrive whole. */
static int damage_finished(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                           size_t len)
{
    (void)context;
    (void)number;
    (void)now;
    if (data[0] == 22 && data[4] == 0 && data[13] == 11)
        data[len - 1] ^= 1;
    return 1;
}

/* A server whose client is at its Finished, which is damaged on the way, and has the keys. Returns what was in use before. */
static int64_t open_before_finished(Pair *pair)
{
    SluiceConfig *client = new_config(CLIENT);
    int64_t before;

    sealed_reset();
    assert_status(sluice_config_set_keylog(client, sealed_keylog, NULL, NULL), SLUICE_OK);
    open_with(pair, client, new_config(SERVER));
    pair->end[SERVER].link.filter = sealed_watch;
    pair->end[CLIENT].link.filter = damage_finished;
    for (int end = 0; end < 2; end++)
        sluice_transport_set_path_validated(pair->end[end].transport, vclock_now(), 1);
    pair_know(pair, CLIENT);
    pair_start(pair, SERVER, SLUICE_ROLE_SERVER);
    before = in_use();
    pair_start(pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_run(pair, 60 * MS);
    assert_true(sealed_is_ready());
    return before;
}

static void inject_sealed(Pair *pair, uint8_t type, uint16_t number, const uint8_t *body, size_t n)
{
    uint8_t record[200];
    size_t len = sealed_record(CLIENT, record, type, number, body, n);

    link_inject(&pair->end[CLIENT].link, vclock_now() + 10 * MS, record, len);
    pair_run(pair, MS);
}

static void finish_at_last(Pair *pair)
{
    pair->end[CLIENT].link.filter = NULL;
    pair_know(pair, SERVER);
    assert_true(pair_run_until(pair, pair_both_connected, vclock_now() + SECOND));
}

/* Bug: a client that nobody knows yet could make a server hold 1.7 MB. Mechanism: OpenSSL keeps a hundred messages that come
 * between the ChangeCipherSpec and the Finished, in 17 KB each. Those that are kept are shown when all is done. */
static void test_data_before_the_finished(void **state)
{
    int64_t before, held;
    Pair pair;

    (void)state;
    before = open_before_finished(&pair);
    for (uint16_t i = 0; i < 120; i++)
        inject_sealed(&pair, 23, (uint16_t)(i + 40), (const uint8_t *)"early", 5);
    pair_run(&pair, 20 * MS);
    assert_state(&pair, SERVER, SLUICE_STATE_CONNECTING);
    held = in_use() - before;
    print_message("# both ends hold %ld bytes\n", (long)held);
    assert_in_range(held, 0, 2 * BOUND);
    finish_at_last(&pair);
    assert_in_range(pair_count(&pair, SERVER, SLUICE_KIND_DATA), 1, 4);
    assert_true(pair_stats(&pair, SERVER).dropped_inbox_full >= 116);
    pair_close(&pair);
}

/* What is under the keys nobody sees into but OpenSSL, which puts ten messages of 16 KB together between the ChangeCipherSpec and
 * the Finished. Who has come so far is no stranger that forges: he has a certificate, its key, and the keys of this
 * association. This is the most that there is, and each length that may pass is no more. */
static void test_fragments_before_the_finished(void **state)
{
    static const uint32_t claims[] = {16384, 16400, 16646, 16708, 17000, 32768};

    (void)state;
    for (size_t k = 0; k < sizeof claims / sizeof *claims; k++) {
        uint32_t length = claims[k];
        int64_t before, held;
        Pair pair;

        before = open_before_finished(&pair);
        for (uint16_t i = 0; i < 40; i++) {
            /* behind the Finished, whose message_seq is 4 without a cookie */
            const uint8_t body[13] = {11,
                                      0,
                                      (uint8_t)(length >> 8),
                                      (uint8_t)length,
                                      0,
                                      (uint8_t)(5 + i % 20),
                                      0,
                                      0,
                                      0,
                                      0,
                                      0,
                                      1,
                                      'x'};

            inject_sealed(&pair, 22, (uint16_t)(i + 40), body, sizeof body);
        }
        pair_run(&pair, 20 * MS);
        assert_state(&pair, SERVER, SLUICE_STATE_CONNECTING);
        held = in_use() - before;
        print_message("# fragments of %u bytes: both ends hold %ld bytes\n", (unsigned)length,
                      (long)held);
        assert_in_range(held, 0, BOUND + BOUND_WITH_KEYS);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_everything_at_once),
        cmocka_unit_test(test_two_hundred),
        cmocka_unit_test(test_data_before_the_finished),
        cmocka_unit_test(test_fragments_before_the_finished),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
