// SPDX-License-Identifier: Apache-2.0
#include "commit/degraded.h"

#include <algorithm>

namespace sluice {

DegradedRanges::DegradedRanges(std::vector<UnackedRange> recorded, std::vector<SinkName> sinks)
    : names_(std::move(sinks)), left_out_(names_.size(), false), ranges_(std::move(recorded)) {
  for (const UnackedRange& range : ranges_) {
    if (range.healed) continue;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (std::find(range.sinks.begin(), range.sinks.end(), names_[i].str()) != range.sinks.end()) {
        left_out_[i] = true;
      }
    }
  }
}

bool DegradedRanges::degraded() const {
  return std::find(left_out_.begin(), left_out_.end(), true) != left_out_.end();
}

void DegradedRanges::LeaveOut(const std::vector<size_t>& sinks) {
  for (size_t sink : sinks) left_out_[sink] = true;
}

std::vector<std::string> DegradedRanges::NamesOf(const std::vector<size_t>& sinks) const {
  std::vector<std::string> names;
  for (size_t sink : sinks) names.push_back(names_[sink].str());
  return names;
}

bool DegradedRanges::Continues(Height height, const std::vector<size_t>& missing) const {
  if (ranges_.empty()) return false;
  const UnackedRange& open = ranges_.back();
  return !open.healed && open.last + 1 == height && open.sinks == NamesOf(missing);
}

UnackedRange DegradedRanges::Record(Height height, const std::vector<size_t>& missing,
                                    int64_t now_unix_nanos) {
  if (Continues(height, missing)) {
    ranges_.back().last = height;
    return ranges_.back();
  }
  UnackedRange range;
  range.first = height;
  range.last = height;
  range.since_unix_nanos = now_unix_nanos;
  range.sinks = NamesOf(missing);
  ranges_.push_back(range);
  return range;
}

std::vector<std::string> DegradedRanges::LetIn(std::span<const AckTracker::Sink> sinks,
                                               AckLevel level, Height journaled) {
  std::vector<std::string> let_in;
  for (size_t i = 0; i < left_out_.size(); ++i) {
    if (!left_out_[i] || sinks[i].at(level) < journaled) continue;
    left_out_[i] = false;
    let_in.push_back(names_[i].str());
  }
  return let_in;
}

std::optional<UnackedRange> DegradedRanges::TakeHealed() {
  for (UnackedRange& range : ranges_) {
    if (range.healed) continue;
    bool missing = false;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (left_out_[i] &&
          std::find(range.sinks.begin(), range.sinks.end(), names_[i].str()) != range.sinks.end()) {
        missing = true;
      }
    }
    if (missing) continue;
    range.healed = true;
    return range;
  }
  return std::nullopt;
}

}  // namespace sluice
