/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_SDP_TEXT_H
#define WHIP_SDP_TEXT_H

/* SDP as text (RFC 8866): what has to be right before GStreamer's parser sees it, which takes any text for SDP, and
 * what it does not check in what it has read. */

#include <gst/sdp/gstsdpmessage.h>

#define WHIP_SDP_MAX_BYTES 65536 /* of a browser's offer: 5 to 10 KB */
#define WHIP_SDP_MAX_LINES 2000
#define WHIP_SDP_MAX_MEDIA 32

/* Parses a description, or, with @fragment, a part of one (RFC 8840 section 9). NULL with @error set. */
GstSDPMessage *whip_sdp_parse(const char *text, gsize len, gboolean fragment, GError **error);

/* Decimal digits alone, of a value up to @max. */
gboolean whip_sdp_number(const char *text, guint64 max, guint64 *out);

/* token of RFC 8866 section 9, at most @max bytes. */
gboolean whip_sdp_token(const char *text, gsize max);

/* ufrag and pwd of RFC 8839 section 5.4. */
gboolean whip_sdp_ufrag(const char *text);
gboolean whip_sdp_pwd(const char *text);

/* The value of an attribute of the m-line, else of the session; NULL if neither has it. @media may be NULL. */
const char *whip_sdp_value(const GstSDPMessage *sdp, const GstSDPMedia *media, const char *name);

/* TRUE if the m-line has the attribute, with or without a value. */
gboolean whip_sdp_has(const GstSDPMedia *media, const char *name);

#endif
