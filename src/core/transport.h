/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_TRANSPORT_H
#define SL_TRANSPORT_H

/* The component for one 5-tuple. transport.c is its life, transport-input.c what comes in, transport-media.c the media
 * that goes out and many packets at once, transport-output.c what else goes out. */

#include <sluice/transport.h>

#include "dtls.h"
#include "lifecycle.h"
#include "srtp.h"

#include <pthread.h>

/* A datagram that is longer holds no DTLS record that OpenSSL's read buffer would take. */
#define SL_DTLS_DATAGRAM_MAX 16896

/* Of the copy that media at an odd address is decrypted in. */
#define SL_SCRATCH 65536

struct SluiceTransport {
    uint64_t id;
    SluiceConfig *config;
    SSL_CTX *ctx; /* the config's */

    SluiceState state;
    SluiceRole role; /* AUTO until it is decided */
    int role_named;  /* by the caller */
    int path_validated;
    SluiceTime rtt;
    SluiceTime deadline; /* of the handshake, or of the fingerprint; NEVER: none */
    SluiceTime received_at; /* the last datagram */
    SluiceTime
        end_dtls_at; /* when to look again whether DTLS can be given up; NEVER: nobody wants it to */
    SlOutput farewell; /* a close_notify that was sealed before DTLS was given up */
    uint8_t cookie_secret[SL_COOKIE_SECRET];

    /* The live association, and the place of a second one that has to prove itself first (RFC 6347 section 4.2.8). */
    SlDtls *associations[2];
    uint32_t generation; /* of keys; the first is 1 */
    SlPeerIdentity identity;
    uint8_t *peer_der; /* the certificate of the peer, from Finished on */
    size_t peer_der_len;

    SlOutput output;
    SlInbox inbox;
    SlEventQueue events;
    SluicePeerOffer offer;
    SluiceStats stats;
    SluiceEnd end;
    int messages_dropped; /* by the end: what waits is not shown any more */
    SluiceStatus opened;  /* what came of the held packet that was opened last */
    uint8_t *scratch;     /* for media at odd addresses, made when it is first needed */

    /* protect() comes from any thread. The owner's thread changes what the lock guards only while it holds it. */
    pthread_mutex_t send_lock;
    SlSrtp *srtp; /* guarded, but for the inbound side */
    uint64_t rtp_protected, rtcp_protected, protected_bytes, protect_failed; /* guarded */
    int ended;                                                               /* guarded */
};

/* In transport.c */

/* What has to follow a call into the live association. */
void sl_transport_after_dtls(SluiceTransport *self, SluiceTime now, SlDtlsResult result);

/* Makes an association of @role in the live place. 0: no memory; the transport has failed. */
int sl_transport_associate(SluiceTransport *self, SluiceTime now, SluiceRole role);

/* Gives a role and starts the deadline. */
void sl_transport_connect_as(SluiceTransport *self, SluiceTime now, SluiceRole role);

void sl_transport_fail(SluiceTransport *self, SluiceTime now, SluiceEndReason reason);

/* Enters the state that follows @input, and tells. */
void sl_transport_enter(SluiceTransport *self, SluiceTime now, SlLifecycleInput input);

/* In transport-end-dtls.c: gives DTLS up once the peer needs nothing of it any more. */
void sl_transport_try_end_dtls(SluiceTransport *self, SluiceTime now);

/* What is known of the live association's end, then frees it. Media goes on. */
void sl_transport_drop_dtls(SluiceTransport *self);

static inline int sl_transport_has_ended(const SluiceTransport *self)
{
    return self->state == SLUICE_STATE_CLOSED || self->state == SLUICE_STATE_FAILED;
}

static inline int sl_transport_is_verified(const SluiceTransport *self)
{
    return self->state == SLUICE_STATE_CONNECTED || self->state == SLUICE_STATE_MEDIA_ONLY;
}

/* In transport-input.c */

/* Gives early DTLS its turn. */
void sl_transport_replay_early(SluiceTransport *self, SluiceTime now);

/* Opens one packet of held media and counts it (SlInboxOpen). */
SluiceStatus sl_transport_open_media(void *transport, SluiceKind kind, uint8_t *data, size_t *len);

#endif
