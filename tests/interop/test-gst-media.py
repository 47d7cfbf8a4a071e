#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real RTP through a call: a GStreamer pipeline (VP8 and Opus, on one port) feeds samples/call --rtp-in,
another one decodes what comes from --rtp-out.

Holds: every packet that GStreamer sent went in, came out and was counted; every frame that was encoded was
decoded; the call itself says that nothing was lost and closed in order. The forged twin: a decoder that the
call does not feed counts nothing, so what the other one counts does come from the call."""

import json
import sys

from gst import Pipeline, Process, is_bound, need_elements, sample, wait_until
from harness import Failure, check, check_equal, free_port, run

PICTURES = 90  # three seconds
SOUNDS = 150
VIDEO, AUDIO = 96, 111

SEND = """
    videotestsrc is-live=true pattern=snow num-buffers=%d ! video/x-raw,width=176,height=144,framerate=30/1
        ! vp8enc name=vp8enc deadline=1 target-bitrate=800000 ! rtpvp8pay name=vp8pay pt=%d mtu=1100
        ! udpsink host=127.0.0.1 port=%d sync=false
    audiotestsrc is-live=true samplesperbuffer=960 num-buffers=%d ! audio/x-raw,rate=48000,channels=1
        ! opusenc name=opusenc frame-size=20 ! rtpopuspay name=opuspay pt=%d
        ! udpsink host=127.0.0.1 port=%d sync=false"""

# Both streams come from one port and are told apart by their payload types. The kernel keeps about ninety packets
# for a socket: the thread that empties it must not wait for this program's counting, hence the queue.
RECEIVE = """
    udpsrc address=127.0.0.1 port=%d caps=application/x-rtp ! queue name=in max-size-buffers=0
        ! rtpptdemux name=demux
    demux.src_%d ! capssetter caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=VP8
        ! rtpvp8depay ! vp8dec name=vp8dec ! fakesink sync=false async=false
    demux.src_%d ! capssetter caps=application/x-rtp,media=audio,clock-rate=48000,encoding-name=OPUS
        ! rtpopusdepay ! opusdec name=opusdec ! fakesink sync=false async=false"""


class Sender(Pipeline):
    def __init__(self, port):
        super().__init__(SEND % (PICTURES, VIDEO, port, SOUNDS, AUDIO, port))
        self.pictures, self.sounds = self.count("vp8enc"), self.count("opusenc")
        self.video_packets, self.audio_packets = self.count("vp8pay"), self.count("opuspay")

    def packets(self):
        return self.video_packets.number + self.audio_packets.number


class Receiver(Pipeline):
    def __init__(self, port):
        super().__init__(RECEIVE % (port, VIDEO, AUDIO))
        self.packets = self.count("in")
        self.pictures, self.sounds = self.count("vp8dec"), self.count("opusdec")

    def has(self, sender):
        return (self.packets.number >= sender.packets() and
                self.pictures.number >= sender.pictures.number and
                self.sounds.number >= sender.sounds.number)


def run_call(sender, in_port, out_port, until):
    """Returns the call's own account of what went through it, after until() came true."""
    with Process(sample("call"), "--json", "--seconds", 60, "--rtp-in", in_port, "--rtp-out",
                 out_port) as call:
        wait_until(lambda: is_bound(in_port), "listener on --rtp-in")
        sender.play()
        sender.wait_for_end()
        until()
        call.interrupt()
        call.check_exit(0)
        account = json.loads(call.output.splitlines()[-1])
    check_equal(account["a"]["rtp_sent"], sender.packets(), "RTP packets that went in")
    check_equal(account["b"]["rtp_received"], sender.packets(), "RTP packets that came out")
    check_equal((account["a"]["closed_by"], account["b"]["closed_by"]),
                ("local-close", "close-notify"), "who closed")
    return account


def wait_for_all(receiver, sender):
    try:
        wait_until(lambda: receiver.has(sender), "last frame decoded")
    except Failure:
        print("# sent %d + %d packets of %d + %d frames; came %d packets, decoded %d + %d frames" % (
            sender.video_packets.number, sender.audio_packets.number, sender.pictures.number,
            sender.sounds.number, receiver.packets.number, receiver.pictures.number,
            receiver.sounds.number))
        raise


def all_is_decoded(_folder):
    in_port, out_port = free_port(), free_port()
    with Receiver(out_port) as receiver, Sender(in_port) as sender:
        receiver.play()
        run_call(sender, in_port, out_port,
                 lambda: wait_for_all(receiver, sender))
        receiver.check_error()
        check_equal(sender.pictures.number, PICTURES, "pictures encoded")
        check(sender.sounds.number >= SOUNDS, "%d sounds encoded" % sender.sounds.number)
        check_equal(receiver.packets.number, sender.packets(), "packets at the decoder")
        check_equal(receiver.pictures.number, sender.pictures.number, "VP8 frames decoded")
        check_equal(receiver.sounds.number, sender.sounds.number, "Opus frames decoded")
        print("# %d VP8 and %d Opus frames in %d packets" % (
            receiver.pictures.number, receiver.sounds.number, receiver.packets.number))


def nothing_comes_past_the_call(_folder):
    in_port, out_port, other_port = free_port(), free_port(), free_port()
    with Receiver(other_port) as receiver, Sender(in_port) as sender:
        receiver.play()
        run_call(sender, in_port, out_port, lambda: None)
        check_equal((receiver.packets.number, receiver.pictures.number), (0, 0),
                    "packets and frames of a decoder elsewhere")


if __name__ == "__main__":
    need_elements("vp8enc", "vp8dec", "rtpvp8pay", "rtpvp8depay", "opusenc", "opusdec", "rtpopuspay",
                  "rtpopusdepay", "rtpptdemux", "capssetter", "udpsink", "udpsrc")
    sys.exit(run([("every frame of VP8 and Opus comes through a call", all_is_decoded),
                  ("forged twin: nothing comes past the call", nothing_comes_past_the_call)]))
