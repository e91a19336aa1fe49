// SPDX-License-Identifier: Apache-2.0
//
// Reading back what the sink holds (sluice.readback/1), from its changes or from its state: one
// COPY out of one read-only snapshot, a row at a time. Takes no lock that a writer would notice and
// fences nobody. Memory: the changes of one height, or one row. Threading: control thread.
#pragma once

#include <memory>
#include <sluice/plugin.hpp>

#include "postgres/wakeup.h"

namespace sluice_postgres {

// `wakeup` must outlive the cursor.
sluice::sdk::Status OpenPostgresReadback(const sluice::sdk::ReadbackArgs& args, Wakeup* wakeup,
                                         sluice::sdk::ReadbackInfo* info,
                                         std::unique_ptr<sluice::sdk::ReadbackCursor>* cursor);

}  // namespace sluice_postgres
