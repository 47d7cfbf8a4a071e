/* SPDX-License-Identifier: BSD-3-Clause */

/* An honest call between two ends, handshake, data, media and close; at moments that the input chooses an edited copy of a
 * datagram of this call is added. Raw bytes would never get past the first message.
 *
 * Whatever is added: nothing breaks, nothing is delivered that the other end did not send, and two ends that are both
 * connected have the same keys. (A handshake may die of it: before the keys exist OpenSSL believes well-formed
 * plaintext.) Each input is a list of additions:
 *   flags of the call; then for each: moment, which datagram, to whom, number of edits, edits */

#include "ends.h"

#define SEEN_MAX 128
#define EDITED_MAX 4096
#define STEPS_MAX 400
#define GIVE_UP (200 * SLUICE_SECOND)

enum {
    CALL_COOKIE = 1,
    CALL_AUTO = 2,
    CALL_SMALL = 4,
    CALL_LATE_TRUST = 8,
    CALL_DATA_ONLY = 16,
    CALL_WRONG = 32,
    CALL_GCM_256 = 64
};

typedef struct {
    Ends ends;
    Datagram seen[SEEN_MAX]; /* all that was sent, to be copied */
    size_t n_seen;
    Input in;
    uint8_t call;
    unsigned wait; /* datagrams until the next addition */
    int armed;
    uint8_t source, flags, edits;
} Call;

/* -- edits -------------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t data[EDITED_MAX];
    size_t len;
} Edited;

static void put_big_endian(uint8_t *p, size_t n, uint64_t value)
{
    while (n--) {
        p[n] = (uint8_t)value;
        value >>= 8;
    }
}

/* Where the @n-th record begins; the last one if there are fewer. */
static size_t record_at(const Edited *e, unsigned n)
{
    size_t at = 0, next;

    while (e->len - at >= 13) {
        next = at + 13 + ((size_t)e->data[at + 11] << 8 | e->data[at + 12]);
        if (n-- == 0 || next + 13 > e->len)
            break;
        at = next;
    }
    return at;
}

static size_t record_end(const Edited *e, size_t at)
{
    size_t end = at + 13;

    if (end <= e->len)
        end += (size_t)e->data[at + 11] << 8 | e->data[at + 12];
    return end < e->len ? end : e->len;
}

/* Overwrites a field of the record or of the handshake header in it. */
static void set_field(Edited *e, size_t at, uint8_t which, uint16_t value)
{
    static const struct {
        uint8_t offset, size;
    } fields[] = {{0, 1},  {1, 2},  {3, 2},  {5, 6},  {9, 2},  {11, 2}, {13, 1},
                  {14, 3}, {17, 2}, {19, 3}, {22, 3}, {25, 2}, {13, 2}};
    size_t f = which % (sizeof fields / sizeof *fields);

    if (at + fields[f].offset + fields[f].size <= e->len)
        put_big_endian(e->data + at + fields[f].offset, fields[f].size, value);
}

static void replace_tail(Edited *e, size_t at, const uint8_t *data, size_t len)
{
    if (len > EDITED_MAX - at)
        len = EDITED_MAX - at;
    if (len)
        memcpy(e->data + at, data, len);
    e->len = at + len;
}

/* The lengths of the record at @at, and of a handshake fragment in it, made right again. */
static void mend(Edited *e, size_t at, int fragment)
{
    size_t body;

    if (e->len - at < 13)
        return;
    body = e->len - at - 13;
    put_big_endian(e->data + at + 11, 2, body);
    if (fragment && body >= 12) {
        put_big_endian(e->data + at + 14, 3, body - 12);
        put_big_endian(e->data + at + 19, 3, 0);
        put_big_endian(e->data + at + 22, 3, body - 12);
    }
}

static void cut_to_record(Edited *e, size_t at)
{
    size_t end = record_end(e, at);

    memmove(e->data, e->data + at, end - at);
    e->len = end - at;
}

static void edit(Call *call, Edited *e)
{
    uint8_t what = take_byte(&call->in);
    size_t at = e->len ? record_at(e, what >> 5) : 0, where;
    uint16_t value = take_16(&call->in);
    const uint8_t *bytes;
    uint8_t copy[EDITED_MAX];
    size_t n;

    switch (what % 10) {
    case 0:
        if (e->len)
            e->data[value % e->len] ^= take_byte(&call->in);
        break;
    case 1:
    case 2:
        set_field(e, at, take_byte(&call->in), value);
        break;
    case 3:
        e->len = e->len ? value % (e->len + 1) : 0;
        break;
    case 4: /* only this record */
        cut_to_record(e, at);
        break;
    case 5: /* bytes of the input from here on */
        where = at + value % (e->len - at + 1);
        n = take_bytes(&call->in, take_byte(&call->in), &bytes);
        replace_tail(e, where, bytes, n);
        break;
    case 6:
        mend(e, at, value & 1);
        break;
    case 7: /* once more */
        n = record_end(e, at) - at;
        memcpy(copy, e->data + at, n);
        replace_tail(e, e->len, copy, n);
        break;
    case 8: /* and another datagram of the call behind it */
        if (call->n_seen) {
            const Datagram *other = &call->seen[value % call->n_seen];

            replace_tail(e, e->len, other->data, other->len);
        }
        break;
    default: /* a record number far ahead */
        if (e->len - at >= 13)
            e->data[at + 5 + value % 6] ^= (uint8_t)(value >> 8);
        break;
    }
}

/* -- the call ----------------------------------------------------------------------------------------------- */

