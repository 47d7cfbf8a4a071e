/* SPDX-License-Identifier: BSD-3-Clause */
#include "fragment.h"
#include "candidate.h"
#include "refusal.h"
#include "sdp-text.h"

#include <string.h>

#define MAX_CANDIDATES 64

static void free_part(gpointer data)
{
    WhipFragmentPart *part = data;

    g_ptr_array_unref(part->candidates);
    g_free(part);
}

static gboolean add_candidate(WhipFragmentPart *part, const char *value, GError **error)
{
    g_autofree char *text = g_strconcat("candidate:", value != NULL ? value : "", NULL);

    if (whip_candidate_check(text, NULL) == WHIP_CANDIDATE_BAD) {
        g_autofree char *quoted = whip_quote(text);
        return whip_refuse(error, 400, "%s is no candidate.", quoted);
    }
    if (part->candidates->len == MAX_CANDIDATES)
        return whip_refuse(error, 400, "There are more than %d candidates.", MAX_CANDIDATES);
    g_ptr_array_add(part->candidates, g_steal_pointer(&text));
    return TRUE;
}

static gboolean add_attribute(WhipFragmentPart *part, const GstSDPAttribute *a, GError **error)
{
    if (g_str_equal(a->key, "candidate"))
        return add_candidate(part, a->value, error);
    if (g_str_equal(a->key, "mid"))
        part->mid = a->value;
    else if (g_str_equal(a->key, "ice-ufrag"))
        part->ufrag = a->value;
    else if (g_str_equal(a->key, "ice-pwd"))
        part->pwd = a->value;
    else if (g_str_equal(a->key, "end-of-candidates"))
        part->complete = TRUE;
    return TRUE;
}

static gboolean check_part(const WhipFragmentPart *part, GError **error)
{
    if (part->ufrag != NULL && !whip_sdp_ufrag(part->ufrag))
        return whip_refuse(error, 400, "The a=ice-ufrag is not 4 to 256 letters, digits, + and /.");
    if (part->pwd != NULL && !whip_sdp_pwd(part->pwd))
        return whip_refuse(error, 400, "The a=ice-pwd is not 22 to 256 letters, digits, + and /.");
    if ((part->ufrag == NULL) != (part->pwd == NULL))
        return whip_refuse(error, 400, "An a=ice-ufrag and an a=ice-pwd belong together.");
    return TRUE;
}

/* @media: NULL for what stands before the first m-line. */
static gboolean read_part(WhipFragment *self, const GstSDPMedia *media, GError **error)
{
    WhipFragmentPart *part = g_new0(WhipFragmentPart, 1);
    guint n = media != NULL ? gst_sdp_media_attributes_len(media)
                            : gst_sdp_message_attributes_len(self->sdp);

    part->candidates = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(self->parts, part);
    for (guint i = 0; i < n; i++)
        if (!add_attribute(part,
                           media != NULL ? gst_sdp_media_get_attribute(media, i)
                                         : gst_sdp_message_get_attribute(self->sdp, i),
                           error))
            return FALSE;
    if (media != NULL && part->mid == NULL)
        return whip_refuse(error, 400, "An m-line has no a=mid.");
    if (media == NULL)
        part->mid = NULL;
    return check_part(part, error);
}

static gboolean read_all(WhipFragment *self, GError **error)
{
    if (!read_part(self, NULL, error))
        return FALSE;
    for (guint i = 0; i < gst_sdp_message_medias_len(self->sdp); i++)
        if (!read_part(self, gst_sdp_message_get_media(self->sdp, i), error))
            return FALSE;
    return TRUE;
}

WhipFragment *whip_fragment_parse(const char *text, gsize len, GError **error)
{
    GstSDPMessage *sdp = whip_sdp_parse(text, len, TRUE, error);

    if (sdp == NULL)
        return NULL;
    WhipFragment *self = g_new0(WhipFragment, 1);
    self->sdp = sdp;
    self->parts = g_ptr_array_new_with_free_func(free_part);
    if (!read_all(self, error)) {
        whip_fragment_free(self);
        return NULL;
    }
    return self;
}

void whip_fragment_free(WhipFragment *self)
{
    g_ptr_array_unref(self->parts);
    gst_sdp_message_free(self->sdp);
    g_free(self);
}
