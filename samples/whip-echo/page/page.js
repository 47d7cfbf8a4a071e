// SPDX-License-Identifier: BSD-3-Clause
// The page: what is pressed, and what is shown.
//
// In the address: ?source=test, &start=now, &bundle=max-bundle|balanced|max-compat, &key=rsa|ecdsa, &trickle=no,
// &tamper=fingerprint (an answer that lies, to see what is said then); &offer=server (the server makes the offer), with
// &hold=hello or &hold=MILLISECONDS (the answer waits until then), &setup=passive; &tick=MILLISECONDS (how often figures are read).

import { Connection } from './connection.js';
import { Figures } from './figures.js';
import { Graph } from './graph.js';
import { closePicture, openCamera, openTestPicture } from './pictures.js';
import { Trouble, unknownTrouble } from './words.js';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const MAX_MESSAGES = 200;

const PHASES = [['offered', 'Offer'], ['answered', 'Answer'], ['ice', 'ICE path'], ['dtls', 'DTLS, keys'], ['picture', 'First picture']];
const STATES = {
  idle: ['idle', 'not connected'], camera: ['busy', 'opening the camera'], new: ['busy', 'connecting'], connecting: ['busy', 'connecting'],
  connected: ['connected', 'connected'], disconnected: ['busy', 'the server is silent'], failed: ['failed', 'failed'],
};

// What tests look at, and anybody in the console.
const echo = { connection: null, sample: null, samples: 0, trouble: null, chat: [] };
window.echo = echo;

const graphs = [
  new Graph($('graphs'), { title: 'Bitrate', unit: 'kbit/s', least: 100, lines: [['sent', 'kbitSent'], ['back', 'kbitBack']] }),
  new Graph($('graphs'), { title: 'Pictures a second', unit: 'fps', least: 10, lines: [['sent', 'framesSent'], ['back', 'framesBack']] }),
  new Graph($('graphs'), { title: 'Round trip', unit: 'ms', digits: 1, least: 5, lines: [['path (ICE)', 'roundTripIce'], ['mirror (RTCP)', 'roundTripRtcp']] }),
  new Graph($('graphs'), { title: 'Loss', unit: '%', digits: 1, least: 5, lines: [['on the way there', 'lossServer'], ['both ways', 'lossBack']] }),
];

let stream = null;
let figures = null;
let timer = null;

// ---- what is shown ----

function showState(name) {
  const [kind, text] = STATES[name] || STATES.idle;
  $('state').dataset.state = kind;
  $('state').textContent = text;
}

function showTrouble(trouble) {
  echo.trouble = trouble;
  $('trouble').hidden = !trouble;
  if (!trouble) {
    return;
  }
  $('trouble-title').textContent = trouble.title;
  $('trouble-text').textContent = trouble.text || '';
  $('trouble-next').textContent = trouble.next || '';
  $('trouble-more').hidden = !trouble.detail;
  $('trouble-detail').textContent = trouble.detail;
  $('use-test').hidden = trouble.kind !== 'no-camera';
}

function showPhases() {
  const phases = echo.connection?.phases || {};
  const end = Math.max(...Object.values(phases).filter((time) => time !== phases.channel), phases.start + 1 || 1);
  const total = end - phases.start;
  let before = phases.start;
  $('phases').replaceChildren(...PHASES.map(([key, name]) => {
    const row = document.createElement('li');
    const known = key in phases;
    const [label, track, bar, ms] = ['span', 'span', 'span', 'span'].map((tag) => document.createElement(tag));
    label.textContent = name;
    track.className = 'track';
    ms.className = 'ms';
    ms.textContent = known ? `${(phases[key] - before).toFixed(0)} ms` : '\u2013';
    if (known) {
      bar.className = 'bar';
      bar.style.left = `${(100 * (before - phases.start)) / total}%`;
      bar.style.width = `${(100 * (phases[key] - before)) / total}%`;
      track.append(bar);
      before = Math.max(before, phases[key]);
    }
    row.append(label, track, ms);
    return row;
  }));
  $('phases-total').textContent = phases.dtls
    ? `Connected ${(phases.dtls - phases.offered).toFixed(0)} ms after the offer was sent.` : 'Nothing measured yet.';
}

function showFacts(facts) {
  $('facts').replaceChildren(...Object.entries(facts).filter(([, value]) => value !== undefined && value !== '' && value !== null)
    .flatMap(([name, value]) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = name;
      dd.textContent = value;
      return [dt, dd];
    }));
}

function showSize(video, label) {
  const show = () => { $(label).textContent = video.videoWidth ? `${video.videoWidth} \u00d7 ${video.videoHeight}` : ''; };
  video.addEventListener('resize', show);
  video.addEventListener('loadedmetadata', show);
}

// ---- chat ----

