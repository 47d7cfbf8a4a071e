/* SPDX-License-Identifier: BSD-3-Clause */
#include "own-offer.h"

#include <string.h>

#define MID "urn:ietf:params:rtp-hdrext:sdes:mid"
#define SEND_TIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define WIDE_CC "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

#define END "\r\n"
#define TRANSPORT                                                                                  \
    "c=IN IP4 0.0.0.0" END "a=ice-ufrag:none" END "a=ice-pwd:none00000000000000000000" END         \
    "a=ice-options:trickle" END "a=setup:actpass" END "a=fingerprint:sha-256 "                     \
    "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00" \
    ":00" END

/* The transport of it is put in when the offer is written. */
static const char text[] =
    "v=0" END "o=- 1 1 IN IP4 127.0.0.1" END "s=-" END "t=0 0" END "a=group:BUNDLE 0 1 2" END
    "m=audio 9 UDP/TLS/RTP/SAVPF 111" END TRANSPORT "a=mid:0" END "a=sendrecv" END "a=rtcp-mux" END
    "a=extmap:1 " MID END "a=extmap:2 " SEND_TIME END "a=extmap:3 " WIDE_CC END
    "a=rtpmap:111 opus/48000/2" END "a=rtcp-fb:111 transport-cc" END
    "a=fmtp:111 minptime=10;useinbandfec=1" END "m=video 9 UDP/TLS/RTP/SAVPF 96" END TRANSPORT
    "a=mid:1" END "a=sendrecv" END "a=rtcp-mux" END "a=rtcp-rsize" END "a=extmap:1 " MID END
    "a=extmap:2 " SEND_TIME END "a=extmap:3 " WIDE_CC END "a=rtpmap:96 VP8/90000" END
    "a=rtcp-fb:96 goog-remb" END "a=rtcp-fb:96 transport-cc" END "a=rtcp-fb:96 ccm fir" END
    "a=rtcp-fb:96 nack" END "a=rtcp-fb:96 nack pli" END
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel" END TRANSPORT "a=mid:2" END
    "a=sctp-port:5000" END "a=max-message-size:262144" END;

WhipOffer *whip_own_offer_new(void)
{
    g_autoptr(GError) error = NULL;
    WhipOffer *self = whip_offer_parse(text, strlen(text), &error);

    if (self == NULL)
        g_error("%s", error->message);
    self->own = TRUE;
    for (guint i = 0; i < self->transports->len; i++) {
        WhipOfferTransport *transport = whip_offer_transport(self, i);
        g_clear_pointer(&transport->ufrag, g_free); /* the client's are not known yet */
        g_clear_pointer(&transport->pwd, g_free);
    }
    return self;
}
