/* SPDX-License-Identifier: BSD-3-Clause */

/* The config of libsluice that the options ask for. */

#include "probe-capture.h"

static SluiceStatus configure(SluiceConfig *config, const ProbeOptions *o)
{
    SluiceStatus status = SLUICE_OK;

    /* A description without RTP means DTLS without use_srtp. */
    if (o->command == PROBE_WHIP && (o->lines & PROBE_RTP_LINES) == 0)
        status = sluice_config_set_srtp_profiles(config, NULL, 0);
    else if (o->profiles_given)
        status = sluice_config_set_srtp_profiles(config, o->profiles, o->n_profiles);
    if (status == SLUICE_OK && o->mtu > 0)
        status = sluice_config_set_handshake_mtu(config, (size_t)o->mtu);
    if (status == SLUICE_OK && o->mtu > 0)
        status = sluice_config_set_datagram_limit(config, (size_t)o->mtu);
    if (status == SLUICE_OK && o->first_timeout > 0)
        status = sluice_config_set_first_timeout(config, o->first_timeout * SLUICE_MILLISECOND);
    if (status == SLUICE_OK && o->deadline > 0)
        status = sluice_config_set_deadlines(config, o->deadline * SLUICE_MILLISECOND,
                                             30 * SLUICE_SECOND);
    /* Without ICE nobody has checked the path: a server asks for a cookie (RFC 6347 section 4.2.1). */
    if (status == SLUICE_OK && !o->no_cookie && o->command != PROBE_WHIP)
        status = sluice_config_set_allow_unvalidated(config, 1);
    return status;
}

SluiceConfig *probe_config_new(const ProbeOptions *options, ProbeReport *report)
{
    GError *error = NULL;
    SluiceCertificate *certificate = probe_certificate_get(options, &error);
    SluiceConfig *config;
    const guint8 *der;
    size_t len;
    SluiceStatus status;

    if (certificate == NULL) {
        probe_report_error(report, "certificate", PROBE_EXIT_FAILURE, error->message);
        g_error_free(error);
        return NULL;
    }
    if (sluice_certificate_get_der(certificate, &der, &len) == SLUICE_OK)
        probe_report_certificate(report, "local", der, len, PROBE_MATCH_UNKNOWN);
    config = sluice_config_new(certificate);
    sluice_certificate_unref(certificate);
    status = config != NULL ? configure(config, options) : SLUICE_NO_MEMORY;
    if (status == SLUICE_OK)
        return config;
    probe_report_error(report, "config", PROBE_EXIT_FAILURE, sluice_status_text(status));
    sluice_config_unref(config);
    return NULL;
}
