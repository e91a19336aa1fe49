/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the process down while it starts. */
#include "sink.h"

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  (void)state;
  (void)args;
  (void)result;
  abort();
}

SINK_PLUGIN("crashes_in_start", table->start = Start)
