/* SPDX-License-Identifier: Apache-2.0 */
/* Built with a header older than version 1.0: its table ends early. */
#include "sink.h"

const sluice_plugin* sluice_plugin_entry_v1(void) {
  static const sluice_plugin plugin = {.struct_size = 24, .build_tag = SLUICE_ABI_BUILD_TAG};
  return &plugin;
}
