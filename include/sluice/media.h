/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_MEDIA_H
#define SLUICE_MEDIA_H

#include <sluice/transport.h>

SLUICE_BEGIN_DECLS

/*
 * Media beyond one packet at a time: many packets, many transports, and the life of an SSRC.
 *
 * SSRCs come by themselves: outbound with the first packet that is protected, inbound with the first that is
 * authentic. A transport keeps at most as many a direction as its config allows (sluice_config_set_ssrc_limit()).
 * Inbound, beyond that, the one that was silent longest is evicted for the new one if it was silent for ten seconds;
 * else the new one's packet is dropped (%SLUICE_DROPPED_FULL, counted). Outbound nothing is evicted: the call says
 * %SLUICE_WOULD_BLOCK, remove one. What was removed or evicted is remembered by its last index (RFC 3711 section
 * 3.3.1): when it comes back its rollover counter is right, packets it has sent before are still refused, and no key
 * stream is used twice.
 *
 * Outbound 65,536 SSRCs can be had under one set of keys, removed ones among them: use one again where you can. One that has
 * sent more than 4,096 RTCP packets keeps all its state when it is removed, and with fewer its next report after it came
 * back takes up to a millisecond, under the lock of those who send.
 */

/**
 * SluicePacket: (skip)
 * @kind: %SLUICE_KIND_RTP or %SLUICE_KIND_RTCP; for receiving: set by the call
 * @data: (array length=len): the packet, 4-aligned, altered in place
 * @len: its length; on return the length of the result
 * @capacity: bytes at @data; only for protecting, at least @len + %SLUICE_PROTECT_ROOM
 * @status: set by the call: what came of this packet
 *
 * One packet of a batch.
 */
typedef struct {
    SluiceKind kind;
    uint8_t *data;
    size_t len;
    size_t capacity;
    SluiceStatus status;
} SluicePacket;

/**
 * sluice_transport_protect_batch: (skip)
 * @self: a transport
 * @packets: (array length=n): plain packets; each ends as sluice_transport_protect() would leave it
 * @n: how many
 *
 * Encrypts an array of packets under one lock; other threads that protect wait that long. Any thread.
 *
 * Returns: how many have the status %SLUICE_OK; the others must not be sent
 */
SLUICE_API size_t sluice_transport_protect_batch(SluiceTransport *self, SluicePacket *packets,
                                                 size_t n);

/**
 * sluice_transport_receive_batch: (skip)
 * @self: a transport
 * @now: the time
 * @packets: (array length=n): datagrams as the network brought them; each ends as sluice_transport_receive() would
 *   leave it, `kind` and `status` among it
 * @n: how many
 *
 * Takes an array of datagrams, in order. It stops at one that would block (the inbox is full) and gives the ones from
 * there on the status %SLUICE_WOULD_BLOCK: pop messages, then give these again.
 *
 * Returns: how many were taken, from the front: @n, or the index of the first that would block
 */
SLUICE_API size_t sluice_transport_receive_batch(SluiceTransport *self, SluiceTime now,
                                                 SluicePacket *packets, size_t n);

/**
 * sluice_transport_expect: (skip)
 * @self: (nullable): a transport
 * @direction: %SLUICE_RECEIVED: datagrams for it are there (the thread that owns it); %SLUICE_SENT_OUT: packets are about to
 *   be protected (any thread)
 *
 * A hint, for programs with hundreds of transports: a call for this one follows soon, and what it needs is fetched from
 * memory meanwhile. Where many datagrams come at once (recvmmsg()), find the transports of some thirty of them and expect
 * each, then receive each: among ten thousand a packet costs a fifth less. It changes nothing but the time.
 */
SLUICE_API void sluice_transport_expect(SluiceTransport *self, SluiceDirection direction);

