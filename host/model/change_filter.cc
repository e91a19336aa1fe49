// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "model/change_set.h"
#include "model/change_set_encoding.h"

namespace sluice {

bool ChangeFilter::Passes(const Change& change) const {
  const bool store_passes =
      stores.empty() || std::find(stores.begin(), stores.end(), change.store) != stores.end();
  const bool key_passes =
      key_prefixes.empty() ||
      std::any_of(key_prefixes.begin(), key_prefixes.end(),
                  [&change](const std::string& prefix) { return change.key.starts_with(prefix); });
  return store_passes && key_passes;
}

std::shared_ptr<const ChangeSet> FilterChangeSet(const ChangeSet& full,
                                                 const ChangeFilter& filter) {
  std::string bytes;
  std::vector<OldValue> old_values;
  encoding::AppendHead(&bytes, full.stream_id(), full.height(), full.time_unix_nanos());
  for (const Change& change : full.changes()) {
    if (!filter.Passes(change)) continue;
    encoding::AppendChange(&bytes, change);
    if (change.has_old_value)
      old_values.push_back({change.sequence, std::string(change.old_value)});
  }
  encoding::AppendTail(&bytes, full.transactions(), /*filtered=*/true);

  // Reading the bytes back makes the views, and proves at every use that a receiver can do the
  // same.
  auto filtered = ChangeSet::Parse(std::move(bytes), full.previous_digest(), full.digest(),
                                   std::move(old_values));
  SLUICE_CHECK(filtered.has_value(), filtered.error().message().c_str());
  return *filtered;
}

}  // namespace sluice
