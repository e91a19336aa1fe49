// SPDX-License-Identifier: Apache-2.0
//
// Invariant I5: the state rebuilt from a sink equals the stores, key by key. `sluice verify` prints
// what comes out here.
//
// The sink is read from its beginning to the snapshot's height; changes are applied in order to
// rebuilt keys, and these are compared with the stores. Where the rebuilt keys do not fit into the
// memory given, they are divided into parts by a hash of the key and the sink is read once for each
// part: memory stays bounded, and the price is time.
//
// Threading: one thread. Ownership: borrows the snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "model/change_set.h"
#include "plugin/readback.h"
#include "store/view.h"

namespace sluice {

enum class DifferenceKind {
  kMissing,    // in the store, not in the sink
  kExtra,      // in the sink, not in the store
  kDifferent,  // in both, with different values
};

struct Difference {
  DifferenceKind kind = DifferenceKind::kMissing;
  std::string store, key;
  std::optional<std::string> expected;  // the store's value
  std::optional<std::string> found;     // the sink's
};

struct StoreComparison {
  std::string store;
  uint64_t keys = 0;  // compared
  uint64_t missing = 0;
  uint64_t extra = 0;
  uint64_t different = 0;
};

struct VerifyReport {
  Height height;
  Digest digest;
  bool equal = false;
  Height sink_height;  // where the sink stands
  // The sink holds heights that the node does not have: it is equal at most up to `height`.
  bool ahead = false;
  // False where the sink does not hold everything: it is filtered, or its beginning is gone. Then
  // only what it can know is compared.
  bool complete = true;
  Height from;  // the first height that was read; of a sink that began with a snapshot its height
  // The sink's rows as of `from` came first, and the heights behind it.
  bool from_snapshot = false;
  // Whether every digest up to `height` was computed again from what the sink holds: from genesis,
  // or, with from_snapshot, from the node's own digest at that height.
  bool digest_checked = false;
  std::vector<StoreComparison> stores;
  std::vector<Difference> examples;  // the first ones
};

struct VerifyOptions {
  std::string stream_id;
  std::vector<std::string> stores;
  ChangeFilter filter;  // as the sink is configured
  size_t examples_max = 10;
  uint64_t rebuilt_bytes_max = uint64_t{256} << 20;  // keys and values held at once, about
  // The node's journaled height as it is when this is called: a sink above the snapshot may be just
  // further along with a node that runs.
  std::function<Result<Height>()> journaled;
  // The node's digest at a height, where the journal still has it; may be empty.
  std::function<std::optional<Digest>(Height)> digest_at;
};

// Opens the sink's content anew, to read it from its beginning.
using OpenReadbackFunction = std::function<Result<std::unique_ptr<Readback>>()>;

// kInvalid: nothing can be compared (the sink is empty, of another stream, not at the height yet,
// or ahead of it with state only); kCorruption: what the sink holds contradicts itself or the
// node's digest; kUnsupported and what else reading back says.
Result<VerifyReport> VerifySink(const StateSnapshot& snapshot, const OpenReadbackFunction& open,
                                const VerifyOptions& options);

}  // namespace sluice
