/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_HALF_OPEN_H
#define SLUICE_HALF_OPEN_H

#include <sluice/config.h>
#include <sluice/transport.h>

/* How much of a program strangers may take before they have shown who they are. */

SLUICE_BEGIN_DECLS

/**
 * sluice_config_set_half_open_limits:
 * @self: a config
 * @handshakes: how many handshakes that were begun by a ClientHello may wait at once, in all transports of the config,
 *   for their peer to be verified: 1..65536; default 1024
 * @of_one_source: the same of the transports whose peers have one source (sluice_transport_set_source()),
 *   1..@handshakes; default as many as @handshakes
 *
 * Each may hold 200 KB, or 300 KB when its peer has proved a certificate and has the keys. One counts from its
 * ClientHello, the one with the cookie where a cookie is asked for, until the peer's fingerprint has matched, or it
 * has failed; a new association beside a live one counts, too, but none that this end has begun as client. A
 * ClientHello too many is dropped (%SLUICE_DROPPED_FULL, counted in dropped_half_open). It makes nothing and takes
 * nothing: it has no role taken, no deadline begun and no cookie spent, so that the same one, when its client sends it
 * again, gets in as soon as there is room. HelloVerifyRequests, which cost nothing, go out all the time.
 *
 * Returns: %SLUICE_OK, %SLUICE_INVALID_ARGUMENT, %SLUICE_INVALID_STATE
 */
SLUICE_API SluiceStatus sluice_config_set_half_open_limits(SluiceConfig *self, unsigned handshakes,
                                                           unsigned of_one_source);

/**
 * sluice_config_get_half_open:
 * @self: a config
 *
 * Any thread.
 *
 * Returns: how many handshakes count against the limit now
 */
SLUICE_API unsigned sluice_config_get_half_open(SluiceConfig *self);

/**
 * SLUICE_SOURCE_MAX:
 *
 * Bytes of the longest source.
 */
#define SLUICE_SOURCE_MAX 16

/**
 * sluice_transport_set_source: (skip)
 * @self: a transport
 * @source: (array length=len) (nullable): copied; where its datagrams come from, in whatever form the caller counts
 *   sources: the 4 bytes of an IPv4 address, the first 8 of an IPv6 address
 * @len: 0..%SLUICE_SOURCE_MAX; 0 (at birth): none
 *
 * Says what its handshake counts for in the limit of one source (sluice_config_set_half_open_limits()). Counts from the
 * next ClientHello on. It has a meaning where anybody can be a peer, as on a port that listens; behind ICE the
 * peers are those that signalling has named.
 *
 * Returns: %SLUICE_OK or %SLUICE_INVALID_ARGUMENT
 */
SLUICE_API SluiceStatus sluice_transport_set_source(SluiceTransport *self, const void *source,
                                                    size_t len);

SLUICE_END_DECLS

#endif
