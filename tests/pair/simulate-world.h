/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SIMULATE_WORLD_H
#define SIMULATE_WORLD_H

/* A call in which everything may happen: its ends come back, with another certificate or role, vanish, misbehave under
 * their own keys, call the library in any order, and talk all the while.
 *
 * simulate-world.c makes one and runs it, simulate-cast.c has the certificates and configs, simulate-peer.c is what
 * the peers do, simulate-wire.c what they say that no end of this library would, simulate-api.c (-api-media.c) what their
 * programs call, simulate-media.c what they send, simulate-invariants.c what must never happen, simulate-finale.c what
 * must be true when it is over. */

#include "simulate.h"

#include "pair.h"
#include "simulate-faults.h"
#include "simulate-trace.h"

#define LIVES_MAX 12       /* transports of an end in a call */
#define GENERATIONS_MAX 24 /* of one transport */
#define PACKETS_MAX 400
#define PLANS_MAX 48
#define NOBODY (-1)

/* -- who there is -------------------------------------------------------------------------------------------- */

#define IDENTITIES 5 /* two of each end, and a stranger */
#define STRANGER 4

typedef enum {
    CONFIG_USUAL,
    CONFIG_CM,
    CONFIG_SMALL,
    CONFIG_SHORT,
    CONFIG_OPEN,
    CONFIGS
} ConfigKind;

typedef struct Cast {
    SluiceCertificate *certificates[IDENTITIES];
    SluiceFingerprint fingerprints[IDENTITIES];
    SluiceConfig *configs[IDENTITIES][CONFIGS];
    struct Wire *wire; /* of the call that runs: where the keys are logged */
} Cast;

typedef struct {
    size_t handshake_mtu, datagram_limit;
    SluiceTime handshake, unverified, overlap;
    unsigned messages, held, output; /* what may wait */
} Limits;

extern const Limits cast_limits[CONFIGS];

/* -- what is said under the keys ----------------------------------------------------------------------------- */

#define ASSOCIATIONS 4

typedef struct {
    uint8_t client_random[32], server_random[32], secret[48];
    int server; /* the end that is it; NOBODY: this place is empty */
    int has_secret;
    uint64_t next[2]; /* record number of epoch 1, of each end */
} WireAssociation;

typedef struct Wire {
    uint8_t hello[2][32]; /* the random of the last ClientHello that an end has sent */
    int has_hello[2];
    WireAssociation associations[ASSOCIATIONS]; /* the last ones, a ring */
    unsigned n;
    int tampered; /* somebody with the keys has said what the library would not */
} Wire;

/* -- the ends ------------------------------------------------------------------------------------------------ */

/* The keys of one generation, by their hashes. */
typedef struct {
    uint64_t id; /* of what both ends export; 0: not seen */
    uint64_t local, remote;
    SluiceRole role;
    SluiceTime since;
} Keys;

/* One transport, from new to free. */
typedef struct {
    int identity;
    ConfigKind kind;
    Keys keys[GENERATIONS_MAX];
    SluiceState state; /* as it was after the last step, like the next two */
    uint32_t generation;
    SluiceStats stats;
    SluiceTime limit;   /* of the state, connecting or unverified */
    int told;           /* the identity that the peer must have; NOBODY: not said */
    unsigned ever_told; /* a bit for each that was named, whatever the call said */
    int announced;      /* a restart runs that was announced, with these */
    int awaits;         /* and comes to something by a deadline; known without memory, too */
    SluiceTime announced_at;
    int told_next;
    SluiceRole announced_role;
    SluiceTime
        begun; /* the last time that an association was begun here, or its end heard of a new one */
    int closed;   /* by us */
    int given_up; /* DTLS, by us */
    int left;     /* the peer has closed what is to be replaced: nothing goes out meanwhile */
    int refused;  /* it has given up an association that was finished */
    int ssrcs_touched;
    unsigned waiting; /* data that was taken while the network was busy */
    size_t message, event,
        sent; /* of the pair's logs: where its own begin, then where they were read to */
} Life;

typedef struct {
    Life lives[LIVES_MAX];
    unsigned n; /* the last one is the one that may run */
    int client; /* it began as client */
    uint16_t sequence[3], bad_sequence;
} End;

/* -- what is sent -------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceKind kind;
    int from;
    uint32_t ssrc;
    uint16_t sequence;
    uint16_t size; /* of the payload */
    uint64_t keys; /* Keys.id of the sender */
    unsigned char arrived, required, got;
    unsigned char to; /* the life of the receiver that has to get it */
} Packet;

/* -- what is to come ----------------------------------------------------------------------------------------- */

