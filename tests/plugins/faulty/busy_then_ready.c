/* SPDX-License-Identifier: Apache-2.0 */
/* Answers BUSY to the first call for each height, having called `ready` before it returns: ready is
 * sticky, so the height comes again at once. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->used != batch->height) {
    self->used = batch->height;
    ++self->record->deliveries;
    self->host->ready(self->host->context);
    return SLUICE_BUSY;
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("busy_then_ready", table->deliver = Deliver)
