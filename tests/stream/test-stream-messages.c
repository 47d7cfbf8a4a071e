/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: with a message limit (sluice_stream_set_message_limit(); a stream of SCTP, RFC 3436) no message is longer than
 * it, a message is one record or a piece of one that is longer than the limit, and what was shown stays as it is until
 * it is popped, whatever else happens (facts L1, L5). A seeded scheduler decides what; the records are read here. */

#include "large-chain.h"
#include "messages.h"

#include <stdio.h>

#define SEEDS 2 /* each limit with each version */
#define APPLICATION_DATA 23

/* The least; some odd ones; about a path's MTU; a record, without and with what it adds; the most. */
static const size_t limits[] = {64, 65, 100, 512, 541, 1200, 16384, 16384 + 256, 65536, 16777216};
#define LIMITS (sizeof limits / sizeof *limits)

static size_t draw(Rng *rng, size_t most) { return 1 + (size_t)rng_below(rng, most); }

static void act(Mail *self, int which, uint64_t goal)
{
    MailEnd *end = &self->end[which];
    Rng *rng = &self->rng;
    uint64_t left = goal - end->accepted;
    size_t n = draw(rng, rng_chance(rng, 0.5) ? 20000 : 50);

    switch (rng_below(rng, 8)) {
    case 0:
        mail_write(self, which, n < left ? n : (size_t)left);
        break;
    case 1:
        mail_read(self, which, n);
        break;
    case 2:
        mail_take(end, draw(rng, rng_chance(rng, 0.1) ? MAIL_VECTORS : 8));
        break;
    case 3:
        mail_pop_wrongly(end, draw(rng, rng_chance(rng, 0.5) ? end->limit * 2 : 80));
        break;
    case 4:
        if (rng_chance(rng, 0.05))
            (void)sluice_stream_update_keys(end->stream, (int)rng_below(rng, 2));
        if (rng_chance(rng, 0.05))
            sluice_stream_release_buffers(end->stream);
        break;
    default:
        mail_bring(self, which, n);
        break;
    }
    mail_look(end); /* a refused send: nothing else has touched it */
}

/* -- tests ----------------------------------------------------------------------------------------- */

/* From the ClientHello to both close_notify. */
static void run(size_t limit, unsigned version, uint64_t seed)
{
    static Mail mail;
    uint64_t goal = limit < 512 ? 5000 : 150000;
    unsigned steps = 0;

    mail_open(&mail, limit, version, seed);
    while (mail.end[0].got < goal || mail.end[1].got < goal) {
        act(&mail, (int)rng_below(&mail.rng, 2), goal);
        if (++steps == 4000000)
            fail_msg("limit %zu, TLS %x, seed %d: %d and %d of %d bytes have come", limit, version,
                     (int)seed, (int)mail.end[0].got, (int)mail.end[1].got, (int)goal);
    }
    mail_pass(&mail);
    for (int i = 0; i < 2; i++)
        assert_status(sluice_stream_shutdown(mail.end[i].stream), SLUICE_OK);
    mail_pass(&mail);
    mail_assert_state(&mail, SLUICE_STATE_CLOSED);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mail.end[i].got, goal);
        assert_true(mail.end[i].refusals > 0 && mail.end[i].together > 0);
    }
    /* OpenSSL's records of the handshake are no smaller than 512 bytes and what they add. */
    assert_int_equal(mail.end[SERVER].pieces > 0, limit < 541);
    mail_close(&mail);
}

static void test_any_refusals(void **state)
{
    uint64_t first = rng_test_seed(1);

    (void)state;
    for (uint64_t seed = first; seed < first + SEEDS; seed++)
        for (size_t i = 0; i < LIMITS; i++)
            run(limits[i], versions[(seed + i) % 2], seed);
}

/* What is written fills messages of one record each, as long as they may be. */
static void test_data_fills_whole_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < LIMITS; i++)
        for (int v = 0; v < 2; v++) {
            size_t longest = limits[i] < 16384 + 22 ? limits[i] : 16384 + 22, len;
            unsigned before, n;
            static Mail mail;
            MailEnd *end = &mail.end[CLIENT];

            mail_connect(&mail, limits[i], versions[v]);
            before = end->pieces;
            assert_int_equal(mail_write(&mail, CLIENT, 30000), 30000);
            for (n = 0; (len = mail_look(end)) > 0; n++) {
                assert_int_equal(end->shown[0], APPLICATION_DATA);
                if (end->accepted - mail.end[SERVER].got >= longest)
                    assert_in_range(len, longest - 7, longest + 7);
                assert_int_equal(mail_take(end, 1), 1);
                while (mail_bring(&mail, SERVER, ALL) + mail_read(&mail, SERVER, 65536))
                    ;
            }
            assert_int_equal(end->pieces, before);
            assert_int_equal(mail.end[SERVER].got, 30000);
            assert_true(n >= 30000 / longest);
            mail_close(&mail);
        }
}

