/* SPDX-License-Identifier: BSD-3-Clause */
#include "output.h"

#include <stdlib.h>
#include <string.h>

/* RFC 5246 section 7.2: one fatal alert or close_notify ends it all, and comes last; before it only warnings, which a
 * peer can make us write (each HelloRequest is refused by one). */
#define ALERTS_MAX 8

struct SlOutputEntry {
    SlOutputEntry *next;
    SlOutputKind kind;
    uint32_t maker;
    size_t len;
    uint8_t data[];
};

void sl_output_init(SlOutput *self, size_t max_datagrams, size_t max_bytes)
{
    memset(self, 0, sizeof *self);
    self->max_datagrams = max_datagrams;
    self->max_bytes = max_bytes;
}

void sl_output_cleanup(SlOutput *self)
{
    while (self->head)
        sl_output_pop(self);
}

int sl_output_has_room(const SlOutput *self, size_t len)
{
    /* An empty queue takes one datagram of any size: a bound below the largest datagram may not block for ever. */
    if (self->data_datagrams == 0)
        return 1;
    return self->data_datagrams < self->max_datagrams && self->data_bytes <= self->max_bytes &&
           len <= self->max_bytes - self->data_bytes;
}

static void count_in(SlOutput *self, const SlOutputEntry *entry)
{
    self->datagrams++;
    self->bytes += entry->len;
    if (entry->kind == SL_OUTPUT_DATA) {
        self->data_datagrams++;
        self->data_bytes += entry->len;
    } else if (entry->kind == SL_OUTPUT_ALERT) {
        self->alerts++;
    }
}

static void count_out(SlOutput *self, const SlOutputEntry *entry)
{
    self->datagrams--;
    self->bytes -= entry->len;
    if (entry->kind == SL_OUTPUT_DATA) {
        self->data_datagrams--;
        self->data_bytes -= entry->len;
    } else if (entry->kind == SL_OUTPUT_ALERT) {
        self->alerts--;
    }
}

/* Before everything but the flights that wait, or at the end. */
static void link_entry(SlOutput *self, SlOutputEntry *entry)
{
    SlOutputEntry *before = self->tail;

    if (entry->kind == SL_OUTPUT_FLIGHT) {
        SlOutputEntry *next = self->head;

        for (before = NULL; next && next->kind == SL_OUTPUT_FLIGHT; next = next->next)
            before = next;
    }
    entry->next = before ? before->next : self->head;
    if (before)
        before->next = entry;
    else
        self->head = entry;
    if (!entry->next)
        self->tail = entry;
    count_in(self, entry);
}

static void drop_oldest_alert(SlOutput *self)
{
    SlOutputEntry *before = NULL, *entry = self->head;

    while (entry->kind != SL_OUTPUT_ALERT) {
        before = entry;
        entry = entry->next;
    }
    if (before)
        before->next = entry->next;
    else
        self->head = entry->next;
    if (!entry->next)
        self->tail = before;
    count_out(self, entry);
    free(entry);
}

SluiceStatus sl_output_push(SlOutput *self, SlOutputKind kind, const uint8_t *data, size_t len)
{
    return sl_output_push_of(self, kind, 0, data, len);
}

SluiceStatus sl_output_push_of(SlOutput *self, SlOutputKind kind, uint32_t maker,
                               const uint8_t *data, size_t len)
{
    SlOutputEntry *entry;

    if (kind == SL_OUTPUT_DATA && !sl_output_has_room(self, len))
        return SLUICE_WOULD_BLOCK;
    entry = malloc(sizeof *entry + len);
    if (!entry)
        return SLUICE_NO_MEMORY;
    entry->kind = kind;
    entry->maker = maker;
    entry->len = len;
    if (len)
        memcpy(entry->data, data, len);
    if (kind == SL_OUTPUT_ALERT && self->alerts == ALERTS_MAX)
        drop_oldest_alert(self);
    link_entry(self, entry);
    return SLUICE_OK;
}

static void drop(SlOutput *self, SlOutputKind kind, int whose_ever, uint32_t maker)
{
    SlOutputEntry **link = &self->head;

    self->tail = NULL;
    while (*link) {
        SlOutputEntry *entry = *link;

        if (entry->kind == kind && (whose_ever || entry->maker == maker)) {
            *link = entry->next;
            count_out(self, entry);
            free(entry);
        } else {
            self->tail = entry;
            link = &entry->next;
        }
    }
}

void sl_output_drop(SlOutput *self, SlOutputKind kind) { drop(self, kind, 1, 0); }

void sl_output_drop_of(SlOutput *self, SlOutputKind kind, uint32_t maker)
{
    drop(self, kind, 0, maker);
}

uint32_t sl_output_maker(const SlOutput *self) { return self->head ? self->head->maker : 0; }

void sl_output_move(SlOutput *self, SlOutput *from)
{
    while (from->head) {
        SlOutputEntry *entry = from->head;

        from->head = entry->next;
        count_out(from, entry);
        link_entry(self, entry);
    }
    from->tail = NULL;
}

int sl_output_peek(const SlOutput *self, SlOutputKind *kind, const uint8_t **data, size_t *len)
{
    if (!self->head)
        return 0;
    *kind = self->head->kind;
    *data = self->head->data;
    *len = self->head->len;
    return 1;
}

void sl_output_pop(SlOutput *self)
{
    SlOutputEntry *entry = self->head;

    if (!entry)
        return;
    self->head = entry->next;
    if (!self->head)
        self->tail = NULL;
    count_out(self, entry);
    free(entry);
}
