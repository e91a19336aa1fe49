/* SPDX-License-Identifier: Apache-2.0 */
/* Behaves; asks for parts of at most `count` bytes. */
#include "sink.h"

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  int32_t status = SinkStart(state, args, result);
  result->max_part_bytes = ((sink*)state)->count;
  return status;
}

SINK_PLUGIN("in_parts", table->start = Start)
