/* SPDX-License-Identifier: Apache-2.0 */
/* Does not come back from the delivery of the height `height` (0: each) before it is cancelled. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->height == 0 || batch->height == self->height) {
    ++self->record->deliveries;
    while (!SinkIsCancelled(self)) SinkSleepMs(1);
    return SinkFail(self, SLUICE_CANCELLED, "cancelled while writing");
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("hangs_until_cancelled", table->deliver = Deliver)
