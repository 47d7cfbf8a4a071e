/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STREAM_COMMON_H
#define STREAM_COMMON_H

/* Two streams in memory. What an end sends is a string of bytes that anybody can compute, so that
 * every byte that arrives is checked against its place, and nothing has to be kept. After each step
 * the counts are held against each other (duo_check()). */

#include "alloc.h"
#include "identities.h"
#include "rng.h"
#include "vclock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MS SLUICE_MILLISECOND
#define SECOND SLUICE_SECOND
#define ALL SIZE_MAX

/* What TLS itself may have waiting beside the application's data (stream-config.h). */
#define TLS_RESERVE 65536
/* The largest record, and what of one may be inside OpenSSL. */
#define RECORD_WHOLE (5 + 16384 + 256)

enum { CLIENT = 0, SERVER = 1 };

#define assert_status(status, expected)                                                            \
    assert_string_equal(sluice_status_text(status), sluice_status_text(expected))
#define assert_state(duo, which, expected)                                                         \
    assert_string_equal(sluice_state_name(duo_state(duo, which)), sluice_state_name(expected))
#define assert_reason(duo, which, expected)                                                        \
    assert_string_equal(duo_reason_name(duo, which), sluice_end_reason_name(expected))

typedef struct {
    SluiceStream *stream;
    SluiceConfig *config;
    size_t high_water, input_max; /* of the config */
    size_t slack; /* by how much TLS's own records may have pushed data over the mark */

    uint8_t *wire; /* ciphertext that the transport took and has not brought yet */
    size_t wire_len, wire_capacity;
    int wire_ended; /* the transport says so once the wire is empty */
    int end_told;

    uint64_t popped;   /* ciphertext that the transport took */
    uint64_t given;    /* ciphertext that receive() took */
    uint64_t accepted; /* plaintext */
    uint64_t got;
    int read_end; /* SLUICE_END_OF_STREAM came from read() */
} DuoEnd;

typedef struct {
    DuoEnd end[2];
    SluiceTime now;
    int unchecked; /* for tests that forge: what arrives is not what was sent */
} Duo;

/* -- configs: references are the caller's */

/* Trusts AUTHORITY; @version 0: both, else that one alone. Shows no certificate. */
SluiceConfig *client_config(unsigned version);
SluiceConfig *server_config(unsigned version, Identity who);
/* A config that trusts @issuer and has the certificate of @who. */
SluiceConfig *config_with(unsigned version, Identity who, Issuer issuer);

/* -- two streams */

/* References to the configs are taken over. The client has no host, nothing is started. */
void duo_open(Duo *self, SluiceConfig *client, SluiceConfig *server);
/* The same, and the client has the host HOST. */
void duo_open_host(Duo *self, SluiceConfig *client, SluiceConfig *server);
/* Default configs, HOST, started, connected; all TLS has to say has been said. */
void duo_open_connected(Duo *self, unsigned version);
void duo_close(Duo *self);

void duo_start(Duo *self);
/* Everything goes everywhere, until nothing moves; nothing is read. */
void duo_pass(Duo *self);
/* The same, with reading. */
void duo_settle(Duo *self);
/* Starts both, passes all, asserts that both are connected. */
void duo_connect(Duo *self);

/* -- steps; each checks the counts and returns what moved */

/* The transport takes up to @most bytes of @from. */
size_t duo_send(Duo *self, int from, size_t most);
/* The transport brings up to @most bytes to @to. */
size_t duo_bring(Duo *self, int to, size_t most);
/* The application writes the next @len bytes of its string. */
size_t duo_write(Duo *self, int from, size_t len);
/* The application reads once, up to @capacity bytes, and compares. */
size_t duo_read(Duo *self, int to, size_t capacity);
/* Until there is no more. */
size_t duo_read_all(Duo *self, int to);
/* The transport of @from's direction ends behind what is on the wire and in the output. */
void duo_end_wire(Duo *self, int from);

/* Bytes to @to by hand, past the wire; the rest of what is not taken is returned. */
size_t duo_inject(Duo *self, int to, const uint8_t *data, size_t len);
/* What @from has to send is taken off and thrown away. */
size_t duo_lose_output(Duo *self, int from);

/* -- questions */

uint8_t duo_byte(int from, uint64_t at);
SluiceState duo_state(const Duo *self, int which);
SluiceEnd duo_reason(const Duo *self, int which); /* reason 0 while it lives */
const char *duo_reason_name(const Duo *self, int which);
SluiceStreamInfo duo_info(const Duo *self, int which);
size_t duo_waiting(const Duo *self, int which);
void duo_check(const Duo *self, int which);

/* Each end writes @len bytes, both arrive. */
void duo_assert_talks(Duo *self, size_t len);
/* Both ends have read and been given all that the other accepted and sent. */
void duo_assert_complete(const Duo *self);

/* 0x0303 or 0x0304, for loops over both. */
extern const unsigned versions[2];

#endif
