/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PROBE_WHIP_H
#define PROBE_WHIP_H

/* The subcommand whip from the outside. */

#include "probe.h"

/* Those that whip alone knows. */
void probe_whip_add_options(GOptionContext *context, ProbeOptions *options);
/* They, and the URL, after all the others were read. FALSE: @error. */
gboolean probe_whip_check(ProbeOptions *options, GError **error);
ProbeExit probe_whip_run(const ProbeOptions *options, ProbeReport *report);

/* In whip-report.c and whip-run.c */
void whip_report_begin(ProbeReport *report, const ProbeOptions *options);
/* All clients, until the last has gone. */
ProbeExit whip_run(const ProbeOptions *options, ProbeReport *report, SluiceConfig *config);

#endif
