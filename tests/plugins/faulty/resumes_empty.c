/* SPDX-License-Identifier: Apache-2.0 */
/* Lost everything: says that it holds nothing, each time it is asked. */
#include "sink.h"

static int32_t Resume(void* state, sluice_position* position) {
  (void)state;
  position->kind = SLUICE_POSITION_EMPTY;
  return SLUICE_OK;
}

SINK_PLUGIN("resumes_empty", table->resume = Resume)
