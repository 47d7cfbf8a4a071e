// SPDX-License-Identifier: BSD-3-Clause
// A client of WHIP (RFC 9725) that wants its media back.

import * as words from './words.js';

const FRAGMENT = 'application/trickle-ice-sdpfrag';
const PATIENCE_MS = 4000; // of being disconnected, before ICE begins anew
const GATHERING_MS = 1500;
// What a browser says of a certificate that is not the announced one; each engine has its own.
const CERTIFICATE_ALERTS = ['bad_certificate', 'certificate_unknown', 'unknown_ca'];

const line = (sdp, name) => sdp.match(new RegExp(`^a=${name}:(.*)\r?$`, 'm'))?.[1];

const wrongFingerprint = (sdp) => sdp.replace(/^(a=fingerprint:sha-256 )(..)/gm, (all, head, byte) => head + (byte === '00' ? '01' : '00'));

// Events: state (text of the connection), track, channel, phase, trouble.
export class Connection extends EventTarget {
  // options: bundle, key ('rsa' or 'ecdsa'), trickle (false: wait for all candidates), tamper ('fingerprint'),
  // offer ('server': it makes the offer), hold (then: 'hello', or milliseconds, until it gets the answer), setup (of that answer)
  constructor(stream, options = {}) {
    super();
    this.stream = stream;
    this.options = options;
    this.phases = { start: performance.now() };
    this.candidates = []; // of ours, not yet sent
    this.location = null;
    this.etag = null;
    this.closed = false;
    this.restarts = 0;
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  mark(phase) {
    if (!(phase in this.phases)) {
      this.phases[phase] = performance.now();
      this.tell('phase', phase);
    }
  }

  async start() {
    try {
      await this.make();
      await (this.options.offer === 'server' ? this.answer() : this.offer());
    } catch (error) {
      this.fail(error instanceof words.Trouble ? error : words.unknownTrouble(error));
    }
  }

  async make() {
    const configuration = { bundlePolicy: this.options.bundle || 'max-bundle' };
    if (this.options.key) {
      const algorithm = this.options.key === 'rsa'
        ? { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }
        : { name: 'ECDSA', namedCurve: 'P-256' };
      configuration.certificates = [await RTCPeerConnection.generateCertificate(algorithm)];
    }
    const pc = new RTCPeerConnection(configuration);
    this.pc = pc;
    this.stream.getTracks().forEach((track) => pc.addTrack(track, this.stream));
    this.channel = pc.createDataChannel('chat');
    this.channel.binaryType = 'arraybuffer';
    this.channel.onopen = () => this.mark('channel');
    pc.ontrack = (event) => this.tell('track', event);
    pc.onicecandidate = (event) => this.onCandidate(event.candidate);
    pc.onconnectionstatechange = () => this.onState();
    pc.oniceconnectionstatechange = () => {
      if (['connected', 'completed'].includes(pc.iceConnectionState)) {
        this.mark('ice');
      }
    };
    this.tell('channel', this.channel);
  }

  async offer() {
    const { pc } = this;
    await pc.setLocalDescription();
    if (this.options.trickle === false) {
      await this.gathered();
    }
    this.mark('offered');
    const offer = pc.localDescription.sdp;
    this.candidates = this.candidates.filter((candidate) => !offer.includes(candidate.candidate));
    const response = await this.request('/whip', { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: offer });
    let answer = await response.text();
    if (response.status !== 201) {
      throw words.serverRefused(response.status, answer.trim());
    }
    this.location = response.headers.get('Location');
    this.etag = response.headers.get('ETag');
    if (this.closed) {
      this.remove();
      return;
    }
    this.mark('answered');
    if (this.options.tamper === 'fingerprint') {
      answer = wrongFingerprint(answer);
    }
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    this.watchTransports();
    this.flush();
  }

  // The other way round: POST /offer, then the answer by PATCH. What is held back of the answer is who we are: ufrag, pwd and
  // candidates go ahead, so there is a path, and DTLS begins, before the server has heard of our fingerprint.
  async answer() {
    const { pc, options } = this;
    this.mark('offered');
    const response = await this.request('/offer', { method: 'POST' });
    const offer = await response.text();
    if (response.status !== 201) {
      throw words.serverRefused(response.status, offer.trim());
    }
    this.etag = response.headers.get('ETag');
    const location = response.headers.get('Location');
    await pc.setRemoteDescription({ type: 'offer', sdp: offer });
    const { sdp } = await pc.createAnswer();
    const setup = options.setup || line(sdp, 'setup').trim();
    this.setup = setup === 'active' ? 'passive' : 'active'; // of the server, should ICE be restarted
    await pc.setLocalDescription({ type: 'answer', sdp: sdp.replace(/^a=setup:.*$/gm, `a=setup:${setup}`) });
    this.watchTransports();
    this.location = location;
    await this.patch(this.fragment([]), this.etag);
    this.flush();
    await this.hold();
    let body = pc.localDescription.sdp;
    if (options.tamper === 'fingerprint') {
      body = wrongFingerprint(body);
    }
    const answered = await this.request(location, { method: 'PATCH', headers: { 'Content-Type': 'application/sdp' }, body });
    if (!answered.ok) {
      throw words.serverRefused(answered.status, (await answered.text()).trim());
    }
    this.mark('answered');
  }

  async hold() {
    const { hold } = this.options;
    const id = this.location.split('/').pop();
    while (hold === 'hello') {
      const stats = await (await this.request(`/stats/${id}`)).json();
      if (stats.ended || stats.transports[0].stats.dtlsReceived > 0) {
        return;
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, Number(hold || 0)); });
  }

