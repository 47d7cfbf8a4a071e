/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers-ice.h"

#include <string.h>

static void on_gathered(G_GNUC_UNUSED NiceAgent *agent, G_GNUC_UNUSED guint stream,
                        gpointer user_data)
{
    Ice *self = user_data;

    self->gathered = TRUE;
    if (self->described)
        self->described(self);
}

/* As Janus makes its own unless told otherwise: no consent freshness, no ICE-TCP, the nomination that libnice prefers. */
void ice_init(Ice *self, gboolean offers, const char *address, GMainContext *context)
{
    NiceAddress local;

    self->offers = offers;
    self->agent = nice_agent_new(context, NICE_COMPATIBILITY_RFC5245);
    g_object_set(self->agent, "controlling-mode", offers, "upnp", FALSE, "ice-tcp", FALSE, NULL);
    nice_address_init(&local);
    if (!nice_address_set_from_string(&local, address))
        g_error("no address: %s", address);
    nice_agent_add_local_address(self->agent, &local);
    self->stream = nice_agent_add_stream(self->agent, 1);
    g_signal_connect(self->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), self);
}

void ice_gather(Ice *self)
{
    if (!nice_agent_gather_candidates(self->agent, self->stream))
        g_error("ICE can open no socket");
}

static void write_candidates(Ice *self, GString *sdp)
{
    GSList *list = nice_agent_get_local_candidates(self->agent, self->stream, ICE_COMPONENT);

    for (GSList *item = list; item; item = item->next) {
        g_autofree char *line = nice_agent_generate_local_candidate_sdp(self->agent, item->data);

        g_string_append_printf(sdp, "%s%s\r\n", g_str_has_prefix(line, "a=") ? "" : "a=", line);
    }
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
}

/* Sound alone, without header extensions or feedback: what costs a media server least. */
char *ice_describe(Ice *self, const char *fingerprint)
{
    g_autofree char *ufrag = NULL, *pwd = NULL;
    GString *sdp = g_string_new("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
                                "a=group:BUNDLE 0\r\n"
                                "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
                                "a=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
                                "a=rtpmap:111 opus/48000/2\r\n");

    nice_agent_get_local_credentials(self->agent, self->stream, &ufrag, &pwd);
    g_string_append_printf(sdp, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\n", ufrag,
                           pwd, fingerprint);
    g_string_append_printf(sdp, "a=setup:%s\r\na=ssrc:%u cname:bench\r\n",
                           self->without_dtls ? "holdconn"
                           : self->offers     ? "actpass"
                                              : "active",
                           SSRC);
    write_candidates(self, sdp);
    g_string_append(sdp, "a=end-of-candidates\r\n");
    return g_string_free(sdp, FALSE);
}

/* The value of the first line "a=NAME:VALUE". */
static const char *attribute(char **lines, const char *name)
{
    g_autofree char *head = g_strconcat("a=", name, ":", NULL);

    for (; *lines; lines++)
        if (g_str_has_prefix(*lines, head))
            return *lines + strlen(head);
    return NULL;
}

static gboolean add_candidates(Ice *self, char **lines)
{
    GSList *candidates = NULL;
    gboolean usable;

    for (; *lines; lines++) {
        NiceCandidate *candidate =
            g_str_has_prefix(*lines, "a=candidate:")
                ? nice_agent_parse_remote_candidate_sdp(self->agent, self->stream, *lines)
                : NULL;

        if (candidate)
            candidates = g_slist_prepend(candidates, candidate);
    }
    usable =
        nice_agent_set_remote_candidates(self->agent, self->stream, ICE_COMPONENT, candidates) > 0;
    g_slist_free_full(candidates, (GDestroyNotify)nice_candidate_free);
    return usable;
}

char *ice_introduce(Ice *self, const char *sdp)
{
    g_auto(GStrv) lines = g_strsplit_set(sdp, "\r\n", -1);
    const char *ufrag = attribute(lines, "ice-ufrag"), *pwd = attribute(lines, "ice-pwd"),
               *fingerprint = attribute(lines, "fingerprint"), *setup = attribute(lines, "setup");

    if (!self->offers && g_strcmp0(setup, "holdconn") == 0)
        self->without_dtls = TRUE;
    /* The answer says active, so that the client is the DTLS server, which chooses the profile. */
    if (!ufrag || !pwd || !fingerprint || !setup ||
        (!self->without_dtls && !g_str_equal(setup, self->offers ? "active" : "actpass")) ||
        !nice_agent_set_remote_credentials(self->agent, self->stream, ufrag, pwd) ||
        !add_candidates(self, lines))
        return NULL;
    return g_strdup(fingerprint);
}

static void on_agent_closed(GObject *agent, G_GNUC_UNUSED GAsyncResult *result, gpointer user_data)
{
    Ice *self = user_data;

    g_object_unref(agent);
    if (self->freed)
        self->freed(self);
}

void ice_clear(Ice *self)
{
    g_signal_handlers_disconnect_by_data(self->agent, self);
    nice_agent_remove_stream(self->agent, self->stream);
    nice_agent_close_async(self->agent, on_agent_closed, self);
}
