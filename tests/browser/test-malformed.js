// SPDX-License-Identifier: BSD-3-Clause
// Offers and fragments that were damaged at random, made of the real ones of four clients: each is answered, a refusal has a
// sentence, and nothing is left of them. MALFORMED is how many; SEED repeats a run. No browser.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const t = require('./browser.js');

const COUNT = Number(process.env.MALFORMED || 1000);
const SEED = Number(process.env.SEED || Date.now() % 1e6);
const AT_ONCE = 8;
const offers = fs.readdirSync(path.join(__dirname, 'offers')).map((name) => fs.readFileSync(path.join(__dirname, 'offers', name), 'latin1'));

// mulberry32
let state = SEED;
function random(below) {
  state = (state + 0x6d2b79f5) | 0;
  let x = Math.imul(state ^ (state >>> 15), 1 | state);
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
  return ((x ^ (x >>> 14)) >>> 0) % below;
}
const any = (list) => list[random(list.length)];

const VALUES = ['', ' ', '0', '-1', '65536', '4294967296', '99999999999999999999', 'a'.repeat(300), '\u00ff\u00fe', '%s%n', '/', ':', '\0', '0x10', '1e9'];
const LINES = ['a=candidate:1 1 udp 1 ::1 1 typ host', 'a=candidate:', 'a=ssrc:0 cname:x', 'a=ssrc:1', 'a=ssrc-group:FID 1', 'a=ssrc-group:', 'a=extmap:0 x',
  'a=extmap:', 'a=group:BUNDLE', 'a=group:BUNDLE 0 0 0', 'a=mid:', 'a=rtpmap:', 'a=fingerprint:', 'a=fingerprint:sha-256', 'm=audio 9 UDP/TLS/RTP/SAVPF 0',
  'm=application 9 DTLS/SCTP 5000', 'm=video 0 UDP/TLS/RTP/SAVPF 96', 'a=bundle-only', 'a=sctpmap:5000', 'a=setup:', 'a=ice-lite', 'c=', 'b=:', 'k=:', 'r=', 'z=', 't=', 'o='];

const HARMS = [
  (lines) => lines.splice(random(lines.length), 1),
  (lines) => lines.splice(random(lines.length), 0, any(lines)),
  (lines) => lines.splice(random(lines.length), 0, any(LINES)),
  (lines) => lines.splice(random(lines.length), random(lines.length)),
  (lines) => { const [a, b] = [random(lines.length), random(lines.length)]; [lines[a], lines[b]] = [lines[b], lines[a]]; },
  (lines) => { const i = random(lines.length); lines[i] = lines[i].slice(0, random(lines[i].length + 1)); },
  (lines) => { // a byte
    const i = random(lines.length);
    const at = random(lines[i].length + 1);
    lines[i] = lines[i].slice(0, at) + String.fromCharCode(random(256)) + lines[i].slice(at + 1);
  },
  (lines) => { // a word, or a number
    const i = random(lines.length);
    const words = lines[i].split(/([ :=])/);
    words[random(words.length)] = any(VALUES);
    lines[i] = words.join('');
  },
  (lines) => { lines.push(...any(offers).split(/\r?\n/).slice(-random(40) - 1)); },
];

function harm(text) {
  const lines = text.split('\r\n');
  for (let n = 1 + random(4); n > 0; n -= 1) {
    any(HARMS)(lines);
    if (lines.length === 0) {
      lines.push('');
    }
  }
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

async function send(url, method, headers, body, counts) {
  const response = await fetch(url, { method, headers, body });
  const text = await response.text();
  counts[response.status] = (counts[response.status] || 0) + 1;
  if (response.status >= 400) {
    t.check(response.status < 500 && text.trim().length > 10, `status ${response.status}: ${text}`);
  }
  return response;
}

async function one(server, body, counts) {
  try {
    const response = await send(`${server.url}whip`, 'POST', { 'Content-Type': 'application/sdp' }, body, counts);
    if (response.status === 201) { // it was not so bad
      const session = new URL(response.headers.get('Location'), server.url);
      const fragment = harm(`a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n${any(offers).split('\r\n').filter((line) => /^(m=|a=(mid|candidate|ice-|end))/.test(line)).join('\r\n')}`);
      await send(session, 'PATCH', { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' }, fragment, counts);
      await send(session, 'DELETE', {}, undefined, counts);
    }
  } catch (error) {
    fs.writeFileSync('malformed.sdp', body);
    throw new Error(`seed ${SEED}, the offer is in malformed.sdp: ${error.cause || error.message}`);
  }
}

t.test(`${COUNT} malformed offers, seed ${SEED}`, () => t.withServer(['--max-sessions', '1000'], async (server) => {
  const counts = {};
  for (let done = 0; done < COUNT; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => one(server, harm(any(offers)), counts)));
    server.events.length = Math.min(server.events.length, 1);
  }
  console.log(`# ${Object.entries(counts).map(([status, n]) => `${status}: ${n}`).join(', ')}`);
  t.check(counts[400] > COUNT / 10 && counts[201] > COUNT / 100, 'the damage is of one kind only');
  await t.waitFor('the end of all sessions', async () => (await t.stats(server)).sessions.length === 0);
}));

t.main({ browser: false });
