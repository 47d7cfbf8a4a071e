/* SPDX-License-Identifier: BSD-3-Clause */

/* Y3: one packet in, N out, against srtp_protect() alone of as many; 1 + 1/N is the least, for the packet that came
 * in was opened. Y3b: the same with N = 100 and the sending, on loopback, against a loop by hand on bare libsrtp2. */

#include "call.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTPUTS_MAX 1000
#define SENT_OUTPUTS 100
#define PACKETS_MAX 256 /* between two looks at the clock */

/* A room: one who speaks, and those who listen. */
typedef struct {
    const Profile *profile;
    SluiceConfig *config;
    SluiceTransport *speaker[2];
    SluiceTransport **listeners; /* every second end is the listener's own, and does nothing */
    srtp_t *bare;
    SluiceFanOut *outputs;
    uint8_t *in, *sealed, *slots;
    size_t lens[PACKETS_MAX];
    uint32_t ssrc; /* the speaker's */
    uint16_t number, bare_number;

    int sender, receivers[SENT_OUTPUTS];
    struct sockaddr_in addresses[SENT_OUTPUTS];
    struct iovec parts[SENT_OUTPUTS];
    struct mmsghdr messages[SENT_OUTPUTS];
} Room;

static void room_open(Room *self, const Profile *profile)
{
    memset(self, 0, sizeof *self);
    self->profile = profile;
    self->config = call_config(profile);
    call_open(self->config, self->speaker, NULL);
    self->listeners = calloc(2 * OUTPUTS_MAX, sizeof *self->listeners);
    self->bare = calloc(OUTPUTS_MAX, sizeof *self->bare);
    self->outputs = calloc(OUTPUTS_MAX, sizeof *self->outputs);
    if (!self->listeners || !self->bare || !self->outputs)
        die("calloc");
    self->slots = slots_new(OUTPUTS_MAX);
    self->in = slots_new(PACKETS_MAX);
    self->sealed = slots_new(PACKETS_MAX);
    for (size_t i = 0; i < OUTPUTS_MAX; i++) {
        call_open(self->config, self->listeners + 2 * i, NULL);
        self->bare[i] = bare_session_of(profile, self->listeners[2 * i], SLUICE_SENT_OUT);
        self->outputs[i] = (SluiceFanOut){.transport = self->listeners[2 * i],
                                          .ssrc = 0x10000u + (uint32_t)i,
                                          .timestamp_offset = 4711 * (uint32_t)i,
                                          .payload_type = 100,
                                          .data = self->slots + i * SLOT,
                                          .capacity = SLOT};
    }
}

static void room_close(Room *self)
{
    for (size_t i = 0; i < OUTPUTS_MAX; i++) {
        srtp_dealloc(self->bare[i]);
        call_close(self->listeners + 2 * i, NULL);
    }
    call_close(self->speaker, NULL);
    sluice_config_unref(self->config);
    free(self->listeners);
    free(self->bare);
    free(self->outputs);
    free(self->in);
    free(self->sealed);
    free(self->slots);
}

/* The speaker's next packets, as they come from the network. */
static void speak(Room *self, size_t packets, size_t payload)
{
    for (size_t i = 0; i < packets; i++) {
        uint8_t *slot = self->sealed + i * SLOT;

        self->lens[i] = packet_write(slot, payload, self->ssrc, self->number++);
        require_ok(sluice_transport_protect(self->speaker[CLIENT], SLUICE_KIND_RTP, slot,
                                            &self->lens[i], SLOT),
                   "protect");
    }
    memcpy(self->in, self->sealed, packets * SLOT);
}

/* -- Y3 ----------------------------------------------------------------------------------------------------- */

static void fan_out(Room *self, size_t packets, size_t n)
{
    SluiceTime now = call_now();

    for (size_t i = 0; i < packets; i++) {
        uint8_t *slot = self->in + i * SLOT;
        size_t len = self->lens[i];
        SluiceKind kind;

        require_ok(sluice_transport_receive(self->speaker[SERVER], now, slot, &len, &kind),
                   "receive");
        for (size_t j = 0; j < n; j++)
            self->outputs[j].sequence_number++;
        if (sluice_fan_out(slot, len, self->outputs, n) != n)
            die("an output was refused");
    }
}

