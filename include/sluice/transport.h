/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_TRANSPORT_H
#define SLUICE_TRANSPORT_H

#include <sluice/classify.h>
#include <sluice/config.h>
#include <sluice/event.h>
#include <sluice/stats.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceTransport: (skip)
 *
 * DTLS-SRTP (RFC 5763, 5764) for one 5-tuple or one ICE component. It owns no socket, thread or clock and
 * never calls the application: datagrams and the time go in, datagrams, messages and events are taken out.
 *
 * The loop, after any call that takes a time:
 * |[<!-- language="C" -->
 * while (sluice_transport_peek_output(t, &data, &len))
 *     if (send(fd, data, len) >= 0) sluice_transport_pop_output(t, now, SLUICE_SENT);
 *     else break;                       // stays where it is; try again when the socket is writable
 * while (sluice_transport_peek_message(t, &message)) { use(&message); sluice_transport_pop_message(t); }
 * while (sluice_transport_next_event(t, &event)) handle(&event);
 * arm_timer(sluice_transport_next_timeout(t));
 * ]|
 * Draining late delays things; it never breaks them. Calls that take a time may empty the thread's OpenSSL error queue.
 *
 * Threads: sluice_transport_protect() may be called by any number of threads at any time between new and
 * free. Everything else belongs to one thread at a time. Before free the caller has stopped the senders.
 */
typedef struct SluiceTransport SluiceTransport;

/**
 * sluice_transport_new: (skip)
 * @config: settings; frozen by this call, a reference is taken
 *
 * Returns: a transport in %SLUICE_STATE_NEW, or %NULL when memory ran out or OpenSSL refused the settings
 */
SLUICE_API SluiceTransport *sluice_transport_new(SluiceConfig *config);

/**
 * sluice_transport_free: (skip)
 * @self: (nullable): a transport
 *
 * Frees it and wipes its keys, at any time. Sends nothing: to end in order call sluice_transport_close() and drain first.
 */
SLUICE_API void sluice_transport_free(SluiceTransport *self);

/**
 * sluice_transport_get_id: (skip)
 * @self: a transport
 *
 * Returns: a number unique in this process, for matching log lines
 */
SLUICE_API uint64_t sluice_transport_get_id(const SluiceTransport *self);

/**
 * sluice_transport_start: (skip)
 * @self: a transport in %SLUICE_STATE_NEW or %SLUICE_STATE_LISTENING
 * @now: the time
 * @role: %SLUICE_ROLE_CLIENT writes the first flight; %SLUICE_ROLE_SERVER waits for the peer's;
 *   %SLUICE_ROLE_AUTO, for the side that offered `actpass`, becomes server when a ClientHello comes, and
 *   may be started again with the role that the answer names
 *
 * Starts the handshake. DTLS that came early from a validated path is answered now. A client should be
 * started when the path can send. Naming the role that an automatic transport has taken by itself is fine; so is the
 * other one until the handshake is finished, for the ClientHello that made it server may have been anybody's.
 *
 * While a restart runs that was announced without a role, this names it.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_STATE when it was started before, or has finished a handshake as server and
 *   is told to be client (the peer broke RFC 8842: end the call); %SLUICE_ENDED when it has ended before, or
 *   does now, over DTLS that came early (sluice_transport_get_end() says why); %SLUICE_NO_MEMORY, %SLUICE_INTERNAL
 */
SLUICE_API SluiceStatus sluice_transport_start(SluiceTransport *self, SluiceTime now,
                                               SluiceRole role);

