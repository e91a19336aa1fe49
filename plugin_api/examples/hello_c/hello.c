/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest sink in C: logs each height and has it at once. */
#include <sluice/plugin.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct hello { sluice_instance table; const sluice_host* host; } hello;

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  result->level = SLUICE_LEVEL_RECEIVED;
  return state && args ? SLUICE_OK : SLUICE_FATAL;
}
static int32_t Deliver(void* state, const sluice_batch* batch) {
  char line[80];
  int size = snprintf(line, sizeof line, "hello, height %llu", (unsigned long long)batch->height);
  ((hello*)state)->host->log(((hello*)state)->host->context, SLUICE_LOG_INFO,
                             (sluice_text){line, (uint64_t)size});
  return SLUICE_OK;
}
static const sluice_instance* Create(const sluice_host* host) {
  hello* self = calloc(1, sizeof *self);
  if (self == NULL) return NULL;
  self->table = (sluice_instance){.struct_size = sizeof self->table, .state = self, .start = Start,
                                  .deliver = Deliver, .destroy = free};
  self->host = host;
  return &self->table;
}
const sluice_plugin* sluice_plugin_entry_v1(void) {
  static const sluice_plugin kPlugin = {
      .struct_size = sizeof kPlugin, .build_tag = SLUICE_ABI_BUILD_TAG, .id = {"hello_c", 7},
      .version = {"1.0.0", 5}, .highest_level = SLUICE_LEVEL_RECEIVED,
      .settings_schema = {"[]", 2}, .create = Create};
  return &kPlugin;
}
