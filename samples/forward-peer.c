/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-peers.h"

#include <errno.h>
#include <string.h>

#include "forward-report.h"

void forward_peer_free(gpointer data)
{
    ForwardPeer *peer = data;

    sluice_timers_set(peer->side->timers, &peer->timer, SLUICE_TIME_NEVER);
    sluice_transport_free(peer->transport);
    g_free(peer);
}

void forward_peer_forget(ForwardPeer *peer)
{
    ForwardSide *side = peer->side;

    if (peer->stage == FORWARD_STRANGER)
        g_queue_unlink(&side->strangers, &peer->place);
    else
        side->n_peers--;
    g_hash_table_remove(side->peers, &peer->address);
}

static void tell(ForwardPeer *peer, const char *event, const char *name, const char *text)
{
    g_autofree char *address = forward_address_text(&peer->address);

    forward_report(event, "side", peer->side->name, "address", address, name, text, NULL);
}

/* Who shows one of the certificates that were announced may stay. */
static void judge(ForwardPeer *peer, SluiceTime now)
{
    const ForwardTrust *trust = peer->side->trust;
    SluiceFingerprint shown;
    const uint8_t *der;
    size_t len;

    if (sluice_transport_get_remote_certificate(peer->transport, &der, &len) != SLUICE_OK)
        return;
    for (guint i = 0; i < trust->fingerprints->len; i++) {
        const SluiceFingerprint *one = &g_array_index(trust->fingerprints, SluiceFingerprint, i);

        if (sluice_fingerprint_of_der(one->hash, der, len, &shown) == SLUICE_OK &&
            shown.len == one->len && memcmp(shown.bytes, one->bytes, one->len) == 0) {
            sluice_transport_set_remote_fingerprints(peer->transport, now, one, 1);
            return;
        }
    }
    if (trust->anyone) {
        if (sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &shown) == SLUICE_OK)
            sluice_transport_set_remote_fingerprints(peer->transport, now, &shown, 1);
    } else { /* it is none of them, so any of them will end it with the right reason */
        sluice_transport_set_remote_fingerprints(
            peer->transport, now, &g_array_index(trust->fingerprints, SluiceFingerprint, 0), 1);
    }
}

/* FALSE: it waits for the socket. */
static gboolean send_output(ForwardPeer *peer, SluiceTime now)
{
    const uint8_t *data;
    size_t len;

    while (sluice_transport_peek_output(peer->transport, &data, &len)) {
        int problem = forward_socket_send(&peer->side->socket, &peer->address, data, len);

        if (problem == EAGAIN && peer->stage != FORWARD_STRANGER) {
            peer->side->count.waited += !peer->side->waiting;
            peer->side->waiting = TRUE;
            return FALSE;
        }
        if (problem != 0 && problem != EMSGSIZE)
            peer->side->count.failed++; /* as if lost on the way: the flight will be sent again */
        sluice_transport_pop_output(peer->transport, now,
                                    problem == 0          ? SLUICE_SENT
                                    : problem == EMSGSIZE ? SLUICE_SEND_TOO_BIG
                                                          : SLUICE_SEND_FAILED);
    }
    return TRUE;
}

static void on_connected(ForwardPeer *peer, SluiceTime now)
{
    SluiceStats stats;

    peer->stage = FORWARD_CONNECTED;
    peer->heard_at = now;
    peer->idle_at = now + peer->side->idle;
    peer->side->count.connected++;
    sluice_transport_get_stats(peer->transport, &stats, sizeof stats);
    tell(peer, "peer", "profile", sluice_srtp_profile_name(stats.srtp_cipher));
    peer->side->joined(peer);
}

/* Anybody may make a handshake fail: a line a second says why, the others are counted. */
static void on_end(ForwardPeer *peer, const SluiceEnd *end, SluiceTime now)
{
    ForwardSide *side = peer->side;
    gboolean ordinary =
        end->reason == SLUICE_END_CLOSE_NOTIFY || end->reason == SLUICE_END_LOCAL_CLOSE;
    g_autofree char *address = forward_address_text(&peer->address);
    char why[640] = "";

    if (peer->stage == FORWARD_CONNECTED) {
        side->left(peer);
    } else {
        side->count.never_connected++;
        if (now < side->tell_again_at) {
            peer->stage = FORWARD_ENDED;
            return;
        }
        side->tell_again_at = now + SLUICE_SECOND;
    }
    peer->stage = FORWARD_ENDED;
    sluice_end_describe(end, why, sizeof why);
    forward_report("end", "side", side->name, "address", address, "reason",
                   sluice_end_reason_name(end->reason), ordinary ? NULL : "why", why, NULL);
}

/* It has brought the cookie back. FALSE: there is no place for it, and it is gone. */
static gboolean accept_peer(ForwardPeer *peer)
{
    ForwardSide *side = peer->side;

    if (side->n_peers >= side->max_peers) {
        side->count.refused++;
        forward_peer_forget(peer);
        return FALSE;
    }
    g_queue_unlink(&side->strangers, &peer->place);
    peer->stage = FORWARD_ACCEPTED;
    side->count.accepted++;
    side->n_peers++;
    side->count.peers_peak = MAX(side->count.peers_peak, side->n_peers);
    return TRUE;
}

gboolean forward_peer_advance(ForwardPeer *peer, SluiceTime now)
{
    SluiceEvent event;
    SluiceEnd end;

    if (peer->stage == FORWARD_STRANGER &&
        sluice_transport_get_state(peer->transport) != SLUICE_STATE_LISTENING && !accept_peer(peer))
        return FALSE;
    if (sluice_transport_get_state(peer->transport) == SLUICE_STATE_UNVERIFIED)
        judge(peer, now);
    if (peer->stage == FORWARD_ACCEPTED &&
        sluice_transport_get_state(peer->transport) == SLUICE_STATE_CONNECTED)
        on_connected(peer, now);
    if (peer->stage != FORWARD_ENDED &&
        sluice_transport_get_end(peer->transport, &end) == SLUICE_OK)
        on_end(peer, &end, now);
    while (sluice_transport_next_event(peer->transport, &event))
        continue; /* the states say enough here */
    return TRUE;
}

void forward_peer_settle(ForwardPeer *peer, SluiceTime now)
{
    SluiceTime due;

    if (!forward_peer_advance(peer, now))
        return;
    if (send_output(peer, now) && peer->stage == FORWARD_ENDED) {
        forward_peer_forget(peer);
        return;
    }
    due = sluice_transport_next_timeout(peer->transport);
    if (peer->stage == FORWARD_CONNECTED)
        due = MIN(due, peer->idle_at);
    sluice_timers_set(peer->side->timers, &peer->timer, due);
}

void forward_peer_close(ForwardPeer *peer)
{
    SluiceTime now = forward_now();

    sluice_transport_close(peer->transport, now);
    forward_peer_settle(peer, now);
}

void forward_peer_wake(ForwardPeer *peer)
{
    SluiceTime now = forward_now();

    sluice_transport_handle_timeout(peer->transport, now);
    if (peer->stage == FORWARD_CONNECTED && now >= peer->idle_at) {
        peer->idle_at = peer->heard_at + peer->side->idle;
        if (now >= peer->idle_at) {
            peer->side->count.idle++;
            tell(peer, "warning", "message", "nothing came from it for too long");
            sluice_transport_close(peer->transport, now);
        }
    }
    forward_peer_settle(peer, now);
}
