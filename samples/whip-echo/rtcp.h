/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_RTCP_H
#define WHIP_RTCP_H

/* RTCP as a mirror needs it: where the SSRCs in a compound packet are. */

#include <glib.h>

/* What stands in place of an SSRC in the echo. */
typedef guint32 (*WhipSsrcFunc)(guint32 ssrc, gpointer user_data);
/* An SSRC has said BYE. */
typedef void (*WhipByeFunc)(guint32 ssrc, gpointer user_data);

/* Rewrites every SSRC in place; @bye is called with those before the rewriting. Returns the length that is left to send:
 * of a packet that is cut short, or of a kind whose content is unknown, nothing goes on. 0: none of it. */
gsize whip_rtcp_mirror(guint8 *data, gsize len, WhipSsrcFunc map, WhipByeFunc bye,
                       gpointer user_data);

/* @ntp: the 8 bytes of the report's NTP time. */
typedef void (*WhipSenderReportFunc)(guint32 ssrc, const guint8 *ntp, gpointer user_data);
void whip_rtcp_each_sender_report(const guint8 *data, gsize len, WhipSenderReportFunc func,
                                  gpointer user_data);

#endif
