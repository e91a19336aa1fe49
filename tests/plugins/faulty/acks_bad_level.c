/* SPDX-License-Identifier: Apache-2.0 */
/* Acks at a level that does not exist. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  int32_t status = SinkDeliver(state, batch);
  if (status != SLUICE_OK) return status;
  self->level = 9;
  SinkAck(self, batch->epoch, batch->attempt, batch->height);
  return SLUICE_PENDING;
}

SINK_PLUGIN("acks_bad_level", table->deliver = Deliver)
