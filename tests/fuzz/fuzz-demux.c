/* SPDX-License-Identifier: BSD-3-Clause */

/* What an unknown sender's bytes meet first: the sorting of datagrams, the record guard and the parser of
 * ClientHellos. First byte of the input: the state of the guard; the rest is the datagram. */

#include "fuzz.h"

#include "client-hello.h"
#include "record-guard.h"
#include "record.h"

#include <sluice/classify.h>

static int inside(const uint8_t *data, size_t len, const uint8_t *part, size_t part_len)
{
    return part >= data && part_len <= len && (size_t)(part - data) <= len - part_len;
}

static void check_kind(const uint8_t *data, size_t len)
{
    static const size_t least[] = {0, 20, 12, 13, 4, 1, 12, 8};
    SluiceKind kind = sluice_classify(data, len);

    ORACLE(kind >= SLUICE_KIND_UNKNOWN && kind <= SLUICE_KIND_RTCP);
    ORACLE(len >= least[kind]);
    ORACLE(sluice_kind_name(kind) != NULL);
}

/* The next record of the input that is @record but for the version; the guard writes 1.2 for 1.0. */
static int find_record(const uint8_t *in, size_t len, size_t *offset, const SlRecord *record)
{
    SlRecord candidate;

    while (sl_record_next(in, len, offset, &candidate) == 1) {
        int version = candidate.version == record->version ||
                      (candidate.version == 0xfeff && record->version == 0xfefd);

        if (candidate.type == record->type && version && candidate.epoch == record->epoch &&
            candidate.number == record->number && candidate.len == record->len &&
            memcmp(candidate.body, record->body, record->len) == 0)
            return 1;
    }
    return 0;
}

/* Whole records of the input in the input's order, and nothing else. */
static void check_guarded(const SlGuardState *state, const uint8_t *in, size_t len,
                          const uint8_t *out, size_t n)
{
    size_t at = 0, source = 0;
    SlRecord record;

    ORACLE(n <= len);
    while (at < n) {
        if ((out[at] & 0xe0) ==
            0x20) { /* a unified header of DTLS 1.3: with all behind it, as it came */
            ORACLE(state->dtls13);
            ORACLE(n - at <= len && memcmp(out + at, in + len - (n - at), n - at) == 0);
            return;
        }
        ORACLE(sl_record_next(out, n, &at, &record) == 1);
        ORACLE(find_record(in, len, &source, &record));
    }
}

static void check_guard(uint8_t flags, const uint8_t *data, size_t len)
{
    const SlGuardState state = {.role = flags & 1 ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER,
                                .finished = (flags & 2) != 0,
                                .dtls13 = (flags & 4) != 0};
    uint8_t *out = exact_copy(data, len), *again = exact_copy(data, len);
    SlGuardReport report = {0}, second = {0};
    size_t n = sl_guard_filter(&state, data, len, out, &report);

    check_guarded(&state, data, len, out, n);
    ORACLE((n == 0) == (report.passed == 0));
    /* What has passed once passes again: the guard has no memory. */
    ORACLE(sl_guard_filter(&state, out, n, again, &second) == n);
    ORACLE(memcmp(out, again, n) == 0);
    ORACLE(second.malformed == 0 && second.unexpected == 0);
    free(out);
    free(again);
}

static void check_hello(const uint8_t *data, size_t len)
{
    static const uint8_t secret[SL_COOKIE_SECRET] = {1, 2, 3};
    uint8_t cookie[SL_COOKIE], request[SL_HELLO_VERIFY_REQUEST_MAX];
    SlClientHello hello;
    SlRecord record;
    size_t n, at = 0;

    if (sl_client_hello_parse(data, len, &hello) != SL_HELLO_FIRST)
        return;
    ORACLE(inside(data, len, hello.random, 32));
    ORACLE(inside(data, len, hello.session_id, hello.session_id_len));
    ORACLE(inside(data, len, hello.cookie, hello.cookie_len));
    ORACLE(sl_cookie_make(secret, &hello, cookie));
    ORACLE(sl_cookie_check(secret, &hello) ==
           (hello.cookie_len == SL_COOKIE && memcmp(hello.cookie, cookie, SL_COOKIE) == 0));
    n = sl_hello_verify_request(&hello, cookie, request);
    ORACLE(n <= sizeof request);
    ORACLE(sl_record_next(request, n, &at, &record) == 1 && at == n);
    ORACLE(record.number == hello.record_number && record.epoch == 0);
}

/* The parts of a ClientHello, as OpenSSL's callback gives them. */
static void check_offer(const uint8_t *data, size_t len)
{
    static const unsigned types[] = {10, 14, 23, 43};
    SluicePeerOffer offer;

    memset(&offer, 0, sizeof offer);
    sl_offer_ciphers(&offer, data, len);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        sl_offer_extension(&offer, types[i], data, len);
    if (len)
        sl_offer_extension(&offer, data[0], data + 1, len - 1);
    ORACLE(offer.n_versions <= 8 && offer.n_ciphers <= 64 && offer.n_groups <= 32 &&
           offer.n_srtp_profiles <= 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = {data, size};
    uint8_t flags = take_byte(&in);
    uint8_t *datagram;

    if (in.left > 65535)
        return 0;
    datagram = exact_copy(in.data, in.left);
    check_kind(datagram, in.left);
    check_guard(flags, datagram, in.left);
    check_hello(datagram, in.left);
    check_offer(datagram, in.left);
    free(datagram);
    return 0;
}
