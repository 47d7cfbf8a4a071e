/* SPDX-License-Identifier: BSD-3-Clause */

/* The blocks of draft-ietf-opsawg-pcapng, in little endian everywhere, so that a capture of virtual time is the same file
 * on each machine. */

#include <sluice/pcapng.h>
#include <sluice/version.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, PACKET = 6, SECRETS = 10 };
enum { OPTION_END = 0, IF_NAME = 2, IF_TSRESOL = 9, SHB_USERAPPL = 4, EPB_FLAGS = 2 };

#define LINKTYPE_RAW 101
#define LINKTYPE_WIRESHARK_UPPER_PDU 252
#define TLS_KEY_LOG 0x544c534b
#define INBOUND 1
#define OUTBOUND 2

/* The tags before an upper PDU (epan/exported_pdu.h of Wireshark), in network order. */
enum {
    TAG_END = 0,
    TAG_DISSECTOR = 12,
    TAG_IPV4_SRC = 20,
    TAG_IPV4_DST = 21,
    TAG_IPV6_SRC = 22,
    TAG_IPV6_DST = 23,
    TAG_PORT_TYPE = 24,
    TAG_SRC_PORT = 25,
    TAG_DST_PORT = 26
};
#define PORT_TYPE_NONE 0

/* What an IPv4 packet holds beside its two headers; more than that is cut. */
#define DATA_MAX (65535 - 28)
#define BLOCK_MAX (DATA_MAX + 256)

struct SluicePcapng {
    pthread_mutex_t lock; /* guards all of it */
    int fd, owns_fd;
    int error;
    SluicePcapngClock clock;
    void *clock_data;
    SluiceTime unix_time_of_zero, newest;
    size_t len; /* of the block that is being made */
    uint8_t block[BLOCK_MAX];
};

/* -- a block ------------------------------------------------------------------------------------------------ */

static void put(SluicePcapng *self, const void *bytes, size_t len)
{
    memcpy(self->block + self->len, bytes, len);
    self->len += len;
}

static void put_le(SluicePcapng *self, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        self->block[self->len++] = (uint8_t)(value >> 8 * i);
}

static void put_be(SluicePcapng *self, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0;)
        self->block[self->len++] = (uint8_t)(value >> 8 * i);
}

static void pad(SluicePcapng *self)
{
    while (self->len % 4)
        self->block[self->len++] = 0;
}

static void put_option(SluicePcapng *self, unsigned code, const void *value, size_t len)
{
    put_le(self, code, 2);
    put_le(self, len, 2);
    if (len)
        put(self, value, len);
    pad(self);
}

static void begin(SluicePcapng *self, uint32_t type)
{
    self->len = 0;
    put_le(self, type, 4);
    put_le(self, 0, 4); /* the length, once it is known */
}

/* One write a block: what a program that dies leaves behind is whole. */
static void end(SluicePcapng *self)
{
    size_t len = self->len + 4;
    ssize_t written;

    put_le(self, len, 4);
    self->len = 4;
    put_le(self, len, 4);
    if (self->error)
        return;
    do
        written = write(self->fd, self->block, len);
    while (written < 0 && errno == EINTR);
    if (written != (ssize_t)len)
        self->error = written < 0 ? errno : ENOSPC;
}

/* -- the head ----------------------------------------------------------------------------------------------- */

static void put_section(SluicePcapng *self)
{
    char name[64];
    int len = snprintf(name, sizeof name, "libsluice %s", sluice_version_string());

    begin(self, SECTION);
    put_le(self, 0x1a2b3c4d, 4);
    put_le(self, 1, 2);
    put_le(self, 0, 2);
    put_le(self, UINT64_MAX, 8); /* its length: not known */
    put_option(self, SHB_USERAPPL, name, (size_t)len);
    put_option(self, OPTION_END, NULL, 0);
    end(self);
}

static void put_interface(SluicePcapng *self, unsigned linktype, const char *name)
{
    static const uint8_t nanoseconds = 9;

    begin(self, INTERFACE);
    put_le(self, linktype, 2);
    put_le(self, 0, 2);
    put_le(self, 0, 4); /* no limit of our own */
    put_option(self, IF_NAME, name, strlen(name));
    put_option(self, IF_TSRESOL, &nanoseconds, 1);
    put_option(self, OPTION_END, NULL, 0);
    end(self);
}

/* -- addresses ---------------------------------------------------------------------------------------------- */

/* RFC 2544: addresses of no real network. A transport has a pair of its own. */
static void make_up(SluicePcapngPath *path, uint64_t id)
{
    *path = (SluicePcapngPath){.version = 4,
                               .local = {198, 18, (uint8_t)(id >> 8), (uint8_t)id},
                               .remote = {198, 19, (uint8_t)(id >> 8), (uint8_t)id}};
    path->local_port = path->remote_port = (uint16_t)(20000 + (id >> 16) % 40000);
}

