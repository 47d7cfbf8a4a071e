// SPDX-License-Identifier: BSD-3-Clause
// What whip-echo and its page say when something is wrong, and that nothing is left when a client goes without a word.
'use strict';

const t = require('./browser.js');

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';

const trouble = (page) => t.waitFor('words for the failure', async () => (await t.state(page)).trouble);

async function offerOf(context, server) {
  const page = await t.openPage(context, server.url);
  const offer = await page.evaluate(async () => {
    const pc = new RTCPeerConnection();
    pc.addTransceiver('audio');
    pc.addTransceiver('video');
    pc.createDataChannel('x');
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
  });
  await t.closePage(page);
  return offer;
}

const post = (server, body, type = SDP) => fetch(`${server.url}whip`, { method: 'POST', headers: { 'Content-Type': type }, body });

const { refused } = t;

// ---- HTTP ----

const WRONG_OFFERS = [
  ['', 'empty'],
  ['garbage', 'Line 1'],
  ['v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n', 'no m-line'],
  [(o) => o.replace(/^v=0/, 'v=1'), 'Line 1'],
  [(o) => o.replace(/^m=audio 9 /m, 'm=audio 99999999999999 '), 'no port'],
  [(o) => o.replace(/^m=audio .*$/m, 'm=audio'), 'm-line needs'],
  [(o) => o.replace(/^a=ice-ufrag:.*\r\n/gm, ''), 'ice-ufrag'],
  [(o) => o.replace(/^a=ice-pwd:.*$/gm, 'a=ice-pwd:short'), 'ice-pwd'],
  [(o) => o.replace(/^a=fingerprint:.*\r\n/gm, ''), 'fingerprint'],
  [(o) => o.replace(/^a=fingerprint:.*$/gm, 'a=fingerprint:sha-256 12:34'), 'no fingerprint'],
  [(o) => o.replace(/^a=fingerprint:sha-256.*$/gm, `a=fingerprint:sha-1 ${Array(20).fill('AB').join(':')}`), 'sha-256'],
  [(o) => o.replace(/^a=setup:actpass/gm, 'a=setup:holdconn'), 'setup'],
  [(o) => o.replace(/^a=mid:1/m, 'a=mid:0'), 'same mid'],
  [(o) => o.replace(/^a=group:BUNDLE 0 1/m, 'a=group:BUNDLE 0 7'), 'which no m-line has'],
  [(o) => o.replace(/^a=rtcp-mux\r\n/gm, ''), 'rtcp-mux'],
  [(o) => o.replace(/UDP\/TLS\/RTP\/SAVPF/g, 'RTP/AVP'), 'UDP/TLS/RTP/SAVPF'],
  [(o) => o.replace(/^a=sctp-port:5000/m, 'a=sctp-port:0'), 'sctp-port'],
  [(o) => o.replace(/^(m=audio .*)$/m, '$1 300'), 'payload type'],
  [(o) => `${o}a=x\u0000y\r\n`, 'UTF-8'],
  [(o) => o + 'a=y\r\n'.repeat(3000), 'lines'],
];

t.test('offers that are refused, each with its reason', (context) => t.withServer([], async (server) => {
  const good = await offerOf(context, server);
  for (const [change, part] of WRONG_OFFERS) {
    const bad = typeof change === 'string' ? change : change(good);
    t.check(bad !== good, `${part}: nothing was changed`);
    await refused(await post(server, bad), 400, part);
  }
  await refused(await post(server, good, 'text/plain'), 415, SDP);
  await refused(await post(server, good + 'a=x\r\n'.repeat(20000)), 413, 'larger');
  const sessions = (await t.stats(server)).sessions.length;
  t.checkEqual(sessions, 0, 'sessions');
}));

t.test('requests that are refused', (context) => t.withServer(['--max-sessions', '1'], async (server) => {
  const created = await post(server, await offerOf(context, server));
  t.checkEqual(created.status, 201, 'status of the offer');
  const [url, tag] = [new URL(created.headers.get('Location'), server.url), created.headers.get('ETag')];
  const patch = (headers, body) => fetch(url, { method: 'PATCH', headers, body });
  const part = 'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n';
  const typed = { 'Content-Type': FRAGMENT, 'If-Match': tag };

  await refused(await post(server, await offerOf(context, server)), 503, 'as many sessions');
  await refused(await fetch(`${server.url}whip`), 405, 'POST');
  await refused(await fetch(url), 405, 'PATCH');
  await refused(await fetch(`${server.url}nothing`), 404, 'no such page');
  await refused(await fetch(`${server.url}whip/0123`, { method: 'DELETE' }), 404, 'no such session');
  await refused(await patch({ ...typed, 'Content-Type': SDP }, part), 415, FRAGMENT);
  await refused(await patch({ 'Content-Type': FRAGMENT }, part), 428, 'If-Match');
  await refused(await patch({ ...typed, 'If-Match': '"other"' }, part), 412, 'ETag');
  await refused(await patch(typed, `${part}a=candidate:1 1 udp 1 127.0.0.1 x typ host\r\n`), 400, 'no candidate');
  await refused(await patch(typed, part.replace('mid:0', 'mid:9')), 400, 'no mid');
  await refused(await patch(typed, `${part}a=ice-ufrag:abcd\r\n`), 400, 'belong together');
  t.checkEqual((await patch(typed, `${part}a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n`)).status, 204, 'trickle');
  const restarted = await patch({ ...typed, 'If-Match': '*' }, `${part}a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n`);
  t.checkEqual(restarted.status, 200, 'restart');
  t.check(restarted.headers.get('ETag') !== tag && (await restarted.text()).includes('a=ice-ufrag:'), 'a restart without new credentials');
  await refused(await patch(typed, part), 412, 'ETag');
  t.checkEqual((await fetch(url, { method: 'DELETE' })).status, 200, 'DELETE');
  await refused(await fetch(url, { method: 'DELETE' }), 404, 'no such session');
  await server.wait('ended', (event) => event.reason === 'deleted');
}));

