// SPDX-License-Identifier: BSD-3-Clause
// Where the pictures come from: the camera, or a picture that is drawn here.

import { mediaTrouble, noMediaDevices } from './words.js';

export async function openCamera() {
  if (!navigator.mediaDevices) {
    throw noMediaDevices();
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1280 }, height: { ideal: 720 } },
      // The echo is what this page is about: nothing is to cancel it.
      audio: { echoCancellation: false, autoGainControl: false, noiseSuppression: false },
    });
  } catch (error) {
    throw mediaTrouble(error);
  }
}

const BARS = ['#c9c9c9', '#c9c918', '#18c9c9', '#18c918', '#c918c9', '#c91818', '#1818c9'];

function draw(context, width, height, frame) {
  const bar = width / BARS.length;
  BARS.forEach((colour, i) => {
    context.fillStyle = colour;
    context.fillRect(Math.floor(i * bar), 0, Math.ceil(bar), height);
  });
  context.fillStyle = '#10161c';
  context.fillRect(0, height * 0.72, width, height * 0.28);

  // A hand that turns once in two seconds: a frozen picture is seen at once.
  const angle = (performance.now() / 2000) * 2 * Math.PI;
  const [x, y, r] = [width / 2, height * 0.36, height * 0.28];
  context.beginPath();
  context.arc(x, y, r, 0, 2 * Math.PI);
  context.fillStyle = '#10161ccc';
  context.fill();
  context.lineWidth = 8;
  context.lineCap = 'round';
  context.strokeStyle = '#ffffff';
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + r * 0.9 * Math.sin(angle), y - r * 0.9 * Math.cos(angle));
  context.stroke();

  context.fillStyle = '#ffffff';
  context.textAlign = 'center';
  context.font = `600 ${Math.round(height * 0.11)}px system-ui, sans-serif`;
  context.fillText(new Date().toISOString().slice(11, 22), width / 2, height * 0.85);
  context.font = `${Math.round(height * 0.055)}px system-ui, sans-serif`;
  context.fillText(`frame ${frame}`, width / 2, height * 0.94);
}

// A tone of a fifth of a second, once a second.
function beeps(audio) {
  const destination = audio.createMediaStreamDestination();
  const tone = audio.createOscillator();
  const gain = audio.createGain();
  gain.gain.value = 0;
  tone.frequency.value = 523.25;
  tone.connect(gain).connect(destination);
  tone.start();
  const beep = () => {
    const now = audio.currentTime;
    gain.gain.setTargetAtTime(0.2, now, 0.01);
    gain.gain.setTargetAtTime(0, now + 0.2, 0.02);
  };
  beep();
  return { track: destination.stream.getAudioTracks()[0], timer: setInterval(beep, 1000) };
}

export async function openTestPicture() {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [640, 360];
  const context = canvas.getContext('2d');
  let frame = 0;
  const next = () => draw(context, canvas.width, canvas.height, frame++);
  next();
  // Not requestAnimationFrame: that stops when the tab is out of sight.
  const timer = setInterval(next, 1000 / 30);
  const stream = canvas.captureStream(30);
  const audio = new AudioContext();
  audio.resume().catch(() => {});
  const sound = beeps(audio);
  stream.addTrack(sound.track);
  stream.release = () => {
    clearInterval(timer);
    clearInterval(sound.timer);
    audio.close();
  };
  return stream;
}

export function closePicture(stream) {
  stream.getTracks().forEach((track) => track.stop());
  stream.release?.();
}
