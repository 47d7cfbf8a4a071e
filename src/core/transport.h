/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_TRANSPORT_H
#define SL_TRANSPORT_H

/* The component for one 5-tuple. transport.c is its life, transport-input.c what comes in, transport-dtls.c the DTLS of
 * that, transport-media.c the media that goes out and many packets at once, transport-output.c what else goes out,
 * transport-capture.c what the capture hook is shown of all that, transport-ssrc.c what is said of SSRCs,
 * transport-keys.c the keys of one generation or two, transport-attempts.c what follows a handshake that has broken, transport-second.c the association beside the live one, transport-restart.c how one
 * comes to be there. */

#include <sluice/capture.h>
#include <sluice/half-open.h>
#include <sluice/transport.h>

#include "allowance.h"
#include "dtls.h"
#include "generation-hints.h"
#include "lifecycle.h"
#include "srtp.h"

#include <pthread.h>

/* A datagram that is longer holds no DTLS record that OpenSSL's read buffer would take. */
#define SL_DTLS_DATAGRAM_MAX 16896

/* Of the copy that media at an odd address is decrypted in. */
#define SL_SCRATCH 65536

/* The places of associations. */
enum { SL_LIVE = 0, SL_SECOND = 1 };

/* What stands in the second place (RFC 6347 section 4.2.8). */
typedef enum {
    SL_SECOND_NONE,
    SL_SECOND_ATTEMPT,    /* its handshake runs */
    SL_SECOND_UNVERIFIED, /* finished, but who the peer must be is not known yet */
    SL_SECOND_CANDIDATE, /* verified: what comes under its keys is taken. The live one still speaks */
    SL_SECOND_OLD /* what was live: what is under way under its keys is taken. It speaks no more */
} SlSecondPhase;

typedef struct {
    SlSrtp *srtp; /* of a candidate or an old one; inbound only */
    SlSecondPhase phase;
    SluiceTime since, deadline; /* of the phase */
    SluiceTime last_flight_at;  /* of a candidate: when ours was sent, the first time or again */
    SluiceTime
        live_heard_at; /* while it waits: when something came under the live one's keys, or NEVER */
    int peer_has_changed; /* beside an old one: something has come under the keys that took its place */
    SlInbox inbox;        /* what came under its keys before it was verified */
    SluicePeerOffer *offer; /* made with it */
    uint8_t *peer_der;
    size_t peer_der_len;
} SlSecond;

/* A restart that was announced. */
typedef struct {
    int announced;
    SluiceRole role;         /* AUTO: not named yet */
    SlPeerIdentity identity; /* n is 0 until it is known */
    int reason;              /* why the last attempt came to nothing, 0: there was none */
    int refused;             /* at refused_at the peer was told that what it tries is refused */
    SluiceTime refused_at;
    int farewell;        /* the peer has ended the association that is to be replaced: why */
    int peer_left;       /* or one that it has finished in its place */
    SluiceTime deadline; /* NEVER: an association's own counts, or nothing is announced */
} SlRestart;

/* The attempts at one association, of which one at a time is made; in transport-attempts.c. */
typedef struct SlAttempts SlAttempts;

/* In the order of a packet's way: among thousands of transports it is the lines of the cache that cost, so those that media
 * needs stand together, what comes in at the beginning, what goes out at the end. */
struct SluiceTransport {
    SlNear near;
    SlSrtp *
        srtp; /* of the live association, for what comes in: the owner's, who needs no lock for it */
    SluiceConfig *config;
    SluiceState state;
    uint8_t path_validated;
    uint8_t captured;          /* the config has a hook for that; never changes */
    SluiceTime received_at;    /* the last datagram */
    uint32_t generation;       /* of the live one's keys; the first is 1 */
    uint32_t media_generation; /* of the packet that was decrypted last */
    uint32_t media_opened; /* the newest generation of what was decrypted in the call that runs */
    SluiceRole role;       /* AUTO until it is decided */
    SlGenerationHints *hints; /* made while there are two generations */
    SluiceStats stats;
    SlInbox inbox;
    SlSecond second;

