/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SUPPORT_LINK_H
#define SUPPORT_LINK_H

/* An emulated one-way network path for datagrams, in virtual time. */

#include "rng.h"

#include <sluice/types.h>

typedef struct {
    double loss, duplicate, reorder, corrupt; /* probabilities, each datagram anew */
    SluiceTime delay;                         /* one way, constant */
    size_t mtu;                               /* larger datagrams vanish; 0: none is too large */
} LinkSettings;

typedef struct LinkDatagram {
    struct LinkDatagram *next;
    SluiceTime at;   /* when it arrives */
    uint64_t number; /* 1: the first that was sent */
    uint64_t tag;    /* the sender's own mark */
    int damaged;     /* it is not as it was sent */
    size_t len;
    _Alignas(8) uint8_t data[];
} LinkDatagram;

/* Decides about datagram @number (1: the first one): 1 lets it pass to the faults of the settings,
 * 0 loses it. May alter the bytes. */
typedef int (*LinkFilter)(void *context, uint64_t number, SluiceTime now, uint8_t *data,
                          size_t len);

typedef struct {
    LinkSettings settings;
    Rng *rng;
    LinkFilter filter;
    void *filter_context;
    LinkDatagram *head; /* by time of arrival; of the same time, as they were sent */
    uint64_t sent, delivered, lost, duplicated, reordered, corrupted, oversize;
    size_t largest; /* bytes of the largest datagram sent */
} Link;

void link_init(Link *self, const LinkSettings *settings, Rng *rng);
void link_cleanup(Link *self);

void link_send(Link *self, SluiceTime now, uint64_t tag, const uint8_t *data, size_t len);

/* Somebody else's datagram: no faults, arrives at @at. */
void link_inject(Link *self, SluiceTime at, const uint8_t *data, size_t len);

/* When the next datagram arrives, or SLUICE_TIME_NEVER. */
SluiceTime link_next(const Link *self);

/* Takes what has arrived by @now, the oldest first; NULL: nothing. Free it with
 * link_free_datagram(). */
LinkDatagram *link_take(Link *self, SluiceTime now);
LinkDatagram *link_copy_datagram(const LinkDatagram *datagram);
void link_free_datagram(LinkDatagram *datagram);

/* Everything on the way vanishes. */
void link_clear(Link *self);

#endif
