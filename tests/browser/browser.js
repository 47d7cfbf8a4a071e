// SPDX-License-Identifier: BSD-3-Clause
// What the browser tests share: whip-echo with its events, Chromium, TAP. Every wait has a limit; all traffic is on loopback.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');

const BUILD = process.env.abs_top_builddir || path.resolve('.');
const PROGRAM = path.join(BUILD, 'samples/whip-echo/whip-echo');
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const LIMIT = 1000 * Number(process.env.BROWSER_LIMIT || 30);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-browser-'));

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

function check(condition, text) {
  if (!condition) {
    throw new Error(text);
  }
}

function checkEqual(got, expected, what) {
  check(got === expected, `${what}: ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`);
}

async function waitFor(what, look, limit = LIMIT) {
  const end = Date.now() + limit;
  for (;;) {
    const found = await look();
    if (found) {
      return found;
    }
    check(Date.now() < end, `${what} did not come within ${limit / 1000} s`);
    await sleep(50);
  }
}

// ---- the server ----

class Server {
  constructor(...args) {
    this.events = [];
    this.errors = '';
    this.rest = '';
    // For AddressSanitizer: the suppression names a function of libsoup, which is built without frame pointers.
    const env = {
      ...process.env,
      ASAN_OPTIONS: [process.env.ASAN_OPTIONS, 'fast_unwind_on_malloc=0'].filter(Boolean).join(':'),
      LSAN_OPTIONS: `suppressions=${path.join(__dirname, 'lsan.supp')}:print_suppressions=0`,
    };
    this.child = spawn(PROGRAM, ['--json', '--port', '0', '--ice-bind', '127.0.0.1', ...args], { env });
    this.child.stdout.on('data', (data) => this.read(data));
    this.child.stderr.on('data', (data) => { this.errors += data; });
    this.exited = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => {
        this.status = signal || code;
        resolve(this.status);
      });
    });
  }

  read(data) {
    const lines = (this.rest + data).split('\n');
    this.rest = lines.pop();
    lines.forEach((line) => this.events.push(JSON.parse(line)));
  }

  async start() {
    this.url = (await this.wait('listening')).url;
    return this;
  }

  find(name, more = () => true) {
    return this.events.find((event) => event.event === name && more(event));
  }

  wait(name, more, limit) {
    return waitFor(`the event ${name}`, () => {
      check(this.status === undefined, `whip-echo ended (${this.status}): ${this.errors}`);
      return this.find(name, more);
    }, limit);
  }

  async stop() {
    this.child.kill('SIGINT');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), LIMIT);
    const status = await this.exited;
    clearTimeout(timer);
    checkEqual(status, 0, 'exit status of whip-echo');
    checkEqual(this.errors, '', 'standard error of whip-echo');
  }

  kill() {
    if (this.status === undefined) {
      this.child.kill('SIGKILL');
    }
  }
}

async function withServer(args, use) {
  const server = new Server(...args);
  try {
    await server.start();
    await use(server);
    await server.stop();
  } catch (error) {
    throw new Error(`${error.stack}${server.errors && `\nwhip-echo: ${server.errors}`}`);
  } finally {
    server.kill();
  }
}

