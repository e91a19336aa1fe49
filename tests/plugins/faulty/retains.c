/* SPDX-License-Identifier: Apache-2.0 */
/* Behaves; keeps each batch beyond the call, reads and releases it on a thread of its own, then
 * acks. */
#include "sink.h"

static void* Later(void* state) {
  sink* self = (sink*)state;
  const sluice_batch* batch = self->kept;
  uint64_t epoch = batch->epoch, attempt = batch->attempt, height = batch->height;
  uint64_t sum = 0, i;
  SinkSleepMs(self->delay_ms);
  for (i = 0; i < batch->canonical.size; ++i) sum += batch->canonical.data[i];
  self->used = sum;
  self->host->batch_release(self->host->context, batch);
  SinkAck(self, epoch, attempt, height);
  return NULL;
}

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  int32_t status;
  if (self->has_thread) pthread_join(self->thread, NULL);
  self->has_thread = 0;
  status = self->host->batch_retain(self->host->context, batch);
  if (status == SLUICE_NO_MEMORY) return SinkFail(self, SLUICE_RETRY, "over the byte budget");
  if (status != SLUICE_OK)
    return SinkFail(self, SLUICE_FATAL, "the host does not let it keep this");
  status = SinkDeliver(state, batch);
  if (status != SLUICE_OK) return status;
  self->kept = batch;
  self->has_thread = pthread_create(&self->thread, NULL, Later, self) == 0;
  return SLUICE_PENDING;
}

SINK_PLUGIN("retains", table->deliver = Deliver)
