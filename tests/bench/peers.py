#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`make bench-peers`: peers.py PROGRAM... [--rounds N] [--scale PERCENT], the programs being what could be built of
peers-gstreamer, peers-janus and peers-echo.

Starts what is measured and what measures it; what is measured is never Python. A peer that is not installed is passed
over, and a line says so. Janus takes no loopback address: it runs, with the client and our echo, in a network
namespace of their own that has no way out, with a configuration in a temporary folder."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ADDRESS = "192.0.2.1"  # RFC 5737: nobody's
WAIT_S = 20
STARTS = 10

JANUS = """
general: {
    configs_folder = "%(folder)s"
    plugins_folder = "%(library)s/plugins"
    transports_folder = "%(library)s/transports"
    events_folder = "%(library)s/events"
    loggers_folder = "%(library)s/loggers"
    debug_level = 2
    session_timeout = 0
}
certificates: {
    cert_pem = "%(folder)s/own.pem"
    cert_key = "%(folder)s/own.key"
}
nat: { ice_enforce_list = "%(address)s" }
plugins: { disable = "%(unused_plugins)s" }
transports: { disable = "%(unused_transports)s" }
"""

JANUS_SOCKET = """
general: { enabled = true, json = "compact", path = "%s", type = "SOCK_SEQPACKET" }
admin: { admin_enabled = false }
"""


def skip(yardsticks, peer, reason):
    print("bench-peers: %s is left out: %s" % (peer, reason), file=sys.stderr)
    for yardstick in yardsticks:
        print(json.dumps({"yardstick": yardstick, "case": peer, "skipped": reason}), flush=True)


def built(programs, name):
    """The path of a program, or None where what it needs was not there to build it."""
    return next((os.path.abspath(p) for p in programs if os.path.basename(p) == name), None)


# -- GStreamer

def gstreamer_problem(program):
    if program is None:
        return "not built: libgstreamer1.0-dev is not installed"
    if shutil.which("gst-inspect-1.0") is None:
        return "gstreamer1.0-tools is not installed"
    for element in ("dtlssrtpenc", "dtlssrtpdec", "srtpenc", "srtpdec"):
        if subprocess.run(["gst-inspect-1.0", "--exists", element], check=False).returncode != 0:
            return "no element %s: gstreamer1.0-plugins-bad is not installed" % element
    return None


def bench_gstreamer(programs, flags):
    program = built(programs, "peers-gstreamer")
    problem = gstreamer_problem(program)
    if problem:
        skip(("P1", "P3"), "GStreamer", problem)
        return 0
    return subprocess.run([program, *flags], check=False).returncode


# -- Janus

def janus_library():
    """The folder of its plugins: beside the multi-arch libraries."""
    return next((folder for folder in
                 (os.path.join(parent, "janus") for parent in
                  ["/usr/lib"] + [entry.path for entry in os.scandir("/usr/lib") if entry.is_dir()])
                 if os.path.isdir(os.path.join(folder, "plugins"))), None)


def namespace():
    """The words that run a command in a network namespace of its own, or None. In one of processes too: whatever ends the
    first of them ends all."""
    words = ["unshare", "--net", "--pid", "--fork", "--kill-child"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    try:
        works = subprocess.run([*words, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"],
                               check=False, stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        works = False
    return words if works else None


def janus_problem(programs):
    if built(programs, "peers-janus") is None or built(programs, "peers-echo") is None:
        return "not built: the binding or json-glib is not there"
    if shutil.which("janus") is None or janus_library() is None:
        return "the package janus is not installed"
    if shutil.which("openssl") is None:
        return "the package openssl is not installed"
    if namespace() is None:
        return "may make no network namespace, or iproute2 is not installed"
    return None


def unused(folder, used):
    return ",".join(name for name in sorted(os.listdir(folder))
                    if name.endswith(".so") and name != used)


def configure_janus(folder, library):
    """A P-256 certificate, as ours has; nothing is loaded but what the bench uses."""
    with open(os.path.join(folder, "janus.jcfg"), "w", encoding="ascii") as file:
        file.write(JANUS % {
            "folder": folder, "library": library, "address": ADDRESS,
            "unused_plugins": unused(library + "/plugins", "libjanus_echotest.so"),
            "unused_transports": unused(library + "/transports", "libjanus_pfunix.so")})
    with open(os.path.join(folder, "janus.transport.pfunix.jcfg"), "w", encoding="ascii") as file:
        file.write(JANUS_SOCKET % os.path.join(folder, "janus"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "30", "-subj", "/CN=bench", "-keyout", folder + "/own.key",
                    "-out", folder + "/own.pem"],
                   check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start(command, path, log):
    """Starts what will listen at a path, and waits until it does."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + WAIT_S
    while child.poll() is None and time.monotonic() < deadline:
        if os.path.exists(path):
            time.sleep(0.5)
            if child.poll() is None:
                return child
        time.sleep(0.05)
    end(child)
    return None


def start_janus(folder, path, log):
    """Janus 1.1.2 sometimes gives its Unix socket up again while it starts, and ends: then it is started once more."""
    for _ in range(STARTS):
        child = start(["janus", "--configs-folder", folder, "--config", folder + "/janus.jcfg",
                       "--disable-colors"], path, log)
        if child:
            return child
        if os.path.exists(path):
            os.unlink(path)
    raise RuntimeError("Janus does not start")


def end(child):
    """Ends a child by its own id."""
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(WAIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def make_network():
    for command in ("ip link set lo up", "ip link add bench0 type veth peer name bench1",
                    "ip addr add %s/24 dev bench0" % ADDRESS, "ip link set bench0 up",
                    "ip link set bench1 up"):
        subprocess.run(command.split(), check=True)


def bench_janus_inside(folder, programs, flags):
    """In the namespace."""
    make_network()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with open(os.path.join(folder, "log"), "w+", encoding="utf-8", errors="replace") as log:
        configure_janus(folder, janus_library())
        ours, theirs = os.path.join(folder, "ours"), os.path.join(folder, "janus")
        children, code = [], 1
        try:
            children.append(start([built(programs, "peers-echo"), ours, ADDRESS], ours, log))
            children.append(start_janus(folder, theirs, log))
            code = subprocess.run([built(programs, "peers-janus"), *flags, ours, theirs, ADDRESS],
                                  check=False).returncode
        finally:
            for child in filter(None, children):
                end(child)
            if code != 0:
                log.seek(0)
                sys.stderr.write(log.read()[-4000:])
        return code


def bench_janus(programs, flags):
    problem = janus_problem(programs)
    if problem:
        skip(("P2", "P3"), "Janus", problem)
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return subprocess.run([*namespace(), sys.executable, os.path.abspath(__file__), "--inside",
                               folder, *programs, *flags], check=False).returncode


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    inside = arguments[:1] == ["--inside"]
    arguments = arguments[inside:]
    first_flag = next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))
    programs, flags = arguments[:first_flag], arguments[first_flag:]
    if inside:
        return bench_janus_inside(programs[0], programs[1:], flags)
    return bench_gstreamer(programs, flags) or bench_janus(programs, flags)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
