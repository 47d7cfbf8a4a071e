// SPDX-License-Identifier: BSD-3-Clause
// Figures of both ends, once a second, as one flat sample.

const VERSIONS = { FEFF: 'DTLS 1.0', FEFD: 'DTLS 1.2', FEFC: 'DTLS 1.3' };

const sum = (reports, key) => reports.reduce((total, report) => total + (report[key] || 0), 0);

// What one end lost since the last sample, in percent.
const percent = (lost, received) => (lost + received > 0 ? (100 * Math.max(lost, 0)) / (Math.max(lost, 0) + received) : 0);

export class Figures {
  constructor(connection) {
    this.connection = connection;
    this.last = null;
  }

  async server() {
    const id = this.connection.location?.split('/').pop();
    if (!id) {
      return null;
    }
    try {
      const response = await fetch(`/stats/${id}`, { cache: 'no-store' });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  async read() {
    const [all, server] = await Promise.all([this.connection.pc.getStats(), this.server()]);
    const reports = [...all.values()];
    const of = (type) => reports.filter((report) => report.type === type);
    const now = {
      at: performance.now(),
      sent: sum(of('outbound-rtp'), 'bytesSent'),
      back: sum(of('inbound-rtp'), 'bytesReceived'),
      backPackets: sum(of('inbound-rtp'), 'packetsReceived'),
      backLost: sum(of('inbound-rtp'), 'packetsLost'),
      serverPackets: 0,
      serverLost: 0,
    };
    server?.transports.flatMap((transport) => transport.streams).forEach((stream) => {
      now.serverPackets += stream.packetsReceived;
      now.serverLost += stream.packetsLost;
    });
    const sample = this.difference(now);
    const picture = (type) => of(type).find((report) => report.kind === 'video');
    sample.framesSent = picture('outbound-rtp')?.framesPerSecond;
    sample.framesBack = picture('inbound-rtp')?.framesPerSecond;
    sample.framesDecoded = picture('inbound-rtp')?.framesDecoded || 0;
    sample.audioBack = sum(of('inbound-rtp').filter((report) => report.kind === 'audio'), 'packetsReceived');
    this.roundTrips(sample, all, of);
    sample.facts = this.facts(all, of, server);
    sample.server = server;
    this.last = now;
    return sample;
  }

  difference(now) {
    const before = this.last || { ...now, at: now.at - 1000 };
    const seconds = (now.at - before.at) / 1000;
    const grown = (key) => now[key] - before[key];
    return {
      kbitSent: (grown('sent') * 8) / 1000 / seconds,
      kbitBack: (grown('back') * 8) / 1000 / seconds,
      lossServer: percent(grown('serverLost'), grown('serverPackets')),
      lossBack: percent(grown('backLost'), grown('backPackets')),
      packetsBack: now.backPackets,
    };
  }

  // ICE measures to the server and back; RTCP, which the server mirrors too, twice that way and what both ends add.
  roundTrips(sample, all, of) {
    const transport = of('transport')[0];
    const pair = transport && all.get(transport.selectedCandidatePairId);
    const mirrored = of('remote-inbound-rtp').map((report) => report.roundTripTime).filter((time) => time > 0);
    sample.roundTripIce = pair?.currentRoundTripTime * 1000;
    sample.roundTripRtcp = mirrored.length ? Math.max(...mirrored) * 1000 : undefined;
  }

  facts(all, of, server) {
    const transport = of('transport')[0] || {};
    const pair = all.get(transport.selectedCandidatePairId) || {};
    const ends = [pair.localCandidateId, pair.remoteCandidateId].map((id) => all.get(id)).filter(Boolean);
    const codecs = of('codec').filter((codec) => of('inbound-rtp').some((report) => report.codecId === codec.id));
    const theirs = server?.transports[0]?.stats || {};
    return {
      'DTLS version': VERSIONS[transport.tlsVersion] || transport.tlsVersion,
      'DTLS cipher': transport.dtlsCipher,
      Group: theirs.tlsGroup,
      'SRTP profile': transport.srtpCipher,
      'DTLS role': transport.dtlsRole && `${transport.dtlsRole} here, ${theirs.dtlsRole || '?'} there`,
      Path: ends.map((c) => `${c.address?.includes(':') ? `[${c.address}]` : c.address}:${c.port} (${c.candidateType})`).join(' to '),
      Codecs: codecs.map((codec) => codec.mimeType.split('/')[1]).join(', '),
      'Handshake round trip, at the server': theirs.handshakeRoundTripTime && `${(theirs.handshakeRoundTripTime * 1000).toFixed(1)} ms`,
      'Flights sent again by the server': theirs.retransmissions,
      'Packets at the server': theirs.packetsReceived && `${theirs.packetsReceived} received, ${theirs.packetsSent} sent`,
    };
  }
}