function say(kind, text, time) {
  const row = document.createElement('p');
  row.className = kind;
  row.textContent = { you: 'You: ', echo: 'Echo: ', note: '' }[kind] + text;
  if (time !== undefined) {
    const stamp = document.createElement('time');
    stamp.textContent = ` ${time.toFixed(1)} ms`;
    row.append(stamp);
  }
  const log = $('chat-log');
  log.append(row);
  while (log.childElementCount > MAX_MESSAGES) {
    log.firstElementChild.remove();
  }
  log.scrollTop = log.scrollHeight;
}

function useChannel(channel) {
  const open = (is) => { $('chat-text').disabled = $('chat-send').disabled = !is; };
  let opened = false;
  channel.addEventListener('open', () => {
    opened = true;
    open(true);
    say('note', 'The data channel is open.');
  });
  channel.addEventListener('close', () => {
    open(false);
    if (opened) {
      say('note', 'The data channel is closed.');
    }
  });
  channel.addEventListener('message', (event) => {
    const sent = echo.chat.find((message) => message.text === event.data && message.back === undefined);
    if (sent) {
      sent.back = performance.now() - sent.at;
    }
    say('echo', String(event.data), sent?.back);
  });
}

function sendChat(event) {
  event.preventDefault();
  const text = $('chat-text').value;
  const channel = echo.connection?.channel;
  if (text === '' || channel?.readyState !== 'open') {
    return;
  }
  echo.chat = [...echo.chat.slice(-MAX_MESSAGES), { text, at: performance.now() }];
  channel.send(text);
  say('you', text);
  $('chat-text').value = '';
}

// ---- connecting ----

function usePicture(track) {
  const remote = $('remote');
  const back = remote.srcObject || new MediaStream();
  back.addTrack(track);
  if (!remote.srcObject) {
    remote.srcObject = back;
  }
  remote.play().catch(() => {});
  if (track.kind === 'video') {
    const shown = () => {
      echo.connection?.mark('picture');
      $('waiting').hidden = true;
    };
    if (remote.requestVideoFrameCallback) {
      remote.requestVideoFrameCallback(shown);
    } else {
      remote.addEventListener('playing', shown, { once: true });
    }
  }
}

function listen(connection) {
  connection.addEventListener('state', (event) => showState(event.detail));
  connection.addEventListener('phase', showPhases);
  connection.addEventListener('track', (event) => usePicture(event.detail.track));
  connection.addEventListener('channel', (event) => useChannel(event.detail));
  connection.addEventListener('note', (event) => say('note', event.detail));
  connection.addEventListener('trouble', (event) => {
    stop();
    showState('failed');
    showTrouble(event.detail);
  });
}

async function tick() {
  try {
    const sample = await figures.read();
    echo.sample = sample;
    echo.samples += 1;
    graphs.forEach((graph) => graph.add(sample));
    showFacts(sample.facts);
  } catch {
    // the connection ended under our hands
  }
}

async function start() {
  showTrouble(null);
  $('connect').textContent = 'Disconnect';
  $('sources').disabled = true;
  try {
    showState('camera');
    const source = document.querySelector('input[name=source]:checked').value;
    stream = await (source === 'test' ? openTestPicture() : openCamera());
  } catch (error) {
    stop();
    showState('failed');
    showTrouble(error instanceof Trouble ? error : unknownTrouble(error));
    return;
  }
  $('local').srcObject = stream;
  const connection = new Connection(stream, {
    bundle: query.get('bundle'), key: query.get('key'), trickle: query.get('trickle') !== 'no', tamper: query.get('tamper'),
    offer: query.get('offer'), hold: query.get('hold'), setup: query.get('setup'),
  });
  echo.connection = connection;
  echo.chat = [];
  listen(connection);
  graphs.forEach((graph) => graph.clear());
  figures = new Figures(connection);
  showState('connecting');
  $('restart').disabled = false;
  await connection.start();
  if (!connection.closed) {
    timer = setInterval(tick, Number(query.get('tick') || 1000));
  }
}

function stop() {
  clearInterval(timer);
  echo.connection?.close();
  if (stream) {
    closePicture(stream);
    stream = null;
  }
  $('local').srcObject = null;
  $('remote').srcObject = null;
  $('local-size').textContent = 'not started';
  $('remote-size').textContent = '';
  $('waiting').hidden = false;
  $('restart').disabled = true;
  $('chat-text').disabled = $('chat-send').disabled = true;
  $('connect').textContent = 'Connect';
  $('sources').disabled = false;
  showState('idle');
}

$('connect').addEventListener('click', () => (stream || echo.connection?.closed === false ? stop() : start()));
$('restart').addEventListener('click', () => echo.connection?.restart());
$('sound').addEventListener('change', (event) => { $('remote').muted = !event.target.checked; });
$('chat').addEventListener('submit', sendChat);
$('use-test').addEventListener('click', () => {
  document.querySelector('input[value=test]').checked = true;
  start();
});
// A tab that is closed ends its session at once, and not when it is missed.
addEventListener('pagehide', () => echo.connection?.close());
showSize($('local'), 'local-size');
showSize($('remote'), 'remote-size');
if (query.get('source') === 'test') {
  document.querySelector('input[value=test]').checked = true;
}
showPhases();
if (query.get('start') === 'now') {
  start();
}
