/* SPDX-License-Identifier: Apache-2.0 */
/* Answers BUSY to the first call for each height; a thread of its own calls `ready` after
 * `delay_ms`. */
#include "sink.h"

static void* Later(void* state) {
  sink* self = (sink*)state;
  SinkSleepMs(self->delay_ms);
  self->host->ready(self->host->context);
  return NULL;
}

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  if (self->used != batch->height) {
    self->used = batch->height;
    ++self->record->deliveries;
    if (self->has_thread) pthread_join(self->thread, NULL);
    self->has_thread = pthread_create(&self->thread, NULL, Later, self) == 0;
    return SLUICE_BUSY;
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("busy_then_ready_later", table->deliver = Deliver)
