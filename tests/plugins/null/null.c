/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that has everything at once and keeps nothing, not even its position: what delivery itself
 * costs. */
#include "sink.h"

static int32_t Deliver(void* state, const sluice_batch* batch) {
  (void)state;
  (void)batch;
  return SLUICE_OK;
}

SINK_PLUGIN("null", (table->deliver = Deliver, table->resume = NULL, table->attach = NULL))
