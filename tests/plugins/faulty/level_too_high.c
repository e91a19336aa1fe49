/* SPDX-License-Identifier: Apache-2.0 */
/* Starts at an ack level above the highest that its identity names. */
#include "sink.h"

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  int32_t status = SinkStart(state, args, result);
  result->level = SLUICE_LEVEL_VISIBLE;
  return status;
}

static const sluice_instance* Create(const sluice_host* host) {
  sluice_instance* table = SinkCreate(host);
  if (table != NULL) table->start = Start;
  return table;
}

const sluice_plugin* sluice_plugin_entry_v1(void) {
  static sluice_plugin plugin = SINK_TABLE("level_too_high", Create);
  plugin.highest_level = SLUICE_LEVEL_DURABLE;
  return &plugin;
}
