/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SSRC_MAP_H
#define WHIP_SSRC_MAP_H

/* Who is who in the echo. A stream that came with one SSRC goes back with another, as a browser takes its own for a
 * collision. The two are each other's image, so feedback about the echo becomes feedback about the original. */

#include "reception.h"

#define WHIP_MAX_SSRCS 64 /* streams of a transport */

typedef struct {
    guint32 theirs, ours;
    guint media; /* index of the m-line */
    guint64 not_sent;
    WhipReception reception;
    gboolean is_picture, key_frame_wanted; /* of a client that only sends */
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

#endif
