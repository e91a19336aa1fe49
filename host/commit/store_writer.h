// SPDX-License-Identifier: Apache-2.0
//
// The pipeline's hand on the database: it writes groups, and rides out a full disk. A failed write
// is undecided until the database has been opened again. Then what is there is there, and what is
// not is written from the same sealed bytes; nothing is executed twice, delivered or answered
// meanwhile.
//
// Threading: Write and Mend by one thread at a time; the others from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "store/database.h"

namespace sluice {

class StoreWriter {
 public:
  // Borrows the database.
  explicit StoreWriter(Database* database) : database_(database) {}

  // Waits for as long as there is no space. kCancelled: Stop was called meanwhile; any other error
  // ends the node.
  Status Write(WriteGroup* group);

  // Somebody else's write to the database has failed.
  void NoteFailure(const Status& failure);
  // Opens the database again where that was for lack of space, as Write does; nobody else does, and
  // there may be no block whose batch would find out. `mended`: whether there was something to
  // mend.
  Status Mend(bool* mended);

  // Ends waits for space, now and from here on.
  void Stop();

  // How often it has looked whether there is space again; only grows.
  uint64_t attempts() const { return attempts_.load(); }

  // Why nothing is written, or empty.
  std::string blocked() const;

 private:
  Status ReopenWithSpace(Status failure, Duration* delay);
  void SayThereIsSpace();

  Database* const database_;
  std::atomic<uint64_t> attempts_{0};
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // guarded by mutex_
  Status noted_;           // guarded by mutex_: not looked at yet
  std::string blocked_;    // guarded by mutex_
};

}  // namespace sluice
