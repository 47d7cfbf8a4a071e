/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FORWARD_REPORT_H
#define FORWARD_REPORT_H

/* What the forwarder says: a line for each thing that happens, in words or in JSON. Nothing is said for a datagram of
 * somebody who has not proved who he is: that is counted. */

#include "forward.h"

void forward_report_init(gboolean json);

/* forward_report("peer", "side", "publisher", "address", text, NULL) */
void forward_report(const char *event, const char *first_name, ...) G_GNUC_NULL_TERMINATED;

void forward_report_statistics(const ForwardFigures *publisher, const ForwardFigures *subscribers,
                               const ForwardMediaFigures *media);

#endif
