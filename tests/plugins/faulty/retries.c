/* SPDX-License-Identifier: Apache-2.0 */
/* Answers RETRY `count` times for the height `height` (0: each), then takes it. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->height == 0 || batch->height == self->height) {
    if (batch->attempt == 1) self->used = 0;
    if (self->used < self->count) {
      ++self->used;
      ++self->record->deliveries;
      return SinkFail(self, SLUICE_RETRY, "the server is down for maintenance");
    }
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("retries", table->deliver = Deliver)
