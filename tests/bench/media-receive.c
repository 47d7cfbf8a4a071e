/* SPDX-License-Identifier: BSD-3-Clause */

/* Y1, Y1b: a datagram from its 5-tuple to one byte of its payload, against srtp_unprotect() alone on the same keys; one by
 * one, and with sluice_transport_expect() for as many as recvmmsg() may bring at once.
 * Y2: srtp_unprotect() on the ciphers that libsluice puts in, against the same cryptography alone.
 *
 * Every contender opens the same packets. They are made beforehand, and copied to where they are opened just before the
 * clock starts, as the kernel would have done. Visits to many sessions are in random order. */

#include "call.h"
#include "evp-limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS 10000
#define AT_ONCE 32 /* datagrams, as recvmmsg() brings them */
/* Packets between two looks at the clock; of the largest they fit in a cache of the second level. */
#define CHUNK 128
#define LOCAL_ADDRESS 0x0a000001u
#define LOCAL_PORT 3478

/* -- who the sender is -------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t remote, local;
    uint16_t remote_port, local_port;
} Path;

typedef struct {
    Path path;
    SluiceTransport *transport;
} Place;

#define PLACES 32768 /* a power of two, at most a third full */

static size_t hash_path(const Path *path)
{
    uint64_t a = (uint64_t)path->remote << 32 | path->local;
    uint64_t b = (uint64_t)path->remote_port << 16 | path->local_port;

    return (size_t)(((a * 0x9e3779b97f4a7c15u) ^ (b * 0xc2b2ae3d27d4eb4fu)) >> 49);
}

static int same_path(const Path *a, const Path *b)
{
    return a->remote == b->remote && a->local == b->local && a->remote_port == b->remote_port &&
           a->local_port == b->local_port;
}

static Place *find(Place *places, const Path *path)
{
    size_t i = hash_path(path) % PLACES;

    while (places[i].transport && !same_path(&places[i].path, path))
        i = (i + 1) % PLACES;
    return &places[i];
}

/* -- the sessions ------------------------------------------------------------------------------------------- */

typedef struct {
    Path path;
    SluiceTransport *sender; /* the peer */
    srtp_t bare;
    uint32_t ssrc;
    uint64_t index; /* of its next packet */
} Session;

typedef struct {
    const Profile *profile;
    SluiceConfig *config;
    SluiceTransport **transports;
    Session *sessions;
    Place *places;
    Limit *limit;    /* of session 0 */
    uint32_t *order; /* of visits to the first n_visited */
    size_t visited, n_visited;
} World;

/* As in a program that has no libsluice: next to what the handshakes leave on the heap. */
static void session_init(World *world, size_t i)
{
    Session *session = &world->sessions[i];

    /* No two the same: four ports of each address, in ranges of their own. */
    session->path = (Path){0xc0a80000u + (uint32_t)i / 4, LOCAL_ADDRESS,
                           (uint16_t)(1024 + 16000 * (i % 4) + random_next() % 16000), LOCAL_PORT};
    session->sender = world->transports[i ^ 1];
    session->bare = bare_session_of(world->profile, world->transports[i], SLUICE_RECEIVED);
    session->ssrc = random_next();
    *find(world->places, &session->path) = (Place){session->path, world->transports[i]};
}

static void world_open(World *self, const Profile *profile)
{
    SluiceSrtpKeys keys;

    self->profile = profile;
    self->config = call_config(profile);
    self->transports = calloc(SESSIONS, sizeof *self->transports);
    self->sessions = calloc(SESSIONS, sizeof *self->sessions);
    self->order = calloc(SESSIONS, sizeof *self->order);
    self->places = calloc(PLACES, sizeof *self->places);
    if (!self->transports || !self->sessions || !self->order || !self->places)
        die("calloc");
    for (size_t i = 0; i < SESSIONS; i += 2) {
        call_open(self->config, self->transports + i, NULL);
        session_init(self, i);
        session_init(self, i + 1);
    }
    require_ok(sluice_transport_get_srtp_keys(self->transports[0], &keys), "keys");
    self->limit = limit_new(profile, keys.remote_key, keys.remote_salt, self->sessions[0].ssrc);
}

static void world_close(World *self)
{
    for (size_t i = 0; i < SESSIONS; i++)
        srtp_dealloc(self->sessions[i].bare);
    for (size_t i = 0; i < SESSIONS; i += 2)
        call_close(self->transports + i, NULL);
    limit_free(self->limit);
    sluice_config_unref(self->config);
    free(self->transports);
    free(self->sessions);
    free(self->order);
    free(self->places);
}

/* The next one of the first @n, each once before one comes again. */
static uint32_t world_visit(World *self, size_t n)
{
    if (self->visited >= n || self->n_visited != n) {
        for (size_t i = 0; i < n; i++)
            self->order[i] = (uint32_t)i;
        shuffle(self->order, n);
        self->visited = 0;
        self->n_visited = n;
    }
    return self->order[self->visited++];
}

/* -- packets ------------------------------------------------------------------------------------------------ */

typedef struct {
    uint32_t which[CHUNK]; /* the session of each */
    Path from[CHUNK];
    size_t lens[CHUNK];
    uint64_t indexes[CHUNK];
    uint8_t *sealed, *slots;
} Chunk;

