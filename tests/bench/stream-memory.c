/* SPDX-License-Identifier: BSD-3-Clause */

/* What an idle stream keeps of the heap, and how many handshakes a second of CPU time makes, against bare OpenSSL. */

#include "ends.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>

#define PAIRS 500
#define EACH_WAY 1000000
#define BATCH 8

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < 2 * PAIRS + 64)
        die("too few descriptors are allowed");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        die("setrlimit");
}

/* Of one end, over PAIRS pairs. */
static double bytes_when_idle(const Kind *kind, const Material *material, size_t step)
{
    static End ends[PAIRS][2];
    size_t before = 0, after;

    for (size_t i = 0; i < PAIRS; i++) {
        if (i == 1) /* the first makes what all share */
            before = heap_bytes();
        ends_open(kind, material, ends[i]);
        ends_transfer(kind, &ends[i][0], &ends[i][1], EACH_WAY, step);
        ends_transfer(kind, &ends[i][1], &ends[i][0], EACH_WAY, step);
        for (size_t j = 0; j < 2 && kind->go_idle; j++)
            kind->go_idle(&ends[i][j]);
    }
    after = heap_bytes();
    for (size_t i = 0; i < PAIRS; i++)
        ends_close(kind, ends[i]);
    return (double)(after - before) / (2 * (PAIRS - 1));
}

static void compare_memory(const Material *material, const Kind *us, const Kind *base, size_t step)
{
    char text[256];

    snprintf(text, sizeof text,
             "idle end after a handshake and 1 MB each way in parts of %zu KiB, %s vs %s",
             step / 1024, us->name, base->name);
    report_counts("stream-memory", text, "bytes", bytes_when_idle(us, material, step),
                  bytes_when_idle(base, material, step));
}

static double handshake_rate(const Kind *kind, const Material *material)
{
    double start = seconds_of_thread();
    End ends[2];

    for (int i = 0; i < BATCH; i++) {
        ends_open(kind, material, ends);
        ends_close(kind, ends);
    }
    return BATCH / (seconds_of_thread() - start);
}

static void compare_handshakes(const Material *material, size_t rounds)
{
    static double ours[ROUNDS_MAX], base[ROUNDS_MAX];

    (void)handshake_rate(&kind_sluice, material);
    (void)handshake_rate(&kind_memory, material);
    for (size_t i = 0; i < rounds; i++) {
        if (i % 2)
            base[i] = handshake_rate(&kind_memory, material);
        ours[i] = handshake_rate(&kind_sluice, material);
        if (i % 2 == 0)
            base[i] = handshake_rate(&kind_memory, material);
    }
    report_rates("stream-handshakes",
                 "TLS1.3 X25519 ECDSA P-256, both ends (CPU), SluiceStream vs OpenSSL memory BIOs",
                 "handshakes/s", ours, base, rounds);
}

int main(int argc, char **argv)
{
    size_t rounds = 41;
    unsigned percent = 100;
    Material material;

    read_options(argc, argv, &rounds, &percent);
    allow_descriptors();
    material_init(&material);
    compare_handshakes(&material, rounds);
    compare_memory(&material, &kind_sluice, &kind_memory, 16384);
    compare_memory(&material, &kind_sluice, &kind_socket, 16384);
    compare_memory(&material, &kind_sluice, &kind_memory, 65536);
    compare_memory(&material, &kind_sluice_released, &kind_memory, 16384);
    compare_memory(&material, &kind_sluice_released, &kind_socket, 16384);
    compare_memory(&material, &kind_sluice_released, &kind_memory_released, 16384);
    compare_memory(&material, &kind_sluice_released, &kind_socket_released, 16384);
    material_cleanup(&material);
    return 0;
}
