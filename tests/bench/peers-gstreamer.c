/* SPDX-License-Identifier: BSD-3-Clause */

/* What GStreamer's dtlssrtpenc and dtlssrtpdec need for what two transports do: packets through both ends, and handshakes. No
 * network on either side. */

#include "peers.h"

#include <stdio.h>

typedef struct {
    const char *yardstick, *what, *unit;
    Job ours, theirs;
} Case;

static void compare(const Case *comparison, const Worker *us, const Worker *peer, size_t rounds,
                    unsigned percent)
{
    static double ours[ROUNDS_MAX], theirs[ROUNDS_MAX];
    Job our_job = comparison->ours, their_job = comparison->theirs;

    our_job.count = our_job.count * percent / 100 + 1;
    their_job.count = their_job.count * percent / 100 + 1;
    (void)worker_run(us, &our_job);
    (void)worker_run(peer, &their_job);
    for (size_t i = 0; i < rounds; i++) {
        if (i % 2)
            theirs[i] = worker_run(peer, &their_job);
        ours[i] = worker_run(us, &our_job);
        if (i % 2 == 0)
            theirs[i] = worker_run(peer, &their_job);
    }
    report_peer(comparison->yardstick, comparison->what, comparison->unit, ours, theirs, rounds);
}

#define PACKETS(of, bytes, n)                                                                      \
    {                                                                                              \
        .kind = JOB_PACKETS, .profile = &of, .payload = bytes, .count = n                          \
    }
#define HANDSHAKES(what, n, ...)                                                                   \
    {                                                                                              \
        .kind = what, .profile = &profile_cm80, .count = n, __VA_ARGS__                            \
    }

static const Case cases[] = {
    {"P1", "GStreamer, protect + unprotect, 1200 B, CM80", "ns", PACKETS(profile_cm80, 1200, 40000),
     PACKETS(profile_cm80, 1200, 10000)},
    {"P1", "GStreamer, protect + unprotect, 160 B, CM80", "ns", PACKETS(profile_cm80, 160, 100000),
     PACKETS(profile_cm80, 160, 20000)},
    {"P1", "GStreamer CM80 vs ours GCM128, protect + unprotect, 1200 B", "ns",
     PACKETS(profile_gcm128, 1200, 100000), PACKETS(profile_cm80, 1200, 10000)},
    {"P1", "GStreamer CM80 vs ours GCM128, protect + unprotect, 160 B", "ns",
     PACKETS(profile_gcm128, 160, 100000), PACKETS(profile_cm80, 160, 20000)},
    {"P3", "GStreamer dtlssrtpenc/dec, an end from nothing to keys, P-256", "ns",
     HANDSHAKES(JOB_HANDSHAKES, 100, .with_end = 0), HANDSHAKES(JOB_HANDSHAKES, 30, .with_end = 0)},
    {"P3", "GStreamer dtlssrtpenc/dec, an end from nothing to keys and unmade, P-256", "ns",
     HANDSHAKES(JOB_HANDSHAKES, 100, .with_end = 1), HANDSHAKES(JOB_HANDSHAKES, 30, .with_end = 1)},
    {"P3", "GStreamer dtlsenc/dec (no SRTP) vs ours with SRTP, an end from nothing to keys, P-256",
     "ns", HANDSHAKES(JOB_HANDSHAKES, 100, .with_end = 0),
     HANDSHAKES(JOB_PLAIN_DTLS, 30, .with_end = 0)},
    {"P3", "GStreamer dtlssrtpenc/dec with its own RSA-2048 vs ours P-256, an end to keys", "ns",
     HANDSHAKES(JOB_HANDSHAKES, 100, .with_end = 0),
     HANDSHAKES(JOB_HANDSHAKES, 30, .default_certificate = 1)},
    {"P3", "GStreamer dtlssrtpenc/dec started without a handshake vs our handshake", "ns",
     HANDSHAKES(JOB_HANDSHAKES, 100, .with_end = 0),
     HANDSHAKES(JOB_NO_HANDSHAKE, 30, .with_end = 0)},
};

int main(int argc, char **argv)
{
    size_t rounds = 15;
    unsigned percent = 100;
    Worker us, peer;

    read_options(argc, argv, &rounds, &percent);
    worker_start(&us, "libsluice", sluice_run);
    worker_start(&peer, "GStreamer", gstreamer_run);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        compare(&cases[i], &us, &peer, rounds, percent);
    worker_stop(&us);
    worker_stop(&peer);
    return 0;
}