/**
 * sluice_transport_restart: (skip)
 * @self: a started transport, in any state but the last two
 * @now: the time
 * @role: the role in the new association, as for sluice_transport_start(); it may differ from the old one.
 *   With %SLUICE_ROLE_AUTO, for the side that offered `actpass`, sluice_transport_start() may name it later
 * @fingerprints: (array length=n_fingerprints) (nullable): the peer's, from its new description
 * @n_fingerprints: 0..%SLUICE_FINGERPRINTS_MAX; 0: not known yet, sluice_transport_set_remote_fingerprints()
 *   names them later
 *
 * Announces a new DTLS association on the same path: signalling brought another `tls-id` or another fingerprint (RFC
 * 8842 section 5), with or without an ICE restart. An ICE restart alone needs no call: the association stays.
 *
 * The live association goes on untouched, data and media in and out, until the new one is finished and the peer is one
 * of @fingerprints; then %SLUICE_EVENT_GENERATION tells that the new keys are in force. What is still under way under
 * the old keys is taken for a while (sluice_config_set_overlap()), so that only the network loses packets. One that
 * fails, or misses the handshake's deadline, changes nothing: %SLUICE_EVENT_RESTART_FAILED tells why. A second call
 * before either event takes the place of the first.
 *
 * The close_notify of a peer that is replaced ends the old association alone: %SLUICE_STATE_MEDIA_ONLY, nothing goes out
 * (%SLUICE_NOT_READY; RFC 7675 section 5.2) until the new one has keys, and if there never is one the transport ends
 * with %SLUICE_END_CLOSE_NOTIFY. It ends at once on a data-only transport, or if the same peer's new one was finished. Of
 * a peer that was never verified neither it nor an alert says more: the state stays %SLUICE_STATE_UNVERIFIED till then.
 *
 * Who gives up a restart as client when its last flight is out cannot know whether the peer has gone over to it: if
 * packets come that are not authentic, announce another one. And there is room for two generations of keys: a call
 * within the overlap of the last restart, or a peer that begins again then, drops the oldest and what comes by them.
 *
 * Before the first association is finished it begins anew; in %SLUICE_STATE_UNVERIFIED the new one has its whole time.
 *
 * Nobody has to announce a peer that comes back by itself on the same path (RFC 6347 section 4.2.8): the ClientHello is
 * answered with a request for a cookie, and then it goes the same way, with the fingerprints that are known.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_STATE in %SLUICE_STATE_NEW and after sluice_transport_end_dtls();
 *   %SLUICE_INVALID_ARGUMENT when none of the fingerprints is of a hash that counts; %SLUICE_ENDED; %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_transport_restart(SluiceTransport *self, SluiceTime now,
                                                 SluiceRole role,
                                                 const SluiceFingerprint *fingerprints,
                                                 size_t n_fingerprints);

/**
 * sluice_transport_set_path_validated: (skip)
 * @self: a transport
 * @now: the time
 * @validated: 1 once an authenticated ICE check (or the like) has shown that the peer is at the other end
 *   of the path whose datagrams are given to sluice_transport_receive(); at birth 0
 *
 * Until then DTLS is counted and dropped, unless sluice_config_set_allow_unvalidated() says otherwise.
 * Give the transport only datagrams from such a path from then on (libnice does).
 *
 * Returns: %SLUICE_OK
 */
SLUICE_API SluiceStatus sluice_transport_set_path_validated(SluiceTransport *self, SluiceTime now,
                                                            int validated);

