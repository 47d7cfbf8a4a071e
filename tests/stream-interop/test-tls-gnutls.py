#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gnutls-cli and gnutls-serv against both our ends, TLS 1.2 and 1.3: a stack that is not OpenSSL's."""

import re
import signal
import sys

from tls_harness import (HOST, PADDING, VERSIONS, Failure, Foreign, Peer, Poll, Writer, check,
                         check_begins, check_equal, check_same, free_tcp_port, ids, need, payload, run)

CHANNEL_BINDING = "EXPORTER-Channel-Binding"
CIPHERS = {"AES-128-GCM": "AES_128_GCM", "AES-256-GCM": "AES_256_GCM",
           "CHACHA20-POLY1305": "CHACHA20_POLY1305"}
GROUPS = {"X25519": "x25519", "SECP256R1": "P-256", "SECP384R1": "P-384", "SECP521R1": "secp521r1"}


def priority(version, more=""):
    return "--priority=NORMAL:-VERS-ALL:+VERS-TLS%s%s" % (version, more)


class Client(Foreign):
    def __init__(self, port, version, *more, ca=None, host=HOST, own=None, priorities="", raw=False):
        own = ["--x509certfile", own.path, "--x509keyfile", own.key] if own else []
        super().__init__("gnutls-cli", "--x509cafile", (ca or ids.root).path, "--verify-hostname",
                         host, "--sni-hostname", host, priority(version, priorities), *own, *more,
                         "--port", port, "127.0.0.1", raw=raw)

    def ready(self):
        self.wait_for("Handshake was completed")
        return self

    def say(self, text):
        """Sends a line and waits for its echo: gnutls-cli does not print its own input."""
        mark = self.mark()
        self.write(text + "\n")
        self.wait_after(mark, text)

    def leave(self):
        self.close_stdin()
        self.check_exit(0)


class Server(Foreign):
    """An echo of lines."""

    def __init__(self, port, version, *more, own=None, priorities=""):
        self.at = port
        own = own or ids.server
        super().__init__("gnutls-serv", "--echo", "--port", port, priority(version, priorities),
                         "--x509certfile", own.path, "--x509keyfile", own.key, *more)

    def port(self):
        self.wait_for("listening on IPv4 .*done")
        return self.at


def serve(version, *more, **how):
    """gnutls-serv cannot choose a port: another is tried if somebody else took it just now."""
    for _ in range(5):
        server = Server(free_tcp_port(), version, *more, **how)
        try:
            server.port()
            return server
        except Failure:
            server.__exit__(None, None, None)
    raise Failure("no port for gnutls-serv")


def listen(version, **options):
    options.setdefault("own", ids.server)
    return Peer("listen", tls=version, echo=True, once=True, **options)


def join(port, version, **options):
    settings = {"ca": ids.root, "host": HOST, "tls": version}
    settings.update(options)
    return Peer("connect", port, **settings)


def talk(client, word):
    client.write("say %s\n" % word)
    client.wait_for("(?m)^got %s$" % word)


def leave(client):
    client.write("shutdown\n")
    client.check_exit(0)


def fails(port, version, reason, alert=None, **options):
    with join(port, version, **options) as client:
        client.try_write("say must not arrive\n")
        end = client.end()
        check_equal(end[0], reason, "reason")
        if alert:
            check_equal(end[1], alert, "alert")
        client.check_exit(1)


# -- gnutls-cli and our server ---------------------------------------------------------------------

def cli_plain(version):
    with listen(version, export=CHANNEL_BINDING) as server, \
            Client(server.port(), version, "--keymatexport=" + CHANNEL_BINDING,
                   "--keymatexportsize=32").ready() as client:
        keys = client.wait_for("Key material: ([0-9a-f]{64})").group(1)
        check_equal(server.wait_for("(?m)^export (.*)$").group(1), keys.upper(), "exported keys")
        check_equal(server.connected()["name"], HOST, "name")
        client.say("there and back")
        client.leave()
        check_equal(server.end()[0], "close-notify", "end")
        server.check_exit(0)


