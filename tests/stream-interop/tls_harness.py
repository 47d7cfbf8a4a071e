# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of TLS over TCP share beside ../interop/harness.py: authorities, our two ends, bulk data.

TLS_POLL and TLS_PEER in the environment name the programs under test; otherwise they are those of the
build folder. Everything is on 127.0.0.1."""

import functools
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

# pylint: disable=wrong-import-position
from harness import (BUILD, LIMIT, Certificate, Failure, Process, check,  # noqa: E402,F401
                     check_equal, key_lines, need, run)

HOST = "server.test"
VERSIONS = ("1.2", "1.3")
BULK = 5 * 1024 * 1024
PADDING = b"\xff" * 65536  # pushes what is before it out of stdio's buffers


def program(variable, *path):
    return os.environ.get(variable) or (os.path.join(BUILD, *path) if BUILD else path[-1])


TLS_POLL = program("TLS_POLL", "samples", "tls-poll")
TLS_PEER = program("TLS_PEER", "tests", "stream-interop", "tls-peer")


def free_tcp_port():
    """A port that nobody has just now, for peers that cannot choose and say one themselves."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# -- certificates ----------------------------------------------------------------------------------

@functools.cache
def openssl_version():
    words = subprocess.run(["openssl", "version"], check=True, capture_output=True, text=True).stdout
    return tuple(int(n) for n in re.search(r" (\d+)\.(\d+)", words).groups())


def validity(expired):
    """How the openssl tool is told: from 3.4 on it takes dates, and no number of days below 0."""
    if not expired:
        return ["-days", "30"]
    if openssl_version() >= (3, 4):
        return ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]
    return ["-days", "-1"]


class Signed(Certificate):
    """A certificate that an authority has signed. Made by openssl."""

    def __init__(self, folder, name, issuer, extensions, expired=False, kind="ec"):
        # pylint: disable=super-init-not-called
        self.path = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        request = os.path.join(folder, name + ".csr")
        wanted = os.path.join(folder, name + ".ext")
        # Who is strict (Python since 3.13) wants it; until 4.0 the openssl tool adds it by itself.
        if issuer:
            extensions = extensions + ["authorityKeyIdentifier=keyid"]
        with open(wanted, "w", encoding="ascii") as file:
            file.write("\n".join(extensions) + "\n")
        how = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}[kind]
        self.openssl("req", "-new", "-newkey", *how, "-nodes", "-subj", "/CN=" + name, "-keyout",
                     self.key, "-out", request)
        signer = ["-CA", issuer.path, "-CAkey", issuer.key] if issuer else ["-signkey", self.key]
        self.openssl("x509", "-req", "-in", request, *signer, *validity(expired), "-set_serial",
                     "0x" + hashlib.sha256(name.encode()).hexdigest()[:16], "-extfile", wanted,
                     "-out", self.path)

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT)


def authority(folder, name, issuer=None):
    return Signed(folder, name, issuer, ["basicConstraints=critical,CA:TRUE",
                                         "keyUsage=critical,keyCertSign,cRLSign",
                                         "subjectKeyIdentifier=hash"])


def leaf(folder, name, issuer, host="DNS:" + HOST, **how):
    return Signed(folder, name, issuer, ["basicConstraints=CA:FALSE", "subjectAltName=" + host],
                  **how)


class Identities:
    """Each made when first asked for, once in a run."""

    def __init__(self):
        self.made = tempfile.TemporaryDirectory(prefix="identities-")
        self.folder = self.made.name

    @functools.cached_property
    def root(self):
        return authority(self.folder, "root")

    @functools.cached_property
    def other_root(self):
        return authority(self.folder, "other-root")

    @functools.cached_property
    def middle(self):
        return authority(self.folder, "middle", self.root)

    @functools.cached_property
    def server(self):
        return leaf(self.folder, "server", self.root)

    @functools.cached_property
    def rsa_server(self):
        return leaf(self.folder, "rsa-server", self.root, kind="rsa")

    @functools.cached_property
    def chained(self):
        """Signed by the authority in the middle."""
        return leaf(self.folder, "chained", self.middle)

    @functools.cached_property
    def expired(self):
        return leaf(self.folder, "expired", self.root, expired=True)

    @functools.cached_property
    def other_host(self):
        return leaf(self.folder, "other-host", self.root, "DNS:other.test")

    @functools.cached_property
    def address(self):
        return leaf(self.folder, "address", self.root, "IP:127.0.0.1")

    @functools.cached_property
    def self_signed(self):
        return leaf(self.folder, "self-signed", None)

    @functools.cached_property
    def client(self):
        return leaf(self.folder, "client", self.root, "DNS:client.test")

    @functools.cached_property
    def expired_client(self):
        return leaf(self.folder, "expired-client", self.root, "DNS:client.test", expired=True)

    @functools.cached_property
    def stranger(self):
        """A client of an authority that nobody trusts."""
        return leaf(self.folder, "stranger", self.other_root, "DNS:client.test")


ids = Identities()


# -- our two ends ----------------------------------------------------------------------------------

