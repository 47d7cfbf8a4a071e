/* SPDX-License-Identifier: BSD-3-Clause */

/* rtcprobe: for DTLS-SRTP what `openssl s_client` is for TLS. */

#include "probe.h"
#ifdef HAVE_WHIP
#include "probe-whip.h"
#endif

#include <locale.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    ProbeOptions options;
    ProbeReport report;
    GError *error = NULL;
    ProbeExit status;

    setlocale(LC_CTYPE, "");
    /* A line at a time, so that a program that reads the events through a pipe has each one at
     * once. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    if (!probe_options_parse(&options, argc, argv, &error)) {
        fprintf(stderr, "rtcprobe: %s\nTry 'rtcprobe --help'.\n", error->message);
        g_error_free(error);
        probe_options_clear(&options);
        return PROBE_EXIT_USAGE;
    }

    probe_report_init(&report, options.json);
    if (options.command == PROBE_CERTIFICATE)
        status = probe_certificate_run(&options, &report);
#ifdef HAVE_WHIP
    else if (options.command == PROBE_WHIP)
        status = probe_whip_run(&options, &report);
#endif
    else
        status = probe_session_run(&options, &report);
    probe_options_clear(&options);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == PROBE_EXIT_OK) {
        fprintf(stderr, "rtcprobe: standard output cannot be written\n");
        status = PROBE_EXIT_FAILURE;
    }
    return (int)status;
}