def cli_refuses(version):
    for options in ({"ca": ids.other_root}, {"host": "other.test"}):
        with listen(version) as server, Client(server.port(), version, **options) as client:
            client.try_write("must not come back\n")
            client.wait_for("PKI verification of server certificate failed|certificate.*not trusted")
            check(client.exit_code() != 0, "gnutls-cli failed")
            check(server.end()[0] in ("alert-received", "truncated"), server.end()[2])
            check("must not come back" not in client.output, "nothing was echoed")
            server.check_exit(1)
    with listen(version, own=ids.chained) as server, Client(server.port(), version) as client:
        check(client.exit_code() != 0, "gnutls-cli failed")
        server.check_exit(1)
    with listen(version, own=ids.chained, chain=ids.middle) as server, \
            Client(server.port(), version).ready() as client:
        client.say("with the middle")
        client.leave()
        server.check_exit(0)


def cli_certificate(version):
    options = {"ca": ids.root, "client_auth": "require"}
    with listen(version, **options) as server, \
            Client(server.port(), version, own=ids.client).ready() as client:
        server.wait_for("peer 0 " + ids.client.fingerprint())
        client.say("signed")
        client.leave()
        server.check_exit(0)
    # gnutls-cli keeps a certificate to itself that is of no authority the server has named.
    missing = {"1.2": "handshake_failure", "1.3": "certificate_required"}[version]
    for own, end in ((None, ("alert-sent", missing)),
                     (ids.expired_client, ("certificate", "certificate_expired"))):
        with listen(version, **options) as server, Client(server.port(), version, own=own) as client:
            client.try_write("must not come back\n")
            check_equal(server.end()[:2], end, "end")
            server.check_exit(1)
            check(client.exit_code() != 0, "gnutls-cli failed")
            check("must not come back" not in client.output, "nothing was echoed")


def cli_choices(version):
    for cipher, name in CIPHERS.items():
        with listen(version) as server, \
                Client(server.port(), version, priorities=":-CIPHER-ALL:+" + cipher).ready() as client:
            check(name in server.connected()["cipher"], "suite of " + cipher)
            client.say("by " + cipher)
            client.leave()
            server.check_exit(0)
    for group, name in GROUPS.items():
        with listen(version, own=ids.rsa_server) as server, \
                Client(server.port(), version, priorities=":-GROUP-ALL:+GROUP-" + group) as client:
            client.ready()
            check_equal(server.connected()["group"], name, "group")
            client.say("by " + group)
            client.leave()
            server.check_exit(0)
    for wrong in (":-CIPHER-ALL:+AES-128-CCM", ":-GROUP-ALL:+GROUP-X448"):
        with listen(version, own=ids.rsa_server) as server, \
                Client(server.port(), version, priorities=wrong) as client:
            check_equal(server.end()[:2], ("alert-sent", "handshake_failure"), "end by " + wrong)
            check(client.exit_code() != 0, "gnutls-cli failed")


def cli_old_version(_):
    with listen(None) as server, Client(server.port(), "1.1") as client:
        check_equal(server.end()[:2], ("alert-sent", "protocol_version"), "end")
        check("unsupported protocol" in server.output, "OpenSSL's reason")
        check(client.exit_code() != 0, "gnutls-cli failed")


def cli_alpn(version):
    with listen(version, alpn="http/1.1,h2") as server, \
            Client(server.port(), version, "--alpn=h2", "--alpn=http/1.1").ready() as client:
        check_equal(server.connected()["alpn"], "http/1.1", "protocol")
        client.leave()
        server.check_exit(0)
    with listen(version, alpn="http/1.1,h2") as server, \
            Client(server.port(), version, "--alpn=imap") as client:
        check_equal(server.end()[:2], ("alert-sent", "no_application_protocol"), "end")
        check(client.exit_code() != 0, "gnutls-cli failed")


def cli_resumes(version):
    with Peer("listen", tls=version, own=ids.server, echo=True) as server, \
            Client(server.port(), version, "--inline-commands").ready() as client:
        client.say("the first")
        client.write("^resume^\n")
        client.wait_for("This is a resumed session")
        client.say("the second")
        client.leave()
        server.wait_for(r"(?s)info \S+ resumed=0.*info \S+ resumed=1 ")


def cli_rekeys(_):
    with listen("1.3") as server, \
            Client(server.port(), "1.3", "--inline-commands").ready() as client:
        for turn, command in enumerate(("rekey", "rekey1", "rekey1", "rekey", "renegotiate")):
            mark = client.mark()
            client.write("^%s^\n" % command)
            client.wait_after(mark, "(Rekey|ReHandshake) was completed")
            client.say("turn %d" % turn)
        client.leave()
        server.check_exit(0)


