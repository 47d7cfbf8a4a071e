/* SPDX-License-Identifier: BSD-3-Clause */
#include "messages.h"

#include "large-chain.h"

#define HEADER 5

/* -- life ------------------------------------------------------------------------------------------ */

void mail_open(Mail *self, size_t limit, unsigned version, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    rng_init(&self->rng, seed);
    for (int i = 0; i < 2; i++) {
        MailEnd *end = &self->end[i];

        end->limit = limit;
        end->config = large_chain_config(i, version);
        end->stream =
            sluice_stream_new(end->config, i == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
        assert_non_null(end->stream);
        assert_status(sluice_stream_set_message_limit(end->stream, limit), SLUICE_OK);
    }
    assert_status(sluice_stream_set_host(self->end[CLIENT].stream, HOST), SLUICE_OK);
    for (int i = 0; i < 2; i++)
        assert_status(sluice_stream_start(self->end[i].stream, vclock_now()), SLUICE_OK);
}

void mail_close(Mail *self)
{
    for (int i = 0; i < 2; i++) {
        sluice_stream_free(self->end[i].stream);
        sluice_config_unref(self->end[i].config);
        test_free(self->end[i].wire);
    }
}

/* -- what is shown --------------------------------------------------------------------------------- */

/* The message that comes next, by RFC 8446 section 5.1: its length is that of the record, or of the piece. */
static size_t expected_message(const MailEnd *self, const uint8_t *data, size_t *record_left)
{
    size_t whole = *record_left;

    if (whole == 0) {
        assert_in_range(data[0], 20, 23);
        assert_int_equal(data[1], 3);
        assert_in_range(data[2], 1, 3);
        whole = HEADER + ((size_t)data[3] << 8 | data[4]);
    }
    *record_left = whole < self->limit ? 0 : whole - self->limit;
    return whole < self->limit ? whole : self->limit;
}

/* What was shown before and not popped must still be there. Returns its length, 0 if there is none. */
size_t mail_look(MailEnd *self)
{
    const uint8_t *data = NULL;
    size_t len = 0, left = self->record_left;

    if (!sluice_stream_peek_output(self->stream, &data, &len)) {
        assert_int_equal(self->shown_len, 0);
        return 0;
    }
    assert_in_range(len, 1, self->limit);
    assert_int_equal(len, expected_message(self, data, &left));
    if (self->shown_len) {
        assert_int_equal(len, self->shown_len);
        assert_memory_equal(data, self->shown, len);
    }
    memcpy(self->shown, data, len);
    self->shown_len = len;
    return len;
}

/* Several, each behind the other. Returns how many; *@sum: their lengths. */
size_t mail_look_at_all(MailEnd *self, struct iovec *vectors, size_t n, size_t *sum)
{
    size_t count, left = self->record_left;

    mail_look(self);
    count = sluice_stream_peek_output_iovec(self->stream, vectors, n);
    *sum = 0;
    for (size_t i = 0; i < count; i++) {
        assert_in_range(vectors[i].iov_len, 1, self->limit);
        assert_int_equal(vectors[i].iov_len, expected_message(self, vectors[i].iov_base, &left));
        *sum += vectors[i].iov_len;
    }
    assert_int_equal(count > 0, n > 0 && self->shown_len > 0);
    if (count) {
        assert_int_equal(vectors[0].iov_len, self->shown_len);
        assert_memory_equal(vectors[0].iov_base, self->shown, self->shown_len);
    }
    return count;
}

void mail_put(MailEnd *self, const uint8_t *data, size_t len)
{
    size_t wanted = self->wire_to + sizeof len + len;

    if (wanted > self->wire_capacity) {
        self->wire_capacity = wanted * 2;
        self->wire = test_realloc(self->wire, self->wire_capacity);
    }
    memcpy(self->wire + self->wire_to, &len, sizeof len);
    memcpy(self->wire + self->wire_to + sizeof len, data, len);
    self->wire_to = wanted;
}

static uint64_t taken(const MailEnd *self)
{
    SluiceStreamInfo info;

    assert_status(sluice_stream_get_info(self->stream, &info, sizeof info), SLUICE_OK);
    return info.ciphertext_taken;
}

/* The transport takes the first @n messages, told in one call. */
size_t mail_take(MailEnd *self, size_t n)
{
    struct iovec vectors[MAIL_VECTORS];
    size_t sum, count = mail_look_at_all(self, vectors, n < MAIL_VECTORS ? n : MAIL_VECTORS, &sum);
    uint64_t before = taken(self);

    for (size_t i = 0; i < count; i++) {
        int goes_on = self->record_left > 0;

        expected_message(self, vectors[i].iov_base, &self->record_left);
        self->pieces += goes_on || self->record_left > 0;
        mail_put(self, vectors[i].iov_base, vectors[i].iov_len);
    }
    if (count == 0)
        return 0;
    self->shown_len = 0;
    assert_status(sluice_stream_pop_output(self->stream, sum), SLUICE_OK);
    assert_int_equal(taken(self), before + sum);
    self->together += count > 1 ? (unsigned)count : 0;
    return count;
}

/* No number of bytes that is not that of whole messages can be popped, and trying changes nothing. */
void mail_pop_wrongly(MailEnd *self, size_t bytes)
{
    struct iovec vectors[MAIL_VECTORS];
    size_t sum, whole = 0, count = mail_look_at_all(self, vectors, MAIL_VECTORS, &sum);
    uint64_t before = taken(self);

    if (bytes >= sum) /* there may be more than fits in the vectors */
        return;
    for (size_t i = 0; i < count; i++, whole += vectors[i - 1].iov_len)
        if (bytes == whole)
            return;
    assert_status(sluice_stream_pop_output(self->stream, bytes), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(taken(self), before);
    self->refusals++;
    assert_int_equal(mail_look(self), vectors[0].iov_len);
}

/* -- steps ----------------------------------------------------------------------------------------- */

/* The transport brings up to @most bytes of the oldest message. */
size_t mail_bring(Mail *self, int to, size_t most)
{
    MailEnd *from = &self->end[!to];
    size_t len, n, got = 0;
    SluiceStatus status;

    if (from->wire_from == from->wire_to)
        return 0;
    memcpy(&len, from->wire + from->wire_from, sizeof len);
    n = len - from->brought < most ? len - from->brought : most;
    status = sluice_stream_receive(
        self->end[to].stream, from->wire + from->wire_from + sizeof len + from->brought, n, &got);
    if (status != SLUICE_WOULD_BLOCK)
        assert_int_equal(got, status == SLUICE_END_OF_STREAM ? 0 : n);
    from->brought += status == SLUICE_WOULD_BLOCK ? got : n;
    if (from->brought == len) {
        from->brought = 0;
        from->wire_from += sizeof len + len;
    }
    if (from->wire_from == from->wire_to)
        from->wire_from = from->wire_to = 0;
    return got;
}

size_t mail_write(Mail *self, int which, size_t len)
{
    static uint8_t data[65536];
    MailEnd *end = &self->end[which];
    size_t accepted = 0;
    SluiceStatus status;

    for (size_t i = 0; i < len; i++)
        data[i] = duo_byte(which, end->accepted + i);
    status = sluice_stream_write(end->stream, data, len, &accepted);
    assert_true(status == SLUICE_WOULD_BLOCK || status == SLUICE_NOT_READY ||
                (status == SLUICE_OK && accepted == len));
    end->accepted += accepted;
    return accepted;
}

size_t mail_read(Mail *self, int which, size_t most)
{
    static uint8_t data[65536];
    MailEnd *end = &self->end[which];
    size_t len = 0;
    SluiceStatus status = sluice_stream_read(end->stream, data, most, &len);

    assert_true(status == SLUICE_OK || !sluice_status_is_dead(status));
    for (size_t i = 0; i < len; i++)
        if (data[i] != duo_byte(!which, end->got + i))
            fail_msg("byte %d of the other end's string is wrong", (int)(end->got + i));
    end->got += len;
    return len;
}

void mail_pass(Mail *self)
{
    size_t moved;

    do {
        moved = 0;
        for (int i = 0; i < 2; i++)
            moved += mail_take(&self->end[i], 1) + mail_bring(self, !i, ALL) +
                     mail_read(self, !i, 65536);
    } while (moved);
}

void mail_assert_state(const Mail *self, SluiceState state)
{
    for (int i = 0; i < 2; i++)
        assert_string_equal(sluice_state_name(sluice_stream_get_state(self->end[i].stream)),
                            sluice_state_name(state));
}

void mail_connect(Mail *self, size_t limit, unsigned version)
{
    mail_open(self, limit, version, 1);
    mail_pass(self);
    mail_assert_state(self, SLUICE_STATE_CONNECTED);
}
