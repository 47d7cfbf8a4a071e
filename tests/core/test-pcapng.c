/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: a capture file is made of whole blocks (draft-ietf-opsawg-pcapng), byte by byte the same for the same packets; the
 * headers that are made up are right by their sums; a file of keys is its owner's alone; a descriptor that fails ends it,
 * and no packet or line that comes can break it. */

#include "capture-file.h"

#include <sluice/pcapng.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t payload[] = {0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 'a', 'b', 'c'};

static SluiceCapture packet_of(SluiceCaptureLayer layer, SluiceDirection direction, SluiceTime time)
{
    return (SluiceCapture){.transport_id = 0x1f0203,
                           .layer = layer,
                           .direction = direction,
                           .kind = SLUICE_KIND_RTP,
                           .time = time,
                           .data = payload,
                           .len = sizeof payload};
}

static unsigned be_16(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

/* RFC 1071: 0xffff over what carries its own sum. */
static unsigned sum_of(unsigned long sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (unsigned long)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (unsigned)sum;
}

/* The head: a section, interface 0 of raw IP, interface 1 of PDUs that name their dissector. */
static void read_head(CaptureFile *file)
{
    static const struct {
        unsigned linktype;
        const char *name;
    } interfaces[] = {{101, "wire"}, {252, "plain"}};
    CaptureBlock block;
    const uint8_t *value;
    size_t len;

    assert_true(capture_file_next(file, &block));
    assert_int_equal(block.type, BLOCK_SECTION);
    assert_memory_equal(block.body, "\x4d\x3c\x2b\x1a\x01\x00\x00\x00", 8);
    for (size_t i = 0; i < 2; i++) {
        assert_true(capture_file_next(file, &block));
        assert_int_equal(block.type, BLOCK_INTERFACE);
        assert_int_equal(block.body[0] | block.body[1] << 8, interfaces[i].linktype);
        value = capture_option(&block, 8, 2, &len);
        assert_non_null(value);
        assert_int_equal(len, strlen(interfaces[i].name));
        assert_memory_equal(value, interfaces[i].name, len);
        value = capture_option(&block, 8, 9, &len);
        assert_non_null(value);
        assert_int_equal(value[0], 9); /* nanoseconds */
    }
}

static CapturePacket read_packet(CaptureFile *file)
{
    CaptureBlock block;

    assert_true(capture_file_next(file, &block));
    return capture_packet(&block);
}

static CaptureFile written(int fd)
{
    CaptureFile file;

    capture_file_read(&file, fd);
    read_head(&file);
    return file;
}

static void test_wire_ipv4(void **state)
{
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_WIRE, SLUICE_RECEIVED, 7000000123);
    int fd = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);
    CaptureFile file;
    CapturePacket packet;

    (void)state;
    assert_int_equal(sluice_pcapng_write(self, &capture, NULL), SLUICE_OK);
    file = written(fd);
    packet = read_packet(&file);
    assert_int_equal(packet.interface, 0);
    assert_int_equal(packet.time, 7000000123);
    assert_int_equal(packet.flags, 1);
    assert_int_equal(packet.captured, 28 + sizeof payload);
    assert_int_equal(packet.original, packet.captured);
    assert_int_equal(packet.data[0], 0x45);
    assert_int_equal(be_16(packet.data + 2), packet.captured);
    assert_int_equal(packet.data[9], 17);
    assert_int_equal(sum_of(0, packet.data, 20), 0xffff);
    /* The transport's number is in both addresses and in the port: 31 << 16, 2 << 8, 3. */
    assert_memory_equal(packet.data + 12, "\xc6\x13\x02\x03\xc6\x12\x02\x03", 8);
    assert_int_equal(be_16(packet.data + 20), 20031);
    assert_int_equal(be_16(packet.data + 24), 8 + sizeof payload);
    assert_memory_equal(packet.data + 28, payload, sizeof payload);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    assert_int_equal(close(fd), 0); /* it was ours, and is still open */
}

static const SluicePcapngPath path_6 = {.version = 6,
                                        .local = {0xfd, [15] = 1},
                                        .remote = {0xfd, [15] = 2},
                                        .local_port = 1000,
                                        .remote_port = 2000};

