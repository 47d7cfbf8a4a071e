/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_H
#define PROBE_H

/* What the rooms of rtcprobe share: the parsed command line, the reporter that owns the output, the
 * test traffic, and the session that runs one transport over one UDP socket. */

#include <sluice/sluice.h>

#include <glib.h>
#include <json-glib/json-glib.h>

typedef enum {
    PROBE_EXIT_OK = 0,
    PROBE_EXIT_USAGE = 2,
    PROBE_EXIT_TIMEOUT = 3,
    PROBE_EXIT_FINGERPRINT = 4,
    PROBE_EXIT_UNVERIFIED = 5,
    PROBE_EXIT_NO_PROFILE = 6,
    PROBE_EXIT_ALERT = 7,
    PROBE_EXIT_FAILURE = 8,
    PROBE_EXIT_REPLIES = 9
} ProbeExit;

typedef enum { PROBE_CONNECT, PROBE_LISTEN, PROBE_CERTIFICATE, PROBE_WHIP } ProbeCommand;

typedef struct {
    char *host;
    guint16 port;
} ProbeAddress;

typedef struct {
    ProbeCommand command;
    ProbeAddress address;
    ProbeAddress bind; /* host NULL: any */
    SluiceRole role;
    gboolean json, echo, insecure, show_keys, rsa, no_cookie, require_replies;
    SluiceFingerprint fingerprints[SLUICE_FINGERPRINTS_MAX];
    size_t n_fingerprints;
    SluiceSrtpProfile profiles[4];
    size_t n_profiles;
    gboolean profiles_given;
    int mtu, first_timeout, deadline, seconds; /* -1: not given */
    guint send_data, send_rtp;
    char *certificate_file, *key_file, *keylog_file, *pcapng_file;
    char *export_label;
    size_t export_length;
    /* whip */
    char *url, *ice_bind, *stun, *token;
    int count, interval;
    double rate;
    gboolean together;
    guint lines; /* bit n: WhipLine n is offered */
} ProbeOptions;

/* Of the lines: audio and video. */
#define PROBE_RTP_LINES 3u

/* Reads the command line. FALSE: @error says what is wrong with it. --help and --version end the
 * program. */
gboolean probe_options_parse(ProbeOptions *options, int argc, char **argv, GError **error);
void probe_options_clear(ProbeOptions *options);

/* ------------------------------------------------------------------ report */

typedef struct {
    gboolean json;
    SluiceTime start;
    SluiceTime when; /* the time of the event at hand; NEVER: what is said is of now */
} ProbeReport;

typedef enum { PROBE_MATCH_UNKNOWN, PROBE_MATCH_YES, PROBE_MATCH_NO } ProbeMatch;

/* The monotonic clock that everything here is given. */
SluiceTime probe_now(void);

/* The time that belongs to what is said now. */
SluiceTime probe_when(const ProbeReport *report);
void probe_report_init(ProbeReport *report, gboolean json);
void probe_report_begin(ProbeReport *report, const ProbeOptions *options);
/* @what: "listening" (our own address) or "peer" */
void probe_report_address(ProbeReport *report, const char *what, const char *host, guint16 port);
void probe_report_event(ProbeReport *report, const SluiceEvent *event);
void probe_report_offer(ProbeReport *report, const SluicePeerOffer *offer);
void probe_report_selected(ProbeReport *report, const SluiceStats *stats);
/* @side: "local" or "remote" */
void probe_report_certificate(ProbeReport *report, const char *side, const guint8 *der, size_t len,
                              ProbeMatch match);
/* @bytes NULL unless the user asked to see keys */
void probe_report_export(ProbeReport *report, const char *label, size_t length, const char *sha256,
                         const char *bytes);
/* Something the peer sent for the application; @data is shown escaped and cut. */
void probe_report_message(ProbeReport *report, SluiceKind kind, const guint8 *data, size_t len);
void probe_report_warning(ProbeReport *report, const char *code, const char *message);
void probe_report_error(ProbeReport *report, const char *code, ProbeExit status,
                        const char *message);
