// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_home.h"

#include <fmt/core.h>
#include <unistd.h>

#include <atomic>

#include "base/clock.h"
#include "config/load.h"
#include "store/baseline.h"

namespace sluice {
namespace {

double SecondsSince(TimePoint begin) {
  return std::chrono::duration<double>(Now() - begin).count();
}

}  // namespace

BenchHome::BenchHome(const BenchContext& context) : context_(context) {
  static std::atomic<int> count{0};
  path_ = context.folder / fmt::format("sluice-bench-{}-{}", getpid(), count++);
  std::filesystem::create_directories(path_);
}

BenchHome::~BenchHome() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<BenchHome::NodeTimes> BenchHome::RunNode(const std::string& toml, Driver* driver) {
  LoadResult loaded = LoadConfigText(toml, ConfigFormat::kToml, "bench", path_, {});
  SLUICE_RETURN_IF_ERROR(loaded.ToStatus());
  NodeOptions options;
  options.home = path_.string();
  options.config = std::move(loaded.config);
  options.plugin_folders = context_.plugin_folders;
  NodeTimes times;
  TimePoint started = Now();
  Node node(std::move(options));
  SLUICE_RETURN_IF_ERROR(node.Start());
  TimePoint begin = Now();
  SLUICE_RETURN_IF_ERROR(node.Run(driver));
  times.seconds = SecondsSince(begin);
  NodeStatus status = node.status();
  times.gate_p50_seconds = status.gate_p50_seconds;
  times.gate_p99_seconds = status.gate_p99_seconds;
  SLUICE_RETURN_IF_ERROR(node.WaitForSinks(std::chrono::seconds(60)));
  times.sinks_seconds = SecondsSince(started);
  times.level_seconds = SecondsSince(begin);
  SLUICE_RETURN_IF_ERROR(node.Stop());
  return times;
}

Result<double> BenchHome::RunBaseline(const Shape& shape) {
  std::vector<std::vector<std::pair<std::string, std::string>>> blocks;
  for (uint64_t i = 0; i < shape.blocks; ++i) blocks.push_back(BenchPuts(shape, i));
  SLUICE_ASSIGN_OR_RETURN(auto baseline, Baseline::Create((path_ / "plain").string()));
  TimePoint begin = Now();
  for (const auto& puts : blocks) SLUICE_RETURN_IF_ERROR(baseline->Write(puts, /*sync=*/true));
  return SecondsSince(begin);
}

}  // namespace sluice