static void test_wire_ipv6(void **state)
{
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, 1);
    int fd = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);
    CaptureFile file;
    CapturePacket packet;
    size_t udp = 8 + sizeof payload;

    (void)state;
    assert_int_equal(sluice_pcapng_write(self, &capture, &path_6), SLUICE_OK);
    file = written(fd);
    packet = read_packet(&file);
    assert_int_equal(packet.flags, 2);
    assert_int_equal(packet.captured, 40 + udp);
    assert_int_equal(packet.data[0], 0x60);
    assert_int_equal(be_16(packet.data + 4), udp);
    assert_memory_equal(packet.data + 8, path_6.local, 16);
    assert_memory_equal(packet.data + 24, path_6.remote, 16);
    assert_int_equal(be_16(packet.data + 40), 1000);
    assert_int_equal(be_16(packet.data + 42), 2000);
    /* RFC 8200 section 8.1: the addresses, the length and the protocol count. */
    assert_int_equal(sum_of(udp + 17, packet.data + 8, 32 + udp), 0xffff);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    close(fd);
}

/* The tags that tell Wireshark which dissector to take; RTP and RTCP differ in nothing else. */
static void test_plain(void **state)
{
    static const uint8_t expected[] =
        "\0\x0c\0\4rtp\0\0\x14\0\4\xc6\x12\2\3\0\x15\0\4\xc6\x13\2\3\0\x18\0\4\0\0\0\0"
        "\0\x19\0\4\0\0\x4e\x3f\0\x1a\0\4\0\0\x4e\x3f\0\0\0";
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_PLAIN, SLUICE_SENT_OUT, 5);
    int fd = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);
    CaptureFile file;
    CapturePacket packet;

    (void)state;
    assert_int_equal(sluice_pcapng_write(self, &capture, NULL), SLUICE_OK);
    capture.kind = SLUICE_KIND_RTCP;
    assert_int_equal(sluice_pcapng_write(self, &capture, &path_6), SLUICE_OK);
    file = written(fd);
    packet = read_packet(&file);
    assert_int_equal(packet.interface, 1);
    assert_int_equal(packet.captured, sizeof expected + sizeof payload);
    assert_memory_equal(packet.data, expected, sizeof expected);
    assert_memory_equal(packet.data + sizeof expected, payload, sizeof payload);
    packet = read_packet(&file);
    assert_memory_equal(packet.data + 4, "rtcp\0\x16\0\x10", 8);
    assert_memory_equal(packet.data + 12, path_6.local, 16);
    assert_int_equal(packet.captured, sizeof expected + 24 + sizeof payload);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    close(fd);
}

static void test_secrets(void **state)
{
    int fd = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);
    char *long_line = malloc(5000);
    CaptureFile file;
    CaptureBlock block;

    (void)state;
    memset(long_line, 'x', 4999);
    long_line[4999] = '\0';
    sluice_pcapng_key_line("CLIENT_RANDOM 01 02", self);
    sluice_pcapng_key_line("", self);
    sluice_pcapng_key_line(long_line, self); /* no line of a key log is half as long */
    file = written(fd);
    assert_true(capture_file_next(&file, &block));
    assert_int_equal(block.type, BLOCK_SECRETS);
    assert_int_equal(block.len, 28);
    assert_memory_equal(block.body, "KSLT\x14\0\0\0CLIENT_RANDOM 01 02\n", 28);
    assert_false(capture_file_next(&file, &block));
    capture_file_free(&file);
    sluice_pcapng_free(self);
    free(long_line);
    close(fd);
}

static SluiceTime steps(void *user_data) { return ++*(SluiceTime *)user_data; }

static void test_times(void **state)
{
    static const SluiceTime expected[] = {9, 9, 5, 9}, with_clock[] = {1001, 1042, 1002};
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, 0);
    const SluiceTime given[] = {9, SLUICE_TIME_NEVER, 5, SLUICE_TIME_NEVER};
    SluiceTime clock = 0;
    int fd = capture_file_make(), other = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);
    CaptureFile file;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        capture.time = given[i];
        sluice_pcapng_write(self, &capture, NULL);
    }
    file = written(fd);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(read_packet(&file).time, expected[i]);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    close(fd);

    self = sluice_pcapng_new(other);
    sluice_pcapng_set_clock(self, steps, &clock, 1000);
    for (int i = 0; i < 3; i++) {
        capture.time = i == 1 ? 42 : SLUICE_TIME_NEVER;
        sluice_pcapng_write(self, &capture, NULL);
    }
    file = written(other);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(read_packet(&file).time, with_clock[i]);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    close(other);
}

