/* SPDX-License-Identifier: BSD-3-Clause */

/* The last lines of a report: the statistics of the transport. Names of JSON are those of W3C
 * webrtc-stats where it has one, and follow its spelling where it has none. */

#include "probe.h"

#include <stdio.h>

typedef struct {
    const char *name;
    size_t offset;
} Counter;

#define COUNTER(name, field)                                                                       \
    {                                                                                              \
        name, G_STRUCT_OFFSET(SluiceStats, field)                                                  \
    }

static const Counter wide[] = {
    COUNTER("packetsSent", packets_sent),
    COUNTER("packetsReceived", packets_received),
    COUNTER("bytesSent", bytes_sent),
    COUNTER("bytesReceived", bytes_received),
    COUNTER("stunReceived", stun_received),
    COUNTER("zrtpReceived", zrtp_received),
    COUNTER("turnReceived", turn_received),
    COUNTER("quicReceived", quic_received),
    COUNTER("unknownReceived", unknown_received),
    COUNTER("dtlsReceived", dtls_received),
    COUNTER("rtpReceived", rtp_received),
    COUNTER("rtcpReceived", rtcp_received),
    COUNTER("rtpDelivered", rtp_delivered),
    COUNTER("rtcpDelivered", rtcp_delivered),
    COUNTER("dataDelivered", data_delivered),
    COUNTER("held", held),
    COUNTER("copiedUnaligned", copied_unaligned),
    COUNTER("rtpProtected", rtp_protected),
    COUNTER("rtcpProtected", rtcp_protected),
    COUNTER("dataSent", data_sent),
    COUNTER("droppedMalformed", dropped_malformed),
    COUNTER("droppedUnexpected", dropped_unexpected),
    COUNTER("droppedUnvalidated", dropped_unvalidated),
    COUNTER("droppedInboxFull", dropped_inbox_full),
    COUNTER("droppedUnauthentic", dropped_unauthentic),
    COUNTER("droppedReplayed", dropped_replayed),
    COUNTER("droppedEnded", dropped_ended),
    COUNTER("clientHellosAtClient", client_hellos_at_client),
    COUNTER("plaintextAlerts", plaintext_alerts),
    COUNTER("dataRefused", data_refused),
    COUNTER("dataDeferred", data_deferred),
    COUNTER("dataTooLarge", data_too_large),
    COUNTER("outputTooBig", output_too_big),
    COUNTER("outputFailed", output_failed),
    COUNTER("protectFailed", protect_failed),
    COUNTER("eventsLost", events_lost),
    COUNTER("hellosBeside", hellos_beside),
    COUNTER("hellosBesideDropped", hellos_beside_dropped),
    COUNTER("droppedHalfOpen", dropped_half_open),
};

static const Counter narrow[] = {
    COUNTER("flightsSent", flights_sent),
    COUNTER("flightsReceived", flights_received),
    COUNTER("retransmissions", retransmissions),
    COUNTER("handshakeMtu", handshake_mtu),
    COUNTER("mtuReductions", mtu_reductions),
    COUNTER("helloVerifyRequests", hello_verify_requests),
    COUNTER("generation", generation),
    COUNTER("restarts", restarts),
    COUNTER("restartsFailed", restarts_failed),
    COUNTER("attemptsGivenUp", attempts_given_up),
};

static guint64 wide_value(const SluiceStats *stats, const Counter *counter)
{
    return G_STRUCT_MEMBER(guint64, stats, counter->offset);
}

static void json_time(JsonBuilder *builder, const char *name, SluiceTime from, SluiceTime to)
{
    json_builder_set_member_name(builder, name);
    if (from == SLUICE_TIME_NEVER || to == SLUICE_TIME_NEVER || to < from)
        json_builder_add_null_value(builder);
    else
        json_builder_add_int_value(builder, (to - from) / 1000);
}

static void json_stats(ProbeReport *report, const SluiceStats *stats)
{
    JsonBuilder *builder = probe_json_begin(report, "stats");
    char *version = g_strdup_printf("%04X", stats->tls_version);

    probe_json_string(builder, "dtlsState", sluice_state_name(stats->dtls_state));
    probe_json_string(builder, "dtlsRole", sluice_role_name(stats->dtls_role));
    probe_json_string(builder, "tlsVersion", version);
    probe_json_string(builder, "dtlsCipher", stats->dtls_cipher);
    probe_json_string(builder, "tlsGroup", stats->tls_group);
    probe_json_string(builder, "srtpCipher", sluice_srtp_profile_name(stats->srtp_cipher));
    json_time(builder, "handshakeUs", stats->started_at, stats->finished_at);
    json_time(builder, "connectUs", stats->started_at, stats->connected_at);
    probe_json_int(builder, "handshakeRttUs", stats->handshake_rtt / 1000);
    for (size_t i = 0; i < G_N_ELEMENTS(narrow); i++)
        probe_json_int(builder, narrow[i].name, G_STRUCT_MEMBER(guint32, stats, narrow[i].offset));
    for (size_t i = 0; i < G_N_ELEMENTS(wide); i++)
        probe_json_int(builder, wide[i].name, (gint64)wide_value(stats, &wide[i]));
    probe_json_end(builder);
    g_free(version);
}

void probe_report_stats(ProbeReport *report, const SluiceStats *stats)
{
    if (report->json) {
        json_stats(report, stats);
        return;
    }
    printf("statistics\n");
    if (stats->started_at != SLUICE_TIME_NEVER && stats->connected_at != SLUICE_TIME_NEVER)
        printf("  connected in %.1f ms; round trip %.1f ms\n",
               (double)(stats->connected_at - stats->started_at) / 1e6,
               (double)stats->handshake_rtt / 1e6);
    printf("  flights: %u sent, %u received, %u retransmissions; handshake MTU %u\n",
           stats->flights_sent, stats->flights_received, stats->retransmissions,
           stats->handshake_mtu);
    /* People want the figures that are not zero. */
    for (size_t i = 0; i < G_N_ELEMENTS(wide); i++) {
        if (wide_value(stats, &wide[i]) > 0)
            printf("  %s: %" G_GUINT64_FORMAT "\n", wide[i].name, wide_value(stats, &wide[i]));
    }
}
