// SPDX-License-Identifier: Apache-2.0
//
// The benches of `sluice bench`: what the node costs against plain RocksDB, measured in one run, in
// interleaved pairs. Figures are reported, never judged.
//
// Threading: one thread; each bench runs whole nodes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/bench_home.h"
#include "bench/report.h"

namespace sluice {

struct Bench {
  std::string name;
  std::string what;  // one line for people
  std::function<Result<std::vector<BenchOutcome>>(const BenchContext&)> run;
};

// In the order in which they are run.
const std::vector<Bench>& AllBenches();

}  // namespace sluice
