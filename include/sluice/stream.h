/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_STREAM_H
#define SLUICE_STREAM_H

#include <sluice/event.h>
#include <sluice/stream-config.h>

/* POSIX, <sys/uio.h>. */
struct iovec;

SLUICE_BEGIN_DECLS

/**
 * SluiceStream: (skip)
 *
 * TLS 1.2 or 1.3 over any transport that keeps bytes in order: a TCP or Unix socket, an SCTP stream, another
 * program's event loop. It owns no socket, thread or clock and never calls the application: ciphertext goes in and out
 * at one side, plaintext at the other.
 *
 * The loop, whatever the event loop (`fd` does not block):
 * |[<!-- language="C" -->
 * // readable, and sluice_stream_wants_input(s):
 * n = recv(fd, buffer, sizeof buffer, 0);
 * if (n > 0) sluice_stream_receive(s, buffer, n, &taken);   // give the rest again after reading
 * if (n == 0) sluice_stream_receive_end(s);
 * // after every call (what came early waits in the stream): until it would block
 * while (sluice_stream_read(s, plain, sizeof plain, &got) == SLUICE_OK) use(plain, got);
 * // whenever there is something to say:
 * sluice_stream_write(s, data, len, &accepted);             // data + accepted is still the caller's
 * // after every call, and when the socket is writable:
 * while (sluice_stream_peek_output(s, &out, &len) && (n = send(fd, out, len, 0)) > 0)
 *     sluice_stream_pop_output(s, n);                       // exactly what the socket took
 * ]|
 *
 * Three counts are kept apart, and mixing them up is how TLS streams break: plaintext *accepted* (what
 * sluice_stream_write() says; never write it again), ciphertext *produced* (it is the stream's, until the transport
 * has it) and ciphertext *taken* (what sluice_stream_pop_output() is told). Accepted does not mean sent.
 *
 * One thread at a time; different streams in different threads. A call leaves the thread's OpenSSL error queue empty.
 */
typedef struct SluiceStream SluiceStream;

/**
 * sluice_stream_new: (skip)
 * @config: settings; a reference is taken, and it is frozen
 * @role: %SLUICE_ROLE_CLIENT or %SLUICE_ROLE_SERVER
 *
 * Returns: (transfer full) (nullable): a stream in %SLUICE_STATE_NEW, or %NULL: memory ran out, the role is neither, or
 *   OpenSSL refused a setting
 */
SLUICE_API SluiceStream *sluice_stream_new(SluiceConfig *config, SluiceRole role);

/**
 * sluice_stream_free: (skip)
 * @self: (nullable) (transfer full): a stream
 *
 * Frees it with all that waits in it. Nothing is sent: see sluice_stream_shutdown().
 */
SLUICE_API void sluice_stream_free(SluiceStream *self);

/**
 * SluiceVerify:
 * @SLUICE_VERIFY_TRUST: an authority of the config has signed the peer's certificate (or it was itself added as one)
 *   and it is valid now; a client also wants it made out to the host of sluice_stream_set_host(). A server has to be told
 *   whom it may trust: without authorities added, or the system's asked for, it does not start. The default
 * @SLUICE_VERIFY_FINGERPRINT: it has one of the fingerprints of sluice_stream_set_remote_fingerprints()
 * @SLUICE_VERIFY_ASK: the application looks at it (%SLUICE_STATE_UNVERIFIED) and calls sluice_stream_accept_peer()
 *
 * How the peer's certificate is judged. There is no way to leave it out by mistake: a client that wants no
 * verification asks, and accepts what comes.
 */
typedef enum {
    SLUICE_VERIFY_TRUST = 0,
    SLUICE_VERIFY_FINGERPRINT = 1,
    SLUICE_VERIFY_ASK = 2
} SluiceVerify;

