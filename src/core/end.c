/* SPDX-License-Identifier: BSD-3-Clause */

/* The words for flights and ends: what happened, where, and the next thing to try. */

#include <sluice/event.h>

#include "record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    char *text;
    size_t cap, len; /* len >= cap: it did not fit */
} Writer;

static void add(Writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(Writer *writer, const char *format, ...)
{
    if (writer->len >= writer->cap)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(writer->text + writer->len, writer->cap - writer->len, format, args);
    va_end(args);
    writer->len = n < 0 ? writer->cap : writer->len + (size_t)n;
}

/* Half a text helps nobody: it is whole or empty. */
static SluiceStatus finish(Writer *writer)
{
    if (writer->len < writer->cap)
        return SLUICE_OK;
    if (writer->cap > 0)
        writer->text[0] = '\0';
    return SLUICE_NO_ROOM;
}

SluiceStatus sluice_flight_describe(const SluiceFlight *flight, char *text, size_t cap)
{
    /* In the order of a handshake, which is not that of the numbers. */
    static const struct {
        unsigned type;
        const char *name;
    } names[] = {
        {SL_HELLO_REQUEST, "HelloRequest"},
        {SL_CLIENT_HELLO, "ClientHello"},
        {SL_HELLO_VERIFY_REQUEST, "HelloVerifyRequest"},
        {SL_SERVER_HELLO, "ServerHello"},
        {SL_CERTIFICATE, "Certificate"},
        {SL_SERVER_KEY_EXCHANGE, "ServerKeyExchange"},
        {SL_CERTIFICATE_REQUEST, "CertificateRequest"},
        {SL_SERVER_HELLO_DONE, "ServerHelloDone"},
        {SL_CLIENT_KEY_EXCHANGE, "ClientKeyExchange"},
        {SL_CERTIFICATE_VERIFY, "CertificateVerify"},
        {SL_NEW_SESSION_TICKET, "NewSessionTicket"},
    };
    if (!flight || !text)
        return SLUICE_INVALID_ARGUMENT;

    Writer writer = {text, cap, 0};
    uint32_t left = flight->messages;
    const char *comma = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t bit = UINT32_C(1) << names[i].type;
        if (left & bit) {
            add(&writer, "%s%s", comma, names[i].name);
            comma = ", ";
        }
        left &= ~bit;
    }
    if (flight->change_cipher_spec) {
        add(&writer, "%sChangeCipherSpec", comma);
        comma = ", ";
    }
    uint32_t finished = UINT32_C(1) << SL_FINISHED;
    if (flight->encrypted || (left & finished)) {
        add(&writer, "%sFinished", comma);
        comma = ", ";
    }
    if (left & ~finished) {
        add(&writer, "%sothers", comma);
        comma = ", ";
    }
    if (comma[0] == '\0')
        add(&writer, "nothing");
    return finish(&writer);
}

const char *sluice_end_reason_name(SluiceEndReason reason)
{
    switch (reason) {
    case SLUICE_END_LOCAL_CLOSE:
        return "local-close";
    case SLUICE_END_CLOSE_NOTIFY:
        return "close-notify";
    case SLUICE_END_ALERT_RECEIVED:
        return "alert-received";
    case SLUICE_END_ALERT_SENT:
        return "alert-sent";
    case SLUICE_END_DEADLINE:
        return "deadline";
    case SLUICE_END_UNVERIFIED_DEADLINE:
        return "unverified-deadline";
    case SLUICE_END_FINGERPRINT_MISMATCH:
        return "fingerprint-mismatch";
    case SLUICE_END_NO_SRTP_PROFILE:
        return "no-srtp-profile";
    case SLUICE_END_ROLE_CONFLICT:
        return "role-conflict";
    case SLUICE_END_WEAK_HANDSHAKE:
        return "weak-handshake";
    case SLUICE_END_PROTOCOL:
        return "protocol";
    case SLUICE_END_NO_MEMORY:
        return "no-memory";
    case SLUICE_END_TRUNCATED:
        return "truncated";
    case SLUICE_END_CERTIFICATE:
        return "certificate";
    }
    return "unknown";
}

