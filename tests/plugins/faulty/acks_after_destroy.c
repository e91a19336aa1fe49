/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks the promise of destroy: a thread of it acks `delay_ms` later. */
#include "sink.h"

typedef struct late {
  const sluice_host* host;
  uint64_t delay_ms, epoch, height;
} late;

static void* Late(void* argument) {
  late* self = (late*)argument;
  sluice_ack ack = {0};
  SinkSleepMs(self->delay_ms);
  ack.struct_size = sizeof ack;
  ack.level = SLUICE_LEVEL_DURABLE;
  ack.epoch = self->epoch;
  ack.attempt = 1;
  ack.last_height = self->height;
  self->host->ack(self->host->context, &ack);
  free(self);
  return NULL;
}

static void Destroy(void* state) {
  sink* self = (sink*)state;
  pthread_t thread;
  late* copy = (late*)malloc(sizeof *copy);
  if (copy != NULL) {
    copy->host = self->host;
    copy->delay_ms = self->delay_ms + 20;
    copy->epoch = self->epoch;
    copy->height = self->record->height;
    if (pthread_create(&thread, NULL, Late, copy) == 0) pthread_detach(thread);
  }
  SinkDestroy(state);
}

SINK_PLUGIN("acks_after_destroy", table->destroy = Destroy)
