#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""rtcprobe whip against servers that others wrote: Janus's echo test, and an echo on aiortc.

Janus speaks no WHIP: what stands before it here turns an offer into the four requests of its own HTTP interface. Neither of
them has candidates of loopback, so all of it runs in a network namespace with an interface of its own."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request

from harness import LIMIT, PROFILES, Probe, Process, Skipped, check, check_equal, need, note, run

ADDRESS = "10.43.0.1"
HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # the system's, for which aiortc is packaged
SEND = ("--send", "rtp:20", "--send", "data:20")


# -- Janus --------------------------------------------------------------------------------------------------------

JANUS = """general: {{ plugins_folder = "{folder}/plugins" transports_folder = "{folder}/transports" events_folder = "{folder}"
  loggers_folder = "{folder}" debug_level = 4 interface = "{address}" session_timeout = 60 }}
media: {{ rtp_port_range = "20000-20200" dtls_mtu = 1200 }}
nat: {{ full_trickle = false ice_enforce_list = "{address}" ignore_mdns = true }}
"""
HTTP = """general: {{ json = "plain" base_path = "/janus" http = true port = {port} ip = "{address}" https = false }}
admin: {{ admin_http = false }}
"""


def plugin_folder(name):
    for base in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/local/lib"):
        path = os.path.join(base, "janus", name)
        if os.path.isdir(path):
            return path
    raise RuntimeError("Janus has no folder " + name)


class Janus(Process):
    def __init__(self, folder, port):
        for kind, library in (("plugins", "libjanus_echotest.so"), ("transports", "libjanus_http.so")):
            os.mkdir(os.path.join(folder, kind))
            os.symlink(os.path.join(plugin_folder(kind), library), os.path.join(folder, kind, library))
        for name, text in (("janus.jcfg", JANUS), ("janus.transport.http.jcfg", HTTP), ("janus.plugin.echotest.jcfg", "")):
            with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                file.write(text.format(folder=folder, address=ADDRESS, port=port))
        self.url = "http://%s:%d/janus" % (ADDRESS, port)
        super().__init__("janus", "-F", folder, "-C", os.path.join(folder, "janus.jcfg"))

    def wait_for_http(self):
        self.wait_for("HTTP webserver started")


class Bridge(http.server.BaseHTTPRequestHandler):
    """WHIP before Janus's own interface: create, attach, message with the offer, and an event with the answer."""
    janus = None  # the URL

    def ask(self, path="", request=None):
        if request is not None:
            request = json.dumps(dict(request, transaction="t")).encode()
        with urllib.request.urlopen(self.janus + path, request, timeout=LIMIT) as reply:
            return json.load(reply)

    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
        session = "/%d" % self.ask(request={"janus": "create"})["data"]["id"]
        handle = session + "/%d" % self.ask(session, {"janus": "attach", "plugin": "janus.plugin.echotest"})["data"]["id"]
        self.ask(handle, {"janus": "message", "body": {"audio": True, "video": True, "data": True},
                          "jsep": {"type": "offer", "sdp": offer, "trickle": False}})
        answer = None
        while answer is None:
            event = self.ask(session + "?maxev=1")
            answer = event.get("jsep")
        self.answer(201, answer["sdp"].encode(), session)

    def do_DELETE(self):
        self.ask(self.path, {"janus": "destroy"})
        self.answer(200, b"")

    def answer(self, status, body, location=None):
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/sdp")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def janus(role, profile):
    def case(folder):
        if shutil.which("janus") is None:
            raise Skipped("not installed: janus")
        with Janus(folder, 8088) as server:
            server.wait_for_http()
            bridge = http.server.ThreadingHTTPServer((ADDRESS, 0), type("Before", (Bridge,), {"janus": server.url}))
            thread = threading.Thread(target=bridge.serve_forever)
            thread.start()
            try:
                with Probe("whip", "http://%s:%d/whip" % (ADDRESS, bridge.server_port), "--ice-bind", ADDRESS, "--role",
                           "client" if role == "client" else "auto", "--profiles", profile, "--require-replies",
                           *SEND) as probe:
                    probe.check_exit(0)
                    check_equal(probe.event("selected")["dtlsRole"], role, "role")
                    check_equal(probe.event("selected")["srtpCipher"], profile, "profile")
                    traffic = probe.event("traffic")
                    check_equal([traffic[k + "Returned"] for k in ("audio", "video", "data")], [20] * 3, "came back")
                    note("Janus echotest", server.wait_for(r"Janus version: \d+ \((\S+)\)").group(1), probe)
            finally:
                bridge.shutdown()
                thread.join()
                bridge.server_close()
            server.interrupt()
            server.exit_code()
    return case