  gathered() {
    const { pc } = this;
    return new Promise((resolve) => {
      const look = () => pc.iceGatheringState === 'complete' && resolve();
      pc.addEventListener('icegatheringstatechange', look);
      setTimeout(resolve, GATHERING_MS);
      look();
    });
  }

  async request(url, init) {
    try {
      return await fetch(url, { cache: 'no-store', ...init });
    } catch (error) {
      throw words.serverSilent(error);
    }
  }

  // ---- trickle (RFC 9725 section 4.3.2) ----

  onCandidate(candidate) {
    if (this.options.trickle === false) {
      return;
    }
    this.candidates.push(candidate || { candidate: '', end: true });
    this.flush();
  }

  // All candidates that wait, in one PATCH; one PATCH at a time, so that they stay in order.
  async flush() {
    if (this.location === null || this.patching || this.restarting || this.candidates.length === 0 || this.closed) {
      return;
    }
    this.patching = true;
    const body = this.fragment(this.candidates.splice(0));
    try {
      const response = await this.patch(body, this.etag);
      if (!response.ok && response.status !== 412) { // 412: of before a restart
        this.tell('note', `The server did not take a candidate: ${(await response.text()).trim()}`);
      }
    } catch (error) {
      this.tell('note', error.title || error.message);
    }
    this.patching = false;
    this.flush();
  }

  patch(body, tag) {
    return this.request(this.location, { method: 'PATCH', headers: { 'Content-Type': FRAGMENT, 'If-Match': tag }, body });
  }

  fragment(candidates) {
    const sdp = this.pc.localDescription.sdp;
    const mids = new Map();
    candidates.filter((c) => c.candidate).forEach((c) => {
      mids.set(c.sdpMid, [...(mids.get(c.sdpMid) || []), `a=${c.candidate}`]);
    });
    if (mids.size === 0) {
      mids.set(line(sdp, 'mid'), []);
    }
    const end = candidates.some((c) => c.end) ? 'a=end-of-candidates\r\n' : '';
    const sections = [...mids].map(([mid, lines]) => {
      const section = sdp.split(/^(?=m=)/m).find((part) => line(part, 'mid') === mid);
      return `${section.match(/^m=.*/)[0].trim()}\r\na=mid:${mid}\r\na=ice-ufrag:${line(section, 'ice-ufrag')}\r\n`
        + `a=ice-pwd:${line(section, 'ice-pwd')}\r\n${lines.map((l) => `${l}\r\n`).join('')}${end}`;
    });
    return sections.join('');
  }

  // ---- restart (RFC 9725 section 4.3.3) ----

  async restart() {
    const { pc } = this;
    if (this.restarting || !this.location) {
      return;
    }
    this.restarting = true;
    try {
      const before = pc.remoteDescription.sdp;
      this.candidates = []; // those of before are of no use any more
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      const response = await this.patch(this.fragment([]), '*');
      const text = await response.text();
      if (response.status !== 200) {
        throw words.serverRefused(response.status, text.trim());
      }
      this.etag = response.headers.get('ETag');
      await pc.setRemoteDescription({ type: 'answer', sdp: this.restartedAnswer(before, text) });
      this.restarts += 1;
      this.tell('note', 'ICE began anew; the keys stay.');
    } catch (error) {
      this.tell('note', `The restart failed: ${error.text || error.message}`);
    }
    this.restarting = false;
    this.flush();
  }

