/* SPDX-License-Identifier: Apache-2.0 */
/* Takes each height and never says that it has it. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  ++((sink*)state)->record->deliveries;
  (void)batch;
  return SLUICE_PENDING;
}

SINK_PLUGIN("never_acks", table->deliver = Deliver)
