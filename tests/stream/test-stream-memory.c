/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: whichever allocation of ours or OpenSSL's fails, nothing crashes or leaks, no byte is wrong, and what cannot go
 * on says so. */

#include "common.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>

/* Each of the first, which are ours for the most part, then every 13th; or every n-th: SLUICE_TEST_OOM_STEP. */
static uint64_t step_after(uint64_t n)
{
    const char *text = getenv("SLUICE_TEST_OOM_STEP");
    uint64_t wanted = text ? strtoull(text, NULL, 10) : 0;

    return wanted ? wanted : n < 200 ? 1 : 13;
}

static AllocCount in_use(void)
{
    ERR_clear_error();
    OPENSSL_thread_stop();
    return alloc_count();
}

typedef struct {
    SluiceConfig *config[2];
    uint8_t session[8192];
    size_t session_len;
    int updates;
} Scene;

static Scene scene;

/* One end, without the assertions of common.c: there anything may fail. */
typedef struct {
    SluiceStream *stream;
    uint64_t accepted, got;
    int over;
} Actor;

static void bring(Actor *from, Actor *to)
{
    const uint8_t *data;
    size_t len, taken;

    while (sluice_stream_peek_output(from->stream, &data, &len)) {
        SluiceStatus status = sluice_stream_receive(to->stream, data, len, &taken);

        assert_true(taken <= len);
        if (taken == 0 && status != SLUICE_OK)
            taken = len; /* it is over there: let the rest go */
        assert_status(sluice_stream_pop_output(from->stream, taken), SLUICE_OK);
    }
}

static void talk(Actor *self, int which, uint64_t goal)
{
    uint8_t buffer[20000];
    size_t n;
    SluiceStatus status;

    while (self->accepted < goal) {
        size_t len = (size_t)(goal - self->accepted);

        if (len > sizeof buffer)
            len = sizeof buffer;
        for (size_t i = 0; i < len; i++)
            buffer[i] = duo_byte(which, self->accepted + i);
        status = sluice_stream_write(self->stream, buffer, len, &n);
        assert_true(n <= len);
        self->accepted += n;
        if (status != SLUICE_OK)
            break;
    }
    while (sluice_stream_read(self->stream, buffer, sizeof buffer, &n) == SLUICE_OK) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buffer[i], duo_byte(!which, self->got + i));
        self->got += n;
    }
}

/* What must be true of an end however it came out. */
static void judge(const Actor *self, const Actor *other)
{
    SluiceState state = sluice_stream_get_state(self->stream);
    SluiceEnd end;
    SluiceStreamInfo info;

    assert_true(self->got <= other->accepted);
    assert_status(sluice_stream_get_info(self->stream, &info, sizeof info), SLUICE_OK);
    assert_int_equal(info.plaintext_accepted, self->accepted);
    assert_int_equal(info.plaintext_read, self->got);
    if (state == SLUICE_STATE_FAILED) {
        assert_status(sluice_stream_get_end(self->stream, &end), SLUICE_OK);
        assert_true(end.reason != 0);
    }
}

static SluiceStatus set_up(Actor *client)
{
    SluiceStatus status = sluice_stream_set_host(client->stream, HOST);

    if (status == SLUICE_OK && scene.session_len)
        status = sluice_stream_set_session(client->stream, scene.session, scene.session_len);
    return status;
}

static void converse(Actor *actors)
{
    const uint8_t *der;
    uint8_t key[16];
    size_t len;

    for (int round = 0; round < 12; round++)
        for (int i = 0; i < 2; i++) {
            bring(&actors[i], &actors[!i]);
            talk(&actors[i], i, round < 6 ? 0 : 40000);
            if (scene.updates && round == 7)
                (void)sluice_stream_update_keys(actors[i].stream, 1);
            if (round == 8)
                sluice_stream_release_buffers(actors[i].stream);
        }
    for (int i = 0; i < 2; i++) {
        (void)sluice_stream_get_peer_certificate(actors[i].stream, 0, &der, &len);
        (void)sluice_stream_export(actors[i].stream, "EXPORTER-x", NULL, 0, key, sizeof key);
        len = 0;
        (void)sluice_stream_get_session(actors[i].stream, NULL, &len);
        (void)sluice_stream_shutdown(actors[i].stream);
    }
    for (int i = 0; i < 4; i++)
        bring(&actors[i % 2], &actors[!(i % 2)]);
    for (int i = 0; i < 2; i++)
        talk(&actors[i], i, 0);
}

