/* SPDX-License-Identifier: BSD-3-Clause */

/* ICE of a session: the answer when its candidates are known, trickled ones of the client, restarts, failure. */

#include "session-private.h"

#include <string.h>

/* How long ICE may stay failed before the session ends: a client may restart it (RFC 9725 section 4.3.3). */
#define RESTART_SECONDS 15

void whip_session_new_etag(WhipSession *self)
{
    g_snprintf(self->etag, sizeof self->etag, "\"%08x%08x\"", g_random_int(), g_random_int());
}

/* ---- our description ---- */

WhipAnswerTransport *whip_session_describe(WhipSession *self)
{
    WhipAnswerTransport *list = g_new0(WhipAnswerTransport, self->transports->len);

    for (guint i = 0; i < self->transports->len; i++) {
        const WhipTransport *transport = g_ptr_array_index(self->transports, i);
        WhipAnswerTransport *t = &list[i];
        whip_ice_get_credentials(self->ice, i, &t->ufrag, &t->pwd);
        t->candidates = whip_ice_get_candidates(self->ice, i);
        whip_ice_get_default(self->ice, i, &t->address, &t->port);
        t->fingerprint =
            sluice_ice_transport_get_local_fingerprint(whip_transport_get_dtls(transport));
        t->role = whip_transport_get_role(transport);
        t->ssrcs = whip_echo_media_get_ssrcs(whip_transport_get_echo(transport));
    }
    return list;
}

void whip_session_free_descriptions(WhipSession *self, WhipAnswerTransport *list)
{
    for (guint i = 0; i < self->transports->len; i++)
        whip_answer_transport_clear(&list[i]);
    g_free(list);
}

/* ---- the answer ---- */

static gboolean start(WhipSession *self, GError **error)
{
    for (guint i = 0; i < self->transports->len; i++) {
        const WhipOfferTransport *offered = whip_offer_transport(self->offer, i);
        if (!whip_transport_start(g_ptr_array_index(self->transports, i), error))
            return FALSE;
        if (offered->ufrag == NULL)
            continue;
        if (!whip_ice_set_credentials(self->ice, i, offered->ufrag, offered->pwd))
            return whip_refuse(error, 500, "libnice refused the ufrag and pwd.");
        whip_ice_add_candidates(self->ice, i, offered->candidates);
        if (offered->complete)
            whip_ice_set_complete(self->ice, i);
    }
    return TRUE;
}

static void on_gathered(gpointer user_data)
{
    WhipSession *self = user_data;
    WhipSessionDone answered = g_steal_pointer(&self->answered);
    g_autoptr(GError) error = NULL;

    if (answered == NULL || self->end_reason != NULL)
        return;
    if (!start(self, &error)) {
        answered(self, NULL, error, self->user_data);
        whip_session_end_with(self, "refused", error->message);
        return;
    }
    WhipAnswerTransport *list = whip_session_describe(self);
    g_autofree char *text = whip_answer_make(self->offer, list, self->environment->options->lite);
    whip_session_free_descriptions(self, list);
    self->phases.answered = g_get_monotonic_time();
    answered(self, text, NULL, self->user_data);
}

/* ---- states ---- */

static void on_changed(guint stream, NiceComponentState state, gpointer user_data)
{
    WhipSession *self = user_data;
    JsonBuilder *event = whip_event_begin("ice", self->name);

    whip_json_int(event, "transport", stream);
    whip_json_string(event, "state", whip_ice_state_name(state));
    whip_event_end(event);
    if (self->end_reason != NULL)
        return;
    if (state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY) {
        if (self->phases.ice == 0)
            self->phases.ice = g_get_monotonic_time();
        if (whip_session_is_connected(self))
            whip_session_clear_deadline(self);
    } else if (state == NICE_COMPONENT_STATE_FAILED && whip_session_is_connected(self)) {
        /* Consent was lost (RFC 7675): nothing is sent any more, until a restart. */
        whip_session_set_deadline(self, RESTART_SECONDS);
    }
}

const WhipIceFuncs whip_session_ice_funcs = {on_gathered, on_changed};