void probe_report_end(ProbeReport *report, const SluiceEnd *end);
void probe_report_stats(ProbeReport *report, const SluiceStats *stats);

/* For one-line objects that only one room makes: begin, add members, end prints and frees it. */
JsonBuilder *probe_json_begin(ProbeReport *report, const char *event);
void probe_json_end(JsonBuilder *builder);
void probe_json_string(JsonBuilder *builder, const char *name, const char *value);
void probe_json_int(JsonBuilder *builder, const char *name, gint64 value);
void probe_json_bool(JsonBuilder *builder, const char *name, gboolean value);

/* One line of the timeline (text form only). */
void probe_line(ProbeReport *report, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ------------------------------------------------------------------ names of code points */

/* Names by the IANA registries, "0x1a2b" for what is not known; g_free() the result. */
char *probe_cipher_name(guint16 id);
char *probe_group_name(guint16 id);
char *probe_version_name(guint16 id);
char *probe_srtp_name(guint16 id);

/* ------------------------------------------------------------------ certificates */

/* Loads what the options name, or makes a new one. */
SluiceCertificate *probe_certificate_get(const ProbeOptions *options, GError **error);
/* The subcommand `certificate`. */
ProbeExit probe_certificate_run(const ProbeOptions *options, ProbeReport *report);

typedef struct {
    char *subject; /* RFC 2253, ASCII, control characters escaped */
    char *key;     /* "EC 256" */
    char *not_after;
} ProbeCertificateInfo;

/* FALSE: not a certificate that can be read. */
gboolean probe_certificate_info(const guint8 *der, size_t len, ProbeCertificateInfo *out);
void probe_certificate_info_clear(ProbeCertificateInfo *info);

/* ------------------------------------------------------------------ test traffic */

typedef struct {
    guint wanted, sent, returned;
    guint8 *seen; /* one byte each: a copy that comes twice counts once */
} ProbeStream;

typedef struct {
    ProbeStream data, rtp;
    SluiceTime next_at; /* when the next is due; NEVER when all are sent */
    SluiceTime last_sent_at;
    guint32 tag, ssrc;
    guint16 first_sequence;
    guint64 received_data, received_rtp, received_rtcp; /* not our own that came back */
    guint64 echoed, media_unsent;
    guint shown;
} ProbeTraffic;

/* The size of a buffer that takes any datagram, decrypts it in place and can send it back. */
#define PROBE_BUFFER (65536 + SLUICE_PROTECT_ROOM)

void probe_traffic_init(ProbeTraffic *traffic, const ProbeOptions *options);
void probe_traffic_clear(ProbeTraffic *traffic);
/* The connection stands. */
void probe_traffic_start(ProbeTraffic *traffic, SluiceTime now);
gboolean probe_traffic_all_sent(const ProbeTraffic *traffic);
gboolean probe_traffic_all_back(const ProbeTraffic *traffic);
/* Sends what is due over @fd (media) or into the transport (data). FALSE: the transport refused for
 * good. */
gboolean probe_traffic_tick(ProbeTraffic *traffic, SluiceTransport *transport, int fd,
                            SluiceTime now);
/* Notes a message or packet that arrived; TRUE if it is one of our own that came back. */
gboolean probe_traffic_arrived(ProbeTraffic *traffic, SluiceKind kind, const guint8 *data,
                               size_t len);
/* Sends one plain packet, protected in place. Media that the network refuses is counted and
 * forgotten. */
void probe_traffic_send_media(ProbeTraffic *traffic, SluiceTransport *transport, int fd,
                              SluiceKind kind, guint8 *data, size_t len);
void probe_traffic_report(const ProbeTraffic *traffic, ProbeReport *report);

/* ------------------------------------------------------------------ config */

/* What the options say. NULL: it has been reported. */
SluiceConfig *probe_config_new(const ProbeOptions *options, ProbeReport *report);

/* ------------------------------------------------------------------ session */

/* What the end of a connection means that was never closed by us. */
ProbeExit probe_exit_of_end(const SluiceEnd *end);

/* connect and listen, from the socket to the last line of the report. */
ProbeExit probe_session_run(const ProbeOptions *options, ProbeReport *report);

#endif
