/* SPDX-License-Identifier: BSD-3-Clause */

/* Y4: CPU of a handshake through two transports, from nothing to SRTP keys and to nothing again, against OpenSSL and
 * libsrtp2 alone that come to the same. ECDSA P-256, X25519, both sides with certificates. */

#include "bare-dtls.h"

#include <stdio.h>
#include <string.h>

#define EACH 8 /* in turn */

enum { BOTH_ENDS = 2, FIGURES };

typedef struct {
    double us[FIGURES][ROUNDS_MAX]; /* CLIENT, SERVER, BOTH_ENDS */
} Figures;

typedef struct {
    SluiceConfig *config;
    SSL_CTX *ctx; /* NULL: ours */
    const Profile *profile;
    Figures *figures;
} HandshakeContender;

static void run(const HandshakeContender *self, Meter *meter)
{
    SluiceTransport *ours[2];
    BareEnd bare[2];

    if (self->ctx) {
        bare_open(self->ctx, self->profile, bare, meter);
        bare_close(bare, meter);
    } else {
        call_open(self->config, ours, meter);
        call_close(ours, meter);
    }
}

/* One handshake with a look at the clock before and behind it, and one with a look whenever the side changes, which costs
 * more than some of what is looked at. */
static void run_both_ways(const HandshakeContender *self, size_t round)
{
    Meter meter = {.read = seconds_of_thread};
    double start = seconds_of_thread();

    run(self, NULL);
    self->figures->us[BOTH_ENDS][round] += (seconds_of_thread() - start) * 1e6 / EACH;
    run(self, &meter);
    self->figures->us[CLIENT][round] += meter.side[CLIENT] * 1e6 / EACH;
    self->figures->us[SERVER][round] += meter.side[SERVER] * 1e6 / EACH;
}

static void compare(const Profile *profile, size_t rounds)
{
    static const char *const names[FIGURES] = {"client", "server", "both ends"};
    static Figures ours, base;
    SluiceConfig *config = call_config(profile);
    SSL_CTX *ctx = bare_ctx(config, profile);
    const HandshakeContender us = {config, NULL, profile, &ours},
                             them = {config, ctx, profile, &base};

    for (size_t i = 0; i <= rounds; i++) {
        size_t round = i ? i - 1 : 0; /* the first makes what all share, and is done again */

        for (int figure = 0; figure < FIGURES; figure++)
            ours.us[figure][round] = base.us[figure][round] = 0;
        for (size_t j = 0; j < EACH; j++) {
            /* The first transport of a process puts the ciphers in: bare sessions come behind it. */
            run_both_ways((i + j) % 2 ? &them : &us, round);
            run_both_ways((i + j) % 2 ? &us : &them, round);
        }
    }
    for (int figure = BOTH_ENDS; figure >= 0; figure--) {
        char text[64];

        snprintf(text, sizeof text, "handshake, %s, %s", profile->name, names[figure]);
        report_costs("Y4", text, "us", ours.us[figure], base.us[figure], rounds);
    }
    SSL_CTX_free(ctx);
    sluice_config_unref(config);
}

int main(int argc, char **argv)
{
    size_t rounds = 31;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    pin_to_one_cpu();
    compare(&profile_gcm128, rounds);
    compare(&profile_cm80, rounds);
    return 0;
}
