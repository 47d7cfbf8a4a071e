/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whatever the transport does with the ciphertext, pieces of any size, refusals, long waits, both
 * directions at once, each byte that write() accepted is read once, in order, and nothing else is
 * (facts L1 to L4, rule 36). A seeded scheduler decides who does what; each step checks the counts. */

#include "common.h"

#include <stdio.h>
#include <stdlib.h>

#define SEEDS 120
#define STEPS_MAX 8000000

/* How a run goes about it; drawn from its seed. */
typedef struct {
    size_t write_most, read_most, send_most, bring_most; /* sizes go from 1 to these */
    double refusal;                                      /* of a send or a delivery */
    unsigned weight[2];                                  /* how often an end's turn is */
    double updates;                                      /* of the keys, TLS 1.3 */
    double releases;                                     /* of idle buffers */
    size_t high_water;
} Manner;

static const size_t sizes[] = {1, 2, 7, 100, 1500, 16384, 16385, 40000, 200000};

static size_t draw_size(Rng *rng) { return sizes[rng_below(rng, sizeof sizes / sizeof *sizes)]; }

static Manner draw_manner(Rng *rng)
{
    Manner manner;

    manner.write_most = draw_size(rng);
    manner.read_most = draw_size(rng);
    manner.send_most = draw_size(rng);
    manner.bring_most = draw_size(rng);
    manner.refusal = (double)rng_below(rng, 3) * 0.3;
    manner.weight[0] = 1 + (unsigned)rng_below(rng, 8);
    manner.weight[1] = 1 + (unsigned)rng_below(rng, 8);
    manner.updates = rng_below(rng, 3) ? 0 : 0.02;
    manner.releases = rng_below(rng, 3) ? 0 : 0.05;
    manner.high_water = (size_t)8192 << rng_below(rng, 5);
    return manner;
}

/* Enough that every limit is met, not more than small steps can move. */
static size_t goal_of(const Manner *manner)
{
    size_t least = manner->write_most;

    if (manner->send_most < least)
        least = manner->send_most;
    if (manner->bring_most < least)
        least = manner->bring_most;
    if (manner->read_most < least)
        least = manner->read_most;
    return least < 100 ? 3000 : least < 2000 ? 100000 : 600000;
}

static size_t up_to(Rng *rng, size_t most) { return 1 + (size_t)rng_below(rng, most); }

static void update(Duo *duo, Rng *rng, int which)
{
    SluiceStatus status = sluice_stream_update_keys(duo->end[which].stream, (int)rng_below(rng, 2));

    if (duo_info(duo, which).version == SLUICE_TLS_1_3)
        assert_true(status == SLUICE_OK || status == SLUICE_WOULD_BLOCK);
    else
        assert_status(status, SLUICE_UNSUPPORTED);
}

static void act(Duo *duo, Rng *rng, const Manner *manner, int which, uint64_t goal)
{
    uint64_t left = goal - duo->end[which].accepted;
    size_t n;

    switch (rng_below(rng, 4)) {
    case 0:
        n = up_to(rng, manner->write_most);
        if (left && duo_state(duo, which) == SLUICE_STATE_CONNECTED)
            duo_write(duo, which, n < left ? n : (size_t)left);
        break;
    case 1:
        if (duo_state(duo, which) == SLUICE_STATE_CONNECTED)
            duo_read(duo, which, up_to(rng, manner->read_most));
        break;
    case 2:
        if (!rng_chance(rng, manner->refusal))
            duo_send(duo, which, up_to(rng, manner->send_most));
        break;
    default:
        if (!rng_chance(rng, manner->refusal))
            duo_bring(duo, which, up_to(rng, manner->bring_most));
        break;
    }
    if (rng_chance(rng, manner->updates) && duo_state(duo, which) == SLUICE_STATE_CONNECTED)
        update(duo, rng, which);
    if (rng_chance(rng, manner->releases))
        sluice_stream_release_buffers(duo->end[which].stream);
}

static void open_for(Duo *duo, const Manner *manner, unsigned version)
{
    SluiceConfig *client = client_config(version), *server = server_config(version, ID_SERVER);

    assert_status(sluice_config_set_stream_limits(client, manner->high_water, 32768), SLUICE_OK);
    assert_status(sluice_config_set_stream_limits(server, manner->high_water, 32768), SLUICE_OK);
    duo_open_host(duo, client, server);
    for (int i = 0; i < 2; i++) {
        duo->end[i].high_water = manner->high_water;
        duo->end[i].input_max = 32768;
        /* An answer to a key update may come in front of data that was measured without it. */
        duo->end[i].slack = manner->updates > 0 ? 64 : 0;
    }
    duo_start(duo);
}

static void say_manner(const Manner *manner, uint64_t seed, unsigned version)
{
    print_message(
        "# seed %d, TLS %x, write %d read %d send %d bring %d refusal %d%% high water %d%s%s\n",
        (int)seed, version, (int)manner->write_most, (int)manner->read_most, (int)manner->send_most,
        (int)manner->bring_most, (int)(manner->refusal * 100), (int)manner->high_water,
        manner->updates > 0 ? ", key updates" : "",
        manner->releases > 0 ? ", buffers released" : "");
}

