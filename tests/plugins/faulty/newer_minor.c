/* SPDX-License-Identifier: Apache-2.0 */
/* Behaves, and was built with a later minor version: its table is longer than this host knows. */
#include "sink.h"

static const sluice_instance* Create(const sluice_host* host) { return SinkCreate(host); }

const sluice_plugin* sluice_plugin_entry_v1(void) {
  static struct {
    sluice_plugin plugin;
    uint64_t later_field;
  } table = {SINK_TABLE("newer_minor", Create), 1};
  table.plugin.struct_size = sizeof table;
  table.plugin.abi_minor = SLUICE_ABI_MINOR + 7;
  return &table.plugin;
}
