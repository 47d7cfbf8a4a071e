/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture-file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static uint32_t get_32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

int capture_file_make(void)
{
    int fd = memfd_create("capture", MFD_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

void capture_file_read(CaptureFile *self, int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    self->len = (size_t)status.st_size;
    self->offset = 0;
    self->bytes = malloc(self->len + 1);
    assert_non_null(self->bytes);
    assert_int_equal(pread(fd, self->bytes, self->len, 0), (ssize_t)self->len);
}

void capture_file_free(CaptureFile *self)
{
    free(self->bytes);
    memset(self, 0, sizeof *self);
}

int capture_file_next(CaptureFile *self, CaptureBlock *out)
{
    const uint8_t *at = self->bytes + self->offset;
    size_t left = self->len - self->offset, len;

    if (left == 0)
        return 0;
    assert_true(left >= 12);
    len = get_32(at + 4);
    assert_true(len >= 12 && len <= left && len % 4 == 0);
    assert_int_equal(get_32(at + len - 4), len);
    *out = (CaptureBlock){.type = get_32(at), .body = at + 8, .len = len - 12};
    self->offset += len;
    return 1;
}

static size_t padded(size_t len) { return (len + 3) / 4 * 4; }

const uint8_t *capture_option(const CaptureBlock *block, size_t at, unsigned code, size_t *len)
{
    while (at + 4 <= block->len) {
        unsigned found = block->body[at] | (unsigned)block->body[at + 1] << 8;

        *len = block->body[at + 2] | (size_t)block->body[at + 3] << 8;
        assert_true(at + 4 + padded(*len) <= block->len);
        if (found == code)
            return block->body + at + 4;
        if (found == 0)
            break;
        at += 4 + padded(*len);
    }
    return NULL;
}

CapturePacket capture_packet(const CaptureBlock *block)
{
    CapturePacket packet = {0};
    const uint8_t *flags;
    size_t len;

    assert_int_equal(block->type, BLOCK_PACKET);
    assert_true(block->len >= 20);
    packet.interface = get_32(block->body);
    packet.time = (uint64_t)get_32(block->body + 4) << 32 | get_32(block->body + 8);
    packet.captured = get_32(block->body + 12);
    packet.original = get_32(block->body + 16);
    packet.data = block->body + 20;
    assert_true(20 + padded(packet.captured) <= block->len);
    flags = capture_option(block, 20 + padded(packet.captured), 2, &len);
    assert_non_null(flags);
    assert_int_equal(len, 4);
    packet.flags = get_32(flags);
    return packet;
}
