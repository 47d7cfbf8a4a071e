// SPDX-License-Identifier: BSD-3-Clause
// Offers, fragments and whole requests that were damaged at random, made of the real ones of four clients: each is answered, a refusal is
// a 4xx with a sentence, and nothing is left of them. MALFORMED is how many are refused, half of them for their SDP, half for their
// HTTP; SEED repeats a run. No browser.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const t = require('./browser.js');

const COUNT = Number(process.env.MALFORMED || 1000);
const SEED = Number(process.env.SEED || Date.now() % 1e6);
const AT_ONCE = 16;
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

// What is random in it is drawn before anything is waited for: so a seed gives the same run again.
async function one(server, body, counts) {
  const fragment = harm(`a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n${any(offers).split('\r\n').filter((line) => /^(m=|a=(mid|candidate|ice-|end))/.test(line)).join('\r\n')}`);
  try {
    const response = await send(`${server.url}whip`, 'POST', { 'Content-Type': 'application/sdp' }, body, counts);
    if (response.status === 201) { // it was not so bad
      const session = new URL(response.headers.get('Location'), server.url);
      await send(session, 'PATCH', { 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' }, fragment, counts);
      await send(session, 'DELETE', {}, undefined, counts);
    }
  } catch (error) {
    fs.writeFileSync('malformed.sdp', body);
    throw new Error(`seed ${SEED}, the offer is in malformed.sdp: ${error.cause || error.message}`);
  }
}

// ---- HTTP ----

// As these clients write them; HOST, LENGTH and SESSION are put in.
const HEADERS = {
  chromium: ['Host: HOST', 'Connection: keep-alive', 'Content-Length: LENGTH', 'sec-ch-ua-platform: "Linux"',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36', 'Content-Type: TYPE', 'sec-ch-ua-mobile: ?0',
    'Accept: */*', 'Origin: http://HOST', 'Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty', 'Referer: http://HOST/',
    'Accept-Encoding: gzip, deflate, br, zstd', 'Accept-Language: en-US,en;q=0.9'],
  aiohttp: ['Host: HOST', 'Content-Type: TYPE', 'Accept: */*', 'Accept-Encoding: gzip, deflate', 'User-Agent: Python/3.11 aiohttp/3.8.4', 'Content-Length: LENGTH'],
  undici: ['host: HOST', 'connection: keep-alive', 'content-type: TYPE', 'accept: */*', 'accept-language: *', 'sec-fetch-mode: cors', 'user-agent: node',
    'accept-encoding: gzip, deflate', 'content-length: LENGTH'],
  libsoup: ['Host: HOST', 'Content-Type: TYPE', 'Accept-Encoding: gzip, deflate', 'Connection: Keep-Alive', 'Content-Length: LENGTH'],
};
const HEADER_LINES = ['Content-Length: 0', 'Content-Length: -1', 'Content-Length: 99999999999999999999', 'Content-Length: 70000', 'Content-Length: 3, 4', 'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: x', 'Content-Type: text/plain', 'Content-Type:', 'Content-Encoding: gzip', 'Expect: 100-continue', 'Expect: x', 'If-Match: *', 'Host:',
  'Host: a b', 'Connection: upgrade', 'Upgrade: websocket', ': x', ' folded', 'x', 'X-Long: ' + 'a'.repeat(5000), '\0', 'Range: bytes=0-'];
const METHODS = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'CONNECT', 'FOO', '', 'post', 'P\0ST', 'POST '];
const TARGETS = ['/', '/whip', '/whip/', '/whip/0123', '/offer', '/stats/x', '*', '', '/../whip', '/%00', '//', '/whip?x', 'http://[::1', 'whip', `/${'a'.repeat(3000)}`, '/\u00ff'];
const VERSIONS = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.', 'HTTP', '', 'HTTP/1.1 x'];

const REQUEST_HARMS = [
  (r) => { r.method = any(METHODS); },
  (r) => { r.target = any(TARGETS); },
  (r) => { r.version = any(VERSIONS); },
  (r) => { r.headers.splice(random(r.headers.length), 1); },
  (r) => { r.headers.splice(random(r.headers.length), 0, any(HEADER_LINES)); },
  (r) => { const i = random(r.headers.length); r.headers[i] = r.headers[i].replace(/:.*/, `: ${any(VALUES)}`); },
  (r) => { const i = random(r.headers.length); const at = random(r.headers[i].length + 1); r.headers[i] = r.headers[i].slice(0, at) + String.fromCharCode(random(256)) + r.headers[i].slice(at + 1); },
  (r) => { r.body = r.body.subarray(0, random(r.body.length)); r.headers = r.headers.map((line) => line.replace(/^(content-length): .*/i, `$1: ${r.body.length}`)); },
  (r) => { r.end = any(['\n\n', '\r\r', '\r\n', '\0\r\n\r\n']); },
  (r) => { r.body = Buffer.concat([r.body, r.body]); }, // and another request of it
  (r) => { r.raw = true; },
];

// A request with one to three harms, as bytes.
function request(host, session) {
  const body = random(4) === 0 ? harm(any(offers)) : Buffer.from(any(offers), 'latin1');
  const target = any(['/whip', '/whip', '/whip', session, '/offer']);
  const type = target === session ? 'application/trickle-ice-sdpfrag' : 'application/sdp';
  const values = { HOST: host, LENGTH: body.length, TYPE: type };
  const headers = any(Object.values(HEADERS)).map((line) => line.replace(/\b(HOST|LENGTH|TYPE)\b/g, (word) => values[word]));
  const r = { method: target === session ? 'PATCH' : 'POST', target, version: 'HTTP/1.1', headers, body, end: '\r\n\r\n', raw: false };
  for (let n = 1 + random(3); n > 0; n -= 1) {
    if (r.headers.length === 0) {
      r.headers.push('x: y');
    }
    any(REQUEST_HARMS)(r);
  }
  const bytes = Buffer.concat([Buffer.from(`${r.method} ${r.target} ${r.version}\r\n${r.headers.join('\r\n')}${r.end}`, 'latin1'), r.body]);
  if (r.raw) { // anywhere
    for (let n = 1 + random(8); n > 0; n -= 1) {
      bytes[random(Math.min(bytes.length, 600))] = random(256);
    }
  }
  return bytes;
}

const complete = (said) => answers(said).reduce((n, [, , size]) => n + size, 0) === said.length;

// Sends bytes on a connection of their own, says that no more follow, and returns what was said until it was closed.
function exchange(port, bytes) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let said = '';
    const done = () => { clearTimeout(timer); socket.destroy(); resolve(said); };
    let timer = setTimeout(done, 2000);
    socket.on('connect', () => socket.end(bytes));
    socket.on('data', (data) => {
      said += data.toString('latin1');
      clearTimeout(timer);
      timer = setTimeout(done, complete(said) ? 30 : 2000); // libsoup keeps the connection
    });
    socket.on('error', done);
    socket.on('end', done);
  });
}

