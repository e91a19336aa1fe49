// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "store/overlay.h"

namespace sluice {

Result<std::shared_ptr<const BlockOverlay>> BlockOverlay::FromChangeSet(
    const ChangeSet& change_set, const std::vector<std::string>& stores) {
  auto overlay = std::make_shared<BlockOverlay>(stores.size());
  size_t index = 0;  // of the store of the change before: changes of one store come in runs
  for (const Change& change : change_set.changes()) {
    if (index >= stores.size() || stores[index] != change.store) {
      const auto found = std::find(stores.begin(), stores.end(), change.store);
      if (found == stores.end()) {
        return Error(StatusCode::kCorruption,
                     fmt::format("height {}, change {}: there is no store '{}'; restore the home "
                                 "from a backup",
                                 change_set.height(), change.sequence, change.store));
      }
      index = static_cast<size_t>(found - stores.begin());
    }
    StoreOverlay& store = overlay->store(index);
    if (change.kind == ChangeKind::kSet) {
      store.Set(change.key, change.value);
    } else {
      store.Delete(change.key);
    }
  }
  return std::shared_ptr<const BlockOverlay>(std::move(overlay));
}

}  // namespace sluice