    uint64_t id;
    SSL_CTX *ctx;      /* the config's */
    int role_named;    /* by the caller */
    int dtls_given_up; /* said by the caller: neither data nor a restart will be wanted */
    SluiceTime rtt;
    SlSource source;
    SluiceTime deadline; /* of the handshake, or of the fingerprint; NEVER: none */
    SluiceTime
        end_dtls_at; /* when to look again whether it can go; NEVER: it has, or nobody wants it to */
    SlOutput farewell; /* a close_notify that was sealed before DTLS was given up */
    uint8_t cookie_secret[SL_COOKIE_SECRET];
    uint8_t wrong_cookie_random[SL_CLIENT_RANDOM]; /* of the last ClientHello that brought one */

    /* The live association, and one that has to prove itself first, or has been replaced. */
    SlDtls *associations[2];
    SlRestart restart;
    SlAttempts *attempts;     /* while a handshake is wanted, else NULL */
    uint32_t made;            /* associations */
    SlAllowance challenges;   /* HelloVerifyRequests beside an association */
    SluiceTime challenged_at; /* the last of them, or NEVER */
    SlPeerIdentity identity;
    uint8_t *peer_der; /* the certificate of the peer, from Finished on */
    size_t peer_der_len;

    SlOutput output;
    SlEventQueue events;
    SluicePeerOffer offer;
    SluiceEnd end;
    int messages_dropped; /* by the end: what waits is not shown any more */
    SluiceStatus opened;  /* what came of the held packet that was opened last */
    uint8_t *
        scratch; /* for media at odd addresses, or that may have come under one of two keys; made when first needed */

    /* protect() comes from any thread. The owner's thread changes what the lock guards only while it holds it. */
    pthread_mutex_t send_lock;
    SlSrtp *srtp_out; /* the same for what goes out; guarded */
    SlNear near_out;
    uint64_t rtp_protected, rtcp_protected, protected_bytes, protect_failed; /* guarded */
    int ended;                                                               /* guarded */
    uint8_t *capture_copy; /* a packet in clear while it is sealed; NULL: not captured; guarded */
};

/* In transport.c */

/* What has to follow a call into the live association. */
void sl_transport_after_dtls(SluiceTransport *self, SluiceTime now, SlDtlsResult result);

/* Makes an association of @role in the live place. 0: no memory; the transport has failed. */
int sl_transport_associate(SluiceTransport *self, SluiceTime now, SluiceRole role);

/* Gives a role and starts the deadline. */
void sl_transport_connect_as(SluiceTransport *self, SluiceTime now, SluiceRole role);

/* Enters the state that follows @input, and tells. */
void sl_transport_enter(SluiceTransport *self, SluiceTime now, SlLifecycleInput input);
void sl_transport_end(SluiceTransport *self, SluiceTime now, SluiceEndReason reason);
/* The same with what @why says beside the reason: the association it is about is gone. */
void sl_transport_end_as(SluiceTransport *self, SluiceTime now, const SluiceEnd *why);
void sl_transport_fail(SluiceTransport *self, SluiceTime now, SluiceEndReason reason);

/* In transport-end-dtls.c: gives DTLS up once the peer needs nothing of it any more. */
void sl_transport_try_end_dtls(SluiceTransport *self, SluiceTime now);

/* What is known of the live association's end, then frees it. Media goes on. */
void sl_transport_drop_dtls(SluiceTransport *self);
/* Frees the association in a place, with what it has not sent of its flight. */
void sl_transport_drop_association(SluiceTransport *self, int place);

/* SLUICE_OK, or how the transport has ended. */
SluiceStatus sl_transport_status(const SluiceTransport *self);

static inline int sl_transport_has_ended(const SluiceTransport *self)
{
    return self->state == SLUICE_STATE_CLOSED || self->state == SLUICE_STATE_FAILED;
}

static inline int sl_transport_is_verified(const SluiceTransport *self)
{
    return self->state == SLUICE_STATE_CONNECTED || self->state == SLUICE_STATE_MEDIA_ONLY;
}

/* 1 if the handshake of the live association is finished: another one has to prove itself beside it. */
static inline int sl_transport_is_established(const SluiceTransport *self)
{
    return self->state == SLUICE_STATE_UNVERIFIED || sl_transport_is_verified(self);
}

/* In transport-dtls.c */

/* One datagram of DTLS. */
SluiceStatus sl_transport_receive_dtls(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                       size_t len);