/**
 * sluice_transport_set_remote_fingerprints: (skip)
 * @self: a transport, in any state but the last two
 * @now: the time
 * @fingerprints: (array length=n_fingerprints): the peer's, from its description
 * @n_fingerprints: 1..%SLUICE_FINGERPRINTS_MAX
 *
 * Says who the peer must be. Of those given the ones of the strongest hash count, and one of them must be
 * that of the certificate the peer presents (RFC 8122 section 5). May come before or after the handshake; until
 * it is known no key is exported and nothing is delivered or sent (%SLUICE_STATE_UNVERIFIED).
 *
 * While a restart runs that was announced without fingerprints, they are those of the new association.
 *
 * Returns: %SLUICE_OK, also when the peer turned out to be somebody else (see the state and
 *   sluice_transport_get_end()) and when the same ones are given again; %SLUICE_INVALID_ARGUMENT when none of
 *   them is of a hash that counts; %SLUICE_INVALID_STATE when others were given before: a peer that has
 *   changed is announced with sluice_transport_restart(); %SLUICE_ENDED; %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_transport_set_remote_fingerprints(
    SluiceTransport *self, SluiceTime now, const SluiceFingerprint *fingerprints,
    size_t n_fingerprints);

/**
 * sluice_transport_set_rtt: (skip)
 * @self: a transport
 * @rtt: round-trip time of the path, as ICE measured it, up to 60 s; 0 takes the word back
 *
 * Makes the first retransmission timeout 2 x @rtt, within 50 ms and 1 s. Counts for flights that follow, and for how long
 * a handshake that something has broken waits before it begins anew and before it believes that.
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_transport_set_rtt(SluiceTransport *self, SluiceTime rtt);

/**
 * sluice_transport_receive: (skip)
 * @self: a transport
 * @now: the time
 * @data: (array): one UDP payload, written to only when it is media: with %SLUICE_OK it is decrypted, with any DROPPED_
 *   status it may be altered. Best 4-aligned: media at other addresses is copied for libsrtp, which stats count
 * @len: (inout): its length; for decrypted media the length of the plain packet
 * @kind: (out): what it was
 *
 * Takes one datagram from the network.
 *
 * With %SLUICE_OK @kind is: %SLUICE_KIND_RTP or %SLUICE_KIND_RTCP: @data is the plain packet
 * (sluice_transport_get_media_generation() says under which keys it came). %SLUICE_KIND_HELD: media
 * that was copied to the inbox, sluice_transport_peek_message() gives it in its turn. %SLUICE_KIND_DTLS: consumed;
 * drain everything. %SLUICE_KIND_STUN, ZRTP, TURN, QUIC, UNKNOWN: not ours, untouched, counted; the caller's to use.
 *
 * Returns: %SLUICE_OK; a SLUICE_DROPPED_ status: drop it, carry on; %SLUICE_WOULD_BLOCK: application data
 *   from a verified peer while the inbox is full: pop messages, then give the same datagram again (or drop it: DTLS allows loss);
 *   %SLUICE_ENDED: closed or failed, now or before; %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_transport_receive(SluiceTransport *self, SluiceTime now,
                                                 uint8_t *data, size_t *len, SluiceKind *kind);

/**
 * sluice_transport_get_media_generation: (skip)
 * @self: a transport
 *
 * Returns: the generation of the keys under which the packet came that sluice_transport_receive() decrypted last; the
 *   first is 1; 0: it has decrypted none
 */
SLUICE_API uint32_t sluice_transport_get_media_generation(const SluiceTransport *self);

/**
 * SLUICE_PROTECT_ROOM:
 *
 * Spare bytes that sluice_transport_protect() wants behind a packet, whatever the profile.
 */
#define SLUICE_PROTECT_ROOM 148

/**
 * sluice_transport_protect: (skip)
 * @self: a transport
 * @kind: %SLUICE_KIND_RTP or %SLUICE_KIND_RTCP
 * @data: (array): one plain packet, 4-aligned, encrypted in place
 * @len: (inout): its length; on return the bytes to send
 * @capacity: bytes at @data, at least *@len + %SLUICE_PROTECT_ROOM
 *
 * Encrypts one outgoing packet, in any thread. Queues nothing, allocates nothing of its own: send the result yourself.
 *
 * Returns: %SLUICE_OK; %SLUICE_NOT_READY: no verified keys, @data untouched; %SLUICE_ENDED; %SLUICE_NO_ROOM;
 *   %SLUICE_INVALID_ARGUMENT: no RTP or RTCP packet, or not aligned; %SLUICE_KEY_EXHAUSTED: this SSRC already sent
 *   this sequence number, or an older one outside the window, or 2^48 packets; or it is new, and 65,536 others have sent
 *   under these keys: the packet must not be sent. New keys help (sluice_transport_restart()). %SLUICE_WOULD_BLOCK: as many
 *   SSRCs are live as the config allows: remove one; %SLUICE_NO_MEMORY; %SLUICE_INTERNAL: libsrtp refuses it
 */
SLUICE_API SluiceStatus sluice_transport_protect(SluiceTransport *self, SluiceKind kind,
                                                 uint8_t *data, size_t *len, size_t capacity);

