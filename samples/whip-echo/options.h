/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_OPTIONS_H
#define WHIP_OPTIONS_H

/* What the command line says. */

#include <sluice/sluice.h>

#include <glib.h>

typedef struct {
    int port;
    char *bind;     /* of HTTP */
    char *ice_bind; /* NULL: every address of the machine */
    char *stun;     /* NULL: no server-reflexive candidates */
    char *certificate;
    char *profiles;
    int mtu;
    gboolean lite;
    char *role;
    char *keylog;
    char *pcapng;
    int max_sessions;
    gboolean json;

    SluiceRole dtls_role; /* AUTO: server, as RFC 9725 prefers, unless the offer leaves no choice */
    SluiceSrtpProfile profile_list[4];
    gsize n_profiles;  /* 0: the library's default */
    gboolean loopback; /* HTTP is for this machine alone */
} WhipOptions;

/* FALSE: wrong usage, which it has explained. */
gboolean whip_options_parse(WhipOptions *self, int argc, char **argv);
void whip_options_clear(WhipOptions *self);

/* The configs that all sessions share: certificate, profiles, sizes, key log; and the same without SRTP, for transports
 * that have data channels alone. FALSE with @error set. */
gboolean whip_options_make_configs(const WhipOptions *self, SluiceConfig **config,
                                   SluiceConfig **data_config, GError **error);

#endif
