/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the process down at the height `height`, or at the first where it is 0. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  if (batch->height >= ((sink*)state)->height) abort();
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("crashes_in_deliver", table->deliver = Deliver)