/**
 * sluice_transport_send_data: (skip)
 * @self: a connected transport
 * @now: the time
 * @data: (array length=len): a message; copied
 * @len: its length, 1..sluice_transport_max_data_size()
 *
 * Sends a message as one DTLS record in one datagram. It arrives whole or not at all.
 *
 * A peer that sends a handshake message which has no place in a connection, under the keys, breaks it. OpenSSL may tell that
 * only when it is to write next: then it is this call that ends the transport, with %SLUICE_END_PROTOCOL.
 *
 * Returns: %SLUICE_OK: it is in the output queue, drain it; %SLUICE_WOULD_BLOCK: the output queue is full, nothing
 *   was encrypted: drain it, then call again; %SLUICE_TOO_LARGE; %SLUICE_NOT_READY before
 *   %SLUICE_STATE_CONNECTED; %SLUICE_INVALID_STATE in %SLUICE_STATE_MEDIA_ONLY and after
 *   sluice_transport_end_dtls(); %SLUICE_INVALID_ARGUMENT; %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_transport_send_data(SluiceTransport *self, SluiceTime now,
                                                   const uint8_t *data, size_t len);

/**
 * sluice_transport_max_data_size: (skip)
 * @self: a transport
 *
 * Returns: the largest message that sluice_transport_send_data() takes, in bytes; 0 before the handshake is
 *   finished
 */
SLUICE_API size_t sluice_transport_max_data_size(const SluiceTransport *self);

/**
 * sluice_transport_peek_output: (skip)
 * @self: a transport, in any state
 * @data: (out) (transfer none): the oldest datagram to send, the transport's own, valid until the next call
 *   on it
 * @len: (out): its length
 *
 * Shows what to send next. Send it, then pop it; if the network is busy leave it here.
 *
 * Returns: 1 if there is one, 0 if not
 */
SLUICE_API int sluice_transport_peek_output(SluiceTransport *self, const uint8_t **data,
                                            size_t *len);

/**
 * SluiceSent:
 * @SLUICE_SENT: the network took it
 * @SLUICE_SEND_TOO_BIG: the network refused its size (EMSGSIZE)
 * @SLUICE_SEND_FAILED: the network refused it for good; it is given up, as if lost on the way
 *
 * What became of a datagram.
 */
typedef enum { SLUICE_SENT = 0, SLUICE_SEND_TOO_BIG = 1, SLUICE_SEND_FAILED = 2 } SluiceSent;

/**
 * sluice_transport_pop_output: (skip)
 * @self: a transport
 * @now: the time
 * @how: what became of the datagram that sluice_transport_peek_output() showed
 *
 * Removes it. With %SLUICE_SEND_TOO_BIG the handshake MTU falls a step and the flight is made again at once; for
 * application data the event %SLUICE_EVENT_DATA_TOO_BIG names its size.
 *
 * Returns: %SLUICE_OK, or %SLUICE_INVALID_STATE when there is none
 */
SLUICE_API SluiceStatus sluice_transport_pop_output(SluiceTransport *self, SluiceTime now,
                                                    SluiceSent how);

/**
 * SluiceMessage: (skip)
 * @kind: %SLUICE_KIND_DATA, %SLUICE_KIND_RTP or %SLUICE_KIND_RTCP
 * @generation: the generation of keys it came under; the first is 1
 * @data: (array length=len): the plain message or packet, 4-aligned; media may be altered in place
 * @len: its length
 *
 * A message of application data, or media that was held.
 */
typedef struct {
    SluiceKind kind;
    uint32_t generation;
    uint8_t *data;
    size_t len;
} SluiceMessage;

/**
 * sluice_transport_peek_message: (skip)
 * @self: a transport
 * @message: (out caller-allocates): the oldest message, the transport's own, valid until
 *   sluice_transport_pop_message() or sluice_transport_free()
 *
 * Returns: 1 if there is one, 0 if not. Nothing is shown before the peer is verified
 */
SLUICE_API int sluice_transport_peek_message(SluiceTransport *self, SluiceMessage *message);

