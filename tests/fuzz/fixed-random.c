/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixed-random.h"

#include "fuzz.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

/* A provider with one algorithm is what OpenSSL 3 has for this; RAND_set_rand_method() is deprecated. */

static uint64_t position;

/* splitmix64 */
static uint64_t next_number(void)
{
    uint64_t z = position += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void fixed_random_restart(void) { position = 1; }

void fixed_random_restart_at(uint64_t seed) { position = seed << 20; }

static void *new_context(void *provider, void *parent, const OSSL_DISPATCH *calls)
{
    (void)provider;
    (void)parent;
    (void)calls;
    return malloc(1);
}

static void free_context(void *context) { free(context); }

static int instantiate(void *context, unsigned int strength, int prediction_resistance,
                       const unsigned char *personal, size_t personal_len,
                       const OSSL_PARAM params[])
{
    (void)context;
    (void)strength;
    (void)prediction_resistance;
    (void)personal;
    (void)personal_len;
    (void)params;
    return 1;
}

static int uninstantiate(void *context)
{
    (void)context;
    return 1;
}

static int generate(void *context, unsigned char *out, size_t len, unsigned int strength,
                    int prediction_resistance, const unsigned char *extra, size_t extra_len)
{
    (void)context;
    (void)strength;
    (void)prediction_resistance;
    (void)extra;
    (void)extra_len;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)next_number();
    return 1;
}

static int reseed(void *context, int prediction_resistance, const unsigned char *entropy,
                  size_t entropy_len, const unsigned char *extra, size_t extra_len)
{
    (void)context;
    (void)prediction_resistance;
    (void)entropy;
    (void)entropy_len;
    (void)extra;
    (void)extra_len;
    return 1;
}

static int enable_locking(void *context)
{
    (void)context;
    return 1;
}

static int do_nothing(void *context)
{
    (void)context;
    return 1;
}

static void unlock(void *context) { (void)context; }

static const OSSL_PARAM *gettable(void *context, void *provider)
{
    static const OSSL_PARAM known[] = {OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
                                       OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
                                       OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
                                       OSSL_PARAM_END};

    (void)context;
    (void)provider;
    return known;
}

static int get_params(void *context, OSSL_PARAM params[])
{
    OSSL_PARAM *p;

    (void)context;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
    if (p && !OSSL_PARAM_set_int(p, EVP_RAND_STATE_READY))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
    if (p && !OSSL_PARAM_set_uint(p, 256))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
    return !p || OSSL_PARAM_set_size_t(p, 1 << 16);
}

/* The table holds functions of many types under one; the id says which. */
#define ENTRY(id, function)                                                                        \
    {                                                                                              \
        id, (void (*)(void))(function)                                                             \
    }

static const OSSL_DISPATCH functions[] = {ENTRY(OSSL_FUNC_RAND_NEWCTX, new_context),
                                          ENTRY(OSSL_FUNC_RAND_FREECTX, free_context),
                                          ENTRY(OSSL_FUNC_RAND_INSTANTIATE, instantiate),
                                          ENTRY(OSSL_FUNC_RAND_UNINSTANTIATE, uninstantiate),
                                          ENTRY(OSSL_FUNC_RAND_GENERATE, generate),
                                          ENTRY(OSSL_FUNC_RAND_RESEED, reseed),
                                          ENTRY(OSSL_FUNC_RAND_ENABLE_LOCKING, enable_locking),
                                          ENTRY(OSSL_FUNC_RAND_LOCK, do_nothing),
                                          ENTRY(OSSL_FUNC_RAND_UNLOCK, unlock),
                                          ENTRY(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, gettable),
                                          ENTRY(OSSL_FUNC_RAND_GET_CTX_PARAMS, get_params),
                                          {0, NULL}};

static const OSSL_ALGORITHM algorithms[] = {
    {"SLUICE-FIXED", "provider=sluice-fuzz", functions, "the same numbers in every run"},
    {NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_RAND ? algorithms : NULL;
}

static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                void **provider)
{
    static const OSSL_DISPATCH table[] = {ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                          {0, NULL}};
    static int self;

    (void)handle;
    (void)in;
    *out = table;
    *provider = &self;
    return 1;
}

static OSSL_PROVIDER *usual, *ours;

/* Or LeakSanitizer finds them at the end of a program that replays the corpus. OPENSSL_atexit() is gone in OpenSSL 4.0;
 * what atexit() is told after OpenSSL's initialisation runs before OpenSSL's own clean-up, where that still exists. */
static void uninstall(void)
{
    OSSL_PROVIDER_unload(ours);
    OSSL_PROVIDER_unload(usual);
}

void fixed_random_install(void)
{
    uint8_t first[8], second[8];

    ORACLE(OSSL_PROVIDER_add_builtin(NULL, "sluice-fuzz", init));
    usual = OSSL_PROVIDER_load(NULL, "default");
    ours = OSSL_PROVIDER_load(NULL, "sluice-fuzz");
    ORACLE(usual && ours);
    ORACLE(OPENSSL_init_crypto(0, NULL) && atexit(uninstall) == 0);
    ORACLE(RAND_set_DRBG_type(NULL, "SLUICE-FIXED", NULL, NULL, NULL));
    fixed_random_restart();
    ORACLE(RAND_bytes(first, sizeof first) == 1);
    fixed_random_restart();
    ORACLE(RAND_bytes(second, sizeof second) == 1);
    ORACLE(memcmp(first, second, sizeof first) == 0);
}