/* What is shown stays, through everything that can happen to a stream meanwhile. */
static void test_shown_stays(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        static Mail mail;
        MailEnd *end = &mail.end[CLIENT];
        size_t len, n, written;
        uint8_t byte;

        mail_connect(&mail, 1200, versions[v]);
        mail_write(&mail, CLIENT, 700);
        len = mail_look(end);
        assert_in_range(len, 700, 750);
        while (mail_write(&mail, CLIENT, 5000) == 5000) /* the queue grows, and moves */
            assert_int_equal(mail_look(end), len);
        written = mail_write(&mail, SERVER, 5000);
        assert_int_equal(written, 5000);
        (void)sluice_stream_update_keys(mail.end[SERVER].stream, 1); /* wants an answer */
        do
            assert_int_equal(mail_look(end), len);
        while (mail_take(&mail.end[SERVER], 1) + mail_bring(&mail, CLIENT, ALL) +
               mail_read(&mail, CLIENT, 65536));
        assert_int_equal(end->got, written);
        (void)sluice_stream_update_keys(end->stream, 0);
        assert_int_equal(mail_look(end), len);
        sluice_stream_release_buffers(end->stream);
        assert_int_equal(mail_look(end), len);
        (void)sluice_stream_handle_timeout(end->stream, vclock_now() + 1000 * SECOND);
        assert_int_equal(mail_look(end), len);
        assert_status(sluice_stream_shutdown(end->stream), SLUICE_OK);
        assert_int_equal(mail_look(end), len);
        assert_status(sluice_stream_receive_end(end->stream), SLUICE_OK);
        assert_status(sluice_stream_read(end->stream, &byte, 1, &n), SLUICE_ENDED); /* truncated */
        assert_int_equal(mail_look(end), len);
        while (mail_take(end, 1) + mail_bring(&mail, SERVER, ALL) + mail_read(&mail, SERVER, 65536))
            ;
        assert_int_equal(mail.end[SERVER].got, end->accepted);
        mail_close(&mail);
    }
}

/* By hand: three messages, and each number of bytes that can be told. */
static void test_pops_of_parts(void **state)
{
    static Mail mail;
    MailEnd *end = &mail.end[CLIENT];
    struct iovec vectors[MAIL_VECTORS];
    size_t sum;

    (void)state;
    mail_connect(&mail, 100, SLUICE_TLS_1_3);
    mail_write(&mail, CLIENT, 1);
    mail_write(&mail, CLIENT, 60);
    mail_write(&mail, CLIENT, 2);
    assert_int_equal(mail_look_at_all(end, vectors, MAIL_VECTORS, &sum), 3);
    assert_int_equal(mail_look_at_all(end, vectors, 2, &sum), 2);
    assert_int_equal(mail_look_at_all(end, vectors, 0, &sum), 0);
    assert_int_equal(mail_look_at_all(end, vectors, MAIL_VECTORS, &sum), 3);
    for (size_t bytes = 0; bytes < sum + 100; bytes++)
        if (bytes != 0 && bytes != 23 && bytes != 23 + 82 && bytes != 23 + 82 + 24) {
            assert_status(sluice_stream_pop_output(end->stream, bytes), SLUICE_INVALID_ARGUMENT);
            assert_int_equal(mail_look(end), 23);
        }
    assert_status(sluice_stream_pop_output(end->stream, SIZE_MAX), SLUICE_INVALID_ARGUMENT);
    assert_status(sluice_stream_pop_output(end->stream, 0), SLUICE_OK);
    assert_int_equal(mail_take(end, 2), 2);
    assert_int_equal(mail_look(end), 24);
    mail_pass(&mail);
    assert_int_equal(mail.end[SERVER].got, 63);
    mail_close(&mail);
}

/* All that the other end has to say, as if it were one message. */
static void bring_glued(Mail *self, int to)
{
    SluiceStream *from = self->end[!to].stream;
    uint8_t glued[65536];
    const uint8_t *data;
    size_t len, sum = 0, taken;

    for (; sluice_stream_peek_output(from, &data, &len); sum += len) {
        memcpy(glued + sum, data, len);
        assert_status(sluice_stream_pop_output(from, len), SLUICE_OK);
    }
    assert_status(sluice_stream_receive(self->end[to].stream, glued, sum, &taken), SLUICE_OK);
}

