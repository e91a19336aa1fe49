/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the first height, then says on a thread of its own that it is broken. */
#include "sink.h"

static void* Later(void* state) {
  SinkSleepMs(((sink*)state)->delay_ms);
  SinkFail((sink*)state, SLUICE_FATAL, "the background writer died");
  return NULL;
}

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  int32_t status = SinkDeliver(state, batch);
  if (status == SLUICE_OK && !self->has_thread) {
    self->has_thread = pthread_create(&self->thread, NULL, Later, self) == 0;
  }
  return status;
}

SINK_PLUGIN("fails_outside", table->deliver = Deliver)
