/* SPDX-License-Identifier: BSD-3-Clause */

/* Calls in any order, at any moment, right and wrong: what each answers is documented. simulate-api-media.c has those of
 * media. */

#include "simulate-world.h"

#include "forged.h"
#include "vclock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int api_expects(World *self, SluiceStatus status, int expected, const char *format, ...)
{
    char name[80];
    va_list arguments;

    if ((int)status == expected || self->faults.out_of_memory)
        return 1;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    world_wrong(self, "%s said: %s; expected: %s", name, sluice_status_text(status),
                sluice_status_text((SluiceStatus)expected));
    return 0;
}

/* Plans to undo what an act did. */
static SluiceTime a_while(World *self, SluiceTime limit)
{
    return 1 + (SluiceTime)rng_below(&self->rng, (uint64_t)limit);
}

static void call_start(World *self, int end, Life *life, SluiceTransport *transport)
{
    SluiceRole role = (SluiceRole)rng_below(&self->rng, 3);
    SluiceStatus status;

    api_expects(self, sluice_transport_start(transport, vclock_now(), (SluiceRole)7),
                SLUICE_INVALID_ARGUMENT, "end %d: start with role 7", end);
    if (life->state <= SLUICE_STATE_LISTENING)
        return; /* that is the peers' */
    status = sluice_transport_start(transport, vclock_now(), role);
    if (life_has_ended(life))
        api_expects(self, status, SLUICE_ENDED, "end %d: a second start", end);
    else if (status == SLUICE_OK && life->announced)
        life->announced_role = role;
    else if (status == SLUICE_OK) { /* it names what was taken, and its time begins anew */
        if (life->state == SLUICE_STATE_CONNECTING)
            life->limit = vclock_now() + cast_limits[life->kind].handshake;
        (void)(pair_stats(&self->pair, end).dtls_role == role ||
               (world_wrong(self, "end %d is not %s", end, sluice_role_name(role)), 0));
    } else
        api_expects(self, status, SLUICE_INVALID_STATE, "end %d: a second start", end);
}

static void call_know(World *self, int end, Life *life, SluiceTransport *transport)
{
    SluiceFingerprint bad = self->cast->fingerprints[0];
    int right = life_of(self, !end)->identity, announced = life->announced && !life_has_ended(life);
    int known = announced ? life->told_next : life->told;

    bad.hash = (SluiceHash)77;
    api_expects(self, sluice_transport_set_remote_fingerprints(transport, vclock_now(), &bad, 1),
                SLUICE_INVALID_ARGUMENT, "end %d: a fingerprint of hash 77", end);
    api_expects(self, sluice_transport_set_remote_fingerprints(transport, vclock_now(), &bad, 0),
                SLUICE_INVALID_ARGUMENT, "end %d: no fingerprint", end);
    if (known != NOBODY)
        peer_knows(self, end, rng_chance(&self->rng, 0.5) ? known : STRANGER);
    else if (rng_chance(&self->rng, 0.9))
        peer_knows(self, end, right);
    else if (rng_chance(&self->rng, 0.3)) {
        self->messy = 1;
        peer_knows(self, end, STRANGER);
    }
}

static void call_restart(World *self, int end, Life *life, SluiceTransport *transport)
{
    SluiceFingerprint bad = self->cast->fingerprints[0];
    SluiceRole role = (SluiceRole)rng_below(&self->rng, 3);

    bad.hash = (SluiceHash)77;
    api_expects(self, sluice_transport_restart(transport, vclock_now(), role, &bad, 1),
                SLUICE_INVALID_ARGUMENT, "end %d: restart with hash 77", end);
    api_expects(self, sluice_transport_restart(transport, vclock_now(), role, NULL, 2),
                SLUICE_INVALID_ARGUMENT, "end %d: restart with no list", end);
    if (life_has_ended(life) || life->state == SLUICE_STATE_NEW || life->given_up ||
        rng_chance(&self->rng, 0.1)) {
        self->messy = 1;
        peer_announces(self, end, role, life_of(self, !end)->identity);
    }
}

static void call_path(World *self, int end, Life *life, SluiceTransport *transport)
{
    int validated = rng_chance(&self->rng, 0.5);

    if (life->state == SLUICE_STATE_NEW)
        return;
    api_expects(self, sluice_transport_set_path_validated(transport, vclock_now(), validated),
                SLUICE_OK, "end %d: set_path_validated", end);
    if (!validated) {
        self->messy = 1;
        world_plan(self, a_while(self, SLUICE_SECOND), PLAN_VALIDATE, end, NOBODY,
                   SLUICE_ROLE_AUTO);
    }
}

