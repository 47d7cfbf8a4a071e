/* SPDX-License-Identifier: BSD-3-Clause */

/* `receive`, of a client or of a server. An honest call between two ends, with one addition: in front of a datagram that
 * the input chooses, the victim gets an edited copy of a datagram of this call, once or a few times. Nothing that is honest
 * is lost, so the call must be as good as without: both ends are connected at the latest when the grace time is over, and
 * all that they say arrives, once. A message that could be honest may break an attempt: then another one has to follow, and
 * only the deadline counts.
 *
 * Input: flags of the call; moment; which datagram; copies; number of edits; edits. */

#include "added-copy.h"

#include "edits.h"

#include "record-guard.h"
#include "record.h"

#define STEPS_MAX 2000

/* What speaks against a handshake is believed only after this time; by then it has got further. */
#define GRACE (2 * SLUICE_SECOND)

/* Of the handshake, as it is by default. */
#define DEADLINE (30 * SLUICE_SECOND)

enum {
    CALL_COOKIE = 1,
    CALL_AUTO = 2,
    CALL_SMALL = 4,
    CALL_LATE_TRUST = 8, /* the victim is told whom to expect when the handshake is over */
    CALL_DATA_ONLY = 16,
    CALL_GCM_256 = 32
};

typedef struct {
    Ends ends;
    Seen seen;
    Input in;
    int victim;
    uint8_t call;
    unsigned wait; /* datagrams until the addition */
    int added;
    SluiceTime added_at;
    int ambiguous; /* what was added could be honest */
} Call;

/* -- what nobody can tell from an honest message ------------------------------------------------------------ */

static int has_fragment(const Datagram *datagram, const SlFragment *wanted)
{
    size_t offset = 0, at;
    SlRecord record;
    SlFragment f;

    while (sl_record_next(datagram->data, datagram->len, &offset, &record) == 1)
        for (at = 0; record.type == SL_HANDSHAKE && record.epoch == 0 &&
                     sl_fragment_next(record.body, record.len, &at, &f) == 1;)
            if (f.type == wanted->type && f.length == wanted->length &&
                f.message_seq == wanted->message_seq &&
                f.fragment_offset == wanted->fragment_offset && f.len == wanted->len &&
                memcmp(f.body, wanted->body, f.len) == 0)
                return 1;
    return 0;
}

static int is_honest(const Call *call, const SlFragment *fragment)
{
    for (size_t i = 0; i < call->seen.n; i++)
        if (call->seen.datagrams[i].to == call->victim &&
            has_fragment(&call->seen.datagrams[i], fragment))
            return 1;
    return 0;
}

/* A handshake message of a kind that the victim may get in plaintext, but not one that its peer has sent: before there are
 * keys nothing tells it from an honest one. */
static int could_be_honest(const Call *call, const uint8_t *data, size_t len)
{
    const SlGuardState state = {.role = call->victim ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT};
    uint8_t passed[EDITED_MAX];
    SlGuardReport report = {0};
    size_t n = sl_guard_filter(&state, data, len, passed, &report), offset = 0, at;
    SlRecord record;
    SlFragment fragment;

    while (sl_record_next(passed, n, &offset, &record) == 1)
        for (at = 0; record.type == SL_HANDSHAKE && record.epoch == 0 &&
                     sl_fragment_next(record.body, record.len, &at, &fragment) == 1;)
            if (!is_honest(call, &fragment))
                return 1;
    return 0;
}

static int is_ambiguous(const Call *call, const Edited *e)
{
    return sluice_transport_get_state(call->ends.end[call->victim]) < SLUICE_STATE_UNVERIFIED &&
           could_be_honest(call, e->data, e->len);
}

/* -- the call ----------------------------------------------------------------------------------------------- */

static void drain(Call *call)
{
    ends_drain(&call->ends, 0);
    ends_drain(&call->ends, 1);
}

