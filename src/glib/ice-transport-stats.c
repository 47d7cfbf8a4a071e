/* SPDX-License-Identifier: BSD-3-Clause */

/* The figures, for C and for bindings. */

#include "ice-transport-private.h"

#include <string.h>

void sluice_ice_transport_read_stats(SluiceIceTransport *self, SluiceStats *stats,
                                     SluiceIceCounters *counters)
{
    g_return_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL);
    if (stats != NULL) {
        memset(stats, 0, sizeof *stats);
        sluice_transport_get_stats(self->core, stats, sizeof *stats);
    }
    if (counters != NULL) {
        counters->media_refused = atomic_load(&self->media_refused);
        counters->media_unclaimed = atomic_load(&self->media_unclaimed);
        counters->data_lost = atomic_load(&self->data_lost);
        counters->output_blocked = atomic_load(&self->output_blocked);
        counters->wakeups = atomic_load(&self->wakeups);
    }
}

static void add_seconds(GVariantDict *dict, const char *key, SluiceTime time)
{
    g_variant_dict_insert(dict, key, "d", (double)time / (double)SLUICE_SECOND);
}

static void add_figure(GVariantDict *dict, const SluiceStat *stat)
{
    if (!stat->known)
        return;
    switch (stat->type) {
    case SLUICE_STAT_DURATION:
        add_seconds(dict, stat->name, stat->duration);
        break;
    case SLUICE_STAT_TEXT:
        g_variant_dict_insert(dict, stat->name, "s", stat->text);
        break;
    case SLUICE_STAT_COUNT:
    default:
        g_variant_dict_insert(dict, stat->name, "t", stat->count);
        break;
    }
}

/* With the names of RTCCertificateStats. */
static void add_certificate(GVariantDict *dict, const char *key, gconstpointer der, gsize len)
{
    SluiceFingerprint fingerprint;
    char text[SLUICE_FINGERPRINT_TEXT_MAX], *value;
    GVariantDict certificate;
    char *base64;

    if (sluice_fingerprint_of_der(SLUICE_HASH_SHA256, der, len, &fingerprint) != SLUICE_OK ||
        sluice_fingerprint_format(&fingerprint, text, sizeof text) != SLUICE_OK ||
        (value = strchr(text, ' ')) == NULL)
        return;
    *value++ = '\0';
    base64 = g_base64_encode(der, len);
    g_variant_dict_init(&certificate, NULL);
    g_variant_dict_insert(&certificate, "fingerprintAlgorithm", "s", text);
    g_variant_dict_insert(&certificate, "fingerprint", "s", value);
    g_variant_dict_insert(&certificate, "base64Certificate", "s", base64);
    g_variant_dict_insert_value(dict, key, g_variant_dict_end(&certificate));
    g_free(base64);
}

static void add_certificates(GVariantDict *dict, SluiceIceTransport *self)
{
    const uint8_t *der;
    size_t len;

    if (sluice_certificate_get_der(sluice_config_get_certificate(self->config), &der, &len) ==
        SLUICE_OK)
        add_certificate(dict, "localCertificate", der, len);
    if (sluice_transport_get_remote_certificate(self->core, &der, &len) == SLUICE_OK)
        add_certificate(dict, "remoteCertificate", der, len);
}

GVariant *sluice_ice_transport_get_stats(SluiceIceTransport *self)
{
    SluiceStats core;
    SluiceIceCounters counters;
    SluiceStat stat;
    GVariantDict dict;

    g_return_val_if_fail(SLUICE_IS_ICE_TRANSPORT(self) && self->core != NULL, NULL);
    sluice_ice_transport_read_stats(self, &core, &counters);
    g_variant_dict_init(&dict, NULL);
    for (gsize i = 0; sluice_stats_get(&core, i, &stat); i++)
        add_figure(&dict, &stat);
    if (core.connected_at != SLUICE_TIME_NEVER)
        add_seconds(&dict, "handshakeDuration", core.connected_at - core.started_at);
    add_certificates(&dict, self);
    g_variant_dict_insert(&dict, "mediaRefused", "t", counters.media_refused);
    g_variant_dict_insert(&dict, "mediaUnclaimed", "t", counters.media_unclaimed);
    g_variant_dict_insert(&dict, "dataLost", "t", counters.data_lost);
    g_variant_dict_insert(&dict, "outputBlocked", "t", counters.output_blocked);
    g_variant_dict_insert(&dict, "wakeups", "t", counters.wakeups);
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}
