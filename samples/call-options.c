/* SPDX-License-Identifier: BSD-3-Clause */
#include "call-options.h"

#include <gio/gio.h>
#include <locale.h>

static const char about[] =
    "A call between two peers, A and B: they connect by ICE, shake hands (DTLS), make keys for "
    "SRTP from that,\n"
    "send media and messages both ways, check that everything arrived whole, and close in order: A "
    "closes,\n"
    "B sees it. Both run in this process, unless --offer or --answer makes it one of two.";

static const char more[] =
    "Two processes: each prints one line, its description, and reads the other's from standard "
    "input:\n"
    "  mkfifo back && call --offer < back | call --answer > back\n"
    "The length of the call is A's to say (--offer --seconds N); words go to standard error.\n"
    "\n"
    "Real media: what A gets on --rtp-in (RTP, and RTCP on the same port, from any program on "
    "127.0.0.1) is\n"
    "sent to B in place of media of its own, and B gives what it receives to --rtp-out. With "
    "--offer or\n"
    "--answer both are of the one peer that is here.\n"
    "\n"
    "--json prints one line: connected, ice_ms, dtls_ms, dtls_version, dtls_cipher, srtp_profile; "
    "for a and b\n"
    "rtp_sent, rtp_received, rtcp_sent, rtcp_received, data_sent, data_received, drops (by "
    "reason), closed_by\n"
    "(local-close: closed; close-notify: the other side did; anything else is an error), both "
    "null for a side that runs elsewhere;\n"
    "and problems.\n"
    "\n"
    "Exit status: 0 when everything that was sent arrived and both sides closed as intended, 1 "
    "when not, 2 for\n"
    "wrong usage.";

static gboolean fail(const char *program, const char *problem)
{
    g_printerr("%s: %s (see --help)\n", program, problem);
    return FALSE;
}

static gboolean check(CallOptions *o, const char *program)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(o->bind);

    if (o->offer && o->answer)
        return fail(program, "--offer and --answer are two processes");
    if (o->seconds < 0 || o->seconds > 86400)
        return fail(program, "--seconds must be 0 to 86400");
    if (o->mtu < 256 || o->mtu > 4096)
        return fail(program, "--mtu must be 256 to 4096");
    if (o->rtp_in < 0 || o->rtp_in > 65535 || o->rtp_out < 0 || o->rtp_out > 65535)
        return fail(program, "a port must be 1 to 65535");
    if (address == NULL)
        return fail(program, "--bind needs an IP address");
    if (o->profile != NULL && g_ascii_strcasecmp(o->profile, "none") != 0 &&
        sluice_srtp_profile_parse(o->profile, &o->srtp_profile) != SLUICE_OK)
        return fail(program, "--profile must be AEAD_AES_128_GCM, AEAD_AES_256_GCM, "
                             "AES128_CM_SHA1_80, AES128_CM_SHA1_32 or none");
    return TRUE;
}

gboolean call_options_parse(CallOptions *o, int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"seconds", 's', 0, G_OPTION_ARG_INT, &o->seconds,
         "Length of the call, 3 by default; 0: until Ctrl-C", "N"},
        {"profile", 0, 0, G_OPTION_ARG_STRING, &o->profile,
         "The only SRTP profile to offer; none: messages only", "NAME"},
        {"mtu", 0, 0, G_OPTION_ARG_INT, &o->mtu, "Largest datagram, 1200 by default", "BYTES"},
        {"bind", 0, 0, G_OPTION_ARG_STRING, &o->bind, "Address for ICE, 127.0.0.1 by default",
         "ADDRESS"},
        {"rtp-in", 0, 0, G_OPTION_ARG_INT, &o->rtp_in, "Send the RTP that comes to this UDP port",
         "PORT"},
        {"rtp-out", 0, 0, G_OPTION_ARG_INT, &o->rtp_out, "Give what is received to this UDP port",
         "PORT"},
        {"offer", 0, 0, G_OPTION_ARG_NONE, &o->offer, "Be A, the one who calls", NULL},
        {"answer", 0, 0, G_OPTION_ARG_NONE, &o->answer, "Be B, the one who is called", NULL},
        {"keylog", 0, 0, G_OPTION_ARG_FILENAME, &o->keylog,
         "Add the DTLS secrets to a file, for Wireshark. Who has it can read the call", "FILE"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Say nothing but one line of JSON at the end",
         NULL},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    setlocale(LC_CTYPE, ""); /* for the help text; numbers stay as they are */
    o->seconds = 3;
    o->mtu = 1200;
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, about);
    g_option_context_set_description(context, more);
    if (!g_option_context_parse(context, &argc, &argv, &error))
        return fail(argv[0], error->message);
    if (argc > 1)
        return fail(argv[0], "there is an argument too many");
    if (o->bind == NULL)
        o->bind = g_strdup("127.0.0.1");
    return check(o, argv[0]);
}

void call_options_clear(CallOptions *o)
{
    g_free(o->bind);
    g_free(o->profile);
    g_free(o->keylog);
}
