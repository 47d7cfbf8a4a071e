/* SPDX-License-Identifier: BSD-3-Clause */
#include "inbox.h"

#include <openssl/crypto.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct SlInboxEntry {
    SlInboxEntry *next;
    SluiceKind kind;
    int sealed;
    uint32_t generation;
    size_t len;
    size_t size;               /* as allocated: what is wiped, opened packets are shorter */
    alignas(4) uint8_t data[]; /* libsrtp reads it as 32-bit words */
};

void sl_inbox_init(SlInbox *self, size_t max_held, size_t max_held_bytes, size_t max_messages,
                   size_t max_message_bytes)
{
    memset(self, 0, sizeof *self);
    self->max_held = max_held;
    self->max_held_bytes = max_held_bytes;
    self->max_messages = max_messages;
    self->max_message_bytes = max_message_bytes;
}

void sl_inbox_cleanup(SlInbox *self)
{
    while (self->head)
        sl_inbox_pop(self);
    while (self->early_head)
        sl_inbox_pop_early(self);
}

static SlInboxEntry *new_entry(SluiceKind kind, uint32_t generation, const uint8_t *data,
                               size_t len)
{
    SlInboxEntry *entry = malloc(sizeof *entry + len);

    if (!entry)
        return NULL;
    entry->next = NULL;
    entry->kind = kind;
    entry->sealed = 0;
    entry->generation = generation;
    entry->len = len;
    entry->size = len;
    if (len)
        memcpy(entry->data, data, len);
    return entry;
}

/* Messages and opened media are what the call is about: nothing of them stays in freed memory. */
static void free_entry(SlInboxEntry *entry)
{
    OPENSSL_cleanse(entry->data, entry->size);
    free(entry);
}

static void append(SlInboxEntry **head, SlInboxEntry **tail, SlInboxEntry *entry)
{
    if (*tail)
        (*tail)->next = entry;
    else
        *head = entry;
    *tail = entry;
}

static SlInboxEntry *take_first(SlInboxEntry **head, SlInboxEntry **tail)
{
    SlInboxEntry *entry = *head;

    if (entry) {
        *head = entry->next;
        if (!*head)
            *tail = NULL;
    }
    return entry;
}

int sl_inbox_has_room(const SlInbox *self, size_t len)
{
    /* An empty inbox takes one datagram, whatever is in it: a bound below the largest datagram may not defer it for
     * ever. For the same reason the count may be passed by the records of one datagram. */
    if (self->messages == 0)
        return 1;
    return self->messages < self->max_messages && self->message_bytes <= self->max_message_bytes &&
           len <= self->max_message_bytes - self->message_bytes;
}

SluiceStatus sl_inbox_push_data(SlInbox *self, uint32_t generation, const uint8_t *data, size_t len)
{
    SlInboxEntry *entry = new_entry(SLUICE_KIND_DATA, generation, data, len);

    if (!entry)
        return SLUICE_NO_MEMORY;
    append(&self->head, &self->tail, entry);
    self->messages++;
    self->message_bytes += len;
    return SLUICE_OK;
}

static int may_hold(const SlInbox *self, size_t len)
{
    return self->held < self->max_held && self->held_bytes <= self->max_held_bytes &&
           len <= self->max_held_bytes - self->held_bytes;
}

SluiceStatus sl_inbox_push_media(SlInbox *self, SluiceKind kind, uint32_t generation,
                                 const uint8_t *data, size_t len)
{
    SlInboxEntry *entry;

    if (!may_hold(self, len))
        return SLUICE_DROPPED_FULL;
    entry = new_entry(kind, generation, data, len);
    if (!entry)
        return SLUICE_NO_MEMORY;
    entry->sealed = generation == 0;
    append(&self->head, &self->tail, entry);
    self->held++;
    self->held_bytes += len;
    return SLUICE_OK;
}

int sl_inbox_has_media(const SlInbox *self) { return self->held > 0; }

