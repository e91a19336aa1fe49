/* SPDX-License-Identifier: Apache-2.0 */
/* Does not come back from drain, whatever the deadline; not cancellable. */
#include "sink.h"

static int32_t Drain(void* state, uint64_t deadline_nanos) {
  (void)deadline_nanos;
  while (((sink*)state)->host != NULL) SinkSleepMs(1000);
  return SLUICE_OK;
}

SINK_PLUGIN("hangs_in_drain", table->drain = Drain)
