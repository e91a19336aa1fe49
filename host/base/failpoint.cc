// SPDX-License-Identifier: Apache-2.0
#include "base/failpoint.h"

namespace sluice {

std::atomic<FailpointHandler> g_failpoint_handler{nullptr};

}  // namespace sluice
