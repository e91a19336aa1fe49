/* SPDX-License-Identifier: Apache-2.0 */
/* Each instance breaks after `count` heights. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->used >= self->count) {
    ++self->record->deliveries;
    return SinkFail(self, SLUICE_FATAL, "the connection is lost for good");
  }
  ++self->used;
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("fatal_after", table->deliver = Deliver)