/* Gives early DTLS its turn. */
void sl_transport_replay_early(SluiceTransport *self, SluiceTime now);

/* What may pass of a datagram for an association of @role; its records are counted. 0: nothing, and *status says how it
 * was dropped. @place: of the association, or -1: there is none yet. */
size_t sl_transport_guard(SluiceTransport *self, SluiceRole role, int place, const uint8_t *data,
                          size_t len, uint8_t *passed, SluiceStatus *status);

/* What has passed, into the association of a place. @hello: the cookie it brought has been checked, else NULL. */
SluiceStatus sl_transport_feed(SluiceTransport *self, SluiceTime now, int place, uint8_t *passed,
                               size_t n, const SlClientHello *hello);

/* Answers a ClientHello with a HelloVerifyRequest. */
SluiceStatus sl_transport_ask_for_cookie(SluiceTransport *self, SluiceTime now,
                                         const SlClientHello *hello);

/* Tells an event of a flight that no association has. */
void sl_transport_tell_flight(SluiceTransport *self, SluiceTime now, SluiceDirection direction,
                              const uint8_t *data, size_t len);

SluiceStatus sl_transport_drop_unexpected(SluiceTransport *self);

/* In transport-keys.c */

/* The SRTP of a finished association, whose keys will be of @generation. *@out is NULL on a data-only transport. */
SluiceStatus sl_transport_make_srtp(SluiceTransport *self, SlDtls *association, SlSrtp **out);

/* Takes the keys of the live association into use, and tells. */
void sl_transport_use_keys(SluiceTransport *self, SluiceTime now, SlSrtp *srtp);

/* Opens one packet in place, whichever generation it is of. */
SluiceStatus sl_transport_unprotect(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                    size_t *len, uint32_t *generation);

/* Opens one packet of held media and counts it (SlInboxOpen). */
SluiceStatus sl_transport_open_media(void *transport, SluiceKind kind, uint8_t *data, size_t *len,
                                     uint32_t *generation);

/* In transport-capture.c; for a transport that is captured */

void sl_transport_capture(const SluiceTransport *self, SluiceCaptureLayer layer,
                          SluiceDirection direction, SluiceKind kind, SluiceTime now,
                          const uint8_t *data, size_t len);

/* sl_srtp_protect(), shown before and after. Under the lock of what goes out. */
SluiceStatus sl_transport_protect_captured(SluiceTransport *self, SluiceKind kind, uint8_t *data,
                                           size_t *len, size_t capacity);

/* In transport-second.c */

/* Makes an association of @role in the second place, which is cleared first. NULL: no memory. */
SlDtls *sl_second_begin(SluiceTransport *self, SluiceTime now, SluiceRole role);

/* Frees what is in the second place. */
void sl_second_clear(SluiceTransport *self);

/* What has to follow a call into the second association. */
void sl_second_after_dtls(SluiceTransport *self, SluiceTime now, SlDtlsResult result);

/* A candidate was verified against an identity that does not count any more: it waits for the new one. */
void sl_second_doubt(SluiceTransport *self, SluiceTime now);

/* The peer's identity has become known. */
void sl_second_verify(SluiceTransport *self, SluiceTime now);

/* Something came under the keys of the live association: its peer still speaks by that. */
void sl_second_heard_live(SluiceTransport *self, SluiceTime now);
/* Something authentic has come: under the keys of an old one, or those that took their place. */
void sl_second_heard(SluiceTransport *self, SluiceTime now, int by_old);

/* 1 if the second one is finished, with the certificate that the live one's peer has. */
int sl_second_is_of_same_peer(const SluiceTransport *self);

/* Something came under a candidate's keys: now it is the live one. */
void sl_second_promote(SluiceTransport *self, SluiceTime now);

/* 1 if a candidate's client may have its keys already: it is not given up for a newcomer, which waits until it is live, or
 * its client has shown that it has not. */
int sl_second_may_be_in_use(const SluiceTransport *self);

/* It has come to nothing. */
void sl_second_fail(SluiceTransport *self, SluiceTime now, SluiceEndReason reason);

SluiceTime sl_second_next_timeout(const SluiceTransport *self);
void sl_second_handle_timeout(SluiceTransport *self, SluiceTime now);

