// SPDX-License-Identifier: BSD-3-Clause
// The server makes the offer, and the page's answer is held back: ICE has a path, and the ClientHello or the whole of the browser's
// handshake has come, before the server is told whose fingerprint to expect.
'use strict';

const t = require('./browser.js');

async function call(context, args, query, look = async () => {}) {
  await t.withServer(args, async (server) => {
    const page = await t.openPage(context, `${server.url}?start=now&source=test&offer=server&${query}`);
    const seen = await t.seeEcho(page);
    await t.chat(page, 'late, but here');
    await look({ server, page, seen });
    await page.click('#connect');
    await server.wait('ended', (event) => event.reason === 'deleted' || event.reason === 'closed-by-client');
    await t.closePage(page);
  });
}

const PROFILES = ['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM', 'AES128_CM_SHA1_80'];
const role = (server) => server.find('connected').dtlsRole;

t.test('the server makes the offer', (context) => call(context, [], '', async ({ server }) => t.checkEqual(role(server), 'server', 'role')));
for (const profile of PROFILES) {
  t.test(`the answer waits for the ClientHello, ${profile}`, (context) => call(context, ['--profiles', profile], 'hold=hello', async ({ server }) => {
    t.checkEqual(role(server), 'server', 'role');
    t.checkEqual(server.find('connected').srtpCipher, profile, 'profile');
  }));
}
for (const key of ['rsa', 'ecdsa']) {
  t.test(`the answer waits until DTLS is over, certificates of ${key}`, (context) => call(context, ['--certificate', t.makeCertificate(key)], `hold=1000&key=${key}`, async ({ server }) => {
    const [{ phases }] = (await t.stats(server)).sessions;
    t.check(phases.dtlsFinished < 1000, `the handshake was over only after ${phases.dtlsFinished} ms`);
    t.check(server.find('connected').sinceOfferMs > 1000, 'connected before the answer');
  }));
}
t.test('the server offers to be active', (context) => call(context, ['--role', 'active'], 'hold=300', async ({ server }) => t.checkEqual(role(server), 'client', 'role')));
t.test('the server offers to be passive', (context) => call(context, ['--role', 'passive'], 'hold=hello', async ({ server }) => t.checkEqual(role(server), 'server', 'role')));
t.test('the answer takes the passive role', (context) => call(context, [], 'setup=passive', async ({ server }) => t.checkEqual(role(server), 'client', 'role')));
t.test('ICE-lite', (context) => call(context, ['--lite'], 'hold=hello'));
for (const bundle of ['balanced', 'max-compat', 'max-bundle']) {
  t.test(`bundlePolicy ${bundle}`, (context) => call(context, [], `hold=hello&bundle=${bundle}`));
}

t.test('ICE restart while media flows', (context) => call(context, [], 'hold=hello', async ({ server, page, seen }) => {
  await page.click('#restart');
  await server.wait('ice-restart');
  await t.waitFor('the restart', async () => (await t.state(page)).restarts === 1);
  await t.seeEcho(page, seen.sample.framesDecoded + 60);
  t.checkEqual(server.events.filter((event) => event.event === 'connected').length, 1, 'handshakes');
}));

t.test('the late answer lies about the fingerprint', (context) => t.withServer([], async (server) => {
  for (const hold of ['hello', '1000']) {
    const before = server.events.length; // the end may be there before the page has loaded
    const page = await t.openPage(context, `${server.url}?start=now&source=test&offer=server&hold=${hold}&tamper=fingerprint`);
    await t.waitFor('the end', () => server.events.slice(before).find((event) => event.event === 'ended' && event.reason === 'dtls-failed' && /fingerprint/.test(event.detail)));
    t.check(!server.find('connected'), 'connected to the wrong peer');
    await page.close();
  }
}));

t.test('a tab that is closed before it has answered leaves nothing', (context) => t.withServer([], async (server) => {
  const before = t.descriptors(server);
  const page = await t.openPage(context, `${server.url}?start=now&source=test&offer=server&hold=60000`);
  await t.waitFor('a handshake', async () => {
    const [session] = (await t.stats(server)).sessions;
    return session?.transports[0].stats.dtlsState === 'connecting' && session.transports[0].stats.dtlsReceived > 1;
  });
  t.check(!server.find('connected'), 'connected to nobody');
  await page.close();
  await server.wait('ended');
  await t.waitFor('descriptors that were closed', () => t.descriptors(server) === before, 10000);
}));

t.test('answers that are refused', () => t.withServer([], async (server) => {
  const { refused } = t;
  const created = await fetch(`${server.url}offer`, { method: 'POST' });
  t.checkEqual(created.status, 201, 'status of the offer');
  const offer = await created.text();
  const url = new URL(created.headers.get('Location'), server.url);
  const answer = (body) => fetch(url, { method: 'PATCH', headers: { 'Content-Type': 'application/sdp' }, body });
  const good = offer.replace(/actpass/g, 'active');
  await refused(await answer(offer), 400, 'setup:active or setup:passive');
  await refused(await answer(good.slice(0, good.indexOf('m=video')).replace('BUNDLE 0 1 2', 'BUNDLE 0')), 400, 'm-lines');
  await refused(await answer(good.replace(/^a=group:.*\r\n/m, '')), 400, 'no BUNDLE group');
  await refused(await answer(good.replace('a=mid:1', 'a=mid:x').replace('BUNDLE 0 1', 'BUNDLE 0 x')), 400, 'm-line 2');
  await refused(await answer('v=1'), 400, 'Line 1');
  t.checkEqual((await answer(good)).status, 204, 'status of a good answer');
  await refused(await answer(good), 415, 'trickle');
  t.checkEqual((await fetch(url, { method: 'DELETE' })).status, 200, 'DELETE');
  await server.wait('ended', (event) => event.reason === 'deleted');
}));

t.main();
