#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""samples/tls-libuv and samples/tls-glib against the HTTPS servers of others: nginx, openssl s_server, gnutls-serv, and
Python's ssl for answers that end as no good server's do.

Each case is run with both programs and holds what must pass beside its forged twin: another authority, name,
fingerprint or protocol, an end without close_notify. A shim under the C library refuses most of what is sent and
cuts the rest; copies of the programs with the two classic faults in them must fail under it."""

import contextlib
import functools
import hashlib
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading

from tls_harness import (BUILD, LIMIT, Certificate, Failure, Process, check, check_equal, free_tcp_port,
                         ids, leaf, need, payload, run)

SOURCE = os.environ.get("abs_top_srcdir", ".")
PROGRAMS = {"tls-libuv": ["https-options.c", "libuv", "liburiparser"],
            "tls-glib": ["https-options-glib.c", "gio-2.0"]}
HOSTS = "DNS:localhost,IP:127.0.0.1,IP:::1"
BIG = 20 * 1024 * 1024
HELLO = b"hello over TLS\n"


def path_of(name):
    return os.path.join(BUILD or ".", "samples", name)


class Got:
    """What one run of a program came to."""

    def __init__(self, program, url, *options, environment=None):
        done = subprocess.run([program, "-v", *options, url], stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=3 * LIMIT,
                              env=dict(os.environ, **environment) if environment else None)
        self.code, self.body = done.returncode, done.stdout
        self.said = done.stderr.decode("utf-8", "replace")
        self.what = "%s %s\n%s" % (os.path.basename(program), url, self.said)

    def passes(self, body, *said):
        check_equal(self.code, 0, self.what)
        check_equal(hashlib.sha256(self.body).hexdigest(), hashlib.sha256(body).hexdigest(),
                    "hash of %d bytes; %s" % (len(self.body), self.what))
        return self.says(*said)

    def fails(self, *said, code=1):
        check_equal(self.code, code, self.what)
        errors = re.findall(r"(?m)^\S*tls-\w+: .+$", self.said)
        check_equal(len(errors), 1, "sentences of error in " + self.what)
        return self.says(*said)

    def says(self, *patterns):
        for pattern in patterns:
            check(re.search(pattern, self.said), "%r is said in %s" % (pattern, self.what))
        return self


def identity(name, issuer, hosts=HOSTS, **more):
    return leaf(ids.folder, name, issuer, hosts, **more)


@functools.cache
def good():
    return identity("https", ids.root)


def trusted():
    return ["--ca", ids.root.path]


# -- servers ---------------------------------------------------------------------------------------

@contextlib.contextmanager
def listening(arguments, ready):
    """A server on a free port; if somebody takes that port meanwhile, on another. arguments(port) starts it."""
    for attempt in range(5):
        port = free_tcp_port()
        with Process(*arguments(port)) as server:
            try:
                server.wait_for(ready)
            except Failure:
                if attempt == 4 or server.child.poll() is None:
                    raise
                continue
            server.port = port
            yield server
            return


def nginx(folder, certificate, *directives):
    pages = os.path.join(folder, "pages")
    os.makedirs(pages, exist_ok=True)
    for name, content in (("hello", HELLO), ("big", big())):
        with open(os.path.join(pages, name), "wb") as file:
            file.write(content)

    def arguments(port):
        listens = ["listen 127.0.0.1:%d ssl;" % port] + (
            ["listen [::1]:%d ssl;" % port] if has_ipv6() else [])
        config = os.path.join(folder, "nginx.conf")
        temporary = " ".join("%s_temp_path %s/%s;" % (kind, folder, kind) for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(config, "w", encoding="ascii") as file:
            file.write("daemon off; master_process off; pid %s/pid; error_log stderr notice;\n"
                       "events { }\nhttp { access_log off; %s\n server { %s root %s;\n"
                       "  ssl_certificate %s; ssl_certificate_key %s;\n  %s } }\n" % (
                           folder, temporary, " ".join(listens), pages, certificate.path,
                           certificate.key, "\n  ".join(directives)))
        return ["nginx", "-p", folder, "-e", "stderr", "-c", config]
    return listening(arguments, r"notice.*nginx/\d")


@functools.cache
def big():
    return payload(1, BIG)


@functools.cache
def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
            return True
    except OSError:
        return False


def s_server(folder, certificate, *more):
    for name, content in (("hello", HELLO), ("big", big())):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return listening(lambda port: ["sh", "-c", 'cd "$1" && shift && exec openssl s_server "$@"', "sh",
                                   folder, "-accept", "127.0.0.1:%d" % port, "-cert", certificate.path,
                                   "-key", certificate.key, *(more or ["-WWW"])], "ACCEPT")


def url(server, path="/hello", host="localhost"):
    return "https://%s:%d%s" % (host, server.port, path)


class Scripted(threading.Thread):
    """One connection: reads the request, says the answer and ends as it was told. `context` None: no TLS at all."""

    def __init__(self, answer=b"", end="close_notify", certificate=None, plain=False):
        super().__init__()
        self.answer, self.end, self.plain = answer, end, plain
        self.request, self.server_name, self.orderly = b"", None, False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = certificate or good()
        self.context.load_cert_chain(certificate.path, certificate.key)
        self.context.sni_callback = self.on_name
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(LIMIT)
        self.port = self.listener.getsockname()[1]

    def on_name(self, _ssl, name, _context):
        self.server_name = name

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_what):
        with contextlib.suppress(OSError):  # should nobody have come
            socket.create_connection(("127.0.0.1", self.port), LIMIT).close()
        self.join(3 * LIMIT)

    def run(self):
        with contextlib.suppress(OSError), self.listener, self.listener.accept()[0] as plain:
            plain.settimeout(LIMIT)
            if self.end == "silence":
                while plain.recv(65536):
                    pass
            if self.plain:
                plain.recv(65536)
                plain.sendall(self.answer)
                return
            with self.context.wrap_socket(plain, server_side=True) as s:
                while b"\r\n\r\n" not in self.request:
                    self.request += s.recv(65536)
                s.sendall(self.answer)
                if self.end == "close_notify":
                    s.unwrap()  # waits for the other side's
                    self.orderly = True
                if self.end == "reset":
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# -- what must pass, and what must not -------------------------------------------------------------

def pages(name, folder):
    program = path_of(name)
    with nginx(folder, good()) as server:
        for host in ["localhost", "127.0.0.1"] + (["[::1]"] if has_ipv6() else []):
            Got(program, url(server, host=host), *trusted()).passes(HELLO, r"TLS 1\.[23], TLS_\w+, ALPN none")
        Got(program, url(server, "/big"), *trusted()).passes(big())
        Got(program, url(server, "/none"), *trusted()).fails("status 404")


def without_length(name, folder):
    """-WWW says no Content-Length: close_notify ends the body."""
    with s_server(folder, good()) as server:
        Got(path_of(name), url(server, host="127.0.0.1"), *trusted()).passes(HELLO)
        Got(path_of(name), url(server, "/big", "127.0.0.1"), *trusted()).passes(big())


def gnutls(name, _folder):
    with listening(lambda port: ["gnutls-serv", "--http", "--port", port, "--x509certfile", good().path,
                                 "--x509keyfile", good().key], r"listening on IPv4 .*done") as server:
        got = Got(path_of(name), url(server, "/", "127.0.0.1"), *trusted())
        check(b"GnuTLS" in got.body, "the page of GnuTLS in " + got.what)
        got.passes(got.body, r"TLS 1\.3")


def versions(name, folder):
    for version in ("1.2", "1.3"):
        with nginx(folder, good(), "ssl_protocols TLSv%s;" % version) as server:
            Got(path_of(name), url(server, "/big"), *trusted()).passes(big(), "TLS " + version)


def old_version(name, folder):
    with s_server(folder, good(), "-www", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as server:
        Got(path_of(name), url(server, "/", "127.0.0.1"), *trusted()).fails("version")


def check_refused(name, folder, certificate, options, reason, host="localhost"):
    """Refused, and it was the reason: who asks for nothing, or for this very certificate, gets the page."""
    with nginx(folder, certificate) as server:
        got = Got(path_of(name), url(server, host=host), *options).fails("certificate", reason)
        check_equal(got.body, b"", "body")
        Got(path_of(name), url(server, host=host), "--insecure").passes(HELLO, "not verified: ")
        Got(path_of(name), url(server, host=host), "--fingerprint", certificate.fingerprint()).passes(HELLO)


def wrong_authority(name, folder):
    check_refused(name, folder, good(), ["--ca", ids.other_root.path], "unable to get local issuer certificate")


def no_authority(name, folder):
    check_refused(name, folder, good(), [], "unable to get local issuer certificate")


def wrong_name(name, folder):
    check_refused(name, folder, identity("elsewhere", ids.root, "DNS:other.test"), trusted(), "hostname mismatch")


def wrong_address(name, folder):
    check_refused(name, folder, identity("local", ids.root, "DNS:localhost"), trusted(),
                  "IP address mismatch", host="127.0.0.1")


def expired(name, folder):
    check_refused(name, folder, identity("late", ids.root, expired=True), trusted(), "certificate has expired")


def self_signed(name, folder):
    check_refused(name, folder, Certificate(folder, "self"), trusted(), "self-signed certificate")


def fingerprint(name, folder):
    program, right = path_of(name), good().fingerprint()
    with nginx(folder, good()) as server:
        for hash_name in ("sha-256", "sha-384", "sha-512"):
            Got(program, url(server), "--fingerprint", good().fingerprint(hash_name)).passes(HELLO)
        got = Got(program, url(server), "--fingerprint", good().wrong_fingerprint())
        check_equal(got.fails("not the announced one").body, b"", "body")
        Got(program, url(server), "--fingerprint", right[:-1]).fails("not of the form")
        # That an authority has signed it does not help, nor that anybody would do.
        Got(program, url(server), "--fingerprint", good().wrong_fingerprint(), *trusted(), "--insecure").fails()


def alpn(name, folder):
    program = path_of(name)
    with nginx(folder, good()) as server:
        Got(program, url(server), *trusted(), "--alpn", "http/1.1").passes(HELLO, r"ALPN http/1\.1")
        Got(program, url(server), *trusted(), "--alpn", "smtp").fails("no_application_protocol received")
    with s_server(folder, good()) as server:
        Got(program, url(server, host="127.0.0.1"), *trusted(), "--alpn", "smtp").passes(HELLO, "ALPN none")


def resumption(name, folder):
    program = path_of(name)
    for version in ("1.2", "1.3"):
        protocols = "ssl_protocols TLSv%s;" % version
        with nginx(folder, good(), protocols) as server:
            got = Got(program, url(server), *trusted(), "--repeat", "3").passes(3 * HELLO)
            check_equal(re.findall("full handshake|resumed", got.said),
                        ["full handshake", "resumed", "resumed"], got.what)
            # The certificate in the session is judged again.
            Got(program, url(server), "--fingerprint", good().fingerprint(), "--repeat", "2").passes(
                2 * HELLO, "resumed")
        with nginx(folder, good(), protocols, "ssl_session_tickets off; ssl_session_cache off;") as server:
            got = Got(program, url(server), *trusted(), "--repeat", "2").passes(2 * HELLO)
            check("resumed" not in got.said, "nothing to resume in " + got.what)


def request(name, _folder):
    """What the server sees: SNI for a name and not for an address, the Host field, the target as it was."""
    for host in ("localhost", "127.0.0.1"):
        with Scripted(b"HTTP/1.0 200 ok\r\n\r\n" + HELLO) as server:
            Got(path_of(name), url(server, "/a%20b?c=/d&e#f", host), *trusted()).passes(HELLO)
        check_equal(server.server_name, host if host == "localhost" else None, "SNI")
        check_equal(server.request.decode(), "GET /a%%20b?c=/d&e HTTP/1.0\r\nHost: %s:%d\r\n"
                    "Connection: close\r\n\r\n" % (host, server.port), "request")


def urls(name, _folder):
    for wrong in ("http://localhost/", "localhost", "https://", "https:///x", "https://u:p@localhost/",
                  "https://localhost:65536/", "https://localhost:0/", "https://[::1/", ""):
        Got(path_of(name), wrong).says("usage|--help").says("tls-")
        check_equal(Got(path_of(name), wrong).code, 2, "exit code for " + repr(wrong))
    # Nobody puts lines of their own into the request, or into the name.
    with Scripted(b"HTTP/1.0 200 ok\r\n\r\n") as server:
        Got(path_of(name), url(server, "/\r\nForged: yes"), *trusted())
    check(b"\r\nForged" not in server.request, "the request is %r" % server.request)
    check(Got(path_of(name), "https://localhost%0d%0aForged/").code in (1, 2), "a host of two lines")
    Got(path_of(name), "https://localhost:%d/" % free_tcp_port()).fails("No connection.*refused")
    Got(path_of(name), "https://no-such-host.invalid/").fails()


# -- how the answer ends ---------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
PART = b"x" * 300000


def ends(name, _folder):
    def answer(head, body, end, *, passes=None, fails=()):
        with Scripted(head + b"\r\n" + body, end) as server:
            got = Got(path_of(name), url(server, "/", "127.0.0.1"), *trusted())
        if passes is None:
            got.fails(*fails)
        else:
            got.passes(passes)

    def length(n):
        return HEAD + b"content-length:  %d\r\n" % n

    cut = ("The body is not complete.*without close_notify", "truncated")
    answer(HEAD, PART, "close_notify", passes=PART)
    answer(HEAD, PART, "close", fails=cut)
    answer(HEAD, PART, "reset", fails=("truncated|not complete",))
    answer(length(len(PART)), PART, "close_notify", passes=PART)
    answer(length(len(PART)), PART, "close", passes=PART)  # RFC 9112 section 9.8: that body is complete
    answer(length(len(PART) + 1), PART, "close", fails=cut)
    answer(length(len(PART) + 1), PART, "close_notify", fails=("The body is not complete",))
    answer(length(len(HELLO)), HELLO + PART, "close_notify", passes=HELLO)
    answer(length(0), b"", "close", passes=b"")
    answer(b"", b"", "close_notify", fails=("closed",))
    answer(b"HTTP/1.1 200 OK\r\n", b"", "close", fails=cut)
    answer(b"SSH-2.0-x\r\n", b"", "close_notify", fails=("not HTTP",))
    answer(HEAD + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", "close_notify", fails=("chunks",))
    answer(HEAD + b"Content-Length: -1\r\n", b"", "close_notify", fails=("not a number",))
    answer(HEAD + b"X: " + PART + b"\r\n", b"", "close_notify", fails=("head.*too long",))
    with Scripted(HEAD + b"X: ", "close") as server:
        Got(path_of(name), url(server, "/", "127.0.0.1"), *trusted()).fails("truncated")


def no_tls(name, _folder):
    for answer, reason in ((b"HTTP/1.0 400 Bad Request\r\n\r\n", "wrong version number"),
                           (b"", "truncated"), (b"\x16\x03\x03\x00\x40\x02", "truncated")):
        with Scripted(answer, plain=True) as server:
            Got(path_of(name), url(server, "/", "127.0.0.1"), *trusted()).fails(reason)


# -- refused and partial sends ---------------------------------------------------------------------

CC = os.environ.get("CC", "cc").split()
# What a line of the sample says, and what it would be with the fault.
FAULTS = {
    "tls-libuv": {
        "none": ("", ""),
        "a partial send counts as whole": ("stream, (size_t)n)", "stream, len)"),
        "what was refused is dropped": ("f->blocked = n, n = 1;", "f->blocked = n, n = (int)len;")},
    "tls-glib": {
        "none": ("", ""),
        "a partial send counts as whole": ("stream, (size_t)n)", "stream, len)"),
        "what was refused is dropped": (
            "f->writable = g_pollable",
            "sluice_stream_pop_output(f->get.stream, len);\n            f->writable = g_pollable")}}


def compile_c(output, *words):
    done = subprocess.run([*CC, "-o", output, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=3 * LIMIT)
    check_equal(done.returncode, 0, "the compiler: " + done.stdout.decode("utf-8", "replace"))


@functools.cache
def shim():
    library = os.path.join(ids.folder, "shim.so")
    compile_c(library, "-D_GNU_SOURCE", "-shared", "-fPIC",
              os.path.join(SOURCE, "tests", "stream-interop", "shim.c"), "-ldl")
    return library


def build_copy(name, folder, before, after):
    options, *modules = PROGRAMS[name]
    samples = os.path.join(SOURCE, "samples")
    with open(os.path.join(samples, name + ".c"), encoding="utf-8") as file:
        text = file.read()
    check(not before or text.count(before) == 1, "one place says " + before)
    source, program = os.path.join(folder, name + ".c"), os.path.join(folder, name)
    with open(source, "w", encoding="utf-8") as file:
        file.write(text.replace(before, after) if before else text)
    flags = subprocess.run([os.environ.get("PKG_CONFIG", "pkg-config"), "--cflags", "--libs", *modules], check=True,
                           stdout=subprocess.PIPE, timeout=LIMIT).stdout.decode().split()
    libraries = os.path.join(BUILD or ".", ".libs")
    compile_c(program, "-D_GNU_SOURCE", "-I" + os.path.join(BUILD or ".", "include"),
              "-I" + os.path.join(SOURCE, "include"), "-I" + samples, source, os.path.join(samples, "https-get.c"),
              os.path.join(samples, options), "-L" + libraries, "-Wl,-rpath," + libraries, "-lsluice-1.0", *flags)
    return program


def refused_sends(name, folder):
    for fault, change in FAULTS[name].items():
        program = build_copy(name, folder, *change)
        environment = {"LD_PRELOAD": shim(), "SHIM_REFUSE": "1"}
        if fault != "none":
            environment["SHIM_HASTE"] = "30"  # or both ends wait for the rest until the deadline
        with Scripted(b"HTTP/1.0 200 ok\r\n\r\n" + HELLO) as server:
            got = Got(program, url(server, host="127.0.0.1"), *trusted(), environment=environment)
        if fault != "none":
            check(got.code == 1 and got.body == b"", "the fault is seen (%s) in %s" % (fault, got.what))
            continue
        got.passes(HELLO)
        check(server.orderly, "our close_notify came")
        produced, taken = map(int, re.search(r"produced (\d+), taken (\d+)", got.said).groups())
        check_equal(taken, produced, "ciphertext taken")
        refused, cut = map(int, re.search(r"shim: (\d+) refused, (\d+) cut", got.said).groups())
        check(refused >= 50 and cut >= 20, "enough of both in " + got.what)


def deadline(name, _folder):
    """A server that takes the connection and says nothing. The clock runs fast for the program."""
    with Scripted(end="silence") as server:
        Got(path_of(name), url(server, "/", "127.0.0.1"), *trusted(),
            environment={"LD_PRELOAD": shim(), "SHIM_HASTE": "60"}).fails("not finished in time")


CASES = {
    "pages of nginx by name and address, small and large, and one that is not there": pages,
    "pages of s_server, which end with close_notify alone": without_length,
    "the page of gnutls-serv": gnutls,
    "a server of TLS 1.2 alone, and one of 1.3 alone": versions,
    "forged twin: a server of TLS 1.1": old_version,
    "forged twin: another authority": wrong_authority,
    "forged twin: the system's authorities, which know nothing of ours": no_authority,
    "forged twin: another host's certificate": wrong_name,
    "forged twin: a certificate without the address": wrong_address,
    "forged twin: an expired certificate": expired,
    "forged twin: a self-signed certificate": self_signed,
    "fingerprints, right and wrong": fingerprint,
    "ALPN agreed on, refused and ignored": alpn,
    "sessions resumed, and not where the server has none": resumption,
    "SNI and the request": request,
    "URLs that are none, or try to be more": urls,
    "how an answer may end, and how not": ends,
    "servers that do not speak TLS": no_tls,
    "refused and partial sends; forged twins: the two faults": refused_sends,
    "a server that says nothing": deadline,
}


if __name__ == "__main__":
    need("nginx", "openssl", "gnutls-serv", CC[0], os.environ.get("PKG_CONFIG", "pkg-config"))
    programs = [name for name in PROGRAMS if os.path.exists(path_of(name))]
    if not programs:
        print("1..0 # SKIP neither sample is built")
        sys.exit(0)
    sys.exit(run([("%s: %s" % (name, what), functools.partial(case, name))
                  for what, case in CASES.items() for name in programs]))
