/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_OFFER_H
#define WHIP_OFFER_H

/* An offer, parsed and checked: what is left to do with it cannot fail for what the client wrote. */

#include <gst/sdp/gstsdpmessage.h>
#include <sluice/sluice.h>

#define WHIP_MAX_FORMATS 128

/* What is done with an m-line. */
typedef enum {
    WHIP_MEDIA_REFUSED, /* port 0 in the answer: switched off by the client, or of a kind that is no echo's */
    WHIP_MEDIA_RTP,
    WHIP_MEDIA_DATA
} WhipMediaKind;

typedef struct {
    const GstSDPMedia *sdp; /* of the offer */
    const char *mid;        /* NULL: it has none */
    WhipMediaKind kind;
    guint transport;          /* index into the offer's */
    gboolean sends, receives; /* the client does */
    guint sctp_port;          /* data: the client's */
    guint64 max_message_size; /* data: that the client takes; 0: any */
    gboolean sctpmap;         /* data: the older form, DTLS/SCTP and a=sctpmap */
} WhipMedia;

/* What a bundle of m-lines, or one outside any bundle, says about its transport. */
typedef struct {
    guint
        media; /* index of the m-line that speaks for it (RFC 9143 section 7.2: the offerer-tagged one) */
    gboolean bundle;
    char *ufrag, *pwd;     /* of a restart, once there was one; NULL: not known yet */
    char *fingerprints;    /* one a line */
    SluiceRole role;       /* ours: as the offer demands, AUTO where it leaves the choice */
    gboolean tls_id;       /* RFC 8842 is spoken */
    GPtrArray *candidates; /* of text, "candidate:..." */
    gboolean complete;     /* no more candidates follow */
} WhipOfferTransport;

typedef struct {
    GstSDPMessage *sdp;
    GArray *media;         /* of WhipMedia */
    GPtrArray *transports; /* of WhipOfferTransport */
    gboolean lite;         /* the client is ICE-lite */
    gboolean own;          /* this server makes the offer, and nothing is known of the client */
} WhipOffer;

/* NULL with @error set. */
WhipOffer *whip_offer_parse(const char *text, gsize len, GError **error);
void whip_offer_free(WhipOffer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WhipOffer, whip_offer_free)

WhipMedia *whip_offer_media(const WhipOffer *self, guint index);
WhipOfferTransport *whip_offer_transport(const WhipOffer *self, guint index);
/* NULL: there is none of that name. */
WhipMedia *whip_offer_find_mid(const WhipOffer *self, const char *mid);

/* offer-media.c: one m-line by itself. */
gboolean whip_media_read(WhipMedia *self, const GstSDPMessage *sdp, const GstSDPMedia *media,
                         guint index, GError **error);
/* The m-line says port 0 and does not mean bundle-only. */
gboolean whip_media_is_off(const GstSDPMedia *media);

/* offer-transport.c: NULL with @error set. */
WhipOfferTransport *whip_offer_transport_read(const GstSDPMessage *sdp, const WhipMedia *media,
                                              guint index, GError **error);
void whip_offer_transport_free(WhipOfferTransport *self);

#endif
