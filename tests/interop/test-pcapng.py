#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe --pcapng: what it writes is opened by tshark ready decrypted, without any option: the handshake with its last
messages, data of DTLS in clear, RTP dissected with its payload, the sealed packets beside it. In each role, over IPv4 and
IPv6, and against a peer of another library; without secrets nothing under the keys opens."""

import os
import stat
import subprocess
import sys

from harness import Certificate, LIMIT, Probe, Process, check, check_equal, free_port, need, run

COUNT = 5
FIELDS = ("frame.interface_name", "frame.protocols", "ip.src", "ipv6.src", "udp.srcport", "dtls.handshake.type",
          "dtls.app_data", "data.data", "rtp.payload", "rtp.ssrc", "rtp.seq", "frame.packet_flags_direction",
          "_ws.malformed", "_ws.expert.message")


def tshark(path, *options):
    """A list of dictionaries, one a packet, of the fields that it has."""
    fields = [part for field in FIELDS for part in ("-e", field)]
    done = subprocess.run(["tshark", "-r", path, *options, "-T", "fields", "-E", "separator=\t", "-E",
                           "aggregator=,", *fields], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=LIMIT, check=False, text=True,
                          env=dict(os.environ, HOME=os.path.dirname(path), LANG="C.UTF-8"))
    check_equal(done.returncode, 0, "tshark: " + done.stderr)
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]
    return [{k: v for k, v in row.items() if v} for row in rows]


def check_mode(path):
    check_equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the file")


def hex_of(text):
    return text.encode().hex()


def check_capture(path, count=COUNT, media=True, decrypted=True):
    packets = tshark(path)
    check_mode(path)
    check(not [p for p in packets if "_ws.malformed" in p], "tshark finds something malformed")
    wire = [p for p in packets if p["frame.interface_name"] == "wire"]
    plain = [p for p in packets if p["frame.interface_name"] == "plain"]
    # 20 is Finished, which goes under the keys: it has a type only when it was decrypted.
    finished = [p for p in wire if "20" in p.get("dtls.handshake.type", "").split(",")]
    check_equal(len(finished), 2 if decrypted else 0, "Finished messages that are readable")
    data = [p for p in wire if p.get("data.data", "").startswith(hex_of("rtcprobe data "))]
    check_equal(len(data), 2 * count if decrypted else 0, "data messages in clear")
    check_equal(len([p for p in wire if "dtls.app_data" in p]), 2 * count, "data messages on the wire")
    rtp = [p for p in plain if p["frame.protocols"] == "exported_pdu:rtp"]
    check_equal(len(rtp), 2 * count if media else 0, "RTP packets in clear")
    for packet in rtp:
        check(packet["rtp.payload"].startswith(hex_of("rtcprobe rtp")), "the payload in clear")
    sealed = [p for p in wire if p["frame.protocols"].endswith(":rtp")]
    check_equal(len(sealed), len(rtp), "RTP packets on the wire")
    for packet in sealed:
        check(hex_of("rtcprobe") not in packet.get("rtp.payload", ""), "sealed on the wire")
    for direction in ("0x00000001", "0x00000002"):
        check_equal(len([p for p in rtp if p["frame.packet_flags_direction"] == direction]),
                    count if media else 0, "RTP of direction " + direction)
    return packets


def pair(captured, host="127.0.0.1", profiles="AEAD_AES_128_GCM"):
    def case(folder):
        a, b = Certificate(folder, "a"), Certificate(folder, "b")
        path = os.path.join(folder, "capture.pcapng")
        with open(path, "w", encoding="ascii") as file:  # what is there is overwritten, and closed to others
            file.write("not a capture, and longer than " + 1000 * "that ")
        os.chmod(path, 0o644)
        extra = {captured: ["--pcapng", path]}
        media = profiles != "none"
        with Probe("listen", "udp:%s:0" % host, *a.arguments(), "--fingerprint", b.fingerprint(),
                   "--echo", "--profiles", profiles, *extra.get("listen", [])) as server:
            connect = ["--send", "data:%d" % COUNT] + (["--send", "rtp:%d" % COUNT] if media else [])
            with Probe("connect", "udp:%s:%d" % (host, server.port()), *b.arguments(), "--fingerprint",
                       a.fingerprint(), "--profiles", profiles, "--require-replies",
                       *connect, *extra.get("connect", [])) as client:
                client.check_exit(0)
                server.check_exit(0)
                port = server.port()
        packets = check_capture(path, media=media)
        wire = [p for p in packets if p["frame.interface_name"] == "wire"]
        name = "ipv6.src" if ":" in host else "ip.src"
        check_equal({p[name] for p in wire}, {host.strip("[]")}, "addresses")
        check(str(port) in {p["udp.srcport"] for p in wire}, "the listener's port")
    return case


def without_secrets(folder):
    """The forged twin: the same file with its secrets blocks taken out. What is under the keys stays sealed; media in clear
    has an interface of its own."""
    a, b = Certificate(folder, "a"), Certificate(folder, "b")
    path, cut = os.path.join(folder, "capture.pcapng"), os.path.join(folder, "cut.pcapng")
    with Probe("listen", "udp:127.0.0.1:0", *a.arguments(), "--fingerprint", b.fingerprint(), "--echo") as server, \
            Probe("connect", "udp:127.0.0.1:%d" % server.port(), *b.arguments(), "--fingerprint", a.fingerprint(),
                  "--send", "data:%d" % COUNT, "--send", "rtp:%d" % COUNT, "--pcapng", path) as client:
        client.check_exit(0)
    check_capture(path)
    with open(path, "rb") as file:
        rest = file.read()
    kept, removed = b"", 0
    while rest:
        kind, length = int.from_bytes(rest[:4], "little"), int.from_bytes(rest[4:8], "little")
        if kind == 10:
            removed += 1
        else:
            kept += rest[:length]
        rest = rest[length:]
    check_equal(removed, 1, "secrets blocks")
    with open(cut, "wb") as file:
        file.write(kept)
    os.chmod(cut, 0o600)
    check_capture(cut, decrypted=False)


def openssl_peer(folder):
    ours, theirs = Certificate(folder, "ours"), Certificate(folder, "theirs")
    path, port = os.path.join(folder, "capture.pcapng"), free_port()
    with Process("openssl", "s_server", "-dtls1_2", "-accept", "127.0.0.1:%d" % port, "-cert", theirs.path, "-key",
                 theirs.key, "-Verify", "1", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-naccept", "1",
                 "-mtu", "1200") as server:
        server.wait_for("ACCEPT")
        with Probe("connect", "udp:127.0.0.1:%d" % port, *ours.arguments(), "--fingerprint", theirs.fingerprint(),
                   "--send", "data:1", "--seconds", "5", "--pcapng", path) as client:
            server.wait_for("rtcprobe data")
            server.write("from s_server\n")
            client.event("message")
            client.interrupt()
            client.check_exit(0)
    packets = tshark(path)
    check_mode(path)
    finished = [p for p in packets if "20" in p.get("dtls.handshake.type", "").split(",")]
    check_equal(len(finished), 2, "Finished messages that are readable")
    data = [bytes.fromhex(p["data.data"]).decode() for p in packets if "data.data" in p]
    check(data[0].startswith("rtcprobe data "), "what we sent, in clear")
    check_equal(data[1], "from s_server\n", "what came, in clear")


def bad_file(folder):
    with Probe("connect", "udp:127.0.0.1:9", "--pcapng", os.path.join(folder, "no", "file")) as probe:
        probe.check_exit(8)
        check_equal(probe.event("error")["code"], "capture", "error")


def keylog_beside(folder):
    """Both files have the same line."""
    a, b = Certificate(folder, "a"), Certificate(folder, "b")
    path, keys = os.path.join(folder, "capture.pcapng"), os.path.join(folder, "keys")
    with Probe("listen", "udp:127.0.0.1:0", *a.arguments(), "--fingerprint", b.fingerprint()) as server, \
            Probe("connect", "udp:127.0.0.1:%d" % server.port(), *b.arguments(), "--fingerprint", a.fingerprint(),
                  "--pcapng", path, "--keylog", keys) as client:
        client.check_exit(0)
    with open(keys, "rb") as file:
        line = file.read()
    with open(path, "rb") as file:
        check(line in file.read(), "the line of the key log in the capture")
    check_mode(keys)


if __name__ == "__main__":
    need("tshark", "openssl")
    sys.exit(run([
        ("client, over IPv4", pair("connect")),
        ("server, with a cookie", pair("listen")),
        ("client, over IPv6", pair("connect", host="[::1]")),
        ("server, over IPv6", pair("listen", host="[::1]")),
        ("client, AES-CM with SHA1", pair("connect", profiles="AES128_CM_SHA1_80")),
        ("data only", pair("listen", profiles="none")),
        ("without the secrets nothing opens", without_secrets),
        ("openssl s_server", openssl_peer),
        ("a key log beside it", keylog_beside),
        ("a file that cannot be made", bad_file),
    ]))
