#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""aiortc as a server of WHIP: messages go back as they came; media that comes is taken, and silence is sent. The address is the
first argument; the second, if there is one, is the DTLS role that aiortc is to take (server), where it would take the other."""

import asyncio
import json
import sys

import aiortc
from aiohttp import web
from aiortc.contrib.media import MediaBlackhole
from aiortc.mediastreams import AudioStreamTrack

connections = {}


async def post(request):
    connection = aiortc.RTCPeerConnection()
    taken = MediaBlackhole()

    @connection.on("datachannel")
    def on_channel(channel):
        channel.on("message", lambda message: channel.send(message))

    @connection.on("track")
    def on_track(track):
        taken.addTrack(track)

    await connection.setRemoteDescription(aiortc.RTCSessionDescription(await request.text(), "offer"))
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "audio":
            transceiver.sender.replaceTrack(AudioStreamTrack())
            transceiver.direction = "sendrecv"
    if len(sys.argv) > 2:
        transports = {t.sender.transport for t in connection.getTransceivers()}
        if connection.sctp:
            transports.add(connection.sctp.transport)
        for transport in transports:
            transport._set_role(sys.argv[2])  # nothing public does that
    await connection.setLocalDescription(await connection.createAnswer())
    name = str(len(connections))
    connections[name] = connection, taken
    await taken.start()
    return web.Response(status=201, content_type="application/sdp", text=connection.localDescription.sdp,
                        headers={"Location": "/whip/" + name})


async def delete(request):
    connection, taken = connections.pop(request.match_info["name"])
    await taken.stop()
    await connection.close()
    return web.Response()


async def main():
    application = web.Application()
    application.add_routes([web.post("/whip", post), web.delete("/whip/{name}", delete)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, sys.argv[1], 0)
    await site.start()
    print(json.dumps({"port": site._server.sockets[0].getsockname()[1], "version": aiortc.__version__}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
