/* SPDX-License-Identifier: BSD-3-Clause */

/* libsluice against libsrtp2 as the distribution made it. Ciphers belong to a process: each contender has one of its
 * own, they take turns, and the one of libsrtp2 never hears of libsluice. A session has both directions, as any call. */

#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK 128
#define AT_ONCE 32

typedef struct {
    const Profile *profile;
    size_t payload, sessions;
    int both; /* protect and unprotect; else protect alone, as a server to its listeners */
    size_t chunks,
        slow_chunks; /* a round; the stock ciphers' are fewer where a packet takes them 0.1 ms */
} Case;

typedef struct {
    const Case *what;
    uint32_t *order;
    size_t visited;
    uint16_t *numbers;
    SluiceConfig *config;
    SluiceTransport **transports; /* of ours: every second sends, the one behind it receives */
    srtp_t *outbound, *inbound;   /* of the stock library */
    uint8_t *slots;
    uint32_t which[CHUNK];
    size_t lens[CHUNK];
} World;

static void open_ours(World *self)
{
    self->config = call_config(self->what->profile);
    self->transports = calls_open(self->config, 2 * self->what->sessions);
}

static void open_stock(World *self)
{
    static const uint8_t salt[14] = {7};

    require_srtp(srtp_init());
    self->outbound = calloc(self->what->sessions, sizeof *self->outbound);
    self->inbound = calloc(self->what->sessions, sizeof *self->inbound);
    if (!self->outbound || !self->inbound)
        die("calloc");
    for (size_t i = 0; i < self->what->sessions; i++) {
        uint8_t key[16] = {(uint8_t)i, (uint8_t)(i >> 8), 1};

        self->outbound[i] = bare_session(self->what->profile, ssrc_any_outbound, key, salt);
        self->inbound[i] = bare_session(self->what->profile, ssrc_any_inbound, key, salt);
    }
}

static void write_plain(World *self)
{
    size_t n = self->what->sessions;

    for (size_t i = 0; i < CHUNK; i++) {
        if (self->visited >= n) {
            shuffle(self->order, n);
            self->visited = 0;
        }
        self->which[i] = self->order[self->visited++];
        self->lens[i] = packet_write(self->slots + i * SLOT, self->what->payload, 1,
                                     self->numbers[self->which[i]]++);
    }
}

/* As many as one sendmmsg() may take. */
static void expect(const World *self, size_t first)
{
    for (size_t i = first; i < first + AT_ONCE; i++)
        sluice_transport_expect(self->transports[2 * self->which[i] + CLIENT], SLUICE_SENT_OUT);
}

static void run_ours(World *self)
{
    SluiceTime now = call_now();

    for (size_t i = 0; i < CHUNK; i++) {
        SluiceTransport **ends = self->transports + 2 * self->which[i];
        uint8_t *slot = self->slots + i * SLOT;
        SluiceKind kind = SLUICE_KIND_RTP;

        if (i % AT_ONCE == 0 && self->what->sessions > 1)
            expect(self, i);
        require_ok(sluice_transport_protect(ends[CLIENT], kind, slot, &self->lens[i], SLOT),
                   "protect");
        if (self->what->both)
            require_ok(sluice_transport_receive(ends[SERVER], now, slot, &self->lens[i], &kind),
                       "receive");
    }
}

static void run_stock(World *self)
{
    for (size_t i = 0; i < CHUNK; i++) {
        uint8_t *slot = self->slots + i * SLOT;
        int len = (int)self->lens[i];

        require_srtp(srtp_protect(self->outbound[self->which[i]], slot, &len));
        if (self->what->both)
            require_srtp(srtp_unprotect(self->inbound[self->which[i]], slot, &len));
    }
}

/* Packets a second of CPU time. */
static double time_round(World *self, void (*run)(World *self), size_t chunks)
{
    double spent = 0;

    for (size_t i = 0; i < chunks; i++) {
        double start;

        write_plain(self);
        start = seconds_of_thread();
        run(self);
        spent += seconds_of_thread() - start;
    }
    return (double)(chunks * CHUNK) / spent;
}