/* 1 if media that no keys open may be of this association, whose peer may have its keys already. */
int sl_second_may_own_media(const SluiceTransport *self);

/* In transport-attempts.c */

/* The first of a row of attempts. Without memory for them an attempt that breaks is the end. */
void sl_attempts_begin(SluiceTransport *self, SluiceTime now);

/* No more of them: one has been finished, or nobody wants one any longer. */
void sl_attempts_end(SluiceTransport *self);

/* How many were given up. */
unsigned sl_attempts_given_up(const SluiceTransport *self);

/* 1 if something stands against them that may yet be believed. */
int sl_attempts_have_evidence(const SluiceTransport *self);

/* The attempt in a place has broken (SL_DTLS_BROKEN), or has lasted too long (SL_DTLS_TIRED), which says nothing. */
void sl_attempts_broken(SluiceTransport *self, SluiceTime now, int place, SlDtlsResult how);

/* What came was of no use. */
void sl_attempts_note_noise(SluiceTransport *self, SluiceTime now);

/* How far the attempt in a place has got, and what was said of it. */
void sl_attempts_note(SluiceTransport *self, SluiceTime now, int place);

/* What comes to a client that may have given up one, and not begun the next. */
void sl_attempts_note_between(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                              size_t len);

/* What stands against them is believed: they end. */
void sl_attempts_believe(SluiceTransport *self, SluiceTime now);

/* 1 if a datagram answers an older attempt than the one in @place. */
int sl_attempts_is_stale(SluiceTransport *self, int place, const uint8_t *data, size_t len);

/* A server without an attempt, and not the head of a ClientHello: if it is of a flight 5, the client is told. */
void sl_attempts_ask_anew(SluiceTransport *self, SluiceTime now, const uint8_t *data, size_t len);

/* A timer of the attempt has run out, in handle_timeout or, when a datagram came at that time, in OpenSSL. */
void sl_attempts_end_stuck(SluiceTransport *self, SluiceTime now);

SluiceTime sl_attempts_next_timeout(const SluiceTransport *self);
void sl_attempts_handle_timeout(SluiceTransport *self, SluiceTime now);

/* In transport-restart.c */

/* Begins the client's next attempt at what is announced. */
SluiceStatus sl_restart_begin_as_client(SluiceTransport *self, SluiceTime now);

/* A ClientHello that none of the associations has begun with. */
SluiceStatus sl_transport_meet_hello(SluiceTransport *self, SluiceTime now, const uint8_t *data,
                                     size_t len);

/* Makes the association of a ClientHello that may have one: beside a live association, or in the place of one that is not
 * finished. Who brings a cookie is there, and it is not the one who began that. */
SluiceStatus sl_transport_answer_hello(SluiceTransport *self, SluiceTime now,
                                       const SlClientHello *hello, int has_cookie, uint8_t *passed,
                                       size_t n);

/* Who the peer of a new association must be. */
const SlPeerIdentity *sl_transport_expected(const SluiceTransport *self);

/* The peer has closed the live association: the end, unless another one is announced. */
void sl_restart_take_farewell(SluiceTransport *self, SluiceTime now, SluiceEndReason reason);
/* Or it has died of something else. */
void sl_restart_take_end(SluiceTransport *self, SluiceTime now, SluiceEndReason reason);

/* What is announced has ended: with a new generation (0) or because of @reason. */
void sl_restart_over(SluiceTransport *self, SluiceTime now, int reason);

SluiceTime sl_restart_next_timeout(const SluiceTransport *self);
void sl_restart_handle_timeout(SluiceTransport *self, SluiceTime now);

/* The role and the identity of an announced restart, named later. 1: it was for that. */
int sl_restart_name_role(SluiceTransport *self, SluiceTime now, SluiceRole role,
                         SluiceStatus *status);
int sl_restart_name_identity(SluiceTransport *self, SluiceTime now, SlPeerIdentity *identity,
                             SluiceStatus *status);

/* Reads fingerprints; of @n 0 nobody in particular. */
SluiceStatus sl_transport_read_identity(const SluiceTransport *self,
                                        const SluiceFingerprint *fingerprints, size_t n,
                                        SlPeerIdentity *out);

#endif
