/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it holds `count` heights more than it was given. */
#include "sink.h"

static int32_t Resume(void* state, sluice_position* position) {
  int32_t status = SinkResume(state, position);
  if (position->kind == SLUICE_POSITION_AT) position->height += ((sink*)state)->count;
  return status;
}

SINK_PLUGIN("resumes_ahead", table->resume = Resume)
