/* SPDX-License-Identifier: Apache-2.0 */
/* Its plan is longer than anybody reads (`count` MiB), or, with `height`, no UTF-8. */
#include "sink.h"

static int32_t Plan(void* state, const sluice_start_args* args, const sluice_plan* plan) {
  uint64_t i;
  uint64_t mebibytes = SinkNumber(args->settings, "count", 1);
  sluice_text text = {"\xFF", 1};
  char* piece = (char*)calloc(1, 1 << 20);
  if (piece == NULL) return SinkFail((sink*)state, SLUICE_RETRY, "out of memory");
  if (SinkNumber(args->settings, "height", 0) != 0) plan->write(plan->context, text);
  memset(piece, ' ', 1 << 20);
  text.data = piece;
  text.size = 1 << 20;
  for (i = 0; i < mebibytes; ++i) plan->write(plan->context, text);
  free(piece);
  return SLUICE_OK;
}

static const void* Extension(void* state, const char* id) {
  static const sluice_provision_v1 table = {.struct_size = sizeof table, .plan = Plan};
  (void)state;
  return strcmp(id, SLUICE_EXT_PROVISION_V1) == 0 ? &table : NULL;
}

SINK_PLUGIN("plans_without_end", table->get_extension = Extension)
