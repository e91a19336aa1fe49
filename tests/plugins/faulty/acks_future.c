/* SPDX-License-Identifier: Apache-2.0 */
/* Acks a hundred heights that it was never given, then each height truly. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  int32_t status = SinkDeliver(state, batch);
  if (status != SLUICE_OK) return status;
  SinkAck((sink*)state, batch->epoch, batch->attempt, batch->height + 100);
  if (batch->last_part == 1) SinkAck((sink*)state, batch->epoch, batch->attempt, batch->height);
  return SLUICE_PENDING;
}

SINK_PLUGIN("acks_future", table->deliver = Deliver)
