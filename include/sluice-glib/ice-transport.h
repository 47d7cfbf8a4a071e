/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_GLIB_ICE_TRANSPORT_H
#define SLUICE_GLIB_ICE_TRANSPORT_H

#include <nice/agent.h>
#include <sluice-glib/types.h>

G_BEGIN_DECLS

#define SLUICE_TYPE_ICE_TRANSPORT (sluice_ice_transport_get_type())

/**
 * SluiceIceTransport:
 *
 * DTLS-SRTP over one component of a #NiceAgent that the caller made and owns.
 *
 * It takes the component's datagrams over (it calls nice_agent_attach_recv() itself), runs the
 * handshake once ICE can send, and from then on turns media and data into datagrams and back. RTP
 * and RTCP on separate components (no rtcp-mux) are two transports, each with a handshake and keys
 * of its own.
 *
 * # Threads
 *
 * A transport belongs to the #GMainContext that was given when it was made. Callbacks, signals and
 * notifies come only from that context, never from inside one of the functions below: what a call
 * causes is told by a source of the context, later and in order. (The destroy notify of a
 * packet function runs where the function is replaced or the last reference dropped, as everywhere
 * in GLib.) sluice_ice_transport_send_rtp(),
 * sluice_ice_transport_send_rtcp() and sluice_ice_transport_send_data() with their GBytes forms may
 * be called from any thread that holds a reference; so may g_object_ref() and g_object_unref().
 * Everything else, the making too, is for the thread that runs the context (or, while nobody runs
 * it, the thread that will). In callbacks every function may be called, and the last reference may
 * be dropped.
 *
 * # ICE
 *
 * The transport survives an ICE restart and a change of path with the same keys, and an ICE
 * component that fails does not end it: call sluice_ice_transport_close() when the call is over.
 * DTLS that ICE cannot send yet is kept and sent as soon as it can; media is dropped and counted.
 *
 * It holds a reference on the agent. To take all down, in the context's thread: close the transport
 * and drop it, then nice_agent_remove_stream(), then nice_agent_close_async(), and the agent's last
 * reference after that is done. Reliable agents (a byte stream) are refused; ICE-TCP on an agent
 * that is not reliable is fine.
 */
SLUICE_API
G_DECLARE_FINAL_TYPE(SluiceIceTransport, sluice_ice_transport, SLUICE, ICE_TRANSPORT, GObject)

/**
 * SLUICE_ICE_TRANSPORT_MAX_PACKET:
 *
 * Bytes of the largest RTP or RTCP packet that can be sent.
 */
#define SLUICE_ICE_TRANSPORT_MAX_PACKET 16384

/**
 * SluiceIceTransportPacketFunc: (skip)
 * @transport: the transport
 * @kind: %SLUICE_KIND_RTP, %SLUICE_KIND_RTCP or %SLUICE_KIND_DATA
 * @data: (array length=len): the plain packet or message, valid during the call; it may be altered
 * @len: its length
 * @user_data: as given
 *
 * Takes one packet or message from the peer, in the transport's context.
 */
typedef void (*SluiceIceTransportPacketFunc)(SluiceIceTransport *transport, SluiceKind kind,
                                             guint8 *data, gsize len, gpointer user_data);

/**
 * SluiceIceTransportBytesFunc:
 * @transport: the transport
 * @kind: %SLUICE_KIND_RTP, %SLUICE_KIND_RTCP or %SLUICE_KIND_DATA
 * @packet: the plain packet or message
 * @user_data: as given
 *
 * Takes one packet or message from the peer, in the transport's context.
 */
typedef void (*SluiceIceTransportBytesFunc)(SluiceIceTransport *transport, SluiceKind kind,
                                            GBytes *packet, gpointer user_data);

/**
 * SluiceIceCounters: (skip)
 * @media_refused: RTP and RTCP packets that were protected and that ICE then refused: dropped
 * @media_unclaimed: RTP and RTCP packets that came while no packet function was set: dropped
 * @data_lost: messages from other threads that could not be sent any more: the transport had ended
 * @output_blocked: times that DTLS had to wait because ICE could not send
 * @wakeups: times that the transport's source was dispatched
 *
 * What the binding adds to #SluiceStats.
 */
