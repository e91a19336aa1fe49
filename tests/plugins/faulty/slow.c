/* SPDX-License-Identifier: Apache-2.0 */
/* Needs `delay_ms` for each height; gives up where it is cancelled. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  uint64_t left = self->delay_ms;
  while (left > 0) {
    uint64_t step = left < 5 ? left : 5;
    if (SinkIsCancelled(self)) return SinkFail(self, SLUICE_CANCELLED, "cancelled while waiting");
    SinkSleepMs(step);
    left -= step;
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("slow", table->deliver = Deliver)
