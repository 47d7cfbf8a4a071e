/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *what)
{
    fprintf(stderr, "bench: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static double seconds_of(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double seconds_of_thread(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

double seconds_of_wall(void) { return seconds_of(CLOCK_MONOTONIC); }

static int compare(const void *a, const void *b)
{
    const double *x = (const double *)a, *y = (const double *)b;

    return (*x > *y) - (*x < *y);
}

double median(double *samples, size_t n)
{
    qsort(samples, n, sizeof *samples, compare);
    return n % 2 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
}

static double median_of_copy(const double *samples, size_t n)
{
    double copy[ROUNDS_MAX];

    memcpy(copy, samples, n * sizeof *samples);
    return median(copy, n);
}

static void report(const char *yardstick, const char *what, const char *unit, const double *ours,
                   const double *base, size_t rounds, int decimals)
{
    double ratios[ROUNDS_MAX], middle;

    /* Each round is a ratio of its own: a machine that slows down slows both. */
    for (size_t i = 0; i < rounds; i++)
        ratios[i] = ours[i] / base[i];
    middle = median(ratios, rounds);
    printf("{\"yardstick\":\"%s\",\"case\":\"%s\",\"ratio\":%.3f,\"ours\":%.*f,\"base\":%.*f,"
           "\"unit\":\"%s\",\"rounds\":%zu,\"quartiles\":[%.3f,%.3f]}\n",
           yardstick, what, middle, decimals, median_of_copy(ours, rounds), decimals,
           median_of_copy(base, rounds), unit, rounds, ratios[rounds / 4],
           ratios[rounds - 1 - rounds / 4]);
    fflush(stdout);
}

void report_rates(const char *yardstick, const char *what, const char *unit, const double *ours,
                  const double *base, size_t rounds)
{
    report(yardstick, what, unit, ours, base, rounds, 0);
}

void report_costs(const char *yardstick, const char *what, const char *unit, const double *ours,
                  const double *base, size_t rounds)
{
    report(yardstick, what, unit, ours, base, rounds, 1);
}

void report_counts(const char *yardstick, const char *what, const char *unit, double ours,
                   double base)
{
    printf("{\"yardstick\":\"%s\",\"case\":\"%s\",\"ratio\":%.3f,\"ours\":%.0f,\"base\":%.0f,"
           "\"unit\":\"%s\"}\n",
           yardstick, what, base != 0 ? ours / base : 0, ours, base, unit);
    fflush(stdout);
}

void pin_to_one_cpu(void)
{
    cpu_set_t set;
    int cpu = sched_getcpu();

    CPU_ZERO(&set);
    CPU_SET(cpu < 0 ? 0 : (size_t)cpu, &set);
    (void)sched_setaffinity(0, sizeof set,
                            &set); /* without it the figures spread more, that is all */
}

void read_options(int argc, char **argv, size_t *rounds, unsigned *percent)
{
    static const struct option options[] = {
        {"rounds", required_argument, NULL, 'r'},
        {"scale", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

        if (option == 'r' && value >= 1 && value <= ROUNDS_MAX)
            *rounds = value;
        else if (option == 's' && value >= 1 && value <= 10000)
            *percent = (unsigned)value;
        else
            optind = argc + 1;
    }
    if (optind != argc) {
        fprintf(stderr, "usage: %s [--rounds 1..%d] [--scale PERCENT]\n", argv[0], ROUNDS_MAX);
        exit(2);
    }
}
