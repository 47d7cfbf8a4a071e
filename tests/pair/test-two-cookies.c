/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a client that was asked for a cookie in somebody else's name begins anew when its peer asks for another one, and does
 * not send the forged one until the deadline. Two ways there were to that: a forged request and a true one in the same
 * datagram, of which the first was answered and the second kept as the one that had been answered; and a forged one that
 * differed in the length of its cookie alone, which was not looked at. */

#include "forged.h"

static uint8_t together[1500];
static int shorter; /* 1: a cookie of another length, 0: of other bytes */
static size_t copies;

/* In front of the first request: a copy with another cookie, and perhaps a true one behind it. */
static int add_forged(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Pair *pair = context;

    (void)number;
    if (data[0] != 22 || data[13] != 3 || together[0])
        return 1;
    memcpy(together, data, len);
    memcpy(together + len, data, len);
    if (shorter)
        together[25 + 2] = 3;
    else
        together[len - 1] ^= 1;
    inject_bytes(pair, CLIENT, now + 9 * MS, together, copies * len);
    return 1;
}

static void try_forged(void)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Pair pair;

    together[0] = 0;
    sluice_config_set_allow_unvalidated(a, 1);
    sluice_config_set_allow_unvalidated(b, 1);
    open_with(&pair, a, b);
    pair_know(&pair, CLIENT);
    pair_know(&pair, SERVER);
    pair.end[SERVER].link.filter = add_forged;
    pair.end[SERVER].link.filter_context = &pair;
    pair_start(&pair, CLIENT, SLUICE_ROLE_CLIENT);
    pair_start(&pair, SERVER, SLUICE_ROLE_SERVER);
    assert_true(pair_run_until(&pair, pair_both_connected, vclock_now() + 2 * SECOND));
    assert_true(together[0]);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_forged_request_first(void **state)
{
    (void)state;
    for (shorter = 0; shorter < 2; shorter++)
        for (copies = 1; copies < 3; copies++)
            try_forged();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_request_first),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
