/* SPDX-License-Identifier: BSD-3-Clause */

/* The names of the figures. */

#include <sluice/stats.h>

typedef enum { WIDE, NARROW, FIXED_TEXT, RTT, PHASE, STATE, ROLE, VERSION, PROFILE } Form;

typedef struct {
    const char *name;
    size_t offset;
    Form form;
} Field;

/* clang-format off */
#define F(name, field, form) {name, offsetof(SluiceStats, field), form}
#define W(name, field) F(name, field, WIDE)
#define N(name, field) F(name, field, NARROW)

static const Field fields[] = {
    W("packetsSent", packets_sent),
    W("packetsReceived", packets_received),
    W("bytesSent", bytes_sent),
    W("bytesReceived", bytes_received),
    F("dtlsState", dtls_state, STATE),
    F("dtlsRole", dtls_role, ROLE),
    F("tlsVersion", tls_version, VERSION),
    F("dtlsCipher", dtls_cipher, FIXED_TEXT),
    F("tlsGroup", tls_group, FIXED_TEXT),
    F("srtpCipher", srtp_cipher, PROFILE),

    F("handshakeRoundTripTime", handshake_rtt, RTT),
    F("handshakeClientHello", client_hello_at, PHASE),
    F("handshakeCertificate", certificate_at, PHASE),
    F("handshakeFinished", finished_at, PHASE),
    F("handshakeKeys", connected_at, PHASE),
    N("flightsSent", flights_sent),
    N("flightsReceived", flights_received),
    N("retransmissions", retransmissions),
    N("handshakeMtu", handshake_mtu),
    N("mtuReductions", mtu_reductions),
    N("helloVerifyRequests", hello_verify_requests),
    N("attemptsGivenUp", attempts_given_up),

    W("stunReceived", stun_received),
    W("zrtpReceived", zrtp_received),
    W("turnReceived", turn_received),
    W("quicReceived", quic_received),
    W("unknownReceived", unknown_received),
    W("dtlsReceived", dtls_received),
    W("rtpReceived", rtp_received),
    W("rtcpReceived", rtcp_received),
    W("rtpDelivered", rtp_delivered),
    W("rtcpDelivered", rtcp_delivered),
    W("dataDelivered", data_delivered),
    W("held", held),
    W("copiedUnaligned", copied_unaligned),
    W("rtpProtected", rtp_protected),
    W("rtcpProtected", rtcp_protected),
    W("dataSent", data_sent),

    N("ssrcsReceived", ssrcs_received),
    N("ssrcsSent", ssrcs_sent),
    W("ssrcsEvicted", ssrcs_evicted),
    W("ssrcsForgotten", ssrcs_forgotten),

    W("droppedMalformed", dropped_malformed),
    W("droppedUnexpected", dropped_unexpected),
    W("droppedUnvalidated", dropped_unvalidated),
    W("droppedInboxFull", dropped_inbox_full),
    W("droppedUnauthentic", dropped_unauthentic),
    W("droppedReplayed", dropped_replayed),
    W("droppedSsrcLimit", dropped_ssrc_limit),
    W("droppedEnded", dropped_ended),
    W("droppedHalfOpen", dropped_half_open),
    W("clientHellosAtClient", client_hellos_at_client),
    W("plaintextAlerts", plaintext_alerts),
    W("dataRefused", data_refused),
    W("dataDeferred", data_deferred),
    W("dataTooLarge", data_too_large),
    W("outputTooBig", output_too_big),
    W("outputFailed", output_failed),
    W("protectFailed", protect_failed),
    W("eventsLost", events_lost),

    N("outputDatagrams", output_datagrams),
    N("outputBytes", output_bytes),
    N("inboxMessages", inbox_messages),
    N("inboxBytes", inbox_bytes),

    N("generation", generation),
    N("restarts", restarts),
    N("restartsFailed", restarts_failed),
    W("hellosBeside", hellos_beside),
    W("hellosBesideDropped", hellos_beside_dropped),
};
/* clang-format on */

/* The words of RTCDtlsTransportState. */
static const char *state_word(SluiceState state)
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

static const char *version_word(uint16_t version)
{
    return version == 0xfefd ? "FEFD" : version == 0xfefc ? "FEFC" : "";
}

static const char *text_of(const SluiceStats *stats, const Field *field)
{
    switch (field->form) {
    case STATE:
        return state_word(stats->dtls_state);
    case ROLE:
        return stats->dtls_role == SLUICE_ROLE_AUTO ? "unknown"
                                                    : sluice_role_name(stats->dtls_role);
    case VERSION:
        return version_word(stats->tls_version);
    case PROFILE:
        return stats->srtp_cipher == SLUICE_SRTP_NONE
                   ? ""
                   : sluice_srtp_profile_name(stats->srtp_cipher);
    default:
        return (const char *)stats + field->offset;
    }
}

static void set_duration(SluiceStat *stat, const SluiceStats *stats, const Field *field)
{
    const SluiceTime *time = (const void *)((const char *)stats + field->offset);

    stat->type = SLUICE_STAT_DURATION;
    if (field->form == RTT) {
        stat->known = *time > 0;
        stat->duration = *time;
        return;
    }
    stat->known = *time != SLUICE_TIME_NEVER && stats->started_at != SLUICE_TIME_NEVER;
    if (stat->known) /* a ClientHello that waited for the start has taken none of its time */
        stat->duration = *time > stats->started_at ? *time - stats->started_at : 0;
}

int sluice_stats_get(const SluiceStats *stats, size_t index, SluiceStat *stat)
{
    const Field *field;
    const void *at;

    if (!stats || !stat || index >= sizeof fields / sizeof fields[0])
        return 0;
    field = &fields[index];
    at = (const char *)stats + field->offset;
    *stat = (SluiceStat){.name = field->name, .known = 1, .text = ""};
    switch (field->form) {
    case WIDE:
        stat->count = *(const uint64_t *)at;
        break;
    case NARROW:
        stat->count = *(const uint32_t *)at;
        break;
    case RTT:
    case PHASE:
        set_duration(stat, stats, field);
        break;
    default:
        stat->type = SLUICE_STAT_TEXT;
        stat->text = text_of(stats, field);
        stat->known = stat->text[0] != '\0';
        break;
    }
    return 1;
}
