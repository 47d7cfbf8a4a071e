/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-peers.h"

void forward_side_init(ForwardSide *self)
{
    g_queue_init(&self->strangers);
    self->peers =
        g_hash_table_new_full(forward_address_hash, forward_address_equal, NULL, forward_peer_free);
}

void forward_side_clear(ForwardSide *self)
{
    g_clear_pointer(&self->peers, g_hash_table_unref);
    forward_socket_close(&self->socket);
}

/* A record of the handshake with the first message of it (RFC 6347 section 4.3.2). */
static gboolean is_client_hello(const SluicePacket *packet)
{
    return sluice_classify(packet->data, packet->len) == SLUICE_KIND_DTLS && packet->len > 13 &&
           packet->data[0] == 22 && packet->data[13] == 1;
}

static ForwardPeer *meet(ForwardSide *self, const ForwardAddress *from, SluiceTime now)
{
    SluiceTransport *transport = sluice_transport_new(self->config);
    ForwardPeer *peer;

    if (transport == NULL)
        return NULL;
    /* As AUTO it stays LISTENING until somebody has brought the cookie back. */
    if (sluice_transport_start(transport, now, SLUICE_ROLE_AUTO) != SLUICE_OK) {
        sluice_transport_free(transport);
        return NULL;
    }
    if (self->strangers.length >= FORWARD_STRANGERS) {
        self->count.crowded_out++;
        forward_peer_forget(self->strangers.head->data);
    }
    peer = g_new0(ForwardPeer, 1);
    peer->side = self;
    peer->address = *from;
    peer->transport = transport;
    peer->timer.user_data = peer;
    peer->place.data = peer;
    g_queue_push_tail_link(&self->strangers, &peer->place);
    g_hash_table_insert(self->peers, &peer->address, peer);
    self->count.strangers++;
    self->count.strangers_peak = MAX(self->count.strangers_peak, self->strangers.length);
    return peer;
}

/* Media that came before the keys, in its turn. Data means nothing here. */
static void take_messages(ForwardPeer *peer, SluiceTime now)
{
    SluiceMessage message;

    while (sluice_transport_peek_message(peer->transport, &message)) {
        peer->heard_at = now;
        if (message.kind != SLUICE_KIND_DATA)
            peer->side->media(peer, message.kind, message.data, message.len, TRUE);
        sluice_transport_pop_message(peer->transport);
    }
}

static void take_packet(ForwardPeer *peer, const SluicePacket *packet, SluiceTime now)
{
    if (sluice_status_is_dropped(packet->status))
        peer->side->count.dropped++;
    if (packet->status != SLUICE_OK ||
        (packet->kind != SLUICE_KIND_RTP && packet->kind != SLUICE_KIND_RTCP))
        return;
    peer->heard_at = now;
    peer->side->media(peer, packet->kind, packet->data, packet->len, FALSE);
}

void forward_side_take(void *data, const ForwardAddress *from, SluicePacket *packets, size_t n)
{
    ForwardSide *self = data;
    ForwardPeer *peer = g_hash_table_lookup(self->peers, from);
    SluiceTime now = forward_now();
    size_t taken;

    if (peer == NULL && is_client_hello(&packets[0]))
        peer = meet(self, from, now);
    if (peer == NULL) {
        self->count.unknown += n;
        return;
    }
    do {
        taken = sluice_transport_receive_batch(peer->transport, now, packets, n);
        if (!forward_peer_advance(peer, now))
            return;
        for (size_t i = 0; i < taken; i++)
            take_packet(peer, &packets[i], now);
        take_messages(peer, now); /* which makes room for what would block */
        packets += taken;
        n -= taken;
    } while (n > 0 && taken > 0);
    forward_peer_settle(peer, now);
}

void forward_side_writable(ForwardSide *self)
{
    g_autoptr(GList) peers = g_hash_table_get_values(self->peers);

    self->waiting = FALSE;
    for (GList *at = peers; at != NULL; at = at->next)
        forward_peer_settle(at->data, forward_now());
}

void forward_side_close_all(ForwardSide *self)
{
    g_autoptr(GList) peers = g_hash_table_get_values(self->peers);

    for (GList *at = peers; at != NULL; at = at->next) {
        ForwardPeer *peer = at->data;

        if (peer->stage == FORWARD_STRANGER)
            forward_peer_forget(peer);
        else
            forward_peer_close(peer);
    }
}