/* Both directions at once, from the first byte of the handshake to the end of both. */
static void run(uint64_t seed, unsigned version)
{
    Rng rng;
    Manner manner;
    uint64_t goal;
    Duo duo;
    int step, done[2] = {0, 0};

    rng_init(&rng, seed);
    manner = draw_manner(&rng);
    goal = goal_of(&manner);
    open_for(&duo, &manner, version);
    for (step = 0; step < STEPS_MAX && !(done[0] && done[1]); step++) {
        unsigned total = manner.weight[0] + manner.weight[1];
        int which = rng_below(&rng, total) >= manner.weight[0];

        act(&duo, &rng, &manner, which, goal);
        done[which] = duo.end[which].got == goal;
    }
    if (!(done[0] && done[1])) {
        say_manner(&manner, seed, version);
        fail_msg("after %d steps %d and %d of %d bytes have come", step, (int)duo.end[0].got,
                 (int)duo.end[1].got, (int)goal);
    }
    duo_settle(&duo); /* what TLS still has to say: test-stream-keys.c has the other order */
    for (int i = 0; i < 2; i++)
        assert_status(sluice_stream_shutdown(duo.end[i].stream), SLUICE_OK);
    duo_settle(&duo);
    for (int i = 0; i < 2; i++) {
        assert_true(duo.end[i].read_end);
        assert_state(&duo, i, SLUICE_STATE_CLOSED);
    }
    duo_assert_complete(&duo);
    duo_close(&duo);
}

/* SLUICE_TEST_SEED runs that one alone, in both versions; SLUICE_TEST_SEEDS says how many, for valgrind. */
static void test_any_splits_and_refusals(void **state)
{
    const char *one = getenv("SLUICE_TEST_SEED"), *many = getenv("SLUICE_TEST_SEEDS");
    uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10) : SEEDS, first = rng_test_seed(1);

    (void)state;
    for (uint64_t seed = first; seed < first + n; seed++)
        run(seed, versions[seed % 2]);
    if (one)
        run(first, versions[(first + 1) % 2]);
}

/* One byte at a time at all four places, nothing drawn. */
static void test_one_byte_at_a_time(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_host(&duo, client_config(versions[v]), server_config(versions[v], ID_SERVER));
        duo_start(&duo);
        while (duo.end[0].got < 300 || duo.end[1].got < 300)
            for (int i = 0; i < 2; i++) {
                if (duo_state(&duo, i) == SLUICE_STATE_CONNECTED) {
                    if (duo.end[i].accepted < 300)
                        assert_int_equal(duo_write(&duo, i, 1), 1);
                    duo_read(&duo, i, 1);
                }
                duo_send(&duo, i, 1);
                duo_bring(&duo, i, 1);
            }
        duo_settle(&duo);
        duo_assert_complete(&duo);
        duo_close(&duo);
    }
}

/* The first of the two faults that users report: refused ciphertext is dropped, and the same plaintext
 * is written again (fact L1). The counts tell it at once, and the peer refuses. */
static void test_dropped_ciphertext_is_seen(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        duo_write(&duo, CLIENT, 1000);
        assert_true(duo_lose_output(&duo, CLIENT) > 1000);
        duo.end[CLIENT].accepted -= 1000;
        (void)sluice_stream_write(duo.end[CLIENT].stream, (const uint8_t *)"again", 5,
                                  &(size_t){0});
        duo.end[CLIENT].accepted += 1005;
        duo_settle(&duo);
        assert_state(&duo, SERVER, SLUICE_STATE_FAILED);
        assert_reason(&duo, SERVER, SLUICE_END_ALERT_SENT);
        assert_int_equal(duo_reason(&duo, SERVER).alert, 20); /* bad_record_mac */
        assert_int_equal(duo.end[SERVER].got, 0);
        duo_close(&duo);
    }
}

/* The second: a partial write is counted as whole. */
static void test_a_partial_send_counted_as_whole_is_seen(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        Duo duo;

        duo_open_connected(&duo, versions[v]);
        duo_write(&duo, CLIENT, 16384);
        duo_send(&duo, CLIENT, 9000);
        duo_lose_output(&duo, CLIENT);
        duo_write(&duo, CLIENT, 16384);
        duo_settle(&duo);
        assert_reason(&duo, SERVER, SLUICE_END_ALERT_SENT);
        assert_int_equal(duo_reason(&duo, SERVER).alert, 20);
        assert_int_equal(duo.end[SERVER].got, 0);
        duo_close(&duo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_splits_and_refusals),
        cmocka_unit_test(test_one_byte_at_a_time),
        cmocka_unit_test(test_dropped_ciphertext_is_seen),
        cmocka_unit_test(test_a_partial_send_counted_as_whole_is_seen),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
