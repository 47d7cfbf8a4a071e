/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the capture file of a call has its secrets before what needs them, the same blocks for the same call, and is whole
 * when several threads write to it. */

#include "capture-file.h"
#include "common.h"

#include <pthread.h>
#include <unistd.h>

static SluiceTime virtual_now(void *user_data)
{
    (void)user_data;
    return vclock_now();
}

/* A pair of which @end writes a file. */
static SluicePcapng *open_filed(Pair *pair, int end, int fd)
{
    SluiceConfig *configs[2] = {new_config(CLIENT), new_config(SERVER)};
    SluicePcapng *file = sluice_pcapng_new(fd);

    assert_non_null(file);
    sluice_pcapng_set_clock(file, virtual_now, NULL, 0);
    sluice_config_set_capture(configs[end], sluice_pcapng_capture, file, NULL);
    sluice_config_set_keylog(configs[end], sluice_pcapng_key_line, file, NULL);
    open_with(pair, configs[0], configs[1]);
    return file;
}

/* 1 if the datagram of a wire packet (raw IPv4) has a record under the keys. */
static int needs_secrets(const CapturePacket *packet)
{
    const uint8_t *data = packet->data + 28;
    size_t len = packet->captured - 28, at = 0;

    if (sluice_classify(data, len) != SLUICE_KIND_DTLS)
        return 0;
    while (at + 13 <= len) {
        if (data[at + 3] || data[at + 4])
            return 1;
        at += 13 + ((size_t)data[at + 11] << 8 | data[at + 12]);
    }
    return 0;
}

typedef struct {
    unsigned secrets, plain, wire, sealed;
    uint64_t first, last;
} Summary;

static Summary summarise(int fd)
{
    CaptureFile file;
    CaptureBlock block;
    Summary summary = {0};

    capture_file_read(&file, fd);
    while (capture_file_next(&file, &block)) {
        CapturePacket packet;

        summary.secrets += block.type == BLOCK_SECRETS;
        if (block.type != BLOCK_PACKET)
            continue;
        packet = capture_packet(&block);
        if (packet.interface == 1) {
            summary.plain++;
        } else {
            summary.wire++;
            if (needs_secrets(&packet)) {
                summary.sealed++;
                assert_true(summary.secrets > 0);
            }
        }
        if (!summary.first)
            summary.first = packet.time;
        assert_true(packet.time >= summary.last);
        summary.last = packet.time;
    }
    capture_file_free(&file);
    return summary;
}

static void file_of(int end)
{
    int fd = capture_file_make();
    Pair pair;
    SluicePcapng *file = open_filed(&pair, end, fd);
    SluiceTime begun;
    Summary summary;

    connect_within(&pair, 100 * MS);
    begun = pair.begun;
    assert_talks(&pair); /* media of two kinds and a message, each way */
    pair_close(&pair);
    summary = summarise(fd);
    assert_int_equal(summary.secrets, 1);
    assert_int_equal(summary.plain, 4);
    assert_int_equal(summary.wire, 4 + 4 + 2);
    assert_int_equal(summary.sealed, 2 + 2);
    assert_int_equal(summary.first, begun + (end == SERVER ? 10 * MS : 0));
    sluice_pcapng_free(file);
    close(fd);
}

static void test_file_of_the_client(void **state)
{
    (void)state;
    file_of(CLIENT);
}

/* Its secrets are known when flight 5 is read, which ends with a record under the keys. */
static void test_file_of_the_server(void **state)
{
    (void)state;
    file_of(SERVER);
}

/* The same call once more is the same file but for what is random: the same blocks, times and sizes. */
static void test_file_is_deterministic(void **state)
{
    CaptureFile files[2];
    CaptureBlock a, b;
    SluiceTime begun[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd = capture_file_make();
        Pair pair;
        SluicePcapng *file = open_filed(&pair, SERVER, fd);

        connect_within(&pair, 100 * MS);
        begun[i] = pair.begun;
        for (uint16_t n = 0; n < 10; n++)
            pair_send_media(&pair, n % 2, SLUICE_KIND_RTP, 1, n, 1, 160);
        pair_run(&pair, SECOND);
        pair_close(&pair);
        capture_file_read(&files[i], fd);
        sluice_pcapng_free(file);
        close(fd);
    }
    while (capture_file_next(&files[0], &a)) {
        assert_true(capture_file_next(&files[1], &b));
        assert_int_equal(a.type, b.type);
        if (a.type != BLOCK_PACKET)
            continue;
        assert_int_equal(capture_packet(&a).time - (uint64_t)begun[0],
                         capture_packet(&b).time - (uint64_t)begun[1]);
        assert_int_equal(capture_packet(&a).flags, capture_packet(&b).flags);
    }
    assert_false(capture_file_next(&files[1], &b));
    for (int i = 0; i < 2; i++)
        capture_file_free(&files[i]);
}

#define SENDERS 3
#define EACH 200

static void *send_many(void *data)
{
    SluiceTransport *transport = data;
    static _Atomic uint32_t next_ssrc = 100;
    uint32_t ssrc = next_ssrc++;
    _Alignas(8) uint8_t packet[400];

    for (uint16_t i = 0; i < EACH; i++) {
        size_t len = pair_make_media(packet, SLUICE_KIND_RTP, ssrc, i, 1, 160);

        if (sluice_transport_protect(transport, SLUICE_KIND_RTP, packet, &len, sizeof packet) !=
            SLUICE_OK)
            return transport;
    }
    return NULL;
}

/* The owner receives while others protect; both ends write to one file. */
static void test_file_of_threads(void **state)
{
    int fd = capture_file_make();
    pthread_t threads[SENDERS];
    Pair pair;
    SluicePcapng *file = open_filed(&pair, CLIENT, fd);
    Summary summary;
    void *failed;

    (void)state;
    sluice_pcapng_set_clock(file, NULL, NULL, 0);
    connect_within(&pair, 100 * MS);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, pair.end[CLIENT].transport),
                         0);
    for (uint16_t i = 0; i < EACH; i++) {
        pair_send_media(&pair, SERVER, SLUICE_KIND_RTP, 1, i, 1, 160);
        pair_run(&pair, 10 * MS);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    pair_close(&pair);
    summary = summarise(fd);
    assert_int_equal(summary.plain, (SENDERS + 1) * EACH);
    assert_int_equal(summary.wire, 4 + (SENDERS + 1) * EACH);
    sluice_pcapng_free(file);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_of_the_client),
        cmocka_unit_test(test_file_of_the_server),
        cmocka_unit_test(test_file_is_deterministic),
        cmocka_unit_test(test_file_of_threads),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
