/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_SSRC_TABLE_H
#define SL_SSRC_TABLE_H

/* The SSRCs of one direction of one generation of keys: found by SSRC, and kept in two lists, each in the order in
 * which they were last put in front. It allocates nothing but for an SSRC beyond all there were so far.
 *
 * SSRCs are chosen by others. Each table has a hash function of its own out of a universal family (Dietzfelbinger's
 * multiply-add-shift), and chains: whatever set of SSRCs a peer picks, a look-up costs a constant on average. */

#include <sluice/types.h>

#define SL_SSRC_NONE UINT32_MAX

typedef enum { SL_SSRC_LIVE = 0, SL_SSRC_REMEMBERED = 1 } SlSsrcList;

/* 64 bytes, a cache line, and all that a packet needs. What follows the links belongs to srtp-streams. Indexes are those of
 * RFC 3711: 48 bits for SRTP (section 3.3.1), 31 for SRTCP (section 3.4). */
typedef struct {
    uint32_t ssrc;
    uint32_t next;         /* in its chain, or in that of the free places */
    uint32_t newer, older; /* in its list */
    unsigned list : 1;     /* SlSsrcList */

    unsigned streamed : 1; /* libsrtp has a stream for it, in this session: */
    unsigned session : 8;
    unsigned synced : 1; /* it is live, and that stream's index is rtp_last */
    unsigned named : 1;  /* the application has named the ROC of the next packet: */
    unsigned rtp_seen : 1, rtcp_seen : 1; /* the last indexes are of packets, not just zero */
    uint32_t named_roc;
    void *srtp; /* the session, where there is a stream */
    uint64_t rtp_last;
    uint64_t rtp_floor; /* what is below is never delivered again, nor sent again */
    SluiceTime seen;    /* inbound: when the last authentic packet came */
    uint32_t rtcp_last;
    uint32_t rtcp_bound; /* inbound: what is below is never delivered again;
                          * outbound: the index that libsrtp's stream has reached */
} SlSsrc;

typedef struct {
    SlSsrc *recent;   /* found last */
    SlSsrc *places;   /* aligned */
    uint32_t *chains; /* behind them, a power of two of them */
    void *block;      /* that holds both */
    uint32_t room, max;
    uint32_t n;    /* in use */
    uint32_t free; /* the first free place that was used before */
    uint32_t used; /* places that were ever used */
    unsigned shift;
    uint64_t multiplier, addend;
    uint32_t count[2], newest[2], oldest[2]; /* of each list */
} SlSsrcTable;

/* @max: the most that it takes, below 2^31. @seed: random. 0: no memory. */
int sl_ssrc_table_init(SlSsrcTable *self, uint32_t max, const uint64_t seed[2]);
void sl_ssrc_table_cleanup(SlSsrcTable *self);

/* NULL: there is none. A pointer is good until the next insertion. */
SlSsrc *sl_ssrc_table_look_up(SlSsrcTable *self, uint32_t ssrc);

static inline SlSsrc *sl_ssrc_table_find(SlSsrcTable *self, uint32_t ssrc)
{
    if (self->recent && self->recent->ssrc == ssrc)
        return self->recent;
    return sl_ssrc_table_look_up(self, ssrc);
}

/* A new one, all zero, in front of @list. NULL: it is full, or there is no memory. */
SlSsrc *sl_ssrc_table_insert(SlSsrcTable *self, uint32_t ssrc, SlSsrcList list);
void sl_ssrc_table_delete(SlSsrcTable *self, SlSsrc *entry);

/* Puts it in front of @list, be it there already or not. */
void sl_ssrc_table_put_in_front(SlSsrcTable *self, SlSsrc *entry, SlSsrcList list);

/* The last of @list; NULL: it is empty. */
SlSsrc *sl_ssrc_table_oldest(SlSsrcTable *self, SlSsrcList list);

#endif
