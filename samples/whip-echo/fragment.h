/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_FRAGMENT_H
#define WHIP_FRAGMENT_H

/* A piece of SDP that carries candidates or an ICE restart (RFC 8840 section 9, RFC 9725 section 4.3). */

#include <gst/sdp/gstsdpmessage.h>

#define WHIP_FRAGMENT_TYPE "application/trickle-ice-sdpfrag"

typedef struct {
    const char *mid;         /* NULL: said of the session as a whole */
    const char *ufrag, *pwd; /* NULL: not said */
    GPtrArray *candidates;   /* of text, "candidate:..." */
    gboolean complete;       /* end-of-candidates */
} WhipFragmentPart;

typedef struct {
    GstSDPMessage *sdp;
    GPtrArray *parts; /* of WhipFragmentPart */
} WhipFragment;

/* NULL with @error set. */
WhipFragment *whip_fragment_parse(const char *text, gsize len, GError **error);
void whip_fragment_free(WhipFragment *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WhipFragment, whip_fragment_free)

#endif
