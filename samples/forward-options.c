/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-options.h"

#include <gio/gio.h>
#include <locale.h>
#include <string.h>

static const char about[] =
    "One in, many out: RTP of one publisher goes to every subscriber, to each under SSRCs, "
    "sequence numbers and\n"
    "timestamps of its own (a selective forwarding unit, RFC 7667 section 3.7). All speak "
    "DTLS-SRTP "
    "over plain UDP as\n"
    "DTLS clients: the publisher with one port, all subscribers with the other.";

static const char more[] =
    "What subscribers ask for (PLI, FIR, NACK) goes back to the publisher, its sender reports go "
    "to them.\n"
    "\n"
    "  forward --publisher 'sha-256 12:AB:...' --subscriber 'sha-256 ...' --subscriber 'sha-256 "
    "...'\n"
    "  rtcprobe connect udp:127.0.0.1:5004 --fingerprint 'sha-256 ...' --send rtp:1000   (the "
    "publisher)\n"
    "  rtcprobe connect udp:127.0.0.1:5006 --fingerprint 'sha-256 ...' --seconds 10      (a "
    "subscriber)\n"
    "\n"
    "'-' in place of a fingerprint believes whoever comes, and whoever sits in between: only for "
    "tests.\n"
    "\n"
    "--json prints one object a line: listening, peer, end, warning, and at the end, or at "
    "SIGUSR1, statistics.\n"
    "SIGINT and SIGTERM close in order. Exit status: 0; 1 when something failed; 2 for wrong "
    "usage.";

static gboolean fail(const char *program, const char *problem)
{
    g_printerr("%s: %s (see --help)\n", program, problem);
    return FALSE;
}

/* @texts: (nullable): what was given */
static gboolean parse_trust(ForwardTrust *trust, char **texts, const char *program)
{
    for (; texts != NULL && *texts != NULL; texts++) {
        SluiceFingerprint fingerprint;

        if (strcmp(*texts, "-") == 0)
            trust->anyone = TRUE;
        else if (sluice_fingerprint_parse(*texts, strlen(*texts), &fingerprint) == SLUICE_OK)
            g_array_append_val(trust->fingerprints, fingerprint);
        else
            return fail(program, "a fingerprint looks like 'sha-256 12:AB:...'");
    }
    return TRUE;
}

/* With the marker 64 to 95 would look like RTCP (RFC 5761 section 4). */
static gboolean is_payload_type(guint64 number) { return number < 64 || number > 95; }

static gboolean parse_payload_types(uint8_t map[128], char **texts, const char *program)
{
    for (; texts != NULL && *texts != NULL; texts++) {
        g_auto(GStrv) parts = g_strsplit(*texts, ":", 2);
        guint64 from = 0, to = 0;

        if (g_strv_length(parts) != 2 ||
            !g_ascii_string_to_unsigned(parts[0], 10, 0, 127, &from, NULL) ||
            !g_ascii_string_to_unsigned(parts[1], 10, 0, 127, &to, NULL) ||
            !is_payload_type(from) || !is_payload_type(to))
            return fail(program, "--payload-type is FROM:TO, each of 0 to 63 or 96 to 127");
        map[from] = (uint8_t)to;
    }
    return TRUE;
}

static gboolean check(const ForwardOptions *o, const char *program)
{
    if (o->publisher_port < 0 || o->publisher_port > 65535 || o->subscriber_port < 0 ||
        o->subscriber_port > 65535)
        return fail(program, "a port must be 0 to 65535");
    if (!o->publisher.anyone && o->publisher.fingerprints->len == 0)
        return fail(program, "--publisher must say who may publish");
    if (!o->subscribers.anyone && o->subscribers.fingerprints->len == 0)
        return fail(program, "--subscriber must say who may subscribe");
    if (o->max_peers < 1 || o->max_peers > 100000)
        return fail(program, "--max-peers must be 1 to 100000");
    if (o->idle < 1 || o->idle > 86400)
        return fail(program, "--idle must be 1 to 86400");
    if (o->key_file != NULL && o->certificate_file == NULL)
        return fail(program, "--key is of no use without --certificate");
    return TRUE;
}

static void set_defaults(ForwardOptions *o)
{
    memset(o, 0, sizeof *o);
    o->publisher_port = 5004;
    o->subscriber_port = 5006;
    o->max_peers = 100;
    o->idle = 30;
    o->publisher.fingerprints = g_array_new(FALSE, FALSE, sizeof(SluiceFingerprint));
    o->subscribers.fingerprints = g_array_new(FALSE, FALSE, sizeof(SluiceFingerprint));
    for (size_t i = 0; i < sizeof o->payload_types; i++)
        o->payload_types[i] = (uint8_t)i;
}

