/* SPDX-License-Identifier: Apache-2.0 */
/* Plans what it was asked for, in two pieces; nothing where `count` is 0. */
#include "sink.h"

static int32_t Plan(void* state, const sluice_start_args* args, const sluice_plan* plan) {
  char line[256];
  sluice_text text;
  if (args->deadline_nanos == 0)
    return SinkFail((sink*)state, SLUICE_RETRY, "there is no time left");
  if (args->store_count == 0) return SinkFail((sink*)state, SLUICE_INVALID, "no store is given");
  if (SinkNumber(args->settings, "count", 1) == 0) return SLUICE_OK;
  text.data = line;
  text.size =
      (uint64_t)snprintf(line, sizeof line, "MAKE %.*s %.*s %.*s\n", (int)args->stream_id.size,
                         args->stream_id.data, (int)args->sink_name.size, args->sink_name.data,
                         (int)args->stores[0].size, args->stores[0].data);
  plan->write(plan->context, text);
  text.data = "GRANT all\n";
  text.size = 10;
  plan->write(plan->context, text);
  return SLUICE_OK;
}

static const void* Extension(void* state, const char* id) {
  static const sluice_provision_v1 table = {.struct_size = sizeof table, .plan = Plan};
  (void)state;
  return strcmp(id, SLUICE_EXT_PROVISION_V1) == 0 ? &table : NULL;
}

SINK_PLUGIN("provision", table->get_extension = Extension)
