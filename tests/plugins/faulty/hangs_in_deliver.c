/* SPDX-License-Identifier: Apache-2.0 */
/* Does not come back from the delivery of the height `height` (0: each), whatever cancel says. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->height == 0 || batch->height == self->height) {
    ++self->record->deliveries;
    for (;;) SinkSleepMs(1000);
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("hangs_in_deliver", table->deliver = Deliver)
