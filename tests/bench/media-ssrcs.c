/* SPDX-License-Identifier: BSD-3-Clause */

/* Y8: a packet of a session that carries many SSRCs against one of a session with a single one; and the same of libsrtp2
 * alone, which walks a list. GCM, 160 bytes; SSRCs in turn, as a server sends a frame of each, and in random order. */

#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 128
#define PAYLOAD 160
#define SSRCS_MAX 1000

typedef enum { SENT, RECEIVED, BARE_SENT, BARE_RECEIVED, FIGURES } Figure;

typedef struct {
    SluiceTransport *ends[2];
    srtp_t outbound, inbound; /* bare, of the keys from CLIENT to SERVER */
    size_t n;
    int random_order;
    uint32_t ssrcs[SSRCS_MAX], order[SSRCS_MAX];
    uint16_t numbers[SSRCS_MAX];
    size_t visited;
    double figures[FIGURES][ROUNDS_MAX];
} Session;

typedef struct {
    uint8_t *plain, *sealed, *slots;
    size_t lens[CHUNK];
} Chunk;

static void session_open(Session *self, SluiceConfig *config, size_t n, int random_order)
{
    memset(self, 0, sizeof *self);
    call_open(config, self->ends, NULL);
    self->outbound = bare_session_of(&profile_gcm128, self->ends[CLIENT], SLUICE_SENT_OUT);
    self->inbound = bare_session_of(&profile_gcm128, self->ends[SERVER], SLUICE_RECEIVED);
    self->n = n;
    self->random_order = random_order;
    self->visited = n;
    for (size_t i = 0; i < n; i++) {
        self->ssrcs[i] = random_next();
        self->order[i] = (uint32_t)i;
    }
}

static void session_close(Session *self)
{
    srtp_dealloc(self->outbound);
    srtp_dealloc(self->inbound);
    call_close(self->ends, NULL);
}

static void write_plain(Session *self, Chunk *chunk)
{
    for (size_t i = 0; i < CHUNK; i++) {
        size_t which;

        if (self->visited >= self->n) {
            if (self->random_order)
                shuffle(self->order, self->n);
            self->visited = 0;
        }
        which = self->order[self->visited++];
        chunk->lens[i] = packet_write(chunk->plain + i * SLOT, PAYLOAD, self->ssrcs[which],
                                      self->numbers[which]++);
    }
}

static void run_ours(Session *self, Chunk *chunk, int send)
{
    SluiceTime now = call_now();

    for (size_t i = 0; i < CHUNK; i++) {
        uint8_t *slot = chunk->slots + i * SLOT;
        size_t len = chunk->lens[i];
        SluiceKind kind = SLUICE_KIND_RTP;

        require_ok(send ? sluice_transport_protect(self->ends[CLIENT], kind, slot, &len, SLOT)
                        : sluice_transport_receive(self->ends[SERVER], now, slot, &len, &kind),
                   "a packet was refused");
    }
}

static void run_bare(Session *self, Chunk *chunk, int send)
{
    for (size_t i = 0; i < CHUNK; i++) {
        uint8_t *slot = chunk->slots + i * SLOT;
        int len = (int)chunk->lens[i];

        require_srtp(send ? srtp_protect(self->outbound, slot, &len)
                          : srtp_unprotect(self->inbound, slot, &len));
    }
}

/* Nanoseconds a packet; the packets are copied to where they are worked on first. */
static double time_one(Session *self, Chunk *chunk, Figure figure)
{
    int send = figure == SENT || figure == BARE_SENT;
    double start;

    memcpy(chunk->slots, send ? chunk->plain : chunk->sealed, CHUNK * SLOT);
    start = seconds_of_thread();
    if (figure == SENT || figure == RECEIVED)
        run_ours(self, chunk, send);
    else
        run_bare(self, chunk, send);
    return (seconds_of_thread() - start) * 1e9 / CHUNK;
}

/* One chunk of one session: sent first, which makes what is received. */
static void run_chunk(Session *self, Chunk *chunk, double spent[FIGURES])
{
    write_plain(self, chunk);
    spent[BARE_SENT] += time_one(self, chunk, BARE_SENT);
    spent[SENT] += time_one(self, chunk, SENT);
    memcpy(chunk->sealed, chunk->slots, CHUNK * SLOT);
    for (size_t i = 0; i < CHUNK; i++)
        chunk->lens[i] += profile_gcm128.tag_len;
    spent[BARE_RECEIVED] += time_one(self, chunk, BARE_RECEIVED);
    spent[RECEIVED] += time_one(self, chunk, RECEIVED);
}

static void compare(SluiceConfig *config, size_t n, int random_order, size_t rounds,
                    unsigned percent)
{
    static const char *const names[FIGURES] = {"sent", "received", "sent, libsrtp2 alone",
                                               "received, libsrtp2 alone"};
    static Session sessions[2];
    size_t chunks = (50 * (size_t)percent + CHUNK - 1) / CHUNK;
    Chunk chunk = {
        .plain = slots_new(CHUNK), .sealed = slots_new(CHUNK), .slots = slots_new(CHUNK)};
    double unused[FIGURES];

    session_open(&sessions[0], config, 1, random_order);
    session_open(&sessions[1], config, n, random_order);
    for (size_t sent = 0; sent < 2 * n; sent += CHUNK) /* each SSRC has come once */
        run_chunk(&sessions[1], &chunk, unused);
    run_chunk(&sessions[0], &chunk, unused);
    for (size_t i = 0; i < rounds; i++)
        for (size_t j = 0; j < 2 * chunks; j++) {
            double spent[FIGURES] = {0};
            Session *session = &sessions[(i + j) % 2];

            run_chunk(session, &chunk, spent);
            for (int k = 0; k < FIGURES; k++)
                session->figures[k][i] += spent[k] / (double)chunks;
        }
    for (int k = 0; k < FIGURES; k++) {
        char text[96];

        snprintf(text, sizeof text, "GCM128 %d B, %zu SSRCs %s, %s", PAYLOAD, n,
                 random_order ? "in random order" : "in turn", names[k]);
        report_costs("Y8", text, "ns", sessions[1].figures[k], sessions[0].figures[k], rounds);
    }
    session_close(&sessions[0]);
    session_close(&sessions[1]);
    free(chunk.plain);
    free(chunk.sealed);
    free(chunk.slots);
}

int main(int argc, char **argv)
{
    static const size_t counts[] = {10, 30, 100, 300, SSRCS_MAX};
    SluiceConfig *config;
    size_t rounds = 31;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    pin_to_one_cpu();
    config = call_config(&profile_gcm128);
    require_ok(sluice_config_set_ssrc_limit(config, SSRCS_MAX + 24), "ssrc limit");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int random_order = 0; random_order < 2; random_order++)
            compare(config, counts[i], random_order, rounds, percent);
    sluice_config_unref(config);
    return 0;
}
