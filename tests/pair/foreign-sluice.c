/* SPDX-License-Identifier: BSD-3-Clause */

/* Our own library as the peer, for comparison. */

#include "foreign.h"

#include <stdlib.h>

typedef struct {
    Foreign *foreign;
    SluiceRole role;
    SluiceTransport *transport;
} Sluice;

static void drain(Sluice *self)
{
    const uint8_t *data;
    size_t len;

    while (sluice_transport_peek_output(self->transport, &data, &len)) {
        foreign_send(self->foreign, data, len);
        sluice_transport_pop_output(self->transport, vclock_now(), SLUICE_SENT);
    }
}

static void *open_sluice(Foreign *foreign, SluiceRole ours, const char *groups, uint64_t options)
{
    SluiceFingerprint fingerprint = fingerprint_of(certificate_of(CLIENT), SLUICE_HASH_SHA256);
    SluiceConfig *config = new_config(SERVER);
    Sluice *self = calloc(1, sizeof *self);

    (void)groups;
    (void)options;
    assert_non_null(self);
    self->foreign = foreign;
    self->role = ours == SLUICE_ROLE_CLIENT ? SLUICE_ROLE_SERVER : SLUICE_ROLE_CLIENT;
    self->transport = sluice_transport_new(config);
    sluice_config_unref(config);
    sluice_transport_set_path_validated(self->transport, vclock_now(), 1);
    sluice_transport_set_remote_fingerprints(self->transport, vclock_now(), &fingerprint, 1);
    return self;
}

static void close_sluice(void *peer)
{
    sluice_transport_free(((Sluice *)peer)->transport);
    free(peer);
}

static void start_sluice(void *peer)
{
    Sluice *self = peer;

    assert_status(sluice_transport_start(self->transport, vclock_now(), self->role), SLUICE_OK);
    drain(self);
}

static void receive_sluice(void *peer, const uint8_t *data, size_t len)
{
    Sluice *self = peer;
    uint8_t copy[2048];
    SluiceKind kind;

    assert_true(len <= sizeof copy);
    memcpy(copy, data, len);
    (void)sluice_transport_receive(self->transport, vclock_now(), copy, &len, &kind);
    drain(self);
}

static SluiceTime sluice_next_timeout(void *peer)
{
    return sluice_transport_next_timeout(((Sluice *)peer)->transport);
}

static void sluice_handle_timeout(void *peer)
{
    Sluice *self = peer;

    (void)sluice_transport_handle_timeout(self->transport, vclock_now());
    drain(self);
}

static int sluice_is_finished(void *peer)
{
    return sluice_transport_get_state(((Sluice *)peer)->transport) == SLUICE_STATE_CONNECTED;
}

static int sluice_last_alert(void *peer)
{
    SluiceEnd end;

    return sluice_transport_get_end(((Sluice *)peer)->transport, &end) == SLUICE_OK &&
                   end.alert_received
               ? end.alert
               : -1;
}

const ForeignLibrary foreign_sluice = {.name = "libsluice",
                                       .open = open_sluice,
                                       .close = close_sluice,
                                       .start = start_sluice,
                                       .receive = receive_sluice,
                                       .next_timeout = sluice_next_timeout,
                                       .handle_timeout = sluice_handle_timeout,
                                       .is_finished = sluice_is_finished,
                                       .last_alert = sluice_last_alert};