/**
 * sluice_stream_set_verify: (skip)
 * @self: a stream in %SLUICE_STATE_NEW
 * @verify: how the peer is judged. For a server this counts when a client shows a certificate; with
 *   %SLUICE_VERIFY_FINGERPRINT it requires one, with %SLUICE_VERIFY_ASK it asks for one, whatever the config says
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_stream_set_verify(SluiceStream *self, SluiceVerify verify);

/**
 * sluice_stream_set_host: (skip)
 * @self: a client in %SLUICE_STATE_NEW
 * @host: a DNS name in ASCII form (sent as SNI, RFC 6066 section 3; its last label does not begin with a digit), or an IP
 *   address (not sent), 1..253 bytes; copied
 *
 * Names the server: what %SLUICE_VERIFY_TRUST wants in its certificate (RFC 9525: the whole left-most label may be a
 * wildcard; the common name does not count).
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE, %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_stream_set_host(SluiceStream *self, const char *host);

/**
 * sluice_stream_set_remote_fingerprints: (skip)
 * @self: a stream with %SLUICE_VERIFY_FINGERPRINT, in %SLUICE_STATE_NEW, CONNECTING or UNVERIFIED
 * @fingerprints: (array length=n_fingerprints): the peer's
 * @n_fingerprints: 1..%SLUICE_FINGERPRINTS_MAX
 *
 * As with a transport: those of the strongest hash count, and they may come after the handshake; until then nothing
 * is delivered or accepted.
 *
 * Returns: %SLUICE_OK, also when the peer turned out to be somebody else (see the state);
 *   %SLUICE_INVALID_ARGUMENT when none is of a hash that counts; %SLUICE_INVALID_STATE; %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_stream_set_remote_fingerprints(SluiceStream *self,
                                                              const SluiceFingerprint *fingerprints,
                                                              size_t n_fingerprints);

/**
 * sluice_stream_set_session: (skip)
 * @self: a client in %SLUICE_STATE_NEW
 * @session: (array length=len): what sluice_stream_get_session() of an earlier stream to the same server gave. It is
 *   as secret as the connection was
 * @len: its length
 *
 * Offers to resume that session, which saves the server's signature. The server may decline. The peer is judged again
 * by the certificate in the session (name, fingerprint, its own dates; the authorities were asked when the session
 * began). When that fails, %SLUICE_END_CERTIFICATE, drop the session and connect without it. In TLS 1.3 a session is good for one connection (RFC 8446 appendix C.4).
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT: it cannot be read, or comes from a config with other
 *   authorities; %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_stream_set_session(SluiceStream *self, const uint8_t *session,
                                                  size_t len);

/**
 * sluice_stream_set_message_limit: (skip)
 * @self: a stream in %SLUICE_STATE_NEW
 * @bytes: the largest message the transport takes, 64..16777216, or 0 (default): it takes bytes
 *
 * For transports that keep messages (a stream of SCTP, RFC 3436; a WebSocket): output then comes in messages of at
 * most @bytes, one TLS record each (one that is larger, of the handshake, in pieces). What sluice_stream_peek_output()
 * has shown stays the same until it is popped, so that a refused message is tried again with the same bytes. What the
 * peer sends may come in messages of any size.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_stream_set_message_limit(SluiceStream *self, size_t bytes);

/**
 * sluice_stream_start: (skip)
 * @self: a stream in %SLUICE_STATE_NEW
 * @now: the time
 *
 * Starts the handshake: a client's ClientHello is in the output now. The config's handshake deadline counts from here.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_STATE: started before, or a client with %SLUICE_VERIFY_TRUST has no host,
 *   or a server with it asks for certificates and has no authorities; %SLUICE_NO_MEMORY, %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_stream_start(SluiceStream *self, SluiceTime now);

/**
 * sluice_stream_receive: (skip)
 * @self: a started stream
 * @data: (array length=len): ciphertext from the transport, in any split; copied
 * @len: its length; 0 is fine
 * @taken: (out): how many bytes were taken, from the front
 *
 * Takes what the transport brought, and goes on with the handshake if it runs. After that, read until
 * sluice_stream_read() has no more.
 *
 * Returns: %SLUICE_OK: all of it was taken; %SLUICE_WOULD_BLOCK: only *@taken bytes, the input is full: read, then give
 *   the rest; %SLUICE_END_OF_STREAM: the peer has closed, nothing was taken; %SLUICE_ENDED: closed or failed, perhaps
 *   just now (*@taken is @len then): send what output is left, it may hold the alert that tells the peer;
 *   %SLUICE_INVALID_STATE: not started, or after sluice_stream_receive_end(); %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_stream_receive(SluiceStream *self, const uint8_t *data, size_t len,
                                              size_t *taken);

/**
 * sluice_stream_receive_end: (skip)
 * @self: a started stream
 *
 * Says that the transport has ended (recv() gave 0). What came before can still be read; then, unless the peer's
 * close_notify was in it, the stream has failed: %SLUICE_END_TRUNCATED. An attacker can end a transport, but not say
 * close_notify (RFC 8446 section 6.1).
 *
 * Returns: %SLUICE_OK, %SLUICE_ENDED, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_stream_receive_end(SluiceStream *self);

/**
 * sluice_stream_wants_input: (skip)
 * @self: a stream
 *
 * Returns: 1 if sluice_stream_receive() would take bytes: wait for the transport to be readable. 0: it is full (read
 *   first), or nothing more can come
 */
