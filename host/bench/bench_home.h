// SPDX-License-Identifier: Apache-2.0
//
// A home of its own for one measurement, and the two things that are timed in it: a node over a
// driver, and plain RocksDB over the same blocks. Threading: one thread. Lifetime: the folder goes
// with the object.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "bench/workload.h"
#include "driver/driver.h"
#include "node/node.h"

namespace sluice {

struct BenchContext {
  std::filesystem::path folder;             // where homes are made; on the disk to be measured
  std::vector<std::string> plugin_folders;  // where `file` and `null` are
};

class BenchHome {
 public:
  explicit BenchHome(const BenchContext& context);
  ~BenchHome();
  BenchHome(const BenchHome&) = delete;
  BenchHome& operator=(const BenchHome&) = delete;

  const std::filesystem::path& path() const { return path_; }

  struct NodeTimes {
    double seconds = 0;        // from the first block asked for to the last one committed
    double sinks_seconds = 0;  // from start until every sink is level
    double level_seconds = 0;  // from the first block asked for until every sink is level
    double gate_p50_seconds = 0;
    double gate_p99_seconds = 0;
  };
  // Runs a node with this configuration (TOML) over the driver, and waits for its sinks. `beside`:
  // called on a thread of its own, once a second, while the driver is fed; may be empty.
  Result<NodeTimes> RunNode(const std::string& toml, Driver* driver,
                            const std::function<void(const Node&)>& beside = {});

  struct IdleTimes {
    double start_seconds = 0;  // until every sink runs
    double core_share = 0;     // of a core, over `idle`, once they do
  };
  // A node that has nothing to do.
  Result<IdleTimes> RunIdle(const std::string& toml, Duration idle);

  // Everything that another home holds, which nothing uses.
  void CopyOf(const BenchHome& other);

  // Seconds that reading all rows of the home's stores takes, and writing them to a file with one
  // fdatasync at the end. *rows: how many there are.
  Result<double> RunScanAndWrite(const std::string& toml, uint64_t* rows);

  // Seconds that plain RocksDB takes, one synced batch a block.
  Result<double> RunBaseline(const Shape& shape);

 private:
  Result<std::unique_ptr<Node>> MakeNode(const std::string& toml);

  const BenchContext& context_;
  std::filesystem::path path_;
};

}  // namespace sluice
