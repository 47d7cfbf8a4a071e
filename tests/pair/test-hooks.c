/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: no line of log or key log without a hook; the key log has the NSS format and the peer's
 * secrets, the log has neither secret nor address (ID-05). */

#include "common.h"

#include <ctype.h>
#include <stdio.h>

typedef struct {
    char lines[64][300];
    SluiceLogLevel levels[64];
    uint64_t ids[64];
    unsigned count, destroyed;
} Lines;

static void take_key_line(const char *line, void *user_data)
{
    Lines *lines = user_data;

    if (lines->count < 64)
        snprintf(lines->lines[lines->count], sizeof lines->lines[0], "%s", line);
    lines->count++;
}

static void take_log_line(SluiceLogLevel level, uint64_t id, const char *line, void *user_data)
{
    Lines *lines = user_data;

    if (lines->count < 64) {
        lines->levels[lines->count] = level;
        lines->ids[lines->count] = id;
    }
    take_key_line(line, lines);
}

static void destroyed(void *user_data) { ((Lines *)user_data)->destroyed++; }

/* "CLIENT_RANDOM" and 32 and 48 bytes in hexadecimal. */
static void assert_nss_format(const char *line)
{
    const char *at = line + 14;

    assert_memory_equal(line, "CLIENT_RANDOM ", 14);
    assert_int_equal(strlen(line), 14 + 64 + 1 + 96);
    for (int i = 0; i < 64 + 1 + 96; i++)
        assert_true(i == 64 ? at[i] == ' ' : isxdigit((unsigned char)at[i]) != 0);
}

static void test_key_log(void **state)
{
    Lines client = {.count = 0}, server = {.count = 0};
    SluiceConfig *a = new_config(CLIENT), *b = new_config(SERVER);
    Pair pair;

    (void)state;
    assert_status(sluice_config_set_keylog(a, take_key_line, &client, destroyed), SLUICE_OK);
    assert_status(sluice_config_set_keylog(b, take_key_line, &server, destroyed), SLUICE_OK);
    open_with(&pair, a, b);
    connect_within(&pair, 100 * MS);
    assert_talks(&pair);
    assert_int_equal(client.count, 1);
    assert_int_equal(server.count, 1);
    assert_nss_format(client.lines[0]);
    assert_string_equal(client.lines[0], server.lines[0]); /* the same master secret */
    assert_int_equal(client.destroyed, 0);
    pair_close(&pair);
    assert_int_equal(client.destroyed, 1);
    assert_int_equal(server.destroyed, 1);
}

/* Each call has secrets of its own, through one config. */
static void test_key_log_of_two_calls(void **state)
{
    Lines lines = {.count = 0};
    SluiceConfig *config = new_config(CLIENT);
    Pair pair;

    (void)state;
    sluice_config_set_keylog(config, take_key_line, &lines, NULL);
    for (int i = 0; i < 2; i++) {
        open_with(&pair, sluice_config_ref(config), new_config(SERVER));
        connect_within(&pair, 100 * MS);
        pair_close(&pair);
    }
    sluice_config_unref(config);
    assert_int_equal(lines.count, 2);
    assert_string_not_equal(lines.lines[0], lines.lines[1]);
}

static void test_replaced_and_removed_hooks(void **state)
{
    Lines first = {.count = 0}, second = {.count = 0};
    SluiceConfig *config = new_config(CLIENT);
    Pair pair;

    (void)state;
    sluice_config_set_keylog(config, take_key_line, &first, destroyed);
    sluice_config_set_keylog(config, take_key_line, &second, destroyed);
    assert_int_equal(first.destroyed, 1);
    sluice_config_set_log(config, take_log_line, &first, destroyed);
    sluice_config_set_log(config, NULL, NULL, NULL);
    assert_int_equal(first.destroyed, 2);
    open_with(&pair, config, new_config(SERVER));
    connect_within(&pair, 100 * MS);
    assert_int_equal(first.count, 0);
    assert_int_equal(second.count, 1);
    /* Frozen by the first transport; the destroy function is the caller's then. */
    assert_status(sluice_config_set_keylog(config, NULL, NULL, NULL), SLUICE_INVALID_STATE);
    assert_status(sluice_config_set_log(config, take_log_line, &first, destroyed),
                  SLUICE_INVALID_STATE);
    assert_int_equal(first.destroyed, 2);
    assert_int_equal(second.destroyed, 0);
    pair_close(&pair);
    assert_int_equal(second.destroyed, 1);
}

