/* SPDX-License-Identifier: Apache-2.0 */
/* Its position has a stream id without an end. */
#include "sink.h"

static int32_t Resume(void* state, sluice_position* position) {
  (void)state;
  position->kind = SLUICE_POSITION_AT;
  position->height = 1;
  memset(position->stream_id, 'x', sizeof position->stream_id);
  return SLUICE_OK;
}

SINK_PLUGIN("resumes_bad_position", table->resume = Resume)
