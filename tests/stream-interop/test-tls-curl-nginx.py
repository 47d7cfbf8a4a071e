#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""curl and nginx as clients of our server, nginx as server of tls-poll (other clients: test-tls-https.py).

The HTTP of our side is a few lines said by the test; what counts is below: who is verified, that close_notify
ends an answer without a length, that an answer which is cut off is seen, resumption, and 5 MiB each way."""

import os
import re
import sys

from tls_harness import (HOST, PADDING, VERSIONS, Failure, Foreign, Peer, Poll, Writer, check, check_equal,
                         check_same, free_tcp_port, ids, need, payload, run)


class Curl(Foreign):
    """What it says is in `output`, the body in `received`."""

    def __init__(self, port, version, *more, ca=None, host=HOST, paths=("hello",)):
        super().__init__("curl", "--silent", "--show-error", "--verbose", "--no-buffer", "--http1.1",
                         "--cacert", (ca or ids.root).path, "--resolve",
                         "%s:%d:127.0.0.1" % (host, port), "--tlsv" + version, "--tls-max", version,
                         *more, *["https://%s:%d/%s" % (host, port, p) for p in paths], raw=True)

    def gets(self, *lines):
        body = "".join(line + "\n" for line in lines).encode()
        self.wait_until(lambda: self.received == body, repr(body))


def listen(version, **options):
    options.setdefault("own", ids.server)
    return Peer("listen", tls=version, **options)


def answer(server, path, body, *headers):
    """Waits for a request and answers it."""
    server.wait_for("(?m)^got GET /%s HTTP/1.1" % path)
    for line in ("HTTP/1.1 200 OK", *headers, ""):
        server.write("say %s\r\n" % line)
    server.write("say %s\n" % body)


def length(body):
    return "Content-Length: %d" % (len(body) + 1)


# -- curl ------------------------------------------------------------------------------------------

def curl_gets(version):
    with listen(version, alpn="http/1.1", once=True) as server, \
            Curl(server.port(), version) as curl:
        answer(server, "hello", "over TLS", length("over TLS"))
        curl.check_exit(0)
        curl.gets("over TLS")
        curl.wait_for("(?i)ALPN.*accepted.* http/1.1")
        check(re.search("SSL certificate verif(y ok|ied)", curl.output), "verified")
        check_equal(server.info()["name"], HOST, "name")
        check_equal(server.info()["version"], version, "version")
        check_equal(server.end()[0], "close-notify", "end")
        server.check_exit(0)


def curl_refuses(version):
    # That the name is another it finds out after the handshake. Later ones leave without a word.
    for options, ends in (({"ca": ids.other_root}, [("alert-received", "unknown_ca"),
                                                    ("truncated", "unknown")]),
                          ({"host": "other.test"}, [("close-notify", "close_notify"),
                                                    ("truncated", "unknown")])):
        with listen(version, once=True) as server, Curl(server.port(), version, **options) as curl:
            curl.check_exit(60)
            end = tuple(server.end()[:2])
            check(end in ends, "end: %s, expected one of %s" % (end, ends))
            check("got GET" not in server.output, "no request came")
    with listen("1.2" if version == "1.3" else "1.3", once=True) as server, \
            Curl(server.port(), version) as curl:
        curl.check_exit(35)
        check("protocol_version" in server.end()[2], "the version")
    with listen(version, once=True, alpn="imap") as server, Curl(server.port(), version) as curl:
        curl.check_exit(35)
        check_equal(server.end()[:2], ("alert-sent", "no_application_protocol"), "end")


def curl_shows_certificate(version):
    options = {"ca": ids.root, "client_auth": "require", "once": True}
    with listen(version, **options) as server, \
            Curl(server.port(), version, "--cert", ids.client.path, "--key", ids.client.key) as curl:
        server.wait_for("peer 0 " + ids.client.fingerprint())
        answer(server, "hello", "signed", length("signed"))
        curl.check_exit(0)
    for own in ([], ["--cert", ids.stranger.path, "--key", ids.stranger.key]):
        with listen(version, **options) as server, Curl(server.port(), version, *own) as curl:
            check(curl.exit_code() in (35, 55, 56), "curl failed")
            check(server.end()[0] in ("alert-sent", "certificate"), server.end()[2])
            check("got GET" not in server.output, "no request was read")


def curl_sees_the_end(version):
    """An answer without a length ends with close_notify; one with a length may be cut off."""
    with listen(version, once=True) as server, Curl(server.port(), version) as curl:
        answer(server, "hello", "all of it", "Connection: close")
        server.write("shutdown\n")
        curl.check_exit(0)
        curl.gets("all of it")
        server.check_exit(0)
    with listen(version, once=True) as server, Curl(server.port(), version) as curl:
        answer(server, "hello", "half of it", "Content-Length: 100")
        curl.gets("half of it")
        server.child.kill()
        check(curl.exit_code() in (18, 56), "curl saw that it was cut off")


def curl_again(version):
    """Two requests on one connection, then on two. (In TLS 1.2 curl wants no tickets, and we keep no sessions.)"""
    with listen(version, once=True) as server, \
            Curl(server.port(), version, paths=("one", "two")) as curl:
        answer(server, "one", "first", length("first"))
        answer(server, "two", "second", length("second"))
        curl.check_exit(0)
        curl.gets("first", "second")
        check(re.search("(?i)re-?using existing .*connection", curl.output), "one connection")
        server.check_exit(0)
    with listen(version) as server, Curl(server.port(), version, paths=("one", "two")) as curl:
        answer(server, "one", "first", length("first"), "Connection: close")
        answer(server, "two", "second", length("second"), "Connection: close")
        curl.check_exit(0)
        server.wait_for(r"(?s)info \S+ resumed=0.*info \S+ resumed=%d " % (version == "1.3"))


def curl_bulk(version):
    data = payload("down" + version)
    with Poll("listen", tls=version, own=ids.server) as server, \
            Curl(server.port(), version) as curl:
        head = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(data)
        writer = Writer(server, head.encode() + data)
        curl.wait_for_bytes(len(data))
        writer.finish()
        server.close_stdin()
        curl.check_exit(0)
        check_same(curl.received, data, "what came down")
        server.check_exit(0)
        check(server.received.startswith(b"GET /hello HTTP/1.1\r\n"), "the request")


def curl_uploads(version, folder):
    data = payload("up" + version)
    path = os.path.join(folder, "upload")
    with open(path, "wb") as file:
        file.write(data + PADDING)
    with Poll("listen", tls=version, own=ids.server) as server, \
            Curl(server.port(), version, "--upload-file", path, "--header", "Expect:") as curl:
        server.wait_until(lambda: b"\r\n\r\n" in server.received, "the head of the request")
        begin = server.received.index(b"\r\n\r\n") + 4
        server.wait_for_bytes(begin + len(data))
        server.write("HTTP/1.1 201 Created\r\nContent-Length: 6\r\nConnection: close\r\n\r\nthanks")
        server.close_stdin()
        curl.check_exit(0)
        check_equal(curl.received, b"thanks", "answer")
        server.check_exit(0)
        check(server.received.startswith(b"PUT /hello"), "the request")
        check_same(server.received[begin:], data + PADDING, "what came up")


# -- nginx -----------------------------------------------------------------------------------------

CONFIG = """daemon off;
master_process off;
pid nginx.pid;
error_log stderr info;
events { }
http {
    access_log /dev/stdout;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
%s
    }
}
"""


class Nginx(Foreign):
    def __init__(self, folder, *directives):
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG % "\n".join("        " + d for d in directives))
        super().__init__("nginx", "-p", folder, "-e", "stderr", "-c", config)
        try:
            self.wait_for(r"notice.*nginx/\d|start worker|using the \S+ event method")
        except Failure:
            self.__exit__(None, None, None)
            raise


def with_port(folder, *directives):
    """nginx cannot choose a port: another is tried if somebody else took it just now."""
    for left in range(4, -1, -1):
        port = free_tcp_port()
        try:
            return Nginx(folder, "listen 127.0.0.1:%d ssl;" % port, *directives), port
        except Failure:
            if not left:
                raise
    raise AssertionError


def proxy(folder, port, version, *more, ca=None, name=HOST):
    """nginx as a client of ours; asked by a Unix socket."""
    path = os.path.join(folder, "socket")
    if os.path.exists(path):
        os.remove(path)
    return Nginx(folder, "listen unix:%s;" % path, "location / {",
                 "proxy_pass https://127.0.0.1:%d;" % port, "proxy_ssl_protocols TLSv%s;" % version,
                 "proxy_ssl_verify on;", "proxy_ssl_trusted_certificate %s;" % (ca or ids.root).path,
                 "proxy_ssl_name %s;" % name, "proxy_ssl_server_name on;", "proxy_http_version 1.1;",
                 "proxy_ssl_session_reuse on;", *more, "}"), path


def ask(path, page="hello"):
    return Foreign("curl", "--silent", "--show-error", "--no-buffer", "--include", "--unix-socket", path,
                   "http://localhost/" + page)


def nginx_asks(version, folder):
    with listen(version) as server:
        nginx, path = proxy(folder, server.port(), version)
        with nginx:
            for page in ("one", "two"):
                with ask(path, page) as curl:
                    server.wait_for("(?m)^got GET /%s HTTP/1.1" % page)
                    answer(server, page, "for " + page, "Connection: close")
                    server.write("shutdown\n")
                    curl.wait_for("(?s)200 OK.*for " + page)
                    curl.check_exit(0)
            server.wait_for(r"(?s)info \S+ resumed=0.*name=%s.*info \S+ resumed=1 " % HOST)


def nginx_refuses(version, folder):
    for options in ({"ca": ids.other_root}, {"name": "other.test"}):
        with listen(version, once=True) as server:
            nginx, path = proxy(folder, server.port(), version, **options)
            with nginx, ask(path) as curl:
                curl.wait_for("502 Bad Gateway")
                nginx.wait_for("upstream SSL certificate (verify error|does not match)")
                server.end()
                check("got GET" not in server.output, "no request came")


def nginx_shows_certificate(version, folder):
    options = {"ca": ids.root, "client_auth": "require", "once": True}
    for who, said in ((ids.client, "200 OK"), (ids.stranger, "502 Bad Gateway")):
        with listen(version, **options) as server:
            nginx, path = proxy(folder, server.port(), version, "proxy_ssl_certificate %s;" % who.path,
                                "proxy_ssl_certificate_key %s;" % who.key)
            with nginx, ask(path) as curl:
                if who is ids.client:
                    answer(server, "hello", "signed", length("signed"))
                else:
                    check_equal(server.end()[:2], ("certificate", "unknown_ca"), "end")
                curl.wait_for(said)


def nginx_sees_the_end(version, folder):
    with listen(version, once=True) as server:
        nginx, path = proxy(folder, server.port(), version, "proxy_buffering off;")
        with nginx, ask(path) as curl:
            answer(server, "hello", "half of it", "Content-Length: 100")
            curl.wait_for("half of it")
            server.child.kill()
            check_equal(curl.exit_code(), 18, "exit code of curl")
            nginx.wait_for("upstream prematurely closed connection|unexpected eof")


def tls_lines(version):
    return ["ssl_certificate %s;" % ids.server.path, "ssl_certificate_key %s;" % ids.server.key,
            "ssl_protocols TLSv%s;" % version]


def from_nginx(version, folder):
    """5 MiB from nginx to tls-poll, in small records and large."""
    data = payload("file" + version)
    with open(os.path.join(folder, "file"), "wb") as file:
        file.write(data + PADDING)
    for size in ("512", "16k"):
        nginx, port = with_port(folder, *tls_lines(version), "root %s;" % folder,
                                "ssl_buffer_size %s;" % size)
        with nginx, Poll("connect", port, tls=version, ca=ids.root, host=HOST) as client:
            client.write("GET /file HTTP/1.1\r\nHost: %s\r\n\r\n" % HOST)
            client.wait_until(lambda: b"\r\n\r\n" in client.received, "the head of the answer")
            begin = client.received.index(b"\r\n\r\n") + 4
            client.wait_for_bytes(begin + len(data))
            check_same(client.received[begin:begin + len(data)], data, "the file")
            nginx.wait_for('"GET /file HTTP/1.1" 200 %d' % (len(data) + len(PADDING)))
            # Who closes a connection that nginx keeps alive gets no close_notify from it.
            client.close_stdin()
            client.wait_for("truncated")
            client.check_exit(1)


def nginx_wants_certificate(version, folder):
    nginx, port = with_port(folder, *tls_lines(version), "ssl_verify_client on;",
                            "ssl_client_certificate %s;" % ids.root.path,
                            "location / { return 200 $ssl_client_s_dn; }")
    with nginx:
        for own, said in ((ids.client, "CN=client"), (None, "No required SSL certificate was sent"),
                          (ids.stranger, "The SSL certificate error")):
            with Peer("connect", port, tls=version, ca=ids.root, host=HOST, own=own) as client:
                for line in ("GET / HTTP/1.1", "Host: " + HOST, "Connection: close", ""):
                    client.write("say %s\r\n" % line)
                client.wait_for(said)
                client.check_exit(0)
                check_equal(client.end()[0], "close-notify", "end")


def of(function, *more):
    """A case for each version."""
    return [("%s, TLS %s" % (more[0], v), lambda folder, v=v:
             function(v, folder) if function.__code__.co_argcount == 2 else function(v))
            for v in (more[1:] or VERSIONS)]


CASES = (
    of(curl_gets, "curl: a page") +
    of(curl_refuses, "curl refuses, or is refused") +
    of(curl_shows_certificate, "curl's certificate") +
    of(curl_sees_the_end, "curl: the end of an answer") +
    of(curl_again, "curl: two requests, two connections") +
    of(curl_bulk, "curl: 5 MiB down") +
    of(curl_uploads, "curl: 5 MiB up") +
    of(nginx_asks, "nginx as client") +
    of(nginx_refuses, "nginx refuses our certificate") +
    of(nginx_shows_certificate, "nginx's certificate as client") +
    of(nginx_sees_the_end, "nginx as client: an answer that is cut off") +
    of(from_nginx, "nginx: 5 MiB from it") +
    of(nginx_wants_certificate, "nginx wants a certificate"))

if __name__ == "__main__":
    need("curl", "nginx", "openssl")
    sys.exit(run(CASES))
