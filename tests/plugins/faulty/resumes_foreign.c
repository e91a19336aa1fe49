/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it holds another stream. */
#include "sink.h"

static int32_t Resume(void* state, sluice_position* position) {
  (void)SinkResume(state, position);
  position->kind = SLUICE_POSITION_AT;
  memset(position->stream_id, 0, sizeof position->stream_id);
  memcpy(position->stream_id, "somebody-elses", 14);
  return SLUICE_OK;
}

SINK_PLUGIN("resumes_foreign", table->resume = Resume)
