#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A WHIP client on aiortc: sends sound, pictures and messages until enough of them have come back, decoded, then says in a
line of JSON what came. Argument: the server's URL."""

import asyncio
import json
import sys
import time

import aiohttp
import aiortc
from aioice import ice
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

FRAMES = 30
MESSAGES = 20

# It leaves loopback out.
ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]


class Counter(MediaStreamTrack):
    """Counts the frames of another track."""

    def __init__(self, track):
        super().__init__()
        self.kind, self.track, self.frames = track.kind, track, 0

    async def recv(self):
        frame = await self.track.recv()
        self.frames += 1
        return frame


async def until(condition):
    while not condition():
        await asyncio.sleep(0.02)


async def call(url, http):
    pc = aiortc.RTCPeerConnection()
    back, sink, messages = [], MediaBlackhole(), []

    @pc.on("track")
    def on_track(track):
        back.append(Counter(track))
        sink.addTrack(back[-1])

    pc.addTrack(AudioStreamTrack())
    pc.addTrack(VideoStreamTrack())
    channel = pc.createDataChannel("test")
    channel.on("message", messages.append)
    await pc.setLocalDescription(await pc.createOffer())
    began = time.monotonic()
    async with http.post(url + "whip", data=pc.localDescription.sdp.encode(),
                         headers={"Content-Type": "application/sdp"}) as response:
        answer = await response.text()
        if response.status != 201:
            raise RuntimeError("%d: %s" % (response.status, answer))
        location = url + response.headers["Location"].lstrip("/")
    await pc.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
    await sink.start()
    await until(lambda: pc.connectionState in ("connected", "failed"))
    connect_ms = 1000 * (time.monotonic() - began)
    if pc.connectionState == "failed":
        raise RuntimeError("failed")
    await until(lambda: channel.readyState == "open")
    for number in range(MESSAGES):
        channel.send("message %d" % number)
    await until(lambda: len(back) == 2 and all(c.frames >= FRAMES for c in back) and
                len(messages) == MESSAGES)
    stats = (await pc.getStats()).values()
    total = lambda kind, name: sum(getattr(s, name) for s in stats if s.type == kind)
    print(json.dumps({"version": aiortc.__version__, "connectMs": connect_ms,
                      "sent": total("outbound-rtp", "packetsSent"),
                      "received": total("inbound-rtp", "packetsReceived"),
                      "frames": {c.kind: c.frames for c in back},
                      "messagesSent": MESSAGES, "messagesReceived": len(messages)}), flush=True)
    async with http.delete(location):
        pass
    await sink.stop()
    await pc.close()


async def main():
    async with aiohttp.ClientSession() as http:
        await call(sys.argv[1], http)


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(), 60))
