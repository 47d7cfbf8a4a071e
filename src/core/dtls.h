/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_DTLS_H
#define SL_DTLS_H

/* One DTLS association: an SSL over a datagram BIO, its flights, its timer and its alerts. There is no switch
 * between a handshake phase and a media phase: every datagram is fed and SSL_read() called until it has no more,
 * for the whole life. That answers retransmitted flights, alerts, data and close_notify alike. */

#include "client-hello.h"
#include "config.h"
#include "event-queue.h"
#include "inbox.h"
#include "output.h"

typedef struct SlDtls SlDtls;

/* Who the peer must be; n is 0 until it is known. */
typedef struct {
    SluiceFingerprint *list; /* of one hash; its own */
    size_t n;
} SlPeerIdentity;

void sl_peer_identity_clear(SlPeerIdentity *self);

/* What @from has is @self's from here on, and @from knows nobody. */
void sl_peer_identity_take(SlPeerIdentity *self, SlPeerIdentity *from);

/* Where an association puts what it makes; the transport's own. */
typedef struct {
    SlOutput *output;
    SlInbox *inbox;
    SlEventQueue *events;
    SluiceStats *stats;
    SluicePeerOffer *offer;
    uint64_t id; /* for log lines */
    uint32_t
        maker; /* what it puts in the output is marked so; tells it from the transport's other associations */
} SlDtlsSinks;

typedef enum {
    SL_DTLS_OK,
    SL_DTLS_CLOSED, /* close_notify came, and was answered */
    SL_DTLS_BROKEN, /* what came has ended the handshake, and nobody has authenticated that */
    SL_DTLS_TIRED,  /* OpenSSL has sent a flight of the handshake as often as it will */
    SL_DTLS_OVER,   /* an authenticated warning alert, which OpenSSL 3.0 treats as fatal */
    SL_DTLS_DEAD    /* sl_dtls_get_end() says why */
} SlDtlsResult;

/* The callbacks that every SSL_CTX needs, for sl_config_freeze(). */
void sl_dtls_install(SSL_CTX *ctx);

/* @role is client or server. @identity and the sinks are borrowed for life, @rtt is 0 when it is not known. NULL: no
 * memory. */
SlDtls *sl_dtls_new(SluiceConfig *config, SSL_CTX *ctx, SluiceRole role, SluiceTime rtt,
                    uint32_t generation, const SlPeerIdentity *identity, const SlDtlsSinks *sinks);
void sl_dtls_free(SlDtls *self);

/* Other places for what comes from here on. */
void sl_dtls_set_places(SlDtls *self, SlInbox *inbox, SluicePeerOffer *offer);

/* Who the peer must be, as long as it has not shown its certificate. */
void sl_dtls_set_identity(SlDtls *self, const SlPeerIdentity *identity);

/* Until it is freed or its peer is verified it is @half_open, and gives that back. */
void sl_dtls_set_half_open(SlDtls *self, SlHalfOpen *half_open);
/* It is that no more, but the caller, or nobody (NULL: it was not). */
SlHalfOpen *sl_dtls_take_half_open(SlDtls *self);

/* Server: the ClientHello that begins it. */
void sl_dtls_set_hello(SlDtls *self, SluiceTime now, const SlClientHello *hello);

/* 1 if @hello is a ClientHello of this association: its random says so (RFC 6347 section 4.2.1). */
int sl_dtls_has_random(const SlDtls *self, const SlClientHello *hello);

SluiceRole sl_dtls_role(const SlDtls *self);
uint32_t sl_dtls_generation(const SlDtls *self);
void sl_dtls_set_generation(SlDtls *self, uint32_t generation);
uint32_t sl_dtls_maker(const SlDtls *self);

/* Server: 1 if the ClientHello that began it has brought a cookie; client: 1. */
int sl_dtls_has_cookie(const SlDtls *self);

/* Client: writes the first flight. */
SlDtlsResult sl_dtls_start(SlDtls *self, SluiceTime now);

/* Server: the first datagram, a ClientHello whose cookie has been checked by the caller. */
SlDtlsResult sl_dtls_accept_cookie(SlDtls *self, SluiceTime now, const SlClientHello *hello,
                                   const uint8_t *datagram, size_t len);

/* One datagram that has passed the record guard. It may be changed in place. */
SlDtlsResult sl_dtls_receive(SlDtls *self, SluiceTime now, uint8_t *datagram, size_t len);