static const char *reason_sentence(SluiceEndReason reason)
{
    switch (reason) {
    case SLUICE_END_LOCAL_CLOSE:
        return "Closed by this end";
    case SLUICE_END_CLOSE_NOTIFY:
        return "Closed by the peer";
    case SLUICE_END_ALERT_RECEIVED:
        return "The peer refused";
    case SLUICE_END_ALERT_SENT:
        return "What the peer sent was refused";
    case SLUICE_END_DEADLINE:
        return "The handshake was not finished in time";
    case SLUICE_END_UNVERIFIED_DEADLINE:
        return "The peer was not verified in time";
    case SLUICE_END_FINGERPRINT_MISMATCH:
        return "The peer's certificate is not the announced one";
    case SLUICE_END_NO_SRTP_PROFILE:
        return "No common SRTP profile";
    case SLUICE_END_ROLE_CONFLICT:
        return "Both ends were DTLS client";
    case SLUICE_END_WEAK_HANDSHAKE:
        return "The peer has no extended master secret";
    case SLUICE_END_PROTOCOL:
        return "OpenSSL gave up";
    case SLUICE_END_NO_MEMORY:
        return "Memory ran out";
    case SLUICE_END_TRUNCATED:
        return "The transport ended without close_notify: what was read may not be all";
    case SLUICE_END_CERTIFICATE:
        return "The peer's certificate was not accepted";
    }
    return "Ended for an unknown reason";
}

static const char *stream_alert_hint(int alert)
{
    switch (alert) {
    case 40: /* handshake_failure */
    case 71: /* insufficient_security */
        return "Compare what both ends offer: ECDHE suites with AES-GCM or ChaCha20, groups "
               "X25519, "
               "P-256, P-384 or P-521.";
    case 42: /* bad_certificate */
    case 43:
    case 44:
    case 45:
    case 46:
    case 48: /* unknown_ca */
        return "The end that sent the alert did not accept the certificate: compare its "
               "authorities "
               "and the name it asked for with the certificate presented.";
    case 70: /* protocol_version */
        return "TLS 1.2 and 1.3 are spoken here: let the peer offer one of them.";
    case 112: /* unrecognized_name */
        return "The server does not know the host that was asked for.";
    case 116: /* certificate_required */
        return "The server wants a certificate: let the config present one.";
    case 120: /* no_application_protocol */
        return "No common ALPN protocol: compare the lists of both ends.";
    case 10: /* unexpected_message */
    case 20: /* bad_record_mac */
    case 22: /* record_overflow */
    case 50: /* decode_error */
        return "The ciphertext did not arrive as it was made: look for bytes dropped, sent twice "
               "or "
               "out of order between the stream and the network (a refused or partial send).";
    default:
        return "Look in the log of the end that sent the alert.";
    }
}

static const char *alert_hint(int alert)
{
    switch (alert) {
    case 40: /* handshake_failure */
    case 71: /* insufficient_security */
        return "Compare what both ends offer: ECDHE suites with AES-GCM or ChaCha20, groups X25519 "
               "or P-256, SRTP profiles, a certificate on both sides.";
    case 42: /* bad_certificate */
    case 43:
    case 44:
    case 45:
    case 46:
    case 48: /* unknown_ca */
        return "Compare the fingerprint in the announced SDP with the certificate presented; the "
               "end that sent the alert did not accept it.";
    case 70: /* protocol_version */
        return "DTLS 1.2 is spoken here: let the peer offer it.";
    case 116: /* certificate_required */
        return "WebRTC needs a certificate from both ends: give the peer one.";
    case 20: /* bad_record_mac */
    case 51: /* decrypt_error */
        return "Keys or signatures differ: look for a peer that was restarted, or a path that "
               "alters datagrams.";
    default:
        return "Look in the log of the end that sent the alert.";
    }
}

static const char *deadline_hint(const SluiceEnd *end)
{
    if (end->stream)
        return "Check that the peer speaks TLS on this port, that what it sends is given to the "
               "stream, and that the stream's output is sent.";
    if (end->last_flight_received > 0)
        return "The peer answered and then no more: look for loss of the larger datagrams (try a "
               "smaller handshake MTU) and at the peer's log.";
    if (end->role == SLUICE_ROLE_CLIENT)
        return "Nothing came back: check that datagrams arrive on this path, and that the peer "
               "takes the server role (a=setup:passive).";
    return "No ClientHello came: check that datagrams arrive on this path, and that the peer takes "
           "the client role (a=setup:active).";
}