// Descriptors of the server but for its connections of HTTP, which a browser keeps as long as it likes.
function descriptors(server) {
  const folder = `/proc/${server.child.pid}`;
  const tcp = new Set(['tcp', 'tcp6'].flatMap((name) => fs.readFileSync(`${folder}/net/${name}`, 'utf8').split('\n').slice(1))
    .map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`));
  return fs.readdirSync(`${folder}/fd`).filter((fd) => {
    try {
      return !tcp.has(fs.readlinkSync(`${folder}/fd/${fd}`));
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

const stats = async (server) => (await fetch(`${server.url}stats`)).json();

// A response that says no, in a sentence.
async function refused(response, status, part) {
  const text = await response.text();
  checkEqual(response.status, status, `status for "${part}" (${text.trim()})`);
  check(text.includes(part), `${JSON.stringify(text)} has no "${part}"`);
}

// ---- the browser ----

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns'];
const CAMERA = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];

async function openBrowser(more = CAMERA, settings = {}) {
  const context = await chromium.launchPersistentContext(fs.mkdtempSync(path.join(scratch, 'user-')), {
    executablePath: CHROMIUM, headless: true, args: [...FLAGS, ...more], ...settings,
  });
  context.setDefaultTimeout(LIMIT);
  return context;
}

const chromiumVersion = () => spawnSync(CHROMIUM, ['--version'], { encoding: 'utf8' }).stdout.match(/[0-9.]+/)[0];

// A page whose errors are the test's.
async function openPage(context, url) {
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.stack));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
      page.errors.push(message.text());
    }
  });
  const address = new URL(url);
  address.searchParams.set('tick', '200'); // figures come sooner
  await page.goto(address.href);
  return page;
}

function closePage(page) {
  checkEqual(page.errors.join('\n'), '', 'errors on the page');
  return page.close();
}

const state = (page) => page.evaluate(() => ({
  state: document.getElementById('state').dataset.state,
  trouble: window.echo.trouble && { ...window.echo.trouble },
  sample: window.echo.sample && { ...window.echo.sample, server: undefined },
  samples: window.echo.samples,
  restarts: window.echo.connection?.restarts,
  etag: window.echo.connection?.etag,
  location: window.echo.connection?.location,
  phases: window.echo.connection?.phases,
}));

// Until pictures and sound have come back for a while.
async function seeEcho(page, frames = 20) {
  const reached = await waitFor('the echo of picture and sound', async () => {
    const now = await state(page);
    check(!now.trouble, `the page says: ${now.trouble?.title} ${now.trouble?.detail}`);
    return now.sample && now.sample.framesDecoded >= frames && now.sample.audioBack >= 20 ? now : null;
  });
  return reached;
}

async function chat(page, text) {
  await page.fill('#chat-text', text);
  await page.press('#chat-text', 'Enter');
  await page.locator('#chat-log .echo', { hasText: text }).last().waitFor();
}

const temporary = (name) => path.join(scratch, name);

// What a program writes.
function output(command, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, HOME: scratch } });
  checkEqual(done.status, 0, `${command}: ${done.stderr}`);
  return done.stdout;
}

function makeCertificate(kind) {
  const file = temporary(`${kind}.pem`);
  const key = kind === 'rsa' ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const made = spawnSync('openssl', ['req', '-x509', '-nodes', ...key, '-keyout', `${file}.key`, '-out', `${file}.crt`, '-subj', '/CN=test', '-days', '7']);
  checkEqual(made.status, 0, `openssl req: ${made.stderr}`);
  fs.writeFileSync(file, fs.readFileSync(`${file}.crt`) + fs.readFileSync(`${file}.key`));
  return file;
}

// A line for the table of peers (docs/interop.md), where INTEROP_ROWS names a file. Counts and role are the server's.
function note({ peer, version, connected, connectMs, sent, received, data }) {
  if (process.env.INTEROP_ROWS) {
    const row = {
      peer, version, program: 'whip-echo', role: connected.dtlsRole, dtls: connected.tlsVersion, profile: connected.srtpCipher, connectMs: connectMs ?? connected.sinceOfferMs, sent, received, data,
    };
    fs.appendFileSync(process.env.INTEROP_ROWS, `${JSON.stringify(row)}\n`);
  }
}

// ---- TAP ----

const tests = [];
function test(name, run) {
  tests.push([name, run]);
}

async function runTests(context) {
  let failed = 0;
  const wanted = process.argv.slice(2);
  const chosen = tests.filter(([name]) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  console.log(`1..${chosen.length}`);
  for (const [i, [name, run]] of chosen.entries()) {
    try {
      await run(context);
      console.log(`ok ${i + 1} - ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${i + 1} - ${name}`);
      console.log(`# ${String(error.stack || error).replace(/\n/g, '\n# ')}`);
    }
  }
  return failed;
}

async function main({ browser = true } = {}) {
  const context = browser ? await openBrowser() : null;
  let failed = 1;
  try {
    failed = await runTests(context);
  } finally {
    await context?.close();
    fs.rmSync(scratch, { recursive: true, force: true });
  }
  process.exit(failed ? 1 : 0);
}

module.exports = { LIMIT, chat, check, checkEqual, chromiumVersion, closePage, descriptors, main, makeCertificate, note, openBrowser, openPage, output, refused, seeEcho, sleep, state, stats, temporary, test, waitFor, withServer };
