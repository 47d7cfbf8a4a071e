/* SPDX-License-Identifier: BSD-3-Clause */
#include "threads.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

void must_have_held(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, condition);
    abort();
}

void must_have_been(const char *file, int line, const char *call, SluiceStatus status,
                    SluiceStatus expected)
{
    if (status == expected)
        return;
    fprintf(stderr, "%s:%d: %s is %s, not %s\n", file, line, call, sluice_status_text(status),
            sluice_status_text(expected));
    abort();
}

void run_threads(size_t n, void *(*body)(void *), void *arguments, size_t size)
{
    pthread_t threads[16];

    must(n <= sizeof threads / sizeof threads[0]);
    for (size_t i = 0; i < n; i++)
        must(pthread_create(&threads[i], NULL, body, (char *)arguments + i * size) == 0);
    for (size_t i = 0; i < n; i++)
        must(pthread_join(threads[i], NULL) == 0);
}

static void introduce(HandPair *self, int end, SluiceConfig *config, SluiceConfig *peer)
{
    SluiceFingerprint fingerprint;

    self->end[end] = sluice_transport_new(config);
    must(self->end[end] != NULL);
    must_be(sluice_certificate_get_fingerprint(sluice_config_get_certificate(peer),
                                               SLUICE_HASH_SHA256, &fingerprint),
            SLUICE_OK);
    must_be(sluice_transport_set_remote_fingerprints(self->end[end], self->now, &fingerprint, 1),
            SLUICE_OK);
    must_be(sluice_transport_set_path_validated(self->end[end], self->now, 1), SLUICE_OK);
    must_be(sluice_transport_start(self->end[end], self->now,
                                   end == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER),
            SLUICE_OK);
}

void hand_pair_open(HandPair *self, SluiceConfig *client, SluiceConfig *server)
{
    self->now = vclock_now();
    introduce(self, CLIENT, client, server);
    introduce(self, SERVER, server, client);
}

unsigned hand_pair_carry(HandPair *self, int from, int (*lose)(void *context), void *context)
{
    const uint8_t *data;
    _Alignas(8) uint8_t copy[2000];
    unsigned carried = 0;
    SluiceKind kind;
    SluiceEvent event;
    size_t len;

    while (sluice_transport_peek_output(self->end[from], &data, &len)) {
        must(len <= sizeof copy);
        memcpy(copy, data, len);
        must_be(sluice_transport_pop_output(self->end[from], self->now, SLUICE_SENT), SLUICE_OK);
        carried++;
        if (!lose || !lose(context))
            (void)sluice_transport_receive(self->end[!from], self->now, copy, &len, &kind);
    }
    while (sluice_transport_next_event(self->end[!from], &event))
        ;
    return carried;
}

static int is_connected(const HandPair *self, int end)
{
    return sluice_transport_get_state(self->end[end]) == SLUICE_STATE_CONNECTED;
}

void hand_pair_connect(HandPair *self)
{
    for (int round = 0; round < 4; round++) {
        hand_pair_carry(self, CLIENT, NULL, NULL);
        hand_pair_carry(self, SERVER, NULL, NULL);
    }
    must(is_connected(self, CLIENT) && is_connected(self, SERVER));
}

void hand_pair_send_media(HandPair *self, int from, SluiceKind kind, uint32_t ssrc,
                          uint16_t sequence)
{
    _Alignas(8) uint8_t packet[12 + 64 + SLUICE_PROTECT_ROOM], plain[12 + 64];
    size_t len = pair_make_media(packet, kind, ssrc, sequence, (uint8_t)sequence, 64);
    size_t plain_len = len;
    SluiceKind got;

    memcpy(plain, packet, len);
    must_be(sluice_transport_protect(self->end[from], kind, packet, &len, sizeof packet),
            SLUICE_OK);
    must_be(sluice_transport_receive(self->end[!from], self->now, packet, &len, &got), SLUICE_OK);
    must(got == kind && len == plain_len && memcmp(packet, plain, len) == 0);
}

void hand_pair_send_data(HandPair *self, int from)
{
    SluiceMessage message;

    must_be(sluice_transport_send_data(self->end[from], self->now, (const uint8_t *)"hello", 5),
            SLUICE_OK);
    hand_pair_carry(self, from, NULL, NULL);
    must(sluice_transport_peek_message(self->end[!from], &message));
    must(message.kind == SLUICE_KIND_DATA && message.len == 5 &&
         memcmp(message.data, "hello", 5) == 0);
    must_be(sluice_transport_pop_message(self->end[!from]), SLUICE_OK);
}

void hand_pair_free(HandPair *self)
{
    for (int end = 0; end < 2; end++) {
        sluice_transport_free(self->end[end]);
        self->end[end] = NULL;
    }
}