static void arm(Call *call)
{
    call->armed = call->in.left > 0;
    call->wait = take_byte(&call->in) % 48;
    call->source = take_byte(&call->in);
    call->flags = take_byte(&call->in);
    call->edits = (uint8_t)(take_byte(&call->in) % 8);
}

static void remember(Call *call, const Datagram *datagram)
{
    if (call->n_seen < SEEN_MAX)
        call->seen[call->n_seen++] =
            (Datagram){datagram->to, datagram->len, exact_copy(datagram->data, datagram->len)};
}

static void drain(Call *call)
{
    ends_drain(&call->ends, 0);
    ends_drain(&call->ends, 1);
}

static void add_one(Call *call)
{
    const Datagram *source;
    Edited e;
    int to;

    if (!call->n_seen)
        return;
    /* The youngest is the likeliest to matter. */
    source = &call->seen[call->n_seen - 1 - call->source % call->n_seen];
    memset(&e, 0, sizeof e);
    replace_tail(&e, 0, source->data, source->len);
    to = call->flags & 1 ? !source->to : source->to;
    for (int i = 0; i < call->edits; i++)
        edit(call, &e);
    for (int i = 0; i <= (call->flags >> 1 & 3); i++)
        ends_give(&call->ends, to, e.data, e.len);
    drain(call);
    ends_check(&call->ends);
}

/* An addition is made in front of the datagram whose turn it is. */
static void add_what_is_due(Call *call)
{
    for (int i = 0; i < 8 && call->armed && call->wait == 0; i++) {
        add_one(call);
        arm(call);
    }
    if (call->wait)
        call->wait--;
}

/* Whatever comes next needs a word from outside. */
static int settled(const Call *call)
{
    return sluice_transport_get_state(call->ends.end[0]) >= SLUICE_STATE_UNVERIFIED &&
           sluice_transport_get_state(call->ends.end[1]) >= SLUICE_STATE_UNVERIFIED;
}

/* Delivers everything that is on the way; timers run while the handshake is not done. */
static void run(Call *call)
{
    SluiceTime limit = call->ends.now + GIVE_UP;

    for (int step = 0; step < STEPS_MAX && call->ends.now < limit; step++) {
        Datagram next;

        drain(call);
        if (!call->ends.n_queue) {
            if (settled(call) || !ends_expire(&call->ends))
                break;
            continue;
        }
        next = ends_take(&call->ends, 0);
        remember(call, &next);
        add_what_is_due(call);
        ends_give(&call->ends, next.to, next.data, next.len);
        free(next.data);
    }
    drain(call);
    ends_check(&call->ends);
}

static void talk(Call *call)
{
    static const SluiceKind kinds[] = {SLUICE_KIND_DATA, SLUICE_KIND_RTP, SLUICE_KIND_RTCP,
                                       SLUICE_KIND_DATA};

    for (size_t i = 0; i < 8; i++)
        ends_send(&call->ends, i & 1, kinds[i / 2], 20 * i);
    run(call);
}

static unsigned variant_of(uint8_t call)
{
    return (call & CALL_COOKIE ? ENDS_UNVALIDATED : 0u) | (call & CALL_SMALL ? ENDS_SMALL : 0u) |
           (call & CALL_DATA_ONLY ? ENDS_DATA_ONLY : 0u) |
           (call & CALL_GCM_256 ? ENDS_GCM_256 : 0u);
}

static void begin(Call *call)
{
    Ends *ends = &call->ends;

    ends_open(ends, variant_of(call->call), variant_of(call->call));
    if (!(call->call & CALL_COOKIE))
        ends_validate(ends);
    if (!(call->call & CALL_LATE_TRUST))
        ends_trust(ends, 0, 0);
    ends_trust(ends, 1, (call->call & (CALL_WRONG | CALL_LATE_TRUST)) == CALL_WRONG);
    sluice_transport_start(ends->end[1], ends->now,
                           call->call & CALL_AUTO ? SLUICE_ROLE_AUTO : SLUICE_ROLE_SERVER);
    sluice_transport_start(ends->end[0], ends->now, SLUICE_ROLE_CLIENT);
}

/* Without a single addition the call must work, or the target would be testing nothing. */
static void expect_success(const Call *call)
{
    int wanted = (call->call & CALL_WRONG) == 0;

    for (int end = 0; end < 2; end++) {
        ORACLE((sluice_transport_get_state(call->ends.end[end]) == SLUICE_STATE_CONNECTED) ==
               wanted);
        ORACLE(!wanted || call->ends.arrived[end][0][0]);
        ORACLE(!wanted || (call->call & CALL_DATA_ONLY) ||
               (call->ends.arrived[end][1][0] && call->ends.arrived[end][2][0]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Call call;
    int honest;

    memset(&call, 0, sizeof call);
    call.in = (Input){data, size};
    call.call = take_byte(&call.in);
    begin(&call);
    arm(&call);
    honest = !call.armed;
    run(&call);
    if (call.call & CALL_LATE_TRUST) {
        talk(&call); /* the other end may; what it says has to wait here */
        ends_trust(&call.ends, 0, (call.call & CALL_WRONG) != 0);
        run(&call);
    }
    talk(&call);
    talk(&call);
    if (honest)
        expect_success(&call);
    sluice_transport_close(call.ends.end[0], call.ends.now);
    run(&call);
    for (size_t i = 0; i < call.n_seen; i++)
        free(call.seen[i].data);
    ends_close(&call.ends);
    return 0;
}
