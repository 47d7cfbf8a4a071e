/* SPDX-License-Identifier: BSD-3-Clause */

/* All that rtcprobe says: a timeline for people, one JSON object a line for programs. Warnings and
 * errors of the text form go to stderr. Whatever the peer wrote is escaped. */

#include "probe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN 64 /* bytes of a message that are shown */

static const SluiceHash hashes[] = {SLUICE_HASH_SHA256, SLUICE_HASH_SHA384, SLUICE_HASH_SHA512};

SluiceTime probe_now(void) { return g_get_monotonic_time() * 1000; }

SluiceTime probe_when(const ProbeReport *report)
{
    return report->when != SLUICE_TIME_NEVER ? report->when : probe_now();
}

/* ------------------------------------------------------------------ the two forms */

JsonBuilder *probe_json_begin(ProbeReport *report, const char *event)
{
    JsonBuilder *builder = json_builder_new();
    SluiceTime when = probe_when(report);

    json_builder_begin_object(builder);
    probe_json_string(builder, "event", event);
    probe_json_int(builder, "ms", (when - report->start) / SLUICE_MILLISECOND);
    probe_json_int(builder, "us", (when - report->start) / 1000);
    return builder;
}

void probe_json_end(JsonBuilder *builder)
{
    JsonGenerator *generator = json_generator_new();
    JsonNode *root;
    char *text;

    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    puts(text);
    g_free(text);
    json_node_unref(root);
    g_object_unref(generator);
    g_object_unref(builder);
}

void probe_json_string(JsonBuilder *builder, const char *name, const char *value)
{
    /* The name of a file may be any bytes. */
    char *valid = value != NULL ? g_utf8_make_valid(value, -1) : NULL;

    json_builder_set_member_name(builder, name);
    if (valid != NULL)
        json_builder_add_string_value(builder, valid);
    else
        json_builder_add_null_value(builder);
    g_free(valid);
}

void probe_json_int(JsonBuilder *builder, const char *name, gint64 value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, value);
}

void probe_json_bool(JsonBuilder *builder, const char *name, gboolean value)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_boolean_value(builder, value);
}

void probe_line(ProbeReport *report, const char *format, ...)
{
    SluiceTime when = probe_when(report);
    va_list args;

    printf("%9.1f ms  ", (double)(when - report->start) / (double)SLUICE_MILLISECOND);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static const char *arrow(SluiceDirection direction)
{
    return direction == SLUICE_SENT_OUT ? "-->" : "<--";
}

static const char *direction_name(SluiceDirection direction)
{
    return direction == SLUICE_SENT_OUT ? "sent" : "received";
}

/* ------------------------------------------------------------------ the beginning */

void probe_report_init(ProbeReport *report, gboolean json)
{
    report->json = json;
    report->start = probe_now();
    report->when = SLUICE_TIME_NEVER;
}

void probe_report_begin(ProbeReport *report, const ProbeOptions *options)
{
    const char *command = options->command == PROBE_LISTEN ? "listen" : "connect";

    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "start");
        probe_json_string(builder, "command", command);
        probe_json_string(builder, "role", sluice_role_name(options->role));
        probe_json_string(builder, "host", options->address.host);
        probe_json_int(builder, "port", options->address.port);
        probe_json_string(builder, "library", sluice_version_string());
        probe_json_end(builder);
    } else {
        printf("rtcprobe %s: %s udp:%s:%u, DTLS role %s\n", sluice_version_string(), command,
               options->address.host, options->address.port, sluice_role_name(options->role));
    }
}

void probe_report_address(ProbeReport *report, const char *what, const char *host, guint16 port)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, what);
        probe_json_string(builder, "address", host);
        probe_json_int(builder, "port", port);
        probe_json_end(builder);
    } else {
        probe_line(report, "%s  udp:%s%s%s:%u", what, strchr(host, ':') != NULL ? "[" : "", host,
                   strchr(host, ':') != NULL ? "]" : "", port);
    }
}

/* ------------------------------------------------------------------ events of the transport */

static void report_state(ProbeReport *report, const SluiceEvent *event)
{
    const char *name = sluice_state_name(event->u.state);

    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "state");
        probe_json_string(builder, "state", name);
        probe_json_end(builder);
    } else {
        probe_line(report, "state  %s", name);
    }
}

