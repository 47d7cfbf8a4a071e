/* SPDX-License-Identifier: BSD-3-Clause */

/* Who may take part in a call: certificates, and the configs that present them. */

#include "simulate-world.h"

#include "alloc.h"

#include <stdio.h>

const Limits cast_limits[CONFIGS] = {
    [CONFIG_USUAL] = {1200, 1200, 30 * SLUICE_SECOND, 30 * SLUICE_SECOND, 2 * SLUICE_SECOND, 256,
                      64, 256},
    [CONFIG_CM] = {1200, 1200, 30 * SLUICE_SECOND, 30 * SLUICE_SECOND, 2 * SLUICE_SECOND, 256, 64,
                   256},
    [CONFIG_SMALL] = {256, 600, 30 * SLUICE_SECOND, 30 * SLUICE_SECOND, SLUICE_SECOND, 3, 4, 3},
    [CONFIG_SHORT] = {576, 1200, 6 * SLUICE_SECOND, 4 * SLUICE_SECOND, 500 * SLUICE_MILLISECOND,
                      256, 64, 256},
    [CONFIG_OPEN] = {1200, 1200, 30 * SLUICE_SECOND, 30 * SLUICE_SECOND, 2 * SLUICE_SECOND, 256, 64,
                     256},
};

static int set_up(SluiceConfig *config, ConfigKind kind, Cast *cast)
{
    static const SluiceSrtpProfile cm[] = {SLUICE_SRTP_AES128_CM_SHA1_80,
                                           SLUICE_SRTP_AEAD_AES_128_GCM};
    const Limits *limits = &cast_limits[kind];
    int ok = sluice_config_set_keylog(config, wire_log_key, cast, NULL) == SLUICE_OK;

    ok = ok && sluice_config_set_handshake_mtu(config, limits->handshake_mtu) == SLUICE_OK &&
         sluice_config_set_datagram_limit(config, limits->datagram_limit) == SLUICE_OK &&
         sluice_config_set_deadlines(config, limits->handshake, limits->unverified) == SLUICE_OK &&
         sluice_config_set_overlap(config, limits->overlap) == SLUICE_OK &&
         sluice_config_set_inbox_limits(config, limits->held, 131072, limits->messages, 1048576) ==
             SLUICE_OK &&
         sluice_config_set_output_limits(config, limits->output, 1048576) == SLUICE_OK;
    if (kind == CONFIG_CM)
        ok = ok && sluice_config_set_srtp_profiles(config, cm, 2) == SLUICE_OK;
    if (kind == CONFIG_OPEN)
        ok = ok && sluice_config_set_allow_unvalidated(config, 1) == SLUICE_OK;
    if (kind == CONFIG_SHORT)
        ok = ok && sluice_config_set_waive_restart_cookie(config, 1) == SLUICE_OK;
    return ok;
}

void cast_free(Cast *self)
{
    for (int i = 0; self && i < IDENTITIES; i++) {
        for (int kind = 0; kind < CONFIGS; kind++)
            sluice_config_unref(self->configs[i][kind]);
        sluice_certificate_unref(self->certificates[i]);
    }
    test_free(self);
}

Cast *cast_new(void)
{
    Cast *self = test_malloc(sizeof *self);
    int ok = 1;

    *self = (Cast){0};
    for (int i = 0; i < IDENTITIES && ok; i++) {
        ok = sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &self->certificates[i]) ==
                 SLUICE_OK &&
             sluice_certificate_get_fingerprint(self->certificates[i], SLUICE_HASH_SHA256,
                                                &self->fingerprints[i]) == SLUICE_OK;
        for (int kind = 0; kind < CONFIGS && ok; kind++) {
            self->configs[i][kind] = sluice_config_new(self->certificates[i]);
            ok = self->configs[i][kind] && set_up(self->configs[i][kind], (ConfigKind)kind, self);
            /* The first transport freezes it: what that takes is no call's. */
            if (ok)
                sluice_transport_free(sluice_transport_new(self->configs[i][kind]));
        }
    }
    if (ok)
        return self;
    fputs("simulate: no configs could be made\n", stderr);
    cast_free(self);
    return NULL;
}
