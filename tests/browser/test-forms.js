// SPDX-License-Identifier: BSD-3-Clause
// Offers in the forms that other clients write, made of Chromium's on the way: the call works all the same.
'use strict';

const t = require('./browser.js');

const value = (sdp, name) => sdp.match(new RegExp(`^a=${name}:(.*)\r$`, 'm'))[1];
const without = (sdp, ...names) => sdp.replace(new RegExp(`^a=(${names.join('|')})(:.*)?\r\n`, 'gm'), '');
const sections = (sdp) => sdp.split(/^(?=m=)/m);

// The attributes of the transport before the first m-line.
function atSessionLevel(sdp) {
  const names = ['ice-ufrag', 'ice-pwd', 'fingerprint', 'setup'];
  const lines = names.map((name) => `a=${name}:${value(sdp, name)}\r\n`).join('');
  return without(sdp, ...names).replace(/^m=/m, `${lines}m=`);
}

// What a bundled m-line says of a transport of its own is of no meaning (RFC 9143 section 7.2); aiortc does it.
function ufragPerLine(sdp) {
  return sections(sdp).map((section, i) => (i < 2 ? section
    : section.replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:other${i}`).replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:0123456789012345678901${i}`))).join('');
}

// RFC 9143 section 7.1.2, RFC 9429 section 5.2.1: such an m-line has no transport but the bundle's.
function bundleOnly(sdp) {
  return sections(sdp).map((section, i) => (i < 2 ? section
    : without(section, 'ice-ufrag', 'ice-pwd', 'fingerprint', 'setup', 'rtcp').replace(/^(m=\S+) \d+ /, '$1 0 ').replace(/^a=mid:/m, 'a=bundle-only\r\n$&'))).join('');
}

function manyFingerprints(sdp) {
  return sdp.replace(/^a=fingerprint:sha-256 (.*)\r\n/gm, (line, hash) => `a=fingerprint:sha-256 ${hash.replace(/^../, hash.startsWith('00') ? '01' : '00')}\r\n`
    + `a=fingerprint:SHA-256 ${hash.toLowerCase()}\r\na=fingerprint:md5 ${Array(16).fill('00').join(':')}\r\n`);
}

const sctpmap = (sdp) => sdp.replace('UDP/DTLS/SCTP webrtc-datachannel', 'DTLS/SCTP 5000')
  .replace(/^a=sctp-port:5000/m, 'a=sctpmap:5000 webrtc-datachannel 65535');
const fromSctpmap = (answer) => {
  t.check(/^m=application \d+ DTLS\/SCTP 5000\r$/m.test(answer) && /^a=sctpmap:5000 webrtc-datachannel /m.test(answer), 'the answer is of another form');
  return answer.replace('DTLS/SCTP 5000', 'UDP/DTLS/SCTP webrtc-datachannel').replace(/^a=sctpmap:.*$/m, 'a=sctp-port:5000');
};

const FORMS = [
  ['attributes at session level', atSessionLevel],
  ['a ufrag of its own at each m-line of a bundle', ufragPerLine],
  ['port 0 and bundle-only', bundleOnly],
  ['several fingerprints, in small letters', manyFingerprints],
  ['a=rtcp without an address', (sdp) => sdp.replace(/^a=rtcp:9 .*$/gm, 'a=rtcp:9')],
  ['the older form of data channels', sctpmap, fromSctpmap],
  ['setup active', (sdp) => sdp.replace(/^a=setup:actpass/gm, 'a=setup:active')],
  ['setup passive', (sdp) => sdp.replace(/^a=setup:actpass/gm, 'a=setup:passive')],
  ['no setup', (sdp) => without(sdp, 'setup')],
  ['no SSRC named', (sdp) => without(sdp, 'ssrc', 'ssrc-group')],
  ['no SSRC named, no mid in the packets', (sdp) => without(sdp, 'ssrc', 'ssrc-group').replace(/^a=extmap:\d+ urn:ietf:params:rtp-hdrext:sdes:mid\r\n/gm, '')],
  ['line ends without CR', (sdp) => sdp.replace(/\r/g, '')],
  ['an m-line of another world', (sdp) => `${sdp}m=text 9 RTP/AVP 98\r\nc=IN IP4 0.0.0.0\r\na=mid:t\r\na=rtpmap:98 t140/1000\r\n`,
    (answer) => {
      t.check(/^m=text 0 RTP\/AVP 98\r$/m.test(answer), 'the text is not refused');
      return answer.slice(0, answer.indexOf('m=text'));
    }],
];

// The page with what it sends and gets altered on the way.
async function call(context, query, toServer, toPage, look = async () => {}) {
  await t.withServer([], async (server) => {
    const page = await t.openPage(context, `${server.url}?${query}`);
    await page.route('**/whip', async (route) => {
      const offer = route.request().postData();
      const altered = toServer(offer);
      t.check(altered !== offer, 'nothing was altered');
      const response = await route.fetch({ postData: altered });
      const answer = await response.text();
      await route.fulfill({ response, body: response.status() === 201 ? toPage(answer) : answer });
    });
    await page.check('input[value=test]', { force: true });
    await page.click('#connect');
    await t.seeEcho(page);
    await t.chat(page, 'hello');
    await look(server, page);
    await page.click('#connect');
    await server.wait('ended');
    await t.closePage(page);
  });
}

for (const [name, toServer, toPage = (answer) => answer] of FORMS) {
  t.test(name, (context) => call(context, '', toServer, toPage));
}

t.test('no bundle: a transport for each m-line', (context) => call(context, 'bundle=max-compat', (sdp) => without(sdp, 'group'), (answer) => {
  t.check(!answer.includes('BUNDLE'), 'the answer bundles');
  return answer;
}, async (server, page) => {
  t.checkEqual(server.events.filter((event) => event.event === 'connected').length, 3, 'handshakes');
  const frames = (await t.state(page)).sample.framesDecoded;
  await page.click('#restart');
  await t.waitFor('the restart', async () => (await t.state(page)).restarts === 1);
  await t.seeEcho(page, frames + 60);
}));

t.test('simulcast: what comes is sent back', (context) => t.withServer([], async (server) => {
  const page = await t.openPage(context, server.url);
  const decoded = await page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
    const pc = new RTCPeerConnection();
    pc.addTransceiver(stream.getTracks()[0], { direction: 'sendrecv', sendEncodings: [{ rid: 'l', scaleResolutionDownBy: 4 }, { rid: 'h' }] });
    await pc.setLocalDescription();
    const response = await fetch('/whip', { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
    await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    for (let i = 0; i < 100; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const frames = [...(await pc.getStats()).values()].find((report) => report.type === 'inbound-rtp')?.framesDecoded;
      if (frames > 20) {
        return frames;
      }
    }
    return 0;
  });
  t.check(decoded > 20, `${decoded} pictures decoded`);
  await t.closePage(page);
}));

t.main();