static void report_flight(ProbeReport *report, const SluiceEvent *event)
{
    const SluiceFlight *flight = &event->u.flight;
    char messages[512];
    JsonBuilder *builder;
    char **names;

    if (sluice_flight_describe(flight, messages, sizeof messages) != SLUICE_OK)
        messages[0] = '\0';
    if (!report->json) {
        probe_line(report, "%s  flight %d  %s  (%u byte%s, %u datagram%s)%s",
                   arrow(flight->direction), flight->number, messages, flight->bytes,
                   flight->bytes == 1 ? "" : "s", flight->datagrams,
                   flight->datagrams == 1 ? "" : "s", flight->retransmission ? "  AGAIN" : "");
        return;
    }
    builder = probe_json_begin(report, "flight");
    probe_json_string(builder, "direction", direction_name(flight->direction));
    probe_json_int(builder, "number", flight->number);
    probe_json_bool(builder, "retransmission", flight->retransmission);
    probe_json_int(builder, "datagrams", flight->datagrams);
    probe_json_int(builder, "bytes", flight->bytes);
    json_builder_set_member_name(builder, "messages");
    json_builder_begin_array(builder);
    names = g_strsplit(messages, ", ", -1);
    for (size_t i = 0; names[i] != NULL; i++)
        json_builder_add_string_value(builder, names[i]);
    g_strfreev(names);
    json_builder_end_array(builder);
    probe_json_end(builder);
}

static void report_alert(ProbeReport *report, const SluiceEvent *event)
{
    const SluiceAlert *alert = &event->u.alert;
    const char *level = alert->level == 2 ? "fatal" : "warning";

    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "alert");
        probe_json_string(builder, "direction", direction_name(alert->direction));
        probe_json_string(builder, "level", level);
        probe_json_int(builder, "number", alert->number);
        probe_json_string(builder, "name", sluice_alert_name(alert->number));
        probe_json_bool(builder, "authenticated", alert->authenticated);
        probe_json_end(builder);
    } else {
        probe_line(report, "%s  alert %d  %s (%s%s)", arrow(alert->direction), alert->number,
                   sluice_alert_name(alert->number), level,
                   alert->authenticated ? "" : ", not authenticated");
    }
}

static void report_generation(ProbeReport *report, const SluiceGeneration *generation)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "generation");
        probe_json_int(builder, "number", generation->number);
        probe_json_string(builder, "dtlsRole", sluice_role_name(generation->role));
        probe_json_bool(builder, "restarted", generation->restarted);
        probe_json_end(builder);
    } else if (generation->restarted) { /* the first says nothing that the state does not */
        probe_line(report, "restarted  generation %u of keys, DTLS role %s", generation->number,
                   sluice_role_name(generation->role));
    }
}

void probe_report_event(ProbeReport *report, const SluiceEvent *event)
{
    switch (event->type) {
    case SLUICE_EVENT_STATE:
        report_state(report, event);
        break;
    case SLUICE_EVENT_FLIGHT:
        report_flight(report, event);
        break;
    case SLUICE_EVENT_ALERT:
        report_alert(report, event);
        break;
    case SLUICE_EVENT_GENERATION:
        report_generation(report, &event->u.generation);
        break;
    case SLUICE_EVENT_DATA_TOO_BIG:
        if (report->json) {
            JsonBuilder *builder = probe_json_begin(report, "too-big");
            probe_json_int(builder, "bytes", (gint64)event->u.size);
            probe_json_end(builder);
        } else {
            probe_line(report, "the network refused a datagram of %zu bytes", event->u.size);
        }
        break;
    case SLUICE_EVENT_RESTART_FAILED: /* none is announced here */
    default:                          /* a newer library's event: nothing to say of it */
        break;
    }
}

/* ------------------------------------------------------------------ offered and chosen */

typedef char *(*NameFunc)(guint16 id);