def our_rekeys(_):
    with Peer("listen", tls="1.3", own=ids.server, once=True) as server, \
            Client(server.port(), "1.3").ready() as client:
        for turn, command in enumerate(("update", "update-request") * 2):
            server.write("%s\nsay turn %d\n" % (command, turn))
            client.wait_for("turn %d" % turn)
            client.write("answer %d\n" % turn)
            server.wait_for("got answer %d" % turn)
        client.leave()
        server.check_exit(0)


def cli_renegotiates(_):
    """It asks again and again, and is refused each time, until it has had enough; not so the server."""
    with Peer("listen", tls="1.2", own=ids.server, echo=True) as server:
        port = server.port()
        with Client(port, "1.2", "--rehandshake") as client:
            client.wait_for("No renegotiation is allowed")
            client.child.kill()
            server.wait_for("(?m)^end (truncated|alert-received)")
            check_equal(len(re.findall("(?m)^state connected$", server.output)), 1, "handshakes")
        with Client(port, "1.2").ready() as client:
            client.say("the next one")
            client.leave()


def cli_fragments(version):
    """The extension max_fragment_length (RFC 6066). What it sends in one go is no more than that either."""
    text = payload(version, 4000).hex()
    with Peer("listen", tls=version, own=ids.server, once=True) as server, \
            Client(server.port(), version, "--recordsize=512").ready() as client:
        for turn in range(8):
            server.write("say %s %d\n" % (text, turn))
            client.wait_for("%s %d" % (text, turn))
            client.write("turn %d\n" % turn)
            server.wait_for("got turn %d" % turn)
        client.leave()
        server.check_exit(0)


def cli_killed(version):
    with Peer("listen", tls=version, own=ids.server, echo=True) as server:
        port = server.port()
        with Client(port, version).ready() as client:
            client.say("about to die")
            client.child.send_signal(signal.SIGKILL)
            server.wait_for("(?m)^end truncated")
        with Client(port, version).ready() as client:
            client.say("the next one")
            client.leave()


def cli_bulk(version):
    out, back = payload("out" + version), payload("back" + version)
    with Poll("listen", tls=version, own=ids.server) as server, \
            Client(server.port(), version, "--logfile=/dev/null", raw=True) as client:
        writers = Writer(client, out + PADDING, 1), Writer(server, back + PADDING, 2)
        check_begins(server, out, "what gnutls-cli sent")
        client.wait_until(lambda: back[-64:] in client.received, "all that we sent")
        at = client.received.index(back[:64])
        for writer in writers:
            writer.finish()
        server.close_stdin()
        # It does not answer a close_notify: not its error, nor ours that we say so.
        client.check_exit(0)
        server.wait_for("truncated")
        server.check_exit(1)
        check_same(client.received[at:at + len(back)], back, "what we sent")


# -- gnutls-serv and our client --------------------------------------------------------------------

def serv_plain(version):
    with serve(version) as server:
        with join(server.port(), version, export=CHANNEL_BINDING, empty_context=True) as client:
            check_equal(client.connected()["version"], version, "version")
            talk(client, "there and back")
            exported = client.wait_for("(?m)^export (.*)$").group(1)
            server.wait_for("'tls-exporter': " + exported.lower())
            server.wait_for(r"Given server name\[1\]: " + re.escape(HOST))
            leave(client)
        fails(server.port(), version, "certificate", ca=ids.other_root)
        fails(server.port(), version, "certificate", host="other.test")
        fails(server.port(), version, "fingerprint-mismatch",
              fingerprint=ids.server.wrong_fingerprint())
        with join(server.port(), version, fingerprint=ids.server.fingerprint()) as client:
            talk(client, "by fingerprint")
            leave(client)
        check("must not arrive" not in server.output, "nothing arrived")


def serv_wants_certificate(version):
    with serve(version, "--require-client-cert", "--verify-client-cert", "--x509cafile",
               ids.root.path) as server:
        with join(server.port(), version, own=ids.client) as client:
            talk(client, "signed")
            leave(client)
        fails(server.port(), version, "alert-received")
        fails(server.port(), version, "alert-received", own=ids.stranger)
        check("must not arrive" not in server.output, "nothing arrived")


