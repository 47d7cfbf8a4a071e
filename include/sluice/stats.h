/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_STATS_H
#define SLUICE_STATS_H

#include <sluice/types.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceStats: (skip)
 *
 * What a transport did and saw. Names in the groups so called are those of RTCTransportStats (W3C webrtc-stats),
 * in this language's spelling. Counters start at 0 and never fall. Bytes are UDP payload.
 */
typedef struct {
    /* RTCTransportStats */
    uint64_t packets_sent;     /* datagrams: output that was sent, media that was protected */
    uint64_t packets_received; /* datagrams given to receive, whatever became of them */
    uint64_t bytes_sent;
    uint64_t bytes_received;

    /* media */
    uint64_t rtp_received, rtcp_received; /* before any check */
    uint64_t rtp_delivered, rtcp_delivered;

    /* RTCTransportStats, of DTLS */
    SluiceState dtls_state;       /* see SluiceState for W3C's words */
    SluiceRole dtls_role;         /* auto: "unknown" */
    uint16_t tls_version;         /* 0xfefd: DTLS 1.2; 0: not known yet */
    char dtls_cipher[64];         /* IANA name, "" until negotiated */
    char tls_group[32];           /* "x25519", "P-256"; "" until negotiated */
    SluiceSrtpProfile srtp_cipher;

    /* the handshake */
    SluiceTime started_at;   /* start, or the ClientHello that ended listening; NEVER before */
    SluiceTime finished_at;  /* Finished both ways */
    SluiceTime connected_at; /* verified */
    SluiceTime handshake_rtt; /* measured on the first flight answered without retransmission; 0: not */
    uint32_t flights_sent;
    uint32_t flights_received;
    uint32_t retransmissions;      /* flights that were sent again */
    uint32_t handshake_mtu;        /* in force now */
    uint32_t mtu_reductions;
    uint32_t hello_verify_requests; /* sent */

    /* what else came in, by class; before any check */
    uint64_t stun_received, zrtp_received, turn_received, quic_received, unknown_received;
    uint64_t dtls_received;
    uint64_t data_delivered; /* messages given to the inbox */
    uint64_t held;           /* packets that went through the inbox */
    uint64_t copied_unaligned;

    /* what was sent */
    uint64_t rtp_protected, rtcp_protected, data_sent;

    /* SSRCs */
    uint32_t ssrcs_received, ssrcs_sent; /* live now */
    uint64_t ssrcs_evicted;   /* silent ones of the peer's, for new ones at the limit */
    uint64_t ssrcs_forgotten; /* of the peer's that had gone: not even the last index is kept any more */

    /* what was dropped, and why */
    uint64_t dropped_malformed;      /* DTLS records or RTP/RTCP headers that cannot be right */
    uint64_t dropped_unexpected;     /* right, but not in this state; messages of a peer that was never verified */
    uint64_t dropped_unvalidated;    /* DTLS from a path nobody validated */
    uint64_t dropped_inbox_full;     /* early media and early DTLS beyond the bound */
    uint64_t dropped_unauthentic;    /* SRTP tag wrong */
    uint64_t dropped_replayed;       /* SRTP replayed or too old */
    uint64_t dropped_ssrc_limit;     /* authentic, but of one SSRC too many; or no memory for it */
    uint64_t dropped_ended;          /* anything after the end */
    uint64_t client_hellos_at_client; /* a sign of a role conflict */
    uint64_t plaintext_alerts;        /* in a handshake: evidence, believed when nothing follows */
    uint64_t data_refused;           /* send_data: output full */
    uint64_t data_deferred;          /* receive: inbox full */
    uint64_t data_too_large;         /* send_data: over the limit */
    uint64_t output_too_big;         /* pop_output: the network refused the size */
    uint64_t output_failed;          /* pop_output: the network refused it for good */
    uint64_t protect_failed;
    uint64_t events_lost;

    /* what waits */
    uint32_t output_datagrams, output_bytes;
    uint32_t inbox_messages, inbox_bytes;

    /* restarts */
    uint32_t generation;            /* of the keys in force; 0: none yet */
    uint32_t restarts;              /* associations that took the place of another */
    uint32_t restarts_failed;       /* associations beside a live one that came to nothing */
    uint64_t hellos_beside;         /* ClientHellos of a new association that came to one in its handshake or live */
    uint64_t hellos_beside_dropped; /* of these, dropped unanswered: too many */
    uint32_t attempts_given_up;     /* handshakes that broke or stood still before they were finished, and were begun anew:
                                     * something forged, or a peer that refuses or is refused */

    /* limits of the config */
    uint64_t dropped_half_open; /* ClientHellos that would have made one half-open handshake too many */

    /* the handshake by phase: these, then finished_at, then connected_at, from which on there are keys. Of the first
     * association; NEVER before */
    SluiceTime client_hello_at; /* the first: sent as client; come as server, with a cookie or without, also before the start */
    SluiceTime certificate_at;  /* the peer's has come and was not refused */
} SluiceStats;

/**
 * SluiceStatType: (skip)
 * @SLUICE_STAT_COUNT: a number
 * @SLUICE_STAT_DURATION: a time between two events
 * @SLUICE_STAT_TEXT: a word
 *
 * Kinds of figure.
 */
typedef enum {
    SLUICE_STAT_COUNT = 0,
    SLUICE_STAT_DURATION = 1,
    SLUICE_STAT_TEXT = 2
} SluiceStatType;

/**
 * SluiceStat: (skip)
 * @name: that of RTCTransportStats (W3C webrtc-stats) where it has one ("packetsSent", "dtlsCipher"), else one spelled
 *   like those; static
 * @type: which of the following it has
 * @known: 0: the figure has no value yet
 * @count: of %SLUICE_STAT_COUNT
 * @duration: of %SLUICE_STAT_DURATION, in nanoseconds; that of a phase ("handshakeFinished") counts from the start
 * @text: of %SLUICE_STAT_TEXT, in W3C's words for `dtlsState`, `dtlsRole` and `tlsVersion` ("connecting", "unknown",
 *   "FEFD"), "" while it is not known; valid as long as the #SluiceStats it was made of
 *
 * One figure with its name.
 */
typedef struct {
    const char *name;
    SluiceStatType type;
    int known;
    uint64_t count;
    SluiceTime duration;
    const char *text;
} SluiceStat;

/**
 * sluice_stats_get: (skip)
 * @stats: figures
 * @index: 0, 1, ...
 * @stat: (out caller-allocates): the figure of that index
 *
 * All figures one after the other, for a program that passes them on. An index means another figure in another version
 * of the library; a name always the same.
 *
 * Returns: 1, or 0 when there is none of that index
 */
SLUICE_API int sluice_stats_get(const SluiceStats *stats, size_t index, SluiceStat *stat);

/**
 * SluicePeerOffer: (skip)
 *
 * What a ClientHello offered, in the peer's order, cut at the size of each array.
 */
typedef struct {
    uint16_t version; /* legacy_version: 0xfefd is DTLS 1.2 */
    int extended_master_secret;
    int fragments; /* ClientHello datagrams that had come when it was whole */
    size_t n_versions, n_ciphers, n_groups, n_srtp_profiles;
    uint16_t versions[8]; /* supported_versions: 0xfefc is DTLS 1.3 */
    uint16_t ciphers[64];
    uint16_t groups[32];
    uint16_t srtp_profiles[16];
} SluicePeerOffer;

SLUICE_END_DECLS

#endif
