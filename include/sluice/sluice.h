/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

/* The whole core API. (sluice/openssl.h, for programs that hold OpenSSL objects, stands apart.) */

#include <sluice/capture.h>
#include <sluice/certificate.h>
#include <sluice/classify.h>
#include <sluice/config.h>
#include <sluice/event.h>
#include <sluice/half-open.h>
#include <sluice/media.h>
#include <sluice/pcapng.h>
#include <sluice/srtp-engine.h>
#include <sluice/stats.h>
#include <sluice/stream-config.h>
#include <sluice/stream.h>
#include <sluice/timers.h>
#include <sluice/transport.h>
#include <sluice/types.h>
#include <sluice/version.h>

#endif