static void hexadecimal(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void test_log(void **state)
{
    Lines lines = {.count = 0}, keys = {.count = 0};
    SluiceConfig *config = new_config(CLIENT);
    SluiceSrtpKeys srtp;
    char secret[65];
    int connected = 0;
    Pair pair;

    (void)state;
    sluice_config_set_log(config, take_log_line, &lines, NULL);
    sluice_config_set_keylog(config, take_key_line, &keys, NULL);
    open_with(&pair, config, new_config(SERVER));
    connect_within(&pair, 100 * MS);
    assert_talks(&pair);
    assert_status(sluice_transport_get_srtp_keys(pair.end[CLIENT].transport, &srtp), SLUICE_OK);
    hexadecimal(secret, srtp.local_key, 8);
    assert_in_range(lines.count, 2, 64);
    for (unsigned i = 0; i < lines.count; i++) {
        assert_int_equal(lines.ids[i], sluice_transport_get_id(pair.end[CLIENT].transport));
        assert_null(strchr(lines.lines[i], '\n'));
        assert_null(strstr(lines.lines[i], secret));
        for (unsigned k = 0; k < 80; k += 16) { /* no part of the master secret */
            char part[17] = {0};

            memcpy(part, keys.lines[0] + 79 + k, 16);
            assert_null(strstr(lines.lines[i], part));
        }
        connected |= strstr(lines.lines[i], "connected") != NULL;
    }
    assert_true(connected);
    pair_close(&pair);
}

/* A stranger's datagrams write no lines. */
static void test_strangers_fill_no_log(void **state)
{
    Lines lines = {.count = 0};
    SluiceConfig *config = new_config(SERVER);
    uint8_t junk[100];
    unsigned before;
    Rng rng;
    Pair pair;

    (void)state;
    rng_init(&rng, rng_test_seed(5));
    sluice_config_set_log(config, take_log_line, &lines, NULL);
    open_with(&pair, new_config(CLIENT), config);
    connect_within(&pair, 100 * MS);
    before = lines.count;
    for (int i = 0; i < 2000; i++) {
        for (size_t k = 0; k < sizeof junk; k++)
            junk[k] = (uint8_t)rng_next(&rng);
        junk[0] = (uint8_t)(i % 4 ? 20 + i % 4 : 0x80);
        junk[1] = 0xfe;
        junk[2] = 0xfd;
        junk[3] = 0;
        junk[4] = (uint8_t)(i % 2);
        junk[11] = 0;
        junk[12] = 87;
        link_inject(&pair.end[CLIENT].link, vclock_now(), junk, sizeof junk);
    }
    pair_run(&pair, SECOND);
    assert_int_equal(lines.count, before);
    assert_talks(&pair);
    pair_close(&pair);
}

static void test_failure_is_an_error_line(void **state)
{
    Lines lines = {.count = 0};
    SluiceConfig *config = new_config(CLIENT);
    int error = 0;
    Pair pair;

    (void)state;
    sluice_config_set_log(config, take_log_line, &lines, NULL);
    open_with(&pair, config, new_config(SERVER));
    pair.end[CLIENT].link.settings.loss = 1;
    pair_start_both(&pair);
    pair_run(&pair, 31 * SECOND);
    for (unsigned i = 0; i < lines.count && i < 64; i++)
        error |= lines.levels[i] == SLUICE_LOG_ERROR && strstr(lines.lines[i], "deadline");
    assert_true(error);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_log),
        cmocka_unit_test(test_key_log_of_two_calls),
        cmocka_unit_test(test_replaced_and_removed_hooks),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_strangers_fill_no_log),
        cmocka_unit_test(test_failure_is_an_error_line),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_certificates);
}