/* A message may come byte by byte (SCTP's partial delivery), or several as if they were one. */
static void test_received_in_any_split(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        static Mail mail;
        size_t moved;

        mail_open(&mail, 512, versions[v], 1);
        do {
            moved = 0;
            for (int i = 0; i < 2; i++)
                moved += mail_take(&mail.end[i], 1) + mail_bring(&mail, !i, 1);
        } while (moved);
        mail_assert_state(&mail, SLUICE_STATE_CONNECTED);
        mail_write(&mail, CLIENT, 30000);
        for (size_t n = 0; n < 30000; n += moved) {
            moved = mail_read(&mail, SERVER, 1);
            mail_take(&mail.end[CLIENT], 1);
            for (size_t i = 0; i < 7; i++)
                mail_bring(&mail, SERVER, 1);
        }
        mail_write(&mail, CLIENT, 30000);
        bring_glued(&mail, SERVER);
        while (mail_read(&mail, SERVER, 65536))
            ;
        assert_int_equal(mail.end[SERVER].got, 60000);
        mail_close(&mail);
    }
}

/* The forged twins: the order and number of messages is part of what TLS protects. */
enum { LOST, DOUBLED, SWAPPED, FLIPPED, UNHARMED, HARMS };

static void harm(MailEnd *from, int how)
{
    uint8_t copy[2][65536];
    size_t len[2];

    for (int i = 0; i < 2; i++) {
        len[i] = mail_look(from);
        memcpy(copy[i], from->shown, len[i]);
        assert_int_equal(mail_take(from, 1), 1);
    }
    from->wire_from = from->wire_to = 0;
    copy[0][len[0] - 1] ^= how == FLIPPED;
    if (how == SWAPPED)
        mail_put(from, copy[1], len[1]);
    if (how != LOST)
        mail_put(from, copy[0], len[0]);
    if (how == DOUBLED)
        mail_put(from, copy[0], len[0]);
    if (how != SWAPPED)
        mail_put(from, copy[1], len[1]);
}

static void test_harm_is_seen(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int how = LOST; how < HARMS; how++) {
            static Mail mail;
            uint8_t data[4096];
            size_t len;
            SluiceEnd end;

            mail_connect(&mail, 512, versions[v]);
            mail_write(&mail, CLIENT, 1500);
            harm(&mail.end[CLIENT], how);
            while (mail_bring(&mail, SERVER, ALL) + mail_take(&mail.end[CLIENT], 1))
                ;
            while (sluice_stream_read(mail.end[SERVER].stream, data, sizeof data, &len) ==
                   SLUICE_OK)
                mail.end[SERVER].got += len;
            if (how == UNHARMED) {
                assert_int_equal(mail.end[SERVER].got, 1500);
            } else {
                assert_status(sluice_stream_get_end(mail.end[SERVER].stream, &end), SLUICE_OK);
                assert_string_equal(sluice_end_reason_name(end.reason), "alert-sent");
                assert_string_equal(sluice_alert_name(end.alert), "bad_record_mac");
                assert_true(mail.end[SERVER].got < 1500);
            }
            mail_close(&mail);
        }
}

static void test_limits_that_can_be_set(void **state)
{
    static const size_t good[] = {0, 64, 65, 16384, 16777216}, bad[] = {1, 63, 16777217, SIZE_MAX};
    SluiceConfig *config = large_chain_config(SERVER, SLUICE_TLS_1_3);
    SluiceStream *stream = sluice_stream_new(config, SLUICE_ROLE_SERVER);

    (void)state;
    assert_status(sluice_stream_set_message_limit(NULL, 64), SLUICE_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_status(sluice_stream_set_message_limit(stream, bad[i]), SLUICE_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_status(sluice_stream_set_message_limit(stream, good[i]), SLUICE_OK);
    assert_status(sluice_stream_start(stream, vclock_now()), SLUICE_OK);
    assert_status(sluice_stream_set_message_limit(stream, 64), SLUICE_INVALID_STATE);
    sluice_stream_free(stream);
    sluice_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_refusals),
        cmocka_unit_test(test_data_fills_whole_messages),
        cmocka_unit_test(test_shown_stays),
        cmocka_unit_test(test_pops_of_parts),
        cmocka_unit_test(test_received_in_any_split),
        cmocka_unit_test(test_harm_is_seen),
        cmocka_unit_test(test_limits_that_can_be_set),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, make_large_chain, free_large_chain);
}
