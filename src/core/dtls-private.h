/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_DTLS_PRIVATE_H
#define SL_DTLS_PRIVATE_H

/* What dtls.c, dtls-flights.c and dtls-verify.c share. */

#include "datagram-bio.h"
#include "dtls-clock.h"
#include "dtls.h"
#include "evidence.h"
#include "flight.h"
#include "reassembly.h"
#include "ssl-pump.h"

/* Records of epoch 1 that came before their ChangeCipherSpec: Finished, and what the peer sends right behind it. */
#define SL_HELD_RECORDS 4
#define SL_HELD_RECORD_MAX 2048

/* The least that any AEAD suite appends to a record. */
#define SL_TAG 16

/* Messages of the longest flight, behind a HelloVerifyRequest. */
#define SL_MESSAGE_NUMBERS 6

typedef struct {
    uint8_t *bytes;
    size_t len;
} SlHeldRecord;

/* Of what comes in a handshake. */
typedef struct {
    uint64_t next_number;   /* of the records of epoch 0 that OpenSSL sees */
    uint16_t first_message; /* number of the peer's Hello: 1 behind a HelloVerifyRequest */
    uint32_t
        lengths[SL_MESSAGE_NUMBERS]; /* of the messages that OpenSSL was given a part of; 0: none */
    SlReassembly other;              /* a message by the parts that say another length than those */

    int change_came; /* a ChangeCipherSpec, genuine or not: it has no content */
    int changed;     /* and OpenSSL was given it */
    SlHeldRecord held[SL_HELD_RECORDS];
    size_t n_held;

    int alert_came; /* a plaintext one that would end the handshake, and nobody has asked for it since */
    SluiceAlert plain_alert;
    int has_cookie;
    uint8_t cookie
        [1 + SL_COOKIE]; /* the beginning of the one that we were asked for, its length in front */
    int contradicted; /* what came since our flight of that number does not fit what came before; 0: nothing */
    unsigned patience;   /* after how many expiries that counts */
    SluiceTime heard_at; /* a message, or a part of one, that may be of this handshake */
    int asked_anew;      /* the server says that it knows nothing of our flight 5 */
    int awaits_answer;   /* to a copy of that; at unanswered_at there is none */
    SluiceTime unanswered_at;

    uint8_t last_words[SL_LAST_WORDS]; /* our own alert in plaintext, held back */
    size_t last_words_len;
} SlHandshakeInput;

struct SlDtls {
    SSL *ssl;
    SluiceConfig *config;
    SluiceRole role;
    uint32_t generation;
    const SlPeerIdentity *identity;
    SlDtlsSinks sinks;
    SlHalfOpen *half_open; /* what it counts for in the config's limit; NULL: not */

    SlDatagramBio bio;
    SlHandshakeInput *input;      /* until the handshake is finished */
    uint8_t finished_tag[SL_TAG]; /* the end of the peer's Finished as it came */
    SlFlight flight;              /* ours */
    SluiceFlight incoming;        /* the peer's, until it is answered */
    int incoming_is_copy;         /* the Finished of it is the one that we have */
    size_t incoming_largest; /* of its datagrams; 0: no message of it was cut, or it was not late */
    SlDtlsClock clock;
    size_t mtu;
    SluiceTime now;           /* of the call that runs */
    SluiceTime sent_at;       /* when the flight that waits was made; NEVER: more than once */
    SluiceTime first_sent_at; /* when the newest flight was sent the first time */
    SluiceTime answer_took;   /* how long the one before was not answered */
    SluiceTime hello_at;      /* server: when the ClientHello came that begins it */
    SluiceTime emitted_at; /* when our last flight was put in the output, the first time or again */
    SluiceTime heard_at;   /* when the first of the peer's newest flight came */
    SluiceTime rtt;        /* given by the caller, 0: unknown */

    SluiceTime used_at;   /* when a finished connection was used last */
    int buffers_released; /* OpenSSL's record buffers, some 33 KB, are given back */

    int has_random; /* at a server, of its ClientHello; at a client, of ours */
    uint8_t random[SL_CLIENT_RANDOM];
    uint64_t messages; /* of application data */

    int flight_open;  /* the call that runs has begun a flight */
    int flight_recut; /* it is the last one once more, in smaller datagrams */
    int finished;
    SluiceTime finished_at;
    int keyed; /* the same, seen from inside an OpenSSL call: what comes and goes from here on is under the keys */
    int over; /* no further call into OpenSSL but SSL_free */
    int close_sent;
    int peer_accepted;            /* the verify callback ran and said yes */
    int last_sent, last_received; /* numbers of flights */
    uint32_t retransmissions;
    unsigned repeats; /* of the peer's Finished that OpenSSL has been given */
    int no_memory;

    SluiceAlert alert; /* the last one, number -1: none */
    int warned;        /* a warning other than close_notify came in the call that runs */
    int cause;         /* a SluiceEndReason found by ourselves, 0: none */
    SlPumpError error;

    uint8_t *peer_der;
    size_t peer_der_len;
};

/* In dtls-verify.c: what has to be true of a finished handshake (RFC 8827 section 6.5). 1: it is; 0: cause is set. */
int sl_dtls_check_finished(SlDtls *self);

/* In dtls.c: reads until OpenSSL wants the next datagram (SL_PUMP_WAIT) or it is over. */
SlPumpResult sl_dtls_read(SlDtls *self);

/* In dtls-input.c */

/* A datagram that has passed the guard, of a handshake that is not finished; its records are numbered in place. Result as
 * of sl_dtls_read(). */
SlPumpResult sl_dtls_receive_handshake(SlDtls *self, uint8_t *datagram, size_t len);
void sl_dtls_free_input(SlDtls *self);

/* Our flight is put in the output once more. */
void sl_dtls_note_sent_again(SlDtls *self);

/* The head of a ClientHello that goes in another way: its later parts have to agree with it. */
void sl_dtls_note_hello(SlDtls *self, const uint8_t *datagram, size_t len);

/* In dtls-flights.c */

/* From inside an OpenSSL call: the BIO's write, which only keeps what is written, and the timer callback. */
void sl_dtls_on_write(void *context, const uint8_t *data, size_t len);
unsigned int sl_dtls_on_timer(SSL *ssl, unsigned int previous);

/* Before a datagram is fed. */
void sl_dtls_note_incoming(SlDtls *self, const uint8_t *datagram, size_t len);

/* What of a datagram OpenSSL may be given when the handshake is finished: a Finished that comes again only so often. Returns
 * its length. */
size_t sl_dtls_leave_out_repeats(SlDtls *self, uint8_t *datagram, size_t len);

/* After each call: tells the peer's flight if it was answered, puts ours in the output. */
void sl_dtls_settle_flights(SlDtls *self, int finished_now);

/* The flight that waits has expired once and now again: perhaps for its size. OpenSSL itself never tries a smaller
 * one. */
void sl_dtls_lower_mtu_if_lost_twice(SlDtls *self);

/* The network refused a datagram of @refused bytes: opens the flight anew for an MTU below that. */
void sl_dtls_cut_smaller(SlDtls *self, size_t refused);

#endif
