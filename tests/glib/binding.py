# SPDX-License-Identifier: BSD-3-Clause
"""The binding through introspection: two agents in one process connect, exchange RTP, RTCP and
data, and close. And what only a binding sees: every enum has the values of its header, errors are
exceptions with a code."""

import os
import sys
import threading

try:
    import gi

    gi.require_version("Nice", "0.1")
    gi.require_version("Sluice", "1.0")
    from gi._gi import EnumInfo, Repository
    from gi.repository import GLib, Nice, Sluice
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

PATIENCE = 15  # seconds


class Peer:
    """One end: an agent on 127.0.0.1, a transport, and what it was told."""

    def __init__(self, controlling):
        address = Nice.Address()
        address.init()
        address.set_from_string("127.0.0.1")
        self.agent = Nice.Agent.new(GLib.MainContext.default(), Nice.Compatibility.RFC5245)
        self.agent.props.upnp = False
        self.agent.props.ice_tcp = False
        self.agent.props.controlling_mode = controlling
        self.agent.add_local_address(address)
        self.stream = self.agent.add_stream(1)
        self.states, self.packets, self.errors = [], [], []
        self.log = []
        config = Sluice.Config.new(None)
        config.set_log(lambda _level, _transport, line, _data: self.log.append(line), None)
        self.transport = Sluice.IceTransport.new(self.agent, self.stream, 1, config, None)
        self.transport.connect("notify::state", lambda t, _: self.states.append(t.props.state))
        self.transport.connect("closed", lambda _, error: self.errors.append(error))
        self.transport.set_bytes_func(self.on_packet, "user data")
        self.gathered = False
        self.agent.connect("candidate-gathering-done", self.on_gathered)
        self.agent.gather_candidates(self.stream)

    def on_gathered(self, _agent, _stream):
        self.gathered = True

    def on_packet(self, transport, kind, packet, user_data):
        assert transport is self.transport and user_data == "user data"
        self.packets.append((kind, packet.get_data()))

    def signal_to(self, other):
        _, ufrag, password = self.agent.get_local_credentials(self.stream)
        other.agent.set_remote_credentials(other.stream, ufrag, password)
        candidates = self.agent.get_local_candidates(self.stream, 1)
        other.agent.set_remote_candidates(other.stream, 1, candidates)
        other.transport.set_remote_fingerprint(self.transport.get_local_fingerprint())

    def stats(self):
        return self.transport.get_stats().unpack()


def run_until(ready):
    context = GLib.MainContext.default()
    end = GLib.get_monotonic_time() + PATIENCE * 1000000
    tick = GLib.timeout_add(50, lambda: True)
    while not ready() and GLib.get_monotonic_time() < end:
        context.iteration(True)
    GLib.source_remove(tick)
    assert ready()


def rtp(seq):
    return bytes([0x80, 96, seq >> 8, seq & 255]) + bytes(4) + b"SSRC" + b"payload" * 10


RTCP = bytes([0x80, 200, 0, 6]) + b"SSRC" + bytes(20)


def test_call():
    a, b = Peer(True), Peer(False)
    run_until(lambda: a.gathered and b.gathered)
    a.signal_to(b)
    b.signal_to(a)
    a.transport.start(Sluice.Role.CLIENT)
    b.transport.start(Sluice.Role.AUTO)
    connected = Sluice.State.CONNECTED
    run_until(lambda: a.transport.props.state == b.transport.props.state == connected)
    assert a.states[-1] == connected and a.transport.props.role == Sluice.Role.CLIENT
    assert b.transport.props.role == Sluice.Role.SERVER
    assert b.transport.props.selected_profile == Sluice.SrtpProfile.AEAD_AES_128_GCM
    assert a.transport.props.remote_certificate.get_size() > 100

    for peer in (a, b):
        peer.transport.send_rtp_bytes(GLib.Bytes.new(rtp(1)))
        peer.transport.send_rtcp(RTCP)
        peer.transport.send_data_bytes(GLib.Bytes.new(b"hello"))
    wanted = {
        (Sluice.Kind.RTP, rtp(1)),
        (Sluice.Kind.RTCP, RTCP),
        (Sluice.Kind.DATA, b"hello"),
    }
    run_until(lambda: set(a.packets) == set(b.packets) == wanted)
    assert len(a.packets) == len(b.packets) == 3

    stats = a.stats()
    assert stats["dtlsState"] == "connected" and stats["tlsVersion"] == "FEFD"
    assert stats["srtpCipher"] == "AEAD_AES_128_GCM" and stats["dtlsRole"] == "client"
    assert stats["rtpDelivered"] == 1 and stats["dataSent"] == 1
    assert 0 <= stats["handshakeClientHello"] <= stats["handshakeKeys"]
    assert stats["remoteCertificate"]["fingerprint"] == b.stats()["localCertificate"]["fingerprint"]
    key = a.transport.export("EXPORTER-test", None, 20)
    assert key.get_data() == b.transport.export("EXPORTER-test", None, 20).get_data()

    a.transport.close()
    assert not a.errors  # never from inside a call
    run_until(lambda: a.errors and b.errors)
    assert a.errors[0].matches(Sluice.error_quark(), Sluice.Error.LOCAL_CLOSE), a.errors
    assert b.errors[0].matches(Sluice.error_quark(), Sluice.Error.CLOSE_NOTIFY), b.errors
    assert b.errors[0].domain == "sluice-error-quark" and b.errors[0].message
    assert a.states[-1] == b.states[-1] == Sluice.State.CLOSED
    assert len(a.errors) == len(b.errors) == 1
    assert a.log and b.log and all(isinstance(line, str) for line in a.log)


