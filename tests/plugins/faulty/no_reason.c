/* SPDX-License-Identifier: Apache-2.0 */
/* Refuses each height and does not say why. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  (void)state;
  (void)batch;
  return SLUICE_FATAL;
}

SINK_PLUGIN("no_reason", table->deliver = Deliver)
