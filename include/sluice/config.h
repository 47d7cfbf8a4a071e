/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_CONFIG_H
#define SLUICE_CONFIG_H

#include <sluice/certificate.h>

SLUICE_BEGIN_DECLS

/**
 * SluiceConfig: (ref-func sluice_config_ref) (unref-func sluice_config_unref)
 *
 * Settings shared by any number of transports: certificate, profiles, sizes, limits, hooks. Reference
 * counted. The setters may be used, by one thread, until the first transport is made of it, or sluice_config_prepare(); that freezes
 * it, and from then on it is shared by any number of threads and every setter answers
 * %SLUICE_INVALID_STATE. One config is one SSL_CTX: make one a process, not one a call.
 *
 * What cannot be set, because RFC 8827 leaves no choice: DTLS 1.2, ECDHE with AEAD suites, extended
 * master secret required, a certificate required of the peer, no renegotiation, no tickets or sessions, no
 * compression.
 */
typedef struct SluiceConfig SluiceConfig;

/**
 * sluice_config_new:
 * @certificate: (nullable): the certificate to present; a reference is taken. %NULL makes one of
 *   %SLUICE_KEY_ECDSA_P256
 *
 * Returns: (transfer full) (nullable): a config with default settings, or %NULL when memory ran out
 */
SLUICE_API SluiceConfig *sluice_config_new(SluiceCertificate *certificate);

/**
 * sluice_config_ref:
 * @self: a config
 *
 * Returns: (transfer full): @self with one more reference
 */
SLUICE_API SluiceConfig *sluice_config_ref(SluiceConfig *self);

/**
 * sluice_config_unref:
 * @self: (nullable) (transfer full): a config
 *
 * Drops a reference. Transports hold their own.
 */
SLUICE_API void sluice_config_unref(SluiceConfig *self);

/**
 * sluice_config_prepare:
 * @self: a config
 *
 * Does now what the first transport that is made of it would do, and which would make the first caller wait, up to a tenth of a
 * second: makes OpenSSL's context, and, with SRTP profiles, tests the ciphers once a process. It freezes the config as
 * that transport would. For the start of a server; never needed. Again is harmless. Any thread.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT: no config; %SLUICE_INTERNAL: OpenSSL or libsrtp refused, or memory ran
 *   out: no transport of it would connect, the log hook was told why. It may be tried again
 */
SLUICE_API SluiceStatus sluice_config_prepare(SluiceConfig *self);

/**
 * sluice_config_get_certificate:
 * @self: a config
 *
 * Returns: (transfer none): the certificate that is presented; valid as long as the config
 */
SLUICE_API SluiceCertificate *sluice_config_get_certificate(const SluiceConfig *self);

/**
 * sluice_config_set_srtp_profiles:
 * @self: a config
 * @profiles: (array length=n_profiles) (nullable): profiles, the most wanted first; no duplicates
 * @n_profiles: how many; 0 makes data-only transports, whose DTLS has no use_srtp extension
 *
 * The order is offered as client and decides as server (RFC 5764 section 4.1.1). Default: AEAD_AES_128_GCM,
 * AEAD_AES_256_GCM, AES128_CM_SHA1_80.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_srtp_profiles(SluiceConfig *self,
                                                        const SluiceSrtpProfile *profiles,
                                                        size_t n_profiles);

/**
 * sluice_config_set_handshake_mtu:
 * @self: a config
 * @bytes: largest handshake datagram (UDP payload), 256..4096; default 1200
 *
 * The upper end is OpenSSL's: it cuts larger datagrams at 4096 bytes. A flight that was lost twice is made
 * again with the largest of 1200, 576 and 256 that is smaller than it, and so on. An answer that comes late and in pieces of
 * such a size is answered in the same.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_handshake_mtu(SluiceConfig *self, size_t bytes);

/**
 * sluice_config_set_datagram_limit:
 * @self: a config
 * @bytes: largest datagram (UDP payload) of application data, 256..16384; default 1200
 *
 * Data is never fragmented: a message that makes a larger datagram is refused with %SLUICE_TOO_LARGE (RFC
 * 8261 section 5: the layer above probes the path).
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_datagram_limit(SluiceConfig *self, size_t bytes);

/**
 * sluice_config_set_first_timeout:
 * @self: a config
 * @timeout: wait before a handshake flight is sent again the first time, 20 ms to 10 s; default
 *   100 ms. It doubles each time, up to 4 s or what the deadline needs
 *
 * What sluice_transport_set_rtt() says comes before it. RFC 6347 section 4.2.4.1 has 1 s; behind ICE the
 * path is known to answer and a lost datagram need not cost that much.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_first_timeout(SluiceConfig *self, SluiceTime timeout);

/**
 * sluice_config_set_deadlines:
 * @self: a config
 * @handshake: from start (or the ClientHello that ended %SLUICE_STATE_LISTENING, which may have been anybody's; and anew when
 *   the role that it gave is named) to the end of the handshake, 100 ms to 600 s; default 30 s
 * @unverified: from then until the fingerprint is known, 100 ms to 600 s; default 30 s
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_deadlines(SluiceConfig *self, SluiceTime handshake,
                                                    SluiceTime unverified);

/**
 * sluice_config_set_allow_unvalidated:
 * @self: a config
 * @allow: 1: DTLS is taken from a path not marked by sluice_transport_set_path_validated(), for plain
 *   UDP without ICE; a server then asks for a cookie first (HelloVerifyRequest, RFC 6347 section 4.2.1).
 *   0 (default): it is counted and dropped
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_allow_unvalidated(SluiceConfig *self, int allow);

/**
 * SLUICE_DTLS_1_2:
 *
 * DTLS 1.2 (RFC 6347), as it stands in a record.
 */