gboolean forward_options_parse(ForwardOptions *o, int argc, char **argv)
{
    g_auto(GStrv) publishers = NULL, subscribers = NULL, payload_types = NULL;
    const GOptionEntry entries[] = {
        {"publisher", 0, 0, G_OPTION_ARG_STRING_ARRAY, &publishers,
         "Who may publish; may be repeated", "'sha-256 ...'"},
        {"subscriber", 0, 0, G_OPTION_ARG_STRING_ARRAY, &subscribers,
         "Who may subscribe; may be repeated", "'sha-256 ...'"},
        {"bind", 0, 0, G_OPTION_ARG_STRING, &o->bind, "Our address, 127.0.0.1 by default",
         "ADDRESS"},
        {"publisher-port", 0, 0, G_OPTION_ARG_INT, &o->publisher_port,
         "Where the publisher sends to, 5004 by default; 0: a free one", "PORT"},
        {"subscriber-port", 0, 0, G_OPTION_ARG_INT, &o->subscriber_port,
         "Where subscribers do, 5006 by default", "PORT"},
        {"certificate", 0, 0, G_OPTION_ARG_FILENAME, &o->certificate_file,
         "Our certificate, PEM; without it a new one is made", "FILE"},
        {"key", 0, 0, G_OPTION_ARG_FILENAME, &o->key_file,
         "Its key, PEM; without it the key is in the same file", "FILE"},
        {"payload-type", 0, 0, G_OPTION_ARG_STRING_ARRAY, &payload_types,
         "What subscribers call a payload type of the publisher; may be repeated", "FROM:TO"},
        {"max-peers", 0, 0, G_OPTION_ARG_INT, &o->max_peers, "Most subscribers, 100 by default",
         "N"},
        {"idle", 0, 0, G_OPTION_ARG_INT, &o->idle,
         "Drop who sends nothing, not even a receiver report, for so long; 30 by default",
         "SECONDS"},
        {"no-gso", 0, 0, G_OPTION_ARG_NONE, &o->no_gso, "Send each datagram by itself", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "One JSON object a line", NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    setlocale(LC_CTYPE, "");
    set_defaults(o);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, about);
    g_option_context_set_description(context, more);
    if (!g_option_context_parse(context, &argc, &argv, &error))
        return fail(argv[0], error->message);
    if (argc > 1)
        return fail(argv[0], "there is an argument too many");
    if (o->bind == NULL)
        o->bind = g_strdup("127.0.0.1");
    return parse_trust(&o->publisher, publishers, argv[0]) &&
           parse_trust(&o->subscribers, subscribers, argv[0]) &&
           parse_payload_types(o->payload_types, payload_types, argv[0]) && check(o, argv[0]);
}

void forward_options_clear(ForwardOptions *o)
{
    g_free(o->bind);
    g_free(o->certificate_file);
    g_free(o->key_file);
    g_array_unref(o->publisher.fingerprints);
    g_array_unref(o->subscribers.fingerprints);
}

static SluiceCertificate *load(const ForwardOptions *o, GError **error)
{
    const char *key_file = o->key_file != NULL ? o->key_file : o->certificate_file;
    g_autofree char *text = NULL, *key = NULL;
    gsize len = 0, key_len = 0;
    SluiceCertificate *certificate = NULL;

    if (g_file_get_contents(o->certificate_file, &text, &len, error) &&
        g_file_get_contents(key_file, &key, &key_len, error)) {
        SluiceStatus status = sluice_certificate_from_pem(text, len, key, key_len, &certificate);

        if (status != SLUICE_OK)
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                        "cannot use the certificate of %s with the key of %s: %s",
                        o->certificate_file, key_file, sluice_status_text(status));
    }
    if (key != NULL)
        explicit_bzero(key, key_len);
    if (text != NULL)
        explicit_bzero(text, len); /* the key may be in it too */
    return certificate;
}

SluiceCertificate *forward_options_certificate(const ForwardOptions *o, GError **error)
{
    SluiceCertificate *certificate = NULL;
    SluiceStatus status;

    if (o->certificate_file != NULL)
        return load(o, error);
    status = sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate);
    if (status != SLUICE_OK)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot make a certificate: %s",
                    sluice_status_text(status));
    return certificate;
}
