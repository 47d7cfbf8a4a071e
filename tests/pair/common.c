/* SPDX-License-Identifier: BSD-3-Clause */
#include "common.h"

static SluiceCertificate *certificates[2];

SluiceCertificate *certificate_of(int side)
{
    if (!certificates[side])
        assert_int_equal(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificates[side]),
                         SLUICE_OK);
    return certificates[side];
}

int free_certificates(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        sluice_certificate_unref(certificates[side]);
        certificates[side] = NULL;
    }
    return 0;
}

SluiceConfig *new_config(int side)
{
    SluiceConfig *config = sluice_config_new(certificate_of(side));

    assert_non_null(config);
    return config;
}

SluiceFingerprint fingerprint_of(SluiceCertificate *certificate, SluiceHash hash)
{
    SluiceFingerprint fingerprint;

    assert_status(sluice_certificate_get_fingerprint(certificate, hash, &fingerprint), SLUICE_OK);
    return fingerprint;
}

void open_with(Pair *pair, SluiceConfig *client, SluiceConfig *server)
{
    const LinkSettings settings = {.delay = 10 * MS};

    pair_open(pair, client, server, &settings, 1);
    assert_non_null(pair->end[CLIENT].transport);
    assert_non_null(pair->end[SERVER].transport);
    sluice_config_unref(client);
    sluice_config_unref(server);
}

void open_default(Pair *pair) { open_with(pair, new_config(CLIENT), new_config(SERVER)); }

void connect_within(Pair *pair, SluiceTime limit)
{
    pair_start_both(pair);
    if (!pair_run_until(pair, pair_both_connected, pair->begun + limit)) {
        print_message("# client %s (%s), server %s (%s)\n",
                      sluice_state_name(pair_state(pair, CLIENT)), reason_name(pair, CLIENT),
                      sluice_state_name(pair_state(pair, SERVER)), reason_name(pair, SERVER));
        fail_msg("not connected within %d ms", (int)(limit / MS));
    }
    assert_false(pair->spun);
}

void open_connected(Pair *pair)
{
    open_default(pair);
    connect_within(pair, 100 * MS);
}

const char *reason_name(const Pair *pair, int end)
{
    SluiceEnd why = pair_end(pair, end);

    return why.reason ? sluice_end_reason_name(why.reason) : "alive";
}

static void send_each_kind(Pair *pair, int end)
{
    uint32_t ssrc = 0x7a1c0000u + (unsigned)end;
    uint16_t sequence = (uint16_t)(pair_stats(pair, end).rtp_protected + 1);

    assert_status(pair_send_data(pair, end, "hello", 5), SLUICE_OK);
    if (pair_stats(pair, end).srtp_cipher == SLUICE_SRTP_NONE)
        return;
    assert_status(pair_send_media(pair, end, SLUICE_KIND_RTP, ssrc, sequence, 0x55, 160),
                  SLUICE_OK);
    assert_status(pair_send_media(pair, end, SLUICE_KIND_RTCP, ssrc, 0, 0x66, 20), SLUICE_OK);
}

void assert_talks(Pair *pair)
{
    static const SluiceKind kinds[] = {SLUICE_KIND_DATA, SLUICE_KIND_RTP, SLUICE_KIND_RTCP};
    size_t before[2][3];
    unsigned media = pair_stats(pair, CLIENT).srtp_cipher != SLUICE_SRTP_NONE;

    for (int end = 0; end < 2; end++)
        for (int i = 0; i < 3; i++)
            before[end][i] = pair_count(pair, end, kinds[i]);
    send_each_kind(pair, CLIENT);
    send_each_kind(pair, SERVER);
    pair_run(pair, SECOND);
    for (int end = 0; end < 2; end++)
        for (int i = 0; i < 3; i++)
            assert_int_equal(pair_count(pair, end, kinds[i]) - before[end][i], i == 0 ? 1 : media);
}

int has_state_event(const Pair *pair, int end, SluiceState state)
{
    for (size_t i = 0; i < pair->end[end].n_events; i++)
        if (pair->end[end].events[i].type == SLUICE_EVENT_STATE &&
            pair->end[end].events[i].u.state == state)
            return 1;
    return 0;
}

const SluiceAlert *alert_event(const Pair *pair, int end, SluiceDirection direction)
{
    for (size_t i = 0; i < pair->end[end].n_events; i++) {
        const SluiceEvent *event = &pair->end[end].events[i];

        if (event->type == SLUICE_EVENT_ALERT && event->u.alert.direction == direction)
            return &event->u.alert;
    }
    return NULL;
}

int lose_by_mask(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    const uint64_t *mask = context;

    (void)now;
    (void)data;
    (void)len;
    return number > 64 || !((*mask >> (number - 1)) & 1);
}

int lose_until(void *context, uint64_t number, SluiceTime now, uint8_t *data, size_t len)
{
    const SluiceTime *until = context;

    (void)number;
    (void)data;
    (void)len;
    return now >= *until;
}

size_t largest_sent(const Pair *pair, int end)
{
    size_t largest = 0;

    for (size_t i = 0; i < pair->end[end].n_sent; i++)
        if (pair->end[end].sent[i].len > largest)
            largest = pair->end[end].sent[i].len;
    return largest;
}