/**
 * sluice_transport_pop_message: (skip)
 * @self: a transport
 *
 * Removes the oldest message.
 *
 * Returns: %SLUICE_OK, or %SLUICE_INVALID_STATE when there is none
 */
SLUICE_API SluiceStatus sluice_transport_pop_message(SluiceTransport *self);

/**
 * sluice_transport_next_event: (skip)
 * @self: a transport, in any state
 * @event: (out caller-allocates): the oldest event; a plain value, nothing to free
 *
 * Takes the next event off a bounded queue. When it overflows, flights and alerts are lost first (counted in
 * the stats); the latest state never is.
 *
 * Returns: 1 if there was one, 0 if not
 */
SLUICE_API int sluice_transport_next_event(SluiceTransport *self, SluiceEvent *event);

/**
 * sluice_transport_next_timeout: (skip)
 * @self: a transport
 *
 * Returns: when sluice_transport_handle_timeout() is due, or %SLUICE_TIME_NEVER: then no timer need run. Stale
 *   after any other call on @self
 */
SLUICE_API SluiceTime sluice_transport_next_timeout(const SluiceTransport *self);

/**
 * sluice_transport_handle_timeout: (skip)
 * @self: a transport
 * @now: the time; a call that comes early is harmless
 *
 * Sends a flight again, or gives up at a deadline. Give waiting datagrams first.
 *
 * Returns: %SLUICE_OK; %SLUICE_ENDED; %SLUICE_INVALID_ARGUMENT, also for %SLUICE_TIME_NEVER, which is no time
 */
SLUICE_API SluiceStatus sluice_transport_handle_timeout(SluiceTransport *self, SluiceTime now);

/**
 * sluice_transport_end_dtls: (skip)
 * @self: a connected transport with SRTP
 * @now: the time
 *
 * Declares that media is all there will be: neither data, nor a restart, nor an exporter is wanted again. OpenSSL's
 * connection, by far the most of what a transport holds, is freed, the state becomes %SLUICE_STATE_MEDIA_ONLY, and
 * media goes on with its keys. What is given up: alerts and the close_notify of the peer are not understood any more, so
 * that consent to send (RFC 7675) has to tell when it has gone; and a peer that starts anew is not heard. Our own
 * close_notify is kept, sealed, for sluice_transport_close(). What waits to be sent or read stays.
 *
 * It happens at once where the peer needs nothing of DTLS any more; a server that cannot know yet whether its last
 * flight has arrived waits until something of the peer has come under the keys, at most as long as a
 * handshake may take (sluice_config_set_deadlines()), with a timer. A restart that was announced before comes to its end
 * first. Data is refused from this call on.
 *
 * Returns: %SLUICE_OK, also when it was said before; %SLUICE_NOT_READY before %SLUICE_STATE_CONNECTED;
 *   %SLUICE_INVALID_STATE on a data-only transport; %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_transport_end_dtls(SluiceTransport *self, SluiceTime now);

/**
 * sluice_transport_close: (skip)
 * @self: a transport
 * @now: the time
 *
 * Ends the transport: a close_notify is put in the output (when there is a connection), no data or media
 * passes in or out from here on. Messages not read yet are dropped. Twice is harmless.
 *
 * Returns: %SLUICE_OK
 */
SLUICE_API SluiceStatus sluice_transport_close(SluiceTransport *self, SluiceTime now);

/**
 * sluice_transport_get_state: (skip)
 * @self: a transport
 *
 * Returns: its state
 */
SLUICE_API SluiceState sluice_transport_get_state(const SluiceTransport *self);

/**
 * sluice_transport_get_end: (skip)
 * @self: a transport
 * @end: (out caller-allocates): why it ended; a plain value
 *
 * Returns: %SLUICE_OK, or %SLUICE_INVALID_STATE while it has not ended
 */
SLUICE_API SluiceStatus sluice_transport_get_end(const SluiceTransport *self, SluiceEnd *end);

