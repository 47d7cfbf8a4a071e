// SPDX-License-Identifier: BSD-3-Clause
// A WHIP client on node-datachannel (libdatachannel, libjuice): sends RTP and messages until enough of them have come back, then says
// in a line of JSON what came. Arguments: the server's URL; a certificate (PEM) with its key in FILE.key, both optional.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const ndc = require('node-datachannel');

const [, , url, certificate] = process.argv;
const PACKETS = 100;
const MESSAGES = 20;
const SSRC = { audio: 1111, video: 2222 };
const FORMAT = { audio: 111, video: 96 };
const counts = { sent: 0, received: 0, altered: 0, messagesSent: 0, messagesReceived: 0 };

function rtp(kind, sequence) {
  const packet = Buffer.alloc(200, `payload of ${kind} ${sequence}`);
  packet.writeUInt16BE(0x8000 | FORMAT[kind], 0);
  packet.writeUInt16BE(sequence, 2);
  packet.writeUInt32BE(sequence * 960, 4);
  packet.writeUInt32BE(SSRC[kind], 8);
  return packet;
}

function addTrack(pc, kind) {
  const media = kind === 'audio' ? new ndc.Audio('audio', 'SendRecv') : new ndc.Video('video', 'SendRecv');
  if (kind === 'audio') {
    media.addOpusCodec(FORMAT.audio);
  } else {
    media.addVP8Codec(FORMAT.video);
  }
  media.addSSRC(SSRC[kind], 'test', 'test', kind);
  const track = pc.addTrack(media);
  track.onMessage((packet) => {
    if (packet.length < 12 || (packet[1] >= 192 && packet[1] < 224)) {
      return; // RTCP
    }
    const expected = rtp(kind, packet.readUInt16BE(2));
    counts.received += 1;
    counts.altered += packet.subarray(12).equals(expected.subarray(12)) && packet[1] === expected[1] ? 0 : 1;
  });
  return track;
}

const withoutCandidates = (sdp) => sdp.replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, '');

function version() {
  const folder = require.resolve('node-datachannel').replace(/(node_modules.node-datachannel).*/, '$1');
  return `${JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).version} (libdatachannel ${ndc.getLibraryVersion().replace('v', '')})`;
}

async function main() {
  const pc = new ndc.PeerConnection('test', {
    iceServers: [], bindAddress: '127.0.0.1', forceMediaTransport: true,
    ...(certificate && { certificatePemFile: certificate, keyPemFile: `${certificate}.key` }),
  });
  const gathered = new Promise((resolve) => { pc.onGatheringStateChange((state) => state === 'complete' && resolve()); });
  const connected = new Promise((resolve, reject) => { pc.onStateChange((state) => (state === 'connected' ? resolve() : state === 'failed' && reject(new Error('failed')))); });
  const tracks = { audio: addTrack(pc, 'audio'), video: addTrack(pc, 'video') };
  const channel = pc.createDataChannel('test');
  const opened = new Promise((resolve) => { channel.onOpen(resolve); });
  channel.onMessage((text) => { counts.messagesReceived += /^message \d+$/.test(text) ? 1 : 0; });
  pc.setLocalDescription();
  await gathered; // no earlier: later ones would need a PATCH
  const began = performance.now();
  const response = await fetch(`${url}whip`, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: withoutCandidates(pc.localDescription().sdp) });
  const answer = await response.text();
  if (response.status !== 201) {
    throw new Error(`${response.status}: ${answer}`);
  }
  // libdatachannel hears of a path before it has kept the fingerprint of the description that led to it, and DTLS can be faster:
  // so there is no path before the description has been set, neither by our candidates nor by the server's.
  pc.setRemoteDescription(withoutCandidates(answer), 'answer');
  (answer.match(/^a=candidate:.*$/gm) || []).forEach((line) => pc.addRemoteCandidate(line.trim(), 'audio'));
  await connected;
  const connectMs = performance.now() - began;
  await opened;
  for (let i = 1; i <= MESSAGES; i += 1) {
    channel.sendMessage(`message ${i}`);
    counts.messagesSent += 1;
  }
  for (let i = 1; counts.received < 2 * PACKETS || counts.messagesReceived < MESSAGES; i += 1) {
    if (i <= PACKETS) {
      Object.entries(tracks).forEach(([kind, track]) => {
        counts.sent += track.sendMessageBinary(rtp(kind, i)) ? 1 : 0;
      });
    }
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  console.log(JSON.stringify({ version: version(), connectMs, ...counts }));
  await fetch(new URL(response.headers.get('Location'), url), { method: 'DELETE' });
  pc.close();
  ndc.cleanup();
}

main().then(() => process.exit(0), (error) => {
  console.error(error.stack);
  process.exit(1);
});
