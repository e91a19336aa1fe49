/* SPDX-License-Identifier: Apache-2.0 */
/* A newer epoch is at work in its external system. */
#include "sink.h"

static int32_t Attach(void* state, const sluice_attach_args* args) {
  (void)args;
  return SinkFail((sink*)state, SLUICE_FENCED, "epoch 99 writes to this table");
}

SINK_PLUGIN("attach_fenced", table->attach = Attach)