def test_exceptions():
    peer = Peer(True)
    for call, code in (
        (lambda: peer.transport.send_rtp(rtp(1)), Sluice.Error.NOT_READY),
        (lambda: peer.transport.send_data(b""), Sluice.Error.INVALID_ARGUMENT),
        (lambda: peer.transport.set_remote_fingerprint("x"), Sluice.Error.INVALID_ARGUMENT),
        (
            lambda: Sluice.IceTransport.new(peer.agent, 99, 1, peer.transport.props.config, None),
            Sluice.Error.ICE,
        ),
    ):
        try:
            call()
        except GLib.Error as error:
            assert error.matches(Sluice.error_quark(), code), error
        else:
            raise AssertionError("no exception")


def test_certificate():
    certificate = Sluice.Certificate.new(Sluice.KeyType.ECDSA_P256)
    text = certificate.dup_fingerprint(Sluice.Hash.SHA384)
    assert text.startswith("sha-384 ") and len(text) == 8 + 48 * 3 - 1
    config = Sluice.Config.new(certificate)
    assert config.get_certificate().dup_fingerprint(Sluice.Hash.SHA384) == text
    assert certificate.dup_der().get_size() > 100
    profiles = [Sluice.SrtpProfile.AES128_CM_SHA1_80]
    assert config.set_srtp_profiles(profiles) == Sluice.Status.OK
    assert config.set_handshake_mtu(1) == Sluice.Status.INVALID_ARGUMENT


def test_enums():
    """What the binding registers by hand is what the headers say."""
    seen = 0
    for info in Repository.get_default().get_infos("Sluice"):
        if not isinstance(info, EnumInfo):
            continue
        enum = getattr(Sluice, info.get_name())
        gtype = getattr(enum, "__gtype__", None)  # since PyGObject 3.52 only registered ones have it
        if not gtype or not gtype.name.startswith("Sluice"):
            continue  # one that is not registered has no use in a property or a signal
        header = {value.get_value() for value in info.get_values()}
        registered = set(enum.__enum_values__)
        assert header == registered, (info.get_name(), header ^ registered)
        seen += 1
    assert seen >= 10, seen


def test_driver():
    driver = Sluice.IceDriver.new(1)
    context = driver.add_context()
    seen, done = [], threading.Event()

    def on_idle(_data):
        seen.append(("source", context.is_owner(), threading.get_ident()))
        assert driver.remove_context(context)
        done.set()
        return GLib.SOURCE_REMOVE

    def in_context(given, data):
        seen.append((data, given.is_owner(), threading.get_ident()))
        source = GLib.idle_source_new()
        source.set_callback(on_idle, None)
        source.attach(given)

    assert driver.props.n_threads == 1 and driver.get_fd() == -1
    assert driver.invoke(context, in_context, "call")
    assert done.wait(PATIENCE)
    assert [what[:2] for what in seen] == [("call", True), ("source", True)], seen
    assert seen[0][2] == seen[1][2] != threading.get_ident()
    assert not driver.invoke(context, in_context, "late")
    try:
        Sluice.IceDriver.new(100000)
    except GLib.Error as error:
        assert error.matches(Sluice.error_quark(), Sluice.Error.INVALID_ARGUMENT), error
    else:
        raise AssertionError("too many threads")


def main():
    tests = [test_call, test_exceptions, test_certificate, test_enums, test_driver]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {test.__name__}")
        except Exception as error:  # pylint: disable=broad-except
            failed = 1
            print(f"not ok {number} {test.__name__}: {error!r}")
            import traceback

            traceback.print_exc()
    sys.stdout.flush()
    os._exit(failed)  # PyGObject's own teardown order is not under test


main()
