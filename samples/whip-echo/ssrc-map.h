/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SSRC_MAP_H
#define WHIP_SSRC_MAP_H

/* Who is who in the echo. A stream that came with one SSRC goes back with another, as a browser takes its own for a
 * collision. The two are each other's image, so feedback about the echo becomes feedback about the original. */

#include <glib.h>

#define WHIP_MAX_SSRCS 64 /* streams of a transport */

typedef struct {
    guint32 theirs, ours;
    guint media; /* index of the m-line */
    guint64 packets, bytes, not_sent;
    /* Of RFC 3550 appendix A.1: what was lost on the way to us. */
    gboolean heard;
    guint32 first, highest; /* extended sequence numbers */
} WhipSsrc;

typedef struct WhipSsrcMap WhipSsrcMap;

WhipSsrcMap *whip_ssrc_map_new(void);
void whip_ssrc_map_free(WhipSsrcMap *self);

/* The entry of one that the client sends; NULL: unknown. */
WhipSsrc *whip_ssrc_map_find(const WhipSsrcMap *self, guint32 theirs);
/* Makes one; NULL: there are too many, or it is one of ours. */
WhipSsrc *whip_ssrc_map_add(WhipSsrcMap *self, guint32 theirs, guint media);
/* The image of one of either side; of others themselves. */
guint32 whip_ssrc_map_image(const WhipSsrcMap *self, guint32 ssrc);
/* All, in order of appearance. */
GPtrArray *whip_ssrc_map_all(const WhipSsrcMap *self);

void whip_ssrc_count(WhipSsrc *self, guint16 sequence, gsize bytes);
/* How many did not come of those that should have. */
guint64 whip_ssrc_lost(const WhipSsrc *self);

#endif
