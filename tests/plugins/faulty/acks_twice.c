/* SPDX-License-Identifier: Apache-2.0 */
/* Acks each height twice, and answers OK besides. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  int32_t status = SinkDeliver(state, batch);
  if (status == SLUICE_OK && batch->last_part == 1) {
    SinkAck((sink*)state, batch->epoch, batch->attempt, batch->height);
    SinkAck((sink*)state, batch->epoch, batch->attempt, batch->height);
  }
  return status;
}

SINK_PLUGIN("acks_twice", table->deliver = Deliver)