/* In place, over and over: only the number is new. */
static void protect(Room *self, size_t packets, size_t n, size_t payload)
{
    for (size_t i = 0; i < packets; i++, self->bare_number++)
        for (size_t j = 0; j < n; j++) {
            uint8_t *slot = self->slots + j * SLOT;
            int len = (int)(RTP_HEADER + payload);

            packet_renumber(slot, self->bare_number);
            require_srtp(srtp_protect(self->bare[j], slot, &len));
        }
}

static void compare(Room *room, size_t n, size_t payload, size_t rounds, unsigned percent)
{
    static double ours[ROUNDS_MAX], base[ROUNDS_MAX];
    size_t packets = n >= 128 ? 1 : 128 / n;
    size_t repeats = (50 * (size_t)percent + packets * n - 1) / (packets * n);
    char text[64];

    memset(ours, 0, sizeof ours);
    memset(base, 0, sizeof base);
    for (size_t i = 0; i <= rounds; i++)
        for (size_t j = 0; j < 2 * repeats; j++) {
            double *figures = (i + j) % 2 ? ours : base, start;

            if (figures == ours)
                speak(room, packets, payload);
            for (size_t k = 0; figures == base && k < n; k++)
                packet_write(room->slots + k * SLOT, payload, 0x10000u + (uint32_t)k, 0);
            start = seconds_of_thread();
            if (figures == ours)
                fan_out(room, packets, n);
            else
                protect(room, packets, n, payload);
            if (i > 0)
                figures[i - 1] +=
                    (seconds_of_thread() - start) * 1e9 / (double)(packets * n * repeats);
        }
    snprintf(text, sizeof text, "%s %zu B, 1 -> %zu", room->profile->name, payload, n);
    report_costs("Y3", text, "ns", ours, base, rounds);
}

/* -- Y3b ---------------------------------------------------------------------------------------------------- */

static void open_sockets(Room *self)
{
    self->sender = socket(AF_INET, SOCK_DGRAM, 0);
    for (size_t i = 0; i < SENT_OUTPUTS; i++) {
        socklen_t len = sizeof self->addresses[i];

        self->addresses[i] =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        self->receivers[i] = socket(AF_INET, SOCK_DGRAM, 0);
        if (self->sender < 0 || self->receivers[i] < 0 ||
            bind(self->receivers[i], (struct sockaddr *)&self->addresses[i], len) < 0 ||
            getsockname(self->receivers[i], (struct sockaddr *)&self->addresses[i], &len) < 0)
            die("cannot open a socket");
        self->parts[i].iov_base = self->slots + i * SLOT;
        self->messages[i].msg_hdr = (struct msghdr){.msg_name = &self->addresses[i],
                                                    .msg_namelen = sizeof self->addresses[i],
                                                    .msg_iov = &self->parts[i],
                                                    .msg_iovlen = 1};
    }
}

static void close_sockets(Room *self)
{
    close(self->sender);
    for (size_t i = 0; i < SENT_OUTPUTS; i++)
        close(self->receivers[i]);
}

static void send_all(Room *self)
{
    unsigned sent = 0;

    while (sent < SENT_OUTPUTS) {
        int n = sendmmsg(self->sender, self->messages + sent, SENT_OUTPUTS - sent, 0);

        if (n < 0)
            die("sendmmsg");
        sent += (unsigned)n;
    }
}

static void drain(Room *self)
{
    uint8_t buffer[SLOT];

    for (size_t i = 0; i < SENT_OUTPUTS; i++)
        while (recv(self->receivers[i], buffer, sizeof buffer, MSG_DONTWAIT) >= 0)
            ;
}

static void forward_ours(Room *self, size_t packet)
{
    uint8_t *slot = self->in + packet * SLOT;
    size_t len = self->lens[packet];
    SluiceKind kind;

    require_ok(sluice_transport_receive(self->speaker[SERVER], call_now(), slot, &len, &kind),
               "receive");
    for (size_t i = 0; i < SENT_OUTPUTS; i++)
        self->outputs[i].sequence_number++;
    if (sluice_fan_out(slot, len, self->outputs, SENT_OUTPUTS) != SENT_OUTPUTS)
        die("an output was refused");
    for (size_t i = 0; i < SENT_OUTPUTS; i++)
        self->parts[i].iov_len = self->outputs[i].len;
    send_all(self);
}