/**
 * SluiceFanOut: (skip)
 * @transport: who gets a copy
 * @ssrc: the SSRC that the copy has
 * @sequence_number: the sequence number it has
 * @timestamp_offset: what is added to the packet's timestamp, modulo 2^32
 * @payload_type: the payload type it has, 0..127
 * @data: (array length=capacity): where the copy goes, 4-aligned, the caller's, apart from the packet and the other copies
 * @capacity: bytes at @data, at least the packet's length + %SLUICE_PROTECT_ROOM
 * @len: set by the call: bytes to send; 0 unless @status is %SLUICE_OK
 * @status: set by the call, as sluice_transport_protect() would answer. %SLUICE_INVALID_ARGUMENT too when marker and
 *   @payload_type (64..95) would make the copy look like RTCP (RFC 5761 section 4)
 *
 * One output of a fan-out.
 */
typedef struct {
    SluiceTransport *transport;
    uint32_t ssrc;
    uint16_t sequence_number;
    uint32_t timestamp_offset;
    uint8_t payload_type;
    uint8_t *data;
    size_t capacity;
    size_t len;
    SluiceStatus status;
} SluiceFanOut;

/**
 * sluice_fan_out: (skip)
 * @packet: (array length=len): one plain RTP packet; not altered, need not be aligned
 * @len: its length
 * @outputs: (array length=n): who gets it; no two of the same transport and SSRC with the same sequence number
 * @n: how many
 *
 * What a selective forwarding unit does: one packet in, a copy for each receiver out, each with the header fields that
 * receiver expects (RFC 7667 section 3.7) and encrypted with its keys. Header extensions, CSRCs and payload are
 * copied as they are. The locks of the transports are taken one after another, never two at once; outputs of one
 * transport that stand together are made under one lock. RTCP needs no such call: reports differ for each receiver.
 * Any thread.
 *
 * Returns: how many outputs have the status %SLUICE_OK; the others must not be sent. A packet that is no RTP gives all
 *   of them %SLUICE_INVALID_ARGUMENT, and no transport counts it
 */
SLUICE_API size_t sluice_fan_out(const uint8_t *packet, size_t len, SluiceFanOut *outputs,
                                 size_t n);

/**
 * sluice_transport_remove_ssrc: (skip)
 * @self: a transport
 * @direction: %SLUICE_RECEIVED for an SSRC of the peer, %SLUICE_SENT_OUT for one of ours (any thread)
 * @ssrc: the SSRC, after a BYE or a renegotiation
 *
 * Frees what is kept for an SSRC but its last index, of which a bounded number is remembered.
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT: there is no such SSRC; %SLUICE_NOT_READY, %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_transport_remove_ssrc(SluiceTransport *self,
                                                     SluiceDirection direction, uint32_t ssrc);

/**
 * sluice_transport_get_roc: (skip)
 * @self: a transport
 * @direction: which way (%SLUICE_SENT_OUT: any thread)
 * @ssrc: an SSRC that is live or remembered
 * @roc: (out): its rollover counter (RFC 3711 section 3.3.1)
 *
 * Returns: %SLUICE_OK; %SLUICE_INVALID_ARGUMENT: there is no such SSRC; %SLUICE_NOT_READY, %SLUICE_ENDED
 */
SLUICE_API SluiceStatus sluice_transport_get_roc(SluiceTransport *self, SluiceDirection direction,
                                                 uint32_t ssrc, uint32_t *roc);

/**
 * sluice_transport_set_roc: (skip)
 * @self: a transport
 * @direction: which way (%SLUICE_SENT_OUT: any thread)
 * @ssrc: an SSRC; it is made if there is none
 * @roc: the rollover counter of its next packet, from signalling, for one who joins a stream that has wrapped
 *
 * Returns: %SLUICE_OK; %SLUICE_KEY_EXHAUSTED: outbound, lower than the present one, which would use a key stream
 *   again; %SLUICE_INVALID_ARGUMENT; %SLUICE_WOULD_BLOCK: there are as many SSRCs as the config allows;
 *   %SLUICE_NOT_READY, %SLUICE_ENDED, %SLUICE_NO_MEMORY
 */
SLUICE_API SluiceStatus sluice_transport_set_roc(SluiceTransport *self, SluiceDirection direction,
                                                 uint32_t ssrc, uint32_t roc);

SLUICE_END_DECLS

#endif
