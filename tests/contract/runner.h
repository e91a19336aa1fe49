// SPDX-License-Identifier: Apache-2.0
//
// Runs checks one after another, each in a process of its own with a time limit, and says what
// came out. The runner's own process never loads the plugin, so nothing that it does, a crash
// included, ends the run.
//
// Threading: the caller's process must have one thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "contract/check.h"

namespace sluice::contract {

enum class Verdict {
  kPassed,
  kFailed,
  kNotChecked,  // nothing of it could be looked at
};

struct CheckResult {
  Verdict verdict = Verdict::kPassed;
  std::vector<Report::Line> findings;
  std::string log;  // the last lines of what the sink and the host logged; where it failed
  Duration took{};
};

// `folder`: for the sink's home and the log; made, and removed again.
CheckResult RunCheck(const Check& check, const Subject& subject,
                     const std::filesystem::path& folder);

// "FAIL  gap.is_refused", with what failed, why it matters and what to change below it.
std::string Describe(const Check& check, const CheckResult& result);

}  // namespace sluice::contract
