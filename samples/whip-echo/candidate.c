/* SPDX-License-Identifier: BSD-3-Clause */
#include "candidate.h"
#include "sdp-text.h"

#include <gio/gio.h>
#include <string.h>

#define PREFIX "candidate:"

enum { FOUNDATION, COMPONENT, TRANSPORT, PRIORITY, ADDRESS, PORT, TYP, TYPE, EXTENSIONS };

static gboolean known_type(const char *type)
{
    const char *const types[] = {"host", "srflx", "prflx", "relay", NULL};

    return g_strv_contains(types, type);
}

WhipCandidateKind whip_candidate_check(const char *text, char **ufrag)
{
    guint64 component, priority, port;

    if (ufrag != NULL)
        *ufrag = NULL;
    if (!g_str_has_prefix(text, PREFIX) || strlen(text) > 512)
        return WHIP_CANDIDATE_BAD;
    g_auto(GStrv) words = g_strsplit(text + strlen(PREFIX), " ", 40);
    guint n = g_strv_length(words);
    if (n < EXTENSIONS || !whip_sdp_token(words[FOUNDATION], 32) ||
        !whip_sdp_number(words[COMPONENT], 256, &component) || component == 0 ||
        !whip_sdp_number(words[PRIORITY], G_MAXUINT32, &priority) || priority == 0 ||
        !whip_sdp_number(words[PORT], 65535, &port) || words[ADDRESS][0] == '\0' ||
        !g_str_equal(words[TYP], "typ") || !whip_sdp_token(words[TYPE], 16) ||
        !whip_sdp_token(words[TRANSPORT], 16))
        return WHIP_CANDIDATE_BAD;
    for (guint i = EXTENSIONS; ufrag != NULL && i + 1 < n; i += 2)
        if (g_str_equal(words[i], "ufrag") && *ufrag == NULL)
            *ufrag = g_strdup(words[i + 1]);
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(words[ADDRESS]);
    /* A browser that hides its addresses gives names of mDNS: it will find us, and be found by that. */
    return component == 1 && port != 0 && address != NULL && known_type(words[TYPE]) &&
                   g_ascii_strcasecmp(words[TRANSPORT], "udp") == 0
               ? WHIP_CANDIDATE_GOOD
               : WHIP_CANDIDATE_UNUSABLE;
}