typedef enum {
    PLAN_VALIDATE,
    PLAN_KNOW,    /* identity */
    PLAN_START,   /* role */
    PLAN_RESTART, /* role, identity */
    PLAN_REBOOT, /* identity: its own new one; what it then knows and does are plans of their own */
    PLAN_READ,
    PLAN_UNBLOCK,
    PLAN_PATH /* it is there again */
} PlanKind;

typedef struct {
    SluiceTime at;
    PlanKind kind;
    int end, identity;
    unsigned life; /* whose plan it is */
    SluiceRole role;
} Plan;

typedef struct World {
    Pair pair;
    Faults faults;
    CallResult *result;
    Cast *cast;
    Trace *trace;
    Rng rng;
    Wire wire;
    End ends[2];
    Packet packets[PACKETS_MAX];
    unsigned n_packets;
    Plan plans[PLANS_MAX];
    unsigned n_plans;
    unsigned peer_acts, api_acts, media_acts; /* to come */
    SluiceTime next_peer, next_api, next_media;
    unsigned
        speak_after; /* so many datagrams of DTLS somebody speaks out of turn: anywhere in a flight */
    int no_path;
    int muddied; /* DTLS has arrived damaged */
    int crossed; /* a handshake was begun anew: what was under way meets another one */
    int messy;   /* a restart may come to nothing at one end, and not at the other */
    unsigned announced;
} World;

/* Says what is wrong; the first counts. */
__attribute__((format(printf, 2, 3))) void world_wrong(World *self, const char *format, ...);

static inline Life *life_of(World *self, int end)
{
    return &self->ends[end].lives[self->ends[end].n - 1];
}

/* NULL: it has vanished. */
static inline SluiceTransport *transport_of(World *self, int end)
{
    return self->pair.end[end].transport;
}

static inline int life_has_ended(const Life *life) { return life->state >= SLUICE_STATE_CLOSED; }

/* 1 if media may go out. */
static inline int life_sends(const Life *life)
{
    return (life->state == SLUICE_STATE_CONNECTED || life->state == SLUICE_STATE_MEDIA_ONLY) &&
           !life->left;
}

/* 1 if something has come that nobody can tell from what the peer of a handshake sends. */
static inline int world_is_disturbed(const World *self)
{
    return self->muddied || self->faults.touched[0] || self->faults.touched[1] ||
           self->wire.tampered || self->crossed;
}

/* 1 if its process runs. */
int world_runs(const World *self, int end);

void world_plan(World *self, SluiceTime delay, PlanKind kind, int end, int identity,
                SluiceRole role);

/* The path is there, and loses nothing from here on. */
void world_clear_path(World *self);

/* -- simulate-peer.c */

/* A new transport of @end. 0: there is none. */
int peer_is_born(World *self, int end, int identity, ConfigKind kind);
void peer_begins(World *self, int end, SluiceRole role, SluiceTime within);
void peer_acts(World *self);
void peer_announces(World *self, int end, SluiceRole role, int identity);
void peer_knows(World *self, int end, int identity);
void peer_carries_out(World *self, const Plan *plan);
void peer_closes(World *self, int end);

/* -- simulate-wire.c */
void wire_watch(World *self, int from, const uint8_t *data, size_t len);
void wire_log_key(const char *line, void *cast);
/* @victim gets what a peer with the keys might say and no end of this library does. */
void wire_speaks(World *self, int victim);

/* -- simulate-media.c */
void media_send(World *self, int from);
void media_send_kind(World *self, int from, SluiceKind kind);
/* A packet is entered: the next call protects it. NULL: there have been enough. */
Packet *media_enter(World *self, int from, SluiceKind kind);
size_t media_make(const World *self, const Packet *packet, uint8_t *out);
void media_withdraw(World *self);
void media_carry(World *self, const Packet *packet, const uint8_t *data, size_t len);
SluiceStatus media_send_data(World *self, int from);
void media_arrived(World *self, int to, const LinkDatagram *datagram, SluiceStatus status);
void media_got(World *self, int to, SluiceKind kind, uint32_t generation, const uint8_t *data,
               size_t len);

/* -- simulate-api.c */
void api_acts(World *self);
void api_media_acts(World *self, int end); /* in simulate-api-media.c */
__attribute__((format(printf, 4, 5))) int api_expects(World *self, SluiceStatus status,
                                                      int expected, const char *format, ...);

/* -- simulate-invariants.c */
void invariants_check(World *self);
/* @end is as it was last looked at: after a transport has been made. */
void invariants_begin(World *self, int end);
void invariants_datagram(World *self, int end, uint8_t type, size_t len);

/* -- simulate-finale.c */
void finale(World *self);

#endif
