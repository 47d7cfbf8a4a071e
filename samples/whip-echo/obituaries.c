/* SPDX-License-Identifier: BSD-3-Clause */
#include "obituaries.h"
#include "events.h"

typedef struct {
    char *id, *detail;
    const char *reason, *alert;
} Obituary;

struct WhipObituaries {
    GQueue list; /* of Obituary, the oldest first */
};

WhipObituaries *whip_obituaries_new(void) { return g_new0(WhipObituaries, 1); }

static void free_obituary(gpointer data)
{
    Obituary *o = data;

    g_free(o->id);
    g_free(o->detail);
    g_free(o);
}

void whip_obituaries_free(WhipObituaries *self)
{
    g_queue_clear_full(&self->list, free_obituary);
    g_free(self);
}

void whip_obituaries_note(WhipObituaries *self, const WhipSession *session)
{
    const WhipSessionEnd end = whip_session_get_end(session);
    Obituary *o = g_new0(Obituary, 1);

    o->id = g_strdup(whip_session_get_id(session));
    o->detail = g_strdup(end.detail);
    o->reason = end.reason;
    o->alert = end.alert;
    g_queue_push_tail(&self->list, o);
    if (g_queue_get_length(&self->list) > WHIP_OBITUARIES)
        free_obituary(g_queue_pop_head(&self->list));
}

gboolean whip_obituaries_add(const WhipObituaries *self, const char *id, JsonBuilder *builder)
{
    for (GList *item = self->list.tail; item != NULL; item = item->prev) {
        const Obituary *o = item->data;
        if (!g_str_equal(o->id, id))
            continue;
        json_builder_begin_object(builder);
        json_builder_set_member_name(builder, "ended");
        json_builder_begin_object(builder);
        whip_json_string(builder, "reason", o->reason);
        whip_json_string(builder, "detail", o->detail);
        whip_json_string(builder, "alert", o->alert);
        json_builder_end_object(builder);
        json_builder_end_object(builder);
        return TRUE;
    }
    return FALSE;
}