  // The answer of before with the ufrag, pwd and candidates of the fragment.
  restartedAnswer(answer, fragment) {
    const parts = fragment.split(/^(?=m=)/m).filter((part) => part.startsWith('m='));
    const bundled = line(answer, 'group')?.split(' ').slice(1) || [];
    return answer.split(/^(?=m=)/m).map((section) => {
      const mid = line(section, 'mid');
      const part = parts.find((p) => line(p, 'mid') === mid)
        || (bundled.includes(mid) && parts.find((p) => bundled.includes(line(p, 'mid'))));
      if (!section.startsWith('m=') || !part) {
        return section;
      }
      const own = line(part, 'mid') === mid;
      const candidates = own ? part.match(/^a=(candidate:.*|end-of-candidates)\r?\n/gm) || [] : [];
      return section.replace(/^a=setup:actpass/m, `a=setup:${this.setup}`).replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, '')
        .replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:${line(part, 'ice-ufrag').trim()}`)
        .replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:${line(part, 'ice-pwd').trim()}`)
        .replace(/\r?\n?$/, '\r\n') + candidates.join('');
    }).join('');
  }

  // ---- states ----

  transports() {
    const all = [...this.pc.getSenders().map((sender) => sender.transport), this.pc.sctp?.transport];
    return [...new Set(all.filter(Boolean))];
  }

  watchTransports() {
    this.transports().forEach((transport) => {
      transport.onstatechange = () => this.onDtls();
    });
  }

  onDtls() {
    if (this.transports().every((transport) => transport.state === 'connected')) {
      this.mark('dtls');
    }
  }

  onState() {
    const state = this.pc.connectionState;
    clearTimeout(this.patience);
    this.tell('state', state);
    if (state === 'connected') {
      this.mark('ice');
      this.mark('dtls');
    } else if (state === 'disconnected') {
      this.patience = setTimeout(() => this.restart(), PATIENCE_MS);
    } else if (state === 'failed') {
      this.onFailed();
    } else if (state === 'closed' && !this.closed) {
      this.fail(words.closedByServer());
    }
  }

  // Why the session has ended, by the server's word; it may take a moment until it gives up.
  async serverReason() {
    const id = this.location?.split('/').pop();
    for (let i = 0; id && i < 10; i += 1) {
      const response = await fetch(`/stats/${id}`, { cache: 'no-store' }).catch(() => null);
      const stats = response?.ok ? await response.json() : {};
      if (stats.ended) {
        return stats.ended;
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return {};
  }

  async onFailed() {
    const transports = this.transports();
    const failed = transports.some((transport) => transport.state === 'failed');
    const ended = transports.some((transport) => transport.state === 'closed');
    // Where ICE had found a path it was DTLS, whose own state may be told later.
    if (!this.phases.dtls && (failed || this.phases.ice)) {
      // Browsers keep the reason to themselves, but tell the other end by an alert.
      const reason = await this.serverReason();
      if (reason.reason) {
        this.location = null; // nothing is left to be deleted
      }
      this.fail(words.dtlsFailed(CERTIFICATE_ALERTS.includes(reason.alert), reason.detail));
    } else if (ended || failed) {
      this.fail(words.closedByServer());
    } else if (this.phases.dtls) {
      this.fail(words.connectionLost());
    } else {
      this.fail(words.iceFailed((this.pc.remoteDescription?.sdp.match(/^a=candidate.*/gm) || []).join('\n')));
    }
  }

  fail(trouble) {
    if (!this.closed) {
      this.close();
      this.tell('trouble', trouble);
    }
  }

  // ---- the end ----

  remove() {
    if (this.location) {
      // keepalive: it goes out although the page is being closed.
      fetch(this.location, { method: 'DELETE', keepalive: true }).catch(() => {});
      this.location = null;
    }
  }

  close() {
    this.closed = true;
    clearTimeout(this.patience);
    this.remove();
    this.pc?.close();
  }
}
