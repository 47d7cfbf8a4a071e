/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_ENDS_H
#define BENCH_ENDS_H

/* Pairs of ends that one thread drives by turns, for what is counted and not timed on a wire: memory, handshakes. */

#include "bench.h"

typedef struct {
    SluiceStream *stream; /* ours */
    SSL *ssl;             /* bare OpenSSL */
    int fd;               /* with a socket BIO */
} End;

typedef struct {
    const char *name;
    int sockets;
    void (*open)(End *end, const Material *material, SluiceRole role);
    void (*handshake)(End *end);
    int (*connected)(const End *end);
    /* Of @len bytes, how many were taken. */
    size_t (*write)(End *end, const void *data, size_t len);
    /* Ciphertext of one to the other; NULL: the kernel does it. */
    void (*carry)(End *from, End *to);
    size_t (*read)(End *end);
    void (*go_idle)(End *end); /* NULL: nothing to do */
    void (*close)(End *end);
} Kind;

extern const Kind kind_sluice;
extern const Kind kind_sluice_released;
extern const Kind kind_memory;
extern const Kind kind_memory_released;
extern const Kind kind_socket;
extern const Kind kind_socket_released;

/* [0] is the client. */
void ends_open(const Kind *kind, const Material *material, End ends[2]);
void ends_close(const Kind *kind, End ends[2]);

/* @bytes from one to the other, @step at a time. */
void ends_transfer(const Kind *kind, End *from, End *to, size_t bytes, size_t step);

#endif
