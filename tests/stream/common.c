/* SPDX-License-Identifier: BSD-3-Clause */
#include "common.h"

const unsigned versions[2] = {SLUICE_TLS_1_2, SLUICE_TLS_1_3};

#define DEFAULT_LIMIT 65536
#define BUFFER 65536

/* -- configs ------------------------------------------------------------------------------------ */

SluiceConfig *config_with(unsigned version, Identity who, Issuer issuer)
{
    SluiceConfig *config = sluice_config_new(identity(who));
    const char *pem = authority_pem(issuer);

    assert_non_null(config);
    assert_status(sluice_config_add_stream_ca_pem(config, pem, strlen(pem)), SLUICE_OK);
    if (version)
        assert_status(sluice_config_set_stream_versions(config, version, version), SLUICE_OK);
    return config;
}

SluiceConfig *client_config(unsigned version) { return config_with(version, ID_CLIENT, AUTHORITY); }

SluiceConfig *server_config(unsigned version, Identity who)
{
    return config_with(version, who, AUTHORITY);
}

/* -- the strings of bytes ----------------------------------------------------------------------- */

/* Its period is longer than anything that is sent, so that a byte lost or doubled shows. */
uint8_t duo_byte(int from, uint64_t at)
{
    uint64_t z = (at + 1 + ((uint64_t)from << 60)) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint8_t)((z ^ z >> 32) >> 13);
}

static void fill(uint8_t *out, int from, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = duo_byte(from, at + i);
}

static void compare(const uint8_t *data, int from, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != duo_byte(from, at + i))
            fail_msg("byte %d of the %s's string is wrong", (int)(at + i),
                     from == CLIENT ? "client" : "server");
}

/* -- questions ---------------------------------------------------------------------------------- */

SluiceState duo_state(const Duo *self, int which)
{
    return sluice_stream_get_state(self->end[which].stream);
}

SluiceEnd duo_reason(const Duo *self, int which)
{
    SluiceEnd end;

    memset(&end, 0, sizeof end);
    (void)sluice_stream_get_end(self->end[which].stream, &end);
    return end;
}

const char *duo_reason_name(const Duo *self, int which)
{
    SluiceEnd end = duo_reason(self, which);

    return end.reason ? sluice_end_reason_name(end.reason) : "alive";
}

SluiceStreamInfo duo_info(const Duo *self, int which)
{
    SluiceStreamInfo info;

    memset(&info, 0xff, sizeof info);
    assert_status(sluice_stream_get_info(self->end[which].stream, &info, sizeof info), SLUICE_OK);
    return info;
}

size_t duo_waiting(const Duo *self, int which)
{
    SluiceStreamInfo info = duo_info(self, which);

    return (size_t)(info.ciphertext_produced - info.ciphertext_taken);
}

void duo_check(const Duo *self, int which)
{
    const DuoEnd *end = &self->end[which];
    SluiceStreamInfo info = duo_info(self, which);
    size_t waiting = duo_waiting(self, which), len = 0;
    const uint8_t *data = NULL;

    assert_int_equal(info.plaintext_accepted, end->accepted);
    assert_int_equal(info.plaintext_read, end->got);
    assert_int_equal(info.ciphertext_taken, end->popped);
    assert_int_equal(info.ciphertext_received, end->given);
    assert_int_equal(sluice_stream_peek_output(end->stream, &data, &len), waiting > 0);
    assert_int_equal(len, waiting);
    assert_true(waiting <= end->high_water + TLS_RESERVE);
    assert_true(self->unchecked || end->got <= self->end[!which].accepted);
    assert_true(info.read_closed == end->read_end);
}

/* -- life --------------------------------------------------------------------------------------- */

static void open_end(DuoEnd *self, SluiceConfig *config, SluiceRole role)
{
    self->config = config;
    self->high_water = self->input_max = DEFAULT_LIMIT;
    self->stream = sluice_stream_new(config, role);
    assert_non_null(self->stream);
}

void duo_open(Duo *self, SluiceConfig *client, SluiceConfig *server)
{
    memset(self, 0, sizeof *self);
    self->now = vclock_now();
    open_end(&self->end[CLIENT], client, SLUICE_ROLE_CLIENT);
    open_end(&self->end[SERVER], server, SLUICE_ROLE_SERVER);
}

