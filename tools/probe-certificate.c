/* SPDX-License-Identifier: BSD-3-Clause */

/* Certificates from and to files, and what a person wants to read of one. */

#include "probe.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static GQuark quark(void) { return g_quark_from_static_string("rtcprobe"); }

static SluiceCertificate *load(const ProbeOptions *options, GError **error)
{
    const char *key_file =
        options->key_file != NULL ? options->key_file : options->certificate_file;
    SluiceCertificate *certificate = NULL;
    char *text = NULL, *key = NULL;
    gsize len = 0, key_len = 0;

    if (g_file_get_contents(options->certificate_file, &text, &len, error) &&
        g_file_get_contents(key_file, &key, &key_len, error)) {
        SluiceStatus status = sluice_certificate_from_pem(text, len, key, key_len, &certificate);
        if (status != SLUICE_OK)
            g_set_error(error, quark(), PROBE_EXIT_FAILURE,
                        "cannot use the certificate of %s with the key of %s: %s",
                        options->certificate_file, key_file, sluice_status_text(status));
    }
    if (key != NULL)
        OPENSSL_cleanse(key, key_len);
    if (text != NULL)
        OPENSSL_cleanse(text, len); /* it may hold the key too */
    g_free(key);
    g_free(text);
    return certificate;
}

SluiceCertificate *probe_certificate_get(const ProbeOptions *options, GError **error)
{
    SluiceCertificate *certificate = NULL;
    SluiceStatus status;

    if (options->certificate_file != NULL)
        return load(options, error);
    status = sluice_certificate_generate(options->rsa ? SLUICE_KEY_RSA_2048 : SLUICE_KEY_ECDSA_P256,
                                         &certificate);
    if (status != SLUICE_OK)
        g_set_error(error, quark(), PROBE_EXIT_FAILURE, "cannot make a certificate: %s",
                    sluice_status_text(status));
    return certificate;
}

static char *to_pem(const SluiceCertificate *certificate, gboolean with_key, size_t *size)
{
    char *text;

    *size = 0;
    if (sluice_certificate_to_pem(certificate, with_key, NULL, size) != SLUICE_OK)
        return NULL;
    text = g_malloc(*size);
    if (sluice_certificate_to_pem(certificate, with_key, text, size) == SLUICE_OK)
        return text;
    g_free(text);
    return NULL;
}

/* A file that is there is never overwritten: it may be the only copy of a key. */
static gboolean write_new(const char *path, int mode, const char *text, size_t len, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    gboolean ok = fd >= 0;

    while (ok && len > 0) {
        ssize_t n = write(fd, text, len);
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            ok = FALSE;
        }
    }
    if (!ok)
        g_set_error(error, quark(), PROBE_EXIT_FAILURE, "cannot write %s: %s", path,
                    g_strerror(errno));
    if (fd >= 0 && close(fd) != 0 && ok) {
        g_set_error(error, quark(), PROBE_EXIT_FAILURE, "cannot write %s: %s", path,
                    g_strerror(errno));
        ok = FALSE;
    }
    return ok;
}

/* @pem: the certificate, then the key, as the library writes them */
static gboolean write_files(const ProbeOptions *options, const char *pem, GError **error)
{
    const char *key = strstr(pem, "-----BEGIN PRIVATE KEY-----");

    if (key == NULL) {
        g_set_error(error, quark(), PROBE_EXIT_FAILURE, "the key cannot be written");
        return FALSE;
    }
    if (options->key_file == NULL)
        return write_new(options->certificate_file, 0600, pem, strlen(pem), error);
    if (!write_new(options->key_file, 0600, key, strlen(key), error))
        return FALSE;
    if (write_new(options->certificate_file, 0644, pem, (size_t)(key - pem), error))
        return TRUE;
    unlink(options->key_file); /* a key without its certificate is of no use */
    return FALSE;
}

