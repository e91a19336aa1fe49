// SPDX-License-Identifier: Apache-2.0
//
// Heights that were committed without the acks that the policy asks for (on_failure = degrade), and
// the sinks that are left out of decisions until they have caught up.
//
// Pure bookkeeping: it says which records the next batch must carry and writes nothing itself.
// Threading: whoever has the pipeline's seat.
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

// A removed sink's name in a range is never a sink's again. False: the range does not name it.
bool DisownRange(const SinkName& sink, UnackedRange* range);

class DegradedRanges {
 public:
  // `recorded`: as the database has them. Sinks of ranges that are not healed are behind; those
  // that `may_leave_out` says (the policy names them and degrades) are left out of decisions again.
  DegradedRanges(std::vector<UnackedRange> recorded, std::vector<SinkName> sinks,
                 std::vector<bool> may_leave_out);

  // Another policy, or more sinks; those that are known keep their places.
  void SetSinks(const std::vector<SinkName>& sinks, std::vector<bool> may_leave_out);

  // Whether any sink is left out now.
  bool degraded() const;
  // Whether acks may let a sink in again, or heal a range.
  bool waits() const;
  bool LeftOut(size_t sink) const {
    // One that has been added since is not behind.
    return sink < behind_.size() && behind_[sink] && may_leave_out_[sink];
  }
  void LeaveOut(const std::vector<size_t>& sinks);

  // `height` commits without these sinks. Returns the record that must be in the same batch: the
  // open range grown by this height and these sinks, or a new one.
  UnackedRange Record(Height height, const std::vector<size_t>& missing, int64_t now_unix_nanos);

  // Lets sinks in again whose watermark at `level` has reached `journaled`. Returns the names let
  // in.
  std::vector<std::string> LetIn(std::span<const AckTracker::Sink> sinks, AckLevel level,
                                 Height journaled);
  // Ranges whose sinks have all been let in and that are not recorded as healed yet, each told
  // once. A sink that is gone from the configuration has not been let in; one that was let in
  // behind a gap (AckTracker::Sink::partial_after, as of the last LetIn) has not got what it
  // misses.
  std::vector<UnackedRange> TakeHealed();

  // The sink is removed: what comes under its name from now on is another one, which may hold
  // nothing of what this one missed, so its ranges are never healed. Those that now say so, to be
  // written before the sink is forgotten.
  std::vector<UnackedRange> Disown(const SinkName& sink);

  const std::vector<UnackedRange>& ranges() const { return ranges_; }

 private:
  bool IsHealed(const UnackedRange& range) const;

  std::vector<std::string> names_;
  std::vector<bool> may_leave_out_;    // by sink
  std::vector<bool> behind_;           // by sink: has not caught up since it missed a height
  std::vector<Height> partial_after_;  // by sink: what is up to here it will never have
  std::vector<UnackedRange> ranges_;
};

}  // namespace sluice
