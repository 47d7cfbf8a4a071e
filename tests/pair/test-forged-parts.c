/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a part of a message that somebody has forged stops no flight that comes in parts. Says it another length than the
 * genuine message has, then it costs nothing, whatever library the peer is. Before, the parts of the genuine one, which
 * came later, did not agree with it and were dropped, so that only an attempt that was given up after 1.5 s at a client, 3.1 s
 * at a server, led on. */

#include "cutting.h"
#include "forged.h"

/* Messages that a client, and a server, reads; none of them fits in one fragment. */
static const struct {
    int victim;
    uint8_t type;
    uint16_t message_seq;
} messages[] = {
    {CLIENT, 2, 0},  {CLIENT, 11, 1}, {CLIENT, 12, 2},
    {SERVER, 11, 1}, {SERVER, 16, 2}, {SERVER, 15, 3},
};
#define MESSAGES (sizeof messages / sizeof messages[0])

/* The head of a ClientHello has to hold the cookie, that of a ServerHello its random: by these attempts are told. */
#define SMALL 30
#define LARGE 40
#define HELLO 70

typedef struct {
    Cutting cutting[2];
    size_t which;
    uint32_t size;   /* of a part */
    int64_t longer;  /* than the genuine message: the length that the forged part says */
    unsigned others; /* forged parts of still other lengths, behind it */
    int done;
} Forgery;

/* The length of the genuine message in this datagram, 0: it is not here. */
static uint32_t genuine_length(const uint8_t *data, size_t len, uint8_t type)
{
    for (size_t at = 0; at + 25 <= len; at += 13 + ((size_t)data[at + 11] << 8 | data[at + 12]))
        if (data[at] == 22 && data[at + 4] == 0 && data[at + 13] == type)
            return (uint32_t)data[at + 15] << 8 | data[at + 16];
    return 0;
}

/* Of another length the first part, of the same the last: the genuine one would overwrite it, but the message is whole by
 * then. */
static void inject_part(Forgery *forgery, SluiceTime at, uint32_t length)
{
    uint8_t part[25 + LARGE];
    uint32_t offset = forgery->longer ? 0 : (length - 1) / forgery->size * forgery->size;
    size_t len = forge_message(part, 900, messages[forgery->which].type,
                               messages[forgery->which].message_seq, length, offset,
                               forgery->longer ? forgery->size : length - offset);

    link_inject(forgery->cutting[!messages[forgery->which].victim].link, at, part, len);
}

/* The forged parts come right before the flight that has the genuine message, which is cut. */
static int forge_and_cut(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    Forgery *forgery = context;
    Cutting *cutting = &forgery->cutting[!messages[forgery->which].victim];
    uint32_t length = genuine_length(data, len, messages[forgery->which].type);

    if (length && !forgery->done) {
        SluiceTime at = now + cutting->link->settings.delay;

        forgery->done = 1;
        for (unsigned i = 0; i <= forgery->others; i++)
            inject_part(forgery, at, (uint32_t)(length + forgery->longer + i));
    }
    return cut(cutting, number, now, data, len);
}

static void open_forged(Pair *pair, Forgery *forgery)
{
    open_default(pair);
    for (int end = 0; end < 2; end++) {
        forgery->cutting[end].size = forgery->size;
        forgery->cutting[end].hello = HELLO;
        forgery->cutting[end].link = &pair->end[end].link;
        pair->end[end].link.filter = cut;
        pair->end[end].link.filter_context = &forgery->cutting[end];
    }
    pair->end[!messages[forgery->which].victim].link.filter = forge_and_cut;
    pair->end[!messages[forgery->which].victim].link.filter_context = forgery;
    pair_start_both(pair);
}

static void assert_connects(Pair *pair, const Forgery *forgery, SluiceTime limit)
{
    if (!pair_run_until(pair, pair_both_connected, pair->begun + limit) || !forgery->done)
        fail_msg("type %d, longer by %d, %u more: client %s (%s), server %s (%s)",
                 messages[forgery->which].type, (int)forgery->longer, forgery->others,
                 sluice_state_name(pair_state(pair, CLIENT)), reason_name(pair, CLIENT),
                 sluice_state_name(pair_state(pair, SERVER)), reason_name(pair, SERVER));
    pair->end[CLIENT].link.filter = pair->end[SERVER].link.filter = NULL;
}

static void test_another_length(void **state)
{
    static const int64_t longer[] = {-1, 1, 100, 1000};

    (void)state;
    for (size_t which = 0; which < MESSAGES; which++)
        for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++)
            for (unsigned others = 0; others < 3; others++) {
                Forgery forgery = {
                    .which = which, .size = SMALL, .longer = longer[i], .others = others};
                Pair pair;

                if (longer[i] < 0 && others) /* one of those is the genuine length */
                    continue;
                open_forged(&pair, &forgery);
                assert_connects(&pair, &forgery, 45 * MS);
                for (int end = 0; end < 2; end++) {
                    assert_int_equal(pair_stats(&pair, end).attempts_given_up, 0);
                    assert_int_equal(pair_stats(&pair, end).retransmissions, 0);
                }
                assert_true(pair_stats(&pair, messages[which].victim).dropped_unexpected > 0);
                assert_talks(&pair);
                pair_close(&pair);
            }
}

/* The twin: of the same length it is part of what is put together, and breaks it. Another attempt follows. */
static void test_the_same_length(void **state)
{
    (void)state;
    for (size_t which = 0; which < MESSAGES; which++) {
        Forgery forgery = {.which = which, .size = LARGE};
        Pair pair;

        if (messages[which].type == 16) /* it is smaller */
            continue;
        open_forged(&pair, &forgery);
        assert_connects(&pair, &forgery, 2 * SECOND);
        assert_true(pair_stats(&pair, messages[which].victim).attempts_given_up > 0);
        assert_talks(&pair);
        pair_close(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_length),
        cmocka_unit_test(test_the_same_length),
    };

    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