/* A whole life. 1 if all of it worked. */
static int live(void)
{
    Actor actors[2] = {{NULL, 0, 0, 0}, {NULL, 0, 0, 0}};
    int ok = 1;

    for (int i = 0; i < 2; i++)
        actors[i].stream = sluice_stream_new(scene.config[i],
                                             i == CLIENT ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
    if (actors[0].stream && actors[1].stream && set_up(&actors[0]) == SLUICE_OK) {
        for (int i = 0; i < 2; i++)
            (void)sluice_stream_start(actors[i].stream, vclock_now());
        converse(actors);
        for (int i = 0; i < 2; i++) {
            judge(&actors[i], &actors[!i]);
            ok = ok && sluice_stream_get_state(actors[i].stream) == SLUICE_STATE_CLOSED &&
                 actors[i].got == 40000;
        }
    } else {
        ok = 0;
    }
    for (int i = 0; i < 2; i++)
        sluice_stream_free(actors[i].stream);
    return ok;
}

static void open_scene(unsigned version, int resumed)
{
    Duo duo;

    memset(&scene, 0, sizeof scene);
    scene.config[CLIENT] = client_config(version);
    scene.config[SERVER] = server_config(version, ID_SERVER);
    sluice_config_set_stream_present_certificate(scene.config[CLIENT], 1);
    sluice_config_set_stream_client_auth(scene.config[SERVER], SLUICE_CLIENT_AUTH_REQUIRE);
    scene.updates = version == SLUICE_TLS_1_3;
    duo_open_host(&duo, sluice_config_ref(scene.config[CLIENT]),
                  sluice_config_ref(scene.config[SERVER]));
    duo_connect(&duo);
    if (resumed) {
        scene.session_len = sizeof scene.session;
        assert_status(
            sluice_stream_get_session(duo.end[CLIENT].stream, scene.session, &scene.session_len),
            SLUICE_OK);
    }
    duo_close(&duo);
}

static void close_scene(void)
{
    for (int i = 0; i < 2; i++)
        sluice_config_unref(scene.config[i]);
}

/* One life with allocation @n failing. 1 if one has failed. */
static int fail_one(uint64_t n, int forever, AllocCount *after)
{
    int failed;

    alloc_fail_at(n, forever);
    (void)live();
    failed = alloc_has_failed();
    alloc_fail_at(0, 0);
    *after = in_use();
    return failed;
}

static void fail_each(int forever)
{
    AllocCount before, after;
    uint64_t n = 1;

    assert_true(live()); /* whatever is set up once in a process */
    assert_true(live());
    before = in_use();
    while (fail_one(n, forever, &after)) {
        if (after.own_bytes > before.own_bytes || after.openssl_bytes > before.openssl_bytes) {
            before = after; /* OpenSSL's tables for the whole process may grow, once */
            fail_one(n, forever, &after);
        }
        if (after.own_bytes > before.own_bytes || after.openssl_bytes > before.openssl_bytes)
            fail_msg("allocation %d (%s): %d bytes of ours and %d of OpenSSL's stay", (int)n,
                     forever ? "and all after it" : "alone",
                     (int)(after.own_bytes - before.own_bytes),
                     (int)(after.openssl_bytes - before.openssl_bytes));
        before = after;
        n += step_after(n);
    }
    print_message("# %d allocations in a life\n", (int)n);
    assert_true(n > 100);
    assert_true(live());
}

static void test_running_out(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (int resumed = 0; resumed < 2; resumed++) {
            open_scene(versions[v], resumed);
            fail_each(0);
            close_scene();
        }
}

static void test_running_out_for_good(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        open_scene(versions[v], 0);
        fail_each(1);
        close_scene();
    }
}

/* A config with everything in it. */
static void make_config(void)
{
    static const char *const protocols[] = {"h2", "http/1.1"};
    const char *ca = authority_pem(AUTHORITY), *chain = authority_pem(INTERMEDIATE);
    SluiceConfig *config = sluice_config_new(identity(ID_SERVER));

    if (!config)
        return;
    (void)sluice_config_set_stream_alpn(config, protocols, 2);
    (void)sluice_config_add_stream_ca_pem(config, ca, strlen(ca));
    (void)sluice_config_add_stream_ca_pem(config, chain, strlen(chain));
    (void)sluice_config_add_stream_chain_pem(config, chain, strlen(chain));
    sluice_stream_free(sluice_stream_new(config, SLUICE_ROLE_SERVER));
    sluice_config_unref(config);
}

static void test_configs_running_out(void **state)
{
    AllocCount before, after;
    uint64_t n = 1;
    int failed;

    (void)state;
    make_config();
    make_config();
    before = in_use();
    do {
        alloc_fail_at(n, 0);
        make_config();
        failed = alloc_has_failed();
        alloc_fail_at(0, 0);
        after = in_use();
        if (after.own_bytes > before.own_bytes || after.openssl_bytes > before.openssl_bytes) {
            before = after;
            alloc_fail_at(n, 0);
            make_config();
            alloc_fail_at(0, 0);
            after = in_use();
        }
        if (after.own_bytes > before.own_bytes || after.openssl_bytes > before.openssl_bytes)
            fail_msg("allocation %d: %d bytes of ours and %d of OpenSSL's stay", (int)n,
                     (int)(after.own_bytes - before.own_bytes),
                     (int)(after.openssl_bytes - before.openssl_bytes));
        before = after;
        n += step_after(n);
    } while (failed);
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_running_out),
        cmocka_unit_test(test_running_out_for_good),
        cmocka_unit_test(test_configs_running_out),
    };

    alloc_init();
    return cmocka_run_group_tests(tests, NULL, free_identities);
}