static void print_certificate(const ProbeOptions *options, ProbeReport *report,
                              SluiceCertificate *certificate, const char *pem)
{
    static const SluiceHash hashes[] = {SLUICE_HASH_SHA256, SLUICE_HASH_SHA384, SLUICE_HASH_SHA512};
    SluiceFingerprint fingerprint;
    char text[SLUICE_FINGERPRINT_TEXT_MAX];
    const guint8 *der = NULL;
    size_t len = 0;

    if (report->json) {
        if (sluice_certificate_get_der(certificate, &der, &len) == SLUICE_OK)
            probe_report_certificate(report, "local", der, len, PROBE_MATCH_UNKNOWN);
        if (options->certificate_file == NULL) {
            JsonBuilder *builder = probe_json_begin(report, "pem");
            probe_json_string(builder, "pem", pem);
            probe_json_end(builder);
        }
        return;
    }
    if (options->certificate_file == NULL)
        fputs(pem, stdout);
    for (size_t i = 0; i < G_N_ELEMENTS(hashes); i++) {
        if (sluice_certificate_get_fingerprint(certificate, hashes[i], &fingerprint) == SLUICE_OK &&
            sluice_fingerprint_format(&fingerprint, text, sizeof text) == SLUICE_OK)
            printf("%s\n", text);
    }
}

ProbeExit probe_certificate_run(const ProbeOptions *options, ProbeReport *report)
{
    ProbeOptions fresh = *options;
    SluiceCertificate *certificate;
    GError *error = NULL;
    char *pem = NULL;
    size_t size = 0;

    fresh.certificate_file = NULL; /* here the files are for writing */
    certificate = probe_certificate_get(&fresh, &error);
    if (certificate != NULL) {
        pem = to_pem(certificate, TRUE, &size);
        if (pem == NULL)
            g_set_error(&error, quark(), PROBE_EXIT_FAILURE, "the certificate cannot be written");
        else if (options->certificate_file == NULL || write_files(options, pem, &error))
            print_certificate(options, report, certificate, pem);
    }
    if (pem != NULL)
        OPENSSL_cleanse(pem, size);
    g_free(pem);
    sluice_certificate_unref(certificate);
    if (error == NULL)
        return PROBE_EXIT_OK;
    probe_report_error(report, "certificate", PROBE_EXIT_FAILURE, error->message);
    g_error_free(error);
    return PROBE_EXIT_FAILURE;
}

static char *take_bio(BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);

    return g_strndup(bytes != NULL ? bytes : "", len > 0 ? (gsize)len : 0);
}

gboolean probe_certificate_info(const guint8 *der, size_t len, ProbeCertificateInfo *out)
{
    const unsigned char *at = der;
    X509 *x509 = d2i_X509(NULL, &at, (long)len);
    BIO *subject = BIO_new(BIO_s_mem()), *not_after = BIO_new(BIO_s_mem());
    EVP_PKEY *key = x509 != NULL ? X509_get0_pubkey(x509) : NULL;
    gboolean ok = x509 != NULL && subject != NULL && not_after != NULL;

    memset(out, 0, sizeof *out);
    if (ok) {
        const char *type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
        /* RFC 2253 form: whatever the peer wrote there comes out as escaped ASCII of any length. */
        X509_NAME_print_ex(subject, X509_get_subject_name(x509), 0, XN_FLAG_RFC2253);
        ASN1_TIME_print(not_after, X509_get0_notAfter(x509));
        out->subject = take_bio(subject);
        out->not_after = take_bio(not_after);
        out->key = type != NULL ? g_strdup_printf("%s %d", type, EVP_PKEY_get_bits(key))
                                : g_strdup("unknown");
    }
    BIO_free(subject);
    BIO_free(not_after);
    X509_free(x509);
    return ok;
}

void probe_certificate_info_clear(ProbeCertificateInfo *info)
{
    g_free(info->subject);
    g_free(info->key);
    g_free(info->not_after);
    memset(info, 0, sizeof *info);
}
