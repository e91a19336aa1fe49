// SPDX-License-Identifier: Apache-2.0
#include "commit/degraded.h"

#include <algorithm>
#include <string_view>

namespace sluice {
namespace {

// No sink has a name like that.
constexpr std::string_view kRemovedSuffix = " (removed)";

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

DegradedRanges::DegradedRanges(std::vector<UnackedRange> recorded, std::vector<SinkName> sinks,
                               std::vector<bool> may_leave_out)
    : may_leave_out_(std::move(may_leave_out)),
      behind_(sinks.size(), false),
      partial_after_(sinks.size()),
      ranges_(std::move(recorded)) {
  for (const SinkName& sink : sinks) names_.push_back(sink.str());
  for (const UnackedRange& range : ranges_) {
    if (range.healed) continue;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (Contains(range.sinks, names_[i])) behind_[i] = true;
    }
  }
}

void DegradedRanges::SetSinks(const std::vector<SinkName>& sinks, std::vector<bool> may_leave_out) {
  for (size_t i = names_.size(); i < sinks.size(); ++i) names_.push_back(sinks[i].str());
  behind_.resize(names_.size(), false);
  partial_after_.resize(names_.size());
  may_leave_out_ = std::move(may_leave_out);
}

bool DegradedRanges::degraded() const {
  for (size_t i = 0; i < behind_.size(); ++i) {
    if (LeftOut(i)) return true;
  }
  return false;
}

bool DegradedRanges::waits() const {
  return std::find(behind_.begin(), behind_.end(), true) != behind_.end() ||
         std::any_of(ranges_.begin(), ranges_.end(), [this](const UnackedRange& range) {
           return !range.healed && IsHealed(range);
         });
}

void DegradedRanges::LeaveOut(const std::vector<size_t>& sinks) {
  for (size_t sink : sinks) behind_[sink] = true;
}

UnackedRange DegradedRanges::Record(Height height, const std::vector<size_t>& missing,
                                    int64_t now_unix_nanos) {
  const bool grows =
      !ranges_.empty() && !ranges_.back().healed && ranges_.back().last + 1 == height;
  if (!grows) {
    UnackedRange range;
    range.first = height;
    range.since_unix_nanos = now_unix_nanos;
    ranges_.push_back(std::move(range));
  }
  UnackedRange& open = ranges_.back();
  open.last = height;
  for (size_t sink : missing) {
    if (!Contains(open.sinks, names_[sink])) open.sinks.push_back(names_[sink]);
  }
  return open;
}

std::vector<std::string> DegradedRanges::LetIn(std::span<const AckTracker::Sink> sinks,
                                               AckLevel level, Height journaled) {
  std::vector<std::string> let_in;
  for (size_t i = 0; i < behind_.size(); ++i) {
    partial_after_[i] = sinks[i].partial_after;
    if (!behind_[i] || sinks[i].at(level) < journaled) continue;
    behind_[i] = false;
    let_in.push_back(names_[i]);
  }
  return let_in;
}

bool DegradedRanges::IsHealed(const UnackedRange& range) const {
  return std::all_of(range.sinks.begin(), range.sinks.end(), [&](const std::string& sink) {
    auto found = std::find(names_.begin(), names_.end(), sink);
    const auto place = static_cast<size_t>(found - names_.begin());
    return found != names_.end() && !behind_[place] && partial_after_[place] < range.first;
  });
}

std::vector<UnackedRange> DegradedRanges::Disown(const SinkName& sink) {
  std::vector<UnackedRange> changed;
  for (UnackedRange& range : ranges_) {
    if (range.healed || !DisownRange(sink, &range)) continue;
    changed.push_back(range);
  }
  auto found = std::find(names_.begin(), names_.end(), sink.str());
  if (found != names_.end()) behind_[static_cast<size_t>(found - names_.begin())] = false;
  return changed;
}

bool DisownRange(const SinkName& sink, UnackedRange* range) {
  bool changed = false;
  for (std::string& name : range->sinks) {
    if (name != sink.str()) continue;
    name += kRemovedSuffix;
    changed = true;
  }
  return changed;
}

std::vector<UnackedRange> DegradedRanges::TakeHealed() {
  std::vector<UnackedRange> healed;
  for (UnackedRange& range : ranges_) {
    if (range.healed || !IsHealed(range)) continue;
    range.healed = true;
    healed.push_back(range);
  }
  return healed;
}

}  // namespace sluice
