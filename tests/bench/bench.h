/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_H
#define BENCH_H

/* What the programs of `make bench` share: who is compared, the identity all of them show, and the honest part, which is
 * to measure in turns and to report the median of the ratios. */

#include <stddef.h>
#include <stdint.h>

#include <sluice/sluice.h>

#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_HOST "server.example"
#define BENCH_CIPHER "TLS_AES_128_GCM_SHA256"

/* -- material.c: one certificate; a config, and an SSL_CTX for the others that is set as that config sets its own */

typedef struct {
    SluiceConfig *config;
    SSL_CTX *ctx;
} Material;

void material_init(Material *self);
void material_cleanup(Material *self);

/* An end on bare OpenSSL, without its BIOs. */
SSL *material_new_ssl(const Material *self, SluiceRole role);

/* Nobody is compared on another cipher. */
void require_cipher(const char *name);

/* -- contenders: one end sends messages, the other counts what comes */

typedef struct {
    size_t message; /* bytes, 1..16384 */
    uint64_t messages;
} Load;

typedef enum { SENDER = 1, RECEIVER = 2, BOTH = 3 } Side;

typedef struct {
    const char *name;
    int is_variant; /* of another: only the first form of ours is compared with it */
    int two_threads_only;
    /* Both ends, connected; the descriptors do not block and stay the caller's. @threads: 1 or 2 will run it. */
    void *(*open)(const Material *material, int sender, int receiver, int threads);
    /* Until that side of the load is done. Each side from one thread at a time. */
    void (*run)(void *pair, const Load *load, Side side);
    void (*close)(void *pair);
} Contender;

extern const Contender contender_sluice;
extern const Contender contender_sluice_gathering;
extern const Contender contender_openssl;
extern const Contender contender_openssl_read_ahead;
extern const Contender contender_asio;
extern const Contender contender_asio_blocking;

/* -- poll-loop.c: for contenders that are driven by poll() */

typedef struct PollEnd PollEnd;
struct PollEnd {
    int fd;
    short events; /* what it waits for; 0: it is done */
    /* Works until it would block. Returns what it waits for then. */
    short (*go_on)(PollEnd *self);
};

void poll_until_done(PollEnd *const *ends, size_t n);

/* Runs the chosen sides of a pair. */
void poll_run(PollEnd *sender, PollEnd *receiver, Side side);

/* -- measure.c */

#define ROUNDS_MAX 1001

void die(const char *what);
double seconds_of_thread(void);
double seconds_of_wall(void);

/* @samples is sorted. */
double median(double *samples, size_t n);

/* Prints one line: @ours and @base hold a figure for each of @rounds rounds, larger is better. */
void report_rates(const char *yardstick, const char *what, const char *unit, const double *ours,
                  const double *base, size_t rounds);

/* The same of what each costs, smaller is better. */
void report_costs(const char *yardstick, const char *what, const char *unit, const double *ours,
                  const double *base, size_t rounds);

/* The same of counts that are the same each time, smaller is better. */
void report_counts(const char *yardstick, const char *what, const char *unit, double ours,
                   double base);

/* The thread stays where it is: what it has in the caches, too. */
void pin_to_one_cpu(void);

/* Reads `--rounds N` and `--scale PERCENT`; anything else is refused. */
void read_options(int argc, char **argv, size_t *rounds, unsigned *percent);

#ifdef __cplusplus
}
#endif

#endif
