// SPDX-License-Identifier: Apache-2.0
//
// Which heights a parallel sink may get side by side: a height waits for the earlier ones that
// touch one of its keys, and for no other. Pure bookkeeping: who waits for whom, who may be
// delivered now, who is parked until when. Each step costs the logarithm of what is kept, which is
// bounded by the heights that the queue has entries for.
//
// Threading: none of its own; the owner guards it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/types.h"

namespace sluice {

// What has to be acked before a height may be delivered.
struct Precedence {
  Height all_through;           // everything up to here; 0: nothing
  std::vector<Height> heights;  // and each of these
};

class ParallelOrder {
 public:
  // `open`: what of its precedence is not acked yet. Without any the height is ready.
  void Learn(Height height, const Precedence& open);
  // The height may be delivered, at once or from `until` on.
  void SetReady(Height height) { ready_.insert(height); }
  void Park(Height height, TimePoint until) { parked_.emplace(until, height); }
  // It is delivered, or nobody wants it any more: neither ready nor parked. `parked_until`: as it
  // was parked last.
  void Take(Height height, TimePoint parked_until);
  // It is acked, or the sink holds it anyhow: whoever waits for it waits no longer.
  void Release(Height height);
  // Everything up to `watermark` is acked.
  void Advance(Height watermark);

  // The lowest height that is ready, or parked until `now` or before.
  std::optional<Height> Next(TimePoint now) const;
  std::optional<TimePoint> ParkedUntil() const;

 private:
  struct Waiting {
    size_t left = 0;     // single heights that it still waits for
    Height all_through;  // 0: waits for no run of heights, or no longer
  };
  void SetReadyIfDone(Height height);

  std::map<Height, Waiting> waiting_;
  std::map<Height, std::vector<Height>> waiters_;  // by the height that they wait for
  std::set<std::pair<Height, Height>> runs_;  // (all_through, height) of those that wait for one
  std::set<Height> ready_;
  std::set<std::pair<TimePoint, Height>> parked_;
};

}  // namespace sluice
