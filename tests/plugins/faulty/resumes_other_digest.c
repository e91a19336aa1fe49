/* SPDX-License-Identifier: Apache-2.0 */
/* Says that it holds another history up to the height at which it stands. */
#include "sink.h"

static int32_t Resume(void* state, sluice_position* position) {
  int32_t status = SinkResume(state, position);
  if (position->kind == SLUICE_POSITION_AT) position->digest.bytes[0] ^= 1;
  return status;
}

SINK_PLUGIN("resumes_other_digest", table->resume = Resume)