static void add(Call *call)
{
    uint8_t which = take_byte(&call->in), copies = take_byte(&call->in) & 3,
            edits = take_byte(&call->in) % 8;
    Edited e;

    /* The youngest is the likeliest to matter. */
    edited_from(&e, &call->seen.datagrams[call->seen.n - 1 - which % call->seen.n]);
    for (int i = 0; i < edits; i++)
        edited_edit(&e, &call->in, &call->seen);
    call->added = 1;
    call->added_at = call->ends.now;
    call->ambiguous = is_ambiguous(call, &e);
    for (int i = 0; i <= copies; i++)
        ends_give(&call->ends, call->victim, e.data, e.len);
    drain(call);
    ends_check(&call->ends);
}

static int has_settled(const Call *call, int end)
{
    return sluice_transport_get_state(call->ends.end[end]) >= SLUICE_STATE_UNVERIFIED;
}

/* Delivers everything that is on the way; timers run while the handshake is not done. */
static void run(Call *call, SluiceTime limit)
{
    for (int step = 0; step < STEPS_MAX && call->ends.now <= limit; step++) {
        Datagram next;

        drain(call);
        if (!call->ends.n_queue) {
            if ((has_settled(call, 0) && has_settled(call, 1)) || !ends_expire(&call->ends))
                break;
            continue;
        }
        next = ends_take(&call->ends, 0);
        seen_remember(&call->seen, &next);
        if (call->wait-- == 0)
            add(call);
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
    run(call, call->ends.now);
}

static void begin(Call *call)
{
    Ends *ends = &call->ends;
    unsigned variant = (call->call & CALL_COOKIE ? ENDS_UNVALIDATED : 0u) |
                       (call->call & CALL_SMALL ? ENDS_SMALL : 0u) |
                       (call->call & CALL_DATA_ONLY ? ENDS_DATA_ONLY : 0u) |
                       (call->call & CALL_GCM_256 ? ENDS_GCM_256 : 0u);

    ends_open(ends, variant, variant);
    if (!(call->call & CALL_COOKIE))
        ends_validate(ends);
    ends_trust(ends, !call->victim, 0);
    if (!(call->call & CALL_LATE_TRUST))
        ends_trust(ends, call->victim, 0);
    sluice_transport_start(ends->end[1], ends->now,
                           call->call & CALL_AUTO ? SLUICE_ROLE_AUTO : SLUICE_ROLE_SERVER);
    sluice_transport_start(ends->end[0], ends->now, SLUICE_ROLE_CLIENT);
}

/* -- what must hold ----------------------------------------------------------------------------------------- */

static int is_connected(const Call *call, int end)
{
    return sluice_transport_get_state(call->ends.end[end]) == SLUICE_STATE_CONNECTED;
}

static int all_has_arrived(const Call *call, int to)
{
    for (int kind = 0; kind < 3; kind++) {
        if (!(call->call & CALL_DATA_ONLY) && call->ends.sent[!to][kind] == 0)
            return 0;
        for (uint32_t i = 0; i < call->ends.sent[!to][kind]; i++)
            if (!call->ends.arrived[to][kind][i])
                return 0;
    }
    return call->ends.sent[!to][0] > 0;
}

static void expect_no_harm(const Call *call)
{
    SluiceTime late = call->added ? call->ends.now - call->added_at : 0;

    ORACLE(is_connected(call, 0) && is_connected(call, 1));
    ORACLE(late <= GRACE || call->ambiguous);
    ORACLE(all_has_arrived(call, 0) && all_has_arrived(call, 1));
}

void added_copy(int victim, const uint8_t *data, size_t size)
{
    static Call call;

    memset(&call, 0, sizeof call);
    call.in = (Input){data, size};
    call.victim = victim;
    call.call = take_byte(&call.in);
    call.wait = size < 2 ? UINT32_MAX : take_byte(&call.in) % 64;
    begin(&call);
    run(&call, call.ends.now + GRACE);
    if (call.ambiguous)
        run(&call, call.ends.now + DEADLINE);
    if ((call.call & CALL_LATE_TRUST) && has_settled(&call, victim))
        ends_trust(&call.ends, victim, 0);
    talk(&call);
    talk(&call);
    expect_no_harm(&call);
    sluice_transport_close(call.ends.end[0], call.ends.now);
    run(&call, call.ends.now);
    seen_clear(&call.seen);
    ends_close(&call.ends);
}
