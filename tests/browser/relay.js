// SPDX-License-Identifier: BSD-3-Clause
// A UDP relay between page and server, for what only the way between them can do: lose packets, hold them back, fall silent, and tell
// when each kind of packet went by. The page gets the relay's port as the server's only candidate, and the server none of the page's.
'use strict';

const dgram = require('node:dgram');

const CANDIDATE = /^a=candidate:.*\r\n/gm;

// RFC 7983, 5761; the content type and the first handshake message of DTLS.
function classify(packet) {
  const first = packet[0];
  if (first < 4) {
    return { kind: 'stun' };
  }
  if (first >= 20 && first < 64) {
    return { kind: 'dtls', type: first, message: first === 22 && packet.readUInt16BE(3) === 0 ? packet[13] : undefined };
  }
  if (first >= 128 && first < 192) {
    return packet[1] >= 192 && packet[1] < 224 ? { kind: 'rtcp' } : { kind: 'rtp', format: packet[1] & 127, ssrc: packet.readUInt32BE(8), sequence: packet.readUInt16BE(2) };
  }
  return { kind: 'other' };
}

class Relay {
  // pass(info, packet): false loses it, a promise delays it. info has kind, fromPage, at (ms).
  constructor(pass = () => true) {
    this.pass = pass;
    this.silent = false;
    this.front = dgram.createSocket('udp4');
    this.upstream = new Map();
    this.front.on('message', (packet, from) => this.fromPage(packet, from));
  }

  async open() {
    await new Promise((resolve) => { this.front.bind(0, '127.0.0.1', resolve); });
    this.port = this.front.address().port;
    return this;
  }

  async forward(socket, packet, port, fromPage) {
    if (this.silent) {
      return;
    }
    const info = { ...classify(packet), fromPage, at: performance.now() };
    const verdict = this.pass(info, packet);
    if (verdict === false || (verdict instanceof Promise && await verdict === false) || this.closed) {
      return;
    }
    socket.send(packet, port, '127.0.0.1');
  }

  fromPage(packet, from) {
    let socket = this.upstream.get(from.port);
    if (!socket) {
      socket = dgram.createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      socket.on('message', (back) => this.forward(this.front, back, from.port, false));
      this.upstream.set(from.port, socket);
    }
    this.forward(socket, packet, this.server, true);
  }

  // Whatever page and server say to each other names the relay.
  async intercept(page) {
    const withoutOurs = (text) => text.replace(CANDIDATE, '');
    await page.route('**/whip', async (route) => {
      const response = await route.fetch({ postData: withoutOurs(route.request().postData() || '') });
      await route.fulfill({ response, body: this.rename(await response.text()) });
    });
    await page.route('**/whip/*', async (route) => {
      const request = route.request();
      if (request.method() !== 'PATCH') {
        await route.continue();
        return;
      }
      const response = await route.fetch({ postData: withoutOurs(request.postData() || '') });
      await route.fulfill({ response, body: this.rename(await response.text()) });
    });
  }

  rename(sdp) {
    const [, port] = sdp.match(/^a=candidate:\S+ 1 UDP \d+ 127\.0\.0\.1 (\d+) /im) || [];
    if (port) {
      this.server = Number(port);
    }
    return sdp.replace(/^(a=candidate:\S+ 1 UDP \d+ 127\.0\.0\.1) \d+ /gim, `$1 ${this.port} `);
  }

  close() {
    this.closed = true;
    this.front.close();
    this.upstream.forEach((socket) => socket.close());
  }
}

async function withRelay(pass, use) {
  const relay = await new Relay(pass).open();
  try {
    await use(relay);
  } finally {
    relay.close();
  }
}

module.exports = { withRelay };