static void chunk_fill(Chunk *self, World *world, size_t sessions, size_t payload)
{
    for (size_t i = 0; i < CHUNK; i++) {
        Session *session = &world->sessions[self->which[i] = world_visit(world, sessions)];
        uint8_t *slot = self->sealed + i * SLOT;

        self->from[i] = session->path;
        self->indexes[i] = session->index++;
        self->lens[i] = packet_write(slot, payload, session->ssrc, (uint16_t)self->indexes[i]);
        require_ok(
            sluice_transport_protect(session->sender, SLUICE_KIND_RTP, slot, &self->lens[i], SLOT),
            "protect");
    }
}

/* -- contenders --------------------------------------------------------------------------------------------- */

static unsigned bytes_read;

static void deliver(const uint8_t *packet, size_t len) { bytes_read += packet[len - 1]; }

/* volatile: a callback is called, not inlined */
static void (*volatile callback)(const uint8_t *packet, size_t len) = deliver;

static void receive_one(SluiceTransport *transport, SluiceTime now, Chunk *chunk, size_t i)
{
    uint8_t *slot = chunk->slots + i * SLOT;
    size_t len = chunk->lens[i];
    SluiceKind kind;

    if (sluice_transport_receive(transport, now, slot, &len, &kind) != SLUICE_OK ||
        kind != SLUICE_KIND_RTP)
        die("a packet was not delivered");
    callback(slot, len);
}

static void receive_all(World *world, Chunk *chunk)
{
    SluiceTime now = call_now();

    for (size_t i = 0; i < CHUNK; i++)
        receive_one(find(world->places, &chunk->from[i])->transport, now, chunk, i);
}

/* The same, each transport being expected. */
static void receive_expected(World *world, Chunk *chunk)
{
    SluiceTransport *transports[AT_ONCE];
    SluiceTime now = call_now();

    for (size_t i = 0; i < CHUNK; i += AT_ONCE) {
        for (size_t j = 0; j < AT_ONCE; j++) {
            transports[j] = find(world->places, &chunk->from[i + j])->transport;
            sluice_transport_expect(transports[j], SLUICE_RECEIVED);
        }
        for (size_t j = 0; j < AT_ONCE; j++)
            receive_one(transports[j], now, chunk, i + j);
    }
}

static void unprotect_all(World *world, Chunk *chunk)
{
    for (size_t i = 0; i < CHUNK; i++) {
        int len = (int)chunk->lens[i];

        require_srtp(
            srtp_unprotect(world->sessions[chunk->which[i]].bare, chunk->slots + i * SLOT, &len));
    }
}

static void limit_all(World *world, Chunk *chunk)
{
    for (size_t i = 0; i < CHUNK; i++)
        if (!limit_open(world->limit, chunk->slots + i * SLOT, chunk->lens[i], chunk->indexes[i]))
            die("the limit finds a packet not authentic");
}

typedef void (*Run)(World *world, Chunk *chunk);
enum { OURS, BARE, LIMIT, CONTENDERS };

/* Nanoseconds a packet. */
static double time_one(Run run, World *world, Chunk *chunk)
{
    double start;

    memcpy(chunk->slots, chunk->sealed, CHUNK * SLOT);
    start = seconds_of_thread();
    run(world, chunk);
    return (seconds_of_thread() - start) * 1e9 / CHUNK;
}

/* @expected: the transports are. */
static void compare(World *world, size_t sessions, int expected, size_t payload, size_t rounds,
                    unsigned percent)
{
    const Run runs[] = {expected ? receive_expected : receive_all, unprotect_all, limit_all};
    static double figures[CONTENDERS][ROUNDS_MAX];
    int contenders = sessions == 1 ? CONTENDERS : LIMIT;
    size_t chunks = (100 * (size_t)percent + CHUNK - 1) / CHUNK;
    Chunk chunk = {.sealed = slots_new(CHUNK), .slots = slots_new(CHUNK)};
    char text[64];

    memset(figures, 0, sizeof figures);
    for (size_t i = 0; i <= rounds; i++)
        for (size_t j = 0; j < chunks; j++) {
            chunk_fill(&chunk, world, sessions, payload);
            for (int k = 0; k < contenders; k++) {
                int who = (k + (int)(i + j)) % contenders;
                double ns = time_one(runs[who], world, &chunk);

                if (i > 0) /* the first round makes streams, and warms */
                    figures[who][i - 1] += ns / (double)chunks;
            }
        }
    snprintf(text, sizeof text, "%s %zu B, %zu session%s%s", world->profile->name, payload,
             sessions, sessions == 1 ? "" : "s", expected ? ", expected" : "");
    report_costs(sessions == 1 ? "Y1" : "Y1b", text, "ns", figures[OURS], figures[BARE], rounds);
    if (sessions == 1) {
        snprintf(text, sizeof text, "%s %zu B", world->profile->name, payload);
        report_costs("Y2", text, "ns", figures[BARE], figures[LIMIT], rounds);
    }
    free(chunk.sealed);
    free(chunk.slots);
}

int main(int argc, char **argv)
{
    static const Profile *const profiles[] = {&profile_cm80, &profile_gcm128};
    static const size_t sessions[] = {1, 10, 100, 1000, SESSIONS};
    static const size_t payloads[] = {160, 1200};
    size_t rounds = 31;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    pin_to_one_cpu();
    for (size_t i = 0; i < 2; i++) {
        World world = {0};

        world_open(&world, profiles[i]);
        for (size_t j = 0; j < 2; j++)
            for (size_t k = 0; k < sizeof sessions / sizeof *sessions; k++)
                for (int expected = 0; expected < (sessions[k] < 1000 ? 1 : 2); expected++)
                    compare(&world, sessions[k], expected, payloads[j], rounds, percent);
        world_close(&world);
    }
    return 0;
}