typedef struct {
    guint64 media_refused;
    guint64 media_unclaimed;
    guint64 data_lost;
    guint64 output_blocked;
    guint64 wakeups;
} SluiceIceCounters;

/**
 * sluice_ice_transport_new:
 * @agent: an agent that is not reliable; a reference is taken
 * @stream_id: a stream of it
 * @component_id: a component of that stream
 * @config: settings; frozen by this call, a reference is taken
 * @context: (nullable): the transport's context, which libnice delivers on from here on; %NULL is
 *   the thread-default one
 * @error: return location for an error
 *
 * Makes a transport in %SLUICE_STATE_NEW and takes over what the component receives; a transport
 * that had it before receives nothing any more.
 *
 * Returns: (transfer full): the transport, or %NULL with @error set: %SLUICE_ERROR_ICE: no such
 *   stream or component; %SLUICE_ERROR_UNSUPPORTED: a reliable agent; %SLUICE_ERROR_INTERNAL:
 *   OpenSSL refused the config
 */
SLUICE_API SluiceIceTransport *sluice_ice_transport_new(NiceAgent *agent, guint stream_id,
                                                        guint component_id, SluiceConfig *config,
                                                        GMainContext *context, GError **error);

/**
 * sluice_ice_transport_set_packet_func: (skip)
 * @self: a transport
 * @func: (nullable): the function, or %NULL for none
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data when the function is replaced or the transport goes
 *
 * Sets the one function that takes what the peer sends; it replaces any other. Set it before the
 * start: data waits, up to the config's bound, while there is none; media is dropped and counted.
 */
SLUICE_API void sluice_ice_transport_set_packet_func(SluiceIceTransport *self,
                                                     SluiceIceTransportPacketFunc func,
                                                     gpointer user_data, GDestroyNotify destroy);

/**
 * sluice_ice_transport_set_bytes_func:
 * @self: a transport
 * @func: (nullable) (scope notified) (closure user_data) (destroy destroy): the function, or %NULL
 *   for none
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data when the function is replaced or the transport goes
 *
 * The same for bindings: each packet is copied into a #GBytes. It replaces any other function.
 */
SLUICE_API void sluice_ice_transport_set_bytes_func(SluiceIceTransport *self,
                                                    SluiceIceTransportBytesFunc func,
                                                    gpointer user_data, GDestroyNotify destroy);

/**
 * SluiceIceTransportEventFunc: (skip)
 * @transport: the transport
 * @event: what happened; a plain value, valid during the call
 * @user_data: as given
 *
 * Takes one event of the core, in the transport's context.
 */
typedef void (*SluiceIceTransportEventFunc)(SluiceIceTransport *transport, const SluiceEvent *event,
                                            gpointer user_data);

/**
 * sluice_ice_transport_set_event_func: (skip)
 * @self: a transport
 * @func: (nullable): the function, or %NULL for none
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data when the function is replaced or the transport goes
 *
 * Sets the one function that is told all that sluice_transport_next_event() would tell: flights, alerts, generations of keys,
 * and the states, each before its notify. For timelines; the properties and signals suffice to make calls.
 */
SLUICE_API void sluice_ice_transport_set_event_func(SluiceIceTransport *self,
                                                    SluiceIceTransportEventFunc func,
                                                    gpointer user_data, GDestroyNotify destroy);

/**
 * sluice_ice_transport_get_local_fingerprint:
 * @self: a transport
 *
 * Returns: (transfer full): the sha-256 fingerprint to announce in SDP: "sha-256 12:AB:..."
 */
SLUICE_API char *sluice_ice_transport_get_local_fingerprint(SluiceIceTransport *self);

