/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WHIP_OWN_OFFER_H
#define WHIP_OWN_OFFER_H

/* What this server offers when it is asked to make the offer: audio, video and data channels in one bundle. */

#include "offer.h"

/* As if the client had offered the same: what goes back is what comes. */
WhipOffer *whip_own_offer_new(void);

#endif
