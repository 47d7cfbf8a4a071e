/* SPDX-License-Identifier: BSD-3-Clause */

/* Y5: the heap of an established session, against OpenSSL and libsrtp2 alone, and how much of it is libsluice's own.
 * Y10: allocations, which heap.c counts for the whole program: of a media packet, and of one side of a handshake. */

#include "bare-dtls.h"
#include "heap.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 500 /* twice as many sessions */
#define PACKETS 1000
#define OUTPUTS 10

/* -- what libsluice allocates itself: its objects are linked with --wrap ------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void __real_free(void *pointer);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void __wrap_free(void *pointer);

static double own_bytes;

static void *count_own(void *pointer)
{
    own_bytes += pointer ? (double)malloc_usable_size(pointer) : 0;
    return pointer;
}

void *__wrap_malloc(size_t size) { return count_own(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size) { return count_own(__real_calloc(count, size)); }

void *__wrap_realloc(void *pointer, size_t size)
{
    own_bytes -= pointer ? (double)malloc_usable_size(pointer) : 0;
    return count_own(__real_realloc(pointer, size));
}

void __wrap_free(void *pointer)
{
    own_bytes -= pointer ? (double)malloc_usable_size(pointer) : 0;
    __real_free(pointer);
}

/* -- Y5 ----------------------------------------------------------------------------------------------------- */

typedef struct {
    double heap, resident, own; /* bytes a session */
} Memory;

typedef union {
    SluiceTransport *ours[2];
    BareEnd bare[2];
} Ends;

