/* SPDX-License-Identifier: BSD-3-Clause */

/* The parser of ClientHellos, the cookie and what is kept of an offer. The input is a plain ClientHello by its parts, so that
 * the mutator need not find lengths that agree: what is read must be what was written, from wherever the message is cut.
 *
 * Input: flags, cut; random (32); session id, cookie, ciphers and extensions, each with a length in front; secret. */

#include "fuzz.h"

#include "client-hello.h"
#include "record.h"

#define BODY_MAX 2048

enum { BAD_LENGTH = 1, DAMAGED = 2, TAIL = 4, DTLS_1_0 = 8 };

typedef struct {
    uint8_t bytes[BODY_MAX];
    size_t len;
} Body;

typedef struct {
    const uint8_t *bytes;
    size_t len;
} Part;

static void put(Body *body, const void *bytes, size_t len)
{
    if (len > BODY_MAX - body->len)
        len = BODY_MAX - body->len;
    if (len)
        memcpy(body->bytes + body->len, bytes, len);
    body->len += len;
}

static void put_number(Body *body, size_t value, int size)
{
    while (size--) {
        uint8_t byte = (uint8_t)(value >> 8 * size);

        put(body, &byte, 1);
    }
}

static Part take_part(Input *in, size_t max)
{
    Part part;
    size_t wanted = take_byte(in);

    part.len = take_bytes(in, wanted < max ? wanted : max, &part.bytes);
    return part;
}

static void put_part(Body *body, const Part *part, int size)
{
    put_number(body, part->len, size);
    put(body, part->bytes, part->len);
}

/* RFC 5246 section 7.4.1.4, each extension as the parser is given it: type and body. */
static void offer_extensions(SluicePeerOffer *offer, const Part *extensions)
{
    Input in = {extensions->bytes, extensions->len};

    while (in.left) {
        unsigned type = take_byte(&in);
        Part body = take_part(&in, 255);
        uint8_t *exact = exact_copy(body.bytes, body.len);

        sl_offer_extension(offer, type, exact, body.len);
        free(exact);
    }
    ORACLE(offer->n_versions <= 8 && offer->n_groups <= 32 && offer->n_srtp_profiles <= 16);
}

static void check_offer(const Part *ciphers, const Part *extensions)
{
    SluicePeerOffer offer;
    uint8_t *exact = exact_copy(ciphers->bytes, ciphers->len);

    memset(&offer, 0, sizeof offer);
    sl_offer_ciphers(&offer, exact, ciphers->len);
    /* Half a number at the end: nothing of it can be right. */
    ORACLE(offer.n_ciphers == (ciphers->len % 2        ? 0
                               : ciphers->len / 2 < 64 ? ciphers->len / 2
                                                       : 64));
    for (size_t i = 0; i < offer.n_ciphers; i++)
        ORACLE(offer.ciphers[i] == sl_get16(exact + 2 * i));
    offer_extensions(&offer, extensions);
    free(exact);
}

static void check_cookie(const SlClientHello *hello, const uint8_t secret[SL_COOKIE_SECRET])
{
    uint8_t cookie[SL_COOKIE], other_secret[SL_COOKIE_SECRET], request[SL_HELLO_VERIFY_REQUEST_MAX];
    SlClientHello with = *hello;
    SlRecord record;
    SlFragment fragment;
    size_t n, at = 0;

    ORACLE(sl_cookie_make(secret, hello, cookie));
    with.cookie = cookie;
    with.cookie_len = sizeof cookie;
    ORACLE(sl_cookie_check(secret, &with));
    memcpy(other_secret, secret, sizeof other_secret);
    other_secret[0] ^= 1;
    ORACLE(!sl_cookie_check(other_secret, &with));
    with.cookie_len--;
    ORACLE(!sl_cookie_check(secret, &with));
    n = sl_hello_verify_request(hello, cookie, request);
    ORACLE(n <= sizeof request && sl_record_next(request, n, &at, &record) == 1 && at == n);
    ORACLE(record.epoch == 0 && record.number == hello->record_number);
    at = 0;
    ORACLE(sl_fragment_next(record.body, record.len, &at, &fragment) == 1 && at == record.len);
    ORACLE(fragment.type == SL_HELLO_VERIFY_REQUEST && fragment.length == fragment.len);
    ORACLE(fragment.len == 3 + SL_COOKIE && memcmp(fragment.body + 3, cookie, SL_COOKIE) == 0);
}