/* A round-trip time from outside, for the flights that follow. */
void sl_dtls_set_rtt(SlDtls *self, SluiceTime rtt);

SluiceTime sl_dtls_next_timeout(const SlDtls *self);
SlDtlsResult sl_dtls_handle_timeout(SlDtls *self, SluiceTime now);

/* The network refused a handshake datagram of @len bytes: the MTU falls below it, the flight is made again. */
SlDtlsResult sl_dtls_too_big(SlDtls *self, SluiceTime now, size_t len);

/* One message as one record. The caller has asked for room in the output. SLUICE_OK, SLUICE_ENDED. */
SluiceStatus sl_dtls_send(SlDtls *self, SluiceTime now, const uint8_t *data, size_t len);
size_t sl_dtls_max_data_size(const SlDtls *self);

/* Puts a close_notify in the output, once, if the handshake is finished. */
void sl_dtls_close(SlDtls *self, SluiceTime now);

/* Puts that close_notify aside, for a time when this association is freed. */
void sl_dtls_seal_close(SlDtls *self, SluiceTime now, SlOutput *aside);

/* A plaintext alert that would end the handshake has come since this was called last. */
int sl_dtls_take_alert(SlDtls *self, SluiceAlert *alert);

/* Of a broken one: the alert that it has written in plaintext, as a record; it is never sent by itself. Returns its length. */
size_t sl_dtls_last_words(const SlDtls *self, const uint8_t **record);

/* The number of its next record in plaintext: none that it has sent has that, or a greater one. */
uint64_t sl_dtls_next_number(const SlDtls *self);

/* The alert of its end, if it has one (the number is not -1). */
SluiceAlert sl_dtls_alert(const SlDtls *self);

/* How far the handshake is: a number that grows with each message that was taken. Of an attempt that has broken: where it
 * did. */
int sl_dtls_stage(const SlDtls *self);

/* The server has said that it knows nothing of our flight 5 (a HelloRequest, RFC 5246 section 7.4.1.1). */
void sl_dtls_note_asked_anew(SlDtls *self);

/* When that counts, which anybody can say: flight 5 was sent once more, and was not answered otherwise. NEVER: it was not. */
SluiceTime sl_dtls_unanswered_at(const SlDtls *self);

/* 1 if, by what has come, the peer is not in the same handshake, and our flight was sent in vain. */
int sl_dtls_is_stuck(const SlDtls *self, SluiceTime now);

int sl_dtls_is_finished(const SlDtls *self);

/* It has said close_notify. */
int sl_dtls_is_closed(const SlDtls *self);

/* When its handshake was. */
SluiceTime sl_dtls_finished_at(const SlDtls *self);

/* Messages of application data that came under its keys. */
uint64_t sl_dtls_messages(const SlDtls *self);

/* The number of our last flight, 0 if none, and when it was sent, the first time or again. */
int sl_dtls_last_flight(const SlDtls *self, SluiceTime *sent_at);

/* 1 if its newest flight was sent once and may yet be answered, or the rest of the ClientHello may yet come. */
int sl_dtls_is_fresh(const SlDtls *self, SluiceTime now);

/* What was negotiated, for the stats; once finished. */
void sl_dtls_note_parameters(const SlDtls *self);

/* Bytes that the negotiated cipher adds to a record; 0 until it is known. */
size_t sl_dtls_expansion(const SlDtls *self);
SluiceSrtpProfile sl_dtls_profile(const SlDtls *self);

/* Gives the peer's certificate, in DER form, to the caller, who frees it with OPENSSL_free(); once, when finished. */
void sl_dtls_take_peer_der(SlDtls *self, uint8_t **der, size_t *len);

/* RFC 5705; only once finished: before, OpenSSL answers with wrong bytes and success. SLUICE_OK, SLUICE_NOT_READY,
 * SLUICE_INVALID_ARGUMENT for a label that TLS keeps for itself, SLUICE_INTERNAL. */
SluiceStatus sl_dtls_export(SlDtls *self, const char *label, const uint8_t *context,
                            size_t context_len, uint8_t *out, size_t out_len);

/* Fills in reason, alert, flights and OpenSSL's words. */
void sl_dtls_get_end(const SlDtls *self, SluiceEnd *end);

#endif
