/* SPDX-License-Identifier: BSD-3-Clause */

/* An honest call between two ends, handshake, data, media and close; at moments that the input chooses an edited copy of a
 * datagram of this call is added. Raw bytes would never get past the first message.
 *
 * Whatever is added: nothing breaks, nothing is delivered that the other end did not send, and two ends that are both
 * connected have the same keys; a restart that comes to nothing leaves the call as it was. (What a handshake must survive is
 * in added-copy.c.) Each input is a list of additions:
 *   flags of the call; then for each: moment, which datagram, to whom, number of edits, edits */

#include "edits.h"

#define STEPS_MAX 400
#define GIVE_UP (200 * SLUICE_SECOND)
#define OVER_AFTER (40 * SLUICE_SECOND) /* a restart: its deadline, and the overlap */

enum {
    CALL_COOKIE = 1,
    CALL_AUTO = 2,
    CALL_SMALL = 4,
    CALL_LATE_TRUST = 8,
    CALL_DATA_ONLY = 16,
    CALL_WRONG = 32,
    CALL_GCM_256 = 64,
    CALL_RESTART = 128 /* a second association is announced once they have talked */
};

typedef struct {
    Ends ends;
    Seen seen;
    Input in;
    uint8_t call;
    unsigned wait; /* datagrams until the next addition */
    int armed;
    uint8_t source, flags, edits;
} Call;

/* -- the call ----------------------------------------------------------------------------------------------- */

static void arm(Call *call)
{
    call->armed = call->in.left > 0;
    call->wait = take_byte(&call->in) % 48;
    call->source = take_byte(&call->in);
    call->flags = take_byte(&call->in);
    call->edits = (uint8_t)(take_byte(&call->in) % 8);
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

    if (!call->seen.n)
        return;
    /* The youngest is the likeliest to matter. */
    source = &call->seen.datagrams[call->seen.n - 1 - call->source % call->seen.n];
    edited_from(&e, source);
    to = call->flags & 1 ? !source->to : source->to;
    for (int i = 0; i < call->edits; i++)
        edited_edit(&e, &call->in, &call->seen);
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

/* The next timer, if it is due by then. */
static int expire_by(Call *call, SluiceTime limit)
{
    SluiceTime a = sluice_transport_next_timeout(call->ends.end[0]);
    SluiceTime b = sluice_transport_next_timeout(call->ends.end[1]);

    return (a < b ? a : b) <= limit && ends_expire(&call->ends);
}

/* Delivers everything that is on the way; timers run while the handshake is not done, and until @busy_until. */
static void run_until(Call *call, SluiceTime busy_until)
{
    SluiceTime limit = call->ends.now + GIVE_UP;

    for (int step = 0; step < STEPS_MAX && call->ends.now < limit; step++) {
        Datagram next;

        drain(call);
        if (!call->ends.n_queue) {
            if (!expire_by(call, settled(call) ? busy_until : limit))
                break;
            continue;
        }
        next = ends_take(&call->ends, 0);
        seen_remember(&call->seen, &next);
        add_what_is_due(call);
        ends_give(&call->ends, next.to, next.data, next.len);
        free(next.data);
    }
    drain(call);
    ends_check(&call->ends);
}

static void run(Call *call) { run_until(call, call->ends.now); }

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

/* Whatever is added while it runs: the live association stays, or the new one takes its place. */
static void restart(Call *call)
{
    SluiceState before[2] = {sluice_transport_get_state(call->ends.end[0]),
                             sluice_transport_get_state(call->ends.end[1])};

    ends_restart(&call->ends, 1, call->call & CALL_AUTO ? SLUICE_ROLE_AUTO : SLUICE_ROLE_SERVER,
                 call->call & CALL_WRONG ? ENDS_WRONG : ENDS_RIGHT);
    ends_restart(&call->ends, 0, SLUICE_ROLE_CLIENT, ENDS_RIGHT);
    run_until(call, call->ends.now + OVER_AFTER);
    for (int end = 0; end < 2; end++)
        if (before[end] == SLUICE_STATE_CONNECTED)
            ORACLE(sluice_transport_get_state(call->ends.end[end]) == SLUICE_STATE_CONNECTED);
    if (!call->ends.half_restarted)
        ends_check_keys(&call->ends);
}

/* Without a single addition the call must work, or the target would be testing nothing. */
static void expect_success(const Call *call)
{
    int wanted = (call->call & CALL_WRONG) == 0;

    for (int end = 0; end < 2; end++) {
        ORACLE((sluice_transport_get_state(call->ends.end[end]) == SLUICE_STATE_CONNECTED) ==
               wanted);
        ORACLE(!wanted || call->ends.arrived[end][0][0]);
        ORACLE(!wanted || call->ends.arrived[end][0][call->ends.sent[!end][0] - 1]);
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
    if (call.call & CALL_RESTART)
        restart(&call);
    talk(&call);
    if (honest)
        expect_success(&call);
    sluice_transport_close(call.ends.end[0], call.ends.now);
    run(&call);
    seen_clear(&call.seen);
    ends_close(&call.ends);
    return 0;
}
