# SPDX-License-Identifier: BSD-3-Clause
"""What the interop tests share: processes with time limits, rtcprobe and its events, certificates, TAP.

Standard library only. Every process is waited for by its own id; every wait has a limit; all traffic
is on 127.0.0.1. RTCPROBE in the environment names the program under test; otherwise it is that of the
build folder, or the installed one."""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BUILD = os.environ.get("abs_top_builddir")
RTCPROBE = os.environ.get("RTCPROBE") or (
    os.path.join(BUILD, "tools", "rtcprobe") if BUILD else "rtcprobe")
LIMIT = float(os.environ.get("INTEROP_LIMIT", "20"))  # seconds that any one thing may take
PROFILES = ("AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES128_CM_SHA1_80", "AES128_CM_SHA1_32")
SRTP_LABEL = "EXTRACTOR-dtls_srtp"


class Failure(Exception):
    """What was to hold does not."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(got, expected, what):
    check(got == expected, "%s: %r, expected %r" % (what, got, expected))


def free_port():
    """A UDP port that nobody has just now, for peers that cannot choose and say one themselves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A program with its output collected; `with` ends it whatever happens."""

    def __init__(self, *args, env=None):
        self.args = [str(a) for a in args]
        self.output = ""
        self.changed = threading.Condition()
        self.open_pipes = 2
        self.child = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, env=env)
        self.readers = [threading.Thread(target=self._read, args=(pipe, pipe is self.child.stdout))
                        for pipe in (self.child.stdout, self.child.stderr)]
        for reader in self.readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        for reader in self.readers:
            reader.join()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            try:
                pipe.close()
            except OSError:
                pass
        if kind is not None:
            print("# %s\n#   %s" % (" ".join(self.args),
                                    self.output[-6000:].replace("\n", "\n#   ")))

    def _read(self, pipe, is_stdout):
        for raw in iter(lambda: pipe.read1(65536), b""):
            with self.changed:
                text = raw.decode("utf-8", "replace")
                self.output += text
                if is_stdout:
                    self.on_stdout(text)
                self.changed.notify_all()
        with self.changed:
            self.open_pipes -= 1
            self.changed.notify_all()

    def on_stdout(self, text):
        pass

    def wait_until(self, condition, what):
        """Waits until condition() is true of what came so far; returns what it returned."""
        deadline = time.monotonic() + LIMIT
        with self.changed:
            while True:
                result = condition()
                if result:
                    return result
                left = deadline - time.monotonic()
                check(left > 0, "%s: no %s within %g s" % (self.args[0], what, LIMIT))
                check(self.open_pipes > 0, "%s ended without %s" % (self.args[0], what))
                self.changed.wait(left)

    def wait_for(self, pattern):
        return self.wait_until(lambda: re.search(pattern, self.output), repr(pattern))

    def write(self, text):
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)

    def exit_code(self):
        try:
            code = self.child.wait(LIMIT)
        except subprocess.TimeoutExpired:
            raise Failure("%s is still running after %g s" % (self.args[0], LIMIT)) from None
        for reader in self.readers:
            reader.join()
        return code

    def check_exit(self, expected):
        check_equal(self.exit_code(), expected, "exit code of " + self.args[0])


class Probe(Process):
    """rtcprobe --json with its events."""

    def __init__(self, *args):
        self.events = []
        self.rest = ""
        super().__init__(RTCPROBE, *args, "--json")

    def on_stdout(self, text):
        lines = (self.rest + text).split("\n")
        self.rest = lines.pop()
        self.events += [json.loads(line) for line in lines]

    def all(self, event, **members):
        return [e for e in self.events if e["event"] == event and
                all(e.get(k) == v for k, v in members.items())]

    def event(self, event, **members):
        """Waits for the first such event."""
        return self.wait_until(lambda: self.all(event, **members),
                               "event %s %s" % (event, members))[0]

    def has(self, event, **members):
        return bool(self.all(event, **members))

    def port(self):
        return self.event("listening")["port"]


class Certificate:
    """A key and a certificate in files, made by openssl, so that another program than ours made them."""

    def __init__(self, folder, name, kind="ec"):
        self.path = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        how = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "rsa": ["-newkey", "rsa:2048"]}[kind]
        subprocess.run(["openssl", "req", "-x509", *how, "-nodes", "-days", "30", "-subj",
                        "/CN=" + name, "-keyout", self.key, "-out", self.path],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=LIMIT)

    def fingerprint(self, name="sha-256"):
        """Computed here, not by the program under test."""
        with open(self.path, encoding="ascii") as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())
        digest = hashlib.new(name.replace("-", ""), der).digest()
        return name + " " + ":".join("%02X" % b for b in digest)

    def wrong_fingerprint(self):
        """Right but for the last bit."""
        right = self.fingerprint()
        return right[:-2] + "%02X" % (int(right[-2:], 16) ^ 1)

    def arguments(self):
        """For rtcprobe."""
        return ["--certificate", self.path, "--key", self.key]


def note(peer, version, probe):
    """A line for the table of peers (docs/interop.md), where INTEROP_ROWS names a file. The call is over."""
    path = os.environ.get("INTEROP_ROWS")
    if not path:
        return
    selected, stats = probe.event("selected"), probe.event("stats")
    row = {"peer": peer, "version": version, "program": "rtcprobe " + probe.events[0]["command"],
           "role": selected["dtlsRole"], "dtls": selected["tlsVersion"],
           "profile": selected["srtpCipher"], "connectMs": stats["connectUs"] / 1000,
           "sent": stats["rtpProtected"] + stats["rtcpProtected"],
           "received": stats["rtpDelivered"] + stats["rtcpDelivered"],
           "data": stats["dataDelivered"]}
    with open(path, "a", encoding="ascii") as file:
        file.write(json.dumps(row) + "\n")


def version_of(*command):
    """The first number with a dot in it that a program says of itself."""
    said = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=LIMIT).stdout
    return re.search(r"[0-9]+(\.[0-9]+)+", said).group(0)


def sha256_of_hex(text):
    return hashlib.sha256(bytes.fromhex(text)).hexdigest()


def key_lines(path):
    """The secrets of a key log, without comments and letter case."""
    with open(path, encoding="ascii") as file:
        return sorted(line.strip().lower() for line in file if not line.startswith("#"))


def need(*programs):
    """Ends the test as skipped where a program is not installed."""
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        print("1..0 # SKIP not installed: " + ", ".join(missing))
        sys.exit(0)


class Skipped(Exception):
    """What a case needs is not there; its text says what."""


def run(cases):
    """Runs (name, function taking a folder) one after the other and prints TAP."""
    failed = 0
    print("1..%d" % len(cases), flush=True)
    for number, (name, function) in enumerate(cases, 1):
        with tempfile.TemporaryDirectory(prefix="interop-") as folder:
            try:
                function(folder)
                print("ok %d - %s" % (number, name), flush=True)
            except Skipped as why:
                print("ok %d - %s # SKIP %s" % (number, name, why), flush=True)
            except Exception as error:  # a broken test is a failed one too
                failed += 1
                text = str(error) if isinstance(error, Failure) else traceback.format_exc()
                print("not ok %d - %s\n# %s" % (number, name, text.replace("\n", "\n# ")),
                      flush=True)
    return 1 if failed else 0
