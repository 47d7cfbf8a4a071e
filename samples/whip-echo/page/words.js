// SPDX-License-Identifier: BSD-3-Clause
// What went wrong, in words: a title, what it means, what to try, and what was said exactly.

export class Trouble extends Error {
  constructor(kind, title, text, next, detail) {
    super(title);
    Object.assign(this, { kind, title, text, next, detail: detail ? String(detail) : '' });
  }
}

export function mediaTrouble(error) {
  const test = 'Allow it and connect again, or use the test picture, which needs no camera.';
  const words = {
    NotAllowedError: ['The browser may not use the camera',
      'You, or a setting of the browser, said no to camera and microphone.'],
    NotFoundError: ['There is no camera or no microphone', 'The browser finds none on this machine.'],
    NotReadableError: ['The camera cannot be opened', 'Another program may be using it.'],
    OverconstrainedError: ['The camera cannot do that', 'It has no picture of a size that fits.'],
  }[error.name] || ['Camera and microphone cannot be used', 'The browser refused them.'];
  return new Trouble('no-camera', words[0], words[1], test, `${error.name}: ${error.message}`);
}

export function noMediaDevices() {
  return new Trouble('no-camera', 'This page may not ask for a camera',
    'Browsers give cameras only to pages from https:// addresses or from this machine (127.0.0.1, localhost).',
    'Open it by 127.0.0.1, put HTTPS in front of the server, or use the test picture.');
}

export function serverSilent(error) {
  return new Trouble('no-server', 'The server does not answer',
    'The request never got through: it may have been stopped, or the network is down.',
    'See whether whip-echo still runs, then connect again.', error.message);
}

export function serverRefused(status, sentence) {
  const full = status === 503;
  return new Trouble('refused', full ? 'The server is full' : 'The server refused the offer',
    sentence || `It answered with status ${status}.`,
    full ? 'Try again in a few seconds.' : 'That is a bug on one of the two sides: the sentence above says what it minds.',
    `HTTP ${status}`);
}

export function iceFailed(candidates) {
  return new Trouble('ice-failed', 'No path between browser and server was found (ICE failed)',
    'Neither could reach the other by UDP at any address they know.',
    'A firewall or a VPN may be in the way. On one machine: some browsers do not use the loopback address for calls; start the '
      + 'server without --ice-bind, or with the address of a network card.',
    candidates);
}

export function dtlsFailed(mismatch, detail) {
  return mismatch
    ? new Trouble('fingerprint-mismatch', 'The server is not who it says it is (fingerprint mismatch)',
      'ICE found a path, but the certificate at its other end is not the one that the answer announced.',
      'Somebody may sit in between, or the answer was altered on its way.', detail)
    : new Trouble('dtls-failed', 'The two could not agree on keys (DTLS failed)',
      'ICE found a path, but the handshake did not end well.',
      'The server prints why. A common cause: no SRTP profile that both allow (--profiles).', detail);
}

export function connectionLost() {
  return new Trouble('lost', 'The connection was lost',
    'The server was not heard for some seconds, and a new start of ICE did not help.',
    'See whether the server runs and the network is there, then connect again.');
}

export function closedByServer() {
  return new Trouble('closed', 'The server ended the call', 'It said goodbye in order, or was stopped.', 'Connect again.');
}

export function unknownTrouble(error) {
  return new Trouble('unknown', 'Something went wrong', 'It is none of the failures this page knows.',
    'The browser\'s console may say more.', `${error.name}: ${error.message}`);
}