/**
 * sluice_ice_transport_set_remote_fingerprint:
 * @self: a transport
 * @values: the peer's fingerprint as its description has it, "sha-256 12:AB:..."; several on lines
 *   of their own. "a=fingerprint:" in front is tolerated; those of unknown hash functions are
 *   skipped
 * @error: return location for an error
 *
 * Says who the peer must be; before or after the start. Nothing is delivered or sent until it is
 * known and matches. When the peer turns out to be somebody else, the signal
 * #SluiceIceTransport::closed tells.
 *
 * Returns: %TRUE, or %FALSE with @error set: %SLUICE_ERROR_INVALID_ARGUMENT: no fingerprint, or
 *   none that counts; %SLUICE_ERROR_INVALID_STATE: another one was given before;
 *   %SLUICE_ERROR_ENDED
 */
SLUICE_API gboolean sluice_ice_transport_set_remote_fingerprint(SluiceIceTransport *self,
                                                                const char *values,
                                                                GError **error);

/**
 * sluice_ice_transport_start:
 * @self: a transport
 * @role: the role; %SLUICE_ROLE_AUTO for the side that offered `actpass`: it becomes server when a
 *   ClientHello comes before the answer, and is started again with the role that the answer names
 * @error: return location for an error
 *
 * Starts the handshake as soon as ICE has a path; this may be called before. The deadline of the
 * handshake counts from then. A start that had to wait and is then refused ends the transport, with
 * that error.
 *
 * Returns: %TRUE, or %FALSE with @error set: %SLUICE_ERROR_INVALID_STATE: started before, or it has
 *   finished a handshake as server and is told to be client; %SLUICE_ERROR_INVALID_ARGUMENT; %SLUICE_ERROR_ENDED
 */
SLUICE_API gboolean sluice_ice_transport_start(SluiceIceTransport *self, SluiceRole role,
                                               GError **error);

/**
 * sluice_ice_transport_send_rtp:
 * @self: a transport
 * @data: (array length=len): a plain RTP packet; copied
 * @len: its length, at most %SLUICE_ICE_TRANSPORT_MAX_PACKET
 * @error: return location for an error
 *
 * Protects a packet and hands it to ICE at once. Any thread.
 *
 * Returns: %TRUE, or %FALSE with @error set: %SLUICE_ERROR_WOULD_BLOCK and %SLUICE_ERROR_ICE: ICE
 *   refused it, it is dropped and counted; %SLUICE_ERROR_NOT_READY; %SLUICE_ERROR_TOO_LARGE;
 *   %SLUICE_ERROR_INVALID_ARGUMENT: no RTP packet; %SLUICE_ERROR_KEY_EXHAUSTED; %SLUICE_ERROR_ENDED
 */
SLUICE_API gboolean sluice_ice_transport_send_rtp(SluiceIceTransport *self, const guint8 *data,
                                                  gsize len, GError **error);

/**
 * sluice_ice_transport_send_rtcp:
 * @self: a transport
 * @data: (array length=len): a plain RTCP packet; copied
 * @len: its length, at most %SLUICE_ICE_TRANSPORT_MAX_PACKET
 * @error: return location for an error
 *
 * As sluice_ice_transport_send_rtp(). Any thread.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
SLUICE_API gboolean sluice_ice_transport_send_rtcp(SluiceIceTransport *self, const guint8 *data,
                                                   gsize len, GError **error);

/**
 * sluice_ice_transport_send_data:
 * @self: a transport
 * @data: (array length=len): a message; copied
 * @len: its length, 1..sluice_ice_transport_get_max_data_size()
 * @error: return location for an error
 *
 * Sends a message as one DTLS record in one datagram. It arrives whole or not at all. Any thread;
 * outside the context's own dispatch the message is posted to it.
 *
 * Returns: %TRUE, or %FALSE with @error set: %SLUICE_ERROR_WOULD_BLOCK: too much waits, send it
 *   again later; %SLUICE_ERROR_TOO_LARGE; %SLUICE_ERROR_NOT_READY; %SLUICE_ERROR_INVALID_STATE in
 *   %SLUICE_STATE_MEDIA_ONLY; %SLUICE_ERROR_INVALID_ARGUMENT; %SLUICE_ERROR_ENDED
 */