/* ---- PATCH ---- */

/* The transport that a part of a fragment is about; G_MAXUINT: none. */
static guint transport_of(const WhipSession *self, const WhipFragmentPart *part)
{
    const WhipMedia *media;

    if (part->mid == NULL)
        return self->transports->len == 1 ? 0 : G_MAXUINT;
    media = whip_offer_find_mid(self->offer, part->mid);
    return media != NULL ? media->transport : G_MAXUINT;
}

static const WhipFragmentPart *part_at(const WhipFragment *fragment, guint i)
{
    return g_ptr_array_index(fragment->parts, i);
}

static gboolean check_mids(const WhipSession *self, const WhipFragment *fragment, GError **error)
{
    for (guint i = 0; i < fragment->parts->len; i++) {
        const WhipFragmentPart *part = part_at(fragment, i);
        if (part->mid == NULL || whip_offer_find_mid(self->offer, part->mid) != NULL)
            continue;
        g_autofree char *quoted = whip_quote(part->mid);
        return whip_refuse(error, 400, "The offer had no mid %s.", quoted);
    }
    return TRUE;
}

/* The ufrag and pwd that the fragment has for a transport: at its m-line, else for all. */
static const WhipFragmentPart *credentials_for(const WhipSession *self,
                                               const WhipFragment *fragment, guint transport)
{
    const WhipFragmentPart *all = part_at(fragment, 0);

    for (guint i = 1; i < fragment->parts->len; i++)
        if (part_at(fragment, i)->ufrag != NULL &&
            transport_of(self, part_at(fragment, i)) == transport)
            return part_at(fragment, i);
    return all->ufrag != NULL ? all : NULL;
}

/* Of a transport whose ufrag is another than before, ICE begins anew; DTLS and its keys stay (RFC 8842 section 5). */
static gboolean restart_transport(WhipSession *self, const WhipFragment *fragment, guint index,
                                  gboolean *restarted)
{
    WhipOfferTransport *offered = whip_offer_transport(self->offer, index);
    const WhipFragmentPart *part = credentials_for(self, fragment, index);

    gboolean first = offered->ufrag == NULL; /* the answer to our offer follows */

    if (part == NULL || (!first && g_str_equal(part->ufrag, offered->ufrag) &&
                         g_str_equal(part->pwd, offered->pwd)))
        return TRUE;
    if ((!first && !whip_ice_restart(self->ice, index)) ||
        !whip_ice_set_credentials(self->ice, index, part->ufrag, part->pwd))
        return FALSE;
    g_free(offered->ufrag);
    g_free(offered->pwd);
    offered->ufrag = g_strdup(part->ufrag);
    offered->pwd = g_strdup(part->pwd);
    *restarted |= !first;
    return TRUE;
}

static void add_candidates(WhipSession *self, const WhipFragment *fragment)
{
    for (guint i = 0; i < fragment->parts->len; i++) {
        const WhipFragmentPart *part = part_at(fragment, i);
        guint transport = transport_of(self, part);
        if (transport == G_MAXUINT)
            continue;
        whip_ice_add_candidates(self->ice, transport, part->candidates);
        if (part->complete)
            whip_ice_set_complete(self->ice, transport);
    }
}

gboolean whip_session_apply(WhipSession *self, const WhipFragment *fragment, char **text,
                            GError **error)
{
    gboolean restarted = FALSE;

    if (!check_mids(self, fragment, error))
        return FALSE;
    for (guint i = 0; i < self->transports->len; i++)
        if (!restart_transport(self, fragment, i, &restarted))
            return whip_refuse(error, 500, "libnice refused the restart.");
    add_candidates(self, fragment);
    if (!restarted)
        return TRUE;
    self->restarts++;
    whip_session_new_etag(self);
    whip_session_set_deadline(self, 2 * RESTART_SECONDS);
    whip_event_end(whip_event_begin("ice-restart", self->name));
    WhipAnswerTransport *list = whip_session_describe(self);
    *text = whip_answer_make_fragment(self->offer, list, self->environment->options->lite);
    whip_session_free_descriptions(self, list);
    return TRUE;
}
