/* SPDX-License-Identifier: Apache-2.0 */
/* Does not come back from plan, whatever the deadline. */
#include "sink.h"

static int32_t Plan(void* state, const sluice_start_args* args, const sluice_plan* plan) {
  (void)args;
  (void)plan;
  while (((sink*)state)->host != NULL) SinkSleepMs(1000);
  return SLUICE_OK;
}

static const void* Extension(void* state, const char* id) {
  static const sluice_provision_v1 table = {.struct_size = sizeof table, .plan = Plan};
  (void)state;
  return strcmp(id, SLUICE_EXT_PROVISION_V1) == 0 ? &table : NULL;
}

SINK_PLUGIN("hangs_in_plan", table->get_extension = Extension)