static double resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    if (!file || fscanf(file, "%*u %lu", &pages) != 1)
        die("/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static Memory memory_now(void)
{
    struct mallinfo2 info = mallinfo2();

    return (Memory){(double)(info.uordblks + info.hblkhd), resident_bytes(), own_bytes};
}

static Memory per_session(Memory before, Memory after)
{
    const double n = 2 * CALLS;

    return (Memory){(after.heap - before.heap) / n, (after.resident - before.resident) / n,
                    (after.own - before.own) / n};
}

static void open_call(Ends *ends, SluiceConfig *config, SSL_CTX *ctx)
{
    if (!ctx) {
        call_open(config, ends->ours, NULL);
        return;
    }
    bare_open(ctx, &profile_gcm128, ends->bare, NULL);
    for (int end = 0; end < 2; end++)
        if (!SSL_free_buffers(ends->bare[end].ssl))
            die("SSL_free_buffers");
}

/* @ctx: of bare ends, NULL: ours. In a process of its own: what one leaves on the heap would be the other's. */
static Memory measure(SluiceConfig *config, SSL_CTX *ctx)
{
    static Ends ends[CALLS + 1];
    int answers[2], status;
    Memory before, result;
    pid_t child = -1;

    if (pipe(answers) < 0 || (child = fork()) < 0)
        die("fork");
    if (child == 0) {
        for (size_t i = 0; i <= CALLS; i++) {
            open_call(&ends[i], config, ctx);
            if (i == 0) /* it made what all share */
                before = memory_now();
        }
        result = per_session(before, memory_now());
        _exit(write(answers[1], &result, sizeof result) != sizeof result);
    }
    if (read(answers[0], &result, sizeof result) != sizeof result || waitpid(child, &status, 0) < 0)
        die("measure");
    close(answers[0]);
    close(answers[1]);
    return result;
}

/* The cipher objects of srtp-openssl are allocated by libsluice, too, but are what libsrtp2 would have otherwise. */
static double own_bytes_of_ciphers(SluiceConfig *config)
{
    SluiceTransport *ends[2];
    double before;
    srtp_t in, out;

    call_open(config, ends, NULL);
    before = own_bytes;
    in = bare_session_of(&profile_gcm128, ends[CLIENT], SLUICE_RECEIVED);
    out = bare_session_of(&profile_gcm128, ends[CLIENT], SLUICE_SENT_OUT);
    before = own_bytes - before;
    srtp_dealloc(in);
    srtp_dealloc(out);
    call_close(ends, NULL);
    return before;
}

static void compare_memory(SluiceConfig *config, SSL_CTX *ctx)
{
    Memory ours = measure(config, NULL), bare = measure(config, ctx);

    report_counts("Y5", "heap of an established session, vs OpenSSL and libsrtp2 alone", "bytes",
                  ours.heap, bare.heap);
    report_counts("Y5", "resident memory of the same", "bytes", ours.resident, bare.resident);
    report_counts("Y5", "libsluice's own part of its heap", "bytes",
                  ours.own - own_bytes_of_ciphers(config), ours.heap);
}

/* -- Y10 ---------------------------------------------------------------------------------------------------- */

static double allocations(void) { return (double)heap_calls(); }

static void compare_handshakes(SluiceConfig *config, SSL_CTX *ctx)
{
    static const char *const names[2] = {"allocations of a handshake, client, vs OpenSSL alone",
                                         "allocations of a handshake, server, vs OpenSSL alone"};
    Meter ours = {.read = allocations}, bare = {.read = allocations};

    for (int i = 0; i < 2; i++) { /* the second counts */
        Ends ends;

        call_open(config, ends.ours, &ours);
        call_close(ends.ours, &ours);
        bare_open(ctx, &profile_gcm128, ends.bare, &bare);
        bare_close(ends.bare, &bare);
    }
    for (int end = CLIENT; end <= SERVER; end++)
        report_counts("Y10", names[end], "allocations", ours.side[end], bare.side[end]);
}

static void count_packets(SluiceConfig *config)
{
    SluiceTransport **calls = calls_open(config, 2 * OUTPUTS);
    uint8_t *slots = slots_new(OUTPUTS + 1);
    SluiceFanOut outputs[OUTPUTS];
    double sent = 0, received = 0, fanned = 0, start;

    for (size_t i = 0; i <= PACKETS; i++) {
        size_t len = packet_write(slots, PAYLOAD_MAX, 1, (uint16_t)i);
        SluiceKind kind = SLUICE_KIND_RTP;

        start = i ? allocations() : 0; /* the first makes a stream */
        require_ok(sluice_transport_protect(calls[0], kind, slots, &len, SLOT), "protect");
        sent += i ? allocations() - start : 0;
        start = i ? allocations() : 0;
        require_ok(sluice_transport_receive(calls[1], call_now(), slots, &len, &kind), "receive");
        received += i ? allocations() - start : 0;
        for (size_t j = 0; j < OUTPUTS; j++)
            outputs[j] = (SluiceFanOut){.transport = calls[2 * j],
                                        .ssrc = 2,
                                        .sequence_number = (uint16_t)i,
                                        .data = slots + (1 + j) * SLOT,
                                        .capacity = SLOT};
        start = i ? allocations() : 0;
        if (sluice_fan_out(slots, len, outputs, OUTPUTS) != OUTPUTS)
            die("fan-out");
        fanned += i ? allocations() - start : 0;
    }
    report_counts("Y10", "allocations of 1000 packets sent", "allocations", sent, PACKETS);
    report_counts("Y10", "allocations of 1000 packets received", "allocations", received, PACKETS);
    report_counts("Y10", "allocations of 1000 packets to 10 each", "allocations", fanned,
                  PACKETS * OUTPUTS);
    free(slots);
    calls_close(calls, 2 * OUTPUTS);
}

int main(int argc, char **argv)
{
    size_t rounds = 1;
    unsigned percent = 100;
    SluiceConfig *config;
    SSL_CTX *ctx;

    read_options(argc, argv, &rounds, &percent);
    config = call_config(&profile_gcm128);
    ctx = bare_ctx(config, &profile_gcm128);
    if (heap_is_counted()) {
        count_packets(config);
        compare_handshakes(config, ctx);
    }
    compare_memory(config, ctx);
    SSL_CTX_free(ctx);
    sluice_config_unref(config);
    return 0;
}
