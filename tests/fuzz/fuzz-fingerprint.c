/* SPDX-License-Identifier: BSD-3-Clause */

/* Everything that is read from text or files: fingerprints of SDP, names of profiles, certificates and keys in PEM and
 * DER. First byte of the input: which; the rest is what is read. */

#include "fuzz.h"

#include "fixed-keys.h"

#include <sluice/certificate.h>

static void check_fingerprint(const char *text, size_t len)
{
    char written[SLUICE_FINGERPRINT_TEXT_MAX], *narrow;
    SluiceFingerprint fingerprint, again;
    size_t needed;

    memset(&fingerprint, 0, sizeof fingerprint);
    memset(&again, 0, sizeof again);
    if (sluice_fingerprint_parse(text, len, &fingerprint) != SLUICE_OK)
        return;
    ORACLE(fingerprint.len <= SLUICE_FINGERPRINT_MAX);
    ORACLE(sluice_fingerprint_format(&fingerprint, written, sizeof written) == SLUICE_OK);
    needed = strlen(written) + 1;
    ORACLE(sluice_fingerprint_parse(written, needed - 1, &again) == SLUICE_OK);
    ORACLE(again.hash == fingerprint.hash && again.len == fingerprint.len);
    ORACLE(memcmp(again.bytes, fingerprint.bytes, fingerprint.len) == 0);
    narrow = malloc(needed);
    if (!narrow)
        abort();
    for (size_t cap = 0; cap < needed; cap++)
        ORACLE(sluice_fingerprint_format(&fingerprint, narrow, cap) == SLUICE_NO_ROOM);
    ORACLE(sluice_fingerprint_format(&fingerprint, narrow, needed) == SLUICE_OK);
    free(narrow);
}

/* What was taken is whole: it has fingerprints, and reads again from its own text. */
static void check_certificate(SluiceStatus status, SluiceCertificate *certificate)
{
    SluiceFingerprint first, second;
    SluiceCertificate *copy;
    const uint8_t *der;
    size_t len, text_len = 0;
    char *text;

    if (status != SLUICE_OK)
        return;
    ORACLE(sluice_certificate_get_der(certificate, &der, &len) == SLUICE_OK);
    ORACLE(sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &first) == SLUICE_OK);
    ORACLE(sluice_certificate_to_pem(certificate, 1, NULL, &text_len) == SLUICE_OK);
    text = malloc(text_len);
    if (!text)
        abort();
    ORACLE(sluice_certificate_to_pem(certificate, 1, text, &text_len) == SLUICE_OK);
    ORACLE(sluice_certificate_from_pem(text, text_len - 1, text, text_len - 1, &copy) == SLUICE_OK);
    ORACLE(sluice_certificate_get_fingerprint(copy, SLUICE_HASH_SHA256, &second) == SLUICE_OK);
    ORACLE(memcmp(first.bytes, second.bytes, 32) == 0);
    free(text);
    sluice_certificate_unref(copy);
    sluice_certificate_unref(certificate);
}

static void check_profile(const char *text, size_t len)
{
    char *name = malloc(len + 1);
    SluiceSrtpProfile profile, again;

    if (!name)
        abort();
    memcpy(name, text, len);
    name[len] = 0;
    if (sluice_srtp_profile_parse(name, &profile) == SLUICE_OK) {
        const char *written = sluice_srtp_profile_name(profile);

        ORACLE(sluice_srtp_profile_parse(written, &again) == SLUICE_OK && again == profile);
    }
    free(name);
}

/* The bytes of the first PEM block of @text, without the help of what is under test. */
static size_t decode(const char *text, uint8_t *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = strchr(text, '\n');
    unsigned bits = 0, n_bits = 0;
    size_t n = 0;

    for (; *p && *p != '-'; p++) {
        const char *digit = *p == '\n' ? NULL : strchr(digits, *p);

        if (!digit)
            continue;
        bits = bits << 6 | (unsigned)(digit - digits);
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[n++] = (uint8_t)(bits >> n_bits);
        }
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = {data, size};
    uint8_t which = take_byte(&in), der[1024], *exact = exact_copy(in.data, in.left);
    const char *text = (const char *)exact;
    SluiceCertificate *out = NULL;
    SluiceStatus status = SLUICE_INVALID_ARGUMENT;
    size_t n;

    switch (which % 6) {
    case 0:
        check_fingerprint(text, in.left);
        break;
    case 1:
        status = sluice_certificate_from_pem(text, in.left, fixed_key_1, strlen(fixed_key_1), &out);
        break;
    case 2:
        status = sluice_certificate_from_pem(fixed_certificate_1, strlen(fixed_certificate_1), text,
                                             in.left, &out);
        break;
    case 3:
        n = decode(fixed_key_1, der);
        status = sluice_certificate_from_der(exact, in.left, der, n, &out);
        break;
    case 4:
        n = decode(fixed_certificate_1, der);
        status = sluice_certificate_from_der(der, n, exact, in.left, &out);
        break;
    default:
        check_profile(text, in.left);
        break;
    }
    check_certificate(status, out);
    free(exact);
    return 0;
}
