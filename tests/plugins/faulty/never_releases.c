/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps each batch for ever: the byte budget runs out, and it says so. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->host->batch_retain(self->host->context, batch) != SLUICE_OK) {
    return SinkFail(self, SLUICE_RETRY, "over the byte budget");
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("never_releases", table->deliver = Deliver)
