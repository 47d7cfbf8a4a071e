/* SPDX-License-Identifier: BSD-3-Clause */
#include "link.h"

#include "alloc.h"

#include <string.h>

void link_init(Link *self, const LinkSettings *settings, Rng *rng)
{
    memset(self, 0, sizeof *self);
    if (settings)
        self->settings = *settings;
    self->rng = rng;
}

void link_cleanup(Link *self) { link_clear(self); }

static LinkDatagram *new_datagram(SluiceTime at, const uint8_t *data, size_t len)
{
    LinkDatagram *datagram = test_malloc(sizeof *datagram + len);

    memset(datagram, 0, sizeof *datagram);
    datagram->at = at;
    datagram->len = len;
    if (len)
        memcpy(datagram->data, data, len);
    return datagram;
}

static void insert(Link *self, LinkDatagram *datagram)
{
    LinkDatagram **place = &self->head;

    while (*place && (*place)->at <= datagram->at)
        place = &(*place)->next;
    datagram->next = *place;
    *place = datagram;
}

static void flip_a_bit(Link *self, LinkDatagram *datagram)
{
    uint64_t bit = rng_below(self->rng, datagram->len * 8);

    datagram->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    datagram->damaged = 1;
    self->corrupted++;
}

/* One copy of a datagram on its way, with what may happen to each copy. */
static void carry(Link *self, SluiceTime now, uint64_t tag, const uint8_t *data, size_t len)
{
    const LinkSettings *settings = &self->settings;
    LinkDatagram *datagram = new_datagram(now + settings->delay, data, len);

    datagram->number = self->sent;
    datagram->tag = tag;
    if (rng_chance(self->rng, settings->reorder)) {
        datagram->at += settings->delay ? settings->delay : SLUICE_MILLISECOND;
        self->reordered++;
    }
    if (rng_chance(self->rng, settings->corrupt) && len)
        flip_a_bit(self, datagram);
    insert(self, datagram);
}

/* 1 if the datagram never arrives. */
static int vanishes(Link *self, SluiceTime now, const uint8_t *data, size_t len, uint8_t *copy)
{
    memcpy(copy, data, len);
    if (self->filter && !self->filter(self->filter_context, self->sent, now, copy, len)) {
        self->lost++;
        return 1;
    }
    if (self->settings.mtu && len > self->settings.mtu) {
        self->oversize++;
        return 1;
    }
    if (rng_chance(self->rng, self->settings.loss)) {
        self->lost++;
        return 1;
    }
    return 0;
}

void link_send(Link *self, SluiceTime now, uint64_t tag, const uint8_t *data, size_t len)
{
    uint8_t *copy = test_malloc(len);

    self->sent++;
    if (len > self->largest)
        self->largest = len;
    if (!vanishes(self, now, data, len, copy)) {
        carry(self, now, tag, copy, len);
        if (rng_chance(self->rng, self->settings.duplicate)) {
            carry(self, now, tag, copy, len);
            self->duplicated++;
        }
    }
    test_free(copy);
}

void link_inject(Link *self, SluiceTime at, const uint8_t *data, size_t len)
{
    LinkDatagram *datagram = new_datagram(at, data, len);

    datagram->damaged = 1;
    insert(self, datagram);
}

SluiceTime link_next(const Link *self) { return self->head ? self->head->at : SLUICE_TIME_NEVER; }

LinkDatagram *link_take(Link *self, SluiceTime now)
{
    LinkDatagram *datagram = self->head;

    if (!datagram || datagram->at > now)
        return NULL;
    self->head = datagram->next;
    self->delivered++;
    return datagram;
}

LinkDatagram *link_copy_datagram(const LinkDatagram *datagram)
{
    size_t size = sizeof *datagram + datagram->len;
    LinkDatagram *copy = test_malloc(size);

    memcpy(copy, datagram, size);
    copy->next = NULL;
    return copy;
}

void link_free_datagram(LinkDatagram *datagram) { test_free(datagram); }

void link_clear(Link *self)
{
    while (self->head) {
        LinkDatagram *datagram = self->head;

        self->head = datagram->next;
        test_free(datagram);
    }
}
