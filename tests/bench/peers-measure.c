/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

double cpu_of_process(pid_t pid)
{
    struct timespec ts;
    clockid_t clock;

    /* As fine as the clock of the own process, unlike the ticks of /proc/PID/stat. */
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0)
        die("no CPU time of the process");
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double median_of(const double *samples, size_t n)
{
    double copy[ROUNDS_MAX];

    memcpy(copy, samples, n * sizeof *samples);
    return median(copy, n);
}

void report_peer(const char *yardstick, const char *what, const char *unit, const double *ours,
                 const double *peer, size_t rounds)
{
    double ratios[ROUNDS_MAX], middle;

    /* Each round is a ratio of its own: a machine that slows down slows both. */
    for (size_t i = 0; i < rounds; i++)
        ratios[i] = peer[i] / ours[i];
    middle = median(ratios, rounds);
    printf("{\"yardstick\":\"%s\",\"case\":\"%s\",\"ratio\":%.2f,\"ours\":%.0f,\"base\":%.0f,"
           "\"unit\":\"%s\",\"rounds\":%zu,\"quartiles\":[%.2f,%.2f]}\n",
           yardstick, what, middle, median_of(ours, rounds), median_of(peer, rounds), unit, rounds,
           ratios[rounds / 4], ratios[rounds - 1 - rounds / 4]);
    fflush(stdout);
}