/* No datagram is longer than that, but the contract has no limit. */
static void test_sizes(void **state)
{
    static uint8_t large[70000];
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, 0);
    int fd = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);
    CapturePacket packet;
    CaptureFile file;

    (void)state;
    capture.data = large;
    capture.len = sizeof large;
    assert_int_equal(sluice_pcapng_write(self, &capture, &path_6), SLUICE_OK);
    capture.layer = SLUICE_CAPTURE_PLAIN;
    assert_int_equal(sluice_pcapng_write(self, &capture, &path_6), SLUICE_OK);
    capture.data = NULL;
    capture.len = 0;
    capture.layer = SLUICE_CAPTURE_WIRE;
    assert_int_equal(sluice_pcapng_write(self, &capture, NULL), SLUICE_OK);
    file = written(fd);
    packet = read_packet(&file);
    assert_int_equal(packet.captured, 40 + 8 + 65507);
    assert_int_equal(packet.original, 40 + 8 + sizeof large);
    packet = read_packet(&file);
    assert_int_equal(packet.original - packet.captured, sizeof large - 65507);
    assert_int_equal(read_packet(&file).captured, 28);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    close(fd);
}

static void test_file_mode(void **state)
{
    char path[64];
    int fd;
    SluicePcapng *self;
    CaptureFile file;
    struct stat status;

    (void)state;
    snprintf(path, sizeof path, "test-pcapng.%ld", (long)getpid());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0644);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0644), 0);
    assert_int_equal(write(fd, "what was there", 14), 14);
    self = sluice_pcapng_open(path);
    assert_non_null(self);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    file = written(fd);
    capture_file_free(&file);
    sluice_pcapng_free(self);
    assert_int_equal(unlink(path), 0);
    close(fd);

    self = sluice_pcapng_open(path); /* a new one, whatever the mask */
    assert_non_null(self);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    sluice_pcapng_free(self);
    unlink(path);
    errno = 0;
    assert_null(sluice_pcapng_open("/nonexistent/folder/file"));
    assert_int_equal(errno, ENOENT);
    assert_null(sluice_pcapng_open(NULL));
    assert_int_equal(errno, EINVAL);
}

/* A full disk: what is there stays whole, the rest is refused, the program hears of it. */
static void test_write_fails(void **state)
{
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, 0);
    int full = open("/dev/full", O_WRONLY), fd = capture_file_make(), read_only;
    char name[64];
    SluicePcapng *self;
    CaptureBlock block;
    CaptureFile file;

    (void)state;
    assert_true(full >= 0);
    errno = 0;
    assert_null(sluice_pcapng_new(full));
    assert_int_equal(errno, ENOSPC);
    close(full);

    self = sluice_pcapng_new(fd);
    assert_int_equal(sluice_pcapng_get_error(self), 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    read_only = open(name, O_RDONLY);
    assert_true(read_only >= 0);
    file = written(fd);
    capture_file_free(&file);
    assert_int_equal(dup2(read_only, fd), fd);
    assert_int_equal(sluice_pcapng_write(self, &capture, NULL), SLUICE_ENDED);
    assert_int_equal(sluice_pcapng_get_error(self), EBADF);
    assert_int_equal(sluice_pcapng_write(self, &capture, NULL), SLUICE_ENDED);
    sluice_pcapng_key_line("CLIENT_RANDOM 01 02", self);
    file = written(read_only);
    assert_false(capture_file_next(&file, &block));
    capture_file_free(&file);
    sluice_pcapng_free(self);
    close(read_only);
    close(fd);
}

static void test_misuse(void **state)
{
    SluiceCapture capture = packet_of(SLUICE_CAPTURE_WIRE, SLUICE_SENT_OUT, 0);
    SluicePcapngPath path = path_6;
    int fd = capture_file_make();
    SluicePcapng *self = sluice_pcapng_new(fd);

    (void)state;
    assert_int_equal(sluice_pcapng_write(NULL, &capture, NULL), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_pcapng_write(self, NULL, NULL), SLUICE_INVALID_ARGUMENT);
    path.version = 5;
    assert_int_equal(sluice_pcapng_write(self, &capture, &path), SLUICE_INVALID_ARGUMENT);
    capture.data = NULL;
    assert_int_equal(sluice_pcapng_write(self, &capture, NULL), SLUICE_INVALID_ARGUMENT);
    sluice_pcapng_key_line(NULL, self);
    sluice_pcapng_key_line("x", NULL);
    sluice_pcapng_capture(NULL, self);
    sluice_pcapng_set_clock(NULL, NULL, NULL, 0);
    assert_int_equal(sluice_pcapng_get_error(NULL), 0);
    sluice_pcapng_free(NULL);
    errno = 0;
    assert_null(sluice_pcapng_new(-1));
    assert_int_equal(errno, EBADF);
    sluice_pcapng_free(self);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_ipv4), cmocka_unit_test(test_wire_ipv6),
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_times),     cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_file_mode), cmocka_unit_test(test_write_fails),
        cmocka_unit_test(test_misuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