SLUICE_API gboolean sluice_ice_transport_send_data(SluiceIceTransport *self, const guint8 *data,
                                                   gsize len, GError **error);

/**
 * sluice_ice_transport_send_rtp_bytes:
 * @self: a transport
 * @packet: a plain RTP packet
 * @error: return location for an error
 *
 * sluice_ice_transport_send_rtp() of a #GBytes. Any thread.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
SLUICE_API gboolean sluice_ice_transport_send_rtp_bytes(SluiceIceTransport *self, GBytes *packet,
                                                        GError **error);

/**
 * sluice_ice_transport_send_rtcp_bytes:
 * @self: a transport
 * @packet: a plain RTCP packet
 * @error: return location for an error
 *
 * sluice_ice_transport_send_rtcp() of a #GBytes. Any thread.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
SLUICE_API gboolean sluice_ice_transport_send_rtcp_bytes(SluiceIceTransport *self, GBytes *packet,
                                                         GError **error);

/**
 * sluice_ice_transport_send_data_bytes:
 * @self: a transport
 * @message: a message
 * @error: return location for an error
 *
 * sluice_ice_transport_send_data() of a #GBytes. Any thread.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
SLUICE_API gboolean sluice_ice_transport_send_data_bytes(SluiceIceTransport *self, GBytes *message,
                                                         GError **error);

/**
 * sluice_ice_transport_end_dtls:
 * @self: a connected transport with SRTP
 * @error: return location for an error
 *
 * Declares that media is all there will be: neither data nor a restart is wanted again. DTLS is given up with the memory it
 * takes, %SLUICE_STATE_MEDIA_ONLY follows (a server may wait for it until the peer's first packet), and media goes
 * on. Whether the peer has gone is told by ICE from then on (turn on the agent's consent-freshness); our own
 * close_notify still goes with sluice_ice_transport_close().
 *
 * Returns: %TRUE, or %FALSE with @error set: %SLUICE_ERROR_NOT_READY; %SLUICE_ERROR_INVALID_STATE: no SRTP;
 *   %SLUICE_ERROR_ENDED
 */
SLUICE_API gboolean sluice_ice_transport_end_dtls(SluiceIceTransport *self, GError **error);

/**
 * sluice_ice_transport_close:
 * @self: a transport
 *
 * Ends the transport: close_notify is handed to ICE before this returns, if there is a connection
 * and ICE can send. Nothing passes in or out from here on; #SluiceIceTransport::closed follows.
 * Twice is harmless. Dropping the last reference does the same without the signal.
 */
SLUICE_API void sluice_ice_transport_close(SluiceIceTransport *self);

/**
 * sluice_ice_transport_export:
 * @self: a connected transport
 * @label: the label ("EXPORTER-...")
 * @context: (nullable): the context; %NULL is not the same as an empty one
 * @len: bytes wanted, 1..8192
 * @error: return location for an error
 *
 * The keying material exporter of RFC 5705.
 *
 * Returns: (transfer full): the keying material, or %NULL with @error set
 */
SLUICE_API GBytes *sluice_ice_transport_export(SluiceIceTransport *self, const char *label,
                                               GBytes *context, gsize len, GError **error);

/**
 * sluice_ice_transport_get_state:
 * @self: a transport
 *
 * Returns: the state that was last notified
 */