// ---- words ----

t.test('the answer lies about the fingerprint', (context) => t.withServer([], async (server) => {
  for (const key of ['ecdsa', 'rsa']) {
    const page = await t.openPage(context, `${server.url}?start=now&source=test&tamper=fingerprint&key=${key}`);
    t.checkEqual((await trouble(page)).kind, 'fingerprint-mismatch', 'words');
    await page.locator('#trouble-title', { hasText: 'fingerprint mismatch' }).waitFor();
    await t.closePage(page);
  }
}));

t.test('the offer lies about the fingerprint, server active', (context) => t.withServer(['--role', 'active'], async (server) => {
  const page = await t.openPage(context, server.url);
  await page.route('**/whip', (route) => route.continue({
    postData: route.request().postData().replace(/^(a=fingerprint:sha-256 )(..)/gm, (all, head, byte) => head + (byte === '00' ? '01' : '00')),
  }));
  await page.check('input[value=test]', { force: true });
  await page.click('#connect');
  await server.wait('ended', (event) => event.reason === 'dtls-failed' && /fingerprint/.test(event.detail));
  await trouble(page);
  t.check(!server.find('connected'), 'connected to the wrong peer');
  await t.closePage(page);
}));

t.test('no camera', (context) => t.withServer([], async (server) => {
  void context;
  const other = await t.openBrowser(['--deny-permission-prompts']);
  try {
    const page = await t.openPage(other, server.url);
    await page.click('#connect');
    t.checkEqual((await trouble(page)).kind, 'no-camera', 'words');
    await page.click('#use-test');
    await t.seeEcho(page);
    await t.closePage(page);
  } finally {
    await other.close();
  }
}));

t.test('no path', (context) => t.withServer([], async (server) => {
  const page = await t.openPage(context, server.url);
  await page.route('**/whip', async (route) => { // candidates and credentials of nobody
    const response = await route.fetch();
    const body = (await response.text()).replace(/^a=candidate:.*\r\n/gm, '').replace(/^a=ice-pwd:.*$/gm, 'a=ice-pwd:0123456789012345678901');
    await route.fulfill({ response, body });
  });
  await page.check('input[value=test]', { force: true });
  await page.click('#connect');
  const said = await t.waitFor('words', async () => (await t.state(page)).trouble, 40000);
  t.checkEqual(said.kind, 'ice-failed', 'words');
  await t.closePage(page);
}));

t.test('the server stops', async (context) => {
  let page;
  await t.withServer([], async (server) => {
    page = await t.openPage(context, `${server.url}?start=now&source=test`);
    await t.seeEcho(page);
  });
  t.checkEqual((await trouble(page)).kind, 'closed', 'words');
  await page.click('#connect');
  t.checkEqual((await t.waitFor('words', async () => {
    const now = (await t.state(page)).trouble;
    return now && now.kind !== 'closed' ? now : null;
  })).kind, 'no-server', 'words');
  await page.close();
});

// ---- gone ----

t.test('a tab that is closed in the middle leaves nothing', (context) => t.withServer([], async (server) => {
  const visit = async () => {
    const page = await t.openPage(context, `${server.url}?start=now&source=test`);
    await t.seeEcho(page, 5);
    const before = server.events.length;
    await page.close();
    await t.waitFor('the end', () => server.events.slice(before).find((event) => event.event === 'ended'));
  };
  const before = t.descriptors(server);
  for (let i = 0; i < 4; i += 1) {
    await visit();
  }
  await t.waitFor('descriptors that were closed', () => t.descriptors(server) === before, 10000);
}));

t.test('a browser that is killed is missed', () => t.withServer([], async (server) => {
  const other = await t.openBrowser();
  const page = await t.openPage(other, `${server.url}?start=now&source=test`);
  await t.seeEcho(page, 5);
  await page.route('**/whip/**', (route) => route.abort()); // no DELETE
  await other.close();
  await server.wait('ended', (event) => ['ice-failed', 'closed-by-client'].includes(event.reason), 60000);
}));

// ---- hands ----

t.test('by keyboard alone', (context) => t.withServer([], async (server) => {
  const page = await t.openPage(context, server.url);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.value);
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight'); // to the test picture
  t.checkEqual(await focused(), 'test', 'focus');
  await page.keyboard.press('Tab');
  t.checkEqual(await focused(), 'connect', 'focus');
  await page.keyboard.press('Enter');
  await t.seeEcho(page);
  await page.keyboard.press('Tab');
  t.checkEqual(await focused(), 'restart', 'focus');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  t.checkEqual(await page.evaluate(() => document.getElementById('remote').muted), false, 'muted');
  for (let i = 0; i < 8 && await focused() !== 'chat-text'; i += 1) {
    await page.keyboard.press('Tab');
  }
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await page.locator('#chat-log .echo', { hasText: 'typed' }).waitFor();
  await page.focus('#connect');
  await page.keyboard.press('Space');
  await server.wait('ended');
  await t.closePage(page);
}));

t.test('fits a phone', (context) => t.withServer([], async (server) => {
  const page = await t.openPage(context, server.url);
  for (const width of [320, 390, 768, 1400]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    t.check(wide <= width, `at ${width} the page is ${wide} wide`);
  }
  await page.setViewportSize({ width: 1280, height: 720 });
  await t.closePage(page);
}));

t.main();
