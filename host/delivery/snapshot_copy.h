// SPDX-License-Identifier: Apache-2.0
//
// One copy of the present state into a sink: a view of all stores at one committed height goes to
// the instance in parts, begin, part …, end. From its beginning on the journal is kept above that
// height, so that delivery can go on behind it. It is whole or it is nothing: one that ends before
// its end begins anew, by another instance.
//
// Memory: one part. The view of the stores is let go of when the copy ends, however it ends.
//
// It gives way: while heights are committed beside it, it rests as long as it has worked.
//
// Threading: Run on the instance's thread, progress from any. Ownership: borrows all it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "delivery/call_watch.h"
#include "delivery/ports.h"
#include "delivery/sink_failure.h"
#include "plugin/sink_instance.h"

namespace sluice {

struct SnapshotProgress {
  Height height;
  uint64_t rows = 0;
  uint64_t rows_about = 0;  // 0: not known
  uint64_t bytes = 0;       // keys and values
  int64_t started_unix_nanos = 0;
};

class SnapshotCopy {
 public:
  struct Settings {
    SinkName sink;
    std::string component;  // who speaks in the log
    Epoch epoch;            // the instance's
    ChangeFilter filter;
    Duration part_timeout{};  // of one part
    Duration call_timeout{};  // of begin and end, which may take away or exchange all that is held
  };

  // `pause`: waits so long, or not at all; false where the instance is to end.
  SnapshotCopy(Settings settings, StateSource* state, const JournalSource* journal,
               SinkObserver* observer, CallWatch* watch, std::function<bool(Duration)> pause);

  // The height and digest of the whole copy; or why there is none (a status of code kCancelled: it
  // is to end, or was abandoned in a call, after which nothing may be touched).
  // The observer is told that the journal is to be kept; that it need not be any more is the
  // caller's to say.
  struct Outcome {
    std::optional<Base> base;
    SinkFailure failure;
  };
  Outcome Run(SinkInstance* instance);

  // Nothing before it has begun.
  std::optional<SnapshotProgress> progress() const;

 private:
  template <typename Function>
  Status Call(const char* what, Duration timeout, const Function& function);
  Outcome Take(SinkInstance* instance, StateReader* reader);
  // Makes room for commits where there are any.
  bool GiveWay(Duration worked);

  const Settings settings_;
  StateSource* const state_;
  const JournalSource* const journal_;
  SinkObserver* const observer_;
  CallWatch* const watch_;
  const std::function<bool(Duration)> pause_;
  Height seen_committed_;

  mutable std::mutex mutex_;
  std::optional<SnapshotProgress> progress_;  // guarded by mutex_
};

}  // namespace sluice
