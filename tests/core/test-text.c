/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds that every value has a text of its own, that names are those promised in the headers, and
 * that a value of no enum is answered instead of crashed on. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sluice/classify.h>
#include <sluice/event.h>
#include <sluice/types.h>
#include <sluice/version.h>

#include <stdio.h>
#include <string.h>

static const SluiceStatus statuses[] = {
    SLUICE_OK,
    SLUICE_WOULD_BLOCK,
    SLUICE_TOO_LARGE,
    SLUICE_NOT_READY,
    SLUICE_DROPPED_MALFORMED,
    SLUICE_DROPPED_UNEXPECTED,
    SLUICE_DROPPED_UNVALIDATED,
    SLUICE_DROPPED_FULL,
    SLUICE_DROPPED_UNAUTHENTIC,
    SLUICE_DROPPED_REPLAYED,
    SLUICE_INVALID_ARGUMENT,
    SLUICE_INVALID_STATE,
    SLUICE_NO_ROOM,
    SLUICE_KEY_EXHAUSTED,
    SLUICE_UNSUPPORTED,
    SLUICE_ENDED,
    SLUICE_NO_MEMORY,
    SLUICE_INTERNAL,
};
#define N_STATUSES (sizeof statuses / sizeof statuses[0])

static void status_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_STATUSES; i++) {
        SluiceStatus s = statuses[i];
        int classes =
            sluice_status_is_dropped(s) + sluice_status_is_misuse(s) + sluice_status_is_dead(s);
        assert_int_equal(classes, s == SLUICE_OK ? 0 : 1);
    }
    assert_true(sluice_status_is_dropped(SLUICE_WOULD_BLOCK));
    assert_true(sluice_status_is_dropped(SLUICE_DROPPED_REPLAYED));
    assert_true(sluice_status_is_misuse(SLUICE_INVALID_ARGUMENT));
    assert_true(sluice_status_is_misuse(SLUICE_UNSUPPORTED));
    assert_true(sluice_status_is_dead(SLUICE_ENDED));
    assert_true(sluice_status_is_dead(SLUICE_INTERNAL));
}

static void status_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_STATUSES; i++) {
        const char *text = sluice_status_text(statuses[i]);
        assert_true(strlen(text) > 3 && text[strlen(text) - 1] == '.');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text, sluice_status_text(statuses[j]));
    }
    assert_string_equal(sluice_status_text((SluiceStatus)12345), "Unknown status.");
}

static void names(void **state)
{
    (void)state;
    static const char *const states[] = {"new",       "listening",  "connecting", "unverified",
                                         "connected", "media-only", "closed",     "failed"};
    static const char *const kinds[] = {"unknown", "stun", "zrtp", "dtls", "turn",
                                        "quic",    "rtp",  "rtcp", "data", "held"};
    static const char *const roles[] = {"auto", "client", "server"};
    for (int i = 0; i < 8; i++)
        assert_string_equal(sluice_state_name((SluiceState)i), states[i]);
    for (int i = 0; i < 10; i++)
        assert_string_equal(sluice_kind_name((SluiceKind)i), kinds[i]);
    for (int i = 0; i < 3; i++)
        assert_string_equal(sluice_role_name((SluiceRole)i), roles[i]);
    assert_string_equal(sluice_state_name((SluiceState)8), "unknown");
    assert_string_equal(sluice_kind_name((SluiceKind)10), "unknown");
    assert_string_equal(sluice_role_name((SluiceRole)-1), "unknown");
    assert_string_equal(sluice_srtp_profile_name((SluiceSrtpProfile)5), "unknown");
    assert_string_equal(sluice_end_reason_name((SluiceEndReason)0), "unknown");
}

static void profiles(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        SluiceSrtpProfile profile;
    } rows[] = {
        {"none", SLUICE_SRTP_NONE},
        {"AES128_CM_SHA1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"SRTP_AES128_CM_HMAC_SHA1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"srtp_aes128_cm_sha1_80", SLUICE_SRTP_AES128_CM_SHA1_80},
        {"AES128_CM_HMAC_SHA1_32", SLUICE_SRTP_AES128_CM_SHA1_32},
        {"SRTP_AES128_CM_SHA1_32", SLUICE_SRTP_AES128_CM_SHA1_32},
        {"aead_aes_128_gcm", SLUICE_SRTP_AEAD_AES_128_GCM},
        {"SRTP_AEAD_AES_256_GCM", SLUICE_SRTP_AEAD_AES_256_GCM},
    };
    static const char *const bad[] = {
        "",  "SRTP_",     "AES128_CM_SHA1_8",      "AES128_CM_SHA1_800", "AES128_CM_SHA1_80 ",
        "7", "SRTP_none", "AEAD_HMAC_AES_128_GCM", "NULL_HMAC_SHA1_80"};
    static const SluiceSrtpProfile all[] = {
        SLUICE_SRTP_NONE, SLUICE_SRTP_AES128_CM_SHA1_80, SLUICE_SRTP_AES128_CM_SHA1_32,
        SLUICE_SRTP_AEAD_AES_128_GCM, SLUICE_SRTP_AEAD_AES_256_GCM};
    SluiceSrtpProfile out;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        out = (SluiceSrtpProfile)99;
        assert_int_equal(sluice_srtp_profile_parse(rows[i].name, &out), SLUICE_OK);
        assert_int_equal(out, rows[i].profile);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        out = (SluiceSrtpProfile)99;
        assert_int_equal(sluice_srtp_profile_parse(bad[i], &out), SLUICE_INVALID_ARGUMENT);
        assert_int_equal(out, 99);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(sluice_srtp_profile_parse(sluice_srtp_profile_name(all[i]), &out),
                         SLUICE_OK);
        assert_int_equal(out, all[i]);
    }
    assert_int_equal(sluice_srtp_profile_parse(NULL, &out), SLUICE_INVALID_ARGUMENT);
    assert_int_equal(sluice_srtp_profile_parse("none", NULL), SLUICE_INVALID_ARGUMENT);
}

static void alerts(void **state)
{
    (void)state;
    static const struct {
        int number;
        const char *name;
    } rows[] = {
        {0, "close_notify"},
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {40, "handshake_failure"},
        {42, "bad_certificate"},
        {48, "unknown_ca"},
        {51, "decrypt_error"},
        {70, "protocol_version"},
        {80, "internal_error"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {116, "certificate_required"},
        {120, "no_application_protocol"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(sluice_alert_name(rows[i].number), rows[i].name);
    assert_string_equal(sluice_alert_name(1), "unknown");
    assert_string_equal(sluice_alert_name(255), "unknown");
    assert_string_equal(sluice_alert_name(-1), "unknown");
    assert_string_equal(sluice_alert_name(1000), "unknown");
    int known = 0;
    for (int i = 0; i < 256; i++)
        known += strcmp(sluice_alert_name(i), "unknown") != 0;
    assert_int_equal(known, 37);
}

static void version(void **state)
{
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR,
             SLUICE_VERSION_MICRO);
    assert_string_equal(sluice_version_string(), text);
    assert_true(SLUICE_CHECK_VERSION(0, 0, 0));
    assert_false(SLUICE_CHECK_VERSION(1000, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_classes), cmocka_unit_test(status_texts), cmocka_unit_test(names),
        cmocka_unit_test(profiles),       cmocka_unit_test(alerts),       cmocka_unit_test(version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
