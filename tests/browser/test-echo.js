// SPDX-License-Identifier: BSD-3-Clause
// Chromium on the page of samples/whip-echo: pictures, sound and messages come back, in each DTLS role, with each profile and
// certificate, however the offer is bundled, through a restart of ICE.
'use strict';

const fs = require('node:fs');
const t = require('./browser.js');

const ROLES = { active: 'server', passive: 'client' }; // ours, and the browser's
const PROFILES = ['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM', 'AES128_CM_SHA1_80'];
const BROWSER_NAMES = { AES128_CM_SHA1_80: 'AES128_CM_HMAC_SHA1_80' };

async function echoes(context, args, query, look = async () => {}) {
  await t.withServer(args, async (server) => {
    const page = await t.openPage(context, `${server.url}?start=now&${query}`);
    const seen = await t.seeEcho(page);
    await t.chat(page, 'Is anybody there? \u{1F50A}');
    await look({ server, page, seen });
    await page.click('#connect');
    await server.wait('ended', (event) => ['deleted', 'closed-by-client'].includes(event.reason));
    await t.closePage(page);
  });
}

for (const [role, browserRole] of Object.entries(ROLES)) {
  for (const profile of PROFILES) {
    t.test(`server ${role}, ${profile}`, (context) => echoes(context, ['--role', role, '--profiles', profile], 'source=test', async ({ server, seen }) => {
      const connected = server.find('connected');
      t.checkEqual(connected.srtpCipher, profile, 'profile at the server');
      t.checkEqual(seen.sample.facts['SRTP profile'], `SRTP_${BROWSER_NAMES[profile] || profile}`, 'profile at the browser');
      t.check(seen.sample.facts['DTLS role'].startsWith(`${browserRole} here`), `role: ${seen.sample.facts['DTLS role']}`);
    const [{ transports: [{ stats, data }] }] = (await t.stats(server)).sessions;
    t.note({ peer: 'Chromium', version: t.chromiumVersion(), connected, sent: stats.rtpProtected + stats.rtcpProtected, received: stats.rtpDelivered + stats.rtcpDelivered, data: data.messagesReceived });
    }));
  }
}

for (const bundle of ['balanced', 'max-compat', 'max-bundle']) {
  t.test(`bundlePolicy ${bundle}, the camera`, (context) => echoes(context, [], `bundle=${bundle}`));
}

for (const key of ['rsa', 'ecdsa']) {
  t.test(`certificates of ${key} at both ends`, (context) => echoes(context, ['--certificate', t.makeCertificate(key)], `source=test&key=${key}`, async ({ server }) => {
    t.check(server.find('connected').dtlsCipher.includes(key === 'rsa' ? '_RSA_' : '_ECDSA_'), server.find('connected').dtlsCipher);
  }));
}

t.test('no trickle', (context) => echoes(context, [], 'source=test&trickle=no'));
t.test('ICE-lite', (context) => echoes(context, ['--lite'], 'source=test'));
t.test('ICE-lite, server active', (context) => echoes(context, ['--lite', '--role', 'active'], 'source=test'));
t.test('IPv6', (context) => echoes(context, ['--ice-bind', '::1'], 'source=test', async ({ server }) => {
  t.check(server.find('connected').local.startsWith('[::1]'), server.find('connected').local);
}));
t.test('every address of the machine', (context) => echoes(context, ['--ice-bind', '0.0.0.0'].slice(2), 'source=test'));
t.test('small datagrams', (context) => echoes(context, ['--mtu', '400', '--role', 'active'], 'source=test'));

t.test('ICE restart while media flows', (context) => echoes(context, [], 'source=test', async ({ server, page, seen }) => {
  await page.click('#restart');
  const event = await server.wait('ice-restart');
  await t.waitFor('the restart', async () => (await t.state(page)).restarts === 1);
  const after = await t.seeEcho(page, seen.sample.framesDecoded + 60);
  t.check(after.etag !== seen.etag, 'the ETag is the same');
  await t.waitFor('connected again', async () => (await t.state(page)).state === 'connected');
  t.check(!server.find('refused'), `refused: ${server.find('refused')?.why}`);
  const stats = await t.stats(server);
  t.checkEqual(stats.sessions[0].iceRestarts, 1, 'restarts at the server');
  t.checkEqual(server.events.filter((e) => e.event === 'connected' && e.session === event.session).length, 1, 'handshakes');
  await t.chat(page, 'still there');
}));

// What tshark makes of it without any option: the end of DTLS, the name of the data channel in what it carries, and media in clear.
t.test('--pcapng: Wireshark opens it decrypted', async (context) => {
  const file = t.temporary('call.pcapng');
  await echoes(context, ['--pcapng', file], 'source=test', async () => t.checkEqual(fs.statSync(file).mode & 0o777, 0o600, 'mode of the file'));
  const count = (filter) => t.output('tshark', '-r', file, '-Y', filter, '-T', 'fields', '-e', 'frame.number').split('\n').length - 1;
  t.check(count('dtls.handshake.type == 20') >= 2, 'no Finished of both ends');
  t.check(count('dtls && data.data contains "chat"') > 0, 'no data channel');
  t.check(count('rtp.version == 2 && frame.interface_name == "plain"') > 50, 'no RTP in clear');
  t.check(count('rtcp && frame.interface_name == "plain"') > 0, 'no RTCP in clear');
  // A ClientHello that is sent again, in two datagrams, is an overlap to tshark.
  t.checkEqual(count('_ws.malformed && dtls && !(dtls.handshake.type == 1)'), 0, 'malformed packets');
});

t.test('large messages, and many', (context) => echoes(context, [], 'source=test', async ({ page }) => {
  const lost = await page.evaluate(async () => {
    const pc = window.echo.connection.pc;
    const run = (options, messages) => new Promise((resolve) => {
      const channel = pc.createDataChannel('bulk', options);
      const got = [];
      channel.binaryType = 'arraybuffer';
      channel.onopen = () => messages.forEach((message) => channel.send(message));
      channel.onmessage = (event) => {
        got.push(event.data);
        if (got.length === messages.length) {
          channel.onclose = () => resolve(got.filter((data, i) => (data.byteLength ?? data.length) !== (messages[i].byteLength ?? messages[i].length)).length);
          channel.close();
        }
      };
    });
    const large = [1, 1200, 16384, 65536, 262144].map((size) => new Uint8Array(size));
    const many = Array.from({ length: 1000 }, (_, i) => `message ${i}`);
    return [await run({}, large), await run({}, many), await run({}, ['']), await run({ ordered: false, maxRetransmits: 3 }, ['one'])];
  });
  t.checkEqual(lost.join(' '), '0 0 0 0', 'messages of another length');
}));

t.main();
