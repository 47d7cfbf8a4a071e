/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a client that was asked for a cookie in somebody else's name begins anew when its peer asks for another one. A forged
 * request and a true one in the same datagram: the first was answered, the second was kept as the one that had been answered,
 * so that what the peer asked from then on was no contradiction, and the client sent the forged cookie until the deadline. */

#include "forged.h"

static uint8_t together[1500];

/* In front of the first request: a copy with another cookie, and a true one behind it. */
static int add_forged(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Pair *pair = context;

    (void)number;
    if (data[0] != 22 || data[13] != 3 || together[0])
        return 1;
    memcpy(together, data, len);
    memcpy(together + len, data, len);
    together[len - 1] ^= 1;
    inject_bytes(pair, CLIENT, now + 9 * MS, together, 2 * len);
    return 1;
}

static void test_in_one_datagram(void **state)
{
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Pair pair;

    (void)state;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_one_datagram),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