def serv_choices(version):
    for cipher, name in CIPHERS.items():
        with serve(version, priorities=":-CIPHER-ALL:+" + cipher) as server, \
                join(server.port(), version) as client:
            check(name in client.connected()["cipher"], "suite of " + cipher)
            talk(client, "by " + cipher)
            leave(client)
    for group, name in GROUPS.items():
        with serve(version, own=ids.rsa_server, priorities=":-GROUP-ALL:+GROUP-" + group) as server, \
                join(server.port(), version) as client:
            check_equal(client.connected()["group"], name, "group")
            talk(client, "by " + group)
            leave(client)
    for wrong in (":-CIPHER-ALL:+AES-128-CCM", ":-GROUP-ALL:+GROUP-X448"):
        with serve(version, own=ids.rsa_server, priorities=wrong) as server:
            fails(server.port(), version, "alert-received")


def serv_old_version(_):
    with serve("1.1") as server:
        for ours in VERSIONS:
            fails(server.port(), ours, "alert-received")


def serv_alpn(version):
    with serve(version, "--alpn=h2", "--alpn-fatal") as server:
        with join(server.port(), version, alpn="http/1.1,h2") as client:
            check_equal(client.connected()["alpn"], "h2", "protocol")
            leave(client)
        fails(server.port(), version, "alert-received", "no_application_protocol", alpn="imap")


def serv_resumes(version, folder):
    session = folder + "/session"
    with serve(version) as server:
        for resumed in "01":
            with join(server.port(), version, session=session) as client:
                check_equal(client.connected()["resumed"], resumed, "resumed")
                if resumed == "0":
                    client.wait_for(r"(?m)^session \d+$")
                talk(client, "resumed=" + resumed)
                leave(client)
        fails(server.port(), version, "certificate", session=session, host="other.test")


def serv_rekeys(_):
    with serve("1.3") as server, join(server.port(), "1.3") as client:
        client.connected()
        for turn, command in enumerate(("update", "update-request") * 3):
            client.write(command + "\n")
            talk(client, "turn %d" % turn)
        check_equal(len(re.findall("(?m)^done update(-request)? 0 ", client.output)), 6, "updates")
        leave(client)


def serv_killed(version):
    with serve(version) as server, join(server.port(), version) as client:
        talk(client, "about to die")
        server.child.send_signal(signal.SIGKILL)
        check_equal(client.end()[0], "truncated", "end")
        client.check_exit(1)


def of(function, *more):
    """A case for each version."""
    return [("%s, TLS %s" % (more[0], v), lambda folder, v=v:
             function(v, folder) if function.__code__.co_argcount == 2 else function(v))
            for v in (more[1:] or VERSIONS)]


CASES = (
    of(cli_plain, "gnutls-cli: echo and exporter") +
    of(cli_refuses, "gnutls-cli trusts another authority or host") +
    of(cli_certificate, "gnutls-cli's certificate") +
    of(cli_choices, "gnutls-cli: suites and groups") +
    of(cli_old_version, "gnutls-cli: other versions are refused", "1.1") +
    of(cli_alpn, "gnutls-cli: ALPN") +
    of(cli_resumes, "gnutls-cli resumes") +
    of(cli_rekeys, "gnutls-cli changes keys", "1.3") +
    of(our_rekeys, "gnutls-cli: we change keys", "1.3") +
    of(cli_renegotiates, "gnutls-cli: renegotiation is refused", "1.2") +
    of(cli_fragments, "gnutls-cli: small fragments") +
    of(cli_killed, "gnutls-cli is killed") +
    of(cli_bulk, "gnutls-cli: 5 MiB each way at once") +
    of(serv_plain, "gnutls-serv: echo, exporter, who it is") +
    of(serv_wants_certificate, "gnutls-serv wants our certificate") +
    of(serv_choices, "gnutls-serv: suites and groups") +
    of(serv_old_version, "gnutls-serv: other versions are refused", "1.1") +
    of(serv_alpn, "gnutls-serv: ALPN") +
    of(serv_resumes, "gnutls-serv: sessions are resumed") +
    of(serv_rekeys, "gnutls-serv: we change keys", "1.3") +
    of(serv_killed, "gnutls-serv is killed"))

if __name__ == "__main__":
    need("gnutls-cli", "gnutls-serv", "openssl")
    sys.exit(run(CASES))
