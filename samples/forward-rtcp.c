/* SPDX-License-Identifier: BSD-3-Clause */
#include "forward-rtcp.h"

#include <string.h>

enum { SR = 200, RR = 201, SDES = 202, BYE = 203, RTPFB = 205, PSFB = 206 };
enum { NACK = 1, PLI = 1, FIR = 4 }; /* formats of RTPFB and PSFB */

#define NONE FORWARD_STREAMS

/* One packet of a compound (RFC 3550 section 6.1). */
typedef struct {
    const uint8_t *data;
    size_t len;
    unsigned type, count; /* of blocks, or the format */
    uint32_t ssrc;
} Part;

/* The next one of what is left, or FALSE. Padding belongs to the last and to nobody here. */
static gboolean next_part(const uint8_t **at, size_t *left, Part *part)
{
    size_t len = *left >= 8 ? 4 * ((size_t)forward_get16(*at + 2) + 1) : 0;

    if (len < 8 || len > *left || **at >> 6 != 2)
        return FALSE;
    *part = (Part){.data = *at,
                   .len = len,
                   .type = (*at)[1],
                   .count = **at & 31u,
                   .ssrc = forward_get32(*at + 4)};
    if (**at & 0x20) {
        size_t padding = (*at)[len - 1];

        if (padding % 4 != 0 || padding > len - 8)
            return FALSE;
        part->len -= padding;
    }
    *at += len;
    *left -= len;
    return TRUE;
}

static size_t find_stream(const ForwardStream *streams, uint32_t ssrc)
{
    for (size_t i = 0; i < FORWARD_STREAMS; i++)
        if (streams[i].live && streams[i].ssrc == ssrc)
            return i;
    return NONE;
}

static size_t find_leg(const ForwardStream *streams, const ForwardLeg *legs, uint32_t ssrc)
{
    for (size_t i = 0; i < FORWARD_STREAMS; i++)
        if (streams[i].live && legs[i].live && legs[i].ssrc == ssrc)
            return i;
    return NONE;
}

/* Its length field has to fit, and the padding bit is gone with the padding. */
static uint8_t *append(uint8_t *out, size_t *n, const uint8_t *data, size_t len)
{
    uint8_t *to = out + *n;

    if (len > FORWARD_RTCP_MAX - *n)
        return NULL;
    memcpy(to, data, len);
    to[0] &= (uint8_t)~0x20;
    forward_put16(to + 2, (uint16_t)(len / 4 - 1));
    *n += len;
    return to;
}

/* -- down --------------------------------------------------------------------------------------------------- */

/* RFC 3550 section 6.4.1. Its report blocks speak of what the publisher receives: they end here. */
static void sender_report(const ForwardLeg *leg, const Part *part, uint8_t *out, size_t *n)
{
    uint8_t *to = part->len >= 28 ? append(out, n, part->data, 28) : NULL;

    if (to == NULL)
        return;
    to[0] &= (uint8_t)~31;
    forward_put32(to + 4, leg->ssrc);
    forward_put32(to + 16, forward_get32(to + 16) + leg->timestamp_offset);
    forward_put32(to + 20, leg->packets);
    forward_put32(to + 24, leg->octets);
}

size_t forward_rtcp_down(const ForwardStream *streams, const ForwardLeg *legs,
                         const uint8_t *packet, size_t len, uint8_t out[FORWARD_RTCP_MAX])
{
    size_t n = 0;
    Part part;

    while (next_part(&packet, &len, &part)) {
        size_t i = find_stream(streams, part.ssrc);

        if (i == NONE || !legs[i].live)
            continue;
        if (part.type == SR) {
            sender_report(&legs[i], &part, out, &n);
        } else if ((part.type == SDES || part.type == BYE) && part.count == 1 && n > 0) {
            uint8_t *to = append(out, &n, part.data, part.len);

            if (to != NULL)
                forward_put32(to + 4, legs[i].ssrc);
        } else if (part.type == BYE && part.count == 1) {
            /* A compound begins with a report (RFC 3550 section 6.1). */
            static const uint8_t empty[8] = {0x80, RR};
            uint8_t *report = append(out, &n, empty, sizeof empty);
            uint8_t *to = report ? append(out, &n, part.data, part.len) : NULL;

            if (to != NULL) {
                forward_put32(report + 4, legs[i].ssrc);
                forward_put32(to + 4, legs[i].ssrc);
            }
        }
    }
    return n;
}

