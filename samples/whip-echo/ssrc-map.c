/* SPDX-License-Identifier: BSD-3-Clause */
#include "ssrc-map.h"

struct WhipSsrcMap {
    GPtrArray *all; /* of WhipSsrc */
    GHashTable *theirs, *ours;
};

WhipSsrcMap *whip_ssrc_map_new(void)
{
    WhipSsrcMap *self = g_new0(WhipSsrcMap, 1);

    self->all = g_ptr_array_new_with_free_func(g_free);
    self->theirs = g_hash_table_new(NULL, NULL);
    self->ours = g_hash_table_new(NULL, NULL);
    return self;
}

void whip_ssrc_map_free(WhipSsrcMap *self)
{
    g_hash_table_unref(self->theirs);
    g_hash_table_unref(self->ours);
    g_ptr_array_unref(self->all);
    g_free(self);
}

WhipSsrc *whip_ssrc_map_find(const WhipSsrcMap *self, guint32 theirs)
{
    return g_hash_table_lookup(self->theirs, GUINT_TO_POINTER(theirs));
}

WhipSsrc *whip_ssrc_map_add(WhipSsrcMap *self, guint32 theirs, guint media)
{
    gpointer key = GUINT_TO_POINTER(theirs);
    guint32 ours;

    if (self->all->len >= WHIP_MAX_SSRCS || g_hash_table_contains(self->ours, key))
        return NULL;
    do
        ours = g_random_int();
    while (ours == 0 || ours == theirs ||
           g_hash_table_contains(self->ours, GUINT_TO_POINTER(ours)) ||
           g_hash_table_contains(self->theirs, GUINT_TO_POINTER(ours)));
    WhipSsrc *entry = g_new0(WhipSsrc, 1);
    entry->theirs = theirs;
    entry->ours = ours;
    entry->media = media;
    g_ptr_array_add(self->all, entry);
    g_hash_table_insert(self->theirs, key, entry);
    g_hash_table_insert(self->ours, GUINT_TO_POINTER(ours), entry);
    return entry;
}

guint32 whip_ssrc_map_image(const WhipSsrcMap *self, guint32 ssrc)
{
    const WhipSsrc *entry = g_hash_table_lookup(self->theirs, GUINT_TO_POINTER(ssrc));

    if (entry != NULL)
        return entry->ours;
    entry = g_hash_table_lookup(self->ours, GUINT_TO_POINTER(ssrc));
    return entry != NULL ? entry->theirs : ssrc;
}

GPtrArray *whip_ssrc_map_all(const WhipSsrcMap *self) { return self->all; }
