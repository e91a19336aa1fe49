/* SPDX-License-Identifier: Apache-2.0 */
/* Nacks the height `height` (0: each) `count` times after having taken it, then takes it for good.
 */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  int32_t status;
  if (self->height == 0 || batch->height == self->height) {
    if (batch->attempt == 1) self->used = 0;
    if (self->used < self->count) {
      ++self->used;
      ++self->record->deliveries;
      SinkNack(self, batch, SLUICE_RETRY, "the connection broke while writing");
      return SLUICE_PENDING;
    }
  }
  status = SinkDeliver(state, batch);
  return status;
}

SINK_PLUGIN("nacks_then_recovers", table->deliver = Deliver)
