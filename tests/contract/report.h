// SPDX-License-Identifier: Apache-2.0
//
// What a check finds, in memory that the runner, the check's process and the processes that it
// starts share: a check that crashes has still said what it found before.
//
// Threading: Add and NextEpoch from any thread of any of these processes; Lines by the runner, once
// they have ended. Ownership: unmaps on destruction.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace sluice::contract {

enum class Finding : char {
  kFailed = 'F',      // what is wrong
  kNotChecked = 'N',  // what could not be looked at, and why
  kNote = 'I',        // what somebody may want to know of a check that passed
};

class Report {
 public:
  Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  ~Report();

  // Text that no longer fits (64 KiB in all) is cut.
  void Add(Finding finding, std::string_view text);

  struct Line {
    Finding finding = Finding::kNote;
    std::string text;
  };
  std::vector<Line> Lines() const;

  // Epochs rise over all incarnations of a check's sink, whichever process they are in.
  Epoch NextEpoch();

 private:
  struct Page;
  Page* page_;
};

}  // namespace sluice::contract