SLUICE_API int sluice_stream_wants_input(const SluiceStream *self);

/**
 * sluice_stream_read: (skip)
 * @self: a stream
 * @buffer: (array length=capacity): for plaintext
 * @capacity: bytes at @buffer, at least 1
 * @len: (out): how many bytes were put there; 0 unless %SLUICE_OK
 *
 * Returns: %SLUICE_OK: at least one byte; %SLUICE_WOULD_BLOCK: none now: receive more (or, should the output be full, send it);
 *   %SLUICE_END_OF_STREAM: the peer has closed its direction, all it sent has been read; %SLUICE_NOT_READY before
 *   %SLUICE_STATE_CONNECTED; %SLUICE_ENDED: failed, see sluice_stream_get_end(); %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_stream_read(SluiceStream *self, uint8_t *buffer, size_t capacity,
                                           size_t *len);

/**
 * sluice_stream_write: (skip)
 * @self: a connected stream
 * @data: (array length=len): plaintext; copied (encrypted) as far as it is accepted
 * @len: its length; 0 is fine and does nothing
 * @accepted: (out): how many bytes were accepted, from the front: they will be sent, once, in order. The rest is the
 *   caller's
 *
 * Never accepts what would pass the high-water mark of unsent ciphertext.
 *
 * Returns: %SLUICE_OK: all of it was accepted; %SLUICE_WOULD_BLOCK: only *@accepted bytes (perhaps none): send output
 *   (if there is none, the peer is in the middle of a handshake message: receive and read), then give the rest, or
 *   anything else; %SLUICE_NOT_READY before %SLUICE_STATE_CONNECTED; %SLUICE_INVALID_STATE
 *   after sluice_stream_shutdown(); %SLUICE_ENDED; %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_stream_write(SluiceStream *self, const uint8_t *data, size_t len,
                                            size_t *accepted);

/**
 * sluice_stream_writable: (skip)
 * @self: a stream
 *
 * Returns: how many bytes sluice_stream_write() would accept now at least
 */
SLUICE_API size_t sluice_stream_writable(const SluiceStream *self);

/**
 * sluice_stream_peek_output: (skip)
 * @self: a stream, in any state
 * @data: (out) (transfer none): ciphertext to send, contiguous, the stream's own, valid until the next call on it
 * @len: (out): its length: all there is, or with a message limit one message
 *
 * Returns: 1 if there is some, 0 if not
 */
SLUICE_API int sluice_stream_peek_output(SluiceStream *self, const uint8_t **data, size_t *len);

/**
 * sluice_stream_peek_output_iovec: (skip)
 * @self: a stream, in any state
 * @vectors: (array length=n): for writev(), sendmsg() or, with a message limit, sendmmsg() and the like: one message each
 * @n: how many there is room for
 *
 * The same as sluice_stream_peek_output(), in the form that these calls take: behind the vectors of the caller's own
 * framing, say. Valid until the next call on the stream.
 *
 * Returns: how many were filled in, 0 if there is nothing to send
 */
SLUICE_API size_t sluice_stream_peek_output_iovec(SluiceStream *self, struct iovec *vectors,
                                                  size_t n);

/**
 * sluice_stream_pop_output: (skip)
 * @self: a stream, in any state
 * @bytes: how many the transport really took, from the front; with a message limit the exact length of one or more of the
 *   messages that were shown
 *
 * Removes them. If the stream had to wait for room, it goes on.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT: more than there is, or a part of a message; nothing was removed
 */
SLUICE_API SluiceStatus sluice_stream_pop_output(SluiceStream *self, size_t bytes);