#define SLUICE_DTLS_1_2 0xfefd

/**
 * SLUICE_DTLS_1_3:
 *
 * DTLS 1.3 (RFC 9147). Its number is the lower one.
 */
#define SLUICE_DTLS_1_3 0xfefc

/**
 * sluice_config_set_dtls_versions:
 * @self: a config
 * @oldest: %SLUICE_DTLS_1_2 (default) or %SLUICE_DTLS_1_3. Nothing older: RFC 8827 section 6.5
 * @newest: the same, not older than @oldest; default %SLUICE_DTLS_1_2, whatever OpenSSL can do
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT; %SLUICE_UNSUPPORTED: this OpenSSL, or this libsluice, has no DTLS 1.3:
 *   nothing has changed, ask for 1.2; %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_dtls_versions(SluiceConfig *self, unsigned oldest,
                                                        unsigned newest);

/**
 * sluice_config_set_overlap:
 * @self: a config
 * @overlap: how long what comes under the old keys is still taken after a restart, 100 ms to 60 s; default 2 s.
 *   It is never shorter than four round trips, if these are known
 *
 * One end begins to use the new keys as soon as the new association is finished, the other when it has heard
 * the first, at the latest after half of this time; or later, where its last flight had to be sent again and again: as long
 * as it speaks by the old keys alone the other takes that, up to the deadline of a handshake. While the fingerprint for a
 * finished association is not known yet, data and media go out under the old keys: name it before the peer gives them up.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_overlap(SluiceConfig *self, SluiceTime overlap);

/**
 * sluice_config_set_waive_restart_cookie:
 * @self: a config
 * @waive: 1: on a validated path a ClientHello of a new association is taken without a cookie while no other new one
 *   is on its way and none was replaced lately: a round trip less. Who can send in the peer's name, and receives
 *   nothing, can then begin handshakes at a bounded rate. 0 (default): cookie first
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_waive_restart_cookie(SluiceConfig *self, int waive);

/**
 * sluice_config_set_allow_sha1:
 * @self: a config
 * @allow: 1: sha-1 fingerprints of the peer count. Default 0: they are ignored
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_allow_sha1(SluiceConfig *self, int allow);

/**
 * sluice_config_set_stock_srtp_ciphers:
 * @self: a config
 * @stock: 1: transports of this config leave libsrtp2's ciphers as they are, which may be many times slower
 *   (sluice/srtp-engine.h). 0 (default): the first of them puts OpenSSL's in
 *
 * For programs that use libsrtp2 themselves and want their own sessions untouched. Ciphers belong to the process: they
 * are put in when a transport is made of any config that does not say 1, and nothing takes them out again, so
 * every config of the process has to say it. SLUICE_STOCK_SRTP_CIPHERS=1 in the environment, read once when the first
 * transport is made, says it for all. Where configs differ, make a transport of one that puts them in before other threads
 * use libsrtp2, which has no lock around its list of ciphers.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_stock_srtp_ciphers(SluiceConfig *self, int stock);

/**
 * sluice_config_set_replay_window:
 * @self: a config
 * @packets: SRTP replay window, 64..32767; default 1024, which suits retransmission on request
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_replay_window(SluiceConfig *self, unsigned packets);

/**
 * sluice_config_set_ssrc_limit:
 * @self: a config
 * @ssrcs: the most SSRCs that a transport keeps a direction, 16..65536; default 1024
 *
 * One that is kept costs half a kilobyte. Of those that have gone 80 bytes are kept: of the peer's for four times as many
 * as @ssrcs (at most 65536), of ours for 65536, with those that are live. What happens at the limit is in sluice/media.h.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_ssrc_limit(SluiceConfig *self, unsigned ssrcs);

/**
 * sluice_config_set_inbox_limits:
 * @self: a config
 * @held_packets: early media (before the keys or the fingerprint) kept, in packets; default 64, 0: none
 * @held_bytes: the same in bytes; default 131072
 * @messages: application data messages waiting to be read; default 256, at least 1
 * @message_bytes: the same in bytes; default 1048576, at least 16384
 *
 * Early DTLS (before the start) has a place of its own, 16 datagrams and 32 KB. Early packets beyond the
 * bound are dropped (%SLUICE_DROPPED_FULL); data beyond it is not taken at all
 * (%SLUICE_WOULD_BLOCK from sluice_transport_receive()).
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_inbox_limits(SluiceConfig *self, size_t held_packets,
                                                       size_t held_bytes, size_t messages,
                                                       size_t message_bytes);

/**
 * sluice_config_set_output_limits:
 * @self: a config
 * @datagrams: datagrams of application data waiting to be sent; default 256
 * @bytes: the same in bytes; default 1048576, at least 16384
 *
 * Handshake flights and alerts have a place of their own beside these.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_output_limits(SluiceConfig *self, size_t datagrams,
                                                        size_t bytes);

/**
 * SluiceDestroyFunc:
 * @user_data: what was given with a hook
 *
 * Frees @user_data when the hook is replaced or the config goes.
 */
