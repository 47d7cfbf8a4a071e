/* SPDX-License-Identifier: BSD-3-Clause */

/* Y9: what a relay that opens and seals each packet adds to the time of an echo, over sockets on loopback: libsluice,
 * and libsrtp2 by hand on the same keys, each less a plain echo. The three take turns. */

#include "call.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PINGS 200 /* a turn */
#define FOREIGN_SSRC 0x600dcafe

typedef enum { PLAIN, BY_HAND, OURS, RELAYS } Relay;

typedef struct {
    SluiceTransport *in[2], *out[2]; /* from the caller to the relay; from the relay on */
    srtp_t inbound, outbound;
    int sockets[2]; /* the caller's, the relay's */
    Relay relay;    /* which turn it is; written while the other thread waits in recv() */
} Scene;

static size_t relay_ours(Scene *self, uint8_t *slot, size_t len)
{
    SluiceKind kind;

    require_ok(sluice_transport_receive(self->in[SERVER], call_now(), slot, &len, &kind),
               "receive");
    require_ok(sluice_transport_protect(self->out[CLIENT], kind, slot, &len, SLOT), "protect");
    return len;
}

static size_t relay_by_hand(Scene *self, uint8_t *slot, size_t len)
{
    int n = (int)len;

    require_srtp(srtp_unprotect(self->inbound, slot, &n));
    require_srtp(srtp_protect(self->outbound, slot, &n));
    return (size_t)n;
}

static void *relay_thread(void *scene)
{
    Scene *self = scene;
    uint8_t *slot = slots_new(1);

    for (;;) {
        ssize_t n = recv(self->sockets[1], slot, SLOT, 0);
        size_t len = (size_t)n;

        if (n < 0)
            die("recv");
        if (n == 0)
            break;
        if (self->relay == OURS)
            len = relay_ours(self, slot, len);
        else if (self->relay == BY_HAND)
            len = relay_by_hand(self, slot, len);
        if (send(self->sockets[1], slot, len, 0) < 0)
            die("send");
    }
    free(slot);
    return NULL;
}

static void open_sockets(Scene *self)
{
    struct sockaddr_in addresses[2];

    for (int i = 0; i < 2; i++) {
        socklen_t len = sizeof addresses[i];

        addresses[i] =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        self->sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (self->sockets[i] < 0 || bind(self->sockets[i], (struct sockaddr *)&addresses[i], len) ||
            getsockname(self->sockets[i], (struct sockaddr *)&addresses[i], &len))
            die("cannot open a socket");
    }
    for (int i = 0; i < 2; i++)
        if (connect(self->sockets[i], (struct sockaddr *)&addresses[!i], sizeof addresses[i]))
            die("connect");
}

/* Nanoseconds from send to receipt of the answer; @packets are sealed. */
static void ping(Scene *self, const uint8_t *packets, const size_t *lens, double *times)
{
    uint8_t buffer[SLOT];

    for (size_t i = 0; i < PINGS; i++) {
        double start = seconds_of_wall();

        if (send(self->sockets[0], packets + i * SLOT, lens[i], 0) < 0 ||
            recv(self->sockets[0], buffer, sizeof buffer, 0) <= 0)
            die("ping");
        times[i] = (seconds_of_wall() - start) * 1e9;
    }
}

static void seal(Scene *self, Relay relay, size_t payload, uint8_t *packets, size_t *lens,
                 uint16_t *number)
{
    for (size_t i = 0; i < PINGS; i++) {
        uint8_t *slot = packets + i * SLOT;

        /* An SSRC of its own each: a relay then has seen all of its stream. */
        lens[i] = packet_write(slot, payload, FOREIGN_SSRC + (uint32_t)relay, (*number)++);
        require_ok(
            sluice_transport_protect(self->in[CLIENT], SLUICE_KIND_RTP, slot, &lens[i], SLOT),
            "protect");
    }
}

static void report_added(const char *text, double figures[RELAYS][ROUNDS_MAX], size_t rounds)
{
    static double ours[ROUNDS_MAX], base[ROUNDS_MAX];

    for (size_t i = 0; i < rounds; i++) {
        ours[i] = figures[OURS][i] - figures[PLAIN][i];
        base[i] = figures[BY_HAND][i] - figures[PLAIN][i];
    }
    report_costs("Y9", text, "ns", ours, base, rounds);
}

static void compare(const Profile *profile, size_t payload, size_t rounds)
{
    static double p50[RELAYS][ROUNDS_MAX], p99[RELAYS][ROUNDS_MAX], times[PINGS];
    SluiceConfig *config = call_config(profile);
    uint8_t *packets = slots_new(PINGS);
    uint16_t numbers[RELAYS] = {0};
    size_t lens[PINGS];
    pthread_t thread;
    char text[96];
    Scene scene;

    memset(&scene, 0, sizeof scene);
    call_open(config, scene.in, NULL);
    call_open(config, scene.out, NULL);
    scene.inbound = bare_session_of(profile, scene.in[SERVER], SLUICE_RECEIVED);
    scene.outbound = bare_session_of(profile, scene.out[CLIENT], SLUICE_SENT_OUT);
    open_sockets(&scene);
    if (pthread_create(&thread, NULL, relay_thread, &scene) != 0)
        die("pthread_create");
    for (size_t i = 0; i <= rounds; i++)
        for (size_t j = 0; j < RELAYS; j++) {
            Relay relay = (Relay)((i + j) % RELAYS);

            seal(&scene, relay, payload, packets, lens, &numbers[relay]);
            scene.relay = relay;
            ping(&scene, packets, lens, times);
            p50[relay][i ? i - 1 : 0] = median(times, PINGS); /* which sorts them */
            p99[relay][i ? i - 1 : 0] = times[PINGS * 99 / 100];
        }
    if (send(scene.sockets[0], "", 0, 0) < 0 || pthread_join(thread, NULL) != 0)
        die("the relay does not end");
    snprintf(text, sizeof text, "%s %zu B, added at p50, vs libsrtp2 by hand", profile->name,
             payload);
    report_added(text, p50, rounds);
    snprintf(text, sizeof text, "%s %zu B, echo at p50, vs plain", profile->name, payload);
    report_costs("Y9", text, "ns", p50[OURS], p50[PLAIN], rounds);
    snprintf(text, sizeof text, "%s %zu B, echo at p99, vs plain", profile->name, payload);
    report_costs("Y9", text, "ns", p99[OURS], p99[PLAIN], rounds);
    srtp_dealloc(scene.inbound);
    srtp_dealloc(scene.outbound);
    call_close(scene.in, NULL);
    call_close(scene.out, NULL);
    close(scene.sockets[0]);
    close(scene.sockets[1]);
    sluice_config_unref(config);
    free(packets);
}

int main(int argc, char **argv)
{
    size_t rounds = 61;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    compare(&profile_cm80, 1200, rounds);
    compare(&profile_gcm128, 1200, rounds);
    return 0;
}
