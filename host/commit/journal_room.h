// SPDX-License-Identifier: Apache-2.0
//
// How much the journal keeps: everything that a sink has not acked, some heights besides, and no
// more than its caps. A cap never removes what a sink that the policy needs has not acked: intake
// stops instead. Sinks that the policy does without are lost for it.
//
// Threading: Exceeded from any thread; the others by the one that commits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "commit/ack_tracker.h"
#include "commit/gate.h"
#include "store/database.h"

namespace sluice {

struct JournalCaps {
  uint64_t retain_blocks = 100;  // heights kept although nobody needs them
  uint64_t max_bytes = 0;        // 0: no limit
  uint64_t max_blocks = 0;       // beyond retain_blocks; 0: no limit
};

class JournalRoom {
 public:
  // Borrows the database and the tracker.
  JournalRoom(JournalCaps caps, const Database* database, AckTracker* tracker)
      : caps_(caps), database_(database), tracker_(tracker) {}

  // Which cap stops intake, in words, or empty.
  std::string Exceeded() const;

  // The last height that may be forgotten where everything up to `durable` is durably committed; 0:
  // none.
  Height PruneThrough(Height durable) const;

  // A cap is reached, and no block will come whose batch prunes: what is kept besides gives way;
  // and where only sinks that the policy does without hold the journal, they are given up. The
  // height to forget through, or nothing.
  std::optional<Height> MakeRoom(Height committed, const Gate& gate);

 private:
  Height Forgettable(Height committed, uint64_t retain) const;
  bool GiveUpSinks(Height committed, const Gate& gate);

  const JournalCaps caps_;
  const Database* const database_;
  AckTracker* const tracker_;
};

}  // namespace sluice