unsigned forward_rtcp_ended(const ForwardStream *streams, const uint8_t *packet, size_t len)
{
    unsigned ended = 0;
    Part part;

    while (next_part(&packet, &len, &part))
        for (size_t k = 0; part.type == BYE && k < part.count && 4 * k + 8 <= part.len; k++) {
            size_t i = find_stream(streams, forward_get32(part.data + 4 + 4 * k));

            ended |= i == NONE ? 0 : 1u << i;
        }
    return ended;
}

/* -- up ----------------------------------------------------------------------------------------------------- */

/* An empty report and a name, which a compound begins with (RFC 3550 section 6.1). */
static void begin(uint8_t *out, size_t *n, uint32_t own_ssrc)
{
    static const uint8_t head[] = {0x80, RR,   0,   1,   0,   0,   0,   0, /* */
                                   0x81, SDES, 0,   4,   0,   0,   0,   0, /* one chunk */
                                   1,    7,    'f', 'o', 'r', 'w', 'a', 'r',
                                   'd',  0,    0,   0}; /* CNAME */

    if (*n > 0)
        return;
    memcpy(out, head, sizeof head);
    forward_put32(out + 4, own_ssrc);
    forward_put32(out + 12, own_ssrc);
    *n = sizeof head;
}

static gboolean may_ask(ForwardStream *stream, SluiceTime now, ForwardMediaFigures *count)
{
    if (stream->asked_at != 0 && now - stream->asked_at < FORWARD_KEY_FRAME_PAUSE) {
        count->feedback_spared++;
        return FALSE;
    }
    stream->asked_at = now;
    return TRUE;
}

/* The stream that a piece of feedback is about. A FIR names it in its entry, the first of which is looked at. */
static size_t find_asked(const ForwardStream *streams, const ForwardLeg *legs, const Part *part)
{
    gboolean fir = part->type == PSFB && part->count == FIR;

    if (part->len < (fir ? 20 : 12))
        return NONE;
    return find_leg(streams, legs, forward_get32(part->data + (fir ? 12 : 8)));
}

/* The sequence numbers that were lost are the publisher's again. */
static void turn_back_nack(uint8_t *nack, size_t len, uint16_t offset)
{
    for (size_t at = 12; at + 4 <= len; at += 4)
        forward_put16(nack + at, (uint16_t)(forward_get16(nack + at) - offset));
}

size_t forward_rtcp_up(ForwardStream *streams, const ForwardLeg *legs, const uint8_t *packet,
                       size_t len, uint32_t own_ssrc, SluiceTime now, ForwardMediaFigures *count,
                       uint8_t out[FORWARD_RTCP_MAX])
{
    size_t n = 0;
    Part part;

    while (next_part(&packet, &len, &part)) {
        gboolean nack = part.type == RTPFB && part.count == NACK;
        gboolean fir = part.type == PSFB && part.count == FIR;
        gboolean pli = part.type == PSFB && part.count == PLI;
        size_t i = nack || fir || pli ? find_asked(streams, legs, &part) : NONE;
        uint8_t *to;

        if (i == NONE)
            continue;
        count->feedback_in++;
        if (!nack && !may_ask(&streams[i], now, count))
            continue;
        begin(out, &n, own_ssrc);
        to = append(out, &n, part.data, fir ? 20 : part.len);
        if (to == NULL)
            break;
        count->feedback_out++;
        forward_put32(to + 4, own_ssrc);
        forward_put32(to + (fir ? 12 : 8), streams[i].ssrc);
        if (nack)
            turn_back_nack(to, part.len, legs[i].sequence_offset);
    }
    return n;
}
