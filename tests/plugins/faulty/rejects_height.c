/* SPDX-License-Identifier: Apache-2.0 */
/* Can never take the height `height` (0: each). */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->height == 0 || batch->height == self->height) {
    ++self->record->deliveries;
    return SinkFail(self, SLUICE_REJECT, "value is longer than the column");
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("rejects_height", table->deliver = Deliver)
