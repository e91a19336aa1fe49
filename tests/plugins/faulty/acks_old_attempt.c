/* SPDX-License-Identifier: Apache-2.0 */
/* Refuses each height once; then acks it with the attempt before. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  int32_t status = SLUICE_OK;
  if (batch->attempt == 1) return SinkFail((sink*)state, SLUICE_RETRY, "the first attempt");
  status = SinkDeliver(state, batch);
  if (status != SLUICE_OK) return status;
  SinkAck((sink*)state, batch->epoch, batch->attempt - 1, batch->height);
  return SLUICE_PENDING;
}

SINK_PLUGIN("acks_old_attempt", table->deliver = Deliver)
