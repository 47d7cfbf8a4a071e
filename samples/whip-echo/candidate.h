/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_CANDIDATE_H
#define WHIP_CANDIDATE_H

/* The text of an ICE candidate (RFC 8839 section 5.1), looked at before libnice sees it. */

#include <glib.h>

typedef enum {
    WHIP_CANDIDATE_BAD,
    WHIP_CANDIDATE_UNUSABLE, /* right, but of no use here: TCP, a name in place of an address, RTCP */
    WHIP_CANDIDATE_GOOD
} WhipCandidateKind;

/* @text: "candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host ...". @ufrag, if it is not NULL: that of the extension, to
 * be freed, or NULL. */
WhipCandidateKind whip_candidate_check(const char *text, char **ufrag);

#endif
