/* SPDX-License-Identifier: BSD-3-Clause */
#include "ice.h"
#include "candidate.h"

#include <nice/interfaces.h>
#include <string.h>

/* How long an answer waits for a STUN server that does not. */
#define GATHERING_MS 2000
/* libnice keeps at most 25 candidates of the peer. */
#define MAX_REMOTE 24

typedef struct {
    guint id;
    guint n_remote;
    gboolean gathered;
} Stream;

struct WhipIce {
    NiceAgent *agent;
    GMainContext *context;
    Stream *streams;
    guint n_streams;
    GSource *patience;
    gboolean lite;
    gboolean told; /* gathered() was called */
    const WhipIceFuncs *funcs;
    gpointer user_data;
    GFunc freed;
};

static Stream *find_stream(WhipIce *self, guint id)
{
    for (guint i = 0; i < self->n_streams; i++)
        if (self->streams[i].id == id)
            return &self->streams[i];
    return NULL;
}

static void tell_gathered(WhipIce *self)
{
    if (self->told)
        return;
    self->told = TRUE;
    if (self->patience != NULL) {
        g_source_destroy(self->patience);
        g_clear_pointer(&self->patience, g_source_unref);
    }
    self->funcs->gathered(self->user_data);
}

static void on_gathered(G_GNUC_UNUSED NiceAgent *agent, guint id, gpointer user_data)
{
    WhipIce *self = user_data;
    Stream *stream = find_stream(self, id);
    gboolean all = TRUE;

    if (stream != NULL)
        stream->gathered = TRUE;
    for (guint i = 0; i < self->n_streams; i++)
        all &= self->streams[i].gathered;
    if (all)
        tell_gathered(self);
}

static gboolean on_patience_over(gpointer user_data)
{
    tell_gathered(user_data);
    return G_SOURCE_REMOVE;
}

static void on_state(G_GNUC_UNUSED NiceAgent *agent, guint id, G_GNUC_UNUSED guint component,
                     guint state, gpointer user_data)
{
    WhipIce *self = user_data;
    Stream *stream = find_stream(self, id);

    if (stream != NULL)
        self->funcs->changed((guint)(stream - self->streams), (NiceComponentState)state,
                             self->user_data);
}

/* ---- life ---- */

static void add_address(NiceAgent *agent, const char *text)
{
    NiceAddress address;

    nice_address_init(&address);
    if (nice_address_set_from_string(&address, text))
        nice_agent_add_local_address(agent, &address);
}

/* Without an address of its own libnice takes every one of the machine, but for loopback. */
static void add_addresses(NiceAgent *agent, const WhipIceOptions *options)
{
    if (options->bind != NULL) {
        add_address(agent, options->bind);
    } else if (options->loopback) {
        GList *ips = nice_interfaces_get_local_ips(TRUE);
        for (GList *ip = ips; ip != NULL; ip = ip->next)
            if (strchr(ip->data, '%') ==
                NULL) /* link-local ones are of no use without their link */
                add_address(agent, ip->data);
        g_list_free_full(ips, g_free);
    }
}

static void set_stun(NiceAgent *agent, const char *stun)
{
    g_autoptr(GSocketConnectable) address = g_network_address_parse(stun, 3478, NULL);

    if (address != NULL)
        g_object_set(agent, "stun-server",
                     g_network_address_get_hostname(G_NETWORK_ADDRESS(address)), "stun-server-port",
                     (guint)g_network_address_get_port(G_NETWORK_ADDRESS(address)), NULL);
}

WhipIce *whip_ice_new(GMainContext *context, const WhipIceOptions *options, guint n_streams,
                      const WhipIceFuncs *funcs, gpointer user_data)
{
    WhipIce *self = g_new0(WhipIce, 1);
    /* ICE-TRICKLE: candidates may come later, so nothing has failed because none can be reached. */
    NiceAgentOption flags = NICE_AGENT_OPTION_CONSENT_FRESHNESS | NICE_AGENT_OPTION_ICE_TRICKLE;

    if (options->lite)
        flags |= NICE_AGENT_OPTION_LITE_MODE;
    self->agent = nice_agent_new_full(context, NICE_COMPATIBILITY_RFC5245, flags);
    self->context = context;
    self->lite = options->lite;
    self->funcs = funcs;
    self->user_data = user_data;
    g_object_set(self->agent, "controlling-mode", options->controlling, "upnp", FALSE, "ice-tcp",
                 FALSE, NULL);
    add_addresses(self->agent, options);
    if (options->stun != NULL)
        set_stun(self->agent, options->stun);
    self->streams = g_new0(Stream, n_streams);
    self->n_streams = n_streams;
    for (guint i = 0; i < n_streams; i++)
        self->streams[i].id = nice_agent_add_stream(self->agent, 1);
    g_signal_connect(self->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), self);
    g_signal_connect(self->agent, "component-state-changed", G_CALLBACK(on_state), self);
    return self;
}

static void on_closed(G_GNUC_UNUSED GObject *agent, G_GNUC_UNUSED GAsyncResult *result,
                      gpointer user_data)
{
    WhipIce *self = user_data;
    GFunc freed = self->freed;
    gpointer data = self->user_data;

    g_object_unref(self->agent);
    g_free(self->streams);
    g_free(self);
    if (freed != NULL)
        freed(NULL, data);
}

