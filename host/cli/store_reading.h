// SPDX-License-Identifier: Apache-2.0
//
// What the `store` commands share: one store of a home, as committed at one moment.
// Threading: one thread.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "cli/read_home.h"
#include "store/view.h"

namespace sluice {

struct OpenedStore {
  ReadHome home;
  std::shared_ptr<const StateSnapshot> snapshot;
  std::shared_ptr<const StoreView> view;
};

// kConfiguration with the nearest name where the home has no such store.
Result<OpenedStore> OpenStore(const std::string& home, const std::string& store);

// By walking over all of them: exact, and as slow as the store is large.
Result<uint64_t> CountKeys(const StoreView& view);

// {"store":"orders","keys":n}
std::string CountJson(const std::string& store, uint64_t keys);

// `bytes` on one line for people: as it is where it is printable text, else "base64:…".
std::string Printable(std::string_view bytes);

}  // namespace sluice
