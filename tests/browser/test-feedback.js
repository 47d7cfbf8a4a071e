// SPDX-License-Identifier: BSD-3-Clause
// What a client is told that only sends: reports by which it finds its rate, and requests for key frames; and what ends when nothing
// comes through any more.
'use strict';

const t = require('./browser.js');
const { withRelay } = require('./relay.js');

// A call of the page's own making that only sends; window.report() has the figures that matter here.
async function sendOnly(page) {
  await page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 1280, height: 720 } });
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    stream.getTracks().forEach((track) => pc.addTransceiver(track, { direction: 'sendonly' }));
    await pc.setLocalDescription();
    const response = await fetch('/whip', { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
    window.pc = pc;
    window.answer = await response.text();
    await pc.setRemoteDescription({ type: 'answer', sdp: window.answer });
    window.report = async () => {
      const all = [...(await pc.getStats()).values()];
      const of = (type, kind) => all.find((each) => each.type === type && each.kind === kind) || {};
      const video = of('outbound-rtp', 'video');
      const heard = of('remote-inbound-rtp', 'video');
      return {
        rate: video.targetBitrate, pli: video.pliCount, keys: video.keyFramesEncoded, ssrc: video.ssrc, bundle: of('outbound-rtp', 'audio').packetsSent,
        lost: heard.packetsLost, fraction: heard.fractionLost, jitter: heard.jitter, roundTrips: heard.roundTripTimeMeasurements, roundTrip: heard.roundTripTime,
        audioRoundTrips: of('remote-inbound-rtp', 'audio').roundTripTimeMeasurements,
      };
    };
  });
}

const report = (page) => page.evaluate(() => window.report());

t.test('a client that only sends is told how it arrives', (context) => t.withServer([], async (server) => {
  const page = await t.openPage(context, server.url);
  await sendOnly(page);
  const answer = await page.evaluate(() => window.answer);
  t.check(!/transport-cc|transport-wide-cc|goog-remb/.test(answer), 'the answer promises feedback that does not come');
  const first = await t.waitFor('reports', async () => {
    const now = await report(page);
    return now.roundTrips > 0 && now.audioRoundTrips > 0 && now.pli > 0 && now.keys > 1 ? now : null;
  });
  t.checkEqual(first.lost, 0, 'lost packets');
  t.checkEqual(await page.evaluate(() => window.pc.getTransceivers().map((each) => each.currentDirection).join()), 'sendonly,sendonly', 'directions');
  t.check(first.roundTrip < 0.1 && first.jitter < 0.5, `round trip ${first.roundTrip} s, jitter ${first.jitter} s`);
  await t.waitFor('a higher rate', async () => (await report(page)).rate > 1.3 * first.rate);
  await t.closePage(page);
}));

t.test('a client that only sends is told of losses, and slows down', (context) => t.withServer([], async (server) => {
  let losing = false;
  let dropped = 0;
  let count = 0;
  let ssrc = 0;
  await withRelay((info) => {
    if (!losing || info.kind !== 'rtp' || !info.fromPage || info.ssrc !== ssrc) {
      return true;
    }
    count += 1;
    dropped += count % 4 === 0 ? 1 : 0;
    return count % 4 !== 0;
  }, async (relay) => {
    const page = await t.openPage(context, server.url);
    await relay.intercept(page);
    await sendOnly(page);
    const before = await t.waitFor('a rate to begin with', async () => {
      const now = await report(page);
      return now.roundTrips > 1 && now.rate > 350000 ? now : null;
    });
    t.checkEqual(before.lost, 0, 'lost packets before');
    ({ ssrc } = before);
    losing = true;
    const during = await t.waitFor('a lower rate', async () => {
      const now = await report(page);
      return now.fraction > 0.15 && now.rate < before.rate ? now : null;
    });
    t.check(during.fraction < 0.35, `${during.fraction} lost of a quarter`);
    losing = false;
    await t.waitFor('the exact number of losses', async () => (await report(page)).lost === dropped);
    t.check((await report(page)).pli > before.pli, 'no key frame was wanted');
    await t.closePage(page);
  });
}));

// RFC 7675: who hears no answer any more may not go on sending.
t.test('nothing comes through any more: consent is lost and everything is freed', (context) => t.withServer([], async (server) => {
  await withRelay(() => true, async (relay) => {
    const page = await t.openPage(context, server.url);
    const before = t.descriptors(server);
    await relay.intercept(page);
    await page.goto(`${server.url}?start=now&source=test`);
    await t.seeEcho(page);
    t.check(t.descriptors(server) > before, 'no socket was opened');
    await page.route('**/whip/**', (route) => route.abort()); // no restart, no DELETE
    relay.silent = true;
    const ended = await server.wait('ended', undefined, 60000);
    t.checkEqual(ended.reason, 'ice-failed', 'reason');
    await page.close();
    await t.waitFor('sockets that were closed', () => t.descriptors(server) === before, 20000);
    t.checkEqual((await t.stats(server)).sessions.length, 0, 'sessions');
  });
}));

t.main();