/**
 * sluice_transport_get_stats: (skip)
 * @self: a transport
 * @stats: (out caller-allocates): the figures; plain values
 * @size: sizeof(SluiceStats) as the caller was built; a library that knows more fields fills only these, one
 *   that knows fewer leaves the rest zero
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_transport_get_stats(SluiceTransport *self, SluiceStats *stats,
                                                   size_t size);

/**
 * sluice_transport_get_offer: (skip)
 * @self: a transport
 * @offer: (out caller-allocates): what the peer's ClientHello offered
 *
 * Returns: %SLUICE_OK, or %SLUICE_NOT_READY: no ClientHello was read (always so for a client)
 */
SLUICE_API SluiceStatus sluice_transport_get_offer(const SluiceTransport *self,
                                                   SluicePeerOffer *offer);

/**
 * sluice_transport_get_remote_certificate: (skip)
 * @self: a transport
 * @der: (out) (transfer none): the certificate the peer proved to own, in DER form, verified or not (see the
 *   state); the transport's own, valid until a later %SLUICE_EVENT_GENERATION or sluice_transport_free(). In
 *   %SLUICE_STATE_UNVERIFIED until the next call that takes a time: a peer that comes back meanwhile has shown another
 * @len: (out): bytes at @der
 *
 * Returns: %SLUICE_OK, or %SLUICE_NOT_READY before the handshake is finished
 */
SLUICE_API SluiceStatus sluice_transport_get_remote_certificate(const SluiceTransport *self,
                                                                const uint8_t **der, size_t *len);

/**
 * sluice_transport_export: (skip)
 * @self: a verified transport
 * @label: the label, zero-terminated ("EXPORTER-...")
 * @context: (array length=context_len) (nullable): the context; %NULL is not the same as an empty one
 * @context_len: bytes at @context
 * @out: (array length=out_len): the keying material; the caller wipes it
 * @out_len: bytes wanted, 1..8192
 *
 * The exporter of RFC 5705. The label of SRTP ("EXTRACTOR-dtls_srtp") is allowed.
 *
 * Returns: %SLUICE_OK; %SLUICE_NOT_READY before %SLUICE_STATE_CONNECTED; %SLUICE_INVALID_ARGUMENT, also for a label
 *   that TLS keeps for itself ("client finished"); %SLUICE_ENDED; %SLUICE_INVALID_STATE in
 *   %SLUICE_STATE_MEDIA_ONLY; %SLUICE_INTERNAL
 */
SLUICE_API SluiceStatus sluice_transport_export(SluiceTransport *self, const char *label,
                                                const uint8_t *context, size_t context_len,
                                                uint8_t *out, size_t out_len);

/**
 * SluiceSrtpKeys: (skip)
 * @profile: the profile
 * @generation: the generation of these keys
 * @key_len: bytes of each master key: 16 or 32
 * @salt_len: bytes of each master salt: 14 (CM) or 12 (GCM)
 * @local_key: master key for what we send
 * @local_salt: its salt
 * @remote_key: master key for what the peer sends
 * @remote_salt: its salt
 *
 * SRTP keys (RFC 5764 section 4.2), for programs that run SRTP elsewhere (a kernel, a capture).
 */
typedef struct {
    SluiceSrtpProfile profile;
    uint32_t generation;
    size_t key_len, salt_len;
    uint8_t local_key[32], local_salt[14];
    uint8_t remote_key[32], remote_salt[14];
} SluiceSrtpKeys;

/**
 * sluice_transport_get_srtp_keys: (skip)
 * @self: a verified transport with SRTP
 * @keys: (out caller-allocates): the keys; the caller wipes them
 *
 * Returns: %SLUICE_OK; %SLUICE_NOT_READY before %SLUICE_STATE_CONNECTED; %SLUICE_INVALID_STATE on a data-only
 *   transport and in %SLUICE_STATE_MEDIA_ONLY; %SLUICE_ENDED; %SLUICE_INTERNAL
 */
SLUICE_API SluiceStatus sluice_transport_get_srtp_keys(SluiceTransport *self, SluiceSrtpKeys *keys);

SLUICE_END_DECLS

#endif
