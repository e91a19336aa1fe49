/* SPDX-License-Identifier: Apache-2.0 */
/* Acks with the epoch before its own, and never with its own. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  int32_t status = SinkDeliver(state, batch);
  if (status != SLUICE_OK) return status;
  SinkAck((sink*)state, batch->epoch - 1, batch->attempt, batch->height);
  return SLUICE_PENDING;
}

SINK_PLUGIN("acks_old_epoch", table->deliver = Deliver)