class TlsEnd(Process):
    """Ours. What it writes to stdout is kept as bytes in `received`, the rest as text in `output`."""

    bytes_on_stdout = False

    def __init__(self, *args):
        self.received = bytearray()
        super().__init__(*args)

    def _read(self, pipe, is_stdout):
        if not (is_stdout and self.bytes_on_stdout):
            super()._read(pipe, is_stdout)
            return
        for raw in iter(lambda: pipe.read1(65536), b""):
            with self.changed:
                self.received += raw
                self.changed.notify_all()
        with self.changed:
            self.open_pipes -= 1
            self.changed.notify_all()

    def port(self):
        return int(self.wait_for(r"listening on \S+[: ](\d+)").group(1))

    def mark(self):
        """Where the output is now, for wait_after()."""
        with self.changed:
            return len(self.output)

    def wait_after(self, mark, pattern):
        return self.wait_until(lambda: re.search(pattern, self.output[mark:]), repr(pattern))

    def try_write(self, text):
        """For what may have ended already, because it was refused."""
        try:
            self.write(text)
        except BrokenPipeError:
            pass

    def close_stdin(self):
        self.child.stdin.close()

    def wait_for_bytes(self, n):
        self.wait_until(lambda: len(self.received) >= n, "%d bytes" % n)


class Poll(TlsEnd):
    """samples/tls-poll: echo, listen or connect."""

    bytes_on_stdout = True
    LETTERS = {"ca": "-a", "fingerprint": "-f", "host": "-n", "tls": "-t", "buffers": "-b"}

    def __init__(self, mode, port=0, own=None, insecure=False, **options):
        words = ["-c", own.path, "-k", own.key] if own else []
        words += ["-i"] if insecure else []
        for name, value in options.items():
            words += [self.LETTERS[name], getattr(value, "path", value)] if value else []
        super().__init__(TLS_POLL, *words, mode, "127.0.0.1", str(port))


class Peer(TlsEnd):
    """tls-peer, listen or connect: lines in, lines out."""

    def __init__(self, mode, port=0, own=None, **options):
        words = ["--certificate", own.path, "--key", own.key] if own else []
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            if value is True:
                words += [option]
            elif value:
                words += [option, getattr(value, "path", value)]
        super().__init__(TLS_PEER, *words, mode, "127.0.0.1:%d" % port)

    def info(self):
        """What was agreed on, as a dict."""
        line = self.wait_for(r"(?m)^info (.*)$").group(1)
        return dict(word.split("=", 1) for word in line.split(" "))

    def connected(self):
        self.wait_for("(?m)^state connected$")
        return self.info()

    def end(self):
        """(reason, alert, text) of the first end."""
        return self.wait_for(r"(?m)^end (\S+) (\S+): (.*)$").groups()


class Foreign(TlsEnd):
    """Somebody else's program. Its stderr goes the way of its stdout, so that neither tears the other's lines;
    with raw=True stdout is apart, and kept as bytes."""

    def __init__(self, *args, raw=False):
        self.bytes_on_stdout = raw
        super().__init__(*(args if raw else ("sh", "-c", 'exec "$0" "$@" 2>&1', *args)))
        self.args = [str(a) for a in args]


# -- bulk data -------------------------------------------------------------------------------------

def payload(seed, size=BULK, high=False):
    """Bytes that depend on nothing but the seed. high: none is ASCII, so none is anybody's command."""
    data = random.Random(seed).randbytes(size)
    return bytes(b | 0x80 for b in data) if high else data


def chunks(seed, data):
    """The data in pieces of random sizes."""
    sizes, at = random.Random(seed), 0
    while at < len(data):
        n = sizes.choice((1, 7, 1000, 16384, 16385, 40000)) + sizes.randrange(1000)
        yield data[at:at + n]
        at += n


class Writer(threading.Thread):
    """Writes to a process from a thread of its own, so that both directions are busy at once."""

    def __init__(self, process, data, seed=1):
        super().__init__()
        self.process, self.data, self.seed, self.error = process, data, seed, None
        self.start()

    def run(self):
        try:
            for piece in chunks(self.seed, self.data):
                self.process.child.stdin.write(piece)
                self.process.child.stdin.flush()
        except OSError as error:
            self.error = error

    def finish(self):
        self.join(LIMIT)
        check(not self.is_alive(), "%s takes no more input" % self.process.args[0])
        check(self.error is None, "writing to %s: %s" % (self.process.args[0], self.error))


def check_same(got, expected, what):
    check_equal(len(got), len(expected), what + ", bytes")
    check_equal(hashlib.sha256(got).hexdigest(), hashlib.sha256(expected).hexdigest(), what)


def check_begins(process, expected, what):
    """Waits for that many bytes: more than these must have been sent, for who prints may keep some back."""
    process.wait_for_bytes(len(expected))
    check_same(bytes(process.received[:len(expected)]), expected, what)


# -- plain sockets ---------------------------------------------------------------------------------

def talk_plain(port, text):
    """Says something that is not TLS; returns what comes until the other end hangs up."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as s:
        s.sendall(text)
        return read_to_end(s)


def read_to_end(s):
    got = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return got
        except TimeoutError:
            raise Failure("the other end does not hang up") from None
        if not more:
            return got
        got += more


class PlainServer(threading.Thread):
    """Answers the first connection with something that is not TLS, and waits for its end.

    shut: says that nothing more comes."""

    def __init__(self, answer, shut=False):
        super().__init__()
        self.answer, self.shut, self.got, self.error = answer, shut, b"", None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        try:
            with self.listener, self.listener.accept()[0] as s:
                s.settimeout(LIMIT)
                s.recv(65536)
                s.sendall(self.answer)
                if self.shut:
                    s.shutdown(socket.SHUT_WR)
                self.got = read_to_end(s)
        except (OSError, Failure) as error:
            self.error = error

    def finish(self):
        self.join(LIMIT)
        check(not self.is_alive() and self.error is None, "plain server: %s" % self.error)
