// SPDX-License-Identifier: Apache-2.0
//
// How much the journal keeps: everything that a sink has not acked, some heights besides, and no
// more than its caps. Sinks without which the policy can hold are lost for a cap; it never removes
// what another one has not acked: intake stops instead.
//
// Threading: Exceeded and FillOf from any thread; the others by the one that commits.
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

  // Which cap stops intake, and whom for, in words, or empty.
  std::string Exceeded() const;

  // How much of the caps the committed heights above `pin` take up, which are kept for a sink that
  // is there: 1 at a cap, 0 where there is none.
  double FillOf(Height pin) const;

  // The last height that may be forgotten where everything up to `durable` is durably committed; 0:
  // none.
  Height PruneThrough(Height durable) const;

  // A cap is reached, and no block will come whose batch prunes: what is kept besides gives way;
  // and where the policy can hold without the sinks that hold the journal, they are given up. The
  // height to forget through, or nothing.
  std::optional<Height> MakeRoom(Height committed, const Gate& gate);

 private:
  std::string ExceededCap() const;
  Height Forgettable(Height committed, uint64_t retain) const;
  bool GiveUpSinks(Height committed, const Gate& gate);

  const JournalCaps caps_;
  const Database* const database_;
  AckTracker* const tracker_;
};

}  // namespace sluice
