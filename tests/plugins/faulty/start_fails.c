/* SPDX-License-Identifier: Apache-2.0 */
/* Cannot start, and says why. */
#include "sink.h"

static int32_t Start(void* state, const sluice_start_args* args, sluice_start_result* result) {
  (void)args;
  (void)result;
  return SinkFail((sink*)state, SLUICE_RETRY, "example.com:5432 refused the connection");
}

SINK_PLUGIN("start_fails", table->start = Start)
