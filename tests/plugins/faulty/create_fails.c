/* SPDX-License-Identifier: Apache-2.0 */
/* Cannot make an instance, and says why. */
#include "sink.h"

static const sluice_instance* Create(const sluice_host* host) {
  sluice_text text = {"no licence on this machine", 26};
  host->fail(host->context, SLUICE_FATAL, text);
  return NULL;
}

const sluice_plugin* sluice_plugin_entry_v1(void) {
  static const sluice_plugin plugin = SINK_TABLE("create_fails", Create);
  return &plugin;
}