static void offer_list(ProbeReport *report, JsonBuilder *builder, const char *name,
                       const char *label, const guint16 *ids, size_t n, NameFunc name_of)
{
    GString *line = g_string_new(NULL);

    if (builder != NULL) {
        json_builder_set_member_name(builder, name);
        json_builder_begin_array(builder);
    }
    for (size_t i = 0; i < n; i++) {
        char *text = name_of(ids[i]);
        if (builder != NULL)
            json_builder_add_string_value(builder, text);
        g_string_append_printf(line, "%s%s", i == 0 ? "" : ", ", text);
        g_free(text);
    }
    if (builder != NULL)
        json_builder_end_array(builder);
    else
        probe_line(report, "peer offers %s: %s", label, n == 0 ? "none" : line->str);
    g_string_free(line, TRUE);
}

void probe_report_offer(ProbeReport *report, const SluicePeerOffer *offer)
{
    JsonBuilder *builder = report->json ? probe_json_begin(report, "offer") : NULL;

    if (builder != NULL) {
        char *version = probe_version_name(offer->version);
        probe_json_string(builder, "version", version);
        probe_json_bool(builder, "extendedMasterSecret", offer->extended_master_secret);
        probe_json_int(builder, "fragments", offer->fragments);
        g_free(version);
    }
    /* Without supported_versions the version of the ClientHello is the whole offer. */
    if (offer->n_versions > 0)
        offer_list(report, builder, "versions", "versions", offer->versions, offer->n_versions,
                   probe_version_name);
    else
        offer_list(report, builder, "versions", "version", &offer->version, 1, probe_version_name);
    offer_list(report, builder, "ciphers", "ciphers", offer->ciphers, offer->n_ciphers,
               probe_cipher_name);
    offer_list(report, builder, "groups", "groups", offer->groups, offer->n_groups,
               probe_group_name);
    offer_list(report, builder, "srtpProfiles", "SRTP profiles", offer->srtp_profiles,
               offer->n_srtp_profiles, probe_srtp_name);
    if (builder != NULL)
        probe_json_end(builder);
    else if (!offer->extended_master_secret)
        probe_line(report, "peer offers no extended master secret");
}

void probe_report_selected(ProbeReport *report, const SluiceStats *stats)
{
    char *version = probe_version_name(stats->tls_version);

    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "selected");
        char *hex = g_strdup_printf("%04X", stats->tls_version);
        probe_json_string(builder, "version", version);
        probe_json_string(builder, "tlsVersion", hex);
        probe_json_string(builder, "dtlsCipher", stats->dtls_cipher);
        probe_json_string(builder, "tlsGroup", stats->tls_group);
        probe_json_string(builder, "srtpCipher", sluice_srtp_profile_name(stats->srtp_cipher));
        probe_json_string(builder, "dtlsRole", sluice_role_name(stats->dtls_role));
        probe_json_end(builder);
        g_free(hex);
    } else {
        probe_line(report, "chosen  %s, %s, %s, SRTP profile %s, we are %s", version,
                   stats->dtls_cipher, stats->tls_group,
                   sluice_srtp_profile_name(stats->srtp_cipher),
                   sluice_role_name(stats->dtls_role));
    }
    g_free(version);
}

/* ------------------------------------------------------------------ certificates, keys */

static void json_certificate(ProbeReport *report, const char *side, const guint8 *der, size_t len,
                             const ProbeCertificateInfo *info, ProbeMatch match)
{
    JsonBuilder *builder = probe_json_begin(report, "certificate");
    SluiceFingerprint fingerprint;
    char text[SLUICE_FINGERPRINT_TEXT_MAX];

    probe_json_string(builder, "side", side);
    probe_json_string(builder, "subject", info->subject);
    probe_json_string(builder, "key", info->key);
    probe_json_string(builder, "notAfter", info->not_after);
    json_builder_set_member_name(builder, "fingerprints");
    json_builder_begin_array(builder);
    for (size_t i = 0; i < G_N_ELEMENTS(hashes); i++) {
        if (sluice_fingerprint_of_der(hashes[i], der, len, &fingerprint) == SLUICE_OK &&
            sluice_fingerprint_format(&fingerprint, text, sizeof text) == SLUICE_OK)
            json_builder_add_string_value(builder, text);
    }
    json_builder_end_array(builder);
    if (match != PROBE_MATCH_UNKNOWN)
        probe_json_bool(builder, "match", match == PROBE_MATCH_YES);
    probe_json_end(builder);
}

