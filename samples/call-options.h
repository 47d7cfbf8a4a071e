/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CALL_OPTIONS_H
#define CALL_OPTIONS_H

#include <glib.h>
#include <sluice/sluice.h>

typedef struct {
    gboolean offer, answer, json;
    int seconds, mtu, rtp_in, rtp_out;
    char *bind, *profile, *keylog;
    SluiceSrtpProfile srtp_profile; /* when `profile` is given */
} CallOptions;

/* Says on standard error what is wrong. `--help` does not return. */
gboolean call_options_parse(CallOptions *options, int argc, char **argv);
void call_options_clear(CallOptions *options);

#endif