SLUICE_API SluiceState sluice_ice_transport_get_state(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_role:
 * @self: a transport
 *
 * Returns: the DTLS role that was taken; %SLUICE_ROLE_AUTO while it is open
 */
SLUICE_API SluiceRole sluice_ice_transport_get_role(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_selected_profile:
 * @self: a transport
 *
 * Returns: the SRTP profile in use; %SLUICE_SRTP_NONE until it is known and on a data-only
 *   transport
 */
SLUICE_API SluiceSrtpProfile sluice_ice_transport_get_selected_profile(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_remote_certificate:
 * @self: a transport
 *
 * Returns: (transfer none) (nullable): the certificate that the peer proved to own, in DER form; it
 *   is the announced one only from %SLUICE_STATE_CONNECTED on. %NULL before the handshake is
 *   finished
 */
SLUICE_API GBytes *sluice_ice_transport_get_remote_certificate(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_remote_fingerprint:
 * @self: a transport
 *
 * Returns: (transfer none) (nullable): what sluice_ice_transport_set_remote_fingerprint() was given
 */
SLUICE_API const char *sluice_ice_transport_get_remote_fingerprint(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_last_error:
 * @self: a transport
 *
 * Returns: (transfer none) (nullable): why the transport ended; %NULL while it lives
 */
SLUICE_API const GError *sluice_ice_transport_get_last_error(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_agent:
 * @self: a transport
 *
 * Returns: (transfer none): its agent
 */
SLUICE_API NiceAgent *sluice_ice_transport_get_agent(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_stream_id:
 * @self: a transport
 *
 * Returns: its stream
 */
SLUICE_API guint sluice_ice_transport_get_stream_id(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_component_id:
 * @self: a transport
 *
 * Returns: its component
 */
SLUICE_API guint sluice_ice_transport_get_component_id(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_config:
 * @self: a transport
 *
 * Returns: (transfer none): its settings
 */
SLUICE_API SluiceConfig *sluice_ice_transport_get_config(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_main_context:
 * @self: a transport
 *
 * Returns: (transfer none): the context it belongs to
 */
SLUICE_API GMainContext *sluice_ice_transport_get_main_context(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_max_data_size:
 * @self: a transport
 *
 * Returns: the largest message that sluice_ice_transport_send_data() takes; 0 before the handshake
 *   is finished
 */
SLUICE_API gsize sluice_ice_transport_get_max_data_size(SluiceIceTransport *self);

/**
 * sluice_ice_transport_get_stats:
 * @self: a transport
 *
 * The figures as a dictionary (`a{sv}`). Keys with the meaning of W3C webrtc-stats have its names
 * and its words: `packetsSent`, `packetsReceived`, `bytesSent`, `bytesReceived` (type t),
 * `dtlsState`, `dtlsRole`, `tlsVersion` ("FEFD"), `dtlsCipher`, `tlsGroup`, `srtpCipher` (s; absent
 * until known). The others are those of #SluiceStats and #SluiceIceCounters, in the same spelling:
 * `rtpDelivered`, `droppedReplayed`, `mediaRefused`, ... (t); times, in seconds (d), are absent
 * until known: `handshakeRoundTripTime`; by phase, from the start, `handshakeClientHello`, `handshakeCertificate`,
 * `handshakeFinished` and `handshakeKeys`, which is `handshakeDuration` too. `localCertificate` and `remoteCertificate`
 * are dictionaries of their own, as RTCCertificateStats: `fingerprint`, `fingerprintAlgorithm`, `base64Certificate`.
 *
 * Returns: (transfer full): a #GVariant of type `a{sv}`
 */
SLUICE_API GVariant *sluice_ice_transport_get_stats(SluiceIceTransport *self);

/**
 * sluice_ice_transport_read_stats: (skip)
 * @self: a transport
 * @stats: (out caller-allocates) (nullable): the figures of the core
 * @counters: (out caller-allocates) (nullable): those of the binding
 *
 * The figures for C. #SluiceStats says what they mean.
 */
SLUICE_API void sluice_ice_transport_read_stats(SluiceIceTransport *self, SluiceStats *stats,
                                                SluiceIceCounters *counters);

/**
 * sluice_ice_transport_get_transport: (skip)
 * @self: a transport
 *
 * The core's transport, for what this class does not wrap: sluice_transport_get_offer(),
 * sluice_transport_get_srtp_keys(), sluice_transport_set_rtt(). Its input, output, messages, events
 * and timeouts stay this object's business. In the context's thread only, but for
 * sluice_transport_protect().
 *
 * Returns: (transfer none): the core's transport
 */
SLUICE_API SluiceTransport *sluice_ice_transport_get_transport(SluiceIceTransport *self);

G_END_DECLS

#endif