// The answers in what was said: status, body and size of each.
function answers(said) {
  const list = [];
  for (let rest = said; rest.startsWith('HTTP/');) {
    const end = rest.indexOf('\r\n\r\n') + 4;
    const length = Number(rest.slice(0, end).match(/^Content-Length: (\d+)/mi)?.[1] || 0);
    list.push([Number(rest.slice(9, 12)), rest.slice(end, end + length), end + length]);
    rest = rest.slice(end + length);
  }
  return list;
}

async function oneRequest(server, session, counts) {
  const url = new URL(server.url);
  const bytes = request(url.host, session);
  const said = await exchange(Number(url.port), bytes);
  const all = answers(said).filter(([status]) => status !== 100);
  try {
    for (const [status, body] of all) {
      counts[status] = (counts[status] || 0) + 1;
      // 501 and 505: of a transfer coding and of a version of HTTP that libsoup does not have
      t.check(status < 500 || [501, 503, 505].includes(status), `status ${status}: ${body}`);
      // With 100 Continue libsoup forgets the body of what it then refuses by itself.
      t.check(status < 400 || body.trim().length > 10 || bytes.includes('HEAD ') || bytes.includes('Expect: 100'), `status ${status} without a reason`);
    }
    if (all.length === 0) {
      counts.unanswered = (counts.unanswered || 0) + 1; // it is not complete, and waits for the rest; or libsoup hung up
    }
    for (const location of said.match(/^Location: (.*)/gmi) || []) {
      await fetch(new URL(location.slice(10).trim(), server.url), { method: 'DELETE' });
    }
  } catch (error) {
    fs.writeFileSync('malformed.http', bytes);
    throw new Error(`seed ${SEED}, the request is in malformed.http: ${error.cause || error.message}`);
  }
}

// ---- tests ----

const refusedIn = (counts) => Object.entries(counts).filter(([status]) => status >= 400 && status < 500).reduce((sum, [, n]) => sum + n, 0);
const tell = (counts) => console.log(`# ${Object.entries(counts).map(([status, n]) => `${status}: ${n}`).join(', ')}`);
const settled = (server) => t.waitFor('the end of all sessions', async () => (await t.stats(server)).sessions.length === 0);

async function manyOf(server, harmOne) {
  const counts = {};
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (refusedIn(counts) < COUNT / 2) {
      await harmOne(counts);
      server.events.length = Math.min(server.events.length, 1);
    }
  }));
  tell(counts);
  return counts;
}

t.test(`${COUNT / 2} malformed offers, seed ${SEED}`, () => t.withServer(['--max-sessions', '1000'], async (server) => {
  const counts = await manyOf(server, (all) => one(server, harm(any(offers)), all));
  t.check(counts[201] > COUNT / 100, 'the damage is of one kind only');
  await settled(server);
}));

t.test(`${COUNT / 2} malformed requests, seed ${SEED}`, () => t.withServer(['--max-sessions', '1000'], async (server) => {
  const created = await fetch(`${server.url}offer`, { method: 'POST' });
  const session = created.headers.get('Location');
  const counts = await manyOf(server, (all) => oneRequest(server, session, all));
  t.check(Object.keys(counts).length > 6, 'the damage is of one kind only');
  // What is left are sessions that nobody was told of: they end with the server, in order.
}));

t.main({ browser: false });
