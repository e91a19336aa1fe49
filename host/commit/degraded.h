// SPDX-License-Identifier: Apache-2.0
//
// Heights that were committed without the acks that the policy asks for (on_failure = degrade), and
// the sinks that are left out of decisions until they have caught up.
//
// Pure bookkeeping: it says which records the next batch must carry and writes nothing itself.
// Threading: the committing thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/types.h"
#include "commit/ack_tracker.h"
#include "store/database.h"

namespace sluice {

class DegradedRanges {
 public:
  // `recorded`: as the database has them. Sinks of ranges that are not healed are left out again.
  DegradedRanges(std::vector<UnackedRange> recorded, std::vector<SinkName> sinks);

  bool degraded() const;
  bool LeftOut(size_t sink) const { return left_out_[sink]; }
  void LeaveOut(const std::vector<size_t>& sinks);

  // Whether `height`, missed by `missing`, would grow the open range rather than begin another.
  bool Continues(Height height, const std::vector<size_t>& missing) const;
  // `height` commits without the left-out sinks that have not acked it. Returns the record that
  // must be in the same batch: the open range, grown by this height, or a new one.
  UnackedRange Record(Height height, const std::vector<size_t>& missing, int64_t now_unix_nanos);

  // Lets sinks in again whose watermark at `level` has reached `journaled`. Returns the names let
  // in.
  std::vector<std::string> LetIn(std::span<const AckTracker::Sink> sinks, AckLevel level,
                                 Height journaled);
  // A range whose sinks have all been let in and that is not recorded as healed yet; nothing if
  // none.
  std::optional<UnackedRange> TakeHealed();

  const std::vector<UnackedRange>& ranges() const { return ranges_; }

 private:
  std::vector<std::string> NamesOf(const std::vector<size_t>& sinks) const;

  std::vector<SinkName> names_;
  std::vector<bool> left_out_;  // by sink
  std::vector<UnackedRange> ranges_;
};

}  // namespace sluice