static void call_rtt(World *self, int end, Life *life, SluiceTransport *transport)
{
    SluiceTime rtt = rng_chance(&self->rng, 0.2) ? 0 : a_while(self, SLUICE_SECOND);

    (void)life;
    api_expects(self, sluice_transport_set_rtt(transport, rtt), SLUICE_OK, "end %d: set_rtt", end);
    api_expects(self, sluice_transport_set_rtt(transport, -1), SLUICE_INVALID_ARGUMENT,
                "end %d: a negative rtt", end);
}

static void call_timeout(World *self, int end, Life *life, SluiceTransport *transport)
{
    SluiceTime due = sluice_transport_next_timeout(transport);
    SluiceStatus status = sluice_transport_handle_timeout(transport, vclock_now());

    if (life_has_ended(life) || due > vclock_now())
        api_expects(self, status, life_has_ended(life) ? SLUICE_ENDED : SLUICE_OK,
                    "end %d: handle_timeout", end);
}

/* The oldest datagram is looked at twice, then sent, refused or given up; none: nothing to take. */
static void call_output(World *self, int end, Life *life, SluiceTransport *transport)
{
    PairEnd *at = &self->pair.end[end];
    const uint8_t *data, *again;
    size_t len, len_again;
    SluiceSent how = (SluiceSent)rng_below(&self->rng, 3);

    if (!sluice_transport_peek_output(transport, &data, &len)) {
        api_expects(self, sluice_transport_pop_output(transport, vclock_now(), how),
                    SLUICE_INVALID_STATE, "end %d: pop_output of nothing", end);
        if (!at->no_output) { /* what comes waits for a while */
            at->no_output = self->messy = 1;
            world_plan(self, a_while(self, SLUICE_SECOND), PLAN_UNBLOCK, end, NOBODY,
                       SLUICE_ROLE_AUTO);
        }
        return;
    }
    if (!sluice_transport_peek_output(transport, &again, &len_again) || again != data ||
        len_again != len)
        world_wrong(self, "end %d shows another datagram the second time", end);
    invariants_datagram(self, end, data[0], len);
    trace_add(self->trace, "end %d: a datagram of type %u: %s", end, (unsigned)data[0],
              how == SLUICE_SENT           ? "sent"
              : how == SLUICE_SEND_TOO_BIG ? "too big"
                                           : "given up");
    if (data[0] == 23 && life->waiting)
        life->waiting--;
    if (how == SLUICE_SENT)
        link_send(&at->link, vclock_now(), 0, data, len);
    api_expects(self, sluice_transport_pop_output(transport, vclock_now(), how), SLUICE_OK,
                "end %d: pop_output", end);
}

static void call_message(World *self, int end, Life *life, SluiceTransport *transport)
{
    PairEnd *at = &self->pair.end[end];
    SluiceMessage message, again;

    (void)life;
    if (!sluice_transport_peek_message(transport, &message)) {
        api_expects(self, sluice_transport_pop_message(transport), SLUICE_INVALID_STATE,
                    "end %d: pop_message of nothing", end);
        if (!at->no_reading) {
            at->no_reading = 1;
            world_plan(self, a_while(self, 3 * SLUICE_SECOND), PLAN_READ, end, NOBODY,
                       SLUICE_ROLE_AUTO);
        }
        return;
    }
    if (!sluice_transport_peek_message(transport, &again) || again.data != message.data ||
        again.len != message.len)
        world_wrong(self, "end %d shows another message the second time", end);
    media_got(self, end, message.kind, message.generation, message.data, message.len);
    api_expects(self, sluice_transport_pop_message(transport), SLUICE_OK, "end %d: pop_message",
                end);
}