/**
 * sluice_stream_accept_peer: (skip)
 * @self: a stream with %SLUICE_VERIFY_ASK in %SLUICE_STATE_UNVERIFIED
 * @accept: 1: the peer is who it should be, 0: it is not (the stream has failed: %SLUICE_END_CERTIFICATE;
 *   TLS has no alert to tell the peer at this point, it gets close_notify)
 *
 * Answers the question that %SLUICE_STATE_UNVERIFIED asks; sluice_stream_get_peer_certificate() and
 * sluice_stream_get_verify_text() help.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_stream_accept_peer(SluiceStream *self, int accept);

/**
 * sluice_stream_shutdown: (skip)
 * @self: a stream
 *
 * Says close_notify: all that was accepted goes before it, nothing is accepted after it. The other direction stays open:
 * read on until %SLUICE_END_OF_STREAM (in TLS 1.2 a peer may answer with its close_notify at once, RFC 5246 section 7.2.1).
 * When both have said it the state is %SLUICE_STATE_CLOSED. No alert can follow it: should what the peer still
 * sends be bad, the stream fails and the peer only sees the transport end. Before the handshake is finished it ends the stream
 * at once. Send the output that is left. Twice is harmless.
 *
 * Returns: %SLUICE_OK, %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_stream_shutdown(SluiceStream *self);

/**
 * sluice_stream_update_keys: (skip)
 * @self: a connected stream of TLS 1.3
 * @request: 1: the peer is asked to do the same
 *
 * Changes the sending keys (RFC 8446 section 4.6.3). After 2^24 records, some 250 GB, the stream does it by itself
 * (section 5.5).
 *
 * Returns: %SLUICE_OK; %SLUICE_WOULD_BLOCK: the output is full; %SLUICE_UNSUPPORTED: TLS 1.2; %SLUICE_NOT_READY,
 *   %SLUICE_INVALID_STATE, %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_stream_update_keys(SluiceStream *self, int request);

/**
 * sluice_stream_release_buffers: (skip)
 * @self: a stream
 *
 * Gives back the memory of empty buffers, ours and OpenSSL's, of a stream that will be idle; they are made again when
 * needed. Between bursts a stream keeps them, so that no record costs an allocation.
 */
SLUICE_API void sluice_stream_release_buffers(SluiceStream *self);

/**
 * sluice_stream_next_timeout: (skip)
 * @self: a stream
 *
 * Returns: when the handshake must be finished (or, in %SLUICE_STATE_UNVERIFIED, the peer verified: both deadlines of
 *   the config after the start), or %SLUICE_TIME_NEVER: no timer need run
 */
SLUICE_API SluiceTime sluice_stream_next_timeout(const SluiceStream *self);

/**
 * sluice_stream_handle_timeout: (skip)
 * @self: a stream
 * @now: the time; a call that comes early is harmless
 *
 * Ends the stream if a deadline has passed.
 *
 * Returns: %SLUICE_OK; %SLUICE_ENDED; %SLUICE_INVALID_ARGUMENT, also for %SLUICE_TIME_NEVER, which is no time
 */
SLUICE_API SluiceStatus sluice_stream_handle_timeout(SluiceStream *self, SluiceTime now);

/**
 * sluice_stream_get_state: (skip)
 * @self: a stream
 *
 * Returns: %SLUICE_STATE_NEW, CONNECTING, UNVERIFIED, CONNECTED (also with one direction closed), CLOSED or FAILED
 */
SLUICE_API SluiceState sluice_stream_get_state(const SluiceStream *self);

/**
 * sluice_stream_get_end: (skip)
 * @self: a stream
 * @end: (out caller-allocates): why it ended; a plain value. sluice_end_describe() makes sentences of it
 *
 * Returns: %SLUICE_OK, or %SLUICE_INVALID_STATE while it has not ended
 */
SLUICE_API SluiceStatus sluice_stream_get_end(const SluiceStream *self, SluiceEnd *end);

/**
 * SluiceStreamInfo: (skip)
 * @version: %SLUICE_TLS_1_2 or %SLUICE_TLS_1_3, 0 before it is agreed
 * @resumed: 1 if an earlier session was resumed
 * @read_closed: 1 if the peer has said close_notify (and it was read)
 * @write_closed: 1 if we have
 * @cipher: the suite's name in the standard ("TLS_AES_128_GCM_SHA256"), "" before it is agreed
 * @group: the key exchange ("x25519"), "" if not known
 * @alpn: the protocol agreed on, "" if none
 * @server_name: the name the client asked for (SNI), "" if none
 * @plaintext_accepted: bytes that sluice_stream_write() accepted
 * @ciphertext_produced: bytes made for the transport
 * @ciphertext_taken: bytes that sluice_stream_pop_output() was told of
 * @ciphertext_received: bytes that sluice_stream_receive() took
 * @plaintext_read: bytes that sluice_stream_read() gave
 *
 * What is known of a stream, and its counts. @ciphertext_produced less @ciphertext_taken waits in the output.
 */
