// SPDX-License-Identifier: Apache-2.0
//
// What the sink holds, read back through sluice.readback/1 and compared with what was delivered:
// height by height and change by change where it keeps changes, key by key where it keeps state.
// Threading: one thread.
#pragma once

#include "base/status.h"
#include "contract/check.h"
#include "contract/history.h"

namespace sluice::contract {

// The sink holds just the heights of `history` through `last`, and before them the rows of the
// snapshot where it begins behind one, as `filter` leaves them. Where the
// plugin has no sluice.readback/1 the report says that it was not checked.
Status ExpectContent(CheckContext* context, const History& history, Height last,
                     const ChangeFilter& filter = {});

}  // namespace sluice::contract
