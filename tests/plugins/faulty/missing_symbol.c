/* SPDX-License-Identifier: Apache-2.0 */
/* Needs a function that no library has. */
#include "sink.h"

int sluice_tests_function_that_nobody_has(void);

static int32_t Deliver(void* state, const sluice_batch* batch) {
  (void)state;
  (void)batch;
  return sluice_tests_function_that_nobody_has();
}

SINK_PLUGIN("missing_symbol", table->deliver = Deliver)