# -- aiortc -------------------------------------------------------------------------------------------------------

def aiortc(role):
    def case(folder):
        theirs = {"client": ["server"], "server": []}[role]
        with Process(PYTHON, os.path.join(HERE, "whip-aiortc.py"), ADDRESS, *theirs) as server:
            said = json.loads(server.wait_for(r"\{.*\}").group(0))
            with Probe("whip", "http://%s:%d/whip" % (ADDRESS, said["port"]), "--ice-bind", ADDRESS, "--profiles",
                       "AES128_CM_SHA1_80", "--duration", "3") as probe:
                probe.check_exit(0)
                check_equal(probe.event("selected")["dtlsRole"], role, "role")
                traffic = probe.event("traffic")
                check(traffic["rtpReceived"] >= 20, "it sends silence: %r" % traffic)
                check(traffic["dataSent"] >= 2, "messages were sent")
                check_equal(traffic["dataReturned"], traffic["dataSent"], "messages that came back")
                note("aiortc", said["version"], probe)
    return case


def wrong_fingerprint(folder):
    """The forged twin is in test-whip.py, for whip-echo; here the peer is another one than the answer says."""
    with Process(PYTHON, os.path.join(HERE, "whip-aiortc.py"), ADDRESS) as server:
        said = json.loads(server.wait_for(r"\{.*\}").group(0))

        class Liar(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                offer = self.rfile.read(int(self.headers["Content-Length"]))
                request = urllib.request.Request("http://%s:%d/whip" % (ADDRESS, said["port"]), offer,
                                                 {"Content-Type": "application/sdp"})
                with urllib.request.urlopen(request, timeout=LIMIT) as reply:
                    body = re.sub(rb"(a=fingerprint:\S+ ..):..", rb"\1:00", reply.read())
                self.send_response(201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        liar = http.server.HTTPServer((ADDRESS, 0), Liar)
        thread = threading.Thread(target=liar.serve_forever)
        thread.start()
        try:
            with Probe("whip", "http://%s:%d/whip" % (ADDRESS, liar.server_port), "--ice-bind", ADDRESS) as probe:
                probe.check_exit(4)
        finally:
            liar.shutdown()
            thread.join()
            liar.server_close()


def enter_namespace():
    """Runs this program again where there is an interface with ADDRESS."""
    for flags in (["-n"], ["-rn"]):
        setup = "ip link set lo up && ip link add peers0 type veth peer name peers1 && ip addr add %s/24 dev peers0 && " \
                "ip link set peers0 up && ip link set peers1 up" % ADDRESS
        if subprocess.run(["unshare", *flags, "sh", "-c", setup], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.execvpe("unshare", ["unshare", *flags, "sh", "-c", setup + ' && exec "$@"', "sh", sys.executable,
                                   os.path.abspath(__file__)], dict(os.environ, PEERS_NAMESPACE="1"))
    print("1..0 # SKIP this user may make no network namespace")
    sys.exit(0)


if __name__ == "__main__":
    need("ip", "unshare")
    if "PEERS_NAMESPACE" not in os.environ:
        enter_namespace()
    cases = [("Janus echotest, we are %s, %s" % (role, profile), janus(role, profile))
             for role in ("client", "server") for profile in PROFILES[:3]]
    cases += [("aiortc, we are " + role, aiortc(role)) for role in ("client", "server")]
    cases += [("aiortc, and the answer names another certificate", wrong_fingerprint)]
    sys.exit(run(cases))