void probe_report_certificate(ProbeReport *report, const char *side, const guint8 *der, size_t len,
                              ProbeMatch match)
{
    ProbeCertificateInfo info;
    SluiceFingerprint fingerprint;
    char text[SLUICE_FINGERPRINT_TEXT_MAX];
    const char *verdict = match == PROBE_MATCH_YES  ? "  fingerprint MATCHES"
                          : match == PROBE_MATCH_NO ? "  fingerprint DOES NOT MATCH"
                                                    : "";

    if (!probe_certificate_info(der, len, &info))
        memset(&info, 0, sizeof info);
    if (report->json) {
        json_certificate(report, side, der, len, &info, match);
    } else {
        probe_line(report, "%s certificate  %s, %s, until %s%s", side,
                   info.subject != NULL ? info.subject : "unreadable",
                   info.key != NULL ? info.key : "unknown key",
                   info.not_after != NULL ? info.not_after : "?", verdict);
        if (sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &fingerprint) == SLUICE_OK &&
            sluice_fingerprint_format(&fingerprint, text, sizeof text) == SLUICE_OK)
            probe_line(report, "%s fingerprint  %s", side, text);
    }
    probe_certificate_info_clear(&info);
}

void probe_report_export(ProbeReport *report, const char *label, size_t length, const char *sha256,
                         const char *bytes)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "export");
        probe_json_string(builder, "label", label);
        probe_json_int(builder, "length", (gint64)length);
        probe_json_string(builder, "sha256", sha256);
        if (bytes != NULL)
            probe_json_string(builder, "bytes", bytes);
        probe_json_end(builder);
        return;
    }
    probe_line(report, "exported %s, %zu bytes: SHA-256 %s", label, length, sha256);
    if (bytes != NULL)
        probe_line(report, "exported bytes %s", bytes);
}

/* ------------------------------------------------------------------ messages, troubles */

static char *escape(const guint8 *data, size_t len)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < len && i < SHOWN; i++) {
        if (data[i] == '\n')
            g_string_append(text, "\\n");
        else if (data[i] == '\\')
            g_string_append(text, "\\\\");
        else if (g_ascii_isprint((char)data[i]))
            g_string_append_c(text, (char)data[i]);
        else
            g_string_append_printf(text, "\\x%02x", data[i]);
    }
    if (len > SHOWN)
        g_string_append(text, "...");
    return g_string_free(text, FALSE);
}

void probe_report_message(ProbeReport *report, SluiceKind kind, const guint8 *data, size_t len)
{
    char *text = escape(data, kind == SLUICE_KIND_DATA ? len : 0);

    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "message");
        probe_json_string(builder, "kind", sluice_kind_name(kind));
        probe_json_int(builder, "bytes", (gint64)len);
        if (kind == SLUICE_KIND_DATA)
            probe_json_string(builder, "text", text);
        probe_json_end(builder);
    } else {
        probe_line(report, "<--  %s, %zu bytes  %s", sluice_kind_name(kind), len, text);
    }
    g_free(text);
}

void probe_report_warning(ProbeReport *report, const char *code, const char *message)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "warning");
        probe_json_string(builder, "code", code);
        probe_json_string(builder, "message", message);
        probe_json_end(builder);
    } else {
        fprintf(stderr, "rtcprobe: warning: %s\n", message);
    }
}

void probe_report_error(ProbeReport *report, const char *code, ProbeExit status,
                        const char *message)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "error");
        probe_json_string(builder, "code", code);
        probe_json_string(builder, "message", message);
        probe_json_int(builder, "exit", status);
        probe_json_end(builder);
    } else {
        fprintf(stderr, "rtcprobe: %s\n", message);
    }
}

void probe_report_end(ProbeReport *report, const SluiceEnd *end)
{
    if (report->json) {
        JsonBuilder *builder = probe_json_begin(report, "end");
        probe_json_string(builder, "reason", sluice_end_reason_name(end->reason));
        probe_json_string(builder, "phase", sluice_state_name(end->phase));
        probe_json_int(builder, "alert", end->alert);
        probe_json_int(builder, "lastFlightSent", end->last_flight_sent);
        probe_json_int(builder, "lastFlightReceived", end->last_flight_received);
        probe_json_string(builder, "opensslReason", end->openssl_reason);
        probe_json_end(builder);
    } else {
        probe_line(report, "end  %s", sluice_end_reason_name(end->reason));
    }
}
