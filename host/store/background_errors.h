// SPDX-License-Identifier: Apache-2.0
//
// Remembers the first error that RocksDB meets in its own threads, so that the next write can tell.
// Threading: any thread.
#pragma once

#include <rocksdb/listener.h>

#include <mutex>

#include "base/status.h"
#include "store/rocks_status.h"

namespace sluice {

class BackgroundErrors : public rocksdb::EventListener {
 public:
  Status first() const {
    std::lock_guard lock(mutex_);
    return first_;
  }

  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
    std::lock_guard lock(mutex_);
    if (first_.ok()) first_ = FromRocks(*status, "database: work in the background");
  }

 private:
  mutable std::mutex mutex_;
  Status first_;  // guarded by mutex_
};

}  // namespace sluice
