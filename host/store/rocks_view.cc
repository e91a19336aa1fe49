// SPDX-License-Identifier: Apache-2.0
#include "store/rocks_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "store/empty_iterator.h"
#include "store/records.h"
#include "store/rocks_status.h"

namespace sluice {
namespace {

// `snapshot`: or nullptr for what is newest.
rocksdb::ReadOptions ReadAt(const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.total_order_seek = true;
  options.snapshot = snapshot;
  return options;
}

class RocksIterator : public StoreIterator {
 public:
  RocksIterator(RocksHandle::Use use, size_t store_index, std::string doing, const KeyRange& range,
                bool reverse, const rocksdb::Snapshot* snapshot)
      : use_(std::move(use)), range_(range), reverse_(reverse), doing_(std::move(doing)) {
    rocksdb::ReadOptions options = ReadAt(snapshot);
    if (range_.lower) {
      lower_ = ToSlice(*range_.lower);
      options.iterate_lower_bound = &lower_;
    }
    if (range_.upper) {
      upper_ = ToSlice(*range_.upper);
      options.iterate_upper_bound = &upper_;
    }
    iterator_.reset(use_->db->NewIterator(options, use_->stores[store_index]));
    reverse_ ? iterator_->SeekToLast() : iterator_->SeekToFirst();
  }

  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { reverse_ ? iterator_->Prev() : iterator_->Next(); }
  std::string_view key() const override { return ToView(iterator_->key()); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  Status status() const override { return FromRocks(iterator_->status(), doing_); }

 private:
  const RocksHandle::Use use_;  // before the iterator, which must go first
  const KeyRange range_;
  const bool reverse_;
  const std::string doing_;
  rocksdb::Slice lower_;
  rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

// Reads of one store, now or at a snapshot.
class RocksView : public StoreView {
 public:
  // `owner`: of the snapshot, or nullptr; kept while the view lives.
  RocksView(std::shared_ptr<const RocksHandle> handle, size_t store_index, const std::string& store,
            std::shared_ptr<const void> owner, const rocksdb::Snapshot* snapshot)
      : handle_(std::move(handle)),
        store_index_(store_index),
        doing_(fmt::format("store {}: reading", store)),
        owner_(std::move(owner)),
        snapshot_(snapshot) {}

  Result<std::optional<std::string>> Get(std::string_view key) const override {
    std::optional<std::string> value;
    SLUICE_RETURN_IF_ERROR(Read(key, [&](std::string_view bytes) { value.emplace(bytes); }));
    return value;
  }

  Result<bool> Has(std::string_view key) const override {
    bool found = false;
    SLUICE_RETURN_IF_ERROR(Read(key, [&](std::string_view) { found = true; }));
    return found;
  }

  std::unique_ptr<StoreIterator> Iterate(const KeyRange& range, bool reverse) const override {
    if (range.empty()) return std::make_unique<EmptyIterator>();
    RocksHandle::Use use(handle_);
    if (!use.status().ok()) return std::make_unique<EmptyIterator>(use.status());
    return std::make_unique<RocksIterator>(std::move(use), store_index_, doing_, range, reverse,
                                           snapshot_);
  }

 private:
  template <typename Found>
  Status Read(std::string_view key, const Found& found) const {
    const RocksHandle::Use use(handle_);
    if (!use.status().ok()) return use.status();
    rocksdb::PinnableSlice bytes;
    const rocksdb::Status status =
        use->db->Get(ReadAt(snapshot_), use->stores[store_index_], ToSlice(key), &bytes);
    if (status.ok()) found(ToView(bytes));
    return status.IsNotFound() ? Status::Ok() : FromRocks(status, doing_);
  }

  const std::shared_ptr<const RocksHandle> handle_;
  const size_t store_index_;
  const std::string doing_;
  const std::shared_ptr<const void> owner_;
  const rocksdb::Snapshot* const snapshot_;
};

// Lets go of RocksDB's snapshot when the last of snapshot object, views and iterators of it is
// gone.
class HeldSnapshot {
 public:
  explicit HeldSnapshot(std::shared_ptr<const RocksHandle> handle) : use_(std::move(handle)) {
    if (use_.status().ok()) snapshot_ = use_->db->GetSnapshot();
  }
  ~HeldSnapshot() {
    if (snapshot_ != nullptr) use_->db->ReleaseSnapshot(snapshot_);
  }
  HeldSnapshot(const HeldSnapshot&) = delete;
  HeldSnapshot& operator=(const HeldSnapshot&) = delete;

  const RocksHandle::Use& use() const { return use_; }
  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  const RocksHandle::Use use_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
};

class RocksSnapshot : public StateSnapshot {
 public:
  RocksSnapshot(std::shared_ptr<const RocksHandle> handle, std::string_view path,
                std::string_view stream_id)
      : handle_(handle), held_(std::make_shared<HeldSnapshot>(std::move(handle))) {
    committed_.digest = GenesisDigest(stream_id);
    status_ = ReadCommitted(path);
  }

  Height height() const override { return committed_.height; }
  Digest digest() const override { return committed_.digest; }

  Result<std::shared_ptr<const StoreView>> Store(std::string_view store) const override {
    SLUICE_RETURN_IF_ERROR(status_);
    const auto& names = held_->use()->store_names;
    const auto found = std::find(names.begin(), names.end(), store);
    if (found == names.end()) {
      return Error(StatusCode::kNotFound, fmt::format("store {}: there is none", store));
    }
    return std::make_shared<RocksView>(handle_, static_cast<size_t>(found - names.begin()), *found,
                                       held_, held_->get());
  }

  uint64_t RowsAbout(std::string_view store) const override {
    if (!status_.ok()) return 0;
    const RocksHandle::Use& use = held_->use();
    const auto found = std::find(use->store_names.begin(), use->store_names.end(), store);
    if (found == use->store_names.end()) return 0;
    const auto index = static_cast<size_t>(found - use->store_names.begin());
    uint64_t rows = 0;
    return use->db->GetIntProperty(use->stores[index], rocksdb::DB::Properties::kEstimateNumKeys,
                                   &rows)
               ? rows
               : 0;
  }

 private:
  // The height of the snapshot is what the snapshot itself says, for a commit may come between.
  Status ReadCommitted(std::string_view path) {
    const RocksHandle::Use& use = held_->use();
    if (!use.status().ok()) return use.status();
    std::string bytes;
    const rocksdb::Status status =
        use->db->Get(ReadAt(held_->get()), use->records, ToSlice(records::kHeadsKey), &bytes);
    if (status.IsNotFound()) return Status::Ok();
    SLUICE_RETURN_IF_ERROR(
        FromRocks(status, fmt::format("database {}: reading the committed height", path)));
    SLUICE_ASSIGN_OR_RETURN(const records::Heads heads, records::DecodeHeads(bytes));
    committed_ = heads.committed;
    return Status::Ok();
  }

  const std::shared_ptr<const RocksHandle> handle_;
  const std::shared_ptr<const HeldSnapshot> held_;
  CommittedState committed_;
  Status status_;
};

}  // namespace

std::shared_ptr<const StoreView> MakeCommittedView(std::shared_ptr<const RocksHandle> handle,
                                                   size_t store_index, std::string store) {
  return std::make_shared<RocksView>(std::move(handle), store_index, store, nullptr, nullptr);
}

std::shared_ptr<const StateSnapshot> MakeSnapshot(std::shared_ptr<const RocksHandle> handle,
                                                  std::string_view path,
                                                  std::string_view stream_id) {
  return std::make_shared<RocksSnapshot>(std::move(handle), path, stream_id);
}

}  // namespace sluice