void duo_open_host(Duo *self, SluiceConfig *client, SluiceConfig *server)
{
    duo_open(self, client, server);
    assert_status(sluice_stream_set_host(self->end[CLIENT].stream, HOST), SLUICE_OK);
}

void duo_close(Duo *self)
{
    for (int i = 0; i < 2; i++) {
        sluice_stream_free(self->end[i].stream);
        sluice_config_unref(self->end[i].config);
        test_free(self->end[i].wire);
    }
    memset(self, 0, sizeof *self);
}

void duo_start(Duo *self)
{
    assert_status(sluice_stream_start(self->end[SERVER].stream, self->now), SLUICE_OK);
    assert_status(sluice_stream_start(self->end[CLIENT].stream, self->now), SLUICE_OK);
}

void duo_pass(Duo *self)
{
    size_t moved;

    do {
        moved = 0;
        for (int i = 0; i < 2; i++)
            moved += duo_send(self, i, ALL) + duo_bring(self, !i, ALL);
    } while (moved || duo_waiting(self, 0) || duo_waiting(self, 1));
}

void duo_settle(Duo *self)
{
    size_t moved;

    do {
        moved = 0;
        for (int i = 0; i < 2; i++)
            moved += duo_send(self, i, ALL) + duo_bring(self, !i, ALL) + duo_read_all(self, !i);
    } while (moved || duo_waiting(self, 0) || duo_waiting(self, 1));
}

void duo_connect(Duo *self)
{
    duo_start(self);
    duo_pass(self);
    for (int i = 0; i < 2; i++)
        if (duo_state(self, i) != SLUICE_STATE_CONNECTED)
            print_message("# end %d: %s, %s, %s\n", i, sluice_state_name(duo_state(self, i)),
                          duo_reason_name(self, i), duo_reason(self, i).openssl_reason);
    assert_state(self, CLIENT, SLUICE_STATE_CONNECTED);
    assert_state(self, SERVER, SLUICE_STATE_CONNECTED);
    duo_settle(self);
}

void duo_open_connected(Duo *self, unsigned version)
{
    duo_open_host(self, client_config(version), server_config(version, ID_SERVER));
    duo_connect(self);
}

/* -- steps -------------------------------------------------------------------------------------- */

static void put_on_wire(DuoEnd *self, const uint8_t *data, size_t len)
{
    if (self->wire_len + len > self->wire_capacity) {
        self->wire_capacity = (self->wire_len + len) * 2;
        self->wire = test_realloc(self->wire, self->wire_capacity);
    }
    memcpy(self->wire + self->wire_len, data, len);
    self->wire_len += len;
}

size_t duo_send(Duo *self, int from, size_t most)
{
    DuoEnd *end = &self->end[from];
    const uint8_t *data;
    size_t len;

    if (!sluice_stream_peek_output(end->stream, &data, &len))
        return 0;
    if (len > most)
        len = most;
    put_on_wire(end, data, len);
    assert_status(sluice_stream_pop_output(end->stream, len), SLUICE_OK);
    end->popped += len;
    duo_check(self, from);
    return len;
}

size_t duo_lose_output(Duo *self, int from)
{
    size_t before = self->end[from].wire_len, sum = 0, n;

    while ((n = duo_send(self, from, ALL)))
        sum += n;
    self->end[from].wire_len = before;
    return sum;
}

/* From a block of its own size, so that AddressSanitizer sees a byte too many. */
size_t duo_inject(Duo *self, int to, const uint8_t *data, size_t len)
{
    DuoEnd *end = &self->end[to];
    uint8_t *exact = test_malloc(len ? len : 1);
    int wanted = sluice_stream_wants_input(end->stream);
    size_t taken = 12345;
    SluiceStatus status;

    if (len)
        memcpy(exact, data, len);
    status = sluice_stream_receive(end->stream, exact, len, &taken);
    test_free(exact);
    assert_true(taken <= len);
    end->given += taken;
    switch (status) {
    case SLUICE_OK:
        assert_int_equal(taken, len);
        break;
    case SLUICE_WOULD_BLOCK:
        assert_true(taken < len);
        assert_false(sluice_stream_wants_input(end->stream));
        break;
    case SLUICE_END_OF_STREAM:
    case SLUICE_INVALID_STATE:
        assert_int_equal(taken, 0);
        break;
    case SLUICE_ENDED:
        assert_true(duo_state(self, to) >= SLUICE_STATE_CLOSED);
        break;
    default:
        fail_msg("receive: %s", sluice_status_text(status));
    }
    if (wanted && len)
        assert_true(taken > 0);
    if (!wanted && status != SLUICE_ENDED)
        assert_int_equal(taken, 0);
    duo_check(self, to);
    return taken;
}

