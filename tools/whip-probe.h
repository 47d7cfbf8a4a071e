/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_PROBE_H
#define WHIP_PROBE_H

/* `rtcprobe whip` from the inside: clients of WHIP (RFC 9725), one or many, in one thread. What a client shares with the
 * server of samples/whip-echo (ICE, SCTP, reading SDP) are that one's own files. */

#include "probe-whip.h"

#include "ice.h"
#include "offer.h"

#include <libsoup/soup.h>
#include <sluice-glib/sluice-glib.h>

/* The m-lines that a client offers, in this order. */
typedef enum { WHIP_AUDIO, WHIP_VIDEO, WHIP_N_RTP, WHIP_DATA = WHIP_N_RTP, WHIP_N_LINES } WhipLine;

/* ------------------------------------------------------------------ traffic */

typedef struct {
    guint32 ssrc;
    guint sent, returned; /* a copy that comes twice counts once */
    GByteArray *seen;
} WhipStream;

typedef struct {
    WhipStream rtp[WHIP_N_RTP];
    guint data_sent, data_returned;
    GByteArray *data_seen;
    guint64 rtp_received, rtcp_received, data_received; /* all of them */
    guint64 rtcp_sent, unsent;
} WhipCounts;

typedef struct WhipTraffic WhipTraffic;

/* @lines: bit n is set for what has been accepted. */
WhipTraffic *whip_traffic_new(const ProbeOptions *options, guint lines, const guint32 *ssrcs,
                              SluiceIceTransport *transport, guint sctp_port);
void whip_traffic_free(WhipTraffic *self);
void whip_traffic_start(WhipTraffic *self);
/* No more is sent; what comes is still counted. */
void whip_traffic_stop(WhipTraffic *self);
void whip_traffic_receive(WhipTraffic *self, SluiceKind kind, const guint8 *data, gsize len);
const WhipCounts *whip_traffic_counts(const WhipTraffic *self);
/* All that was to be sent was. */
gboolean whip_traffic_all_sent(const WhipTraffic *self);
gboolean whip_traffic_all_back(const WhipTraffic *self);

/* ------------------------------------------------------------------ data channel */

typedef struct WhipChannel WhipChannel;
typedef void (*WhipChannelFunc)(const guint8 *data, gsize len, gpointer user_data);

/* Begins SCTP and opens one channel. */
WhipChannel *whip_channel_new(SluiceIceTransport *transport, guint port, WhipChannelFunc received,
                              gpointer user_data);
void whip_channel_free(WhipChannel *self);
void whip_channel_receive(WhipChannel *self, const guint8 *packet, gsize len);
/* FALSE: it is not open yet, or has ended. */
gboolean whip_channel_send(WhipChannel *self, const char *text);

/* ------------------------------------------------------------------ SDP */

typedef struct {
    guint lines; /* bit n: WhipLine n is in it */
    SluiceRole role;
    guint32 ssrcs[WHIP_N_RTP];
    const char *fingerprint;
} WhipDescription;

/* The offer, with all candidates that ICE has; g_free() it. */
char *whip_description_offer(const WhipDescription *description, WhipIce *ice);
/* Reads the answer to it. @accepted: the m-lines that were not refused. NULL with @error set. */
WhipOffer *whip_description_answer(const WhipDescription *description, const char *text, gsize len,
                                   guint *accepted, GError **error);

/* ------------------------------------------------------------------ HTTP */

typedef struct WhipHttp WhipHttp;

/* @body is NULL where the request failed; @location and @body are borrowed for the call. In the default context. */
typedef void (*WhipHttpFunc)(guint status, const char *location, GBytes *body, const GError *error,
                             gpointer user_data);

WhipHttp *whip_http_new(const ProbeOptions *options);
void whip_http_free(WhipHttp *self);
void whip_http_post(WhipHttp *self, const char *sdp, WhipHttpFunc func, gpointer user_data);
/* @location: as an answer had it. */
void whip_http_delete(WhipHttp *self, const char *location, WhipHttpFunc func, gpointer user_data);

/* ------------------------------------------------------------------ a client */

typedef struct WhipClient WhipClient;

typedef struct {
    const ProbeOptions *options;
    ProbeReport *report;
    SluiceConfig *config;
    SluiceIceDriver *driver;
    WhipHttp *http;
    gboolean quiet; /* one of many: it prints nothing itself */
    /* Of --together. */
    guint *waiting;      /* those that are neither connected nor gone */
    gint64 *together_at; /* when there was none of them left; G_MAXINT64: not yet */
} WhipCommon;

/* What came of one, in microseconds since it began; -1: did not come to it. */
typedef struct {
    ProbeExit status;
    char *what; /* of a failure: a code and a sentence */
    char *sentence;
    gint64 posted, answered, path, connected, deleted;
    SluiceStats stats;
    WhipCounts counts; /* without what it has seen */
    gboolean all_back;
} WhipOutcome;

/* @ended: it has gone; in the default context. */
typedef void (*WhipClientEnded)(WhipClient *client, const WhipOutcome *outcome, gpointer user_data);

WhipClient *whip_client_new(const WhipCommon *common, WhipClientEnded ended, gpointer user_data,
                            GError **error);
/* Ends it in order; @ended follows. */
void whip_client_stop(WhipClient *self);

/* ------------------------------------------------------------------ report */

void whip_report_http(ProbeReport *report, const char *method, guint status, gint64 us);
void whip_report_ice(ProbeReport *report, const char *state, const char *local, const char *remote);
/* What one client has come to. */
void whip_report_outcome(ProbeReport *report, const WhipOutcome *outcome);

typedef struct WhipTotals WhipTotals;

WhipTotals *whip_totals_new(void);
void whip_totals_free(WhipTotals *self);
void whip_totals_add(WhipTotals *self, ProbeReport *report, const WhipOutcome *outcome);
/* The last lines of many, and their exit code. */
ProbeExit whip_totals_conclude(WhipTotals *self, ProbeReport *report);

#endif