typedef struct {
    unsigned version;
    int resumed, read_closed, write_closed;
    char cipher[48];
    char group[16];
    char alpn[256];
    char server_name[256];
    uint64_t plaintext_accepted;
    uint64_t ciphertext_produced;
    uint64_t ciphertext_taken;
    uint64_t ciphertext_received;
    uint64_t plaintext_read;
} SluiceStreamInfo;

/**
 * sluice_stream_get_info: (skip)
 * @self: a stream
 * @info: (out caller-allocates): plain values
 * @size: sizeof(SluiceStreamInfo) as the caller was built; see sluice_transport_get_stats()
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_stream_get_info(const SluiceStream *self, SluiceStreamInfo *info,
                                               size_t size);

/**
 * sluice_stream_get_peer_certificate: (skip)
 * @self: a stream
 * @index: 0: the peer's own, 1 and up: what it sent behind it (not kept in a resumed session)
 * @der: (out) (transfer none): in DER form; the stream's own, valid until the next call of this function
 * @len: (out): bytes at @der
 *
 * Returns: %SLUICE_OK; %SLUICE_NOT_READY: the handshake is not finished, or there is none of that index;
 *   %SLUICE_NO_MEMORY, %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_stream_get_peer_certificate(SluiceStream *self, size_t index,
                                                           const uint8_t **der, size_t *len);

/**
 * sluice_stream_get_verify_text: (skip)
 * @self: a stream with %SLUICE_VERIFY_TRUST or %SLUICE_VERIFY_ASK
 *
 * Returns: (transfer none): what %SLUICE_VERIFY_TRUST thinks of the peer's certificate: "ok", or OpenSSL's words
 *   ("self-signed certificate"; "unspecified certificate verification error" while there is none); static
 */
SLUICE_API const char *sluice_stream_get_verify_text(const SluiceStream *self);

/**
 * sluice_stream_get_session: (skip)
 * @self: a client
 * @session: (array length=len) (nullable): for the session; keep it secret, see sluice_stream_set_session()
 * @len: (inout): bytes at @session; on return the length of the session, also with %SLUICE_NO_ROOM
 *
 * The newest session the server has offered. In TLS 1.3 it comes after the handshake: read first.
 *
 * Returns: %SLUICE_OK, %SLUICE_NO_ROOM, %SLUICE_NOT_READY: none was offered, or the peer is not verified;
 *   %SLUICE_INVALID_ARGUMENT, %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_stream_get_session(SluiceStream *self, uint8_t *session,
                                                  size_t *len);

/**
 * sluice_stream_export: (skip)
 * @self: a connected stream
 * @label: the label, zero-terminated
 * @context: (array length=context_len) (nullable): the context
 * @context_len: bytes at @context
 * @out: (array length=out_len): the keying material; the caller wipes it
 * @out_len: bytes wanted, 1..8192
 *
 * The exporter of RFC 5705 and RFC 8446 section 7.5 (channel binding of RFC 9266: "EXPORTER-Channel-Binding", with a
 * context that is empty and not %NULL).
 *
 * Returns: %SLUICE_OK; %SLUICE_NOT_READY: never connected; %SLUICE_UNSUPPORTED: TLS 1.2 without extended master secret,
 *   where two connections may have the same keys (RFC 7627); %SLUICE_INVALID_ARGUMENT, %SLUICE_ENDED, %SLUICE_INTERNAL
 */
SLUICE_API SluiceStatus sluice_stream_export(SluiceStream *self, const char *label,
                                             const uint8_t *context, size_t context_len,
                                             uint8_t *out, size_t out_len);

/**
 * sluice_stream_peek_rest: (skip)
 * @self: a stream whose peer has said close_notify
 * @data: (out) (transfer none): bytes that were given to sluice_stream_receive() and lie behind the close_notify: not
 *   TLS's, but the next protocol's on the same transport; the stream's own
 * @len: (out): how many
 *
 * Returns: 1 if there are some, 0 if not
 */
SLUICE_API int sluice_stream_peek_rest(const SluiceStream *self, const uint8_t **data, size_t *len);

SLUICE_END_DECLS

#endif
