/* SPDX-License-Identifier: BSD-3-Clause */
#include "datagram-bio.h"

#include "bio-method.h"

#include <openssl/bio.h>

#include <limits.h>
#include <string.h>

static int bio_write(BIO *bio, const char *data, int len)
{
    SlDatagramBio *self = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    self->write(self->context, (const uint8_t *)data, (size_t)len);
    return len;
}

static int bio_read(BIO *bio, char *buffer, int capacity)
{
    SlDatagramBio *self = BIO_get_data(bio);
    size_t n;

    BIO_clear_retry_flags(bio);
    if (!self->in || capacity <= 0) {
        /* Anything but "retry" would be taken for the end of the connection. */
        BIO_set_retry_read(bio);
        return -1;
    }
    n = self->in_len < (size_t)capacity ? self->in_len : (size_t)capacity;
    memcpy(buffer, self->in, n);
    self->in = NULL;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    SlDatagramBio *self = BIO_get_data(bio);

    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return (long)self->mtu;
    case BIO_CTRL_DGRAM_SET_MTU:
        self->mtu = (size_t)number;
        return number;
    default:
        /* 0 is the only safe answer to what we do not know: 1 to a kernel-TLS question crashes libssl 3.0. */
        return 0;
    }
}

static SlBioMethod method = {
    .name = "sluice datagram", .write = bio_write, .read = bio_read, .ctrl = bio_ctrl};

BIO *sl_datagram_bio_new(SlDatagramBio *state) { return sl_bio_new(&method, state); }