void whip_ice_free(WhipIce *self, GFunc freed, gpointer user_data)
{
    self->freed = freed;
    self->user_data = user_data;
    if (self->patience != NULL) {
        g_source_destroy(self->patience);
        g_source_unref(self->patience);
    }
    g_signal_handlers_disconnect_by_data(self->agent, self);
    for (guint i = 0; i < self->n_streams; i++)
        nice_agent_remove_stream(self->agent, self->streams[i].id);
    nice_agent_close_async(self->agent, on_closed, self);
}

NiceAgent *whip_ice_get_agent(WhipIce *self) { return self->agent; }

guint whip_ice_get_stream_id(WhipIce *self, guint stream) { return self->streams[stream].id; }

/* ---- our side ---- */

gboolean whip_ice_gather(WhipIce *self)
{
    self->patience = g_timeout_source_new(GATHERING_MS);
    g_source_set_callback(self->patience, on_patience_over, self, NULL);
    g_source_attach(self->patience, self->context);
    for (guint i = 0; i < self->n_streams; i++)
        if (!nice_agent_gather_candidates(self->agent, self->streams[i].id))
            return FALSE;
    return TRUE;
}

void whip_ice_get_credentials(WhipIce *self, guint stream, char **ufrag, char **pwd)
{
    nice_agent_get_local_credentials(self->agent, self->streams[stream].id, ufrag, pwd);
}

char **whip_ice_get_candidates(WhipIce *self, guint stream)
{
    GSList *list =
        nice_agent_get_local_candidates(self->agent, self->streams[stream].id, WHIP_ICE_COMPONENT);
    GPtrArray *lines = g_ptr_array_new();

    for (GSList *item = list; item != NULL; item = item->next) {
        char *line = nice_agent_generate_local_candidate_sdp(self->agent, item->data);
        /* libnice writes the whole SDP line */
        g_ptr_array_add(lines, g_strdup(g_str_has_prefix(line, "a=") ? line + 2 : line));
        g_free(line);
    }
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

gboolean whip_ice_get_default(WhipIce *self, guint stream, char **address, guint *port)
{
    NiceCandidate *candidate = nice_agent_get_default_local_candidate(
        self->agent, self->streams[stream].id, WHIP_ICE_COMPONENT);
    char ip[NICE_ADDRESS_STRING_LEN];

    if (candidate == NULL)
        return FALSE;
    nice_address_to_string(&candidate->addr, ip);
    *address = g_strdup(ip);
    *port = nice_address_get_port(&candidate->addr);
    nice_candidate_free(candidate);
    return TRUE;
}

/* ---- the client's ---- */

gboolean whip_ice_set_credentials(WhipIce *self, guint stream, const char *ufrag, const char *pwd)
{
    return nice_agent_set_remote_credentials(self->agent, self->streams[stream].id, ufrag, pwd);
}

guint whip_ice_add_candidates(WhipIce *self, guint stream, GPtrArray *candidates)
{
    Stream *s = &self->streams[stream];
    GSList *list = NULL;
    guint n = 0;

    /* A lite agent makes no checks (RFC 8445 section 2.5), but libnice does, of candidates that it knows: who checks us is
     * enough. */
    if (self->lite)
        return 0;
    for (guint i = 0; i < candidates->len && s->n_remote + n < MAX_REMOTE; i++) {
        const char *text = g_ptr_array_index(candidates, i);
        if (whip_candidate_check(text, NULL) != WHIP_CANDIDATE_GOOD)
            continue;
        g_autofree char *line = g_strconcat("a=", text, NULL);
        NiceCandidate *candidate = nice_agent_parse_remote_candidate_sdp(self->agent, s->id, line);
        if (candidate == NULL)
            continue;
        list = g_slist_prepend(list, candidate);
        n++;
    }
    list = g_slist_reverse(list);
    s->n_remote += n;
    if (n > 0)
        nice_agent_set_remote_candidates(self->agent, s->id, WHIP_ICE_COMPONENT, list);
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    return n;
}

void whip_ice_set_complete(WhipIce *self, guint stream)
{
    /* With no candidate at all it may still find us. */
    if (self->streams[stream].n_remote > 0)
        nice_agent_peer_candidate_gathering_done(self->agent, self->streams[stream].id);
}

gboolean whip_ice_restart(WhipIce *self, guint stream)
{
    self->streams[stream].n_remote = 0;
    return nice_agent_restart_stream(self->agent, self->streams[stream].id);
}

/* ---- the path ---- */

static char *describe(const NiceCandidate *candidate)
{
    const char *const types[] = {"host", "srflx", "prflx", "relay"};
    char ip[NICE_ADDRESS_STRING_LEN];
    gboolean six = nice_address_ip_version(&candidate->addr) == 6;

    nice_address_to_string(&candidate->addr, ip);
    return g_strdup_printf(six ? "[%s]:%u (%s)" : "%s:%u (%s)", ip,
                           nice_address_get_port(&candidate->addr),
                           (guint)candidate->type < 4 ? types[candidate->type] : "?");
}

gboolean whip_ice_get_path(WhipIce *self, guint stream, char **local, char **remote)
{
    NiceCandidate *ours, *theirs; /* libnice's own */

    if (!nice_agent_get_selected_pair(self->agent, self->streams[stream].id, WHIP_ICE_COMPONENT,
                                      &ours, &theirs))
        return FALSE;
    *local = describe(ours);
    *remote = describe(theirs);
    return TRUE;
}

const char *whip_ice_state_name(NiceComponentState state)
{
    return nice_component_state_to_string(state);
}
