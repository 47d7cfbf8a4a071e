// SPDX-License-Identifier: BSD-3-Clause
// How long Chromium waits for a call with whip-echo, phase by phase: COUNT calls (20) in each DTLS role, on one page after the other,
// each the median. With a document as argument, the table is written there. A measurement, not a test: nothing is asserted.
'use strict';

const fs = require('node:fs');
const t = require('./browser.js');

const COUNT = Number(process.env.COUNT || 20);
const BEGIN = '<!-- phases: make docs-connect -->\n';
const END = '<!-- end of phases -->\n';
const ROLES = { passive: 'server', active: 'client' };

async function one(context, server) {
  const page = await t.openPage(context, `${server.url}?start=now&source=test`);
  const seen = await t.seeEcho(page, 1);
  const id = seen.location.split('/').pop();
  const { phases, transports: [{ stats }] } = await (await fetch(`${server.url}stats/${id}`)).json();
  await page.click('#connect');
  await t.closePage(page);
  const at = seen.phases;
  return {
    answer: at.answered - at.offered,
    ice: at.ice - at.answered,
    keys: at.dtls - at.ice,
    connected: at.dtls - at.offered,
    serverAnswer: phases.answered,
    hello: phases.clientHello - phases.answered,
    certificate: phases.certificate - phases.clientHello,
    finished: phases.dtlsFinished - phases.certificate,
    verified: phases.keys - phases.dtlsFinished,
    handshake: phases.keys - phases.clientHello,
    retransmissions: stats.retransmissions,
  };
}

const sorted = (list) => [...list].sort((a, b) => a - b);
const median = (list) => (sorted(list)[(list.length - 1) >> 1] + sorted(list)[list.length >> 1]) / 2;

async function measure(context, role) {
  const calls = [];
  await t.withServer(['--role', role], async (server) => {
    for (let i = 0; i < COUNT; i += 1) {
      calls.push(await one(context, server));
    }
  });
  return { of: (key) => calls.map((call) => call[key]), first: calls[0] };
}

const ROWS = [
  ['**browser**: the offer is sent, the answer is there', 'answer'],
  ['ICE has a path', 'ice'],
  ['DTLS is connected', 'keys'],
  ['**from `POST` to connected**', 'connected'],
  ['**server**: the offer has come, the answer is written', 'serverAnswer'],
  ['the first ClientHello', 'hello'],
  ['the peer\'s certificate', 'certificate'],
  ['Finished', 'finished'],
  ['the peer is verified, the keys are there', 'verified'],
  ['**from the first ClientHello to the keys**', 'handshake'],
];

function table(measured) {
  const ms = (value) => `${value.toFixed(1)} ms`;
  const cell = ({ of, first }, key) => `${ms(median(of(key)))} | ${ms(Math.max(...of(key)))} | ${ms(first[key])}`;
  return [
    `| until | we are ${Object.values(ROLES).map((role) => `DTLS ${role}: median | slowest | first`).join(' | ')} |`,
    `|---|${'---:|'.repeat(3 * measured.length)}`,
    ...ROWS.map(([name, key]) => `| ${name} | ${measured.map((each) => cell(each, key)).join(' | ')} |`),
  ].join('\n').concat('\n');
}

async function main() {
  const context = await t.openBrowser();
  const measured = [];
  try {
    for (const role of Object.keys(ROLES)) {
      measured.push(await measure(context, role));
    }
  } finally {
    await context.close();
  }
  const text = table(measured);
  process.stdout.write(text);
  const [document] = process.argv.slice(2);
  if (document) {
    const [before, rest] = fs.readFileSync(document, 'utf8').split(BEGIN);
    fs.writeFileSync(document, before + BEGIN + text + END + rest.split(END)[1]);
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error.stack);
  process.exit(1);
});