static void uncount(SlInbox *self, const SlInboxEntry *entry)
{
    if (entry->kind == SLUICE_KIND_DATA) {
        self->messages--;
        self->message_bytes -= entry->len;
        return;
    }
    if (entry->kind == SLUICE_KIND_DTLS) {
        self->early--;
        self->early_bytes -= entry->len;
        return;
    }
    self->held--;
    self->held_bytes -= entry->len;
}

static void drop_at(SlInbox *self, SlInboxEntry **link)
{
    SlInboxEntry *entry = *link;

    *link = entry->next;
    uncount(self, entry);
    free_entry(entry);
}

void sl_inbox_open(SlInbox *self, SlInboxOpen open, void *context)
{
    SlInboxEntry **link = &self->head;

    self->tail = NULL;
    while (*link) {
        SlInboxEntry *entry = *link;
        uint32_t generation = entry->generation;
        size_t len = entry->len;

        if (entry->sealed &&
            open(context, entry->kind, entry->data, &len, &generation) != SLUICE_OK) {
            drop_at(self, link);
            continue;
        }
        if (entry->sealed) {
            self->held_bytes -= entry->len - len;
            entry->len = len;
            entry->sealed = 0;
            entry->generation = generation;
        }
        self->tail = entry;
        link = &entry->next;
    }
}

void sl_inbox_take_over(SlInbox *self, SlInbox *from)
{
    if (!from->head)
        return;
    if (self->tail)
        self->tail->next = from->head;
    else
        self->head = from->head;
    self->tail = from->tail;
    self->messages += from->messages;
    self->message_bytes += from->message_bytes;
    self->held += from->held;
    self->held_bytes += from->held_bytes;
    from->head = from->tail = NULL;
    from->messages = from->message_bytes = from->held = from->held_bytes = 0;
}

size_t sl_inbox_drop_data(SlInbox *self)
{
    SlInboxEntry **link = &self->head;
    size_t dropped = self->messages;

    self->tail = NULL;
    while (*link) {
        if ((*link)->kind == SLUICE_KIND_DATA) {
            drop_at(self, link);
            continue;
        }
        self->tail = *link;
        link = &(*link)->next;
    }
    return dropped;
}

int sl_inbox_peek(const SlInbox *self, SluiceMessage *message)
{
    SlInboxEntry *entry = self->head;

    if (!entry || entry->sealed)
        return 0;
    memset(message, 0, sizeof *message);
    message->kind = entry->kind;
    message->generation = entry->generation;
    message->data = entry->data;
    message->len = entry->len;
    return 1;
}

void sl_inbox_pop(SlInbox *self)
{
    SlInboxEntry *entry = take_first(&self->head, &self->tail);

    if (!entry)
        return;
    uncount(self, entry);
    free_entry(entry);
}

SluiceStatus sl_inbox_push_early(SlInbox *self, const uint8_t *data, size_t len)
{
    SlInboxEntry *entry;

    for (entry = self->early_head; entry; entry = entry->next)
        if (entry->len == len && (len == 0 || memcmp(entry->data, data, len) == 0))
            return SLUICE_OK;
    if (self->early == SL_EARLY_MAX || len > SL_EARLY_BYTES_MAX - self->early_bytes)
        return SLUICE_DROPPED_FULL;
    entry = new_entry(SLUICE_KIND_DTLS, 0, data, len);
    if (!entry)
        return SLUICE_NO_MEMORY;
    append(&self->early_head, &self->early_tail, entry);
    self->early++;
    self->early_bytes += len;
    return SLUICE_OK;
}

int sl_inbox_peek_early(const SlInbox *self, const uint8_t **data, size_t *len)
{
    if (!self->early_head)
        return 0;
    *data = self->early_head->data;
    *len = self->early_head->len;
    return 1;
}

void sl_inbox_pop_early(SlInbox *self)
{
    SlInboxEntry *entry = take_first(&self->early_head, &self->early_tail);

    if (!entry)
        return;
    uncount(self, entry);
    free_entry(entry);
}
