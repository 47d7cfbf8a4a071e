/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_STREAM_PRIVATE_H
#define SL_STREAM_PRIVATE_H

/* What stream.c, stream-io.c, stream-verify.c and stream-session.c share. */

#include "config.h"
#include "ssl-pump.h"
#include "stream-bio.h"

#include <sluice/stream.h>

#include <openssl/ssl.h>

/* Who the peer must be. */
typedef struct {
    SluiceVerify how;
    char *host; /* NULL: none given */
    int host_is_address;
    SluiceFingerprint fingerprints[SLUICE_FINGERPRINTS_MAX]; /* of one hash */
    size_t n_fingerprints;
    int accepted; /* the application has said yes */
} SlStreamPeer;

struct SluiceStream {
    SSL *ssl;
    SluiceConfig *config;
    SluiceRole role;
    SluiceState state;
    uint64_t id; /* for log lines */
    SlStreamBio bio;
    SlStreamPeer peer;

    SluiceTime handshake_deadline, unverified_deadline;
    SluiceEnd end;
    SluiceEndReason cause; /* why a callback refused; 0: none did */
    SluiceAlert alert;     /* the last one; number -1: none */
    long verify_error;     /* X509_V_ERR_..., what TRUST thinks */

    size_t message_limit; /* 0: the transport takes bytes */
    size_t record_left;   /* of a record that goes in pieces: what is behind those that are gone */

    int ended_below; /* the transport has ended: nothing more comes */
    int peer_closed; /* close_notify has come */
    int close_asked, close_sent;
    int buffers_released;

    SSL_SESSION *session; /* the newest the server has offered */
    uint8_t *certificate; /* what get_peer_certificate() gave last */
    uint64_t accepted, taken, received, read;
    uint32_t records_left; /* that may go under the present keys */
};

/* RFC 8446 section 5.5: at 2^24.5 full records AES-GCM loses its margin. */
#define SL_STREAM_RECORDS_MAX (UINT32_C(1) << 24)

/* -- stream.c */

void sl_stream_enter(SluiceStream *self, SluiceState state);
void sl_stream_fail(SluiceStream *self, SluiceEndReason reason, const char *words);
/* Ends it by what a call into OpenSSL has come to. */
void sl_stream_fail_by(SluiceStream *self, const SlPumpError *error);
int sl_stream_has_ended(const SluiceStream *self);
/* The state it is in or, if it has ended, was in. */
SluiceState sl_stream_phase(const SluiceStream *self);
/* Goes on with what waits for input or room: the handshake, a close_notify. */
void sl_stream_advance(SluiceStream *self);
/* Both have said close_notify? */
void sl_stream_check_closed(SluiceStream *self);
/* OpenSSL's own buffers are there for a call that may write. 0: no memory, and the stream has failed. */
int sl_stream_need_buffers(SluiceStream *self);

/* -- stream-verify.c */

/* The certificate callback of every stream's SSL_CTX. */
int sl_stream_on_verify(X509_STORE_CTX *store, void *context);
/* Before the handshake: what is asked of the peer. 0: no memory. */
int sl_stream_ask_for_peer(SluiceStream *self);
/* After it: UNVERIFIED, CONNECTED or FAILED. */
void sl_stream_judge_peer(SluiceStream *self);

/* Ends a stream whose peer takes it for open: close_notify tells it that much. */
void sl_stream_refuse(SluiceStream *self, SluiceEndReason reason, const char *words);

/* -- stream-session.c */

int sl_stream_on_session(SSL *ssl, SSL_SESSION *session);

#endif
