// SPDX-License-Identifier: Apache-2.0
//
// How far a copy of the state into a sink has come, on standard error, as its status says it: a bar
// that updates in place on a terminal, a plain line every few seconds otherwise.
// Threading: one thread.
#pragma once

#include <string>

#include "base/clock.h"

namespace sluice {

class SnapshotProgressLine {
 public:
  // `shown`: false where nobody is to see it.
  SnapshotProgressLine(bool shown, std::string sink);
  // Ends the line that stands there.
  ~SnapshotProgressLine();
  SnapshotProgressLine(const SnapshotProgressLine&) = delete;
  SnapshotProgressLine& operator=(const SnapshotProgressLine&) = delete;

  // `sink_json`: the sink as in the status document.
  void Show(const std::string& sink_json);

 private:
  const bool shown_;
  const std::string sink_;
  const bool terminal_;
  bool open_ = false;  // a line stands there without its end
  std::string last_;
  TimePoint last_at_{};
};

}  // namespace sluice
