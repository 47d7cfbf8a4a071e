/* SPDX-License-Identifier: BSD-3-Clause */
#include "classify.h"

SluiceKind sluice_classify(const uint8_t *data, size_t len) { return sl_classify(data, len); }