size_t duo_bring(Duo *self, int to, size_t most)
{
    DuoEnd *from = &self->end[!to];
    size_t len = from->wire_len < most ? from->wire_len : most, taken = 0;

    if (len) {
        taken = duo_inject(self, to, from->wire, len);
        from->wire_len -= taken;
        memmove(from->wire, from->wire + taken, from->wire_len);
    }
    if (from->wire_ended && !from->end_told && from->wire_len == 0 && duo_waiting(self, !to) == 0) {
        from->end_told = 1;
        (void)sluice_stream_receive_end(self->end[to].stream);
        duo_check(self, to);
    }
    return taken;
}

void duo_end_wire(Duo *self, int from) { self->end[from].wire_ended = 1; }

size_t duo_write(Duo *self, int from, size_t len)
{
    DuoEnd *end = &self->end[from];
    size_t promised = sluice_stream_writable(end->stream), accepted = 12345, waiting;
    uint8_t *data = test_malloc(len ? len : 1);
    SluiceStatus status;

    fill(data, from, end->accepted, len);
    status = sluice_stream_write(end->stream, data, len, &accepted);
    memset(data, 0xee, len); /* what was accepted must have been copied */
    test_free(data);
    end->accepted += accepted;
    assert_true(accepted <= len);
    waiting = duo_waiting(self, from);
    if (accepted)
        assert_true(waiting <= end->high_water + end->slack);
    if (status == SLUICE_OK)
        assert_int_equal(accepted, len);
    else if (status == SLUICE_WOULD_BLOCK)
        assert_true(accepted < len);
    else
        assert_int_equal(accepted, 0);
    if (status == SLUICE_OK || status == SLUICE_WOULD_BLOCK)
        assert_true(accepted >= (len < promised ? len : promised));
    else
        assert_int_equal(promised, 0);
    duo_check(self, from);
    return accepted;
}

size_t duo_read(Duo *self, int to, size_t capacity)
{
    DuoEnd *end = &self->end[to];
    size_t n = 12345;
    uint8_t *buffer;
    SluiceStatus status;

    if (capacity > BUFFER)
        capacity = BUFFER;
    buffer = test_malloc(capacity);
    status = sluice_stream_read(end->stream, buffer, capacity, &n);
    assert_true(n <= capacity);
    assert_int_equal(n > 0, status == SLUICE_OK);
    if (!self->unchecked)
        compare(buffer, !to, end->got, n);
    test_free(buffer);
    end->got += n;
    if (status == SLUICE_END_OF_STREAM)
        end->read_end = 1;
    else if (n) /* with the last bytes the end may have been seen */
        end->read_end = duo_info(self, to).read_closed;
    duo_check(self, to);
    return n;
}

size_t duo_read_all(Duo *self, int to)
{
    size_t sum = 0, n;

    while ((n = duo_read(self, to, ALL)))
        sum += n;
    return sum;
}

/* -- what is often wanted ----------------------------------------------------------------------- */

void duo_assert_complete(const Duo *self)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(self->end[i].got, self->end[!i].accepted);
        assert_int_equal(self->end[i].given, self->end[!i].popped);
        assert_int_equal(duo_waiting(self, i), 0);
        assert_int_equal(self->end[i].wire_len, 0);
    }
}

void duo_assert_talks(Duo *self, size_t len)
{
    uint64_t goal[2] = {self->end[0].accepted + len, self->end[1].accepted + len};

    while (self->end[0].got < goal[1] || self->end[1].got < goal[0]) {
        uint64_t before = self->end[0].got + self->end[1].got;

        for (int i = 0; i < 2; i++)
            if (self->end[i].accepted < goal[i])
                duo_write(self, i, (size_t)(goal[i] - self->end[i].accepted));
        duo_settle(self);
        assert_true(self->end[0].got + self->end[1].got > before);
    }
    duo_assert_complete(self);
}
