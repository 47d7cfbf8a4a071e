// SPDX-License-Identifier: BSD-3-Clause
// Other clients of WHIP than a browser: node-datachannel and aiortc, in each DTLS role, with each profile that they have; they offer
// as they are, and say what came back.
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');
const t = require('./browser.js');

const PYTHON = '/usr/bin/python3';
const ROLES = { passive: 'server', active: 'client' };
const PROFILES = ['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM', 'AES128_CM_SHA1_80'];

// Runs a client to its end; what it said.
async function run(command, ...args) {
  const child = spawn(command, args, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data) => { out += data; });
  child.stderr.on('data', (data) => { err += data; });
  const timer = setTimeout(() => child.kill('SIGKILL'), 2 * t.LIMIT);
  const status = await new Promise((resolve) => { child.on('close', (code, signal) => resolve(signal || code)); });
  clearTimeout(timer);
  t.checkEqual(status, 0, `exit status of ${args[0]} (${err})`);
  return JSON.parse(out);
}

const client = (name) => path.join(__dirname, name);
const CLIENTS = {
  'node-datachannel': (...args) => run(process.execPath, client('client-node-datachannel.js'), ...args),
  aiortc: (...args) => run(PYTHON, client('client-aiortc.py'), ...args),
};

async function call(name, args, more = []) {
  await t.withServer(args, async (server) => {
    const said = await CLIENTS[name](server.url, ...more);
    const ended = await server.wait('ended');
    t.check(['deleted', 'closed-by-client'].includes(ended.reason), ended.reason);
    const connected = server.find('connected');
    const role = args[args.indexOf('--role') + 1];
    t.checkEqual(connected.dtlsRole, ROLES[role], 'role');
    t.check(said.sent >= 50 && said.received >= 50, `${said.sent} packets sent, ${said.received} came back`);
    t.checkEqual(said.altered || 0, 0, 'packets that came back as others');
    t.checkEqual(said.messagesReceived, said.messagesSent, 'messages that came back');
    if (args.includes('--profiles')) {
      t.checkEqual(connected.srtpCipher, args[args.indexOf('--profiles') + 1], 'profile');
    }
    t.note({ peer: name, version: said.version, connected, connectMs: said.connectMs, sent: said.received, received: said.sent, data: said.messagesReceived });
  });
}

for (const role of Object.keys(ROLES)) {
  for (const profile of PROFILES) {
    t.test(`node-datachannel, server ${role}, ${profile}`, () => call('node-datachannel', ['--role', role, '--profiles', profile]));
  }
  t.test(`aiortc, server ${role}`, () => call('aiortc', ['--role', role]));
  t.test(`aiortc, server ${role}, ICE-lite`, () => call('aiortc', ['--role', role, '--lite']));
}
t.test('node-datachannel, certificates of rsa', () => call('node-datachannel', ['--role', 'passive', '--certificate', t.makeCertificate('rsa')], [t.makeCertificate('rsa')]));
t.test('node-datachannel, ICE-lite', () => call('node-datachannel', ['--role', 'passive', '--lite']));

t.main({ browser: false });
