// SPDX-License-Identifier: Apache-2.0
//
// A journal in memory, and blocks to fill it.
// Threading: any thread.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "delivery/ports.h"
#include "model/change_set.h"

namespace sluice {

inline constexpr char kTestStream[] = "test-stream";

// A block of its own for every height: two stores, and a value that no other height has.
inline std::shared_ptr<const ChangeSet> MakeChangeSet(Height height, const Digest& previous,
                                                      const std::string& stream = kTestStream,
                                                      size_t value_bytes = 8) {
  ChangeSetBuilder builder(stream, height, static_cast<int64_t>(height.value()) * 1'000'000);
  builder.AddSet(0, "main", fmt::format("key{}", height.value() % 7),
                 fmt::format("{}:{}", height, std::string(value_bytes, 'v')));
  builder.AddSet(0, "orders", fmt::format("order{}", height), "new");
  builder.AddTransactionResult(0, 0);
  return std::move(builder).Seal(previous);
}

class FakeJournal final : public JournalSource {
 public:
  // The next height, journaled; S2 is the test's.
  std::shared_ptr<const ChangeSet> Append(size_t value_bytes = 8) {
    std::lock_guard lock(mutex_);
    const Digest previous = all_.empty() ? GenesisDigest(kTestStream) : all_.back()->digest();
    all_.push_back(MakeChangeSet(Height(all_.size() + 1), previous, kTestStream, value_bytes));
    return all_.back();
  }
  void Append(int count) {
    for (int i = 0; i < count; ++i) Append(size_t{8});
  }
  // Forgets heights up to `through`.
  void Prune(Height through) {
    std::lock_guard lock(mutex_);
    first_ = through + 1;
  }
  void SetStoredWatermark(Height height) {
    std::lock_guard lock(mutex_);
    stored_ = height;
  }
  // The next `count` reads fail.
  void FailReads(int count) {
    std::lock_guard lock(mutex_);
    failing_reads_ = count;
  }
  std::shared_ptr<const ChangeSet> at(Height height) const {
    std::lock_guard lock(mutex_);
    return all_[height.value() - 1];
  }

  Height first() const override {
    std::lock_guard lock(mutex_);
    return first_;
  }
  Height journaled() const override {
    std::lock_guard lock(mutex_);
    return Height(all_.size());
  }
  // What is journaled, where the test has not said less.
  Height committed() const override {
    const Height all = journaled();
    std::lock_guard lock(mutex_);
    return std::min(committed_, all);
  }
  void SetCommitted(Height height) {
    std::lock_guard lock(mutex_);
    committed_ = height;
  }
  Result<Digest> DigestAt(Height height) const override {
    std::lock_guard lock(mutex_);
    if (height == Height()) return GenesisDigest(kTestStream);
    if (height + 1 < first_ || height.value() > all_.size()) {
      return Error(StatusCode::kNotFound, fmt::format("height {} is not in the journal", height));
    }
    return all_[height.value() - 1]->digest();
  }
  Result<std::shared_ptr<const ChangeSet>> Read(Height height) const override {
    std::lock_guard lock(mutex_);
    ++reads_;
    if (failing_reads_ > 0) {
      --failing_reads_;
      return Error(StatusCode::kIo, "the disk does not answer");
    }
    if (height < first_ || height.value() > all_.size()) {
      return Error(StatusCode::kNotFound, fmt::format("height {} is not in the journal", height));
    }
    return all_[height.value() - 1];
  }
  Result<bool> HasWatermarkRecord(const SinkName& /*sink*/) const override {
    std::lock_guard lock(mutex_);
    return stored_ != Height();
  }
  Result<Height> StoredWatermark(const SinkName& /*sink*/) const override {
    std::lock_guard lock(mutex_);
    return stored_;
  }
  uint64_t read_count() const {
    std::lock_guard lock(mutex_);
    return reads_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const ChangeSet>> all_;  // all_[h - 1]
  Height first_{1};
  Height stored_;
  Height committed_{std::numeric_limits<int64_t>::max()};
  mutable int failing_reads_ = 0;
  mutable uint64_t reads_ = 0;
};

}  // namespace sluice
