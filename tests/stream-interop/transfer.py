# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of samples/tls-poll with much data share: the program with data streaming in and out, hashed on
the way (nothing is stored), and programs that are built when the test runs.

SLUICE_TRANSFER_MIB in the environment is how much goes each way, in MiB."""

import hashlib
import os
import random
import re
import shlex
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))

# pylint: disable=wrong-import-position
import harness  # noqa: E402
from harness import BUILD, Failure, Process, check, check_equal  # noqa: E402

AMOUNT = int(os.environ.get("SLUICE_TRANSFER_MIB", "64")) << 20
harness.LIMIT += AMOUNT / 1e6  # seconds
TLS_POLL = os.environ.get("TLS_POLL") or os.path.join(BUILD or ".", "samples", "tls-poll")
ENDLESS = 1 << 40
VERSIONS = ("1.2", "1.3")
HARD = ("-b", "1", "-w", "7")  # SO_SNDBUF as small as the kernel lets it be, writes of random size
# How an end may see that ciphertext is missing. The first is the rule; what follows a lost length is no record at all.
BROKEN = "bad_record_mac|decode_error|record_overflow|unexpected_message|protocol_version|wrong version"


def pattern(seed):
    """A block of a length that no record or buffer divides, so that bytes out of place show."""
    return random.Random(seed).randbytes((4 << 20) - 3)


def hash_of(seed, amount):
    block, sha = pattern(seed), hashlib.sha256()
    for left in range(amount, 0, -len(block)):
        sha.update(block[:left])
    return sha.hexdigest()


class TlsPoll(Process):
    """The sample, or an altered copy. send: (seed, bytes) for its standard input; None: it stays open."""

    def __init__(self, *args, send=(0, 0), program=TLS_POLL):
        self.sha, self.received = hashlib.sha256(), 0
        super().__init__(program, *args)
        self.writer = threading.Thread(target=self._write, args=send or (0, -1))
        self.writer.start()

    def __exit__(self, kind, value, trace):
        if self.child.poll() is None:
            self.child.kill()
        self.writer.join()
        super().__exit__(kind, value, trace)

    def _write(self, seed, amount):
        block = pattern(seed)
        try:
            for left in range(amount, 0, -len(block)):
                self.child.stdin.write(block[:left])
            if amount >= 0:
                self.child.stdin.close()
        except BrokenPipeError:
            pass  # its exit status says why it ended

    def _read(self, pipe, is_stdout):
        if not is_stdout:
            super()._read(pipe, is_stdout)
            return
        for data in iter(lambda: pipe.read1(1 << 20), b""):
            self.sha.update(data)
            with self.changed:
                self.received += len(data)
                self.changed.notify_all()
        with self.changed:
            self.open_pipes -= 1
            self.changed.notify_all()

    def address(self):
        return self.wait_for(r"listening on (\S+) (\d+)").groups()

    def fingerprint(self):
        return self.wait_for("our fingerprint: (.*)").group(1)

    def counts(self):
        found = self.wait_for(r"accepted (?P<accepted>\d+), produced (?P<produced>\d+), "
                              r"taken (?P<taken>\d+); refused (?P<refused>\d+), "
                              r"partial (?P<partial>\d+)")
        return {name: int(text) for name, text in found.groupdict().items()}

    def check_done(self, accepted, received=None):
        """It ended in order. accepted: how many bytes it was to send; received: (seed, bytes) that came."""
        self.check_exit(0)
        check("close" in self.output, "it says that it was closed")
        counts = self.counts()
        check_equal(counts["accepted"], accepted, "plaintext accepted")
        check_equal(counts["taken"], counts["produced"], "ciphertext taken, of that produced")
        check(counts["produced"] > accepted, "ciphertext is longer than plaintext")
        if received:
            check_equal(self.received, received[1], "bytes received")
            check_equal(self.sha.hexdigest(), hash_of(*received), "SHA-256 of what was received")
        print("# %s: %s" % (" ".join(self.args[1:]), self.output.strip().split("\n")[-1]), flush=True)


def connect(server, *options, **more):
    """A client of a tls-poll, whose fingerprint it knows."""
    return TlsPoll(*options, "-f", server.fingerprint(), "connect", *server.address(), **more)


def compile_program(folder, source, *options):
    """Returns the path of the program."""
    program = os.path.join(folder, os.path.splitext(os.path.basename(source))[0])
    compiler = "CXX" if source.endswith(".cpp") else "CC"
    command = [*shlex.split(os.environ.get(compiler) or {"CC": "cc", "CXX": "c++"}[compiler]), "-O1",
               "-o", program, source, *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, text=True, check=False)
    if done.returncode != 0:
        raise Failure("%s\n%s" % (" ".join(command), done.stdout))
    return program
