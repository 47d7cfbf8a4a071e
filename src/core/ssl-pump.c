/* SPDX-License-Identifier: BSD-3-Clause */
#include "ssl-pump.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

/* ERR_clear_error() walks all 16 places of an empty queue, too: a quarter of what a short record costs. */
static void clear_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

/* libssl's own words if it has some: what a provider says before it ("cipher operation failed") helps nobody. */
static void keep_first_error(SlPumpError *error)
{
    unsigned long code;
    int of_ssl = 0;

    error->no_memory = 0;
    error->reason[0] = '\0';
    while ((code = ERR_get_error()) != 0) {
        const char *reason = ERR_reason_error_string(code);

        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            error->no_memory = 1;
        if (reason && (error->reason[0] == '\0' || (!of_ssl && ERR_GET_LIB(code) == ERR_LIB_SSL)))
            snprintf(error->reason, sizeof error->reason, "%s", reason);
        of_ssl |= ERR_GET_LIB(code) == ERR_LIB_SSL;
    }
}

/* Not told apart: SSL_ERROR_SSL and SSL_ERROR_SYSCALL; which of them a failure is differs by version. */
static SlPumpResult classify(SSL *ssl, int ret, SlPumpError *error)
{
    SlPumpResult result;

    switch (SSL_get_error(ssl, ret)) {
    case SSL_ERROR_NONE:
        result = SL_PUMP_DONE;
        break;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        result = SL_PUMP_WAIT;
        break;
    case SSL_ERROR_ZERO_RETURN:
        result = SL_PUMP_CLOSED;
        keep_first_error(error);
        break;
    default:
        result = SL_PUMP_FATAL;
        keep_first_error(error);
        break;
    }
    clear_errors();
    return result;
}

SlPumpResult sl_pump_handshake(SSL *ssl, SlPumpError *error)
{
    int ret;

    clear_errors();
    ret = SSL_do_handshake(ssl);
    return classify(ssl, ret, error);
}

SlPumpResult sl_pump_read(SSL *ssl, void *buffer, size_t capacity, size_t *n, SlPumpError *error)
{
    int ret;

    *n = 0;
    clear_errors();
    ret = SSL_read_ex(ssl, buffer, capacity, n);
    return classify(ssl, ret, error);
}

SlPumpResult sl_pump_write_some(SSL *ssl, const void *data, size_t len, size_t *n,
                                SlPumpError *error)
{
    int ret;

    *n = 0;
    clear_errors();
    ret = SSL_write_ex(ssl, data, len, n);
    return classify(ssl, ret, error);
}

SlPumpResult sl_pump_write(SSL *ssl, const void *data, size_t len, SlPumpError *error)
{
    size_t n;

    return sl_pump_write_some(ssl, data, len, &n, error);
}

SlPumpResult sl_pump_update_keys(SSL *ssl, int request, SlPumpError *error)
{
    int ret;

    clear_errors();
    ret = SSL_key_update(ssl, request ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    if (ret > 0)
        ret = SSL_do_handshake(ssl);
    return classify(ssl, ret, error);
}

SlPumpResult sl_pump_shutdown(SSL *ssl, SlPumpError *error)
{
    int ret;

    clear_errors();
    ret = SSL_shutdown(ssl);
    if (ret >= 0) { /* 0: sent, the peer's has not come */
        clear_errors();
        return SL_PUMP_DONE;
    }
    return classify(ssl, ret, error);
}

SlPumpResult sl_pump_timeout(SSL *ssl, SlPumpError *error)
{
    long ret;

    clear_errors();
    ret = DTLSv1_handle_timeout(ssl);
    if (ret < 0)
        keep_first_error(error);
    clear_errors();
    return ret > 0 ? SL_PUMP_DONE : ret == 0 ? SL_PUMP_WAIT : SL_PUMP_FATAL;
}

SlPumpResult sl_pump_listen(SSL *ssl, SlPumpError *error)
{
    BIO_ADDR *peer = BIO_ADDR_new(); /* it is cleared without a check: NULL would crash */
    int ret;

    if (!peer) {
        error->no_memory = 1;
        error->reason[0] = '\0';
        return SL_PUMP_FATAL;
    }
    clear_errors();
    ret = DTLSv1_listen(ssl, peer);
    BIO_ADDR_free(peer);
    if (ret < 0)
        keep_first_error(error);
    clear_errors();
    return ret > 0 ? SL_PUMP_DONE : ret == 0 ? SL_PUMP_WAIT : SL_PUMP_FATAL;
}

/* The names of RFC 8422 and of browsers' statistics, not OpenSSL's. */
const char *sl_ssl_group_name(SSL *ssl)
{
    /* Without a session, before a ClientHello was understood, OpenSSL 3.0 crashes here. */
    int nid = SSL_get_session(ssl) ? (int)SSL_get_negotiated_group(ssl) : NID_undef;
    const char *name;

    switch (nid) {
    case NID_X25519:
        return "x25519";
    case NID_X9_62_prime256v1:
        return "P-256";
    case NID_secp384r1:
        return "P-384";
    default:
        name = nid == NID_undef ? NULL : OBJ_nid2sn(nid);
        return name ? name : "";
    }
}
