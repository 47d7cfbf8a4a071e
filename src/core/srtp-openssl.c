/* SPDX-License-Identifier: BSD-3-Clause */
#include "srtp-openssl.h"

#include <srtp2/srtp.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { UNTRIED, IN_PLACE, REFUSED } State;

/* All of it belongs to the process, as libsrtp's kernel does. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static State states[SL_SRTP_ALGORITHMS];
static uint64_t refused;
static int config_has_spoken, log_has_spoken;

static const char *const names[SL_SRTP_ALGORITHMS] = {"AES-CM-128", "AES-CM-256", "AES-GCM-128",
                                                      "AES-GCM-256", "HMAC-SHA1"};
static const uint32_t ids[SL_SRTP_ALGORITHMS] = {
    SRTP_AES_ICM_128, SRTP_AES_ICM_256, SRTP_AES_GCM_128, SRTP_AES_GCM_256, SRTP_HMAC_SHA1};

static _Thread_local SlSrtpPlaces *noted; /* or NULL */

void sl_srtp_openssl_note(SlSrtpPlaces *places) { noted = places; }

void sl_srtp_openssl_note_cipher(const void *cipher, const void *context)
{
    if (!noted || noted->cipher)
        return;
    noted->cipher = cipher;
    noted->context = context;
}

void sl_srtp_openssl_note_mac(const void *mac)
{
    if (noted && !noted->mac)
        noted->mac = mac;
}

static int environment_wants_stock(void)
{
    static int known, stock;

    if (!known) {
        const char *value = getenv("SLUICE_STOCK_SRTP_CIPHERS");

        stock = value && strcmp(value, "1") == 0;
        known = 1;
    }
    return stock;
}

static srtp_err_status_t replace(SlSrtpAlgorithm which, const SlSrtpVectors *vectors)
{
    const srtp_cipher_type_t *cipher;
    const srtp_auth_type_t *auth;

    /* libsrtp runs both sets of vectors on the new one, and takes it if all come out right. */
    if (which == SL_SRTP_HMAC_SHA1) {
        auth = sl_srtp_hmac_type(vectors->hmac_sha1);
        return auth ? srtp_replace_auth_type(auth, ids[which]) : srtp_err_status_no_such_op;
    }
    cipher = sl_srtp_cipher_type(which, vectors->ciphers[which]);
    return cipher ? srtp_replace_cipher_type(cipher, ids[which]) : srtp_err_status_no_such_op;
}

static void try_all(const SlSrtpVectors *vectors)
{
    for (int i = 0; i < SL_SRTP_ALGORITHMS; i++) {
        srtp_err_status_t status;

        if (states[i] != UNTRIED)
            continue;
        status = replace((SlSrtpAlgorithm)i, vectors);
        if (status == srtp_err_status_ok)
            states[i] = IN_PLACE;
        else if (status != srtp_err_status_alloc_fail)
            states[i] = REFUSED;
        refused += status != srtp_err_status_ok;
    }
}

/* The names of those that are not in place, "" if there is nothing to say. */
static void list_refused(char *out, size_t capacity)
{
    size_t len = 0;

    out[0] = 0;
    if (refused == 0 || log_has_spoken)
        return;
    for (int i = 0; i < SL_SRTP_ALGORITHMS; i++)
        if (states[i] != IN_PLACE && len < capacity)
            len += (size_t)snprintf(out + len, capacity - len, "%s%s", len ? ", " : "", names[i]);
    log_has_spoken = 1;
}

void sl_srtp_openssl_put_in_with(const SlSrtpVectors *vectors, const SluiceConfig *config,
                                 uint64_t transport_id)
{
    char list[128] = "";
    int wanted;

    pthread_mutex_lock(&lock);
    wanted = config ? !config->stock_srtp_ciphers : !config_has_spoken;
    config_has_spoken |= config != NULL;
    if (wanted && !environment_wants_stock())
        try_all(vectors);
    if (config && config->log)
        list_refused(list, sizeof list);
    pthread_mutex_unlock(&lock);
    if (list[0])
        sl_log(config, SLUICE_LOG_INFO, transport_id,
               "SRTP: %s keeps its own ciphers, and is slower by them, for %s",
               srtp_get_version_string(), list);
}

void sl_srtp_openssl_put_in(const SluiceConfig *config, uint64_t transport_id)
{
    sl_srtp_openssl_put_in_with(&sl_srtp_vectors, config, transport_id);
}

SluiceStatus sluice_srtp_engine_get_info(SluiceSrtpEngineInfo *info, size_t size)
{
    SluiceSrtpEngineInfo known;

    if (!info || size == 0)
        return SLUICE_INVALID_ARGUMENT;
    memset(&known, 0, sizeof known);
    pthread_mutex_lock(&lock);
    known.aes_icm_128 = states[SL_SRTP_ICM_128] == IN_PLACE;
    known.aes_icm_256 = states[SL_SRTP_ICM_256] == IN_PLACE;
    known.aes_gcm_128 = states[SL_SRTP_GCM_128] == IN_PLACE;
    known.aes_gcm_256 = states[SL_SRTP_GCM_256] == IN_PLACE;
    known.hmac_sha1 = states[SL_SRTP_HMAC_SHA1] == IN_PLACE;
    known.refused = refused;
    pthread_mutex_unlock(&lock);
    (void)snprintf(known.libsrtp, sizeof known.libsrtp, "%s", srtp_get_version_string());
    memset(info, 0, size);
    memcpy(info, &known, size < sizeof known ? size : sizeof known);
    return SLUICE_OK;
}