const char *sluice_end_hint(const SluiceEnd *end)
{
    if (!end)
        return "Ask sluice_transport_get_end() for the reason.";
    switch (end->reason) {
    case SLUICE_END_LOCAL_CLOSE:
        if (end->phase < SLUICE_STATE_CONNECTED)
            return "It was closed before the connection stood: nothing can be said of the peer.";
        return "Nothing is wrong; a new connection needs a new object.";
    case SLUICE_END_CLOSE_NOTIFY:
        if (end->phase < SLUICE_STATE_UNVERIFIED)
            return "The peer hung up in the handshake: look in its log.";
        return "Nothing is wrong; a new connection needs a new object.";
    case SLUICE_END_ALERT_RECEIVED:
    case SLUICE_END_ALERT_SENT:
        return end->stream ? stream_alert_hint(end->alert) : alert_hint(end->alert);
    case SLUICE_END_DEADLINE:
        return deadline_hint(end);
    case SLUICE_END_UNVERIFIED_DEADLINE:
        return end->stream
                   ? "Set the fingerprint, or accept the peer, as soon as it is known."
                   : "Set the remote fingerprint as soon as the peer's description arrives.";
    case SLUICE_END_FINGERPRINT_MISMATCH:
        return end->stream ? "Check that the fingerprint set here is that of the peer's present "
                             "certificate; if it is, somebody is in the middle."
                           : "Check that the a=fingerprint set here is from the peer's current "
                             "description; if "
                             "it is, somebody is in the middle.";
    case SLUICE_END_NO_SRTP_PROFILE:
        return "Give both ends a common SRTP profile (AEAD_AES_128_GCM, or AES128_CM_SHA1_80 for "
               "older peers), or none on both for data only.";
    case SLUICE_END_ROLE_CONFLICT:
        return "Compare a=setup of both descriptions: one end is active, the other passive.";
    case SLUICE_END_WEAK_HANDSHAKE:
        return "Update the peer's TLS library: extended master secret (RFC 7627) is required.";
    case SLUICE_END_PROTOCOL:
        if (end->stream && (strcmp(end->openssl_reason, "wrong version number") == 0 ||
                            strcmp(end->openssl_reason, "http request") == 0))
            return "The peer does not speak TLS on this port.";
        return "Look up OpenSSL's reason, and capture the handshake to see who broke it.";
    case SLUICE_END_NO_MEMORY:
        return "Free memory, or lower the limits on early media and queues.";
    case SLUICE_END_TRUNCATED:
        return "Take what was read as incomplete unless the protocol above says where it ends; "
               "look "
               "for a peer that crashed, or closes its socket without closing TLS.";
    case SLUICE_END_CERTIFICATE:
        return "Check the authorities of the config, the name the certificate is made out to and "
               "its dates; if they are right, somebody is in the middle.";
    }
    return "Look in the log.";
}

SluiceStatus sluice_end_describe(const SluiceEnd *end, char *text, size_t cap)
{
    if (!end || !text)
        return SLUICE_INVALID_ARGUMENT;

    Writer writer = {text, cap, 0};
    add(&writer, "%s (%s, in state %s, role %s", reason_sentence(end->reason),
        sluice_end_reason_name(end->reason), sluice_state_name(end->phase),
        sluice_role_name(end->role));
    if (end->alert >= 0)
        add(&writer, "; alert %d %s %s", end->alert, sluice_alert_name(end->alert),
            end->alert_received ? "received" : "sent");
    if (end->last_flight_sent > 0)
        add(&writer, "; flight %d sent", end->last_flight_sent);
    if (end->last_flight_received > 0)
        add(&writer, "; flight %d received", end->last_flight_received);
    if (end->retransmissions > 0)
        add(&writer, "; %lu retransmissions", (unsigned long)end->retransmissions);
    if (end->openssl_reason[0] != '\0')
        add(&writer, "; OpenSSL: %.*s", (int)sizeof end->openssl_reason, end->openssl_reason);
    add(&writer, "). %s", sluice_end_hint(end));
    return finish(&writer);
}