/* What is known when. */
static void call_getters(World *self, int end, Life *life, SluiceTransport *transport)
{
    int connected = life->state == SLUICE_STATE_CONNECTED;
    const uint8_t *der;
    uint8_t exported[32];
    size_t len;
    SluiceSrtpKeys keys;
    SluicePeerOffer offer;
    SluiceStats stats;
    SluiceEnd why;
    int refused = life_has_ended(life)                     ? SLUICE_ENDED
                  : life->state == SLUICE_STATE_MEDIA_ONLY ? SLUICE_INVALID_STATE
                                                           : SLUICE_NOT_READY;
    SluiceStatus status;

    api_expects(self, sluice_transport_get_end(transport, &why),
                life_has_ended(life) ? SLUICE_OK : SLUICE_INVALID_STATE, "end %d: get_end", end);
    api_expects(self, sluice_transport_export(transport, "EXPORTER-x", NULL, 0, exported, 32),
                connected ? SLUICE_OK : refused, "end %d: export", end);
    api_expects(self, sluice_transport_export(transport, "EXPORTER-x", NULL, 0, exported, 9000),
                SLUICE_INVALID_ARGUMENT, "end %d: export of 9000 bytes", end);
    api_expects(self, sluice_transport_get_srtp_keys(transport, &keys),
                connected ? SLUICE_OK : refused, "end %d: get_srtp_keys", end);
    status = sluice_transport_get_remote_certificate(transport, &der, &len);
    if (!life_has_ended(life))
        api_expects(self, status,
                    life->state >= SLUICE_STATE_UNVERIFIED ? SLUICE_OK : SLUICE_NOT_READY,
                    "end %d: get_remote_certificate", end);
    status = sluice_transport_get_offer(transport, &offer);
    if (status != SLUICE_OK)
        api_expects(self, status, SLUICE_NOT_READY, "end %d: get_offer", end);
    api_expects(self, sluice_transport_get_stats(transport, &stats, 0), SLUICE_INVALID_ARGUMENT,
                "end %d: stats of no size", end);
    len = sluice_transport_max_data_size(transport);
    if (connected ? len == 0 : life->state < SLUICE_STATE_UNVERIFIED && len != 0)
        world_wrong(self, "end %d is %s, and max_data_size says %zu", end,
                    sluice_state_name(life->state), len);
}

static void call_end_dtls(World *self, int end, Life *life, SluiceTransport *transport)
{
    int verified = life->state == SLUICE_STATE_CONNECTED || life->state == SLUICE_STATE_MEDIA_ONLY;
    SluiceStatus status;

    if (verified && !rng_chance(&self->rng, 0.1))
        return;
    status = sluice_transport_end_dtls(transport, vclock_now());
    trace_add(self->trace, "end %d: end_dtls: %s", end, sluice_status_text(status));
    api_expects(self, status,
                life_has_ended(life) ? SLUICE_ENDED
                : verified           ? SLUICE_OK
                                     : SLUICE_NOT_READY,
                "end %d: end_dtls", end);
    life->given_up |= status == SLUICE_OK;
}

static void call_close(World *self, int end, Life *life, SluiceTransport *transport)
{
    (void)transport;
    if (life_has_ended(life) || rng_chance(&self->rng, 0.03))
        peer_closes(self, end);
}

/* What is nobody's or not ours; STUN is left as it was. */
static void call_receive(World *self, int end, Life *life, SluiceTransport *transport)
{
    _Alignas(8) uint8_t stun[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, other[4] = {9, 1, 2, 3};
    SluicePacket packets[2] = {{.data = stun, .len = sizeof stun}, {.data = other, .len = 4}};
    SluiceKind kind;
    size_t none = 0;

    (void)life;
    (void)sluice_transport_receive(transport, vclock_now(), stun, &none, &kind);
    if (sluice_transport_receive_batch(transport, vclock_now(), packets, 2) != 2 ||
        packets[0].status != SLUICE_OK || packets[0].kind != SLUICE_KIND_STUN ||
        packets[1].kind != SLUICE_KIND_UNKNOWN || stun[1] != 1 || packets[0].len != sizeof stun)
        world_wrong(self, "end %d did not leave a STUN message alone", end);
}

typedef void (*Call)(World *self, int end, Life *life, SluiceTransport *transport);

static const struct {
    const char *name;
    Call call;
} calls[] = {
    {"start", call_start},     {"set_remote_fingerprints", call_know},
    {"restart", call_restart}, {"set_path_validated", call_path},
    {"set_rtt", call_rtt},     {"handle_timeout", call_timeout},
    {"output", call_output},   {"message", call_message},
    {"getters", call_getters}, {"end_dtls", call_end_dtls},
    {"close", call_close},     {"receive", call_receive},
};

#define CALLS (sizeof calls / sizeof *calls)

void api_acts(World *self)
{
    int end = (int)rng_below(&self->rng, 2);
    unsigned which = (unsigned)rng_below(&self->rng, CALLS + 6);

    if (!transport_of(self, end) || !world_runs(self, end))
        return;
    if (which < CALLS) {
        trace_add(self->trace, "end %d: call %s", end, calls[which].name);
        calls[which].call(self, end, life_of(self, end), transport_of(self, end));
    } else {
        api_media_acts(self, end);
    }
    pair_drain(&self->pair, end);
}
