/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_CAPTURE_FILE_H
#define SUPPORT_CAPTURE_FILE_H

/* A reader of capture files (pcapng) as the library writes them, made from the format's description alone. */

#include <stddef.h>
#include <stdint.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, BLOCK_SECRETS = 10 };

typedef struct {
    uint32_t type;
    const uint8_t *body; /* between the two lengths */
    size_t len;
} CaptureBlock;

/* Of a block of type packet. */
typedef struct {
    uint32_t interface, captured, original, flags; /* flags: 1 inbound, 2 outbound */
    uint64_t time;
    const uint8_t *data;
} CapturePacket;

typedef struct {
    uint8_t *bytes;
    size_t len;
    size_t offset; /* of the next block */
} CaptureFile;

/* A file without a name, for sluice_pcapng_new(). */
int capture_file_make(void);

/* All that is in it by now. */
void capture_file_read(CaptureFile *self, int fd);
void capture_file_free(CaptureFile *self);

/* 1: *out is the next block; 0: the end. What is no block fails the test. */
int capture_file_next(CaptureFile *self, CaptureBlock *out);

/* The parts of a packet block. */
CapturePacket capture_packet(const CaptureBlock *block);

/* The value of an option behind @at bytes of the body, or NULL. */
const uint8_t *capture_option(const CaptureBlock *block, size_t at, unsigned code, size_t *len);

#endif