typedef struct {
    const uint8_t *from, *to;
    uint16_t from_port, to_port;
    int version;
    size_t size; /* of an address */
} Way;

static Way way_of(const SluiceCapture *capture, const SluicePcapngPath *path)
{
    Way way = {.from = path->local,
               .to = path->remote,
               .from_port = path->local_port,
               .to_port = path->remote_port,
               .version = path->version,
               .size = path->version == 6 ? 16 : 4};

    if (capture->direction == SLUICE_RECEIVED) {
        way.from = path->remote;
        way.to = path->local;
        way.from_port = path->remote_port;
        way.to_port = path->local_port;
    }
    return way;
}

/* -- IP and UDP --------------------------------------------------------------------------------------------- */

/* RFC 1071 */
static uint32_t add_up(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void patch_be(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_ip(SluicePcapng *self, const Way *way, size_t udp_len)
{
    size_t start = self->len;

    if (way->version == 6) {
        put_be(self, 0x60000000, 4);
        put_be(self, udp_len, 2);
        put_be(self, 17, 1);
        put_be(self, 64, 1);
    } else {
        put_be(self, 0x4500, 2);
        put_be(self, 20 + udp_len, 2);
        put_be(self, 0x00004000, 4); /* not to be fragmented */
        put_be(self, 64, 1);
        put_be(self, 17, 1);
        put_be(self, 0, 2);
    }
    put(self, way->from, way->size);
    put(self, way->to, way->size);
    if (way->version == 4)
        patch_be(self->block + start + 10, fold(add_up(0, self->block + start, 20)));
}

static void put_udp(SluicePcapng *self, const Way *way, const uint8_t *data, size_t len)
{
    size_t start = self->len;
    uint32_t sum;

    put_be(self, way->from_port, 2);
    put_be(self, way->to_port, 2);
    put_be(self, 8 + len, 2);
    put_be(self, 0, 2); /* IPv4 may do without the sum, IPv6 not (RFC 8200 section 8.1) */
    if (len)
        put(self, data, len);
    if (way->version == 4)
        return;
    sum = add_up((uint32_t)(8 + len) + 17, way->from, way->size);
    sum = add_up(sum, way->to, way->size);
    sum = add_up(sum, self->block + start, 8 + len);
    patch_be(self->block + start + 6, fold(sum) ? fold(sum) : 0xffff);
}

/* -- upper PDUs --------------------------------------------------------------------------------------------- */

static void put_tag(SluicePcapng *self, unsigned tag, const void *value, size_t len)
{
    put_be(self, tag, 2);
    put_be(self, (len + 3) / 4 * 4, 2);
    put(self, value, len);
    pad(self);
}

static void put_tag_number(SluicePcapng *self, unsigned tag, uint32_t value)
{
    put_be(self, tag, 2);
    put_be(self, 4, 2);
    put_be(self, value, 4);
}

/* Of no port type: Wireshark knows by use_srtp that what goes from the one UDP port to the other is sealed. */
static void put_tags(SluicePcapng *self, const Way *way, SluiceKind kind)
{
    const char *dissector = kind == SLUICE_KIND_RTP ? "rtp" : "rtcp";

    put_tag(self, TAG_DISSECTOR, dissector, strlen(dissector));
    put_tag(self, way->version == 6 ? TAG_IPV6_SRC : TAG_IPV4_SRC, way->from, way->size);
    put_tag(self, way->version == 6 ? TAG_IPV6_DST : TAG_IPV4_DST, way->to, way->size);
    put_tag_number(self, TAG_PORT_TYPE, PORT_TYPE_NONE);
    put_tag_number(self, TAG_SRC_PORT, way->from_port);
    put_tag_number(self, TAG_DST_PORT, way->to_port);
    put_be(self, TAG_END, 4);
}

/* -- what is written ---------------------------------------------------------------------------------------- */

static SluiceTime time_of(SluicePcapng *self, const SluiceCapture *capture)
{
    SluiceTime time = capture->time;

    if (time == SLUICE_TIME_NEVER)
        time = self->clock ? self->clock(self->clock_data) : self->newest;
    if (time > self->newest)
        self->newest = time;
    return time + self->unix_time_of_zero;
}

static void put_packet(SluicePcapng *self, const SluiceCapture *capture, const Way *way)
{
    size_t len = capture->len < DATA_MAX ? capture->len : DATA_MAX, start;
    uint64_t time = (uint64_t)time_of(self, capture);
    uint8_t flags[4] = {capture->direction == SLUICE_RECEIVED ? INBOUND : OUTBOUND};

    begin(self, PACKET);
    put_le(self, capture->layer == SLUICE_CAPTURE_PLAIN, 4);
    put_le(self, time >> 32, 4);
    put_le(self, time & UINT32_MAX, 4);
    put_le(self, 0, 8); /* the lengths, once they are known */
    start = self->len;
    if (capture->layer == SLUICE_CAPTURE_PLAIN) {
        put_tags(self, way, capture->kind);
        put(self, capture->data, len);
    } else {
        put_ip(self, way, 8 + len);
        put_udp(self, way, capture->data, len);
    }
    len = self->len - start;
    self->len = start - 8;
    put_le(self, len, 4);
    put_le(self, len + (capture->len > DATA_MAX ? capture->len - DATA_MAX : 0), 4);
    self->len = start + len;
    pad(self);
    put_option(self, EPB_FLAGS, flags, sizeof flags);
    put_option(self, OPTION_END, NULL, 0);
    end(self);
}

SluiceStatus sluice_pcapng_write(SluicePcapng *self, const SluiceCapture *capture,
                                 const SluicePcapngPath *path)
{
    SluicePcapngPath made_up;
    int error;
    Way way;

    if (!self || !capture || (!capture->data && capture->len) ||
        (path && path->version != 4 && path->version != 6))
        return SLUICE_INVALID_ARGUMENT;
    if (!path) {
        make_up(&made_up, capture->transport_id);
        path = &made_up;
    }
    way = way_of(capture, path);
    pthread_mutex_lock(&self->lock);
    if (!self->error)
        put_packet(self, capture, &way);
    error = self->error;
    pthread_mutex_unlock(&self->lock);
    return error ? SLUICE_ENDED : SLUICE_OK;
}

void sluice_pcapng_capture(const SluiceCapture *capture, void *pcapng)
{
    (void)sluice_pcapng_write(pcapng, capture, NULL);
}

void sluice_pcapng_key_line(const char *line, void *pcapng)
{
    SluicePcapng *self = pcapng;
    size_t len = line ? strlen(line) : 0;

    if (!self || len == 0 || len > 4096)
        return;
    pthread_mutex_lock(&self->lock);
    begin(self, SECRETS);
    put_le(self, TLS_KEY_LOG, 4);
    put_le(self, len + 1, 4);
    put(self, line, len);
    put(self, "\n", 1);
    pad(self);
    end(self);
    OPENSSL_cleanse(self->block, len + 32);
    pthread_mutex_unlock(&self->lock);
}

/* -- life --------------------------------------------------------------------------------------------------- */

static SluicePcapng *make(int fd, int owns_fd)
{
    SluicePcapng *self = calloc(1, sizeof *self);
    int error;

    if (!self || (error = pthread_mutex_init(&self->lock, NULL)) != 0) {
        error = self ? error : ENOMEM;
        free(self);
        errno = error;
        return NULL;
    }
    self->fd = fd;
    put_section(self);
    put_interface(self, LINKTYPE_RAW, "wire");
    put_interface(self, LINKTYPE_WIRESHARK_UPPER_PDU, "plain");
    error = self->error;
    if (!error) {
        self->owns_fd = owns_fd;
        return self;
    }
    sluice_pcapng_free(self);
    errno = error;
    return NULL;
}

SluicePcapng *sluice_pcapng_new(int fd) { return make(fd, 0); }

SluicePcapng *sluice_pcapng_open(const char *path)
{
    SluicePcapng *self;
    struct stat status;
    int fd, error;

    if (!path) {
        errno = EINVAL;
        return NULL;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    /* A file that was there may have been open to others. */
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && fchmod(fd, 0600) != 0)
        self = NULL;
    else
        self = make(fd, 1);
    if (!self) {
        error = errno;
        close(fd);
        errno = error;
    }
    return self;
}

void sluice_pcapng_free(SluicePcapng *self)
{
    if (!self)
        return;
    if (self->owns_fd)
        close(self->fd);
    pthread_mutex_destroy(&self->lock);
    OPENSSL_cleanse(self, sizeof *self); /* the last packet, in clear */
    free(self);
}

void sluice_pcapng_set_clock(SluicePcapng *self, SluicePcapngClock clock, void *user_data,
                             SluiceTime unix_time_of_zero)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->clock = clock;
    self->clock_data = user_data;
    self->unix_time_of_zero = unix_time_of_zero;
    pthread_mutex_unlock(&self->lock);
}

int sluice_pcapng_get_error(SluicePcapng *self)
{
    int error;

    if (!self)
        return 0;
    pthread_mutex_lock(&self->lock);
    error = self->error;
    pthread_mutex_unlock(&self->lock);
    return error;
}
