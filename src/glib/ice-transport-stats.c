/* SPDX-License-Identifier: BSD-3-Clause */

/* The figures, for C and for bindings. */

#include "ice-transport-private.h"

#include <string.h>

void sluice_ice_transport_read_stats(SluiceIceTransport *self, SluiceStats *stats,
                                     SluiceIceCounters *counters)
{
    g_return_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL);
    if (stats != NULL) {
        memset(stats, 0, sizeof *stats);
        sluice_transport_get_stats(self->core, stats, sizeof *stats);
    }
    if (counters != NULL) {
        counters->media_refused = atomic_load(&self->media_refused);
        counters->media_unclaimed = atomic_load(&self->media_unclaimed);
        counters->data_lost = atomic_load(&self->data_lost);
        counters->output_blocked = atomic_load(&self->output_blocked);
        counters->wakeups = atomic_load(&self->wakeups);
    }
}

static void add_string(GVariantDict *dict, const char *key, const char *value)
{
    if (value[0] != '\0')
        g_variant_dict_insert(dict, key, "s", value);
}

static void add_seconds(GVariantDict *dict, const char *key, SluiceTime time)
{
    g_variant_dict_insert(dict, key, "d", (double)time / (double)SLUICE_SECOND);
}

/* The words of RTCDtlsTransportState. */
static const char *w3c_state(SluiceState state)
{
    switch (state) {
    case SLUICE_STATE_NEW:
    case SLUICE_STATE_LISTENING:
        return "new";
    case SLUICE_STATE_CONNECTING:
    case SLUICE_STATE_UNVERIFIED:
        return "connecting";
    case SLUICE_STATE_CONNECTED:
    case SLUICE_STATE_MEDIA_ONLY:
        return "connected";
    case SLUICE_STATE_CLOSED:
        return "closed";
    case SLUICE_STATE_FAILED:
    default:
        return "failed";
    }
}

static void add_dtls(GVariantDict *dict, const SluiceStats *stats)
{
    char version[8] = "";

    add_string(dict, "dtlsState", w3c_state(stats->dtls_state));
    add_string(dict, "dtlsRole",
               stats->dtls_role == SLUICE_ROLE_AUTO ? "unknown"
                                                    : sluice_role_name(stats->dtls_role));
    if (stats->tls_version != 0)
        g_snprintf(version, sizeof version, "%04X", stats->tls_version);
    add_string(dict, "tlsVersion", version);
    add_string(dict, "dtlsCipher", stats->dtls_cipher);
    add_string(dict, "tlsGroup", stats->tls_group);
    if (stats->srtp_cipher != SLUICE_SRTP_NONE)
        add_string(dict, "srtpCipher", sluice_srtp_profile_name(stats->srtp_cipher));
    if (stats->handshake_rtt > 0)
        add_seconds(dict, "handshakeRoundTripTime", stats->handshake_rtt);
    if (stats->connected_at > 0 && stats->connected_at != SLUICE_TIME_NEVER)
        add_seconds(dict, "handshakeDuration", stats->connected_at - stats->started_at);
}

#define COUNT(key, field) g_variant_dict_insert(dict, key, "t", (guint64)stats->field)

static void add_counts(GVariantDict *dict, const SluiceStats *stats)
{
    COUNT("packetsSent", packets_sent);
    COUNT("packetsReceived", packets_received);
    COUNT("bytesSent", bytes_sent);
    COUNT("bytesReceived", bytes_received);

    COUNT("flightsSent", flights_sent);
    COUNT("flightsReceived", flights_received);
    COUNT("retransmissions", retransmissions);
    COUNT("handshakeMtu", handshake_mtu);
    COUNT("mtuReductions", mtu_reductions);
    COUNT("helloVerifyRequests", hello_verify_requests);

    COUNT("stunReceived", stun_received);
    COUNT("zrtpReceived", zrtp_received);
    COUNT("turnReceived", turn_received);
    COUNT("quicReceived", quic_received);
    COUNT("unknownReceived", unknown_received);
    COUNT("dtlsReceived", dtls_received);
    COUNT("rtpReceived", rtp_received);
    COUNT("rtcpReceived", rtcp_received);

    COUNT("rtpDelivered", rtp_delivered);
    COUNT("rtcpDelivered", rtcp_delivered);
    COUNT("dataDelivered", data_delivered);
    COUNT("held", held);
    COUNT("copiedUnaligned", copied_unaligned);

    COUNT("rtpProtected", rtp_protected);
    COUNT("rtcpProtected", rtcp_protected);
    COUNT("dataSent", data_sent);

    COUNT("outputDatagrams", output_datagrams);
    COUNT("outputBytes", output_bytes);
    COUNT("inboxMessages", inbox_messages);
    COUNT("inboxBytes", inbox_bytes);
}

static void add_drops(GVariantDict *dict, const SluiceStats *stats)
{
    COUNT("droppedMalformed", dropped_malformed);
    COUNT("droppedUnexpected", dropped_unexpected);
    COUNT("droppedUnvalidated", dropped_unvalidated);
    COUNT("droppedInboxFull", dropped_inbox_full);
    COUNT("droppedUnauthentic", dropped_unauthentic);
    COUNT("droppedReplayed", dropped_replayed);
    COUNT("droppedEnded", dropped_ended);
    COUNT("clientHellosAtClient", client_hellos_at_client);
    COUNT("plaintextAlerts", plaintext_alerts);
    COUNT("dataRefused", data_refused);
    COUNT("dataDeferred", data_deferred);
    COUNT("dataTooLarge", data_too_large);
    COUNT("outputTooBig", output_too_big);
    COUNT("outputFailed", output_failed);
    COUNT("protectFailed", protect_failed);
    COUNT("eventsLost", events_lost);
}

GVariant *sluice_ice_transport_get_stats(SluiceIceTransport *self)
{
    SluiceStats core;
    SluiceIceCounters counters;
    GVariantDict dict;

    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, NULL);
    sluice_ice_transport_read_stats(self, &core, &counters);
    g_variant_dict_init(&dict, NULL);
    add_dtls(&dict, &core);
    add_counts(&dict, &core);
    add_drops(&dict, &core);
    g_variant_dict_insert(&dict, "mediaRefused", "t", counters.media_refused);
    g_variant_dict_insert(&dict, "mediaUnclaimed", "t", counters.media_unclaimed);
    g_variant_dict_insert(&dict, "dataLost", "t", counters.data_lost);
    g_variant_dict_insert(&dict, "outputBlocked", "t", counters.output_blocked);
    g_variant_dict_insert(&dict, "wakeups", "t", counters.wakeups);
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}
