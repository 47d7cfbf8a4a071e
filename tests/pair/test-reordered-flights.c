/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the records of a flight in any order, each in a datagram of its own or all in one, connect without a timer
 * (ORD-02). OpenSSL alone drops a ChangeCipherSpec that has overtaken its flight, and waits. */

#include "common.h"

#define PIECES_MAX 6

/* A flight that was taken off the network, by records or by datagrams. */
typedef struct {
    uint64_t from, to; /* numbers of its datagrams */
    int by_record;
    uint8_t bytes[PIECES_MAX][1400];
    size_t len[PIECES_MAX], n;
} Flight;

static void add_piece(Flight *flight, const uint8_t *data, size_t len)
{
    assert_true(flight->n < PIECES_MAX);
    memcpy(flight->bytes[flight->n], data, len);
    flight->len[flight->n++] = len;
}

static int take(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Flight *flight = context;

    (void)now;
    if (number < flight->from || number > flight->to)
        return 1;
    if (!flight->by_record) {
        add_piece(flight, data, len);
        return 0;
    }
    for (size_t at = 0; at + 13 <= len;) {
        size_t n = 13 + ((size_t)data[at + 11] << 8 | data[at + 12]);

        add_piece(flight, data + at, n);
        at += n;
    }
    return 0;
}

/* The @rank-th order of @n things. */
static void permute(size_t rank, size_t n, size_t order[PIECES_MAX])
{
    size_t left[PIECES_MAX];

    for (size_t i = 0; i < n; i++)
        left[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t pick = rank % (n - i);

        rank /= n - i;
        order[i] = left[pick];
        memmove(left + pick, left + pick + 1, (n - i - pick - 1) * sizeof *left);
    }
}

static void deliver_in_order(Pair *pair, int from, const Flight *flight, const size_t *order,
                             int together)
{
    uint8_t all[PIECES_MAX * 1400];
    size_t len = 0;
    SluiceTime at = vclock_now() + 10 * MS;

    for (size_t i = 0; i < flight->n; i++) {
        memcpy(all + len, flight->bytes[order[i]], flight->len[order[i]]);
        len += flight->len[order[i]];
        if (!together)
            link_inject(&pair->end[from].link, at, flight->bytes[order[i]], flight->len[order[i]]);
    }
    if (together)
        link_inject(&pair->end[from].link, at, all, len);
}

/* One handshake; returns the number of pieces of the flight. */
static size_t try_order(int from, const Flight *wanted, size_t mtu, size_t rank, int together)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    size_t order[PIECES_MAX], n;
    Flight flight = *wanted;
    Pair pair;

    assert_status(sluice_config_set_handshake_mtu(a, mtu), SLUICE_OK);
    assert_status(sluice_config_set_handshake_mtu(b, mtu), SLUICE_OK);
    open_with(&pair, a, b);
    pair.end[from].link.filter = take;
    pair.end[from].link.filter_context = &flight;
    pair_start_both(&pair);
    while (pair.end[from].n_sent < flight.to)
        assert_true(pair_step(&pair, pair.begun + 50 * MS));
    n = flight.n;
    permute(rank, n, order);
    deliver_in_order(&pair, from, &flight, order, together);
    if (!pair_run_until(&pair, pair_both_connected, pair.begun + 40 * MS))
        fail_msg("flight of the %s, %d pieces, order %d: client %s, server %s",
                 from == CLIENT ? "client" : "server", (int)n, (int)rank,
                 sluice_state_name(pair_state(&pair, CLIENT)),
                 sluice_state_name(pair_state(&pair, SERVER)));
    assert_int_equal(pair_stats(&pair, CLIENT).retransmissions, 0);
    assert_int_equal(pair_stats(&pair, SERVER).retransmissions, 0);
    assert_talks(&pair);
    pair_close(&pair);
    return n;
}

static size_t factorial(size_t n) { return n < 2 ? 1 : n * factorial(n - 1); }

static void try_every_order(int from, const Flight *flight, size_t mtu, size_t pieces)
{
    for (int together = 0; together <= flight->by_record; together++)
        for (size_t rank = 0; rank < factorial(pieces); rank++)
            assert_int_equal(try_order(from, flight, mtu, rank, together), pieces);
}

static void test_records_of_flight_4(void **state)
{
    const Flight flight = {.from = 1, .to = 1, .by_record = 1};

    (void)state;
    try_every_order(SERVER, &flight, 1200, 5);
}

static void test_records_of_flight_5(void **state)
{
    const Flight flight = {.from = 2, .to = 2, .by_record = 1};

    (void)state;
    try_every_order(CLIENT, &flight, 1200, 5);
}

static void test_records_of_flight_6(void **state)
{
    const Flight flight = {.from = 2, .to = 2, .by_record = 1};

    (void)state;
    try_every_order(SERVER, &flight, 1200, 2);
}

/* Cut into datagrams of 400 bytes: fragments of messages change places. */
static void test_datagrams_of_flight_4(void **state)
{
    const Flight flight = {.from = 1, .to = 2};

    (void)state;
    try_every_order(SERVER, &flight, 400, 2);
}

static void test_datagrams_of_flight_5(void **state)
{
    const Flight flight = {.from = 2, .to = 3};

    (void)state;
    try_every_order(CLIENT, &flight, 400, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_flight_4),   cmocka_unit_test(test_records_of_flight_5),
        cmocka_unit_test(test_records_of_flight_6),   cmocka_unit_test(test_datagrams_of_flight_4),
        cmocka_unit_test(test_datagrams_of_flight_5),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
