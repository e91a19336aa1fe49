// SPDX-License-Identifier: Apache-2.0
//
// What listening costs: nanoseconds a change for recording it into a change set, over writing it
// into the overlay without a listener. Threading: one thread.
#pragma once

#include "base/status.h"

namespace sluice {

struct ListenerTimes {
  double without_ns = 0;  // a change
  double with_ns = 0;
};
// Times `blocks` blocks of `changes` sets each, both ways, interleaved.
ListenerTimes TimeListener(int blocks, int changes);

}  // namespace sluice
