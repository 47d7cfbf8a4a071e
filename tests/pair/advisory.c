/* SPDX-License-Identifier: BSD-3-Clause */
#include "advisory.h"

void advisory_hello(uint8_t out[ADVISORY_HELLO])
{
    static const uint8_t head[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,   0,    124, 1,
                                   0,  0,    112,  0, 0, 0, 0, 0, 0, 0, 112, 0xfe, 0xfd};
    static const uint8_t tail[] = {
        0,    0,                                           /* no session, no cookie */
        0,    2,  0, 0,                                    /* TLS_NULL_WITH_NULL_NULL */
        1,    0,                                           /* no compression */
        0,    68,                                          /* extensions: */
        0,    23, 0, 0,                                    /* extended master secret */
        0xff, 1,  0, 1,  0,                                /* renegotiation_info */
        0,    10, 0, 8,  0, 6,  0, 29, 0, 23, 0, 24,       /* groups */
        0,    11, 0, 2,  1, 0,                             /* point formats */
        0,    35, 0, 0,                                    /* session ticket */
        0,    13, 0, 20, 0, 18, 4, 3,  8, 4,  4, 1,  5, 3, /* signature algorithms */
        8,    5,  5, 1,  8, 6,  6, 1,  2, 1,               /* ... */
        0,    14, 0, 9,  0, 6,  0, 1,  0, 8,  0, 7,  0,    /* use_srtp */
    };
    _Static_assert(sizeof head + 32 + sizeof tail == ADVISORY_HELLO, "its length");

    memcpy(out, head, sizeof head);
    memset(out + sizeof head, 0x3c, 32);
    memcpy(out + sizeof head + 32, tail, sizeof tail);
}

void spray(Pair *pair, int victim, SluiceTime from, unsigned n, SluiceTime period)
{
    uint8_t hello[ADVISORY_HELLO];

    advisory_hello(hello);
    for (unsigned i = 0; i < n; i++) {
        hello[27] = (uint8_t)i;
        hello[28] = (uint8_t)(i >> 8);
        inject_bytes(pair, victim, from + (SluiceTime)i * period, hello, sizeof hello);
    }
}

void assert_call_stands(Pair *pair, SluiceTime limit)
{
    if (!pair_run_until(pair, pair_both_connected, limit) || pair->spun)
        fail_msg("client %s (%s), server %s (%s)", sluice_state_name(pair_state(pair, CLIENT)),
                 reason_name(pair, CLIENT), sluice_state_name(pair_state(pair, SERVER)),
                 reason_name(pair, SERVER));
    for (int end = 0; end < 2; end++) {
        assert_null(alert_event(pair, end, SLUICE_SENT_OUT));
        assert_null(alert_event(pair, end, SLUICE_RECEIVED));
    }
    assert_talks(pair);
}