typedef void (*SluiceDestroyFunc)(void *user_data);

/**
 * SluiceLogLevel:
 * @SLUICE_LOG_ERROR: a transport failed
 * @SLUICE_LOG_INFO: a transport changed its state
 * @SLUICE_LOG_DEBUG: flights, retransmissions, alerts
 *
 * How much a log line matters.
 */
typedef enum { SLUICE_LOG_ERROR = 0, SLUICE_LOG_INFO = 1, SLUICE_LOG_DEBUG = 2 } SluiceLogLevel;

/**
 * SluiceLogFunc:
 * @level: how much it matters
 * @transport_id: sluice_transport_get_id() of the transport
 * @message: one line without a line end, valid during the call
 * @user_data: as given
 *
 * Takes one log line. Called by whichever thread is inside the library; may not call the library. Lines hold
 * no address and no secret, and nothing that is not authenticated can cause them without limit: a handshake ends once, and
 * a flight is sent again once in a timeout.
 */
typedef void (*SluiceLogFunc)(SluiceLogLevel level, uint64_t transport_id, const char *message,
                              void *user_data);

/**
 * sluice_config_set_log:
 * @self: a config
 * @func: (nullable) (scope notified) (closure user_data) (destroy destroy): the hook; %NULL (default) is off
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE (@destroy is then not called)
 */
SLUICE_API SluiceStatus sluice_config_set_log(SluiceConfig *self, SluiceLogFunc func,
                                              void *user_data, SluiceDestroyFunc destroy);

/**
 * SluiceKeylogFunc:
 * @line: one line in the NSS key log format ("CLIENT_RANDOM ..."), without a line end, valid during the
 *   call
 * @user_data: as given
 *
 * Takes the secrets of a handshake, so that captures can be decrypted. Whoever has the line can read the
 * call. May not call the library.
 */
typedef void (*SluiceKeylogFunc)(const char *line, void *user_data);

/**
 * sluice_config_set_keylog:
 * @self: a config
 * @func: (nullable) (scope notified) (closure user_data) (destroy destroy): the hook; %NULL (default) is off
 * @user_data: for @func
 * @destroy: (nullable): frees @user_data
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_STATE (@destroy is then not called)
 */
SLUICE_API SluiceStatus sluice_config_set_keylog(SluiceConfig *self, SluiceKeylogFunc func,
                                                 void *user_data, SluiceDestroyFunc destroy);

SLUICE_END_DECLS

#endif
