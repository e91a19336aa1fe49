/* SPDX-License-Identifier: Apache-2.0 */
/* Built with another draft of the ABI. */
#include "sink.h"

const sluice_plugin* sluice_plugin_entry_v1(void) {
  static sluice_plugin plugin = SINK_TABLE("wrong_tag", NULL);
  plugin.build_tag = "sluice-abi-1.0-draft.0";
  return &plugin;
}
