// SPDX-License-Identifier: Apache-2.0
//
// RocksDB opened with its column families; and the door through which everybody reaches it, so that
// it can be closed and opened again under views that live on.
//
// Threading: OpenedRocks as RocksDB. RocksHandle: Use from any thread; Close and Replace from one.
// Ownership: views, iterators and snapshots share the RocksHandle; it owns the OpenedRocks.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "store/database.h"
#include "store/reader_gate.h"
#include "store/replay_plan.h"

namespace sluice {

// One opening of the database; the destructor closes it.
struct OpenedRocks {
  OpenedRocks() = default;
  ~OpenedRocks();
  OpenedRocks(const OpenedRocks&) = delete;
  OpenedRocks& operator=(const OpenedRocks&) = delete;

  // First what RocksDB thinks, told in the background (a memtable that could not be written out).
  Status background_error() const;

  ReplayPlan replay;
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::ColumnFamilyHandle* records = nullptr;  // owned by families
  rocksdb::ColumnFamilyHandle* journal = nullptr;
  std::vector<std::string> store_names;
  std::vector<rocksdb::ColumnFamilyHandle*> stores;  // in the order of store_names
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  std::shared_ptr<class BackgroundErrors> errors;
};

// Opens, and makes what is new. Checks that it is a home of ours: errors as in Database::Open.
// With options.read_only: takes what a running node has committed at this moment.
Result<std::unique_ptr<OpenedRocks>> OpenRocks(const DatabaseOptions& options);

class RocksHandle {
 public:
  // What lets one reader in; while one lives the database stays open. Movable, to other threads
  // too.
  class Use {
   public:
    explicit Use(std::shared_ptr<const RocksHandle> handle) : handle_(std::move(handle)) {
      handle_->gate_.Enter();
    }
    ~Use() {
      if (handle_) handle_->gate_.Leave();
    }
    Use(Use&&) = default;
    Use& operator=(Use&&) = delete;

    // Not OK: it could not be opened again; then nothing else may be called.
    const Status& status() const { return handle_->status_; }
    OpenedRocks* operator->() const { return handle_->opened_.get(); }
    OpenedRocks* get() const { return handle_->opened_.get(); }

   private:
    std::shared_ptr<const RocksHandle> handle_;
  };

  // Waits until nobody uses it, and closes. Users that come wait until Replace.
  void Close();
  // `opened`: or why it is not. Lets users in again.
  void Replace(Result<std::unique_ptr<OpenedRocks>> opened);

 private:
  mutable ReaderGate gate_;
  // Changed only while the gate is closed.
  std::unique_ptr<OpenedRocks> opened_;
  Status status_{StatusCode::kFailed, "the database is not open"};
};

}  // namespace sluice
