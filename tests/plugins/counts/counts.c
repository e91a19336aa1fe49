/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives numbers of its own (sluice.metrics/1) and says that it is at least once. Fails at `height`
 * in its first `count` instances, so that counters can be seen to go on over instances.
 */
#define SINK_CAPABILITIES SLUICE_CAP_AT_LEAST_ONCE
#include "sink.h"

static sluice_text Name(const char* text) {
  sluice_text name = {text, strlen(text)};
  return name;
}

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  int32_t status = SinkStart(state, args, result);
  result->capabilities = SLUICE_CAP_AT_LEAST_ONCE;
  return status;
}

static int32_t Deliver(void* state, const sluice_batch* batch) {
  sink* self = (sink*)state;
  const sluice_host* host = self->host;
  const sluice_metrics_v1* metrics =
      (const sluice_metrics_v1*)host->get_extension(host->context, SLUICE_EXT_METRICS_V1);
  if (metrics == NULL) return SinkFail(self, SLUICE_FATAL, "the host has no sluice.metrics/1");
  if (batch->height == self->height && self->record->starts <= self->count) {
    metrics->set(host->context, Name("gone_with_its_instance"), 1);
    return SinkFail(self, SLUICE_FATAL, "as it was told");
  }
  metrics->add(host->context, Name("heights_taken"), 1);
  metrics->set(host->context, Name("last_height"), (int64_t)batch->height);
  if (metrics->set(host->context, Name("No Name"), 1) != SLUICE_INVALID) {
    return SinkFail(self, SLUICE_FATAL, "a name that is none was taken");
  }
  return SinkDeliver(state, batch);
}

SINK_PLUGIN("counts", (table->start = Start, table->deliver = Deliver))
