/* SPDX-License-Identifier: Apache-2.0 */
/* Behaves; acks each height from a thread of its own, after `delay_ms`. */
#include "sink.h"

typedef struct later_ack {
  sink* self;
  uint64_t epoch, attempt, height;
} later_ack;

static void* Later(void* argument) {
  later_ack* later = (later_ack*)argument;
  SinkSleepMs(later->self->delay_ms);
  SinkAck(later->self, later->epoch, later->attempt, later->height);
  free(later);
  return NULL;
}

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  later_ack* later;
  int32_t status = SinkDeliver(state, batch);
  if (status != SLUICE_OK || batch->last_part == 0) return status;
  if (self->has_thread) pthread_join(self->thread, NULL);
  later = (later_ack*)malloc(sizeof *later);
  if (later == NULL) return SinkFail(self, SLUICE_RETRY, "out of memory");
  later->self = self;
  later->epoch = batch->epoch;
  later->attempt = batch->attempt;
  later->height = batch->height;
  self->has_thread = pthread_create(&self->thread, NULL, Later, later) == 0;
  return SLUICE_PENDING;
}

SINK_PLUGIN("acks_from_thread", table->deliver = Deliver)