static int inside(const uint8_t *data, size_t len, const uint8_t *part, size_t part_len)
{
    return part >= data && part_len <= len && (size_t)(part - data) <= len - part_len;
}

/* The datagram with the first @cut bytes of the message in it. */
static void write_datagram(Body *out, const Body *message, size_t cut, uint8_t flags)
{
    memset(out, 0, sizeof *out);
    put_number(out, SL_HANDSHAKE, 1);
    put_number(out, flags & DTLS_1_0 ? 0xfeff : 0xfefd, 2);
    put_number(out, 0, 2);
    put_number(out, 77, 6);
    put_number(out, SL_HANDSHAKE_HEADER + cut, 2);
    put_number(out, SL_CLIENT_HELLO, 1);
    put_number(out, message->len, 3);
    put_number(out, 0, 2);
    put_number(out, 0, 3);
    put_number(out, cut, 3);
    put(out, message->bytes, cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Body message, datagram;
    Input in = {data, size};
    uint8_t flags = take_byte(&in), secret[SL_COOKIE_SECRET] = {0}, random[SL_CLIENT_RANDOM] = {0},
            *exact;
    uint16_t cut = take_16(&in), where = take_16(&in);
    const uint8_t *bytes;
    Part session_id, cookie, ciphers, extensions;
    SlClientHello hello;
    SlHelloKind kind;
    size_t head, n = take_bytes(&in, sizeof random, &bytes);

    if (n)
        memcpy(random, bytes, n);
    session_id = take_part(&in, flags & BAD_LENGTH ? 255 : 32);
    cookie = take_part(&in, 255);
    ciphers = take_part(&in, 255);
    extensions = take_part(&in, 255);
    n = take_bytes(&in, sizeof secret, &bytes);
    if (n)
        memcpy(secret, bytes, n);

    memset(&message, 0, sizeof message);
    put_number(&message, 0xfefd, 2);
    put(&message, random, sizeof random);
    put_part(&message, &session_id, 1);
    put_part(&message, &cookie, 1);
    head = message.len; /* what its parser reads */
    put_part(&message, &ciphers, 2);
    put_number(&message, 0x0100, 2);
    put_part(&message, &extensions, 2);
    check_offer(&ciphers, &extensions);

    n = message.len - cut % (message.len + 1);
    write_datagram(&datagram, &message, n, flags);
    if (flags & TAIL)
        put(&datagram, extensions.bytes, extensions.len);
    if (flags & DAMAGED)
        datagram.bytes[where % datagram.len] ^= (uint8_t)(1 + (cut & 0x7f));
    exact = exact_copy(datagram.bytes, datagram.len);
    kind = sl_client_hello_parse(exact, datagram.len, &hello);
    if (kind == SL_HELLO_FIRST) {
        ORACLE(inside(exact, datagram.len, hello.random, SL_CLIENT_RANDOM));
        ORACLE(inside(exact, datagram.len, hello.session_id, hello.session_id_len));
        ORACLE(inside(exact, datagram.len, hello.cookie, hello.cookie_len));
        check_cookie(&hello, secret);
    }
    if (!(flags & (DAMAGED | BAD_LENGTH))) {
        ORACLE(kind == (n >= head ? SL_HELLO_FIRST : SL_HELLO_BAD));
        if (kind == SL_HELLO_FIRST) {
            ORACLE(hello.whole == (n == message.len) && hello.version == 0xfefd);
            ORACLE(hello.record_number == 77 && hello.message_seq == 0);
            ORACLE(memcmp(hello.random, random, sizeof random) == 0);
            ORACLE(hello.session_id_len == session_id.len && hello.cookie_len == cookie.len);
            ORACLE(!cookie.len || memcmp(hello.cookie, cookie.bytes, cookie.len) == 0);
            ORACLE(!session_id.len ||
                   memcmp(hello.session_id, session_id.bytes, session_id.len) == 0);
        }
    }
    free(exact);
    return 0;
}
