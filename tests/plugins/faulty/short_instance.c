/* SPDX-License-Identifier: Apache-2.0 */
/* Its instance table ends before `destroy`: the host can only let go of it. */
#include "sink.h"

static const sluice_instance* Create(const sluice_host* host) {
  static sluice_instance table;
  (void)host;
  table.struct_size = offsetof(sluice_instance, drain);
  table.start = SinkStart;
  table.deliver = SinkDeliver;
  return &table;
}

const sluice_plugin* sluice_plugin_entry_v1(void) {
  static const sluice_plugin plugin = SINK_TABLE("short_instance", Create);
  return &plugin;
}