/* -- a process each ----------------------------------------------------------------------------------------- */

typedef struct {
    int requests, answers;
    pid_t pid;
} Worker;

static void serve(const Case *what, int stock, int requests, int answers)
{
    World world = {.what = what};
    size_t chunks = stock ? what->slow_chunks : what->chunks;
    char request;

    world.order = calloc(what->sessions, sizeof *world.order);
    world.numbers = calloc(what->sessions, sizeof *world.numbers);
    if (!world.order || !world.numbers)
        die("calloc");
    for (size_t i = 0; i < what->sessions; i++)
        world.order[i] = (uint32_t)i;
    world.visited = what->sessions;
    world.slots = slots_new(CHUNK);
    pin_to_one_cpu();
    if (stock)
        open_stock(&world);
    else
        open_ours(&world);
    for (size_t i = 0; i < 2 * what->sessions; i += CHUNK) { /* each has made its stream */
        write_plain(&world);
        (stock ? run_stock : run_ours)(&world);
    }
    while (read(requests, &request, 1) == 1) {
        double rate = time_round(&world, stock ? run_stock : run_ours, chunks);

        if (write(answers, &rate, sizeof rate) != (ssize_t)sizeof rate)
            die("write");
    }
    _exit(
        0); /* what it holds need not be freed in order: with the stock ciphers that takes minutes */
}

static Worker start_worker(const Case *what, int stock)
{
    int requests[2], answers[2];
    Worker self;

    if (pipe(requests) < 0 || pipe(answers) < 0 || (self.pid = fork()) < 0)
        die("cannot start a worker");
    if (self.pid == 0) {
        close(requests[1]);
        close(answers[0]);
        serve(what, stock, requests[0], answers[1]);
    }
    close(requests[0]);
    close(answers[1]);
    self.requests = requests[1];
    self.answers = answers[0];
    return self;
}

static double ask(const Worker *self)
{
    double rate = 0;

    if (write(self->requests, "", 1) != 1 || read(self->answers, &rate, sizeof rate) != sizeof rate)
        die("a worker has gone");
    return rate;
}

static void stop_worker(Worker *self)
{
    close(self->requests);
    close(self->answers);
    (void)waitpid(self->pid, NULL, 0);
}

static void compare(const Case *what, size_t rounds)
{
    static double ours[ROUNDS_MAX], base[ROUNDS_MAX];
    Worker stock = start_worker(what, 1), us;
    char text[96];

    (void)ask(&stock); /* one after the other: the second would have the pipes of the first */
    us = start_worker(what, 0);
    (void)ask(&us);
    for (size_t i = 0; i < rounds; i++) {
        if (i % 2)
            base[i] = ask(&stock);
        ours[i] = ask(&us);
        if (i % 2 == 0)
            base[i] = ask(&stock);
    }
    stop_worker(&us);
    stop_worker(&stock);
    snprintf(text, sizeof text, "%s %zu B, %zu session%s, %s, vs libsrtp2 as it comes",
             what->profile->name, what->payload, what->sessions, what->sessions == 1 ? "" : "s",
             what->both ? "protect and unprotect" : "protect");
    report_rates("stock", text, "packets/s", ours, base, rounds);
}

int main(int argc, char **argv)
{
    static const Case cases[] = {
        {&profile_cm80, 1200, 1, 1, 40, 10},     {&profile_cm80, 160, 1, 1, 40, 10},
        {&profile_gcm128, 1200, 1, 1, 40, 20},   {&profile_gcm128, 160, 1, 1, 40, 20},
        {&profile_cm80, 160, 1000, 0, 40, 10},   {&profile_gcm128, 160, 1000, 0, 40, 10},
        {&profile_gcm128, 160, 10000, 0, 80, 5},
    };
    size_t rounds = 15;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Case scaled = cases[i];

        scaled.chunks = (scaled.chunks * percent + 99) / 100;
        scaled.slow_chunks = (scaled.slow_chunks * percent + 99) / 100;
        compare(&scaled, rounds);
    }
    return 0;
}
