/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest sink in C: says hello to each height and has it at once. */
#include <sluice/plugin.h>
#include <stdlib.h>

typedef struct hello { sluice_instance table; const sluice_host* host; } hello;

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  result->level = SLUICE_LEVEL_RECEIVED;
  return state && args ? SLUICE_OK : SLUICE_FATAL;
}
static int32_t Deliver(void* state, const sluice_batch* batch) {
  const sluice_host* host = ((hello*)state)->host;
  host->log(host->context, SLUICE_LOG_INFO, (sluice_text){"hello", 5});
  return batch->part == 0 ? SLUICE_OK : SLUICE_UNSUPPORTED;
}
static const sluice_instance* Create(const sluice_host* host) {
  hello* self = malloc(sizeof *self);
  if (self) *self = (hello){{.struct_size = sizeof self->table, .state = self, .start = Start,
                             .deliver = Deliver, .destroy = free}, host};
  return self ? &self->table : NULL;
}
const sluice_plugin* sluice_plugin_entry_v1(void) {
  static const sluice_plugin kPlugin = {.struct_size = sizeof kPlugin, .id = {"hello_c", 7},
      .build_tag = SLUICE_ABI_BUILD_TAG, .version = {"1.0.0", 5}, .settings_schema = {"[]", 2},
      .highest_level = SLUICE_LEVEL_RECEIVED, .create = Create};
  return &kPlugin;
}
