// SPDX-License-Identifier: Apache-2.0
//
// Reading a store: one interface for the committed state and for every layer above it.
// Threading: as the implementation says; a StoreIterator belongs to one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"
#include "model/digest.h"

namespace sluice {

// Keys in [lower, upper), bytewise order. Nothing: no bound.
struct KeyRange {
  std::optional<std::string> lower;
  std::optional<std::string> upper;
  // True where no key can be in it.
  bool empty() const { return lower && upper && *lower >= *upper; }
  // All keys that begin with `prefix`.
  static KeyRange Prefix(std::string_view prefix);
};

class StoreIterator {
 public:
  virtual ~StoreIterator() = default;
  // False at the end of the range, or after an error (see status()).
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  // Views are valid until Next.
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Status status() const = 0;
};

class StoreView {
 public:
  virtual ~StoreView() = default;
  // The value, or nothing where the key is absent. Errors: kCorruption, kIo.
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;
  virtual Result<bool> Has(std::string_view key) const = 0;
  // Positioned at the first key of the range (reverse: at the last).
  virtual std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const = 0;
};

// All stores at one committed height.
class StateSnapshot {
 public:
  virtual ~StateSnapshot() = default;
  virtual Height height() const = 0;
  virtual Digest digest() const = 0;
  virtual Result<std::shared_ptr<const StoreView>> Store(std::string_view store) const = 0;
  // How many rows the store has, roughly; 0: not known.
  virtual uint64_t RowsAbout(std::string_view /*store*/) const { return 0; }
};

}  // namespace sluice
