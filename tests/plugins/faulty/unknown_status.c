/* SPDX-License-Identifier: Apache-2.0 */
/* Answers with a number that is no status. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  (void)state;
  (void)batch;
  return 77;
}

SINK_PLUGIN("unknown_status", table->deliver = Deliver)