/* What one would write by hand; @inbound has the speaker's keys. */
static void forward_base(Room *self, size_t packet, srtp_t inbound)
{
    uint8_t *in = self->in + packet * SLOT;
    int plain = (int)self->lens[packet];

    require_srtp(srtp_unprotect(inbound, in, &plain));
    for (size_t i = 0; i < SENT_OUTPUTS; i++) {
        uint8_t *slot = self->slots + i * SLOT;
        const uint32_t ssrc = htonl(0x10000u + (uint32_t)i);
        int len = plain;

        memcpy(slot, in, (size_t)plain);
        packet_renumber(slot, self->bare_number);
        memcpy(slot + 8, &ssrc, sizeof ssrc);
        require_srtp(srtp_protect(self->bare[i], slot, &len));
        self->parts[i].iov_len = (size_t)len;
    }
    self->bare_number++;
    send_all(self);
}

typedef enum { OURS, BY_HAND, SENDING_ALONE, FORWARDERS } Forwarder;

/* Outputs a second of CPU time. The receivers are emptied off the clock, after each packet. */
static double time_forwarding(Room *self, size_t packets, Forwarder who, srtp_t inbound)
{
    double spent = 0;

    speak(self, packets, PAYLOAD_MAX);
    for (size_t i = 0; i < packets; i++) {
        double start = seconds_of_thread();

        if (who == OURS)
            forward_ours(self, i);
        else if (who == BY_HAND)
            forward_base(self, i, inbound);
        else
            send_all(self);
        spent += seconds_of_thread() - start;
        drain(self);
    }
    return (double)(packets * SENT_OUTPUTS) / spent;
}

static void compare_forwarding(Room *room, size_t rounds, unsigned percent)
{
    static double figures[FORWARDERS][ROUNDS_MAX];
    srtp_t inbound = bare_session_of(room->profile, room->speaker[SERVER], SLUICE_RECEIVED);
    size_t packets = 1 + 30 * (size_t)percent / 100;
    char text[96];

    packets = packets > PACKETS_MAX ? PACKETS_MAX : packets;
    open_sockets(room);
    room->ssrc++; /* a stream that all see from its beginning */
    room->number = 0;
    for (size_t i = 0; i <= rounds; i++)
        for (size_t j = 0; j < FORWARDERS; j++) {
            Forwarder who = (Forwarder)((i + j) % FORWARDERS);

            figures[who][i ? i - 1 : 0] = time_forwarding(room, packets, who, inbound);
        }
    close_sockets(room);
    srtp_dealloc(inbound);
    snprintf(text, sizeof text, "%s %d B, 1 -> %d and sendmmsg, vs libsrtp2 by hand",
             room->profile->name, PAYLOAD_MAX, SENT_OUTPUTS);
    report_rates("Y3b", text, "outputs/s", figures[OURS], figures[BY_HAND], rounds);
    snprintf(text, sizeof text, "%s %d B, 1 -> %d and sendmmsg, vs sendmmsg of the same alone",
             room->profile->name, PAYLOAD_MAX, SENT_OUTPUTS);
    report_rates("Y3b", text, "outputs/s", figures[OURS], figures[SENDING_ALONE], rounds);
}

int main(int argc, char **argv)
{
    static const Profile *const profiles[] = {&profile_cm80, &profile_gcm128};
    static const size_t fans[] = {1, 10, 100, OUTPUTS_MAX};
    static Room room;
    size_t rounds = 31;
    unsigned percent = 100;

    read_options(argc, argv, &rounds, &percent);
    pin_to_one_cpu();
    for (size_t i = 0; i < 2; i++) {
        room_open(&room, profiles[i]);
        for (size_t j = 0; j < sizeof fans / sizeof *fans; j++) {
            compare(&room, fans[j], 160, rounds, percent);
            compare(&room, fans[j], 1200, rounds, percent);
        }
        compare_forwarding(&room, rounds, percent);
        room_close(&room);
    }
    return 0;
}
