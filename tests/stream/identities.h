/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STREAM_IDENTITIES_H
#define STREAM_IDENTITIES_H

/* Authorities and the certificates they have signed, each made once in a process when first asked
 * for, valid around the virtual wall clock's start (vclock.h). */

#include <sluice/sluice.h>

typedef enum {
    AUTHORITY,         /* whom the configs of common.h trust */
    OTHER_AUTHORITY,   /* whom nobody trusts unless a test says so */
    INTERMEDIATE,      /* signed by AUTHORITY */
    EXPIRED_AUTHORITY, /* same kind as AUTHORITY, over since a day */
    SELF,              /* the certificate's own key */
    ISSUERS
} Issuer;

typedef enum {
    ID_SERVER,           /* server.example and www.server.example */
    ID_OTHER_HOST,       /* other.example */
    ID_WILDCARD,         /* *.wild.example */
    ID_PARTIAL_WILDCARD, /* w*.wild.example */
    ID_ADDRESS,          /* 192.0.2.7 and 2001:db8::7 */
    ID_COMMON_NAME,      /* server.example as common name alone */
    ID_EXPIRED,
    ID_FUTURE,
    ID_SELF_SIGNED,
    ID_STRANGER,   /* server.example, by OTHER_AUTHORITY */
    ID_CHAINED,    /* server.example, by INTERMEDIATE */
    ID_LATE_CHAIN, /* server.example, by EXPIRED_AUTHORITY */
    ID_CLIENT,     /* client.example, for clients alone */
    ID_CLIENT_2,   /* the same, another key */
    ID_CLIENT_EXPIRED,
    ID_CLIENT_STRANGER, /* by OTHER_AUTHORITY */
    ID_SERVER_ALONE,    /* server.example, for servers alone */
    IDENTITIES
} Identity;

#define HOST "server.example"

/* Borrowed. */
SluiceCertificate *identity(Identity who);
const char *authority_pem(Issuer which);

/* cmocka's tear-down of a group. */
int free_identities(void **state);

/* What this certificate announces. */
SluiceFingerprint fingerprint_of_identity(Identity who, SluiceHash hash);

#endif
